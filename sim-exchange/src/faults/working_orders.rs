//! Orders that fill in parts, and takers who pay more.
//!
//! An order whose rest fills later is open and not in the book: its margin is bound, it counts as an open
//! order, can be cancelled and changed, and ends with a liquidation, a delisting or a reset as one that
//! rests. Each part takes what the market and the book offer at its instant. What is left after the last
//! part is treated as that of any order: it expires, or rests at its limit. IOC orders have no later, FOK
//! orders are all or nothing, and GTX orders never take.

use engine::{AccountId, Nanos};
use engine::{ExpiryReason, OrderId, OrderState, OrderType, Side, TimeInForce};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::{FaultKind, FillRest, VenueFault};
use crate::accounts::reduces;
use crate::book::Resting;
use crate::exchange::SimExchange;
use crate::matching::Against;
use crate::placing::Checked;
use crate::venue_clock::Due;

/// An order that fills in parts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Working {
    resting: Resting,
    /// Lots of the next part, except the last.
    part: i64,
    parts_left: u32,
    every: Nanos,
    /// When the next part is due.
    due: Nanos,
}

/// How an order that takes is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InParts {
    /// Lots at once.
    pub(crate) first: i64,
    later: Option<(u32, Nanos)>,
}

impl SimExchange {
    /// Whether a fault lets an order that takes now be filled in part only.
    pub(crate) fn in_parts(&mut self, id: OrderId, checked: &Checked) -> Option<InParts> {
        self.faults.as_ref()?;
        let (account, order) = (self.orders.owner(id), self.orders.get(id).clone());
        let whole = matches!(order.time_in_force, TimeInForce::Fok | TimeInForce::Gtx);
        if whole || (checked.takes_at.is_none() && !checked.crosses_book) {
            return None;
        }
        let concerns = |exchange: &SimExchange, fault: &VenueFault| {
            matches!(fault.what, FaultKind::PartialFills { .. })
                && exchange.concerns_order(fault, account, &order)
        };
        let Some(FaultKind::PartialFills { part, rest, parts, every }) = self.struck(concerns)
        else {
            return None;
        };
        let step = self.markets[checked.symbol].rules.step;
        let lots = (Decimal::from(checked.qty) * part).floor().to_i64().unwrap_or(0);
        let later = rest == FillRest::Later && order.time_in_force != TimeInForce::Ioc;
        Some(InParts { first: lots - lots % step, later: later.then_some((parts, every)) })
    }

    /// Sets an order's rest aside to be filled in parts; `false` where it is not to be.
    pub(crate) fn works_on(
        &mut self,
        id: OrderId,
        checked: &Checked,
        left: i64,
        how: InParts,
    ) -> bool {
        let Some((parts, every)) = how.later else { return false };
        let (account, symbol) = (self.orders.owner(id), checked.symbol);
        let rules = &self.markets[symbol].rules;
        let price = checked.takes_at.or(checked.order.price.map(|price| price.0)).unwrap_or(0);
        let order = self.orders.get(id);
        let (side, position_side) = (order.side, order.position_side);
        let resting = Resting {
            id,
            account,
            side,
            position_side,
            price,
            qty: left,
            reduces: reduces(side, position_side, order.reduce_only),
            notional: rules.notional(price, left),
        };
        let part = left / i64::from(parts);
        let working = Working {
            resting,
            part: (part - part % rules.step).max(rules.step),
            parts_left: parts,
            every,
            due: self.now + every,
        };
        if let Some(end) = order.good_till_date {
            self.clock.push(end, Due::GoodTill(id));
        }
        self.set_working(symbol, working);
        true
    }

    fn set_working(&mut self, symbol: usize, working: Working) {
        let Resting { id, account, position_side, .. } = working.resting;
        self.holding_mut(account, symbol).open[position_side as usize].add(&working.resting);
        if let Some(faults) = &mut self.faults {
            faults.working.insert(id, working);
        }
        self.clock.push(working.due, Due::Part(id));
    }

