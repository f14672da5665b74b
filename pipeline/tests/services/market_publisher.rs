//! Market publisher: MSE 3.3, incident I-17.

mod audits;

use engine::{Instrument, MarketData, MarketEvent, Nanos, Symbol};
use pipeline::records::{Kline, Tick};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, instrument};
use crate::plans::decimal;
use crate::venues::{bar, trade};

const PUBLISHER: &str = "market_publisher";
const MINUTE_MS: i64 = 60_000;

fn bench(market: Vec<MarketEvent>) -> Bench {
    Bench::new(&[PUBLISHER], &PipelineSettings::default(), market)
}

fn ticks(bench: &mut Bench) -> Vec<Tick> {
    bench.records(streams::MARKET_TICK)
}

fn klines(bench: &mut Bench) -> Vec<Kline> {
    bench.records(streams::MARKET_KLINES)
}

/// Closes of the candles under the key, newest first, as a foreign reader sees them.
fn candles(bench: &mut Bench, symbol: &str) -> Vec<f64> {
    let now = bench.kernel.now();
    let rows = bench.kernel.bus_mut().lrange(now, &keys::CANDLES_1M.of(symbol), 1_000);
    let close = |row: &Vec<u8>| {
        let row: serde_json::Value = serde_json::from_slice(row).expect("JSON");
        row["c"].as_f64().expect("a number")
    };
    rows.expect("a list").iter().map(close).collect()
}

/// A minute a bar, each a USDT above the one before.
fn climb(minutes: i64) -> Vec<MarketEvent> {
    (1..=minutes).map(|minute| bar(MINUTE_MS * minute, 0, 10_000 + 100 * minute, 3_000)).collect()
}

#[test]
fn a_trade_is_a_tick_as_it_was_made() {
    let mut sold = trade(700, 0, 10_001, 250);
    if let MarketData::Trade(trade) = &mut sold.data {
        trade.buyer_is_maker = true;
    }
    let mut bench = bench(vec![trade(500, 0, 10_000, 10), sold]);
    bench.run_to_ms(1_000);
    let told = ticks(&mut bench);
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].price, told[0].qty), (decimal("100"), Some(decimal("0.01"))));
    assert_eq!((told[1].price, told[1].qty), (decimal("100.01"), Some(decimal("0.25"))));
    assert_eq!((told[0].is_buyer_maker, told[1].is_buyer_maker), (false, true));
    assert_eq!(told[1].timestamp.0, START + Nanos::from_millis(700));
    // A candle is a closed one, and none has closed.
    assert!(klines(&mut bench).is_empty());
    assert!(candles(&mut bench, "BTCUSDT").is_empty());
}

/// The points inside a bar are an assumption about its path, so that it gives one tick, its close.
#[test]
fn a_closed_bar_is_a_candle_and_one_tick() {
    let mut bench = bench(vec![bar(MINUTE_MS, 0, 10_000, 3_000)]);
    bench.run_to_ms(MINUTE_MS - 1);
    assert!(ticks(&mut bench).is_empty() && klines(&mut bench).is_empty());
    bench.run_to_ms(MINUTE_MS + 1);
    let told = klines(&mut bench);
    assert_eq!(told.len(), 1);
    let kline = &told[0];
    assert_eq!((kline.symbol, kline.interval.as_ref()), (instrument().symbol, "1m"));
    let prices = [kline.open, kline.high, kline.low, kline.close];
    assert_eq!(prices, ["100", "101", "99", "100"].map(decimal));
    assert_eq!(kline.volume, decimal("3"));
    assert_eq!(kline.open_time.0, START);
    assert_eq!(kline.close_time.0, START + Nanos::from_millis(MINUTE_MS - 1));
    assert!(kline.is_closed);
    let ticks = ticks(&mut bench);
    assert_eq!(ticks.len(), 1);
    assert_eq!((ticks[0].price, ticks[0].qty), (decimal("100"), Some(decimal("3"))));
}

/// Settled: the last 300 closed minutes, newest first.
#[test]
fn three_hundred_minutes_are_kept() {
    let mut bench = bench(climb(310));
    bench.run_to_ms(310 * MINUTE_MS + 1);
    assert_eq!(klines(&mut bench).len(), 310);
    let kept = candles(&mut bench, "BTCUSDT");
    assert_eq!((kept.len(), kept[0], kept[299]), (300, 410.0, 111.0));
}

#[test]
fn only_minutes_are_kept_and_each_symbol_has_its_own() {
    let ethereum = Instrument { symbol: Symbol::new("ETHUSDT").expect("a symbol"), ..instrument() };
    let mut five = bar(5 * MINUTE_MS, 0, 10_000, 10);
    if let MarketData::Bar(bar) = &mut five.data {
        bar.interval_ms = 300_000;
    }
    let market = vec![bar(MINUTE_MS, 1, 20_000, 10), five];
    let instruments = vec![instrument(), ethereum];
    let settings = PipelineSettings::default();
    let mut bench = Bench::over(instruments, &[PUBLISHER], &settings, market);
    bench.run_to_ms(5 * MINUTE_MS + 1);
    let told = klines(&mut bench);
    let told: Vec<(&str, &str)> =
        told.iter().map(|kline| (kline.symbol.as_str(), kline.interval.as_ref())).collect();
    assert_eq!(told, [("ETHUSDT", "1m"), ("BTCUSDT", "5m")]);
    assert!(candles(&mut bench, "BTCUSDT").is_empty());
    assert_eq!(candles(&mut bench, "ETHUSDT"), [200.0]);
}

/// What the market did while it was down is lost; what it had kept is not.
#[test]
fn a_successor_goes_on_with_the_list() {
    let mut bench = bench(climb(8));
    bench.run_to_ms(5 * MINUTE_MS + 30_000);
    bench.crash(PUBLISHER, MINUTE_MS);
    bench.run_to_ms(8 * MINUTE_MS + 1);
    assert_eq!(candles(&mut bench, "BTCUSDT"), [108.0, 107.0, 105.0, 104.0, 103.0, 102.0, 101.0]);
    assert_eq!(ticks(&mut bench).len(), 7);
}

/// A key that is no list costs the candle under it and nothing else.
#[test]
fn a_candle_that_cannot_be_kept_is_counted() {
    let mut bench = bench(climb(2));
    bench.run_to_ms(1);
    bench.set(&keys::CANDLES_1M.of("BTCUSDT"), "no list");
    bench.run_to_ms(2 * MINUTE_MS + 1);
    assert_eq!(bench.counter(PUBLISHER, "candles_lost"), 2);
    assert_eq!((klines(&mut bench).len(), ticks(&mut bench).len()), (2, 2));
}
