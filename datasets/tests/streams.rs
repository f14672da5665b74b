//! Recorded streams: messages as Binance documents and sends them, one a line.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::stream::{
    BASE_MS, change, decimals, feed, gzip, kinds, levels, quotes, run, snapshot, trade,
};
use common::{Raw, drain};
use datasets::Kind;
use datasets::catalogue::Catalogue;
use datasets::replay::Range;
use engine::{MarketData, Nanos, Side};

/// One message of each kind, some combined, some bare, some in a list.
fn one_of_each() -> String {
    let t = BASE_MS;
    [
        r#"{"result":null,"id":1}"#.to_owned(),
        snapshot(t, 100, &[("100.1", "1")], &[("100.2", "2")]),
        change(t + 1, (99, 101, 98), &[("100.1", "1.5")], &[]),
        quotes(t + 1, 101, ("100.10", "1.500"), ("100.20", "2.000")),
        trade(t + 2, 7, "100.10", "0.250", "MARKET"),
        format!(
            r#"{{"e":"aggTrade","E":{t},"s":"BTCUSDT","a":5933014,"p":"0.001","q":"100","nq":"100","f":100,"l":105,"T":{t},"m":true}}"#
        ),
        format!(
            r#"{{"stream":"!markPrice@arr@1s","data":[{{"e":"markPriceUpdate","E":{t},"s":"BTCUSDT","p":"11185.87786614","ap":"11185.87786614","i":"11784.62659091","P":"11784.25641265","r":"0.00030000","T":{t}}},{{"e":"markPriceUpdate","E":{t},"s":"BTCUSDT_260327","p":"11185.8","i":"11784.6","P":"11784.2","r":"","T":0}}]}}"#
        ),
        format!(
            r#"{{"e":"forceOrder","E":{t},"o":{{"s":"ETHUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9910","X":"FILLED","l":"0.014","z":"0.014","T":{t}}}}}"#
        ),
        format!(r#"{{"e":"24hrMiniTicker","E":{t},"s":"BTCUSDT","c":"0.0025"}}"#),
        format!(
            r#"{{"stream":"btcusdt@depth5@100ms","data":{{"e":"depthUpdate","E":{t},"T":{t},"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}}}"#
        ),
    ]
    .join("\n")
}

#[test]
fn each_kind_of_message_becomes_a_series() {
    let raw = Raw::new();
    raw.file("btcusdt_1.jsonl", one_of_each().as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.rows, report.refused.len()), (1, 10, 0), "{report:#?}");
    assert_eq!(
        kinds(&raw),
        [
            "aggTrades/BTCUSDT 1",
            "trades/BTCUSDT 1",
            "bookTicker/BTCUSDT 1",
            "depth/BTCUSDT 4",
            "markPrice/BTCUSDT 1",
            "markPrice/BTCUSDT_260327 1",
            "forceOrder/ETHUSDT 1",
        ]
    );
    let notes: Vec<&str> = report.notes.iter().map(|note| &note.text[..]).collect();
    let left_out = "messages of other types were left out: 1 of \"24hrMiniTicker\", 1 of \"depth5\", 1 of \
                    \"no type\"";
    assert_eq!(notes, [left_out]);
    let checks = Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs");
    assert!(checks.iter().all(|check| check.is_clean()), "{checks:#?}");
}

#[test]
fn plain_and_packed_recordings_have_one_digest() {
    let digest = |name: &str, bytes: &[u8]| {
        let raw = Raw::new();
        raw.file(name, bytes);
        run(&raw).digest
    };
    let text = one_of_each();
    let (first, second) = text.split_at(text.find("bookTicker").expect("a message"));
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let plain = digest("btcusdt_1.ndjson", text.as_bytes());
    assert_eq!(plain, digest("btcusdt_1.dat.gz", &gzip(text.as_bytes())));
    assert_eq!(plain, digest("btcusdt.gz", &members), "gzip of several members");
    let windows = format!("\u{feff}{}\r\n\r\n", text.replace('\n', "\r\n"));
    assert_eq!(plain, digest("btcusdt-1.dat", windows.as_bytes()));
}

