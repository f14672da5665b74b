//! A position on the bus as P3.3, the position monitor, the exit monitor and P0 write it.

use engine::Nanos;
use pipeline::keys;

use crate::bench::{Bench, START, instrument};

/// A position of BTCUSDT in USDT and base units.
pub struct Position<'a> {
    /// Signed.
    pub amount: &'a str,
    /// Average.
    pub entry: &'a str,
    /// Now.
    pub mark: &'a str,
    /// Of the whole position.
    pub pnl: &'a str,
    /// Best price since the entry.
    pub best: &'a str,
    /// Stop in force.
    pub stop: &'a str,
    /// The plan that opened it.
    pub plan: &'a str,
}

impl Default for Position<'_> {
    /// The BTCUSDT example of EHR 6 (10 and 3) with two units, so that PnL of one and of all differ.
    fn default() -> Self {
        Position {
            amount: "2",
            entry: "100",
            mark: "105",
            pnl: "10",
            best: "106",
            stop: "98",
            plan: "opening",
        }
    }
}

/// Opened an hour before the start.
pub const OPENED: Nanos = Nanos(START.0 - 3_600_000_000_000);

/// Puts it on the bus, as of now.
pub fn hold(bench: &mut Bench, position: &Position<'_>) {
    let (symbol, now) = (instrument().symbol, bench.kernel.now().secs().to_string());
    let side = if position.amount.starts_with('-') { "SHORT" } else { "LONG" };
    let opened = OPENED.secs().to_string();
    let lots = (position.amount.parse::<f64>().expect("a number") * 1_000.0) as i64;
    bench.hset(
        &keys::STATE_POSITIONS.of(symbol),
        &[
            ("symbol", "BTCUSDT"),
            ("position_amt", position.amount),
            ("side", side),
            ("entry_price", position.entry),
            ("leverage", "10"),
            ("changed_at", &opened),
            ("updated_at", &now),
        ],
    );
    look(bench, position);
    bench.hset(
        &keys::POSITION_BOOK.of(symbol),
        &[
            ("symbol", "BTCUSDT"),
            ("amount", &lots.to_string()),
            ("entry_quote", "200"),
            ("entry_amount", &lots.abs().to_string()),
            ("exit_quote", "0"),
            ("exit_amount", "0"),
            ("avg_entry", position.entry),
            ("realized_pnl", "0"),
            ("fees", "0"),
            ("correlation_id", "00000000-0000-4000-8000-000000000009"),
            ("plan_id", position.plan),
            ("opened_at", &opened),
        ],
    );
    bench.hset(
        &keys::STATE_STOPS.of(symbol),
        &[
            ("symbol", "BTCUSDT"),
            ("side", side),
            ("qty", position.amount.trim_start_matches('-')),
            ("entry_price", position.entry),
            ("stop_loss", position.stop),
            ("take_profit", "110"),
            ("trailing_gap_pct", "0.015"),
            ("best_price", position.best),
            ("source", "plan"),
            ("plan_id", position.plan),
            ("correlation_id", "00000000-0000-4000-8000-000000000009"),
            ("opened_at", &opened),
            ("exit_attempts", "0"),
        ],
    );
}

/// P3.3's look at it, as of now.
pub fn look(bench: &mut Bench, position: &Position<'_>) {
    let now = bench.kernel.now().secs().to_string();
    let side = if position.amount.starts_with('-') { "SHORT" } else { "LONG" };
    bench.hset(
        &keys::POSITION_SNAPSHOT.of(instrument().symbol),
        &[
            ("symbol", "BTCUSDT"),
            ("position_amt", position.amount),
            ("side", side),
            ("entry_price", position.entry),
            ("mark_price", position.mark),
            ("unrealized_pnl", position.pnl),
            ("leverage", "10"),
            ("ts_epoch", &now),
            ("source", "p33_poll"),
        ],
    );
}

/// P3.3 says that there is none.
pub fn flat(bench: &mut Bench) {
    bench.hset(&keys::STATE_POSITIONS.of(instrument().symbol), &[("side", "NONE")]);
}

/// P0's state as of now: sigma, trend strength, and the probabilities of trend, reversion and chop.
pub fn market(bench: &mut Bench, [sigma, ts, p_trend, p_mr, p_chop]: [&str; 5]) {
    let now = bench.kernel.now().secs().to_string();
    bench.hset(
        &keys::MARKETSTATE.of(instrument().symbol),
        &[
            ("symbol", "BTCUSDT"),
            ("sigma", sigma),
            ("mu", "0"),
            ("ts", ts),
            ("p_trend", p_trend),
            ("p_mr", p_mr),
            ("p_chop", p_chop),
            ("dp", "0.5"),
            ("vr", "1"),
            ("spike_proxy", "1"),
            ("buffer_size", "300"),
            ("regime", "TREND"),
            ("ts_timestamp", &now),
            ("timestamp", &now),
        ],
    );
}
