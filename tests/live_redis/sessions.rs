//! Sessions as processes, on a bus of a Redis server.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use engine::{JournalEntry, Nanos, Request};

use super::redis_support::eventually;
use super::support::chain::{market_state, opens};
use super::support::pace::{lead, speed};
use super::support::served::{Decision, KEY, SECRET, Served, decisions, entries};
use super::support::{Folder, Output, QSIM, run_program};

/// How many times as fast as the wall's the clock of market and sessions runs. Lives of keys are shorter on the
/// server by as much, so a loaded machine sets the limit: a permit lives for three seconds, and three processes in
/// turn have to see it.
const SPEED: u32 = 10;
pub const START: &str = "2026-01-01T00:00:00Z";
/// Behind the last intent and what becomes of it.
pub const LENGTH: &str = "90s";

/// A market with trades and a book, and what the chain needs to know at once. The bot makes no intents of its own.
const HEAD: &str = concat!(
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
    market_state!("10m")
);
/// Between the snapshots of the positions, which are made every five seconds. Processes share no order of time: one
/// whose timer is late reads a snapshot of behind its own moment, and holds the symbol for a second.
const INTENTS: [&str; 3] = [
    opens!("a1" at "68500ms", "BUY" "BTCUSDT" for 450 at 90000, stop 80000, target 99000, leverage 5),
    opens!("a2" at "73500ms", "SELL" "ETHUSDT" for 300 at 3000, stop 3300, target 2700, leverage 5),
    opens!("a3" at "78500ms", "BUY" "SOLUSDT" for 300 at 130, stop 115, target 143, leverage 5),
];

/// A scenario with so many intents and these lines in `[live]`.
pub fn scenario(intents: usize, live: &str) -> String {
    let speed = speed(SPEED);
    let mut text = format!("{HEAD}[live]\nspeed = {speed}\nmay_hold = true\n{live}\n");
    for intent in &INTENTS[..intents] {
        text.push_str(intent);
    }
    text
}

/// The exchange of a scenario, on the sessions' clock; its market begins so long after this, by the wall.
pub fn serve(folder: &Folder, file: &str, lead_s: u32) -> Served {
    let speed = speed(SPEED);
    let (speed, lead) = (speed.to_string(), lead(lead_s, speed));
    let more = ["--speed", &speed, "--lead", &lead, "--any-timestamp", "--no-limits"];
    Served::start(folder.root(), file, &more)
}

/// A session that runs; killed with its test.
pub struct Running {
    child: Child,
    said: PathBuf,
    pub journal: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// `qsim live FILE`, with a journal of this name.
    pub fn start(
        folder: &Folder,
        served: &Served,
        file: &str,
        name: &str,
        more: &[&str],
    ) -> Running {
        let journal = folder.path(&format!("{name}.journal"));
        // Each life of a session has its own words.
        let lives = std::fs::read_dir(folder.root()).expect("a folder").count();
        let said = folder.path(&format!("{name}.{lives}.said"));
        let out = File::create(&said).expect("a file");
        let child = Command::new(QSIM)
            .args(["live", file, "--venue", "testnet", "--address", &served.rest])
            .args(["--begin-at", START, "--journal"])
            .arg(&journal)
            .args(more)
            .envs([("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)])
            .current_dir(folder.root())
            .stdout(out.try_clone().expect("the same file"))
            .stderr(out)
            .spawn()
            .expect("the program starts");
        Running { child, said, journal }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Waits until it has said this.
    pub fn says(&mut self, words: &str) {
        eventually(&format!("it says {words:?}"), || {
            let ended = self.child.try_wait().expect("it is ours").is_some();
            let said = self.said();
            assert!(!ended || said.contains(words), "it ended without {words:?}:\n{said}");
            said.contains(words)
        });
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }

    /// SIGINT.
    pub fn interrupt(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for its end, and says whether it was one by itself.
    pub fn end(&mut self) -> bool {
        self.child.wait().expect("it is ours").success()
    }

    /// Waits for its end, which has to be a good one.
    pub fn ends_well(&mut self) {
        assert!(self.end(), "{}", self.said());
    }
}

/// `qsim replay` of a journal.
pub fn replay(folder: &Folder, journal: &Path) -> Output {
    let journal = journal.to_str().expect("UTF-8");
    run_program(Path::new(QSIM), folder.root(), &[], &["replay", journal])
}

/// Asserts that a journal replays by itself.
pub fn replays(folder: &Folder, journal: &Path) {
    let replayed = replay(folder, journal);
    assert!(replayed.stdout.contains("same run"), "{replayed:#?}");
}

/// What the simulation of a scenario decides up to the end of a session.
pub fn simulated(folder: &Folder, file: &str) -> Vec<Decision> {
    let run = ["run", file, "--journal", "simulated"];
    run_program(Path::new(QSIM), folder.root(), &[], &run).expect_code(0);
    let mut journals = std::fs::read_dir(folder.path("simulated")).expect("a folder");
    let journal = journals.next().expect("a journal").expect("readable").path();
    let end = Nanos::from_secs(1_767_225_600 + 90);
    decisions(&journal).into_iter().filter(|(time, _)| *time < end).map(|(_, one)| one).collect()
}

/// The decisions of some journals in the order of their times.
pub fn decided(journals: &[&Path]) -> Vec<Decision> {
    let mut all: Vec<(Nanos, Decision)> =
        journals.iter().flat_map(|journal| decisions(journal)).collect();
    all.sort_by_key(|(time, _)| *time);
    all.into_iter().map(|(_, one)| one).collect()
}

/// Client order ids that some journals sent, with how often each was.
pub fn sent(journals: &[&Path]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for (_, _, entry) in journals.iter().flat_map(|journal| entries(journal)) {
        if let JournalEntry::Submit { request: Request::NewOrder(order), .. } = entry {
            *found.entry(order.client_order_id.0.to_string()).or_default() += 1;
        }
    }
    found
}

/// What the exchange has filled: how much by symbol and side, and how many orders.
pub fn filled(served: &Served) -> BTreeMap<(String, String), u64> {
    let account = served.admin("/accounts/0");
    let mut found = BTreeMap::new();
    for order in account["orders"].as_array().expect("orders") {
        let text = |key: &str| order[key].as_str().expect("text").to_owned();
        if text("executedQty").parse::<f64>().is_ok_and(|qty| qty > 0.0) {
            *found.entry((text("symbol"), text("side"))).or_default() += 1;
        }
    }
    found
}

/// Position of a symbol at the exchange, as it tells it; none if it is flat.
pub fn position(served: &Served, symbol: &str) -> Option<f64> {
    let account = served.admin("/accounts/0");
    account["positions"].as_array().into_iter().flatten().find_map(|row| {
        let amount: f64 = row["positionAmt"].as_str()?.parse().ok()?;
        (row["symbol"] == symbol && amount != 0.0).then_some(amount)
    })
}
