//! The operator's limits, between the kernel and the venue: the pipeline cannot get past them.
//!
//! Invariant: what makes a position smaller always passes, but in a dry run.
//! Invariant: what it decides follows from the session's journal and settings alone.

use std::collections::{BTreeMap, VecDeque};

use engine::{
    AccountBalance, Answer, Exchange, ExchangeError, ExchangeEvent, Instrument, JournalError,
    MarketData, MarketEvent, ModifyOrder, Nanos, NewOrder, OWN_REFUSAL, Outcome, PositionSide,
    PriceTicks, Request, RequestId, Sender, Side, SymbolIndex, Unanswered, UserEvent,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::remote::{SessionVenue, Traffic};
use crate::link::Outgoing;

/// Binance's "User can only place reduce only order".
const REDUCE_ONLY: i32 = -4087;
/// Binance's "User can not place order currently".
const NO_ORDERS: i32 = -4088;
const MINUTE: Nanos = Nanos::from_secs(60);
const DAY: Nanos = Nanos::from_secs(86_400);
/// An order that nobody has heard of for so long no longer counts as one that may fill.
const FORGOTTEN: Nanos = Nanos::from_secs(60);

/// What a session may do at most. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardLimits {
    /// Of one order, in USDT.
    pub order_notional: Option<Decimal>,
    /// Of the position in a symbol with all that may still fill, in USDT.
    pub position_notional: Option<Decimal>,
    /// Of all positions with all that may still fill, in USDT.
    pub total_notional: Option<Decimal>,
    /// Opening orders in any 60 s.
    pub orders_per_minute: Option<u32>,
    /// Opening orders in any 24 h.
    pub orders_per_day: Option<u32>,
    /// Of the session, realised and not, in USDT: from then on nothing is opened any more.
    pub loss: Option<Decimal>,
}

/// Why nothing is opened for a while, or at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Nothing is sent that changes anything.
    pub dry_run: bool,
    /// The kill switch.
    pub killed: bool,
    /// The session ends.
    pub closing: bool,
}

/// An order that may still fill.
#[derive(Clone, Debug)]
struct Reserved {
    symbol: usize,
    notional: Decimal,
    since: Nanos,
    /// The order will not fill any more.
    ended: bool,
    /// The position has been told since.
    position_told: bool,
}

#[derive(Clone, Debug, Default)]
struct Held {
    amount: i64,
    entry: Decimal,
}

/// A venue behind the operator's limits.
pub struct Guard<X> {
    inner: X,
    limits: GuardLimits,
    /// What holds now; [`Guard::hold`] changes it.
    holds: Holds,
    instruments: Vec<Instrument>,
    prices: Vec<Option<PriceTicks>>,
    positions: BTreeMap<(usize, PositionSide), Held>,
    wallet: Option<Decimal>,
    equity_at_start: Option<Decimal>,
    lost: bool,
    reserved: BTreeMap<String, Reserved>,
    /// Client order ids of requests under way.
    under_way: BTreeMap<RequestId, Vec<String>>,
    opened: VecDeque<Nanos>,
    refusals: VecDeque<(Nanos, ExchangeEvent)>,
    /// So many were refused, by limit.
    refused: BTreeMap<&'static str, u64>,
    /// Before this a recording is run through: it holds the refusals of then.
    decides_from: Nanos,
}

impl<X: Exchange> Guard<X> {
    /// In front of `inner`. It decides from `decides_from` on, or from the end of the recording that is run through first,
    /// which has its refusals itself.
    pub fn new(
        inner: X,
        limits: GuardLimits,
        holds: Holds,
        instruments: Vec<Instrument>,
        decides_from: Nanos,
    ) -> Guard<X> {
        Guard {
            inner,
            limits,
            holds,
            prices: vec![None; instruments.len()],
            instruments,
            positions: BTreeMap::new(),
            wallet: None,
            equity_at_start: None,
            lost: false,
            reserved: BTreeMap::new(),
            under_way: BTreeMap::new(),
            opened: VecDeque::new(),
            refusals: VecDeque::new(),
            refused: BTreeMap::new(),
            decides_from,
        }
    }

    /// The venue.
    pub fn inner(&self) -> &X {
        &self.inner
    }

    /// The venue.
    pub fn inner_mut(&mut self) -> &mut X {
        &mut self.inner
    }

    /// What holds.
    pub fn holds(&self) -> Holds {
        self.holds
    }

    /// Changes what holds.
    pub fn hold(&mut self, holds: Holds) {
        self.holds = holds;
    }

