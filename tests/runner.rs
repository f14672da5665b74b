//! `qsim run` as a suite: which cases run, what they are judged by, and what is written of them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use serde_json::{Value as Json, json};
use support::{Folder, Output, QSIM, run_program, text};

/// Two hours are enough where it does not matter what is traded.
const SHORT: &str = "seed = 3\n[market.synthetic]\nminutes = 120\n";
/// A day and more, for those who interrupt it.
const LONG: &str = "seed = 3\n[market.synthetic]\nminutes = 40000\n";
const HOLDS: &str = "\n[[expect]]\nname = \"it holds\"\nfigure = \"liquidations\"\nequals = 0\n";
const RICH: &str =
    "\n[[expect]]\nname = \"a lot of money\"\nfigure = \"wallet_balance\"\nat_least = 1000\n";
const BROKEN: &str =
    "\n[[expect]]\nname = \"a lot of money\"\nfigure = \"wallet_balance\"\nat_least = 1000000\n";

/// Poor from the start: the incident of these tests.
fn relapse(fails: &str) -> String {
    format!(
        "\n[variants.poor]\nrelapse = true\nfails = \"{fails}\"\nincident = \"the wallet\"\n[variants.poor.account]\nwallet = \"10\"\n"
    )
}

/// A relapse that fails where it says.
fn good() -> String {
    format!("{SHORT}{HOLDS}{RICH}{}", relapse("a lot of money"))
}

