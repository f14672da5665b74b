//! Parameters of made markets from real ones: GARCH-t and jump-diffusion from one-minute bars, the rates of
//! an order flow from a recorded book and its trades.
//!
//! Invariant: a fit draws nothing and starts where it always starts: the same data give the same numbers.

mod common_time;
mod flow_series;
mod fragment;
mod garch;
mod jumps;
mod order_flow;
mod series;
mod simplex;
mod volatility;

use crate::DataError;

pub use common_time::CommonTime;
pub use flow_series::{FLOW_LEVELS, FlowSeries};
pub use garch::{GarchFit, fit_garch};
pub use jumps::{JumpFit, fit_jump_diffusion};
pub use order_flow::{FlowFit, FlowObserver};
pub use series::{BarSeries, Fitted};

const MINUTES_PER_DAY: f64 = 1_440.0;
/// With less, the parameters say more about chance than about the market.
const RETURNS_MIN: usize = 1_000;

/// Log returns of successive closes.
pub fn log_returns(closes: &[f64]) -> Vec<f64> {
    closes.windows(2).map(|pair| libm::log(pair[1] / pair[0])).collect()
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count)
}

/// Refuses returns of which nothing can be learnt.
fn refuse_returns(returns: &[f64]) -> Result<(), DataError> {
    let refuse = |what: String| Err(DataError::Misuse(format!("fit: {what}")));
    if returns.len() < RETURNS_MIN {
        return refuse(format!(
            "{} returns of one minute, and {RETURNS_MIN} are needed: import a longer series of 1m bars",
            returns.len()
        ));
    }
    if let Some(at) = returns.iter().position(|r| !r.is_finite()) {
        return refuse(format!("return number {} is no number: prices must be above zero", at + 1));
    }
    let moving = returns.iter().filter(|r| r.abs() > 0.0).count();
    if moving < returns.len() / 20 {
        return refuse(format!(
            "only {moving} of {} minutes have another close than the minute before: take a series that trades",
            returns.len()
        ));
    }
    Ok(())
}
