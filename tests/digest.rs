//! The digest is the run's identity: nothing but the scenario changes it, and what changes the scenario
//! does.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use support::{FLASH_CRASH, Folder, QSIM, run_program, text};

/// Digest of the embedded scenario; scenarios/tests/golden.rs has it, too.
const GOLDEN: &str = include_str!("../scenarios/tests/golden.digest").trim_ascii_end();

/// Digest of one scenario file, run in the file's folder.
fn digest(folder: &Folder, file: &str, more: &[&str]) -> String {
    let arguments = [&["run", file, "--format", "json"], more].concat();
    text(&folder.qsim(&arguments).expect_code(0).json(), "digest").to_owned()
}

/// Digest of a scenario that may break its expectations.
fn digest_of(scenario: &str) -> (String, u64) {
    let folder = Folder::new();
    folder.file("a.toml", scenario);
    let line = folder.qsim(&["run", "a.toml", "--format", "json"]).json();
    assert_ne!(text(&line, "verdict"), "error");
    (text(&line, "digest").to_owned(), line["events"].as_u64().expect("a number"))
}

#[test]
fn the_embedded_scenario_has_its_golden_digest() {
    // No scenario is named and there is no folder `scenarios` here: this is the embedded one.
    let folder = Folder::new();
    let line = folder.qsim(&["run", "--format", "json"]).expect_code(0).json();
    assert_eq!(text(&line, "scenario"), "flash_crash");
    assert_eq!(text(&line, "digest"), GOLDEN);
}

#[test]
fn twice_and_elsewhere_it_is_the_same() {
    let (here, there) = (Folder::new(), Folder::new());
    here.file("flash_crash.toml", FLASH_CRASH);
    there.file("some/where else/other_name.toml", FLASH_CRASH);
    let first = digest(&here, "flash_crash.toml", &[]);
    assert_eq!(first.len(), 64, "BLAKE3 in hex");
    assert_eq!(digest(&here, "flash_crash.toml", &[]), first, "the second run");
    let elsewhere = digest(&there, "some/where else/other_name.toml", &[]);
    assert_eq!(elsewhere, first, "another folder, another name");
    assert_eq!(first, GOLDEN, "the file is the embedded scenario");
}

#[test]
fn a_journal_and_the_format_do_not_change_it() {
    let folder = Folder::new();
    folder.file("a.toml", FLASH_CRASH);
    assert_eq!(digest(&folder, "a.toml", &["--journal", "journals"]), GOLDEN);
    let table = folder.qsim(&["run", "a.toml"]).expect_code(0);
    assert!(table.stdout.contains(&GOLDEN[..16]), "{}", table.stdout);
}

#[test]
fn the_number_of_threads_does_not_change_it() {
    let folder = Folder::new();
    let seeded = |seed: u32| FLASH_CRASH.replace("seed = 7", &format!("seed = {seed}"));
    folder.file("many/a.toml", seeded(7));
    folder.file("many/b.toml", seeded(7));
    folder.file("many/c.toml", seeded(8));
    let with_threads = |threads: &str| {
        let environment = [("RAYON_NUM_THREADS", threads)];
        let arguments = ["run", "many", "--format", "json"];
        let output = run_program(Path::new(QSIM), folder.root(), &environment, &arguments);
        // Lines come as runs end, and a broken expectation under another seed is no matter here.
        let mut digests: Vec<(String, String)> = output
            .lines()
            .iter()
            .map(|line| (text(line, "scenario").to_owned(), text(line, "digest").to_owned()))
            .collect();
        digests.sort();
        digests
    };
    let one = with_threads("1");
    let names: Vec<&str> = one.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(one[0].1, GOLDEN, "the name does not enter the digest");
    assert_eq!(one[1].1, GOLDEN, "the name does not enter the digest");
    assert_ne!(one[2].1, GOLDEN, "the seed does");
    assert_eq!(with_threads("2"), one);
    assert_eq!(with_threads("3"), one);
}

#[test]
fn another_seed_is_another_run() {
    let folder = Folder::new();
    folder.file("a.toml", FLASH_CRASH);
    let with_seed = |seed: &str| {
        let line = folder.qsim(&["run", "a.toml", "--format", "json", "--seed", seed]).json();
        (line["seed"].as_u64().expect("a number"), text(&line, "digest").to_owned())
    };
    let (seed, other) = with_seed("8");
    assert_eq!(seed, 8);
    assert_ne!(other, GOLDEN);
    assert_eq!(with_seed("7"), (7, GOLDEN.to_owned()), "the file's own seed, given by hand");
}

#[test]
fn fewer_predictors_decide_otherwise() {
    let three = "\n[pipeline.ai_engine]\npredictors = [\"xgb\", \"lgbm\", \"nhits\"]\n";
    let (digest, _) = digest_of(&format!("{FLASH_CRASH}{three}"));
    assert_ne!(digest, GOLDEN);
    // All four, named in the file, are the default.
    let all = three.replace("\"nhits\"]", "\"nhits\", \"patchtst\"]");
    assert_eq!(digest_of(&format!("{FLASH_CRASH}{all}")).0, GOLDEN);
    // Not the digest alone: other trades are made.
    let trades = |more: &str| {
        let folder = Folder::new();
        folder.file("a.toml", format!("{FLASH_CRASH}{more}"));
        let stderr = folder.qsim(&["run", "a.toml", "--verbose"]).stderr;
        let figure = |name: &str| {
            let line = stderr.lines().find(|line| line.contains(&format!(": {name} = ")));
            line.unwrap_or_else(|| panic!("no {name}: {stderr}")).to_owned()
        };
        [figure("orders"), figure("wallet_balance")]
    };
    assert_ne!(trades(""), trades(three));
}
