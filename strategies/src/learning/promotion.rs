//! Continuous learning: when a model is trained again, and whether the new one may take its place
//! (MSE 15.6).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};
use crate::signal::DriftSeverity;

/// A Sharpe ratio below it calls for training.
const SHARPE_RETRAIN: f64 = 0.5;

/// A kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// XGBoost.
    Xgboost,
    /// LightGBM.
    Lightgbm,
    /// N-HiTS.
    Nhits,
    /// PatchTST.
    Patchtst,
    /// Reinforcement learning.
    Rl,
}

impl ModelKind {
    /// Hours after which it is trained again.
    #[must_use]
    pub const fn retrain_hours(self) -> f64 {
        match self {
            ModelKind::Xgboost | ModelKind::Lightgbm => 168.0,
            ModelKind::Nhits | ModelKind::Patchtst => 336.0,
            ModelKind::Rl => 24.0,
        }
    }
}

/// Why a model is trained again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainReason {
    /// Its time is up.
    Age,
    /// The market drifted.
    Drift,
    /// It earns too little.
    Performance,
}

/// Whether, and why first, a model is trained again. The audited system knew only the age.
#[must_use]
pub fn retrain_reason(
    kind: ModelKind,
    age_hours: f64,
    sharpe: Option<f64>,
    drift: DriftSeverity,
) -> Option<RetrainReason> {
    if drift.blocks() {
        Some(RetrainReason::Drift)
    } else if sharpe.is_some_and(|sharpe| sharpe < SHARPE_RETRAIN) {
        Some(RetrainReason::Performance)
    } else if age_hours >= kind.retrain_hours() {
        Some(RetrainReason::Age)
    } else {
        None
    }
}

/// What an evaluation found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Sharpe ratio.
    pub sharpe: f64,
    /// Share of wins.
    pub win_rate: f64,
    /// Gains over losses.
    pub profit_factor: f64,
    /// A fraction.
    pub max_drawdown: f64,
    /// Trades.
    pub trades: u64,
}

/// Seconds of a year.
const YEAR_S: f64 = 365.0 * 86_400.0;
/// A profit factor without any loss: the criteria and the score know no larger one.
const PROFIT_FACTOR_MAX: f64 = 100.0;

/// The facts of outcomes: time of each in seconds and PnL as a fraction, oldest first. The Sharpe ratio is that
/// of a year at the rate at which they came. `None` with fewer than two, or where all came at once.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn model_facts(outcomes: &[(f64, f64)]) -> Result<Option<ModelFacts>, RefusedNumber> {
    for (time, pnl) in outcomes {
        all_finite(&[("time", *time), ("pnl", *pnl)])?;
    }
    let (Some((first, _)), Some((last, _))) = (outcomes.first(), outcomes.last()) else {
        return Ok(None);
    };
    let (count, span) = (outcomes.len() as f64, last - first);
    if outcomes.len() < 2 || span <= 0.0 {
        return Ok(None);
    }
    let pnl = || outcomes.iter().map(|(_, pnl)| *pnl);
    let mean = pnl().sum::<f64>() / count;
    let deviation = (pnl().map(|p| (p - mean) * (p - mean)).sum::<f64>() / count).sqrt();
    let a_year = (count * YEAR_S / span).sqrt();
    let sharpe = if deviation > 0.0 { mean / deviation * a_year } else { 0.0 };
    let gains = pnl().filter(|p| *p > 0.0).sum::<f64>();
    let losses = -pnl().filter(|p| *p < 0.0).sum::<f64>();
    let profit_factor = if losses > 0.0 { gains / losses } else { PROFIT_FACTOR_MAX };
    let (mut equity, mut peak, mut max_drawdown) = (1.0f64, 1.0f64, 0.0f64);
    for p in pnl() {
        equity *= 1.0 + p;
        peak = peak.max(equity);
        max_drawdown = max_drawdown.max((peak - equity) / peak);
    }
    let win_rate = pnl().filter(|p| *p > 0.0).count() as f64 / count;
    all_finite(&[
        ("sharpe", sharpe),
        ("profit factor", profit_factor),
        ("drawdown", max_drawdown),
    ])?;
    let profit_factor = profit_factor.min(PROFIT_FACTOR_MAX);
    let trades = outcomes.len() as u64;
    Ok(Some(ModelFacts { sharpe, win_rate, profit_factor, max_drawdown, trades }))
}

