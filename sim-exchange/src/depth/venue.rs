//! What an exchange with accounts of its own needs of the book: it matches its accounts' orders among each
//! other first, and keeps here only where they stand in the market's queues.

use engine::{OrderId, Side};

use super::book::DepthBook;
use super::ladder::key;

impl DepthBook {
    /// Lays an order into the queue of its level, behind what the level shows.
    pub(crate) fn insert(&mut self, id: OrderId, side: Side, price: i64, qty: i64) {
        let at = key(side, price);
        let level = self.ladder().half(side).get(at);
        self.own[side as usize].insert(id, at, qty, level);
    }

    /// An order has traded outside of the market's book.
    pub(crate) fn reduce(&mut self, side: Side, id: OrderId, qty: i64) {
        self.own[side as usize].reduce(id, qty);
    }

    /// The best level that a taker on `side` meets, with what he has not taken of it already.
    pub(crate) fn offer(&self, side: Side) -> Option<(i64, i64)> {
        let other = side.opposite();
        let mut at = i64::MAX;
        while let Some((level, shown)) = self.ladder().half(other).below(at) {
            let qty = self.untaken(other, level, shown);
            if qty > 0 {
                return Some((key(other, level), qty));
            }
            at = level;
        }
        None
    }

    /// A taker on `side` has taken so much of the level at `price`.
    pub(crate) fn took(&mut self, side: Side, price: i64, qty: i64) {
        let other = side.opposite();
        self.take(other, key(other, price), qty);
    }

    /// The price of the n-th level (from 1) of a side.
    pub(crate) fn level(&self, side: Side, n: usize) -> Option<i64> {
        self.ladder().levels(side).nth(n.checked_sub(1)?).map(|(price, _)| price)
    }
}
