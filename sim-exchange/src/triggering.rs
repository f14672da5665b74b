//! Conditional orders at the exchange: placed, triggered, cancelled, ended; on the old route and in the
//! algo service.

use engine::{
    AccountId, AlgoId, AlgoOrderState, AlgoRef, AlgoStatus, Answer, ExchangeError, ExecutionType,
    ExpiryReason, NewOrder, OrderId, OrderState, OrderStatus, OrderType, PositionSide, QtyLots,
    Side, SymbolIndex, TimeInForce, UserEvent, WorkingType,
};
use rust_decimal::Decimal;

use crate::conditional::{Owner, Trigger, Waiting, accepted, actual, is_over};
use crate::exchange::SimExchange;
use crate::order_checks::{
    check_conditional, check_position_side, check_precision, check_price_filter, check_quantity,
    check_stop_limit, kept,
};
use crate::venue_clock::Due;
use crate::wire::VenueError;

/// Open conditional orders of an account in the algo service, over all symbols.
const ALGO_ORDERS_MAX: usize = 200;

impl SimExchange {
    /// A conditional order on the order route: refused since the algo service came.
    pub(crate) fn place_conditional(
        &mut self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<OrderState, ExchangeError> {
        let (symbol, trigger) = self.check_trigger(account, &order)?;
        let order = kept(order);
        let limit = self.markets[symbol].rules.rules.max_num_algo_orders;
        if self.conditionals.open_orders(account, symbol).len() >= limit {
            return Err(VenueError::MaxStopOrders.error());
        }
        self.check_order_id(account, &order)?;
        let qty = order.quantity.map_or(0, |quantity| quantity.0);
        let id = self.add_order(account, order.clone(), qty);
        self.send_order(id, ExecutionType::New, false);
        if let Some(end) = order.good_till_date {
            self.clock.push(end, Due::GoodTill(id));
        }
        let owner = Owner::Order(id);
        let working_type = order.working_type.unwrap_or(WorkingType::ContractPrice);
        self.conditionals.wait(symbol, Waiting { owner, account, working_type, trigger, order });
        Ok(self.orders.get(id).clone())
    }

    /// POST `/fapi/v1/algoOrder`.
    pub(crate) fn place_algo(
        &mut self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<AlgoOrderState, ExchangeError> {
        if !order.order_type.is_conditional() {
            return Err(VenueError::InvalidOrderType.error());
        }
        let (symbol, trigger) = self.check_trigger(account, &order)?;
        let order = kept(order);
        if self.conditionals.count_algos(account) >= ALGO_ORDERS_MAX {
            return Err(VenueError::MaxStopOrders.error());
        }
        let same = AlgoRef::Client(order.client_order_id.clone());
        if self.conditionals.find_algo(account, &same).is_some_and(|algo| algo.status.is_open()) {
            return Err(VenueError::DuplicateClientOrderId.error());
        }
        let id = self.conditionals.next_algo_id();
        if let Some(end) = order.good_till_date {
            self.clock.push(end, Due::AlgoGoodTill(id));
        }
        let working_type = order.working_type.unwrap_or(WorkingType::ContractPrice);
        self.conditionals.add_algo(account, accepted(id, order.clone(), self.now));
        let owner = Owner::Algo(id);
        self.conditionals.wait(symbol, Waiting { owner, account, working_type, trigger, order });
        self.send_algo(id);
        Ok(self.conditionals.algo(id).clone())
    }

    /// All that can refuse a conditional order before its trigger. There is no check of margin.
    pub(crate) fn check_trigger(
        &self,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<(usize, Trigger), ExchangeError> {
        check_conditional(order, self.now)?;
        let symbol = self.index(order.symbol)?;
        self.check_trading(symbol)?;
        let rules = &self.markets[symbol].rules;
        check_precision(rules, order)?;
        let (price, at) = (order.price.map(|p| p.0), order.trigger_price.map(|p| p.0));
        for price in [price, at, order.activate_price.map(|p| p.0)].into_iter().flatten() {
            check_price_filter(rules, price)?;
        }
        if let (Some(price), Some(at)) = (price, at) {
            check_stop_limit(rules, order.side, price, at)?;
        }
        if let Some(quantity) = order.quantity.filter(|_| !order.close_position) {
            check_quantity(rules, order, quantity.0)?;
        }
        let owner = self.account(account);
        let position_side = check_position_side(owner.dual, order)?;
        if owner.liquidating {
            return Err(VenueError::UserInLiquidation.error());
        }
        let opens = matches!(
            (position_side, order.side),
            (PositionSide::Long, Side::Buy) | (PositionSide::Short, Side::Sell)
        );
        if order.close_position && opens {
            return Err(VenueError::PositionSideNotMatch.error());
        }
        if order.close_position && self.conditionals.closes_already(account, symbol, order) {
            return Err(VenueError::ClosePositionExists.error());
        }
        let held = owner.holdings[symbol].position(position_side).qty;
        if order.reduces() && held.signum() != -order.side.sign() {
            return Err(VenueError::ReduceOnlyRejected.error());
        }
        let latest = self.latest(symbol, order.working_type.unwrap_or(WorkingType::ContractPrice));
        let mut trigger = Trigger::of(order, latest);
        // A trailing stop that is behind its activation is refused as one that would trigger at once.
        let behind = match (order.activate_price, latest, order.side) {
            (Some(at), Some(latest), Side::Buy) => latest <= at.0,
            (Some(at), Some(latest), Side::Sell) => latest >= at.0,
            _ => false,
        };
        if behind || latest.is_some_and(|price| trigger.sees(price)) {
            return Err(VenueError::WouldImmediatelyTrigger.error());
        }
        Ok((symbol, trigger))
    }

    /// The price that a trigger looks at; none before the first market event.
    fn latest(&self, symbol: usize, working_type: WorkingType) -> Option<i64> {
        match working_type {
            WorkingType::MarkPrice => self.mark(symbol),
            WorkingType::ContractPrice => Some(self.watch[symbol].last).filter(|last| *last > 0),
        }
    }

    /// Fires all that the present prices trigger.
    pub(crate) fn trigger_conditionals(&mut self, symbol: usize) {
        if self.conditionals.waiting(symbol).is_empty() || self.stands_still(symbol) {
            return;
        }
        let last = self.latest(symbol, WorkingType::ContractPrice);
        while let Some(waiting) = self.conditionals.triggered(symbol, last, self.mark(symbol)) {
            self.fire(symbol, waiting);
        }
    }

    fn fire(&mut self, symbol: usize, waiting: Waiting) {
        let Waiting { owner, account, order, .. } = waiting;
        let order = match self.order_of_trigger(account, symbol, order) {
            Ok(order) => order,
            Err(reason) => return self.end_waiting(owner, AlgoStatus::Expired, reason),
        };
        match owner {
            Owner::Algo(id) => self.fire_algo(account, id, order),
            Owner::Order(id) => self.fire_order(account, symbol, id, order),
        }
    }

    /// The plain order that a trigger places, or why it places none.
    fn order_of_trigger(
        &self,
        account: AccountId,
        symbol: usize,
        order: NewOrder,
    ) -> Result<NewOrder, &'static str> {
        if order.price_protect && self.is_protected(symbol) {
            return Err("mark price and last price are too far apart");
        }
        let order_type =
            if order.order_type.has_price() { OrderType::Limit } else { OrderType::Market };
        let is_limit = order_type == OrderType::Limit;
        // What was bound to the position while it waited is an order like another from now on (a choice).
        let time_in_force = match order.time_in_force {
            None | Some(TimeInForce::GteGtc) => TimeInForce::Gtc,
            Some(stated) => stated,
        };
        let mut plain = NewOrder {
            order_type,
            time_in_force: is_limit.then_some(time_in_force),
            close_position: false,
            price_protect: false,
            trigger_price: None,
            activate_price: None,
            callback_rate: None,
            working_type: None,
            ..order
        };
        if order.close_position {
            let side = order.position_side.unwrap_or(PositionSide::Both);
            let held = self.holding(account, symbol).position(side).qty;
            if held.signum() != -order.side.sign() {
                return Err("the position is gone");
            }
            plain.quantity = Some(QtyLots(held.abs()));
            plain.reduce_only = (side == PositionSide::Both).then_some(true);
        }
        Ok(plain)
    }

    /// triggerProtect: too far apart are mark and last price, as a share of the mark (unverified).
    fn is_protected(&self, symbol: usize) -> bool {
        let last = Decimal::from(self.watch[symbol].last);
        let mark = Decimal::from(self.mark_or_zero(symbol));
        let protect = self.markets[symbol].rules.rules.trigger_protect;
        (mark - last).abs() > mark * protect
    }

    fn fire_algo(&mut self, account: AccountId, id: AlgoId, order: NewOrder) {
        self.conditionals.algo_mut(id).trigger_time = Some(self.now);
        self.set_algo(id, AlgoStatus::Triggering);
        let free = self.check_order_id(account, &order);
        match free.and_then(|()| self.check_triggered(account, order)) {
            Err(error) => {
                self.conditionals.algo_mut(id).reason = error.msg;
                self.set_algo(id, AlgoStatus::Rejected);
            }
            Ok(checked) => {
                let order = self.write_down(account, &checked);
                self.conditionals.placed(order, id);
                self.conditionals.algo_mut(id).actual = Some(actual(self.orders.get(order)));
                self.set_algo(id, AlgoStatus::Triggered);
                self.match_order(order, &checked);
            }
        }
    }

    /// On the old route the order keeps its id and becomes another: it ends as what it was, and is new as
    /// what it is.
    fn fire_order(&mut self, account: AccountId, symbol: usize, id: OrderId, order: NewOrder) {
        let checked = self.check_triggered(account, order);
        let time = self.now;
        match checked {
            Err(error) => {
                self.expire(id, ExpiryReason::None);
                let symbol = SymbolIndex(symbol as u16);
                let event =
                    UserEvent::ConditionalTriggerReject { symbol, order_id: id, reason: error.msg };
                self.send_user(account, event);
            }
            Ok(checked) => {
                let mut ended = self.orders.get(id).clone();
                ended.status = OrderStatus::Expired;
                ended.expiry_reason = ExpiryReason::Triggered;
                ended.update_time = time;
                self.send_user(account, order_event(ExecutionType::Expired, ended));
                let state = self.orders.get_mut(id);
                state.order_type = checked.order.order_type;
                state.price = checked.order.price;
                state.orig_qty = QtyLots(checked.qty);
                state.update_time = time;
                self.send_order(id, ExecutionType::New, false);
                self.match_order(id, &checked);
            }
        }
    }

    fn set_algo(&mut self, id: AlgoId, status: AlgoStatus) {
        let now = self.now;
        let algo = self.conditionals.algo_mut(id);
        assert!(!is_over(algo.status), "a conditional order ends once");
        (algo.status, algo.update_time) = (status, now);
        self.send_algo(id);
    }

    fn send_algo(&mut self, id: AlgoId) {
        let order = Box::new(self.conditionals.algo(id).clone());
        self.send_user(self.conditionals.algo_account(id), UserEvent::AlgoUpdate { order });
    }

    /// The order that a trigger placed has been filled, or has ended.
    pub(crate) fn end_of_placed(&mut self, id: OrderId) {
        let Some(algo) = self.conditionals.behind(id) else { return };
        let order = self.orders.get(id);
        let (now_actual, over) = (actual(order), order.status.is_terminal());
        self.conditionals.algo_mut(algo).actual = Some(now_actual);
        if over {
            self.conditionals.end_placed(id);
            self.set_algo(algo, AlgoStatus::Finished);
        }
    }

    /// Ends what has left the list of those that wait.
    fn end_waiting(&mut self, owner: Owner, status: AlgoStatus, reason: &str) {
        match owner {
            Owner::Algo(id) => {
                self.conditionals.algo_mut(id).reason = reason.into();
                self.set_algo(id, status);
            }
            Owner::Order(id) if status == AlgoStatus::Canceled => {
                self.end_order(id, OrderStatus::Canceled, ExpiryReason::None);
            }
            Owner::Order(id) => self.expire(id, ExpiryReason::None),
        }
    }

    /// Ends all that an account has waiting in a symbol.
    pub(crate) fn expire_conditionals(
        &mut self,
        account: AccountId,
        symbol: usize,
        reason: ExpiryReason,
    ) {
        let own = self.conditionals.waiting(symbol).iter().filter(|w| w.account == account);
        let owners: Vec<Owner> = own.map(|waiting| waiting.owner).collect();
        for owner in owners {
            self.conditionals.remove(symbol, owner);
            match owner {
                Owner::Algo(_) => {
                    self.end_waiting(owner, AlgoStatus::Expired, "expired by the venue")
                }
                Owner::Order(id) => self.expire(id, reason),
            }
        }
    }

    /// A position of this direction is gone: what waited for as long as it is there ends with it.
    pub(crate) fn expire_bound(
        &mut self,
        account: AccountId,
        symbol: usize,
        position_side: PositionSide,
        direction: i64,
    ) {
        let own = self.conditionals.waiting(symbol).iter().filter(|waiting| {
            let side = waiting.order.position_side.unwrap_or(PositionSide::Both);
            let closes = waiting.order.side.sign() == -direction;
            waiting.account == account && side == position_side && closes && waiting.is_bound()
        });
        let owners: Vec<Owner> = own.map(|waiting| waiting.owner).collect();
        for owner in owners {
            self.conditionals.remove(symbol, owner);
            match owner {
                Owner::Algo(_) => {
                    self.end_waiting(owner, AlgoStatus::Expired, "the position is gone")
                }
                Owner::Order(id) => self.expire(id, ExpiryReason::ConditionGone),
            }
        }
    }

    pub(crate) fn algo_good_till(&mut self, id: AlgoId) {
        // One that ended long ago may have been forgotten.
        let Some(symbol) = self.conditionals.symbol_of(id) else { return };
        if self.conditionals.remove(symbol, Owner::Algo(id)).is_some() {
            self.end_waiting(Owner::Algo(id), AlgoStatus::Expired, "good till date");
            self.refresh_watch(symbol);
        }
    }

    /// DELETE `/fapi/v1/algoOrder`.
    pub(crate) fn cancel_algo(
        &mut self,
        account: AccountId,
        order: &AlgoRef,
    ) -> Result<AlgoOrderState, ExchangeError> {
        let unknown = || VenueError::UnknownOrder.error();
        let found = self.conditionals.find_algo(account, order).ok_or_else(unknown)?;
        let (id, symbol) = (found.algo_id, usize::from(found.order.symbol.0));
        self.conditionals.remove(symbol, Owner::Algo(id)).ok_or_else(unknown)?;
        self.end_waiting(Owner::Algo(id), AlgoStatus::Canceled, "");
        Ok(self.conditionals.algo(id).clone())
    }

    /// DELETE `/fapi/v1/algoOpenOrders`.
    pub(crate) fn cancel_algos(&mut self, account: AccountId, symbol: usize) {
        let own = self.conditionals.waiting(symbol).iter().filter(|w| w.account == account);
        let owners: Vec<Owner> =
            own.map(|w| w.owner).filter(|owner| matches!(owner, Owner::Algo(_))).collect();
        for owner in owners {
            self.conditionals.remove(symbol, owner);
            self.end_waiting(owner, AlgoStatus::Canceled, "");
        }
    }

    /// Cancels an order of the old route that still waits.
    pub(crate) fn cancel_waiting(&mut self, symbol: usize, id: OrderId) -> bool {
        if self.conditionals.remove_order(symbol, id).is_none() {
            return false;
        }
        self.end_order(id, OrderStatus::Canceled, ExpiryReason::None);
        true
    }

    /// GET `/fapi/v1/openAlgoOrders`.
    pub(crate) fn open_algos(
        &self,
        account: AccountId,
        symbol: Option<SymbolIndex>,
    ) -> Result<Answer, ExchangeError> {
        let mut ids = Vec::new();
        for symbol in self.indices(symbol)? {
            ids.extend(self.conditionals.waiting(symbol).iter().filter_map(|waiting| {
                match waiting.owner {
                    Owner::Algo(id) if waiting.account == account => Some(id),
                    _ => None,
                }
            }));
        }
        ids.sort();
        Ok(Answer::AlgoOrders(ids.iter().map(|id| self.conditionals.algo(*id).clone()).collect()))
    }
}

fn order_event(execution: ExecutionType, order: OrderState) -> UserEvent {
    let order = Box::new(order);
    UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation: false }
}
