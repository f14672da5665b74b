//! Plans that are executed here: what they have to pass, their permits, and their orders.

use std::borrow::Cow;

use engine::{Context, Delivery, EpochSeconds, GaugeOf, Nanos, SetOptions};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use strategies::apply::{DENY_NOT_EXIT_OWNER, Permitted, PlanClass as Needs, owns_exits};
use strategies::close_action::CloseAction;

use super::propose::closes;
use super::{ApplyLayer, ApplyMode, PERMIT_TIMER};
use crate::audited::Audited;
use crate::entry::orders::Ended;
use crate::entry::permits::{self, Missing, Permits, needs};
use crate::exits::held::{Held, Seen, side_of};
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, ApplyResult, Decision, Executor, PlanAction, PlanClass, StopAsked,
};
use crate::streams::APPLY_PLAN;
use crate::switches;

/// A plan that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    plan: ApplyPlan,
    since: Nanos,
}

/// Why a plan ends without an order.
pub(super) type Refusal = (Decision, Cow<'static, str>);

pub(super) fn refuse<T>(
    decision: Decision,
    why: impl Into<Cow<'static, str>>,
) -> Result<T, Refusal> {
    Err((decision, why.into()))
}

/// The counter of a refusal: its text up to the first colon, if it is one that we know.
fn counter(error: &str) -> &'static str {
    const KNOWN: [&str; 21] = [
        "invalid_safe_close_qty",
        DENY_NOT_EXIT_OWNER,
        "SAFE_MODE_ACTIVE",
        "SKIP_OPEN_COOLDOWN",
        "action_hold",
        "close_expired",
        "close_not_reduce_only",
        "close_without_step",
        "drift_gone",
        "entry_not_ours",
        "kill_switch_active",
        "min_qty_check_failed",
        "no_position",
        "permit_timeout_or_missing",
        "stop_not_asked",
        "tranche_fired",
        "tranche_too_soon",
        "unknown_symbol",
        "wrong_side",
        "governor_permit_denied",
        "p33_permit_denied",
    ];
    let head = error.split(':').next().unwrap_or_default();
    match KNOWN.into_iter().find(|known| *known == head) {
        Some("governor_permit_denied") => "governor_block_total",
        Some("p33_permit_denied") => "p33_permit_deny_total",
        Some(known) => known,
        None => "other_refusals",
    }
}

impl ApplyLayer {
    /// A plan from apply.plan.
    pub(super) fn plan(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(plan) = ctx.read::<ApplyPlan>(APPLY_PLAN.name, delivery) else { return };
        if plan.executor != Executor::ApplyLayer {
            self.alien(&plan, ctx);
            return;
        }
        if self.ignored(&plan, ctx) {
            return;
        }
        let waits = self.waiting.iter().any(|waiting| waiting.plan.plan_id == plan.plan_id);
        if waits || self.desk.touched(&plan.plan_id, ctx) {
            return ctx.count("duplicate_plan", 1);
        }
        ctx.count("apply_plan_processed_total", 1);
        if !self.take_plan(plan.into_owned(), ctx) {
            // What is not on the bus would be lost in a crash: the entry itself stays there.
            ctx.leave_pending();
        }
    }

    /// Lets a plan that passes the gates wait for its permits; `false` when it could not be put on the bus.
    pub(super) fn take_plan(&mut self, plan: ApplyPlan, ctx: &mut Context<'_>) -> bool {
        if self.close_blocked(&plan, ctx) {
            return true;
        }
        if let Err((decision, why)) = self.gates(&plan, ctx) {
            self.refuse(&plan, decision, why, ctx);
            return true;
        }
        if plan.action == PlanAction::UpdateSl {
            self.update_stop(&plan, ctx);
            return true;
        }
        let options = SetOptions { expire: keys::APPLY_WAITING.life, ..SetOptions::default() };
        let saved = ctx.set_json(&keys::APPLY_WAITING.of(&plan.plan_id), &plan, options);
        self.waiting.push(Waiting { plan, since: ctx.now() });
        self.look_for_permits(ctx);
        saved == Ok(true)
    }

