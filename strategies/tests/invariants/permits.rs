//! Apply layer, permits, governor, position state, reconcile.

use proptest::prelude::*;
use rust_decimal::Decimal;
use strategies::apply::{ApplyDecision, ApplyInput, ApplyRules, apply_decision};
use strategies::close_action::CloseAction;
use strategies::governor::{OpenVerdict, efficiency_verdict, kill_score_thresholds, open_scale};
use strategies::portfolio::Efficiency;
use strategies::position_state::{
    PlanFacts, PositionFacts, PositionRules, Snapshot, evaluate_plan, safe_quantity,
};
use strategies::reconcile::{
    Executed, ReconcileInput, ReconcileStep, close_sizing, reconcile_step,
};

use crate::support::{any_number, cases};

fn amount() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (-1_000_000i64..1_000_000, 0u32..8).prop_map(|(n, scale)| Decimal::new(n, scale)),
        1 => Just(Decimal::ZERO),
        1 => Just(Decimal::MAX),
        1 => Just(Decimal::MIN),
    ]
}

fn step() -> impl Strategy<Value = Decimal> {
    (1i64..100, 0u32..6).prop_map(|(n, scale)| Decimal::new(n, scale))
}

proptest! {
    #![proptest_config(cases())]

    /// An open's scale falls with the score, keeps its bounds, and ends at the critical score.
    #[test]
    fn open_scale_falls_with_the_score(k in 0.0..1.0, more in 0.0..0.5, confidence in 0.0..1.0, flip in 0u8..2) {
        let flip = f64::from(flip);
        let at = |k| match open_scale(Some(k), confidence, flip).expect("finite") {
            OpenVerdict::Scaled(scale) => scale,
            OpenVerdict::Refused(_) => 0.0,
        };
        let (now, later) = (at(k), at(k + more));
        prop_assert!(later <= now && (now == 0.0 || (0.25..=1.0).contains(&now)));
        prop_assert_eq!(k >= 0.80, now == 0.0);
        let thresholds = kill_score_thresholds(k, confidence, flip, 0.0).expect("finite");
        prop_assert!((0.6..=0.95).contains(&thresholds.open_threshold));
        prop_assert!((0.5..=0.85).contains(&thresholds.close_threshold));
    }

    #[test]
    fn efficiency_never_blocks(score in any_number(), confidence in any_number(), age_sec in any_number()) {
        if let Ok(out) = efficiency_verdict(Some(Efficiency { score, confidence, age_sec })) {
            prop_assert!((0.25..=1.0).contains(&out.factor));
            prop_assert!((0..=120).contains(&out.extra_cooldown_sec));
        }
    }

    /// By default a close of an allowed symbol runs whatever its score; the same proposal is the same plan.
    #[test]
    fn closes_run_whatever_the_score(k in -10.0..10.0, sl in prop::option::of(1e-9..1e6), which in 0usize..4) {
        let input = ApplyInput {
            symbol: "BTCUSDT",
            action: CloseAction::ALL[which].as_str(),
            kill_score: k,
            new_sl: sl,
            computed_at_utc: "t",
            age_sec: 0.0,
            allowed: true,
            kill_switch: false,
            seen_before: false,
            position_open: true,
        };
        let verdict = apply_decision(&input, &ApplyRules::default()).expect("finite");
        prop_assert_eq!(verdict.decision, ApplyDecision::Execute);
        prop_assert!(verdict.step.is_some() && verdict.plan_id.len() == 16);
        let again = apply_decision(&input, &ApplyRules::audited_february()).expect("finite");
        prop_assert_eq!(verdict.plan_id, again.plan_id);
    }

    /// A permit never lets a close take more than there is, takes whole steps or all, and a larger action
    /// takes no less.
    #[test]
    fn safe_quantities_are_safe(amount in amount(), step in step()) {
        let mut last = None;
        for action in CloseAction::ALL {
            let qty = safe_quantity(action.as_str(), amount, step).expect("a close");
            prop_assert!(qty <= amount.abs() && (qty > Decimal::ZERO || amount.is_zero()));
            // Near the largest decimal no digits are left for the step.
            let countable = amount.abs() < Decimal::from(1_000_000_000_000i64);
            prop_assert!(!countable || qty == amount.abs() || (qty % step).is_zero());
            if last != Some(amount.abs()) {
                prop_assert!(last.is_none_or(|last| qty >= last));
            }
            last = Some(qty);
        }
    }

    /// No hold, recent execution or ledger of the same side refuses a close of a fresh position.
    #[test]
    fn closes_are_not_refused(amount in amount(), ledger in amount(), hold in any::<bool>(), recent in 0.0..20.0, step in step()) {
        prop_assume!(amount.abs() >= Decimal::new(1, 4));
        let same_side = if amount.is_sign_positive() { ledger.abs() } else { -ledger.abs() };
        let facts = PositionFacts {
            snapshot: Some(Snapshot { position_amt: amount, age_sec: 1.0 }),
            ledger_amt: Some(same_side),
            last_exec_age_sec: Some(recent),
            hold,
            step,
        };
        let plan = PlanFacts { reconcile_close: false, action: "PARTIAL_50", reduce_only: true, buys: None, asked_qty: None };
        let granted = evaluate_plan(&plan, &facts, &PositionRules::default());
        prop_assert!(granted.is_ok_and(|g| g.safe_qty <= amount.abs() && g.safe_qty > Decimal::ZERO));
    }

    /// A reconcile close never exceeds what the exchange holds, nor what differs; a repair ends the drift.
    #[test]
    fn reconcile_closes_what_is_there(exchange in amount(), ledger in amount(), filled in amount()) {
        let close = close_sizing("BTCUSDT", exchange, ledger);
        prop_assert!(close.qty <= exchange.abs() && close.qty >= Decimal::ZERO);
        prop_assert_eq!(close.signature.len(), 12);
        let executions = [Executed { filled_qty: filled, age_sec: 1.0 }];
        let look = |ledger| {
            reconcile_step(&ReconcileInput {
                exchange: Some((exchange, 1.0)),
                ledger_amt: Some(ledger),
                executions: &executions,
            })
        };
        if let ReconcileStep::Repair { amount, .. } = look(ledger) {
            prop_assert_eq!(amount, exchange);
            prop_assert_eq!(look(amount), ReconcileStep::Agree);
        }
    }
}
