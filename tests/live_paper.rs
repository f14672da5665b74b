//! Paper trading, from end to end: the market of a served exchange, and orders that are filled in the session's own process.
//! It decides as the simulation does, the venue hears of no order and sees no key, the journal replays, and a session that
//! is killed goes on with what it held.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::{ExchangeEvent, JournalEntry, Nanos, QtyLots, SymbolIndex, UserEvent};
use support::chain::{market_state, opens};
use support::pace::{lead, patience, speed, steadily};
use support::served::{Decision, Served, decisions, entries};
use support::{Folder, Output, QSIM, run_program};

/// A market with trades and a book, and two intents. Latencies are longer than the jitter of a session's clock, and the
/// services' timers, on whole seconds, lie between.
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
    opens!("a2" at "242500ms", "SELL" "ETHUSDT" for 300 at 3000, stop 3300, target 2700, leverage 5)
);
const START: &str = "2026-01-01T00:00:00Z";
/// Until here decisions are compared: the session ends a minute later.
const END_S: i64 = 1_767_225_600 + 6 * 60;
const BTC: SymbolIndex = SymbolIndex(0);
/// It strikes whoever shows the account's key, without doing anything, and counts how often.
const COUNTER: &str = r#"{"kind":"delay_before","ms":0,"account":0,"times":1000000}"#;

fn serve(folder: &Folder, lead_s: u32) -> Served {
    let speed = speed(60);
    folder.file("chain.toml", format!("{SCENARIO}[live]\nspeed = {speed}\n"));
    let (speed, lead) = (speed.to_string(), lead(lead_s, speed));
    let more = ["--speed", &speed, "--lead", &lead, "--any-timestamp", "--no-limits"];
    let served = Served::start(folder.root(), "chain.toml", &more);
    served.ask("POST", "/faults", COUNTER);
    served
}

fn words<'a>(served: &'a Served, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["live", "chain.toml", "--venue", "paper", "--address", &served.rest];
    words.extend(more);
    words
}

/// Runs `qsim` without any key.
fn qsim(folder: &Folder, words: &[&str]) -> Output {
    let keyless = [("QSIM_API_KEY", ""), ("QSIM_API_SECRET", "")];
    run_program(Path::new(QSIM), folder.root(), &keyless, words)
}

fn replays(folder: &Folder, journal: &str) {
    let replayed = qsim(folder, &["replay", journal]).expect_code(0);
    assert!(replayed.stdout.contains("same run"), "{replayed:?}");
}

/// Nobody has shown a key, opened a user stream or placed an order.
fn venue_knows_nothing(served: &Served) {
    let left = served.admin("/faults")[0]["times"].clone();
    assert_eq!(left, 1_000_000, "requests with a key");
    assert_eq!(served.admin("/accounts")[0]["listen_key"], false);
    let account = served.admin("/accounts/0");
    for rows in ["orders", "algoOrders", "trades", "positions"] {
        assert_eq!(account[rows].as_array().map(Vec::len), Some(0), "{rows}: {account}");
    }
}

fn only_journal(folder: &Path) -> PathBuf {
    let mut found = std::fs::read_dir(folder).expect("a folder").flatten();
    let one = found.next().expect("a journal").path();
    assert!(found.next().is_none(), "one journal");
    one
}

#[test]
fn a_paper_session_decides_as_its_simulation_does_and_the_venue_hears_nothing() {
    steadily(|| {
        let folder = Folder::new();
        folder.file("chain.toml", SCENARIO);
        qsim(&folder, &["run", "chain.toml", "--journal", "simulated"]).expect_code(0);
        let until_end = |all: Vec<(Nanos, Decision)>| -> Vec<Decision> {
            let end = Nanos::from_secs(END_S);
            all.into_iter().filter(|(time, _)| *time < end).map(|(_, decision)| decision).collect()
        };
        let wanted = until_end(decisions(&only_journal(&folder.path("simulated"))));
        assert!(wanted.len() >= 2, "the scenario trades too little for a comparison: {wanted:?}");

        let served = serve(&folder, 8);
        let checked = qsim(&folder, &words(&served, &["--check"])).expect_code(0);
        for word in ["ok    clock", "ok    BTCUSDT: trading", "ok    paper account: 10000 USDT"] {
            assert!(checked.stdout.contains(word), "{word} in {checked:#?}");
        }
        assert!(!checked.stdout.contains("position mode"), "{checked:#?}");
        let more = ["--begin-at", START, "--for", "7m", "--journal", "live.journal"];
        let live = qsim(&folder, &words(&served, &more)).expect_code(0);
        assert_eq!(until_end(decisions(&folder.path("live.journal"))), wanted, "{}", live.stderr);
        assert!(live.stderr.contains("filled in this process"), "its assumptions: {}", live.stderr);
        venue_knows_nothing(&served);
        replays(&folder, "live.journal");
        // The simulation of a simulation.
        let compared =
            qsim(&folder, &["compare", "live.journal", "--format", "json"]).expect_code(0);
        let compared = compared.json();
        let parts = compared["parts"].as_array().expect("parts");
        assert_eq!(parts.len(), 7, "{compared}");
        let zero = |part: &serde_json::Value| {
            part["amount"].as_str().is_some_and(|amount| amount.trim_matches(['0', '.']).is_empty())
        };
        assert!(parts.iter().all(zero), "{compared}");
        assert!(compared["live"]["fills"].as_u64().is_some_and(|fills| fills >= 2), "{compared}");
    });
}

