//! PUT `/fapi/v1/order`: a resting limit order with another price or quantity. It loses its place in the
//! queue.

use engine::{
    AccountId, ExchangeError, ExecutionType, ExpiryReason, ModifyOrder, NewOrder, OrderId,
    OrderState, OrderStatus, OrderType, PriceTicks, QtyLots, TimeInForce,
};

use crate::accounts::reduces;
use crate::exchange::SimExchange;
use crate::order_checks::{check_filters, check_precision, check_reduce_only};
use crate::placing::Checked;
use crate::wire::VenueError;

/// maxMoveOrderLimit of exchangeInfo.
const AMENDMENTS_MAX: u32 = 10_000;

impl SimExchange {
    /// Refusals leave the order as it is. A partly filled order whose new quantity is already filled, and
    /// a post-only order that would take, are cancelled instead.
    pub(crate) fn modify(
        &mut self,
        account: AccountId,
        change: &ModifyOrder,
    ) -> Result<OrderState, ExchangeError> {
        let symbol = self.index(change.symbol)?;
        if self.stands_still(symbol) {
            return Err(VenueError::AmendNotTrading.error());
        }
        let unknown = || VenueError::NoSuchOrder.error();
        let found = self.orders.find(account, change.symbol, &change.order).ok_or_else(unknown)?;
        if found.status.is_terminal() {
            return Err(unknown());
        }
        if found.order_type != OrderType::Limit {
            return Err(VenueError::AmendLimitOnly.error());
        }
        if found.side != change.side {
            return Err(VenueError::InvalidSide.error());
        }
        let id = found.order_id;
        let changed = self.changed(symbol, id, change)?;
        let (price, qty) = (changed.price.map_or(0, |price| price.0), change.quantity.0);
        let order = self.orders.get(id);
        if order.price == changed.price && order.orig_qty.0 == qty {
            return Err(VenueError::AmendSame.error());
        }
        if self.orders.amendments(id) >= AMENDMENTS_MAX {
            return Err(VenueError::AmendTooOften.error());
        }
        self.check_amended(symbol, &changed)?;
        let filled = self.orders.get(id).executed_qty.0;
        if qty <= filled {
            return Ok(self.cancel_amended(symbol, id));
        }
        self.check_amended_reduction(account, symbol, &changed, id)?;
        let takes = match self.takes_at(account, symbol, &changed, self.mark(symbol)) {
            Ok(takes) => takes,
            Err(_) if changed.time_in_force == Some(TimeInForce::Gtx) => {
                return Ok(self.cancel_amended(symbol, id));
            }
            Err(error) => return Err(error),
        };
        self.check_amended_margin(account, symbol, &changed, id, takes.0)?;
        self.remove_resting(symbol, change.side, id);
        self.orders.amend(id, PriceTicks(price), QtyLots(qty), self.now);
        self.send_order(id, ExecutionType::Amendment, false);
        let (takes_at, crosses_book) = takes;
        let checked = Checked { order: changed, symbol, qty: qty - filled, takes_at, crosses_book };
        let state = self.match_order(id, &checked);
        self.refresh_watch(symbol);
        Ok(state)
    }

    /// The order as it would be placed now.
    fn changed(
        &self,
        symbol: usize,
        id: OrderId,
        change: &ModifyOrder,
    ) -> Result<NewOrder, ExchangeError> {
        let order = self.orders.get(id);
        let new = NewOrder {
            position_side: Some(order.position_side),
            order_type: OrderType::Limit,
            time_in_force: Some(order.time_in_force),
            price: change.price,
            reduce_only: order.reduce_only.then_some(true),
            price_match: change.price_match,
            self_trade_prevention: Some(order.self_trade_prevention),
            good_till_date: order.good_till_date,
            client_order_id: order.client_order_id.clone(),
            ..NewOrder::market(change.symbol, change.side, change.quantity, "")
        };
        if change.price.is_some() && new.matches_price() {
            return Err(VenueError::ParameterNotRequired.naming(&[&"price"]));
        }
        if change.price.is_none() && !new.matches_price() {
            return Err(VenueError::MandatoryParameter.naming(&[&"price"]));
        }
        self.matched_price(symbol, new)
    }

    fn check_amended(&self, symbol: usize, changed: &NewOrder) -> Result<(), ExchangeError> {
        let rules = &self.markets[symbol].rules;
        check_precision(rules, changed)?;
        let qty = changed.quantity.map_or(0, |quantity| quantity.0);
        check_filters(rules, changed, qty, self.mark(symbol)).map_err(|error| {
            if error.code == VenueError::MinNotional.row().code {
                VenueError::AmendMinNotional.naming(&[&rules.rules.min_notional])
            } else {
                error
            }
        })
    }

    /// What can only reduce has to pass for a new order of what would be left, without what it was.
    fn check_amended_reduction(
        &self,
        account: AccountId,
        symbol: usize,
        changed: &NewOrder,
        id: OrderId,
    ) -> Result<(), ExchangeError> {
        let order = self.orders.get(id);
        let (side, filled) = (order.position_side, order.executed_qty.0);
        let left = changed.quantity.map_or(0, |quantity| quantity.0) - filled;
        let holding = self.holding(account, symbol);
        let own = order.orig_qty.0 - filled;
        let others = holding.open[side as usize].reduce_qty(changed.side) - own;
        check_reduce_only(changed, side, left, holding.position(side).qty, others)
    }

    /// The margin of the changed order, without that of what it was.
    fn check_amended_margin(
        &mut self,
        account: AccountId,
        symbol: usize,
        changed: &NewOrder,
        id: OrderId,
        takes_at: Option<i64>,
    ) -> Result<(), ExchangeError> {
        let order = self.orders.get(id);
        let (position_side, filled) = (order.position_side, order.executed_qty.0);
        if reduces(changed.side, position_side, changed.reduces()) {
            return Ok(());
        }
        let in_book = self.markets[symbol].book.get_mut(changed.side, id).copied();
        let Some(resting) = in_book.or_else(|| self.working(id)) else {
            return Err(VenueError::NoSuchOrder.error());
        };
        let price = takes_at.or(changed.price.map(|p| p.0)).unwrap_or(0);
        let left = changed.quantity.map_or(0, |quantity| quantity.0) - filled;
        let mark = self.mark(symbol).unwrap_or(price);
        self.holding_mut(account, symbol).open[position_side as usize].remove(&resting);
        let checked =
            self.check_margin(account, symbol, position_side, changed.side, left, price, mark);
        self.holding_mut(account, symbol).open[position_side as usize].add(&resting);
        checked
    }

    fn cancel_amended(&mut self, symbol: usize, id: OrderId) -> OrderState {
        let side = self.orders.get(id).side;
        self.remove_resting(symbol, side, id);
        self.end_order(id, OrderStatus::Canceled, ExpiryReason::None);
        self.refresh_watch(symbol);
        self.orders.get(id).clone()
    }
}
