//! Apply Layer P3: EHR 3.11, 3.16, 3.17 and 3.21 as settled, worked examples 29 and 31, and INC-3, INC-8, INC-9.

mod audits;

use engine::{Body, EpochSeconds, Nanos, Outcome, Record, SetOptions, Ttl};
use pipeline::records::{
    ApplyPlan, ApplyResult, Decision, ExecutionResult, HeatObserved, OrderSide, P26Permit,
    PlanAction, PlanClass, ReduceOnly,
};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument, refused};
use crate::held::{self, Position};
use crate::plans::{self, decimal};
use crate::portfolio_gate::close;

const SERVICE: &str = "apply_layer";
const SELL: OrderSide = OrderSide::Sell;
const FULL: PlanAction = PlanAction::FullClose;
const QUARTER: PlanAction = PlanAction::Partial25;

/// With two units of BTCUSDT long, opened as two, after exchangeInfo.
fn bench_with(settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(&[SERVICE], settings, Vec::new());
    bench.kernel.exchange_mut().held[0] = 2_000;
    held::hold(&mut bench, &Position::default());
    bench.run_to_ms(100);
    bench
}

fn bench() -> Bench {
    bench_with(&PipelineSettings::default())
}

/// P2.5's proposal for the position, computed when `at` says, and confirmed now.
fn propose(bench: &mut Bench, action: &str, kill_score: &str, new_sl: &str, at: &str) {
    let now = bench.kernel.now().secs().to_string();
    let epoch = bench.kernel.now().0.to_string();
    let computed = format!("{}.{}", &epoch[..10], &epoch[10..]);
    let mut fields = vec![
        ("symbol", "BTCUSDT"),
        ("harvest_action", action),
        ("new_sl_proposed", new_sl),
        ("kill_score", kill_score),
        ("reason_codes", "kernel_said_so"),
        ("computed_at_utc", at),
        ("computed_epoch", &computed),
        ("last_update_epoch", &now),
        ("position_side", "LONG"),
        ("position_plan_id", "opening"),
    ];
    let numbers = [
        "R_net",
        "risk_unit",
        "cost_est",
        "k_regime_flip",
        "k_sigma_spike",
        "k_ts_drop",
        "k_age_penalty",
        "sigma",
        "ts",
        "p_trend",
        "p_mr",
        "p_chop",
        "position_age_sec",
        "position_current_price",
        "position_entry_price",
        "position_unrealized_pnl",
        "position_pnl_per_unit",
    ];
    fields.extend(numbers.map(|name| (name, "1")));
    bench.hset(&keys::HARVEST_PROPOSAL.of(instrument().symbol), &fields);
}

/// A proposal of now.
fn proposes(bench: &mut Bench, action: &str, kill_score: &str) {
    let at = bench.kernel.now().to_string();
    propose(bench, action, kill_score, "", &at);
}

fn plans_of(bench: &mut Bench) -> Vec<ApplyPlan> {
    bench.records(streams::APPLY_PLAN)
}

fn results(bench: &mut Bench) -> Vec<ApplyResult> {
    plans::results(bench)
}

/// How the newest plan ended.
fn ended(bench: &mut Bench) -> (Decision, String) {
    let last = results(bench).pop().expect("a result");
    (last.decision, last.error.unwrap_or_default().into_owned())
}

fn orders(bench: &Bench) -> Vec<(bool, i64)> {
    let of = |order: &engine::NewOrder| (order.reduces(), order.quantity.expect("one").0);
    bench.kernel.exchange().orders.iter().map(of).collect()
}

/// The gate's permit of a plan.
fn gate(bench: &mut Bench, plan: &ApplyPlan, action: PlanAction, share: &str) {
    let permit = P26Permit {
        allow: true,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        action: plan.action,
        final_action: action,
        max_fraction: decimal(share),
        reason: "pass".into(),
        stress: None,
        heat: None,
        created_at: EpochSeconds(bench.kernel.now()),
    };
    bench.set(&keys::PERMIT_P26.of(&plan.plan_id), &permit.to_json().to_string());
}

/// P3.3 and the governor permit it.
fn other_permits(bench: &mut Bench, plan: &ApplyPlan, safe_qty: &str) {
    let plan = ApplyPlan { timestamp: EpochSeconds(bench.kernel.now()), ..plan.clone() };
    plans::grant(bench, &plans::permit_of(&plan, safe_qty));
}

/// Sends a close with all three permits.
fn run(bench: &mut Bench, id: &str, action: PlanAction, allowed: (PlanAction, &str), safe: &str) {
    let plan = close(bench, id, action);
    gate(bench, &plan, allowed.0, allowed.1);
    other_permits(bench, &plan, safe);
    plans::send(bench, &plan);
    bench.run_for_ms(20);
}

