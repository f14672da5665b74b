//! Orders: how they are sent, and how their outcome is learned.

use engine::{
    Answer, ClientOrderId, Context, EpochSeconds, NewOrder, OrderRef, OrderState, OrderType,
    Outcome, PriceTicks, QtyLots, Request, RequestId, SetOptions, SymbolIndex,
};
use rust_decimal::Decimal;

use super::{IntentExecutor, RETRY_AFTER, RETRY_TIMER, STATUS_UNKNOWN, Sent, SentKind};
use crate::entry::gateway_guard;
use crate::grid;
use crate::keys;
use crate::records::{ApplyPlan, Decision, OrderMark, OrderProgress, PlanClass};

impl IntentExecutor {
    pub(in crate::entry) fn send(
        &mut self,
        place: usize,
        plan: &ApplyPlan,
        lots: i64,
        ctx: &mut Context<'_>,
    ) {
        let mark = OrderMark {
            state: OrderProgress::Sent,
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            side: plan.side,
            action: plan.action,
            reduce_only: plan.reduce_only,
            quantity: lots,
            booked: 0,
            booked_quote: Decimal::ZERO,
            client_order_id: format!("{}{}-1", self.client_prefix(), plan.plan_id),
            attempt: 1,
            leverage: plan.leverage,
            confidence: plan.confidence,
            model: plan.model.clone(),
            reason: plan.reason_codes.clone(),
            stop_loss: plan.stop_loss,
            take_profit: plan.take_profit,
            sent_at: EpochSeconds(ctx.now()),
        };
        let order = self.order(place, &mark);
        let closes = plan.class != PlanClass::Open && !self.rules.exits_without_reduce_only;
        if let Err(blocked) = gateway_guard::check(&order, closes) {
            self.refuse(plan, Decision::Blocked, blocked.as_str().to_owned(), ctx);
            return;
        }
        if !self.save_mark(&mark, ctx) {
            // Without its mark an order could be sent twice.
            self.refuse(plan, Decision::Error, "mark_not_saved".to_owned(), ctx);
            return;
        }
        self.bar(place, &plan.plan_id, ctx);
        let leverage = plan.leverage.filter(|wanted| {
            plan.class == PlanClass::Open && self.filters[place].leverage != Some(*wanted)
        });
        let (kind, request) = match leverage {
            Some(leverage) => (
                SentKind::Leverage,
                Request::SetLeverage { symbol: SymbolIndex(place as u16), leverage },
            ),
            None => (SentKind::Order, Request::NewOrder(order)),
        };
        let id = ctx.submit(request);
        self.sent.insert(id, Sent { kind, plan: plan.clone(), mark, queries: 0 });
    }

    /// The audited shield: stop and target of an open that was filled as orders of their own. Nobody here asks
    /// what becomes of them.
    pub(super) fn shield(&self, place: usize, mark: &OrderMark, ctx: &mut Context<'_>) {
        let instrument = ctx.instruments()[place].clone();
        let levels = [
            (OrderType::StopMarket, mark.stop_loss, "stop"),
            (OrderType::TakeProfitMarket, mark.take_profit, "target"),
        ];
        for (order_type, level, name) in levels {
            let Some(trigger) = level.and_then(|level| grid::ticks(&instrument, level)) else {
                continue;
            };
            let id = format!("shield-{}-{name}", mark.plan_id);
            let symbol = SymbolIndex(place as u16);
            let order = NewOrder::market(symbol, mark.side.side().opposite(), QtyLots(1), &id);
            ctx.count("conditional_orders_sent", 1);
            ctx.submit(Request::NewOrder(NewOrder {
                order_type,
                quantity: None,
                close_position: true,
                trigger_price: Some(PriceTicks(trigger)),
                ..order
            }));
        }
    }

    fn order(&self, place: usize, mark: &OrderMark) -> NewOrder {
        let (symbol, quantity) = (SymbolIndex(place as u16), QtyLots(mark.quantity));
        let order =
            NewOrder::market(symbol, mark.side.side(), quantity, mark.client_order_id.as_str());
        let reduces = mark.reduce_only.0 && !self.rules.exits_without_reduce_only;
        NewOrder { reduce_only: Some(reduces), ..order }
    }

    pub(super) fn save_mark(&self, mark: &OrderMark, ctx: &mut Context<'_>) -> bool {
        let options = SetOptions { expire: keys::EXECUTOR_DONE.life, ..SetOptions::default() };
        ctx.set_json(&keys::EXECUTOR_DONE.of(&mark.plan_id), mark, options) == Ok(true)
    }

