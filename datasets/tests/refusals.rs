//! Every refusal of the import: it names file and place, and stops no other file.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{CHECKSUM_OF_NOTHING, Raw, START_MS, header, kline};
use datasets::import::{ImportReport, import};

/// Imports `content` beside a good file, and expects it refused for `reason` at any place in it.
fn refused(place: &str, content: &[u8], reasons: &[&str]) {
    let raw = Raw::new();
    raw.file(place, content);
    raw.file("klines/ETHUSDT/1m/ETHUSDT-1m-2026-01.csv", kline(0, "1,2,1,2,5").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.rows), (1, 1), "the other file still comes in: {report:?}");
    assert_eq!(report.refused.len(), 1, "{report:?}");
    assert!(report.refused[0].path.ends_with(place));
    for reason in reasons {
        let text = &report.refused[0].reason;
        assert!(text.contains(reason), "{text:?} lacks {reason:?}");
    }
    assert_eq!(raw.parquet_files(), 1, "a refused file leaves nothing");
}

fn run(raw: &Raw) -> ImportReport {
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("the folder is fine")
}

const CSV: &str = "klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.csv";
const ZIP: &str = "klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.zip";

fn rows(rows: &[String]) -> Vec<u8> {
    (header() + &rows.concat()).into_bytes()
}

#[test]
fn corrupt_zip() {
    refused(ZIP, b"PK\x03\x04 and then nothing", &["not a readable zip", "download it again"]);
}

#[test]
fn damaged_bytes_inside_a_zip() {
    let many: Vec<String> = (0..200).map(|i| kline(i, "1,2,1,2,5")).collect();
    let mut bytes = common::zip("BTCUSDT-1m-2026-02.csv", &rows(&many));
    // The first bytes are the local header; what follows them is compressed data.
    bytes[90] ^= 0x55;
    bytes[91] ^= 0x55;
    refused(ZIP, &bytes, &["line "]);
}

#[test]
fn wrong_checksum() {
    let raw = Raw::new();
    raw.file(ZIP, &common::zip("BTCUSDT-1m-2026-02.csv", kline(0, "1,2,1,2,5").as_bytes()));
    raw.file(&format!("{ZIP}.CHECKSUM"), format!("{CHECKSUM_OF_NOTHING}  x.zip\n").as_bytes());
    let report = run(&raw);
    assert!(report.refused[0].reason.contains("wrong checksum"), "{report:?}");
    assert_eq!(raw.parquet_files(), 0);
}

#[test]
fn missing_checksum_is_a_note() {
    let raw = Raw::new();
    raw.file(ZIP, &common::zip("BTCUSDT-1m-2026-02.csv", kline(0, "1,2,1,2,5").as_bytes()));
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (1, 0));
    assert!(report.notes[0].text.contains("no .CHECKSUM"));
}

#[test]
fn truncated_csv() {
    let mut text = rows(&[kline(0, "1,2,1,2,5"), kline(1, "1,2,1,2,5")]);
    text.truncate(text.len() - 20);
    refused(CSV, &text, &["line 3", "columns", "cut"]);
}

#[test]
fn cut_in_the_last_number() {
    let text = b"open_time,open,high,low,close,volume,close_time\n\
        1769904000000,1,2,1,2,5,1769904059999\n1769904060000,1,2,1,2,5,17699041";
    refused(CSV, text, &["line 3", "column 'close_time'"]);
}

/// Where the end of a line cannot be checked, its line end is what tells that it is whole.
#[test]
fn a_last_line_that_may_be_cut() {
    let whole = rows(&[kline(0, "1,2,1,2,5"), kline(1, "1,2,1,2,5")]);
    for cut in [1, 2] {
        let text = &whole[..whole.len() - cut];
        refused(CSV, text, &["line 3", "no line end", "cut", "download it again"]);
    }
    let funding = format!("{START_MS},8,0.00010000\n{},8,0.0001", START_MS + 28_800_000);
    let place = "fundingRate/BTCUSDT/BTCUSDT-fundingRate-x.csv";
    refused(place, funding.as_bytes(), &["line 2", "no line end", "cut"]);

    // The checksum of a zip has told already that nothing is cut.
    let raw = Raw::new();
    let zip = common::zip("x.csv", funding.as_bytes());
    raw.file("fundingRate/BTCUSDT/BTCUSDT-fundingRate-x.zip", &zip);
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (1, 0), "{report:?}");
}

