//! What the exchange does with a request that has arrived.

use engine::{
    AccountBalance, Answer, ExchangeError, ExecutionType, ExpiryReason, NewOrder, OrderId,
    OrderRef, OrderState, OrderStatus, OrderType, PositionSide, PriceMatch, QtyLots, Request,
    SelfTradePrevention, Side, SymbolIndex, SymbolInfo, TimeInForce, UserEvent, WorkingType,
};
use rust_decimal::Decimal;

use crate::book::Resting;
use crate::exchange::SimExchange;
use crate::margin::requirement;
use crate::matching::Against;
use crate::orders::refusal::{self, error, invalid_symbol};
use crate::orders::{check_filters, check_parameters, check_reduce_only};

impl SimExchange {
    pub(crate) fn serve(&mut self, request: Request) -> Result<Answer, ExchangeError> {
        match request {
            Request::NewOrder(order) => {
                self.place(order).map(|order| Answer::Order(Box::new(order)))
            }
            Request::BatchOrders(orders) => {
                if orders.is_empty() || orders.len() > 5 {
                    return Err(error(-4082, "Invalid number of batch place orders."));
                }
                Ok(Answer::Orders(orders.into_iter().map(|order| self.place(order)).collect()))
            }
            Request::CancelOrder { symbol, order } => {
                self.cancel(symbol, &order).map(|order| Answer::Order(Box::new(order)))
            }
            Request::BatchCancel { symbol, orders } => {
                if orders.is_empty() || orders.len() > 10 {
                    return Err(error(-4032, "Exceed maximum cancel order size."));
                }
                Ok(Answer::Orders(orders.iter().map(|id| self.cancel(symbol, id)).collect()))
            }
            Request::CancelAllOpenOrders { symbol } => {
                let index = self.index(symbol)?;
                while let Some(resting) = self.symbols[index].book.oldest() {
                    self.cancel(symbol, &OrderRef::Id(resting.id))?;
                }
                Ok(Answer::Done)
            }
            Request::QueryOrder { symbol, order } => {
                self.index(symbol)?;
                let order = self.orders.find(symbol, &order);
                let order = order.ok_or_else(|| error(-2013, "Order does not exist."))?;
                Ok(Answer::Order(Box::new(order.clone())))
            }
            Request::OpenOrders { symbol } => {
                let all = 0..self.symbols.len();
                let wanted = match symbol {
                    Some(symbol) => {
                        let index = self.index(symbol)?;
                        index..index + 1
                    }
                    None => all,
                };
                let mut ids: Vec<OrderId> =
                    wanted.flat_map(|symbol| self.symbols[symbol].book.ids()).collect();
                ids.sort();
                Ok(Answer::Orders(ids.iter().map(|id| Ok(self.orders.get(*id).clone())).collect()))
            }
            Request::PositionRisk => Ok(Answer::PositionRisk(self.position_risks())),
            Request::Account => Ok(Answer::Account(self.account())),
            Request::ExchangeInfo => Ok(Answer::ExchangeInfo(self.exchange_info())),
            Request::SetLeverage { symbol, leverage } => self.set_leverage(symbol, leverage),
            // What this exchange does not know yet answers as a path that does not exist.
            other => Err(refusal::unknown_path(&other)),
        }
    }

    fn index(&self, symbol: SymbolIndex) -> Result<usize, ExchangeError> {
        let index = usize::from(symbol.0);
        if index < self.symbols.len() { Ok(index) } else { Err(invalid_symbol()) }
    }

    fn place(&mut self, order: NewOrder) -> Result<OrderState, ExchangeError> {
        let quantity = check_parameters(&order)?;
        let symbol = self.index(order.symbol)?;
        let state = &self.symbols[symbol];
        let mark = self.mark(symbol);
        check_filters(&state.rules, &order, quantity, mark)?;
        if self.liquidating {
            return Err(error(-2023, "User in liquidation mode now."));
        }
        if state.book.len() >= state.rules.rules.max_num_orders {
            return Err(error(-2025, "Reach max open order limit."));
        }
        let same = self.orders.newest(order.symbol, &order.client_order_id);
        if same.is_some_and(|o| !o.status.is_terminal()) {
            return Err(error(-4116, "clientOrderId is duplicated"));
        }
        check_reduce_only(&order, state.position.qty, state.book.reduce_qty(order.side))?;
        let takes_at = self.takes_at(symbol, &order, mark)?;
        let valued_at = takes_at.or(order.price.map(|p| p.0));
        let valued_at = valued_at.ok_or_else(|| error(-1112, "No orders on book for symbol."))?;
        self.check_margin(symbol, &order, quantity, valued_at, mark.unwrap_or(valued_at))?;
        Ok(self.accept(symbol, order, quantity, takes_at))
    }