/// Worked examples 29 and 31: the plan ids of the audits. No kill score stops the close by default; the generation of
/// February stops it under its name.
#[test]
fn examples_29_and_31_on_the_bus() {
    let at = "2026-01-29T15:30:15.765694";
    for (kill_score, id) in
        [("0.758285465877316", "5ccb55e0c09e77cb"), ("0.61", "33af5b48c46894c6")]
    {
        let mut bench = bench();
        propose(&mut bench, "FULL_CLOSE_PROPOSED", kill_score, "100.2", at);
        bench.run_for_ms(5_000);
        let plans = plans_of(&mut bench);
        assert_eq!(plans.len(), 1);
        let plan = &plans[0];
        assert_eq!((&*plan.plan_id, plan.decision, plan.action), (id, Decision::Execute, FULL));
        assert_eq!(
            (plan.side, plan.reduce_only, plan.class),
            (SELL, ReduceOnly(true), PlanClass::Close)
        );
        assert_eq!((&*plan.source, &*plan.reason_codes), ("harvest_proposal", "kernel_said_so"));
        assert_eq!(plan.fraction, Some(decimal("1")));
    }
    for (kill_score, decision, reason) in [
        ("0.79", Decision::Execute, "kill_score_warning_close_ok"),
        ("0.80", Decision::Blocked, "kill_score_critical"),
    ] {
        let mut january = bench_with(&audited(&["kill_score_january"]));
        propose(&mut january, "FULL_CLOSE_PROPOSED", kill_score, "100.2", at);
        january.run_for_ms(5_000);
        let plan = &plans_of(&mut january)[0];
        assert_eq!(plan.decision, decision);
        assert!(plan.reason_codes.contains(reason), "{}", plan.reason_codes);
    }
    let mut february = bench_with(&audited(&["kill_score_february", "no_partial_25"]));
    propose(&mut february, "FULL_CLOSE_PROPOSED", "0.758285465877316", "100.2", at);
    february.run_for_ms(5_000);
    let plan = &plans_of(&mut february)[0];
    assert_eq!((&*plan.plan_id, plan.decision), ("5ccb55e0c09e77cb", Decision::Blocked));
    assert_eq!(ended(&mut february), (Decision::Blocked, "kill_score_close_blocked".into()));
    // Example 33: a quarter is an unknown word.
    propose(&mut february, "PARTIAL_25", "0.55", "50.1", at);
    february.run_for_ms(5_000);
    assert_eq!(ended(&mut february).0, Decision::Skip);
    assert!(orders(&february).is_empty());
}

/// One plan and one result, however long the proposal stays (INC-8: 491 of 497 results were duplicates).
#[test]
fn an_unchanged_proposal_makes_one_plan() {
    let mut bench = bench();
    proposes(&mut bench, "PARTIAL_25", "0.99");
    for _ in 0..5 {
        bench.run_for_ms(5_000);
    }
    assert_eq!(plans_of(&mut bench).len(), 1);
    assert_eq!(results(&mut bench).len(), 1);
    assert_eq!(bench.counter(SERVICE, "quantum_apply_dedupe_hits_total"), 4);
    // Nor does a successor make it again, nor an entry that comes again run it again.
    bench.crash(SERVICE, 100);
    bench.run_for_ms(10_000);
    let plan = plans_of(&mut bench).remove(0);
    plans::send(&mut bench, &plan);
    bench.run_for_ms(2_000);
    assert_eq!(results(&mut bench).len(), 1);
    assert_eq!(bench.counter(SERVICE, "duplicate_plan"), 1);
    // A kernel that proposes nothing makes no plan.
    proposes(&mut bench, "NONE", "0.5");
    bench.run_for_ms(5_000);
    assert_eq!(plans_of(&mut bench).len(), 2, "the test's own copy");
}

/// INC-3: 30 s, not 78.
#[test]
fn a_stale_proposal_is_skipped() {
    let mut bench = bench();
    proposes(&mut bench, "PARTIAL_25", "0.5");
    let old = (bench.kernel.now().secs() - 31).to_string();
    let key = keys::HARVEST_PROPOSAL.of(instrument().symbol);
    bench.hset(&key, &[("last_update_epoch", &old)]);
    bench.run_for_ms(15_000);
    assert_eq!(ended(&mut bench), (Decision::Skip, "stale_proposal".into()));
    assert_eq!(results(&mut bench).len(), 1);
    // Confirmed by the kernel it is acted on.
    let now = bench.kernel.now().secs().to_string();
    bench.hset(&key, &[("last_update_epoch", &now)]);
    bench.run_for_ms(5_000);
    assert_eq!(plans_of(&mut bench)[1].decision, Decision::Execute);
}

#[test]
fn a_proposal_of_another_position_or_without_sense_makes_no_plan() {
    let mut bench = bench();
    proposes(&mut bench, "PARTIAL_25", "0.5");
    let key = keys::HARVEST_PROPOSAL.of(instrument().symbol);
    bench.hset(&key, &[("position_plan_id", "former")]);
    bench.run_for_ms(5_000);
    assert_eq!(bench.counter(SERVICE, "proposal_of_another_position"), 1);
    bench.hset(&key, &[("kill_score", "NaN")]);
    bench.run_for_ms(5_000);
    assert_eq!(bench.counter(SERVICE, "proposal_unreadable"), 1);
    assert!(plans_of(&mut bench).is_empty());
}