#[test]
fn a_column_that_is_there_twice() {
    let twice = header().replace("high", "open");
    let text = twice + &kline(0, "1,2,1,2,5");
    refused(CSV, text.as_bytes(), &["line 1", "two columns", "'open'", "remove one"]);
}

#[test]
fn years_without_markets() {
    let at = |ms: &str| {
        rows(&[kline(0, "1,2,1,2,5"), kline(1, "1,2,1,2,5").replace("1769904060000", ms)])
    };
    for (ms, year) in
        [("9000000000000", "2255"), ("9000000000000000", "2255"), ("900000000000", "1998")]
    {
        let reasons = ["line 3", "'open_time'", year, "milliseconds or microseconds", "correct"];
        refused(CSV, &at(ms), &reasons);
    }
}

#[test]
fn bars_off_their_grid() {
    let open = START_MS + 30_000;
    let text = rows(&[format!("{open},1,2,1,2,5,{},1,1,1,1,0\n", open + 59_999)]);
    let reasons =
        ["line 2", "'open_time'", "2026-02-01T00:00:30Z", "whole 1m", "download it again"];
    refused(CSV, &text, &reasons);
}

#[test]
fn bars_of_another_interval() {
    let text = rows(&[kline(0, "1,2,1,2,5").replace("059999", "119999")]);
    refused(CSV, &text, &["line 2", "column 'close_time'", "not the end of a bar of 1m"]);
}

#[test]
fn rows_out_of_order() {
    let text = rows(&[kline(1, "1,2,1,2,5"), kline(0, "1,2,1,2,5")]);
    let both = ["line 3", "out of order", "2026-02-01T00:00:00Z", "2026-02-01T00:01:00Z"];
    refused(CSV, &text, &both);
}

#[test]
fn repeated_row() {
    let text = rows(&[kline(1, "1,2,1,2,5"), kline(1, "1,2,1,2,5")]);
    refused(CSV, &text, &["line 3", "duplicate", "2026-02-01T00:01:00Z"]);
}

#[test]
fn prices_not_above_zero_and_not_numbers() {
    refused(CSV, &rows(&[kline(0, "0,2,0,2,5")]), &["line 2", "'open'", "not above zero"]);
    refused(CSV, &rows(&[kline(0, "1,2,-1,2,5")]), &["line 2", "'low'", "not above zero"]);
    refused(CSV, &rows(&[kline(0, "1,NaN,1,2,5")]), &["line 2", "'high'", "NaN"]);
    refused(CSV, &rows(&[kline(0, "1,inf,1,2,5")]), &["line 2", "'high'", "inf"]);
    refused(CSV, &rows(&[kline(0, "1,2,1,2,-5")]), &["line 2", "'volume'", "below zero"]);
}

#[test]
fn bars_that_contradict_themselves() {
    refused(CSV, &rows(&[kline(0, "3,2,1,2,5")]), &["line 2", "contradict"]);
    refused(CSV, &rows(&[kline(0, "1,2,1.5,2,5")]), &["line 2", "contradict"]);
}

#[test]
fn empty_file() {
    refused(CSV, b"", &["no rows"]);
    refused(CSV, header().as_bytes(), &["no rows"]);
}

#[test]
fn what_cannot_be_told() {
    refused("raw.csv", b"1,2,3\n", &["does not begin with a symbol"]);
    refused("BTCUSDT-1m-2026-02.csv", kline(0, "1,2,1,2,5").as_bytes(), &["below a folder"]);
    refused("klines/BTCUSDT/BTCUSDT-x.csv", b"1\n", &["without a known interval"]);
    refused("klines/BTCUSDT/1h/BTCUSDT-1m-x.csv", b"1\n", &["its name says 1m"]);
    refused(CSV, b"hello,world\n1,2\n", &["need a column 'open_time'"]);
}

