//! P3.0: what a symbol's trades have brought (EHR 3.15).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, logistic};

/// Mean PnL in USDT at which alpha bends.
const PNL_SCALE_USD: f64 = 100.0;
/// Weight of the newest alpha.
const SMOOTHING: f64 = 0.3;
/// This many trades make it sure.
const SURE_AFTER: f64 = 20.0;

/// A symbol's record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// -1 to 1.
    pub alpha_score: f64,
    /// Alpha, smoothed over the executions; -1 to 1.
    pub performance_factor: f64,
    /// 0 to 1.
    pub confidence: f64,
}

/// The record after a new execution. `realized_pnl_usd` are the last trades' (at most 20), the new one
/// among them. To be called once an execution: smoothing the same trades again would only undo the
/// smoothing. Without trades there is nothing to say.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn attribution(
    realized_pnl_usd: &[f64],
    previous_performance_factor: Option<f64>,
) -> Result<Option<Attribution>, RefusedNumber> {
    if realized_pnl_usd.is_empty() {
        return Ok(None);
    }
    let mut sum = 0.0;
    for pnl in realized_pnl_usd {
        sum += finite("realized_pnl_usd", *pnl)?;
    }
    let count = realized_pnl_usd.len() as f64;
    let mean = finite("sum of realized_pnl_usd", sum)? / count;
    let alpha_score = 2.0 * logistic(mean / PNL_SCALE_USD) - 1.0;
    let performance_factor = match previous_performance_factor {
        Some(before) => {
            let before = finite("previous performance_factor", before)?;
            SMOOTHING * alpha_score + (1.0 - SMOOTHING) * before
        }
        None => alpha_score,
    };
    let confidence = (count / SURE_AFTER).min(1.0);
    Ok(Some(Attribution { alpha_score, performance_factor, confidence }))
}

/// Sums of PnL in USDT by label, in the order of the labels.
pub type PnlSums = BTreeMap<String, f64>;

/// Sums PnL by its label: regime, cluster or signal. A label that is missing or empty is `UNKNOWN`.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn pnl_by_label<'a>(
    trades: impl IntoIterator<Item = (Option<&'a str>, f64)>,
) -> Result<PnlSums, RefusedNumber> {
    let mut sums = PnlSums::new();
    for (label, pnl) in trades {
        let label = label.filter(|label| !label.is_empty()).unwrap_or("UNKNOWN");
        *sums.entry(label.to_owned()).or_insert(0.0) += finite("realized_pnl_usd", pnl)?;
    }
    Ok(sums)
}

/// The label of a UTC hour, 0 to 23.
#[must_use]
pub const fn time_bucket(hour: u32) -> &'static str {
    match hour {
        0..6 => "00-06",
        6..12 => "06-12",
        12..18 => "12-18",
        _ => "18-24",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_label() {
        let trades = [(Some("TREND"), 1.0), (None, 2.0), (Some("TREND"), -3.0), (Some(""), 0.5)];
        let sums = pnl_by_label(trades).expect("finite");
        let pairs: Vec<_> = sums.iter().map(|(label, sum)| (label.as_str(), *sum)).collect();
        assert_eq!(pairs, [("TREND", -2.0), ("UNKNOWN", 2.5)]);
        assert_eq!(
            [0, 5, 6, 17, 18, 23].map(time_bucket),
            ["00-06", "00-06", "06-12", "12-18", "18-24", "18-24"]
        );
        assert_eq!(attribution(&[], Some(0.5)), Ok(None));
    }
}
