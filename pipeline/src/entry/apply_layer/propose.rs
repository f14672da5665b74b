//! From proposals to plans: the ladder of EHR 3.16.

use engine::{Context, Envelope, EpochSeconds, Nanos, SetOptions};
use rust_decimal::Decimal;
use strategies::apply::{
    ApplyDecision, ApplyInput, ApplyVerdict, NormalisedAction, apply_decision,
};
use strategies::close_action::CloseAction;

use super::ApplyLayer;
use crate::audited::Audited;
use crate::exits::held::{Held, Seen, side_of};
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, Executor, HarvestProposal, OrderSide, PlanAction, PlanClass, ReduceOnly,
};
use crate::streams::APPLY_PLAN;
use crate::switches;

/// A plan that has found no permits by then is void.
const VALID: Nanos = Nanos::from_secs(60);
/// Reason: what a partial close would leave is too small to stay.
const WHOLE: &str = "remainder_closed_whole";

impl ApplyLayer {
    /// One look at all proposals.
    pub(super) fn propose(&mut self, ctx: &mut Context<'_>) {
        for place in 0..self.symbols.len() {
            let proposal = match ctx.record::<HarvestProposal>(&self.keys[place].proposal) {
                // The kernel proposes nothing: there is nothing to decide.
                Ok(Some(proposal)) if proposal.harvest_action == "NONE" => continue,
                // Seen before: one plan, one result, however long it stays.
                Ok(Some(proposal))
                    if self.seen[place] == Some(proposal.computed_epoch.0)
                        && !self.audited.has(Audited::DuplicateResults) =>
                {
                    ctx.count("quantum_apply_dedupe_hits_total", 1);
                    continue;
                }
                Ok(Some(proposal)) => proposal.into_owned(),
                Ok(None) => continue,
                Err(_) => {
                    ctx.count("proposal_unreadable", 1);
                    continue;
                }
            };
            self.consider(place, &proposal, ctx);
        }
    }

    fn consider(&mut self, place: usize, proposal: &HarvestProposal, ctx: &mut Context<'_>) {
        // What a partial close would leave cannot be told without the exchange's filters.
        if self.desk.filters(place).step == 0 {
            return;
        }
        let held = match self.keys[place].held.look(ctx) {
            Seen::Held(held) if held.opening_plan != proposal.position_plan_id => {
                return ctx.count("proposal_of_another_position", 1);
            }
            Seen::Held(held) => Some(held),
            // P3.3 knows more when it is asked for its permit.
            Seen::Flat | Seen::Unknown(_) => None,
        };
        let whole = held.as_deref().and_then(|held| self.made_whole(place, held, proposal, ctx));
        let computed_at = iso(proposal.computed_at_utc.0);
        let age = match self.audited.has(Audited::StaleProposals) {
            true => Nanos::ZERO,
            false => ctx.now() - proposal.last_update_epoch.0,
        };
        let input = ApplyInput {
            symbol: proposal.symbol.as_str(),
            action: &proposal.harvest_action,
            kill_score: proposal.kill_score,
            new_sl: proposal.new_sl_proposed,
            computed_at_utc: &computed_at,
            age_sec: age.as_secs_f64(),
            // The run's symbols are the list: no other stops a close.
            allowed: true,
            kill_switch: switches::killed(ctx),
            seen_before: false,
            position_open: held.is_some(),
        };
        let Ok(mut verdict) = apply_decision(&input, &self.rules) else {
            return ctx.count("proposal_not_sound", 1);
        };
        if self.tell_duplicate(proposal, &verdict, ctx) {
            return ctx.count("quantum_apply_dedupe_hits_total", 1);
        }
        if let (Some(held), NormalisedAction::Close(close)) = (&held, verdict.action)
            && verdict.decision == ApplyDecision::Execute
            && let Err(reason) = self.rung_is_open(place, held, close, ctx)
        {
            self.seen[place] = Some(proposal.computed_epoch.0);
            return ctx.count(reason, 1);
        }
        if whole.is_some() {
            verdict.reason_codes.push(WHOLE.into());
        }
        if !self.is_new(&verdict, ctx) {
            ctx.count("quantum_apply_dedupe_hits_total", 1);
        } else {
            self.publish(proposal, &verdict, whole, ctx);
        }
        // A plan that waits for the operator or for a fresh proposal may be made of it later.
        if verdict.decision == ApplyDecision::Execute {
            self.seen[place] = Some(proposal.computed_epoch.0);
        }
    }

    /// What a partial close has to take, because too little would be left: all that is held. It stays the close of
    /// its rung, which the heat of the book does not make smaller and which fires once.
    fn made_whole(
        &self,
        place: usize,
        held: &Held,
        proposal: &HarvestProposal,
        ctx: &mut Context<'_>,
    ) -> Option<Decimal> {
        let close = CloseAction::parse(&proposal.harvest_action)?;
        if close == CloseAction::FullClose || self.rung_is_open(place, held, close, ctx).is_err() {
            return None;
        }
        let quantity = self.quantity(place, held, close, ctx);
        (quantity == held.qty).then_some(held.qty)
    }

