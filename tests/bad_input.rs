//! Bad input gives one message that names the file, the place and the remedy, exit code 2, nothing on
//! standard output that looks like a result, and leaves earlier output as it was.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use serde_json::Value as Json;
use support::{Folder, Output, text};

const SHORT: &str = "[market.synthetic]\nminutes = 120\n";
const RECORDED: &str = "[market.recorded]\nsymbols = [\"BTCUSDT\"]\nbars = \"1m\"\nfunding = false\n\
                        from = \"2026-02-01T00:00:00Z\"\nto = \"2026-02-02T00:00:00Z\"\n\
                        [exchange]\nfunding_rate = \"0\"\n";
const FUNDED: &str = "[market.synthetic.funding]\nrate_e8 = 10000\ninterval_hours = 8\n";

/// One message, exit code 2, and no result; in `--format json` at most lines that say "error".
fn is_refusal(output: Output, reasons: &[&str]) {
    let output = output.expect_code(2);
    assert_eq!(output.stderr.lines().count(), 1, "one message: {}", output.stderr);
    for reason in reasons {
        assert!(output.stderr.contains(reason), "no {reason:?} in {:?}", output.stderr);
    }
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

/// Runs the folder's `a.toml`, in both formats, and expects it refused for all the reasons.
fn run_refused(folder: &Folder, more: &[&str], reasons: &[&str]) {
    let table = [&["run", "a.toml", "--journal", "journals"], more].concat();
    let json = [&table[..], &["--format", "json"]].concat();
    is_refusal(folder.qsim(&table), reasons);
    let output = folder.qsim(&json);
    for line in output.lines() {
        assert_eq!((text(&line, "verdict"), text(&line, "digest")), ("error", ""), "{line}");
    }
    is_refusal(output, reasons);
    assert!(folder.snapshot("journals").is_empty(), "no journal of a run that was none");
}

fn scenario_refused(scenario: &str, reasons: &[&str]) {
    let folder = Folder::new();
    folder.file("a.toml", scenario);
    run_refused(&folder, &[], &[&["a.toml"], reasons].concat());
}

#[test]
fn an_unknown_key_names_place_and_nearest() {
    let scenario = format!("seed = 1\n{SHORT}[account]\nleverge = 3\n");
    scenario_refused(
        &scenario,
        &["a.toml:5:1: ", "unknown key `leverge`", "did you mean `leverage`?"],
    );
    scenario_refused(&format!("sed = 1\n{SHORT}"), &["a.toml:1:1: ", "did you mean `seed`?"]);
    let deep = format!("{SHORT}[pipeline.trading_bot]\ncheck_intervall_s = 3\n");
    scenario_refused(&deep, &["a.toml:4:1: ", "did you mean `check_interval_s`?"]);
}

#[test]
fn a_syntax_error_names_the_place() {
    scenario_refused("seed = 1\nname = \"open\n", &["a.toml:2:"]);
    scenario_refused("seed = 1\n[market.synthetic\n", &["a.toml:2:"]);
    scenario_refused(&format!("{SHORT}minutes = 5\n"), &["a.toml:3:1", "duplicate key"]);
}

#[test]
fn a_wrong_type_or_value_names_the_place() {
    scenario_refused("[market.synthetic]\nminutes = \"long\"\n", &["a.toml:2:11: "]);
    scenario_refused(&format!("expected = \"maybe\"\n{SHORT}"), &["a.toml:1:12: ", "`maybe`"]);
    scenario_refused(&format!("{SHORT}[account]\nwallet = \"much\"\n"), &["a.toml:4:10: "]);
}

#[test]
fn a_wrong_number_is_told_with_its_limits() {
    let minutes = "[market.synthetic]\nminutes = -2\n";
    scenario_refused(minutes, &["a.toml:2:11: ", "-2 is not a whole number from 0 to 4294967295"]);
    let noise = format!("{SHORT}[market.perturbation]\nnoise_ticks = 1.5\n");
    scenario_refused(&noise, &["a.toml:4:15: ", "1.5 is not a whole number from 0 to 4294967295"]);
    let key = format!("{SHORT}[market.synthetic.crash]\nat_minute = 5\n");
    scenario_refused(&key, &["a.toml:3:", "missing key `depth`: add it"]);
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let folder = Folder::new();
    folder.file("a.toml", [0xff, 0xfe, 0x00]);
    run_refused(&folder, &[], &["a.toml", "it is not UTF-8 text"]);
}

#[test]
fn a_symbol_without_filters_is_refused() {
    let scenario = "[market.synthetic]\nminutes = 120\n[[market.synthetic.symbols]]\n\
                    symbol = \"XYZUSDT\"\nstart_price = 10.0\nprice_decimals = 2\ntick_units = 1\n\
                    qty_decimals = 3\nvolume_per_minute = 100.0\nvolatility_per_minute = 0.001\n";
    let example =
        "state them in the scenario, such as [exchange] filters = [{ symbol = \"XYZUSDT\", tick";
    scenario_refused(scenario, &["XYZUSDT has no filters in ", example]);
    let stray = "[[exchange.filters]]\nsymbol = \"ETHUSDT\"\ntick_size = \"1\"\nstep_size = \"1\"\n\
                 min_notional = \"5\"\n";
    let stray = format!("{scenario}{stray}");
    scenario_refused(
        &stray,
        &["[[exchange.filters]] ETHUSDT is not in the market: name one of XYZ"],
    );
}

#[test]
fn negative_amounts_are_refused() {
    let with = |more: &str| format!("{SHORT}{more}");
    let wallet = with("[account]\nwallet = \"-5\"\n");
    scenario_refused(&wallet, &["account.wallet is -5", "from 0 to "]);
    let maximum = format!(
        "[market.synthetic]\nminutes = 120\n[[market.synthetic.symbols]]\nsymbol = \"BTCUSDT\"\n\
         start_price = 90000.0\nprice_decimals = 2\ntick_units = 10\nqty_decimals = 3\n\
         volume_per_minute = -1.0\nvolatility_per_minute = 0.001\n{FUNDED}"
    );
    scenario_refused(&maximum, &["volume_per_minute", "BTCUSDT"]);
}

#[test]
fn impossible_delivery_times_are_refused() {
    for (table, key) in [
        ("exchange", "request_latency_us"),
        ("exchange", "response_latency_us"),
        ("links", "latency_us"),
        ("links", "jitter_us"),
        ("links", "call_latency_us"),
        ("links", "feed_latency_us"),
    ] {
        for value in ["-1", "9223372036854775807"] {
            let place = format!("{table}.{key} is {value}");
            let scenario = format!("{SHORT}[{table}]\n{key} = {value}\n");
            scenario_refused(&scenario, &[&place, "from 0 to "]);
        }
    }
}

#[test]
fn a_market_is_exactly_one() {
    scenario_refused("seed = 1\n", &["a.toml:1:1", "market"]);
    scenario_refused("[market]\n", &["exactly one of `synthetic` and `recorded`"]);
    scenario_refused(&format!("{RECORDED}{SHORT}"), &["exactly one of `synthetic` and `recorded`"]);
    let backwards = RECORDED.replace("2026-02-02", "2026-01-02");
    scenario_refused(&backwards, &["is not before to", "swap or change them"]);
    let no_time = RECORDED.replace("2026-02-02T00:00:00Z", "tomorrow");
    scenario_refused(&no_time, &["to", "tomorrow"]);
    let bare = RECORDED.replace("\"2026-02-02T00:00:00Z\"", "2026-02-02T00:00:00Z");
    scenario_refused(&bare, &["a.toml:6:6: ", "a time in quotes, such as"]);
}

#[test]
fn an_expectation_without_sense_is_refused() {
    let none = format!("{SHORT}[[expect]]\nname = \"free\"\nfigure = \"entries\"\n");
    scenario_refused(&none, &["\"free\" has no bound", "at_least"]);
    let of = |figure: &str| {
        format!("{SHORT}[[expect]]\nname = \"none\"\nfigure = \"{figure}\"\nat_most = 0\n")
    };
    scenario_refused(&of("entrys"), &["no figure \"entrys\"", "did you mean \"entries\""]);
    scenario_refused(&of("exit_monitr.sl_hits"), &["no service", "did you mean \"exit_monitor\""]);
    scenario_refused(&of("exit_monitor.sl_hit"), &["no counter", "did you mean \"sl_hits\""]);
}

#[test]
fn recorded_data_that_is_not_there_is_refused() {
    let folder = Folder::new();
    folder.file("a.toml", RECORDED);
    run_refused(&folder, &[], &["a.toml", "needs market data", "qsim data import", "--data DIR"]);
    std::fs::create_dir(folder.path("empty")).expect("a folder");
    let data = ["--data", "empty"];
    run_refused(
        &folder,
        &data,
        &["a.toml", "empty", "no imported market data", "qsim data import"],
    );
    run_refused(&folder, &["--data", "nowhere"], &["a.toml", "nowhere", "qsim data import"]);
}

#[test]
fn recorded_data_of_another_symbol_or_time_is_refused() {
    let folder = Folder::new();
    folder.file(GOOD, csv(&[row(0), row(1)]));
    import(&folder, 0);
    let data = ["--data", "set"];
    folder.file("a.toml", RECORDED.replace("BTCUSDT", "ETHUSDT"));
    run_refused(&folder, &data, &["a.toml", "ETHUSDT", "BTCUSDT"]);
    folder.file("a.toml", RECORDED.replace("2026-02", "2025-02"));
    run_refused(&folder, &data, &["a.toml", "BTCUSDT", "nothing of it", "change the range"]);
}

#[test]
fn in_a_folder_what_needs_data_is_skipped_with_a_word() {
    let folder = Folder::new();
    folder.file("many/recorded.toml", RECORDED);
    folder.file("many/made.toml", SHORT);
    let output = folder.qsim(&["run", "many", "--format", "json"]).expect_code(0);
    assert_eq!(text(&output.json(), "scenario"), "made");
    assert!(output.stderr.contains("skipped ") && output.stderr.contains("recorded.toml"));
}

#[test]
fn where_all_is_skipped_nothing_has_passed() {
    let folder = Folder::new();
    folder.file("many/recorded.toml", RECORDED);
    let output = folder.qsim(&["run", "many", "--format", "json"]).expect_code(2);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("nothing was run"), "{}", output.stderr);
}

