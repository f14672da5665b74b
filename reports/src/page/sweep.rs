//! What a page of a sweep shows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{Column, Equity, Figure, Lazy, Note};

/// A sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepReport {
    /// Of the data: [`super::FORMAT`].
    pub format: u32,
    /// Of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The sweep.
    pub sweep: Sweep,
}

/// A sweep and its trials.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sweep {
    /// What it is called.
    pub name: String,
    /// What it varies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Of its sampler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// How points were chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<String>,
    /// Of the program that ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What tells it from another sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Further facts: names and texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// What was assumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Note>,
    /// What was noticed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Note>,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// What is sought.
    pub objectives: Vec<Objective>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Those with a result.
    pub trials: Lazy<Trials>,
    /// Those without one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
    /// What was chosen on stretches of the market, and how good it was on others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub walk_forward: Option<Lazy<WalkForward>>,
    /// What the best of so many is worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overfitting: Option<Lazy<Overfitting>>,
    /// Why a panel has no data: its name and a sentence.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<&'static str, String>,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Trials that it has.
    pub planned: u64,
    /// With a result.
    pub done: u64,
    /// Without one.
    pub failed: u64,
}

/// What is varied.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Axis {
    /// What it is called.
    pub name: String,
    /// Its path in the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Drawn on a log scale.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
    /// Names of the values, where they are not numbers; the trials' values point into them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
}

/// Which way an objective is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is.
    Max,
    /// Less is.
    Min,
}

/// What is sought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Objective {
    /// What it is called.
    pub name: String,
    /// Which way it is better.
    pub direction: Direction,
    /// Of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
}

/// Trials; all columns are equally long.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trials {
    /// Their numbers.
    pub id: Column,
    /// One an axis, in the order of the axes.
    pub parameters: Vec<Column>,
    /// One an objective, in the order of the objectives.
    pub objectives: Vec<Column>,
    /// One a metric.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<TrialMetric>,
    /// Of their first runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seed: Vec<String>,
    /// Of their runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub digest: Vec<String>,
    /// Who ran them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub worker: Vec<String>,
    /// For each objective the median of the trial's neighbours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbour_median: Vec<Column>,
}

/// A metric of all trials.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrialMetric {
    /// What it is called.
    pub name: String,
    /// Of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// `higher`, `lower` or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<&'static str>,
    /// One a trial.
    pub values: Column,
}

/// A trial without a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failed {
    /// Its number.
    pub id: u64,
    /// Why.
    pub reason: String,
    /// Its point: numbers and texts.
    pub parameters: Map<String, Json>,
}

/// Choices by folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WalkForward {
    /// How the market was divided, in a few words.
    pub scheme: String,
    /// What was chosen by.
    pub objective: Objective,
    /// One a fold, in order of time.
    pub windows: Vec<FoldWindow>,
    /// Out of sample, with what was chosen each time, one test after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equity: Option<Equity>,
}

/// A choice, and what came of it. Several stretches are told by their first and their last instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldWindow {
    /// First instant of the training.
    pub train_from_ms: i64,
    /// First instant behind it.
    pub train_to_ms: i64,
    /// First instant of the test.
    pub test_from_ms: i64,
    /// First instant behind it.
    pub test_to_ms: i64,
    /// The objective of what was chosen, in training.
    pub train: Option<f64>,
    /// The same in the test.
    pub test: Option<f64>,
    /// What was chosen: numbers and texts.
    pub parameters: Map<String, Json>,
}

/// What the best of so many is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overfitting {
    /// Figures with their definitions.
    pub statistics: Vec<Figure>,
    /// One a split of the cross-validation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logits: Vec<f64>,
    /// One point a split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degradation: Option<Degradation>,
    /// More about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// The best in sample, and the same trial out of sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Degradation {
    /// One a split.
    pub in_sample: Vec<f64>,
    /// One a split.
    pub out_of_sample: Vec<f64>,
    /// Of the line through them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// Where that line meets zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intercept: Option<f64>,
}
