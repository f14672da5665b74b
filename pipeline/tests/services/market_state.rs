//! Market state publisher: MSE 3.5, EHR 3.1, worked example 62.

use std::collections::BTreeMap;

use engine::{Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex, Ttl};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};

const MINUTE_MS: i64 = 60_000;

/// Closed bars, one a minute, from one minute after the start. Half a second off the service's own round,
/// so that each round sees one more bar.
fn bars(minutes: i64) -> Vec<MarketEvent> {
    let bar = |minute: i64| {
        let i = (minute - 1) as f64;
        let wave = 0.0005 * i + 0.004 * libm::sin(i / 7.0) + 0.001 * libm::cos(3.1 * i);
        let close = PriceTicks(libm::rint(1e10 * libm::exp(wave)) as i64);
        let bar = Bar {
            open: close,
            high: close,
            low: close,
            close,
            volume: QtyLots(1_000),
            interval_ms: 60_000,
            path_passed: false,
        };
        let time = START + Nanos::from_millis(minute * MINUTE_MS - 500);
        MarketEvent::new(time, SymbolIndex(0), MarketData::Bar(bar))
    };
    (1..=minutes).map(bar).collect()
}

fn bench(minutes: i64) -> Bench {
    let services = ["market_publisher", "market_state"];
    Bench::new(&services, &PipelineSettings::default(), bars(minutes))
}

fn state(bench: &mut Bench) -> BTreeMap<String, String> {
    bench.hash(&keys::MARKETSTATE.of(instrument().symbol))
}

#[test]
fn nothing_is_published_before_257_closes_and_each_miss_is_counted() {
    let mut bench = bench(260);
    bench.run_to_ms(256 * MINUTE_MS + 1);
    assert!(state(&mut bench).is_empty());
    assert!(bench.entries(streams::MARKETSTATE.name).is_empty());
    assert_eq!(bench.counter("market_state", "marketstate_too_few_closes"), 256);

    bench.run_to_ms(257 * MINUTE_MS + 1);
    assert_eq!(state(&mut bench)["buffer_size"], "257");
    assert_eq!(bench.entries(streams::MARKETSTATE.name).len(), 1);
    assert_eq!(bench.counter("market_state", "marketstate_too_few_closes"), 256);
}

/// Prices are a million times those of the example, which changes none of its figures and makes the grid of
/// cents fine enough for them.
#[test]
fn example_62_on_the_bus() {
    let mut bench = bench(300);
    bench.run_to_ms(300 * MINUTE_MS + 1);
    let state = state(&mut bench);
    let expected = [
        ("sigma", 0.0017959637374149358, 8),
        ("mu", 0.0004906030544956553, 8),
        ("ts", 0.2731697995910803, 6),
        ("p_trend", 0.1903111666629205, 6),
        ("p_mr", 0.20526138898178703, 6),
        ("p_chop", 0.6044274443552924, 6),
        ("dp", 0.14901960784313725, 6),
        ("vr", 0.5399987009188144, 6),
        ("spike_proxy", 1.2282613905415907, 6),
    ];
    for (field, value, decimals) in expected {
        let text = &state[field];
        let got: f64 = text.parse().expect("a number");
        let rounded: f64 = format!("{value:.decimals$}").parse().expect("a number");
        assert_eq!(got.to_bits(), rounded.to_bits(), "{field} is {got}, not {rounded}");
    }
    assert_eq!(state["buffer_size"], "300");
    assert_eq!(state["regime"], "CHOP");
    assert_eq!(state["symbol"], "BTCUSDT");
    let now = (START + Nanos::from_secs(300 * 60)).secs().to_string();
    assert_eq!(state["ts_timestamp"], now);
}

#[test]
fn the_hash_lives_ten_intervals() {
    let mut bench = bench(260);
    bench.run_to_ms(260 * MINUTE_MS);
    let key = keys::MARKETSTATE.of(instrument().symbol);
    assert_eq!(bench.ttl(&key), Ttl::Left(Nanos::from_secs(600)));
    // The writer is gone: so is, in time, what it said.
    bench.crash("market_state", 3_600_000);
    bench.run_for_ms(599_999);
    assert!(!state(&mut bench).is_empty());
    bench.run_for_ms(2);
    assert!(state(&mut bench).is_empty());
}

#[test]
fn a_successor_goes_on_with_the_same_figures() {
    let (mut whole, mut crashed) = (bench(320), bench(320));
    // Down for the bars of minutes 306 to 310, with more history than the window holds; back just after a bar,
    // so that each of its rounds sees the same bars as those of the other run.
    crashed.run_to_ms(306 * MINUTE_MS - 1_000);
    crashed.crash("market_state", 4 * MINUTE_MS + 600);
    for minute in 312..=320 {
        whole.run_to_ms(minute * MINUTE_MS);
        crashed.run_to_ms(minute * MINUTE_MS);
        let (mut expected, mut got) = (state(&mut whole), state(&mut crashed));
        // Its rounds are counted from its own start.
        for time in ["ts_timestamp", "timestamp"] {
            expected.remove(time);
            got.remove(time);
        }
        if minute == 320 {
            assert_eq!(got["buffer_size"], "300");
        }
        assert_eq!(got, expected, "minute {minute}");
    }
}

#[test]
fn a_successor_without_a_list_says_nothing_until_it_has_seen_enough() {
    let mut bench = bench(300);
    bench.run_to_ms(280 * MINUTE_MS);
    let key = keys::CANDLES_1M.of(instrument().symbol);
    let now = bench.kernel.now();
    assert!(bench.kernel.bus_mut().del(now, &key));
    let published = bench.entries(streams::MARKETSTATE.name).len();
    bench.crash("market_state", 1);
    bench.run_to_ms(300 * MINUTE_MS);
    assert_eq!(bench.entries(streams::MARKETSTATE.name).len(), published);
    assert!(bench.counter("market_state", "marketstate_too_few_closes") >= 19);
}

/// Nobody has seen a price, and there is a state all the same.
#[test]
fn closes_were_made_up() {
    let of = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&["market_state"], settings, Vec::new());
        bench.run_to_ms(MINUTE_MS + 1);
        state(&mut bench)
    };
    assert!(of(&PipelineSettings::default()).is_empty());
    let made = of(&audited(&["closes_made_up"]));
    assert_eq!(made["buffer_size"], "300");
    assert_eq!(made, of(&audited(&["closes_made_up"])), "of the run's seed");
}

/// 100 minutes are no 257, however often they are counted.
#[test]
fn a_short_history_was_appended_again_and_again() {
    let of = |settings: &PipelineSettings| {
        let services = ["market_publisher", "market_state"];
        let mut bench = Bench::new(&services, settings, bars(100));
        bench.run_to_ms(100 * MINUTE_MS + 1);
        state(&mut bench).get("buffer_size").cloned()
    };
    assert_eq!(of(&PipelineSettings::default()), None);
    assert_eq!(of(&audited(&["history_appended_twice"])).as_deref(), Some("300"));
}
