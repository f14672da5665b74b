//! Exchange stream bridge: MSE 3.1, incident I-22.

use engine::MarketEvent;
use pipeline::records::{ExchangeRaw, VenueName};
use pipeline::{PipelineSettings, streams};

use crate::bench::{Bench, START};
use crate::plans::decimal;
use crate::venues::{bar, every_second, trade};

const BRIDGE: &str = "exchange_stream_bridge";

fn bench(market: Vec<MarketEvent>, change: impl Fn(&mut PipelineSettings)) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.exchange_stream_bridge.bybit_noise_bps = 0.0;
    settings.exchange_stream_bridge.bybit_basis_bps = 10.0;
    change(&mut settings);
    Bench::new(&[BRIDGE], &settings, market)
}

/// All that is no marker.
fn raw(bench: &mut Bench) -> Vec<ExchangeRaw> {
    let entries = bench.entries(streams::EXCHANGE_RAW.name);
    let bodies = entries.iter().skip(1).map(|entry| entry.body.as_ref().expect("a body"));
    bodies.map(|body| body.read::<ExchangeRaw>().expect("a candle").into_owned()).collect()
}

fn of(bench: &mut Bench, venue: VenueName) -> Vec<ExchangeRaw> {
    raw(bench).into_iter().filter(|raw| raw.exchange == venue).collect()
}

#[test]
fn the_first_entry_is_a_marker_and_a_successor_writes_none() {
    let mut bench = bench(every_second(9, |_| 10_000), |_| {});
    bench.run_to_ms(10);
    bench.crash(BRIDGE, 500);
    bench.run_to_ms(5_000);
    let markers =
        |entry: &engine::Entry| entry.body.as_ref().is_some_and(pipeline::records::is_marker);
    let entries = bench.entries(streams::EXCHANGE_RAW.name);
    assert!(markers(&entries[0]));
    assert_eq!(entries.iter().filter(|entry| markers(entry)).count(), 1);
    let fields = entries[0].body.as_ref().expect("a body").to_fields().into_owned();
    assert_eq!(fields.get("init"), Some("1"));
}

#[test]
fn a_candle_grows_by_trades_once_a_second_for_each_venue() {
    // Ten trades a second; their first minute ends after 20 s.
    let trades = (0..250).map(|n| trade(40_000 + 100 * n + 50, 0, 10_000 + n, 2)).collect();
    let mut bench = bench(trades, |_| {});
    bench.run_to_ms(70_000);
    let binance = of(&mut bench, VenueName::Binance);
    assert_eq!(binance.len(), 25, "one a second");
    let (first, last_of_minute, next) = (&binance[0], &binance[19], &binance[20]);
    let opened = START.secs();
    assert_eq!(first.timestamp.0.secs(), opened);
    assert_eq!((first.open, first.close), (decimal("100.00"), decimal("100.09")));
    assert_eq!(last_of_minute.timestamp.0.secs(), opened);
    assert_eq!(last_of_minute.high, decimal("101.99"));
    assert_eq!(last_of_minute.volume, decimal("0.400"));
    assert_eq!(next.timestamp.0.secs(), opened + 60);
    assert_eq!((next.open, next.low), (decimal("102.00"), decimal("102.00")));
    let bybit = of(&mut bench, VenueName::Bybit);
    assert_eq!(bybit.len(), 25);
    assert_eq!(bybit[0].close, decimal("100.19"), "ten basis points dearer");
    assert!(bybit[19].high > bybit[0].high && bybit[19].open == bybit[0].open);
}

#[test]
fn a_candle_that_ended_between_two_pushes_goes_out_with_its_last_price() {
    let mut bench = bench(vec![trade(59_900, 0, 10_000, 1), trade(60_000, 0, 9_000, 1)], |_| {});
    bench.run_to_ms(65_000);
    let closes: Vec<_> = of(&mut bench, VenueName::Binance).iter().map(|raw| raw.close).collect();
    assert_eq!(closes, [decimal("100.00"), decimal("90.00")]);
}

#[test]
fn bars_are_ended_candles() {
    let mut bench = bench(vec![bar(60_000, 0, 10_000, 70), bar(120_000, 0, 10_500, 30)], |_| {});
    bench.run_to_ms(130_000);
    let binance = of(&mut bench, VenueName::Binance);
    assert_eq!(binance.len(), 2);
    assert_eq!(binance[0].timestamp.0.secs(), START.secs());
    assert_eq!((binance[0].high, binance[0].low), (decimal("101.00"), decimal("99.00")));
    let bybit = of(&mut bench, VenueName::Bybit);
    assert_eq!((bybit[0].high, bybit[0].low), (decimal("101.10"), decimal("99.10")));
    assert_eq!(bybit[1].volume, decimal("0.030"));
}

#[test]
fn bybit_is_late_noisy_and_the_same_every_time() {
    let market = || every_second(20, |_| 1_000_000);
    let make = |latency: i64| {
        let mut bench = bench(market(), |settings| {
            settings.exchange_stream_bridge.bybit_noise_bps = 5.0;
            settings.exchange_stream_bridge.bybit_latency_ms = latency;
        });
        bench.run_to_ms(30_000);
        bench
    };
    let (mut one, mut two) = (make(250), make(250));
    let bybit = of(&mut one, VenueName::Bybit);
    assert_eq!(bybit, of(&mut two, VenueName::Bybit));
    assert!(bybit.iter().any(|raw| raw.close != bybit[0].close), "it has noise of its own");
    let ids: Vec<u64> = one.entries(streams::EXCHANGE_RAW.name).iter().map(|e| e.id.ms).collect();
    let start = START.millis() as u64;
    assert_eq!(ids[1..5].to_vec(), [1_000, 1_250, 2_000, 2_250].map(|ms| start + ms));
    assert_eq!(of(&mut make(0), VenueName::Bybit), bybit, "a latency moves no number");
}

#[test]
fn bybit_can_be_down_for_a_while_or_not_be_there_at_all() {
    let mut bench = bench(every_second(30, |_| 10_000), |settings| {
        settings.exchange_stream_bridge.bybit_down_from_epoch = START.secs() + 10;
        settings.exchange_stream_bridge.bybit_down_for_s = 5;
    });
    bench.run_to_ms(40_000);
    assert_eq!(of(&mut bench, VenueName::Bybit).len(), 25);
    assert_eq!(bench.counter(BRIDGE, "bybit_updates_missed"), 5);
    let off = |settings: &mut PipelineSettings| settings.exchange_stream_bridge.bybit = false;
    let mut alone = self::bench(every_second(30, |_| 10_000), off);
    alone.run_to_ms(40_000);
    assert!(of(&mut alone, VenueName::Bybit).is_empty());
    assert_eq!(of(&mut alone, VenueName::Binance).len(), 30);
}

#[test]
fn a_successor_goes_on_with_the_candle_of_the_minute() {
    let mut bench = bench(every_second(19, |second| 10_000 - 10 * second), |_| {});
    bench.run_to_ms(10_100);
    bench.crash(BRIDGE, 100);
    bench.run_to_ms(18_100);
    let last = of(&mut bench, VenueName::Binance).pop().expect("a candle");
    assert_eq!((last.open, last.low), (decimal("100.00"), decimal("98.30")));
    assert_eq!(last.volume, decimal("0.180"));
    assert_eq!(last.timestamp.0, START);
}