#[test]
fn times_that_are_none() {
    refused(
        CSV,
        &rows(&[kline(0, "1,2,1,2,5").replace("1769904000000", "1769904000")]),
        &["line 2", "is no time"],
    );
}

#[test]
fn repeated_trade() {
    let text = b"7,1.5,2,1,1,1729209603958,true\n7,1.5,2,1,1,1729209603958,true\n";
    refused("aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-10-18.csv", text, &["line 2", "duplicate"]);
}

#[test]
fn funding_of_another_symbol() {
    let text = b"timestamp,symbol,funding_rate\n1768233600000,ADAUSDT,0.0001\n";
    refused("fundingRate/BTCUSDT/BTCUSDT-fundingRate-x.csv", text, &["line 2", "'symbol'"]);
}

#[test]
fn two_sources_of_one_period() {
    let raw = Raw::new();
    raw.file("a/klines/BTCUSDT/1m/BTCUSDT-1m-x.csv", kline(0, "1,2,1,2,5").as_bytes());
    raw.file("b/klines/BTCUSDT/1m/BTCUSDT-1m-x.csv", kline(0, "1,2,1,2,6").as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (1, 1), "{report:?}");
    let reason = &report.refused[0].reason;
    for part in ["line 1: volume 6", "a/klines/BTCUSDT/1m/BTCUSDT-1m-x.csv line 1 has volume 5"] {
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
}

#[test]
fn missing_path_is_refused() {
    let raw = Raw::new();
    let report = import(&[raw.path("nowhere")], &raw.path("set"), &|_| {}).expect("runs");
    assert!(report.refused[0].reason.contains("no such file"));
}

/// A float that a program wrote: no exchange publishes so many decimals, and no run has a grid for them.
#[test]
fn more_decimals_than_are_published() {
    let reasons =
        ["line 3", "'volume'", "12.300000000000001", "more than 8 decimals", "float", "round"];
    refused(CSV, &rows(&[kline(0, "1,2,1,2,5"), kline(1, "1,2,1,2,12.300000000000001")]), &reasons);
    refused(
        CSV,
        &rows(&[kline(0, "1,2.000000001,1,2,5")]),
        &["line 2", "'high'", "more than 8 decimals"],
    );
    let funding = format!("{START_MS},8,0.000100001\n");
    let place = "fundingRate/BTCUSDT/BTCUSDT-fundingRate-x.csv";
    refused(place, funding.as_bytes(), &["line 1", "'last_funding_rate'", "more than 8 decimals"]);
}

#[test]
fn a_change_of_the_time_unit() {
    let micros = kline(1, "1,2,1,2,5").replace("1769904060000", "1769904060000000");
    let micros = micros.replace("1769904119999", "1769904119999999");
    let millis = kline(2, "1,2,1,2,5");
    let reasons =
        ["line 3", "'open_time'", "microseconds", "before it", "milliseconds", "one unit"];
    refused(CSV, &rows(&[kline(0, "1,2,1,2,5"), micros.clone(), millis.clone()]), &reasons);
    refused(CSV, &rows(&[micros, millis]), &["line 3", "'open_time'", "is in milliseconds"]);
}

#[test]
fn an_aggregate_that_ends_before_it_begins() {
    let place = "aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-10-18.csv";
    let line = |first: &str, last: &str| {
        format!("7,1.5,2,1,1,1729209603958,true\n8,1.5,2,{first},{last},1729209603959,true\n")
    };
    for (first, last) in [("22", "21"), ("100", "21")] {
        let reasons = ["line 2", "'first_trade_id'", first, last, "download it again"];
        refused(place, line(first, last).as_bytes(), &reasons);
    }
    let raw = Raw::new();
    raw.file(place, line("99", "100").as_bytes());
    assert_eq!(run(&raw).refused, []);
}

/// Rows may have been lost there, and a check tells of gaps only.
#[test]
fn empty_lines_between_rows_are_a_note() {
    let raw = Raw::new();
    let text = header() + &kline(0, "1,2,1,2,5") + "\n\n" + &kline(1, "1,2,1,2,5") + "\n";
    raw.file(CSV, text.as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.rows), (1, 2));
    let notes: Vec<&str> = report.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["2 empty lines between its rows were passed over"]);
    // They count as lines all the same, and so do those that end as in Windows.
    let text = header() + &kline(0, "1,2,1,2,5") + "\n\n" + &kline(1, "1,x,1,2,5");
    refused(CSV, text.as_bytes(), &["line 5", "'high'"]);
    let text = header() + &kline(0, "1,2,1,2,5") + &kline(1, "1,x,1,2,5") + &kline(2, "1,2,1,2,5");
    refused(CSV, text.replace('\n', "\r\n").as_bytes(), &["line 3", "'high'"]);
    // A line of another end among them, and a last one without any.
    let bars: Vec<String> = (0..4).map(|minute| kline(minute, "1,2,1,2,5")).collect();
    let windows = |text: &str| text.replace('\n', "\r\n");
    let mixed = windows(&(header() + &bars[0])) + &bars[1] + &windows(&bars[2]);
    let open = windows(&(header() + &bars[0])) + "\r\n" + bars[1].replace("5,", "x,").trim_end();
    refused(CSV, open.as_bytes(), &["line 4", "'volume'"]);
    let wrong = mixed.clone() + &bars[3].replace(",2,1,", ",x,1,");
    refused(CSV, wrong.as_bytes(), &["line 5", "'high'"]);
    let raw = Raw::new();
    raw.file(CSV, mixed.as_bytes());
    let report = run(&raw);
    assert!(report.notes.iter().all(|note| !note.text.contains("empty lines")), "{report:?}");
}

