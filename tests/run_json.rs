//! What scripts read: the keys of `--format json`, verdicts and exit codes, and that nothing but results
//! is on standard output.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value as Json, json};
use support::{FLASH_CRASH, Folder, text};

/// Two hours are enough where it does not matter what is traded.
const SHORT: &str = "seed = 3\n[market.synthetic]\nminutes = 120\n";
const BROKEN: &str =
    "\n[[expect]]\nname = \"a lot of money\"\nfigure = \"wallet_balance\"\nat_least = 1000000\n";

fn keys(json: &Json) -> Vec<&str> {
    json.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn a_line_has_these_keys_and_no_others() {
    let folder = Folder::new();
    folder.file("flash_crash.toml", FLASH_CRASH);
    let output = folder.qsim(&["run", "flash_crash.toml", "--format", "json"]).expect_code(0);
    // The order of keys in the text is that of the documentation.
    let documented = [
        "scenario",
        "variant",
        "expected",
        "verdict",
        "digest",
        "seed",
        "events",
        "virtual_seconds",
        "wall_seconds",
        "failed",
        "file",
        "relapse",
        "ok",
        "failures",
        "faults",
        "again",
    ];
    let places: Vec<usize> = documented
        .iter()
        .map(|key| output.stdout.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key}")))
        .collect();
    assert!(places.is_sorted(), "{}", output.stdout);
    let line = output.json();
    let mut found = keys(&line);
    let mut wanted = documented.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert_eq!(line["scenario"], "flash_crash");
    assert_eq!(line["variant"], "default");
    assert_eq!(line["expected"], "pass");
    assert_eq!(line["verdict"], "pass");
    assert_eq!(line["seed"], 7);
    assert_eq!(line["virtual_seconds"].as_f64(), Some(86_400.0));
    assert!(line["events"].as_u64().is_some_and(|n| n > 10_000), "{line}");
    assert!(line["wall_seconds"].as_f64().is_some_and(|s| s > 0.0), "{line}");
    assert_eq!(line["failed"], json!([]));
    assert_eq!((&line["file"], &line["ok"]), (&json!("flash_crash.toml"), &json!(true)));
    assert_eq!(line["relapse"], json!(false));
    assert_eq!(line["again"], "qsim run flash_crash.toml --filter flash_crash/default");
}

#[test]
fn one_object_a_line_for_each_scenario() {
    let folder = Folder::new();
    for name in ["a", "b", "c"] {
        folder.file(&format!("many/{name}.toml"), SHORT);
    }
    folder.file("many/notes.txt", "no scenario");
    let output = folder.qsim(&["run", "many", "--format", "json"]).expect_code(0);
    let mut names: Vec<String> =
        output.lines().iter().map(|line| text(line, "scenario").to_owned()).collect();
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_broken_expectation_fails_and_is_named() {
    let folder = Folder::new();
    folder.file("a.toml", format!("{SHORT}{BROKEN}"));
    let output = folder.qsim(&["run", "a.toml", "--format", "json"]).expect_code(1);
    let line = output.json();
    assert_eq!(line["verdict"], "fail");
    assert_eq!(line["failed"], json!(["a lot of money"]));
    assert!(
        output.stderr.contains("a lot of money: wallet_balance is"),
        "what was found: {}",
        output.stderr
    );
    let table = folder.qsim(&["run", "a.toml"]).expect_code(1);
    assert!(table.stdout.contains("FAIL"), "{}", table.stdout);
}

#[test]
fn only_the_broken_one_of_several_is_named() {
    let folder = Folder::new();
    let holds = "\n[[expect]]\nname = \"it holds\"\nfigure = \"liquidations\"\nequals = 0\n";
    folder.file("many/bad.toml", format!("{SHORT}{holds}{BROKEN}"));
    folder.file("many/good.toml", format!("{SHORT}{holds}"));
    let output = folder.qsim(&["run", "many", "--format", "json"]).expect_code(1);
    let mut found: Vec<(String, String, Json)> = output
        .lines()
        .into_iter()
        .map(|l| (text(&l, "scenario").into(), text(&l, "verdict").into(), l["failed"].clone()))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let wanted = [("bad", "fail", json!(["a lot of money"])), ("good", "pass", json!([]))];
    assert_eq!(found, wanted.map(|(name, verdict, f)| (name.into(), verdict.into(), f)));
}

#[test]
fn a_failure_that_is_expected_is_fine_and_its_absence_is_not() {
    let folder = Folder::new();
    folder.file("broken.toml", format!("expected = \"fail\"\n{SHORT}{BROKEN}"));
    let line = folder.run_json("broken.toml");
    assert_eq!((text(&line, "expected"), text(&line, "verdict")), ("fail", "fail"));
    assert_eq!(line["failed"], json!(["a lot of money"]));

    folder.file("whole.toml", format!("expected = \"fail\"\n{SHORT}"));
    let line = folder.qsim(&["run", "whole.toml", "--format", "json"]).expect_code(1).json();
    assert_eq!((text(&line, "expected"), text(&line, "verdict")), ("fail", "pass"));
}

#[test]
fn diagnostics_go_to_standard_error_only() {
    let folder = Folder::new();
    folder.file("a.toml", SHORT);
    let arguments = ["run", "a.toml", "--format", "json", "--verbose", "--journal", "journals"];
    let output = folder.qsim(&arguments).expect_code(0);
    output.json();
    assert!(output.stderr.contains("a: journal "), "{}", output.stderr);
    assert!(output.stderr.contains("a: wallet_balance = "), "{}", output.stderr);
}

#[test]
fn an_import_tells_files_rows_refusals_and_digest() {
    let folder = Folder::new();
    let header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,\
                  taker_buy_volume,taker_buy_quote_volume,ignore\n";
    let row = |minute: i64| {
        let open = 1_769_904_000_000 + minute * 60_000;
        format!("{open},1,2,1,2,5,{},1,1,1,1,0\n", open + 59_999)
    };
    let good = format!("{header}{}{}", row(0), row(1));
    folder.file("raw/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.csv", &good);
    let arguments = ["data", "import", "raw", "--into", "set", "--format", "json"];
    let output = folder.qsim(&arguments).expect_code(0);
    let report = output.json();
    for key in ["files", "rows", "refused", "digest"] {
        assert!(report.get(key).is_some(), "no {key} in {report}");
    }
    assert_eq!((report["files"].as_u64(), report["rows"].as_u64()), (Some(1), Some(2)));
    assert_eq!(report["refused"], json!([]));
    assert_eq!(text(&report, "digest").len(), 64);
    let again = folder.qsim(&arguments).expect_code(0).json();
    assert_eq!(again["digest"], report["digest"], "the same rows again");

    let list = folder.qsim(&["data", "list", "set", "--format", "json"]).expect_code(0).json();
    assert_eq!((text(&list, "symbol"), list["rows"].as_u64()), ("BTCUSDT", Some(2)));
}

/// What no figure says at a glance: a run that stood still, and one that brings an incident back.
#[test]
fn an_emergency_and_audited_behaviour_are_told() {
    let folder = Folder::new();
    let stopped = format!("{SHORT}[pipeline.balance_tracker]\nenabled = false\n");
    folder.file("stopped.toml", stopped);
    let told = folder.qsim(&["run", "stopped.toml"]).expect_code(0).stderr;
    assert!(told.contains("stopped: warning: the emergency stop holds"), "{told}");
    folder.file("quiet.toml", SHORT);
    let told = folder.qsim(&["run", "quiet.toml", "-v"]).expect_code(0).stderr;
    assert!(!told.contains("emergency stop holds") && !told.contains("Audited"), "{told}");
    let named = format!("{SHORT}[pipeline]\naudited = [\"unit_sigma\"]\n");
    folder.file("named.toml", named);
    let told = folder.qsim(&["run", "named.toml", "-v"]).expect_code(0).stderr;
    assert!(told.contains("named: assumes: Audited behaviour unit_sigma (EHR 3.8;"), "{told}");
}