    /// After a start: orders are asked for, and plans that waited wait again.
    pub(super) fn recover(&mut self, ctx: &mut Context<'_>) {
        self.desk.recover(ctx);
        for key in ctx.scan(&keys::APPLY_WAITING.of("*")) {
            match ctx.json::<ApplyPlan>(&key) {
                Ok(Some(plan)) => {
                    let plan = plan.into_owned();
                    ctx.del(&key);
                    if !self.desk.touched(&plan.plan_id, ctx) && !self.take_plan(plan, ctx) {
                        ctx.count("plans_not_saved", 1);
                    }
                }
                Ok(None) => {}
                Err(_) => ctx.count("marks_unreadable", 1),
            }
        }
    }

    pub(super) fn refuse(
        &self,
        plan: &ApplyPlan,
        decision: Decision,
        why: Cow<'static, str>,
        ctx: &mut Context<'_>,
    ) {
        ctx.count(counter(&why), 1);
        self.free_tranche(plan, ctx);
        self.desk.refuse(plan, decision, why.into_owned(), ctx);
    }

    /// What a plan has to be before it may wait for permits.
    fn gates(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) -> Result<(), Refusal> {
        if plan.decision != Decision::Execute {
            ctx.count("decision_refused", 1);
            return refuse(plan.decision, plan.reason_codes.clone());
        }
        if switches::killed(ctx) {
            return refuse(Decision::Blocked, "kill_switch_active");
        }
        if self.safe_mode_stops(ctx) {
            return refuse(Decision::Blocked, "SAFE_MODE_ACTIVE");
        }
        if plan.class == PlanClass::Open {
            return refuse(Decision::Denied, "entry_not_ours");
        }
        if self.desk.place_of(plan.symbol).is_none() {
            return refuse(Decision::Error, format!("unknown_symbol:{}", plan.symbol));
        }
        if owns_exits(Some(&plan.source), &self.owners).is_err() {
            return refuse(
                Decision::Denied,
                format!("{DENY_NOT_EXIT_OWNER}:source={}", plan.source),
            );
        }
        match plan.action {
            PlanAction::Hold => refuse(Decision::Skip, "action_hold"),
            PlanAction::UpdateSl => Ok(()),
            // What is meant to close never leaves as an order that could open.
            _ if !plan.reduce_only.0 => refuse(Decision::Denied, "close_not_reduce_only"),
            // Nothing ever defaults to the whole position.
            action if action.close().is_none() => refuse(Decision::Error, "close_without_step"),
            _ => Ok(()),
        }
    }

    pub(super) fn look_for_permits(&mut self, ctx: &mut Context<'_>) {
        for waiting in std::mem::take(&mut self.waiting) {
            let key = keys::APPLY_WAITING.of(&waiting.plan.plan_id);
            match self.try_plan(waiting, ctx) {
                Some(still) => self.waiting.push(still),
                None => {
                    ctx.del(&key);
                }
            }
        }
        if !self.waiting.is_empty() && !self.looking {
            self.looking = true;
            ctx.timer_after(Nanos::from_millis(self.settings.permit_step_ms), PERMIT_TIMER);
        }
    }

