//! What the exchange does with a request that has arrived: one line for each.

use engine::{
    AccountId, AdlQuantile, AlgoOrderState, Answer, ExchangeError, OrderId, OrderRef, OrderState,
    PositionSide, QtyLots, Request, Side, SymbolIndex, SymbolInfo,
};

use crate::exchange::SimExchange;
use crate::wire::VenueError;

/// Orders of one batch.
const BATCH_MAX: usize = 5;
/// Cancellations of one batch.
const BATCH_CANCEL_MAX: usize = 10;

impl SimExchange {
    pub(crate) fn serve(
        &mut self,
        account: AccountId,
        request: Request,
    ) -> Result<Answer, ExchangeError> {
        if usize::from(account.0) >= self.accounts.len() {
            return Err(VenueError::RejectedApiKey.error());
        }
        self.check_open(&request)?;
        match request {
            Request::NewOrder(order) => self.place(account, order).map(answer),
            Request::TestOrder(order) => self.test(account, order).map(|()| Answer::Done),
            Request::BatchOrders(orders) => {
                if orders.is_empty() || orders.len() > BATCH_MAX {
                    return Err(VenueError::InvalidBatchSize.error());
                }
                let place = |order| self.place(account, order);
                Ok(Answer::Orders(orders.into_iter().map(place).collect()))
            }
            Request::CancelOrder { symbol, order } => {
                self.cancel(account, symbol, &order).map(answer)
            }
            Request::BatchCancel { symbol, orders } => {
                if orders.is_empty() || orders.len() > BATCH_CANCEL_MAX {
                    return Err(VenueError::ExceedMaxCancelOrders.error());
                }
                let cancel = |order: &OrderRef| self.cancel(account, symbol, order);
                Ok(Answer::Orders(orders.iter().map(cancel).collect()))
            }
            Request::CancelAllOpenOrders { symbol } => {
                let symbol = self.index(symbol)?;
                self.cancel_all(account, symbol);
                Ok(Answer::Done)
            }
            Request::QueryOrder { symbol, order } => {
                self.index(symbol)?;
                let order = self.orders.query(account, symbol, &order, self.now);
                order.cloned().map(answer).ok_or_else(|| VenueError::NoSuchOrder.error())
            }
            Request::OpenOrders { symbol } => self.open_orders(account, symbol),
            Request::PositionRisk => Ok(Answer::PositionRisk(self.position_risks(account))),
            Request::Account => Ok(Answer::Account(Box::new(self.balances(account)))),
            Request::ExchangeInfo => Ok(Answer::ExchangeInfo(self.exchange_info())),
            Request::SetLeverage { symbol, leverage } => {
                let symbol = self.index(symbol)?;
                self.set_leverage(account, symbol, leverage)
            }
            Request::SetMarginType { symbol, margin_type } => {
                let symbol = self.index(symbol)?;
                self.set_margin_type(account, symbol, margin_type)
            }
            Request::SetPositionMode { dual } => self.set_position_mode(account, dual),
            Request::ModifyPositionMargin { symbol, position_side, amount, add } => {
                let symbol = self.index(symbol)?;
                self.modify_position_margin(account, symbol, position_side, amount, add)
            }
            Request::AdlQuantile => Ok(Answer::AdlQuantile(self.adl_quantiles(account))),
            Request::ModifyOrder(change) => self.modify(account, &change).map(answer),
            Request::BatchModify(changes) => {
                if changes.is_empty() || changes.len() > BATCH_MAX {
                    return Err(VenueError::InvalidBatchSize.error());
                }
                let modify = |change| self.modify(account, change);
                Ok(Answer::Orders(changes.iter().map(modify).collect()))
            }
            Request::CountdownCancelAll { symbol, countdown } => {
                let symbol = self.index(symbol)?;
                if countdown.0 < 0 {
                    return Err(VenueError::InvalidParameter.naming(&[&"countdownTime"]));
                }
                self.set_countdown(account, symbol, countdown);
                Ok(Answer::Done)
            }
            Request::NewAlgoOrder(_)
            | Request::CancelAlgoOrder { .. }
            | Request::CancelAllAlgoOrders { .. }
            | Request::QueryAlgoOrder { .. }
            | Request::OpenAlgoOrders { .. }
                if !self.has_algo_service() =>
            {
                Err(VenueError::UnknownPath.naming(&[&"/fapi/v1/algoOrder", &"POST"]))
            }
            Request::NewAlgoOrder(order) => self.place_algo(account, order).map(algo_answer),
            Request::CancelAlgoOrder { order } => {
                self.cancel_algo(account, &order).map(algo_answer)
            }
            Request::CancelAllAlgoOrders { symbol } => {
                let symbol = self.index(symbol)?;
                self.cancel_algos(account, symbol);
                Ok(Answer::Done)
            }
            Request::QueryAlgoOrder { order } => {
                let order = self.conditionals.find_algo(account, &order);
                order.cloned().map(algo_answer).ok_or_else(|| VenueError::NoSuchOrder.error())
            }
            Request::OpenAlgoOrders { symbol } => self.open_algos(account, symbol),
            Request::SetMultiAssetsMode { multi_assets } => {
                self.set_multi_assets_mode(account, multi_assets)
            }
        }
    }

