//! Metrics of executions: what was traded, and what that cost.

use rust_decimal::Decimal;

use super::catalogue::metrics;
use super::exposure::mean_equity;
use super::input::{Equity, Fill, InputError, Liquidity, Wanted, YEAR_DAYS, check, elapsed_days};
use super::money::{Total, to_f64};
use super::sums::ratio;

metrics! {
    /// Metrics of all executions, those of positions that are still open too.
    FillMetrics {
        /// How many executions.
        fills: u64 {
            unit: Count, better: Neither,
            formula: "number of fills",
            source: "own definition",
        }
        /// Notional of all executions, entries and exits.
        volume: Decimal {
            unit: Usdt, better: Neither,
            formula: "sum of price * quantity",
            source: "own definition",
        }
        /// Fees of all executions; a rebate is negative.
        fill_fees: Decimal {
            unit: Usdt, better: Lower,
            formula: "sum of the fills' fees",
            source: "own definition",
        }
        /// Share of the notional that gave liquidity.
        maker_share: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "volume of maker fills / volume",
            source: "own definition",
        }
        /// How often the mean equity was traded in the run; a position that is opened and closed counts twice.
        turnover: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "volume / (integral of E dt / (T_end - T_begin))",
            source: "own definition: both sides, where that of funds has the smaller one",
        }
        /// Turnover, a year.
        turnover_annual: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "turnover * 365 d / (T_end - T_begin)",
            source: "own definition",
        }
    }
}

/// Metrics of executions, those of turnover against the equity. Ratios are `None` without a volume, and
/// turnover if the equity curve has no length or its mean is not above zero.
///
/// # Errors
/// [`InputError`] for what is no series, a negative notional, and sums beyond what can be counted.
pub fn fill_metrics(equity: &Equity<'_>, fills: &[Fill]) -> Result<FillMetrics, InputError> {
    equity.check()?;
    let [mut volume, mut maker, mut fill_fees] = [Total::default(); 3];
    for (at, fill) in fills.iter().enumerate() {
        let notional = to_f64(fill.notional_usdt);
        check("fill", at, "notional_usdt", notional, Wanted::NotNegative)?;
        volume.add("notional", fill.notional_usdt)?;
        fill_fees.add("fees", fill.fee_usdt)?;
        if fill.liquidity == Liquidity::Maker {
            maker.add("notional", fill.notional_usdt)?;
        }
    }
    let (volume, maker) = (volume.amount("notional")?, maker.amount("notional")?);
    let mean_equity = mean_equity(equity).filter(|equity| *equity > 0.0);
    let turnover = mean_equity.and_then(|equity| ratio(to_f64(volume), equity));
    let days = equity.span().map_or(0.0, |(begin, end)| elapsed_days(begin, end));
    Ok(FillMetrics {
        fills: fills.len() as u64,
        volume,
        fill_fees: fill_fees.amount("fees")?,
        maker_share: ratio(to_f64(maker), to_f64(volume)),
        turnover,
        turnover_annual: turnover.and_then(|turnover| ratio(turnover * YEAR_DAYS, days)),
    })
}
