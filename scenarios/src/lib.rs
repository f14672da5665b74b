//! Scenarios: reading the files, putting market, exchange and pipeline together, running them, checking
//! what was expected, and replaying journals.

mod alterations;
mod error;
mod events;
mod exchange_settings;
mod expect;
mod file;
mod halts;
mod limits;
mod market;
mod run;
mod text;
mod venue;

pub use error::ScenarioError;
pub use events::{Event, EventKind, Gap};
pub use exchange_settings::{Account, LatencyTable, Venue};
pub use expect::{Expectation, Failure, Figures};
pub use file::{Expected, Links, Market, OnGap, Recorded, Scenario, Tape, find};
pub use limits::Limits;
pub use run::{
    NoProgress, Progress, Replayed, RunOptions, ScenarioReport, Verdict, market_lines, replay, run,
    services_of,
};

/// The scenario that comes with the program: a synthetic market with a flash crash.
pub fn embedded() -> Result<Scenario, ScenarioError> {
    Scenario::parse("flash_crash.toml", include_str!("../flash_crash.toml"))
}
