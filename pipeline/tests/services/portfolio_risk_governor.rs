//! Portfolio risk governor P2.8: EHR 3.13 with its REQUIRED lines, EHR 4 rule 5.

use engine::{Body, Ttl};
use pipeline::records::{BindingMode, BudgetViolation};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};
use crate::plans::{decimal, flat_at};
use crate::portfolios::of_second as portfolio;

const GOVERNOR: &str = "portfolio_risk_governor";
const HEAT: &str = "quantum:stream:harvest.heat.decision";

fn bench(mode: BindingMode) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.portfolio_risk_governor.mode = mode;
    Bench::new(&[GOVERNOR], &settings, Vec::new())
}

fn budget(bench: &mut Bench) -> std::collections::BTreeMap<String, String> {
    bench.hash(&keys::PORTFOLIO_BUDGET.of(instrument().symbol))
}

fn held(bench: &mut Bench, qty: &str) {
    flat_at(bench, instrument().symbol, "100");
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &[("position_amt", qty)]);
}

#[test]
fn what_is_missing_counts_as_calm() {
    let mut bench = bench(BindingMode::Shadow);
    bench.run_to_ms(1);
    portfolio(&mut bench, "100000", 0);
    held(&mut bench, "0");
    bench.run_to_ms(10_001);
    let told = budget(&mut bench);
    // 100,000 · 0.02 · (1 - 0.2 · 0.33)
    assert_eq!(told["budget_usd"], "1868");
    assert_eq!((told["mode"].as_str(), told["portfolio_heat"].as_str()), ("shadow", "0"));
    assert_eq!(bench.counter(GOVERNOR, "p28_stale_input_total"), 3);
    assert_eq!(bench.counter(GOVERNOR, "p28_budget_allow_total"), 1);
    let life = bench.ttl(&keys::PORTFOLIO_BUDGET.of(instrument().symbol));
    assert!(matches!(life, Ttl::Left(left) if left.secs() == 299));
}

#[test]
fn heat_clusters_and_volatility_shrink_it() {
    let mut bench = bench(BindingMode::Enforce);
    bench.run_to_ms(1);
    portfolio(&mut bench, "100000", 0);
    held(&mut bench, "0");
    let ts = START.secs().to_string();
    let heat = [
        ("ts_epoch", ts.as_str()),
        ("symbol", "BTCUSDT"),
        ("plan_id", "p"),
        ("in_action", "FULL_CLOSE_PROPOSED"),
        ("out_action", "PARTIAL_75"),
        ("action", "PARTIAL_75"),
        ("heat_level", "warm"),
        ("heat_score", "0.5"),
        ("heat_action", "DOWNGRADE_FULL_TO_PARTIAL"),
        ("reason", "ok"),
        ("mode", "enforce"),
        ("debug_json", "{}"),
    ];
    let now = bench.kernel.now();
    bench
        .kernel
        .at(now, engine::Action::Publish { stream: HEAT.to_owned(), body: Body::fields(&heat) });
    let cluster =
        [("updated_ts", ts.as_str()), ("cluster_stress", "0.25"), ("clusters_count", "1")];
    bench.hset(keys::PORTFOLIO_CLUSTER_STATE.name, &cluster);
    let market =
        [("symbol", "BTCUSDT"), ("regime", "BULL"), ("sigma", "0.025"), ("timestamp", &ts)];
    bench.hset(&keys::STATE_MARKET_SYMBOL.of(instrument().symbol), &market);
    bench.run_to_ms(10_001);
    let told = budget(&mut bench);
    let stress: f64 = told["stress_factor"].parse().expect("a number");
    assert!((stress - (0.4 * 0.5 + 0.4 * 0.25 + 0.2 * 0.67)).abs() < 1e-12, "{stress}");
    assert_eq!((told["budget_usd"].as_str(), told["mode"].as_str()), ("1132", "enforce"));
    // All of it grows old, and counts as missing.
    portfolio(&mut bench, "100000", 700);
    bench.run_to_ms(700_001);
    assert_eq!(budget(&mut bench)["portfolio_heat"], "0");
    assert_eq!(budget(&mut bench)["cluster_stress"], "0");
}

