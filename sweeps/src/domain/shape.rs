//! The distributions that an axis draws from, each by the inverse of its distribution function.

use serde_json::Value;

use super::LAST_UNIT;
use crate::normal::{normal_cdf, normal_quantile};
use crate::number::{float, tidy};

/// A continuous distribution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// All numbers between two, equally likely.
    Uniform { from: f64, to: f64 },
    /// Logarithms equally likely; `low` and `high` are the natural logarithms of the ends.
    Log { from: f64, to: f64, low: f64, high: f64, integer: bool },
    /// Normal, truncated to `min..=max`; `below` and `within` are the probabilities of less than `min`
    /// and of `min..=max`, of the mirrored distribution if `mirrored`.
    Normal { mean: f64, sd: f64, min: f64, max: f64, below: f64, within: f64, mirrored: bool },
}

impl Shape {
    pub(super) fn log(from: f64, to: f64, integer: bool) -> Shape {
        // A whole number stands for all that rounds to it, or the ends would be half as likely.
        let half = if integer { 0.5 } else { 0.0 };
        let (low, high) = (libm::log(from - half), libm::log(to + half));
        Shape::Log { from, to, low, high, integer }
    }

    pub(super) fn normal(mean: f64, sd: f64, min: f64, max: f64) -> Shape {
        // In the upper tail probabilities are too near to 1 to tell them apart, so that it is drawn as
        // the lower one and turned over.
        let mirrored = min > mean;
        let (low, high) = ((min - mean) / sd, (max - mean) / sd);
        let (low, high) = if mirrored { (-high, -low) } else { (low, high) };
        let below = normal_cdf(low);
        Shape::Normal { mean, sd, min, max, below, within: normal_cdf(high) - below, mirrored }
    }

    /// The value at `unit` in [0, 1).
    pub(super) fn at(&self, unit: f64) -> Value {
        match *self {
            Shape::Uniform { from, to } => {
                float(tidy(from * (1.0 - unit) + to * unit).clamp(from, to))
            }
            Shape::Log { from, to, low, high, integer } => {
                let x = libm::exp(low * (1.0 - unit) + high * unit);
                if integer {
                    return Value::from(libm::round(x).clamp(from, to) as i64);
                }
                float(tidy(x).clamp(from, to))
            }
            Shape::Normal { mean, sd, min, max, below, within, mirrored } => {
                let unit = unit.clamp(f64::EPSILON / 4.0, LAST_UNIT);
                let unit = if mirrored { 1.0 - unit } else { unit };
                let p = (below + unit * within).clamp(f64::MIN_POSITIVE, LAST_UNIT);
                let z = normal_quantile(p);
                let z = if mirrored { -z } else { z };
                float(tidy(mean + sd * z).clamp(min, max))
            }
        }
    }

    /// Where in [0, 1) a value lies; values outside lie at the ends.
    pub(super) fn unit_of(&self, value: f64) -> f64 {
        let unit = match *self {
            Shape::Uniform { from, to } => (value - from) / (to - from),
            Shape::Log { low, high, .. } => (libm::log(value) - low) / (high - low),
            Shape::Normal { mean, sd, below, within, mirrored, .. } => {
                let z = (value - mean) / sd;
                let unit = (normal_cdf(if mirrored { -z } else { z }) - below) / within;
                if mirrored { 1.0 - unit } else { unit }
            }
        };
        // The logarithm of a negative number is NaN, and it lies below the axis.
        if unit.is_nan() { 0.0 } else { unit.clamp(0.0, LAST_UNIT) }
    }
}
