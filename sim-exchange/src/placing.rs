//! A new order: checked, then accepted, matched and laid into the book. Cancelling.

use engine::{
    AccountId, ExchangeError, ExecutionType, ExpiryReason, NewOrder, OrderId, OrderRef, OrderState,
    OrderStatus, OrderType, PositionSide, PriceMatch, PriceTicks, QtyLots, SelfTradePrevention,
    Side, SymbolIndex, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::accounts::reduces;
use crate::book::Resting;
use crate::exchange::{PRICE_MAX, SimExchange};
use crate::liquidity::Taker;
use crate::margin::requirement;
use crate::matching::Against;
use crate::order_checks::{
    check_filters, check_parameters, check_position_side, check_precision, check_reduce_only, kept,
};
use crate::venue_clock::Due;
use crate::wire::VenueError;

/// An order that nothing refuses any more.
pub(crate) struct Checked {
    /// With the price that priceMatch found.
    pub(crate) order: NewOrder,
    pub(crate) symbol: usize,
    pub(crate) qty: i64,
    /// The market's price, if the order takes at once.
    pub(crate) takes_at: Option<i64>,
    /// It meets an order of the book.
    pub(crate) crosses_book: bool,
}

impl SimExchange {
    /// POST `/fapi/v1/order`.
    pub(crate) fn place(
        &mut self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<OrderState, ExchangeError> {
        if order.order_type.is_conditional() {
            if self.has_algo_service() {
                return Err(VenueError::UseAlgoService.error());
            }
            return self.place_conditional(account, order);
        }
        let checked = self.check(account, order)?;
        let id = self.write_down(account, &checked);
        Ok(self.match_order(id, &checked))
    }

    /// All that can refuse an order; nothing changes.
    pub(crate) fn check(
        &self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<Checked, ExchangeError> {
        let qty = check_parameters(&order, self.now)?;
        let symbol = self.index(order.symbol)?;
        self.check_trading(symbol)?;
        let order = self.matched_price(symbol, kept(order))?;
        check_precision(&self.markets[symbol].rules, &order)?;
        let mark = self.mark(symbol);
        check_filters(&self.markets[symbol].rules, &order, qty, mark)?;
        let position_side = check_position_side(self.account(account).dual, &order)?;
        if self.account(account).liquidating {
            return Err(VenueError::UserInLiquidation.error());
        }
        self.check_order_id(account, &order)?;
        let holding = self.holding(account, symbol);
        let (open, held) =
            (&holding.open[position_side as usize], holding.position(position_side).qty);
        check_reduce_only(&order, position_side, qty, held, open.reduce_qty(order.side))?;
        self.check_position(account, symbol, position_side, order, qty)
    }

    /// The order of a trigger, whose parameters were checked long ago. It reduces its position whatever
    /// else waits to do so: what of it is too late ends at its own fill.
    pub(crate) fn check_triggered(
        &self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<Checked, ExchangeError> {
        let qty = order.quantity.map_or(0, |quantity| quantity.0);
        let symbol = self.index(order.symbol)?;
        let order = self.matched_price(symbol, order)?;
        check_filters(&self.markets[symbol].rules, &order, qty, self.mark(symbol))?;
        let position_side = check_position_side(self.account(account).dual, &order)?;
        let held = self.holding(account, symbol).position(position_side).qty;
        check_reduce_only(&order, position_side, qty, held, 0)?;
        self.check_position(account, symbol, position_side, order, qty)
    }

    /// The client order id is free, and there is room for one more order.
    pub(crate) fn check_order_id(
        &self,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<(), ExchangeError> {
        let symbol = self.index(order.symbol)?;
        let holding = self.holding(account, symbol);
        let waiting = self.conditionals.count(account, symbol);
        if holding.open_count() + waiting >= self.markets[symbol].rules.rules.max_num_orders {
            return Err(VenueError::MaxOpenOrders.error());
        }
        let same = self.orders.newest(account, order.symbol, &order.client_order_id);
        if same.is_some_and(|o| !o.status.is_terminal()) {
            return Err(VenueError::DuplicateClientOrderId.error());
        }
        Ok(())
    }

    /// The market's price, and the margin.
    fn check_position(
        &self,
        account: AccountId,
        symbol: usize,
        position_side: PositionSide,
        order: NewOrder,
        qty: i64,
    ) -> Result<Checked, ExchangeError> {
        let mark = self.mark(symbol);
        let (takes_at, crosses_book) = self.takes_at(account, symbol, &order, mark)?;
        let own_price = order.price.map(|p| p.0);
        let valued_at = takes_at.or(own_price).ok_or_else(|| VenueError::NoDepth.error())?;
        if !reduces(order.side, position_side, order.reduces()) {
            let mark = mark.unwrap_or(valued_at);
            self.check_margin(account, symbol, position_side, order.side, qty, valued_at, mark)?;
        }
        Ok(Checked { order, symbol, qty, takes_at, crosses_book })
    }

    /// The market's price at which the order takes at once, if it does, and whether it meets an order of
    /// the book.
    pub(crate) fn takes_at(
        &self,
        account: AccountId,
        symbol: usize,
        order: &NewOrder,
        mark: Option<i64>,
    ) -> Result<(Option<i64>, bool), ExchangeError> {
        let taker = self.taker_price(symbol, order.side);
        let best = self.markets[symbol].book.best_against(order.side).map(|resting| resting.price);
        if order.order_type == OrderType::Market {
            let empty = || VenueError::NoDepth.error();
            let price = taker.ok_or_else(empty)?;
            if !no_worse(order.side, price, self.market_bound(symbol, order.side, mark)) {
                return Err(VenueError::MarketOrderRejected.error());
            }
            return Ok((Some(price), best.is_some()));
        }
        let limit = order.price.map_or(0, |p| p.0);
        let within = |price: &i64| no_worse(order.side, *price, limit);
        let (crossed, meets) = (taker.filter(within), best.filter(within).is_some());
        let qty = order.quantity.map_or(0, |quantity| quantity.0);
        let taker = Taker { account, side: order.side, limit };
        match order.time_in_force {
            Some(TimeInForce::Gtx) if crossed.is_some() || meets => {
                Err(VenueError::GtxRejected.error())
            }
            Some(TimeInForce::Fok) if !self.fills_at_once(symbol, &taker, qty) => {
                Err(VenueError::FokRejected.error())
            }
            _ => Ok((crossed, meets)),
        }
    }

    /// marketTakeBound: the worst price of a market order.
    pub(crate) fn market_bound(&self, symbol: usize, side: Side, mark: Option<i64>) -> i64 {
        let bound = self.markets[symbol].rules.rules.market_take_bound;
        let mark = Decimal::from(mark.unwrap_or(0));
        let price = match side {
            Side::Buy => (mark * (Decimal::ONE + bound)).floor(),
            Side::Sell => (mark * (Decimal::ONE - bound)).ceil(),
        };
        price.to_i64().unwrap_or(PRICE_MAX)
    }

    /// -2027 and -2019. Orders that can only reduce need neither.
    #[allow(clippy::too_many_arguments)] // One line of a form, not a decision.
    pub(crate) fn check_margin(
        &self,
        account: AccountId,
        symbol: usize,
        position_side: PositionSide,
        side: Side,
        qty: i64,
        price: i64,
        mark: i64,
    ) -> Result<(), ExchangeError> {
        let rules = &self.markets[symbol].rules;
        let holding = self.holding(account, symbol);
        let (leverage, open) = (holding.leverage, &holding.open[position_side as usize]);
        let held = holding.position(position_side).qty;
        let sign = side.sign();
        let exposure = sign * held + open.opening_qty(side) + qty;
        let higher = price.max(mark);
        let too_much = exposure > 0
            && (!rules.notional_fits(higher, exposure)
                || rules.notional(higher, exposure) > rules.max_notional(leverage));
        if too_much {
            return Err(VenueError::MaxPositionAtLeverage.error());
        }
        let value = rules.notional(price, qty);
        let position = rules.notional(mark, held);
        let (bids, asks) = (open.bids_notional, open.asks_notional);
        let before = requirement(position, bids, asks, leverage);
        let after = match side {
            Side::Buy => requirement(position, bids + value, asks, leverage),
            Side::Sell => requirement(position, bids, asks + value, leverage),
        };
        let increase = after - before;
        if increase <= Decimal::ZERO {
            return Ok(());
        }
        let worth = rules.notional(mark, qty);
        let open_loss = (Decimal::from(sign) * (value - worth)).max(Decimal::ZERO);
        let cost = self.margin_counted(account, increase + open_loss);
        if cost > self.balances(account).available_balance {
            return Err(VenueError::MarginNotSufficient.error());
        }
        Ok(())
    }

    /// Writes the order down; it is NEW and nowhere yet.
    pub(crate) fn add_order(&mut self, account: AccountId, order: NewOrder, qty: i64) -> OrderId {
        let id = self.orders.next_id();
        let reduce_only = order.reduces();
        let prevention = order.self_trade_prevention.unwrap_or(SelfTradePrevention::ExpireMaker);
        let state = OrderState {
            order_id: id,
            client_order_id: order.client_order_id,
            symbol: order.symbol,
            side: order.side,
            position_side: order.position_side.unwrap_or(PositionSide::Both),
            order_type: order.order_type,
            orig_type: order.order_type,
            time_in_force: order.time_in_force.unwrap_or(TimeInForce::Gtc),
            orig_qty: QtyLots(qty),
            executed_qty: QtyLots(0),
            cum_quote: Decimal::ZERO,
            price: order.price,
            trigger_price: order.trigger_price,
            reduce_only,
            close_position: order.close_position,
            working_type: order.working_type.unwrap_or(WorkingType::ContractPrice),
            price_protect: order.price_protect,
            price_match: order.price_match.unwrap_or(PriceMatch::None),
            self_trade_prevention: prevention,
            good_till_date: order.good_till_date,
            status: OrderStatus::New,
            expiry_reason: ExpiryReason::None,
            time: self.now,
            update_time: self.now,
        };
        let symbol = usize::from(order.symbol.0);
        self.orders.add(account, state);
        self.holding_mut(account, symbol).counts.orders += 1;
        id
    }

    /// POST `/fapi/v1/order/test`: all checks, and nothing reaches the book.
    pub(crate) fn test(&self, account: AccountId, order: NewOrder) -> Result<(), ExchangeError> {
        if order.order_type.is_conditional() && self.has_algo_service() {
            return Err(VenueError::UseAlgoService.error());
        }
        if order.order_type.is_conditional() {
            return self.check_trigger(account, &order).map(|_| ());
        }
        self.check(account, order).map(|_| ())
    }

    /// Writes an order down that nothing refuses any more, and says so.
    pub(crate) fn write_down(&mut self, account: AccountId, checked: &Checked) -> OrderId {
        let id = self.add_order(account, checked.order.clone(), checked.qty);
        self.send_order(id, ExecutionType::New, false);
        id
    }

    /// Lets a new order take what it can, and lays what is left into the book.
    pub(crate) fn match_order(&mut self, id: OrderId, checked: &Checked) -> OrderState {
        let Checked { symbol, qty, takes_at, crosses_book, .. } = *checked;
        let price = checked.order.price.map(|p| p.0);
        let in_parts = self.in_parts(id, checked);
        let filled = if takes_at.is_some() || crosses_book {
            let side = checked.order.side;
            let worst = price.unwrap_or_else(|| self.market_bound(symbol, side, self.mark(symbol)));
            let wanted = in_parts.map_or(qty, |how| how.first);
            self.take(symbol, id, Some(worst), takes_at.is_some(), wanted, Against::MarketMaker)
        } else {
            0
        };
        let left = qty - filled;
        let state = self.orders.get(id);
        if left == 0 || state.status.is_terminal() {
            return state.clone();
        }
        let (order_type, time_in_force) = (state.order_type, state.time_in_force);
        let good_till_date = state.good_till_date;
        if state.reduce_only && self.executable(id, left) == 0 {
            // It could only have opened a position.
            self.expire(id, ExpiryReason::ReduceOnlyKnockedOut);
        } else if in_parts
            .is_some_and(|how| how.first == filled && self.works_on(id, checked, left, how))
        {
            // It is open, and fills on.
        } else if order_type == OrderType::Market {
            self.expire(id, ExpiryReason::MarketRest);
        } else if matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok) {
            self.expire(id, ExpiryReason::IocRest);
        } else {
            if let Some(end) = good_till_date {
                self.clock.push(end, Due::GoodTill(id));
            }
            self.rest(symbol, id, price.unwrap_or(0), left);
        }
        self.orders.get(id).clone()
    }

    /// Lays lots of an order into the book, behind all of the same price.
    pub(crate) fn rest(&mut self, symbol: usize, id: OrderId, price: i64, qty: i64) {
        assert!(price > 0, "only an order with a price rests");
        let account = self.orders.owner(id);
        let (side, position_side, reduce_only) = {
            let order = self.orders.get(id);
            (order.side, order.position_side, order.reduce_only)
        };
        let resting = Resting {
            id,
            account,
            side,
            position_side,
            price,
            qty,
            reduces: reduces(side, position_side, reduce_only),
            notional: self.markets[symbol].rules.notional(price, qty),
        };
        self.markets[symbol].book.insert(resting);
        if let Some(depth) = self.depths.get_mut(symbol) {
            depth.rest(id, side, PriceTicks(price), QtyLots(qty));
        }
        self.holding_mut(account, symbol).open[position_side as usize].add(&resting);
        self.refresh_watch(symbol);
    }

    /// Takes an order out of the book and out of its owner's sums.
    pub(crate) fn remove_resting(
        &mut self,
        symbol: usize,
        side: Side,
        id: OrderId,
    ) -> Option<Resting> {
        let Some(resting) = self.markets[symbol].book.remove(side, id) else {
            return self.remove_working(symbol, id);
        };
        if let Some(depth) = self.depths.get_mut(symbol) {
            depth.cancel(side, id);
        }
        let holding = self.holding_mut(resting.account, symbol);
        holding.open[resting.position_side as usize].remove(&resting);
        Some(resting)
    }

    /// DELETE `/fapi/v1/order`: of the book, or of those of the old route that wait for their trigger.
    pub(crate) fn cancel(
        &mut self,
        account: AccountId,
        symbol: SymbolIndex,
        order: &OrderRef,
    ) -> Result<OrderState, ExchangeError> {
        let index = self.index(symbol)?;
        let unknown = || VenueError::UnknownOrder.error();
        let found = self.orders.find(account, symbol, order).ok_or_else(unknown)?;
        let (id, side) = (found.order_id, found.side);
        if !self.cancel_waiting(index, id) {
            self.remove_resting(index, side, id).ok_or_else(unknown)?;
            self.end_order(id, OrderStatus::Canceled, ExpiryReason::None);
        }
        self.refresh_watch(index);
        Ok(self.orders.get(id).clone())
    }

    /// DELETE `/fapi/v1/allOpenOrders`.
    pub(crate) fn cancel_all(&mut self, account: AccountId, symbol: usize) {
        for id in self.open_ids(account, symbol) {
            // Each of them is open: nothing refuses.
            let cancelled = self.cancel(account, SymbolIndex(symbol as u16), &OrderRef::Id(id));
            debug_assert!(cancelled.is_ok(), "an open order can be cancelled");
        }
    }

    /// The orders of an account in a symbol that are in the book, and those that fill in parts.
    pub(crate) fn resting_of(&self, account: AccountId, symbol: usize) -> Vec<Resting> {
        let mut orders = self.markets[symbol].book.of(account);
        orders.extend(self.working_of(account, symbol));
        orders
    }

    /// The open orders of an account in a symbol, oldest first, with those of the old route that wait.
    pub(crate) fn open_ids(&self, account: AccountId, symbol: usize) -> Vec<OrderId> {
        let resting = self.resting_of(account, symbol).into_iter().map(|order| order.id);
        let mut ids: Vec<OrderId> =
            resting.chain(self.conditionals.open_orders(account, symbol)).collect();
        ids.sort();
        ids
    }
}

/// Whether a taker on `side` may trade at `price` if he would pay up to `worst`.
fn no_worse(side: Side, price: i64, worst: i64) -> bool {
    match side {
        Side::Buy => price <= worst,
        Side::Sell => price >= worst,
    }
}
