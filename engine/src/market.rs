//! Market events and the port that delivers them.
//!
//! Prices and quantities are integers on the grid of their symbol: one price unit is
//! `10^-price_decimals` USDT and one quantity unit `10^-qty_decimals` of the base asset
//! ([`Instrument`]). This grid may be finer than the order tick, because real market data holds
//! prices off the tick.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{FeedDelay, Nanos, Side, Symbol};

/// A price in units of `10^-price_decimals` USDT of its symbol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PriceTicks(pub i64);

/// A quantity in units of `10^-qty_decimals` of the symbol's base asset; signed where it is a position.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct QtyLots(pub i64);

/// The place of a symbol in the run's list of symbols; also its rank among events of one nanosecond.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SymbolIndex(pub u16);

/// The grid on which a symbol's prices and quantities are integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Its name.
    pub symbol: Symbol,
    /// Decimals of one price unit: 2 means that `PriceTicks(1)` is 0.01 USDT.
    pub price_decimals: u32,
    /// Decimals of one quantity unit.
    pub qty_decimals: u32,
}

impl Instrument {
    /// A grid price as a float, for models and statistics only.
    pub fn price_f64(&self, price: PriceTicks) -> f64 {
        price.0 as f64 / pow10_f64(self.price_decimals)
    }

    /// A grid quantity as a float, for models and statistics only.
    pub fn qty_f64(&self, qty: QtyLots) -> f64 {
        qty.0 as f64 / pow10_f64(self.qty_decimals)
    }
}

/// `10^decimals`, exact up to 22.
fn pow10_f64(decimals: u32) -> f64 {
    const TABLE: [f64; 19] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18,
    ];
    TABLE[decimals.min(18) as usize]
}

/// Where a trade came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TradeOrigin {
    /// It was recorded, or a synthetic market made it.
    Tape,
    /// It is one of the four points of the stated path inside a bar.
    BarPath,
}

/// One trade of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its price.
    pub price: PriceTicks,
    /// Its quantity, above zero for tape trades; a bar without volume has points of zero.
    pub qty: QtyLots,
    /// Binance's `m`: the buyer was the maker, so the taker sold.
    pub buyer_is_maker: bool,
    /// Tape or path.
    pub origin: TradeOrigin,
}

/// One closed bar. It is an event of the instant at which it closes, so that nobody sees it earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// First, highest, lowest and last price.
    pub open: PriceTicks,
    /// Highest price.
    pub high: PriceTicks,
    /// Lowest price.
    pub low: PriceTicks,
    /// Last price.
    pub close: PriceTicks,
    /// Base volume.
    pub volume: QtyLots,
    /// Its length in milliseconds: it opened at `time - interval`.
    pub interval_ms: u32,
    /// Its path has already passed as four [`TradeOrigin::BarPath`] trades: an exchange ignores it.
    pub path_passed: bool,
}

/// One row of level-2 depth: what a price level holds from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthRow {
    /// [`Side::Buy`] for a bid.
    pub side: Side,
    /// Of the level.
    pub price: PriceTicks,
    /// All that rests there, not the change; zero removes the level.
    pub qty: QtyLots,
}

/// The best bid and ask (`bookTicker`). A side without any has quantity zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestQuotes {
    /// Best bid.
    pub bid: PriceTicks,
    /// What rests there.
    pub bid_qty: QtyLots,
    /// Best ask.
    pub ask: PriceTicks,
    /// What rests there.
    pub ask_qty: QtyLots,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarketData {
    /// A trade, or an aggregate of trades of one price, side and instant.
    Trade(Trade),
    /// A bar closed.
    Bar(Bar),
    /// The mark price changed.
    MarkPrice(PriceTicks),
    /// The index of the spot markets changed: mark price and funding are made from it, where the data do
    /// not tell them.
    IndexPrice(PriceTicks),
    /// Funding settles now at this rate, in units of 1e-8 (0.0001 is 10,000).
    FundingRate(i64),
    /// A level of the book changed. Rows of one message are events of one instant, in its order.
    Depth(DepthRow),
    /// A snapshot begins: no level of before it is known any more, and the rows that follow are it.
    DepthClear,
    /// The best bid and ask; better levels than these are gone.
    BestQuotes(BestQuotes),
}

