//! Intelligent leverage, ILF (EHR 3.22).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// Leverage without confidence.
const BASE: f64 = 5.0;
/// What full confidence adds.
const PER_CONFIDENCE: f64 = 75.0;
const LEVERAGE_MIN: f64 = 5.0;
const LEVERAGE_MAX: f64 = 80.0;
const SAFETY_CAP: f64 = 0.9;

/// What the leverage follows from. Numbers outside their range count as its nearer end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeverageInput {
    /// Of the signal, 0 to 1.
    pub confidence: f64,
    /// Volatility index, 0 to 3.
    pub volatility: f64,
    /// How the PnL has gone lately, -1 to 1.
    pub pnl_trend: f64,
    /// Riskiness of the symbol, 0.5 to 1.5; 1 is neutral.
    pub symbol_risk: f64,
    /// Share of the margin in use, 0 to 1.
    pub margin_util: f64,
    /// How far the venues' prices are apart, 0 to 1.
    pub exch_divergence: f64,
    /// Funding rate a period, -0.05 to 0.05.
    pub funding_rate: f64,
}

impl LeverageInput {
    /// A signal of this confidence in a neutral world.
    #[must_use]
    pub fn neutral(confidence: f64) -> LeverageInput {
        LeverageInput {
            confidence,
            volatility: 0.0,
            pnl_trend: 0.0,
            symbol_risk: 1.0,
            margin_util: 0.0,
            exch_divergence: 0.0,
            funding_rate: 0.0,
        }
    }
}

/// The factors of the product; `base` is its first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeverageFactors {
    /// From the confidence, 5 to 80.
    pub base: f64,
    /// 0.2 to 1.5.
    pub volatility: f64,
    /// 0.75 to 1.25.
    pub pnl_trend: f64,
    /// 2/3 to 2.
    pub symbol_risk: f64,
    /// 0.3 to 1.
    pub margin_util: f64,
    /// 0.5 to 1.
    pub divergence: f64,
    /// 0.5 to 1.
    pub funding: f64,
    /// 0.9.
    pub safety_cap: f64,
}

impl LeverageFactors {
    fn product(&self) -> f64 {
        self.base
            * self.volatility
            * self.pnl_trend
            * self.symbol_risk
            * self.margin_util
            * self.divergence
            * self.funding
            * self.safety_cap
    }
}

/// A leverage, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntelligentLeverage {
    /// 5 to 80.
    pub leverage: f64,
    /// The factors.
    pub factors: LeverageFactors,
    /// The product lay outside 5 to 80.
    pub clamped: bool,
}

/// The leverage of a signal.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn intelligent_leverage(input: &LeverageInput) -> Result<IntelligentLeverage, RefusedNumber> {
    all_finite(&[
        ("confidence", input.confidence),
        ("volatility", input.volatility),
        ("pnl_trend", input.pnl_trend),
        ("symbol_risk", input.symbol_risk),
        ("margin_util", input.margin_util),
        ("exch_divergence", input.exch_divergence),
        ("funding_rate", input.funding_rate),
    ])?;
    let funding = input.funding_rate.clamp(-0.05, 0.05);
    let factors = LeverageFactors {
        base: BASE + PER_CONFIDENCE * input.confidence.clamp(0.0, 1.0),
        volatility: (1.5 - input.volatility.clamp(0.0, 3.0)).max(0.2),
        pnl_trend: 1.0 + 0.25 * input.pnl_trend.clamp(-1.0, 1.0),
        symbol_risk: 1.0 / input.symbol_risk.clamp(0.5, 1.5),
        margin_util: (1.0 - input.margin_util.clamp(0.0, 1.0)).max(0.3),
        divergence: (1.0 - input.exch_divergence.clamp(0.0, 1.0)).max(0.5),
        funding: (1.0 - (10.0 * funding).abs()).max(0.5),
        safety_cap: SAFETY_CAP,
    };
    let raw = factors.product();
    let leverage = raw.clamp(LEVERAGE_MIN, LEVERAGE_MAX);
    Ok(IntelligentLeverage { leverage, factors, clamped: leverage != raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each factor at the ends of its input's range; beyond them nothing changes.
    #[test]
    fn factors_end_where_their_inputs_do() {
        let ends = |set: &dyn Fn(&mut LeverageInput, f64), low: f64, high: f64| {
            [low - 9.0, low, high, high + 9.0].map(|value| {
                let mut input = LeverageInput::neutral(0.5);
                set(&mut input, value);
                intelligent_leverage(&input).expect("finite").factors
            })
        };
        let confidence = ends(&|i, v| i.confidence = v, 0.0, 1.0).map(|f| f.base);
        assert_eq!(confidence, [5.0, 5.0, 80.0, 80.0]);
        let volatility = ends(&|i, v| i.volatility = v, 0.0, 1.3).map(|f| f.volatility);
        assert_eq!(volatility[..2], [1.5, 1.5]);
        assert!(volatility[2..].iter().all(|f| (f - 0.2).abs() < 1e-12));
        let trend = ends(&|i, v| i.pnl_trend = v, -1.0, 1.0).map(|f| f.pnl_trend);
        assert_eq!(trend, [0.75, 0.75, 1.25, 1.25]);
        let risk = ends(&|i, v| i.symbol_risk = v, 0.5, 1.5).map(|f| f.symbol_risk);
        assert_eq!(risk, [2.0, 2.0, 1.0 / 1.5, 1.0 / 1.5]);
        let margin = ends(&|i, v| i.margin_util = v, 0.0, 1.0).map(|f| f.margin_util);
        assert_eq!(margin, [1.0, 1.0, 0.3, 0.3]);
        let divergence = ends(&|i, v| i.exch_divergence = v, 0.0, 1.0).map(|f| f.divergence);
        assert_eq!(divergence, [1.0, 1.0, 0.5, 0.5]);
        let funding = ends(&|i, v| i.funding_rate = v, -0.05, 0.04).map(|f| f.funding);
        assert_eq!(funding, [0.5, 0.5, 0.6, 0.5], "of either sign");
    }
}
