//! The kernel of qsim: virtual time, one total order of events, services as state machines without I/O,
//! the bus, the journal, and the ports to exchange and market.
//!
//! Invariant: nothing here reads a wall clock, opens a socket or iterates a randomly ordered map.

extern crate self as engine;

mod activity;
mod bus;
mod context;
pub mod decimal_serde;
mod exchange;
mod faults;
mod feed_latency;
mod io_remedy;
mod journal;
mod kernel;
mod link;
mod lookup;
mod market;
mod nearest;
mod quantiles;
pub mod record;
mod rng;
mod schedule;
mod service;
mod symbol;
mod time;

pub use activity::Activity;
pub use bus::*;
pub use context::{BusLosses, CallId, Context, GaugeOf, Gauges, Touch};
pub use exchange::*;
pub use faults::{
    CallFault, Chance, Corruption, Leg, LinkFault, MarketFault, OnCall, OnLink, OnMarket,
};
pub use feed_latency::{FeedDelay, FeedLatency};
pub use io_remedy::io_remedy;
pub use journal::{
    Blocks, BodyEntry, Compare, DecodeError, Decoded, Decoder, Definitions, Difference, DigestOnly,
    Entries, EnvelopeKind, FORMAT_VERSION, FileSink, Journal, JournalEntry, JournalError,
    JournalFile, JournalFooter, JournalSink, KeyValue, KeyWrite, LiveSink, MemberOf, MemorySink,
    NumbersOf, OWN_REFUSAL, Publication, RecordEntry, RecordedAction, RecordedActions,
    RecordedExchange, RecordedFeed, RecordedNumbers, Rerun, Seen, Unanswered, Value, Watch,
};
pub use kernel::{
    Action, Dies, Kernel, KernelConfig, Member, RunCounts, RunError, ServiceLife, Supervision,
};
pub use link::{Link, ThinkingTime};
pub use lookup::Lookup;
pub use market::*;
pub use nearest::nearest;
pub use quantiles::Quantiles;
pub use record::{
    CorrelationId, EpochMillis, EpochSeconds, FieldValue, IsoTime, JsonText, Malformed, Record,
    TypedRecord,
};
pub use rng::NamedRng;
pub use schedule::Class;
pub use service::{
    Call, Delivery, Input, PendingRule, ReadMode, Reader, Reply, Service, ServiceState, StateError,
    TimerKey, Wiring,
};
pub use symbol::{NotASymbol, Symbol};
pub use time::Nanos;

use serde::{Deserialize, Serialize};

/// The place of a service in the run's list of services.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ServiceId(pub u16);

impl ServiceId {
    /// No service of the run: somebody who acts by hand.
    pub const NOBODY: ServiceId = ServiceId(u16::MAX);
}
