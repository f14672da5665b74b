//! Apply heat observer P2.8A (EHR 3.11): how often there is a heat decision for a plan. It tells, and changes nothing.
//!
//! At the early point the decision cannot exist yet: coverage is judged at the late one.

use engine::{Context, Envelope, EpochSeconds, Nanos, SetOptions, Symbol};
use serde::{Deserialize, Serialize};

use super::OBSERVER_TIMER;
use crate::keys;
use crate::records::{ApplyPlan, HeatDecision, HeatObserved};
use crate::streams::APPLY_HEAT_OBSERVED;

const EARLY: &str = "create_apply_plan";
const LATE: &str = "publish_plan_post";
const RECONCILE: &str = "reconcile_close_consume";
const STEP: Nanos = Nanos::from_millis(100);
const LATE_WAIT: Nanos = Nanos::from_millis(2_000);
/// Plans that are watched at a time; what comes beyond is dropped and counted.
const WATCHED_MAX: usize = 200;
/// No decision for so long while plans flow is an alarm (INC-2).
const UNCOVERED: Nanos = Nanos::from_secs(1_800);

/// A plan on whose decision it waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    plan_id: String,
    symbol: Symbol,
    decision: String,
    until: Nanos,
}

/// The observer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Observer {
    /// It looks when a plan is made, and never after.
    early_only: bool,
    watched: Vec<Watched>,
    /// When a plan last had a decision, or the first one was watched.
    covered_at: Option<Nanos>,
}

impl Observer {
    pub(super) fn new(early_only: bool) -> Observer {
        Observer { early_only, watched: Vec::new(), covered_at: None }
    }

    /// When a plan is made.
    pub(super) fn early(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        observe(EARLY, &watched(plan, ctx.now()), "missing", ctx);
    }

    /// When a reconcile close is taken.
    pub(super) fn reconcile(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        observe(RECONCILE, &watched(plan, ctx.now()), "missing", ctx);
    }

    /// After a plan is published.
    pub(super) fn watch(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        if self.early_only {
            return;
        }
        if self.watched.len() >= WATCHED_MAX {
            return ctx.count("p28_late_obs_dropped_total", 1);
        }
        if self.watched.is_empty() {
            ctx.timer_after(STEP, OBSERVER_TIMER);
        }
        self.covered_at.get_or_insert(ctx.now());
        self.watched.push(watched(plan, ctx.now()));
    }

    /// Looks for the decisions of the plans that are watched.
    pub(super) fn look(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for watched in std::mem::take(&mut self.watched) {
            let found = ctx.exists(&keys::HEAT_BY_PLAN.of(&watched.plan_id));
            if !found && now < watched.until {
                self.watched.push(watched);
                continue;
            }
            observe(LATE, &watched, "timeout", ctx);
            if found {
                ctx.count("p28_late_found", 1);
                self.covered_at = Some(now);
            } else {
                ctx.count("p28_late_missing", 1);
                if self.covered_at.is_some_and(|at| now - at >= UNCOVERED) {
                    ctx.count("p28_late_uncovered", 1);
                    self.covered_at = Some(now);
                }
            }
        }
        if !self.watched.is_empty() {
            ctx.timer_after(STEP, OBSERVER_TIMER);
        }
    }
}

fn watched(plan: &ApplyPlan, now: Nanos) -> Watched {
    Watched {
        plan_id: plan.plan_id.clone(),
        symbol: plan.symbol,
        decision: plan.decision.as_str().to_owned(),
        until: now + LATE_WAIT,
    }
}

/// Tells what is there, once a point and plan.
fn observe(point: &'static str, of: &Watched, absent: &'static str, ctx: &mut Context<'_>) {
    let once =
        SetOptions { expire: keys::DEDUPE_P28.life, if_absent: true, ..SetOptions::default() };
    let mark = keys::DEDUPE_P28.of(format_args!("{point}:{}", of.plan_id));
    if ctx.set(&mark, "1", once) != Ok(true) {
        return ctx.count("p28_dropped_total", 1);
    }
    let read = ctx.record::<HeatDecision>(&keys::HEAT_BY_PLAN.of(&of.plan_id));
    let (heat, reason) = match read {
        Ok(Some(heat)) => (Some(heat.into_owned()), "ok"),
        Ok(None) => (None, absent),
        Err(_) => (None, "redis_error"),
    };
    let field = |of: fn(&HeatDecision) -> &std::borrow::Cow<'static, str>| {
        heat.as_ref().map(|heat| of(heat).clone())
    };
    let observed = HeatObserved {
        ts_epoch: EpochSeconds(ctx.now()),
        plan_id: of.plan_id.clone(),
        symbol: of.symbol,
        apply_component: "apply".into(),
        obs_point: point.into(),
        heat_found: u32::from(heat.is_some()),
        heat_ts_epoch: heat.as_ref().map(|heat| heat.ts_epoch),
        heat_level: field(|heat| &heat.heat_level),
        heat_score: heat.as_ref().map(|heat| heat.heat_score),
        heat_action: field(|heat| &heat.heat_action),
        heat_out_action: field(|heat| &heat.out_action),
        heat_recommended_partial: heat.as_ref().and_then(|heat| heat.recommended_partial),
        heat_reason: reason.into(),
        apply_decision: of.decision.clone().into(),
        debug_json: "{}".into(),
    };
    ctx.count("p28_observed_total", 1);
    crate::publish(ctx, APPLY_HEAT_OBSERVED, Envelope::Flat, observed);
}
