//! Windows of markets: what they tell is what the whole market tells there.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::drain;
use datasets::Window;
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::{Feed, MarketData, MarketEvent, Nanos};
use serde_json::json;

fn feed(model: &str) -> (SyntheticFeed, Nanos) {
    let keys = json!({ "model": model, "minutes": 300, "funding": { "rate_e8": 10_000, "interval_hours": 1 } });
    let market: SyntheticMarket = serde_json::from_value(keys).expect("a market");
    let (from, _) = market.range();
    (SyntheticFeed::of(&market, 5).expect("valid"), from)
}

fn minutes(count: i64) -> Nanos {
    Nanos::from_secs(60 * count)
}

#[test]
fn windows_side_by_side_are_the_market() {
    for model in ["trends", "garch"] {
        let (mut whole, start) = feed(model);
        let whole = drain(&mut whole);
        let mut joined: Vec<MarketEvent> = Vec::new();
        for (from, to) in [(0, 60), (60, 61), (61, 240), (240, 300)] {
            let (from, to) = (start + minutes(from), start + minutes(to));
            let part = drain(&mut Window::new(feed(model).0, from, to));
            assert!(!part.is_empty(), "{model} {from}");
            for event in &part {
                assert!((from..=to).contains(&event.time), "{model}: {event:?}");
                if let MarketData::Bar(bar) = &event.data {
                    let opened = event.time - Nanos::from_millis(i64::from(bar.interval_ms));
                    assert!(from <= opened, "{model}: {event:?} began before {from}");
                }
            }
            joined.extend(part);
        }
        // What settles at the last instant belongs to the window behind it.
        let end = start + minutes(300);
        let bars_or_before =
            |event: &MarketEvent| event.time < end || matches!(event.data, MarketData::Bar(_));
        let whole: Vec<MarketEvent> = whole.into_iter().filter(bars_or_before).collect();
        assert_eq!(joined.len(), whole.len(), "{model}");
        let sorted = |all: &[MarketEvent]| {
            let mut all: Vec<String> = all.iter().map(|event| format!("{event:?}")).collect();
            all.sort();
            all
        };
        assert_eq!(sorted(&joined), sorted(&whole), "{model}");
    }
}

#[test]
fn a_fork_of_a_window_goes_on_where_it_stands() {
    let (market, start) = feed("trends");
    let mut window = Window::new(market, start + minutes(30), start + minutes(90));
    let mut batch = Vec::new();
    for _ in 0..5 {
        window.next_batch(&mut batch).expect("events");
    }
    assert_eq!(window.ends_at(), Some(start + minutes(90)));
    if let Some(mut fork) = window.fork() {
        assert_eq!(drain(&mut *fork), drain(&mut window));
    } else {
        panic!("a made feed can be copied");
    }
}
