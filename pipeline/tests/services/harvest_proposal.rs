//! Harvest proposal publisher P2.5: EHR 3.3 to 3.5, worked examples 1 and 3, and what its DEFECT lines require.

use engine::{GaugeOf, Nanos, Ttl};
use pipeline::records::HarvestProposal;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};
use crate::held::{self, Position};

const SERVICE: &str = "harvest_proposal";
/// Chop, as in example 1.
const CHOP: [&str; 5] = ["0.0052", "0.038395", "0.22", "0.13", "0.65"];
/// As in example 3.
const MIXED: [&str; 5] = ["0.0114", "0.245", "0.372", "0.076", "0.552"];

fn key() -> String {
    keys::HARVEST_PROPOSAL.of(instrument().symbol)
}

/// The defaults, and this behaviour of the audits, if it is one.
fn with(name: &str) -> PipelineSettings {
    if name.is_empty() { PipelineSettings::default() } else { audited(&[name]) }
}

fn bench(names: &[&str], market: [&str; 5]) -> Bench {
    bench_of(names, &PipelineSettings::default(), market)
}

fn bench_of(names: &[&str], settings: &PipelineSettings, market: [&str; 5]) -> Bench {
    let mut bench = Bench::new(names, settings, Vec::new());
    held::hold(&mut bench, &Position::default());
    held::market(&mut bench, market);
    bench
}

fn told(bench: &mut Bench) -> Vec<HarvestProposal> {
    bench.records(streams::HARVEST_PROPOSAL)
}

fn policy(bench: &mut Bench, version: &str, harvest: &str, kill: &str, valid_s: i64) {
    let until = (bench.kernel.now().secs() + valid_s).to_string();
    let fields = [
        ("universe_symbols", "[\"BTCUSDT\"]"),
        ("leverage_by_symbol", "{\"BTCUSDT\":10}"),
        ("harvest_params", harvest),
        ("kill_params", kill),
        ("valid_until_epoch", &until),
        ("policy_version", version),
    ];
    bench.hset(keys::POLICY_CURRENT.name, &fields);
}

/// The kernel gets the PnL of one unit: two units with 10 USDT are at the R of example 1, not at twice that.
#[test]
fn examples_1_and_3_on_the_bus() {
    for (market, distance, action, r_net) in [
        (CHOP, "0.0069864121932800005", "FULL_CLOSE_PROPOSED", 7.013614233516237),
        (MIXED, "0.00699", "PARTIAL_75", 7.010014306151646),
    ] {
        let mut bench = bench(&[SERVICE], market);
        risk(&mut bench, "opening", distance);
        bench.run_to_ms(10_001);
        let hash = bench.hash(&key());
        assert_eq!(hash["harvest_action"], action);
        let told: f64 = hash["R_net"].parse().expect("a number");
        assert!((told - r_net).abs() < 1e-9 * r_net, "{told}");
        let stop: f64 = hash["new_sl_proposed"].parse().expect("a number");
        assert!((stop - 100.2).abs() < 1e-9);
        assert_eq!(hash["position_unrealized_pnl"], "10");
        assert_eq!(hash["position_pnl_per_unit"], "5");
        assert_eq!(
            bench.ttl(&key()),
            Ttl::Left(Nanos::from_millis(59_999)),
            "three cycles and more"
        );
        let gauges = bench.kernel.gauges(bench.service(SERVICE)).expect("gauges").clone();
        assert_eq!(gauges[&("quantum_harvest_action", GaugeOf::Word(action))], 1.0);
        let of = GaugeOf::Symbol(instrument().symbol);
        assert_eq!(gauges[&("quantum_harvest_r_net", of)], told);
    }
}

/// P1.5's word on a position of this symbol.
fn risk(bench: &mut Bench, plan: &str, distance: &str) {
    let now = bench.kernel.now().secs().to_string();
    let iso = bench.kernel.now().to_string();
    let mut fields = vec![
        ("symbol", "BTCUSDT"),
        ("stop_dist_pct", distance),
        ("reason_codes", ""),
        ("computed_at_utc", &iso),
        ("computed_epoch", &now),
        ("last_update_epoch", &now),
        ("position_side", "LONG"),
        ("position_plan_id", plan),
    ];
    let numbers = [
        "proposed_sl",
        "proposed_tp",
        "tp_dist_pct",
        "trail_gap_pct",
        "ts",
        "sigma",
        "p_trend",
        "p_mr",
        "p_chop",
        "position_age_sec",
        "position_current_price",
        "position_entry_price",
    ];
    fields.extend(numbers.map(|name| (name, "1")));
    bench.hset(&keys::RISK_PROPOSAL.of(instrument().symbol), &fields);
}

