//! Heat bridge P2.7: EHR 3.9 with its REQUIRED lines.

mod audits;

use engine::{Body, Envelope, EpochSeconds, GaugeOf, Nanos, Symbol, Ttl};
use pipeline::records::HeatDecision;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, instrument};

const BRIDGE: &str = "heat_bridge";

fn bench() -> Bench {
    let mut bench = Bench::new(&[BRIDGE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// P2.6's word about the full close of a plan.
fn decision(plan_id: &str) -> HeatDecision {
    HeatDecision {
        ts_epoch: EpochSeconds(START),
        symbol: instrument().symbol,
        plan_id: plan_id.into(),
        in_action: "FULL_CLOSE_PROPOSED".into(),
        out_action: "PARTIAL_75".into(),
        action: "PARTIAL_75".into(),
        heat_level: "warm".into(),
        heat_score: 0.5,
        heat_action: "DOWNGRADE_FULL_TO_PARTIAL".into(),
        recommended_partial: Some(0.75),
        reason: "ok".into(),
        inputs_age_sec: Some(1.0),
        mode: "enforce".into(),
        debug_json: "{}".into(),
    }
}

fn tell(bench: &mut Bench, decision: HeatDecision) {
    bench.publish(streams::HARVEST_HEAT_DECISION, Body::message(Envelope::Flat, decision));
}

/// The level under the plan's key.
fn level(bench: &mut Bench, plan_id: &str) -> Option<String> {
    bench.hash(&keys::HEAT_BY_PLAN.of(plan_id)).remove("heat_level")
}

/// The symbol's keys are of the newest decision, and all of them end after half an hour.
#[test]
fn a_decision_is_found_by_its_plan_and_the_newest_by_its_symbol() {
    let symbol = instrument().symbol;
    let mut bench = bench();
    tell(&mut bench, decision("a"));
    let second = HeatDecision { heat_level: "hot".into(), ..decision("b") };
    tell(&mut bench, second);
    assert_eq!(level(&mut bench, "a").as_deref(), Some("warm"));
    assert_eq!(level(&mut bench, "b").as_deref(), Some("hot"));
    let by_plan = bench.hash(&keys::HEAT_BY_PLAN.of("b"));
    assert_eq!((&*by_plan["out_action"], &*by_plan["recommended_partial"]), ("PARTIAL_75", "0.75"));
    assert_eq!(bench.hash(&keys::HEAT_LATEST.of(symbol)), by_plan);
    assert_eq!(bench.get(&keys::HEAT_LATEST_PLAN.of(symbol)).as_deref(), Some("b"));
    let keys = [
        keys::HEAT_BY_PLAN.of("b"),
        keys::HEAT_LATEST.of(symbol),
        keys::HEAT_LATEST_PLAN.of(symbol),
    ];
    for key in keys {
        let life = bench.ttl(&key);
        assert!(matches!(life, Ttl::Left(left) if left > Nanos::from_secs(1_799)), "{key}");
    }
    assert_eq!(bench.counter(BRIDGE, "p27_in_messages_total"), 2);
    assert!(bench.gauge(BRIDGE, "p27_lag_ms", GaugeOf::All).expect("a lag") > 0.0);
}

/// For two minutes a plan's second decision is taken for the first one come again.
#[test]
fn a_plan_is_taken_over_once() {
    let mut bench = bench();
    tell(&mut bench, decision("a"));
    let changed = || HeatDecision { heat_level: "hot".into(), ..decision("a") };
    tell(&mut bench, changed());
    assert_eq!(level(&mut bench, "a").as_deref(), Some("warm"));
    assert_eq!(bench.counter(BRIDGE, "p27_dedupe_skips_total"), 1);
    bench.run_for_ms(120_001);
    tell(&mut bench, changed());
    assert_eq!(level(&mut bench, "a").as_deref(), Some("hot"));
}

#[test]
fn a_decision_of_another_symbol_is_counted() {
    let mut bench = bench();
    let foreign = Symbol::new("XRPUSDT").expect("a symbol");
    tell(&mut bench, HeatDecision { symbol: foreign, ..decision("a") });
    assert_eq!(bench.counter(BRIDGE, "unknown_symbol"), 1);
    assert_eq!(level(&mut bench, "a"), None);
    assert_eq!(bench.ttl(&keys::DEDUPE_P27.of("a")), Ttl::Absent);
}

/// One that died over a decision has not marked it: its successor takes it over.
#[test]
fn a_successor_takes_over_what_its_predecessor_did_not() {
    let mut bench = bench();
    let body = Body::message(Envelope::Flat, decision("a"));
    bench.die_over(BRIDGE, streams::HARVEST_HEAT_DECISION, body);
    assert_eq!(level(&mut bench, "a").as_deref(), Some("warm"));
    // One that it has marked is not written again.
    bench.forget(&keys::HEAT_BY_PLAN.of("a"));
    bench.crash(BRIDGE, 1_000);
    bench.run_for_ms(2_000);
    tell(&mut bench, decision("a"));
    assert_eq!(level(&mut bench, "a"), None);
}
