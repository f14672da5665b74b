//! A scenario's pipeline as a live session has it, and sessions that are run again from their journals.

use std::collections::BTreeMap;
use std::path::Path;

use engine::{
    Action, Bus, Compare, Entries, Exchange, FeedLatency, Instrument, JournalEntry, JournalError,
    JournalFile, Kernel, KernelConfig, Link, Member, MemoryBus, Nanos, NumbersOf, RecordedActions,
    RecordedExchange, RecordedFeed, RequestId, Rerun, RunError, Supply, TapeBus, ThinkingTime,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{PaperTerms, Replayed, Scenario, ScenarioError, TradingVenue, services_of};

/// What a session's journal says of it beside the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHeader {
    /// The venue's word, as in a file.
    pub venue: String,
    /// When it began.
    pub start: Nanos,
    /// `memory` or `redis`.
    pub bus: String,
    /// Grids of the symbols.
    pub instruments: Vec<Instrument>,
    /// Names of the services of this process, in their order.
    pub services: Vec<String>,
    /// Of a paper session: its exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperTerms>,
    /// What earlier lives of it have done; of a session on a server's bus that was killed and goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What earlier lives of a session have done, whose bus has outlived them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// When the first of them began: the file's timeline counts from there.
    pub began: Nanos,
    /// Up to here the last of them has come: what the timeline had by then is done.
    pub until: Nanos,
    /// Requests up to this number were theirs.
    pub requests: RequestId,
    /// File names of their journals, oldest first, beside this one's.
    pub journals: Vec<String>,
}

/// Everything of a session's kernel but its ports.
pub struct SessionParts {
    /// The services, which think in no time: live, time passes by itself.
    pub members: Vec<Member>,
    /// Links without delay, for the same reason.
    pub config: KernelConfig,
    /// What the file's timeline does, with its times.
    pub actions: Vec<(Nanos, Action)>,
    /// For the journal.
    pub header: Json,
    /// The file's state and timeline are this process's to do: of several processes that one with the first
    /// service of the pipeline does them.
    pub rehearses: bool,
}

/// A session ends here: two years.
pub(crate) const SESSION_MAX: Nanos = Nanos::from_secs(63_072_000);

impl Scenario {
    /// The scenario's pipeline for a session that began at `start`, with the venue's grids.
    pub fn session(
        &self,
        instruments: Vec<Instrument>,
        start: Nanos,
    ) -> Result<SessionParts, ScenarioError> {
        self.session_after(instruments, start, None)
    }

    /// The same for a session that goes on behind earlier lives, on the bus that those have left.
    pub fn session_after(
        &self,
        instruments: Vec<Instrument>,
        start: Nanos,
        before: Option<Before>,
    ) -> Result<SessionParts, ScenarioError> {
        let build = |problem: String| ScenarioError::Build { origin: self.origin.clone(), problem };
        let mut members = self.members(&instruments).map_err(build)?;
        let only = &self.live.services;
        let rehearses =
            only.is_empty() || members.first().is_some_and(|first| only.contains(&first.name));
        let actions = match rehearses {
            true => self.live_actions(&members, &instruments, start, &before).map_err(build)?,
            false => Vec::new(),
        };
        if let Some(unknown) = only.iter().find(|name| members.iter().all(|m| m.name != **name)) {
            return Err(build(format!(
                "live.services: no service {unknown:?} runs; `qsim pipeline show` lists those that do"
            )));
        }
        if !only.is_empty() {
            let apart = members.iter().filter(|member| only.contains(&member.name)).find_map(|m| {
                let called = m.service.wiring().calls.into_iter();
                let there = |name: &&str| members.iter().any(|other| other.name == *name);
                called.filter(there).find(|name| !only.contains(*name)).map(|name| (&m.name, name))
            });
            if let Some((caller, called)) = apart {
                return Err(build(format!(
                    "live.services: {caller} calls {called}, and calls stay in one process: name both, or neither"
                )));
            }
            members.retain(|member| only.contains(&member.name));
        }
        members.iter_mut().for_each(|member| member.thinking = ThinkingTime::default());
        let services: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let session = SessionHeader {
            venue: self.venue.word().to_owned(),
            start,
            bus: if self.live.redis.is_some() { "redis" } else { "memory" }.to_owned(),
            instruments: instruments.clone(),
            services: services.clone(),
            paper: None,
            before,
        };
        let header = json!({
            "qsim": env!("CARGO_PKG_VERSION"),
            "scenario": self,
            "session": session,
            "services": services,
            "instruments": instruments,
        });
        let config = KernelConfig {
            seed: self.seed,
            start,
            instruments,
            link: Link::default(),
            links: BTreeMap::new(),
            call_link: Link::default(),
            feed_latency: FeedLatency::NONE,
        };
        Ok(SessionParts { members, config, actions, header, rehearses })
    }

