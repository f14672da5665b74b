//! Capital efficiency brain P3.1: which symbols deserve more capital (MSE 15.4).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite, not_negative};

/// Inputs older than this are stale.
const FRESH_S: f64 = 300.0;
/// Silence of an hour counts in full.
const SILENCE_FULL_S: f64 = 3_600.0;
/// Smoothing of the efficiency.
const EFFICIENCY_GAIN: f64 = 0.25;
/// Smoothing of PnL.
const PNL_GAIN: f64 = 0.20;
/// What stands in for a factor that was never known.
const FACTOR_UNKNOWN: f64 = 0.5;
/// What stands in for a target that was never known, in USDT.
const TARGET_UNKNOWN_USD: f64 = 100.0;

/// What performance attribution says (P3.0).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributionReading {
    /// 0 to 1.
    pub performance_factor: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Seconds since it was written.
    pub age_s: f64,
}

/// What allocation says (P2.9).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapitalTarget {
    /// Capital for the symbol, in USDT.
    pub target_usd: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Seconds since it was written.
    pub age_s: f64,
}

/// Smoothed PnL of a symbol, in USDT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PnlAverages {
    /// Of |PnL|.
    pub vol_ewma: f64,
    /// Of what was lost.
    pub dd_ewma: f64,
}

impl PnlAverages {
    /// The averages after one more result.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities.
    pub fn after(self, pnl_usd: f64) -> Result<PnlAverages, RefusedNumber> {
        let pnl = finite("pnl_usd", pnl_usd)?;
        let ewma = |before: f64, now: f64| PNL_GAIN * now + (1.0 - PNL_GAIN) * before;
        Ok(PnlAverages {
            vol_ewma: ewma(self.vol_ewma, pnl.abs()),
            dd_ewma: ewma(self.dd_ewma, (-pnl).max(0.0)),
        })
    }
}

/// All that one judgement of a symbol takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EfficiencyInput {
    /// Of P3.0, if it was ever written and can be read.
    pub attribution: Option<AttributionReading>,
    /// The factor that was known last.
    pub factor_last: Option<f64>,
    /// Of P2.9, if it was ever written and can be read.
    pub target: Option<CapitalTarget>,
    /// The target that was known last, in USDT.
    pub target_last_usd: Option<f64>,
    /// Smoothed PnL.
    pub pnl: PnlAverages,
    /// Smoothed efficiency before; 0.5 at the start.
    pub efficiency_before: f64,
    /// Seconds since the symbol was last traded; `None` if never.
    pub silence_s: Option<f64>,
}

/// What is wrong with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StaleFlag {
    /// No attribution.
    #[serde(rename = "P30_MISSING")]
    P30Missing,
    /// An old attribution.
    #[serde(rename = "P30_STALE")]
    P30Stale,
    /// No target.
    #[serde(rename = "P29_MISSING")]
    P29Missing,
    /// An old target.
    #[serde(rename = "P29_STALE")]
    P29Stale,
}

impl StaleFlag {
    /// As the stream spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            StaleFlag::P30Missing => "P30_MISSING",
            StaleFlag::P30Stale => "P30_STALE",
            StaleFlag::P29Missing => "P29_MISSING",
            StaleFlag::P29Stale => "P29_STALE",
        }
    }
}

/// Which way capital should move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CapitalPressure {
    /// More.
    Increase,
    /// Less.
    Decrease,
    /// As it is.
    Hold,
}

/// The judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapitalEfficiency {
    /// 0 to 1.
    pub efficiency_score: f64,
    /// Smoothed, 0 to 1.
    pub efficiency_ewma: f64,
    /// Which way.
    pub capital_pressure: CapitalPressure,
    /// −1 to 1.
    pub reallocation_weight: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// What was wrong with the inputs, attribution first.
    pub stale_flags: Vec<StaleFlag>,
    /// 0 to 1.
    pub hold_time_penalty: f64,
}

