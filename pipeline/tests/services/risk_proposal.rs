//! Risk proposal publisher P1.5: EHR 3.2, worked examples 10 and 11, and who takes its stops.

use engine::{Nanos, Ttl};
use pipeline::records::RiskProposal;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};
use crate::held::{self, Position};

const SERVICE: &str = "risk_proposal";
/// A trend, as in example 10.
const TREND: [&str; 5] = ["0.01", "0.5", "0.6", "0.1", "0.3"];

/// Example 11.
const SHORT: Position<'_> = Position {
    amount: "-1",
    entry: "2000",
    mark: "1950",
    pnl: "50",
    best: "1940",
    stop: "1960",
    plan: "opening",
};

fn key() -> String {
    keys::RISK_PROPOSAL.of(instrument().symbol)
}

fn bench_of(names: &[&str], position: &Position<'_>, market: [&str; 5]) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.risk_proposal.stream = true;
    bench_named(names, &settings, position, market)
}

fn bench_with(settings: &PipelineSettings, position: &Position<'_>, market: [&str; 5]) -> Bench {
    bench_named(&[SERVICE], settings, position, market)
}

fn bench_named(
    names: &[&str],
    settings: &PipelineSettings,
    position: &Position<'_>,
    market: [&str; 5],
) -> Bench {
    let mut bench = Bench::new(names, settings, Vec::new());
    held::hold(&mut bench, position);
    held::market(&mut bench, market);
    bench
}

fn bench(position: &Position<'_>, market: [&str; 5]) -> Bench {
    let mut bench = bench_of(&[SERVICE], position, market);
    bench.run_to_ms(10_001);
    bench
}

fn near(hash: &std::collections::BTreeMap<String, String>, field: &str, want: f64) {
    let told: f64 = hash[field].parse().expect("a number");
    assert!((told - want).abs() <= 1e-9 * want.abs(), "{field} is {told}, not {want}");
}

/// Only a publisher that reads p_trend extends the target and weighs the stop so.
#[test]
fn example_10_on_the_bus() {
    let mut bench = bench(&Position::default(), TREND);
    let hash = bench.hash(&key());
    near(&hash, "proposed_sl", 104.6644);
    near(&hash, "proposed_tp", 107.499525);
    near(&hash, "stop_dist_pct", 0.0128);
    near(&hash, "tp_dist_pct", 0.023805);
    near(&hash, "trail_gap_pct", 0.0126);
    assert_eq!(hash["reason_codes"], "trail_active,sl_tightening,regime_trend,tp_extended");
    assert_eq!(hash["p_trend"], "0.6");
    assert_eq!((&*hash["position_side"], &*hash["position_plan_id"]), ("LONG", "opening"));
    near(&hash, "position_age_sec", 3_610.0);
    assert_eq!(bench.ttl(&key()), Ttl::Left(Nanos::from_millis(59_999)));
}

/// Example 11 as required: the stop of a short is not below the market, and is told to be crossed.
#[test]
fn a_crossed_stop_is_clamped_and_told() {
    let mut bench = bench(&SHORT, ["0.003", "0.13", "0.2", "0.5", "0.3"]);
    let hash = bench.hash(&key());
    near(&hash, "proposed_sl", 1950.0);
    assert!(hash["reason_codes"].ends_with("stop_already_crossed"), "{}", hash["reason_codes"]);
    assert_eq!(bench.counter(SERVICE, "stop_already_crossed"), 1);
}

#[test]
fn a_steady_proposal_is_confirmed_and_told_again_after_a_minute() {
    let mut bench = bench_of(&[SERVICE], &Position::default(), TREND);
    for look in 1..=8 {
        held::look(&mut bench, &Position::default());
        bench.run_to_ms(look * 10_000 + 1);
    }
    let told: Vec<RiskProposal> = bench.records(streams::RISK_PROPOSAL);
    let computed: Vec<i64> =
        told.iter().map(|p| p.computed_epoch.0.secs() - START.secs()).collect();
    assert_eq!(computed, [10, 80]);
    let hash = bench.hash(&key());
    assert_eq!(hash["computed_epoch"], hash["last_update_epoch"]);
    held::look(&mut bench, &Position::default());
    bench.run_to_ms(90_001);
    let hash = bench.hash(&key());
    assert_eq!(hash["last_update_epoch"], (START.secs() + 90).to_string());
    assert_eq!(hash["computed_epoch"], (START.secs() + 80).to_string());
    // Another position of the symbol is told of at once.
    held::hold(&mut bench, &Position { plan: "another", ..Position::default() });
    bench.run_to_ms(100_001);
    assert_eq!(bench.hash(&key())["position_plan_id"], "another");
    assert_eq!(bench.counter(SERVICE, "proposals_published"), 3);
}