    /// How many requests were refused, by limit.
    pub fn refused(&self) -> &BTreeMap<&'static str, u64> {
        &self.refused
    }

    /// The session's profit so far in USDT, realised and not; none before the wallet is known.
    pub fn profit(&self) -> Option<Decimal> {
        Some(self.equity()? - self.equity_at_start?)
    }

    /// Whether the limit of loss has been reached.
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Positions, signed and in lots.
    pub fn positions(&self) -> impl Iterator<Item = (SymbolIndex, PositionSide, i64)> {
        self.positions
            .iter()
            .filter(|(_, held)| held.amount != 0)
            .map(|((symbol, side), held)| (SymbolIndex(*symbol as u16), *side, held.amount))
    }

    fn worth(&self, symbol: usize, lots: i64, price: PriceTicks) -> Decimal {
        let Some(grid) = self.instruments.get(symbol) else { return Decimal::ZERO };
        let product = Decimal::from(lots) * Decimal::from(price.0);
        let mut worth = product;
        let scale = product.scale() + grid.price_decimals + grid.qty_decimals;
        // Both are integers on their grids, so the product only moves its point.
        if worth.set_scale(scale).is_err() {
            worth = Decimal::MAX;
        }
        worth
    }

    fn equity(&self) -> Option<Decimal> {
        let mut equity = self.wallet?;
        for ((symbol, _), held) in &self.positions {
            let (Some(price), Some(grid)) =
                (self.prices.get(*symbol).copied().flatten(), self.instruments.get(*symbol))
            else {
                continue;
            };
            let mut size = Decimal::from(held.amount);
            if size.set_scale(grid.qty_decimals).is_ok() {
                equity += self.worth(*symbol, held.amount, price) - size * held.entry;
            }
        }
        Some(equity)
    }

    fn watch_loss(&mut self) {
        let Some(equity) = self.equity() else { return };
        let start = *self.equity_at_start.get_or_insert(equity);
        if let Some(limit) = self.limits.loss
            && start - equity >= limit
        {
            self.lost = true;
        }
    }

    /// How many lots of an order would open something; what reduces counts as nothing.
    fn opening_lots(&self, order: &NewOrder) -> i64 {
        let asked = order.quantity.map_or(0, |lots| lots.0);
        if order.reduce_only == Some(true) || order.close_position {
            return 0;
        }
        let symbol = usize::from(order.symbol.0);
        let side = order.position_side.unwrap_or(PositionSide::Both);
        let amount = self.positions.get(&(symbol, side)).map_or(0, |held| held.amount);
        match (side, order.side) {
            (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy) => 0,
            (PositionSide::Long | PositionSide::Short, _) => asked,
            (PositionSide::Both, Side::Buy) => asked - (-amount).clamp(0, asked),
            (PositionSide::Both, Side::Sell) => asked - amount.clamp(0, asked),
        }
    }

    /// Why the orders may not be sent, with the limit's name.
    fn objection(
        &mut self,
        now: Nanos,
        orders: &[&NewOrder],
    ) -> Option<(&'static str, i32, String)> {
        let only_reduce = |what, why: &str| Some((what, REDUCE_ONLY, why.to_owned()));
        let mut opening = Vec::new();
        for order in orders {
            let lots = self.opening_lots(order);
            if lots == 0 {
                continue;
            }
            let symbol = usize::from(order.symbol.0);
            let price = order.price.or(order.trigger_price);
            let price = price.or(self.prices.get(symbol).copied().flatten());
            let Some(price) = price else {
                return only_reduce("no_price", "no price of the symbol is known yet");
            };
            opening.push((symbol, self.worth(symbol, lots, price)));
        }
        if opening.is_empty() {
            return None;
        }
        if self.holds.killed {
            return only_reduce("killed", "the kill switch is on");
        }
        if self.holds.closing {
            return only_reduce("closing", "the session ends");
        }
        if self.lost {
            return only_reduce("loss", "the session's limit of loss has been reached");
        }
        self.reserved
            .retain(|_, one| !(one.ended && (one.position_told || now - one.since > FORGOTTEN)));
        while self.opened.front().is_some_and(|at| now - *at >= DAY) {
            self.opened.pop_front();
        }
        let in_minute = self.opened.iter().rev().take_while(|at| now - **at < MINUTE).count();
        let count = opening.len();
        for (what, limit, had) in [
            ("orders_per_minute", self.limits.orders_per_minute, in_minute),
            ("orders_per_day", self.limits.orders_per_day, self.opened.len()),
        ] {
            if limit.is_some_and(|limit| had + count > limit as usize) {
                return only_reduce(
                    what,
                    &format!("{what} is {}, and had been reached", limit.unwrap_or(0)),
                );
            }
        }
        for (symbol, notional) in &opening {
            let asked = |what: &'static str, limit: Decimal, with: Decimal| {
                only_reduce(
                    what,
                    &format!("{what} is {limit} USDT, it would be {}", with.normalize()),
                )
            };
            if let Some(limit) = self.limits.order_notional.filter(|limit| notional > limit) {
                return asked("order_notional", limit, *notional);
            }
            let own = |of: &usize| of == symbol;
            let with = self.exposed(own) + total(&opening, own);
            if let Some(limit) = self.limits.position_notional.filter(|limit| with > *limit) {
                return asked("position_notional", limit, with);
            }
            let with = self.exposed(|_| true) + total(&opening, |_| true);
            if let Some(limit) = self.limits.total_notional.filter(|limit| with > *limit) {
                return asked("total_notional", limit, with);
            }
        }
        None
    }

    /// Notional of positions and of what may still fill, of some symbols.
    fn exposed(&self, of: impl Fn(&usize) -> bool) -> Decimal {
        let mut sum = Decimal::ZERO;
        for ((symbol, _), held) in self.positions.iter().filter(|((symbol, _), _)| of(symbol)) {
            if let Some(price) = self.prices.get(*symbol).copied().flatten() {
                sum += self.worth(*symbol, held.amount.abs(), price);
            }
        }
        let waiting = self.reserved.values().filter(|one| of(&one.symbol));
        sum + waiting.map(|one| one.notional).sum::<Decimal>()
    }

    /// Notes orders that are on their way.
    fn reserve(&mut self, now: Nanos, id: RequestId, orders: &[&NewOrder]) {
        let mut ids = Vec::new();
        for order in orders {
            let lots = self.opening_lots(order);
            let symbol = usize::from(order.symbol.0);
            let price = order.price.or(order.trigger_price);
            let price = price.or(self.prices.get(symbol).copied().flatten());
            if let Some(price) = price.filter(|_| lots > 0) {
                let notional = self.worth(symbol, lots, price);
                let client = order.client_order_id.0.to_string();
                ids.push(client.clone());
                self.opened.push_back(now);
                let one =
                    Reserved { symbol, notional, since: now, ended: false, position_told: false };
                self.reserved.insert(client, one);
            }
        }
        if !ids.is_empty() {
            self.under_way.insert(id, ids);
        }
    }

    fn heard(&mut self, event: &ExchangeEvent) {
        match event {
            ExchangeEvent::Response { request, outcome, .. } => {
                let ids = self.under_way.remove(request).unwrap_or_default();
                match outcome {
                    Outcome::Refused(_) => {
                        for id in ids {
                            self.reserved.remove(&id);
                        }
                    }
                    Outcome::Done(Answer::Account(balance)) => self.account(balance),
                    Outcome::Done(Answer::PositionRisk(rows)) => {
                        for row in rows.iter() {
                            let symbol = usize::from(row.symbol.0);
                            self.position(
                                symbol,
                                row.position_side,
                                row.position_amt.0,
                                row.entry_price,
                            );
                        }
                        self.watch_loss();
                    }
                    Outcome::Done(Answer::Order(order)) if order.status.is_terminal() => {
                        self.ended(&order.client_order_id.0);
                    }
                    _ => {}
                }
            }
            ExchangeEvent::User { event, .. } => match event {
                UserEvent::AccountUpdate { balance, positions, .. } => {
                    if let Some(balance) = balance {
                        self.wallet = Some(balance.wallet_balance);
                    }
                    for row in positions {
                        let symbol = usize::from(row.symbol.0);
                        self.position(
                            symbol,
                            row.position_side,
                            row.position_amt.0,
                            row.entry_price,
                        );
                    }
                    self.watch_loss();
                }
                UserEvent::OrderTradeUpdate { order, .. } if order.status.is_terminal() => {
                    self.ended(&order.client_order_id.0);
                }
                _ => {}
            },
        }
    }

    fn account(&mut self, balance: &AccountBalance) {
        self.wallet = Some(balance.wallet_balance);
        self.watch_loss();
    }

    fn position(&mut self, symbol: usize, side: PositionSide, amount: i64, entry: Decimal) {
        self.positions.insert((symbol, side), Held { amount, entry });
        for one in self.reserved.values_mut().filter(|one| one.symbol == symbol) {
            one.position_told = true;
        }
    }

    fn ended(&mut self, client: &str) {
        if let Some(one) = self.reserved.get_mut(client) {
            one.ended = true;
        }
    }

    fn refuse(&mut self, now: Nanos, from: Sender, request: RequestId, code: i32, why: &str) {
        let words = match code {
            REDUCE_ONLY => "User can only place reduce only order",
            _ => "User can not place order currently",
        };
        let msg = format!("{words} {OWN_REFUSAL}{why})").into_boxed_str();
        let outcome = Outcome::Refused(ExchangeError { code, msg });
        let event = ExchangeEvent::Response { to: from.service, request, outcome };
        // The refusal comes back as an answer does: not in the instant of the request.
        self.refusals.push_back((Nanos(now.0 + 1), event));
    }
}

