//! The library of incidents: every file passes, every relapse fails where it says, and no row of the registers lacks
//! a file.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use engine::JournalFile;
use serde_json::Value as Json;

/// Files that are markets for the whole chain and reproduce no incident.
const NO_INCIDENTS: [&str; 3] = ["crash_2026_02", "flash_crash", "order_flow"];

fn qsim(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qsim"));
    command.env_remove("QSIM_DATA").args(arguments).output().expect("qsim runs")
}

fn lines(output: &Output) -> Vec<Json> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn every_case_is_as_it_should_be_and_as_it_was() {
    let output = qsim(&["run", "scenarios", "--format", "json"]);
    let wrong: Vec<String> = lines(&output)
        .iter()
        .filter(|line| line["ok"] == false)
        .map(|line| format!("{}/{}: {}", line["file"], line["variant"], line["faults"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The part for sweeps runs the services that it names, no later ones either, and they open and close.
#[test]
fn the_chain_of_entry_and_exit_trades_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (part, file) = ("entry_and_exit.toml", folder.path().join("day.toml"));
    std::fs::copy(Path::new("scenarios/parts").join(part), folder.path().join(part))
        .expect("a copy");
    let text = format!("include = [{part:?}]\nseed = 3\n[market.synthetic]\nminutes = 1440\n");
    std::fs::write(&file, text).expect("a file");
    let journals = folder.path().join("journals");
    let arguments = ["run", "--format", "json", "-v", "--journal"].map(str::to_owned);
    let paths = [&journals, &file].map(|path| path.to_string_lossy().into_owned());
    let all: Vec<&str> = arguments.iter().chain(&paths).map(String::as_str).collect();
    let output = qsim(&all);
    let journal = JournalFile::open(&journals.join("day-3.journal")).expect("a journal");
    assert_eq!(scenarios::services_of(journal.header()).len(), 15);
    let told = &lines(&output)[0]["figures"];
    let figure = |name: &str| told[name].to_string().trim_matches('"').parse::<u64>().expect(name);
    assert!(figure("entries") > 0 && figure("exits") > 0, "{told}");
}

/// Two processes with unlike numbers of threads say the same of every case of a part of the library, which
/// `--shard` takes by name alone.
#[test]
fn a_case_is_the_same_in_two_processes() {
    let output = qsim(&["run", "scenarios", "--shard", "1/8", "--twice", "--format", "json"]);
    assert!(lines(&output).len() > 20, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The text of each scenario file, by its path below `scenarios/`, without the ending.
fn texts() -> BTreeMap<String, String> {
    fn look(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["src", "tests", "parts"].contains(&name.as_str()) {
                look(&path, found);
            } else if name.ends_with(".toml") && name != "Cargo.toml" && name != "goldens.toml" {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    look(Path::new("scenarios"), &mut found);
    let name = |path: &Path| path.with_extension("").to_string_lossy().replace("scenarios/", "");
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("a file"))).collect()
}

#[test]
fn every_incident_has_a_relapse_and_says_what_keeps_it_away() {
    for (name, text) in texts() {
        if NO_INCIDENTS.contains(&name.as_str()) {
            continue;
        }
        let file: toml::Table = toml::from_str(&text).expect("TOML");
        assert!(text.starts_with('#'), "{name}: begins with its story");
        assert!(file.contains_key("description") && file.contains_key("protection"), "{name}");
        let variants = file.get("variants").and_then(toml::Value::as_table);
        let relapses = variants.into_iter().flatten().filter(|(_, variant)| {
            variant.get("relapse").and_then(toml::Value::as_bool) == Some(true)
        });
        assert!(relapses.count() > 0, "{name} has no relapse");
    }
}

/// Rows of the two incident registers.
fn register() -> BTreeSet<String> {
    let of_code = (1..=39).map(|n| format!("I-{n:02}"));
    let of_audits = (1..=9).map(|n| format!("INC-{n}"));
    of_code.chain(of_audits).chain(["I-02b".to_owned(), "I-07b".to_owned()]).collect()
}

#[test]
fn every_row_of_the_registers_has_a_file() {
    // In the comment with which a file begins: elsewhere a row may be mentioned only.
    let head = |text: String| -> String {
        let lines = text.lines().take_while(|line| line.starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let all: String = texts().into_values().map(head).collect();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words: BTreeSet<&str> = all.split(|c: char| !is_word(c)).collect();
    let missing: Vec<String> =
        register().into_iter().filter(|row| !words.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_audited_behaviour_is_brought_back_by_some_file() {
    let all: String = texts().into_values().collect();
    let unused: Vec<&str> = pipeline::audited::AUDITED
        .iter()
        .map(|behaviour| behaviour.name)
        .filter(|name| !all.contains(&format!("\"{name}\"")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_action_and_invariant_is_described() {
    let page = std::fs::read_to_string("scenarios/README.md").expect("the page");
    let names = scenarios::ACTIONS.iter().chain(scenarios::INVARIANTS.iter().map(|(name, _)| name));
    let missing: Vec<&&str> = names.filter(|name| !page.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
