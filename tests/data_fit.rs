//! `qsim data fit`: what it prints is a scenario's market, and what it cannot do it says.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, text};

/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Bars of BTCUSDT whose closes jump about by a fixed rule.
fn bars(folder: &Folder, count: i64) {
    let mut state = 1u64;
    let mut price = 900_000i64;
    let mut lines = String::new();
    for minute in 0..count {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let open = price;
        price += (state >> 33) as i64 % 1_001 - 500;
        let (high, low) = (open.max(price), open.min(price));
        let show = |tenths: i64| format!("{}.{}", tenths / 10, tenths % 10);
        let time = START_MS + minute * 60_000;
        lines += &format!(
            "{time},{},{},{},{},5.125,{},1,1,1,1,0\n",
            show(open),
            show(high),
            show(low),
            show(price),
            time + 59_999
        );
    }
    folder.file("raw/klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", lines);
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
}

#[test]
fn a_fit_runs_as_a_scenario() {
    let folder = Folder::new();
    bars(&folder, 3_000);
    for model in ["garch", "jump_diffusion"] {
        let arguments = ["data", "fit", "--data", "set", "--symbol", "BTCUSDT", "--model", model];
        let fragment = folder.qsim(&arguments).expect_code(0).stdout;
        assert!(fragment.contains(&format!("model = \"{model}\"")), "{fragment}");
        assert!(fragment.contains("3000 bars of BTCUSDT, from 2026-02-01T00:00:00Z"), "{fragment}");
        assert!(fragment.contains("volume_per_minute = 5.125"), "{fragment}");
        assert!(fragment.contains("price_decimals = 1"), "{fragment}");
        folder.file("a.toml", format!("seed = 1\n\n{fragment}"));
        let line = folder.qsim(&["run", "a.toml", "--format", "json"]).expect_code(0).json();
        assert_eq!(text(&line, "verdict"), "pass");
    }
    let part = ["data", "fit", "--data", "set", "--symbol", "BTCUSDT"];
    let part = [&part[..], &["--from", "2026-02-01", "--to", "2026-02-02T00:00:00Z"]].concat();
    let fragment = folder.qsim(&part).expect_code(0).stdout;
    let head = "1440 bars of BTCUSDT, from 2026-02-01T00:00:00Z to 2026-02-02T00:00:00Z";
    assert!(fragment.contains(head), "{fragment}");
    let fit = ["data", "fit", "--data", "set", "--symbol", "BTCUSDT"];
    assert_eq!(folder.qsim(&fit).stdout, folder.qsim(&fit).stdout, "it repeats");
}

/// A recording of BTCUSDT: a book of which a level comes or goes every 100 ms, for ten minutes, and trades every two
/// seconds, of which `trades` were recorded. Of the second recording all ids are later.
fn recording(folder: &Folder, number: i64, trades: i64) {
    let (start, ids) = (START_MS + (number - 1) * 86_400_000, number * 100_000);
    let mut lines = format!(
        r#"{{"lastUpdateId":{ids},"E":{start},"T":{start},"bids":[["99.9","9"],["99.8","9"]],"asks":[["100.1","9"],["100.2","9"]]}}"#
    );
    lines.push('\n');
    for step in 1..6_000i64 {
        let (ms, id) = (start + step * 100, ids + step);
        let qty = 1 + step * 7 % 5;
        let (side, price) = match step % 4 {
            0 => ("b", "99.9"),
            1 => ("a", "100.1"),
            2 => ("b", "99.8"),
            _ => ("a", "100.2"),
        };
        let other = if side == "b" { "a" } else { "b" };
        lines += &format!(
            r#"{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"BTCUSDT","U":{id},"u":{id},"pu":{0},"{side}":[["{price}","{qty}"]],"{other}":[]}}"#,
            id - 1
        );
        lines.push('\n');
        if step % 20 == 0 && step <= 20 * trades {
            let id = ids + step / 20;
            lines += &format!(
                r#"{{"e":"trade","E":{ms},"T":{ms},"s":"BTCUSDT","t":{id},"p":"99.9","q":"0.125","X":"MARKET","m":true}}"#
            );
            lines.push('\n');
        }
    }
    folder.file(&format!("rec{number}/btcusdt.jsonl"), lines);
    let rec = format!("rec{number}");
    folder.qsim(&["data", "import", &rec, "--into", "book"]).expect_code(0);
}

const FLOW: [&str; 8] =
    ["data", "fit", "--data", "book", "--symbol", "BTCUSDT", "--model", "order_flow"];

#[test]
fn a_fitted_order_flow_runs_as_a_scenario() {
    let folder = Folder::new();
    recording(&folder, 1, 299);
    let fragment = folder.qsim(&FLOW).expect_code(0).stdout;
    for part in [
        "5961 rows of the book and 299 trades of BTCUSDT, from 2026-02-01T00:00:02Z",
        "The volatility is that of 9 minutes",
        "market_orders_per_second = 0.501",
        "volume_per_minute = 3.7",
        "volatility_per_minute = 0.0\n",
        "tick_units = 1\n",
        "start_price = 99.9\n",
        "levels = 3\n",
    ] {
        assert!(fragment.contains(part), "no {part} in\n{fragment}");
    }
    assert!(!fragment.contains("separate") && !fragment.contains("Left out"), "{fragment}");
    assert_eq!(folder.qsim(&FLOW).stdout, fragment, "it repeats");
    let short = fragment.replace("minutes = 1440", "minutes = 30");
    folder.file("a.toml", format!("seed = 1\n\n{short}"));
    let line = folder.qsim(&["run", "a.toml", "--format", "json"]).expect_code(0).json();
    assert_eq!(text(&line, "verdict"), "pass");
    let one = folder.qsim(&[&FLOW[..], &["--levels", "1"]].concat()).expect_code(2).stderr;
    assert!(one.contains("0 limit orders") && one.contains("longer recording"), "{one}");
}