fn by_name(output: &Output) -> Vec<(String, Json)> {
    let name = |line: &Json| format!("{}/{}", text(line, "scenario"), text(line, "variant"));
    let mut lines: Vec<(String, Json)> =
        output.lines().into_iter().map(|line| (name(&line), line)).collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

fn names(output: &Output) -> Vec<String> {
    output.stdout.lines().map(|l| l.split("  ").next().unwrap_or(l).to_owned()).collect()
}

#[test]
fn a_relapse_that_fails_where_it_says_is_fine() {
    let folder = Folder::new();
    folder.file("many/a.toml", good());
    let output = folder.qsim(&["run", "many", "--format", "json"]).expect_code(0);
    let lines = by_name(&output);
    assert_eq!(lines.len(), 2, "{output:#?}");
    assert_eq!(lines[0].0, "a/default");
    let poor = &lines[1].1;
    assert_eq!(lines[1].0, "a/poor");
    assert_eq!((&poor["relapse"], &poor["expected"]), (&json!(true), &json!("fail")));
    assert_eq!((&poor["verdict"], &poor["ok"]), (&json!("fail"), &json!(true)));
    assert_eq!(text(poor, "fails"), "a lot of money");
    assert_eq!(poor["failures"][0]["expectation"], "a lot of money");
    // The line of the expectation in its file.
    let written = good();
    let line = written.lines().position(|line| line.contains("\"a lot of money\"")).expect("it");
    let found = poor["failures"][0]["line"].as_u64().expect("a number") as usize;
    assert!(found == line || found == line + 1, "line {found}, written on {}", line + 1);
    let table = folder.qsim(&["run", "many"]).expect_code(0).stdout;
    assert!(table.contains("poor (relapse)") && table.contains("fails as expected"), "{table}");
    assert!(table.contains("2 cases as they should be (1 relapse among all)"), "{table}");
}

#[test]
fn a_relapse_that_passes_fails_the_suite() {
    let folder = Folder::new();
    let harmless = good().replace("wallet = \"10\"", "wallet = \"10000\"");
    folder.file("a.toml", harmless);
    let output = folder.qsim(&["run", "a.toml"]).expect_code(1);
    let told = "the relapse passes and has to fail at \"a lot of money\"";
    assert!(output.stderr.contains(told), "{output:#?}");
    assert!(output.stderr.contains("again: qsim run a.toml --filter a/poor"), "{output:#?}");
}

#[test]
fn a_relapse_that_fails_elsewhere_fails_the_suite() {
    let folder = Folder::new();
    folder.file("a.toml", format!("{SHORT}{HOLDS}{RICH}{}", relapse("it holds")));
    let output = folder.qsim(&["run", "a.toml"]).expect_code(1);
    let told =
        "the relapse has to fail at \"it holds\", which holds; it fails at \"a lot of money\"";
    assert!(output.stderr.contains(told), "{output:#?}");
    assert!(output.stdout.contains("FAILS ELSEWHERE"), "{output:#?}");
}

#[test]
fn the_command_of_a_failure_repeats_it_alone() {
    let folder = Folder::new();
    folder.file("some where/a.toml", format!("{SHORT}{BROKEN}{}", relapse("a lot of money")));
    let output = folder.qsim(&["run", "some where", "--format", "json", "--seed", "5"]);
    let lines = by_name(&output.expect_code(1));
    let again = text(&lines[0].1, "again");
    let words = shlex::split(again).expect("words of a shell");
    assert_eq!(words[0], "qsim");
    let mut words = words[1..].to_vec();
    words.extend(["--format".to_owned(), "json".to_owned()]);
    let second = folder.qsim(&words).expect_code(1).json();
    assert_eq!(text(&second, "variant"), "default");
    assert_eq!(second["digest"], lines[0].1["digest"]);
}

#[test]
fn threads_and_order_change_nothing_but_wall_time() {
    let folder = Folder::new();
    for (n, name) in ["c", "a", "b"].iter().enumerate() {
        folder.file(&format!("many/{name}.toml"), good().replace("120", &format!("{}", 90 + n)));
    }
    let run = |threads: &str| {
        let arguments = ["run", "many", "--threads", threads, "--jsonl", "out/cases.jsonl"];
        let table = folder.qsim(&arguments).expect_code(0).stdout;
        let written = std::fs::read_to_string(folder.path("out/cases.jsonl")).expect("written");
        let mut lines: Vec<Json> =
            written.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for line in &mut lines {
            line.as_object_mut().expect("an object").remove("wall_seconds");
        }
        let rows: Vec<String> = table
            .lines()
            .map(|row| {
                row.split('┆').enumerate().filter(|(n, _)| *n != 7).map(|(_, c)| c.trim()).collect()
            })
            .collect();
        (lines, rows.concat().replace(['═', '╪', '╌', '┼'], ""))
    };
    let one = run("1");
    let names: Vec<(&str, &str)> =
        one.0.iter().map(|line| (text(line, "scenario"), text(line, "variant"))).collect();
    let pairs = ["a", "b", "c"].map(|name| [(name, "default"), (name, "poor")]).concat();
    assert_eq!(names, pairs, "in the order of the suite");
    assert_eq!(run("3"), one);
}

#[test]
fn filters_take_what_they_say() {
    let folder = Folder::new();
    folder.file("scenarios/a.toml", good());
    folder.file("scenarios/ab.toml", good());
    let list =
        |more: &[&str]| names(&folder.qsim(&[&["run", "--list"], more].concat()).expect_code(0));
    assert_eq!(list(&[]), ["a/default", "a/poor", "ab/default", "ab/poor"]);
    assert_eq!(list(&["--filter", "ab"]), ["ab/default", "ab/poor"]);
    assert_eq!(list(&["--filter", "*/poor"]), ["a/poor", "ab/poor"]);
    assert_eq!(list(&["--only", "relapse"]), ["a/poor", "ab/poor"]);
    assert_eq!(list(&["--only", "default"]), ["a/default", "ab/default"]);
    assert_eq!(list(&["--filter", "a/poor"]), ["a/poor"], "a whole name is that case");
    assert_eq!(list(&["scenarios/ab.toml"]), ["ab/default", "ab/poor"], "the same names");
    let output = folder.qsim(&["run", "--filter", "ab/por"]).expect_code(2);
    assert!(output.stderr.contains("did you mean \"ab/poor\"?"), "{output:#?}");
}

#[test]
fn folders_below_belong_to_a_suite_and_parts_do_not() {
    let folder = Folder::new();
    for name in ["a", "stress/b", "stress/deep/c", "parts/d", ".hidden/e"] {
        folder.file(&format!("scenarios/{name}.toml"), SHORT);
    }
    folder.file("scenarios/goldens.toml", "");
    let listed = names(&folder.qsim(&["run", "--list"]).expect_code(0));
    assert_eq!(listed, ["a/default", "stress/b/default", "stress/deep/c/default"]);
}

#[test]
fn every_case_is_in_exactly_one_shard() {
    let folder = Folder::new();
    for n in 0..12 {
        folder.file(&format!("scenarios/s{n}.toml"), good());
    }
    folder.file("scenarios/broken.toml", "no scenario");
    let mut all = names(&folder.qsim(&["run", "--list"]).expect_code(0));
    assert_eq!(all.len(), 25);
    let mut shards: Vec<String> = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        shards.extend(names(&folder.qsim(&["run", "--list", "--shard", shard]).expect_code(0)));
    }
    shards.sort();
    all.sort();
    assert_eq!(shards, all);
    let wrong = folder.qsim(&["run", "--list", "--shard", "4/3"]).expect_code(2);
    assert!(wrong.stderr.contains("1/3 to 3/3"), "{wrong:#?}");
}

