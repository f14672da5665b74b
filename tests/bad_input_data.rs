//! Recorded data that is not what a scenario or a journal asks for, seen from the command line.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, Output, text};

const HOUR_MS: i64 = 3_600_000;
/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Bars of BTCUSDT: these minutes after the start.
fn bars(folder: &Folder, name: &str, minutes: std::ops::Range<i64>) {
    let line = |minute: i64| {
        let open = START_MS + minute * 60_000;
        let price = 90_000 + minute % 13;
        format!("{open},{price},{},{price},{price},5,{},1,1,1,1,0\n", price + 1, open + 59_999)
    };
    let text: String = minutes.map(line).collect();
    folder.file(&format!("raw/klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv"), text);
}

fn rates(folder: &Folder, hours: &[i64]) {
    let line = |hour: &i64| format!("{},8,0.0001\n", START_MS + hour * HOUR_MS);
    let text: String = hours.iter().map(line).collect();
    folder.file("raw/fundingRate/BTCUSDT/BTCUSDT-fundingRate-a.csv", text);
}

fn import(folder: &Folder) {
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
}

/// The first hours of 2026-02-01, with recorded funding or with a rate of zero.
fn scenario(hours: i64, funding: bool) -> String {
    let exchange = if funding { "" } else { "[exchange]\nfunding_rate = \"0\"\n" };
    format!(
        "[market.recorded]\nsymbols = [\"BTCUSDT\"]\nbars = \"1m\"\nfunding = {funding}\n\
         from = \"2026-02-01T00:00:00Z\"\nto = \"2026-02-01T{hours:02}:00:00Z\"\n{exchange}"
    )
}

fn run(folder: &Folder) -> Output {
    folder.qsim(&["run", "a.toml", "--data", "set", "--journal", "journals", "--format", "json"])
}

#[test]
fn funding_that_is_not_recorded_is_refused() {
    let folder = Folder::new();
    bars(&folder, "a", 0..600);
    rates(&folder, &[48, 56]);
    import(&folder);
    folder.file("a.toml", scenario(10, true));
    let output = run(&folder).expect_code(2);
    let parts = ["a.toml", "[market.recorded]", "fundingRate/BTCUSDT", "set", "funding = false"];
    for part in parts.iter().chain(&["import more", "exchange.funding_rate"]) {
        assert!(output.stderr.contains(part), "no {part:?} in {}", output.stderr);
    }
    assert!(folder.snapshot("journals").is_empty());

    rates(&folder, &[0, 8, 16]);
    import(&folder);
    let output = run(&folder).expect_code(0);
    assert!(!output.stderr.contains("lacks"), "{}", output.stderr);
}

#[test]
fn a_range_that_is_partly_recorded_warns() {
    let folder = Folder::new();
    bars(&folder, "a", 10..100);
    bars(&folder, "b", 110..115);
    import(&folder);
    folder.file("a.toml", scenario(2, false));
    let output = run(&folder).expect_code(0);
    assert_eq!(text(&output.json(), "verdict"), "pass");
    let lacks = "a: warning: klines/BTCUSDT/1m lacks 25 bars of the range: \
                 10 from 2026-02-01T00:00:00Z until 2026-02-01T00:10:00Z; \
                 10 from 2026-02-01T01:40:00Z until 2026-02-01T01:50:00Z; \
                 5 from 2026-02-01T01:55:00Z until 2026-02-01T02:00:00Z\n";
    assert!(output.stderr.contains(lacks), "{}", output.stderr);
}

#[test]
fn a_journal_is_replayed_after_more_was_imported() {
    let folder = Folder::new();
    bars(&folder, "a", 60..300);
    import(&folder);
    folder.file("a.toml", scenario(4, false));
    let digest = run(&folder).expect_code(0).json()["digest"].clone();
    // Earlier and later bars, with more decimals than those of the journal.
    bars(&folder, "b", 300..900);
    let finer = format!("{},90000.12345,90001,90000,90000.5,5.12345\n", START_MS - 60_000);
    folder.file("raw/klines/BTCUSDT/1m/BTCUSDT-1m-c.csv", finer);
    import(&folder);
    let replay = ["replay", "journals/a-1.journal", "--data", "set", "--format", "json"];
    let replayed = folder.qsim(&replay).expect_code(0).json();
    assert_eq!((text(&replayed, "verdict"), &replayed["digest"]), ("pass", &digest));
}
