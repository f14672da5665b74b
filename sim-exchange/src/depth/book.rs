//! Our orders in the market's book.
//!
//! Invariants: no fill beyond the order or through its limit; a trade's quantity and a level's new
//! quantity fill ours once; nothing is allocated per event once the buffers have grown.
//!
//! Own orders on both sides do not meet each other: self-trade prevention comes before this book.

use engine::{MarketData, OrderId, PriceTicks, QtyLots, Side, TimeInForce, TradeOrigin};
use serde::{Deserialize, Serialize};

use super::half::NO_KEY;
use super::ladder::{Ladder, UNITS_MAX, key};
use super::own::{DepthFill, Own};
use super::queue::QueueKind;

/// An order for the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthOrder {
    /// Its id, new to the book.
    pub id: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// Worst price; none for a market order.
    pub limit: Option<PriceTicks>,
    /// How much.
    pub qty: QtyLots,
    /// What becomes of the part that does not fill at once. A market order is `Ioc`.
    pub time_in_force: TimeInForce,
}

/// What became of a new order. Its fills, if any, are in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// This much of it rests.
    Rests(QtyLots),
    /// Nothing is left of it.
    Filled,
    /// This much of it found nothing and is gone: IOC and market orders.
    Expired(QtyLots),
    /// GTX, and it would have taken.
    WouldTake,
    /// FOK, and the book holds less.
    WouldNotFill,
}

/// What an order would take now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takeable {
    /// How much.
    pub qty: i64,
    /// Sum of price × quantity.
    pub cost: i128,
    /// Price of the last level; zero if there is none.
    pub worst: i64,
}

/// What we took of a level that the market has not shown again since.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) side: Side,
    pub(super) key: i64,
    pub(super) qty: i64,
}

/// The book of one symbol: the market's levels, and our orders between them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DepthBook {
    pub(super) ladder: Ladder,
    pub(super) own: [Own; 2],
    pub(super) taken: Vec<Taken>,
    model: QueueKind,
}

impl DepthBook {
    /// An empty book of a symbol whose order tick is `tick` price units.
    pub fn new(tick: i64, model: QueueKind) -> DepthBook {
        let own = [Own::new(Side::Buy), Own::new(Side::Sell)];
        DepthBook { ladder: Ladder::new(tick), own, model, taken: Vec::new() }
    }

    /// The market's levels.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// A market event; fills of our resting orders are appended to `out`.
    #[inline]
    pub fn observe(&mut self, data: &MarketData, out: &mut Vec<DepthFill>) {
        match data {
            MarketData::Depth(row) => self.row(row.side, row.price.0, row.qty.0, out),
            MarketData::Trade(t) if t.origin == TradeOrigin::Tape => {
                let taker = if t.buyer_is_maker { Side::Sell } else { Side::Buy };
                self.trade(taker, t.price.0, t.qty.0, out);
            }
            MarketData::DepthClear => self.clear(),
            MarketData::BestQuotes(best) => {
                self.best(Side::Buy, best.bid.0, best.bid_qty.0, out);
                self.best(Side::Sell, best.ask.0, best.ask_qty.0, out);
            }
            MarketData::Trade(_)
            | MarketData::Bar(_)
            | MarketData::MarkPrice(_)
            | MarketData::IndexPrice(_)
            | MarketData::FundingRate(_) => {}
        }
    }

    /// A level holds `qty` from now on.
    #[inline]
    pub fn row(&mut self, side: Side, price: i64, qty: i64, out: &mut Vec<DepthFill>) {
        let Some(old) = self.ladder.set(side, price, qty) else { return };
        let at = key(side, price);
        if !self.taken.is_empty() {
            self.taken.retain(|t| t.side != side || t.key != at);
        }
        if self.own[side as usize].spans(at) {
            self.own[side as usize].row(&self.model, at, old, qty);
        }
        let other = &mut self.own[side.opposite() as usize];
        if other.reaches(-at) && qty > old {
            // What came to the level would have met our orders first.
            let used = other.crossed(-at, qty - old, out);
            self.remember(side, at, used);
        }
    }

    /// A trade of the market, by who took.
    #[inline]
    pub fn trade(&mut self, taker: Side, price: i64, qty: i64, out: &mut Vec<DepthFill>) {
        let maker = taker.opposite();
        let own = &mut self.own[maker as usize];
        if own.reaches(key(maker, price)) && qty > 0 && (1..=UNITS_MAX).contains(&price) {
            own.trade(key(maker, price), qty.min(UNITS_MAX), out);
        }
    }

    /// A snapshot begins. Orders keep their places until a row of their level says more.
    pub fn clear(&mut self) {
        self.ladder.clear();
        self.taken.clear();
    }

    /// The best level of a side; zero `qty` if it has none.
    fn best(&mut self, side: Side, price: i64, qty: i64, out: &mut Vec<DepthFill>) {
        if qty > 0 && !(1..=UNITS_MAX).contains(&price) {
            // Counted as refused there; it must not wipe the levels away.
            return self.row(side, price, qty, out);
        }
        let bound = if qty > 0 { key(side, price) } else { NO_KEY };
        while self.ladder.half(side).best() > bound {
            let gone = key(side, self.ladder.half(side).best());
            self.row(side, gone, 0, out);
        }
        if qty > 0 && self.ladder.qty(side, price) != qty {
            self.row(side, price, qty, out);
        }
    }
}
