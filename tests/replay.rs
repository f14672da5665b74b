//! A journal and the data are enough to run it again; a damaged or foreign one is refused; and a journal
//! shows a decision from the signal to the fill.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::Value as Json;
use support::{FLASH_CRASH, Folder, Output, text};

/// The embedded scenario's line and its journal, recorded once for all tests here.
static RECORDED: LazyLock<(Json, Vec<u8>)> = LazyLock::new(|| {
    let folder = Folder::new();
    let (line, journal) = record(&folder, FLASH_CRASH);
    (line, std::fs::read(journal).expect("a journal"))
});

/// Runs a scenario with a journal, deletes the scenario and gives the journal's place.
fn record(folder: &Folder, scenario: &str) -> (Json, PathBuf) {
    let file = folder.file("recorded.toml", scenario);
    let arguments = ["run", "recorded.toml", "--format", "json", "--journal", "journals"];
    let line = folder.qsim(&arguments).expect_code(0).json();
    std::fs::remove_file(file).expect("deleted");
    let journals = folder.snapshot("journals");
    assert_eq!(journals.len(), 1, "one journal and nothing half written");
    let seed = line["seed"].as_u64().expect("a seed");
    let journal = folder.path("journals").join(format!("recorded-{seed}.journal"));
    assert_eq!(journals[0].0, journal);
    (line, journal)
}

/// The recorded journal, changed, in a folder that holds nothing else.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Folder {
    let folder = Folder::new();
    let mut bytes = RECORDED.1.clone();
    change(&mut bytes);
    folder.file("a.journal", bytes);
    folder
}

/// Replay and `qsim journal` both refuse the file with one message that names it.
fn refused(folder: &Folder, reasons: &[&str]) {
    let before = folder.snapshot("");
    let json = folder.qsim(&["replay", "a.journal", "--format", "json"]);
    let table = folder.qsim(&["replay", "a.journal"]);
    let print = folder.qsim(&["journal", "a.journal"]);
    for output in [json, table, print] {
        let output: Output = output.expect_code(2);
        assert_eq!(output.stdout, "", "nothing that looks like a result");
        assert_eq!(output.stderr.lines().count(), 1, "one message: {}", output.stderr);
        for reason in ["a.journal", reasons[0]].iter().chain(reasons) {
            assert!(output.stderr.contains(reason), "no {reason:?} in {:?}", output.stderr);
        }
    }
    assert_eq!(folder.snapshot(""), before, "a reader changes nothing");
}

#[test]
fn the_journal_alone_is_the_same_run() {
    let folder = changed(|_| {});
    let output = folder.qsim(&["replay", "a.journal", "--format", "json"]).expect_code(0);
    let verdict = output.json();
    let mut keys: Vec<&String> = verdict.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["digest", "entries", "first_difference", "verdict"]);
    assert_eq!(text(&verdict, "verdict"), "pass");
    assert_eq!(verdict["digest"], RECORDED.0["digest"]);
    assert_eq!(verdict["first_difference"], Json::Null);

    let entries = verdict["entries"].as_u64().expect("a number");
    let printed = folder.qsim(&["journal", "a.journal"]).expect_code(0);
    assert_eq!(printed.stdout.lines().count() as u64, entries, "every entry is printed");
    assert!(entries > 10_000, "{entries}");

    let table = folder.qsim(&["replay", "a.journal"]).expect_code(0);
    assert!(table.stdout.contains("same run"), "{}", table.stdout);
}

#[test]
fn the_seed_of_the_command_line_is_recorded() {
    let folder = Folder::new();
    folder.file("a.toml", "[market.synthetic]\nminutes = 120\n");
    let run = ["run", "a.toml", "--seed", "99", "--journal", ".", "--format", "json"];
    let line = folder.qsim(&run).expect_code(0).json();
    let verdict =
        folder.qsim(&["replay", "a-99.journal", "--format", "json"]).expect_code(0).json();
    assert_eq!(verdict["digest"], line["digest"]);
}

