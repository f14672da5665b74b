//! What P3.3 writes of a plan: its permit or denial, and what P3.4 is told.

use std::borrow::Cow;

use engine::{Context, Envelope, EpochSeconds, JsonText, SetOptions};
use rust_decimal::Decimal;
use strategies::position_state::{Denial, DenialContext, Evaluation, PositionFacts};

use super::PositionStateBrain;
use crate::audited::Audited;
use crate::keys;
use crate::records::{ApplyPlan, P33Permit, ReconcileEvent, ReconcileEventKind};
use crate::streams::RECONCILE_EVENTS;

impl PositionStateBrain {
    /// What the ledger says differs from what the exchange holds: P3.4 is told.
    pub(super) fn tell_mismatch(
        &self,
        plan: &ApplyPlan,
        facts: &PositionFacts,
        ctx: &mut Context<'_>,
    ) {
        let event = ReconcileEvent {
            event: ReconcileEventKind::LedgerMismatch,
            symbol: plan.symbol,
            exchange_amt: facts.snapshot.map(|snapshot| snapshot.position_amt),
            ledger_amt: facts.ledger_amt,
            plan_id: plan.plan_id.clone(),
            details: None,
            ts: EpochSeconds(ctx.now()),
        };
        ctx.count("ledger_mismatches", 1);
        crate::publish(ctx, RECONCILE_EVENTS, Envelope::Flat, event);
    }

    /// Denies a plan that was not compared with anything.
    pub(super) fn deny(&self, plan: &ApplyPlan, reason: &'static str, ctx: &mut Context<'_>) {
        if self.audited.has(Audited::P33DeniesInSilence) {
            return ctx.count(reason, 1);
        }
        let facts = PositionFacts {
            snapshot: None,
            ledger_amt: None,
            last_exec_age_sec: None,
            hold: false,
            step: Decimal::ONE,
        };
        let denial = Denial { reason, context: DenialContext::Nothing };
        self.write(plan, Err(denial), &facts, ctx);
    }

    pub(super) fn write(
        &self,
        plan: &ApplyPlan,
        verdict: Result<Evaluation, Denial>,
        facts: &PositionFacts,
        ctx: &mut Context<'_>,
    ) {
        let allow = verdict.is_ok();
        let reason = verdict.map_or_else(|denial| denial.reason, |granted| granted.reason);
        let context = verdict.err().and_then(|denial| serde_json::to_value(denial.context).ok());
        let permit = P33Permit {
            allow,
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            action: plan.action,
            safe_qty: verdict.map(|granted| granted.safe_qty).unwrap_or_default(),
            exchange_position_amt: facts.snapshot.map(|snapshot| snapshot.position_amt),
            ledger_amt: facts.ledger_amt,
            reason: Cow::Borrowed(reason),
            context: context.filter(|context| !context.is_null()).map(JsonText),
            created_at: EpochSeconds(ctx.now()),
        };
        let options = SetOptions { expire: keys::PERMIT_P33.life, ..SetOptions::default() };
        if ctx.set_json(&keys::PERMIT_P33.of(&plan.plan_id), &permit, options).is_err() {
            ctx.count("permit_not_written", 1);
        }
        ctx.count(if allow { "p33_permit_allow_total" } else { "p33_permit_deny_total" }, 1);
        if !allow {
            ctx.count(reason, 1);
        }
    }
}
