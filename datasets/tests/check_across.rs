//! What a check finds: of a series by itself, and between series of one symbol.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::path::PathBuf;

use common::stream::{BASE_MS, change, run, snapshot};
use common::{Raw, START_MS, kline};
use datasets::catalogue::{Catalogue, Check, Finding};
use datasets::import::import;

fn checks(raw: &Raw) -> Vec<Check> {
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert!(report.refused.is_empty(), "{report:?}");
    Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs")
}

/// All findings of the checks: `kind[ against other]: what count[ (note)]: detail`.
fn told(checks: &[Check]) -> Vec<String> {
    let text = |check: &Check, finding: &Finding| {
        let against = check.against.as_ref().map(|other| format!(" against {other}"));
        let note = if finding.note { " (note)" } else { "" };
        let Finding { what, count, detail, .. } = finding;
        format!("{}{}: {what} {count}{note}: {detail}", check.kind, against.unwrap_or_default())
    };
    checks.iter().flat_map(|c| c.findings.iter().map(move |finding| text(c, finding))).collect()
}

/// How many intervals each pair compared.
fn compared(checks: &[Check]) -> Vec<String> {
    let pairs = checks.iter().filter_map(|check| Some((check, check.against.as_ref()?)));
    pairs
        .map(|(check, other)| {
            let interval = check.interval.map(|name| format!("/{name}")).unwrap_or_default();
            format!("{}{interval} {other} {}", check.kind, check.rows)
        })
        .collect()
}

const CLEAN: [&str; 0] = [];

fn bars(raw: &Raw, kind: &str, interval: &str, lines: &[(i64, &str)]) {
    let text: String = lines.iter().map(|(minute, values)| kline(*minute, values)).collect();
    raw.file(&format!("{kind}/BTCUSDT/{interval}/BTCUSDT-{interval}-a.csv"), text.as_bytes());
}

/// Aggregated trades: id, seconds after the start, price, quantity.
fn aggregates(raw: &Raw, rows: &[(i64, i64, &str, &str)]) {
    let line = |(id, second, price, qty): &(i64, i64, &str, &str)| {
        format!("{id},{price},{qty},{id},{id},{},true\n", START_MS + second * 1_000)
    };
    let text: String = rows.iter().map(line).collect();
    raw.file("aggTrades/BTCUSDT/BTCUSDT-aggTrades-a.csv", text.as_bytes());
}

/// Single trades of the same form.
fn trades(raw: &Raw, rows: &[(i64, i64, &str, &str)]) {
    let line = |(id, second, price, qty): &(i64, i64, &str, &str)| {
        format!("{id},{price},{qty},1,{},true\n", START_MS + second * 1_000)
    };
    let text: String = rows.iter().map(line).collect();
    raw.file("trades/BTCUSDT/BTCUSDT-trades-a.csv", text.as_bytes());
}

/// Minutes 1, 2 (without a trade) and 3 are whole; 0 and 4 are at the tape's ends.
const TAPE: [(i64, i64, &str, &str); 7] = [
    (1, 59, "10", "1"),
    (2, 60, "10.1", "1"),
    (3, 70, "10.3", "2"),
    (4, 80, "10.05", "0.5"),
    (5, 119, "10.2", "1"),
    (6, 180, "10.25", "3"),
    (7, 240, "10", "1"),
];
const BARS: [(i64, &str); 5] = [
    (0, "9,11,9,10,700"),
    (1, "10.1,10.3,10.05,10.2,4.5"),
    (2, "10.2,10.2,10.2,10.2,0"),
    (3, "10.25,10.25,10.25,10.25,3"),
    (4, "10,12,9,11,900"),
];

#[test]
fn bars_are_those_of_their_trades() {
    let raw = Raw::new();
    bars(&raw, "klines", "1m", &BARS);
    aggregates(&raw, &TAPE);
    let found = checks(&raw);
    assert_eq!(compared(&found), ["klines/1m aggTrades 3"]);
    assert_eq!(told(&found), ["klines: zero_volume 1 (note): a bar without trades"]);
}

