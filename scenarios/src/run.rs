//! Runs a scenario, or a journal again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    Compare, Difference, DigestOnly, Exchange, Feed, FileSink, GaugeOf, JournalError, JournalFile,
    JournalSink, Kernel, KernelConfig, Member, MemoryBus, MemorySink, Nanos, NumbersOf, RunError,
    Service, ServiceId,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sim_exchange::SimExchange;
use strategies::Predictor;

use crate::drive::{Course, Driver, Stop};
use crate::expect::{Observer, Run, World};
use crate::record::{PipelineTally, Plans, Recorder, RunRecord};
use crate::timeline::Plan;
use crate::{
    Failure, Figures, Limits, Recording, Scenario, ScenarioError, SharedMarkets, TradingVenue,
    market,
};

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All expectations hold.
    Pass,
    /// At least one does not.
    Fail,
    /// It could not be run.
    Error,
}

/// Hears how far a run has come. Called from the threads of the runs.
pub trait Progress: Sync {
    /// A run has advanced by so many virtual seconds and handled so many events; it stands at `now`.
    fn advanced(&self, virtual_seconds: u64, events: u64, now: Nanos);

    /// Seconds of wall time since the run began, for its limit; who does not know is not limited.
    fn wall_seconds(&self) -> Option<f64> {
        None
    }

    /// Mebibytes of resident memory, for its limit; who does not know is not limited.
    fn memory_mb(&self) -> Option<u64> {
        None
    }

    /// Why the run should end here, if somebody wants it to. Asked between its slices.
    fn stop(&self) -> Option<String> {
        None
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn advanced(&self, _: u64, _: u64, _: Nanos) {}
}

/// Where a run finds its data and leaves its journal.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Folder with imported market data.
    pub data: Option<PathBuf>,
    /// Folder for journals; none are written without it.
    pub journals: Option<PathBuf>,
    /// Bounds of a run; what they leave open, its file may say.
    pub limits: Limits,
    /// Keep a record of equity, fills and trades.
    pub record: bool,
    /// Markets that runs of the same process replay from memory.
    pub shared: Option<SharedMarkets>,
}

/// Who takes part in a run beside what its file says. Such a run has a digest of its own, and no journal of it can be run
/// again without them.
#[derive(Debug, Default)]
pub struct Guests {
    /// Trades in place of the pipeline, as the service `strategy`.
    pub strategy: Option<Box<dyn Service>>,
    /// Vote in the ensemble; one with the name of a built-in model takes its seat.
    pub predictors: Vec<Arc<dyn Predictor>>,
}

/// A finished run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// Whether the expectations hold.
    pub verdict: Verdict,
    /// BLAKE3 of the journal's entries, in hex: the run's identity.
    pub digest: String,
    /// Events handled: market events and inputs of services.
    pub events: u64,
    /// Length of the run.
    pub virtual_seconds: f64,
    /// Expectations that do not hold.
    pub failed: Vec<Failure>,
    /// All figures.
    pub figures: Figures,
    /// What was noticed.
    pub warnings: Vec<String>,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// What identifies the market, as the journal's header has it: series, their rows and digests.
    pub market: Json,
    /// The journal, if one was written.
    pub journal: Option<PathBuf>,
    /// Equity, fills and trades, if they were asked for.
    #[serde(skip)]
    pub record: Option<RunRecord>,
}

/// A journal that was run again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The recorded digest.
    pub digest: String,
    /// The recorded number of entries.
    pub entries: u64,
    /// Where replay and recording part, if they do.
    pub difference: Option<Difference>,
}

/// Everything of a run but its sink.
struct Prepared {
    scenario: Scenario,
    market: market::OpenMarket,
    exchange: SimExchange,
    members: Vec<engine::Member>,
    plan: Plan,
}

impl Prepared {
    fn new(scenario: &Scenario, data: Option<&Path>) -> Result<Prepared, ScenarioError> {
        let options = RunOptions { data: data.map(Path::to_owned), ..RunOptions::default() };
        Prepared::with(scenario, &options, Guests::default())
    }

    fn with(
        scenario: &Scenario,
        options: &RunOptions,
        guests: Guests,
    ) -> Result<Prepared, ScenarioError> {
        let build =
            |problem: String| ScenarioError::Build { origin: scenario.origin.clone(), problem };
        let rules = scenario.exchange.rules(&scenario.symbols()).map_err(build)?;
        let market = market::open(scenario, &rules, market::Source::of(options), None)?;
        let reconfigured = scenario.timeline.iter().any(|step| step.reconfigure.is_some());
        if reconfigured && !guests.predictors.is_empty() {
            return Err(build(
                "[[timeline]] reconfigure builds services from the file alone: remove it, or the predictors that are not in the file".to_owned(),
            ));
        }
        let members = match guests.strategy {
            Some(_) if scenario.strategy.is_some() => {
                return Err(build(
                    "[strategy] names one, and another is given: remove one of them".to_owned(),
                ));
            }
            Some(strategy) => vec![Member::new("strategy", strategy)],
            None => {
                scenario.members_with(&market.instruments, &guests.predictors).map_err(build)?
            }
        };
        let mut plan =
            scenario.timeline_plan(&members, &market.instruments, market.range).map_err(build)?;
        let faults = std::mem::take(&mut plan.faults);
        let exchange = crate::venue::build(scenario, &market, &rules, faults, 0).map_err(build)?;
        Ok(Prepared { scenario: scenario.clone(), market, exchange, members, plan })
    }

