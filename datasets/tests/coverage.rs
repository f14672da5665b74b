//! What a range holds of a series: its identity covers these rows and no others, and what it lacks is told.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Raw, START_MS, drain, kline};
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::{BarMode, DataError, Interval, Kind, SeriesId};
use engine::{Instrument, Nanos, Symbol};

fn id(kind: Kind) -> SeriesId {
    SeriesId {
        kind,
        symbol: Symbol::new("BTCUSDT").expect("a symbol"),
        interval: kind.has_interval().then(|| Interval::named("1m")).flatten(),
    }
}

fn bars(raw: &Raw, name: &str, minutes: std::ops::Range<i64>) {
    let text: String = minutes.map(|minute| kline(minute, "1,2,1,2,5")).collect();
    raw.file(&format!("klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv"), text.as_bytes());
}

/// Trades with these ids, one a second.
fn trades(raw: &Raw, name: &str, ids: impl Iterator<Item = i64>) {
    let line = |id| format!("{id},1.5,2,1,1,{},true\n", START_MS + id * 1_000);
    let text: String = ids.map(line).collect();
    raw.file(&format!("aggTrades/BTCUSDT/BTCUSDT-aggTrades-{name}.csv"), text.as_bytes());
}

/// Rates at these hours after the start, a little after the full hour as Binance has them.
fn rates(raw: &Raw, hours: &[i64]) {
    let line = |hour: &i64| format!("{},8,0.0001\n", START_MS + hour * 3_600_000 + 7);
    let text: String = hours.iter().map(line).collect();
    raw.file("fundingRate/BTCUSDT/BTCUSDT-fundingRate-a.csv", text.as_bytes());
}

fn catalogue(raw: &Raw) -> Catalogue {
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert!(report.refused.is_empty(), "{report:?}");
    Catalogue::open(&raw.path("set")).expect("a data set")
}

/// Seconds after the start.
fn range(from: i64, to: i64) -> Range {
    let at = |seconds| Nanos::from_millis(START_MS + seconds * 1_000);
    Range { from: at(from), to: at(to) }
}

fn open(raw: &Raw, kind: Kind, range: Range) -> Result<ReplayFeed, DataError> {
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    let grid = [Instrument { symbol, price_decimals: 4, qty_decimals: 4 }];
    let request = Request { series: id(kind), bars: BarMode::Whole };
    ReplayFeed::open(&catalogue(raw), &grid, &[request], range)
}

fn digest(raw: &Raw, kind: Kind, range: Range) -> String {
    open(raw, kind, range).expect("opens").digest().to_owned()
}

fn warnings(raw: &Raw, kind: Kind, range: Range) -> Vec<String> {
    open(raw, kind, range).expect("opens").warnings()
}

#[test]
fn the_digest_covers_the_range_only() {
    let raw = Raw::new();
    bars(&raw, "b", 100..200);
    let asked = range(150 * 60, 200 * 60);
    let before = digest(&raw, Kind::Klines, asked);
    // Earlier bars, later ones, and some that cover the range again.
    bars(&raw, "a", 0..100);
    bars(&raw, "c", 200..300);
    assert_eq!(digest(&raw, Kind::Klines, asked), before);
    bars(&raw, "d", 120..230);
    assert_eq!(digest(&raw, Kind::Klines, asked), before);
    assert_ne!(digest(&raw, Kind::Klines, range(149 * 60, 200 * 60)), before);

    // The same range with one other row.
    let other = Raw::new();
    bars(&other, "b", 100..199);
    let row = kline(199, "1,2,1,2,6");
    other.file("klines/BTCUSDT/1m/BTCUSDT-1m-e.csv", row.as_bytes());
    assert_ne!(digest(&other, Kind::Klines, asked), before);
}

#[test]
fn the_digest_of_trades_covers_the_range_only() {
    let raw = Raw::new();
    trades(&raw, "a", 0..1_000);
    let asked = range(500, 1_000);
    let before = digest(&raw, Kind::AggTrades, asked);
    trades(&raw, "b", 1_000..2_000);
    assert_eq!(digest(&raw, Kind::AggTrades, asked), before);
    assert_ne!(digest(&raw, Kind::AggTrades, range(500, 1_001)), before);
}

#[test]
fn missing_bars_are_told_with_count_and_place() {
    let raw = Raw::new();
    bars(&raw, "a", 10..20);
    bars(&raw, "b", 25..30);
    assert_eq!(warnings(&raw, Kind::Klines, range(600, 1_200)), [] as [&str; 0]);
    assert_eq!(warnings(&raw, Kind::Klines, Range::ALL).len(), 1, "the middle is known");
    let told = warnings(&raw, Kind::Klines, range(0, 3_600));
    assert_eq!(
        told,
        ["klines/BTCUSDT/1m lacks 45 bars of the range: \
          10 from 2026-02-01T00:00:00Z until 2026-02-01T00:10:00Z; \
          5 from 2026-02-01T00:20:00Z until 2026-02-01T00:25:00Z; \
          30 from 2026-02-01T00:30:00Z until 2026-02-01T01:00:00Z"]
    );
}