/// Judges how well a symbol uses its capital.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities, and for averages or ages below zero.
pub fn capital_efficiency(input: &EfficiencyInput) -> Result<CapitalEfficiency, RefusedNumber> {
    let mut flags = Vec::new();
    let (factor, confidence_30) = match input.attribution {
        Some(a) => {
            all_finite(&[("performance_factor", a.performance_factor), ("p30", a.confidence)])?;
            if not_negative("p30 age_s", a.age_s)? > FRESH_S {
                flags.push(StaleFlag::P30Stale);
            }
            (a.performance_factor, a.confidence)
        }
        None => {
            flags.push(StaleFlag::P30Missing);
            (finite("factor_last", input.factor_last.unwrap_or(FACTOR_UNKNOWN))?, 0.0)
        }
    };
    let (target, confidence_29) = match input.target {
        Some(t) => {
            all_finite(&[("target_usd", t.target_usd), ("p29", t.confidence)])?;
            if not_negative("p29 age_s", t.age_s)? > FRESH_S {
                flags.push(StaleFlag::P29Stale);
            }
            (t.target_usd, t.confidence)
        }
        None => {
            flags.push(StaleFlag::P29Missing);
            (finite("target_last_usd", input.target_last_usd.unwrap_or(TARGET_UNKNOWN_USD))?, 0.0)
        }
    };
    let target = target.max(1.0);
    let silence = not_negative("silence_s", input.silence_s.unwrap_or(0.0))?;
    let hold = (silence / SILENCE_FULL_S).min(1.0);
    let volatility = not_negative("vol_ewma", input.pnl.vol_ewma)? / target;
    let drawdown = not_negative("dd_ewma", input.pnl.dd_ewma)? / target;
    let before = finite("efficiency_before", input.efficiency_before)?.clamp(0.0, 1.0);
    let score = (factor / (1.0 + 0.8 * volatility + 1.2 * drawdown + 0.6 * hold)).clamp(0.0, 1.0);
    let ewma = EFFICIENCY_GAIN * score + (1.0 - EFFICIENCY_GAIN) * before;
    let mut confidence = confidence_30.min(confidence_29).clamp(0.0, 1.0);
    if !flags.is_empty() {
        confidence *= 0.5;
    }
    let capital_pressure = if ewma >= 0.65 && confidence_30 >= 0.5 {
        CapitalPressure::Increase
    } else if ewma <= 0.35 || drawdown > 0.5 {
        CapitalPressure::Decrease
    } else {
        CapitalPressure::Hold
    };
    Ok(CapitalEfficiency {
        efficiency_score: score,
        efficiency_ewma: ewma,
        capital_pressure,
        reallocation_weight: (2.0 * (ewma - 0.5)).clamp(-1.0, 1.0) * confidence,
        confidence,
        stale_flags: flags,
        hold_time_penalty: hold,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: EfficiencyInput = EfficiencyInput {
        attribution: Some(AttributionReading {
            performance_factor: 1.0,
            confidence: 0.8,
            age_s: 300.0,
        }),
        factor_last: None,
        target: Some(CapitalTarget { target_usd: 300.0, confidence: 0.6, age_s: 0.0 }),
        target_last_usd: None,
        pnl: PnlAverages { vol_ewma: 0.0, dd_ewma: 0.0 },
        efficiency_before: 0.9,
        silence_s: None,
    };

    #[test]
    fn pressure_follows_efficiency_and_confidence() {
        let of = |input: EfficiencyInput| capital_efficiency(&input).expect("finite");
        assert_eq!(of(GOOD).capital_pressure, CapitalPressure::Increase);
        let unsure = AttributionReading { performance_factor: 1.0, confidence: 0.4, age_s: 0.0 };
        let unsure = EfficiencyInput { attribution: Some(unsure), ..GOOD };
        assert_eq!(of(unsure).capital_pressure, CapitalPressure::Hold);
        let losing = PnlAverages { vol_ewma: 200.0, dd_ewma: 151.0 };
        let losing = EfficiencyInput { pnl: losing, efficiency_before: 0.5, ..GOOD };
        assert_eq!(of(losing).capital_pressure, CapitalPressure::Decrease);
    }

    #[test]
    fn any_flag_halves_the_confidence() {
        let old = AttributionReading { performance_factor: 1.0, confidence: 0.8, age_s: 300.5 };
        let got = capital_efficiency(&EfficiencyInput { attribution: Some(old), ..GOOD });
        let got = got.expect("finite");
        assert_eq!((got.confidence, got.stale_flags), (0.3, vec![StaleFlag::P30Stale]));
        let none = EfficiencyInput { attribution: None, target: None, ..GOOD };
        let got = capital_efficiency(&none).expect("finite");
        assert_eq!(got.stale_flags, [StaleFlag::P30Missing, StaleFlag::P29Missing]);
        assert_eq!((got.confidence, got.efficiency_score), (0.0, 0.5));
    }

    #[test]
    fn results_are_smoothed() {
        let once = PnlAverages::default().after(-10.0).expect("finite");
        assert_eq!(once, PnlAverages { vol_ewma: 2.0, dd_ewma: 2.0 });
        let twice = once.after(5.0).expect("finite");
        assert_eq!(twice, PnlAverages { vol_ewma: 2.6, dd_ewma: 1.6 });
        assert!(once.after(f64::NAN).is_err());
    }
}