#[test]
fn no_position_no_proposal() {
    let mut bench = bench(&Position::default(), TREND);
    held::flat(&mut bench);
    bench.run_for_ms(10_000);
    assert!(bench.hash(&key()).is_empty());
    assert_eq!(bench.counter(SERVICE, "proposals_removed"), 1);
}

/// Old inputs are no inputs: the proposal is left to die, and nothing is made up.
#[test]
fn stale_and_missing_inputs_make_no_proposal() {
    let mut stale = bench(&Position::default(), TREND);
    stale.run_for_ms(30_000);
    assert_eq!(stale.counter(SERVICE, "snapshot_stale"), 1);
    stale.run_for_ms(60_000);
    assert!(stale.hash(&key()).is_empty(), "it has died");

    let mut bench = bench_of(&[SERVICE], &Position::default(), TREND);
    let market = keys::MARKETSTATE.of(instrument().symbol);
    bench.hset(&market, &[("ts_timestamp", &(START.secs() - 301).to_string())]);
    bench.run_to_ms(10_001);
    bench.hset(&market, &[("sigma", "NaN")]);
    bench.run_to_ms(20_001);
    bench.kernel.bus_mut().del(START, &market);
    bench.run_to_ms(30_001);
    for reason in ["marketstate_stale", "marketstate_unreadable", "marketstate_missing"] {
        assert_eq!(bench.counter(SERVICE, reason), 1, "{reason}");
    }
    assert!(bench.hash(&key()).is_empty());
}

#[test]
fn a_successor_tells_it_again() {
    let mut bench = bench(&Position::default(), TREND);
    bench.crash(SERVICE, 100);
    bench.run_for_ms(10_200);
    assert_eq!(bench.counter(SERVICE, "proposals_published"), 2);
}

/// Settled, "Stops": the exit monitor takes the stop that is closer, of its own position, and never goes back.
#[test]
fn the_exit_monitor_takes_the_closer_stop() {
    let position = Position { best: "105", ..Position::default() };
    let mut bench = bench_of(&[SERVICE, "exit_monitor"], &position, TREND);
    bench.run_to_ms(15_001);
    let stops = keys::STATE_STOPS.of(instrument().symbol);
    let hash = bench.hash(&stops);
    // 105 · (1 − 0.0126)
    near(&hash, "stop_loss", 103.677);
    assert_eq!(hash["source"], "risk_proposal");
    assert_eq!(bench.counter("exit_monitor", "stops_tightened"), 1);
    // A looser one, and one of another position, change nothing.
    bench.kernel.bus_mut().del(START, &key());
    let fields = |plan: &'static str, stop: &'static str| {
        let mut fields: Vec<(String, String)> = hash_of_a_proposal(plan);
        fields.push(("proposed_sl".into(), stop.into()));
        fields
    };
    for (plan, stop) in [("opening", "103"), ("another", "104.5")] {
        let fields = fields(plan, stop);
        let now = bench.kernel.now();
        for (name, value) in &fields {
            bench.kernel.bus_mut().hset(now, &key(), name, value.as_bytes()).expect("a hash");
        }
        bench.run_for_ms(5_000);
        near(&bench.hash(&stops), "stop_loss", 103.677);
    }
}

fn hash_of_a_proposal(plan: &str) -> Vec<(String, String)> {
    let mut bench = bench(&Position { plan, ..Position::default() }, TREND);
    let hash = bench.hash(&key());
    hash.into_iter().filter(|(name, _)| name != "proposed_sl").collect()
}

/// Its kernel saw no trend, whatever the market state said.
#[test]
fn the_probability_of_a_trend_was_lost() {
    let mut bench = bench_with(&audited(&["trend_probability_lost"]), &Position::default(), TREND);
    bench.run_to_ms(10_001);
    let hash = bench.hash(&key());
    assert_eq!(hash["p_trend"], "0");
    // 0.8 · 0.1 + 1.0 · 0.3, at a sigma of 0.01.
    near(&hash, "stop_dist_pct", 0.005);
    assert!(!hash["reason_codes"].contains("tp_extended"), "{}", hash["reason_codes"]);
}

/// Example 11 as it was: the stop of a short below the market.
#[test]
fn a_stop_could_lie_beyond_the_price() {
    let market = ["0.003", "0.13", "0.2", "0.5", "0.3"];
    let mut bench = bench_with(&audited(&["stop_beyond_price"]), &SHORT, market);
    bench.run_to_ms(10_001);
    let hash = bench.hash(&key());
    near(&hash, "proposed_sl", 1949.7);
    assert!(!hash["reason_codes"].contains("stop_already_crossed"), "{}", hash["reason_codes"]);
    let setting = serde_json::json!({"risk_proposal": {"params": {"audited_crossed_stop": true}}});
    assert!(serde_json::from_value::<PipelineSettings>(setting).is_err(), "it has one name");
}
