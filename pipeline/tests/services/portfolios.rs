//! The portfolio under its key, as the portfolio state publisher writes it.

use pipeline::keys;

use crate::bench::{Bench, START};

/// The portfolio as its publisher writes it, with so many open positions.
pub fn positions(bench: &mut Bench, count: u32) {
    portfolio(bench, &[("positions_count", &count.to_string())]);
}

/// A fund of 1,000 USDT without positions, with these changes.
pub fn portfolio(bench: &mut Bench, changes: &[(&str, &str)]) {
    let zero = [
        "unrealized_pnl_usd",
        "positions_count",
        "positions_notional_usd",
        "gross_exposure_usd",
        "drawdown",
        "dd_ewma_usd",
        "lossburst_ewma_usd",
        "fee_burden_ewma_usd",
        "churn_ewma",
    ];
    let key = keys::PORTFOLIO.name;
    bench.hset(key, &zero.map(|field| (field, "0")));
    bench.hset(
        key,
        &[
            ("ts_utc", "2026-02-02T02:40:00"),
            ("timestamp", "1770000000"),
            ("equity_usd", "1000"),
            ("balance_usd", "1000"),
            ("peak_equity_usd", "1000"),
            ("stale", "false"),
            ("source", "account"),
        ],
    );
    bench.hset(key, changes);
}

/// A fund of this equity in a drawdown of 2 %, of so many seconds after the start.
pub fn of_second(bench: &mut Bench, equity: &str, second: i64) {
    let ts = (START.secs() + second).to_string();
    let fields = [
        ("ts_utc", "2026-02-02T02:40:00Z"),
        ("timestamp", ts.as_str()),
        ("equity_usd", equity),
        ("balance_usd", equity),
        ("unrealized_pnl_usd", "0"),
        ("positions_count", "0"),
        ("positions_notional_usd", "0"),
        ("gross_exposure_usd", "0"),
        ("peak_equity_usd", equity),
        ("drawdown", "0.02"),
        ("dd_ewma_usd", "0"),
        ("lossburst_ewma_usd", "0"),
        ("fee_burden_ewma_usd", "0"),
        ("churn_ewma", "0"),
        ("stale", "false"),
        ("source", "test"),
    ];
    bench.hset(keys::PORTFOLIO.name, &fields);
}