    fn header(&self) -> Json {
        json!({
            "qsim": env!("CARGO_PKG_VERSION"),
            "scenario": self.scenario,
            "market": self.market.identity,
            "services": self.services(),
            "instruments": self.market.instruments,
        })
    }

    fn services(&self) -> Vec<String> {
        self.members.iter().map(|member| member.name.clone()).collect()
    }

    fn start(self, sink: Box<dyn JournalSink>) -> Result<(Run, (Nanos, Nanos)), ScenarioError> {
        let config = KernelConfig {
            seed: self.scenario.seed,
            start: self.market.range.0,
            instruments: self.market.instruments,
            link: self.scenario.links.streams(),
            links: Default::default(),
            call_link: self.scenario.links.calls(),
            feed_latency: self.scenario.links.feed(),
        };
        let mut bus = Box::new(MemoryBus::new());
        let (scenario, range) = (&self.scenario, self.market.range);
        scenario
            .state
            .lay(&mut *bus, range.0, &scenario.symbols())
            .map_err(|problem| ScenarioError::Build { origin: scenario.origin.clone(), problem })?;
        let mut kernel =
            Kernel::new(config, bus, self.exchange, self.market.feed, self.members, sink);
        for (at, action) in self.plan.actions {
            kernel.at(at, action);
        }
        Ok((kernel, range))
    }
}

/// Runs a scenario to its end and checks what it expects.
pub fn run(
    scenario: &Scenario,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<ScenarioReport, ScenarioError> {
    run_with(scenario, options, Guests::default(), progress)
}

/// Runs a scenario with guests.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    scenario: &Scenario,
    options: &RunOptions,
    guests: Guests,
    progress: &dyn Progress,
) -> Result<ScenarioReport, ScenarioError> {
    let mut begun = Begun::with(scenario, options, guests)?;
    begun.end(options.limits, progress)
}

/// A run that has begun.
pub(crate) struct Begun {
    pub(crate) scenario: Scenario,
    pub(crate) kernel: Run,
    pub(crate) world: World,
    pub(crate) course: Course,
    pub(crate) range: (Nanos, Nanos),
    /// What was noticed before it began.
    pub(crate) warnings: Vec<String>,
    /// What identifies its market.
    pub(crate) market: Json,
    pub(crate) journal: Option<PathBuf>,
}

impl Begun {
    /// Puts a run together, at its first instant.
    pub(crate) fn new(scenario: &Scenario, options: &RunOptions) -> Result<Begun, ScenarioError> {
        Begun::with(scenario, options, Guests::default())
    }

    fn with(
        scenario: &Scenario,
        options: &RunOptions,
        guests: Guests,
    ) -> Result<Begun, ScenarioError> {
        let build =
            |problem: String| ScenarioError::Build { origin: scenario.origin.clone(), problem };
        if scenario.venue != TradingVenue::Sim {
            return Err(build(format!(
                "venue is \"{}\", which `qsim live` trades at; a simulation needs venue = \"sim\", or none",
                scenario.venue.word()
            )));
        }
        let prepared = Prepared::with(scenario, options, guests)?;
        let services = prepared.services();
        if let Some(problem) = scenario.expect.iter().find_map(|one| one.unknown_figure(&services))
        {
            return Err(build(problem));
        }
        let journal = options
            .journals
            .as_ref()
            .map(|folder| folder.join(format!("{}.journal", scenario.file_stem())));
        let sink: Box<dyn JournalSink> = match &journal {
            Some(path) => Box::new(FileSink::create(path, &prepared.header())?),
            None => Box::new(DigestOnly),
        };
        let (warnings, market) =
            (prepared.market.warnings.clone(), prepared.market.identity.clone());
        let instruments = prepared.market.instruments.clone();
        let range = prepared.market.range;
        let mut observer =
            Observer::new(scenario, range, &instruments, &services).map_err(build)?;
        let mut course = Course::new(&observer, scenario.look_every().map_err(build)?, range.0);
        let (mut kernel, range) = prepared.start(sink)?;
        if options.record {
            kernel.exchange_mut().keep_tape();
            observer.plans = Some(Plans::default());
            observer.tally = Some(PipelineTally::default());
            course.recorder = Some(Recorder::new(range, &instruments));
        }
        kernel.watch(Box::new(observer));
        let world = World { instruments, services };
        let scenario = scenario.clone();
        Ok(Begun { scenario, kernel, world, course, range, warnings, market, journal })
    }