#[test]
fn bars_that_contradict_trades_are_told_with_both_values() {
    let raw = Raw::new();
    let mut wrong = BARS;
    wrong[1].1 = "10.1,10.4,10.05,10.2,4.25";
    wrong[2].1 = "10.2,10.2,10.2,10.2,1";
    bars(&raw, "klines", "1m", &wrong);
    trades(&raw, &TAPE);
    let found = checks(&raw);
    assert_eq!(compared(&found), ["klines/1m trades 3"]);
    assert_eq!(
        told(&found),
        ["klines against trades: contradiction 2: 2 of 3 bars differ; the first: \
          volume 4.25 and 4.5, high 10.4 and 10.3"]
    );
    let pair = found.last().expect("a pair");
    assert!(!pair.is_clean());
    assert_eq!(pair.findings[0].first, "2026-02-01T00:01:00Z");
}

#[test]
fn minutes_with_missing_trades_are_not_compared() {
    let raw = Raw::new();
    bars(&raw, "klines", "1m", &BARS);
    let holes: Vec<_> = TAPE.into_iter().filter(|row| row.0 != 3).collect();
    aggregates(&raw, &holes);
    let found = checks(&raw);
    assert_eq!(compared(&found), ["klines/1m aggTrades 2"]);
    assert!(found.iter().all(|check| check.against.is_none() || check.is_clean()), "{found:?}");
}

#[test]
fn short_bars_that_contradict_long_ones_are_told() {
    for (values, expected) in [
        ("1,5,0.5,2,7", vec![]),
        (
            "1,5,0.5,3,8",
            vec![
                "klines against klines/3m: contradiction 1: 1 of 1 bars differ; the first: \
                 volume 7 and 8, close 2 and 3",
            ],
        ),
    ] {
        let raw = Raw::new();
        // The first minute of the second bar is missing: it is not compared.
        bars(
            &raw,
            "klines",
            "1m",
            &[(0, "1,5,1,1,2"), (1, "1,1,0.5,1,2"), (2, "1,2,1,2,3"), (4, "2,2,2,2,1")],
        );
        let long = |(minute, values): (i64, &str)| {
            let open = START_MS + minute * 60_000;
            format!("{open},{values},{},1,1,1,1,0\n", open + 179_999)
        };
        let text = [(0, values), (3, "7,8,6,7,90")].map(long).concat();
        raw.file("klines/BTCUSDT/3m/BTCUSDT-3m-a.csv", text.as_bytes());
        let found = checks(&raw);
        assert_eq!(compared(&found), ["klines/1m klines/3m 1"]);
        let pairs: Vec<Check> = found.into_iter().filter(|check| check.against.is_some()).collect();
        assert_eq!(told(&pairs), expected);
    }
}

#[test]
fn marks_far_from_trades_are_a_note() {
    let raw = Raw::new();
    bars(&raw, "klines", "1m", &[(0, "10,10,10,10,1"), (1, "10,10,10,10,1")]);
    bars(&raw, "markPriceKlines", "1m", &[(0, "10,10.5,10,10.5,0"), (1, "10,10.6,10,10.51,0")]);
    let found = checks(&raw);
    assert_eq!(
        told(&found),
        [
            "markPriceKlines against klines/1m: far 1 (note): 1 of 2 closes are more than 5 % apart; \
          the first: the mark price closes at 10.51, trades at 10"
        ]
    );
    assert!(found.iter().all(Check::is_clean));
}

#[test]
fn aggregates_that_contradict_trades_are_told_by_the_minute() {
    let raw = Raw::new();
    trades(&raw, &TAPE);
    let mut wrong = TAPE;
    wrong[2].3 = "2.5";
    wrong[5].2 = "10.26";
    aggregates(&raw, &wrong);
    let found = checks(&raw);
    assert_eq!(compared(&found), ["aggTrades trades 3"]);
    assert_eq!(
        told(&found),
        ["aggTrades against trades: contradiction 2: 2 of 3 minutes differ; the first: \
          volume 5 and 4.5"]
    );
    let raw = Raw::new();
    trades(&raw, &TAPE);
    aggregates(&raw, &TAPE);
    assert_eq!(told(&checks(&raw)), CLEAN);
}