#[test]
fn an_empty_shard_is_fine() {
    let folder = Folder::new();
    folder.file("a.toml", SHORT);
    let codes: Vec<i32> = (1..=3)
        .map(|n| folder.qsim(&["run", "a.toml", "--shard", &format!("{n}/3")]).code)
        .collect();
    assert_eq!(codes, [0, 0, 0]);
}

#[test]
fn after_the_first_failure_nothing_is_begun() {
    let folder = Folder::new();
    // The longest is begun first.
    folder.file("many/a.toml", format!("{}{BROKEN}", SHORT.replace("120", "300")));
    for name in ["b", "c", "d"] {
        folder.file(&format!("many/{name}.toml"), SHORT);
    }
    let arguments = ["run", "many", "--threads", "1", "--fail-fast", "--junit", "j.xml"];
    let output = folder.qsim(&arguments).expect_code(1);
    assert!(output.stderr.contains("3 cases not run"), "{output:#?}");
    assert!(output.stdout.contains("1 failed, 3 not run"), "{output:#?}");
    let written = std::fs::read_to_string(folder.path("j.xml")).expect("written");
    assert_eq!(written.matches("<skipped").count(), 3, "{written}");
}

#[test]
fn an_unreadable_file_keeps_no_other_from_running() {
    let folder = Folder::new();
    folder.file("many/a.toml", "seeed = 3\n[market.synthetic]\n");
    folder.file("many/b.toml", format!("{SHORT}{HOLDS}"));
    folder.file("many/c.toml", format!("{SHORT}{BROKEN}"));
    let output = folder.qsim(&["run", "many", "--format", "json"]).expect_code(2);
    let lines = by_name(&output);
    let verdicts: Vec<&str> = lines.iter().map(|(_, line)| text(line, "verdict")).collect();
    assert_eq!(verdicts, ["error", "pass", "fail"]);
    assert!(output.stderr.contains("many/a.toml:1:1: unknown key `seeed`"), "{output:#?}");
}

#[test]
fn a_time_limit_ends_a_case_without_a_verdict() {
    let folder = Folder::new();
    folder.file("a.toml", LONG);
    let output = folder.qsim(&["run", "a.toml", "--time-limit", "1ms", "--format", "json"]);
    let line = output.expect_code(1).json();
    assert_eq!(text(&line, "verdict"), "error");
    assert!(text(&line, "error").contains("time limit: 0.001 s"), "{line}");
    assert_eq!(line["faults"][0]["kind"], "limit");
    // A limit that is kept leaves no trace.
    folder.file("b.toml", SHORT);
    let with = folder.qsim(&["run", "b.toml", "--time-limit", "1h", "--format", "json"]).json();
    assert_eq!(folder.run_json("b.toml")["digest"], with["digest"]);
}

#[test]
fn a_file_may_carry_its_limits() {
    let folder = Folder::new();
    folder.file("a.toml", format!("{LONG}\n[limits]\nwall_s = 0.001\n"));
    let output = folder.qsim(&["run", "a.toml"]).expect_code(1);
    assert!(output.stderr.contains("time limit: 0.001 s"), "{output:#?}");
    assert!(output.stdout.contains("LIMIT"), "{output:#?}");
}

#[test]
fn a_memory_limit_is_that_of_the_cases_own_process() {
    let folder = Folder::new();
    folder.file("a.toml", SHORT);
    let arguments = ["run", "a.toml", "--memory-limit", "1M", "--format", "json"];
    let line = folder.qsim(&arguments).expect_code(1).json();
    assert!(
        text(&line, "error").contains("memory limit: its process holds more than 1 MiB"),
        "{line}"
    );
    let arguments = ["run", "a.toml", "--memory-limit", "4G", "--format", "json"];
    let line = folder.qsim(&arguments).expect_code(0).json();
    assert_eq!(line["digest"], folder.run_json("a.toml")["digest"], "the process changes nothing");
}