/// INC-3: the wait ends after 1200 ms, names what is missing and leaves the others as they are.
#[test]
fn without_all_permits_nothing_runs_and_nothing_is_consumed() {
    let mut bench = bench();
    let plan = close(&bench, "a", FULL);
    other_permits(&mut bench, &plan, "2");
    plans::send(&mut bench, &plan);
    bench.run_for_ms(1_190);
    assert!(results(&mut bench).is_empty(), "it waits");
    bench.run_for_ms(110);
    let result = results(&mut bench).pop().expect("a result");
    assert_eq!(result.decision, Decision::Blocked);
    assert_eq!(result.error.as_deref(), Some("permit_timeout_or_missing:missing_p26"));
    assert!(
        result.steps_results.contains("PERMIT_WAIT") && result.steps_results.contains("p26_ttl=-2")
    );
    assert!(bench.get(&keys::PERMIT_P33.of("a")).is_some());
    assert!(bench.get(&keys::PERMIT_GOVERNOR.of("a")).is_some());
    assert!(orders(&bench).is_empty());
    // None at all.
    let none = close(&bench, "b", FULL);
    plans::send(&mut bench, &none);
    bench.run_for_ms(1_300);
    assert_eq!(ended(&mut bench).1, "permit_timeout_or_missing:missing_all");
    // A denial ends it at once, and consumes nothing either.
    let denied = close(&bench, "c", FULL);
    gate(&mut bench, &denied, FULL, "1");
    let p33 = pipeline::records::P33Permit {
        allow: false,
        reason: "no_position".into(),
        ..plans::permit_of(&denied, "0")
    };
    plans::grant(&mut bench, &p33);
    plans::send(&mut bench, &denied);
    bench.run_for_ms(20);
    assert_eq!(ended(&mut bench), (Decision::Blocked, "p33_permit_denied:no_position".into()));
    assert!(bench.get(&keys::PERMIT_P26.of("c")).is_some());
}

/// The order: reduce-only, a market order, its id from the plan, the share of what remains, and what follows from it.
#[test]
fn a_quarter_is_a_quarter() {
    let mut bench = bench();
    run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&bench), [(true, 500)]);
    assert_eq!(&*bench.kernel.exchange().orders[0].client_order_id.0, "aa-1");
    let result = results(&mut bench).pop().expect("a result");
    assert_eq!(
        (result.executed, result.decision, result.action),
        (true, Decision::Execute, QUARTER)
    );
    assert_eq!((result.filled_qty, &*result.source), (Some(decimal("0.5")), "apply_layer"));
    assert!(result.steps_results.contains("CLOSE_PARTIAL_25"));
    let fills: Vec<ExecutionResult> = bench.records(streams::EXECUTION_RESULT);
    assert_eq!(
        (fills.len(), fills[0].filled_qty, fills[0].reduce_only.0),
        (1, decimal("0.5"), true)
    );
    for permit in [keys::PERMIT_GOVERNOR, keys::PERMIT_P33, keys::PERMIT_P26] {
        assert_eq!(bench.get(&permit.of("a")), None, "consumed together");
    }
    let symbol = instrument().symbol;
    assert!(bench.get(&keys::COOLDOWN_OPEN.of(symbol)).is_some(), "no open right after a close");
    assert!(bench.get(&keys::INFLIGHT.of(symbol)).is_none());
    assert!(
        matches!(bench.ttl(&keys::APPLY_DONE.of("a")), Ttl::Left(left) if left <= Nanos::from_secs(600))
    );
}

/// The smaller of plan and permit, and never more than P3.3 allows.
#[test]
fn the_permits_limit_the_order() {
    for (action, allowed, safe, lots) in [
        (FULL, (QUARTER, "0.25"), "2", 500),
        (FULL, (PlanAction::Partial75, "0.75"), "2", 1_500),
        (FULL, (FULL, "1"), "2", 2_000),
        (PlanAction::Partial50, (QUARTER, "0.25"), "1", 500),
        (FULL, (FULL, "1"), "1.2345", 1_234),
    ] {
        let mut bench = bench();
        run(&mut bench, "a", action, allowed, safe);
        assert_eq!(orders(&bench), [(true, lots)], "{action} {allowed:?} {safe}");
    }
    let mut stepped = bench();
    stepped.kernel.exchange_mut().step = 300;
    stepped.crash(SERVICE, 1);
    stepped.run_for_ms(100);
    run(&mut stepped, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&stepped), [(true, 300)], "whole steps, rounded down");
}

