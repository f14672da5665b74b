//! Every service has its own file of tests, as the catalogue of services says, and no test stands where nobody would
//! look for it.

use std::fs;
use std::path::{Path, PathBuf};

use pipeline::SERVICES;

/// Files with tests of several services: the paths that they show, and rules for all of them.
const TOGETHER: &[&str] = &[
    "audited",
    "catalogue",
    "harvest_path",
    "malformed",
    "reward_path",
    "round_trip",
    "training_path",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services")
}

#[test]
fn every_service_has_its_own_tests() {
    let mut untested = Vec::new();
    for service in SERVICES {
        let text = fs::read_to_string(folder().join(format!("{service}.rs"))).unwrap_or_default();
        let is_there = text.lines().any(|line| line.trim() == "#[test]");
        if !is_there || !text.contains(&format!("{service:?}")) {
            untested.push(*service);
        }
    }
    assert!(untested.is_empty(), "no test in tests/services/NAME.rs that runs it: {untested:?}");
}

#[test]
fn no_test_stands_in_a_file_of_another_name() {
    let mut lost = Vec::new();
    for entry in fs::read_dir(folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if SERVICES.contains(&name.as_str()) || TOGETHER.contains(&name.as_str()) {
            continue;
        }
        // A folder is that of a service; what helps the tests is a file without any.
        let text = fs::read_to_string(&path).unwrap_or_else(|_| "#[test]".to_owned());
        if text.lines().any(|line| line.trim() == "#[test]") {
            lost.push(name);
        }
    }
    assert!(lost.is_empty(), "neither a service nor in `TOGETHER`: {lost:?}");
}
