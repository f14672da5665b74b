//! Probabilistic and deflated Sharpe ratio.
//!
//! Sources: Bailey, López de Prado (2012), "The Sharpe Ratio Efficient Frontier", Journal of Risk 15
//! (probabilistic ratio, minimum track record length); Bailey, López de Prado (2014), "The Deflated Sharpe
//! Ratio: Correcting for Selection Bias, Backtest Overfitting, and Non-Normality", Journal of Portfolio
//! Management 40 (expected maximum, deflated ratio).
//!
//! All ratios are those of one period, not a year's: divide one of a year by the square root of the periods
//! of a year first.

use serde::{Deserialize, Serialize};

use crate::normal::{normal_cdf, normal_quantile};

/// The constant of Euler and Mascheroni.
const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;

/// A Sharpe ratio, with what its uncertainty depends on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharpeRatio {
    /// Mean by standard deviation of the returns of one period.
    pub ratio: f64,
    /// The skewness of the returns; 0 for a normal distribution.
    pub skew: f64,
    /// The kurtosis of the returns; 3 for a normal distribution.
    pub kurtosis: f64,
    /// The number of periods.
    pub periods: f64,
}

impl SharpeRatio {
    /// The ratio of returns of equal periods. The standard deviation is that of a sample (n - 1), skewness
    /// and kurtosis those of the population. Nothing for fewer than two returns, ones that are not
    /// finite, or ones that are all alike.
    pub fn of(returns: &[f64]) -> Option<SharpeRatio> {
        let count = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let moment =
            |power: fn(f64) -> f64| returns.iter().map(|r| power(r - mean)).sum::<f64>() / count;
        let variance = moment(|d| d * d);
        // Returns that are all alike have a variance of rounding errors.
        let noise = 1e-28 * returns.iter().map(|r| r * r).sum::<f64>() / count;
        if returns.len() < 2 || !variance.is_finite() || variance <= noise {
            return None;
        }
        let sd = libm::sqrt(variance);
        Some(SharpeRatio {
            ratio: mean / libm::sqrt(variance * count / (count - 1.0)),
            skew: moment(|d| d * d * d) / (variance * sd),
            kurtosis: moment(|d| d * d * d * d) / (variance * variance),
            periods: count,
        })
    }

    /// The variance of the ratio's estimate, times the periods less one: `1 - skew SR + (kurtosis - 1)/4
    /// SR²`. Never below zero for moments that a distribution can have.
    fn unit_variance(&self) -> f64 {
        1.0 - self.skew * self.ratio + (self.kurtosis - 1.0) / 4.0 * self.ratio * self.ratio
    }
}

/// The probability that the true ratio is above `benchmark` (2012, equation 11); NaN for fewer than two
/// periods or moments that no distribution has.
pub fn probabilistic_sharpe_ratio(of: &SharpeRatio, benchmark: f64) -> f64 {
    let sd = libm::sqrt(of.unit_variance());
    if !(of.periods >= 2.0 && sd > 0.0) {
        return f64::NAN;
    }
    normal_cdf((of.ratio - benchmark) * libm::sqrt(of.periods - 1.0) / sd)
}

/// How many periods are needed before the ratio is above `benchmark` with this confidence, such as 0.95
/// (2012, equation 13); infinite if the ratio is not above the benchmark.
pub fn minimum_track_record_length(of: &SharpeRatio, benchmark: f64, confidence: f64) -> f64 {
    if of.ratio <= benchmark {
        return f64::INFINITY;
    }
    let z = normal_quantile(confidence) / (of.ratio - benchmark);
    1.0 + of.unit_variance() * z * z
}

/// The ratio that the best of `trials` independent trials without any skill is expected to have, if the
/// ratios of the trials have this variance (2014, equation 1). Zero for one trial or fewer.
pub fn expected_maximum_sharpe(variance_of_trials: f64, trials: f64) -> f64 {
    if trials.is_nan() || trials <= 1.0 {
        return 0.0;
    }
    let first = normal_quantile(1.0 - 1.0 / trials);
    let second = normal_quantile(1.0 - 1.0 / (trials * std::f64::consts::E));
    // For little more than one trial the approximation falls below zero, which no maximum does.
    let maximum = (1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second;
    libm::sqrt(variance_of_trials) * maximum.max(0.0)
}

/// The probability that the true ratio is above zero after so many independent trials, whose ratios have
/// this variance (2014, equation 2): the probabilistic ratio against the expected maximum.
pub fn deflated_sharpe_ratio(best: &SharpeRatio, variance_of_trials: f64, trials: f64) -> f64 {
    probabilistic_sharpe_ratio(best, expected_maximum_sharpe(variance_of_trials, trials))
}