    /// The price at which the order takes at once; none if it does not.
    fn takes_at(
        &self,
        symbol: usize,
        order: &NewOrder,
        mark: Option<i64>,
    ) -> Result<Option<i64>, ExchangeError> {
        let taker = self.taker_price(symbol, order.side);
        if order.order_type == OrderType::Market {
            let empty = || error(-1112, "No orders on book for symbol.");
            let price = taker.ok_or_else(empty)?;
            let mark = Decimal::from(mark.ok_or_else(empty)?);
            let bound = mark * self.symbols[symbol].rules.rules.market_take_bound;
            let away = (Decimal::from(price) - mark) * Decimal::from(order.side.sign());
            if away > bound {
                let text =
                    "The counterparty's best price does not meet the PERCENT_PRICE filter limit";
                return Err(error(-4131, text));
            }
            return Ok(Some(price));
        }
        let limit = order.price.map_or(0, |p| p.0);
        let crossed = taker.filter(|price| match order.side {
            Side::Buy => limit >= *price,
            Side::Sell => limit <= *price,
        });
        match (order.time_in_force, crossed) {
            (Some(TimeInForce::Gtx), Some(_)) => {
                let text = "Due to the order could not be executed as maker, the Post Only order will be rejected.";
                Err(error(-5022, text))
            }
            (Some(TimeInForce::Fok), None) => {
                let text = "Due to the order could not be filled immediately, the FOK order has been rejected.";
                Err(error(-5021, text))
            }
            (_, crossed) => Ok(crossed),
        }
    }

    /// -2027 and -2019. Reduce-only orders need neither.
    fn check_margin(
        &self,
        symbol: usize,
        order: &NewOrder,
        quantity: i64,
        price: i64,
        mark: i64,
    ) -> Result<(), ExchangeError> {
        if order.reduces() {
            return Ok(());
        }
        let state = &self.symbols[symbol];
        let (rules, book) = (&state.rules, &state.book);
        let (resting, sign) = match order.side {
            Side::Buy => (book.bids_qty, 1),
            Side::Sell => (book.asks_qty, -1),
        };
        let exposure = sign * state.position.qty + resting + quantity;
        let higher = price.max(mark);
        let too_much = exposure > 0
            && (!rules.notional_fits(higher, exposure)
                || rules.notional(higher, exposure) > rules.max_notional(state.leverage));
        if too_much {
            let text = "Exceeded the maximum allowable position at current leverage.";
            return Err(error(-2027, text));
        }
        let value = rules.notional(price, quantity);
        let position = rules.notional(mark, state.position.qty);
        let (bids, asks) = (book.bids_notional, book.asks_notional);
        let before = requirement(position, bids, asks, state.leverage);
        let after = match order.side {
            Side::Buy => requirement(position, bids + value, asks, state.leverage),
            Side::Sell => requirement(position, bids, asks + value, state.leverage),
        };
        let increase = after - before;
        if increase <= Decimal::ZERO {
            return Ok(());
        }
        let worth = rules.notional(mark, quantity);
        let open_loss = (Decimal::from(sign) * (value - worth)).max(Decimal::ZERO);
        if increase + open_loss > self.account().available_balance {
            return Err(error(-2019, "Margin is insufficient."));
        }
        Ok(())
    }

    /// From here on nothing refuses the order any more.
    fn accept(
        &mut self,
        symbol: usize,
        order: NewOrder,
        qty: i64,
        takes_at: Option<i64>,
    ) -> OrderState {
        let id = self.orders.next_id();
        let (side, reduce_only) = (order.side, order.reduces());
        self.orders.add(OrderState {
            order_id: id,
            client_order_id: order.client_order_id,
            symbol: order.symbol,
            side,
            position_side: PositionSide::Both,
            order_type: order.order_type,
            orig_type: order.order_type,
            time_in_force: order.time_in_force.unwrap_or(TimeInForce::Gtc),
            orig_qty: QtyLots(qty),
            executed_qty: QtyLots(0),
            cum_quote: Decimal::ZERO,
            price: order.price,
            trigger_price: None,
            reduce_only,
            close_position: false,
            working_type: order.working_type.unwrap_or(WorkingType::ContractPrice),
            price_protect: order.price_protect,
            price_match: PriceMatch::None,
            self_trade_prevention: order
                .self_trade_prevention
                .unwrap_or(SelfTradePrevention::ExpireMaker),
            good_till_date: order.good_till_date,
            status: OrderStatus::New,
            expiry_reason: ExpiryReason::None,
            time: self.now,
            update_time: self.now,
        });
        self.symbols[symbol].counts.orders += 1;
        self.send_order(id, ExecutionType::New, false);
        if let Some(price) = takes_at {
            let fills = if reduce_only { self.reducible(symbol, side, qty) } else { qty };
            self.execute(symbol, id, price, fills, Against::MarketMaker);
            if fills < qty {
                self.expire(id, ExpiryReason::ReduceOnlyKnockedOut);
            }
        } else if order.time_in_force == Some(TimeInForce::Ioc) {
            self.expire(id, ExpiryReason::IocRest);
        } else {
            let price = order.price.map_or(0, |p| p.0);
            assert!(price > 0, "only an order with a price rests");
            let state = &mut self.symbols[symbol];
            let notional = state.rules.notional(price, qty);
            state.book.insert(Resting { id, side, price, qty, reduce_only, notional });
            self.refresh_watch(symbol);
        }
        self.orders.get(id).clone()
    }