#[test]
fn windows_text_is_noted() {
    let raw = Raw::new();
    let line = trade(BASE_MS, 7, "100.10", "0.250", "MARKET");
    raw.file("a.jsonl", format!("\u{feff}{line}\r\n").as_bytes());
    let notes: Vec<String> = run(&raw).notes.into_iter().map(|note| note.text).collect();
    assert!(notes[0].contains("byte-order mark") && notes[1].contains("Windows"), "{notes:?}");
}

/// The snapshot came after two changes, of which it holds the first and a part of the second.
#[test]
fn a_late_snapshot_is_put_where_its_id_belongs() {
    let raw = Raw::new();
    let t = BASE_MS;
    let text = [
        change(t, (90, 95, 89), &[("99", "7")], &[]),
        change(t + 10, (96, 105, 95), &[("100", "3")], &[("102", "4")]),
        change(t + 20, (106, 110, 105), &[("100", "5")], &[]),
        snapshot(t + 5, 100, &[("100", "1"), ("99", "7")], &[("101", "2")]),
        change(t + 30, (111, 120, 110), &[], &[("101", "0")]),
    ];
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.rows, report.notes.len()), (1, 9, 0), "{report:#?}");
    let check = &Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs")[0];
    assert!(check.is_clean(), "the chain goes on through the snapshot: {check:?}");
    let events = drain(&mut feed(&raw, &[Kind::Depth], Range::ALL));
    let times: Vec<i64> = events.iter().map(|event| event.time.millis() - t).collect();
    assert_eq!(times, [0, 5, 5, 5, 5, 10, 10, 20, 30]);
    assert_eq!(events[1].data, MarketData::DepthClear);
    assert_eq!(levels(&events), [(Side::Buy, 99, 7), (Side::Buy, 100, 5), (Side::Sell, 102, 4)]);
}

/// Binance's rule: changes that are wholly in the snapshot are not applied to it.
#[test]
fn changes_that_a_snapshot_holds_are_dropped_and_counted() {
    let raw = Raw::new();
    let t = BASE_MS;
    let text = [
        snapshot(t + 5, 100, &[("100", "1")], &[("101", "2")]),
        change(t, (90, 95, 89), &[("99", "7")], &[]),
        change(t + 4, (96, 99, 95), &[("98", "7")], &[]),
        change(t + 6, (100, 105, 99), &[("100", "3")], &[]),
    ];
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!(report.rows, 4, "{report:#?}");
    assert!(report.notes[0].text.starts_with("depth/BTCUSDT: 2 messages of changes"), "{report:?}");
    let check = &Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs")[0];
    assert!(check.is_clean(), "{check:?}");
}

#[test]
fn a_snapshot_without_a_time_is_not_before_the_changes_in_it() {
    let raw = Raw::new();
    let (t, s) = (BASE_MS, BASE_MS as f64 / 1_000.0);
    let seconds = |late_ms: f64| s + late_ms / 1_000.0;
    let bare = r#"{"lastUpdateId":100,"bids":[["100","1"]],"asks":[["101","2"]]}"#;
    let text = [
        format!(
            r#"{{"ts_local":{},"symbol":"BTCUSDT","type":"snapshot","data":{bare}}}"#,
            seconds(-80.0)
        ),
        format!(
            r#"{{"ts_local":{},"symbol":"BTCUSDT","type":"depthUpdate","data":{}}}"#,
            seconds(1.0),
            change(t, (90, 95, 89), &[("99", "7")], &[])
        ),
        change(t + 6, (96, 105, 95), &[("100", "3")], &[]),
        r#"{"ts_local":1,"symbol":"BTCUSDT","type":"exchangeInfo","data":{"tickSize":"0.1"}}"#
            .replace(":1,", &format!(":{s},")),
    ];
    raw.file("raw_1772138833.ndjson", text.join("\n").as_bytes());
    let report = run(&raw);
    let notes: Vec<&str> = report.notes.iter().map(|note| &note.text[..]).collect();
    for part in [
        "1 messages of changes came after",
        "1 snapshots tell no exchange time",
        "the local time of 1 messages is but a copy",
        "1 of \"exchangeInfo\"",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part:?} in {notes:#?}");
    }
    let events = drain(&mut feed(&raw, &[Kind::Depth], Range::ALL));
    let times: Vec<i64> = events.iter().map(|event| event.time.millis() - t).collect();
    assert_eq!(times, [0, 0, 0, 6]);
}