#[test]
fn one_bad_scenario_of_several_is_told_and_the_others_run() {
    let folder = Folder::new();
    folder.file("many/a.toml", SHORT);
    folder.file("many/b.toml", "sed = 1\n");
    let output = folder.qsim(&["run", "many", "--format", "json"]);
    let lines = output.lines();
    let of = |name: &str| lines.iter().find(|line| text(line, "scenario") == name).expect(name);
    assert_eq!(lines.len(), 2);
    assert_eq!(text(of("a"), "verdict"), "pass");
    assert_eq!(text(of("b"), "verdict"), "error");
    assert!(text(of("b"), "error").contains("b.toml:1:1: unknown key `sed`"), "{lines:?}");
    is_refusal(output, &["b.toml:1:1: "]);
}

#[test]
fn a_name_that_leads_out_of_the_journals_folder_is_refused() {
    for name in ["../a", "a/b", "a\\\\b", ".hidden", "a\\nb"] {
        let scenario = format!("name = \"{name}\"\n{SHORT}");
        scenario_refused(&scenario, &["it names the journal file"]);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let with = |more: &str| format!("{SHORT}{more}");
    let long = with("[pipeline.exit_monitor]\nretry_s = 9223372036854775807\n");
    scenario_refused(&long, &["[pipeline.exit_monitor] retry_s", "more than a year"]);
    let none = with("[pipeline.trading_bot]\nmin_confidence = nan\n");
    scenario_refused(&none, &["[pipeline.trading_bot] min_confidence", "from 0 to 1"]);
    let late = "[market.synthetic]\nminutes = 120\nstart_ms = 9223372036854720000\n";
    scenario_refused(late, &["only 2000 to 2200"]);
    let rich = with("[account]\nwallet = \"79228162514264337593543950335\"\n");
    scenario_refused(&rich, &["account.wallet"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let folder = Folder::new();
    folder.file("a.toml", SHORT);
    for format in ["table", "json"] {
        let mut command = std::process::Command::new(support::QSIM);
        command.args(["run", "a.toml", "--format", format]).current_dir(folder.root());
        let pipes =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn missing_files_and_folders_without_scenarios_are_refused() {
    let folder = Folder::new();
    let missing = folder.qsim(&["run", "nowhere.toml"]);
    is_refusal(missing, &["nowhere.toml", "No such file", "check the path"]);
    folder.file("none/notes.txt", "nothing to run");
    let none = folder.qsim(&["run", "none"]);
    assert_eq!(none.stdout, "");
    is_refusal(none, &["none: no scenario files (*.toml) here"]);
}

#[test]
fn an_earlier_journal_survives_a_run_that_cannot_start() {
    let folder = Folder::new();
    folder.file("a.toml", SHORT);
    folder.qsim(&["run", "a.toml", "--journal", "journals"]).expect_code(0);
    let before = folder.snapshot("journals");
    assert_eq!(before.len(), 1);
    folder.file("a.toml", format!("{SHORT}[account]\nleverage = 0\n"));
    is_refusal(folder.qsim(&["run", "a.toml", "--journal", "journals"]), &["a.toml", "leverage"]);
    assert!(folder.snapshot("journals") == before);
}

const GOOD: &str = "raw/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.csv";
const HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,\
                      taker_buy_volume,taker_buy_quote_volume,ignore\n";

/// A bar of the minute so many after 2026-02-01T00:00Z.
fn row(minute: i64) -> String {
    let open = 1_769_904_000_000 + minute * 60_000;
    format!("{open},1,2,1,2,5,{},1,1,1,1,0\n", open + 59_999)
}

fn csv(rows: &[String]) -> String {
    format!("{HEADER}{}", rows.concat())
}

fn import(folder: &Folder, code: i32) -> Json {
    let arguments = ["data", "import", "raw", "--into", "set", "--format", "json"];
    let output = folder.qsim(&arguments).expect_code(code);
    let mut lines = output.lines();
    let report = lines.pop().expect("a report at the end");
    for refusal in report["refused"].as_array().expect("a list") {
        let (path, reason) = (text(refusal, "path"), text(refusal, "reason"));
        let line = format!("refused: {path}: {reason}");
        assert!(output.stderr.contains(&line), "for people too: {}", output.stderr);
        let own = lines.iter().find(|line| line["path"] == path).expect("a line of its own");
        assert_eq!((text(own, "outcome"), text(own, "reason")), ("refused", reason));
    }
    report
}

fn listed(folder: &Folder) -> String {
    folder.qsim(&["data", "list", "set", "--format", "json"]).expect_code(0).stdout
}

/// Imports a bad file beside a good one, over a data set that holds something already.
fn import_refused(place: &str, files: &[(&str, Vec<u8>)], reasons: &[&str]) {
    let folder = Folder::new();
    folder.file(GOOD, csv(&[row(0), row(1)]));
    import(&folder, 0);
    let (list, files_before) = (listed(&folder), folder.snapshot("set"));

    // The bad file alone: the data set stays as it is, byte by byte.
    std::fs::remove_file(folder.path(GOOD)).expect("deleted");
    for (name, content) in files {
        folder.file(name, content);
    }
    let report = import(&folder, 2);
    assert_eq!(report["files"], 0, "{report}");
    assert!(folder.snapshot("set") == files_before, "the data set was touched");
    assert_eq!(listed(&folder), list);

    // Beside a good one, which comes in.
    folder.file("raw/klines/SOLUSDT/1m/SOLUSDT-1m-2026-02.csv", csv(&[row(0), row(1), row(2)]));
    let report = import(&folder, 2);
    assert_eq!((report["files"].as_u64(), report["rows"].as_u64()), (Some(1), Some(3)), "{report}");
    let refused = report["refused"].as_array().expect("a list");
    assert_eq!(refused.len(), 1, "{report}");
    assert!(Path::new(text(&refused[0], "path")).ends_with(place), "{report}");
    for reason in reasons {
        assert!(text(&refused[0], "reason").contains(reason), "no {reason:?} in {report}");
    }
    let now = listed(&folder);
    assert!(now.starts_with(list.trim_end()) && now.contains("SOLUSDT"), "{list}\n{now}");
}

const BAD_CSV: &str = "raw/klines/ETHUSDT/1m/ETHUSDT-1m-2026-02.csv";
const BAD_ZIP: &str = "raw/klines/ETHUSDT/1m/ETHUSDT-1m-2026-02.zip";

#[test]
fn a_corrupt_zip_is_refused() {
    let files = [(BAD_ZIP, b"PK\x03\x04 and then nothing".to_vec())];
    import_refused(BAD_ZIP, &files, &["not a readable zip", "download it again"]);
}

#[test]
fn a_wrong_checksum_is_refused() {
    let checksum = format!("{BAD_ZIP}.CHECKSUM");
    let stated = format!("{}  ETHUSDT-1m-2026-02.zip\n", "0".repeat(64)).into_bytes();
    let files = [(BAD_ZIP, b"whatever it is".to_vec()), (checksum.as_str(), stated)];
    import_refused(BAD_ZIP, &files, &["wrong checksum"]);
}

#[test]
fn a_cut_csv_is_refused() {
    let mut content = csv(&[row(0), row(1)]).into_bytes();
    content.truncate(content.len() - 20);
    import_refused(BAD_CSV, &[(BAD_CSV, content)], &["line 3", "columns", "cut"]);
}

#[test]
fn rows_out_of_order_are_refused() {
    let content = csv(&[row(1), row(0)]).into_bytes();
    import_refused(BAD_CSV, &[(BAD_CSV, content)], &["line 3"]);
}

#[test]
fn impossible_values_are_refused() {
    let negative = csv(&[row(0), row(1).replace(",5,", ",-5,")]).into_bytes();
    import_refused(BAD_CSV, &[(BAD_CSV, negative)], &["line 3"]);
    let words = csv(&[row(0).replace(",2,1,", ",many,1,")]).into_bytes();
    import_refused(BAD_CSV, &[(BAD_CSV, words)], &["line 2", "many"]);
}

#[test]
fn a_missing_path_is_refused_by_name() {
    let folder = Folder::new();
    let output = folder.qsim(&["data", "import", "nowhere", "--into", "set", "--format", "json"]);
    let output = output.expect_code(2);
    assert_eq!(text(&output.lines()[0], "path"), "nowhere");
    assert!(output.stderr.contains("nothing was imported: 1 refused"), "{}", output.stderr);
}

#[test]
fn a_data_set_that_is_none_is_refused() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("empty")).expect("a folder");
    for command in ["list", "check"] {
        for place in ["empty", "nowhere"] {
            let output = folder.qsim(&["data", command, place, "--format", "json"]);
            assert_eq!(output.stdout, "");
            is_refusal(output, &[place, "no imported market data here", "qsim data import"]);
        }
    }
}