/// Settled, "Tranches": once a position and rung; another rung fires; another position begins anew.
#[test]
fn a_rung_fires_once_a_position() {
    let mut bench = bench();
    run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
    run(&mut bench, "b", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(ended(&mut bench), (Decision::Skip, "tranche_fired".into()));
    run(&mut bench, "c", PlanAction::Partial50, (PlanAction::Partial50, "0.5"), "2");
    assert_eq!(orders(&bench), [(true, 500), (true, 1_000)]);
    // No plan is made of it any more, and a successor knows.
    bench.crash(SERVICE, 10);
    bench.run_for_ms(100);
    let before = plans_of(&mut bench).len();
    proposes(&mut bench, "PARTIAL_25", "0.5");
    bench.run_for_ms(10_000);
    assert_eq!(plans_of(&mut bench).len(), before);
    held::hold(&mut bench, &Position { plan: "another", ..Position::default() });
    run(&mut bench, "d", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&bench).len(), 3);
}

/// An order that was refused or never arrived leaves its rung free.
#[test]
fn a_rung_without_a_fill_has_not_fired() {
    let mut bench = bench();
    bench.kernel.exchange_mut().instead.push_back(refused(-2022));
    run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert!(ended(&mut bench).1.starts_with("binance_error"), "{:?}", ended(&mut bench));
    run(&mut bench, "b", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(results(&mut bench).pop().map(|r| r.executed), Some(true));
}

/// A full close that calibration reduced may fire again after 300 s; one that is not reduced at any time.
#[test]
fn a_reduced_full_close_fires_again_after_five_minutes() {
    let mut bench = bench();
    run(&mut bench, "a", FULL, (QUARTER, "0.25"), "2");
    let now = |bench: &mut Bench| held::look(bench, &Position::default());
    bench.run_for_ms(290_000);
    now(&mut bench);
    run(&mut bench, "b", FULL, (QUARTER, "0.25"), "2");
    assert_eq!(ended(&mut bench), (Decision::Skip, "tranche_too_soon".into()));
    bench.run_for_ms(10_000);
    now(&mut bench);
    run(&mut bench, "c", FULL, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&bench), [(true, 500), (true, 500)]);
    run(&mut bench, "d", FULL, (FULL, "1"), "2");
    assert_eq!(orders(&bench).len(), 3, "the whole may close at any time");
}

/// With everyone who permits a harvest close, in a cold book of 0.3 BTCUSDT: a quarter of it is 7.9 USDT.
fn permitted() -> Bench {
    let all = [SERVICE, "governor", "position_state_brain", "portfolio_gate"];
    let mut bench = Bench::new(&all, &PipelineSettings::default(), Vec::new());
    let table = bench.kernel.exchange_mut();
    (table.held[0], table.marks[0], table.entries[0]) = (300, 10_500, 10_000);
    held::hold(&mut bench, &Position { amount: "0.3", pnl: "1.5", ..Position::default() });
    bench.run_to_ms(5_100);
    bench
}

/// Settled: calibration makes full closes smaller, and a partial one is left as it is; this one has to take all.
#[test]
fn a_remainder_is_closed_whole_whatever_the_heat_and_as_its_rung() {
    let mut bench = permitted();
    proposes(&mut bench, "PARTIAL_75", "0.5");
    bench.run_for_ms(6_000);
    assert_eq!(orders(&bench), [(true, 300)], "{:?}", results(&mut bench));
    let ledger = bench.hash(&keys::APPLY_TRANCHES.of(instrument().symbol));
    assert!(ledger["ledger"].contains("75"), "{ledger:?}");
}

/// Longer than a permit lives: all three are renewed meanwhile, and the wait for permits begins at the end.
#[test]
fn a_close_outlives_its_permits_while_an_order_is_in_flight() {
    let mut bench = permitted();
    let inflight = keys::INFLIGHT.of(instrument().symbol);
    bench.set(&inflight, "another");
    proposes(&mut bench, "PARTIAL_75", "0.5");
    bench.run_for_ms(200_000);
    assert!(orders(&bench).is_empty());
    assert!(results(&mut bench).is_empty());
    bench.forget(&inflight);
    bench.run_for_ms(1_000);
    assert_eq!(orders(&bench), [(true, 300)], "{:?}", results(&mut bench));
}

/// The wait for the order does not count: permits that come after it are in time.
#[test]
fn the_wait_for_permits_begins_when_the_order_in_flight_is_over() {
    let mut bench = bench();
    let inflight = keys::INFLIGHT.of(instrument().symbol);
    bench.set(&inflight, "another");
    let plan = close(&bench, "a", FULL);
    plans::send(&mut bench, &plan);
    bench.run_for_ms(30_000);
    held::hold(&mut bench, &Position::default());
    bench.forget(&inflight);
    bench.run_for_ms(500);
    gate(&mut bench, &plan, FULL, "1");
    other_permits(&mut bench, &plan, "2");
    bench.run_for_ms(500);
    assert_eq!(orders(&bench), [(true, 2_000)], "{:?}", results(&mut bench));
}