    /// The steps of the timeline that somebody can do to a live session: entries that appear in streams, and commands to
    /// the bus. What befalls processes, links and venues befalls them live by itself.
    fn live_actions(
        &self,
        members: &[Member],
        instruments: &[Instrument],
        start: Nanos,
        before: &Option<Before>,
    ) -> Result<Vec<(Nanos, Action)>, String> {
        if self.timeline.is_empty() {
            return Ok(Vec::new());
        }
        if self.venue == TradingVenue::Production {
            return Err("[[timeline]]: nothing is rehearsed with real money: remove it".into());
        }
        let began = before.as_ref().map_or(start, |before| before.began);
        let mut plan = self.timeline_plan(members, instruments, (began, began + SESSION_MAX))?;
        let can = |action: &Action| matches!(action, Action::Publish { .. } | Action::Command(_));
        if !plan.faults.is_empty() || !plan.actions.iter().all(|(_, action)| can(action)) {
            return Err("[[timeline]]: a live session takes `publish` and commands to the bus only; the rest can only be simulated".into());
        }
        if let Some(before) = before {
            plan.actions.retain(|(at, _)| *at > before.until);
        }
        Ok(plan.actions)
    }

    /// Lays the file's state on a bus that others write on, too: its keys are replaced, and its streams get what the
    /// file says behind what they hold.
    pub fn lay_shared_state(&self, bus: &mut dyn Bus, start: Nanos) -> Result<(), ScenarioError> {
        if self.venue == TradingVenue::Production && !self.state.is_empty() {
            let problem = "[state]: nothing is rehearsed with real money: remove it".to_owned();
            return Err(ScenarioError::Build { origin: self.origin.clone(), problem });
        }
        for key in self.state.names(&self.symbols()) {
            bus.del(start, &key);
        }
        self.lay_state(bus, start)
    }

    /// Lays the file's state on an empty bus.
    pub fn lay_state(&self, bus: &mut dyn Bus, start: Nanos) -> Result<(), ScenarioError> {
        self.state
            .lay(bus, start, &self.symbols())
            .map_err(|problem| ScenarioError::Build { origin: self.origin.clone(), problem })
    }
}

/// A span such as "90s", "10m" or "8h".
pub fn span_of(text: &str) -> Result<Nanos, String> {
    crate::events::offset(text)
        .filter(|span| span.0 > 0)
        .ok_or_else(|| format!("{text:?} is no span such as \"90s\", \"10m\" or \"8h\""))
}

/// The session of a journal's header; none if it is that of a simulation.
pub fn session_of(header: &Json) -> Option<SessionHeader> {
    serde_json::from_value(header.get("session")?.clone()).ok()
}

/// What the bus answered in a session that others wrote to, too. What cannot be read, the comparison with the same file says
/// better.
fn tape_of(file: JournalFile) -> Result<Supply, JournalError> {
    let pick = |entry| match entry {
        JournalEntry::Tape(replies) => Some(replies),
        _ => None,
    };
    let mut pieces = Entries::new(file, pick)?;
    Ok(Box::new(move || pieces.take().ok().flatten().map(|(_, piece)| piece)))
}

/// Runs a recorded session again, from its journal alone.
pub(crate) fn replay_session(
    path: &Path,
    scenario: &Scenario,
    session: &SessionHeader,
) -> Result<Replayed, ScenarioError> {
    let file = JournalFile::open(path)?;
    if session.paper.is_some() {
        // Nothing is read that the exchange can do again.
        let exchange = scenario.paper_exchange(session)?;
        let exchange = Rerun::recorded(exchange, JournalFile::open(path)?)?;
        return run_again(file, path, scenario, session, exchange);
    }
    let exchange = RecordedExchange::new(|| JournalFile::open(path))?;
    run_again(file, path, scenario, session, exchange)
}

fn run_again<X: Exchange>(
    mut file: JournalFile,
    path: &Path,
    scenario: &Scenario,
    session: &SessionHeader,
    exchange: X,
) -> Result<Replayed, ScenarioError> {
    let (digest, entries) = (file.footer().digest_hex(), file.footer().entries);
    let unfinished = file.is_unfinished();
    let services = services_of(file.header());
    let (instruments, before) = (session.instruments.clone(), session.before.clone());
    let parts = scenario.session_after(instruments, session.start, before)?;
    let open = || JournalFile::open(path);
    let end = file.last_time()?;
    let sink = Compare::new(open()?, services)?;
    let shared = session.bus != "memory";
    let bus: Box<dyn Bus> = match shared {
        true => Box::new(TapeBus::fed_by(tape_of(open()?)?)),
        false => {
            let mut bus = MemoryBus::new();
            scenario.lay_state(&mut bus, session.start)?;
            Box::new(bus)
        }
    };
    let feed = RecordedFeed::new(open()?)?;
    let mut kernel = Kernel::new(parts.config, bus, exchange, feed, parts.members, Box::new(sink));
    kernel.keep_market();
    if shared {
        kernel.share_bus();
    }
    if let Some(before) = &session.before {
        kernel.number_requests_after(before.requests);
    }
    kernel.replay_numbers(Box::new(NumbersOf::new(open()?)));
    for (at, action) in parts.actions {
        kernel.at(at, action);
    }
    let mut run = kernel.run_through(RecordedActions::new(file)?, end, |_, _| {});
    if !unfinished {
        run = run.and_then(|()| kernel.finish().map(|_| ()));
    }
    let difference = match run {
        Ok(()) => None,
        Err(RunError::Journal(JournalError::Differs(difference))) => Some(*difference),
        Err(source) => return Err(ScenarioError::Run { origin: scenario.origin.clone(), source }),
    };
    Ok(Replayed { digest, entries, difference })
}
