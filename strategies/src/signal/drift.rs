//! Drift: whether the market, or the model's luck with it, is no longer what it was trained on (MSE 4.9).

use serde::{Deserialize, Serialize};

use super::{kolmogorov_smirnov, population_stability};
use crate::numbers::{RefusedNumber, finite};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DriftSeverity {
    /// None.
    None,
    /// Worth a remark.
    Minor,
    /// Worth a look.
    Moderate,
    /// Signals are blocked, the model is trained again.
    Severe,
    /// Severe in the features and visible in the results.
    Critical,
}

impl DriftSeverity {
    /// Signals are blocked.
    #[must_use]
    pub fn blocks(self) -> bool {
        self >= DriftSeverity::Severe
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftMeasure {
    /// The distributions of the features, and the results.
    #[default]
    Distributions,
    /// The distance of the RSI from 50: a stand-in that calls every trend a drift.
    AuditedRsiDistance,
}

/// The thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftThresholds {
    /// Population stability index of minor drift.
    pub psi_minor: f64,
    /// Of moderate drift.
    pub psi_moderate: f64,
    /// Of severe drift.
    pub psi_severe: f64,
    /// A Kolmogorov–Smirnov chance below it is drift.
    pub ks_p: f64,
    /// Fall of the win rate.
    pub win_rate_drop: f64,
    /// Fall of the F1 score.
    pub f1_drop: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Trades looked at.
    pub window: usize,
    /// Fewer trades say nothing.
    pub window_min: usize,
}

impl Default for DriftThresholds {
    fn default() -> Self {
        DriftThresholds {
            psi_minor: 0.10,
            psi_moderate: 0.15,
            psi_severe: 0.25,
            ks_p: 0.01,
            win_rate_drop: 0.05,
            f1_drop: 0.10,
            calibration_error: 0.08,
            window: 100,
            window_min: 50,
        }
    }
}

/// Drift of one feature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// Population stability index.
    pub psi: f64,
    /// Chance of the Kolmogorov–Smirnov test.
    pub ks_p: f64,
    /// Of this feature alone.
    pub severity: DriftSeverity,
}

/// A trade whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedTrade {
    /// Of the signal, 0 to 1.
    pub confidence: f64,
    /// The signal was BUY.
    pub predicted_up: bool,
    /// The market rose.
    pub went_up: bool,
}

/// How the results got worse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerformanceDrop {
    /// Baseline less current; negative is better than before.
    pub win_rate_drop: f64,
    /// Baseline less current.
    pub f1_drop: f64,
    /// Of the current trades, over ten bins of confidence.
    pub calibration_error: f64,
    /// One of the three is beyond its threshold.
    pub worse: bool,
}

/// The interface that both measures share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// How bad.
    pub severity: DriftSeverity,
    /// The index, or what stands in for it.
    pub psi: f64,
    /// The model should be trained again.
    pub should_retrain: bool,
}

impl DriftReport {
    fn new(severity: DriftSeverity, psi: f64) -> DriftReport {
        DriftReport { severity, psi, should_retrain: severity.blocks() }
    }

    /// The report of all features together with the results: the worst feature counts; results that got
    /// worse make it moderate at least, and a severe one critical.
    #[must_use]
    pub fn of(features: &[FeatureDrift], performance: Option<&PerformanceDrop>) -> DriftReport {
        let psi = features.iter().map(|f| f.psi).fold(0.0, f64::max);
        let worst = features.iter().map(|f| f.severity).max().unwrap_or(DriftSeverity::None);
        let severity = match (worst, performance.is_some_and(|p| p.worse)) {
            (DriftSeverity::Severe, true) => DriftSeverity::Critical,
            (worst, true) => worst.max(DriftSeverity::Moderate),
            (worst, false) => worst,
        };
        DriftReport::new(severity, psi)
    }
}

/// The report of a symbol by the measure in force.
///
/// # Errors
/// [`RefusedNumber`] for an RSI that is NaN or infinite, where it is the measure.
pub fn drift_report(
    measure: DriftMeasure,
    rsi_14: f64,
    features: &[FeatureDrift],
    performance: Option<&PerformanceDrop>,
) -> Result<DriftReport, RefusedNumber> {
    match measure {
        DriftMeasure::Distributions => Ok(DriftReport::of(features, performance)),
        DriftMeasure::AuditedRsiDistance => rsi_stand_in(rsi_14),
    }
}

/// The stand-in: |RSI − 50| / 50.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
fn rsi_stand_in(rsi_14: f64) -> Result<DriftReport, RefusedNumber> {
    let score = (finite("rsi_14", rsi_14)? - 50.0).abs() / 50.0;
    let severity = match score {
        s if s > 0.3 => DriftSeverity::Severe,
        s if s > 0.2 => DriftSeverity::Moderate,
        s if s > 0.1 => DriftSeverity::Minor,
        _ => DriftSeverity::None,
    };
    Ok(DriftReport::new(severity, score))
}

/// Drift of one feature against its baseline; `None` while either has fewer than the least window.
/// The index grades it; where only Kolmogorov–Smirnov sees a difference, it is minor.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn feature_drift(
    baseline: &[f64],
    current: &[f64],
    thresholds: &DriftThresholds,
) -> Result<Option<FeatureDrift>, RefusedNumber> {
    let current = &current[current.len().saturating_sub(thresholds.window)..];
    let (psi, test) =
        (population_stability(baseline, current)?, kolmogorov_smirnov(baseline, current)?);
    if baseline.len() < thresholds.window_min || current.len() < thresholds.window_min {
        return Ok(None);
    }
    let (Some(psi), Some(test)) = (psi, test) else { return Ok(None) };
    let graded = match psi {
        psi if psi >= thresholds.psi_severe => DriftSeverity::Severe,
        psi if psi >= thresholds.psi_moderate => DriftSeverity::Moderate,
        psi if psi >= thresholds.psi_minor => DriftSeverity::Minor,
        _ => DriftSeverity::None,
    };
    let differs = test.p_value < thresholds.ks_p;
    let severity = if differs { graded.max(DriftSeverity::Minor) } else { graded };
    Ok(Some(FeatureDrift { psi, ks_p: test.p_value, severity }))
}