/// Every refusal says what to do.
#[test]
fn values_that_are_none_have_a_remedy() {
    let remedy = "download the file again, or correct the line";
    for wrong in ["", "NaN", "1.25e1", "12345678901234567890123", " 2"] {
        let text = rows(&[kline(0, &format!("1,{wrong},1,2,5"))]);
        refused(CSV, &text, &["line 2", "'high'", "plain decimal number", remedy]);
    }
    let at = |time: &str| rows(&[kline(0, "1,2,1,2,5").replace("1769904000000", time)]);
    refused(CSV, &at("1769904000"), &["looks like seconds", "multiply by 1000"]);
    refused(CSV, &at("1769904000000000000"), &["looks like nanoseconds", "divide by 1000"]);
    refused(CSV, &at("yesterday"), &["'open_time'", "is no time", remedy]);
    let twice = header() + &kline(0, "1,2,1,2,5") + &header();
    refused(CSV, twice.as_bytes(), &["line 3", "header row again", "take it out"]);
    let place = "aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-10-18.csv";
    let text = "7,1.5,2,1,1,1729209603958,maybe\n";
    refused(place, text.as_bytes(), &["\"maybe\"", "neither true nor false", remedy]);
    let wide: Vec<u8> = rows(&[kline(0, "1,2,1,2,5")]).iter().flat_map(|b| [*b, 0]).collect();
    refused(CSV, &[&[0xFF, 0xFE][..], &wide].concat(), &["UTF-16", "UTF-8"]);
    let semicolons =
        rows(&[kline(0, "1,2,1,2,5")]).into_iter().map(|b| if b == b',' { b';' } else { b });
    refused(CSV, &semicolons.collect::<Vec<u8>>(), &["line 1", "semicolons", "commas"]);
}

#[test]
fn an_empty_archive() {
    let empty = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let empty = empty.finish().expect("a zip").into_inner();
    refused(ZIP, &empty, &["holds no csv file", "download it again"]);
}

#[test]
fn a_line_without_an_end() {
    refused(CSV, &vec![b'0'; 1 << 17], &["line 1", "no end after 65536 bytes", "no csv"]);
}

