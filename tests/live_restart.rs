//! `kill -9` of a live session behind each journal entry of an order's life, and a restart with the same command: no order
//! is doubled, no position forgotten, no acknowledged entry lost, and the session of both lives replays.
//!
//! CI kills behind some of the entries, spread over all; `QSIM_KILL_EVERY=1` kills behind each.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::JournalEntry;
use serde_json::Value as Json;
use support::chain::{market_state, opens};
use support::pace::{lead, speed, steadily};
use support::served::{KEY, SECRET, Served, entries};
use support::{Folder, QSIM, run_program};

const SCENARIO: &str = concat!(
    r#"
seed = 2
[market.synthetic]
minutes = 20
[account]
wallet = "10000"
"#,
    market_state!("10m"),
    opens!("a1" at "122500ms", "BUY" "BTCUSDT" for 450 at 90000, stop 80000, target 99000, leverage 5)
);
const INTENT: &str = "quantum:stream:trade.intent";
const RESULT: &str = "quantum:stream:execution.result";

fn serve(folder: &Folder) -> Served {
    let speed = speed(60);
    folder.file("one.toml", format!("{SCENARIO}[live]\nspeed = {speed}\nmay_hold = true\n"));
    let (speed, lead) = (speed.to_string(), lead(2, speed));
    let more = ["--speed", &speed, "--lead", &lead, "--any-timestamp", "--no-limits"];
    Served::start(folder.root(), "one.toml", &more)
}

/// One life of the session; whether it ended by itself.
fn live(folder: &Folder, served: &Served, length: &str, die_at: Option<u64>) -> (bool, String) {
    let mut command = Command::new(QSIM);
    command
        .args(["live", "one.toml", "--venue", "testnet", "--address", &served.rest])
        .args(["--begin-at", "2026-01-01T00:00:00Z", "--for", length, "--journal", "one.journal"])
        .envs([("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)])
        .current_dir(folder.root());
    if let Some(entry) = die_at {
        command.args(["--die-at-entry", &entry.to_string()]);
    }
    let output = command.output().expect("the program starts");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// First and last entry of the order's life and of what follows it, a hundred at least, in a session that nobody kills.
fn window() -> (u64, u64) {
    let folder = Folder::new();
    let served = serve(&folder);
    let (ended, said) = live(&folder, &served, "150s", None);
    assert!(ended, "{said}");
    let of = |stream: &str| {
        entries(&folder.path("one.journal")).into_iter().find_map(
            |(number, _, entry)| match entry {
                JournalEntry::Publish { stream: to, .. } if to == stream => Some(number),
                _ => None,
            },
        )
    };
    let (first, last) = (of(INTENT).expect("an intent"), of(RESULT).expect("a result"));
    assert!((20..2_000).contains(&(last - first)), "{first} to {last}");
    // What the fill leads to belongs to it: snapshot, ledger, the watch over the position.
    (first, last.max(first + 100))
}

fn text<'a>(row: &'a Json, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}"))
}

/// A session that is killed behind an entry, and goes on.
fn killed_at(entry: u64) {
    let folder = Folder::new();
    let served = serve(&folder);
    let (ended, said) = live(&folder, &served, "150s", Some(entry));
    assert!(!ended, "killed behind entry {entry}\n{said}");
    let before = entries(&folder.path("one.journal.partial"));
    let (ended, said) = live(&folder, &served, "30s", None);
    assert!(ended, "entry {entry}: it goes on\n{said}");

    let after = entries(&folder.path("one.journal"));
    assert!(before.len() as u64 >= entry, "entry {entry}: acknowledged entries are there");
    assert!(after.starts_with(&before), "entry {entry}: what was recorded stays as it was");

    let account = served.admin("/accounts/0");
    let mut filled: BTreeMap<String, u64> = BTreeMap::new();
    for order in account["orders"].as_array().expect("orders") {
        if text(order, "executedQty").parse::<f64>().is_ok_and(|qty| qty > 0.0) {
            *filled.entry(text(order, "clientOrderId").to_owned()).or_default() += 1;
        }
    }
    assert!(filled.values().all(|count| *count == 1), "entry {entry}: {filled:?}");
    let opened = filled.len();
    assert!(opened <= 1, "entry {entry}: one intent, {filled:?}");
    // What the exchange holds the pipeline knows: its snapshot of the position is that of the exchange.
    let held = account["positions"].as_array().into_iter().flatten().find_map(|row| {
        let own = row["symbol"] == "BTCUSDT" && text(row, "positionAmt").parse::<f64>() != Ok(0.0);
        own.then(|| text(row, "positionAmt").parse::<f64>().expect("a number"))
    });
    assert_eq!(held.is_some(), opened == 1, "entry {entry}: {account}");
    let snapshot = after.iter().rev().find_map(|(_, _, one)| match one {
        JournalEntry::Set { key, value, .. } if key == "quantum:position:snapshot:BTCUSDT" => {
            Some(format!("{value:?}"))
        }
        _ => None,
    });
    if let Some(held) = held {
        let snapshot = snapshot.unwrap_or_default();
        assert!(snapshot.contains(&format!("{held}")), "entry {entry}: {held} in {snapshot}");
    }
    let replayed = run_program(Path::new(QSIM), folder.root(), &[], &["replay", "one.journal"]);
    assert!(replayed.stdout.contains("same run"), "entry {entry}: {replayed:?}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how much a test does, not what it sees")]
fn a_session_that_is_killed_doubles_nothing_and_forgets_nothing() {
    steadily(|| {
        let every: u64 =
            std::env::var("QSIM_KILL_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
        let (first, last) = window();
        let every = if every == 0 { (last - first).div_ceil(24).max(1) } else { every };
        let next = AtomicU64::new(first);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let entry = next.fetch_add(every, Ordering::Relaxed);
                        if entry > last {
                            break;
                        }
                        killed_at(entry);
                    }
                });
            }
        });
    });
}
