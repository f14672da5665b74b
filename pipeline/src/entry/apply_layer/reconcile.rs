//! The lane of reconcile closes (EHR 3.21): seal and guardrails stand in for permits.

use engine::{Context, Delivery, EpochSeconds, Nanos, SetOptions, Ttl};
use rust_decimal::Decimal;
use strategies::reconcile::{
    CloseSecret, ReconcileClose as Sealed, ReconcileContext, detect_drift, failed_guardrails,
};

use super::ApplyLayer;
use super::lane::{Refusal, refuse};
use crate::drift;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, Executor, PlanAction, PlanClass, PositionLedger, PositionSnapshot,
    ReconcileClose, ReduceOnly,
};
use crate::streams::RECONCILE_CLOSE;

/// How long the symbol stays held while a close is out.
const LEASE: Nanos = Nanos::from_secs(900);
/// A reconcile close is taken once in so long.
const ONCE: Nanos = Nanos::from_secs(86_400);

/// Whether it is the plan of a reconcile close.
pub(super) fn is_reconcile(plan_id: &str) -> bool {
    plan_id.starts_with("reconclose:")
}

fn counter(rule: &str) -> &'static str {
    match rule {
        "hmac" => "guardrail_hmac",
        "decision" => "guardrail_decision",
        "source" => "guardrail_source",
        "hold_key" => "guardrail_hold_key",
        "reduce_only_type" => "guardrail_reduce_only_type",
        "reduce_only" => "guardrail_reduce_only",
        "order_type" => "guardrail_order_type",
        "qty_positive" => "guardrail_qty_positive",
        "qty_safe" => "guardrail_qty_safe",
        "qty_parse" => "guardrail_qty_parse",
        _ => "guardrail_reason",
    }
}

impl ApplyLayer {
    /// A close from reconcile.close.
    pub(super) fn reconcile_close(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let read = ctx.read::<ReconcileClose>(RECONCILE_CLOSE.name, delivery);
        let Some(close) = read.map(std::borrow::Cow::into_owned) else { return };
        ctx.count("reconcile_close_consumed_total", 1);
        let Some(place) = self.desk.place_of(close.symbol) else {
            ctx.count("reconcile_close_rejected_total", 1);
            return ctx.count("unknown_symbol", 1);
        };
        let plan = plan_of(&close, ctx.now());
        if self.desk.touched(&close.plan_id, ctx) {
            return ctx.count("reconcile_close_duplicates", 1);
        }
        self.observer.reconcile(&plan, ctx);
        let failed = self.failed(place, &close, ctx);
        if !failed.is_empty() {
            for rule in &failed {
                ctx.count("reconcile_close_guardrail_fail_total", 1);
                ctx.count(counter(rule), 1);
            }
            ctx.count("reconcile_close_rejected_total", 1);
            let error = format!("guardrail:{}", failed.join(","));
            return self.desk.refuse(&plan, Decision::Denied, error, ctx);
        }
        let options = SetOptions { expire: Some(ONCE), if_absent: true, ..SetOptions::default() };
        let now = ctx.now().secs().to_string();
        let first = ctx.set(&keys::APPLY_DEDUPE.of(&close.plan_id), &now, options) == Ok(true);
        // A predecessor that died between this mark and the waiting plan has left the entry pending.
        if !first && !delivery.redelivered {
            return ctx.count("reconcile_close_duplicates", 1);
        }
        self.renew_lease(place, ctx);
        if !self.take_plan(plan, ctx) {
            ctx.leave_pending();
        }
    }

