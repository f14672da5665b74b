//! Which streams of a symbol somebody listens to, and when each is due.

use super::interval::Interval;
use super::stream_name::SymbolStream;

/// A stream that is sent as it happens: its topic while somebody listens.
pub(crate) type Topic = Option<Box<str>>;

/// What is sent by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Periodic {
    Depth { stream: u32 },
    Levels(usize),
    MarkPrice,
    Kline(Interval),
    ContinuousKline(Interval),
    MiniTicker,
    Ticker,
}

/// A stream with a period of the venue's time.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) topic: Box<str>,
    pub(crate) what: Periodic,
    period_ms: i64,
    due: i64,
    /// What it has told last; none before the first event.
    pub(crate) sent: Option<u64>,
    /// Somebody has just come, and hears what there is even if it is not new.
    pub(crate) welcomes: bool,
    /// Of a stream of levels, the update of the book that its last event told.
    pub(crate) told_update: Option<u64>,
    keep: bool,
}

impl Timed {
    /// Whether it is due, and if so when next: at a multiple of its period after `now`. What was due several
    /// times since, because the clock runs fast, is sent once.
    pub(crate) fn is_due(&mut self, now: i64) -> bool {
        let due = self.due <= now;
        if due {
            self.due = next_due(now, self.period_ms);
        }
        due
    }

    /// It tells each change of the book when it happens.
    pub(crate) fn tells_at_once(&self) -> bool {
        self.period_ms == 0
    }
}

/// The first multiple of a period after `now`. What tells each change at once has none.
fn next_due(now: i64, period_ms: i64) -> i64 {
    if period_ms == 0 { i64::MAX } else { (now.div_euclid(period_ms) + 1) * period_ms }
}

/// The streams of one symbol with a listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wants {
    pub(crate) agg_trade: Topic,
    pub(crate) trade: Topic,
    pub(crate) book_ticker: Topic,
    /// Somebody has come who has not been told the best quotes.
    pub(crate) book_ticker_welcomes: bool,
    pub(crate) force_order: Topic,
    pub(crate) timed: Vec<Timed>,
}

/// Diff streams by their speed: what the book collects changes under.
pub(crate) const RPI_STREAM: u32 = 1;

impl Wants {
    /// Before the topics are named anew.
    pub(crate) fn begin(&mut self) {
        let timed = std::mem::take(&mut self.timed);
        *self = Wants { timed, ..Wants::default() };
        self.timed.iter_mut().for_each(|timed| timed.keep = false);
    }

    /// A topic of this symbol; `welcomes` where somebody has just come to it.
    pub(crate) fn add(&mut self, topic: &str, stream: SymbolStream, now: i64, welcomes: bool) {
        let name = || Some(topic.into());
        let (what, period_ms) = match stream {
            SymbolStream::AggTrade => return self.agg_trade = name(),
            SymbolStream::Trade => return self.trade = name(),
            SymbolStream::BookTicker => {
                self.book_ticker_welcomes = welcomes;
                return self.book_ticker = name();
            }
            SymbolStream::ForceOrder => return self.force_order = name(),
            // Of all symbols, or of none.
            SymbolStream::AssetIndex | SymbolStream::CompositeIndex => return,
            SymbolStream::Depth { period_ms } => {
                (Periodic::Depth { stream: period_ms as u32 }, period_ms)
            }
            SymbolStream::RpiDepth => (Periodic::Depth { stream: RPI_STREAM }, 500),
            SymbolStream::Levels { levels, period_ms } => (Periodic::Levels(levels), period_ms),
            SymbolStream::MarkPrice { period_ms } => (Periodic::MarkPrice, period_ms),
            SymbolStream::Kline(interval) => (Periodic::Kline(interval), 250),
            SymbolStream::ContinuousKline(interval) => (Periodic::ContinuousKline(interval), 250),
            SymbolStream::MiniTicker => (Periodic::MiniTicker, 2_000),
            SymbolStream::Ticker => (Periodic::Ticker, 2_000),
        };
        match self.timed.iter_mut().find(|timed| &*timed.topic == topic) {
            Some(timed) => (timed.keep, timed.welcomes) = (true, welcomes),
            None => {
                // What tells each change at once begins at once with what there is.
                let due = if period_ms == 0 { now } else { next_due(now, period_ms) };
                self.timed.push(Timed {
                    topic: topic.into(),
                    what,
                    period_ms,
                    due,
                    sent: None,
                    welcomes,
                    told_update: None,
                    keep: true,
                });
            }
        }
    }

    /// After the topics were named.
    pub(crate) fn end(&mut self) {
        self.timed.retain(|timed| timed.keep);
    }

    /// When a stream is due first.
    pub(crate) fn due(&self) -> i64 {
        self.timed.iter().map(|timed| timed.due).min().unwrap_or(i64::MAX)
    }

    /// Whether somebody hears of each change of the book when it happens.
    pub(crate) fn any_at_once(&self) -> bool {
        self.timed.iter().any(Timed::tells_at_once)
    }

    /// Whether somebody listens to changes of the book collected under `stream`.
    pub(crate) fn collects(&self, stream: u32) -> bool {
        self.timed.iter().any(|timed| timed.what == Periodic::Depth { stream })
    }
}
