//! Scenarios: reading the files, putting market, exchange and pipeline together, running them, checking
//! what was expected, and replaying journals.

mod alterations;
mod bars;
mod columns;
mod compare;
mod compose;
mod drive;
mod error;
mod events;
mod exchange_settings;
mod expect;
mod file;
mod halts;
mod initial_positions;
mod invariants;
mod limits;
mod links;
mod live_settings;
mod market;
mod market_window;
mod measures;
mod paper;
mod record;
mod run;
mod schema;
mod served;
mod session;
mod shared_market;
mod state;
mod story;
mod strategy;
pub mod sweep;
mod text;
mod timeline;
mod trunk;
mod venue;
mod wire_text;

pub use bars::bars;
pub use columns::{Cells, write_parquet};
pub use compare::{
    Cause, CausePart, CommissionRate, Comparison, Earned, FittedLatency, FittedLeg, FittedQuantile,
    FittedQueue, OrderDifference, QueueMisfit, Unattributed, compare,
};
pub use compose::Place;
/// How object stores with market data are reached.
pub use datasets::remote::{Access, set_access};
pub use error::ScenarioError;
pub use events::{Event, EventKind, Gap};
pub use exchange_settings::{Account, LatencyTable, Venue};
pub use expect::{Expectation, Failure, Figures};
pub use file::{BarPath, Expected, Market, OnGap, Recorded, Scenario, Tape, find};
pub use initial_positions::HeldPosition;
pub use invariants::{INVARIANTS, Invariants};
pub use limits::Limits;
pub use links::Links;
pub use live_settings::{
    CONFIRMATION, LiveLimits, LiveSettings, PrivateAddress, TradingVenue, VenueAddresses,
};
pub use market_window::MarketWindow;
pub use measures::{pipeline_measures, run_measures, run_returns};
pub use paper::PaperTerms;
pub use record::{
    ClosedTrade, OpenTrade, PipelineTally, RecordedFill, RunRecord, TradeRow, TradeValue,
    closed_trades, excursions, net_of, open_trades, trade_cells, trade_columns,
};
pub use run::{
    Guests, NoProgress, Progress, Replayed, RunOptions, ScenarioReport, Verdict, market_lines,
    record, replay, run, run_with, service_figures, services_of,
};
pub use schema::schema;
pub use served::ServedVenue;
pub use session::{Before, SessionHeader, SessionParts, session_of, span_of};
pub use shared_market::SharedMarkets;
pub use state::{GroupState, KeyState, State, StreamState};
pub use strategy::{EmaCross, Strategy};
pub use timeline::{ACTIONS, TimelineStep};
pub use trunk::{Branch, Trunk, parts_at};
pub use wire_text::{Entry, Envelope, WireText};

pub use story::{
    Around, Differences, KeyRead, Out, Parting, Recording, Side, Step, Story, Target, Unlike,
    chains, diff, draft, explain, gates, story, topology,
};

/// The scenario that comes with the program: a synthetic market with a flash crash.
pub fn embedded() -> Result<Scenario, ScenarioError> {
    Scenario::parse("flash_crash.toml", include_str!("../flash_crash.toml"))
}
