//! The AI sizer: size, leverage and a harvest policy from confidence (MSE 4.7).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, not_negative};

/// MIN_ORDER_USD.
const ORDER_MIN_USD: f64 = 50.0;
/// MAX_POSITION_USD.
const POSITION_MAX_USD: f64 = 10_000.0;

/// How a position is harvested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HarvestMode {
    /// Quickly.
    Scalper,
    /// Over an hour.
    Swing,
    /// As long as the trend runs.
    TrendRunner,
}

/// The harvest policy of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HarvestPolicy {
    /// How.
    pub mode: HarvestMode,
    /// Distance of the trailing stop, in percent.
    pub trail_pct: f64,
    /// Longest life, in seconds.
    pub max_time_sec: u32,
    /// Share closed at the first target.
    pub partial_close_pct: f64,
}

/// What the sizer proposes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AiSizing {
    /// Notional in USDT, 50 to 10,000.
    pub ai_size_usd: f64,
    /// 5 to 80.
    pub ai_leverage: f64,
    /// How it is harvested.
    pub policy: HarvestPolicy,
}

/// AI_SIZING_MODE.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AiSizingMode {
    /// It only tells.
    #[default]
    Shadow,
    /// Its numbers are traded.
    Live,
}

/// A size in USDT and its leverage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradedSize {
    /// In USDT.
    pub size_usd: f64,
    /// Leverage.
    pub leverage: f64,
}

/// Sizes a signal; money in USDT.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities, and an equity or volatility factor below zero.
pub fn ai_sizing(
    confidence: f64,
    volatility_factor: f64,
    equity_usd: f64,
) -> Result<AiSizing, RefusedNumber> {
    let c = finite("confidence", confidence)?;
    let vf = not_negative("volatility_factor", volatility_factor)?;
    let equity = not_negative("equity_usd", equity_usd)?;
    let raw = equity * (0.005 + 0.015 * c) * vf;
    let (mode, trail_pct, max_time_sec) = match c {
        c if c < 0.6 => (HarvestMode::Scalper, 0.5, 1_800),
        c if c < 0.8 => (HarvestMode::Swing, 1.0, 3_600),
        _ => (HarvestMode::TrendRunner, 2.0, 7_200),
    };
    let partial_close_pct = if c > 0.75 { 0.5 } else { 0.0 };
    Ok(AiSizing {
        ai_size_usd: finite("ai_size_usd", raw.clamp(ORDER_MIN_USD, POSITION_MAX_USD))?,
        ai_leverage: (5.0 + 75.0 * c).clamp(5.0, 80.0),
        policy: HarvestPolicy { mode, trail_pct, max_time_sec, partial_close_pct },
    })
}

impl AiSizingMode {
    /// The one size that is both checked and traded: two of them were, in shadow, the number checked and
    /// the number traded (incident I-16).
    #[must_use]
    pub fn traded(self, plain: TradedSize, ai: &AiSizing) -> TradedSize {
        match self {
            AiSizingMode::Shadow => plain,
            AiSizingMode::Live => TradedSize { size_usd: ai.ai_size_usd, leverage: ai.ai_leverage },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_by_confidence() {
        let mode = |c| ai_sizing(c, 1.0, 10_000.0).expect("finite").policy;
        assert_eq!(mode(0.599).mode, HarvestMode::Scalper);
        assert_eq!(mode(0.6).mode, HarvestMode::Swing);
        assert_eq!((mode(0.8).mode, mode(0.8).max_time_sec), (HarvestMode::TrendRunner, 7_200));
        assert_eq!((mode(0.75).partial_close_pct, mode(0.76).partial_close_pct), (0.0, 0.5));
        assert!(ai_sizing(0.5, f64::INFINITY, 1.0).is_err());
    }

    /// The governor judged the AI's numbers while the order used the plain ones.
    #[test]
    fn incident_i16_checked_and_traded_are_one() {
        let ai = ai_sizing(0.72, 1.0, 10_000.0).expect("finite");
        let plain = TradedSize { size_usd: 200.0, leverage: 3.0 };
        assert_eq!(AiSizingMode::default().traded(plain, &ai), plain);
        assert_eq!(AiSizingMode::Live.traded(plain, &ai).leverage, 59.0);
    }
}
