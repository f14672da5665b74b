//! Portfolio clusters P2.7: EHR 3.10, MSE 15.3, worked example MSE 37.

use engine::{Instrument, Symbol, Ttl};
use pipeline::records::ClusterStateEntry;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START};

const CLUSTERS: &str = "portfolio_clusters";
const NAMES: [&str; 3] = ["AUSDT", "BUSDT", "CUSDT"];

fn bench() -> Bench {
    let one = |name: &str| Instrument {
        symbol: Symbol::new(name).expect("a symbol"),
        price_decimals: 2,
        qty_decimals: 3,
    };
    let settings = PipelineSettings::default();
    Bench::over(NAMES.map(one).to_vec(), &[CLUSTERS], &settings, Vec::new())
}

/// P3.3's look at all three, of this second.
fn snapshots(bench: &mut Bench, second: i64, marks: [f64; 3]) {
    for (place, name) in NAMES.iter().enumerate() {
        let (mark, ts) = (format!("{:.12}", marks[place]), (START.secs() + second).to_string());
        let fields = [
            ("symbol", *name),
            ("position_amt", ["1", "-1.5", "-3"][place]),
            ("side", "LONG"),
            ("entry_price", "1"),
            ("mark_price", &mark),
            ("unrealized_pnl", "0"),
            ("leverage", "1"),
            ("ts_epoch", &ts),
            ("source", "p33_poll"),
        ];
        bench.hset(&keys::POSITION_SNAPSHOT.of(name), &fields);
    }
}

fn prices(i: i64) -> [f64; 3] {
    let x = i as f64;
    let wave = libm::sin(x / 3.0);
    [100.0 + 2.0 * wave + 0.1 * x, 50.0 + wave + 0.04 * x, 20.0 + libm::cos(1.7 * x)]
}

fn run(bench: &mut Bench, minutes: std::ops::Range<i64>) {
    for minute in minutes {
        snapshots(bench, 60 * minute, prices(minute));
        bench.run_to_ms(60_000 * (minute + 1) + 1);
    }
}

#[test]
fn example_37_from_snapshots() {
    let mut bench = bench();
    run(&mut bench, 0..39);
    // Of the last one only the price; what is held is worth the example's.
    snapshots(&mut bench, 60 * 39, prices(39));
    bench.run_to_ms(60_000 * 40 + 1);
    let entry: ClusterStateEntry =
        bench.records(streams::PORTFOLIO_CLUSTER_STATE).pop().expect("clusters");
    let symbols: Vec<Vec<&str>> = (entry.clusters.0.iter())
        .map(|row| row.symbols.iter().map(Symbol::as_str).collect())
        .collect();
    assert_eq!(symbols, [vec!["AUSDT", "BUSDT"], vec!["CUSDT"]]);
    let one = bench.hash(&keys::PORTFOLIO_CLUSTER.of("0"));
    let correlation: f64 = one["correlation"].parse().expect("a number");
    assert!((correlation - 0.9999962458780031).abs() < 1e-9, "{correlation}");
    let [a, b, c] = prices(39);
    let (net, gross, total) = (a - 1.5 * b, a + 1.5 * b, a + 1.5 * b + 3.0 * c);
    let stress = gross / total * (net / gross) * correlation;
    let state = bench.hash(keys::PORTFOLIO_CLUSTER_STATE.name);
    let got: f64 = state["cluster_stress"].parse().expect("a number");
    assert!((got - stress).abs() < 1e-9, "{got} {stress}");
    assert_eq!(state["clusters_count"], "2");
    let life = bench.ttl(keys::PORTFOLIO_CLUSTER_STATE.name);
    assert!(matches!(life, Ttl::Left(left) if left.secs() == 299));
    assert_eq!(bench.counter(CLUSTERS, "p27_updates_total"), 30);
}

#[test]
fn ten_returns_are_needed_and_nothing_is_written_before() {
    let mut bench = bench();
    run(&mut bench, 0..10);
    assert!(bench.entries(streams::PORTFOLIO_CLUSTER_STATE.name).is_empty());
    assert!(bench.hash(keys::PORTFOLIO_CLUSTER_STATE.name).is_empty());
    assert_eq!(bench.counter(CLUSTERS, "p27_fail_closed_total"), 10);
    run(&mut bench, 10..11);
    assert_eq!(bench.entries(streams::PORTFOLIO_CLUSTER_STATE.name).len(), 1);
}

#[test]
fn a_look_that_is_repeated_is_no_second_price_and_old_keys_die() {
    let mut bench = bench();
    run(&mut bench, 0..11);
    // P3.3 is silent: its keys stay, with the time of its last look.
    bench.run_for_ms(600_000);
    let points = |bench: &Bench| {
        let gauges = bench.kernel.gauges(bench.service(CLUSTERS)).expect("gauges");
        let least = ("p27_min_points_per_symbol", engine::GaugeOf::All);
        gauges.get(&least).copied()
    };
    assert_eq!(points(&bench), Some(11.0));
    for name in NAMES {
        let now = bench.kernel.now();
        assert!(bench.kernel.bus_mut().del(now, &keys::POSITION_SNAPSHOT.of(name)));
    }
    bench.crash(CLUSTERS, 1);
    bench.run_for_ms(301_000);
    assert!(bench.hash(keys::PORTFOLIO_CLUSTER_STATE.name).is_empty(), "it dies with its writer");
    assert!(bench.hash(&keys::PORTFOLIO_CLUSTER.of("0")).is_empty());
    assert!(bench.counter(CLUSTERS, "snapshot_missing") > 0);
}