    /// Runs the plan if it may; gives it back while it has to wait.
    fn try_plan(&mut self, waiting: Waiting, ctx: &mut Context<'_>) -> Option<Waiting> {
        let plan = &waiting.plan;
        let place = self.desk.place_of(plan.symbol)?;
        // A close waits for the end of the order that is in flight, and for the filters, however long. That is no
        // wait for permits, which begins when it has ended.
        if self.desk.in_flight(place, ctx) || self.desk.filters(place).step == 0 {
            return Some(Waiting { since: ctx.now(), ..waiting });
        }
        if plan.class == PlanClass::ReconcileClose {
            match self.still_drifts(place, plan, ctx) {
                Ok(true) => {}
                Ok(false) => return Some(waiting),
                Err((decision, why)) => {
                    self.refuse(plan, decision, why, ctx);
                    return None;
                }
            }
        }
        let waited = ctx.now() - waiting.since;
        let in_time = waited < Nanos::from_millis(self.settings.permit_wait_ms);
        let found = permits::look(plan, &self.permits, self.reading, ctx);
        let grant = match &found {
            Permits::Missing(_) if in_time => return Some(waiting),
            Permits::Missing(missing) => {
                self.timed_out(plan, *missing, waited, ctx);
                return None;
            }
            Permits::Granted(grant) => grant,
            _ => {
                let why = found.refusal().unwrap_or_default();
                self.refuse(plan, Decision::Blocked, why.into(), ctx);
                return None;
            }
        };
        if self.settings.mode == ApplyMode::DryRun {
            self.would_execute(plan, ctx);
            return None;
        }
        let lots = match self.lots(place, plan, grant.permitted, ctx) {
            Ok(lots) => lots,
            Err((decision, why)) => {
                self.refuse(plan, decision, why, ctx);
                return None;
            }
        };
        // What stops it may have come while it waited.
        if switches::killed(ctx) {
            self.refuse(plan, Decision::Blocked, "kill_switch_active".into(), ctx);
            return None;
        }
        if !grant.consume(ctx) {
            self.free_tranche(plan, ctx);
            return Some(waiting);
        }
        ctx.gauge("permit_wait_ms", GaugeOf::All, waited.as_secs_f64() * 1e3);
        ctx.count("p33_permit_allow_total", u64::from(plan.class != PlanClass::ReconcileClose));
        if !self.desk.send(place, plan, lots, ctx) {
            self.free_tranche(plan, ctx);
        }
        None
    }

    /// What a plan without an order took is free again, also what it took in a former life.
    pub(super) fn free_tranche(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        let Some(place) = self.desk.place_of(plan.symbol) else { return };
        let ended = Ended { plan_id: plan.plan_id.clone(), place, executed: 0 };
        self.settle_tranche(&ended, ctx);
    }

    fn timed_out(&self, plan: &ApplyPlan, missing: Missing, waited: Nanos, ctx: &mut Context<'_>) {
        let (reason, lives) = (missing.reason, permits::lives(plan, &self.permits, ctx));
        let wait_ms = waited.millis();
        let step = format!(
            r#"[{{"step":"PERMIT_WAIT","status":"timeout","wait_ms":{wait_ms},"reason":"{reason}","lives":"{lives}"}}]"#
        );
        ctx.gauge("permit_wait_ms", GaugeOf::All, waited.as_secs_f64() * 1e3);
        ctx.count("permit_timeout_or_missing", 1);
        ctx.count(
            match reason {
                "missing_governor" => "plans_missing_governor",
                "missing_p26" => "plans_missing_p26",
                _ => "plans_missing_p33",
            },
            1,
        );
        let error = format!("permit_timeout_or_missing:{reason}");
        let result = ApplyResult {
            error: Some(error.into()),
            steps_results: step.into(),
            ..self.desk.result(plan, Decision::Blocked, ctx.now())
        };
        self.free_tranche(plan, ctx);
        self.desk.conclude(plan, result, ctx);
    }

    fn would_execute(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        ctx.count("would_execute", 1);
        let result = self.desk.result(plan, Decision::Execute, ctx.now());
        let result = ApplyResult { would_execute: true, status: "dry_run".into(), ..result };
        self.desk.conclude(plan, result, ctx);
    }

