//! Bars of a month, whose length is the month's own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Raw, drain};
use datasets::catalogue::{Catalogue, Check};
use datasets::import::import;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::resample::{LeftOut, Resampled};
use datasets::{BarMode, Interval, Kind, SeriesId};
use engine::{Instrument, MarketData, Nanos, Symbol};

const DAY_MS: i64 = 86_400_000;
/// The first of each month from 2024-01 on.
const MONTHS_MS: [i64; 5] =
    [1_704_067_200_000, 1_706_745_600_000, 1_709_251_200_000, 1_711_929_600_000, 1_714_521_600_000];

fn id(interval: &str) -> SeriesId {
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    SeriesId { kind: Kind::Klines, symbol, interval: Interval::named(interval) }
}

/// The row of a month as the archive has it, of a daily volume of 2.
fn month(number: usize, close_ms: i64) -> String {
    let open_ms = MONTHS_MS[number];
    let volume = 2 * (MONTHS_MS[number + 1] - open_ms) / DAY_MS;
    format!("{open_ms},10,12,9,11,{volume},{close_ms},1,1,1,1,0\n")
}

fn whole(number: usize) -> String {
    month(number, MONTHS_MS[number + 1] - 1)
}

fn days(raw: &Raw, from_ms: i64, until_ms: i64) {
    let line = |ms: i64| format!("{ms},{},12,9,{},2,{},1,1,1,1,0\n", 10, 11, ms + DAY_MS - 1);
    let opens = (from_ms..until_ms).step_by(DAY_MS as usize);
    let text: String = opens.map(line).collect();
    raw.file("klines/BTCUSDT/1d/BTCUSDT-1d-days.csv", text.as_bytes());
}

fn set(raw: &Raw) -> Catalogue {
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert_eq!(report.refused, []);
    Catalogue::open(&raw.path("set")).expect("a data set")
}

fn at(number: usize) -> Nanos {
    Nanos::from_millis(MONTHS_MS[number])
}

#[test]
fn months_come_in_and_close_where_the_next_begins() {
    let raw = Raw::new();
    for number in [0, 1, 3] {
        let name = format!("klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-0{}.csv", number + 1);
        raw.file(&name, whole(number).as_bytes());
    }
    let catalogue = set(&raw);
    assert_eq!(catalogue.list()[0].interval, Some("1mo"));
    let grid = [Instrument { symbol: id("1mo").symbol, price_decimals: 2, qty_decimals: 2 }];
    let request = Request { series: id("1mo"), bars: BarMode::Whole };
    let open = |range| ReplayFeed::open(&catalogue, &grid, &[request], range).expect("opens");
    let events = drain(&mut open(Range::ALL));
    let bars: Vec<(Nanos, u32)> = events
        .iter()
        .map(|event| match event.data {
            MarketData::Bar(bar) => (event.time, bar.interval_ms),
            _ => panic!("{event:?}"),
        })
        .collect();
    let days = |count: u32| count * DAY_MS as u32;
    assert_eq!(bars, [(at(1), days(31)), (at(2), days(29)), (at(4), days(30))]);
    let range = Range { from: at(0), to: at(4) };
    assert_eq!(
        open(range).warnings(),
        [
            "klines/BTCUSDT/1mo lacks 1 bars of the range: 1 from 2024-03-01T00:00:00Z until 2024-04-01T00:00:00Z"
        ]
    );
    // What has not closed by its end is none of a range.
    let short = Range { from: at(0), to: Nanos(at(2).0 - 1) };
    assert_eq!(drain(&mut open(short)).len(), 1);
    let gaps = &catalogue.check().expect("readable")[0].findings;
    assert_eq!((gaps[0].what, gaps[0].count, gaps.len()), ("gap", 1, 1));
}

#[test]
fn a_bar_that_is_no_month_is_refused() {
    for (line, reason) in [
        (month(1, MONTHS_MS[1] + 31 * DAY_MS - 1), "is not the end of a bar of 1mo"),
        (whole(1).replace(&MONTHS_MS[1].to_string(), &(MONTHS_MS[1] + DAY_MS).to_string()), "1mo"),
    ] {
        let raw = Raw::new();
        raw.file("klines/BTCUSDT/1M/BTCUSDT-1M-2024-02.csv", line.as_bytes());
        let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
        let refusal = &report.refused.first().expect("a refusal").reason;
        assert!(refusal.contains(reason), "{refusal}");
    }
}

#[test]
fn days_make_months_and_agree_with_them() {
    let raw = Raw::new();
    days(&raw, MONTHS_MS[0] + DAY_MS, MONTHS_MS[3]);
    raw.file("klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-02.csv", whole(1).as_bytes());
    raw.file(
        "klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-03.csv",
        whole(2).replace(",62,", ",61,").as_bytes(),
    );
    let catalogue = set(&raw);
    let length = "1mo".parse().expect("a length");
    let mut made = Resampled::open(&catalogue, &id("1d"), Range::ALL, length).expect("days");
    let mut bars = Vec::new();
    while let Some(bar) = made.next_bar().expect("readable") {
        bars.push((bar.open_time, bar.volume.expect("a volume").0));
    }
    assert_eq!(bars, [(at(1), 58), (at(2), 62)], "January lacks its first day");
    let left_out = LeftOut::find(&catalogue, &id("1d"), Range::ALL, length).expect("readable");
    let told = left_out.map(|left_out| left_out.to_string()).unwrap_or_default();
    assert!(told.starts_with("1 bar of 3 left out: not recorded from 2024-01-01"), "{told}");
    let checks = catalogue.check().expect("readable");
    let pair = |check: &&Check| check.against.as_deref() == Some("klines/1mo");
    let pair = checks.iter().find(pair).expect("days and months are compared");
    assert_eq!((pair.rows, pair.findings[0].count), (2, 1));
    assert!(pair.findings[0].detail.contains("volume 62 and 61"), "{:?}", pair.findings);
    let weeks = Resampled::open(&catalogue, &id("1mo"), Range::ALL, "1w".parse().expect("a week"));
    assert!(weeks.err().expect("refused").to_string().contains("no multiple"));
}
