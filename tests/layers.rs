//! The layers of the workspace, and house rules that no lint knows: dependencies point one way, time and
//! leftovers stay out of the code, and no file grows too long.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each library and those of ours that it may depend on; dev-dependencies are free.
const LAYERS: [(&str, &[&str]); 13] = [
    ("engine", &[]),
    ("binance-wire", &["engine"]),
    ("sim-exchange", &["engine", "binance-wire"]),
    ("sim-exchange/server", &["engine", "binance-wire", "sim-exchange"]),
    ("live", &["engine", "binance-wire"]),
    ("strategies", &["engine"]),
    ("datasets", &["engine"]),
    ("models", &["strategies"]),
    ("sweeps", &[]),
    ("pipeline", &["engine", "strategies", "models"]),
    ("reports", &[]),
    (
        "scenarios",
        &["engine", "sim-exchange", "strategies", "datasets", "pipeline", "reports", "sweeps"],
    ),
    ("python", &["engine", "strategies", "reports", "scenarios"]),
];

/// Lines of Rust in one file outside tests.
const LINES_MAX: usize = 700;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(folder: &Path) -> toml::Table {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).expect("a manifest");
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names of the packages under `dependencies` and `build-dependencies`, also of single targets. A
/// renamed dependency counts by its real name, and one by path by that of its folder.
fn dependencies(manifest: &toml::Table, found: &mut BTreeSet<String>) {
    for kind in ["dependencies", "build-dependencies"] {
        for (key, value) in manifest.get(kind).and_then(toml::Value::as_table).into_iter().flatten()
        {
            found.insert(key.clone());
            let of = |name: &str| value.get(name).and_then(toml::Value::as_str);
            found.extend(of("package").map(str::to_owned));
            found.extend(of("path").and_then(|p| p.rsplit('/').next()).map(str::to_owned));
        }
    }
    for (_, target) in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten()
    {
        dependencies(target.as_table().expect("a table"), found);
    }
}

#[test]
fn dependencies_point_one_way() {
    let members = manifest(root())["workspace"]["members"].clone();
    let members: BTreeSet<String> = members.try_into().expect("names");
    let known: BTreeSet<String> =
        LAYERS.iter().map(|(name, _)| *name).chain(["xtask"]).map(str::to_owned).collect();
    assert_eq!(members, known, "a new member of the workspace needs its place among the layers");
    for (name, allowed) in LAYERS {
        let mut found = BTreeSet::new();
        dependencies(&manifest(&root().join(name)), &mut found);
        assert!(!found.is_empty(), "{name}: no dependencies read");
        let wrong: Vec<&String> = found
            .iter()
            .filter(|d| known.contains(*d) || ["qsim", "exchange-server"].contains(&d.as_str()))
            .filter(|d| !allowed.contains(&d.as_str()))
            .collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}, only on {allowed:?}");
    }
}

/// All Rust files of the project, as paths from its root.
fn rust_files() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, found);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in LAYERS.iter().map(|(name, _)| *name).chain(["src", "tests", "benches", "xtask"]) {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "only {} Rust files found", found.len());
    let read = |path: PathBuf| {
        let short = path.strip_prefix(root()).expect("below the root").to_string_lossy();
        (short.replace('\\', "/"), std::fs::read_to_string(&path).expect("UTF-8"))
    };
    found.into_iter().map(read).collect()
}

/// Whether the file is part of a test.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches" || part == "examples")
        || path.ends_with("_tests.rs")
        || path.ends_with("test_support.rs")
}

/// `file:line` of each occurrence of one of the needles.
fn occurrences(needles: &[String], looked_at: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in rust_files().iter().filter(|(path, _)| looked_at(path)) {
        for (place, line) in text.lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle.as_str())) {
                found.push(format!("{path}:{}: {}", place + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn no_leftovers() {
    // In two parts, so that this file does not contain them.
    let needles = [["FIX", "ME"], ["to", "do!("], ["db", "g!("]].map(|parts| parts.concat());
    let found = occurrences(&needles, |_| true);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_wall_time_in_the_libraries() {
    let needles = [["Instant::", "now("], ["System", "Time"]].map(|parts| parts.concat());
    // The wall's time is what a live session and a served venue live by; their cores get it as an argument.
    let edges = ["src/", "xtask/", "live/src/", "sim-exchange/server/src/"];
    let edge = |path: &str| edges.iter().any(|edge| path.starts_with(edge)) || is_test(path);
    let found = occurrences(&needles, |path| !edge(path));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = rust_files()
        .iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}
