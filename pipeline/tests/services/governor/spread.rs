//! EHR 3.19: the guard against thin markets has a source.

use engine::{Body, Envelope, EpochSeconds};
use pipeline::records::ExchangeNormalized;

use super::*;

fn book(bench: &mut Bench, spread_bps: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [
        ("symbol", "BTCUSDT"),
        ("bid", "99.5"),
        ("ask", "100.5"),
        ("spread_bps", spread_bps),
        ("ts", now.as_str()),
    ];
    bench.hset(&keys::MARKET_BOOK.of(symbol("BTCUSDT")), &fields);
}

/// One candle of the venues.
fn venues(bench: &mut Bench, name: &str, binance: f64, bybit: Option<f64>) {
    let price = ExchangeNormalized {
        symbol: symbol(name),
        timestamp: EpochSeconds(bench.kernel.now()),
        avg_price: binance,
        price_divergence: 0.0,
        num_exchanges: if bybit.is_some() { 2 } else { 1 },
        binance_price: Some(binance),
        bybit_price: bybit,
        coinbase_price: None,
    };
    bench.publish(streams::EXCHANGE_NORMALIZED, Body::message(Envelope::Flat, price));
}

#[test]
fn a_thin_book_stops_opens() {
    assert_eq!(in_world(|bench| book(bench, "50")), granted("0.5"));
    let thin = in_world(|bench| book(bench, "50.1"));
    assert_eq!(thin, denied("SPREAD_SPIKE:spread=50.1bps > 50.0bps"));
    let mut bench = bench();
    book(&mut bench, "900");
    let exit = close(&bench);
    assert_eq!(says(&mut bench, &exit), Ok(None), "no guard stops a close");
}

#[test]
fn without_a_book_the_venues_tell() {
    let apart = in_world(|bench| venues(bench, "BTCUSDT", 100.6, Some(100.0)));
    assert_eq!(apart, denied("SPREAD_SPIKE:spread=60.0bps > 50.0bps"));
    let near = |bench: &mut Bench| venues(bench, "BTCUSDT", 100.4, Some(100.0));
    assert_eq!(in_world(near), granted("0.5"));
    let others = |bench: &mut Bench| {
        near(bench);
        venues(bench, "AUSDT", 110.0, Some(100.0));
        venues(bench, "BTCUSDT", 110.0, None);
    };
    assert_eq!(in_world(others), granted("0.5"), "another symbol, and one venue alone");
    let own = |bench: &mut Bench| {
        venues(bench, "BTCUSDT", 110.0, Some(100.0));
        book(bench, "1");
    };
    assert_eq!(in_world(own), granted("0.5"), "the symbol's own book is nearer");
    let old = |bench: &mut Bench| {
        venues(bench, "BTCUSDT", 110.0, Some(100.0));
        bench.run_for_ms(121_000);
        NAMES.iter().for_each(|name| flat_at(bench, symbol(name), "100"));
    };
    assert_eq!(in_world(old), granted("0.5"), "what is old says nothing");
}