/// What would remain below 5 % of the opening quantity, or below twice the minimum notional, goes too: the plan
/// names all that is held.
#[test]
fn a_small_remainder_is_closed_whole() {
    let small = Position { amount: "0.1", pnl: "0.5", ..Position::default() };
    let mut bench = bench();
    bench.kernel.exchange_mut().min_notional = 5;
    held::hold(&mut bench, &small);
    proposes(&mut bench, "PARTIAL_25", "0.5");
    bench.run_for_ms(5_000);
    // 0.075 · 105 = 7.875 USDT is below 10.
    let plan = plans_of(&mut bench).pop().expect("a plan");
    assert_eq!(plan.action, QUARTER, "it is that rung");
    assert_eq!((plan.qty, plan.fraction), (Some(decimal("0.1")), Some(decimal("1"))));
    assert!(plan.reason_codes.contains("remainder_closed_whole"), "{}", plan.reason_codes);
    run(&mut bench, "b", QUARTER, (QUARTER, "0.25"), "0.1");
    assert_eq!(orders(&bench), [(true, 100)]);
}

#[test]
fn what_may_not_run_is_told_once_with_its_reason() {
    let mut bench = bench();
    let ok = close(&bench, "x", FULL);
    let cases = [
        (
            ApplyPlan { source: "somebody".into(), ..ok.clone() },
            "DENY_NOT_EXIT_OWNER:source=somebody",
        ),
        (ApplyPlan { source: String::new(), ..ok.clone() }, "DENY_NOT_EXIT_OWNER:source="),
        (ApplyPlan { reduce_only: ReduceOnly(false), ..ok.clone() }, "close_not_reduce_only"),
        (
            ApplyPlan { class: PlanClass::Open, action: PlanAction::Sell, ..ok.clone() },
            "entry_not_ours",
        ),
        (ApplyPlan { action: PlanAction::Sell, ..ok.clone() }, "close_without_step"),
        (ApplyPlan { action: PlanAction::Hold, ..ok.clone() }, "action_hold"),
        (
            ApplyPlan {
                decision: Decision::Blocked,
                reason_codes: "kill_score_critical".into(),
                ..ok.clone()
            },
            "kill_score_critical",
        ),
    ];
    for (place, (plan, error)) in cases.into_iter().enumerate() {
        let plan = ApplyPlan { plan_id: format!("p{place}"), ..plan };
        gate(&mut bench, &plan, FULL, "1");
        other_permits(&mut bench, &plan, "2");
        plans::send(&mut bench, &plan);
        plans::send(&mut bench, &plan);
        bench.run_for_ms(20);
        assert_eq!(ended(&mut bench).1, error);
        assert_eq!(results(&mut bench).len(), place + 1);
    }
    // A plan for the other executor is none of its business.
    let other = plans::plan(&bench, FULL, SELL);
    plans::send(&mut bench, &other);
    assert_eq!(results(&mut bench).len(), 7);
    assert!(orders(&bench).is_empty());
    let wrong = ApplyPlan { side: OrderSide::Buy, ..close(&bench, "side", FULL) };
    gate(&mut bench, &wrong, FULL, "1");
    other_permits(&mut bench, &wrong, "2");
    plans::send(&mut bench, &wrong);
    bench.run_for_ms(20);
    assert_eq!(ended(&mut bench), (Decision::Denied, "wrong_side".into()));
    held::flat(&mut bench);
    run(&mut bench, "gone", FULL, (FULL, "1"), "2");
    assert_eq!(ended(&mut bench), (Decision::Skip, "no_position".into()));
}

#[test]
fn owners_are_one_setting() {
    let mut settings = PipelineSettings::default();
    settings.exits.owners = vec!["harvest_brain".into()];
    let mut bench = bench_with(&settings);
    run(&mut bench, "a", FULL, (FULL, "1"), "2");
    assert_eq!(ended(&mut bench).1, "DENY_NOT_EXIT_OWNER:source=harvest_proposal");
    settings.exits.owners.clear();
    let problem = pipeline::chain(&settings, &[]).map(drop).expect_err("refused").to_string();
    assert!(problem.contains("somebody has to be able to close"), "{problem}");
}

#[test]
fn both_kill_switches_stop_a_close() {
    for switch in pipeline::keys::KILL_SWITCHES {
        let mut bench = bench();
        bench.set(switch.name, "true");
        run(&mut bench, "a", FULL, (FULL, "1"), "2");
        assert_eq!(ended(&mut bench), (Decision::Blocked, "kill_switch_active".into()));
        proposes(&mut bench, "PARTIAL_25", "0.5");
        bench.run_for_ms(5_000);
        assert_eq!(plans_of(&mut bench).pop().map(|p| p.decision), Some(Decision::Blocked));
        assert!(orders(&bench).is_empty());
    }
}

