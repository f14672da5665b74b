//! Going live, from end to end: the same scenario simulated, and at a served exchange on an accelerated clock, makes the
//! same decisions; the session's journal replays; no secret is anywhere.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use engine::Nanos;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use support::chain::{market_state, opens};
use support::pace::{lead, speed, steadily};
use support::served::{Decision, KEY, SECRET, Served, decisions};
use support::{Folder, QSIM, run_program};

/// A market with trades and a book, three intents, and what the chain makes of them. Latencies are longer than the jitter of
/// a session's clock, and the services' timers, on whole seconds, lie between.
const SCENARIO: &str = concat!(
    r#"
seed = 2
[market.synthetic]
model = "order_flow"
minutes = 20
[account]
wallet = "10000"
[links]
feed_latency_us = 300000
[exchange]
request_latency_us = 100000
response_latency_us = 100000
[pipeline.trading_bot]
enabled = false
"#,
    market_state!("10m"),
    opens!("a1" at "122500ms", "BUY" "BTCUSDT" for 450 at 90000, stop 80000, target 99000, leverage 5),
    opens!("a2" at "242500ms", "SELL" "ETHUSDT" for 300 at 3000, stop 3300, target 2700, leverage 5),
    opens!("a3" at "362500ms", "BUY" "SOLUSDT" for 300 at 130, stop 115, target 143, leverage 5)
);
const START: &str = "2026-01-01T00:00:00Z";
/// The session ends long before the market does.
const LENGTH: &str = "12m";
const END_S: i64 = 1_767_225_600 + 11 * 60;

fn only_journal(folder: &Path) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_session_decides_as_its_simulation_does_and_replays() {
    steadily(|| {
        let folder = Folder::new();
        let root = folder.root();
        let run =
            |keys: &[(&str, &str)], words: &[&str]| run_program(Path::new(QSIM), root, keys, words);
        let speed = speed(60);
        let scenario = format!("{SCENARIO}[live]\nspeed = {speed}\n");
        folder.file("chain.toml", &scenario);
        run(&[], &["run", "chain.toml", "--journal", "simulated"]).expect_code(0);
        let wanted = decisions(&only_journal(&folder.path("simulated")));
        assert!(wanted.len() >= 3, "the scenario trades too little for a comparison: {wanted:?}");

        let (speed, lead) = (speed.to_string(), lead(8, speed));
        let more = ["--speed", &speed, "--lead", &lead, "--any-timestamp", "--no-limits"];
        let served = Served::start(root, "chain.toml", &more);
        let keys = [("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)];
        let words = [
            "live",
            "chain.toml",
            "--venue",
            "testnet",
            "--address",
            &served.rest,
            "--begin-at",
            START,
            "--for",
            LENGTH,
            "--journal",
            "live.journal",
        ];
        let live = run(&keys, &words).expect_code(0);
        let made = decisions(&folder.path("live.journal"));
        let until_end = |all: &[(Nanos, Decision)]| -> Vec<Decision> {
            let end = Nanos::from_secs(END_S);
            all.iter().filter(|(time, _)| *time < end).map(|(_, decision)| *decision).collect()
        };
        assert_eq!(until_end(&made), until_end(&wanted), "{}", live.stderr);

        let replayed = run(&[], &["replay", "live.journal"]).expect_code(0);
        assert!(replayed.stdout.contains("same run"), "{replayed:?}");
        compares(&folder, &scenario);
        let journal = std::fs::read(folder.path("live.journal")).expect("a journal");
        assert!(!journal.windows(SECRET.len()).any(|at| at == SECRET.as_bytes()), "in the journal");
        assert!(!live.stderr.contains(SECRET) && !live.stdout.contains(SECRET), "{live:#?}");
    });
}

/// The command of the comparison: its parts are the difference, and what it has fitted can be simulated with.
fn compares(folder: &Folder, scenario: &str) {
    let run = |words: &[&str]| run_program(Path::new(QSIM), folder.root(), &[], words);
    let words = ["compare", "live.journal", "--format", "json", "--write", "calibrated.toml"];
    let compared: Json = serde_json::from_str(&run(&words).expect_code(0).stdout).expect("JSON");
    let decimal = |value: &Json| -> Decimal {
        value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value}"))
    };
    let parts = compared["parts"].as_array().unwrap_or_else(|| panic!("parts in {compared}"));
    let sum: Decimal = parts.iter().map(|part| decimal(&part["amount"])).sum();
    let difference =
        decimal(&compared["live"]["result"]) - decimal(&compared["simulated"]["result"]);
    assert_eq!(sum, difference, "{compared}");
    let filled = compared["live"]["fills"].as_u64();
    assert!(filled.is_some_and(|fills| fills >= 3), "{compared}");
    let table = run(&["compare", "live.journal"]).expect_code(0).stdout;
    assert!(table.contains("latency") && table.contains("slippage"), "{table}");
    let calibrated = format!("include = [\"calibrated.toml\"]\n{scenario}");
    // What was fitted takes the place of what the file said.
    let calibrated = calibrated
        .replace("[exchange]\nrequest_latency_us = 100000\nresponse_latency_us = 100000\n", "");
    std::fs::write(folder.path("again.toml"), calibrated).expect("written");
    run(&["run", "again.toml"]).expect_code(0);
}
