//! `qsim schema`: editors find every scenario of ours right, and a mistake wrong.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::Validator;
use serde_json::Value as Json;

fn validator(arguments: &[&str]) -> Validator {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qsim"));
    let output = command.arg("schema").args(arguments).output().expect("qsim runs");
    assert!(output.status.success());
    let schema: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    jsonschema::draft7::meta::validate(&schema).expect("a schema of draft 7");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn json(text: &str) -> Json {
    let value: toml::Value = toml::from_str(text).expect("TOML");
    serde_json::to_value(value).expect("JSON")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "src" && name != "tests" {
            files(&path, found);
        } else if name.ends_with(".toml") && name != "Cargo.toml" && name != "goldens.toml" {
            found.push(path);
        }
    }
}

#[test]
fn every_scenario_and_every_part_fits() {
    let validator = validator(&[]);
    let mut found = Vec::new();
    files(Path::new("scenarios"), &mut found);
    assert!(found.len() > 3, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).expect("a file");
        let errors: Vec<String> = validator
            .iter_errors(&json(&text))
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn mistakes_do_not_fit() {
    let validator = validator(&[]);
    let fine =
        "include = [\"a.toml\"]\n[[timeline]]\nat = \"1m\"\ncrash = { service = \"governor\" }\n";
    assert!(validator.is_valid(&json(fine)), "a file that leaves its market to another");
    for wrong in [
        "descripton = \"x\"",
        "include = \"a.toml\"",
        "[market.synthetic]\nminuts = 3",
        "[[timeline]]\ncrash = { service = \"governor\" }",
        "[[timeline]]\nat = \"1m\"\ncrush = { service = \"governor\" }",
        "[pipeline]\naudited = [\"no_such_name\"]",
        "[pipeline.governor]\nno_such_setting = 1",
        "[variants.a]\nexpect = []",
        "[invariants.off]\nmoney = \"x\"",
        "[[expect]]\nfigure = \"entries\"\nat_least = 1",
    ] {
        assert!(!validator.is_valid(&json(wrong)), "{wrong}");
    }
}

#[test]
fn every_sweep_of_the_pages_fits() {
    let validator = validator(&["sweep"]);
    let mut found = 0;
    for page in ["README.md", "docs/tutorial.md", "python/README.md"] {
        let text = std::fs::read_to_string(page).expect("a page");
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks.filter(|block| block.contains("[sampler]")) {
            let errors: Vec<String> = validator
                .iter_errors(&json(block))
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{page}: {block}: {errors:#?}");
            found += 1;
        }
    }
    assert!(found > 2, "{found}");
}

/// A sweep of every kind of axis, sampler, repetition and fold, and what is wrong in it.
#[test]
fn mistakes_in_a_sweep_do_not_fit() {
    let validator = validator(&["sweep"]);
    let fine = r#"
        scenario = "base.toml"
        constraints = ["point['a'] < point['b']"]
        figures = ["governor.symbol_cooldown"]
        [sampler]
        method = "tpe"
        trials = 20
        [[axis]]
        path = "a"
        range = { from = 1, to = 5, step = 1 }
        [[axis]]
        path = "b"
        log_range = { from = 0.1, to = 10.0, points = 3 }
        [[axis]]
        path = "c"
        values = [1, "two", { three = 3 }]
        [[axis]]
        path = "d"
        normal = { mean = 0.0, sd = 1.0 }
        [[objective]]
        name = "o"
        value = "metrics['sharpe']"
        goal = "maximize"
        [robust]
        seeds = [1, 2]
        aggregate = { quantile = 0.1 }
        [[robust.mixes]]
        name = "m"
        set = { exchange = { taker_fee = "0.001" } }
        [metrics]
        period = "1h"
    "#;
    let errors: Vec<String> = validator.iter_errors(&json(fine)).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (right, wrong) in [
        ("scenario = \"base.toml\"", ""),
        ("scenario =", "scenarios ="),
        ("\"tpe\"", "\"tpee\""),
        ("path = \"a\"", "pth = \"a\""),
        ("range = { from = 1", "range = { frm = 1"),
        ("\"maximize\"", "\"max\""),
        ("seeds =", "seds ="),
        ("quantile", "quantil"),
        ("period = \"1h\"", "perid = \"1h\""),
    ] {
        let text = fine.replacen(right, wrong, 1);
        assert_ne!(text, fine, "{right}");
        assert!(!validator.is_valid(&json(&text)), "{wrong}");
    }
}
