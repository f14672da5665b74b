//! The chain on recorded data: the sell-off of 5 and 6 February 2026, twice, in the build under test. It
//! needs the developer's data beside the checkout and says so if that is absent.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use support::{Folder, text};

const SCENARIO: &str = include_str!("../scenarios/crash_2026_02.toml");
const SYMBOLS: [&str; 7] = ["ALGO", "AVAX", "DOT", "FIL", "LINK", "LTC", "NEAR"];

/// The folder of the archives, or nothing, said aloud, on a machine without it.
fn recorded() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/futures/um");
    if !data.is_dir() {
        println!("skipped: no market data in ../shared/data");
        return None;
    }
    Some(data)
}

/// The archives of the seven symbols.
fn archives() -> Option<Vec<PathBuf>> {
    let data = recorded()?;
    let of = |symbol: &&str| {
        let name = format!("{symbol}USDT");
        [
            data.join(format!("monthly/klines/{name}/1m/{name}-1m-2026-02.zip")),
            data.join(format!(
                "range/fundingRate/{name}/{name}-fundingRate-2026-01-12_2026-03-20.zip"
            )),
        ]
    };
    Some(SYMBOLS.iter().flat_map(of).collect())
}

/// The scenario of the month, cut to its two worst days.
fn two_days() -> String {
    let month = ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"];
    let days = ["2026-02-05T00:00:00Z", "2026-02-07T00:00:00Z"];
    assert!(month.iter().all(|time| SCENARIO.contains(time)), "the scenario has another range");
    let cut = SCENARIO.replace(month[0], days[0]).replace(month[1], days[1]);
    assert!(cut.contains("at_least = 20"), "the scenario expects something else");
    cut.replace("at_least = 20", "at_least = 5")
}

#[test]
fn the_sell_off_is_traded_the_same_way_twice() {
    let Some(archives) = archives() else { return };
    let folder = Folder::new();
    let mut arguments = vec!["data".into(), "import".into()];
    arguments.extend(archives.iter().map(|path| path.as_os_str().to_owned()));
    arguments.extend(["--into", "set", "--format", "json"].map(Into::into));
    let report = folder.qsim(&arguments).expect_code(0).json();
    assert_eq!(report["files"], 14, "{report}");
    let bars = 7 * 28 * 1_440;
    assert!(report["rows"].as_u64().is_some_and(|rows| rows > bars), "bars and rates: {report}");

    folder.file("sell_off.toml", two_days());
    let run = |more: &[&str]| {
        let common = ["run", "sell_off.toml", "--data", "set", "--format", "json", "--verbose"];
        folder.qsim(&[&common, more].concat()).expect_code(0)
    };
    let first = run(&["--journal", "journals"]);
    let second = run(&[]);
    let (line, again) = (first.json(), second.json());
    assert_eq!((text(&line, "verdict"), text(&again, "verdict")), ("pass", "pass"));
    assert_eq!(text(&line, "digest"), text(&again, "digest"));
    assert_eq!(line["events"], again["events"]);
    assert_eq!(line["virtual_seconds"].as_f64(), Some(172_800.0));

    let figure = |name: &str| -> f64 {
        let start = format!("sell_off: {name} = ");
        let value = first.stderr.lines().find_map(|line| line.strip_prefix(&start));
        let value = value.unwrap_or_else(|| panic!("no {name}: {}", first.stderr));
        value.parse().expect("a number")
    };
    assert!(figure("entries") >= 5.0, "{}", figure("entries"));
    assert!(figure("exits") >= 5.0, "{}", figure("exits"));
    assert!(figure("exit_reasons") >= 2.0, "{}", figure("exit_reasons"));

    // Harvested positions, and those whose stops follow closely, seldom live until funding is paid.
    let held = "\n[pipeline.harvest_proposal]\nenabled = false\n\n[pipeline.risk_proposal]\nenabled = false\n";
    folder.file("held.toml", two_days() + held);
    let run = ["run", "held.toml", "--data", "set", "--format", "json", "--verbose"];
    let held = folder.qsim(&run).expect_code(0).stderr;
    let paid = held.lines().find_map(|line| line.strip_prefix("held: funding_payments = "));
    let paid: f64 = paid.expect("a figure").parse().expect("a number");
    assert!(paid > 0.0, "recorded rates are paid");

    // The journal needs the data, and it has to be the same data.
    let replay = ["replay", "journals/sell_off-2026.journal", "--format", "json"];
    let with_data = [&replay[..], &["--data", "set"]].concat();
    let verdict = folder.qsim(&with_data).expect_code(0).json();
    assert_eq!(verdict["digest"], line["digest"]);
    let without = folder.qsim(&replay).expect_code(2);
    assert_eq!(without.stdout, "");
    assert!(without.stderr.contains("--data DIR"), "{}", without.stderr);
}

