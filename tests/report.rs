//! `qsim report` as a researcher runs it: what stands in the page, in the JSON and in the tables, and that it is what the run
//! and the sweep came to.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::Nanos;
use flate2::read::GzDecoder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use scenarios::sweep::{Results, summary};
use scenarios::{NoProgress, RunOptions, RunRecord, Scenario, ScenarioReport};
use serde_json::Value as Json;
use support::{Folder, text};

/// A day in which much is traded.
const DAY: &str = "seed = 3\n[market.synthetic]\nminutes = 1440\n";
/// Hours in which a few things are.
const SCENARIO: &str = "seed = 3\n[market.synthetic]\nminutes = 480\n";
/// Hours for a sweep.
const SHORT: &str = "seed = 3\n[market.synthetic]\nminutes = 240\n";
/// What a page would run if text could leave its place.
const HOSTILE: &str = "</script><img src=x onerror=\"document.title='gone'\">";

/// The parts of a page, by name, as a browser reads them.
fn parts(page: &str) -> Vec<(String, Json)> {
    let mut found = Vec::new();
    for element in page.split("<script type=").skip(1) {
        let (tag, rest) = element.split_once('>').expect("a tag");
        let body = rest.split_once("</script>").expect("an end").0;
        let attribute = |name: &str| {
            let value = tag.split_once(&format!("{name}=\"")).expect("an attribute").1;
            value.split_once('"').expect("a quote").0.to_owned()
        };
        let json = match attribute("data-encoding").as_str() {
            "json" => body.to_owned(),
            "gzip" => {
                let bytes = BASE64_STANDARD.decode(body).expect("base64");
                let mut json = String::new();
                GzDecoder::new(&bytes[..]).read_to_string(&mut json).expect("gzip");
                json
            }
            other => panic!("encoding {other}"),
        };
        found.push((attribute("data-part"), serde_json::from_str(&json).expect("JSON")));
    }
    found
}

fn part<'p>(parts: &'p [(String, Json)], name: &str) -> &'p Json {
    let found = parts.iter().find(|(there, _)| there == name);
    &found.unwrap_or_else(|| panic!("no part {name}")).1
}

fn page(folder: &Folder, arguments: &[&str], file: &str) -> String {
    let arguments = [&["report"], arguments].concat();
    let output = folder.qsim(&arguments).expect_code(0);
    assert_eq!(output.stdout.trim(), file);
    std::fs::read_to_string(folder.path(file)).expect("a page")
}

/// A column's numbers; what is absent is NaN.
fn column(json: &Json) -> Vec<f64> {
    let number = |value: &Json| value.as_f64().unwrap_or(f64::NAN);
    match json {
        Json::Array(all) => all.iter().map(number).collect(),
        Json::Object(of) if of.contains_key("step") => {
            let of = |key: &str| json[key].as_i64().expect("a number");
            (0..of("count")).map(|row| (of("start") + row * of("step")) as f64).collect()
        }
        _ => {
            let mut at = json["first"].as_i64().expect("a first");
            let deltas = json["deltas"].as_array().expect("deltas").iter();
            let rest = deltas.map(|delta| delta.as_i64().expect("whole"));
            let mut all = vec![at as f64];
            all.extend(rest.map(|delta| {
                at += delta;
                at as f64
            }));
            all
        }
    }
}

fn sum(column: &[f64]) -> f64 {
    column.iter().filter(|value| value.is_finite()).sum()
}

fn near(a: f64, b: Decimal) -> bool {
    (a - b.to_f64().expect("a float")).abs() < 1e-6
}

/// The run itself.
fn ran(scenario: &str) -> (ScenarioReport, RunRecord) {
    let scenario = Scenario::parse("own", scenario).expect("a scenario");
    let options = RunOptions { record: true, ..RunOptions::default() };
    let report = scenarios::run(&scenario, &options, &NoProgress).expect("a run");
    let record = report.record.clone().expect("a record");
    (report, record)
}