#[test]
fn a_single_odd_print_is_a_note() {
    let raw = Raw::new();
    let prices = ["100", "100", "105.1", "100", "100", "106", "106", "100", "105"];
    let rows: Vec<_> = (1i64..).zip(prices).map(|(id, price)| (id, id, price, "1")).collect();
    trades(&raw, &rows);
    assert_eq!(
        told(&checks(&raw)),
        ["trades: leap 1 (note): a price of 105.1 between 100 and 100"]
    );
}

fn recorded(lines: &[String]) -> Vec<String> {
    let raw = Raw::new();
    raw.file("btcusdt.jsonl", lines.join("\n").as_bytes());
    let report = run(&raw);
    assert!(report.refused.is_empty(), "{report:?}");
    told(&checks(&raw))
}

#[test]
fn a_crossed_book_is_told_after_the_whole_message_only() {
    let t = BASE_MS;
    let begin = snapshot(t, 100, &[("10.1", "1"), ("10", "1")], &[("10.2", "2"), ("10.3", "1")]);
    // The new bid comes before the old ask goes, in one message.
    let fine = change(t + 1, (101, 102, 100), &[("10.2", "5")], &[("10.2", "0")]);
    assert_eq!(recorded(&[begin.clone(), fine.clone()]), CLEAN);
    let crossed = change(t + 2, (103, 104, 102), &[("10.3", "1")], &[]);
    assert_eq!(
        recorded(&[begin, fine, crossed]),
        ["depth: crossed 1: after message 104 the best bid 10.3 is not below the best ask 10.3"]
    );
}

#[test]
fn after_a_hole_the_book_is_not_known() {
    let t = BASE_MS;
    let lines = [
        snapshot(t, 100, &[("10.1", "1")], &[("10.2", "2")]),
        // What took the ask away is missing.
        change(t + 2, (111, 112, 110), &[("10.3", "1")], &[]),
    ];
    assert_eq!(
        recorded(&lines),
        ["depth: broken_chain 1: the message after id 100 says that it follows 110"]
    );
}

#[test]
fn a_snapshot_that_contradicts_the_book_is_a_note() {
    let t = BASE_MS;
    let begin = snapshot(t, 100, &[("10.1", "1"), ("9", "4")], &[("10.2", "2")]);
    let next = change(t + 1, (101, 102, 100), &[("10.1", "3")], &[]);
    // It does not reach down to 9, and it adds an ask that nothing told before. The change after it began
    // before it, and tells of the lowest bid and of one that is deeper than the snapshot.
    let again =
        |qty| snapshot(t + 2, 104, &[("10.1", qty), ("10", "1")], &[("10.2", "2"), ("10.4", "1")]);
    let last = change(t + 3, (103, 105, 102), &[("10", "1"), ("8", "1")], &[]);
    let with = |qty| recorded(&[begin.clone(), next.clone(), again(qty), last.clone()]);
    assert_eq!(with("3"), CLEAN);
    assert_eq!(
        with("2.5"),
        [
            "depth: snapshot 1 (note): up to message 105 the changes alone make 3 at 10.1, with the snapshot \
          it is 2.5"
        ]
    );
}

#[test]
fn messages_out_of_order_are_told() {
    let raw = Raw::new();
    let t = BASE_MS;
    let first = [
        snapshot(t, 100, &[("10.1", "1")], &[("10.2", "2")]),
        change(t + 1, (101, 120, 100), &[("10.1", "3")], &[]),
    ];
    raw.file("btcusdt_1.jsonl", first.join("\n").as_bytes());
    let second = [
        change(t + 10, (105, 110, 104), &[("10.1", "4")], &[]),
        change(t + 11, (111, 115, 110), &[("10.1", "5")], &[]),
    ];
    raw.file("btcusdt_2.jsonl", second.join("\n").as_bytes());
    assert_eq!(told(&checks(&raw)), ["depth: disorder 1: message 110 after message 120"]);
}

