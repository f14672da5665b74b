//! A made market that is served now: its rules and its funding are those of the venue's time.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use engine::{MarketData, Nanos, SymbolIndex};
use rust_decimal::Decimal;
use scenarios::{Scenario, ServedVenue};

/// 2026-11-22T12:12:00Z.
const MOVED: Nanos = Nanos::from_secs(1_795_349_520);
const HOUR: i64 = 3_600_000_000_000;

fn served(text: &str, begins_at: Option<Nanos>) -> ServedVenue {
    let text = format!("[market.synthetic]\nminutes = 1500\n{text}");
    let scenario = Scenario::parse("moved.toml", &text).expect("a scenario");
    scenario.serve(None, begins_at, 0, Nanos::ZERO).expect("a venue")
}

/// When the first symbol settles, and that all events come in the order of time.
fn settled(mut venue: ServedVenue) -> Vec<Nanos> {
    let (mut batch, mut last, mut found) = (Vec::new(), venue.range.0, Vec::new());
    loop {
        venue.feed.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            return found;
        }
        for event in &batch {
            assert!(event.time >= last, "{} behind {last}", event.time);
            last = event.time;
            let settles = matches!(event.data, MarketData::FundingRate(_));
            if settles && event.symbol == SymbolIndex(0) {
                found.push(event.time);
            }
        }
    }
}

#[test]
fn settlements_are_at_the_hours_of_the_venue() {
    // 2026-11-22T16:00:00Z.
    let first = MOVED.0 + 228 * 60_000_000_000;
    let times = [0, 8, 16].map(|hours| Nanos(first + hours * HOUR));
    assert_eq!(settled(served("", Some(MOVED))), times);
    // Begins at such an hour: nothing waits.
    let begins = Nanos(first);
    assert_eq!(settled(served("", Some(begins)))[..3], times);
    // At its own time the market is as it is.
    let own = served("", None);
    let start = own.range.0;
    assert_eq!(settled(own)[..2], [start, Nanos(start.0 + 8 * HOUR)]);
}

#[test]
fn the_rate_is_known_before_anything_settles() {
    let text = "[market.synthetic.funding]\nrate = \"0.0003\"\ninterval_hours = 8\n";
    let venue = served(text, Some(MOVED));
    let outlook = venue.exchange.funding_outlook(SymbolIndex(0), MOVED);
    assert_eq!(outlook.expect("BTCUSDT").last_rate, Decimal::new(3, 4));
    assert_eq!(venue.exchange.settled_funding(SymbolIndex(0)).count(), 0);
}

#[test]
fn the_rules_are_those_of_the_new_date() {
    let min_notional = |text: &str, begins_at: Option<Nanos>| {
        let venue = served(text, begins_at);
        venue.exchange.rules_of(SymbolIndex(0)).expect("BTCUSDT").min_notional.to_string()
    };
    assert_eq!(min_notional("", None), "100");
    assert_eq!(min_notional("", Some(MOVED)), "50");
    let stated = "[exchange]\nrules_at = \"2026-01-01T00:00:00Z\"\n";
    assert_eq!(min_notional(stated, Some(MOVED)), "100", "the file says so");
}
