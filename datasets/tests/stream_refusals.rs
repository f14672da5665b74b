//! What a recording is refused for: each with the line, the field and a remedy, and nothing of it stays.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::Raw;
use common::stream::{BASE_MS, change, gzip, kinds, quotes, run, snapshot, trade};

/// Imports a good message and then `lines`, and expects all of it refused for these words.
fn refused(name: &str, lines: &[String], parts: &[&str]) {
    let good = trade(BASE_MS - 1, 1, "100", "1", "MARKET");
    let text = std::iter::once(&good).chain(lines).cloned().collect::<Vec<_>>().join("\n");
    refused_bytes(name, text.as_bytes(), parts);
}

fn refused_bytes(name: &str, bytes: &[u8], parts: &[&str]) {
    let raw = Raw::new();
    raw.file(name, bytes);
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (0, 1), "{report:#?}");
    let reason = &report.refused[0].reason;
    for part in parts {
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
    assert_eq!(raw.parquet_files(), 0, "a refused file leaves nothing");
}

const NAME: &str = "btcusdt.jsonl";
const T: i64 = BASE_MS;

#[test]
fn lines_that_are_no_messages() {
    let cut = trade(T, 2, "100", "1", "MARKET");
    refused(NAME, &[cut[..60].to_owned()], &["line 2:", "no whole JSON", "cut", "record again"]);
    refused(NAME, &[cut.clone() + "x"], &["line 2:", "no whole JSON"]);
    refused(NAME, &["e=trade".to_owned()], &["line 2:", "no whole JSON"]);
    refused_bytes(
        NAME,
        &[&cut.as_bytes()[..20], &[0xFF, 0xFE]].concat(),
        &["line 1:", "no text", "write it as UTF-8"],
    );
    refused_bytes(NAME, b"", &["no row in it can be imported", "record"]);
    refused_bytes(NAME, br#"{"result":null,"id":1}"#, &["no row in it can be imported"]);
    refused(NAME, &[format!("1769904000 {cut}")], &["line 2:", "local time", "\"1769904000\""]);
    refused(NAME, &[format!("1769904000000 {cut}")], &["line 2:", "microseconds or nanoseconds"]);
}

#[test]
fn fields_that_are_missing_or_wrong() {
    let seconds = trade(T / 1_000, 2, "100", "1", "MARKET");
    refused(
        NAME,
        &[seconds],
        &["line 2: trade:", "field 'T'", "no time", "correct it, or its unit"],
    );
    let good = trade(T, 2, "100", "1", "MARKET");
    for (from, to, parts) in [
        (r#""p":"100","#, "", ["field 'p' is missing", "record"]),
        (r#""t":2,"#, "", ["field 't' is missing", "record"]),
        (r#""p":"100""#, r#""p":100.5"#, ["field 'p' is 100.5", "should be a text"]),
        (r#""p":"100""#, r#""p":"-100""#, ["field 'p': \"-100\"", "damaged"]),
        (r#""p":"100""#, r#""p":"0""#, ["field 'p': \"0\"", "not above zero"]),
        (r#""p":"100""#, r#""p":"1e5""#, ["field 'p': \"1e5\"", "plain decimal"]),
        (r#""q":"1""#, r#""q":"0""#, ["field 'q': \"0\"", "not above zero"]),
        (r#""m":true"#, r#""m":1"#, ["field 'm' is 1", "true or false"]),
        (r#""s":"BTCUSDT""#, r#""s":"btc usdt""#, ["field 's'", "is not a symbol"]),
        (r#""T":17"#, r#""T":99"#, ["field 'T'", "no market"]),
        (
            r#""T":1769904000000"#,
            r#""T":1769904000"#,
            ["field 'T': 1769904000 is no time", "milli"],
        ),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(good, bad, "{from}");
        refused(NAME, &[bad], &["line 2: trade:", parts[0], parts[1]]);
    }
    let quote = quotes(T, 9, ("100", "1"), ("101", "1")).replace(r#""A":"1","#, "");
    refused(NAME, &[quote], &["line 2: bookTicker:", "field 'A' is missing"]);
    let spot = change(T, (1, 2, 0), &[], &[]).replace(r#""pu":0,"#, "");
    refused(NAME, &[spot], &["line 2: depthUpdate:", "field 'pu' is missing", "spot", "futures"]);
    let level = change(T, (5, 6, 4), &[("100", "x")], &[]);
    refused(NAME, &[level], &["line 2: depthUpdate:", "field 'b': \"x\""]);
    let level = change(T, (5, 6, 4), &[], &[]).replace(r#""a":[]"#, r#""a":[["1"]]"#);
    refused(NAME, &[level], &["line 2: depthUpdate:", "field 'a' is [[\"1\"]]", "list of levels"]);
    let ids = change(T, (7, 6, 4), &[], &[]);
    refused(NAME, &[ids], &["line 2: depthUpdate:", "'pu', 'U' and 'u' are 4, 7 and 6"]);
    let forced = format!(
        r#"{{"e":"forceOrder","E":{T},"o":{{"s":"ETHUSDT","S":"HOLD","q":"1","p":"9","ap":"9","z":"1","T":{T}}}}}"#
    );
    refused(NAME, std::slice::from_ref(&forced), &["line 2: forceOrder:", "field 'S': \"HOLD\""]);
    let forced = forced.replace(r#""ap":"9","#, "");
    refused(NAME, &[forced], &["line 2: forceOrder:", "field 'ap' is missing"]);
}

/// The name of a recording does not matter where its messages tell enough.
#[test]
fn a_snapshot_of_the_only_symbol() {
    let lines = [
        snapshot(T, 100, &[("100", "1")], &[("101", "1")]),
        change(T + 5, (99, 101, 98), &[("100", "2.5")], &[]),
    ];
    let digest = |name: &str| {
        let raw = Raw::new();
        raw.file(name, lines.join("\n").as_bytes());
        let report = run(&raw);
        assert_eq!((report.files, report.rows, report.refused.len()), (1, 4, 0), "{report:#?}");
        assert_eq!(kinds(&raw), ["depth/BTCUSDT 4"]);
        let told = report.notes.iter().any(|note| note.text.contains("count as those of BTCUSDT"));
        (report.digest, told)
    };
    let (named, told) = digest("btcusdt.jsonl");
    assert!(!told);
    for name in ["good.jsonl", "1772138833.jsonl", "x.jsonl"] {
        assert_eq!(digest(name), (named.clone(), true), "{name}");
    }
}

#[test]
fn snapshots_that_cannot_be() {
    let crossed = snapshot(T, 100, &[("100", "1"), ("101.5", "1")], &[("101.50", "1")]);
    refused(NAME, &[crossed], &["line 2: snapshot:", "crossed", "'bids'", "'asks'"]);
    let good = || snapshot(T, 100, &[("100", "1")], &[("101", "1")]);
    refused("1772138833.jsonl", &[good()], &["line 2: snapshot:", "symbol", "name the file"]);
    let other = [good(), change(T, (99, 101, 98), &[("100", "1")], &[])];
    refused("ethusdt_1.jsonl", &other, &["line 2: snapshot:", "ETHUSDT", "name the file after"]);
    // Of several symbols nobody knows whose it is.
    let eth = change(T, (99, 101, 98), &[("10", "1")], &[]).replace("BTCUSDT", "ETHUSDT");
    let several = [other[0].clone(), other[1].clone(), eth];
    let parts = ["line 2: snapshot:", "several symbols", "BTCUSDT, ETHUSDT", "name the file after"];
    refused("raw_1.jsonl", &several, &parts);
    let untimed = r#"{"lastUpdateId":100,"bids":[],"asks":[]}"#.to_owned();
    refused(NAME, &[untimed], &["line 2: snapshot:", "field 'T' is missing"]);
}

#[test]
fn disorder_names_its_place() {
    let line = |ms, id| trade(ms, id, "100", "1", "MARKET");
    let parts = ["line 3: trades/BTCUSDT:", "out of order", "sort"];
    refused(NAME, &[line(T + 5, 2), line(T + 4, 3)], &parts);
    let parts = ["line 3: trades/BTCUSDT:", "trade id 2 comes after 2"];
    refused(NAME, &[line(T + 5, 2), line(T + 5, 2)], &parts);
    let book = |ms, ids| change(ms, ids, &[("100", "1")], &[]);
    let twice = [book(T, (5, 6, 4)), book(T, (5, 6, 4))];
    refused(NAME, &twice, &["line 3: depthUpdate:", "field 'u' is 6", "duplicate"]);
    let back = [book(T, (5, 6, 4)), book(T - 1, (7, 8, 6))];
    refused(NAME, &back, &["line 3: depth/BTCUSDT:", "out of order"]);
}

#[test]
fn a_cut_gzip_is_refused() {
    let lines: Vec<String> =
        (0..2_000).map(|i| trade(T + i, i + 1, "100", "1", "MARKET")).collect();
    let packed = gzip(lines.join("\n").as_bytes());
    refused_bytes("btcusdt.gz", &packed[..packed.len() / 2], &["line ", "cut or damaged"]);
    refused_bytes("btcusdt.gz", b"no gzip", &["line 1:", "damaged"]);
}

/// What comes out is counted; neither form of packing can fill memory or disk.
#[test]
fn bombs_are_refused() {
    let line = trade(T, 1, "100", "1", "MARKET") + "\n";
    let good = "open_time,open,high,low,close,volume\n".to_owned();
    let many = |first: &str, more: &str| {
        let mut bytes = first.as_bytes().to_vec();
        while bytes.len() < 65 << 20 {
            bytes.extend_from_slice(more.as_bytes());
        }
        bytes
    };
    let stream = gzip(&many(&line, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"));
    assert!(stream.len() < 1 << 18, "packed it is small: {}", stream.len());
    refused_bytes("btcusdt.gz", &stream, &["zip bomb", "unpack it yourself"]);
    let csv = many(&good, "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
    let place = "klines/BTCUSDT/1m/BTCUSDT-1m-2026-02";
    refused_bytes(&format!("{place}.zip"), &common::zip("a.csv", &csv), &["zip bomb", "over 200"]);
    refused_bytes(&format!("{place}.csv.gz"), &gzip(&csv), &["zip bomb"]);
}

/// One series of the second recording contradicts the first; its other series, which is new, stays out too.
#[test]
fn a_recording_comes_in_whole_or_not_at_all() {
    let raw = Raw::new();
    let first = trade(T, 7, "100", "1", "MARKET") + "\n" + &trade(T + 9, 8, "100", "1", "MARKET");
    raw.file("a_1.jsonl", first.as_bytes());
    assert_eq!(run(&raw).files, 1);
    let lines = [
        trade(T, 7, "100", "2", "MARKET"),
        quotes(T, 5, ("100", "1"), ("101", "1")),
        trade(T + 9, 8, "100", "1", "MARKET"),
    ];
    raw.file("b_2.jsonl", lines.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (0, 1), "{report:#?}");
    for part in ["trades/BTCUSDT: row 1:", "qty 2", "qty 1", "a_1.jsonl row 1", "delete"] {
        let reason = &report.refused[0].reason;
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
    assert_eq!(kinds(&raw), ["trades/BTCUSDT 2"]);
    assert_eq!(raw.parquet_files(), 1);

    // A longer recording of the same is no contradiction, and brings what is new.
    let lines = [first, quotes(T, 5, ("100", "1"), ("101", "1"))];
    raw.file("b_2.jsonl", lines.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.rows, report.duplicates), (1, 3, 4), "{report:#?}");
    assert_eq!(kinds(&raw), ["trades/BTCUSDT 2", "bookTicker/BTCUSDT 1"]);
    let again = run(&raw);
    assert_eq!((again.files, again.skipped.len(), again.duplicates), (0, 2, 5), "{again:#?}");
    assert_eq!(again.digest, report.digest);
}

/// A day's file goes on where the one before ended: in the same instant, with the next id.
#[test]
fn a_day_file_continues_the_one_before() {
    let raw = Raw::new();
    let book = |ms, ids| change(ms, ids, &[("100", "1")], &[]);
    let first = [
        snapshot(T, 4, &[("100", "1")], &[("101", "1")]),
        book(T, (4, 6, 3)),
        book(T + 5, (7, 9, 6)),
        trade(T + 3, 6, "100", "2", "MARKET"),
        trade(T + 5, 7, "100", "2", "MARKET"),
    ];
    let second = [
        book(T + 5, (10, 12, 9)),
        trade(T + 5, 8, "100", "2", "MARKET"),
        book(T + 7, (13, 14, 12)),
    ];
    raw.file("btcusdt_20260201.jsonl", first.join("\n").as_bytes());
    raw.file("btcusdt_20260202.jsonl", second.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.duplicates, report.refused.len()), (2, 0, 0), "{report:#?}");
    let set = datasets::catalogue::Catalogue::open(&raw.path("set")).expect("a data set");
    let checks = set.check().expect("runs");
    assert!(checks.iter().all(datasets::catalogue::Check::is_clean), "{checks:#?}");
}

#[test]
fn lists_of_liquidations() {
    let line = |symbol: &str, side: &str, ms: i64| {
        format!("{symbol},{side},LIMIT,IOC,5642,0.1921769,0.1950000,FILLED,55,5642,{ms},1084.26\n")
    };
    let raw = Raw::new();
    let place = "liquidations/somebody/binance.csv";
    let twice = line("ZK", "SELL", T + 1);
    let text = [twice.clone(), twice, line("BTCUSDC", "BUY", T), line("ZK", "BUY", T + 2)].concat();
    raw.file(place, text.as_bytes());
    let report = run(&raw);
    assert_eq!(kinds(&raw), ["forceOrder/BTCUSDC 1", "forceOrder/ZKUSDT 2"]);
    let notes: Vec<&str> = report.notes.iter().map(|note| &note.text[..]).collect();
    assert!(notes[0].starts_with("1 symbols are written without"), "{notes:?}");
    assert_eq!(notes[1], "1 rows repeat the one before and were left out");
    refused_bytes(place, line("ZK", "HOLD", T).as_bytes(), &["line 1: column 'side': \"HOLD\""]);
    refused_bytes(place, b"ZK,SELL,LIMIT\n", &["line 1: 3 columns", "liquidations have 12"]);
    refused_bytes(place, line("zk", "SELL", T).as_bytes(), &["column 'symbol'", "is not a symbol"]);

    let raw = Raw::new();
    let text = line("ZK", "SELL", T) + &line("币安人生", "SELL", T + 1);
    raw.file(place, text.as_bytes());
    let report = run(&raw);
    assert_eq!((report.rows, report.refused.len()), (1, 0), "{report:?}");
    let said = report.notes.iter().any(|note| note.text.contains("1 of \"币安人生USDT\""));
    assert!(said, "{report:?}");
    refused_bytes(place, line("ZK", "SELL", 5).as_bytes(), &["column 'trade_time': \"5\""]);
    let tape = "1737897220002, BTCUSDT, 2541757614, 104943.5, 0.15, 1737897219873, False\n";
    refused_bytes("largeAggTrades/b.csv", tape.as_bytes(), &["only trades above some size"]);
}

/// A recording of one symbol's stream with a message of another's.
#[test]
fn a_message_of_another_symbol_than_its_stream() {
    let trade = r#"{"e":"aggTrade","E":1769904000000,"s":"BTCUSDT","a":1,"p":"9","q":"1","f":1,"l":1,"T":1769904000000,"m":true}"#;
    let by = |stream: &str| format!(r#"{{"stream":"{stream}","data":{trade}}}"#);
    let parts = ["line 2: aggTrade: field 's': \"BTCUSDT\" came by the stream of \"ethusdt\""];
    refused(NAME, &[by("ethusdt@aggTrade")], &parts);
    for stream in ["btcusdt@aggTrade", "!forceOrder@arr", "all"] {
        let raw = Raw::new();
        raw.file(NAME, by(stream).as_bytes());
        let report = run(&raw);
        assert_eq!((report.rows, report.refused), (1, vec![]), "{stream}");
    }
}
