//! What a scenario may say of recorded data: what becomes of their gaps, what they tell beside bars, and how
//! late they reach the services.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::ffi::OsStr;
use std::path::Path;

use support::{Folder, Output, QSIM, run_program, text};

/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Three hours of minutes without those from 1:00 to 1:29.
fn bars(kind: &str, folder: &Folder) {
    bars_of("BTCUSDT", kind, folder);
}

fn bars_of(symbol: &str, kind: &str, folder: &Folder) {
    let mut csv = "open_time,open,high,low,close,volume\n".to_owned();
    if kind != "klines" {
        csv = "open_time,open,high,low,close\n".to_owned();
    }
    for minute in (0..60).chain(90..180) {
        let open = START_MS + minute * 60_000;
        let price = 90_000 + 10 * (minute % 7);
        csv += &format!("{open},{price},{},{},{price}", price + 5, price - 5);
        csv += if kind == "klines" { ",12.5\n" } else { "\n" };
    }
    folder.file(&format!("raw/{kind}/{symbol}/1m/{symbol}-1m-2026-02.csv"), csv);
}

fn data_set() -> Folder {
    let folder = Folder::new();
    bars("klines", &folder);
    bars("indexPriceKlines", &folder);
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
    folder
}

fn scenario(folder: &Folder, recorded: &str, more: &str) {
    folder.file(
        "scenario.toml",
        format!(
            "seed = 1\n[market.recorded]\nsymbols = [\"BTCUSDT\"]\nbars = \"1m\"\n\
             from = \"2026-02-01T00:00:00Z\"\nto = \"2026-02-01T03:00:00Z\"\n{recorded}\n{more}\n"
        ),
    );
}

const FREE_FUNDING: &str = "[exchange]\nfunding_rate = \"0\"";
const RUN: [&str; 6] = ["run", "scenario.toml", "--data", "set", "--format", "json"];

#[test]
fn a_gap_is_a_warning_an_error_or_a_halt() {
    let folder = data_set();
    let missing = "klines/BTCUSDT/1m lacks 30 bars of the range";

    scenario(&folder, "", FREE_FUNDING);
    let warned = folder.qsim(&RUN).expect_code(0);
    assert!(warned.stderr.contains(missing), "{}", warned.stderr);
    assert!(!warned.stderr.contains("is halted"), "{}", warned.stderr);

    scenario(&folder, "gaps = \"error\"", FREE_FUNDING);
    let refused = folder.qsim(&RUN).expect_code(2);
    assert!(refused.stderr.contains(missing), "{}", refused.stderr);
    assert!(refused.stderr.contains("gaps = \"error\""), "{}", refused.stderr);

    scenario(&folder, "gaps = \"halt\"", FREE_FUNDING);
    let halted = folder.qsim(&[&RUN[..], &["--verbose"]].concat()).expect_code(0);
    assert!(halted.stderr.contains(missing), "{}", halted.stderr);
    for part in [
        "BTCUSDT is halted until 2026-02-01T01:30:00Z",
        "missing quotes, books, marks, index prices and funding rates halt nothing",
    ] {
        assert!(halted.stderr.contains(part), "{}", halted.stderr);
    }
}

/// A range that begins before its data and ends after them, and a halt of the file's own around the beginning
/// of the gap in the middle.
#[test]
fn halts_reach_to_both_ends_and_touching_ones_are_one() {
    let folder = data_set();
    let own = "[[exchange.events]]\nat = \"1h\"\nevent = \"symbol_halted\"\nsymbol = \"BTCUSDT\"\n\
               until = \"1h 20m\"\n";
    folder.file(
        "scenario.toml",
        format!(
            "[market.recorded]\nsymbols = [\"BTCUSDT\"]\nbars = \"1m\"\ngaps = \"halt\"\n\
             from = \"2026-01-31T23:50:00Z\"\nto = \"2026-02-01T03:10:00Z\"\n{FREE_FUNDING}\n{own}"
        ),
    );
    let run = folder.qsim(&[&RUN[..], &["--verbose"]].concat()).expect_code(0);
    let halts: Vec<&str> = run.stderr.lines().filter(|line| line.contains("is halted")).collect();
    let expected = [
        ("2026-02-01T00:50:00Z", "2026-02-01T01:30:00Z"),
        ("2026-01-31T23:50:00Z", "2026-02-01T00:00:00Z"),
        ("2026-02-01T03:00:00Z", "2026-02-01T03:10:00Z"),
    ];
    assert_eq!(halts.len(), expected.len(), "{halts:#?}");
    for (line, (at, until)) in halts.iter().zip(expected) {
        let halt = format!("Event at {at}: BTCUSDT is halted until {until}");
        assert!(line.contains(&halt), "no {halt:?} in {line}");
    }
}