// Feeds hold millions of them: one cache line each.
const _: () = assert!(size_of::<MarketEvent>() == 64, "a market event is one cache line");

/// One event of one symbol. 64 bytes, copied freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketEvent {
    /// Exchange time.
    pub time: Nanos,
    /// Whose.
    pub symbol: SymbolIndex,
    /// How long it took to whoever recorded it.
    pub delay: FeedDelay,
    /// What.
    pub data: MarketData,
}

impl MarketEvent {
    /// An event whose way to the services is not recorded.
    #[inline]
    pub const fn new(time: Nanos, symbol: SymbolIndex, data: MarketData) -> MarketEvent {
        MarketEvent { time, symbol, delay: FeedDelay::UNKNOWN, data }
    }
}

/// Which market events a service asks for; they reach it directly, not over the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketWants {
    /// Trades of the tape.
    pub trades: bool,
    /// The four points inside each bar.
    pub bar_path: bool,
    /// Closed bars.
    pub bars: bool,
    /// Mark and index prices, and funding rates.
    pub marks: bool,
    /// Depth rows, snapshots, and best bid and ask.
    pub depth: bool,
}

impl MarketWants {
    /// Nothing.
    pub const NONE: MarketWants =
        MarketWants { trades: false, bar_path: false, bars: false, marks: false, depth: false };

    /// What it asks for, by name.
    pub fn names(self) -> Vec<&'static str> {
        let MarketWants { trades, bar_path, bars, marks, depth } = self;
        let all = [
            (trades, "trades"),
            (bar_path, "bar paths"),
            (bars, "bars"),
            (marks, "marks"),
            (depth, "depth"),
        ];
        all.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect()
    }

    /// What either wants.
    pub fn or(self, other: MarketWants) -> MarketWants {
        MarketWants {
            trades: self.trades || other.trades,
            bar_path: self.bar_path || other.bar_path,
            bars: self.bars || other.bars,
            marks: self.marks || other.marks,
            depth: self.depth || other.depth,
        }
    }

    /// Whether `data` is among what is wanted.
    #[inline]
    pub fn wants(&self, data: &MarketData) -> bool {
        match data {
            MarketData::Trade(t) => match t.origin {
                TradeOrigin::Tape => self.trades,
                TradeOrigin::BarPath => self.bar_path,
            },
            MarketData::Bar(_) => self.bars,
            MarketData::MarkPrice(_) | MarketData::IndexPrice(_) | MarketData::FundingRate(_) => {
                self.marks
            }
            MarketData::Depth(_) | MarketData::DepthClear | MarketData::BestQuotes(_) => self.depth,
        }
    }
}

/// Why a feed cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("market feed: {0}")]
pub struct FeedError(pub String);

/// The market port: events in time order (then symbol order), from files, a generator, or a socket.
pub trait Feed {
    /// Replaces `batch` by the next events, oldest first, and leaves it empty at the end.
    /// The times never go back, within a batch or between batches.
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError>;

    /// The next events where they lie in memory, as [`Feed::next_batch`] would copy them. `None` where they do not, or at the
    /// end: nothing has been read then.
    fn kept_batch(&mut self) -> Option<Arc<[MarketEvent]>> {
        None
    }

    /// Whether an empty batch only says that nothing has come yet: a live feed.
    fn waits(&self) -> bool {
        false
    }

    /// Virtual time at which the data ends, if it is known, for progress.
    fn ends_at(&self) -> Option<Nanos> {
        None
    }

    /// A feed that goes on where this one stands. None where a copy is dearer than a feed that is opened again and read up to
    /// here.
    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        None
    }
}

impl<F: Feed + ?Sized> Feed for Box<F> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        (**self).next_batch(batch)
    }
    fn kept_batch(&mut self) -> Option<Arc<[MarketEvent]>> {
        (**self).kept_batch()
    }
    fn waits(&self) -> bool {
        (**self).waits()
    }
    fn ends_at(&self) -> Option<Nanos> {
        (**self).ends_at()
    }
    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        (**self).fork()
    }
}
