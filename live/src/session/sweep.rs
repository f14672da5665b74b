//! What the kill switch cancels: each order that may open something, whoever has placed it and whenever it appears. What
//! protects a position rests on.

use std::collections::BTreeSet;

use engine::{
    AlgoId, AlgoOrderState, AlgoRef, Answer, ExchangeEvent, Nanos, OrderId, OrderRef, OrderState,
    Outcome, Request, ServiceId, SymbolIndex, UserEvent,
};

use super::wanted::{opens, shows_opening};

/// A question or a cancel that came to nothing is tried again after this.
const AGAIN: Nanos = Nanos::from_secs(5);

/// The sweep of a session while its kill switch is on.
#[derive(Default)]
pub(super) struct Sweep {
    on: bool,
    symbols: u16,
    orders: BTreeSet<OrderId>,
    algos: BTreeSet<AlgoId>,
    /// To be asked for next, by nobody's hand.
    wanted: Vec<Request>,
    again_at: Option<Nanos>,
}

impl Sweep {
    /// Begins: what rests is asked for.
    pub(super) fn begin(&mut self, symbols: u16) {
        *self = Sweep { on: true, symbols, ..Sweep::default() };
        self.ask();
    }

    /// What appears from now on stays.
    pub(super) fn end(&mut self) {
        *self = Sweep::default();
    }

    fn ask(&mut self) {
        for symbol in (0..self.symbols).map(SymbolIndex) {
            self.wanted.push(Request::OpenOrders { symbol: Some(symbol) });
            self.wanted.push(Request::OpenAlgoOrders { symbol: Some(symbol) });
        }
    }

    /// Moves the requests that it needs now to `out`.
    pub(super) fn take(&mut self, now: Nanos, out: &mut Vec<Request>) {
        if self.again_at.is_some_and(|then| then <= now) {
            self.again_at = None;
            self.orders.clear();
            self.algos.clear();
            self.ask();
        }
        out.append(&mut self.wanted);
    }

    /// An order that rests.
    pub(super) fn order(&mut self, symbol: SymbolIndex, id: OrderId) {
        if self.on && self.orders.insert(id) {
            self.wanted.push(Request::CancelOrder { symbol, order: OrderRef::Id(id) });
        }
    }

    /// A conditional order that rests.
    pub(super) fn algo(&mut self, id: AlgoId) {
        if self.on && self.algos.insert(id) {
            self.wanted.push(Request::CancelAlgoOrder { order: AlgoRef::Id(id) });
        }
    }

    fn shown(&mut self, state: &OrderState) {
        if !state.status.is_terminal() && shows_opening(state) {
            self.order(state.symbol, state.order_id);
        }
    }

    fn algo_shown(&mut self, state: &AlgoOrderState) {
        if state.status.is_open() && opens(&state.order) {
            self.algo(state.algo_id);
        }
    }

    /// What the venue has told.
    pub(super) fn heard(&mut self, now: Nanos, event: &ExchangeEvent) {
        if !self.on {
            return;
        }
        match event {
            ExchangeEvent::Response { outcome: Outcome::Done(answer), .. } => match answer {
                Answer::Order(state) => self.shown(state),
                Answer::Orders(rows) => rows.iter().flatten().for_each(|state| self.shown(state)),
                Answer::AlgoOrder(state) => self.algo_shown(state),
                Answer::AlgoOrders(rows) => rows.iter().for_each(|state| self.algo_shown(state)),
                _ => {}
            },
            // What it has asked for itself, or somebody by hand: an order that is gone needs no second cancel, and looking
            // again finds that out.
            ExchangeEvent::Response { to: ServiceId::NOBODY, .. } => {
                self.again_at.get_or_insert(Nanos(now.0 + AGAIN.0));
            }
            ExchangeEvent::Response { .. } => {}
            ExchangeEvent::User { event, .. } => match event {
                UserEvent::OrderTradeUpdate { order, .. } => self.shown(order),
                UserEvent::AlgoUpdate { order } => self.algo_shown(order),
                _ => {}
            },
        }
    }
}