/// How the newest trades did against the baseline; `None` while either has fewer than the least window.
#[must_use]
pub fn performance_drop(
    baseline: &[JudgedTrade],
    current: &[JudgedTrade],
    thresholds: &DriftThresholds,
) -> Option<PerformanceDrop> {
    let current = &current[current.len().saturating_sub(thresholds.window)..];
    if baseline.len() < thresholds.window_min.max(1) || current.len() < thresholds.window_min.max(1)
    {
        return None;
    }
    let win_rate_drop = win_rate(baseline) - win_rate(current);
    let f1_drop = f1(baseline) - f1(current);
    let calibration_error = calibration_error(current);
    let worse = win_rate_drop >= thresholds.win_rate_drop
        || f1_drop >= thresholds.f1_drop
        || calibration_error >= thresholds.calibration_error;
    Some(PerformanceDrop { win_rate_drop, f1_drop, calibration_error, worse })
}

fn won(trade: &JudgedTrade) -> bool {
    trade.predicted_up == trade.went_up
}

fn win_rate(trades: &[JudgedTrade]) -> f64 {
    trades.iter().filter(|t| won(t)).count() as f64 / trades.len() as f64
}

/// F1 score of the rising market; 0 where it was neither predicted nor seen.
fn f1(trades: &[JudgedTrade]) -> f64 {
    let count = |of: fn(&JudgedTrade) -> bool| trades.iter().filter(|t| of(t)).count() as f64;
    let right = count(|t| t.predicted_up && t.went_up);
    let wrong = count(|t| t.predicted_up != t.went_up);
    if right == 0.0 { 0.0 } else { 2.0 * right / (2.0 * right + wrong) }
}

/// Expected calibration error: by tenth of confidence, |mean confidence − win rate|, weighted by trades.
/// A confidence that is no number counts as 0.
fn calibration_error(trades: &[JudgedTrade]) -> f64 {
    let mut bins = [(0u32, 0.0f64, 0u32); 10];
    for trade in trades {
        let confidence =
            if trade.confidence.is_finite() { trade.confidence.clamp(0.0, 1.0) } else { 0.0 };
        let (count, sum, wins) = &mut bins[((confidence * 10.0) as usize).min(9)];
        *count += 1;
        *sum += confidence;
        *wins += u32::from(won(trade));
    }
    let apart = bins.iter().map(|(_, sum, wins)| (sum - f64::from(*wins)).abs());
    apart.sum::<f64>() / trades.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(shift: f64, count: u32) -> Vec<f64> {
        (0..count).map(|i| shift + libm::sin(f64::from(i))).collect()
    }

    fn trades(count: usize, wins: usize, confidence: f64) -> Vec<JudgedTrade> {
        let trade = |i| JudgedTrade { confidence, predicted_up: true, went_up: i < wins };
        (0..count).map(trade).collect()
    }

    #[test]
    fn a_shift_is_severe_and_none_is_none() {
        let t = DriftThresholds::default();
        let of = |shift, count| {
            feature_drift(&waves(0.0, 500), &waves(shift, count), &t).expect("finite")
        };
        assert_eq!(of(0.0, 49), None);
        assert_eq!(of(0.0, 100).map(|d| d.severity), Some(DriftSeverity::None));
        let shifted = of(1.0, 100).expect("enough");
        assert!(shifted.severity == DriftSeverity::Severe && shifted.ks_p < 1e-6);
        assert!(feature_drift(&waves(0.0, 60), &[f64::NAN; 60], &t).is_err());
    }

    #[test]
    fn results_that_got_worse_are_seen() {
        let t = DriftThresholds::default();
        let of = |wins| performance_drop(&trades(100, 60, 0.6), &trades(100, wins, 0.6), &t);
        assert!(!of(60).expect("enough").worse);
        assert!(of(54).expect("enough").worse);
        assert!(!of(66).expect("enough").worse, "better is not worse");
        assert!(of(70).expect("enough").worse, "but far off its confidence it is");
        assert_eq!(performance_drop(&trades(49, 9, 0.6), &trades(100, 9, 0.6), &t), None);
    }

    #[test]
    fn features_and_results_make_one_report() {
        let of = |severity, worse| {
            let drop =
                PerformanceDrop { win_rate_drop: 0.0, f1_drop: 0.0, calibration_error: 0.0, worse };
            let feature = FeatureDrift { psi: 0.3, ks_p: 1.0, severity };
            DriftReport::of(&[feature], Some(&drop)).severity
        };
        use DriftSeverity::*;
        assert_eq!([of(None, true), of(Minor, false)], [Moderate, Minor]);
        assert_eq!([of(Severe, true), of(Severe, false)], [Critical, Severe]);
        assert_eq!(DriftReport::of(&[], Option::None).severity, None);
        let stretched = |measure| drift_report(measure, 20.0, &[], Option::None);
        assert_eq!(stretched(DriftMeasure::default()).map(|r| r.severity), Ok(None));
        let audited = stretched(DriftMeasure::AuditedRsiDistance);
        assert_eq!(audited.map(|r| (r.severity, r.should_retrain)), Ok((Severe, true)));
    }
}