/// What a candidate has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromotionCriteria {
    /// Least Sharpe ratio.
    pub sharpe_min: f64,
    /// Least share of wins.
    pub win_rate_min: f64,
    /// Least profit factor.
    pub profit_factor_min: f64,
    /// Largest drawdown, a fraction.
    pub drawdown_max: f64,
    /// Least trades.
    pub trades_min: u64,
}

impl Default for PromotionCriteria {
    fn default() -> Self {
        PromotionCriteria {
            sharpe_min: 1.0,
            win_rate_min: 0.52,
            profit_factor_min: 1.3,
            drawdown_max: 0.15,
            trades_min: 50,
        }
    }
}

/// Whether a model may become a candidate; numbers that are none do not pass.
#[must_use]
pub fn promotable(facts: &ModelFacts, criteria: &PromotionCriteria) -> bool {
    facts.sharpe >= criteria.sharpe_min
        && facts.win_rate >= criteria.win_rate_min
        && facts.profit_factor >= criteria.profit_factor_min
        && facts.max_drawdown <= criteria.drawdown_max
        && facts.trades >= criteria.trades_min
}

/// Score of a model, 0 to 100.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn model_score(facts: &ModelFacts) -> Result<f64, RefusedNumber> {
    let ModelFacts { sharpe, win_rate, profit_factor, .. } = *facts;
    all_finite(&[("sharpe", sharpe), ("win_rate", win_rate), ("profit_factor", profit_factor)])?;
    let by_sharpe = (50.0 * sharpe).min(100.0);
    let by_wins = (win_rate - 0.5) / 0.5 * 100.0;
    let by_profit = (50.0 * (profit_factor - 1.0)).min(100.0);
    Ok((0.5 * by_sharpe + 0.3 * by_wins + 0.2 * by_profit).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: ModelFacts = ModelFacts {
        sharpe: 1.0,
        win_rate: 0.52,
        profit_factor: 1.3,
        max_drawdown: 0.15,
        trades: 50,
    };

    #[test]
    fn each_criterion_counts() {
        let criteria = PromotionCriteria::default();
        assert!(promotable(&FACTS, &criteria));
        for worse in [
            ModelFacts { sharpe: 0.99, ..FACTS },
            ModelFacts { win_rate: f64::NAN, ..FACTS },
            ModelFacts { profit_factor: 1.29, ..FACTS },
            ModelFacts { max_drawdown: 0.16, ..FACTS },
            ModelFacts { trades: 49, ..FACTS },
        ] {
            assert!(!promotable(&worse, &criteria), "{worse:?}");
        }
    }

    #[test]
    fn the_score_is_bounded_and_reasons_have_an_order() {
        let great = ModelFacts { sharpe: 9.0, win_rate: 1.0, profit_factor: 9.0, ..FACTS };
        assert_eq!(model_score(&great), Ok(100.0));
        assert_eq!(model_score(&ModelFacts { sharpe: -9.0, ..FACTS }), Ok(0.0));
        let of = |age, sharpe, drift| retrain_reason(ModelKind::Rl, age, sharpe, drift);
        assert_eq!(of(23.0, Some(0.5), DriftSeverity::Moderate), None);
        assert_eq!(of(24.0, None, DriftSeverity::None), Some(RetrainReason::Age));
        assert_eq!(of(24.0, Some(0.4), DriftSeverity::None), Some(RetrainReason::Performance));
        assert_eq!(of(0.0, Some(0.4), DriftSeverity::Severe), Some(RetrainReason::Drift));
    }

    #[test]
    fn facts_of_outcomes() {
        // Two trades a half-year apart: +2 % and -1 %.
        let half = 0.5 * 365.0 * 86_400.0;
        let facts = model_facts(&[(0.0, 0.02), (half, -0.01)]).expect("finite").expect("facts");
        // Mean 0.005 over a deviation of 0.015, times the root of the four that a year would have.
        assert!((facts.sharpe - 2.0 / 3.0).abs() < 1e-12, "{}", facts.sharpe);
        assert_eq!((facts.win_rate, facts.profit_factor, facts.trades), (0.5, 2.0, 2));
        assert!((facts.max_drawdown - 0.01).abs() < 1e-12);
        assert_eq!(model_facts(&[(0.0, 0.02)]), Ok(None));
        assert_eq!(model_facts(&[(0.0, 0.02), (0.0, 0.01)]), Ok(None));
        assert!(model_facts(&[(0.0, f64::NAN), (1.0, 0.0)]).is_err());
    }
}
