//! Price feed and multi-source feed: MSE 3.4, incident I-17.

use engine::{BestQuotes, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex, Ttl};
use pipeline::records::MarketAlert;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, instrument};
use crate::venues::{bar, every_second, trade};

const FEED: &str = "price_feed";
const BRIDGE: &str = "exchange_stream_bridge";

fn bench(market: Vec<MarketEvent>, basis_bps: f64) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.exchange_stream_bridge.bybit_noise_bps = 0.0;
    settings.price_feed.quotes = true;
    settings.exchange_stream_bridge.bybit_basis_bps = basis_bps;
    Bench::new(&[BRIDGE, FEED], &settings, market)
}

fn of(ms: i64, data: MarketData) -> MarketEvent {
    MarketEvent::new(START + Nanos::from_millis(ms), SymbolIndex(0), data)
}

fn key(key: keys::Key) -> String {
    key.of(instrument().symbol)
}

#[test]
fn last_and_mark_price_every_second_with_their_own_time() {
    let market = vec![
        trade(500, 0, 10_000, 1),
        of(1_500, MarketData::MarkPrice(PriceTicks(10_050))),
        trade(2_500, 0, 10_100, 1),
    ];
    let mut bench = bench(market, 0.0);
    bench.run_to_ms(1_100);
    let ticker = bench.hash(&key(keys::TICKER));
    assert_eq!((ticker["price"].as_str(), ticker["markPrice"].as_str()), ("100.00", "100.00"));
    bench.run_to_ms(3_100);
    let ticker = bench.hash(&key(keys::TICKER));
    assert_eq!((ticker["price"].as_str(), ticker["markPrice"].as_str()), ("101.00", "100.50"));
    assert_eq!(ticker["timestamp"], (START.millis() + 2_500).to_string());
    let market = bench.hash(&key(keys::MARKET_PRICE));
    assert_eq!(market["price"], "100.50");
    assert_eq!(market["timestamp"], format!("{}.5", START.secs() + 1));
    assert_eq!(bench.ttl(&key(keys::TICKER)), Ttl::Left(Nanos::from_millis(9_900)));
}

/// I-19: the spread of the symbol's own book, typed, with the time of its quote.
#[test]
fn the_best_quotes_are_told_with_their_spread() {
    let quotes = |bid, ask, ask_qty| {
        MarketData::BestQuotes(BestQuotes {
            bid: PriceTicks(bid),
            bid_qty: QtyLots(5),
            ask: PriceTicks(ask),
            ask_qty: QtyLots(ask_qty),
        })
    };
    let market = vec![of(500, quotes(9_950, 10_050, 1)), of(20_500, quotes(9_950, 10_050, 0))];
    let mut bench = bench(market, 0.0);
    bench.run_to_ms(1_100);
    let book = bench.hash(&key(keys::MARKET_BOOK));
    let told = ["bid", "ask", "spread_bps"].map(|field| book[field].as_str());
    assert_eq!(told, ["99.50", "100.50", "100"]);
    assert_eq!(book["ts"], format!("{}.5", START.secs()));
    bench.run_to_ms(20_100);
    assert!(!bench.hash(&key(keys::MARKET_BOOK)).is_empty(), "it stands still");
    bench.run_to_ms(31_100);
    assert!(bench.hash(&key(keys::MARKET_BOOK)).is_empty(), "one side is empty");
}

#[test]
fn a_price_that_stands_still_is_kept_and_an_old_one_dies() {
    let mut bench = bench(vec![bar(1_500, 0, 10_000, 1)], 0.0);
    bench.run_to_ms(90_000);
    assert!(!bench.hash(&key(keys::TICKER)).is_empty(), "bars speak once a minute");
    bench.run_to_ms(105_000);
    assert!(bench.hash(&key(keys::TICKER)).is_empty());
    assert!(bench.hash(&key(keys::MARKET_PRICE)).is_empty());
    assert!(bench.counter(FEED, "prices_stale") > 0);
}

#[test]
fn the_second_venue_and_the_spread_are_told_and_only_what_is_known() {
    let mut bench = bench(every_second(60, |_| 100_000), 40.0);
    bench.run_to_ms(11_000);
    let bybit = bench.hash(&key(keys::MARKET_BYBIT));
    assert_eq!((bybit["price"].as_str(), bybit["source"].as_str()), ("1004.00", "bybit"));
    assert!(!bybit.contains_key("bid") && !bybit.contains_key("funding_rate"));
    let spread = bench.hash(&key(keys::MARKET_SPREAD));
    let pct: f64 = spread["spread_pct"].parse().expect("a number");
    assert!((pct - 0.4).abs() < 1e-9, "{pct}");
    assert_eq!(bench.ttl(&key(keys::MARKET_SPREAD)), Ttl::Left(Nanos::from_secs(119)));
    assert!(bench.entries(streams::MARKET_EVENTS.name).is_empty());
    assert!(bench.hash("quantum:market:BTCUSDT:okx").is_empty());
}

#[test]
fn venues_far_apart_are_an_alert() {
    let mut bench = bench(every_second(20, |_| 100_000), 60.0);
    bench.run_to_ms(6_000);
    let alerts: Vec<MarketAlert> = bench.records(streams::MARKET_EVENTS);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].kind, "SPREAD_ALERT");
    assert!((alerts[0].spread_pct - 0.6).abs() < 1e-9);
}

#[test]
fn a_venue_that_fell_silent_makes_no_spread() {
    let mut settings = PipelineSettings::default();
    settings.exchange_stream_bridge.bybit_down_from_epoch = START.secs() + 30;
    settings.exchange_stream_bridge.bybit_down_for_s = 10_000;
    let market = every_second(300, |_| 100_000);
    let mut bench = Bench::new(&[BRIDGE, FEED], &settings, market);
    bench.run_to_ms(40_000);
    assert!(!bench.hash(&key(keys::MARKET_SPREAD)).is_empty());
    bench.run_to_ms(280_000);
    assert!(bench.hash(&key(keys::MARKET_SPREAD)).is_empty());
    assert!(bench.hash(&key(keys::MARKET_BYBIT)).is_empty());
}

#[test]
fn funding_is_kept_over_a_crash_and_written_each_half_hour() {
    let mut bench = bench(vec![of(1_000, MarketData::FundingRate(10_000))], 0.0);
    bench.run_to_ms(2_000);
    let funding = bench.hash(&key(keys::FUNDING));
    assert_eq!(funding["funding_rate"], "0.00010000");
    assert_eq!(funding["ts"], (START.secs() + 1).to_string());
    bench.crash(FEED, 100);
    bench.run_to_ms(7_000_000);
    assert_eq!(bench.hash(&key(keys::FUNDING))["ts"], (START.secs() + 1).to_string());
}

/// I-17: prices walked at random in live services, because nothing said that there was no source.
#[test]
fn incident_i17_what_has_no_source_is_counted_and_not_made() {
    let mut bench = bench(every_second(5, |_| 100_000), 0.0);
    bench.run_to_ms(1_801_000);
    assert_eq!(bench.counter(FEED, "no_source_of_global_market"), 30);
    assert_eq!(bench.counter(FEED, "no_source_of_fear_greed"), 2);
    assert!(bench.hash("quantum:market:GLOBAL").is_empty());
    assert!(bench.get("quantum:sentiment:fear_greed").is_none());
}