#[test]
fn silence_of_marks_and_samples_is_a_note() {
    let raw = Raw::new();
    let mark = |ms: i64| {
        format!(
            r#"{{"e":"markPriceUpdate","E":{ms},"s":"BTCUSDT","p":"10","i":"10","P":"10","r":"0.0001","T":{ms}}}"#
        )
    };
    let marks = [0, 3_000, 13_000, 23_001].map(|ms| mark(BASE_MS + ms));
    raw.file("btcusdt.jsonl", marks.join("\n").as_bytes());
    let header = "create_time,symbol,sum_open_interest,sum_open_interest_value,\
                  count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,\
                  count_long_short_ratio,sum_taker_long_short_vol_ratio\n";
    let metric = |time: &str| format!("2026-02-01 {time},BTCUSDT,1,1,1,1,1,1\n");
    let metrics: String = ["00:05:00", "00:10:02", "00:25:00"].map(metric).concat();
    raw.file("metrics/BTCUSDT/BTCUSDT-metrics-a.csv", format!("{header}{metrics}").as_bytes());
    let depth =
        |time: &str| [-1, 1].map(|percent| format!("2026-02-01 {time},{percent},5,50\n")).concat();
    let depths: String = ["00:00:05", "00:00:36", "00:02:05"].map(depth).concat();
    let header = "timestamp,percentage,depth,notional\n";
    raw.file("bookDepth/BTCUSDT/BTCUSDT-bookDepth-a.csv", format!("{header}{depths}").as_bytes());
    let mut found = told(&checks(&raw));
    found.sort();
    assert_eq!(
        found,
        [
            "bookDepth: gap 2 (note): 2 missing after 2026-02-01T00:00:36Z",
            "markPrice: gap 1 (note): nothing for 10 s after 2026-02-01T00:00:13Z",
            "metrics: gap 2 (note): 2 missing after 2026-02-01T00:10:02Z",
        ]
    );
}

/// Three files that overlap each other, one within another.
#[test]
fn rows_of_overlapping_files_count_once() {
    let raw = Raw::new();
    for (name, minutes) in [("a", 0..100), ("c", 50..150), ("b", 40..160), ("d", 155..170)] {
        let text: String = minutes.map(|minute| kline(minute, "1,2,1,2,5")).collect();
        raw.file(&format!("klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv"), text.as_bytes());
        import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    }
    let overlapping = Catalogue::open(&raw.path("set")).expect("a data set");
    let [series] = &overlapping.list()[..] else { panic!("one series") };
    assert!(series.files > 1, "{series:?}");
    let one = Raw::new();
    let text: String = (0..170).map(|minute| kline(minute, "1,2,1,2,5")).collect();
    one.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", text.as_bytes());
    checks(&one);
    let whole = Catalogue::open(&one.path("set")).expect("a data set");
    assert_eq!(series.rows, 170);
    assert_eq!(series.digest, whole.list()[0].digest, "the digest is of the rows only");
    assert_eq!(overlapping.digest(), whole.digest());
}

#[test]
fn real_minutes_make_the_real_hours() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/futures/um");
    if !root.is_dir() {
        eprintln!("skipped: {} is absent", root.display());
        return;
    }
    let raw = Raw::new();
    let symbols =
        ["ALGO", "AVAX", "DOT", "FIL", "LINK", "LTC", "NEAR"].map(|s| s.to_owned() + "USDT");
    let paths = symbols.iter().flat_map(|symbol| {
        let minutes = format!("monthly/klines/{symbol}/1m/{symbol}-1m-2026-02.zip");
        let hours = format!("range/klines/{symbol}/1h/{symbol}-1h-2025-09-13_2026-03-19.zip");
        [root.join(minutes), root.join(hours)]
    });
    let paths: Vec<PathBuf> = paths.collect();
    let report = import(&paths, &raw.path("set"), &|_| {}).expect("files");
    assert_eq!((report.files, report.refused.len()), (14, 0), "{report:?}");
    let found = Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs");
    let pairs: Vec<Check> = found.into_iter().filter(|check| check.against.is_some()).collect();
    assert_eq!(compared(&pairs), ["klines/1m klines/1h 672"; 7]);
    assert_eq!(told(&pairs), CLEAN);
}
