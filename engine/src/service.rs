//! Services: state machines that handle one input at a time and never wait.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Body, CallId, Context, Entry, ExchangeEvent, GroupStart, MarketEvent, MarketWants, ServiceId,
};

/// How a service reads a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// As the one consumer `{service}` of a consumer group, with pending entries and acknowledgement.
    Group {
        /// Its name.
        group: String,
        /// Where the group starts when it does not exist.
        start: GroupStart,
    },
    /// XREAD without a group; the position is in memory and is lost in a crash.
    Tail {
        /// Where it starts.
        start: GroupStart,
    },
}

/// What becomes of entries that a service did not handle to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingRule {
    /// Nobody asks for them again, neither after a start nor by the minute's look. By default both do.
    pub never_recovered: bool,
    /// What cannot be read stays pending. By default it goes to the dead letters.
    pub keeps_unreadable: bool,
}

/// One stream that a service reads. Deliveries carry its place in [`Wiring::readers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Full name, such as `quantum:stream:trade.intent`.
    pub stream: String,
    /// With or without a group.
    pub mode: ReadMode,
}

impl Reader {
    /// Reads as a consumer group.
    pub fn group(stream: &str, group: &str, start: GroupStart) -> Reader {
        Reader {
            stream: stream.to_owned(),
            mode: ReadMode::Group { group: group.to_owned(), start },
        }
    }

    /// Reads without a group.
    pub fn tail(stream: &str, start: GroupStart) -> Reader {
        Reader { stream: stream.to_owned(), mode: ReadMode::Tail { start } }
    }
}

/// What a service is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    /// Streams that it reads.
    pub readers: Vec<Reader>,
    /// Market events that it asks for directly.
    pub market: MarketWants,
    /// Whether it hears the account's user stream (order and account updates).
    pub user_stream: bool,
    /// Streams that it writes, for the contract check and the map of the pipeline.
    pub writes: Vec<&'static str>,
    /// Streams whose newest entries it looks at, without reading them in order.
    pub looks: Vec<&'static str>,
    /// Keys that it reads, and keys that it writes or deletes; what varies stands in braces:
    /// `quantum:position:snapshot:{S}`.
    pub keys_read: Vec<String>,
    /// See `keys_read`.
    pub keys_written: Vec<String>,
    /// Services that it calls.
    pub calls: Vec<&'static str>,
    /// Whether it sends requests to the exchange.
    pub exchange: bool,
    /// It watches all streams and keys; that makes it the reader of none.
    pub watches: bool,
}

/// Which timer fired; the number is the service's own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct TimerKey(pub u32);

/// An entry that reached a reader.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Place of the reader in the service's [`Wiring::readers`].
    pub reader: usize,
    /// The entry.
    pub entry: Entry,
    /// It had been delivered before: after a crash, or because its consumer left it.
    pub redelivered: bool,
}

/// A request of one service to another.
#[derive(Clone, Debug)]
pub struct Call {
    /// Give it to [`Context::reply`].
    pub id: CallId,
    /// Who asks.
    pub from: ServiceId,
    /// What is asked.
    pub body: Body,
}

/// The answer to a [`Call`].
#[derive(Clone, Debug)]
pub struct Reply {
    /// As [`Context::call`] gave it.
    pub id: CallId,
    /// The answer; `None` when it did not come in time.
    pub body: Option<Body>,
}

/// One input of a service.
#[derive(Debug)]
pub enum Input<'a> {
    /// The service has started, for the first time or after a crash.
    Start,
    /// A timer that it set.
    Timer(TimerKey),
    /// An entry of a stream. It is acknowledged after `handle`, unless [`Context::leave_pending`].
    Delivery(&'a Delivery),
    /// A market event that it asked for.
    Market(&'a MarketEvent),
    /// An answer of the exchange, or the user stream.
    Exchange(&'a ExchangeEvent),
    /// Another service asks.
    Call(&'a Call),
    /// Another service answered, or did not.
    Reply(&'a Reply),
    /// The run ends.
    Stop,
}

/// A service: handles one input at a time, through its [`Context`], and never waits.
pub trait Service: ServiceState + Send {
    /// What it is connected to; asked once, before the run.
    fn wiring(&self) -> Wiring;
    /// Handles one input.
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>);
}

/// Why a saved state could not be taken over.
#[derive(Debug, thiserror::Error)]
#[error("the state of a service could not be read or written: {0}")]
pub struct StateError(#[from] serde_json::Error);

/// What makes a service's state plain data. Implemented for every service that is `Clone` and serde.
pub trait ServiceState {
    /// A copy, for snapshots, forks and restarts.
    fn clone_service(&self) -> Box<dyn Service>;
    /// The state as JSON.
    fn save(&self) -> Result<serde_json::Value, StateError>;
    /// Takes over a saved state.
    fn load(&mut self, state: serde_json::Value) -> Result<(), StateError>;
}

impl<T> ServiceState for T
where
    T: Service + Clone + Serialize + DeserializeOwned + 'static,
{
    fn clone_service(&self) -> Box<dyn Service> {
        Box::new(self.clone())
    }
    fn save(&self) -> Result<serde_json::Value, StateError> {
        Ok(serde_json::to_value(self)?)
    }
    fn load(&mut self, state: serde_json::Value) -> Result<(), StateError> {
        *self = serde_json::from_value(state)?;
        Ok(())
    }
}

impl Clone for Box<dyn Service> {
    fn clone(&self) -> Self {
        (**self).clone_service()
    }
}

impl fmt::Debug for dyn Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}