fn spawn(folder: &Folder, words: &[&str]) -> Child {
    Command::new(QSIM)
        .args(words)
        .envs([("QSIM_API_KEY", ""), ("QSIM_API_SECRET", "")])
        .current_dir(folder.root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

type Numbered = (u64, Nanos, JournalEntry);

/// Waits until the journal of a session that runs has what is wanted.
#[allow(clippy::disallowed_methods, reason = "a test of a running process waits by the wall")]
fn wait_for(folder: &Folder, session: &mut Child, has: impl Fn(&[Numbered]) -> bool) {
    let began = Instant::now();
    let partial = folder.path("live.journal.partial");
    while !partial.exists() || !has(&entries(&partial)) {
        assert!(began.elapsed() < patience(), "the session does not come so far");
        assert!(session.try_wait().expect("it is there").is_none(), "the session has ended");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Fills of orders by their client order ids, with the quantity of all.
fn fills(all: &[Numbered]) -> Vec<(String, QtyLots)> {
    let fill = |(_, _, entry): &Numbered| match entry {
        JournalEntry::Exchange(ExchangeEvent::User {
            event: UserEvent::OrderTradeUpdate { order, fill: Some(_), .. },
            ..
        }) => Some((order.client_order_id.0.to_string(), order.executed_qty)),
        _ => None,
    };
    all.iter().filter_map(fill).collect()
}

/// The positions in BTCUSDT that the exchange answered, oldest first.
fn answered_positions(all: &[Numbered]) -> impl Iterator<Item = i64> {
    all.iter().filter_map(|(_, _, entry)| match entry {
        JournalEntry::PositionRisk { rows, .. } => {
            Some(rows.iter().find(|row| row.symbol == BTC)?.position_amt.0)
        }
        _ => None,
    })
}

#[test]
fn a_paper_session_that_is_killed_goes_on_with_its_position() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, 4);
        let more = ["--begin-at", START, "--journal", "live.journal"];
        let mut session = spawn(&folder, &words(&served, &more));
        let holds = |all: &[Numbered]| {
            !fills(all).is_empty() && answered_positions(all).last().is_some_and(|held| held != 0)
        };
        wait_for(&folder, &mut session, holds);
        // SIGKILL: nothing is tidied up.
        session.kill().expect("killed");
        session.wait().expect("it has ended");
        let before = entries(&folder.path("live.journal.partial"));
        let held = answered_positions(&before).last();

        let again = ["--begin-at", START, "--for", "150s", "--journal", "live.journal"];
        let ended = qsim(&folder, &words(&served, &again)).expect_code(0);
        for word in [
            "goes on, and its exchange with it",
            "nobody saw the market from",
            " positions held: orders",
        ] {
            assert!(ended.stderr.contains(word), "{word} in {ended:#?}");
        }
        let after = entries(&folder.path("live.journal"));
        assert!(after.starts_with(&before), "what was recorded stays as it was");
        let since = answered_positions(&after[before.len()..]).next();
        assert_eq!(since, held, "the services ask what they hold");
        let mut ids: Vec<String> = fills(&after).into_iter().map(|(id, _)| id).collect();
        ids.dedup();
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), ids.len(), "no order is filled again: {ids:?}");
        venue_knows_nothing(&served);
        replays(&folder, "live.journal");
    });
}