    /// Takes an order that fills in parts away, out of its owner's sums too.
    pub(crate) fn remove_working(&mut self, symbol: usize, id: OrderId) -> Option<Resting> {
        let Working { resting, .. } = self.faults.as_mut()?.working.remove(&id)?;
        let holding = self.holding_mut(resting.account, symbol);
        holding.open[resting.position_side as usize].remove(&resting);
        Some(resting)
    }

    /// An order that fills in parts.
    pub(crate) fn working(&self, id: OrderId) -> Option<Resting> {
        self.faults.as_ref()?.working.get(&id).map(|working| working.resting)
    }

    /// Those of an account in a symbol, oldest first.
    pub(crate) fn working_of(&self, account: AccountId, symbol: usize) -> Vec<Resting> {
        let Some(faults) = &self.faults else { return Vec::new() };
        let own = faults.working.values().map(|working| working.resting).filter(|resting| {
            let order = self.orders.get(resting.id);
            resting.account == account && usize::from(order.symbol.0) == symbol
        });
        own.collect()
    }

    /// The next part of an order is due, unless the order has ended since.
    pub(crate) fn fill_next_part(&mut self, id: OrderId) {
        let found = self.faults.as_ref().and_then(|faults| faults.working.get(&id)).copied();
        // Before a change of the order a part was due that no longer is.
        let Some(working) = found.filter(|working| working.due <= self.now) else { return };
        let OrderState { symbol, order_type, price, .. } = *self.orders.get(id);
        let symbol = usize::from(symbol.0);
        if self.stands_still(symbol) {
            return self.clock.push(self.now + working.every, Due::Part(id));
        }
        let Working { resting, part, parts_left, every, .. } = working;
        self.remove_working(symbol, id);
        let last = parts_left == 1;
        let wanted = if last { resting.qty } else { part.min(resting.qty) };
        let own_limit = price.map(|price| price.0).filter(|_| order_type == OrderType::Limit);
        let limit =
            own_limit.unwrap_or_else(|| self.market_bound(symbol, resting.side, self.mark(symbol)));
        let against = Against::MarketMaker;
        let filled = self.take(symbol, id, Some(limit), true, wanted, against);
        if let Some(faults) = &mut self.faults {
            faults.parts += u64::from(filled > 0);
        }
        let left = resting.qty - filled;
        let order = self.orders.get(id);
        if left == 0 || order.status.is_terminal() {
            return self.refresh_watch(symbol);
        }
        if self.executable(id, left) == 0 {
            self.expire(id, ExpiryReason::ReduceOnlyKnockedOut);
        } else if !last {
            let notional = self.markets[symbol].rules.notional(resting.price, left);
            let resting = Resting { qty: left, notional, ..resting };
            let parts_left = parts_left - 1;
            let due = self.now + every;
            self.set_working(symbol, Working { resting, part, parts_left, every, due });
        } else if let Some(price) = own_limit {
            self.rest(symbol, id, price, left);
        } else {
            self.expire(id, ExpiryReason::MarketRest);
        }
        self.refresh_watch(symbol);
    }

    /// What a taker pays or gets where the market offers `price`: worse by a fault's ticks, within his
    /// limit and never better than the offer.
    pub(crate) fn slipped(
        &mut self,
        symbol: usize,
        id: OrderId,
        price: i64,
        limit: Option<i64>,
    ) -> i64 {
        if self.faults.is_none() {
            return price;
        }
        let (account, order) = (self.orders.owner(id), self.orders.get(id).clone());
        let concerns = |exchange: &SimExchange, fault: &VenueFault| {
            matches!(fault.what, FaultKind::Slippage { .. })
                && exchange.concerns_order(fault, account, &order)
        };
        let Some(FaultKind::Slippage { ticks }) = self.struck(concerns) else { return price };
        let tick = self.markets[symbol].rules.tick;
        let worse = self.moved(symbol, order.side, price, i64::from(ticks));
        match (order.side, limit) {
            (_, None) => worse,
            (Side::Buy, Some(limit)) => worse.min(limit - limit % tick).max(price),
            (Side::Sell, Some(limit)) => {
                let up = limit.saturating_add((tick - limit % tick) % tick);
                worse.max(up).min(price)
            }
        }
    }
}
