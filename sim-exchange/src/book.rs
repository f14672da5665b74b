//! The accounts' orders that rest in one symbol, and the thresholds that wake the exchange.
//!
//! Invariant: `Watch` is all that a market event touches while nothing of ours can happen.

use engine::{AccountId, OrderId, PositionSide, Side};
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
    /// Lots traded so far.
    pub(crate) volume: i64,
    pub(crate) tick: Multiples,
}

impl Watch {
    #[inline]
    pub(crate) fn trade(&mut self, price: i64, qty: i64) {
        self.off_tick += u64::from(!self.tick.contains(price));
        self.volume = self.volume.wrapping_add(qty);
        self.last = price;
    }
}

/// Resting orders of one symbol, of all accounts, in price-time order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Highest price first.
    buys: Vec<Resting>,
    /// Lowest price first.
    sells: Vec<Resting>,
}

/// What is left of an order that rests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Resting {
    pub(crate) id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) side: Side,
    pub(crate) position_side: PositionSide,
    pub(crate) price: i64,
    /// Lots that are not filled yet.
    pub(crate) qty: i64,
    /// It can only make its position smaller.
    pub(crate) reduces: bool,
    /// Of those lots, at its price.
    pub(crate) notional: Decimal,
}

impl Book {
    fn side_mut(&mut self, side: Side) -> &mut Vec<Resting> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    pub(crate) fn insert(&mut self, order: Resting) {
        let orders = self.side_mut(order.side);
        let at = orders.partition_point(|other| match order.side {
            Side::Buy => other.price >= order.price,
            Side::Sell => other.price <= order.price,
        });
        orders.insert(at, order);
    }

    pub(crate) fn get_mut(&mut self, side: Side, id: OrderId) -> Option<&mut Resting> {
        self.side_mut(side).iter_mut().find(|order| order.id == id)
    }

    pub(crate) fn remove(&mut self, side: Side, id: OrderId) -> Option<Resting> {
        let orders = self.side_mut(side);
        let at = orders.iter().position(|order| order.id == id)?;
        Some(orders.remove(at))
    }

    /// The best order that a taker on `side` meets.
    pub(crate) fn best_against(&self, side: Side) -> Option<&Resting> {
        match side {
            Side::Buy => self.sells.first(),
            Side::Sell => self.buys.first(),
        }
    }

    /// Orders that a taker on `side` meets, best first.
    pub(crate) fn against(&self, side: Side) -> &[Resting] {
        match side {
            Side::Buy => &self.sells,
            Side::Sell => &self.buys,
        }
    }

    /// The best order that a trade at `last` goes through: strictly better than its price.
    pub(crate) fn traded_through(&self, last: i64) -> Option<Resting> {
        let buy = self.buys.first().filter(|order| last < order.price);
        let sell = self.sells.first().filter(|order| last > order.price);
        // Both at once cannot be, because orders that cross have traded with each other.
        buy.or(sell).copied()
    }

    /// The orders of an account, oldest first.
    pub(crate) fn of(&self, account: AccountId) -> Vec<Resting> {
        let all = self.buys.iter().chain(&self.sells);
        let mut own: Vec<Resting> = all.filter(|o| o.account == account).copied().collect();
        own.sort_by_key(|order| order.id);
        own
    }

    /// A trade below the first or above the second goes through an order.
    pub(crate) fn thresholds(&self) -> (i64, i64) {
        let low = self.buys.first().map_or(i64::MIN, |order| order.price);
        let high = self.sells.first().map_or(i64::MAX, |order| order.price);
        (low, high)
    }
}