/// INC-3, INC-9: no synthetic positions; what was proposed for one that is gone is removed.
#[test]
fn no_position_no_proposal() {
    let mut empty = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    held::market(&mut empty, CHOP);
    empty.run_to_ms(60_001);
    assert!(empty.hash(&key()).is_empty() && told(&mut empty).is_empty());

    let mut bench = bench(&[SERVICE], CHOP);
    bench.run_to_ms(10_001);
    assert!(!bench.hash(&key()).is_empty());
    held::flat(&mut bench);
    bench.run_for_ms(10_000);
    assert!(bench.hash(&key()).is_empty());
    assert_eq!(bench.counter(SERVICE, "proposals_removed"), 1);
}

/// A stuck computation does not look fresh: nothing is refreshed without inputs, and the proposal dies.
#[test]
fn computed_epoch_stands_apart_and_a_stuck_proposal_dies() {
    let mut bench = bench(&[SERVICE], CHOP);
    for look in 1..=8 {
        held::look(&mut bench, &Position::default());
        bench.run_to_ms(look * 10_000 + 1);
    }
    let computed: Vec<i64> =
        told(&mut bench).iter().map(|p| p.computed_epoch.0.secs() - START.secs()).collect();
    assert_eq!(computed, [10, 80]);
    held::look(&mut bench, &Position::default());
    bench.run_to_ms(90_001);
    let hash = bench.hash(&key());
    assert_eq!(hash["computed_epoch"], (START.secs() + 80).to_string());
    assert_eq!(hash["last_update_epoch"], (START.secs() + 90).to_string());
    // P3.3 is gone: its look is at most 30 s old when the last proposal is confirmed.
    bench.run_to_ms(150_001);
    let (stale, last) = (bench.counter(SERVICE, "snapshot_stale"), bench.hash(&key()));
    assert!(stale >= 3, "{stale}");
    assert_eq!(last["last_update_epoch"], (START.secs() + 110).to_string());
    bench.run_to_ms(180_001);
    assert!(bench.hash(&key()).is_empty());
}

#[test]
fn the_stop_distance_is_of_this_position_and_fresh() {
    let mut bench = bench(&[SERVICE], MIXED);
    risk(&mut bench, "another", "0.005");
    bench.run_to_ms(10_001);
    assert_eq!(bench.hash(&key())["risk_unit"], "2", "the fallback of 2 %");
    assert_eq!(bench.counter(SERVICE, "risk_proposal_missing"), 1);
    bench.hset(
        &keys::RISK_PROPOSAL.of(instrument().symbol),
        &[("position_plan_id", "opening"), ("last_update_epoch", &(START.secs() - 60).to_string())],
    );
    bench.run_to_ms(20_001);
    assert_eq!(bench.counter(SERVICE, "risk_proposal_stale"), 1);
}

/// A distance of next to nothing made an R of 1e9, and so PARTIAL_75 of a position that had hardly moved; a proposal of the
/// future stayed fresh until then.
#[test]
fn a_stop_distance_that_measures_nothing_and_one_of_the_future_are_not_taken() {
    for distance in ["0", "-0.01", "0.000000001"] {
        let mut bench = bench(&[SERVICE], MIXED);
        risk(&mut bench, "opening", distance);
        bench.run_to_ms(10_001);
        let hash = bench.hash(&key());
        assert_eq!(hash["risk_unit"], "2", "the fallback of 2 % for {distance}");
        assert_eq!(bench.counter(SERVICE, "risk_proposal_refused"), 1, "{distance}");
    }
    let mut bench = bench(&[SERVICE], MIXED);
    risk(&mut bench, "opening", "0.005");
    let later = (START.secs() + 11).to_string();
    bench.hset(&keys::RISK_PROPOSAL.of(instrument().symbol), &[("last_update_epoch", &later)]);
    bench.run_to_ms(10_001);
    assert_eq!(bench.hash(&key())["risk_unit"], "2");
    assert_eq!(bench.counter(SERVICE, "risk_proposal_stale"), 1);
}