#[test]
fn twice_finds_the_same_and_says_nothing() {
    let folder = Folder::new();
    folder.file("a.toml", good());
    let output = folder.qsim(&["run", "a.toml", "--twice", "--format", "json"]).expect_code(0);
    let lines = by_name(&output);
    let digests: Vec<&Json> = lines.iter().map(|(_, line)| &line["digest"]).collect();
    let once = by_name(&folder.qsim(&["run", "a.toml", "--format", "json"]).expect_code(0));
    assert_eq!(digests, once.iter().map(|(_, line)| &line["digest"]).collect::<Vec<_>>());
    assert!(!output.stderr.contains("not the same"), "{output:#?}");
    folder.qsim(&["run", "a.toml", "--twice", "--journal", "runs"]).expect_code(0);
    let journals = folder.snapshot("runs");
    assert_eq!(journals.len(), 4, "two cases, two runs each");
}

#[test]
fn a_changed_digest_fails_until_it_is_accepted() {
    let folder = Folder::new();
    folder.file("scenarios/a.toml", SHORT);
    folder.file("scenarios/b.toml", good());
    let accepted = folder.qsim(&["run", "--accept"]).expect_code(0);
    assert!(accepted.stderr.contains("accepted: a/default: new"), "{accepted:#?}");
    let golden = std::fs::read_to_string(folder.path("scenarios/goldens.toml")).expect("written");
    let places: Vec<Option<usize>> =
        ["\"a/default\"", "\"b/default\"", "\"b/poor\""].map(|n| golden.find(n)).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{golden}");
    folder.qsim(&["run"]).expect_code(0);
    // Another market is another run.
    folder.file("scenarios/a.toml", SHORT.replace("120", "121"));
    let failed = folder.qsim(&["run", "scenarios/a.toml"]).expect_code(1);
    assert!(failed.stdout.contains("OTHER DIGEST"), "{failed:#?}");
    assert!(failed.stderr.contains("`qsim run --accept` writes it"), "{failed:#?}");
    let accepted = folder.qsim(&["run", "--accept", "--filter", "a/default"]).expect_code(0);
    assert!(accepted.stderr.contains("accepted: a/default: "), "{accepted:#?}");
    assert!(!accepted.stderr.contains("b/default"), "only those that ran: {accepted:#?}");
    folder.qsim(&["run"]).expect_code(0);
    // Another seed is not what the digests are of.
    folder.qsim(&["run", "--seed", "9", "--filter", "a/default"]).expect_code(0);
    let missing = folder.qsim(&["run", "--goldens", "nowhere.toml"]).expect_code(2);
    assert!(missing.stderr.contains("--accept writes them"), "{missing:#?}");
}

#[test]
fn annotations_and_the_jobs_summary() {
    let folder = Folder::new();
    folder.file("many/a.toml", format!("{SHORT}{BROKEN}"));
    folder.file("many/b.toml", good());
    let summary = folder.file("summary.md", "before\n");
    let environment = [("GITHUB_STEP_SUMMARY", summary.to_str().expect("UTF-8"))];
    let arguments = ["run", "many", "--github"];
    let output = run_program(Path::new(QSIM), folder.root(), &environment, &arguments);
    let output = output.expect_code(1);
    let told: Vec<&str> = output.stdout.lines().filter(|l| l.starts_with("::error")).collect();
    assert_eq!(told.len(), 1, "{output:#?}");
    assert!(told[0].starts_with("::error file=many/a.toml,line="), "{}", told[0]);
    assert!(
        told[0].contains(",title=many/a/default%3A expectation::a lot of money: "),
        "{}",
        told[0]
    );
    assert!(told[0].contains("%0Aagain: qsim run many/a.toml"), "{}", told[0]);
    let written = std::fs::read_to_string(&summary).expect("written");
    assert!(written.starts_with("before\n## qsim: 2 cases as they should be"), "{written}");
    assert!(written.contains("| many/a/default | a lot of money: "), "{written}");
    let both = folder.qsim(&["run", "many", "--github", "--format", "json"]).expect_code(2);
    assert!(both.stderr.contains("--jsonl"), "{both:#?}");
}

#[test]
fn what_cannot_be_written_is_told_before_anything_runs() {
    let folder = Folder::new();
    folder.file("a.toml", LONG);
    folder.file("file", "");
    let output = folder.qsim(&["run", "a.toml", "--junit", "file/j.xml"]).expect_code(2);
    assert!(output.stderr.contains("file/j.xml: "), "{output:#?}");
    assert!(output.stdout.is_empty(), "{output:#?}");
}

#[test]
fn the_help_says_what_exit_codes_mean() {
    let help = Folder::new().qsim(&["run", "--help"]).expect_code(0).stdout;
    for part in ["Exit codes:", "0  every case", "1  a check failed", "2  misuse", "second time"] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
    assert!(!Folder::new().qsim(&["--help"]).stdout.contains("run-case"));
}
