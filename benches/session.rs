//! A live session at `qsim serve`: from the end of the wait that something came in by to the end of the sending of an
//! order. The whole pipeline, plaintext, journal written; program and server share the machine. Prints what the session says
//! of it at its end: upper bounds of histogram buckets.
//!
//! `BENCH_SPEED` (30) is how many times as fast as the wall's the clock of both runs.
#![allow(clippy::expect_used, clippy::panic)] // A benchmark that cannot go on has nothing to measure.
#![allow(clippy::disallowed_methods)] // It measures, it does not simulate.

#[path = "../tests/support/chain.rs"]
mod chain;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chain::market_state;

/// What the chain needs to know at once, and no stop after losses: each position is closed soon, whatever it made.
const HEAD: &str = concat!(
    r#"
seed = 2
[market.synthetic]
model = "order_flow"
minutes = 60
[account]
wallet = "100000"
[pipeline.trading_bot]
enabled = false
[pipeline.governor]
max_consecutive_losses = 100000
"#,
    market_state!("60m")
);
const SYMBOLS: [(&str, i64); 3] = [("BTCUSDT", 90_000), ("ETHUSDT", 3_000), ("SOLUSDT", 130)];
/// A symbol opens again after a minute at the earliest.
const EVERY_S: i64 = 25;
const PAIRS: i64 = 110;
const KEYS: [(&str, &str); 2] = [("QSIM_API_KEY", "qsim1"), ("QSIM_API_SECRET", "secret1")];

fn scenario(speed: &str) -> String {
    let mut text = format!("{HEAD}[live]\nspeed = {speed}\n");
    for pair in 0..PAIRS {
        let (symbol, price) = SYMBOLS[pair as usize % SYMBOLS.len()];
        let (stop, target) = (price * 7 / 10, price * 13 / 10);
        let mut intent = |at_ms: i64, number: i64, what: &str| {
            let id = format!("00000000-0000-0000-0000-{number:012x}");
            writeln!(
                text,
                "[[timeline]]\nat = \"{at_ms}ms\"\npublish = {{ stream = \"trade.intent\", fields = {{ symbol = \"{symbol}\", {what}, confidence = 0.9, timestamp = \"$now\", correlation_id = \"{id}\" }} }}"
            )
            .expect("a text takes all");
        };
        let at_ms = 68_500 + pair * EVERY_S * 1_000;
        let open = format!(
            "action = \"BUY\", side = \"BUY\", position_size_usd = 300, entry_price = {price}, leverage = 5, stop_loss = {stop}, take_profit = {target}, source = \"trading_bot\""
        );
        intent(at_ms, 2 * pair + 1, &open);
        let close = "action = \"CLOSE\", side = \"SELL\", reduce_only = true, source = \"exit_monitor\", reason = \"stop_loss\"";
        intent(at_ms + 12_000, 2 * pair + 2, close);
    }
    text
}

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path, speed: &str) -> (Served, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qsim"))
        .args(["serve", "session.toml", "--addr", "127.0.0.1:0", "--speed", speed])
        .args(["--lead", "2m", "--any-timestamp", "--no-limits"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let rest = line.split_whitespace().find_map(|word| word.strip_prefix("rest="));
    (Served(child), rest.expect("an address").to_owned())
}

fn main() {
    let speed = std::env::var("BENCH_SPEED").unwrap_or("30".to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("session.toml"), scenario(&speed)).expect("written");
    let (_served, rest) = serve(folder.path(), &speed);
    let ended = Command::new(env!("CARGO_BIN_EXE_qsim"))
        .args(["live", "session.toml", "--venue", "testnet", "--address", &rest])
        .args(["--begin-at", "2026-01-01T00:00:00Z", "--for", "50m"])
        .args(["--journal", "session.journal"])
        .envs(KEYS)
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let lines = said.lines().filter(|line| line.contains("what came in") || line.contains("ended"));
    lines.for_each(|line| println!("{line}"));
    print!("{}", String::from_utf8_lossy(&ended.stdout));
}
