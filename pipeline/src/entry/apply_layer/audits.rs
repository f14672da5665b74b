//! What the audits found in the Apply Layer, each under its name in `audited.rs`; nothing of it runs by default.

use engine::{Context, Envelope};
use strategies::apply::{ApplyDecision, ApplyVerdict, Permitted};

use super::ApplyLayer;
use crate::audited::Audited;
use crate::entry::safety_kernel;
use crate::keys;
use crate::records::{ApplyPlan, ApplyResult, Decision, HarvestProposal, PlanAction, PlanClass};
use crate::streams::APPLY_RESULT;

impl ApplyLayer {
    /// A plan of the other executor: its opens were run here, too, at once and without permits.
    pub(super) fn alien(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        let runs = self.audited.has(Audited::EveryExecutorOpens)
            && plan.class == PlanClass::Open
            && plan.decision == Decision::Execute;
        let Some(place) = self.desk.place_of(plan.symbol).filter(|_| runs) else { return };
        if self.desk.touched(&plan.plan_id, ctx) || self.desk.filters(place).step == 0 {
            return;
        }
        if ctx.exists(&keys::COOLDOWN_OPEN.of(plan.symbol)) {
            return self.refuse(plan, Decision::Skip, "SKIP_OPEN_COOLDOWN".into(), ctx);
        }
        match self.whole_steps(place, plan.qty.unwrap_or_default(), ctx) {
            Ok(lots) => {
                self.desk.send(place, plan, lots, ctx);
            }
            Err((decision, why)) => self.refuse(plan, decision, why, ctx),
        }
    }

    /// Whether nobody is there who handles closes.
    pub(super) fn ignored(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) -> bool {
        let ignored = self.audited.has(Audited::NoCloseHandler) && plan.class == PlanClass::Close;
        if ignored {
            ctx.count("close_without_handler", 1);
        }
        ignored
    }

    /// A plan that was blocked, closed all the same: it has no step, so that all is closed, and asks for no permit.
    pub(super) fn close_blocked(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) -> bool {
        let closes = plan.class == PlanClass::Close && plan.decision == Decision::Blocked;
        if !closes || !self.audited.has(Audited::BlockedPlansClose) {
            return false;
        }
        let Some(place) = self.desk.place_of(plan.symbol) else { return false };
        if self.desk.filters(place).step == 0 {
            return false;
        }
        let whole = ApplyPlan {
            action: PlanAction::FullClose,
            decision: Decision::Execute,
            ..plan.clone()
        };
        match self.lots(place, &whole, Permitted::default(), ctx) {
            Ok(lots) => {
                if !self.desk.send(place, &whole, lots, ctx) {
                    self.free_tranche(&whole, ctx);
                }
            }
            Err((decision, why)) => self.refuse(&whole, decision, why, ctx),
        }
        true
    }

    /// Whether safe mode stops what this layer runs, closes all of it.
    pub(super) fn safe_mode_stops(&self, ctx: &mut Context<'_>) -> bool {
        self.audited.has(Audited::SafeModeBlocksExits)
            && safety_kernel::safe_mode(ctx) != Some(false)
    }

    /// Tells a result of a plan that was made before.
    pub(super) fn tell_duplicate(
        &self,
        proposal: &HarvestProposal,
        verdict: &ApplyVerdict,
        ctx: &mut Context<'_>,
    ) -> bool {
        let again = self.audited.has(Audited::DuplicateResults)
            && verdict.decision == ApplyDecision::Execute
            && ctx.exists(&keys::APPLY_DEDUPE.of(&verdict.plan_id));
        if again {
            let (plan, _) = self.plan_of(proposal, verdict, ctx);
            let result = ApplyResult {
                error: Some("duplicate_plan".into()),
                ..self.desk.result(&plan, Decision::Skip, ctx.now())
            };
            crate::publish(ctx, APPLY_RESULT, Envelope::Flat, result);
        }
        again
    }
}
