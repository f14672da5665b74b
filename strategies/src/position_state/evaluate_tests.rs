use super::*;

fn number(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn long_one() -> PositionFacts {
    PositionFacts {
        snapshot: Some(Snapshot { position_amt: number("1"), age_sec: 1.0 }),
        ledger_amt: Some(number("1")),
        last_exec_age_sec: Some(1.0),
        hold: true,
        step: number("0.1"),
    }
}

fn close(action: &str) -> PlanFacts<'_> {
    PlanFacts {
        reconcile_close: false,
        action,
        reduce_only: true,
        buys: Some(false),
        asked_qty: None,
    }
}

fn reason(plan: PlanFacts<'_>, facts: PositionFacts) -> &'static str {
    match evaluate_plan(&plan, &facts, &PositionRules::default()) {
        Ok(granted) => granted.reason,
        Err(denied) => denied.reason,
    }
}

/// Settled: no hold, recent execution or quantity mismatch refuses a risk-reducing order.
#[test]
fn a_close_runs_on_what_the_exchange_holds() {
    let facts = PositionFacts { ledger_amt: Some(number("5")), ..long_one() };
    let rules = PositionRules::default();
    let of = |action| evaluate_plan(&close(action), &facts, &rules).expect("granted");
    let half = of("PARTIAL_50");
    assert_eq!(half.safe_qty, number("0.5"));
    let mismatch = half.mismatch.expect("told to the reconcile engine");
    assert_eq!((mismatch.diff, mismatch.tolerance), (number("4"), number("0.01")));
    assert_eq!(of("PARTIAL_25").safe_qty, number("0.2"), "rounded down to the step");
    assert_eq!(of("FULL_CLOSE").safe_qty, number("1"));
}

/// Settled: a quantity mismatch reduces the order to min(asked, |exchange|).
#[test]
fn a_close_that_names_its_quantity_takes_no_more_than_that() {
    let of = |asked: &str| {
        let plan = PlanFacts { asked_qty: Some(number(asked)), ..close("FULL_CLOSE") };
        evaluate_plan(&plan, &long_one(), &PositionRules::default()).expect("granted").safe_qty
    };
    assert_eq!(of("0.3"), number("0.3"), "never all by default");
    assert_eq!(of("4"), number("1"), "what the exchange holds");
    assert_eq!((of("0"), of("-1")), (Decimal::ZERO, Decimal::ZERO));
}

#[test]
fn a_close_is_refused_for_these_reasons_only() {
    let facts = long_one();
    assert_eq!(reason(close("PARTIAL_33"), facts), "unknown_action");
    assert_eq!(reason(close(""), facts), "unknown_action");
    let buys = PlanFacts { buys: Some(true), ..close("PARTIAL_50") };
    assert_eq!(reason(buys, facts), "wrong_side");
    let none = PositionFacts { snapshot: None, ..facts };
    assert_eq!(reason(close("PARTIAL_50"), none), "no_exchange_snapshot");
    let flat = Snapshot { position_amt: number("0.00009"), age_sec: 0.0 };
    let flat = PositionFacts { snapshot: Some(flat), ..facts };
    assert_eq!(reason(close("PARTIAL_50"), flat), "no_position");
    let other = PositionFacts { ledger_amt: Some(number("-1")), ..facts };
    assert_eq!(reason(close("PARTIAL_50"), other), "reconcile_required_side_mismatch");
    let bypass = PlanFacts { reconcile_close: true, ..close("") };
    assert_eq!(reason(bypass, other), "reconcile_close_bypass");
    for age_sec in [10.1, -1.0, f64::NAN] {
        let old = Snapshot { position_amt: number("1"), age_sec };
        let old = PositionFacts { snapshot: Some(old), ..facts };
        assert_eq!(reason(close("PARTIAL_50"), old), "stale_exchange_state");
    }
}

#[test]
fn an_open_waits_for_calm() {
    let open = PlanFacts {
        reconcile_close: false,
        action: "BUY",
        reduce_only: false,
        buys: Some(true),
        asked_qty: None,
    };
    let flat = PositionFacts {
        snapshot: Some(Snapshot { position_amt: Decimal::ZERO, age_sec: 0.0 }),
        ledger_amt: None,
        last_exec_age_sec: Some(15.0),
        hold: false,
        step: number("0.1"),
    };
    assert_eq!(reason(open, flat), "sanity_checks_passed");
    let recent = PositionFacts { last_exec_age_sec: Some(14.9), ..flat };
    assert_eq!(reason(open, recent), "cooldown_in_flight");
    assert_eq!(reason(open, PositionFacts { hold: true, ..flat }), "reconcile_hold_active");
    assert_eq!(reason(open, long_one()), "position_exists");
    let adds = PositionRules { adds_allowed: true, ..PositionRules::default() };
    let calm = PositionFacts { hold: false, last_exec_age_sec: None, ..long_one() };
    let added = evaluate_plan(&open, &calm, &adds).expect("granted");
    assert_eq!(added.safe_qty, Decimal::ZERO);
}
