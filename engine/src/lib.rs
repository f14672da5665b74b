//! The kernel of qsim: virtual time, one total order of events, services as state machines without I/O,
//! the bus, the journal, and the ports to exchange and market.
//!
//! Invariant: nothing here reads a wall clock, opens a socket or iterates a randomly ordered map.

extern crate self as engine;

mod bus;
mod exchange;
mod market;
pub mod record;
mod rng;
mod symbol;
mod time;

pub use bus::*;
pub use exchange::*;
pub use market::*;
pub use record::{
    CorrelationId, EpochMillis, EpochSeconds, FieldValue, IsoTime, JsonText, Malformed, Record,
    TypedRecord,
};
pub use rng::NamedRng;
pub use symbol::{NotASymbol, Symbol};
pub use time::Nanos;

use serde::{Deserialize, Serialize};

/// The place of a service in the run's list of services.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ServiceId(pub u16);
