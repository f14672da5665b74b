//! The risk mode: a multiplier on sizes (MSE 4.10).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// Whether the market is one in which more risk is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketMood {
    /// A strong bull market or a tight range: lower thresholds.
    Favourable,
    /// Any other.
    Usual,
}

/// How much is risked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RiskMode {
    /// Half.
    UltraConservative,
    /// Three quarters.
    Conservative,
    /// As sized.
    Normal,
    /// Half as much again.
    Aggressive,
    /// Double.
    UltraAggressive,
}

impl RiskMode {
    /// Factor on sizes.
    #[must_use]
    pub const fn size_multiplier(self) -> f64 {
        match self {
            RiskMode::UltraConservative => 0.5,
            RiskMode::Conservative => 0.75,
            RiskMode::Normal => 1.0,
            RiskMode::Aggressive => 1.5,
            RiskMode::UltraAggressive => 2.0,
        }
    }
}

/// The score of volatility, order flow and market, each 0 to 1.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities: the caller multiplies by 1.
pub fn risk_mode_score(volatility: f64, flow: f64, market: f64) -> Result<f64, RefusedNumber> {
    all_finite(&[("volatility", volatility), ("flow", flow), ("market", market)])?;
    Ok((0.40 * (1.0 - volatility) + 0.30 * flow + 0.30 * market).clamp(0.0, 1.0))
}

/// The mode of a score.
#[must_use]
pub fn risk_mode(score: f64, mood: MarketMood) -> RiskMode {
    let [first, second, third, fourth] = match mood {
        MarketMood::Favourable => [0.15, 0.35, 0.55, 0.70],
        MarketMood::Usual => [0.2, 0.4, 0.6, 0.75],
    };
    match score {
        s if s >= fourth => RiskMode::UltraAggressive,
        s if s >= third => RiskMode::Aggressive,
        s if s >= second => RiskMode::Normal,
        s if s >= first => RiskMode::Conservative,
        _ => RiskMode::UltraConservative,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_favourable_market_takes_more() {
        assert_eq!(risk_mode_score(0.5, 0.5, 0.5), Ok(0.5));
        assert_eq!(risk_mode_score(-9.0, 0.5, 0.5), Ok(1.0));
        assert!(risk_mode_score(f64::NAN, 0.0, 0.0).is_err());
        let multipliers =
            |mood| [0.1, 0.2, 0.4, 0.57, 0.72, 0.75].map(|s| risk_mode(s, mood).size_multiplier());
        assert_eq!(multipliers(MarketMood::Usual), [0.5, 0.75, 1.0, 1.0, 1.5, 2.0]);
        assert_eq!(multipliers(MarketMood::Favourable), [0.5, 0.75, 1.0, 1.5, 2.0, 2.0]);
        assert_eq!(risk_mode(f64::NAN, MarketMood::Usual), RiskMode::UltraConservative);
    }
}
