//! New orders and cancels.

use engine::{OrderId, PriceTicks, QtyLots, Side, TimeInForce};

use super::book::{DepthBook, DepthOrder, Placed, Takeable, Taken};
use super::half::NO_KEY;
use super::ladder::{UNITS_MAX, key};
use super::own::DepthFill;

impl DepthBook {
    /// A new order: takes what it crosses, level by level, and rests with the remainder if it may.
    pub fn place(&mut self, order: &DepthOrder, out: &mut Vec<DepthFill>) -> Placed {
        let (side, qty) = (order.side, order.qty.0);
        assert!((1..=UNITS_MAX).contains(&qty), "the exchange has checked the quantity");
        let limit = order.limit.map_or(i64::MAX, |p| key(side, p.0));
        match order.time_in_force {
            // As the market shows the book, whatever we have taken of it.
            TimeInForce::Gtx if self.crosses(side, limit) => return Placed::WouldTake,
            TimeInForce::Fok if self.takeable(side, order.limit, qty).qty < qty => {
                return Placed::WouldNotFill;
            }
            _ => {}
        }
        let left = self.sweep(order, limit, out);
        match (left, order.time_in_force, order.limit) {
            (0, _, _) => Placed::Filled,
            (_, TimeInForce::Gtc | TimeInForce::Gtx, Some(price)) => {
                self.rest(order.id, side, price, QtyLots(left));
                Placed::Rests(QtyLots(left))
            }
            _ => Placed::Expired(QtyLots(left)),
        }
    }

    /// Lays an order behind what its level shows; nothing of it takes, whatever its price.
    pub fn rest(&mut self, id: OrderId, side: Side, price: PriceTicks, qty: QtyLots) {
        assert!((1..=UNITS_MAX).contains(&price.0), "the exchange has checked the price");
        let at = key(side, price.0);
        let level = self.ladder.half(side).get(at);
        self.own[side as usize].insert(id, at, qty.0, level);
    }

    /// Takes `by` off a resting order, which keeps its place, and answers what is left of it; none if it
    /// does not rest. An order of which nothing is left is gone.
    pub fn shrink(&mut self, side: Side, id: OrderId, by: QtyLots) -> Option<QtyLots> {
        assert!(by.0 >= 0, "an order that grows loses its place");
        self.own[side as usize].shrink(id, by.0).map(QtyLots)
    }

    /// Takes a resting order out and answers what was left of it; none if it does not rest.
    pub fn cancel(&mut self, side: Side, id: OrderId) -> Option<QtyLots> {
        self.own[side as usize].remove(id).map(QtyLots)
    }

    /// The best level of a side of the market that has something left after what we took, and how much.
    pub fn best_left(&self, side: Side) -> Option<(PriceTicks, QtyLots)> {
        let mut at = i64::MAX;
        while let Some((level, shown)) = self.ladder.half(side).below(at) {
            let left = self.untaken(side, level, shown);
            if left > 0 {
                return Some((PriceTicks(key(side, level)), QtyLots(left)));
            }
            at = level;
        }
        None
    }

    /// Takes from the market's level at a price, until the market shows the level again.
    pub fn take(&mut self, side: Side, price: PriceTicks, qty: QtyLots) {
        let at = key(side, price.0);
        let left = self.untaken(side, at, self.ladder.half(side).get(at));
        assert!(qty.0 <= left, "nobody takes more than there is");
        self.remember(side, at, qty.0);
    }

    /// What an order of `qty` would take now, with what we took before left out.
    pub fn takeable(&self, side: Side, limit: Option<PriceTicks>, qty: i64) -> Takeable {
        let limit = limit.map_or(i64::MAX, |p| key(side, p.0));
        let mut sum = Takeable::default();
        let mut at = i64::MAX;
        while sum.qty < qty
            && let Some((level, shown)) = self.ladder.half(side.opposite()).below(at)
            && -level <= limit
        {
            let found = self.untaken(side.opposite(), level, shown).min(qty - sum.qty);
            let price = key(side.opposite(), level);
            if found > 0 {
                sum.qty += found;
                sum.cost += i128::from(price) * i128::from(found);
                sum.worst = price;
            }
            at = level;
        }
        sum
    }

    /// Our resting orders of a side, best first: id, price, what is left, lots of the market ahead.
    pub fn resting(&self, side: Side) -> impl Iterator<Item = (OrderId, i64, i64, i64)> + '_ {
        let orders = self.own[side as usize].orders().iter();
        orders.map(move |o| (o.id, key(side, o.key), o.left, o.place.lots_ahead()))
    }

    fn crosses(&self, side: Side, limit: i64) -> bool {
        let best = self.ladder.half(side.opposite()).best();
        best != NO_KEY && -best <= limit
    }

    /// Takes level by level. Answers what is left of the order.
    fn sweep(&mut self, order: &DepthOrder, limit: i64, out: &mut Vec<DepthFill>) -> i64 {
        let (side, other) = (order.side, order.side.opposite());
        let (mut left, mut at) = (order.qty.0, i64::MAX);
        while left > 0
            && let Some((level, shown)) = self.ladder.half(other).below(at)
            && -level <= limit
        {
            at = level;
            let qty = self.untaken(other, level, shown).min(left);
            if qty <= 0 {
                continue;
            }
            left -= qty;
            assert!(left >= 0, "a fill never exceeds the order");
            self.remember(other, level, qty);
            let price = PriceTicks(key(other, level));
            let (id, qty) = (order.id, QtyLots(qty));
            out.push(DepthFill { id, side, price, qty, maker: false, left: QtyLots(left) });
        }
        left
    }

    /// What is left of a level of the market after what we took.
    pub(super) fn untaken(&self, side: Side, level: i64, shown: i64) -> i64 {
        let taken = self.taken.iter().find(|t| t.side == side && t.key == level);
        shown - taken.map_or(0, |t| t.qty)
    }

    /// Remembers what we took of a level, until the market shows it again.
    pub(super) fn remember(&mut self, side: Side, level: i64, qty: i64) {
        match self.taken.iter_mut().find(|t| t.side == side && t.key == level) {
            Some(taken) => taken.qty += qty,
            None if qty > 0 => self.taken.push(Taken { side, key: level, qty }),
            None => {}
        }
    }
}
