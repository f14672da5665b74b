//! An axis as it is written: the path that is varied, and where its values come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// One axis of a sweep: a path, and exactly one source of values.
///
/// ```toml
/// [[axis]]
/// path = "pipeline.trading_bot.threshold"
/// range = { from = 0.1, to = 0.9, step = 0.1 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What is varied, such as `pipeline.trading_bot.threshold` or `seed`.
    pub path: String,
    /// These values. Numbers that only rise or only fall count as ordered, all else as unlike kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// Evenly spaced numbers, or all numbers between two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<NumberRange>,
    /// Numbers of even ratio, or all numbers between two with their logarithm uniform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_range: Option<LogRange>,
    /// A uniform distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform: Option<UniformInterval>,
    /// A distribution whose logarithm is uniform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_uniform: Option<LogRange>,
    /// A normal distribution, truncated if `min` or `max` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<Normal>,
    /// Unlike kinds with weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categorical: Option<Categorical>,
}

/// Numbers from `from` to `to`. Whole if all that is written is whole (then `step` is 1 unless given);
/// else floats, and without `step` and `points` every number between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberRange {
    /// The first value.
    pub from: Number,
    /// No value is above it; the last value if a whole number of steps leads there.
    pub to: Number,
    /// The distance between neighbours, added exactly in decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Number>,
    /// Instead of `step`: how many values, both ends among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
}

/// Positive numbers from `from` to `to` on a logarithmic scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogRange {
    /// The smallest value, above zero.
    pub from: f64,
    /// The greatest value.
    pub to: f64,
    /// `log_range`: only so many values, both ends among them. `log_uniform`: how many a grid takes, at
    /// the middles of as many equally likely parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
    /// Whether values are rounded to whole numbers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub integer: bool,
}

/// Numbers from `from` to `to`, all equally likely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformInterval {
    /// The smallest value.
    pub from: f64,
    /// The greatest value.
    pub to: f64,
    /// How many values a grid takes, at the middles of as many equally likely parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
}

/// A normal distribution, truncated to `min..=max` where these are given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// The mean before truncation.
    pub mean: f64,
    /// The standard deviation before truncation, above zero.
    pub sd: f64,
    /// No value is below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// No value is above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How many values a grid takes, at the middles of as many equally likely parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
}

/// Values of unlike kinds. A grid takes each once; other samplers draw by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Categorical {
    /// The values.
    pub values: Vec<Value>,
    /// One positive weight a value; equal if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
}

/// Why an axis is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("axis `{path}`: {problem}; {remedy}")]
pub struct AxisError {
    /// The path of the axis.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

/// What is wrong, and what to write instead.
pub(crate) type Problem = (String, String);

impl Axis {
    /// An axis over these values.
    pub fn of_values(path: impl Into<String>, values: Vec<Value>) -> Axis {
        Axis { path: path.into(), values: Some(values), ..Axis::default() }
    }

    /// The error of this axis.
    pub(crate) fn error(&self, (problem, remedy): Problem) -> AxisError {
        AxisError { path: self.path.clone(), problem, remedy }
    }
}
