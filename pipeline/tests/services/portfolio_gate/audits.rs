//! What the gates by the name P2.6 did before they were mended (EHR 3.6 to 3.8, INC-2, INC-3, INC-5), each beside what
//! the one gate does now.

use super::*;
use crate::harvests::{FLIPPED, closed, goes_on, opened};

const QUARTER: PlanAction = PlanAction::Partial25;

/// By default, and with this behaviour.
fn both(name: &str) -> [PipelineSettings; 2] {
    [PipelineSettings::default(), audited(&[name])]
}

/// What the observer found at its late point, what was processed and dead-lettered by the gate, what was closed, and
/// the last error of a result.
fn harvested(settings: &PipelineSettings) -> ([u64; 4], Vec<i64>, Option<String>) {
    let mut bench = opened(settings);
    goes_on(&mut bench, FLIPPED, 60);
    let of = |service, counter| bench.counter(service, counter);
    let counts = [
        of("apply_layer", "p28_late_found"),
        of("apply_layer", "p28_late_missing"),
        of(SERVICE, "p26_proposals_processed_total"),
        of(SERVICE, "dead_letters"),
    ];
    let last = bench.records::<ApplyResult>(streams::APPLY_RESULT).pop();
    (counts, closed(&bench), last.and_then(|result| result.error).map(Into::into))
}

/// INC-5: every full close passed when the inputs were missing.
#[test]
fn missing_heat_reduces_and_let_pass() {
    let [now, then] = both("missing_heat_passes").map(|settings| {
        let mut bench = bench_with(&settings, "100");
        bench.kernel.bus_mut().del(START, keys::PORTFOLIO.name);
        let permit = asked(&mut bench, "a", FULL);
        let told: Vec<HeatDecision> = bench.records(streams::HARVEST_HEAT_DECISION);
        let calibrated = bench.entries(streams::HARVEST_CALIBRATED.name).len();
        // With heat it calibrates as ever.
        portfolio(&mut bench, "400", "false");
        is(asked(&mut bench, "b", FULL), QUARTER, "0.25", "portfolio_heat_cold");
        (permit, told[0].reason.to_string(), told[0].out_action.to_string(), calibrated)
    });
    let cold = (QUARTER, "0.25".to_owned(), "portfolio_heat_cold".to_owned());
    assert_eq!(now, (cold, "missing_inputs".into(), "PARTIAL_25".into(), 1));
    let pass = (FULL, "1".to_owned(), "pass".to_owned());
    let reason = "FAIL-OPEN(missing_inputs)".to_owned();
    assert_eq!(then, (pass, reason, "FULL_CLOSE_PROPOSED".into(), 0));
}

/// INC-3: nothing was processed and nothing written in enforce mode, and permits ran out as `missing_p26`.
#[test]
fn a_gate_that_needs_a_plan_id_is_idle() {
    let [now, then] = both("heat_gate_needs_plan_id").map(|settings| harvested(&settings));
    assert!(now.0[0] > 0 && now.0[2] > 0 && now.0[1] == 0, "{now:?}");
    assert_eq!(now.1, [250]);
    let ([found, missing, processed, dead], orders, error) = then;
    assert!(missing > 0, "plans flow");
    assert_eq!((found, processed, dead), (0, 0, 0));
    assert!(orders.is_empty());
    assert_eq!(error.as_deref(), Some("permit_timeout_or_missing:missing_p26"));
}

/// INC-2 and I-31 are a wiring: the gate reads harvest.proposal, which nobody feeds, and coverage is 0 %.
#[test]
fn a_gate_on_the_dormant_stream_covers_nothing() {
    let mut settings: PipelineSettings = serde_json::from_value(serde_json::json!({
        "streams": { "portfolio_gate": { "apply.plan": "harvest.proposal" } }
    }))
    .expect("settings");
    settings.harvest_proposal.stream = false;
    let ([found, missing, processed, dead], orders, _) = harvested(&settings);
    assert!(missing > 0, "plans flow");
    assert_eq!((found, processed, dead), (0, 0, 0));
    assert!(orders.is_empty());
}