/// The close waits for the end of the order in flight, and then runs.
#[test]
fn an_order_in_flight_makes_a_close_wait() {
    let mut bench = bench();
    let key = keys::INFLIGHT.of(instrument().symbol);
    let options = SetOptions { expire: Some(Nanos::from_secs(5)), ..SetOptions::default() };
    let now = bench.kernel.now();
    bench.kernel.bus_mut().set(now, &key, b"other", options).expect("a key");
    run(&mut bench, "a", FULL, (FULL, "1"), "2");
    bench.run_for_ms(4_000);
    assert!(orders(&bench).is_empty() && results(&mut bench).is_empty());
    bench.run_for_ms(1_200);
    assert_eq!(orders(&bench), [(true, 2_000)]);
}

/// Marked before it is sent, asked for when unknown, never sent twice; a crash at any moment on the way.
#[test]
fn an_unknown_outcome_is_asked_for_and_a_crash_doubles_nothing() {
    let mut unknown = bench();
    unknown.kernel.exchange_mut().instead.push_back(Outcome::Unknown);
    run(&mut unknown, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&unknown), [(true, 500)]);
    assert_eq!(unknown.counter(SERVICE, "outcome_queries"), 1);
    assert_eq!(results(&mut unknown).pop().map(|r| r.executed), Some(true));

    for step in 0..60 {
        let mut bench = bench();
        let plan = close(&bench, "a", QUARTER);
        gate(&mut bench, &plan, QUARTER, "0.25");
        other_permits(&mut bench, &plan, "2");
        let service = bench.service(SERVICE);
        let at = bench.kernel.now() + Nanos::from_micros(100 * step);
        bench.kernel.at(at, engine::Action::Crash(service));
        bench.kernel.at(at + Nanos::from_millis(20), engine::Action::Restart(service));
        plans::send(&mut bench, &plan);
        bench.run_for_ms(3_000);
        assert_eq!(orders(&bench), [(true, 500)], "a crash after {step} steps");
        let executed: Vec<bool> = results(&mut bench).iter().map(|r| r.executed).collect();
        assert_eq!(executed, [true], "a crash after {step} steps");
        run(&mut bench, "b", QUARTER, (QUARTER, "0.25"), "2");
        assert_eq!(ended(&mut bench).1, "tranche_fired", "a crash after {step} steps");
    }
}

#[test]
fn a_dry_run_sends_nothing() {
    let mut settings = PipelineSettings::default();
    settings.apply_layer.mode = serde_json::from_str("\"dry_run\"").expect("a mode");
    let mut bench = bench_with(&settings);
    run(&mut bench, "a", FULL, (FULL, "1"), "2");
    let result = results(&mut bench).pop().expect("a result");
    assert_eq!((result.executed, result.would_execute), (false, true));
    assert!(orders(&bench).is_empty());
    assert!(bench.get(&keys::PERMIT_P26.of("a")).is_some(), "only looked at");
}

/// UPDATE_SL: the one writer of the stop is asked, and takes what is closer.
#[test]
fn update_sl_moves_the_stop() {
    let mut bench =
        Bench::new(&[SERVICE, "exit_monitor"], &PipelineSettings::default(), Vec::new());
    held::hold(&mut bench, &Position::default());
    bench.run_to_ms(100);
    let plan = ApplyPlan {
        new_sl_proposed: Some(decimal("101.5")),
        ..close(&bench, "a", PlanAction::UpdateSl)
    };
    plans::send(&mut bench, &plan);
    bench.run_for_ms(5_000);
    let stops = bench.hash(&keys::STATE_STOPS.of(instrument().symbol));
    assert_eq!((&*stops["stop_loss"], &*stops["source"]), ("101.5", "update_sl"));
    let result = results(&mut bench).pop().expect("a result");
    assert_eq!((&*result.status, result.executed), ("stop_asked", false));
    let looser =
        ApplyPlan { plan_id: "b".into(), new_sl_proposed: Some(decimal("90")), ..plan.clone() };
    plans::send(&mut bench, &looser);
    bench.run_for_ms(5_000);
    assert_eq!(bench.hash(&keys::STATE_STOPS.of(instrument().symbol))["stop_loss"], "101.5");
    let empty = ApplyPlan { plan_id: "c".into(), new_sl_proposed: None, ..plan };
    plans::send(&mut bench, &empty);
    assert_eq!(ended(&mut bench).1, "stop_not_asked");
}

