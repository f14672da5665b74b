//! `[market.window]`: a stretch of a market in a scenario.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use engine::Nanos;
use reports::page::{Bars, Column, Lazy};
use scenarios::{NoProgress, RunOptions, Scenario};

const MARKET: &str = "seed = 3\n[market.synthetic]\nminutes = 480\n";

fn window(from: &str, to: &str) -> String {
    format!("{MARKET}[market.window]\nfrom = \"2026-01-01T{from}Z\"\nto = \"2026-01-01T{to}Z\"\n")
}

#[test]
fn a_run_lasts_as_long_as_its_window() {
    let scenario = Scenario::parse("a.toml", &window("02:00:00", "05:30:00")).expect("it reads");
    let start = Scenario::parse("a.toml", MARKET).expect("it reads").range().expect("a range").0;
    let at = |minutes: i64| start + Nanos::from_secs(60 * minutes);
    assert_eq!(scenario.range(), Ok((at(120), at(330))));
    let options = RunOptions { record: true, ..RunOptions::default() };
    let report = scenarios::run(&scenario, &options, &NoProgress).expect("it runs");
    assert_eq!(report.virtual_seconds, 210.0 * 60.0);
    let record = report.record.expect("a record");
    let first = *record.sampled_at.first().expect("a sample");
    let last = *record.sampled_at.last().expect("a sample");
    assert!(at(120) <= first && last <= at(330), "{first} to {last}");
    let again = scenarios::run(&scenario, &RunOptions::default(), &NoProgress).expect("it runs");
    assert_eq!(report.digest, again.digest);
}

/// Its prices are those that the whole market has there.
#[test]
fn a_window_has_the_prices_of_the_whole() {
    let of = |text: &str| {
        let scenario = Scenario::parse("a.toml", text).expect("it reads");
        let bars = scenarios::bars(&scenario, None).expect("bars").swap_remove(0).bars;
        let Lazy::Here(Bars { time_ms: Column::Even { start, .. }, close, .. }) = bars else {
            panic!("bars of even times");
        };
        let Column::Floats(closes) = close else { panic!("prices") };
        (start, closes)
    };
    let (whole, part) = (of(MARKET), of(&window("02:00:00", "05:30:00")));
    assert_eq!(part.0 - whole.0, 120 * 60_000);
    assert_eq!(part.1, whole.1[120..330]);
}

#[test]
fn windows_that_make_no_sense_are_refused_with_a_remedy() {
    for (text, words) in [
        (window("05:00:00", "02:00:00"), "is not before to"),
        (window("05:00:00", "09:00:00"), "is not within the market"),
        (window("5", "6"), "is not a time such as"),
        (
            window("02:00:00", "05:00:00").replace("minutes", "model = \"order_flow\"\nminutes"),
            "levels of its book",
        ),
    ] {
        let error = Scenario::parse("a.toml", &text).expect_err("it is refused").to_string();
        assert!(error.starts_with("a.toml") && error.contains(words), "{error}");
    }
}