    /// Lots of the order: whole steps, never more than permitted or than the exchange holds. A harvest close takes its
    /// rung.
    pub(super) fn lots(
        &self,
        place: usize,
        plan: &ApplyPlan,
        permitted: Permitted,
        ctx: &mut Context<'_>,
    ) -> Result<i64, Refusal> {
        let most = permitted.max_qty.unwrap_or(Decimal::MAX);
        if plan.class == PlanClass::ReconcileClose {
            return self.reconcile_lots(place, plan, ctx);
        }
        if needs(plan) == Needs::HarvestClose && self.audited.has(Audited::SafeCloseQty) {
            return refuse(Decision::Blocked, "invalid_safe_close_qty");
        }
        let held = match self.keys[place].held.look(ctx) {
            Seen::Held(held) => held,
            Seen::Flat => return refuse(Decision::Skip, "no_position"),
            Seen::Unknown(why) => {
                return refuse(Decision::Blocked, format!("exchange_state_unknown:{why}"));
            }
        };
        if !closes(plan, &held) {
            return refuse(Decision::Denied, "wrong_side");
        }
        let Some(proposed) = plan.action.close() else {
            return refuse(Decision::Error, "close_without_step");
        };
        let Some(allowed) = smaller(proposed, permitted.max_fraction) else {
            return refuse(Decision::Blocked, "permit_without_share");
        };
        let quantity = self.quantity(place, &held, allowed, ctx);
        let allowed = if quantity == held.qty { CloseAction::FullClose } else { allowed };
        let lots = self.whole_steps(place, quantity.min(most), ctx)?;
        let unchecked = self.brain_unchecked && plan.source == "harvest_brain";
        if needs(plan) == Needs::HarvestClose
            && !unchecked
            && let Err(why) = self.take_tranche(place, &held, plan, (proposed, allowed), ctx)
        {
            return refuse(Decision::Skip, why);
        }
        Ok(lots)
    }

    pub(super) fn whole_steps(
        &self,
        place: usize,
        quantity: Decimal,
        ctx: &mut Context<'_>,
    ) -> Result<i64, Refusal> {
        let filters = self.desk.filters(place);
        let lots = grid::lots(&ctx.instruments()[place], quantity).unwrap_or(0);
        let lots = (lots - lots % filters.step).min(filters.max_qty);
        if lots <= 0 || lots < filters.min_qty {
            let error = format!("min_qty_check_failed:{lots} lots below {}", filters.min_qty);
            return refuse(Decision::Blocked, error);
        }
        Ok(lots)
    }

    /// UPDATE_SL: the exit monitor is asked for the stop, as the one writer of what it watches.
    fn update_stop(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        let Some(place) = self.desk.place_of(plan.symbol) else { return };
        let held = match self.keys[place].held.look(ctx) {
            Seen::Held(held) => held,
            Seen::Flat | Seen::Unknown(_) => {
                return self.refuse(plan, Decision::Skip, "no_position".into(), ctx);
            }
        };
        if self.settings.mode == ApplyMode::DryRun {
            return self.would_execute(plan, ctx);
        }
        let asked = plan.new_sl_proposed.filter(|stop| *stop > Decimal::ZERO);
        let saved = asked.map(|new_sl| {
            let asked = asked_stop(plan, &held, new_sl, ctx.now());
            ctx.set_record(&self.keys[place].asked, &asked, keys::STOP_ASKED.life)
        });
        let Some(Ok(())) = saved else {
            return self.refuse(plan, Decision::Error, "stop_not_asked".into(), ctx);
        };
        ctx.count("stops_asked", 1);
        let result = ApplyResult {
            would_execute: true,
            status: "stop_asked".into(),
            steps_results: r#"[{"step":"UPDATE_SL","status":"stop_asked"}]"#.into(),
            ..self.desk.result(plan, Decision::Execute, ctx.now())
        };
        self.desk.conclude(plan, result, ctx);
    }
}

fn asked_stop(plan: &ApplyPlan, held: &Held, new_sl: Decimal, now: Nanos) -> StopAsked {
    StopAsked {
        symbol: plan.symbol,
        side: side_of(&held.position),
        new_sl,
        source: plan.source.clone().into(),
        plan_id: plan.plan_id.clone(),
        position_plan_id: held.opening_plan.clone(),
        timestamp: EpochSeconds(now),
    }
}

/// The close that plan and permit allow together: the smaller one. `None` below a quarter.
fn smaller(plan: CloseAction, share: Option<Decimal>) -> Option<CloseAction> {
    let percent = match share {
        Some(share) => (share * Decimal::ONE_HUNDRED).to_u32()?,
        None => 100,
    };
    let fits = |close: &&CloseAction| close.percent() <= percent;
    CloseAction::ALL.iter().rev().find(fits).map(|close| plan.min(*close))
}