    pub(super) fn response(
        &mut self,
        request: RequestId,
        outcome: &Outcome,
        ctx: &mut Context<'_>,
    ) {
        if let Some(rows) = self.info.heard(request, outcome, ctx) {
            self.take_filters(rows);
            return;
        }
        let Some(sent) = self.sent.remove(&request) else { return };
        let Some(place) = self.place_of(sent.mark.symbol) else { return };
        if sent.kind == SentKind::Leverage {
            self.leverage_answer(place, sent, outcome, ctx);
            return;
        }
        match (sent.kind, outcome) {
            (SentKind::Query, Outcome::Refused(error)) if error.code == -2013 => {
                self.end_without_fill(place, sent, "not_placed".to_owned(), ctx);
            }
            // A query that is refused says nothing about the order.
            (SentKind::Query, Outcome::Refused(_)) => self.query(place, sent, ctx),
            (SentKind::Order, Outcome::Unknown) if self.rules.unknown_is_failure => {
                self.end_without_fill(place, sent, "binance_error:time-out".to_owned(), ctx);
            }
            (SentKind::Order, Outcome::Refused(error))
                if STATUS_UNKNOWN.contains(&error.code) && !self.rules.unknown_is_failure =>
            {
                self.query(place, sent, ctx);
            }
            (_, Outcome::Refused(error)) => {
                self.end_without_fill(place, sent, format!("binance_error:{error}"), ctx);
            }
            (_, Outcome::Done(Answer::Order(order))) => self.order_answer(place, sent, order, ctx),
            (_, Outcome::Unknown | Outcome::Done(_)) => self.query(place, sent, ctx),
        }
    }

    /// Only a leverage that is known to be set is followed by its order.
    fn leverage_answer(
        &mut self,
        place: usize,
        sent: Sent,
        outcome: &Outcome,
        ctx: &mut Context<'_>,
    ) {
        if let Outcome::Done(Answer::Leverage { leverage, .. }) = outcome {
            self.filters[place].leverage = Some(*leverage);
            let id = ctx.submit(Request::NewOrder(self.order(place, &sent.mark)));
            self.sent.insert(id, Sent { kind: SentKind::Order, ..sent });
            return;
        }
        // Nothing was ordered. Whatever was set before may hold no longer: the next plan sets it again.
        self.filters[place].leverage = None;
        let error = match outcome {
            Outcome::Refused(error) if !STATUS_UNKNOWN.contains(&error.code) => {
                format!("binance_error:{error}")
            }
            _ => "leverage_unknown".to_owned(),
        };
        self.end_without_fill(place, sent, error, ctx);
    }

    fn order_answer(
        &mut self,
        place: usize,
        sent: Sent,
        order: &OrderState,
        ctx: &mut Context<'_>,
    ) {
        if order.status.is_terminal() {
            self.end(place, sent, order, ctx);
        } else {
            self.query(place, sent, ctx);
        }
    }

    /// Asks for the order by its client id; nothing is sent again before that is answered.
    pub(super) fn query(&mut self, place: usize, sent: Sent, ctx: &mut Context<'_>) {
        if sent.queries > 0 {
            if self.unresolved.is_empty() {
                ctx.timer_after(RETRY_AFTER, RETRY_TIMER);
            }
            ctx.count("outcome_still_unknown", 1);
            self.unresolved.push(sent);
            return;
        }
        self.query_now(place, sent, ctx);
    }

    fn query_now(&mut self, place: usize, sent: Sent, ctx: &mut Context<'_>) {
        ctx.count("outcome_queries", 1);
        // Nothing else may be sent for this symbol meanwhile.
        self.bar(place, &sent.plan.plan_id, ctx);
        let order = OrderRef::Client(ClientOrderId(sent.mark.client_order_id.as_str().into()));
        let id = ctx.submit(Request::QueryOrder { symbol: SymbolIndex(place as u16), order });
        self.sent.insert(id, Sent { kind: SentKind::Query, queries: sent.queries + 1, ..sent });
    }

    pub(super) fn retry(&mut self, ctx: &mut Context<'_>) {
        for sent in std::mem::take(&mut self.unresolved) {
            if let Some(place) = self.place_of(sent.mark.symbol) {
                self.query_now(place, sent, ctx);
            }
        }
    }

    /// Marks the symbol as having an order in flight.
    fn bar(&self, place: usize, plan_id: &str, ctx: &mut Context<'_>) {
        if self.apart {
            return;
        }
        let options = SetOptions { expire: keys::INFLIGHT.life, ..SetOptions::default() };
        if ctx.set(&self.keys[place].inflight, plan_id, options).is_err() {
            ctx.count("inflight_not_saved", 1);
        }
    }

    /// Its order is over.
    pub(super) fn unbar(&self, place: usize, ctx: &mut Context<'_>) {
        if !self.apart {
            ctx.del(&self.keys[place].inflight);
        }
    }
}