#[test]
fn two_recordings_are_equal_byte_by_byte() {
    let folder = Folder::new();
    let (_, journal) = record(&folder, FLASH_CRASH);
    assert!(std::fs::read(journal).expect("a journal") == RECORDED.1);
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let length = RECORDED.1.len();
    // Header, early and late blocks, footer.
    for place in [20, length / 4, length / 2, length - 60, length - 1] {
        refused(&changed(|bytes| bytes[place] ^= 1), &["byte ", "the journal is damaged"]);
    }
}

#[test]
fn a_cut_or_longer_file_is_refused() {
    let length = RECORDED.1.len();
    for kept in [100, length / 2, length - 1] {
        refused(&changed(|bytes| bytes.truncate(kept)), &["cut off", "record it again"]);
    }
    refused(&changed(|bytes| bytes.push(0)), &["something follows the footer"]);
}

#[test]
fn a_session_that_goes_on_has_its_journal_under_another_name() {
    let folder = Folder::new();
    folder.file("a.journal.partial", &RECORDED.1[..RECORDED.1.len() / 2]);
    for words in [
        &["replay", "a.journal"][..],
        &["journal", "a.journal"],
        &["explain", "a.journal", "--entry", "1"],
        &["diff", "a.journal", "a.journal"],
        &["compare", "a.journal"],
    ] {
        let output = folder.qsim(words).expect_code(2);
        assert!(output.stderr.contains("a.journal.partial: its session"), "{words:?}: {output:?}");
    }
    folder.file("b.journal", &RECORDED.1);
    let output = folder.qsim(&["journal", "b.journal.partial"]).expect_code(2);
    assert!(output.stderr.contains("has ended; give b.journal"), "{output:?}");
}

#[test]
fn another_format_is_refused() {
    let other = changed(|bytes| bytes[8..12].copy_from_slice(&77_u32.to_le_bytes()));
    let own = format!("this qsim reads format {}", engine::FORMAT_VERSION);
    refused(&other, &["journal format 77", &own, "record it again"]);
}

#[test]
fn what_is_no_journal_is_refused() {
    for content in [&b""[..], b"QSIM", b"name = \"a scenario, not a journal\"\n"] {
        let folder = Folder::new();
        folder.file("a.journal", content);
        refused(&folder, &["not a qsim journal", "qsim run --journal"]);
    }
    refused(&Folder::new(), &["No such file"]);
}

/// The correlation id that an entry names.
fn correlation_of(entry: &str) -> Option<String> {
    let start = entry.find("correlation_id=")? + "correlation_id=".len();
    let id: String = entry[start..]
        .chars()
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    (!id.is_empty()).then_some(id)
}

#[test]
fn a_correlation_id_shows_the_way_from_decision_to_fill() {
    let folder = changed(|_| {});
    let find =
        |what: &str| folder.qsim(&["journal", "a.journal", "--find", what]).expect_code(0).stdout;
    let closed = find("TradeClosed");
    let id = closed.lines().find_map(correlation_of).expect("a trade with a correlation id");
    let chain = find(&id);
    let steps =
        ["DecisionMade", "TradeIntent", "ApplyPlan", "P33Permit", "ExecutionResult", "TradeClosed"];
    let places = steps.map(|step| {
        let place = chain.lines().position(|line| line.contains(step));
        place.unwrap_or_else(|| panic!("no {step} with {id}:\n{chain}"))
    });
    assert!(places.is_sorted(), "{steps:?} at {places:?}:\n{chain}");
    assert!(chain.lines().all(|line| line.contains(&id)), "only what was asked for");
    // Entries are numbered and in the order of their numbers.
    let number = |line: &str| line.split(' ').next().and_then(|n| n.parse().ok());
    let numbers: Vec<u64> = chain.lines().map(|line| number(line).expect("a number")).collect();
    assert!(numbers.is_sorted());
}

#[test]
fn a_text_that_is_nowhere_finds_nothing() {
    let folder = changed(|_| {});
    let output = folder.qsim(&["journal", "a.journal", "--find", "no such text"]).expect_code(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}