fn total(opening: &[(usize, Decimal)], of: impl Fn(&usize) -> bool) -> Decimal {
    opening.iter().filter(|(symbol, _)| of(symbol)).map(|(_, notional)| *notional).sum()
}

/// The orders that a request would make, changes of orders as if they were new.
fn orders_of(request: &Request) -> Vec<NewOrder> {
    let changed = |change: &ModifyOrder| {
        let mut order = NewOrder::market(change.symbol, change.side, change.quantity, "");
        order.price = change.price;
        order
    };
    match request {
        Request::NewOrder(order) | Request::NewAlgoOrder(order) => vec![order.clone()],
        Request::BatchOrders(orders) => orders.clone(),
        Request::ModifyOrder(change) => vec![changed(change)],
        Request::BatchModify(changes) => changes.iter().map(changed).collect(),
        _ => Vec::new(),
    }
}

/// Whether a request leaves the account as it is.
pub fn only_asks(request: &Request) -> bool {
    matches!(
        request,
        Request::TestOrder(_)
            | Request::QueryOrder { .. }
            | Request::OpenOrders { .. }
            | Request::QueryAlgoOrder { .. }
            | Request::OpenAlgoOrders { .. }
            | Request::PositionRisk
            | Request::Account
            | Request::ExchangeInfo
            | Request::AdlQuantile
    )
}

