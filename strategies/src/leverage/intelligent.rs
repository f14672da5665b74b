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
