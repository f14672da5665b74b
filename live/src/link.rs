//! The connection to a venue, as a session sees it: requests go out, what comes in is collected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{
    AccountId, ExchangeEvent, MarketData, Nanos, Request, RequestId, Sender, SymbolIndex,
};

/// One thing that a venue has told.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// A market event.
    Market {
        /// Whose.
        symbol: SymbolIndex,
        /// The venue's time of it (`T`, or `E` where it has none).
        venue_time: Nanos,
        /// What.
        data: MarketData,
    },
    /// The answer to a request, or an event of the user stream.
    Exchange(ExchangeEvent),
    /// Something that an operator should know and no service hears of: a lost connection, a gap that was
    /// closed, a limit that is near.
    Notice(Notice),
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// For the record.
    Info,
    /// Somebody should look.
    Warning,
    /// The session can't go on as it is.
    Error,
}

/// What an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub weight: Weight,
    /// A word for counting, such as `user_stream_lost`.
    pub what: &'static str,
    /// The rest, without secrets.
    pub text: String,
}

/// Why a link cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The venue refuses the session for good: bad key, ban, unknown symbol.
    #[error("{venue}: {problem}")]
    Refused {
        /// Its address, without parameters.
        venue: String,
        /// What it said and what to do.
        problem: String,
    },
    /// The system refuses: sockets, files.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Interrupts [`VenueLink::poll`] from another thread.
pub trait Wake: Send + Sync {
    /// The poll that goes on, or the next one, returns at once.
    fn wake(&self);
}

/// A request that has been journaled and may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Who sends it, and with whose key.
    pub from: Sender,
    /// Its number; the answer carries it back.
    pub id: RequestId,
    /// What is asked.
    pub request: Request,
}

/// The connection to one venue with one account's key. Used by one thread; whatever blocks (connecting, REST)
/// happens on threads of its own.
pub trait VenueLink {
    /// Waits until something comes in or is due, for `timeout` at most, and appends what came, oldest first.
    /// Connections that break are made again in here, gaps are closed by query, and both are told as
    /// notices.
    fn poll(&mut self, timeout: Duration, out: &mut Vec<Incoming>) -> Result<(), LinkError>;

    /// When the last poll stopped waiting and began to read, by the wall: how long it takes from there to an order is
    /// measured, and reaches no journal.
    fn woke(&self) -> Instant;

    /// Sends a request. Its answer comes out of [`VenueLink::poll`], in any case: a request whose outcome nobody
    /// knows is asked for by query until it is known, or answered with `Outcome::Unknown`.
    fn send(&mut self, outgoing: Outgoing);

    /// Finds out what became of a request that an earlier life of this session may have sent: as
    /// [`VenueLink::send`], but what changes something is asked for, never sent again.
    fn resolve(&mut self, outgoing: Outgoing);

    /// Whether what opens may leave from now on. What waits to leave, for the first time or once more, is refused as soon as
    /// it may not.
    fn let_open(&mut self, _may: bool) {}

    /// Whether the account's events are heard now, with nothing missing. One without an account hears all there is.
    fn hears_account(&self) -> bool {
        true
    }

    /// Interrupts a poll from another thread.
    fn waker(&self) -> Arc<dyn Wake>;

    /// Whose key it holds.
    fn account(&self) -> AccountId {
        AccountId::default()
    }
}