impl<X: Exchange> Exchange for Guard<X> {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        if !only_asks(&request) {
            let orders = orders_of(&request);
            let orders: Vec<&NewOrder> = orders.iter().collect();
            let objection = match self.holds.dry_run {
                true => Some(("dry_run", NO_ORDERS, "this is a dry run".to_owned())),
                false => self.objection(now, &orders),
            };
            match objection {
                Some((what, code, why)) if now >= self.decides_from => {
                    *self.refused.entry(what).or_default() += 1;
                    return self.refuse(now, from, id, code, &why);
                }
                Some(_) => {}
                None => self.reserve(now, id, &orders),
            }
        }
        self.inner.submit(now, from, id, request);
    }

    fn set_clock(&mut self, client: engine::ServiceId, ahead: Nanos) {
        self.inner.set_clock(client, ahead);
    }

    fn observe(&mut self, event: &MarketEvent) {
        let price = match &event.data {
            MarketData::Trade(trade) => Some(trade.price),
            MarketData::Bar(bar) => Some(bar.close),
            MarketData::MarkPrice(price) => Some(*price),
            _ => None,
        };
        if let (Some(price), Some(known)) =
            (price, self.prices.get_mut(usize::from(event.symbol.0)))
            && *known != Some(price)
        {
            *known = Some(price);
            if self.limits.loss.is_some() && !self.positions.is_empty() {
                self.watch_loss();
            }
        }
        self.inner.observe(event);
    }

    fn next_due(&self) -> Nanos {
        let own = self.refusals.front().map_or(Nanos::NEVER, |(time, _)| *time);
        own.min(self.inner.next_due())
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        let before = out.len();
        while self.refusals.front().is_some_and(|(time, _)| *time <= now) {
            out.extend(self.refusals.pop_front().map(|(_, event)| event));
        }
        self.inner.advance(now, out);
        for event in out.get(before..).unwrap_or_default() {
            self.heard(event);
        }
    }
}

impl<X: SessionVenue> SessionVenue for Guard<X> {
    fn tell(&mut self, now: Nanos, event: ExchangeEvent) {
        self.inner.tell(now, event);
    }

    fn take_outgoing(&mut self, out: &mut Vec<Outgoing>) {
        self.inner.take_outgoing(out);
    }

    fn take_traffic(&mut self) -> Traffic {
        self.inner.take_traffic()
    }

    fn under_way(&self) -> usize {
        self.inner.under_way()
    }

    fn end_of_recording(&mut self) -> Result<Vec<Unanswered>, JournalError> {
        self.decides_from = Nanos(i64::MIN);
        self.inner.end_of_recording()
    }
}
