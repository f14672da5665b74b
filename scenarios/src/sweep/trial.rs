//! One trial: a point of the space, run under each seed and mix, measured, and judged by the objectives.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sweeps::Point;

use super::{Repetition, Sweep};
use crate::{
    NoProgress, Progress, RunOptions, Scenario, ScenarioError, ScenarioReport, Verdict,
    run_measures, run_returns,
};

/// A trial that is to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialSpec {
    /// From zero.
    pub number: u64,
    /// The values of the axes.
    pub point: Point,
}

/// What came of a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// From zero.
    pub number: u64,
    /// The values of the axes.
    pub point: Map<String, Json>,
    /// Why it has no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Of its run; of several, BLAKE3 over theirs in the order of the repetitions.
    pub digest: String,
    /// Of its first run.
    pub seed: u64,
    /// Whether what its scenario expects holds in all runs.
    pub passed: bool,
    /// Events of all runs.
    pub events: u64,
    /// The objectives, in their order; none where one is undefined.
    pub objectives: Vec<Option<f64>>,
    /// The same of each repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repetitions: Vec<Vec<Option<f64>>>,
    /// The metrics, by their names; over several runs, the mean of those that have them.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// The figures that were asked for, as the metrics.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Returns of the periods of its first run.
    pub returns: Vec<f64>,
    /// Who ran it; no part of what it came to.
    #[serde(default)]
    pub worker: String,
}

impl TrialResult {
    /// What it came to, without who ran it.
    pub fn without_worker(&self) -> TrialResult {
        TrialResult { worker: String::new(), ..self.clone() }
    }
}

/// One run of a trial, measured.
pub(super) struct Measured {
    seed: u64,
    report: ScenarioReport,
    metrics: BTreeMap<String, Option<f64>>,
    returns: Vec<f64>,
    objectives: Vec<Option<f64>>,
}

impl Sweep {
    /// The scenario of a point under one of the repetitions.
    pub(super) fn scenario(
        &self,
        spec: &TrialSpec,
        repetition: &Repetition,
    ) -> Result<Scenario, ScenarioError> {
        let name = format!("{}-{}", self.file.name, spec.number);
        let over = repetition.mix.as_ref().map(|mix| &mix.set);
        let values = spec.point.0.iter().map(|(path, value)| (path.as_str(), value));
        let mut scenario = self.template.scenario(name, over, values)?;
        if let Some(seed) = repetition.seed {
            scenario.seed = seed;
        }
        Ok(scenario)
    }

    /// Runs a trial. What goes wrong stands in its result.
    pub fn trial(&self, spec: &TrialSpec, options: &RunOptions) -> TrialResult {
        let runs: Result<Vec<Measured>, String> = self
            .repetitions
            .iter()
            .map(|repetition| {
                let scenario =
                    self.scenario(spec, repetition).map_err(|error| error.to_string())?;
                self.run(spec, &scenario, options, &NoProgress)
            })
            .collect();
        self.result(spec, runs)
    }

    fn run(
        &self,
        spec: &TrialSpec,
        scenario: &Scenario,
        options: &RunOptions,
        progress: &dyn Progress,
    ) -> Result<Measured, String> {
        let options = RunOptions { record: true, ..options.clone() };
        let report = crate::run(scenario, &options, progress).map_err(|error| error.to_string())?;
        self.measure(spec, scenario, report)
    }

    /// What a run came to.
    pub(super) fn measure(
        &self,
        spec: &TrialSpec,
        scenario: &Scenario,
        mut report: ScenarioReport,
    ) -> Result<Measured, String> {
        let record = report.record.take().ok_or("the run kept no record")?;
        let symbols: Vec<String> =
            scenario.symbols().iter().map(|symbol| symbol.as_str().to_owned()).collect();
        let measures = run_measures(&record, &symbols, &self.settings);
        let measures = measures.map_err(|error| format!("its metrics: {error}"))?;
        let metrics: BTreeMap<String, Option<f64>> =
            measures.values().map(|(metric, value)| (metric.name.to_owned(), value)).collect();
        let returns = run_returns(&record, engine::Nanos(self.settings.period_ns))
            .map_err(|error| format!("its returns: {error}"))?;
        let objectives = self.judge(spec, &metrics, &report)?;
        Ok(Measured { seed: scenario.seed, report, metrics, returns, objectives })
    }

    fn judge(
        &self,
        spec: &TrialSpec,
        metrics: &BTreeMap<String, Option<f64>>,
        report: &ScenarioReport,
    ) -> Result<Vec<Option<f64>>, String> {
        let figures: Map<String, Json> = report
            .figures
            .iter()
            .map(|(name, value)| (name.clone(), json!(value.to_f64())))
            .collect();
        let passed = json!(report.verdict == Verdict::Pass);
        let (metrics, figures) = (json!(metrics), Json::Object(figures));
        let point = json!(spec.point);
        let known =
            [("metrics", &metrics), ("figures", &figures), ("point", &point), ("passed", &passed)];
        self.objectives.iter().map(|objective| objective.number(&known)).collect()
    }

    /// The result of a trial from those of its runs.
    pub(super) fn result(
        &self,
        spec: &TrialSpec,
        runs: Result<Vec<Measured>, String>,
    ) -> TrialResult {
        let blank = TrialResult {
            number: spec.number,
            point: spec.point.0.iter().map(|(path, v)| (path.clone(), v.clone())).collect(),
            objectives: vec![None; self.objectives.len()],
            ..TrialResult::default()
        };
        let runs = match runs {
            Ok(runs) => runs,
            Err(error) => return TrialResult { error: Some(error), ..blank },
        };
        let digests: Vec<&str> = runs.iter().map(|run| run.report.digest.as_str()).collect();
        let digest = match digests[..] {
            [only] => only.to_owned(),
            _ => blake3::hash(digests.join("\n").as_bytes()).to_hex().to_string(),
        };
        let means = |of: &dyn Fn(&Measured) -> BTreeMap<String, Option<f64>>| {
            let all: Vec<BTreeMap<String, Option<f64>>> = runs.iter().map(of).collect();
            let names = all.first().into_iter().flat_map(BTreeMap::keys);
            names
                .map(|name| {
                    let known: Vec<f64> =
                        all.iter().filter_map(|one| one.get(name).copied().flatten()).collect();
                    (name.clone(), mean(&known))
                })
                .collect::<BTreeMap<String, Option<f64>>>()
        };
        let figures = means(&|run| {
            let of = |name: &String| {
                // A counter that nobody counted is zero.
                let value = run.report.figures.get(name).map_or(Some(0.0), |v| v.to_f64());
                (name.clone(), value)
            };
            self.file.figures.iter().map(of).collect()
        });
        let repetitions: Vec<Vec<Option<f64>>> =
            runs.iter().map(|run| run.objectives.clone()).collect();
        let objectives = (0..self.objectives.len()).map(|place| {
            let all: Option<Vec<f64>> = repetitions.iter().map(|of| of[place]).collect();
            all.and_then(|all| self.aggregate.of(&all, self.directions[place]))
        });
        TrialResult {
            digest,
            seed: runs.first().map_or(0, |run| run.seed),
            passed: runs.iter().all(|run| run.report.verdict == Verdict::Pass),
            events: runs.iter().map(|run| run.report.events).sum(),
            objectives: objectives.collect(),
            metrics: means(&|run| run.metrics.clone()),
            figures,
            returns: runs.first().map(|run| run.returns.clone()).unwrap_or_default(),
            repetitions: if runs.len() > 1 { repetitions } else { Vec::new() },
            ..blank
        }
    }
}

fn mean(known: &[f64]) -> Option<f64> {
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
