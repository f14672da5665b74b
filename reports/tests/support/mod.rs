//! What the tests of metrics share.

use reports::metrics::{
    DAY_NS, Equity, EquityMetrics, InputError, Settings, Side, Trade, equity_metrics,
};
use rust_decimal::Decimal;

/// An hour.
pub const HOUR_NS: i64 = DAY_NS / 24;

/// Metrics of one sample a day, by day.
pub fn daily(equity_usdt: &[f64], settings: &Settings) -> Result<EquityMetrics, InputError> {
    let time_ns: Vec<i64> = (0..equity_usdt.len() as i64).map(|day| day * DAY_NS).collect();
    equity_metrics(&Equity { time_ns: &time_ns, equity_usdt }, settings)
}

/// A number of dollars and cents.
pub fn usdt(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a number")
}

/// A long of one BTC from 100 to 100, of an hour, by which nobody won or paid anything.
pub fn trade() -> Trade<'static> {
    Trade {
        symbol: "BTCUSDT",
        side: Side::Long,
        qty: 1.0,
        entry_time_ns: 0,
        entry_price: 100.0,
        exit_time_ns: HOUR_NS,
        exit_price: 100.0,
        exit_reason: "time",
        realised_pnl_usdt: Decimal::ZERO,
        fees_usdt: Decimal::ZERO,
        funding_usdt: Decimal::ZERO,
        slippage_usdt: Decimal::ZERO,
        highest_price: 100.0,
        lowest_price: 100.0,
        initial_stop_price: None,
        leverage: 5.0,
        liquidated: false,
    }
}
