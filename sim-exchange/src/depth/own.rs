//! Our orders that rest on one side, best price first and oldest first within a price.
//!
//! Keys are those of `half`: the greater, the better.

use engine::{OrderId, PriceTicks, QtyLots, Side};
use serde::{Deserialize, Serialize};

use super::half::NO_KEY;
use super::ladder::key;
use super::queue::{Place, QueueKind};

/// A fill of one of our orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthFill {
    /// Whose.
    pub id: OrderId,
    /// Of the order.
    pub side: Side,
    /// The order's own if it rested, else that of the level it took.
    pub price: PriceTicks,
    /// Above zero.
    pub qty: QtyLots,
    /// It rested.
    pub maker: bool,
    /// What of the order is not filled yet; zero has ended it.
    pub left: QtyLots,
}

/// An order that rests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Resting {
    pub(crate) id: OrderId,
    pub(crate) key: i64,
    pub(crate) left: i64,
    pub(crate) place: Place,
}

/// All of one side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Own {
    side: Side,
    /// Keys of the first and the last order, for one comparison an event.
    best: i64,
    worst: i64,
    orders: Vec<Resting>,
}

impl Own {
    pub(crate) fn new(side: Side) -> Own {
        Own { side, best: NO_KEY, worst: i64::MAX, orders: Vec::new() }
    }

    pub(crate) fn orders(&self) -> &[Resting] {
        &self.orders
    }

    /// Whether an order rests at `key` or better.
    #[inline]
    pub(crate) fn reaches(&self, key: i64) -> bool {
        self.best >= key
    }

    /// Whether an order may rest at `key`.
    #[inline]
    pub(crate) fn spans(&self, key: i64) -> bool {
        key <= self.best && key >= self.worst
    }

    fn bounds(&mut self) {
        self.best = self.orders.first().map_or(NO_KEY, |o| o.key);
        self.worst = self.orders.last().map_or(i64::MAX, |o| o.key);
    }

    /// Adds an order behind our own of the same price, and behind the `level` lots of the market.
    pub(crate) fn insert(&mut self, id: OrderId, key: i64, left: i64, level: i64) {
        assert!(left > 0, "what rests wants something");
        let at = self.orders.partition_point(|o| o.key >= key);
        let mut place = Place::behind(level);
        if let Some(previous) = at.checked_sub(1).map(|n| self.orders[n])
            && previous.key == key
        {
            place.ahead = place.ahead.max(previous.place.ahead);
        }
        self.orders.insert(at, Resting { id, key, left, place });
        self.bounds();
    }

    /// Takes an order out and answers what was left of it.
    pub(crate) fn remove(&mut self, id: OrderId) -> Option<i64> {
        let at = self.orders.iter().position(|o| o.id == id)?;
        let order = self.orders.remove(at);
        self.bounds();
        Some(order.left)
    }

    /// Takes `by` off an order and answers what is left of it.
    pub(crate) fn shrink(&mut self, id: OrderId, by: i64) -> Option<i64> {
        let at = self.orders.iter().position(|o| o.id == id)?;
        let order = &mut self.orders[at];
        order.left -= by;
        let left = order.left;
        assert!(left >= 0, "nothing is taken off that is not there");
        if left == 0 {
            self.orders.remove(at);
            self.bounds();
        }
        Some(left)
    }

    /// The market's level at `key` went from `old` to `new` lots.
    #[cold]
    #[inline(never)]
    pub(crate) fn row(&mut self, model: &QueueKind, key: i64, old: i64, new: i64) {
        let from = self.orders.partition_point(|o| o.key > key);
        let mut before = 0;
        for order in self.orders[from..].iter_mut().take_while(|o| o.key == key) {
            order.place.row(model, old, new, before);
            before = order.place.ahead;
        }
    }

    /// The market traded `qty` at `key`: better orders come first, then those at the price as far
    /// as it reaches them. The quantity fills ours once.
    #[cold]
    #[inline(never)]
    pub(crate) fn trade(&mut self, key: i64, qty: i64, out: &mut Vec<DepthFill>) {
        let (side, mut used) = (self.side, 0);
        for order in self.orders.iter_mut().take_while(|o| o.key >= key) {
            let reached = if order.key > key {
                order.place.first();
                qty
            } else {
                order.place.trade(qty)
            };
            used += order.fill(side, reached - used, out);
        }
        assert!(used <= qty, "a trade fills no more than its quantity");
        self.drop_filled(used);
    }

    /// Somebody of the market wants `qty` and would pay up to `key` of our side.
    /// Answers how much ours gave.
    #[cold]
    #[inline(never)]
    pub(crate) fn crossed(&mut self, key: i64, qty: i64, out: &mut Vec<DepthFill>) -> i64 {
        let (side, mut used) = (self.side, 0);
        for order in self.orders.iter_mut().take_while(|o| o.key >= key) {
            order.place.first();
            used += order.fill(side, qty - used, out);
        }
        assert!(used <= qty, "a level fills no more than its quantity");
        self.drop_filled(used);
        used
    }

    fn drop_filled(&mut self, used: i64) {
        if used > 0 {
            self.orders.retain(|o| o.left > 0);
            self.bounds();
        }
    }
}

impl Resting {
    /// Fills up to `qty` at the order's own price and answers how much.
    fn fill(&mut self, side: Side, qty: i64, out: &mut Vec<DepthFill>) -> i64 {
        let qty = qty.min(self.left);
        if qty <= 0 {
            return 0;
        }
        self.left -= qty;
        let price = PriceTicks(key(side, self.key));
        let left = QtyLots(self.left);
        out.push(DepthFill { id: self.id, side, price, qty: QtyLots(qty), maker: true, left });
        qty
    }
}
