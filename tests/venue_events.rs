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

const RESET: &str = "[[exchange.events]]\nat = \"11h\"\nevent = \"testnet_reset\"\n";

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
    assert!(stderr.contains("Event at 2026-01-01T11:00:00Z: testnet reset"), "{stderr}");
    // The chain opens positions after it, too.
    let until_then = FLASH_CRASH
        .replace("[market.synthetic]\nminutes = 1440", "[market.synthetic]\nminutes = 660");
    let (_, before) = run(until_then.split("[[expect]]").next().expect("a head"));
    let entries = |stderr: &str| figure(stderr, "entries");
    assert!(entries(&before) > 0.0, "{before}");
    assert!(entries(&stderr) > entries(&before), "{stderr}");
    // What was open then is gone, and its profit with it: whole positions, where nobody harvests them before.
    let held = "\n[pipeline.harvest_proposal]\nenabled = false\n\n[pipeline.risk_proposal]\nenabled = false\n";
    let wallets = [RESET, ""].map(|event| {
        let (_, stderr) = run(&(crash_with(event) + held));
        figure(&stderr, "wallet_balance")
    });
    assert!((wallets[0] - wallets[1]).abs() > 1.0, "{wallets:?}");
}

/// One of each other kind.
const ALL: &str = r#"
[[market.gaps]]
at = "14h"
symbol = "BTCUSDT"
percent = "-8"

[[exchange.events]]
at = "3h"
event = "maintenance"
until = "3h 20m"

[[exchange.events]]
at = "5h"
event = "symbol_halted"
symbol = "ETHUSDT"
until = "6h"

[[exchange.events]]
at = "7h"
event = "funding_spike"
symbol = "SOLUSDT"
rate = "0.02"

[[exchange.events]]
at = "10h 1m"
event = "stuck_mark"
symbol = "BTCUSDT"
until = "10h 30m"

[[exchange.events]]
at = "12h"
event = "rules_changed"
symbol = "BTCUSDT"
filters = { min_notional = "200" }
brackets = [{ cap = "1000000", mmr = "0.02", leverage = 20 }]

[[exchange.events]]
at = "2026-01-01T15:00:00Z"
event = "symbol_delisted"
symbol = "SOLUSDT"
"#;

#[test]
fn a_run_with_all_other_events_ends_and_repeats() {
    let (line, stderr) = run(&crash_with(ALL));
    assert_eq!(text(&line, "verdict"), "pass");
    for said in [
        "BTCUSDT are moved by -8 %",
        "maintenance until 2026-01-01T03:20:00Z",
        "ETHUSDT is halted until",
        "the next funding of SOLUSDT has the rate 0.02",
        "the mark price of BTCUSDT is stuck",
        "BTCUSDT gets other filters and brackets",
        "SOLUSDT is delisted",
    ] {
        assert!(stderr.contains(said), "no {said:?} in {stderr}");
    }
    let again = run(&crash_with(ALL)).0;
    assert_eq!(text(&again, "digest"), text(&line, "digest"));
    let (undisturbed, _) = run(&crash_with(""));
    assert_ne!(text(&undisturbed, "digest"), text(&line, "digest"));
}

#[test]
fn a_gap_alone_changes_the_run() {
    let gap = "[[market.gaps]]\nat = \"2h\"\nsymbol = \"BTCUSDT\"\npercent = \"-5\"\n";
    let (undisturbed, with_gap) = (run(&crash_with("")).0, run(&crash_with(gap)).0);
    assert_ne!(text(&undisturbed, "digest"), text(&with_gap, "digest"));
}

#[test]
fn a_journal_of_a_run_with_events_is_replayed() {
    let folder = Folder::new();
    folder.file("a.toml", crash_with(&format!("{ALL}\n{RESET}")));
    folder.qsim(&["run", "a.toml", "--journal", "journals"]).expect_code(0);
    folder.qsim(&["replay", "journals/a-7.journal"]).expect_code(0);
}