    fn cancel(&mut self, symbol: SymbolIndex, id: &OrderRef) -> Result<OrderState, ExchangeError> {
        let index = self.index(symbol)?;
        let unknown = || error(-2011, "Unknown order sent.");
        let found = self.orders.find(symbol, id).ok_or_else(unknown)?;
        let (id, side) = (found.order_id, found.side);
        self.symbols[index].book.remove(side, id).ok_or_else(unknown)?;
        self.end_order(id, OrderStatus::Canceled, ExpiryReason::None);
        self.refresh_watch(index);
        Ok(self.orders.get(id).clone())
    }

    fn set_leverage(
        &mut self,
        symbol: SymbolIndex,
        leverage: u32,
    ) -> Result<Answer, ExchangeError> {
        let index = self.index(symbol)?;
        let state = &self.symbols[index];
        if leverage == 0 || leverage > state.rules.max_leverage() {
            return Err(error(-4028, &format!("Leverage {leverage} is not valid")));
        }
        let (bids, asks) = (state.book.bids_notional, state.book.asks_notional);
        let position = state.rules.notional(self.mark_or_zero(index), state.position.qty);
        let held = (position + bids).abs().max((position - asks).abs());
        if held > state.rules.max_notional(leverage) {
            let text = "Exceeded the maximum allowable position at current leverage.";
            return Err(error(-2027, text));
        }
        let more = requirement(position, bids, asks, leverage)
            - requirement(position, bids, asks, state.leverage);
        if more > Decimal::ZERO && more > self.account().available_balance {
            let text = "Leverage is smaller than permitted: insufficient margin balance.";
            return Err(error(-2028, text));
        }
        self.symbols[index].leverage = leverage;
        let max_notional = self.symbols[index].rules.max_notional(leverage);
        self.send_user(UserEvent::LeverageUpdate { symbol, leverage });
        Ok(Answer::Leverage { symbol, leverage, max_notional })
    }

    fn exchange_info(&self) -> Vec<SymbolInfo> {
        let row = |(n, state): (usize, &crate::exchange::SymbolState)| SymbolInfo {
            name: state.rules.rules.symbol,
            symbol: SymbolIndex(n as u16),
            trading: true,
            tick_size: state.rules.tick,
            step_size: state.rules.step,
            min_qty: QtyLots(state.rules.min_qty),
            market_max_qty: QtyLots(state.rules.market_max_qty),
            min_notional: state.rules.rules.min_notional,
            max_leverage: state.rules.max_leverage(),
        };
        self.symbols.iter().enumerate().map(row).collect()
    }

    /// The account as it stands.
    pub fn account(&self) -> AccountBalance {
        use crate::account::cut8;
        let sums = self.account_margin();
        let wallet = self.wallet_balance();
        let initial = self.initial_margin();
        let free = wallet + sums.unrealized - initial;
        let of_positions = self.position_initial_margin();
        AccountBalance {
            wallet_balance: wallet,
            cross_wallet_balance: wallet,
            unrealized_profit: cut8(sums.unrealized),
            cross_unrealized_profit: cut8(sums.unrealized),
            margin_balance: cut8(wallet + sums.unrealized),
            available_balance: cut8(free.max(Decimal::ZERO)),
            max_withdraw: cut8((wallet - sums.maintenance).min(free).max(Decimal::ZERO)),
            initial_margin: cut8(initial),
            position_initial_margin: cut8(of_positions),
            open_order_initial_margin: cut8(initial - of_positions),
            maint_margin: cut8(sums.maintenance),
        }
    }
}