/// EHR 3.11: the early point cannot see a decision, the late one waits for it; neither changes anything.
#[test]
fn heat_is_observed_early_and_late() {
    let mut bench = bench();
    proposes(&mut bench, "PARTIAL_25", "0.5");
    bench.run_for_ms(4_950);
    let plan = plans_of(&mut bench).remove(0);
    let fields: [(&str, &str); 12] = [
        ("ts_epoch", "1770000005"),
        ("symbol", "BTCUSDT"),
        ("plan_id", &plan.plan_id),
        ("in_action", "PARTIAL_25"),
        ("out_action", "PARTIAL_25"),
        ("action", "PARTIAL_25"),
        ("heat_level", "cold"),
        ("heat_score", "0.1"),
        ("heat_action", "NONE"),
        ("reason", "ok"),
        ("mode", "enforce"),
        ("debug_json", "{}"),
    ];
    bench.hset(&keys::HEAT_BY_PLAN.of(&plan.plan_id), &fields);
    bench.run_for_ms(500);
    let observed: Vec<HeatObserved> = bench.records(streams::APPLY_HEAT_OBSERVED);
    let told: Vec<(&str, u32, &str)> =
        observed.iter().map(|o| (&*o.obs_point, o.heat_found, &*o.heat_reason)).collect();
    assert_eq!(told, [("create_apply_plan", 0, "missing"), ("publish_plan_post", 1, "ok")]);
    assert_eq!(observed[1].heat_level.as_deref(), Some("cold"));
    assert_eq!(observed[1].apply_decision, "EXECUTE");
    // One that never comes.
    bench.run_for_ms(60_000);
    held::look(&mut bench, &Position::default());
    proposes(&mut bench, "PARTIAL_50", "0.5");
    bench.run_for_ms(10_000);
    let observed: Vec<HeatObserved> = bench.records(streams::APPLY_HEAT_OBSERVED);
    assert_eq!((observed.len(), &*observed[3].heat_reason), (4, "timeout"));
    assert_eq!(bench.counter(SERVICE, "p28_late_missing"), 1);
}

mod reconcile {
    use strategies::reconcile::{CloseSecret, hmac_payload};

    use super::*;

    const ID: &str = "reconclose:BTCUSDT:0123456789ab:1770000000000";

    fn bench() -> Bench {
        let settings = PipelineSettings::default();
        bench_of(settings)
    }

    fn bench_of(mut settings: PipelineSettings) -> Bench {
        settings.reconcile_engine.close_secret = Some("key".into());
        let mut bench = bench_with(&settings);
        hold(&mut bench);
        book(&mut bench, "1");
        bench
    }

    fn ledger() -> String {
        keys::POSITION_LEDGER.of(instrument().symbol)
    }

    /// The ledger says this, and has for a minute.
    fn book(bench: &mut Bench, amount: &str) {
        let changed = (START.secs() - 60).to_string();
        let fields = [
            ("symbol", "BTCUSDT"),
            ("position_amt", amount),
            ("last_known_amt", amount),
            ("side", "LONG"),
            ("avg_entry_price", "100"),
            ("version", "4"),
            ("source", "intent_executor"),
            ("updated_at", &changed),
        ];
        bench.hset(&ledger(), &fields);
    }

    fn hold(bench: &mut Bench) {
        let options = SetOptions { expire: Some(Nanos::from_secs(300)), ..SetOptions::default() };
        let key = keys::RECONCILE_HOLD.of(instrument().symbol);
        bench.kernel.bus_mut().set(START, &key, b"1", options).expect("a key");
    }

    fn fields(qty: &str) -> Vec<(&'static str, String)> {
        let secret = CloseSecret::new("key").expect("a secret");
        let (sig, ts) = ("0123456789ab", "1770000000000");
        let seal = secret.sign(&hmac_payload(ID, "BTCUSDT", qty, ts, sig));
        let text = |text: &str| text.to_owned();
        vec![
            ("plan_id", text(ID)),
            ("correlation_id", text("00000000-0000-4000-8000-000000000009")),
            ("decision", text("RECONCILE_CLOSE")),
            ("symbol", text("BTCUSDT")),
            ("side", text("SELL")),
            ("type", text("MARKET")),
            ("qty", text(qty)),
            ("reduceOnly", text("true")),
            ("reason", text("reconcile_drift")),
            ("source", text("p3.4")),
            ("signature", text(sig)),
            ("hmac", seal),
            ("exchange_amt", text("2")),
            ("ledger_amt", text("1")),
            ("ts", text(ts)),
        ]
    }

