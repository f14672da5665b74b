//! What names tell of a file, against each other and against its rows.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{CHECKSUM_OF_NOTHING, Raw, START_MS, header, kline, zip};
use datasets::import::{ImportReport, import};
use sha2::{Digest, Sha256};

fn run(raw: &Raw) -> ImportReport {
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("the folder is fine")
}

fn bar() -> Vec<u8> {
    (header() + &kline(0, "1,2,1,2,5")).into_bytes()
}

fn refused(raw: &Raw, parts: &[&str]) {
    let report = run(raw);
    assert_eq!((report.files, report.refused.len()), (0, 1), "{report:?}");
    for part in parts {
        let reason = &report.refused[0].reason;
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
    assert_eq!(raw.parquet_files(), 0);
}

fn notes(report: &ImportReport) -> Vec<&str> {
    let all = report.notes.iter().map(|note| note.text.as_str());
    all.filter(|text| !text.contains("no .CHECKSUM")).collect()
}

#[test]
fn a_file_in_the_folder_of_another_symbol() {
    for folder in
        ["klines/ETHUSDT/1m", "klines/ethusdt/1m", "klines/ETHUSDT", "klines/BTCUSDT_260327"]
    {
        let raw = Raw::new();
        raw.file(&format!("{folder}/BTCUSDT-1m-2026-02.csv"), &bar());
        let symbol = folder.split('/').nth(1).expect("a folder");
        refused(&raw, &["its name says BTCUSDT", &format!("its folder {symbol}"), "correct one"]);
    }
    // Folders that sort files in some other way.
    for folder in
        ["klines/BTCUSDT/1m", "ETHUSDT/klines/1m", "klines/RAW", "klines/2026", "klines/USDT"]
    {
        let raw = Raw::new();
        raw.file(&format!("{folder}/BTCUSDT-1m-2026-02.csv"), &bar());
        let report = run(&raw);
        assert_eq!((report.files, report.refused), (1, vec![]), "{folder}");
    }
}

#[test]
fn a_zip_that_holds_the_file_of_another_series() {
    for inside in ["ETHUSDT-1m-2026-02.csv", "BTCUSDT-5m-2026-02.csv", "in/ETHUSDT-1m-2026-02.csv"]
    {
        let raw = Raw::new();
        raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.zip", &zip(inside, &bar()));
        refused(&raw, &["holds", inside, "BTCUSDT-1m-2026-02", "renamed", "download it again"]);
    }
    for inside in ["BTCUSDT-1m-2026-02.csv", "x.csv", "EXPORT.csv"] {
        let raw = Raw::new();
        raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.zip", &zip(inside, &bar()));
        let report = run(&raw);
        assert_eq!((report.files, report.refused), (1, vec![]), "{inside}");
    }
}

#[test]
fn a_checksum_of_another_file() {
    let bytes = zip("BTCUSDT-1m-2026-02.csv", &bar());
    let sum: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let place = "klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.zip";
    for other in ["ETHUSDT-1m-2026-02.zip", "*BTCUSDT-1m-2026-03.zip"] {
        let raw = Raw::new();
        raw.file(place, &bytes);
        raw.file(&format!("{place}.CHECKSUM"), format!("{sum}  {other}\n").as_bytes());
        let other = other.trim_start_matches('*');
        refused(&raw, &["its .CHECKSUM is that of", other, "download both again"]);
    }
    let names =
        ["  BTCUSDT-1m-2026-02.zip", " *BTCUSDT-1m-2026-02.zip", "  d/BTCUSDT-1m-2026-02.zip", ""];
    for name in names {
        let raw = Raw::new();
        raw.file(place, &bytes);
        raw.file(&format!("{place}.CHECKSUM"), format!("{sum}{name}\n").as_bytes());
        let report = run(&raw);
        assert_eq!((report.files, report.refused), (1, vec![]), "{name}");
    }
    let raw = Raw::new();
    raw.file(place, &bytes);
    raw.file(&format!("{place}.CHECKSUM"), b"\n");
    refused(&raw, &["its .CHECKSUM is empty", "download both again"]);
    let raw = Raw::new();
    raw.file(place, &bytes);
    raw.file(&format!("{place}.CHECKSUM"), CHECKSUM_OF_NOTHING.as_bytes());
    refused(&raw, &["wrong checksum"]);
}

/// The rows are as they were, and count by their own times.
#[test]
fn rows_outside_the_period_of_the_name() {
    let told = |name: &str| {
        let raw = Raw::new();
        raw.file(&format!("klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv"), &bar());
        let report = run(&raw);
        assert_eq!((report.files, report.refused.len()), (1, 0), "{report:?}");
        notes(&report).join("; ")
    };
    for wrong in ["2025-01-01", "2026-01", "2026-03", "2025", "2026-02-02", "2025-01-01_2025-12-31"]
    {
        let note = told(wrong);
        for part in [&format!("its name says {wrong}"), "2026-02-01T00:00:00Z", "own times"] {
            assert!(note.contains(part), "{wrong}: no {part:?} in {note:?}");
        }
    }
    for right in ["2026-02-01", "2026-02", "2026", "2026-01-20_2026-02-02", "2026-13", "a", "1"] {
        assert_eq!(told(right), "", "{right}");
    }
}

/// The last figures of a day are published at midnight, a settlement somewhat after it.
#[test]
fn rows_at_the_edge_of_the_period() {
    let raw = Raw::new();
    let text = format!(
        "timestamp,symbol,sum_open_interest,sum_open_interest_value\n{START_MS},BTCUSDT,1,2\n{},BTCUSDT,1,2\n",
        START_MS + 86_400_000
    );
    raw.file("openInterestHist/BTCUSDT/1d/BTCUSDT-1d-2026-02-01.csv", text.as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, notes(&report)), (1, vec![]));
}

/// Only a fetch in the middle of a day ends a range there.
#[test]
fn a_last_bar_that_may_not_have_closed() {
    let told = |name: &str, minutes: std::ops::Range<i64>| {
        let raw = Raw::new();
        let bars: String = minutes.map(|minute| kline(minute, "1,2,1,2,5")).collect();
        raw.file(&format!("klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv"), bars.as_bytes());
        let report = run(&raw);
        assert_eq!((report.files, report.refused.len()), (1, 0), "{report:?}");
        notes(&report).join("; ")
    };
    for (name, minutes) in
        [("2026-01-20_2026-02-01", 0..600), ("2026-01_2026-02", 0..27 * 1_440 + 5)]
    {
        let note = told(name, minutes);
        assert!(note.contains("its last bar may not have closed"), "{name}: {note:?}");
    }
    for (name, minutes) in [
        ("2026-01-20_2026-02-01", 0..1_440),
        // The end is missing: that is a gap.
        ("2026-01-20_2026-02-03", 0..600),
        ("2026-02-01", 0..600),
        ("2026", 0..600),
    ] {
        assert_eq!(told(name, minutes), "", "{name}");
    }
}
