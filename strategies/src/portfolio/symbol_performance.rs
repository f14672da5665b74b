//! How a symbol's closed trades went (MSE 14.5).

use engine::Nanos;
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// Trades older than this do not count.
const LOOK_BACK: Nanos = Nanos::from_secs(30 * 86_400);

/// A closed trade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// When.
    pub closed_at: Nanos,
    /// In percent.
    pub pnl_pct: f64,
}

/// The record of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SymbolPerformance {
    /// Trades of the last 30 days.
    pub total_trades: usize,
    /// Share of wins.
    pub win_rate: f64,
    /// Mean, in percent.
    pub avg_pnl_pct: f64,
    /// Mean over sample deviation, a trade; 0 below two trades and for equal ones.
    pub sharpe_ratio: f64,
}

/// The record at `now`.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn symbol_performance(
    trades: &[ClosedTrade],
    now: Nanos,
) -> Result<SymbolPerformance, RefusedNumber> {
    let counted = trades.iter().filter(|trade| now - trade.closed_at <= LOOK_BACK);
    let pnl: Vec<f64> =
        counted.map(|trade| finite("pnl_pct", trade.pnl_pct)).collect::<Result<_, _>>()?;
    if pnl.is_empty() {
        return Ok(SymbolPerformance::default());
    }
    let n = pnl.len() as f64;
    let mean = finite("mean pnl_pct", pnl.iter().sum::<f64>() / n)?;
    let squares: f64 = pnl.iter().map(|p| (p - mean) * (p - mean)).sum();
    let deviation = finite("deviation of pnl_pct", (squares / (n - 1.0).max(1.0)).sqrt())?;
    Ok(SymbolPerformance {
        total_trades: pnl.len(),
        win_rate: pnl.iter().filter(|p| **p > 0.0).count() as f64 / n,
        avg_pnl_pct: mean,
        sharpe_ratio: if deviation > 0.0 { mean / deviation } else { 0.0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_thirty_days_count() {
        let trade =
            |day: i64, pnl_pct| ClosedTrade { closed_at: Nanos::from_secs(day * 86_400), pnl_pct };
        let trades = [trade(0, 99.0), trade(1, 3.0), trade(20, -1.0), trade(31, 1.0)];
        let got = symbol_performance(&trades, Nanos::from_secs(31 * 86_400)).expect("finite");
        assert_eq!((got.total_trades, got.win_rate, got.avg_pnl_pct), (3, 2.0 / 3.0, 1.0));
        assert_eq!(got.sharpe_ratio, 0.5);
        let one = symbol_performance(&trades[3..], Nanos::from_secs(31 * 86_400));
        assert_eq!(one.expect("finite").sharpe_ratio, 0.0);
        assert_eq!(symbol_performance(&[], Nanos::ZERO), Ok(SymbolPerformance::default()));
        assert!(symbol_performance(&[trade(0, f64::NAN)], Nanos::ZERO).is_err());
    }
}