#[test]
fn the_page_of_a_run_holds_what_the_run_came_to() {
    let folder = Folder::new();
    folder.file("day.toml", DAY);
    let page = page(&folder, &["day.toml"], "day.html");
    let (report, record) = ran(DAY);
    assert!(record.trades.len() > 5, "{} trades", record.trades.len());

    let parts = parts(&page);
    let told = part(&parts, "report");
    assert_eq!((text(told, "kind"), &told["format"]), ("run", &Json::from(1)));
    let run = &told["runs"][0];
    assert_eq!(text(run, "digest"), report.digest);
    assert_eq!((text(run, "name"), text(run, "seed")), ("day", "3"));
    assert_eq!(run["missing"], Json::Null, "nothing is left out");

    let trades = part(&parts, "run0/trades");
    let count = record.trades.len() + record.open.len();
    let names = ["id", "symbol", "side", "entry_ms", "exit_ms", "entry_price", "exit_price", "qty"];
    let more = ["pnl", "fees", "funding", "slippage", "ret", "mae", "mfe", "stop_price", "reason"];
    for name in names.iter().chain(&more) {
        assert_eq!(column(&trades[name]).len(), count, "{name}");
    }
    let of_all = |of: &dyn Fn(&scenarios::ClosedTrade) -> Decimal| -> Decimal {
        record.trades.iter().map(of).sum()
    };
    let net = of_all(&|trade| trade.realized - trade.fees + trade.funding);
    assert!(near(sum(&column(&trades["pnl"])), net));
    let fees = of_all(&|trade| trade.fees) + record.open.iter().map(|t| t.fees).sum::<Decimal>();
    assert!(fees > Decimal::ZERO && near(sum(&column(&trades["fees"])), fees));
    let entries = column(&trades["entry_ms"]);
    let reasons = column(&trades["reason"]);
    for (row, trade) in record.trades.iter().enumerate() {
        assert_eq!(entries[row], trade.entry_time.millis() as f64);
        assert_eq!(text(&trades["reasons"][reasons[row] as usize], "name"), &*trade.exit_reason);
    }
    for name in ["mae", "mfe"] {
        let sign = if name == "mae" { -1.0 } else { 1.0 };
        assert!(column(&trades[name]).iter().all(|of| of.is_nan() || of * sign >= 0.0), "{name}");
    }

    let equity = part(&parts, "run0/equity");
    assert_eq!(column(&equity["equity"]), record.equity);
    let times: Vec<f64> = record.sampled_at.iter().map(|time| time.millis() as f64).collect();
    assert_eq!(column(&equity["time_ms"]), times);

    let metric = |name: &str| {
        let all = run["metrics"].as_array().expect("metrics");
        all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(metric("trades")["value"].as_f64(), Some(record.trades.len() as f64));
    assert_eq!(metric("trades")["headline"], true);
    assert!(text(metric("sharpe"), "definition").contains("Formula: "));
    let symbols = run["by_symbol"]["keys"].as_array().expect("keys").len();
    let by_symbol = &run["by_symbol"]["metrics"][0]["values"];
    assert_eq!(by_symbol.as_array().expect("values").len(), symbols);
    assert_eq!(sum(&column(by_symbol)), record.trades.len() as f64);

    // What the journal and the market tell.
    let chains = part(&parts, "run0/chains/0");
    assert_eq!(trades["chains"]["part"], "run0/chains");
    let offsets = column(&chains["offsets"]);
    assert_eq!(offsets.len(), count + 1);
    for (row, pair) in offsets.windows(2).take(record.trades.len()).enumerate() {
        assert!(pair[1] - pair[0] >= 4.0, "trade {row} has its causes");
    }
    assert!(chains["places"].to_string().contains("intent_executor"), "{}", chains["places"]);
    let topology = part(&parts, "run0/topology");
    assert!(topology["edges"].as_array().expect("edges").len() > 10);
    let gates = part(&parts, "run0/gates");
    assert!(column(&gates["outcome"]).iter().all(|outcome| [0.0, 1.0, 2.0].contains(outcome)));
    let bars = part(&parts, "run0/bars/0");
    assert_eq!(column(&bars["close"]).len(), 1_440);
}

#[test]
fn the_same_run_gives_the_same_page_also_by_its_journal() {
    let folder = Folder::new();
    folder.file("day.toml", SCENARIO);
    let first = page(&folder, &["day.toml"], "day.html");
    assert_eq!(page(&folder, &["day.toml", "--into", "again.html"], "again.html"), first);

    folder.qsim(&["run", "day.toml", "--journal", "journals"]).expect_code(0);
    let of_journal = page(&folder, &["journals/day-3.journal"], "journals/day-3.html");
    let (own, journal) = (parts(&first), parts(&of_journal));
    for name in ["run0/trades", "run0/equity", "run0/topology", "run0/gates", "run0/bars/0"] {
        assert_eq!(part(&own, name), part(&journal, name), "{name}");
    }
    let digest = |parts| text(&part(parts, "report")["runs"][0], "digest").to_owned();
    assert_eq!(digest(&own), digest(&journal));
}

#[test]
fn the_page_loads_nothing_and_text_stays_text() {
    let folder = Folder::new();
    folder.file("named.toml", format!("description = '''{HOSTILE}'''\n{SCENARIO}"));
    let of_run = page(&folder, &["named.toml"], "named.html");
    folder.file("base.toml", SHORT);
    folder.file("sweep.toml", sweep(&format!("description = '''{HOSTILE}'''")));
    folder.qsim(&["sweep", "sweep.toml"]).expect_code(0);
    let of_sweep = page(&folder, &["sweep.sweep"], "sweep.sweep/report.html");
    for page in [&of_run, &of_sweep] {
        assert!(!page.contains("<img src=x"), "it left its place");
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
        assert!(!page.contains("<!--"), "every marker is filled");
    }
    let of_run = parts(&of_run);
    let facts = &part(&of_run, "report")["runs"][0]["facts"];
    assert!(facts.to_string().contains("onerror"), "it is told: {facts}");
    let of_sweep = parts(&of_sweep);
    let told = &part(&of_sweep, "report")["sweep"];
    assert_eq!(told["facts"][0][1], HOSTILE);
    assert_eq!(text(&told["objectives"][0], "name"), "end <b>");
}

/// Twelve trials, two of which have no result.
fn sweep(head: &str) -> String {
    format!(
        r#"
{head}
scenario = "base.toml"
figures = ["trading_bot.entries"]
[sampler]
method = "grid"
[[axis]]
path = "account.wallet"
values = ["2000", "10000", "-5"]
[[axis]]
path = "account.taker_fee"
values = ["0.0004", "0.001"]
[[axis]]
path = "pipeline.trading_bot.enabled"
values = [true, false]
[[objective]]
name = "end <b>"
value = "figures['margin_balance']"
goal = "maximize"
[[objective]]
name = "drawdown"
value = "metrics['max_drawdown']"
goal = "minimize"
[metrics]
period = "10m"
"#
    )
}

#[test]
fn the_page_of_a_sweep_holds_its_trials() {
    let folder = Folder::new();
    folder.file("base.toml", SCENARIO);
    folder.file("sweep.toml", sweep(""));
    folder.qsim(&["sweep", "sweep.toml"]).expect_code(0);
    let page = page(&folder, &["sweep.sweep"], "sweep.sweep/report.html");
    let (file, all) = Results::read(&folder.path("sweep.sweep")).expect("results");
    let done: Vec<_> = all.iter().filter(|trial| trial.error.is_none()).collect();
    assert_eq!((all.len(), done.len()), (12, 8), "a wallet below zero has no result");

    let parts = parts(&page);
    let told = &part(&parts, "report")["sweep"];
    assert_eq!(told["failed"].as_array().expect("failed").len(), 4);
    assert_eq!(told["progress"]["done"].as_u64(), Some(8));
    assert_eq!(text(told, "sampler"), "grid");
    assert_eq!(text(&told["axes"][0], "name"), "wallet");
    assert_eq!(told["axes"][2]["choices"], serde_json::json!(["true", "false"]));
    assert_eq!(text(&told["objectives"][1], "direction"), "min");
    assert_eq!(text(&told["objectives"][1], "unit"), "fraction");

    let trials = part(&parts, "sweep/trials");
    let numbers: Vec<f64> = done.iter().map(|trial| trial.number as f64).collect();
    assert_eq!(column(&trials["id"]), numbers);
    for (place, _) in file.objectives.iter().enumerate() {
        let values: Vec<f64> = done.iter().map(|t| t.objectives[place].expect("a value")).collect();
        assert_eq!(column(&trials["objectives"][place]), values);
    }
    assert_eq!(column(&trials["parameters"][0])[..5], [2e3, 2e3, 2e3, 2e3, 1e4]);
    assert_eq!(column(&trials["parameters"][2])[..3], [0.0, 1.0, 0.0]);
    for (row, trial) in done.iter().enumerate() {
        assert_eq!(trials["digest"][row], trial.digest.as_str());
        assert_eq!(trials["seed"][row], "3");
    }
    let metrics = trials["metrics"].as_array().expect("metrics");
    assert!(metrics.iter().any(|one| one["name"] == "trading_bot.entries"));
    assert_eq!(trials["neighbour_median"].as_array().expect("medians").len(), 2);

    let came_to = summary(&file, &all);
    let value = |name: &str| {
        let all = told["overfitting"]["statistics"].as_array().expect("statistics");
        all.iter().find(|one| one["name"] == name).and_then(|one| one["value"].as_f64())
    };
    let pbo = came_to.overfitting.expect("48 periods are enough");
    assert_eq!(value("Probability of backtest overfitting"), Some(pbo.probability));
    assert_eq!(column(&told["overfitting"]["logits"]), pbo.logits);
    match came_to.deflated {
        Ok(of) => assert_eq!(value("Deflated Sharpe ratio"), Some(of.deflated)),
        Err(why) => assert!(told["overfitting"]["notes"].to_string().contains(&why), "{told}"),
    }
}

#[test]
fn two_runs_are_compared() {
    let folder = Folder::new();
    folder.file("one.toml", SCENARIO);
    folder.file(
        "other.toml",
        SCENARIO.replace("seed = 3", "seed = 4") + "[account]\nwallet = \"5000\"\n",
    );
    let same = page(&folder, &["one.toml", "one.toml"], "one.comparison.html");
    let same = parts(&same);
    let comparison = &part(&same, "report")["comparison"];
    assert_eq!(comparison["first_difference"], Json::Null);
    assert!(comparison.as_object().expect("an object").contains_key("first_difference"));
    assert_eq!(comparison["trades_only"], serde_json::json!([[], []]));

    let unlike = page(&folder, &["one.toml", "other.toml", "--into", "two.html"], "two.html");
    let parts = parts(&unlike);
    let told = part(&parts, "report");
    let names: Vec<&str> =
        told["runs"].as_array().expect("runs").iter().map(|run| text(run, "name")).collect();
    assert_eq!(names, ["one", "other"]);
    assert!(part(&parts, "run1/trades")["pnl"].is_array());
    let comparison = &told["comparison"];
    assert_ne!(
        text(&comparison["first_difference"], "a"),
        text(&comparison["first_difference"], "b")
    );
    assert!(comparison["notes"].to_string().contains("wallet"), "{comparison}");
    let only = comparison["trades_only"][0].as_array().expect("rows").len();
    assert!(only > 0, "another market has other trades");
}

/// The rows of a Parquet file.
fn parquet_rows(path: impl AsRef<Path>) -> Vec<parquet::record::Row> {
    let reader = SerializedFileReader::new(File::open(path).expect("a file")).expect("Parquet");
    reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn json_csv_and_parquet_hold_the_same() {
    let folder = Folder::new();
    folder.file("day.toml", SCENARIO);
    let json = folder.qsim(&["report", "day.toml", "--format", "json"]).expect_code(0).json();
    let trades = &json["runs"][0]["trades"];
    let csv = folder.qsim(&["report", "day.toml", "--format", "csv"]).expect_code(0).stdout;
    let mut lines = csv::Reader::from_reader(csv.as_bytes());
    let head = lines.headers().expect("a head").clone();
    let head: Vec<&str> = head.iter().collect();
    let place = |name: &str| head.iter().position(|head| *head == name).expect("a column");
    let rows: Vec<csv::StringRecord> = lines.records().map(|row| row.expect("a row")).collect();
    assert!(!rows.is_empty());
    // The page's columns are computed elsewhere.
    for (name, of_page) in [
        ("id", "id"),
        ("entry_price", "entry_price"),
        ("exit_price", "exit_price"),
        ("quantity", "qty"),
        ("pnl", "pnl"),
        ("fees", "fees"),
        ("funding", "funding"),
        ("slippage", "slippage"),
        ("mae", "mae"),
        ("mfe", "mfe"),
        ("stop_loss", "stop_price"),
    ] {
        let told = column(&trades[of_page]);
        assert_eq!(told.len(), rows.len());
        for (row, told) in rows.iter().zip(told) {
            let cell = row[place(name)].parse().unwrap_or(f64::NAN);
            assert_eq!(cell.to_bits(), told.to_bits(), "{name} of {}: {cell}, {told}", &row[0]);
        }
    }
    let number = |row: &csv::StringRecord, name| row[place(name)].parse::<f64>();
    for row in &rows {
        if let (Ok(lowest), Ok(highest)) =
            (number(row, "lowest_price"), number(row, "highest_price"))
        {
            let entry = number(row, "entry_price").expect("an entry");
            assert!(lowest <= entry && entry <= highest, "{row:?}");
        }
    }
    let arguments = ["report", "day.toml", "--format", "parquet", "--into", "trades.parquet"];
    folder.qsim(&arguments).expect_code(0);
    let table = parquet_rows(folder.path("trades.parquet"));
    assert_eq!(table.len(), rows.len());
    let mut open = 0;
    for (row, line) in table.iter().zip(&rows) {
        assert_eq!(row.get_column_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), head);
        let cell =
            |name: &str| &line[head.iter().position(|head| *head == name).expect("a column")];
        for (place, (name, field)) in row.get_column_iter().enumerate() {
            let told = &line[place];
            let same = match field {
                Field::Null => told.is_empty(),
                Field::Str(word) => word == told,
                Field::Double(number) => told.parse() == Ok(*number),
                Field::Long(nanos) if name.ends_with("_time") => Nanos(*nanos).to_string() == told,
                Field::Long(number) => told.parse() == Ok(*number),
                Field::Bool(yes) => told.parse() == Ok(*yes),
                _ => false,
            };
            assert!(same, "{name} of {}: {field} and {told:?}", cell("id"));
        }
        open += usize::from(cell("exit_time").is_empty());
    }
    assert!(open < rows.len(), "some ended");

    folder.file("base.toml", SHORT);
    folder.file("sweep.toml", sweep(""));
    folder.qsim(&["sweep", "sweep.toml"]).expect_code(0);
    let arguments = ["report", "sweep.sweep", "--format", "csv", "--into", "trials.csv"];
    folder.qsim(&arguments).expect_code(0);
    let csv = std::fs::read_to_string(folder.path("trials.csv")).expect("a table");
    assert_eq!(csv.lines().count(), 13);
    assert!(csv.starts_with("trial,error,objective end <b>,objective drawdown,account.wallet,"));
    assert!(csv.lines().nth(1).expect("a trial").starts_with("0,,"), "{csv}");
    let arguments = ["report", "sweep.sweep", "--format", "parquet", "--into", "trials.parquet"];
    folder.qsim(&arguments).expect_code(0);
    let kept = parquet_rows(folder.path("sweep.sweep/trials.parquet"));
    assert_eq!(parquet_rows(folder.path("trials.parquet")), kept);
}

#[test]
fn what_cannot_be_reported_is_told_in_one_message() {
    let folder = Folder::new();
    folder.file("day.toml", SCENARIO);
    folder.file("sweep.toml", sweep(""));
    folder.file("odd.journal", "not a journal, but long enough to be looked at");
    folder.file("bad.toml", "seed = \"three\"\n");
    folder.file("empty/readme.txt", "nothing");
    let refused: [(&[&str], &[&str]); 7] = [
        (&["nowhere.toml"], &["nowhere.toml"]),
        (&["empty"], &["empty", "sweep.json", "qsim sweep"]),
        (&["odd.journal"], &["odd.journal", "not a qsim journal"]),
        (&["bad.toml"], &["bad.toml:1:", "three"]),
        (&["sweep.toml"], &["sweep.toml", "is a sweep file", "qsim sweep"]),
        (&["day.toml", "day.toml", "--format", "csv"], &["trades of one run"]),
        (&["day.toml", "--into", "empty"], &["empty", "is a folder"]),
    ];
    for (arguments, words) in refused {
        let arguments = [&["report"], arguments].concat();
        let output = folder.qsim(&arguments).expect_code(2);
        assert_eq!(output.stdout, "", "{arguments:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{arguments:?}: {}", output.stderr);
        for word in words {
            assert!(output.stderr.contains(word), "{arguments:?}: {}", output.stderr);
        }
    }
    assert!(!folder.path("day.html").exists(), "nothing was written");
}

/// Plain text for a terminal: no page, no escape codes, the same again.
#[test]
fn runs_and_sweeps_are_drawn_in_the_terminal() {
    let folder = Folder::new();
    folder.file("base.toml", "seed = 3\n[market.synthetic]\nminutes = 180\n");
    let run = folder.qsim(&["report", "base.toml", "--format", "plot"]).expect_code(0);
    for words in ["equity, USDT", "drawdown", "returns of one hour"] {
        assert!(run.stdout.contains(words), "{words}: {run:#?}");
    }
    let again = folder.qsim(&["report", "base.toml", "--format", "plot"]).expect_code(0);
    assert_eq!(run.stdout, again.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "{run:#?}");
    assert!(!folder.path("base.html").exists());
    folder.file(
        "sweep.toml",
        "scenario = \"base.toml\"\n[sampler]\nmethod = \"grid\"\n[[axis]]\npath = \"account.wallet\"\nvalues = [\"1000\", \"2000\"]\n[[axis]]\npath = \"pipeline.trading_bot.min_confidence\"\nvalues = [0.5, 0.6]\n[[objective]]\nname = \"end\"\nvalue = \"figures['margin_balance']\"\ngoal = \"maximize\"\n[metrics]\nperiod = \"10m\"\n",
    );
    folder.qsim(&["sweep", "sweep.toml"]).expect_code(0);
    let sweep = folder.qsim(&["report", "sweep.sweep", "--format", "plot"]).expect_code(0);
    for words in
        ["end over account.wallet", "end over pipeline.trading_bot.min_confidence", "end, mean"]
    {
        assert!(sweep.stdout.contains(words), "{words}: {sweep:#?}");
    }
}