    fn send(bench: &mut Bench, fields: &[(&'static str, String)]) {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, t)| (*n, t.as_str())).collect();
        bench.publish(streams::RECONCILE_CLOSE, Body::fields(&fields));
        bench.run_for_ms(20);
    }

    #[test]
    fn a_sealed_close_runs_once_without_permits() {
        let mut bench = bench();
        send(&mut bench, &fields("0.75"));
        send(&mut bench, &fields("0.75"));
        assert_eq!(orders(&bench), [(true, 750)]);
        assert!(bench.kernel.exchange().orders[0].client_order_id.0.len() <= 36);
        assert_eq!(bench.counter(SERVICE, "reconcile_close_executed_total"), 1);
        let hold = keys::RECONCILE_HOLD.of(instrument().symbol);
        assert!(
            matches!(bench.ttl(&hold), Ttl::Left(left) if left > Nanos::from_secs(800)),
            "the lease"
        );
        assert_eq!(bench.hash(&ledger())["version"], "4", "the ledger never held it");
        let observed: Vec<HeatObserved> = bench.records(streams::APPLY_HEAT_OBSERVED);
        assert_eq!(observed[0].obs_point, "reconcile_close_consume");
    }

    #[test]
    fn it_takes_what_the_exchange_holds_at_most() {
        let mut bench = bench();
        held::look(&mut bench, &Position { amount: "0.5", ..Position::default() });
        book(&mut bench, "0");
        send(&mut bench, &fields("0.75"));
        assert_eq!(orders(&bench), [(true, 500)]);
    }

    /// The Apply Layer had been down: what a close was for may be over, closed by another, or different by now.
    #[test]
    fn it_is_checked_against_exchange_and_ledger_now() {
        let skipped = |mut bench: Bench| {
            send(&mut bench, &fields("0.75"));
            assert!(orders(&bench).is_empty());
            let (decision, error) = ended(&mut bench);
            assert_eq!(decision, Decision::Skip);
            error
        };
        let mut agreed = bench();
        book(&mut agreed, "2");
        assert_eq!(skipped(agreed), "drift_gone");
        let mut less = bench();
        book(&mut less, "3");
        assert_eq!(skipped(less), "drift_gone", "a close would make it larger");
        let mut old = bench();
        old.run_to_ms(120_100);
        held::look(&mut old, &Position::default());
        assert_eq!(skipped(old), "close_expired");
        // Of a drift that has become smaller it takes what is left.
        let mut smaller = bench();
        book(&mut smaller, "1.5");
        send(&mut smaller, &fields("0.75"));
        assert_eq!(orders(&smaller), [(true, 500)]);
    }

    /// The fill of a reconcile close is in no ledger: the next close has to see it in a snapshot.
    #[test]
    fn it_waits_for_a_look_at_the_exchange_that_shows_the_last_fill() {
        let mut bench = bench();
        let traded = bench.kernel.now().millis().to_string();
        bench.set(&keys::COOLDOWN_LAST_EXEC.of(instrument().symbol), &traded);
        send(&mut bench, &fields("0.75"));
        bench.run_for_ms(3_000);
        assert!(orders(&bench).is_empty());
        held::look(&mut bench, &Position { amount: "1.25", ..Position::default() });
        bench.run_for_ms(200);
        assert_eq!(orders(&bench), [(true, 250)]);
    }

    /// Closes that had piled up were all executed, whatever was left of their drift.
    #[test]
    fn closes_piled_up() {
        let run = |settings| {
            let mut bench = bench_of(settings);
            bench.run_to_ms(120_100);
            held::look(&mut bench, &Position::default());
            book(&mut bench, "2");
            send(&mut bench, &fields("0.75"));
            orders(&bench)
        };
        assert_eq!(run(PipelineSettings::default()), []);
        assert_eq!(run(audited(&["reconcile_closes_pile_up"])), [(true, 750)]);
    }

    #[test]
    fn every_guardrail_stops_it() {
        let cases = [
            ("hmac", "00", "guardrail_hmac"),
            ("decision", "EXECUTE", "guardrail_decision"),
            ("source", "p3.3", "guardrail_source"),
            ("type", "LIMIT", "guardrail_order_type"),
            ("reduceOnly", "false", "guardrail_reduce_only"),
            ("reduceOnly", "maybe", "guardrail_reduce_only_type"),
            ("reason", "harvest", "guardrail_reason"),
            ("exchange_amt", "0.5", "guardrail_qty_safe"),
        ];
        for (field, text, rule) in cases {
            let mut bench = bench();
            let mut fields = fields("0.75");
            for (name, value) in &mut fields {
                if *name == field {
                    text.clone_into(value);
                }
            }
            send(&mut bench, &fields);
            assert_eq!(bench.counter(SERVICE, rule), 1, "{rule}");
            assert!(orders(&bench).is_empty(), "{rule}");
            assert_eq!(ended(&mut bench).0, Decision::Denied);
        }
        let mut bench = bench();
        bench.kernel.bus_mut().del(START, &keys::RECONCILE_HOLD.of(instrument().symbol));
        send(&mut bench, &fields("0.75"));
        assert_eq!(bench.counter(SERVICE, "guardrail_hold_key"), 1);
        // Without a secret no seal fits.
        let mut open = super::bench();
        hold(&mut open);
        send(&mut open, &fields("0.75"));
        assert_eq!(open.counter(SERVICE, "guardrail_hmac"), 1);
        assert!(orders(&bench).is_empty() && orders(&open).is_empty());
    }

    #[test]
    fn a_rate_limit_is_told_and_the_hold_stays() {
        let mut bench = bench();
        bench.kernel.exchange_mut().instead.push_back(refused(-1003));
        send(&mut bench, &fields("0.75"));
        assert!(ended(&mut bench).1.starts_with("RETRYABLE_RATE_LIMIT"));
        assert!(bench.get(&keys::RECONCILE_HOLD.of(instrument().symbol)).is_some());
    }
}