    pub(crate) fn index(&self, symbol: SymbolIndex) -> Result<usize, ExchangeError> {
        let index = usize::from(symbol.0);
        if index < self.markets.len() { Ok(index) } else { Err(VenueError::InvalidSymbol.error()) }
    }

    /// One symbol, or all of them.
    pub(crate) fn indices(
        &self,
        symbol: Option<SymbolIndex>,
    ) -> Result<std::ops::Range<usize>, ExchangeError> {
        match symbol {
            Some(symbol) => self.index(symbol).map(|index| index..index + 1),
            None => Ok(0..self.markets.len()),
        }
    }

    fn open_orders(
        &self,
        account: AccountId,
        symbol: Option<SymbolIndex>,
    ) -> Result<Answer, ExchangeError> {
        let wanted = self.indices(symbol)?;
        let mut ids: Vec<OrderId> =
            wanted.flat_map(|symbol| self.open_ids(account, symbol)).collect();
        ids.sort();
        Ok(Answer::Orders(ids.iter().map(|id| Ok(self.orders.get(*id).clone())).collect()))
    }

    fn exchange_info(&self) -> Vec<SymbolInfo> {
        let row = |(n, market): (usize, &crate::exchange::Market)| SymbolInfo {
            name: market.rules.rules.symbol,
            symbol: SymbolIndex(n as u16),
            trading: market.state.is_trading(),
            tick_size: market.rules.tick,
            step_size: market.rules.step,
            min_qty: QtyLots(market.rules.min_qty),
            market_max_qty: QtyLots(market.rules.market_max_qty),
            min_notional: market.rules.rules.min_notional,
            max_leverage: market.rules.max_leverage(),
        };
        self.markets.iter().enumerate().map(row).collect()
    }

    /// Fifths of the queue; the last of it is 0.
    pub(crate) fn adl_quantiles(&self, account: AccountId) -> Vec<AdlQuantile> {
        let mut rows = Vec::new();
        for symbol in 0..self.markets.len() {
            for side in [Side::Buy, Side::Sell] {
                let queue = self.adl_queue(symbol, side);
                let of_account = |(id, _): &(AccountId, PositionSide)| *id == account;
                for (place, (_, position_side)) in
                    queue.iter().enumerate().filter(|(_, entry)| of_account(entry))
                {
                    let behind = queue.len() - 1 - place;
                    rows.push(AdlQuantile {
                        symbol: SymbolIndex(symbol as u16),
                        position_side: *position_side,
                        quantile: crate::adl::quantile(behind, queue.len()),
                    });
                }
            }
        }
        rows
    }
}

fn algo_answer(order: AlgoOrderState) -> Answer {
    Answer::AlgoOrder(Box::new(order))
}

fn answer(order: OrderState) -> Answer {
    Answer::Order(Box::new(order))
}
