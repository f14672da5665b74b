//! Markets for tests: trades and bars of one symbol or several.

use engine::{Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex, Trade};

use crate::bench::START;

/// A trade of the tape, so many ms after the start, at a price in cents.
pub fn trade(ms: i64, symbol: u16, cents: i64, lots: i64) -> MarketEvent {
    let trade = Trade {
        price: PriceTicks(cents),
        qty: QtyLots(lots),
        buyer_is_maker: false,
        origin: engine::TradeOrigin::Tape,
    };
    let time = START + Nanos::from_millis(ms);
    MarketEvent::new(time, SymbolIndex(symbol), MarketData::Trade(trade))
}

/// A closed minute, that closes so many ms after the start, at a price in cents.
pub fn bar(ms: i64, symbol: u16, cents: i64, lots: i64) -> MarketEvent {
    let price = PriceTicks(cents);
    let bar = Bar {
        open: price,
        high: PriceTicks(cents + 100),
        low: PriceTicks(cents - 100),
        close: price,
        volume: QtyLots(lots),
        interval_ms: 60_000,
        path_passed: false,
    };
    let time = START + Nanos::from_millis(ms);
    MarketEvent::new(time, SymbolIndex(symbol), MarketData::Bar(bar))
}

/// A trade a second for so many seconds, from 500 ms after the start, at prices of the second.
pub fn every_second(seconds: i64, cents: impl Fn(i64) -> i64) -> Vec<MarketEvent> {
    (0..seconds).map(|second| trade(1_000 * second + 500, 0, cents(second), 10)).collect()
}
