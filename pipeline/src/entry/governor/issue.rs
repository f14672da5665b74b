//! Permits and refusals, and the end of all opens for a day.

use engine::{Context, Envelope, EpochSeconds, SetOptions};
use strategies::governor::{GovernorMode, GovernorPermit as Payload, disarm_due};

use super::Governor;
use super::book::Pending;
use super::evaluate::{Granted, Refusal};
use super::executions::date_of;
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, Disarm, ExecutionNote, GovernorBlock, GovernorEvent, GovernorPermit,
    PlanClass,
};
use crate::settings::Configured as _;
use crate::streams::GOVERNOR_EVENTS;

impl Governor {
    /// Judges a plan and writes what becomes of it.
    pub(super) fn decide(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        match self.evaluate(plan, ctx) {
            Ok(granted) => self.grant(plan, &granted, ctx),
            Err(refusal) => {
                if refusal.internal {
                    self.errors = self.errors.saturating_add(1);
                }
                self.refuse(plan, &refusal, ctx);
                let burst = refusal.reason == "burst_limit_exceeded";
                if burst && self.settings.mode == GovernorMode::Production {
                    self.disarm_if_due(true, ctx);
                }
            }
        }
    }

    fn grant(&mut self, plan: &ApplyPlan, granted: &Granted, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let permit = permit(plan, granted, EpochSeconds(now));
        let options = SetOptions { expire: keys::PERMIT_GOVERNOR.life, ..SetOptions::default() };
        let key = keys::PERMIT_GOVERNOR.of(&plan.plan_id);
        if ctx.set_json(&key, &permit, options) != Ok(true) {
            ctx.count("writes_failed", 1);
            return;
        }
        ctx.count("quantum_govern_allow_total", 1);
        if self.audited.has(Audited::PermitsCountAsExecutions)
            && let Some(place) = self.place_of(plan.symbol)
        {
            let notional = granted.limit.map(|(_, notional)| notional).unwrap_or_default();
            let plan_id = plan.plan_id.clone();
            let note = ExecutionNote { ts: EpochSeconds(now), plan_id, notional };
            self.count_execution(place, note, ctx);
        }
        if plan.class != PlanClass::Open {
            self.closes.note(plan, ctx);
        } else if let (Some(place), Some((_, notional))) =
            (self.place_of(plan.symbol), granted.limit)
        {
            let open = Pending {
                place,
                notional: grid::float(notional),
                permitted_at: now,
                executed_at: None,
            };
            self.pending.insert(plan.plan_id.clone(), open);
        }
    }

    /// Writes why a plan has no permit. A refusal is a permit that says no, so that nobody waits for it in
    /// vain; while a rotation makes room, there is neither.
    pub(super) fn refuse(&self, plan: &ApplyPlan, refusal: &Refusal, ctx: &mut Context<'_>) {
        let now = EpochSeconds(ctx.now());
        let block = GovernorBlock {
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            action: plan.action,
            reason: refusal.reason.into(),
            detail: refusal.detail.clone(),
            timestamp: now,
        };
        let life = |expire| SetOptions { expire, ..SetOptions::default() };
        let key = keys::GOVERNOR_BLOCK.of(&plan.plan_id);
        let mut written = ctx.set_json(&key, &block, life(keys::GOVERNOR_BLOCK.life)).is_ok();
        if !refusal.waits {
            let nothing = Granted { limit: None, efficiency: None };
            let reason = match refusal.detail.is_empty() {
                true => refusal.reason.into(),
                false => format!("{}:{}", refusal.reason, refusal.detail).into(),
            };
            let no = GovernorPermit { granted: false, reason, ..permit(plan, &nothing, now) };
            let key = keys::PERMIT_GOVERNOR.of(&plan.plan_id);
            written &= ctx.set_json(&key, &no, life(keys::PERMIT_GOVERNOR.life)).is_ok();
        }
        if !written {
            ctx.count("writes_failed", 1);
        }
        ctx.count("quantum_govern_block_total", 1);
        // Guards have their own counter.
        if Self::COUNTERS.contains(&refusal.reason) {
            ctx.count(refusal.reason, 1);
        }
    }

    /// Whether the governor has opened its last position of the day.
    pub(super) fn disarmed(&self, ctx: &mut Context<'_>) -> bool {
        let key = keys::GOVERNOR_DISARM.of(date_of(ctx.now()));
        ctx.exists(&key)
    }

    /// Disarms, once a UTC day: opens end, closes go on.
    pub(super) fn disarm_if_due(&self, burst: bool, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let disarmed = self.disarmed(ctx);
        if !disarm_due(self.errors, burst, disarmed) {
            return;
        }
        let reason = if burst { "burst_limit_exceeded" } else { "internal_errors" };
        let record = Disarm {
            reason: reason.into(),
            errors: self.errors.into(),
            timestamp: EpochSeconds(now),
        };
        let options = SetOptions { expire: keys::GOVERNOR_DISARM.life, ..SetOptions::default() };
        if ctx.set_json(&keys::GOVERNOR_DISARM.of(date_of(now)), &record, options).is_err() {
            ctx.count("writes_failed", 1);
        }
        ctx.count("quantum_govern_disarm_total", 1);
        let event = GovernorEvent {
            event: "AUTO_DISARM".into(),
            plan_id: None,
            symbol: None,
            rotation_plan_id: None,
            reason: reason.into(),
            timestamp: EpochSeconds(now),
        };
        crate::publish(ctx, GOVERNOR_EVENTS, Envelope::Flat, event);
    }
}

fn permit(plan: &ApplyPlan, granted: &Granted, now: EpochSeconds) -> GovernorPermit {
    let core = GovernorPermit {
        granted: true,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        action: plan.action,
        decision: Decision::Execute,
        computed_qty: None,
        computed_notional: None,
        reason: "ok".into(),
        consumed: false,
        eff_score: None,
        eff_confidence: None,
        eff_stale: None,
        eff_factor: None,
        eff_action: None,
        eff_reason: None,
        downsize_factor: None,
        extra_cooldown_sec: None,
        created_at: now,
    };
    let (Some((qty, notional)), Some(verdict)) = (granted.limit, granted.efficiency) else {
        return core;
    };
    let (symbol, action) = (plan.symbol.as_str(), plan.action.as_str());
    let said = Payload::new(symbol, action, qty, notional, &verdict);
    GovernorPermit {
        computed_qty: Some(said.computed_qty),
        computed_notional: Some(said.computed_notional),
        eff_score: Some(said.eff_score),
        eff_confidence: Some(said.eff_confidence),
        eff_stale: Some(said.eff_stale.into()),
        eff_factor: Some(said.eff_factor),
        eff_action: Some(said.eff_action.into()),
        eff_reason: Some(said.eff_reason.into()),
        downsize_factor: Some(said.downsize_factor),
        extra_cooldown_sec: Some(said.extra_cooldown_sec),
        ..core
    }
}