/// Recorded trades tell no bars: those that the chain trades on are made of them.
#[test]
fn a_day_of_trades_is_traded() {
    let Some(data) = recorded() else { return };
    let folder = Folder::new();
    let archive = data.join("daily/aggTrades/APEUSDT/APEUSDT-aggTrades-2024-10-18.zip");
    let archive = archive.to_str().expect("UTF-8");
    folder.qsim(&["data", "import", archive, "--into", "set"]).expect_code(0);
    folder.file(
        "trades.toml",
        "[market.recorded]\nsymbols = [\"APEUSDT\"]\nfrom = \"2024-10-18T00:00:00Z\"\n\
         to = \"2024-10-19T00:00:00Z\"\n[exchange]\nfunding_rate = \"0\"\n\
         [[expect]]\nname = \"it trades\"\nfigure = \"entries\"\nat_least = 1\n\
         [[expect]]\nname = \"bars of every minute\"\nfigure = \"trading_bot.symbols_without_market_data\"\nat_most = 1\n",
    );
    let run = ["run", "trades.toml", "--data", "set", "--format", "json"];
    let line = folder.qsim(&run).expect_code(0).json();
    assert_eq!(text(&line, "verdict"), "pass");
    // 45,342 trades and 1,440 bars at the least.
    assert!(line["events"].as_u64().is_some_and(|events| events > 46_782), "{line}");
}

/// Seven minutes of two recorded books: the exchange takes from their levels. Their recorder's clock was behind the
/// exchange's, so that nobody can hear of them as late as it did, and that is said.
#[test]
fn a_recorded_book_is_traded_on() {
    let Some(data) = recorded() else { return };
    let folder = Folder::new();
    let mut arguments = vec!["data".into(), "import".into()];
    let books = ["btcusdt_20240808.gz", "ethusdt_20240808.gz"];
    arguments
        .extend(books.map(|name| data.join("recorded/hftbacktest").join(name).into_os_string()));
    arguments.extend(["--into", "set"].map(Into::into));
    folder.qsim(&arguments).expect_code(0);
    // Five minutes are too few for a market state, without which the bridge opens nothing: the other wiring.
    let books = |links: &str| {
        format!(
            "seed = 1\n[market.recorded]\nsymbols = [\"BTCUSDT\", \"ETHUSDT\"]\ntape = \"trades\"\n\
         depth = true\nquotes = true\nfrom = \"2024-08-08T23:55:00Z\"\nto = \"2024-08-09T00:00:00Z\"\n\
         [links]\n{links}\n[exchange]\nfunding_rate = \"0.0001\"\n\
             [pipeline]\nexecution_path = \"execution_service\"\nintent_writer = \"strategy_router\"\n"
        )
    };
    folder.file("books.toml", books("feed_latency_recorded = true"));
    let refused = folder.qsim(&["run", "books.toml", "--data", "set"]).expect_code(2).stderr;
    assert!(refused.contains("a clock was wrong; give links.feed_latency"), "{refused}");
    folder.file("books.toml", books("feed_latency_us = 3000"));
    let run = || {
        let run = ["run", "books.toml", "--data", "set", "--format", "json", "--verbose"];
        folder.qsim(&run).expect_code(0)
    };
    let (first, second) = (run(), run());
    assert_eq!(text(&first.json(), "digest"), text(&second.json(), "digest"));
    let events = first.json()["events"].as_u64().expect("a count");
    assert!(events > 900_000, "two books, their quotes and trades: {events}");
    let said = "a taker takes the levels of the market's book";
    assert!(first.stderr.contains(said), "{}", first.stderr);
    // The range begins in the middle of the book, which is there all the same.
    assert!(!first.stderr.contains("no snapshot before the range"), "{}", first.stderr);
    for line in ["books: fills = 2", "books: orders = 2"] {
        assert!(first.stderr.lines().any(|l| l == line), "{line}: {}", first.stderr);
    }
}
