//! Variants that share their beginning: it is run once, and each goes on from where they part.
//!
//! Invariant: a branch has the digest, the figures and the verdict of a run of its scenario from the first instant on.

use engine::{Feed, FeedError, Nanos, RunError};
use serde_json::Value as Json;
use sim_exchange::VenueFault;

use crate::drive::observer_of;
use crate::expect::Observer;
use crate::run::Begun;
use crate::{Progress, RunOptions, Scenario, ScenarioError, ScenarioReport, market};

/// What the run of a scenario does not depend on.
const ONLY_WORDS: [&str; 4] = ["name", "description", "expected", "protection"];

/// A run that stands where its variants part.
pub struct Trunk {
    begun: Begun,
    observer: Observer,
    options: RunOptions,
    faults: Vec<VenueFault>,
}

/// One variant from there on.
pub struct Branch {
    begun: Begun,
    options: RunOptions,
}

/// The first instant at which the runs of two scenarios may differ, where they differ in nothing but what their timelines do from
/// then on; [`Nanos::NEVER`] if they are the same run. `None` where they differ from their beginning.
pub fn parts_at(one: &Scenario, other: &Scenario) -> Result<Option<Nanos>, ScenarioError> {
    let build = |problem: String| ScenarioError::Build { origin: other.origin.clone(), problem };
    let without_timeline = |scenario: &Scenario| {
        let mut all = serde_json::to_value(scenario).map_err(|error| build(error.to_string()))?;
        if let Json::Object(all) = &mut all {
            all.remove("timeline");
            ONLY_WORDS.iter().for_each(|words| drop(all.remove(*words)));
        }
        Ok::<Json, ScenarioError>(all)
    };
    if without_timeline(one)? != without_timeline(other)? {
        return Ok(None);
    }
    let same = one.timeline.iter().zip(&other.timeline).take_while(|(a, b)| a == b).count();
    let range = other.range().map_err(build)?;
    let steps = one.timeline[same..].iter().chain(&other.timeline[same..]);
    let first = steps.map(|step| step.begins(range)).collect::<Result<Vec<Nanos>, String>>();
    Ok(Some(first.map_err(build)?.into_iter().min().unwrap_or(Nanos::NEVER)))
}

impl Trunk {
    /// Runs a scenario up to just before `at`. Journals are not written: a branch would lack the beginning of its own.
    pub fn grow(
        scenario: &Scenario,
        options: &RunOptions,
        at: Nanos,
        progress: &dyn Progress,
    ) -> Result<Trunk, ScenarioError> {
        let options = RunOptions { journals: None, ..options.clone() };
        // It does not come to the end of the market: a branch may, and keep it.
        let mut begun = Begun::new(scenario, &RunOptions { shared: None, ..options.clone() })?;
        begun.go(Nanos(at.0.saturating_sub(1)), options.limits, progress)?;
        let faults = plan_of(&begun, scenario)?.faults;
        let Some(observer) = observer_of(&mut begun.kernel) else {
            let problem = "nobody watches the run that is to be shared".to_owned();
            return Err(ScenarioError::Build { origin: scenario.origin.clone(), problem });
        };
        Ok(Trunk { begun, observer, options, faults })
    }

    /// A variant from here on; `None` if it has parted before, or its exchange has other faults, which are the exchange's own from
    /// the beginning: it has to be run whole.
    pub fn branch(&self, scenario: &Scenario) -> Result<Option<Branch>, ScenarioError> {
        let now = self.begun.kernel.now();
        if parts_at(&self.begun.scenario, scenario)?.is_none_or(|at| at <= now) {
            return Ok(None);
        }
        let plan = plan_of(&self.begun, scenario)?;
        if plan.faults != self.faults {
            return Ok(None);
        }
        let open = || {
            let feed = open_feed(scenario, &self.options);
            feed.map_err(|error| FeedError(error.to_string()))
        };
        let feed = self.begun.kernel.feed_from_here(open).map_err(|error| ScenarioError::Run {
            origin: scenario.origin.clone(),
            source: RunError::Feed(error),
        })?;
        let Some(mut kernel) = self.begun.kernel.fork(feed) else { return Ok(None) };
        kernel.replan(plan.actions);
        kernel.watch(Box::new(self.observer.clone()));
        let begun = Begun {
            scenario: scenario.clone(),
            kernel,
            world: self.begun.world.clone(),
            course: self.begun.course.clone(),
            range: self.begun.range,
            warnings: self.begun.warnings.clone(),
            market: self.begun.market.clone(),
            journal: None,
        };
        Ok(Some(Branch { begun, options: self.options.clone() }))
    }
}

impl Branch {
    /// Runs it to its end, and says how it ended.
    pub fn end(mut self, progress: &dyn Progress) -> Result<ScenarioReport, ScenarioError> {
        self.begun.end(self.options.limits, progress)
    }
}

fn plan_of(begun: &Begun, scenario: &Scenario) -> Result<crate::timeline::Plan, ScenarioError> {
    let build = |problem: String| ScenarioError::Build { origin: scenario.origin.clone(), problem };
    let instruments = &begun.world.instruments;
    let members = scenario.members(instruments).map_err(build)?;
    scenario.timeline_plan(&members, instruments, begun.range).map_err(build)
}

fn open_feed(
    scenario: &Scenario,
    options: &RunOptions,
) -> Result<Box<dyn Feed + Send>, ScenarioError> {
    let build = |problem: String| ScenarioError::Build { origin: scenario.origin.clone(), problem };
    let rules = scenario.exchange.rules(&scenario.symbols()).map_err(build)?;
    Ok(market::open(scenario, &rules, market::Source::of(options), None)?.feed)
}