    /// Goes on up to `pause`, which is included.
    pub(crate) fn go(
        &mut self,
        pause: Nanos,
        limits: Limits,
        progress: &dyn Progress,
    ) -> Result<(), ScenarioError> {
        let driver = Driver { world: &self.world, range: self.range, progress };
        let limits = limits.or(self.scenario.limits);
        let went = driver.go(&mut self.kernel, &mut self.course, pause, limits);
        went.map_err(|stop| self.stopped(stop))
    }

    fn stopped(&self, stop: Stop) -> ScenarioError {
        let origin = self.scenario.origin.clone();
        match stop {
            Stop::Run(source) => ScenarioError::Run { origin, source },
            Stop::Limit(problem) => ScenarioError::Limit { origin, problem },
        }
    }

    /// Goes on to the end, and says how it ended.
    pub(crate) fn end(
        &mut self,
        limits: Limits,
        progress: &dyn Progress,
    ) -> Result<ScenarioReport, ScenarioError> {
        let driver = Driver { world: &self.world, range: self.range, progress };
        let limits = limits.or(self.scenario.limits);
        let judged = driver
            .drive(&mut self.kernel, &mut self.course, limits)
            .map_err(|stop| self.stopped(stop))?;
        let Begun { scenario, kernel, range, .. } = self;
        let (footer, figures) = (judged.footer, figures(kernel));
        let of_figures =
            scenario.expect.iter().filter_map(|expectation| expectation.check(&figures));
        let failed: Vec<Failure> = judged.failed.into_iter().chain(of_figures).collect();
        let counts = kernel.counts();
        let dead = judged.first_dead.map(|first| {
            let count = figures.get("dead_letters").copied().unwrap_or_default();
            format!("{count} entries went to the dead letters; {first}")
        });
        let stopped = emergency(&figures).into_iter().chain(dead).collect();
        Ok(ScenarioReport {
            verdict: if failed.is_empty() { Verdict::Pass } else { Verdict::Fail },
            digest: footer.digest_hex(),
            events: counts.market + counts.handled,
            virtual_seconds: (range.1 - range.0).as_secs_f64(),
            failed,
            figures,
            // What the exchange had to assume shows only in the run.
            warnings: [self.warnings.clone(), kernel.exchange().warnings(), stopped].concat(),
            assumptions: [
                kernel.exchange().assumptions(),
                scenario.gap_sentences(),
                scenario.halt_sentence().into_iter().collect(),
                scenario.alteration_sentences(),
                scenario.state_sentence().into_iter().collect(),
                scenario.timeline_sentences(),
                scenario.invariants.sentences(),
                scenario.links.feed_sentence().into_iter().collect(),
                scenario.pipeline.audited.sentences(),
            ]
            .concat(),
            market: self.market.clone(),
            journal: self.journal.clone(),
            record: judged.record,
        })
    }
}

/// Runs a journal again, from the journal and the data alone.
pub fn replay(path: &Path, data: Option<&Path>) -> Result<Replayed, ScenarioError> {
    let file = JournalFile::open(path)?;
    let format = |problem: String| JournalError::Format { path: path.to_owned(), problem };
    let scenario = file.header().get("scenario").cloned().unwrap_or_default();
    let mut scenario: Scenario = serde_json::from_value(scenario).map_err(|error| {
        format(format!(
            "its scenario cannot be read ({error}); replay it with the qsim that recorded it"
        ))
    })?;
    scenario.origin = path.display().to_string();
    if let Some(session) = crate::session::session_of(file.header()) {
        return crate::session::replay_session(path, &scenario, &session);
    }
    let prepared = Prepared::new(&scenario, data)?;
    if file.header().get("market") != Some(&prepared.market.identity) {
        return Err(format(
            "the market data is not that of the recording (its digest differs); give the folder with the same data as --data".into(),
        )
        .into());
    }
    let (digest, entries) = (file.footer().digest_hex(), file.footer().entries);
    let compare = Compare::new(file, prepared.services())?;
    let (mut kernel, range) = prepared.start(Box::new(compare))?;
    kernel.replay_numbers(Box::new(NumbersOf::new(JournalFile::open(path)?)));
    let run = kernel.run_until(range.1).and_then(|()| kernel.finish());
    let difference = match run {
        Ok(_) => None,
        Err(RunError::Journal(JournalError::Differs(difference))) => Some(*difference),
        Err(source) => return Err(ScenarioError::Run { origin: scenario.origin, source }),
    };
    Ok(Replayed { digest, entries, difference })
}

