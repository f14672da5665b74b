//! Importing into a data set that holds something already: what agrees is counted, what contradicts is
//! refused, and what an interrupted import left behind is no obstacle.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Raw, START_MS, header, kline};
use datasets::catalogue::Catalogue;
use datasets::import::{ImportReport, import};
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::{BarMode, DataError};
use engine::{Instrument, MarketData, Nanos};

fn place(name: &str) -> String {
    format!("klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv")
}

fn run(raw: &Raw) -> ImportReport {
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("the folder is fine")
}

/// Imports `first` and then, alone, `second`.
fn one_after_the_other(first: &str, second: &str) -> (Raw, ImportReport) {
    let raw = Raw::new();
    raw.file(&place("first"), (header() + first).as_bytes());
    assert_eq!(run(&raw).files, 1);
    std::fs::remove_file(raw.path("raw").join(place("first"))).expect("deleted");
    raw.file(&place("second"), (header() + second).as_bytes());
    let report = run(&raw);
    (raw, report)
}

/// Minutes with the given volume.
fn lines(minutes: std::ops::Range<i64>, volume: i64) -> String {
    minutes.map(|minute| kline(minute, &format!("1,2,1,2,{volume}"))).collect()
}

#[test]
fn another_value_is_refused_with_both_places() {
    // The same period, and one that overlaps.
    for (from, line) in [(0, 4), (2, 2)] {
        let contradicting = lines(from..2, 5) + &lines(2..3, 6) + &lines(3..10, 5);
        let first = if from == 0 { 0..10 } else { 0..5 };
        let (raw, report) = one_after_the_other(&lines(first, 5), &contradicting);
        assert_eq!((report.files, report.refused.len()), (0, 1), "{report:?}");
        let refusal = &report.refused[0];
        assert!(refusal.path.ends_with(place("second")));
        let here = format!("line {line}:");
        for part in [
            here.as_str(),
            "2026-02-01T00:02:00Z",
            "volume 6",
            "volume 5",
            "BTCUSDT-1m-first.csv line 4",
            "set/klines/BTCUSDT/1m/20260201T000000",
            "delete",
            "download",
        ] {
            assert!(refusal.reason.contains(part), "no {part:?} in {:?}", refusal.reason);
        }
        let series = &Catalogue::open(&raw.path("set")).expect("a data set").list()[0];
        assert_eq!(series.files, 1, "what was there stays");
    }
}