#[test]
fn many_gaps_are_one_warning() {
    let raw = Raw::new();
    let every_second: String = (0..50).map(|i| kline(2 * i, "1,2,1,2,5")).collect();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", every_second.as_bytes());
    let told = warnings(&raw, Kind::Klines, range(0, 99 * 60));
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("lacks 49 bars") && told[0].ends_with("and 46 more gaps"), "{told:?}");
}

#[test]
fn missing_trades_are_told_by_their_ids() {
    let raw = Raw::new();
    trades(&raw, "a", (0..1_000).filter(|id| !(300..400).contains(id)));
    let told = warnings(&raw, Kind::AggTrades, range(0, 1_000));
    assert_eq!(
        told,
        ["aggTrades/BTCUSDT lacks 100 trades of the range: \
          100 from 2026-02-01T00:04:59Z until 2026-02-01T00:06:40Z"]
    );
    let early = warnings(&raw, Kind::AggTrades, range(-86_400, 100));
    assert!(early[0].contains("from 2026-01-31T00:00:00Z until 2026-02-01T00:00:00Z"), "{early:?}");
}

/// Of quotes nothing counts the rows: a time without any is what shows that some are missing.
#[test]
fn silence_of_quotes_is_a_gap() {
    let raw = Raw::new();
    let quotes = |name: &str, seconds: &[i64]| {
        let line = |s: &i64| format!("{s},1.5,2,1.6,2,{0},{0}\n", START_MS + s * 1_000);
        let text: String = seconds.iter().map(line).collect();
        raw.file(&format!("bookTicker/BTCUSDT/BTCUSDT-bookTicker-{name}.csv"), text.as_bytes());
    };
    quotes("a", &[0, 60, 100, 201, 230]);
    let all = range(0, 300);
    assert_eq!(
        warnings(&raw, Kind::BookTicker, all),
        [
            "bookTicker/BTCUSDT lacks rows of the range: all from 2026-02-01T00:01:40Z until 2026-02-01T00:03:21Z"
        ]
    );
    assert_eq!(warnings(&raw, Kind::BookTicker, range(0, 150)), [] as [&str; 0]);
    let gap = |raw: &Raw| {
        let check = catalogue(raw).check().expect("readable").swap_remove(0);
        let findings = check.findings.into_iter().map(|f| (f.what, f.count, f.note, f.detail));
        findings.collect::<Vec<_>>()
    };
    let detail = "nothing for 101 s after 2026-02-01T00:01:40Z".to_owned();
    assert_eq!(gap(&raw), [("gap", 1, true, detail)], "it may have been quiet");
    // The next file begins too late to be quiet.
    quotes("b", &[4_000, 4_001]);
    let detail = "first of 2: nothing for 3770 s after 2026-02-01T00:03:50Z".to_owned();
    assert_eq!(gap(&raw), [("gap", 2, false, detail)]);
    let told = warnings(&raw, Kind::BookTicker, range(210, 4_002));
    assert!(
        told[0].contains("all from 2026-02-01T00:03:50Z until 2026-02-01T01:06:40Z"),
        "{told:?}"
    );
}

#[test]
fn a_range_without_a_row_is_an_error() {
    let raw = Raw::new();
    bars(&raw, "a", 0..10);
    bars(&raw, "b", 100..110);
    for kind in [range(-600, 0), range(20 * 60, 30 * 60), range(86_400, 90_000)] {
        let error = match open(&raw, Kind::Klines, kind) {
            Ok(_) => panic!("{kind:?} was opened"),
            Err(error) => error.to_string(),
        };
        for part in ["set", "klines/BTCUSDT/1m", "nothing of it between", "import more"] {
            assert!(error.contains(part), "no {part:?} in {error:?}");
        }
    }
}

#[test]
fn missing_rates_are_told_and_none_at_all_is_an_error() {
    let hour = 3_600;
    let raw = Raw::new();
    rates(&raw, &[0, 8, 32, 40]);
    let told = warnings(&raw, Kind::FundingRate, range(-8 * hour, 56 * hour));
    assert_eq!(
        told,
        ["fundingRate/BTCUSDT lacks 4 funding rates of the range: \
          1 from 2026-01-31T16:00:00Z until 2026-02-01T00:00:00Z; \
          2 from 2026-02-01T16:00:00Z until 2026-02-02T08:00:00Z; \
          1 from 2026-02-03T00:00:00Z until 2026-02-03T08:00:00Z"]
    );
    assert_eq!(warnings(&raw, Kind::FundingRate, range(0, 16 * hour)), [] as [&str; 0]);
    for lacking in [range(12 * hour, 20 * hour), range(-8 * hour, 0), range(48 * hour, 50 * hour)] {
        assert!(
            matches!(open(&raw, Kind::FundingRate, lacking), Err(DataError::NothingInRange { .. })),
            "{lacking:?}"
        );
    }
    // The rates around these hours show that none settles in them.
    let quiet = open(&raw, Kind::FundingRate, range(2 * hour, 6 * hour));
    assert_eq!(drain(&mut quiet.expect("opens")).len(), 0);
}
