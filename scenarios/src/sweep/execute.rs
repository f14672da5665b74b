//! Runs a sweep: asks its sampler, hands trials to an engine, keeps what comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::Nanos;
use rayon::prelude::*;
use sweeps::{Outcome, Past, Point};

use super::results::{Results, ResultsError};
use super::trial::Measured;
use super::{Sweep, TrialResult, TrialSpec};
use crate::{NoProgress, RunOptions, Scenario, SharedMarkets, Trunk, parts_at};

/// Trials that are asked for at a time, where the sampler does not wait for results.
const ASKED: usize = 256;
/// A beginning is shared where it is this part of the run, or more.
const SHARED_PERCENT: i64 = 25;

/// Hears how far a sweep has come, from the threads of its engine.
pub trait SweepProgress: Sync {
    /// A trial has ended; it is written.
    fn ended(&self, result: &TrialResult);
}

impl SweepProgress for NoProgress {
    fn ended(&self, _: &TrialResult) {}
}

/// Runs trials somewhere.
pub trait Engine {
    /// Runs all of these, in any order; `done` is told of each once, from any thread. Trials that have not begun when `stop` is
    /// set are left.
    ///
    /// # Errors
    /// The engine itself fails, in words. What goes wrong in a trial stands in its result.
    fn run(
        &self,
        sweep: &Sweep,
        specs: &[TrialSpec],
        stop: &AtomicBool,
        done: &(dyn Fn(TrialResult) + Sync),
    ) -> Result<(), String>;
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepEnded {
    /// All trials have results.
    Whole,
    /// It was interrupted; it goes on when it is run again.
    Interrupted,
}

/// The threads of this process.
#[derive(Clone, Debug)]
pub struct Local {
    options: RunOptions,
    no_forks: bool,
}

/// One run of one trial.
struct Unit {
    /// Place of the trial, and of its run.
    place: (usize, usize),
    scenario: Scenario,
}

/// Runs that share their beginning up to a time.
struct Group {
    parts_at: Nanos,
    units: Vec<Unit>,
}

/// What the runs of a trial came to so far.
type Runs = Mutex<Vec<Option<Result<Measured, String>>>>;

impl Local {
    /// With these options for each run. Runs that have a market in common share its events, whatever the options say of it,
    /// and a beginning unless `no_forks` says that each is to run it.
    #[must_use]
    pub fn new(options: RunOptions, no_forks: bool) -> Local {
        let shared = Some(SharedMarkets::default());
        Local { options: RunOptions { shared, ..options }, no_forks }
    }

    /// The runs of all trials, those together that may share their beginning.
    fn groups(&self, sweep: &Sweep, specs: &[TrialSpec], runs: &[Runs]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let may_share = !self.no_forks && sweep.paths().any(|path| path.starts_with("timeline"));
        for (trial, spec) in specs.iter().enumerate() {
            for (number, run) in sweep.runs.iter().enumerate() {
                let place = (trial, number);
                let scenario = match sweep.scenario(spec, *run) {
                    Ok(scenario) => scenario,
                    Err(error) => {
                        put(&runs[trial], number, Err(error.to_string()));
                        continue;
                    }
                };
                let unit = Unit { place, scenario };
                match groups
                    .iter_mut()
                    .find_map(|group| (may_share && group.takes(&unit)).then_some(group))
                {
                    Some(group) => group.units.push(unit),
                    None => groups.push(Group { parts_at: Nanos::NEVER, units: vec![unit] }),
                }
            }
        }
        groups
    }

