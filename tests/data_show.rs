//! `qsim data show`: exact rows, made bars, charts, and answers to what is not there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, Output, text};

/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Fifty minutes of BTCUSDT that rise by a tenth each, and four trades of ETHUSDT.
fn data() -> Folder {
    let folder = Folder::new();
    let mut lines = String::new();
    for minute in 0..50 {
        let (time, tenths) = (START_MS + minute * 60_000, 1_000 + minute);
        let show = |tenths: i64| format!("{}.{}", tenths / 10, tenths % 10);
        let (open, high, low, close) =
            (show(tenths), show(tenths + 5), show(tenths - 5), show(tenths + 1));
        lines += &format!("{time},{open},{high},{low},{close},1.25,{},1,1,1,1,0\n", time + 59_999);
    }
    folder.file("raw/klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", &lines);
    let mut trades = "id,price,qty,quote_qty,time,is_buyer_maker\n".to_owned();
    for (id, (price, qty, second, maker)) in [
        ("2000.50", "0.001", 1, false),
        ("2001", "2", 2, true),
        ("1999.25", "1", 61, true),
        ("2000", "0.5", 185, false),
    ]
    .into_iter()
    .enumerate()
    {
        let time = START_MS + second * 1_000;
        trades += &format!("{},{price},{qty},0,{time},{maker}\n", id + 1);
    }
    folder.file("raw/trades/ETHUSDT/ETHUSDT-trades-a.csv", trades);
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
    folder
}

fn show(folder: &Folder, line: &str) -> Output {
    let words = ["data", "show", "--data", "set"].into_iter().chain(line.split_whitespace());
    folder.qsim(&words.collect::<Vec<_>>())
}

#[test]
fn a_table_shows_both_ends() {
    let folder = data();
    let table = show(&folder, "--kind klines --symbol BTCUSDT --rows 5").expect_code(0).stdout;
    assert!(table.contains("| … 45 rows …"), "{table}");
    for (time, shown) in [("00:00:00Z", true), ("00:02:00Z", true), ("00:03:00Z", false)] {
        assert_eq!(table.contains(&format!("2026-02-01T{time}")), shown, "{time}\n{table}");
    }
    assert!(table.contains("| 2026-02-01T00:49:00Z | 104.9 | 105.4 | 104.4 | 105.0 |   1.25 |"));
    let all = show(&folder, "--kind klines --symbol BTCUSDT --rows 50").expect_code(0).stdout;
    assert!(!all.contains('…'), "{all}");
    let bars = "--kind klines --symbol BTCUSDT --resample 30m --to 2026-02-01T00:30:00Z";
    let bars = show(&folder, bars).expect_code(0).stdout;
    assert!(
        bars.contains("| 2026-02-01T00:00:00Z | 100.0 | 103.4 | 99.5 | 103.0 |  37.50 |"),
        "{bars}"
    );
}

#[test]
fn csv_and_json_are_exact() {
    let folder = data();
    let rows = show(&folder, "--kind trades --symbol ETHUSDT --format csv --rows 2");
    let expected = "time,id,price,qty,is_buyer_maker,local_time\n\
                    2026-02-01T00:00:01Z,1,2000.50,0.001,false,\n\
                    2026-02-01T00:00:02Z,2,2001.00,2.000,true,\n";
    assert_eq!(rows.expect_code(0).stdout, expected);
    let bars = "--kind trades --symbol ETHUSDT --resample 1m --format csv --out bars.csv";
    assert_eq!(show(&folder, bars).expect_code(0).stdout, "");
    let written = std::fs::read_to_string(folder.path("bars.csv")).expect("a file");
    let expected = "open_time,open,high,low,close,volume,count,taker_buy_volume\n\
                    2026-02-01T00:00:00Z,2000.50,2001.00,2000.50,2001.00,2.001,2,0.001\n\
                    2026-02-01T00:01:00Z,1999.25,1999.25,1999.25,1999.25,1.000,1,0.000\n\
                    2026-02-01T00:02:00Z,1999.25,1999.25,1999.25,1999.25,0.000,0,0.000\n\
                    2026-02-01T00:03:00Z,2000.00,2000.00,2000.00,2000.00,0.500,1,0.500\n";
    assert_eq!(written, expected);
    let lines =
        show(&folder, "--kind trades --symbol ETHUSDT --format json").expect_code(0).lines();
    assert_eq!(lines.len(), 4);
    assert_eq!(text(&lines[1], "price"), "2001.00");
    assert_eq!(lines[1]["id"], 2);
    assert_eq!(lines[1]["is_buyer_maker"], true);
    assert!(lines[1]["local_time"].is_null());
}