/// A book without trades would halve the rate of market orders; two recordings go into one set of rates, which is said.
#[test]
fn only_what_book_and_trades_have_in_common_is_fitted() {
    let folder = Folder::new();
    recording(&folder, 1, 210);
    let fragment = folder.qsim(&FLOW).expect_code(0).stdout;
    for part in [
        "210 trades of BTCUSDT, from 2026-02-01T00:00:02Z to 2026-02-01T00:07:00Z",
        "Left out: 181 s of the book without trades, 0 s of trades without a book.",
        "market_orders_per_second = 0.502",
        "volume_per_minute = 3.7",
    ] {
        assert!(fragment.contains(part), "no {part} in\n{fragment}");
    }
    recording(&folder, 2, 299);
    let fragment = folder.qsim(&FLOW).expect_code(0).stdout;
    for part in [
        "509 trades of BTCUSDT, from 2026-02-01T00:00:02Z to 2026-02-02T00:09:58Z",
        "2 separate recordings went into one set of rates: 2026-02-01T00:00:02Z to 2026-02-01T00:07:00Z, 2026-02-02T00:00:02Z to",
        "--from and --to choose",
        "market_orders_per_second = 0.50",
        "volume_per_minute = 3.7",
    ] {
        assert!(fragment.contains(part), "no {part} in\n{fragment}");
    }
}

#[test]
fn what_cannot_be_fitted_is_refused_with_the_remedy() {
    let folder = Folder::new();
    bars(&folder, 500);
    let refused = |arguments: &[&str], parts: &[&str]| {
        let arguments = [&["data", "fit"], arguments].concat();
        let stderr = folder.qsim(&arguments).expect_code(2).stderr;
        parts.iter().for_each(|part| assert!(stderr.contains(part), "{stderr}: no {part}"));
    };
    refused(&["--data", "set", "--symbol", "BTCUSDT"], &["499 returns", "import a longer series"]);
    refused(&["--data", "set", "--symbol", "ETHUSDT"], &["no series klines/ETHUSDT/1m"]);
    refused(
        &["--data", "set", "--symbol", "BTCUSDT", "--interval", "1h"],
        &["interval 1h", "bars of 1m"],
    );
    refused(&["--data", "nothing", "--symbol", "BTCUSDT"], &["qsim data import"]);
    let late = ["--data", "set", "--symbol", "BTCUSDT", "--from", "2027-01-01T00:00:00Z"];
    refused(&late, &["klines/BTCUSDT/1m", "change the range"]);
    let odd = ["--data", "set", "--symbol", "BTCUSDT", "--from", "yesterday"];
    refused(&odd, &["yesterday", "or a day: 2026-02-01"]);
    let flow = ["--data", "set", "--symbol", "BTCUSDT", "--model", "order_flow"];
    refused(&flow, &["no depth of BTCUSDT", "import a recording"]);
    refused(&[&flow[..], &["--interval", "1m"]].concat(), &["--interval", "leave it out"]);
    refused(&["--data", "set", "--symbol", "BTCUSDT", "--levels", "3"], &["--levels"]);
    refused(&["--symbol", "BTCUSDT"], &["--data DIR"]);
    refused(&["--data", "set", "--symbol", "btc usdt"], &["btc usdt"]);
    refused(&["--data", "set", "--symbol", "BTCUSDT", "--model", "garsch"], &["garch"]);
}

/// A data set may have hundreds of series: the message names those that are near.
#[test]
fn a_series_that_is_not_there_is_answered_with_a_few() {
    let folder = Folder::new();
    let symbols = (11..50).map(|number| format!("A{number}USDT")).chain(["BTCUSDT".to_owned()]);
    for symbol in symbols {
        let row = format!("{START_MS},1,2,1,2,5,{},1,1,1,1,0\n", START_MS + 59_999);
        folder.file(&format!("raw/klines/{symbol}/1m/{symbol}-1m-a.csv"), row);
    }
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
    let arguments = ["data", "fit", "--data", "set", "--symbol", "A42USD"];
    let stderr = folder.qsim(&arguments).expect_code(2).stderr;
    for part in ["klines/A42USD/1m", "did you mean A42USDT?", " and 28 more", "data list"] {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
    folder.file(
        "a.toml",
        "[market.recorded]\nsymbols = [\"BTCUSDT\"]\nbars = \"1m\"\nquotes = true\n\
         from = \"2026-02-01T00:00:00Z\"\nto = \"2026-02-01T00:01:00Z\"\n\
         [exchange]\nfunding_rate = \"0\"\n",
    );
    let stderr = folder.qsim(&["run", "a.toml", "--data", "set"]).expect_code(2).stderr;
    for part in ["no series bookTicker/BTCUSDT; ", "here are: klines/BTCUSDT/1m;"] {
        assert!(stderr.contains(part), "only the symbol's own: no {part:?} in {stderr}");
    }
}
