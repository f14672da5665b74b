//! Allocation target, the shadow proposer of P2.9: EHR 3.14, MSE 15.5.

use engine::{Body, Envelope, EpochSeconds, Ttl};
use pipeline::records::{AllocationDecision, BindingMode, TargetProposal};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, instrument};

const PROPOSER: &str = "allocation_target";

fn bench() -> Bench {
    let mut bench = Bench::new(&[PROPOSER], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// P2.9 decides, as of now.
fn decide(bench: &mut Bench, target_usd: f64) {
    let decision = AllocationDecision {
        symbol: instrument().symbol,
        target_usd,
        drawdown_zone: "LOW".into(),
        confidence: 0.8,
        mode: BindingMode::Shadow,
        timestamp: EpochSeconds(bench.kernel.now()),
        regime_factor: 1.0,
        cluster_factor: 1.0,
        drawdown_factor: 1.0,
        performance_factor: 1.0,
        performance_source: "fallback".into(),
    };
    bench.publish(streams::ALLOCATION_DECISION, Body::message(Envelope::Flat, decision));
}

fn proposals(bench: &mut Bench) -> Vec<TargetProposal> {
    bench.records(streams::ALLOCATION_TARGET_PROPOSED)
}

/// P3.1's word, of the start.
fn efficient(bench: &mut Bench, score: &str) {
    let ts = START.secs().to_string();
    let fields = [("efficiency_score", score), ("confidence", "0.9"), ("ts", &ts)];
    bench.hset(&keys::CAPITAL_EFFICIENCY.of(instrument().symbol), &fields);
}

#[test]
fn the_proposer_moves_a_target_by_a_sure_and_fresh_efficiency_only() {
    let mut bench = bench();
    decide(&mut bench, 2_000.0);
    let efficiency = |bench: &mut Bench, confidence: &str| {
        let ts = START.secs().to_string();
        let fields = [("efficiency_score", "0.75"), ("confidence", confidence), ("ts", &ts)];
        bench.hset(&keys::CAPITAL_EFFICIENCY.of(instrument().symbol), &fields);
    };
    let proposal = |bench: &mut Bench| -> TargetProposal {
        bench.records(streams::ALLOCATION_TARGET_PROPOSED).pop().expect("a proposal")
    };
    bench.run_to_ms(10_002);
    let made = proposal(&mut bench);
    assert_eq!((made.multiplier, made.reason.as_ref()), (1.0, "missing_eff"));
    efficiency(&mut bench, "0.5");
    bench.run_to_ms(20_002);
    assert_eq!(proposal(&mut bench).reason, "low_conf");
    efficiency(&mut bench, "0.7");
    bench.run_to_ms(30_002);
    let made = proposal(&mut bench);
    assert_eq!((made.multiplier, made.reason.as_ref()), (1.25, "ok"));
    assert_eq!(
        (made.base_target.to_string(), made.proposed_target.to_string()),
        ("2000".into(), "2500.00".into())
    );
    assert_eq!(made.eff_confidence, Some(0.7));
    let key = keys::ALLOCATION_TARGET_PROPOSED.of(instrument().symbol);
    assert_eq!(bench.hash(&key)["mode"], "shadow");
    assert!(bench.hash(&keys::ALLOCATION_TARGET.of(instrument().symbol)).is_empty());
}
/// In shadow mode P2.9 writes no target, and its newest decision stands for it; one of five minutes ago does not.
#[test]
fn the_newest_decision_is_the_base_for_five_minutes() {
    let mut bench = bench();
    bench.run_to_ms(10_001);
    assert!(proposals(&mut bench).is_empty());
    assert_eq!(bench.counter(PROPOSER, "target_missing"), 1);
    decide(&mut bench, 2_000.0);
    decide(&mut bench, 500.0);
    bench.run_to_ms(310_001);
    let made = proposals(&mut bench);
    assert_eq!(made.len(), 30);
    assert!(made.iter().all(|made| made.base_target == 500.into()));
    bench.run_to_ms(400_001);
    assert_eq!(proposals(&mut bench).len(), 30);
    let key = keys::ALLOCATION_TARGET_PROPOSED.of(instrument().symbol);
    assert!(matches!(bench.ttl(&key), Ttl::Left(_) | Ttl::Absent), "a proposal does not stay");
}

/// A target in force wins over what was decided since.
#[test]
fn a_target_in_force_is_the_base() {
    let mut bench = bench();
    let ts = START.secs().to_string();
    let fields =
        [("target_usd", "300"), ("confidence", "0.6"), ("mode", "enforce"), ("timestamp", &ts)];
    bench.hset(&keys::ALLOCATION_TARGET.of(instrument().symbol), &fields);
    decide(&mut bench, 2_000.0);
    efficient(&mut bench, "0.25");
    bench.run_to_ms(10_001);
    let made = proposals(&mut bench).remove(0);
    assert_eq!((made.base_target, made.multiplier), (300.into(), 0.75));
    assert_eq!(made.proposed_target.normalize().to_string(), "225");
    // It binds nobody, and the target is as it was.
    assert_eq!(made.mode, BindingMode::Shadow);
    let target = bench.hash(&keys::ALLOCATION_TARGET.of(instrument().symbol));
    assert_eq!(target["target_usd"], "300");
}

#[test]
fn an_efficiency_of_ten_minutes_ago_moves_nothing() {
    let mut bench = bench();
    efficient(&mut bench, "1");
    bench.run_to_ms(595_000);
    decide(&mut bench, 2_000.0);
    bench.run_to_ms(610_001);
    let made = proposals(&mut bench);
    let told: Vec<(f64, &str, bool)> =
        made.iter().map(|made| (made.multiplier, &*made.reason, made.eff_stale)).collect();
    assert_eq!(told, [(1.5, "ok", false), (1.0, "stale_eff", true)]);
}

/// An efficiency that cannot be read is none; a target that cannot be read leaves the decision.
#[test]
fn what_cannot_be_read_is_counted() {
    let mut bench = bench();
    decide(&mut bench, 2_000.0);
    efficient(&mut bench, "NaN");
    bench.hset(&keys::ALLOCATION_TARGET.of(instrument().symbol), &[("target_usd", "a lot")]);
    bench.run_to_ms(10_001);
    let made = proposals(&mut bench).remove(0);
    assert_eq!((made.base_target, &*made.reason), (2_000.into(), "missing_eff"));
    assert_eq!(bench.counter(PROPOSER, "efficiency_unreadable"), 1);
    assert_eq!(bench.counter(PROPOSER, "target_unreadable"), 1);
}

/// It keeps nothing: a successor proposes from what lies on the bus.
#[test]
fn a_successor_proposes_what_its_predecessor_did() {
    let mut bench = bench();
    decide(&mut bench, 2_000.0);
    efficient(&mut bench, "0.75");
    bench.run_to_ms(10_001);
    bench.crash(PROPOSER, 1_000);
    bench.run_to_ms(25_001);
    let made = proposals(&mut bench);
    assert_eq!(made.len(), 2);
    assert_eq!(made[0].proposed_target, made[1].proposed_target);
}