/// A symbol that no table knows is replayed with the rules that its scenario states; so is its journal, which
/// needs nothing else.
#[test]
fn a_symbol_of_which_qsim_knows_nothing_runs_with_rules_of_its_own() {
    let folder = Folder::new();
    bars_of("NEWCOINUSDC", "klines", &folder);
    let import = folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
    let hint = "note: qsim knows no filters and brackets of NEWCOINUSDC; a scenario states them";
    assert!(import.stderr.contains(hint), "{}", import.stderr);
    let run = |rules: &str| {
        scenario(&folder, "", &format!("{FREE_FUNDING}\n{rules}"));
        let text = std::fs::read_to_string(folder.path("scenario.toml")).expect("a file");
        folder.file("scenario.toml", text.replace("BTCUSDT", "NEWCOINUSDC"));
        folder.qsim(&[&RUN[..], &["--verbose", "--journal", "."]].concat())
    };
    let refused = run("").expect_code(2);
    for part in ["NEWCOINUSDC has no filters", "[exchange] filters = [{ symbol = \"NEWCOINUSDC\", "]
    {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let filters = "[[exchange.filters]]\nsymbol = \"NEWCOINUSDC\"\ntick_size = \"0.1\"\n\
                   step_size = \"0.001\"\nmin_notional = \"5\"\n";
    let refused = run(filters).expect_code(2);
    assert!(refused.stderr.contains("NEWCOINUSDC has no brackets"), "{}", refused.stderr);
    let brackets = "[[exchange.brackets]]\nsymbol = \"NEWCOINUSDC\"\ntiers = [{ cap = \"50000\", \
                    mmr = \"0.01\", leverage = 50 }, { cap = \"1000000\", mmr = \"0.05\", leverage = 10 }]\n";
    let ran = run(&format!("{filters}{brackets}")).expect_code(0);
    assert!(ran.stderr.contains("filters as the scenario states them"), "{}", ran.stderr);
    let replay = ["replay", "scenario-1.journal", "--data", "set"];
    folder.qsim(&replay).expect_code(0);
}

#[test]
fn an_index_makes_marks_and_rates() {
    let folder = data_set();
    scenario(&folder, "index_bars = \"1m\"", "");
    let run = folder.qsim(&[&RUN[..], &["--verbose"]].concat()).expect_code(0);
    assert!(run.stderr.contains("indexPriceKlines/BTCUSDT/1m lacks 30 bars"), "{}", run.stderr);
    assert!(run.stderr.contains("index"), "{}", run.stderr);
}

#[test]
fn late_market_events_change_the_run_and_not_its_repetition() {
    let folder = data_set();
    let digest = |links: &str| {
        scenario(&folder, "", &format!("{FREE_FUNDING}\n{links}"));
        text(&folder.qsim(&RUN).expect_code(0).json(), "digest").to_owned()
    };
    let at_once = digest("");
    let drawn = "[links]\nfeed_latency = [[0, 1000], [500, 20000], [1000, 900000]]";
    let late = digest(drawn);
    assert_ne!(at_once, late);
    assert_eq!(late, digest(drawn));
    let said = |links: &str| {
        scenario(&folder, "", &format!("{FREE_FUNDING}\n{links}"));
        let run = folder.qsim(&[&RUN[..], &["--verbose"]].concat()).expect_code(0).stderr;
        let lines = run.lines().filter(|line| line.contains("Feed: ")).map(str::to_owned);
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said(""), "", "nothing is late");
    let sentence = "Feed: market events reach the services 1 to 900 ms late, drawn for each.";
    assert!(said(drawn).ends_with(sentence), "{}", said(drawn));
    let constant = said("[links]\nfeed_latency_us = 1500");
    assert!(
        constant.ends_with("Feed: market events reach the services 1.5 ms late."),
        "{constant}"
    );

    let bad = [
        ("[links]\nfeed_latency = [[0, 1000]]", "links.feed_latency: quantiles go from 0 to 1000"),
        (
            "[links]\nfeed_latency_recorded = true\nfeed_latency = [[0, 1], [1000, 2]]",
            "say one of them",
        ),
    ];
    for (links, reason) in bad {
        scenario(&folder, "", &format!("{FREE_FUNDING}\n{links}"));
        let refused = folder.qsim(&RUN).expect_code(2);
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    }
}

#[test]
fn bars_are_replayed_where_the_scenario_says_so() {
    let folder = data_set();
    scenario(&folder, "", FREE_FUNDING);
    let text = std::fs::read_to_string(folder.path("scenario.toml")).expect("a file");
    folder.file("scenario.toml", text.replace("bars = \"1m\"\n", ""));
    let refused = folder.qsim(&RUN).expect_code(2).stderr;
    let told = "there are no aggTrades of BTCUSDT, but bars: say bars = \"1m\" to replay those";
    assert!(refused.contains(told), "{refused}");
}

/// What was replayed is named wherever a run is shown.
#[test]
fn a_run_names_its_data() {
    let folder = data_set();
    scenario(&folder, "", FREE_FUNDING);
    let ran = folder.qsim(&[&RUN[..], &["--verbose", "--journal", "."]].concat()).expect_code(0);
    let line = ran.json();
    let digest = text(&line["market"], "digest").to_owned();
    let series = &line["market"]["series"][0];
    assert_eq!((text(series, "series"), &series["rows"]), ("klines/BTCUSDT/1m", &150.into()));
    assert!(line["figures"]["entries"].is_string(), "{line}");
    let own = "market: klines/BTCUSDT/1m from 2026-02-01T00:00:00Z to 2026-02-01T03:00:00Z: 150 rows, digest ";
    let all = format!("market: recorded data, digest {digest}");
    let journal = folder.qsim(&["journal", "scenario-1.journal"]).expect_code(0);
    for told in [&ran.stderr, &journal.stderr] {
        assert!(told.contains(own) && told.contains(&all), "{told}");
    }
    assert!(journal.stderr.starts_with("scenario scenario, seed 1\n"), "{}", journal.stderr);
    assert!(!journal.stdout.contains("market: "), "entries only");
    let short = folder.qsim(&RUN).expect_code(0).json();
    assert_eq!((&short["market"], short.get("figures")), (&line["market"], None));
}

/// Delays as recorded, of data in which nobody recorded any, or of a recorder whose clock was wrong.
#[test]
fn recorded_delays_have_to_be_recorded() {
    let run = |local_ms: Option<i64>, links: &str| {
        let folder = Folder::new();
        let (mut trades, mut quotes) = (String::new(), String::new());
        for second in 0..180 {
            let ms = START_MS + second * 1_000;
            if let Some(local_ms) = local_ms {
                trades += &format!("{} ", (ms + local_ms) * 1_000);
            }
            trades += &format!(
                "{{\"e\":\"aggTrade\",\"E\":{ms},\"s\":\"BTCUSDT\",\"a\":{second},\"p\":\"90000\",\"q\":\"1\",\
                 \"f\":{second},\"l\":{second},\"T\":{ms},\"m\":true}}\n"
            );
            quotes += &format!("{second},89999.9,1,90000.1,1,{ms},{ms}\n");
        }
        folder.file("raw/btcusdt.jsonl", trades);
        folder.file("raw/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2026-02-01.csv", quotes);
        folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
        folder.file(
            "scenario.toml",
            format!(
                "[market.recorded]\nsymbols = [\"BTCUSDT\"]\nquotes = true\nfrom = \"2026-02-01T00:00:00Z\"\n\
                 to = \"2026-02-01T00:03:00Z\"\n{FREE_FUNDING}\n[links]\nfeed_latency_recorded = true\n{links}\n"
            ),
        );
        folder.qsim(&RUN)
    };
    let none = run(None, "").expect_code(2).stderr;
    for part in
        ["no delay is recorded: ", "aggTrades/BTCUSDT has no local times", "feed_latency_us"]
    {
        assert!(none.contains(part), "{none}");
    }
    let early = run(Some(-50), "").expect_code(2).stderr;
    let wrong = "the local times of aggTrades/BTCUSDT all lie before the exchange's";
    assert!(early.contains(wrong), "{early}");
    let some = run(Some(50), "").expect_code(0).stderr;
    assert!(some.contains("bookTicker/BTCUSDT has no local times: its events reach"), "{some}");
    let all = run(Some(50), "feed_latency_us = 20000").expect_code(0).stderr;
    assert!(!all.contains("local times"), "{all}");
}

#[test]
fn a_recorded_market_is_altered_as_asked() {
    let folder = data_set();
    let run = |recorded: &str, more: &str| {
        scenario(&folder, recorded, &format!("{FREE_FUNDING}\n{more}"));
        folder.qsim(&[&RUN[..], &["--verbose"]].concat())
    };
    let plain = run("", "").expect_code(0);
    let digest = |of: &support::Output| text(&of.json(), "digest").to_owned();

    let crash = "[[market.recorded.events]]\nevent = \"flash_crash\"\nat_minute = 100\ndepth = 0.2\n\
                 fall_minutes = 3\nrecovery_minutes = 10\nrecovered_share = 0.5\nvolume_factor = 4.0";
    let crashed = run("", crash).expect_code(0);
    assert_ne!(digest(&plain), digest(&crashed));
    let said = "Market: an invented flash_crash of all symbols from minute 100 on.";
    assert!(crashed.stderr.contains(said), "{}", crashed.stderr);

    let noise = "[market.perturbation]\nnoise_ticks = 20\nmissing_minutes = 0.1";
    let noisy = run("", noise).expect_code(0);
    assert_ne!(digest(&plain), digest(&noisy));
    assert_eq!(digest(&noisy), digest(&run("", noise).expect_code(0)));
    for said in ["up to 20 ticks higher or lower", "10 % of a symbol's minutes are missing"] {
        assert!(noisy.stderr.contains(said), "{}", noisy.stderr);
    }

    let refused = run("", "[market.perturbation]\nlate = 0.5").expect_code(2);
    assert!(refused.stderr.contains("[market.perturbation]"), "{}", refused.stderr);
    assert!(refused.stderr.contains("late needs late_max_ms"), "{}", refused.stderr);
}

#[test]
fn keys_that_contradict_each_other_or_do_nothing_are_refused() {
    let folder = data_set();
    let refused = |recorded: &str, more: &str, parts: &[&str]| {
        scenario(&folder, recorded, &format!("{FREE_FUNDING}\n{more}"));
        let stderr = folder.qsim(&RUN).expect_code(2).stderr;
        for part in parts.iter().chain(&["scenario.toml"]) {
            assert!(stderr.contains(part), "{recorded} {more}: no {part:?} in {stderr}");
        }
    };
    let both = ["[market.recorded] bars", "tape", "leave one of them out"];
    refused("tape = \"trades\"", "", &both);
    refused("tape = \"aggTrades\"", "", &both);

    let drawn = "[links]\nfeed_latency = [[0, 1], [1000, 2]]\nfeed_latency_us = 5";
    refused("", drawn, &["links.feed_latency_us", "links.feed_latency", "say one of them"]);
    let none = ["links.feed_latency_recorded", "bars tell no delay", "links.feed_latency_us"];
    refused("", "[links]\nfeed_latency_recorded = true", &none);

    let perturbed = |keys: &str| format!("[market.perturbation]\n{keys}");
    refused("", &perturbed("bootstrap_minutes = 0"), &["changes nothing", "remove the table"]);
    let all = ["missing_minutes = 1", "leaves no market"];
    refused("", &perturbed("missing_minutes = 1.0"), &all);
    let late = ["[market.perturbation]", "lasts 10800 s: nothing would be left"];
    refused("", &perturbed("shift_s = 4294967295"), &late);
    refused("", &perturbed("bootstrap_minutes = 180"), &["a block must be shorter"]);
    refused("", &perturbed("late_max_ms = 5"), &["late_max_ms", "needs late"]);
    refused("", &perturbed("noise_ticks = 4000000000"), &["noise_ticks", "0 to 100,000"]);
    for gaps in ["error", "halt"] {
        let gaps = format!("gaps = {gaps:?}");
        let parts = ["missing_minutes", &gaps, "what was recorded"];
        refused(&gaps, &perturbed("missing_minutes = 0.1"), &parts);
    }
}

#[test]
fn an_event_that_befalls_nobody_is_refused() {
    let folder = data_set();
    for (keys, part) in [
        (
            "event = \"gap\"\nat_minute = 180\nshare = 0.1",
            "at_minute is 180, and the market has 180",
        ),
        ("event = \"gap\"\nat_minute = 5\nshare = 0.1\nsymbol = \"ETHUSDT\"", "ETHUSDT is not in"),
        (
            "event = \"funding_spike\"\nat_minute = 5\nminutes = 60\nrate = \"0.003\"",
            "tells no funding: say funding = true",
        ),
        (
            "event = \"thin_book\"\nat_minute = 5\nminutes = 60\nvolume_factor = 0.1\nwick_factor = 3",
            "wick_factor",
        ),
        (
            "event = \"flash_crash\"\nat_minute = 178\ndepth = 0.2\nfall_minutes = 50\n\
             recovery_minutes = 60\nrecovered_share = 0.5",
            "at_minute is 178 and fall_minutes 50, and the market has 180",
        ),
    ] {
        scenario(&folder, "", &format!("{FREE_FUNDING}\n[[market.recorded.events]]\n{keys}"));
        let stderr = folder.qsim(&RUN).expect_code(2).stderr;
        for part in ["scenario.toml: ", "[[market.recorded.events]] number 1", part] {
            assert!(stderr.contains(part), "{keys}: no {part:?} in {stderr}");
        }
    }
    let rate = "calc_time,funding_interval_hours,last_funding_rate\n1769904000000,8,0.0001\n";
    folder.file("rates/fundingRate/BTCUSDT-fundingRate-2026-02.csv", rate);
    folder.qsim(&["data", "import", "rates", "--into", "set"]).expect_code(0);
    let spike = |at_minute: u32| {
        let spike = "event = \"funding_spike\"\nminutes = 60\nrate = \"0.003\"";
        let spike = format!("[[market.recorded.events]]\n{spike}\nat_minute = {at_minute}");
        scenario(&folder, "funding = true", &spike);
        folder.qsim(&RUN)
    };
    spike(0).expect_code(0);
    let stderr = spike(5).expect_code(2).stderr;
    for part in ["number 1 (funding_spike)", "no funding settles between", "change at_minute"] {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
    let last = "[[market.recorded.events]]\nevent = \"gap\"\nat_minute = 179\nshare = 0.1";
    scenario(&folder, "", &format!("{FREE_FUNDING}\n{last}"));
    folder.qsim(&RUN).expect_code(0);
}

/// Processes that need the same data of a store at the same time: whoever fetches, each has the whole, and nothing
/// half is left behind.
#[test]
fn processes_that_fetch_at_once_come_to_the_same() {
    let folder = data_set();
    scenario(&folder, "", FREE_FUNDING);
    let here = folder.qsim(&RUN).expect_code(0).json();
    let (url, cache) = (format!("file://{}", folder.path("set").display()), folder.path("cache"));
    let run = || {
        let arguments = ["run", "scenario.toml", "--data", &url, "--format", "json"];
        let environment = [("QSIM_DATA_CACHE", cache.to_str().expect("UTF-8"))];
        run_program(Path::new(QSIM), folder.root(), &environment, &arguments)
    };
    let runs: Vec<Output> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|one| one.join().expect("it ends")).collect()
    });
    assert!(runs.iter().any(|run| run.stderr.contains("fetching")), "{runs:#?}");
    for run in runs {
        assert_eq!(run.expect_code(0).json()["digest"], here["digest"]);
    }
    let left = folder.snapshot("cache").into_iter().map(|(path, _)| path);
    let left: Vec<_> = left.map(|path| path.extension().map(OsStr::to_owned)).collect();
    assert_eq!(left, [Some("mark".into()), Some("parquet".into())], "a file, and its mark");
}