    fn failed(
        &self,
        place: usize,
        close: &ReconcileClose,
        ctx: &mut Context<'_>,
    ) -> Vec<&'static str> {
        let secret = self.secret.as_ref().map(|secret| CloseSecret::new(secret.text()));
        // Without a secret no seal fits.
        let Some(Ok(secret)) = secret else { return vec!["hmac"] };
        let hold = ctx.get(&self.keys[place].hold).ok().flatten();
        let sealed = Sealed {
            plan_id: &close.plan_id,
            symbol: close.symbol.as_str(),
            decision: &close.decision,
            source: &close.source,
            order_type: &close.order_type,
            reduce_only: &close.reduce_only,
            qty: &close.qty,
            reason: &close.reason,
            signature: &close.signature,
            hmac: &close.hmac,
            ts: &close.ts,
        };
        let hold_active = hold.as_deref() == Some("1");
        let exchange_amt = close.exchange_amt;
        failed_guardrails(&sealed, &ReconcileContext { secret: &secret, hold_active, exchange_amt })
    }

    /// Whether what a reconcile close is for is still so; `false` while nobody can tell. It may have waited long: for the
    /// end of another order, or for this service to be there again.
    pub(super) fn still_drifts(
        &self,
        place: usize,
        plan: &ApplyPlan,
        ctx: &mut Context<'_>,
    ) -> Result<bool, Refusal> {
        if self.piles_up {
            return Ok(true);
        }
        let now = ctx.now();
        if now > plan.valid_until.0 {
            return refuse(Decision::Skip, "close_expired");
        }
        let keys = &self.keys[place];
        let seen = match ctx.record::<PositionSnapshot>(&keys.snapshot) {
            Ok(Some(seen)) => (seen.position_amt, seen.ts_epoch.0),
            Ok(None) | Err(_) => return Ok(false),
        };
        let ledger = match ctx.record::<PositionLedger>(&keys.ledger) {
            Ok(Some(ledger)) => (ledger.position_amt, ledger.updated_at.0),
            // Without a book nothing is too much.
            Ok(None) => return refuse(Decision::Skip, "drift_gone"),
            Err(_) => return refuse(Decision::Blocked, "ledger_unreadable"),
        };
        let older = |changed| drift::may_be_older(seen.1, changed, now);
        let traded = drift::traded_at(&keys.traded, ctx);
        if now - seen.1 > drift::FRESH || older(ledger.1) || traded.is_some_and(older) {
            return Ok(false);
        }
        if detect_drift(seen.0, ledger.0).is_none() || !drift::is_beyond(seen.0, ledger.0) {
            return refuse(Decision::Skip, "drift_gone");
        }
        Ok(true)
    }

    /// What a reconcile close takes: what it names, at most what the exchange holds on that side and beyond the ledger.
    pub(super) fn reconcile_lots(
        &self,
        place: usize,
        plan: &ApplyPlan,
        ctx: &mut Context<'_>,
    ) -> Result<i64, Refusal> {
        let keys = &self.keys[place];
        let amount = match ctx.record::<PositionSnapshot>(&keys.snapshot) {
            Ok(Some(seen)) => seen.position_amt,
            Ok(None) | Err(_) => {
                return refuse(Decision::Blocked, "exchange_state_unknown:snapshot");
            }
        };
        if amount.is_zero() {
            return refuse(Decision::Skip, "no_position");
        }
        if amount.is_sign_positive() == (plan.side.sign() > 0) {
            return refuse(Decision::Denied, "wrong_side");
        }
        let ledger = match ctx.record::<PositionLedger>(&keys.ledger) {
            Ok(Some(ledger)) if !self.piles_up => ledger.position_amt,
            Ok(_) | Err(_) => Decimal::ZERO,
        };
        let most = amount.abs().min(amount.saturating_sub(ledger).abs());
        self.whole_steps(place, plan.qty.unwrap_or_default().min(most), ctx)
    }

    /// The symbol stays held until its close has had time to be seen. A hold is never made shorter.
    fn renew_lease(&self, place: usize, ctx: &mut Context<'_>) {
        let key = &self.keys[place].hold;
        if let Ttl::Left(left) = ctx.ttl(key)
            && left < LEASE
        {
            ctx.expire(key, LEASE);
        }
    }
}

fn plan_of(close: &ReconcileClose, now: Nanos) -> ApplyPlan {
    let decided = close.ts.parse::<i64>().ok().and_then(|ms| ms.checked_mul(1_000_000)).map(Nanos);
    // Of the future it may be as little as the clocks of two machines differ.
    let decided = decided.filter(|at| at.0 <= now.0.saturating_add(drift::CLOSE_VALID.0));
    ApplyPlan {
        plan_id: close.plan_id.clone(),
        correlation_id: close.correlation_id,
        source: "reconcile_engine".to_owned(),
        executor: Executor::ApplyLayer,
        class: PlanClass::ReconcileClose,
        symbol: close.symbol,
        action: PlanAction::FullClose,
        side: close.side,
        order_type: "MARKET".into(),
        qty: close.qty.parse::<Decimal>().ok(),
        fraction: None,
        reduce_only: ReduceOnly(true),
        decision: Decision::Execute,
        reason_codes: close.reason.clone(),
        kill_score: None,
        k_regime_flip: None,
        k_sigma_spike: None,
        k_ts_drop: None,
        k_age_penalty: None,
        confidence: None,
        leverage: None,
        stop_loss: None,
        take_profit: None,
        new_sl_proposed: None,
        r_net: None,
        price: None,
        model: None,
        timestamp: EpochSeconds(now),
        // One that does not say when it was decided is too old.
        valid_until: EpochSeconds(decided.map_or(Nanos::ZERO, |at| at + drift::CLOSE_VALID)),
    }
}
