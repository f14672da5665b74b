//! What a user stream tells of our own orders: fills, payments of funding, ends. Of a live session and of a simulation
//! alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{
    AccountUpdateReason, AlgoId, Answer, ExchangeEvent, ExecutionType, Nanos, OrderId, Outcome,
    Side, UserEvent,
};
use rust_decimal::Decimal;

/// An order: place of its symbol, and the client order id of whoever placed it.
pub(crate) type OrderKey = (usize, Arc<str>);

/// A fill of one of our orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnFill {
    pub(crate) order: OrderKey,
    pub(crate) side: Side,
    /// By the venue's clock.
    pub(crate) time: Nanos,
    /// In units of the grid.
    pub(crate) price: i64,
    pub(crate) qty: i64,
    /// In USDT, above zero when paid.
    pub(crate) commission: Decimal,
    pub(crate) maker: bool,
}

/// A payment of funding, above zero when received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) time: Nanos,
    pub(crate) amount: Decimal,
}

/// What was told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    fills: Vec<(OrderId, OwnFill)>,
    trades: BTreeSet<(usize, u64)>,
    /// Orders that conditional orders have placed, and the ids of those.
    placed: BTreeMap<(usize, OrderId), Arc<str>>,
    /// Client ids of the venue's ids.
    pub(crate) names: BTreeMap<(usize, OrderId), Arc<str>>,
    pub(crate) algos: BTreeMap<AlgoId, Arc<str>>,
    /// When an order changed last, as far as it has ended.
    pub(crate) ended: BTreeMap<OrderKey, Nanos>,
    /// Filled so far, by what the venue says of the whole order.
    executed: BTreeMap<OrderKey, i64>,
    pub(crate) payments: Vec<Payment>,
    /// Changes of the balance that are neither trading nor funding.
    pub(crate) others: BTreeMap<&'static str, (u64, Decimal)>,
}

impl Own {
    /// Takes an event of the user stream, or an answer.
    pub(crate) fn hear(&mut self, event: &ExchangeEvent) {
        match event {
            ExchangeEvent::Response { outcome: Outcome::Done(answer), .. } => match answer {
                Answer::Order(order) => self.order(order),
                Answer::Orders(orders) => orders.iter().flatten().for_each(|o| self.order(o)),
                Answer::AlgoOrder(order) => self.algo(order),
                Answer::AlgoOrders(orders) => orders.iter().for_each(|o| self.algo(o)),
                _ => {}
            },
            ExchangeEvent::Response { .. } => {}
            ExchangeEvent::User { time, event, .. } => self.told(*time, event),
        }
    }

    fn told(&mut self, time: Nanos, event: &UserEvent) {
        match event {
            UserEvent::OrderTradeUpdate { execution, order, fill, .. } => {
                self.order(order);
                let trades = matches!(execution, ExecutionType::Trade | ExecutionType::Calculated);
                let Some(fill) = fill.as_ref().filter(|_| trades) else { return };
                let symbol = usize::from(order.symbol.0);
                // What was missed is asked for and told again.
                if !self.trades.insert((symbol, fill.trade_id)) {
                    return;
                }
                let own = OwnFill {
                    order: (symbol, Arc::clone(&order.client_order_id.0)),
                    side: order.side,
                    time: fill.time,
                    price: fill.price.0,
                    qty: fill.qty.0,
                    commission: fill.commission,
                    maker: fill.maker,
                };
                self.fills.push((order.order_id, own));
            }
            UserEvent::AlgoUpdate { order } => self.algo(order),
            UserEvent::AccountUpdate { reason, balance: Some(balance), .. } => {
                let amount = balance.balance_change;
                match reason {
                    AccountUpdateReason::Order => {}
                    AccountUpdateReason::FundingFee => self.payments.push(Payment { time, amount }),
                    other if !amount.is_zero() => {
                        let sum = self.others.entry(other.as_str()).or_default();
                        *sum = (sum.0 + 1, sum.1 + amount);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn order(&mut self, order: &engine::OrderState) {
        let symbol = usize::from(order.symbol.0);
        let name = Arc::clone(&order.client_order_id.0);
        self.names.insert((symbol, order.order_id), Arc::clone(&name));
        let key = (symbol, name);
        if order.status.is_terminal() {
            let ended = self.ended.entry(key.clone()).or_insert(order.update_time);
            *ended = (*ended).max(order.update_time);
        }
        let executed = self.executed.entry(key).or_default();
        *executed = (*executed).max(order.executed_qty.0);
    }

    fn algo(&mut self, algo: &engine::AlgoOrderState) {
        self.algos.insert(algo.algo_id, Arc::clone(&algo.order.client_order_id.0));
        if let Some(actual) = algo.actual {
            let symbol = usize::from(algo.order.symbol.0);
            let name = Arc::clone(&algo.order.client_order_id.0);
            self.placed.insert((symbol, actual.order_id), name);
        }
    }

    /// The fills, oldest first, those of a conditional order under its own id.
    pub(crate) fn fills(&self) -> Vec<OwnFill> {
        let mut fills: Vec<OwnFill> =
            self.fills.iter().map(|(id, fill)| self.named(*id, fill)).collect();
        fills.sort_by_key(|fill| fill.time);
        fills
    }

    fn named(&self, id: OrderId, fill: &OwnFill) -> OwnFill {
        let mut fill = fill.clone();
        if let Some(name) = self.placed.get(&(fill.order.0, id)) {
            fill.order.1 = Arc::clone(name);
        }
        fill
    }

    /// Orders of which the venue says that more is filled than fills were told, and how much more.
    pub(crate) fn untold(&self) -> Vec<(OrderKey, i64)> {
        let mut left = self.executed.clone();
        for (_, fill) in &self.fills {
            left.entry(fill.order.clone()).and_modify(|qty| *qty -= fill.qty);
        }
        left.into_iter().filter(|(_, qty)| *qty > 0).collect()
    }
}