    /// Marks the plan; `false` if it was marked before.
    fn is_new(&self, verdict: &ApplyVerdict, ctx: &mut Context<'_>) -> bool {
        let absent = |expire| SetOptions { expire, if_absent: true, ..SetOptions::default() };
        let dedupe = keys::APPLY_DEDUPE.of(&verdict.plan_id);
        if verdict.decision != ApplyDecision::Execute {
            // What was executed before it grew old keeps its one result.
            if ctx.exists(&dedupe) {
                return false;
            }
            let key = keys::APPLY_PUBLISHED.of(&verdict.plan_id);
            return ctx.set(&key, "1", absent(keys::APPLY_PUBLISHED.life)) == Ok(true);
        }
        let life = Nanos::from_secs(self.settings.dedupe_ttl_s);
        let now = ctx.now().secs().to_string();
        ctx.set(&dedupe, &now, absent(Some(life))) == Ok(true)
    }

    pub(super) fn plan_of(
        &self,
        proposal: &HarvestProposal,
        verdict: &ApplyVerdict,
        ctx: &mut Context<'_>,
    ) -> (ApplyPlan, &'static str) {
        let now = ctx.now();
        let side = side_of_close(proposal);
        let (action, fraction) = match verdict.action {
            NormalisedAction::Close(close) => {
                (PlanAction::from(close), Some(Decimal::new(i64::from(close.percent()), 2)))
            }
            NormalisedAction::UpdateSl => (PlanAction::UpdateSl, None),
            NormalisedAction::Hold => (PlanAction::Hold, None),
        };
        let (decision, counted) = match verdict.decision {
            ApplyDecision::Execute => (Decision::Execute, "quantum_apply_plan_execute"),
            ApplyDecision::Blocked => (Decision::Blocked, "quantum_apply_plan_blocked"),
            ApplyDecision::Skip => (Decision::Skip, "quantum_apply_plan_skip"),
        };
        let mut reasons: Vec<&str> = verdict.reason_codes.iter().map(|code| &**code).collect();
        // An executed plan keeps the kernel's reasons: they are why a trade was closed.
        if decision == Decision::Execute && !proposal.reason_codes.is_empty() {
            reasons.push(&proposal.reason_codes);
        }
        let plan = ApplyPlan {
            plan_id: verdict.plan_id.clone(),
            correlation_id: ctx.correlation_id(),
            source: "harvest_proposal".to_owned(),
            executor: Executor::ApplyLayer,
            class: PlanClass::Close,
            symbol: proposal.symbol,
            action,
            side,
            order_type: "MARKET".into(),
            qty: None,
            fraction,
            reduce_only: ReduceOnly(true),
            decision,
            reason_codes: reasons.join(",").into(),
            kill_score: Some(proposal.kill_score),
            k_regime_flip: Some(proposal.k_regime_flip),
            k_sigma_spike: Some(proposal.k_sigma_spike),
            k_ts_drop: Some(proposal.k_ts_drop),
            k_age_penalty: Some(proposal.k_age_penalty),
            confidence: None,
            leverage: None,
            stop_loss: None,
            take_profit: None,
            new_sl_proposed: proposal.new_sl_proposed.and_then(grid::decimal),
            r_net: Some(proposal.r_net),
            price: grid::decimal(proposal.position_current_price),
            model: None,
            timestamp: EpochSeconds(now),
            valid_until: EpochSeconds(now + VALID),
        };
        (plan, counted)
    }

    fn publish(
        &mut self,
        proposal: &HarvestProposal,
        verdict: &ApplyVerdict,
        whole: Option<Decimal>,
        ctx: &mut Context<'_>,
    ) {
        let (mut plan, counted) = self.plan_of(proposal, verdict, ctx);
        if whole.is_some() && plan.fraction.is_some() {
            // Named, because the word alone would let P3.3 permit a part of it.
            (plan.qty, plan.fraction) = (whole, Some(Decimal::ONE));
        }
        ctx.count("quantum_apply_plan_total", 1);
        ctx.count(counted, 1);
        self.observer.early(&plan, ctx);
        self.observer.watch(&plan, ctx);
        crate::publish(ctx, APPLY_PLAN, Envelope::Flat, plan);
    }
}

/// A time as the audited plan ids were made of it: to the microsecond, without a zone.
fn iso(time: Nanos) -> String {
    let whole = Nanos::from_secs(time.secs()).to_string();
    let (whole, micros) = (whole.trim_end_matches('Z'), time.0.rem_euclid(1_000_000_000) / 1_000);
    if micros == 0 { whole.to_owned() } else { format!("{whole}.{micros:06}") }
}

/// The side of the order that closes the proposal's position.
fn side_of_close(proposal: &HarvestProposal) -> OrderSide {
    proposal.position_side.closing().unwrap_or(OrderSide::Sell)
}

/// Whether a plan's order closes this position.
pub(super) fn closes(plan: &ApplyPlan, held: &Held) -> bool {
    side_of(&held.position).closing() == Some(plan.side)
}