/// The matrix knew FULL_CLOSE, and the kernel says FULL_CLOSE_PROPOSED.
#[test]
fn a_full_close_by_one_word_is_never_calibrated() {
    let [now, then] = both("full_close_by_one_word").map(|settings| {
        let mut bench = bench_with(&settings, "400");
        let permit = asked(&mut bench, "a", FULL);
        let told: Vec<HarvestCalibrated> = bench.records(streams::HARVEST_CALIBRATED);
        (permit.0, permit.1, told[0].reason.to_string())
    });
    assert_eq!(now, (QUARTER, "0.25".into(), "portfolio_heat_cold".into()));
    assert_eq!(then, (FULL, "1".into(), "non_full_close_unchanged".into()));
}

#[test]
fn any_word_earned_a_permit() {
    let [now, then] = both("permit_any_word").map(|settings| {
        let mut bench = bench_with(&settings, "100");
        for (id, action) in [("a", PlanAction::UpdateSl), ("b", PlanAction::Hold)] {
            let plan = close(&bench, id, action);
            plans::send(&mut bench, &plan);
        }
        ["a", "b"].map(|id| permit(&mut bench, id).is_some_and(|permit| permit.allow))
    });
    assert_eq!((now, then), ([false, false], [true, false]), "any word but HOLD");
}

/// The gate's word had no effect: Apply ran the plan's own action with the permit.
#[test]
fn a_permit_without_action_is_one_for_all_of_it() {
    let [now, then] = both("permit_names_no_action").map(|settings| {
        let mut bench = bench_with(&settings, "400");
        let permit = asked(&mut bench, "a", FULL);
        let gated: Vec<PortfolioGateEntry> = bench.records(streams::PORTFOLIO_GATE);
        assert_eq!(gated[0].final_action, QUARTER, "what it says stays the same");
        (permit.0, permit.1)
    });
    assert_eq!((now, then), ((QUARTER, "0.25".into()), (FULL, "1".into())));
    let mut bench = opened(&audited(&["permit_names_no_action"]));
    goes_on(&mut bench, FLIPPED, 60);
    assert_eq!(closed(&bench), [1_000]);
}

#[test]
fn each_permit_stepped_the_next_one_down() {
    let [now, then] = both("permits_set_cooldown").map(|settings| {
        let mut bench = bench_with(&settings, "100");
        asked(&mut bench, "a", FULL);
        asked(&mut bench, "b", FULL).0
    });
    assert_eq!((now, then), (FULL, PlanAction::Partial75));
}

/// A cold book's quarter went on to count in a hot one, and harvest.calibrated was 33 hours old.
#[test]
fn a_calibration_is_of_its_own_plan_and_never_was_cleared() {
    let [now, then] = both("calibration_never_cleared").map(|settings| {
        let mut bench = bench_with(&settings, "400");
        is(asked(&mut bench, "a", FULL), QUARTER, "0.25", "portfolio_heat_cold");
        portfolio(&mut bench, "100", "false");
        let second = asked(&mut bench, "b", FULL).0;
        (second, bench.entries(streams::HARVEST_CALIBRATED.name).len())
    });
    assert_eq!((now, then), ((FULL, 2), (QUARTER, 1)));
}

/// None of the five inputs was published: a score of 0 in a book that is hot.
#[test]
fn a_moderator_without_inputs_called_every_book_cold() {
    let of = |names: &[&str]| {
        let mut bench = bench_with(&audited(names), "400");
        asked(&mut bench, "a", FULL);
        let told: Vec<HeatDecision> = bench.records(streams::HARVEST_HEAT_DECISION);
        (told[0].heat_score, told[0].heat_level.to_string(), told[0].out_action.to_string())
    };
    let hot = (0.9125, "hot".to_owned(), "PARTIAL_25_PROPOSED".to_owned());
    assert_eq!(of(&["hot_closes_least"]), hot);
    let cold = (0.0, "cold".to_owned(), "FULL_CLOSE_PROPOSED".to_owned());
    assert_eq!(of(&["hot_closes_least", "moderator_inputs_zero"]), cold);
}
