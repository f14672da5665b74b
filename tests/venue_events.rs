//! What befalls the venue in a scenario: the run goes on, says what happened, and can be replayed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value as Json;
use support::{FLASH_CRASH, Folder, text};

/// The flash crash without its expectations, which are those of an undisturbed day.
fn crash_with(more: &str) -> String {
    let plain = FLASH_CRASH.split("[[expect]]").next().expect("a head");
    format!("{plain}{more}")
}

const RESET: &str = "[[exchange.events]]\nat = \"10h 4m\"\nevent = \"testnet_reset\"\n";

/// The figures that `--verbose` prints.
fn figure(stderr: &str, name: &str) -> f64 {
    let line = stderr.lines().find(|line| line.contains(&format!(": {name} = ")));
    let line = line.unwrap_or_else(|| panic!("no {name}: {stderr}"));
    let value = line.rsplit(" = ").next().expect("a value");
    value.trim().parse().unwrap_or_else(|e| panic!("{e}: {line}"))
}

fn run(scenario: &str) -> (Json, String) {
    let folder = Folder::new();
    folder.file("a.toml", scenario);
    let output = folder.qsim(&["run", "a.toml", "--format", "json", "--verbose"]).expect_code(0);
    (output.lines().into_iter().next().expect("a line"), output.stderr)
}

#[test]
fn a_testnet_reset_in_the_crash_does_not_end_the_run() {
    let (line, stderr) = run(&crash_with(RESET));
    assert_eq!(text(&line, "verdict"), "pass");
    assert!(stderr.contains("Event at 2026-01-01T10:04:00Z: testnet reset"), "{stderr}");
    // The chain traded before, and does so afterwards: the reset took part of its day only.
    let (_, undisturbed) = run(&crash_with(""));
    let entries = |stderr: &str| figure(stderr, "entries");
    assert!(entries(&stderr) > 0.0 && entries(&undisturbed) > 0.0);
    let (wallet, before) =
        (figure(&stderr, "wallet_balance"), figure(&undisturbed, "wallet_balance"));
    assert!((wallet - before).abs() > 1e-9, "{wallet} is what it was without a reset");
}
