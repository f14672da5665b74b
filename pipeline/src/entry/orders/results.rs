//! How plans end: results, fills, the ledger, and what bars the next order.

use std::borrow::Cow;
use std::cmp::Ordering;

use engine::{
    ClientOrderId, Context, Envelope, EpochSeconds, Fill, Instrument, Nanos, OrderState,
    OrderStatus, QtyLots, SetOptions,
};
use rust_decimal::Decimal;

use super::{Ended, OrderDesk, Sent};
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, ApplyResult, Decision, ExecutionResult, Executor, OrderMark, OrderProgress,
    PlanClass, PositionLedger, PositionSide,
};
use crate::streams::{APPLY_RESULT, EXECUTION_RESULT};

/// How the plans of the reconcile engine begin (EHR 3.21).
const RECONCILE: &str = "reconclose:";

/// The plan of a mark that a former life left behind, as far as results need it.
pub(super) fn plan_of(mark: &OrderMark, now: Nanos) -> ApplyPlan {
    ApplyPlan {
        plan_id: mark.plan_id.clone(),
        correlation_id: mark.correlation_id,
        source: String::new(),
        executor: Executor::ApplyLayer,
        class: match mark.reduce_only.0 {
            true if mark.plan_id.starts_with(RECONCILE) => PlanClass::ReconcileClose,
            true => PlanClass::Close,
            false => PlanClass::Open,
        },
        symbol: mark.symbol,
        action: mark.action,
        side: mark.side,
        order_type: "MARKET".into(),
        qty: None,
        fraction: None,
        reduce_only: mark.reduce_only,
        decision: Decision::Execute,
        reason_codes: mark.reason.clone(),
        kill_score: None,
        k_regime_flip: None,
        k_sigma_spike: None,
        k_ts_drop: None,
        k_age_penalty: None,
        confidence: mark.confidence,
        leverage: mark.leverage,
        stop_loss: mark.stop_loss,
        take_profit: mark.take_profit,
        new_sl_proposed: None,
        r_net: None,
        price: None,
        model: mark.model.clone(),
        timestamp: EpochSeconds(now),
        valid_until: EpochSeconds(now),
    }
}

/// The mark of a plan that ended before an order.
pub(super) fn mark_of(plan: &ApplyPlan, now: Nanos) -> OrderMark {
    OrderMark {
        state: OrderProgress::Completed,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        side: plan.side,
        action: plan.action,
        reduce_only: plan.reduce_only,
        quantity: 0,
        booked: 0,
        booked_quote: Decimal::ZERO,
        client_order_id: String::new(),
        attempt: 0,
        leverage: plan.leverage,
        confidence: plan.confidence,
        model: plan.model.clone(),
        reason: plan.reason_codes.clone(),
        stop_loss: None,
        take_profit: None,
        sent_at: EpochSeconds(now),
    }
}

impl OrderDesk {
    /// A result without an order; the plan is not marked.
    pub(crate) fn result(&self, plan: &ApplyPlan, decision: Decision, now: Nanos) -> ApplyResult {
        ApplyResult {
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            decision,
            action: plan.action,
            executed: false,
            would_execute: false,
            reduce_only: plan.reduce_only,
            side: plan.side,
            requested_qty: plan.qty,
            filled_qty: None,
            avg_price: None,
            order_id: None,
            status: "none".into(),
            error: None,
            source: self.desk.source().into(),
            timestamp: EpochSeconds(now),
            steps_results: "[]".into(),
        }
    }

    /// Ends a plan with this result: it is marked, so that it ends once.
    pub(crate) fn conclude(&self, plan: &ApplyPlan, result: ApplyResult, ctx: &mut Context<'_>) {
        ctx.count("executed_false", 1);
        if !self.save_mark(&mark_of(plan, ctx.now()), ctx) {
            ctx.count("mark_not_saved", 1);
        }
        crate::publish(ctx, APPLY_RESULT, Envelope::Flat, result);
    }