#[test]
fn bars_that_are_not_made_are_told() {
    let folder = data();
    let bars = "--kind klines --symbol BTCUSDT --resample 30m --out bars.csv";
    let told =
        "1 bar of 2 left out: not recorded from 2026-02-01T00:50:00Z to 2026-02-01T01:00:00Z\n";
    assert_eq!(show(&folder, bars).expect_code(0).stderr, told);
    let written = std::fs::read_to_string(folder.path("bars.csv")).expect("a file");
    assert_eq!(written.lines().count(), 2, "the header and a whole bar: {written}");
    let chart = show(&folder, "--kind klines --symbol BTCUSDT --resample 10m --chart");
    assert_eq!(chart.expect_code(0).stderr, "");
}

#[test]
fn a_chart_fits_and_a_picture_is_whole() {
    let folder = data();
    let chart = show(&folder, "--kind klines --symbol BTCUSDT --chart").expect_code(0).stdout;
    assert!(chart.lines().all(|line| line.chars().count() <= 100), "{chart}");
    assert!(
        chart.contains("first 100.0, high 105.4, low 99.5, last 105.0; one candle is 1m"),
        "{chart}"
    );
    assert_eq!(chart.lines().count(), 2 + 18 + 3 + 1, "{chart}");
    assert!(!chart.contains('\x1b'), "colours are for terminals");
    let many = "--kind klines --symbol BTCUSDT --chart --out a.svg";
    assert_eq!(show(&folder, many).expect_code(0).stdout, "");
    let svg = std::fs::read_to_string(folder.path("a.svg")).expect("a picture");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    // The ground, and for each of 50 candles a body and a volume.
    assert_eq!(svg.matches("<rect ").count(), 1 + 2 * 50);
    let bodies = svg.matches("fill=\"#1a9e77\"/>").count();
    assert_eq!(bodies, 50, "all of them rise");
    assert_eq!(
        show(&folder, "--kind klines --symbol BTCUSDT --out b.svg").expect_code(0).stdout,
        ""
    );
    assert_eq!(std::fs::read_to_string(folder.path("b.svg")).expect("a picture"), svg);
}

#[test]
fn the_ending_of_a_file_says_what_is_written() {
    let folder = data();
    for (out, begins) in [
        ("a.csv", "open_time,"),
        ("a.json", "{\"open_time\""),
        ("a.jsonl", "{\"open_time\""),
        ("a.txt", "+--"),
        ("a.svg", "<svg "),
    ] {
        let line = format!("--kind klines --symbol BTCUSDT --out {out}");
        assert_eq!(show(&folder, &line).expect_code(0).stdout, "");
        let written = std::fs::read_to_string(folder.path(out)).expect("a file");
        assert!(written.starts_with(begins), "{out}: {written}");
    }
    for (out, reason) in [
        ("--chart --out a.png", ".svg"),
        ("--out a.png", ".svg"),
        ("--out b.svg --rows 5", "leave --format and --rows out"),
        ("--out b.csv --format json", "leave --format out"),
    ] {
        let refused = show(&folder, &format!("--kind klines --symbol BTCUSDT {out}"));
        let refused = refused.expect_code(2).stderr;
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn what_is_not_there_is_answered_with_the_nearest() {
    let folder = data();
    for (line, answer) in [
        ("--kind kline --symbol BTCUSDT", "did you mean klines?"),
        ("--kind aggTrades --symbol BTCUSDT", "here are: klines, trades"),
        ("--kind klines --symbol BTC", "did you mean BTCUSDT?"),
        ("--kind klines --symbol BTCUSDT --interval 5m", "but in 1m; longer bars are made"),
        ("--kind trades --symbol ETHUSDT --interval 5m", "--resample 5m"),
        ("--kind trades --symbol ETHUSDT --resample 5x", "give a length such as 1s"),
        ("--kind klines --symbol BTCUSDT --resample 90s", "no multiple"),
        (
            "--kind klines --symbol BTCUSDT --from 2027-01-01T00:00:00Z",
            "is recorded from 2026-02-01T00:00:00Z to 2026-02-01T00:49:00Z",
        ),
        (
            "--kind klines --symbol BTCUSDT --from 2026-02-01T00:01:00Z --to 2026-02-01T00:29:00Z --resample 30m",
            "is from 2026-02-01T00:30:00Z to 2026-02-01T01:00:00Z",
        ),
        (
            "--kind klines --symbol BTCUSDT --from 2026-02-02T00:00:00Z --to 2026-02-01T00:00:00Z",
            "exchange them",
        ),
    ] {
        let output = show(&folder, line).expect_code(2);
        assert!(output.stderr.contains(answer), "{line}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{line}");
    }
    let none = folder.qsim(&["data", "show", "--kind", "klines", "--symbol", "BTCUSDT"]);
    assert!(none.expect_code(2).stderr.contains("QSIM_DATA"));
}
