//! Values that are possible one by one and that a check finds all the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Raw, START_MS, kline};
use datasets::catalogue::Catalogue;
use datasets::import::import;

/// `what count (note)? detail` of each finding of the only series.
fn found(place: &str, text: &str) -> Vec<String> {
    let raw = Raw::new();
    raw.file(place, text.as_bytes());
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert_eq!(report.refused, []);
    let checks = Catalogue::open(&raw.path("set")).expect("a set").check().expect("readable");
    let [check] = &checks[..] else { panic!("{checks:?}") };
    let shown = |f: &datasets::catalogue::Finding| {
        format!("{} {}{}: {}", f.what, f.count, if f.note { " (note)" } else { "" }, f.detail)
    };
    check.findings.iter().map(shown).collect()
}

const MINUTES: &str = "klines/BTCUSDT/1m/BTCUSDT-1m-a.csv";

#[test]
fn bars_that_leap() {
    let bars = |all: &[&str]| -> String {
        all.iter().zip(0..).map(|(values, minute)| kline(minute, values)).collect()
    };
    let calm = bars(&["100,150,60,102,5", "102,103,101,102,5", "60,110,55,101,5"]);
    assert_eq!(found(MINUTES, &calm), [] as [&str; 0]);
    assert_eq!(
        found(MINUTES, &bars(&["102,1000000,101,103,5"])),
        ["spike 1: a high of 1000000 in a bar from 102 to 103"]
    );
    assert_eq!(
        found(MINUTES, &bars(&["102,103,0.5,103,5"])),
        ["spike 1: a low of 0.5 in a bar from 102 to 103"]
    );
    assert_eq!(
        found(MINUTES, &bars(&["102,103,101,102,5", "9000000,9000001,8999999,9000000,5"])),
        ["spike 1: opens at 9000000, and the bar before closed at 102"]
    );
    // A day may be wild.
    let day = format!("{START_MS},100,500,30,102,5\n");
    assert_eq!(found("klines/BTCUSDT/1d/BTCUSDT-1d-a.csv", &day), [] as [&str; 0]);
}

#[test]
fn rates_that_are_none() {
    let place = "fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-02.csv";
    let rate = |ms: i64, rate: &str| format!("{},8,{rate}\n", START_MS + ms);
    let day = 28_800_000;
    let rates =
        [rate(0, "-0.03"), rate(day, "5.0"), rate(2 * day, "0.0001"), rate(2 * day + 3, "0.0001")];
    assert_eq!(
        found(place, &rates.concat()),
        [
            "rate 1: a funding rate of 5, more than 5 %",
            "duplicate 1: a second rate of the hour of 2026-02-01T16:00:00Z"
        ]
    );
}

#[test]
fn local_times_of_another_year() {
    let line = |ms: i64, local_ms: i64| {
        let at = START_MS + ms;
        format!(
            "{} {{\"e\":\"aggTrade\",\"E\":{at},\"s\":\"BTCUSDT\",\"a\":{ms},\"p\":\"9\",\"q\":\"1\",\
             \"f\":{ms},\"l\":{ms},\"T\":{at},\"m\":true}}\n",
            (at + local_ms) * 1_000
        )
    };
    let calm = line(1, 20) + &line(2, -5);
    assert_eq!(found("a.jsonl", &calm), [] as [&str; 0]);
    let wrong = found("a.jsonl", &(line(1, 400 * 86_400_000) + &line(2, 20)));
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("local_time 1: recorded at 2027-"), "{wrong:?}");
}
