//! `qsim schema`: editors find every scenario of ours right, and a mistake wrong.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::Validator;
use serde_json::Value as Json;

fn validator() -> Validator {
    let output =
        Command::new(env!("CARGO_BIN_EXE_qsim")).arg("schema").output().expect("qsim runs");
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
    let validator = validator();
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
    let validator = validator();
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