#[test]
fn a_message_without_levels_does_not_break_the_chain() {
    let raw = Raw::new();
    let t = BASE_MS;
    let text = [
        snapshot(t, 100, &[("100", "1")], &[("101", "2")]),
        change(t + 1, (100, 102, 99), &[("100", "3")], &[]),
        change(t + 2, (103, 104, 102), &[], &[]),
        change(t + 3, (105, 106, 104), &[], &[]),
        change(t + 4, (107, 108, 106), &[("100", "4")], &[]),
    ];
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    let report = run(&raw);
    assert!(report.notes[0].text.contains("2 messages changed no level"), "{report:?}");
    let check = &Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs")[0];
    assert!(check.is_clean(), "{check:?}");
}

#[test]
fn local_times_become_delays() {
    let raw = Raw::new();
    let t = BASE_MS;
    let us = |ms: i64| (t + ms) * 1_000;
    let text = [
        format!("{} {}", us(3), trade(t, 7, "100", "1", "MARKET")),
        format!("{}\t{}", us(13) * 1_000 + 1, trade(t + 10, 8, "100", "1", "MARKET")),
        format!("{} {}", us(19), trade(t + 20, 9, "100", "1", "MARKET")),
        trade(t + 30, 10, "100", "1", "MARKET"),
    ];
    raw.file("btcusdt.dat", text.join("\n").as_bytes());
    let report = run(&raw);
    let notes: Vec<&str> = report.notes.iter().map(|note| &note.text[..]).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("1 times finer than microseconds"), "{notes:?}");
    assert!(
        notes[1].starts_with("1 of 3 local times run before the exchange's, by 1 ms"),
        "{notes:?}"
    );
    let events = drain(&mut feed(&raw, &[Kind::Trades], Range::ALL));
    let delays: Vec<Option<Nanos>> = events.iter().map(|event| event.delay.span()).collect();
    let ms = |ms| Some(Nanos::from_millis(ms));
    assert_eq!(delays, [ms(3), ms(3), ms(0), None]);
}

#[test]
fn trades_of_no_market_are_left_out() {
    let raw = Raw::new();
    let text = [
        trade(BASE_MS, 7, "100", "1", "MARKET"),
        trade(BASE_MS, 8, "150", "1", "INSURANCE_FUND"),
        trade(BASE_MS, 9, "100", "1", "MARKET"),
    ];
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!(report.rows, 2);
    assert!(report.notes[0].text.contains("1 of \"INSURANCE_FUND\""), "{report:?}");
}

