//! Capital allocation P2.9: EHR 3.14 with its REQUIRED lines.

mod audits;

use engine::{Body, Envelope, EpochSeconds};
use pipeline::records::{AllocationDecision, BindingMode, MetaRegimeState};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, instrument};
use crate::portfolios::of_second as portfolio;

const ALLOCATION: &str = "capital_allocation";

fn bench(mode: BindingMode) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.capital_allocation.mode = mode;
    let mut bench = Bench::new(&[ALLOCATION], &settings, Vec::new());
    bench.run_to_ms(1);
    bench
}

fn budget(bench: &mut Bench, usd: &str, second: i64) {
    let ts = (START.secs() + second).to_string();
    let fields =
        [("symbol", "BTCUSDT"), ("budget_usd", usd), ("mode", "shadow"), ("timestamp", &ts)];
    bench.hset(&keys::PORTFOLIO_BUDGET.of(instrument().symbol), &fields);
}

fn regime(bench: &mut Bench, regime: &'static str) {
    let state = MetaRegimeState {
        regime: regime.into(),
        volatility: 0.01,
        trend: 0.0,
        confidence: 0.8,
        price: 100.0,
        samples: 60,
        pnl: None,
        iteration: 1,
        timestamp: EpochSeconds(bench.kernel.now()),
    };
    bench.publish(streams::REGIME_STATE, Body::message(Envelope::Flat, state));
}

fn attributed(bench: &mut Bench, factor: &str) {
    let fields = [
        ("symbol", "BTCUSDT"),
        ("alpha_score", "0"),
        ("performance_factor", factor),
        ("confidence", "1"),
        ("window", "20"),
        ("ts_utc", "2026-02-02T02:40:00Z"),
        ("source", "live"),
        ("mode", "enforce"),
        ("regime_contrib", "{}"),
        ("cluster_contrib", "{}"),
        ("signal_contrib", "{}"),
        ("time_contrib", "{}"),
        ("execution_id", "1-0"),
    ];
    bench.hset(&keys::ALPHA_ATTRIBUTION.of(instrument().symbol), &fields);
}

fn clustered(bench: &mut Bench, stress: f64) {
    let ts = START.secs().to_string();
    let rows = format!("[{{\"id\":\"0\",\"symbols\":[\"BTCUSDT\"],\"stress\":{stress}}}]");
    let fields = [("updated_ts", ts.as_str()), ("clusters", rows.as_str())];
    bench.hset(keys::PORTFOLIO_CLUSTERS.name, &fields);
}

fn last(bench: &mut Bench) -> AllocationDecision {
    bench.records(streams::ALLOCATION_DECISION).pop().expect("a decision")
}

#[test]
fn a_target_is_its_budget_times_the_factors_that_are_told() {
    let mut bench = bench(BindingMode::Enforce);
    portfolio(&mut bench, "100000", 0);
    budget(&mut bench, "2000", 0);
    regime(&mut bench, "BULL");
    attributed(&mut bench, "0.5");
    clustered(&mut bench, 0.25);
    bench.run_to_ms(5_002);
    let made = last(&mut bench);
    assert_eq!((made.regime_factor, made.cluster_factor), (1.2, 0.75));
    assert_eq!((made.drawdown_factor, made.performance_factor), (1.0, 1.25));
    assert_eq!((made.drawdown_zone.as_ref(), made.performance_source.as_ref()), ("LOW", "P3.0"));
    assert!((made.target_usd - 2_000.0 * 1.2 * 0.75 * 1.25).abs() < 1e-9, "{}", made.target_usd);
    assert!((made.confidence - (0.8 + 0.75) / 2.0).abs() < 1e-12);
    let hash = bench.hash(&keys::ALLOCATION_TARGET.of(instrument().symbol));
    assert_eq!((hash["target_usd"].as_str(), hash["cluster_id"].as_str()), ("2250", "0"));
    assert_eq!((hash["regime"].as_str(), hash["weight"].as_str()), ("TREND", "0.0225"));
}

/// A neutral record once took the whole target away, and a loss made it negative.
#[test]
fn a_record_moves_the_target_by_half_at_most() {
    for (factor, target) in [("0", 2_000.0), ("-1", 1_000.0), ("1", 3_000.0)] {
        let mut bench = bench(BindingMode::Shadow);
        portfolio(&mut bench, "100000", 0);
        budget(&mut bench, "2000", 0);
        attributed(&mut bench, factor);
        bench.run_to_ms(5_002);
        assert_eq!(last(&mut bench).target_usd, target, "{factor}");
        assert!(bench.hash(&keys::ALLOCATION_TARGET.of(instrument().symbol)).is_empty());
        assert_eq!(bench.counter(ALLOCATION, "p29_shadow_pass_total"), 1);
    }
}

/// A stale budget once aborted the whole calculation.
#[test]
fn a_stale_budget_is_the_target() {
    let mut bench = bench(BindingMode::Shadow);
    budget(&mut bench, "2000", 0);
    bench.run_to_ms(61_000);
    portfolio(&mut bench, "100000", 61);
    regime(&mut bench, "BULL");
    bench.run_to_ms(65_100);
    let made = last(&mut bench);
    assert_eq!((made.target_usd, made.regime_factor, made.confidence), (2_000.0, 1.0, 0.5));
    assert_eq!(bench.counter(ALLOCATION, "p29_stale_budget"), 1);
}

#[test]
fn what_is_stale_multiplies_by_one_and_without_a_portfolio_there_is_no_round() {
    let mut bench = bench(BindingMode::Shadow);
    budget(&mut bench, "2000", 0);
    bench.run_to_ms(5_002);
    assert!(bench.entries(streams::ALLOCATION_DECISION.name).is_empty());
    assert_eq!(bench.counter(ALLOCATION, "p29_stale_portfolio"), 1);
    portfolio(&mut bench, "100000", 5);
    bench.run_to_ms(10_002);
    let made = last(&mut bench);
    assert_eq!((made.target_usd, made.confidence), (2_000.0, 0.5));
    assert_eq!(made.performance_source, "fallback");
    bench.run_to_ms(70_002);
    let before = bench.entries(streams::ALLOCATION_DECISION.name).len();
    bench.run_to_ms(90_002);
    assert_eq!(bench.entries(streams::ALLOCATION_DECISION.name).len(), before, "65 s old");
}
