//! How plans end: results, fills, the ledger, and what bars the next order.

use std::borrow::Cow;

use engine::{
    Context, Envelope, EpochSeconds, Fill, Instrument, Nanos, OrderState, OrderStatus, QtyLots,
    SetOptions,
};
use rust_decimal::Decimal;
use strategies::apply::PermitKind;

use super::{IntentExecutor, Sent};
use crate::entry::permits::{self, Missing};
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, ApplyResult, Decision, ExecutionResult, Executor, OrderMark, OrderProgress,
    PlanClass, PositionLedger, PositionSide, ReduceOnly,
};
use crate::streams::{APPLY_RESULT, EXECUTION_RESULT};

const SOURCE: &str = "intent_executor";

/// The plan of a mark that a former life left behind, as far as results need it.
pub(super) fn plan_of(mark: &OrderMark, now: Nanos) -> ApplyPlan {
    ApplyPlan {
        plan_id: mark.plan_id.clone(),
        correlation_id: mark.correlation_id,
        source: SOURCE.to_owned(),
        executor: Executor::IntentExecutor,
        class: if mark.reduce_only.0 { PlanClass::Close } else { PlanClass::Open },
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
fn mark_of(plan: &ApplyPlan, now: Nanos) -> OrderMark {
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

/// The counter of an error: its text up to the first colon, if it is one that we know.
fn counter(error: &str) -> &'static str {
    const KNOWN: [&str; 33] = [
        "plan_expired",
        "symbol_not_in_allowlist",
        "unknown_symbol",
        "kill_switch_active",
        "NOT_EXIT_OWNER",
        "EMERGENCY_STOP_ACTIVE",
        "SAFE_MODE_ACTIVE",
        "SKIP_OPEN_DUPLICATE",
        "SKIP_OPEN_OPPOSITE",
        "SKIP_OPEN_COOLDOWN",
        "governor_permit_missing_or_denied",
        "governor_permit_denied",
        "governor_permit_mismatch",
        "governor_permit_unreadable",
        "p33_permit_missing_or_denied",
        "p33_permit_denied",
        "p33_permit_mismatch",
        "p33_permit_unreadable",
        "p26_permit_missing_or_denied",
        "p26_permit_denied",
        "p26_permit_mismatch",
        "p26_permit_unreadable",
        "manual_lane_disabled",
        "position_unknown",
        "order_in_flight",
        "exchange_filters_unknown",
        "missing_required_fields",
        "min_qty_check_failed",
        "min_notional_check_failed",
        "mark_price_unavailable",
        "leverage_unknown",
        "binance_error",
        "not_placed",
    ];
    let head = error.split(':').next().unwrap_or_default();
    KNOWN.into_iter().find(|known| *known == head).unwrap_or("other_refusals")
}

impl IntentExecutor {
    fn result(&self, plan: &ApplyPlan, decision: Decision, now: Nanos) -> ApplyResult {
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
            source: self.source.clone(),
            timestamp: EpochSeconds(now),
            steps_results: "[]".into(),
        }
    }

    /// Ends a plan without an order.
    pub(in crate::entry) fn refuse(
        &self,
        plan: &ApplyPlan,
        decision: Decision,
        error: String,
        ctx: &mut Context<'_>,
    ) {
        self.refuse_at(plan, decision, error, "[]".into(), ctx);
    }

    fn refuse_at(
        &self,
        plan: &ApplyPlan,
        decision: Decision,
        error: String,
        steps_results: Cow<'static, str>,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let of = counter(&error);
        ctx.count("executed_false", 1);
        ctx.count(of, 1);
        let alien = (of == "NOT_EXIT_OWNER").then_some("blocked_source");
        self.metrics(["processed", "executed_false"].into_iter().chain(alien), ctx);
        if !self.save_mark(&mark_of(plan, now), ctx) {
            ctx.count("mark_not_saved", 1);
        }
        let result = ApplyResult {
            error: Some(Cow::Owned(error)),
            steps_results,
            ..self.result(plan, decision, now)
        };
        crate::publish(ctx, APPLY_RESULT, Envelope::Flat, result);
    }

    /// Counts in the hash that exporters read; the intent executor's own only.
    pub(super) fn metrics(
        &self,
        names: impl IntoIterator<Item = &'static str>,
        ctx: &mut Context<'_>,
    ) {
        if self.source != SOURCE {
            return;
        }
        for name in names {
            if ctx.hincr_by(keys::EXECUTOR_METRICS.name, name, 1).is_err() {
                ctx.count("metrics_not_saved", 1);
            }
        }
    }

    /// Ends a plan that has waited too long for its permits.
    pub(super) fn refuse_waited(&self, plan: &ApplyPlan, missing: Missing, ctx: &mut Context<'_>) {
        let by = missing.by.unwrap_or(PermitKind::P33).as_str();
        let (reason, lives) = (missing.reason, permits::lives(plan, &self.permits, ctx));
        let step = format!(
            r#"[{{"step":"PERMIT_WAIT","status":"timeout","reason":"{reason}","lives":"{lives}"}}]"#
        );
        let error = format!("{by}_permit_missing_or_denied");
        self.refuse_at(plan, Decision::Blocked, error, step.into(), ctx);
    }

    /// Ends a plan whose order was refused or never arrived.
    pub(super) fn end_without_fill(
        &mut self,
        place: usize,
        sent: Sent,
        error: String,
        ctx: &mut Context<'_>,
    ) {
        self.unbar(place, ctx);
        self.refuse(&sent.plan, Decision::Error, error, ctx);
    }

    /// Ends a plan whose order is over on the exchange.
    pub(super) fn end(
        &mut self,
        place: usize,
        sent: Sent,
        order: &OrderState,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let instrument = ctx.instruments()[place].clone();
        let Sent { plan, mut mark, .. } = sent;
        let own = |(id, _): &(engine::ClientOrderId, Fill)| *id == order.client_order_id;
        let fills: Vec<Fill> =
            self.fills.extract_if(.., |fill| own(fill)).map(|(_, fill)| fill).collect();
        let executed = order.executed_qty.0;
        let told: i64 = fills.iter().map(|fill| fill.qty.0).sum();
        if executed > 0 {
            if told == executed {
                for fill in &fills {
                    let price = grid::price(&instrument, fill.price);
                    self.publish_fill(&mark, order, &instrument, fill.qty, price, Some(fill), ctx);
                }
            } else {
                // The user stream was not heard, as after a restart: the order's own sums have to do.
                let qty = grid::qty(&instrument, order.executed_qty);
                let price = order.cum_quote.checked_div(qty).unwrap_or_default();
                self.publish_fill(&mark, order, &instrument, order.executed_qty, price, None, ctx);
            }
            if !self.apart {
                self.book(place, &mark, order, &instrument, ctx);
            }
            ctx.count("executed_true", 1);
            self.metrics(["processed", "executed_true"], ctx);
            ctx.count(if mark.reduce_only.0 { "orders_closed" } else { "orders_opened" }, 1);
            if self.rules.tpsl_shield && !mark.reduce_only.0 {
                self.shield(place, &mark, ctx);
            }
        } else {
            ctx.count("executed_false", 1);
            self.metrics(["processed", "executed_false"], ctx);
        }
        mark.state = OrderProgress::Completed;
        mark.booked = executed;
        mark.booked_quote = order.cum_quote;
        if !self.save_mark(&mark, ctx) {
            ctx.count("mark_not_saved", 1);
        }
        self.unbar(place, ctx);
        let filled = grid::qty(&instrument, order.executed_qty);
        let outcome = ApplyResult {
            executed: executed > 0,
            would_execute: true,
            requested_qty: Some(grid::qty(&instrument, QtyLots(mark.quantity))),
            filled_qty: Some(filled),
            avg_price: order.cum_quote.checked_div(filled),
            order_id: Some(order.order_id.0),
            status: order.status.as_str().into(),
            ..self.result(&plan, Decision::Execute, now)
        };
        crate::publish(ctx, APPLY_RESULT, Envelope::Flat, outcome);
    }

    #[allow(clippy::too_many_arguments)] // One line of a form, not a decision.
    fn publish_fill(
        &self,
        mark: &OrderMark,
        order: &OrderState,
        instrument: &Instrument,
        qty: QtyLots,
        price: Decimal,
        fill: Option<&Fill>,
        ctx: &mut Context<'_>,
    ) {
        let time = fill.map_or(order.update_time, |fill| fill.time);
        let entry = ExecutionResult {
            plan_id: mark.plan_id.clone(),
            correlation_id: mark.correlation_id,
            symbol: mark.symbol,
            order_id: order.order_id.0,
            client_order_id: mark.client_order_id.clone(),
            trade_id: fill.map(|fill| fill.trade_id),
            side: mark.side,
            status: if order.status == OrderStatus::Filled { "filled" } else { "partial" }.into(),
            filled_qty: grid::qty(instrument, qty),
            avg_price: price,
            commission: fill.map(|fill| fill.commission),
            realized_pnl: fill.map(|fill| fill.realized_pnl),
            reduce_only: mark.reduce_only,
            leverage: mark.leverage,
            confidence: mark.confidence,
            model: mark.model.clone(),
            reason: mark.reason.clone(),
            stop_loss: mark.stop_loss,
            take_profit: mark.take_profit,
            source: self.source.clone(),
            timestamp: EpochSeconds(time),
        };
        crate::publish(ctx, EXECUTION_RESULT, Envelope::Flat, entry);
    }

    /// The pipeline's own book of fills, and the keys that bar the next order for a while.
    fn book(
        &self,
        place: usize,
        mark: &OrderMark,
        order: &OrderState,
        instrument: &Instrument,
        ctx: &mut Context<'_>,
    ) {
        let signed = grid::qty(instrument, QtyLots(order.executed_qty.0 * mark.side.sign()));
        self.add_to_ledger(place, signed, Some((mark, order)), ctx);
        let now = ctx.now();
        let keys = &self.keys[place];
        let life = |expire| SetOptions { expire, ..SetOptions::default() };
        let cooldown = life(Some(Nanos::from_secs(self.settings.open_cooldown_s)));
        let last = ctx.set(
            &keys.last_exec,
            &now.millis().to_string(),
            life(keys::COOLDOWN_LAST_EXEC.life),
        );
        let open = match self.rules.closes_cool_nothing && mark.reduce_only.0 {
            true => Ok(false),
            false => ctx.set(&keys.cooldown_open, "1", cooldown),
        };
        if last.is_err() || open.is_err() {
            ctx.count("cooldown_not_saved", 1);
        }
    }

    fn add_to_ledger(
        &self,
        place: usize,
        signed: Decimal,
        of: Option<(&OrderMark, &OrderState)>,
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
        let known = old.is_some() || of.is_some_and(|(mark, _)| !mark.reduce_only.0);
        let after = if known { before.saturating_add(signed) } else { Decimal::ZERO };
        let side = match after.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Greater => PositionSide::Long,
            std::cmp::Ordering::Less => PositionSide::Short,
            std::cmp::Ordering::Equal => PositionSide::None,
        };
        let entry = match (of, &old) {
            (Some((mark, order)), _) if !mark.reduce_only.0 => {
                order.cum_quote.checked_div(signed.abs()).unwrap_or_default()
            }
            (_, Some(ledger)) if side != PositionSide::None => ledger.avg_entry_price,
            _ => Decimal::ZERO,
        };
        let ledger = PositionLedger {
            symbol: self.symbols[place],
            position_amt: after,
            last_known_amt: after,
            side,
            avg_entry_price: entry,
            leverage: of.and_then(|(mark, _)| mark.leverage),
            version: old.map_or(1, |ledger| ledger.version + 1),
            source: self.source.clone(),
            last_order_id: of.map(|(_, order)| order.order_id.0),
            last_result_plan_id: of.map(|(mark, _)| mark.plan_id.clone()),
            last_executed_qty: Some(signed.abs()),
            last_side: of.map(|(mark, _)| mark.side),
            updated_at: EpochSeconds(now),
        };
        if ctx.set_record(key, &ledger, None).is_err() {
            ctx.count("ledger_not_saved", 1);
        }
    }

    /// The user stream: fills of our orders are kept for their end; what the exchange itself traded (a
    /// liquidation) enters the books here, because no plan will.
    pub(super) fn user_event(
        &mut self,
        order: &OrderState,
        fill: Option<&Fill>,
        liquidation: bool,
        ctx: &mut Context<'_>,
    ) {
        let Some(fill) = fill else { return };
        // The Apply Layer's orders are told to it, too.
        let own = order.client_order_id.0.starts_with(self.client_prefix());
        if liquidation && self.apart || !liquidation && !own {
            return;
        }
        if !liquidation {
            self.fills.push((order.client_order_id.clone(), fill.clone()));
            return;
        }
        let place = usize::from(order.symbol.0);
        let Some(instrument) = ctx.instruments().get(place).cloned() else { return };
        ctx.count("liquidation_fills", 1);
        let signed = grid::qty(&instrument, QtyLots(fill.qty.0 * order.side.sign()));
        self.add_to_ledger(place, signed, None, ctx);
        let mark = OrderMark {
            state: OrderProgress::Completed,
            plan_id: String::new(),
            correlation_id: engine::CorrelationId::default(),
            symbol: self.symbols[place],
            side: order.side.into(),
            action: crate::records::PlanAction::FullClose,
            reduce_only: ReduceOnly(true),
            quantity: fill.qty.0,
            booked: fill.qty.0,
            booked_quote: Decimal::ZERO,
            client_order_id: order.client_order_id.0.to_string(),
            attempt: 0,
            leverage: None,
            confidence: None,
            model: None,
            reason: "liquidation".into(),
            stop_loss: None,
            take_profit: None,
            sent_at: EpochSeconds(fill.time),
        };
        let price = grid::price(&instrument, fill.price);
        self.publish_fill(&mark, order, &instrument, fill.qty, price, Some(fill), ctx);
    }
}
