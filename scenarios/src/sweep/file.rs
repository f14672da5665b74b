//! The sweep file: what is varied, how points are chosen, what is sought.

use std::path::{Path, PathBuf};

use engine::Nanos;
use reports::metrics::Settings;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use sweeps::pareto::Direction;
use sweeps::robust::Aggregate;
use sweeps::{Axis, Method};

use super::folds::Folds;
use crate::{ScenarioError, events, text};

/// A sweep file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// Its name; the file's name when absent.
    #[serde(default)]
    pub name: String,
    /// What it looks for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The scenario file that is varied; it lies beside this file.
    pub scenario: String,
    /// A variant of that file; the file's own scenario when absent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Seed of the sampler. That of the trials is the scenario's: all of them draw the same random numbers, so that they
    /// differ by what is varied alone.
    #[serde(default = "seed")]
    pub seed: u64,
    /// How points are chosen.
    pub sampler: Method,
    /// What is varied.
    #[serde(rename = "axis")]
    pub axes: Vec<Axis>,
    /// Conditions on a point, in CEL: `point["a.b"] < point["a.c"]`. Points for which one does not hold are not tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// What is sought; the Sharpe ratio when absent.
    #[serde(default, rename = "objective", skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<Objective>,
    /// Each trial under several seeds or mixes of faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub robust: Option<Robust>,
    /// Each trial also on stretches of the market: what would have been chosen on some of them, and how good it was on the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Folds>,
    /// How metrics are computed.
    #[serde(default)]
    pub metrics: MetricSettings,
    /// Figures of the runs that stand in the results beside the metrics, such as `governor.symbol_cooldown`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<String>,
}

/// The JSON schema of sweep files (draft 7, which editors of TOML know).
#[must_use]
pub fn schema() -> serde_json::Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<SweepFile>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "qsim sweep".into());
    }
    schema
}

fn seed() -> u64 {
    1
}

/// Something that is sought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Its name in the results.
    pub name: String,
    /// In CEL, of `metrics["…"]`, `figures["…"]` and `point["…"]`: `metrics["sharpe"] - 0.1 * figures["liquidations"]`.
    pub value: String,
    /// Which way it is better.
    pub goal: Direction,
}

/// Each trial several times: with every seed under every mix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Robust {
    /// The seeds; that of the scenario when absent. Every trial has the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// Further settings, laid over each trial's scenario; none when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixes: Vec<Mix>,
    /// How the objectives of the repetitions become one; the worst of them when absent.
    #[serde(default = "worst")]
    #[schemars(default)]
    pub aggregate: Option<Aggregate>,
}

fn worst() -> Option<Aggregate> {
    Some(Aggregate::Worst)
}

/// A mix of faults, or whatever else trials are repeated under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Its name.
    pub name: String,
    /// Keys of the scenario, laid over it: tables key by key, everything else replaced.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub set: toml::Table,
}

/// How metrics are computed; as `reports` describes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricSettings {
    /// The periods whose returns are looked at, such as `1d` or `1h`.
    pub period: String,
    /// What money earns without risk, a year: 0.04 is 4 %.
    pub risk_free_rate: f64,
    /// The return, a year, below which a period counts as a loss.
    pub target_return: f64,
    /// Confidence of value at risk and expected shortfall.
    pub tail_level: f64,
}

impl Default for MetricSettings {
    fn default() -> MetricSettings {
        let of = Settings::default();
        MetricSettings {
            period: "1d".to_owned(),
            risk_free_rate: of.risk_free_rate,
            target_return: of.target_return,
            tail_level: of.tail_level,
        }
    }
}

impl MetricSettings {
    /// As `reports` takes them.
    ///
    /// # Errors
    /// A period that is none.
    pub fn settings(&self) -> Result<Settings, String> {
        let period = events::offset(&self.period).filter(|span| *span > Nanos::ZERO);
        let period = period.ok_or_else(|| {
            format!("metrics.period {:?} is no span above zero: give one such as 1d", self.period)
        })?;
        Ok(Settings {
            period_ns: period.0,
            risk_free_rate: self.risk_free_rate,
            target_return: self.target_return,
            tail_level: self.tail_level,
        })
    }
}

impl SweepFile {
    /// Reads a sweep file.
    ///
    /// # Errors
    /// The file system, or what is no sweep, with its place.
    pub fn read(path: &Path) -> Result<SweepFile, ScenarioError> {
        let content = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Io { path: path.to_owned(), source })?;
        let origin = path.display().to_string();
        let mut file: SweepFile =
            toml::from_str(&content).map_err(|error| text::error(&origin, &content, &error))?;
        if file.name.is_empty() {
            let stem = path.file_stem().unwrap_or_default();
            file.name = stem.to_string_lossy().into_owned();
        }
        Ok(file)
    }

    /// Where its scenario lies, if the sweep file is `path`.
    pub fn scenario_path(&self, path: &Path) -> PathBuf {
        path.parent().unwrap_or(Path::new("")).join(&self.scenario)
    }
}
