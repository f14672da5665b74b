//! Meta regime: MSE 15.1, worked example 36, settled's alias and hash.

use engine::{Instrument, MarketEvent, Symbol, Ttl};
use pipeline::records::MetaRegimeState;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited, instrument};
use crate::venues::{bar, trade};

const BRIDGE: &str = "exchange_stream_bridge";
const REGIME: &str = "meta_regime";

fn states(bench: &mut Bench) -> Vec<MetaRegimeState> {
    bench.records(streams::META_REGIME)
}

fn bench(market: Vec<MarketEvent>) -> Bench {
    Bench::new(&[BRIDGE, REGIME], &PipelineSettings::default(), market)
}

/// Prices a million times those of the example, so that cents are fine enough.
fn example(minutes: i64) -> Vec<MarketEvent> {
    let close = |i: i64| {
        let i = i as f64;
        1e10 * libm::exp(0.002 * i + 0.003 * libm::sin(i))
    };
    (0..minutes).map(|i| bar(60_000 * (i + 1), 0, libm::rint(close(i)) as i64, 1)).collect()
}

#[test]
fn example_36_one_close_a_minute_of_one_venue() {
    let mut bench = bench(example(120));
    bench.run_to_ms(120 * 60_000 + 31_000);
    let state = states(&mut bench).pop().expect("a regime");
    assert_eq!((state.regime.as_ref(), state.samples), ("BULL", 120));
    let near = |got: f64, wanted: f64| assert!((got / wanted - 1.0).abs() < 1e-6, "{got} {wanted}");
    near(state.volatility, 0.002053066365296236);
    near(state.trend, 0.0018931215367081302);
    near(state.confidence, 0.889312153670813);
    let alias: Vec<MetaRegimeState> = bench.records(streams::REGIME_STATE);
    assert_eq!(alias, states(&mut bench));
    let hash = bench.hash(keys::STATE_MARKET.name);
    assert_eq!(hash["regime"], "BULL");
    assert!(matches!(bench.ttl(keys::STATE_MARKET.name), Ttl::Left(_)));
    let of_symbol = bench.hash(&keys::STATE_MARKET_SYMBOL.of(instrument().symbol));
    assert_eq!(of_symbol["regime"], "BULL");
    assert!(!of_symbol.contains_key("sigma"), "nobody has told it");
}

#[test]
fn too_few_closes_are_unknown_and_updates_of_one_candle_are_one_close() {
    // Two hundred updates within four minutes are four closes.
    let market = (0..200).map(|n| trade(1_000 * n + 500, 0, 10_000 + n, 1)).collect();
    let mut bench = bench(market);
    bench.run_to_ms(210_100);
    let state = states(&mut bench).pop().expect("a regime");
    assert_eq!((state.regime.as_ref(), state.samples, state.confidence), ("UNKNOWN", 4, 0.0));
    assert_eq!(state.price, 101.99);
}

/// MSE 15.1: two hundred updates within four minutes were as many closes, and as many more of the other venue.
#[test]
fn every_update_of_either_venue_was_a_close() {
    for (names, samples) in [(&[][..], 4..=4), (&["mixed_closes"], 390..=402)] {
        let market = (0..200).map(|n| trade(1_000 * n + 500, 0, 10_000 + n, 1)).collect();
        let mut bench = Bench::new(&[BRIDGE, REGIME], &audited(names), market);
        bench.run_to_ms(210_100);
        let read = states(&mut bench).pop().expect("a regime").samples;
        assert!(samples.contains(&read), "{read}");
    }
}

#[test]
fn a_successor_reads_the_same_regime() {
    let mut bench = bench(example(120));
    bench.run_to_ms(100 * 60_000);
    bench.crash(REGIME, 60_000);
    bench.run_to_ms(120 * 60_000 + 31_000);
    let state = states(&mut bench).pop().expect("a regime");
    assert_eq!((state.regime.as_ref(), state.samples), ("BULL", 120));
}

#[test]
fn another_symbol_stands_in_where_the_run_has_no_btc() {
    let eth = Symbol::new("ETHUSDT").expect("a symbol");
    let instruments = vec![Instrument { symbol: eth, ..instrument() }];
    let settings = PipelineSettings::default();
    let mut bench = Bench::over(instruments, &[BRIDGE, REGIME], &settings, example(60));
    bench.run_to_ms(61 * 60_000);
    assert_eq!(states(&mut bench).pop().expect("a regime").samples, 60);
}

#[test]
fn the_symbols_own_volatility_is_of_a_day() {
    let mut bench = bench(example(5));
    let fields = [
        ("symbol", "BTCUSDT"),
        ("sigma", "0.001"),
        ("mu", "0"),
        ("ts", "0"),
        ("p_trend", "1"),
        ("p_mr", "0"),
        ("p_chop", "0"),
        ("dp", "0"),
        ("vr", "1"),
        ("spike_proxy", "1"),
        ("buffer_size", "300"),
        ("regime", "TREND"),
        ("ts_timestamp", "1"),
        ("timestamp", "1"),
    ];
    bench.hset(&keys::MARKETSTATE.of(instrument().symbol), &fields);
    bench.run_to_ms(30_100);
    let of_symbol = bench.hash(&keys::STATE_MARKET_SYMBOL.of(instrument().symbol));
    let sigma: f64 = of_symbol["sigma"].parse().expect("a number");
    assert!((sigma - 0.037_947_331_922_020_55).abs() < 1e-12, "0.001 times the root of 1440");
}
