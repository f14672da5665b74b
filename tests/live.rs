//! Going live, from end to end: the same scenario simulated, and at a served exchange on an accelerated clock, makes the
//! same decisions; the session's journal replays; no secret is anywhere.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use engine::{Decoder, JournalEntry, JournalFile, Nanos, OrderType, Request, Side, SymbolIndex};
use support::{Folder, QSIM, run_program};

const KEY: &str = "qsim-1";
const SECRET: &str = "secret-1";
const SPEED: u32 = 240;

/// Two hours of a market in which the chain trades. Latencies are longer than the jitter of a session's clock, and timers
/// on whole seconds lie between.
const SCENARIO: &str = r#"
seed = 11

[market.synthetic]
minutes = 120

[account]
wallet = "10000"

[links]
feed_latency_us = 400000

[exchange]
request_latency_us = 100000
response_latency_us = 100000

[live]
speed = 240
legacy_streams = false
"#;

/// A served exchange; ends with the test.
struct Served {
    child: Child,
    rest: String,
    admin: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, file: &str, more: &[&str]) -> Served {
    let mut child = Command::new(QSIM)
        .args(["serve", file, "--addr", "127.0.0.1:0"])
        .args(more)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let word = |name: &str| {
        let found = line.split_whitespace().find_map(|word| word.strip_prefix(name));
        found.unwrap_or_else(|| panic!("{name} in {line:?}")).to_owned()
    };
    Served { rest: word("rest="), admin: word("admin="), child }
}

/// An order that a service wanted: which symbol, on which side, how much, and whether it closes.
type Decision = (SymbolIndex, Side, i64, bool, OrderType);

/// All orders of a journal, with their times.
fn decisions(path: &Path) -> Vec<(Nanos, Decision)> {
    let mut file = JournalFile::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut found = Vec::new();
    while let Some((_, block)) = file.next_block().expect("readable") {
        let mut decoder = Decoder::new(&block, &[]);
        while let Some((time, entry)) = decoder.next_value().expect("readable") {
            if let JournalEntry::Submit { request: Request::NewOrder(order), .. } = entry {
                let lots = order.quantity.map_or(0, |lots| lots.0);
                let closes = order.reduce_only == Some(true);
                let decision = (order.symbol, order.side, lots, closes, order.order_type);
                found.push((time, decision));
            }
        }
    }
    found
}

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
    let folder = Folder::new();
    let root = folder.root();
    std::fs::write(folder.path("chain.toml"), SCENARIO).expect("written");
    let simulated =
        run_program(Path::new(QSIM), root, &[], &["run", "chain.toml", "--journal", "simulated"])
            .expect_code(0);
    drop(simulated);
    let wanted = decisions(&only_journal(&folder.path("simulated")));
    assert!(wanted.len() >= 4, "the scenario trades too little for a comparison: {wanted:?}");

    let speed = SPEED.to_string();
    let more = ["--speed", &speed, "--lead", "40m", "--any-timestamp"];
    let served = serve(root, "chain.toml", &more);
    let arguments = [
        "live",
        "chain.toml",
        "--venue",
        "testnet",
        "--address",
        &served.rest,
        "--begin-at",
        "2026-01-01T00:00:00Z",
        "--for",
        "119m",
        "--journal",
        "live.journal",
    ];
    let keys = [("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)];
    let live = run_program(Path::new(QSIM), root, &keys, &arguments).expect_code(0);
    let end = wanted.last().map_or(Nanos::ZERO, |(time, _)| *time);
    let made = decisions(&folder.path("live.journal"));
    let bare = |all: &[(Nanos, Decision)]| -> Vec<Decision> {
        let limit = Nanos::from_secs(118 * 60) + Nanos::from_secs(1_767_225_600);
        all.iter().filter(|(time, _)| *time < limit).map(|(_, decision)| *decision).collect()
    };
    assert_eq!(bare(&made), bare(&wanted), "until {end}\n{}", live.stderr);

    let replayed =
        run_program(Path::new(QSIM), root, &[], &["replay", "live.journal"]).expect_code(0);
    assert!(replayed.stdout.contains("same run"), "{replayed:?}");
    let journal = std::fs::read(folder.path("live.journal")).expect("a journal");
    let secret = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|at| at == SECRET.as_bytes());
    assert!(!secret(&journal), "the journal holds the secret");
    assert!(!live.stderr.contains(SECRET) && !live.stdout.contains(SECRET), "{live:#?}");
    let _ = served.admin.len();
}