/// Runs a scenario again and keeps its journal in memory, for the story of what failed.
pub fn record(scenario: &Scenario, data: Option<&Path>) -> Result<Recording, ScenarioError> {
    let prepared = Prepared::new(scenario, data)?;
    let (header, sink) = (prepared.header(), MemorySink::default());
    let (mut kernel, range) = prepared.start(Box::new(sink.clone()))?;
    kernel
        .run_until(range.1)
        .and_then(|()| kernel.finish())
        .map_err(|source| ScenarioError::Run { origin: scenario.origin.clone(), source })?;
    Recording::of(&scenario.origin, header, sink.take())
}

/// The market of a journal's header or of a report, a line each: its digest, and its series if it is recorded.
pub fn market_lines(market: &Json) -> Vec<String> {
    let text = |of: &Json, key: &str| of.get(key).and_then(Json::as_str).map(str::to_owned);
    let of_series = |one: &Json| {
        let span = text(one, "from").zip(text(one, "to"));
        let span = span.map_or(String::new(), |(from, to)| format!(" from {from} to {to}"));
        let rows = one.get("rows").and_then(Json::as_u64)?;
        Some(format!(
            "{}{span}: {rows} rows, digest {}",
            text(one, "series")?,
            text(one, "digest")?
        ))
    };
    let made = text(market, "synthetic").map(|digest| format!("a made market, digest {digest}"));
    let all = text(market, "digest").map(|digest| format!("recorded data, digest {digest}"));
    let series = market.get("series").and_then(Json::as_array).into_iter().flatten();
    made.into_iter().chain(all).chain(series.filter_map(of_series)).collect()
}

/// Names of the services, from a journal's header.
pub fn services_of(header: &Json) -> Vec<String> {
    let names = header.get("services").and_then(Json::as_array).into_iter().flatten();
    names.filter_map(Json::as_str).map(str::to_owned).collect()
}

/// Names of the figures that are taken from counters.
pub(crate) const DERIVED: [&str; 4] = ["entries", "exits", "exit_reasons", "dead_letters"];

/// A run that stood still to its end: without a word its figures would be those of a quiet market.
fn emergency(figures: &Figures) -> Option<String> {
    let active = figures.get("emergency_stop.quantum_ess_active")?;
    (*active > Decimal::ZERO).then(|| {
        "the emergency stop holds at the end of the run, and nothing was opened since it struck: \
         `qsim journal --find EssEvent` of its journal says when and why"
            .to_owned()
    })
}

/// The figures of a run: the exchange's own, and those of the services.
pub(crate) fn figures(kernel: &Run) -> Figures {
    let mut figures = crate::venue::figures(kernel.exchange());
    figures.extend(service_figures(kernel));
    figures
}

/// The figures of the services so far: every counter as `service.counter`, every gauge as `service.gauge` with the symbol
/// or word that it is of, and the sums over all services.
pub fn service_figures<X: Exchange, F: Feed>(kernel: &Kernel<X, F>) -> Figures {
    let mut figures = Figures::new();
    for (place, name) in kernel.services().iter().enumerate() {
        let counters = kernel.counters(ServiceId(place as u16)).into_iter().flatten();
        for (counter, value) in counters {
            debug_assert!(
                pipeline::is_counter(name, counter),
                "{counter} is missing in the COUNTERS of {name}"
            );
            figures.insert(format!("{name}.{counter}"), Decimal::from(*value));
        }
        for ((gauge, of), value) in kernel.gauges(ServiceId(place as u16)).into_iter().flatten() {
            debug_assert!(
                pipeline::is_gauge(name, gauge),
                "{gauge} is missing in the GAUGES of {name}"
            );
            let of = match of {
                GaugeOf::All => String::new(),
                GaugeOf::Symbol(symbol) => format!(".{symbol}"),
                GaugeOf::Word(word) => format!(".{word}"),
            };
            // To the digits that a float has; what is too large for a figure is the largest there is.
            let value = Decimal::from_f64(*value).unwrap_or(match *value > 0.0 {
                true => Decimal::MAX,
                false => Decimal::MIN,
            });
            figures.insert(format!("{name}.{gauge}{of}"), value);
        }
    }
    let ending = |end: &str| -> Decimal {
        figures.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, value)| *value).sum()
    };
    let reasons = figures.keys().filter(|name| name.starts_with("exit_monitor.filled_")).count();
    let derived = [
        ending(".orders_opened"),
        ending(".orders_closed"),
        Decimal::from(reasons as u64),
        ending(".dead_letters"),
    ];
    figures.extend(DERIVED.iter().zip(derived).map(|(name, value)| ((*name).to_owned(), value)));
    figures.values_mut().for_each(Decimal::normalize_assign);
    figures
}
