//! Cross-exchange aggregator: MSE 3.2, 17, worked example 40.

use engine::{Body, Envelope, EpochSeconds, Instrument, Nanos, Symbol, Ttl};
use pipeline::records::{ExchangeNormalized, ExchangeRaw, VenueName};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited, instrument};
use crate::plans::decimal;
use crate::venues::{bar, every_second};

const BRIDGE: &str = "exchange_stream_bridge";
const AGGREGATOR: &str = "cross_exchange_aggregator";
const MINUTE: i64 = 1_769_718_900;

fn bench() -> Bench {
    let mut bench = Bench::new(&[AGGREGATOR], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn tell(bench: &mut Bench, exchange: VenueName, opened: i64, close: &str) {
    tell_of(bench, instrument().symbol, exchange, opened, close);
}

fn tell_of(bench: &mut Bench, symbol: Symbol, exchange: VenueName, opened: i64, close: &str) {
    let price = decimal(close);
    let raw = ExchangeRaw {
        exchange,
        symbol,
        timestamp: EpochSeconds(Nanos::from_secs(opened)),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: decimal("1"),
    };
    bench.publish(streams::EXCHANGE_RAW, Body::message(Envelope::Flat, raw));
}

fn prices(bench: &mut Bench) -> Vec<ExchangeNormalized> {
    bench.records(streams::EXCHANGE_NORMALIZED)
}

#[test]
fn example_40_and_again_at_each_further_update() {
    let mut bench = bench();
    tell(&mut bench, VenueName::Binance, MINUTE, "95010.5");
    assert!(prices(&mut bench).is_empty(), "Bybit is a little later");
    tell(&mut bench, VenueName::Bybit, MINUTE, "94990.25");
    let price = prices(&mut bench).pop().expect("a price");
    assert_eq!((price.avg_price, price.price_divergence), (95_000.375, 10.125));
    assert_eq!((price.num_exchanges, price.coinbase_price), (2, None));
    assert_eq!(price.timestamp.0.secs(), MINUTE);
    tell(&mut bench, VenueName::Binance, MINUTE, "95020.5");
    tell(&mut bench, VenueName::Bybit, MINUTE, "95020.5");
    let averages: Vec<f64> = prices(&mut bench).iter().map(|price| price.avg_price).collect();
    assert_eq!(averages, [95_000.375, 95_005.375, 95_020.5]);
}

/// The exposure balancer hedges by it: nobody wrote it.
#[test]
fn the_venues_divergence_is_told_as_a_fraction_and_ends_with_a_venue() {
    let mut bench = bench();
    tell(&mut bench, VenueName::Binance, MINUTE, "104");
    tell(&mut bench, VenueName::Bybit, MINUTE, "96");
    assert_eq!(bench.get(keys::CROSS_DIVERGENCE.name), None, "all symbols are waited for");
    bench.run_for_ms(5_000);
    assert_eq!(bench.get(keys::CROSS_DIVERGENCE.name).as_deref(), Some("0.04"));
    let Ttl::Left(left) = bench.ttl(keys::CROSS_DIVERGENCE.name) else { panic!("no life") };
    assert!(left > Nanos::from_secs(119), "{left:?}");
    tell(&mut bench, VenueName::Binance, MINUTE + 60, "104");
    bench.run_for_ms(16_000);
    assert_eq!(bench.get(keys::CROSS_DIVERGENCE.name), None, "Bybit is silent");
}

#[test]
fn the_symbol_furthest_apart_counts() {
    let other = Instrument { symbol: Symbol::new("ETHUSDT").expect("a symbol"), ..instrument() };
    let (of, settings) = (vec![instrument(), other.clone()], PipelineSettings::default());
    let mut bench = Bench::over(of, &[AGGREGATOR], &settings, Vec::new());
    bench.run_to_ms(1);
    for (symbol, bybit) in [(instrument().symbol, "102"), (other.symbol, "101")] {
        tell_of(&mut bench, symbol, VenueName::Binance, MINUTE, "98");
        tell_of(&mut bench, symbol, VenueName::Bybit, MINUTE, bybit);
    }
    bench.run_for_ms(5_000);
    assert_eq!(bench.get(keys::CROSS_DIVERGENCE.name).as_deref(), Some("0.02"));
}

#[test]
fn a_silent_venue_is_an_alarm_after_ten_seconds_and_silences_nobody() {
    for lasting in [VenueName::Binance, VenueName::Bybit] {
        let mut bench = bench();
        tell(&mut bench, VenueName::Binance, MINUTE, "100");
        tell(&mut bench, VenueName::Bybit, MINUTE, "100");
        tell(&mut bench, lasting, MINUTE + 60, "101");
        bench.run_for_ms(9_000);
        assert_eq!(prices(&mut bench).len(), 1);
        assert_eq!(bench.counter(AGGREGATOR, "venue_silent_alarms"), 0);
        // A bar a minute is not spoken of again: it goes out by itself.
        bench.run_for_ms(1_100);
        let price = prices(&mut bench).pop().expect("a price");
        assert_eq!((price.num_exchanges, price.avg_price), (1, 101.0));
        assert_eq!(bench.counter(AGGREGATOR, "venue_silent_alarms"), 1);
        tell(&mut bench, lasting, MINUTE + 60, "102");
        assert_eq!(prices(&mut bench).len(), 3, "at once while the other one is silent");
        assert_eq!(bench.counter(AGGREGATOR, "venue_silent_alarms"), 1);
        let back =
            if lasting == VenueName::Binance { VenueName::Bybit } else { VenueName::Binance };
        tell(&mut bench, back, MINUTE + 60, "104");
        assert_eq!(prices(&mut bench).pop().expect("a price").num_exchanges, 2);
        tell(&mut bench, lasting, MINUTE + 120, "102");
        assert_eq!(prices(&mut bench).len(), 4, "it waits again");
    }
}

/// MSE 3.2: with one venue down there was no price at all.
#[test]
fn a_silent_venue_silenced_the_other_one() {
    for (names, told) in [(&[][..], 2), (&["two_venues_at_least"], 1)] {
        let mut bench = Bench::new(&[AGGREGATOR], &audited(names), Vec::new());
        bench.run_to_ms(1);
        tell(&mut bench, VenueName::Binance, MINUTE, "100");
        tell(&mut bench, VenueName::Bybit, MINUTE, "100");
        tell(&mut bench, VenueName::Binance, MINUTE + 60, "101");
        bench.run_for_ms(60_000);
        assert_eq!(prices(&mut bench).len(), told);
        assert_eq!(bench.counter(AGGREGATOR, "closes_refused"), 0);
    }
}

#[test]
fn a_venue_that_ends_a_candle_late_takes_nothing_from_the_next_one() {
    let mut bench = bench();
    tell(&mut bench, VenueName::Binance, MINUTE, "100");
    tell(&mut bench, VenueName::Binance, MINUTE + 60, "101");
    tell(&mut bench, VenueName::Bybit, MINUTE, "100");
    bench.run_for_ms(11_000);
    let told: Vec<(i64, u32)> =
        prices(&mut bench).iter().map(|p| (p.timestamp.0.secs(), p.num_exchanges)).collect();
    assert_eq!(told, [(MINUTE, 2), (MINUTE + 60, 1)]);
}

#[test]
fn a_successor_tells_nothing_again() {
    let services = [BRIDGE, AGGREGATOR];
    let market = every_second(60, |second| 10_000 + second);
    let mut bench = Bench::new(&services, &PipelineSettings::default(), market);
    bench.run_to_ms(30_200);
    let before = prices(&mut bench).len();
    assert_eq!(before, 60 - 1, "two a second; the first of the minute waits");
    bench.crash(AGGREGATOR, 1);
    bench.run_for_ms(100);
    assert_eq!(prices(&mut bench).len(), before);
    bench.run_to_ms(35_200);
    let after = prices(&mut bench);
    assert_eq!(after.len(), before + 9, "the other venue's closes have to be heard again");
    assert!(after.windows(2).all(|pair| pair[0].timestamp.0 <= pair[1].timestamp.0));
}

/// MSE 3.2: its place in the stream was in its memory only.
#[test]
fn a_successor_told_everything_once_more() {
    let services = [BRIDGE, AGGREGATOR];
    for (names, tells_again) in [(&[][..], false), (&["aggregator_reads_again"], true)] {
        let market = every_second(60, |second| 10_000 + second);
        let mut bench = Bench::new(&services, &audited(names), market);
        bench.run_to_ms(30_200);
        let before = prices(&mut bench).len();
        assert_eq!(before, 59);
        bench.crash(AGGREGATOR, 1);
        bench.run_for_ms(100);
        assert_eq!(prices(&mut bench).len(), if tells_again { 2 * before } else { before });
    }
}

#[test]
fn bars_give_a_price_a_minute_and_markers_none() {
    let services = [BRIDGE, AGGREGATOR];
    let market = (1..=5).map(|minute| bar(60_000 * minute, 0, 10_000, 5)).collect();
    let mut bench = Bench::new(&services, &PipelineSettings::default(), market);
    bench.run_to_ms(1_000);
    bench.publish(streams::EXCHANGE_RAW, Body::fields(&[("init", "1")]));
    bench.run_to_ms(360_000);
    assert_eq!(prices(&mut bench).len(), 5);
    assert_eq!(bench.counter(AGGREGATOR, "markers_skipped"), 1);
    assert_eq!(bench.counter(AGGREGATOR, "dead_letters"), 0);
}

#[test]
fn what_is_no_candle_is_a_dead_letter_or_counted() {
    let mut bench = bench();
    tell(&mut bench, VenueName::Binance, MINUTE, "0");
    assert_eq!(bench.counter(AGGREGATOR, "closes_refused"), 1);
    let mut raw = |close: &str, symbol: &str| {
        let fields = [
            ("exchange", "binance"),
            ("symbol", symbol),
            ("timestamp", "1769718900"),
            ("open", "1"),
            ("high", "1"),
            ("low", "1"),
            ("close", close),
            ("volume", "1"),
        ];
        bench.publish(streams::EXCHANGE_RAW, Body::fields(&fields));
    };
    raw("nan", "BTCUSDT");
    raw("1", "XUSDT");
    assert_eq!(bench.counter(AGGREGATOR, "dead_letters"), 1);
    assert_eq!(bench.counter(AGGREGATOR, "updates_of_unknown_symbols"), 1);
    assert!(prices(&mut bench).is_empty());
}
