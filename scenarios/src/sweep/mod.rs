//! Sweeps: many variants of a scenario, chosen by a sampler, run, measured and compared.
//!
//! Invariant: what a sweep comes to is a function of its file, its scenario and the data: not of how many workers there are,
//! who they are, in which order they end, or how often the sweep was interrupted.

mod execute;
mod expression;
mod file;
mod folds;
mod results;
mod summary;
mod table;
mod template;
mod trial;
mod validation;
mod wire;

pub use execute::{Engine, Local, SweepEnded, SweepProgress};
pub use file::{MetricSettings, Mix, Objective, Robust, SweepFile, schema};
pub use folds::{Folds, Layout, Windows};
pub use results::{Results, ResultsError};
pub use summary::{DeflatedSharpe, SweepSummary, neighbour_medians, summary};
pub use sweeps::folds::Span;
pub use sweeps::pareto::Direction;
pub use table::columns;
pub use template::scenario_with;
pub use trial::{TrialResult, TrialSpec, WindowResult};
pub use validation::{FoldOutcome, Validation, WayOutcome};
pub use wire::{SweepOrder, WorkerError, work};

use std::path::Path;

use reports::metrics::{Settings, metric};
use serde_json::{Value as Json, json};
use sweeps::robust::Aggregate;
use sweeps::{Method, Past, Point, Sampler, Space};

use crate::ScenarioError;
use expression::Expression;
use template::Template;

/// Under what a trial is repeated.
#[derive(Clone, Debug)]
struct Repetition {
    seed: Option<u64>,
    mix: Option<Mix>,
}

/// One of the runs of each trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RunOf {
    /// Place among the repetitions.
    repetition: usize,
    /// Place among the windows of the layout; the whole market without one.
    window: Option<usize>,
}

/// A sweep that can be run.
#[derive(Clone, Debug)]
pub struct Sweep {
    file: SweepFile,
    template: Template,
    settings: Settings,
    constraints: Vec<Expression>,
    objectives: Vec<Expression>,
    directions: Vec<Direction>,
    repetitions: Vec<Repetition>,
    aggregate: Aggregate,
    layout: Option<Layout>,
    /// Those of the first repetition first; of each the whole market before its windows.
    runs: Vec<RunOf>,
}

/// A constraint that could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("constraint {0}")]
struct ConstraintError(String);

impl Sweep {
    /// Reads a sweep file and its scenario, and looks both over.
    ///
    /// # Errors
    /// The file system, or what is wrong, with its place and the remedy.
    pub fn read(path: &Path) -> Result<Sweep, ScenarioError> {
        let file = SweepFile::read(path)?;
        let scenario = file.scenario_path(path);
        let content = std::fs::read_to_string(&scenario)
            .map_err(|source| ScenarioError::Io { path: scenario.clone(), source })?;
        Sweep::of(file, &path.display().to_string(), &scenario.display().to_string(), &content)
    }

    /// A sweep of these texts.
    ///
    /// # Errors
    /// As [`Sweep::read`].
    pub fn of(
        file: SweepFile,
        origin: &str,
        scenario_origin: &str,
        scenario: &str,
    ) -> Result<Sweep, ScenarioError> {
        let template = Template::read(scenario_origin, scenario, &file.variant)?;
        Sweep::with(file, origin, template)
    }

    fn with(mut file: SweepFile, origin: &str, template: Template) -> Result<Sweep, ScenarioError> {
        let build = &|problem: String| ScenarioError::Build { origin: origin.to_owned(), problem };
        if file.objectives.is_empty() {
            file.objectives.push(Objective {
                name: "sharpe".to_owned(),
                value: "metrics[\"sharpe\"]".to_owned(),
                goal: Direction::Maximize,
            });
        }
        for axis in &file.axes {
            template::parts(&axis.path).map_err(|p| build(format!("[[axis]] {p}")))?;
        }
        let read = |what: &str, source: &str| {
            Expression::read(source).map_err(|problem| build(format!("{what}: {problem}")))
        };
        let constraints: Result<Vec<Expression>, ScenarioError> =
            file.constraints.iter().map(|source| read("constraints", source)).collect();
        let objectives: Result<Vec<Expression>, ScenarioError> = file
            .objectives
            .iter()
            .map(|of| read(&format!("[[objective]] {:?}", of.name), &of.value))
            .collect();
        let robust = file.robust.clone().unwrap_or_default();
        let aggregate = robust.aggregate.unwrap_or(Aggregate::Worst);
        aggregate.check().map_err(|error| build(format!("robust.aggregate: {error}")))?;
        let settings = file.metrics.settings().map_err(build)?;
        let directions = file.objectives.iter().map(|of| of.goal).collect();
        let mut sweep = Sweep {
            layout: None,
            runs: Vec::new(),
            template,
            settings,
            constraints: constraints?,
            objectives: objectives?,
            directions,
            repetitions: repetitions(&robust),
            aggregate,
            file,
        };
        sweep.lay_out(build)?;
        sweep.look_over(build)?;
        Ok(sweep)
    }