#[test]
fn a_row_that_the_other_lacks_is_a_contradiction() {
    let (_, report) = one_after_the_other(&(lines(0..3, 5) + &lines(4..10, 5)), &lines(2..6, 5));
    let reason = &report.refused[0].reason;
    for part in ["line 3:", "2026-02-01T00:03:00Z", "no such row", "BTCUSDT-1m-first.csv"] {
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
    let (_, report) = one_after_the_other(&lines(0..10, 5), &(lines(2..3, 5) + &lines(4..6, 5)));
    let reason = &report.refused[0].reason;
    for part in ["2026-02-01T00:03:00Z", "no such row", "BTCUSDT-1m-first.csv line 5"] {
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
}

#[test]
fn equal_rows_are_counted_as_duplicates() {
    let (raw, report) = one_after_the_other(&lines(0..10, 5), &lines(4..12, 5));
    assert_eq!((report.files, report.rows, report.duplicates), (1, 8, 6), "{report:?}");
    assert_eq!(report.refused, []);
    let check = &Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs")[0];
    let found: Vec<_> = check.findings.iter().map(|f| (f.what, f.count, f.note)).collect();
    assert_eq!(found, [("overlap", 1, true)], "an overlap that agrees is a note");

    // Files that bring nothing new are skipped, and say of which file their rows are known.
    let again = run(&raw);
    assert_eq!((again.files, again.rows, again.duplicates), (0, 0, 8), "{again:?}");
    assert!(again.skipped[0].already_there, "{again:?}");
    assert!(again.skipped[0].reason.contains("8 rows"), "{again:?}");
}

#[test]
fn of_two_that_contradict_the_first_by_name_comes_in() {
    let raw = Raw::new();
    raw.file(&place("b"), lines(2..8, 6).as_bytes());
    raw.file(&place("a"), lines(0..4, 5).as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (1, 1), "{report:?}");
    assert!(report.refused[0].path.ends_with(place("b")));
    assert!(report.refused[0].reason.contains("BTCUSDT-1m-a.csv line 3"), "{report:?}");
}

/// Funding rates of two sources: the second form does not state the hours between two settlements,
/// and some sources round the times, which jitter by milliseconds, down to the hour.
#[test]
fn both_forms_of_funding_files_agree() {
    let hour = |hours: i64, jitter_ms: i64| START_MS + hours * 3_600_000 + jitter_ms;
    let raw = Raw::new();
    let folder = "fundingRate/BTCUSDT/BTCUSDT-fundingRate";
    let first = format!("{},8,0.0001\n{},8,0.0002\n", hour(0, 0), hour(8, 0));
    raw.file(&format!("{folder}-a.csv"), first.as_bytes());
    let second = format!(
        "timestamp,symbol,funding_rate\n{},BTCUSDT,0.0001\n{},BTCUSDT,0.00020000\n{},BTCUSDT,0.0003\n",
        hour(0, 5),
        hour(8, 7),
        hour(16, 2)
    );
    raw.file(&format!("{folder}-b.csv"), second.as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.duplicates, report.refused.len()), (2, 2, 0), "{report:?}");

    // The rate of both files is paid once.
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    let series = catalogue.ids().next().expect("a series");
    let grid = [Instrument { symbol: series.symbol, price_decimals: 2, qty_decimals: 2 }];
    let request = [Request { series, bars: BarMode::Whole }];
    let rates = |range| -> Vec<MarketData> {
        let feed = ReplayFeed::open(&catalogue, &grid, &request, range);
        common::drain(&mut feed.expect("opens")).iter().map(|event| event.data).collect()
    };
    assert_eq!(rates(Range::ALL), [10_000, 20_000, 30_000].map(MarketData::FundingRate));
    let until_eight =
        Range { from: Nanos::from_millis(START_MS), to: Nanos::from_millis(hour(8, 0)) };
    assert_eq!(rates(until_eight), [MarketData::FundingRate(10_000)]);

    let other = format!("timestamp,symbol,funding_rate\n{},BTCUSDT,0.0004\n", hour(16, 0));
    raw.file(&format!("{folder}-c.csv"), other.as_bytes());
    let reason = &run(&raw).refused[0].reason;
    for part in ["line 2: last_funding_rate 0.0004", "b.csv line 4 has last_funding_rate 0.0003"] {
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
}

#[test]
fn what_an_interrupted_import_left_is_no_obstacle() {
    let raw = Raw::new();
    let folder = raw.path("set/klines/BTCUSDT/1m");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::create_dir_all(raw.path("set/aggTrades/BTCUSDT")).expect("a folder");
    let halves = [folder.join(".partial-abc"), raw.path("set/.partial-def")];
    for half in &halves {
        std::fs::write(half, b"PAR1 and then nothing").expect("written");
    }
    assert!(matches!(Catalogue::open(&raw.path("set")), Err(DataError::NoData { .. })));
    raw.file(&place("a"), lines(0..4, 5).as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (1, 0), "{report:?}");
    assert!(halves.iter().all(|half| !half.exists()), "half files are cleared away");
    assert_eq!(Catalogue::open(&raw.path("set")).expect("a data set").list().len(), 1);
}

#[test]
fn a_refused_file_leaves_no_folder() {
    let raw = Raw::new();
    raw.file(&place("a"), b"1\n");
    assert_eq!(run(&raw).refused.len(), 1);
    assert!(!raw.path("set/klines").exists());
}

#[test]
fn a_damaged_file_is_replaced_by_its_source() {
    let raw = Raw::new();
    raw.file(&place("a"), lines(0..10, 5).as_bytes());
    run(&raw);
    let before = Catalogue::open(&raw.path("set")).expect("a data set").digest();
    let folder = raw.path("set/klines/BTCUSDT/1m");
    let file = std::fs::read_dir(folder).expect("a folder").flatten().next().expect("one").path();
    let length = std::fs::metadata(&file).expect("a file").len() as usize;
    for place in [100, length - 100] {
        let mut bytes = std::fs::read(&file).expect("readable");
        bytes[place] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        let report = run(&raw);
        assert_eq!((report.files, report.refused.len()), (1, 0), "{report:?}");
        assert!(report.notes[0].text.contains("replaces"), "{report:?}");
        assert!(report.notes[0].text.contains(file.to_str().expect("UTF-8")), "{report:?}");
        assert_eq!(report.digest, before);
    }
}

/// A damaged file of another series stops nothing and is told.
#[test]
fn a_damaged_file_stops_no_import() {
    let raw = Raw::new();
    raw.file(&place("a"), lines(0..10, 5).as_bytes());
    run(&raw);
    let folder = raw.path("set/klines/BTCUSDT/1m");
    let file = std::fs::read_dir(folder).expect("a folder").flatten().next().expect("one").path();
    std::fs::write(&file, b"PAR1").expect("written");
    std::fs::remove_file(raw.path("raw").join(place("a"))).expect("deleted");
    raw.file("klines/ETHUSDT/1m/ETHUSDT-1m-a.csv", lines(0..10, 5).as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (1, 1), "{report:?}");
    assert_eq!(report.refused[0].path, file);
    assert!(report.refused[0].reason.contains("delete it"), "{report:?}");
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let raw = Raw::new();
    raw.file(&place("a"), lines(0..4, 5).as_bytes());
    let once = raw.path("raw").join(place("a"));
    let other = raw.path("raw/../raw").join(place("a"));
    let paths = [raw.path("raw"), once.clone(), other];
    let report = import(&paths, &raw.path("set"), &|_| {}).expect("the folder is fine");
    assert_eq!((report.files, report.duplicates, report.refused.len()), (1, 0, 0), "{report:?}");
    assert_eq!(report.notes.len(), 1, "{report:?}");
    assert!(report.notes[0].text.contains("named 3 times"), "{report:?}");
}

#[test]
fn a_folder_without_archives_is_refused() {
    let raw = Raw::new();
    raw.file("notes.txt", b"nothing to import");
    let report = run(&raw);
    assert!(report.refused[0].reason.contains("no zip or csv file"), "{report:?}");
}

#[test]
fn a_data_set_that_is_a_file_is_refused_with_a_remedy() {
    let raw = Raw::new();
    raw.file(&place("a"), lines(0..4, 5).as_bytes());
    std::fs::write(raw.path("set"), b"a file").expect("written");
    let error = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect_err("no folder");
    let text = error.to_string();
    assert!(
        text.contains("set") && text.contains("is a file") && text.contains("another"),
        "{text}"
    );
}

/// Trades with these ids, one a second from `second` on.
fn trades(second: i64, ids: std::ops::Range<i64>) -> String {
    let line = |(id, n)| format!("{id},1.5,2,1,{},true\n", START_MS + (second + n) * 1_000);
    ids.zip(0..).map(line).collect()
}

/// Ids that restart, that go back or that two days have both, and files that touch in one instant.
#[test]
fn trade_ids_rise_from_file_to_file() {
    let place = |name: &str| format!("trades/BTCUSDT/BTCUSDT-trades-{name}.csv");
    for (second, ids, refused) in [
        (100, 1..11, Some("id 1 of 2026-02-01T00:01:40Z")),
        (100, 1_005..1_015, Some("id 1005 of 2026-02-01T00:01:40Z")),
        (9, 1_009..1_011, Some("id 1009 of 2026-02-01T00:00:09Z")),
        (100, 1_010..1_020, None),
        (100, 2_000..2_010, None),
        (9, 1_010..1_012, None),
        (-100, 980..990, None),
    ] {
        let raw = Raw::new();
        raw.file(&place("a"), trades(0, 1_000..1_010).as_bytes());
        raw.file(&place("b"), trades(second, ids.clone()).as_bytes());
        let report = run(&raw);
        let Some(refused) = refused else {
            assert_eq!(report.refused, [], "{second} {ids:?}");
            continue;
        };
        let reason = &report.refused[0].reason;
        for part in [refused, "-b.csv comes after id 1009 of 2026-02-01T00:00:09Z", "only rise"] {
            assert!(reason.contains(part), "{reason}");
        }
        // A data set of before finds them in a check.
        let other = Raw::new();
        other.file(&place("b"), trades(second, ids).as_bytes());
        run(&other);
        let folder = |raw: &Raw| raw.path("set").join("trades/BTCUSDT");
        for entry in std::fs::read_dir(folder(&other)).expect("a folder").flatten() {
            std::fs::copy(entry.path(), folder(&raw).join(entry.file_name())).expect("copied");
        }
        let checks = Catalogue::open(&raw.path("set")).expect("a set").check().expect("readable");
        let found = &checks[0].findings[0];
        let expected = if second == 9 { "duplicate" } else { "disorder" };
        assert_eq!((found.what, found.note), (expected, false), "{found:?}");
    }
}
