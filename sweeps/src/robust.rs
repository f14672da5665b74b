//! One number for the replicates of a trial, under several seeds or mixes of faults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pareto::Direction;

/// How replicates become one number. "Bad" is less if more is better, and more if less is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The worst of them.
    Worst,
    /// The value that a share of this size of them is worse than: 0.1 is the bad end, 0.9 the good one.
    Quantile(f64),
    /// The mean, moved by so many standard deviations towards bad.
    MeanMinusSd(f64),
}

/// Why an aggregate is none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum AggregateError {
    /// A quantile outside of 0 to 1.
    #[error("quantile = {0}: give a number from 0 to 1")]
    Quantile(f64),
    /// Not a number of standard deviations.
    #[error("mean_minus_sd = {0}: give a number from 0 up")]
    Deviations(f64),
}

impl Aggregate {
    /// Whether the aggregate makes sense.
    ///
    /// # Errors
    /// If its number is out of range.
    pub fn check(self) -> Result<(), AggregateError> {
        match self {
            Aggregate::Quantile(q) if !(0.0..=1.0).contains(&q) => Err(AggregateError::Quantile(q)),
            Aggregate::MeanMinusSd(k) if !(k >= 0.0 && k.is_finite()) => {
                Err(AggregateError::Deviations(k))
            }
            _ => Ok(()),
        }
    }

    /// The number for these replicates; nothing if there are none, one of them failed (NaN), or the
    /// aggregate makes no sense. The standard deviation is that of a sample (n - 1), zero for one
    /// replicate; quantiles are interpolated between neighbours.
    pub fn of(self, replicates: &[f64], direction: Direction) -> Option<f64> {
        if replicates.is_empty() || replicates.iter().any(|x| x.is_nan()) || self.check().is_err() {
            return None;
        }
        let from_bad = |q: f64| match direction {
            Direction::Maximize => quantile(replicates, q),
            Direction::Minimize => quantile(replicates, 1.0 - q),
        };
        let value = match self {
            Aggregate::Mean => mean(replicates),
            Aggregate::Median => quantile(replicates, 0.5),
            Aggregate::Worst => from_bad(0.0),
            Aggregate::Quantile(q) => from_bad(q),
            Aggregate::MeanMinusSd(k) => {
                let moved =
                    if replicates.len() < 2 { 0.0 } else { k * standard_deviation(replicates) };
                match direction {
                    Direction::Maximize => mean(replicates) - moved,
                    Direction::Minimize => mean(replicates) + moved,
                }
            }
        };
        (!value.is_nan()).then_some(value)
    }
}

pub(crate) fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len() as f64
}

/// Standard deviation of a sample; NaN for fewer than two.
pub(crate) fn standard_deviation(of: &[f64]) -> f64 {
    let mean = mean(of);
    let squares: f64 = of.iter().map(|x| (x - mean) * (x - mean)).sum();
    libm::sqrt(squares / (of.len() as f64 - 1.0))
}

/// Quantile, interpolated between neighbours: type 7 of Hyndman, Fan (1996), "Sample Quantiles in
/// Statistical Packages", American Statistician 50. NaN if one is NaN or there are none.
pub(crate) fn quantile(of: &[f64], q: f64) -> f64 {
    if of.is_empty() || of.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = libm::floor(place) as usize;
    let part = place - below as f64;
    let low = sorted[below];
    match sorted.get(below + 1) {
        // Also keeps infinities from becoming NaN.
        Some(high) if part > 0.0 => low * (1.0 - part) + high * part,
        _ => low,
    }
}
