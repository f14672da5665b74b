//! Performance attribution P3.0: EHR 3.15 with its REQUIRED lines.

use pipeline::records::{AlphaAttribution, BindingMode, ExecutionResult, OrderSide, ReduceOnly};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited, instrument};
use crate::plans::{self, decimal};

const P30: &str = "performance_attribution";

fn bench(mode: BindingMode) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.performance_attribution.mode = mode;
    let mut bench = Bench::new(&[P30], &settings, Vec::new());
    bench.run_to_ms(1);
    bench
}

fn close(bench: &mut Bench, pnl: &str) {
    let fill = ExecutionResult {
        realized_pnl: Some(decimal(pnl)),
        reduce_only: ReduceOnly(true),
        model: Some("xgb".into()),
        ..plans::fill(bench, OrderSide::Sell, "1")
    };
    plans::tell(bench, &fill);
}

fn told(bench: &mut Bench) -> Vec<AlphaAttribution> {
    bench.records(streams::ALPHA_ATTRIBUTION)
}

fn alpha(mean: f64) -> f64 {
    2.0 / (1.0 + libm::exp(-mean / 100.0)) - 1.0
}

fn near(got: f64, wanted: f64) {
    assert!((got - wanted).abs() < 1e-12, "{got} is not {wanted}");
}

/// Smoothed every 5 s over the same trades, the factor was alpha within a minute.
#[test]
fn the_factor_moves_once_for_each_new_execution() {
    let mut bench = bench(BindingMode::Shadow);
    close(&mut bench, "100");
    bench.run_for_ms(6_000);
    near(told(&mut bench)[0].performance_factor, alpha(100.0));
    close(&mut bench, "-50");
    bench.run_for_ms(300_000);
    let factor = 0.3 * alpha(25.0) + 0.7 * alpha(100.0);
    let all = told(&mut bench);
    assert!(all.len() > 8, "it is told again, so that it is not old: {}", all.len());
    all[1..].iter().for_each(|one| near(one.performance_factor, factor));
    let last = all.last().expect("an entry");
    near(last.alpha_score, alpha(25.0));
    near(last.confidence, 0.1);
    assert_eq!(last.window, 2);
    assert_eq!(bench.counter(P30, "p30_attributions_computed_total"), 2);
    assert_eq!(last.signal_contrib.0["xgb"], 50.0);
    assert_eq!(last.regime_contrib.0["UNKNOWN"], 50.0);
    assert_eq!(last.time_contrib.0["00-06"], 50.0, "the bench begins at 02:40");
}

/// EHR 3.15: within a minute the factor had forgotten all that was before.
#[test]
fn the_same_executions_were_smoothed_every_five_seconds() {
    let remembered = 0.3 * alpha(25.0) + 0.7 * alpha(100.0);
    for (names, factor) in [(&[][..], remembered), (&["factor_smoothed_again"], alpha(25.0))] {
        let mut bench = Bench::new(&[P30], &audited(names), Vec::new());
        bench.run_to_ms(1);
        close(&mut bench, "100");
        bench.run_for_ms(6_000);
        close(&mut bench, "-50");
        bench.run_for_ms(70_000);
        let last = told(&mut bench).pop().expect("an entry").performance_factor;
        assert!((last - factor).abs() < 0.005, "{last} is not {factor}");
    }
}

#[test]
fn what_opens_and_what_comes_twice_is_no_result() {
    let mut bench = bench(BindingMode::Shadow);
    let open = plans::fill(&bench, OrderSide::Buy, "1");
    plans::tell(&mut bench, &open);
    let zero = ExecutionResult { realized_pnl: Some(decimal("0")), ..open };
    plans::tell(&mut bench, &zero);
    bench.run_for_ms(6_000);
    assert!(told(&mut bench).is_empty());
    let fill = ExecutionResult {
        realized_pnl: Some(decimal("10")),
        reduce_only: ReduceOnly(true),
        ..plans::fill(&bench, OrderSide::Sell, "1")
    };
    plans::tell(&mut bench, &fill);
    plans::tell(&mut bench, &fill);
    bench.run_for_ms(6_000);
    assert_eq!(told(&mut bench).len(), 1);
    assert_eq!(bench.counter(P30, "executions_repeated"), 1);
}

#[test]
fn twenty_executions_count_and_make_it_sure() {
    let mut bench = bench(BindingMode::Shadow);
    close(&mut bench, "1000");
    for _ in 0..20 {
        close(&mut bench, "10");
    }
    bench.run_for_ms(6_000);
    let last = told(&mut bench).pop().expect("an entry");
    near(last.alpha_score, alpha(10.0));
    assert_eq!((last.window, last.confidence), (20, 1.0));
}

#[test]
fn a_successor_smoothes_nothing_again() {
    let mut bench = bench(BindingMode::Shadow);
    close(&mut bench, "100");
    close(&mut bench, "-50");
    bench.run_for_ms(6_000);
    let before = told(&mut bench).pop().expect("an entry");
    bench.crash(P30, 100);
    bench.run_for_ms(60_000);
    let after = told(&mut bench).pop().expect("an entry");
    assert_eq!(after.performance_factor, before.performance_factor);
    assert!(after.ts_utc > before.ts_utc);
    close(&mut bench, "25");
    bench.run_for_ms(6_000);
    let next = told(&mut bench).pop().expect("an entry");
    near(next.alpha_score, alpha(25.0));
    near(next.performance_factor, 0.3 * alpha(25.0) + 0.7 * before.performance_factor);
    assert_eq!(next.window, 3);
}

#[test]
fn only_enforce_writes_the_hash_with_the_time_that_readers_know() {
    let key = keys::ALPHA_ATTRIBUTION.of(instrument().symbol);
    let mut shadow = bench(BindingMode::Shadow);
    close(&mut shadow, "1");
    shadow.run_for_ms(6_000);
    assert!(shadow.hash(&key).is_empty());
    let mut enforce = bench(BindingMode::Enforce);
    close(&mut enforce, "1");
    enforce.run_for_ms(6_000);
    assert!(enforce.hash(&key)["ts_utc"].starts_with("2026-02-02T02:40:05"));
}