    /// Grows what the group shares once, and goes on from there for each.
    fn shared(
        &self,
        sweep: &Sweep,
        specs: &[TrialSpec],
        group: &Group,
        stop: &AtomicBool,
        ended: &(dyn Fn(&Unit, Result<Measured, String>) + Sync),
    ) {
        let options = RunOptions { record: true, ..self.options.clone() };
        let trunk = match &group.units[..] {
            [] | [_] => None,
            // What stops the shared beginning stops each of its runs, and is told by them.
            [first, ..] => Trunk::grow(&first.scenario, &options, group.parts_at, &NoProgress).ok(),
        };
        let trunk = Mutex::new(trunk);
        group.units.par_iter().for_each(|unit| {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let spec = &specs[unit.place.0];
            let branch = {
                let trunk = trunk.lock().unwrap_or_else(PoisonError::into_inner);
                trunk.as_ref().and_then(|trunk| trunk.branch(&unit.scenario).ok().flatten())
            };
            let measured = match branch {
                Some(branch) => match branch.end(&NoProgress) {
                    Ok(report) => sweep.measure(spec, &unit.scenario, report),
                    Err(error) => Err(error.to_string()),
                },
                None => sweep.one(spec, &unit.scenario, &self.options),
            };
            ended(unit, measured);
        });
    }
}

impl Group {
    /// Takes a run in if it is worth it; what the group shares may get shorter.
    fn takes(&mut self, unit: &Unit) -> bool {
        let Some(first) = self.units.first().filter(|first| first.place.1 == unit.place.1) else {
            return false;
        };
        let Ok(Some(at)) = parts_at(&first.scenario, &unit.scenario) else { return false };
        let Ok((from, to)) = unit.scenario.range() else { return false };
        let worth = from + Nanos((to.0 - from.0) / 100 * SHARED_PERCENT);
        if at < worth {
            return false;
        }
        self.parts_at = self.parts_at.min(at);
        true
    }
}

fn put(runs: &Runs, number: usize, result: Result<Measured, String>) -> bool {
    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = runs.get_mut(number) {
        *place = Some(result);
    }
    runs.iter().all(Option::is_some)
}

impl Engine for Local {
    fn run(
        &self,
        sweep: &Sweep,
        specs: &[TrialSpec],
        stop: &AtomicBool,
        done: &(dyn Fn(TrialResult) + Sync),
    ) -> Result<(), String> {
        let blank = || sweep.runs.iter().map(|_| None).collect();
        let runs: Vec<Runs> = specs.iter().map(|_| Mutex::new(blank())).collect();
        let whole = |trial: usize| {
            let all =
                std::mem::take(&mut *runs[trial].lock().unwrap_or_else(PoisonError::into_inner));
            let all: Result<Vec<Measured>, String> = all.into_iter().flatten().collect();
            let worker = rayon::current_thread_index().map_or(0, |thread| thread + 1);
            let result = sweep.result(&specs[trial], all);
            done(TrialResult { worker: format!("local-{worker}"), ..result });
        };
        let groups = self.groups(sweep, specs, &runs);
        // Trials that could not even be put together.
        for (trial, runs) in runs.iter().enumerate() {
            let all = runs.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = !all.is_empty() && all.iter().all(Option::is_some);
            drop(all);
            if ended {
                whole(trial);
            }
        }
        let ended = |unit: &Unit, measured: Result<Measured, String>| {
            let (trial, number) = unit.place;
            if put(&runs[trial], number, measured) {
                whole(trial);
            }
        };
        groups.par_iter().for_each(|group| {
            if !stop.load(Ordering::Relaxed) {
                self.shared(sweep, specs, group, stop, &ended);
            }
        });
        Ok(())
    }
}

impl Sweep {
    /// Runs what is left of the sweep, and keeps the results in `results` as they come.
    ///
    /// # Errors
    /// The sampler, the engine, or the results.
    pub fn run_all(
        &self,
        engine: &dyn Engine,
        results: &mut Results,
        stop: &AtomicBool,
        progress: &dyn SweepProgress,
    ) -> Result<SweepEnded, ResultsError> {
        let failed = |problem: String| ResultsError::Sweep { problem };
        // The sampler asks for every trial again: those that have a result are told, and not run.
        let mut sampler = self.sampler(Vec::<Past>::new()).map_err(failed)?;
        loop {
            let trials = sampler.ask(ASKED, |point: &Point| self.holds(point));
            let trials = trials.map_err(|error| failed(error.to_string()))?;
            if trials.is_empty() {
                break;
            }
            let specs: Vec<TrialSpec> = trials
                .into_iter()
                .map(|trial| TrialSpec { number: trial.number, point: trial.point })
                .collect();
            let left: Vec<TrialSpec> = specs
                .iter()
                .filter(|spec| results.outcome(spec.number).is_none())
                .cloned()
                .collect();
            let kept = Mutex::new((&mut *results, None));
            let done = |result: TrialResult| {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let (results, problem) = &mut *kept;
                if problem.is_none() {
                    match results.add(result) {
                        Ok(result) => progress.ended(result),
                        Err(error) => {
                            *problem = Some(error);
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            };
            let ran = engine.run(self, &left, stop, &done);
            if let Some(problem) = kept.into_inner().unwrap_or_else(PoisonError::into_inner).1 {
                return Err(problem);
            }
            results.flush()?;
            ran.map_err(failed)?;
            if stop.load(Ordering::Relaxed) {
                return Ok(SweepEnded::Interrupted);
            }
            for spec in &specs {
                let Some(outcome) = results.outcome(spec.number) else {
                    return Err(failed(format!("trial {} has no result", spec.number)));
                };
                sampler.tell(spec.number, outcome);
            }
        }
        results.finish()?;
        Ok(SweepEnded::Whole)
    }
}

/// What a sampler is told of a result.
pub(super) fn outcome(result: &TrialResult) -> Outcome {
    let values: Option<Vec<f64>> = result.objectives.iter().copied().collect();
    match values.filter(|values| result.error.is_none() && values.iter().all(|v| v.is_finite())) {
        Some(values) => Outcome::Done(values),
        None => Outcome::Failed,
    }
}
