use super::*;

const PROPOSAL: ApplyInput<'_> = ApplyInput {
    symbol: "BTCUSDT",
    action: "FULL_CLOSE_PROPOSED",
    kill_score: 0.99,
    new_sl: None,
    computed_at_utc: "2026-01-29T15:30:15.765694",
    age_sec: 1.0,
    allowed: true,
    kill_switch: false,
    seen_before: false,
    position_open: true,
};

fn decide(input: ApplyInput<'_>, rules: &ApplyRules) -> (&'static str, String) {
    let verdict = apply_decision(&input, rules).expect("finite");
    assert_eq!(verdict.step.is_some(), verdict.decision == ApplyDecision::Execute);
    (verdict.decision.as_str(), verdict.reason_codes.join(","))
}

fn check(input: ApplyInput<'_>, decision: &'static str, reasons: &str) {
    assert_eq!(decide(input, &ApplyRules::default()), (decision, reasons.to_owned()));
}

#[test]
fn by_default_no_kill_score_stops_a_close() {
    for action in ["FULL_CLOSE_PROPOSED", "PARTIAL_75", "PARTIAL_50", "PARTIAL_25", "UPDATE_SL"] {
        check(ApplyInput { action, ..PROPOSAL }, "EXECUTE", "");
    }
    check(ApplyInput { action: "HOLD", ..PROPOSAL }, "SKIP", "action_hold");
}

#[test]
fn switch_allowlist_age_and_repetition_come_in_this_order() {
    let all = ApplyInput {
        kill_switch: true,
        allowed: false,
        age_sec: 31.0,
        seen_before: true,
        ..PROPOSAL
    };
    check(all, "BLOCKED", "kill_switch_active");
    let all = ApplyInput { kill_switch: false, ..all };
    check(all, "SKIP", "not_in_allowlist");
    let all = ApplyInput { allowed: true, ..all };
    check(all, "SKIP", "stale_proposal");
    check(ApplyInput { age_sec: -1.0, ..PROPOSAL }, "SKIP", "stale_proposal");
    check(ApplyInput { age_sec: 30.0, ..all }, "SKIP", "duplicate_plan");
}

#[test]
fn the_generation_of_january_lets_closes_pass_and_stops_the_rest() {
    let rules =
        ApplyRules { kill_score: KillScoreRule::audited_january(), ..ApplyRules::default() };
    let at = |kill_score, action| decide(ApplyInput { kill_score, action, ..PROPOSAL }, &rules);
    assert_eq!(at(0.7, "PARTIAL_50"), ("EXECUTE", "kill_score_warning_close_ok".into()));
    assert_eq!(at(0.7, "UPDATE_SL"), ("BLOCKED", "kill_score_warning_risk_increase".into()));
    assert_eq!(at(0.8, "PARTIAL_50"), ("BLOCKED", "kill_score_critical".into()));
    assert_eq!(at(0.59, "UPDATE_SL"), ("EXECUTE", String::new()));
}

#[test]
fn the_generation_of_february_scales_what_is_no_close() {
    let KillScoreRule::AuditedFebruary { warning, close, open, open_critical, .. } =
        KillScoreRule::audited_february()
    else {
        panic!("February")
    };
    let rule =
        KillScoreRule::AuditedFebruary { critical: 2.0, warning, close, open, open_critical };
    let rules = ApplyRules { kill_score: rule, audited_no_partial_25: true };
    let scaled = ApplyInput { kill_score: 0.9, action: "UPDATE_SL", ..PROPOSAL };
    let verdict = apply_decision(&scaled, &rules).expect("finite");
    assert_eq!(verdict.reason_codes, ["kill_score_open_scaled"]);
    assert!((verdict.qty_scale - libm::exp(-0.1)).abs() < 1e-12);
    let critical = ApplyInput { kill_score: 0.95, ..scaled };
    assert_eq!(decide(critical, &rules), ("BLOCKED", "kill_score_open_critical".into()));
    let quarter = ApplyInput { kill_score: 0.7, action: "PARTIAL_25", ..PROPOSAL };
    let reasons = "kill_score_open_ok,action_normalized_partial_25_unknown_variant,action_hold";
    assert_eq!(decide(quarter, &rules), ("SKIP", reasons.into()));
}

#[test]
fn a_calibration_counts_for_its_own_proposal_only() {
    let of = |made_for| effective_action("PARTIAL_75", "t1", Some(("PARTIAL_25", made_for)));
    assert_eq!((of("t1"), of("t0")), ("PARTIAL_25", "PARTIAL_75"));
    assert_eq!(effective_action("PARTIAL_75", "t1", None), "PARTIAL_75");
}