    /// Ends a plan without an order.
    pub(crate) fn refuse(
        &self,
        plan: &ApplyPlan,
        decision: Decision,
        error: String,
        ctx: &mut Context<'_>,
    ) {
        let result = self.result(plan, decision, ctx.now());
        let error = Some(Cow::Owned(error));
        self.conclude(plan, ApplyResult { error, ..result }, ctx);
    }

    /// Ends a plan whose order was refused or never arrived.
    pub(super) fn end_without_fill(
        &mut self,
        place: usize,
        sent: Sent,
        error: String,
        ctx: &mut Context<'_>,
    ) -> Ended {
        ctx.del(&self.keys[place].inflight);
        ctx.count("orders_not_filled", 1);
        self.refuse(&sent.plan, Decision::Error, error, ctx);
        Ended { plan_id: sent.plan.plan_id, place, executed: 0 }
    }

    /// Ends a plan whose order is over on the exchange.
    pub(super) fn end(
        &mut self,
        place: usize,
        sent: Sent,
        order: &OrderState,
        ctx: &mut Context<'_>,
    ) -> Ended {
        let now = ctx.now();
        let instrument = ctx.instruments()[place].clone();
        let Sent { plan, mut mark, .. } = sent;
        let own = |(id, _): &(ClientOrderId, Fill)| *id == order.client_order_id;
        let fills: Vec<Fill> =
            self.fills.extract_if(.., |fill| own(fill)).map(|(_, fill)| fill).collect();
        let executed = order.executed_qty.0;
        let told: i64 = fills.iter().map(|fill| fill.qty.0).sum();
        if executed > 0 {
            if told == executed {
                for fill in &fills {
                    self.publish_fill(&mark, order, &instrument, Some(fill), ctx);
                }
            } else {
                // The user stream was not heard, as after a restart: the order's own sums have to do.
                self.publish_fill(&mark, order, &instrument, None, ctx);
            }
            self.book(place, &plan, &mark, order, &instrument, ctx);
            ctx.count("executed_true", 1);
            ctx.count(if mark.reduce_only.0 { "orders_closed" } else { "orders_opened" }, 1);
        } else {
            ctx.count("executed_false", 1);
        }
        mark.state = OrderProgress::Completed;
        mark.booked = executed;
        mark.booked_quote = order.cum_quote;
        if !self.save_mark(&mark, ctx) {
            ctx.count("mark_not_saved", 1);
        }
        ctx.del(&self.keys[place].inflight);
        let filled = grid::qty(&instrument, order.executed_qty);
        let status = order.status.as_str();
        let steps = format!(r#"[{{"step":"{}","status":"{status}"}}]"#, step_of(&plan));
        let outcome = ApplyResult {
            executed: executed > 0,
            would_execute: true,
            requested_qty: Some(grid::qty(&instrument, QtyLots(mark.quantity))),
            filled_qty: Some(filled),
            avg_price: order.cum_quote.checked_div(filled),
            order_id: Some(order.order_id.0),
            status: status.into(),
            steps_results: steps.into(),
            ..self.result(&plan, Decision::Execute, now)
        };
        crate::publish(ctx, APPLY_RESULT, Envelope::Flat, outcome);
        Ended { plan_id: plan.plan_id, place, executed }
    }

    fn publish_fill(
        &self,
        mark: &OrderMark,
        order: &OrderState,
        instrument: &Instrument,
        fill: Option<&Fill>,
        ctx: &mut Context<'_>,
    ) {
        let sum = grid::qty(instrument, order.executed_qty);
        let entry = ExecutionResult {
            plan_id: mark.plan_id.clone(),
            correlation_id: mark.correlation_id,
            symbol: mark.symbol,
            order_id: order.order_id.0,
            client_order_id: mark.client_order_id.clone(),
            trade_id: fill.map(|fill| fill.trade_id),
            side: mark.side,
            status: if order.status == OrderStatus::Filled { "filled" } else { "partial" }.into(),
            filled_qty: fill.map_or(sum, |fill| grid::qty(instrument, fill.qty)),
            avg_price: fill.map_or_else(
                || order.cum_quote.checked_div(sum).unwrap_or_default(),
                |fill| grid::price(instrument, fill.price),
            ),
            commission: fill.map(|fill| fill.commission),
            realized_pnl: fill.map(|fill| fill.realized_pnl),
            reduce_only: mark.reduce_only,
            leverage: mark.leverage,
            confidence: mark.confidence,
            model: mark.model.clone(),
            reason: mark.reason.clone(),
            stop_loss: mark.stop_loss,
            take_profit: mark.take_profit,
            source: self.desk.source().into(),
            timestamp: EpochSeconds(fill.map_or(order.update_time, |fill| fill.time)),
        };
        crate::publish(ctx, EXECUTION_RESULT, Envelope::Flat, entry);
    }

    /// The pipeline's own book of fills, and the keys that bar the next open for a while.
    fn book(
        &self,
        place: usize,
        plan: &ApplyPlan,
        mark: &OrderMark,
        order: &OrderState,
        instrument: &Instrument,
        ctx: &mut Context<'_>,
    ) {
        // What a reconcile close takes away the ledger never held.
        if plan.class != PlanClass::ReconcileClose {
            let signed = grid::qty(instrument, QtyLots(order.executed_qty.0 * mark.side.sign()));
            self.add_to_ledger(place, signed, mark, order, ctx);
        }
        let keys = &self.keys[place];
        let life = |expire| SetOptions { expire, ..SetOptions::default() };
        let now_ms = ctx.now().millis().to_string();
        let last = ctx.set(&keys.last_exec, &now_ms, life(keys::COOLDOWN_LAST_EXEC.life));
        let open = match self.rules.closes_cool_nothing && mark.reduce_only.0 {
            true => Ok(false),
            false => ctx.set(&keys.cooldown_open, "1", life(Some(self.open_cooldown))),
        };
        if last.is_err() || open.is_err() {
            ctx.count("cooldown_not_saved", 1);
        }
    }

    fn add_to_ledger(
        &self,
        place: usize,
        signed: Decimal,
        mark: &OrderMark,
        order: &OrderState,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let key = &self.keys[place].ledger;
        let old = match ctx.record::<PositionLedger>(key) {
            Ok(Some(ledger)) => Some(ledger.into_owned()),
            Ok(None) => None,
            Err(_) => {
                ctx.count("ledger_unreadable", 1);
                return;
            }
        };
        let before = old.as_ref().map_or(Decimal::ZERO, |ledger| ledger.position_amt);
        // A book that was lost knows nothing to take away from: a close leaves it flat, not short.
        let known = old.is_some() || !mark.reduce_only.0;
        let after = if known { before.saturating_add(signed) } else { Decimal::ZERO };
        let side = match after.cmp(&Decimal::ZERO) {
            Ordering::Greater => PositionSide::Long,
            Ordering::Less => PositionSide::Short,
            Ordering::Equal => PositionSide::None,
        };
        let entry = old.as_ref().filter(|_| side != PositionSide::None);
        let ledger = PositionLedger {
            symbol: self.symbols[place],
            position_amt: after,
            last_known_amt: after,
            side,
            avg_entry_price: entry.map_or(Decimal::ZERO, |ledger| ledger.avg_entry_price),
            leverage: old.as_ref().and_then(|ledger| ledger.leverage),
            version: old.as_ref().map_or(1, |ledger| ledger.version + 1),
            source: self.desk.source().into(),
            last_order_id: Some(order.order_id.0),
            last_result_plan_id: Some(mark.plan_id.clone()),
            last_executed_qty: Some(signed.abs()),
            last_side: Some(mark.side),
            updated_at: EpochSeconds(now),
        };
        if ctx.set_record(key, &ledger, None).is_err() {
            ctx.count("ledger_not_saved", 1);
        }
    }
}

/// The step that a plan's order carries out, as results tell it.
fn step_of(plan: &ApplyPlan) -> &'static str {
    let step = plan.action.close().map(strategies::apply::PlanStep::Close);
    step.map_or("NONE", strategies::apply::PlanStep::as_str)
}
