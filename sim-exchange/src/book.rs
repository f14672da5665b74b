//! The own orders that rest in one symbol, and the thresholds that wake the exchange.
//!
//! Invariant: `Watch` is all that a market event touches while nothing of ours can happen.

use engine::{OrderId, Side};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Whether integers are multiples of a fixed one, without a division (Granlund and Montgomery):
/// `n` is a multiple of `odd << shift` iff `rotate_right(n × odd⁻¹, shift) <= max / divisor`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Multiples {
    inverse: u64,
    shift: u32,
    limit: u64,
}

impl Multiples {
    pub(crate) fn of(divisor: i64) -> Multiples {
        assert!(divisor > 0, "a tick is above zero");
        let divisor = divisor.unsigned_abs();
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Newton's iteration doubles the right bits each time: 3, 6, 12, 24, 48, 96.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Multiples { inverse, shift, limit: u64::MAX / divisor }
    }

    #[inline]
    pub(crate) fn contains(&self, price: i64) -> bool {
        let quotient = (price as u64).wrapping_mul(self.inverse).rotate_right(self.shift);
        quotient <= self.limit
    }
}

/// What every market event of a symbol reads and writes: one cache line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// Last trade; zero before the first.
    pub(crate) last: i64,
    /// A trade below this, or above `high`, can fill an order or (without marks) liquidate.
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) off_tick: u64,
    pub(crate) tick: Multiples,
}

/// Resting orders of one symbol in price-time order, and their sums.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Highest price first.
    buys: Vec<Resting>,
    /// Lowest price first.
    sells: Vec<Resting>,
    /// Notional of resting buys that may open, at their prices.
    pub(crate) bids_notional: Decimal,
    /// The same of sells.
    pub(crate) asks_notional: Decimal,
    /// Lots of the same orders.
    pub(crate) bids_qty: i64,
    pub(crate) asks_qty: i64,
    /// Lots of resting reduce-only orders.
    pub(crate) reduce_buys: i64,
    pub(crate) reduce_sells: i64,
}

/// An order that rests. Nothing of it is filled yet: fills are whole.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Resting {
    pub(crate) id: OrderId,
    pub(crate) side: Side,
    pub(crate) price: i64,
    pub(crate) qty: i64,
    pub(crate) reduce_only: bool,
    pub(crate) notional: Decimal,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.buys.len() + self.sells.len()
    }

    pub(crate) fn reduce_qty(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.reduce_buys,
            Side::Sell => self.reduce_sells,
        }
    }

    pub(crate) fn insert(&mut self, order: Resting) {
        self.count(&order, 1);
        match order.side {
            Side::Buy => {
                let at = self.buys.partition_point(|o| o.price >= order.price);
                self.buys.insert(at, order);
            }
            Side::Sell => {
                let at = self.sells.partition_point(|o| o.price <= order.price);
                self.sells.insert(at, order);
            }
        }
    }

    pub(crate) fn remove(&mut self, side: Side, id: OrderId) -> Option<Resting> {
        let orders = match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        };
        let at = orders.iter().position(|o| o.id == id)?;
        let order = orders.remove(at);
        self.count(&order, -1);
        Some(order)
    }

    /// The best order that a trade at `last` goes through: strictly better than its price.
    pub(crate) fn traded_through(&self, last: i64) -> Option<Resting> {
        let buy = self.buys.first().filter(|o| last < o.price);
        let sell = self.sells.first().filter(|o| last > o.price);
        // Both at once need own orders that cross; the older one has time priority.
        match (buy, sell) {
            (Some(b), Some(s)) => Some(if b.id < s.id { *b } else { *s }),
            (one, other) => one.or(other).copied(),
        }
    }

    /// All that rest, in no order that means anything.
    pub(crate) fn ids(&self) -> impl Iterator<Item = OrderId> {
        self.buys.iter().chain(&self.sells).map(|order| order.id)
    }

    /// Any resting order, oldest id first, for a sweep.
    pub(crate) fn oldest(&self) -> Option<Resting> {
        self.buys.iter().chain(&self.sells).min_by_key(|o| o.id).copied()
    }

    /// A trade below the first or above the second goes through an order.
    pub(crate) fn thresholds(&self) -> (i64, i64) {
        let low = self.buys.first().map_or(i64::MIN, |o| o.price);
        let high = self.sells.first().map_or(i64::MAX, |o| o.price);
        (low, high)
    }

    fn count(&mut self, order: &Resting, sign: i64) {
        let (lots, value) = (sign * order.qty, Decimal::from(sign) * order.notional);
        match (order.side, order.reduce_only) {
            (Side::Buy, true) => self.reduce_buys += lots,
            (Side::Sell, true) => self.reduce_sells += lots,
            (Side::Buy, false) => {
                self.bids_notional += value;
                self.bids_qty += lots;
            }
            (Side::Sell, false) => {
                self.asks_notional += value;
                self.asks_qty += lots;
            }
        }
    }
}
