//! One trial: a point of the space, run under each seed and mix, measured, and judged by the objectives.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sweeps::Point;
use sweeps::folds::Span;

use super::{RunOf, Sweep, folds};
use crate::{
    NoProgress, RunOptions, Scenario, ScenarioError, ScenarioReport, Verdict, pipeline_measures,
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
    /// The figures that were asked for and `refusals.SERVICE`, as the metrics.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Returns of the periods of its first run.
    pub returns: Vec<f64>,
    /// What stretch of time its market is, where it is also run on parts of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Span>,
    /// What came of the stretches of its market, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowResult>,
    /// Who ran it; no part of what it came to.
    #[serde(default)]
    pub worker: String,
}

/// What came of a trial on a stretch of its market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowResult {
    /// The stretch.
    pub span: Span,
    /// The objectives, in their order; over repetitions what they become of them.
    pub objectives: Vec<Option<f64>>,
    /// Returns of the periods of its first run.
    pub returns: Vec<f64>,
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
    figures: BTreeMap<String, Option<f64>>,
    returns: Vec<f64>,
    objectives: Vec<Option<f64>>,
}

impl Sweep {
    /// The scenario of one of the runs of a point.
    pub(super) fn scenario(&self, spec: &TrialSpec, run: RunOf) -> Result<Scenario, ScenarioError> {
        let repetition = &self.repetitions[run.repetition];
        let name = format!("{}-{}", self.file.name, spec.number);
        let over = repetition.mix.as_ref().map(|mix| &mix.set);
        let values = spec.point.0.iter().map(|(path, value)| (path.as_str(), value));
        let layout = self.layout.as_ref();
        let window = run.window.and_then(|window| layout.map(|layout| layout.windows[window]));
        let mut scenario = self.template.scenario(name, over, values, window)?;
        if let Some(seed) = repetition.seed {
            scenario.seed = seed;
        }
        if let Some(layout) = layout.filter(|_| run.window.is_none()) {
            let range = scenario.range().map(folds::span);
            if range.as_ref() != Ok(&layout.whole) {
                let problem = "[folds] divide one market for all trials, and this trial's begins or ends elsewhere: leave axes and mixes away that move it".to_owned();
                return Err(ScenarioError::Build { origin: scenario.origin.clone(), problem });
            }
        }
        Ok(scenario)
    }

    /// Runs a trial. What goes wrong stands in its result.
    pub fn trial(&self, spec: &TrialSpec, options: &RunOptions) -> TrialResult {
        let run = |run: &RunOf| {
            let scenario = self.scenario(spec, *run).map_err(|error| error.to_string())?;
            self.one(spec, &scenario, options)
        };
        self.result(spec, self.runs.iter().map(run).collect())
    }

    /// One run of a trial.
    pub(super) fn one(
        &self,
        spec: &TrialSpec,
        scenario: &Scenario,
        options: &RunOptions,
    ) -> Result<Measured, String> {
        let options = RunOptions { record: true, ..options.clone() };
        let report = crate::run(scenario, &options, &NoProgress);
        self.measure(spec, scenario, report.map_err(|error| error.to_string())?)
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
        let mut metrics: BTreeMap<String, Option<f64>> =
            measures.values().map(|(metric, value)| (metric.name.to_owned(), value)).collect();
        let mut figures: BTreeMap<String, Option<f64>> = BTreeMap::new();
        for (name, value) in pipeline_measures(&record) {
            // Which services refuse differs from trial to trial: who refused nothing is not there.
            let into = if name.contains('.') { &mut figures } else { &mut metrics };
            into.insert(name, value);
        }
        let returns = run_returns(&record, engine::Nanos(self.settings.period_ns))
            .map_err(|error| format!("its returns: {error}"))?;
        for name in &self.file.figures {
            // A counter that nobody counted is zero.
            let value = report.figures.get(name).map_or(Some(0.0), |value| value.to_f64());
            figures.insert(name.clone(), value);
        }
        let objectives = self.judge(spec, &metrics, &report)?;
        Ok(Measured { seed: scenario.seed, report, metrics, figures, returns, objectives })
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
        let of_window = |window: Option<usize>| -> Vec<&Measured> {
            let places = self.runs.iter().zip(&runs).filter(|(run, _)| run.window == window);
            places.map(|(_, run)| run).collect()
        };
        let whole = of_window(None);
        let windows = self.layout.iter().flat_map(|layout| layout.windows.iter().enumerate());
        let windows = windows.map(|(window, span)| {
            let runs = of_window(Some(window));
            let objectives = self.aggregated(&runs);
            WindowResult { span: *span, objectives, returns: returns_of(&runs) }
        });
        let repetitions: Vec<Vec<Option<f64>>> =
            whole.iter().map(|run| run.objectives.clone()).collect();
        TrialResult {
            digest,
            seed: runs.first().map_or(0, |run| run.seed),
            passed: runs.iter().all(|run| run.report.verdict == Verdict::Pass),
            events: runs.iter().map(|run| run.report.events).sum(),
            objectives: self.aggregated(&whole),
            metrics: means(&whole, |run| run.metrics.clone()),
            figures: means(&whole, |run| run.figures.clone()),
            returns: returns_of(&whole),
            range: self.layout.as_ref().map(|layout| layout.whole),
            windows: windows.collect(),
            repetitions: if whole.len() > 1 { repetitions } else { Vec::new() },
            ..blank
        }
    }

    /// The objectives of repetitions as one.
    fn aggregated(&self, runs: &[&Measured]) -> Vec<Option<f64>> {
        let of = |place: usize| {
            let all: Option<Vec<f64>> = runs.iter().map(|run| run.objectives[place]).collect();
            all.and_then(|all| self.aggregate.of(&all, self.directions[place]))
        };
        (0..self.objectives.len()).map(of).collect()
    }
}

fn returns_of(runs: &[&Measured]) -> Vec<f64> {
    runs.first().map(|run| run.returns.clone()).unwrap_or_default()
}

/// For each name the mean over the runs that have a value.
fn means(
    runs: &[&Measured],
    of: impl Fn(&Measured) -> BTreeMap<String, Option<f64>>,
) -> BTreeMap<String, Option<f64>> {
    let all: Vec<BTreeMap<String, Option<f64>>> = runs.iter().map(|run| of(run)).collect();
    let names: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let of_name = |name: &String| {
        let known: Vec<f64> =
            all.iter().filter_map(|one| one.get(name).copied().flatten()).collect();
        (name.clone(), mean(&known))
    };
    names.into_iter().map(of_name).collect()
}

fn mean(known: &[f64]) -> Option<f64> {
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
