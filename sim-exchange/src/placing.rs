//! A new order: checked, then accepted, matched and laid into the book. Cancelling.

use engine::{
    AccountId, ExchangeError, ExecutionType, ExpiryReason, NewOrder, OrderId, OrderRef, OrderState,
    OrderStatus, OrderType, PositionSide, PriceMatch, QtyLots, SelfTradePrevention, Side,
    SymbolIndex, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;

use crate::accounts::reduces;
use crate::book::Resting;
use crate::exchange::SimExchange;
use crate::margin::requirement;
use crate::matching::Against;
use crate::orders::refusal::error;
use crate::orders::{check_filters, check_parameters, check_position_side, check_reduce_only};

/// An order that nothing refuses any more.
pub(crate) struct Checked {
    symbol: usize,
    qty: i64,
    /// The market's price, if the order takes at once.
    takes_at: Option<i64>,
    /// It meets an order of the book.
    crosses_book: bool,
}

impl SimExchange {
    pub(crate) fn place(
        &mut self,
        account: AccountId,
        order: NewOrder,
    ) -> Result<OrderState, ExchangeError> {
        let checked = self.check(account, &order)?;
        Ok(self.accept(account, order, checked))
    }

    /// All that can refuse an order; nothing changes.
    pub(crate) fn check(
        &self,
        account: AccountId,
        order: &NewOrder,
    ) -> Result<Checked, ExchangeError> {
        let qty = check_parameters(order)?;
        let symbol = self.index(order.symbol)?;
        let market = &self.markets[symbol];
        let mark = self.mark(symbol);
        check_filters(&market.rules, order, qty, mark)?;
        let owner = self.account(account);
        let position_side = check_position_side(owner.dual, order)?;
        if owner.liquidating {
            return Err(error(-2023, "User in liquidation mode now."));
        }
        let holding = &owner.holdings[symbol];
        if holding.open_count() >= market.rules.rules.max_num_orders {
            return Err(error(-2025, "Reach max open order limit."));
        }
        let same = self.orders.newest(account, order.symbol, &order.client_order_id);
        if same.is_some_and(|o| !o.status.is_terminal()) {
            return Err(error(-4116, "clientOrderId is duplicated"));
        }
        let open = &holding.open[position_side as usize];
        let held = holding.position(position_side).qty;
        check_reduce_only(order, position_side, qty, held, open.reduce_qty(order.side))?;
        let (takes_at, crosses_book) = self.takes_at(symbol, order, mark)?;
        let own_price = order.price.map(|p| p.0);
        let valued_at = takes_at.or(own_price);
        let valued_at = valued_at.ok_or_else(|| error(-1112, "No orders on book for symbol."))?;
        if !reduces(order.side, position_side, order.reduces()) {
            let mark = mark.unwrap_or(valued_at);
            self.check_margin(account, symbol, position_side, order.side, qty, valued_at, mark)?;
        }
        Ok(Checked { symbol, qty, takes_at, crosses_book })
    }

    /// The market's price at which the order takes at once, if it does, and whether it meets an order of
    /// the book.
    fn takes_at(
        &self,
        symbol: usize,
        order: &NewOrder,
        mark: Option<i64>,
    ) -> Result<(Option<i64>, bool), ExchangeError> {
        let taker = self.taker_price(symbol, order.side);
        let best = self.markets[symbol].book.best_against(order.side).map(|resting| resting.price);
        if order.order_type == OrderType::Market {
            let empty = || error(-1112, "No orders on book for symbol.");
            let price = taker.ok_or_else(empty)?;
            let mark = Decimal::from(mark.ok_or_else(empty)?);
            let bound = mark * self.markets[symbol].rules.rules.market_take_bound;
            let away = (Decimal::from(price) - mark) * Decimal::from(order.side.sign());
            if away > bound {
                let text =
                    "The counterparty's best price does not meet the PERCENT_PRICE filter limit";
                return Err(error(-4131, text));
            }
            return Ok((Some(price), best.is_some()));
        }
        let limit = order.price.map_or(0, |p| p.0);
        let within = |price: &i64| match order.side {
            Side::Buy => limit >= *price,
            Side::Sell => limit <= *price,
        };
        let (crossed, meets) = (taker.filter(within), best.filter(within).is_some());
        match order.time_in_force {
            Some(TimeInForce::Gtx) if crossed.is_some() || meets => {
                let text = "Due to the order could not be executed as maker, the Post Only order will be rejected.";
                Err(error(-5022, text))
            }
            Some(TimeInForce::Fok) if crossed.is_none() && !self.book_fills(symbol, order) => {
                let text = "Due to the order could not be filled immediately, the FOK order has been rejected.";
                Err(error(-5021, text))
            }
            _ => Ok((crossed, meets)),
        }
    }

    /// Whether the orders of the book alone fill the order within its limit.
    fn book_fills(&self, symbol: usize, order: &NewOrder) -> bool {
        let limit = order.price.map_or(0, |p| p.0);
        let resting = self.markets[symbol].book.against(order.side).iter();
        let within = resting.filter(|other| match order.side {
            Side::Buy => other.price <= limit,
            Side::Sell => other.price >= limit,
        });
        let lots: i64 = within.map(|other| other.qty).sum();
        order.quantity.is_some_and(|quantity| lots >= quantity.0)
    }

    /// -2027 and -2019. Orders that can only reduce need neither.
    #[allow(clippy::too_many_arguments)] // One line of a form, not a decision.
    fn check_margin(
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
            let text = "Exceeded the maximum allowable position at current leverage.";
            return Err(error(-2027, text));
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
        if increase + open_loss > self.balances(account).available_balance {
            return Err(error(-2019, "Margin is insufficient."));
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

    /// From here on nothing refuses the order any more.
    fn accept(&mut self, account: AccountId, order: NewOrder, checked: Checked) -> OrderState {
        let Checked { symbol, qty, takes_at, crosses_book } = checked;
        let (side, price) = (order.side, order.price.map(|p| p.0));
        let (order_type, time_in_force) = (order.order_type, order.time_in_force);
        let id = self.add_order(account, order, qty);
        self.send_order(id, ExecutionType::New, false);
        let takes = takes_at.is_some() || crosses_book;
        let filled = if takes {
            self.take(symbol, id, price, takes_at, qty, Against::MarketMaker)
        } else {
            0
        };
        let left = qty - filled;
        let state = self.orders.get(id);
        if left == 0 || state.status.is_terminal() {
            return state.clone();
        }
        if state.reduce_only && self.executable(id, left) == 0 {
            // It could only have opened a position.
            self.expire(id, ExpiryReason::ReduceOnlyKnockedOut);
        } else if order_type == OrderType::Market {
            self.expire(id, ExpiryReason::MarketRest);
        } else if matches!(time_in_force, Some(TimeInForce::Ioc | TimeInForce::Fok)) {
            self.expire(id, ExpiryReason::IocRest);
        } else {
            self.rest(account, symbol, id, side, price.unwrap_or(0), left);
        }
        self.orders.get(id).clone()
    }

    fn rest(
        &mut self,
        account: AccountId,
        symbol: usize,
        id: OrderId,
        side: Side,
        price: i64,
        qty: i64,
    ) {
        assert!(price > 0, "only an order with a price rests");
        let (position_side, reduce_only) = {
            let order = self.orders.get(id);
            (order.position_side, order.reduce_only)
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
        let resting = self.markets[symbol].book.remove(side, id)?;
        let holding = self.holding_mut(resting.account, symbol);
        holding.open[resting.position_side as usize].remove(&resting);
        Some(resting)
    }

    pub(crate) fn cancel(
        &mut self,
        account: AccountId,
        symbol: SymbolIndex,
        order: &OrderRef,
    ) -> Result<OrderState, ExchangeError> {
        let index = self.index(symbol)?;
        let unknown = || error(-2011, "Unknown order sent.");
        let found = self.orders.find(account, symbol, order).ok_or_else(unknown)?;
        let (id, side) = (found.order_id, found.side);
        self.remove_resting(index, side, id).ok_or_else(unknown)?;
        self.end_order(id, OrderStatus::Canceled, ExpiryReason::None);
        self.refresh_watch(index);
        Ok(self.orders.get(id).clone())
    }
}