    /// Which runs each trial has.
    fn lay_out(&mut self, build: impl Fn(String) -> ScenarioError) -> Result<(), ScenarioError> {
        if let Some(folds) = self.file.folds.clone() {
            if matches!(self.file.sampler, Method::Tpe { .. }) {
                return Err(build(
                    "[folds] with method = \"tpe\": it looks for points where the whole market was kind to them, and would know the tests when it chooses; take sobol, latin_hypercube, random or grid".to_owned(),
                ));
            }
            let point = self.first_point().map_err(&build)?;
            let first = RunOf { repetition: 0, window: None };
            let range = self.scenario(&TrialSpec { number: 0, point }, first)?.range();
            let whole = folds::span(range.map_err(&build)?);
            self.layout = Some(Layout::of(&folds, whole).map_err(&build)?);
        }
        let windows = self.layout.as_ref().map_or(0, |layout| layout.windows.len());
        let of = |repetition: usize| {
            [None]
                .into_iter()
                .chain((0..windows).map(Some))
                .map(move |window| RunOf { repetition, window })
        };
        self.runs = (0..self.repetitions.len()).flat_map(of).collect();
        Ok(())
    }

    /// What only the first trial would tell: a path that is no key, an objective that nobody can compute.
    fn look_over(&self, build: impl Fn(String) -> ScenarioError) -> Result<(), ScenarioError> {
        let point = self.first_point().map_err(&build)?;
        let spec = TrialSpec { number: 0, point };
        for run in &self.runs {
            self.scenario(&spec, *run)?;
        }
        for name in self.file.objectives.iter().flat_map(|of| named(&of.value, "metrics")) {
            if metric(&name).is_none() {
                let known: Vec<&str> = reports::metrics::catalogue().map(|of| of.name).collect();
                let near = engine::nearest(&name, &known)
                    .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
                return Err(build(format!("[[objective]] there is no metric {name:?}{near}")));
            }
        }
        Ok(())
    }

    fn first_point(&self) -> Result<Point, String> {
        let mut sampler = self.sampler(Vec::new())?;
        let trials = sampler.ask(1, |point| self.holds(point));
        let trials = trials.map_err(|error| error.to_string())?;
        let first = trials.into_iter().next();
        first
            .map(|trial| trial.point)
            .ok_or_else(|| "no point of the space meets the constraints: relax them".to_owned())
    }

    /// Its sampler, after these trials.
    fn sampler(&self, past: Vec<Past>) -> Result<Sampler, String> {
        let space = Space::new(&self.file.axes).map_err(|error| error.to_string())?;
        Sampler::new(space, self.file.sampler, self.file.seed, &self.directions, past)
            .map_err(|error| error.to_string())
    }

    /// Whether a point may be tried.
    fn holds(&self, point: &Point) -> Result<bool, ConstraintError> {
        let point: Json = json!(point);
        for constraint in &self.constraints {
            if !constraint.holds(&[("point", &point)]).map_err(ConstraintError)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The file, with what it leaves open filled in.
    pub fn file(&self) -> &SweepFile {
        &self.file
    }

    /// What it varies, in the order of the axes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.file.axes.iter().map(|axis| axis.path.as_str())
    }

    /// How many trials there are; of a grid, before the constraints.
    ///
    /// # Errors
    /// A sampler that does not fit the space.
    pub fn trials(&self) -> Result<u64, String> {
        Ok(self.sampler(Vec::new())?.trials())
    }

    /// What tells it from another sweep: BLAKE3 of its file and its scenario.
    pub fn identity(&self) -> String {
        let file = serde_json::to_string(&self.file).unwrap_or_default();
        let text = format!("qsim sweep 1\n{file}\n{}", self.template.text());
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

fn repetitions(robust: &Robust) -> Vec<Repetition> {
    let seeds: Vec<Option<u64>> = match robust.seeds.is_empty() {
        true => vec![None],
        false => robust.seeds.iter().copied().map(Some).collect(),
    };
    let mixes: Vec<Option<Mix>> = match robust.mixes.is_empty() {
        true => vec![None],
        false => robust.mixes.iter().cloned().map(Some).collect(),
    };
    let of_seed = |seed: Option<u64>| {
        mixes.iter().map(move |mix| Repetition { seed, mix: mix.clone() }).collect::<Vec<_>>()
    };
    seeds.into_iter().flat_map(of_seed).collect()
}

/// The names in `map["name"]` and `map['name']` of an expression.
fn named(expression: &str, map: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in expression.split(&format!("{map}[")).skip(1) {
        let quote = part.chars().next().filter(|c| matches!(c, '"' | '\''));
        let name = quote.and_then(|quote| part[1..].split(quote).next());
        found.extend(name.map(str::to_owned));
    }
    found
}