/// Both tables of the policy are read, again when its version changes, and not when it is over.
#[test]
fn theta_is_the_policys() {
    let mut bench = bench(&[SERVICE], CHOP);
    policy(&mut bench, "v1", "{\"T3_R\":1.8,\"lock_R\":1.2}", "{\"kill_threshold\":0.95}", 300);
    let action = |bench: &mut Bench| {
        held::look(bench, &Position::default());
        bench.run_for_ms(10_000);
        bench.hash(&key())["harvest_action"].clone()
    };
    bench.run_to_ms(1);
    // R is 2.45 with the fallback distance.
    assert_eq!(action(&mut bench), "PARTIAL_75");
    assert_eq!(bench.hash(&key())["policy_version"], "v1");
    policy(&mut bench, "v2", "{\"T3_R\":6}", "{\"kill_threshold\":0.95}", 300);
    assert_eq!(action(&mut bench), "PARTIAL_25");
    policy(&mut bench, "v3", "{\"T4_R\":6}", "{}", 300);
    assert_eq!(action(&mut bench), "FULL_CLOSE_PROPOSED", "the defaults");
    assert_eq!(action(&mut bench), "FULL_CLOSE_PROPOSED");
    assert_eq!(bench.counter(SERVICE, "theta_refused"), 1, "once a version");
    policy(&mut bench, "v4", "{}", "{\"kill_threshold\":0.95}", 15);
    assert_eq!(action(&mut bench), "PARTIAL_25");
    action(&mut bench);
    assert_eq!(action(&mut bench), "FULL_CLOSE_PROPOSED", "it is over");
}

/// INC-3, INC-9: closes were proposed for positions that nobody had, with stops at 100.2 and 50.1.
#[test]
fn positions_were_made_up() {
    let [now, then] = ["", "synthetic_positions"].map(|name| {
        let mut bench = Bench::new(&[SERVICE], &with(name), Vec::new());
        held::market(&mut bench, CHOP);
        bench.run_to_ms(10_001);
        bench.hash(&key())
    });
    assert!(now.is_empty());
    let stop: f64 = then["new_sl_proposed"].parse().expect("a number");
    assert!((stop - 100.2).abs() < 1e-9);
    assert_eq!(then["harvest_action"], "FULL_CLOSE_PROPOSED");
    assert_eq!((&*then["position_entry_price"], &*then["position_age_sec"]), ("100", "3600"));
}

/// Two units with 10 USDT: 5 each.
#[test]
fn r_grew_with_the_quantity() {
    let [now, then] = ["", "r_of_whole_position"].map(|name| {
        let mut bench = bench_of(&[SERVICE], &with(name), MIXED);
        bench.run_to_ms(10_001);
        let hash = bench.hash(&key());
        assert_eq!(hash["position_unrealized_pnl"], "10");
        hash["R_net"].parse::<f64>().expect("a number")
    });
    // By the fallback of 2 %, after a cost of 0.1.
    assert!((now - 2.45).abs() < 1e-9 && (then - 4.95).abs() < 1e-9, "{now} {then}");
}

/// The look of P3.3 is old after 30 s, and so was the proposal.
#[test]
fn what_was_stuck_looked_fresh() {
    let [now, then] = ["", "stuck_proposal_looks_fresh"].map(|name| {
        let mut bench = bench_of(&[SERVICE], &with(name), MIXED);
        bench.run_to_ms(300_001);
        assert!(bench.counter(SERVICE, "snapshot_stale") >= 20);
        bench.hash(&key())
    });
    assert!(now.is_empty(), "it has died");
    assert_eq!(then["computed_epoch"], (START.secs() + 10).to_string());
    assert_eq!(then["last_update_epoch"], (START.secs() + 300).to_string());
}

#[test]
fn a_policy_was_loaded_once_and_half_of_it_was_not_read() {
    let of = |name: &str| {
        let mut bench = bench_of(&[SERVICE], &with(name), CHOP);
        policy(&mut bench, "v1", "{\"T3_R\":1.8}", "{\"kill_threshold\":0.95}", 300);
        let mut action = || {
            held::look(&mut bench, &Position::default());
            bench.run_for_ms(10_000);
            let action = bench.hash(&key())["harvest_action"].clone();
            policy(&mut bench, "v2", "{\"T3_R\":6}", "{\"kill_threshold\":0.95}", 300);
            action
        };
        action();
        [action(), action()]
    };
    assert_eq!(of(""), ["PARTIAL_25", "PARTIAL_25"]);
    assert_eq!(of("policy_loaded_once"), ["PARTIAL_75", "PARTIAL_75"]);
    // The default threshold, 0.6, counts.
    assert_eq!(of("kill_params_not_read"), ["FULL_CLOSE_PROPOSED", "FULL_CLOSE_PROPOSED"]);
}