/// The file of a series is begun after some ten thousand rows; a finer price after that is no loss.
#[test]
fn a_finer_price_far_down_the_file_is_exact() {
    let raw = Raw::new();
    let count = 70_000;
    let price = |i: i64| if i < count - 1 { "100.5" } else { "100.25" };
    let lines = (0..count).map(|i| trade(BASE_MS + i, i + 1, price(i), "1", "MARKET"));
    raw.file("btcusdt.jsonl", lines.collect::<Vec<_>>().join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!((report.rows, report.refused.len()), (70_000, 0), "{report:?}");
    assert_eq!(decimals(&raw, Kind::Trades), (2, 0));
    let events = drain(&mut feed(&raw, &[Kind::Trades], Range::ALL));
    let MarketData::Trade(last) = events[69_999].data else { panic!("a trade") };
    let MarketData::Trade(first) = events[0].data else { panic!("a trade") };
    assert_eq!((first.price.0, last.price.0), (10_050, 10_025));
}

/// A range in the middle shows first what the book was then, and then what changed.
#[test]
fn a_range_in_the_middle_begins_with_the_folded_book() {
    let raw = Raw::new();
    let t = BASE_MS;
    let text = [
        snapshot(t, 100, &[("100", "1"), ("99", "2")], &[("101", "2")]),
        change(t + 10, (100, 105, 99), &[("100", "0")], &[("102", "4")]),
        change(t + 20, (106, 110, 105), &[("98", "5")], &[]),
    ];
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    run(&raw);
    let range = Range { from: Nanos::from_millis(t + 15), to: Nanos::NEVER };
    let mut feed = feed(&raw, &[Kind::Depth], range);
    assert_eq!(feed.warnings(), Vec::<String>::new());
    let events = drain(&mut feed);
    let times: Vec<i64> = events.iter().map(|event| event.time.millis() - t).collect();
    assert_eq!(times, [15, 15, 15, 15, 20]);
    assert_eq!(events[0].data, MarketData::DepthClear);
    let before: Vec<_> = levels(&events[..4]);
    assert_eq!(before, [(Side::Buy, 99, 2), (Side::Sell, 101, 2), (Side::Sell, 102, 4)]);
}

/// Two recordings with a day between them: the levels of the first are not those of the second's book.
#[test]
fn a_book_does_not_outlive_its_recording() {
    let raw = Raw::new();
    let t = BASE_MS;
    let later = t + 86_400_000;
    let first = snapshot(t, 100, &[("100", "1"), ("99", "2")], &[("101", "2")]);
    let second = [
        change(later, (900, 905, 899), &[("120", "1")], &[]),
        snapshot(later + 5, 910, &[("120", "1")], &[("121", "3")]),
        change(later + 10, (906, 912, 905), &[("119", "3")], &[]),
    ];
    raw.file("a/btcusdt.jsonl", first.as_bytes());
    raw.file("b/btcusdt.jsonl", second.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!(report.refused, []);
    let book_at = |from: i64, events: usize| {
        let range = Range { from: Nanos::from_millis(from), to: Nanos::NEVER };
        let mut feed = feed(&raw, &[Kind::Depth], range);
        let unknown = feed.warnings().iter().any(|w| w.contains("no snapshot before the range"));
        (levels(&drain(&mut feed)[..events]), unknown)
    };
    let new = vec![(Side::Buy, 120, 1)];
    // The first change of the second recording, seen from the first one and from just before it.
    assert_eq!(book_at(t, 4 + 2), (new.clone(), false));
    assert_eq!(book_at(later - 1_000, 1), (new, true));
    let whole = vec![(Side::Buy, 120, 1), (Side::Sell, 121, 3)];
    assert_eq!(book_at(later + 7, 3), (whole, false));
}

/// What the merge hands out is in the exchange's order, each event with its own delay.
#[test]
fn books_quotes_trades_and_marks_replay_as_one_feed() {
    let raw = Raw::new();
    let t = BASE_MS;
    let at = |late: i64, text: String| format!("{} {text}", (t + late) * 1_000);
    let mark = format!(
        r#"{{"e":"markPriceUpdate","E":{t},"s":"BTCUSDT","p":"100.5","i":"100.4","P":"1","r":"0.0001","T":{t}}}"#
    );
    let text = [
        at(9, trade(t + 2, 7, "100", "1", "MARKET")),
        at(8, change(t + 2, (100, 105, 99), &[("100", "3")], &[])),
        at(7, quotes(t + 2, 105, ("100", "3"), ("101", "2"))),
        at(6, snapshot(t + 1, 100, &[("100", "4")], &[("101", "2")])),
        at(5, mark),
    ];
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!(report.refused, []);
    let all = [Kind::Depth, Kind::Trades, Kind::BookTicker, Kind::MarkPrice];
    let events = drain(&mut feed(&raw, &all, Range::ALL));
    let told: Vec<(i64, i64, &str)> = events
        .iter()
        .map(|event| {
            let what = match event.data {
                MarketData::Trade(_) => "trade",
                MarketData::BestQuotes(_) => "quotes",
                MarketData::DepthClear | MarketData::Depth(_) => "book",
                MarketData::IndexPrice(_) => "index",
                MarketData::MarkPrice(_) => "mark",
                _ => "other",
            };
            let delay = event.delay.span().expect("recorded").0 / 1_000_000;
            (event.time.millis() - t, delay, what)
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, 5, "index"),
            (0, 5, "mark"),
            (1, 5, "book"),
            (1, 5, "book"),
            (1, 5, "book"),
            (2, 7, "trade"),
            (2, 5, "quotes"),
            (2, 6, "book"),
        ]
    );
}

/// A snapshot that took longer than any fetch does, and one that was fetched twice, bring nothing.
#[test]
fn snapshots_that_come_too_late_are_dropped_and_counted() {
    let raw = Raw::new();
    let t = BASE_MS;
    let whole = snapshot(t, 100, &[("100", "1")], &[("101", "2")]);
    let book = |i: i64| change(t + i, (100 + i, 100 + i, 99 + i), &[("100", "3")], &[]);
    let mut text = vec![whole.clone(), whole.clone()];
    text.extend((0..600).map(book));
    text.push(whole);
    raw.file("btcusdt.jsonl", text.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!(report.rows, 3 + 600, "{report:?}");
    assert!(report.notes[0].text.starts_with("depth/BTCUSDT: 2 snapshots are older"), "{report:?}");
    let check = &Catalogue::open(&raw.path("set")).expect("a data set").check().expect("runs")[0];
    assert!(check.is_clean(), "{check:?}");
}

/// One contract whose name no `Symbol` can hold, in the recording of all.
#[test]
fn symbols_of_other_letters_are_left_out_and_named() {
    let raw = Raw::new();
    let other = |line: String| line.replace("BTCUSDT", "币安人生USDT");
    let mark = |symbol: &str| {
        format!(
            r#"{{"e":"markPriceUpdate","E":{BASE_MS},"s":"{symbol}","p":"0.1","i":"0.1","r":"","T":0}}"#
        )
    };
    let force = r#"{"e":"forceOrder","E":1,"o":{"s":"币安人生USDT","S":"SELL","q":"1","p":"1","ap":"1","z":"1","T":1}}"#;
    let bare = r#"{"lastUpdateId":100,"E":1,"T":1,"bids":[["1","1"]],"asks":[["2","1"]]}"#;
    let lines = [
        quotes(BASE_MS, 101, ("100.10", "1.500"), ("100.20", "2.000")),
        other(quotes(BASE_MS, 101, ("100.10", "1.500"), ("100.20", "2.000"))),
        other(change(BASE_MS + 1, (99, 101, 98), &[("100.1", "1.5")], &[])),
        other(trade(BASE_MS + 2, 7, "100.10", "0.250", "MARKET")),
        format!("[{},{}]", mark("币安人生USDT"), mark("A2345678901234567890USDT")),
        force.to_owned(),
        format!(
            r#"{{"ts_local":1772138833,"symbol":"币安人生USDT","type":"snapshot","data":{bare}}}"#
        ),
    ];
    raw.file("all.jsonl", lines.join("\n").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.rows, report.refused.len()), (1, 1, 0), "{report:#?}");
    assert_eq!(kinds(&raw), ["bookTicker/BTCUSDT 1"]);
    let notes: Vec<&str> = report.notes.iter().map(|note| &note.text[..]).collect();
    assert_eq!(
        notes,
        ["messages of symbols whose names are not 1 to 23 of A-Z, 0-9 and '_' were left out: \
          1 of \"A2345678901234567890USDT\", 6 of \"币安人生USDT\""]
    );
}
