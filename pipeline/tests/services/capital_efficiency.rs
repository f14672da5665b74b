//! Capital efficiency brain P3.1: MSE 15.4, worked example 59, incident I-39.

use pipeline::records::{BindingMode, EfficiencyDecision, ExecutionResult, OrderSide, ReduceOnly};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};
use crate::plans::{self, decimal};

const P31: &str = "capital_efficiency";
const P30: &str = "performance_attribution";

fn bench(mode: BindingMode) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.capital_efficiency.mode = mode;
    settings.performance_attribution.mode = BindingMode::Enforce;
    let mut bench = Bench::new(&[P30, P31], &settings, Vec::new());
    bench.run_to_ms(1);
    bench
}

fn close(bench: &mut Bench, pnl: &str) {
    let fill = ExecutionResult {
        realized_pnl: Some(decimal(pnl)),
        reduce_only: ReduceOnly(true),
        ..plans::fill(bench, OrderSide::Sell, "1")
    };
    plans::tell(bench, &fill);
}

fn target(bench: &mut Bench, second: i64) {
    let ts = (START.secs() + second).to_string();
    let fields =
        [("target_usd", "300"), ("confidence", "0.6"), ("mode", "enforce"), ("timestamp", &ts)];
    bench.hset(&keys::ALLOCATION_TARGET.of(instrument().symbol), &fields);
}

fn told(bench: &mut Bench) -> Vec<EfficiencyDecision> {
    bench.records(streams::CAPITAL_EFFICIENCY_DECISION)
}

#[test]
fn nothing_is_told_of_a_symbol_of_which_nothing_is_known() {
    let mut bench = bench(BindingMode::Enforce);
    bench.run_to_ms(60_000);
    assert!(told(&mut bench).is_empty(), "and nobody waits for a result");
}

#[test]
fn example_59_without_attribution() {
    let mut bench = bench(BindingMode::Shadow);
    target(&mut bench, 0);
    bench.run_to_ms(5_002);
    let made = told(&mut bench).pop().expect("a decision");
    assert_eq!((made.efficiency_score, made.confidence), (0.5, 0.0));
    assert_eq!(
        (made.capital_pressure.as_ref(), made.stale_flags.as_ref()),
        ("HOLD", "P30_MISSING")
    );
    assert!(bench.hash(&keys::CAPITAL_EFFICIENCY.of(instrument().symbol)).is_empty(), "shadow");
}

/// I-39: the writer's time was `ts_utc`, the reader's `ts`, so that attribution was always stale.
#[test]
fn incident_i39_attribution_is_fresh_when_it_is() {
    let mut bench = bench(BindingMode::Enforce);
    target(&mut bench, 0);
    for _ in 0..20 {
        close(&mut bench, "500");
    }
    bench.run_to_ms(10_002);
    let made = told(&mut bench).pop().expect("a decision");
    assert_eq!(made.stale_flags, "");
    assert_eq!(made.confidence, 0.6);
    let hash = bench.hash(&keys::CAPITAL_EFFICIENCY.of(instrument().symbol));
    assert_eq!(hash["confidence"], "0.6");
    // The target grows old.
    bench.run_to_ms(320_000);
    let made = told(&mut bench).pop().expect("a decision");
    assert_eq!((made.stale_flags.as_ref(), made.confidence), ("P29_STALE", 0.3));
}

/// I-39: `ts` of a record that has none is long ago.
#[test]
fn incident_i39_attribution_was_always_stale() {
    let mut settings = audited(&["attribution_always_stale"]);
    settings.performance_attribution.mode = BindingMode::Enforce;
    let mut bench = Bench::new(&[P30, P31], &settings, Vec::new());
    bench.run_to_ms(1);
    target(&mut bench, 0);
    for _ in 0..20 {
        close(&mut bench, "500");
    }
    bench.run_to_ms(10_002);
    let made = told(&mut bench).pop().expect("a decision");
    assert_eq!((made.stale_flags.as_ref(), made.confidence), ("P30_STALE", 0.3));
}

/// MSE 15.4: the read of the stream had no end.
#[test]
fn a_quiet_stream_was_waited_for() {
    for (names, quiet, then) in [(&[][..], 11, 12), (&["efficiency_waits_for_results"], 0, 1)] {
        let mut bench = Bench::new(&[P31], &audited(names), Vec::new());
        bench.run_to_ms(1);
        target(&mut bench, 0);
        bench.run_to_ms(59_000);
        assert_eq!(told(&mut bench).len(), quiet);
        close(&mut bench, "5");
        bench.run_to_ms(61_000);
        assert_eq!(told(&mut bench).len(), then);
    }
}

#[test]
fn results_are_taken_once_also_by_a_successor() {
    let mut bench = bench(BindingMode::Shadow);
    close(&mut bench, "-10");
    bench.run_to_ms(6_000);
    close(&mut bench, "5");
    bench.run_to_ms(11_000);
    let trace = told(&mut bench).pop().expect("a decision").trace.0;
    assert!((trace.vol_ewma - 2.6).abs() < 1e-12 && (trace.dd_ewma - 1.6).abs() < 1e-12);
    assert_eq!(trace.last_exec_s, Some(START.secs() + 6));
    bench.crash(P31, 100);
    bench.run_to_ms(30_000);
    let after = told(&mut bench).pop().expect("a decision").trace.0;
    assert_eq!((after.vol_ewma, after.dd_ewma), (trace.vol_ewma, trace.dd_ewma));
    assert!(after.efficiency_ewma != 0.5);
    assert!(bench.get(keys::P31_LAST_ID.name).is_some());
}

#[test]
fn losses_against_a_small_target_ask_for_less() {
    let mut bench = bench(BindingMode::Shadow);
    close(&mut bench, "-300");
    bench.run_to_ms(5_500);
    let made = told(&mut bench).pop().expect("a decision");
    assert_eq!(made.capital_pressure, "DECREASE", "60 of the 100 that stand in for a target");
}