/// Nothing in the audited pipeline asked for the check, so that no violation was ever told.
#[test]
fn each_snapshot_is_held_against_its_budget() {
    let mut bench = bench(BindingMode::Shadow);
    bench.run_to_ms(1);
    portfolio(&mut bench, "100000", 0);
    held(&mut bench, "-20");
    bench.run_to_ms(10_001);
    let told: Vec<BudgetViolation> = bench.records(streams::BUDGET_VIOLATION);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].position_notional.to_string(), "2000");
    assert_eq!(told[0].over_budget, decimal("132"));
    assert_eq!(told[0].mode, BindingMode::Shadow);
    let entries = bench.entries(streams::BUDGET_VIOLATION.name);
    let fields = entries[0].body.as_ref().expect("a body").to_fields().into_owned();
    assert_eq!(fields.get("event_type"), Some("budget.violation"), "flat, not one field of JSON");
    assert_eq!(bench.counter(GOVERNOR, "p28_budget_blocks_total"), 1);
}

/// The last good portfolio was refused again by a second test of 30 s.
#[test]
fn the_last_good_portfolio_serves_for_fifteen_minutes() {
    let mut bench = bench(BindingMode::Shadow);
    bench.run_to_ms(1);
    portfolio(&mut bench, "100000", 0);
    held(&mut bench, "0");
    bench.run_to_ms(20_001);
    assert_eq!(bench.counter(GOVERNOR, "p28_lkg_cache_used_total"), 0);
    bench.hset(keys::PORTFOLIO.name, &[("stale", "true")]);
    bench.run_to_ms(900_001);
    assert_eq!(bench.counter(GOVERNOR, "p28_lkg_cache_used_total"), 88);
    assert_eq!(bench.counter(GOVERNOR, "p28_budget_computed_total"), 90);
    bench.run_to_ms(960_001);
    assert_eq!(bench.counter(GOVERNOR, "p28_portfolio_too_old_total"), 6);
    assert_eq!(bench.counter(GOVERNOR, "p28_budget_computed_total"), 90);
}

fn as_audited(names: &[&str]) -> Bench {
    let mut bench = Bench::new(&[GOVERNOR], &audited(names), Vec::new());
    bench.run_to_ms(1);
    portfolio(&mut bench, "100000", 0);
    held(&mut bench, "-20");
    bench
}

/// EHR 3.13: the cache was refused by a second test of the same age.
#[test]
fn the_last_good_portfolio_never_helped() {
    for (names, computed) in [(&[][..], 90), (&["last_good_refused"], 2)] {
        let mut bench = as_audited(names);
        bench.run_to_ms(20_001);
        bench.hset(keys::PORTFOLIO.name, &[("stale", "true")]);
        bench.run_to_ms(900_001);
        assert_eq!(bench.counter(GOVERNOR, "p28_budget_computed_total"), computed);
    }
}

/// EHR 3.13: nobody called the check.
#[test]
fn no_violation_was_ever_told() {
    for (names, told) in [(&[][..], 1), (&["budgets_unchecked"], 0)] {
        let mut bench = as_audited(names);
        bench.run_to_ms(10_001);
        assert_eq!(bench.entries(streams::BUDGET_VIOLATION.name).len(), told);
        assert_eq!(budget(&mut bench)["budget_usd"], "1868");
    }
}

/// EHR 3.10: the key that was read had no writer.
#[test]
fn cluster_stress_was_looked_for_where_nobody_wrote_it() {
    for (names, stress) in [(&[][..], "0.25"), (&["cluster_stress_unwritten"], "0")] {
        let mut bench = as_audited(names);
        let ts = START.secs().to_string();
        let cluster =
            [("updated_ts", ts.as_str()), ("cluster_stress", "0.25"), ("clusters_count", "1")];
        bench.hset(keys::PORTFOLIO_CLUSTER_STATE.name, &cluster);
        bench.run_to_ms(10_001);
        assert_eq!(budget(&mut bench)["cluster_stress"], stress);
    }
}

#[test]
fn without_a_snapshot_or_a_portfolio_there_is_no_budget() {
    let mut bench = bench(BindingMode::Shadow);
    bench.run_to_ms(10_001);
    held(&mut bench, "1");
    bench.run_to_ms(20_001);
    assert!(budget(&mut bench).is_empty());
    portfolio(&mut bench, "nan", 20);
    bench.run_to_ms(30_001);
    assert!(budget(&mut bench).is_empty());
    assert_eq!(bench.counter(GOVERNOR, "portfolio_unreadable"), 1);
}