/// The bar of a source that was fetched before the bar had closed keeps the good one out: deleting what it
/// gave is in vain while it is still among what is imported.
#[test]
fn a_contradiction_names_the_other_source() {
    let raw = Raw::new();
    let bars = kline(0, "1,2,1,2,5") + &kline(1, "1,2,1,2,3");
    raw.file("a/klines/BTCUSDT/1m/BTCUSDT-1m-x.csv", bars.as_bytes());
    let bars = bars.replace("1,2,1,2,3", "1,2,1,2,6") + &kline(2, "1,2,1,2,5");
    raw.file("b/klines/BTCUSDT/1m/BTCUSDT-1m-x.csv", bars.as_bytes());
    let report = run(&raw);
    let reason = &report.refused[0].reason;
    let source = raw.path("raw/a/klines/BTCUSDT/1m/BTCUSDT-1m-x.csv");
    for part in [
        "the last bar of that file",
        "before the bar had closed",
        &format!("leave {} out", source.display()),
        "delete ",
        "import again",
    ] {
        assert!(reason.contains(part), "no {part:?} in {reason:?}");
    }
}

/// Columns that are not stored show damage all the same, and whose bars they are.
#[test]
fn junk_in_columns_that_are_not_stored() {
    let bar = |rest: &str| {
        let text = format!("{START_MS},1,2,1,2,5,{},{rest}\n", START_MS + 59_999);
        rows(&[text])
    };
    for (rest, reasons) in [
        (
            "abc,7,1,1,0",
            ["line 2: column 'quote_volume': \"abc\"", "is not a plain decimal number"],
        ),
        ("-1,7,1,1,0", ["column 'quote_volume'", "from 0 on"]),
        ("1,xx,1,1,0", ["column 'count': \"xx\"", "is not a whole number"]),
        ("1,-7,1,1,0", ["column 'count': \"-7\"", "is not a whole number"]),
        ("1,7.5,1,1,0", ["column 'count': \"7.5\"", "is not a whole number"]),
        ("1,7,5.01,1,0", ["column 'taker_buy_volume': \"5.01\"", "is above the volume of its bar"]),
        (
            "1,7,1,1e3,0",
            ["column 'taker_buy_quote_volume': \"1e3\"", "is not a plain decimal number"],
        ),
    ] {
        refused(CSV, &bar(rest), &reasons);
    }
    let trades = format!("1,2,3,six,{START_MS},true\n");
    let place = "trades/BTCUSDT/BTCUSDT-trades-2026-02-01.csv";
    refused(place, trades.as_bytes(), &["line 1: column 'quote_qty': \"six\""]);
    let aggregates = format!("1,2,3,x,9,{START_MS},true\n");
    let place = "aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-02-01.csv";
    refused(place, aggregates.as_bytes(), &["line 1: column 'first_trade_id': \"x\""]);
    let quotes = format!("1,2,3,4,5,{START_MS},soon\n");
    let place = "bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-02-01.csv";
    refused(place, quotes.as_bytes(), &["line 1: column 'event_time': \"soon\""]);
}

#[test]
fn bars_in_the_folder_of_another_kind() {
    let bar = |volume: i64, count: i64| {
        let close = START_MS + 59_999;
        rows(&[format!("{START_MS},1,2,1,2,{volume},{close},{volume},{count},0,0,0\n")])
    };
    for kind in ["markPriceKlines", "indexPriceKlines", "premiumIndexKlines"] {
        let place = format!("{kind}/BTCUSDT/1m/BTCUSDT-1m-2026-02.csv");
        refused(
            &place,
            &bar(5, 3),
            &["line 2: column 'volume': \"5\"", "these are bars of trades"],
        );
    }
    refused(
        CSV,
        &bar(0, 60),
        &["line 2: column 'count': \"60\"", "bars of mark, index and premium"],
    );
}

#[test]
fn figures_below_zero() {
    let place = "metrics/BTCUSDT/BTCUSDT-metrics-2026-02-01.csv";
    let text = "2026-02-01 00:05:00,BTCUSDT,-7.5,1,1,1,1,1\n";
    refused(
        place,
        text.as_bytes(),
        &["line 1: column 'sum_open_interest': \"-7.5\" is below zero"],
    );
}

#[test]
fn an_index_column_without_a_name() {
    let text = format!(",{}0,{}", header(), kline(0, "1,2,1,2,5"));
    refused(CSV, text.as_bytes(), &["line 1: the first column has no name", "index=False"]);
}
