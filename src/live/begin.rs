//! Puts a session together: journal, bus, kernel, link; and goes on with one that was killed.
//!
//! A paper session differs from others in its exchange, which is ours and in the kernel, and in its link, which has the
//! market alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Entries, ExchangeEvent, Feed, JournalEntry, JournalFile, Kernel, LiveSink, MarketWants, Nanos,
    NumbersOf, RecordedExchange, RecordedFeed, Rerun, Unanswered,
};
use live::binance::{BinanceLink, Setup, VenueFacts};
use live::clock::LiveClock;
use live::link::{Notice, VenueLink as _};
use live::redis::Health;
use live::session::{
    AnyVenue, Command, Ended, FROM_NOW_ON, Guard, GuardLimits, Holds, LiveFeed, LiveKernel,
    Operator, OperatorSettings, Paper, Remote, Session, SessionError, run_through, start_again,
};
use scenarios::{Before, Scenario, SessionHeader, SessionParts, TradingVenue, session_of};

use super::LiveArguments;
use super::bus::{self, SessionBus};
use super::journals::{Aside, beside, journal_of, new_journal};
use super::logs::Log;
use super::metrics::Metrics;
use super::paper::{self, Missed};
use super::place::Place;

/// A session that has begun waits so long to hear what became of its requests of before, by the wall.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// A paper session that goes on waits so long for a new price of each symbol, by the wall.
const PRICES_MAX: Duration = Duration::from_secs(60);
/// A session does not begin later than this behind the time it was to begin at, by the wall.
const LATE_MAX: Duration = Duration::from_secs(60);
/// Nobody who wants to end a session that has not begun waits longer.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A session that is ready to run.
pub struct Begun {
    session: Session<AnyVenue, BinanceLink>,
    journal: PathBuf,
    clock: Arc<LiveClock>,
    log: Log,
    /// Of a session that goes on: what it had sent and has no answer to.
    unanswered: Option<Vec<Unanswered>>,
    /// Its services have died and start again.
    starts_again: bool,
    /// Of a paper session: what it wants of the market.
    paper: Option<MarketWants>,
}

fn wants(parts: &SessionParts, limits: &GuardLimits) -> MarketWants {
    let of = |member: &engine::Member| member.service.wiring().market;
    // Limits need prices, whether a service of this process does or not.
    let marks = limits.count_account();
    let own = MarketWants { marks, ..MarketWants::NONE };
    parts.members.iter().map(of).fold(own, MarketWants::or)
}

fn limits(scenario: &Scenario) -> GuardLimits {
    let own = &scenario.live.limits;
    GuardLimits {
        order_notional: own.order_notional,
        position_notional: own.position_notional,
        total_notional: own.total_notional,
        orders_per_minute: own.orders_per_minute,
        orders_per_day: own.orders_per_day,
        loss: own.loss,
    }
}

/// Begins a session, at `begin_at` if that is given, or goes on with the one that was killed.
pub fn begin(
    arguments: &LiveArguments,
    scenario: &Scenario,
    place: &Place,
    clock: Arc<LiveClock>,
    facts: VenueFacts,
    begin_at: Option<Nanos>,
) -> Result<Begun, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut operator = Operator::new(OperatorSettings {
        kill_file: scenario.live.kill_file.clone(),
        dry_run: arguments.dry_run,
        signals: true,
    })
    .map_err(|error| said(&error))?;
    let log = Log::new(scenario.live.metrics.as_deref().map(Metrics::serve).transpose()?);
    let setup = |wants, instruments, heard, funding_since| Setup {
        config: place.config.clone(),
        keys: place.keys.clone(),
        clock: Arc::clone(&clock),
        instruments,
        wants,
        account: Default::default(),
        heard,
        funding_since,
    };
    let found = journal_of(arguments, scenario);
    let mut before = None;
    if let Some((journal, true)) = &found {
        let recorded = Recorded::open(journal, scenario)?;
        if recorded.header.bus == "memory" {
            let parts = recorded.parts(scenario)?;
            let instruments = recorded.header.instruments.clone();
            let missed = recorded.missed(scenario)?;
            let mut wants = wants(&parts, &limits(scenario));
            let paper = missed.as_ref().map(|_| scenario.paper_wants().or(wants));
            wants = paper.unwrap_or(wants);
            let mut health = None;
            log.runs_through(journal, recorded.file()?.footer().entries);
            let (mut kernel, unanswered) =
                recorded.run_through(journal, scenario, parts, &mut health)?;
            let symbols = instruments.len();
            let (heard, since) = match &missed {
                Some(missed) => (Vec::new(), missed.funding_since.clone()),
                None => (recorded.heard()?, None),
            };
            if kernel.now().0 <= recorded.header.start.0 + 1 {
                // It died before it began.
                wait_until(&clock, Nanos(kernel.now().0 + 1), &operator);
            }
            let link = BinanceLink::connect(setup(wants, instruments, heard, since))
                .map_err(|error| said(&error))?;
            bus::listen(scenario, Vec::new(), health, &mut operator, &link.waker())?;
            bus::watch_kill_key(scenario, &mut operator, &link.waker())?;
            let before = kernel.exchange().holds();
            kernel.exchange_mut().hold(operator.begin(Some(before)));
            let positions = kernel.exchange().positions().count();
            let mut session = Session::new(kernel, link, Arc::clone(&clock), operator, symbols);
            if let Some(missed) = missed {
                session.say(missed.notice(clock.now(), positions));
            }
            return Ok(Begun {
                session,
                journal: journal.clone(),
                clock,
                log,
                unanswered: Some(unanswered),
                starts_again: true,
                paper,
            });
        }
        recorded.has_its_exchange_elsewhere()?;
        before = Some(recorded);
    }
    // What goes on does not begin again.
    let begin_at = begin_at.filter(|_| before.is_none());
    let oldest = clock.now() - clock.span(LATE_MAX);
    if let Some(past) = begin_at.filter(|at| *at < oldest) {
        return Err(format!(
            "--begin-at {past} has passed, the venue's clock shows {}: give a time to come, or none",
            clock.now()
        ));
    }
    let start = begin_at.unwrap_or_else(|| clock.now());
    // What the services of a bus on a server have to keep lies there: only what was sent is left to be asked for.
    let (mut unanswered, mut heard, mut earlier, mut held) = (None, Vec::new(), None, None);
    if let Some(recorded) = &before {
        unanswered = Some(recorded.unanswered()?);
        heard = recorded.heard()?;
        earlier = Some(recorded.before()?);
        held = recorded.held()?;
    }
    let parts = scenario
        .session_after(facts.instruments.clone(), start, earlier.clone())
        .map_err(|error| said(&error))?;
    let NewVenue { venue, parts, wants, paper, assumed } = NewVenue::of(scenario, parts, &facts)?;
    let journal = found.map_or_else(|| new_journal(scenario, start), |(path, _)| path);
    if before.is_none() && journal.exists() {
        return Err(format!(
            "{}: the journal of a session that has ended is not written over: give another --journal, or move it away",
            journal.display()
        ));
    }
    // Everything that may refuse comes before the first byte of a journal.
    let SessionBus { bus, shared, health } = bus::open(scenario, start)?;
    let link = BinanceLink::connect(setup(wants, facts.instruments.clone(), heard, None))
        .map_err(|error| said(&error))?;
    let streams = if shared { bus::streams_of(&parts) } else { Vec::new() };
    bus::listen(scenario, streams, health, &mut operator, &link.waker())?;
    bus::watch_kill_key(scenario, &mut operator, &link.waker())?;
    let symbols = facts.instruments.len();
    let none = Holds::default();
    let mut guard = Guard::new(venue, limits(scenario), none, facts.instruments, FROM_NOW_ON);
    let mut aside = None;
    if let (Some(recorded), Some(earlier)) = (&before, &earlier) {
        for life in recorded.lives()? {
            guard.remember(life).map_err(|error| said(&error))?;
        }
        if let Some(name) = earlier.journals.last() {
            aside = Some(Aside::put(&journal, name)?);
        }
    }
    let sink = LiveSink::create(&journal, &parts.header).map_err(|error| said(&error))?;
    aside.map_or(Ok(()), Aside::done)?;
    if before.is_none() {
        bus::rehearse(scenario, parts.rehearses, start)?;
    }
    guard.hold(operator.begin(held));
    let mut kernel =
        Kernel::new(parts.config, bus, guard, LiveFeed::default(), parts.members, Box::new(sink));
    for (at, action) in parts.actions {
        kernel.at(at, action);
    }
    kernel.keep_market();
    if shared {
        kernel.share_bus();
    }
    if let Some(earlier) = earlier {
        kernel.number_requests_after(earlier.requests);
    }
    // What comes in meanwhile waits in its sockets.
    wait_until(&clock, start, &operator);
    let mut session = Session::new(kernel, link, Arc::clone(&clock), operator, symbols);
    assumed.into_iter().for_each(|notice| session.say(notice));
    Ok(Begun { session, journal, clock, log, unanswered, starts_again: false, paper })
}

/// What a session that begins trades at.
struct NewVenue {
    venue: AnyVenue,
    parts: SessionParts,
    /// What it wants of the market.
    wants: MarketWants,
    /// The same, of a paper session.
    paper: Option<MarketWants>,
    assumed: Vec<Notice>,
}

impl NewVenue {
    fn of(
        scenario: &Scenario,
        parts: SessionParts,
        facts: &VenueFacts,
    ) -> Result<NewVenue, String> {
        let wants = wants(&parts, &limits(scenario));
        if scenario.venue != TradingVenue::Paper {
            let (venue, assumed): (AnyVenue, _) = (Box::new(Remote::default()), Vec::new());
            return Ok(NewVenue { venue, parts, wants, paper: None, assumed });
        }
        let terms = paper::terms(facts)?;
        let parts = parts.on_paper(&terms).map_err(|error| error.to_string())?;
        let exchange = scenario.paper_exchange(&paper::header(&parts)?);
        let exchange = exchange.map_err(|error| error.to_string())?;
        let assumed = paper::assumptions(scenario, &exchange);
        let wants = wants.or(scenario.paper_wants());
        let venue: AnyVenue = Box::new(Paper::new(Rerun::new(exchange)));
        Ok(NewVenue { venue, parts, wants, paper: Some(wants), assumed })
    }
}

#[allow(clippy::disallowed_methods)] // The edge: the session has not begun.
fn wait_until(clock: &LiveClock, start: Nanos, operator: &Operator) {
    while clock.now() < start && !operator.is_asked_to_stop() {
        std::thread::sleep(clock.wait(start).min(LOOK_EVERY));
    }
}

/// A session that was killed.
pub struct Recorded {
    partial: PathBuf,
    header: SessionHeader,
    services: Vec<String>,
}

impl Recorded {
    /// Reads it, if it is one of this venue and bus.
    pub fn open(journal: &Path, scenario: &Scenario) -> Result<Recorded, String> {
        let partial = beside(journal, ".partial");
        let shown = partial.display().to_string();
        if LiveSink::is_being_written(journal) {
            return Err(format!(
                "{shown}: a session that runs writes it; give this one another --journal, or its process another live.instance"
            ));
        }
        let file = JournalFile::open(&partial).map_err(|error| error.to_string())?;
        let header = session_of(file.header()).ok_or(format!(
            "{shown}: not the journal of a live session; move it away to begin a new one"
        ))?;
        let bus = if scenario.live.redis.is_some() { "redis" } else { "memory" };
        if header.bus != bus {
            let of = |bus: &str| match bus {
                "redis" => "on a Redis server",
                _ => "embedded",
            };
            return Err(format!(
                "{shown}: the session that was not ended had its bus {}, and the file says now: {}; put live.redis back to what it was, or move the journal away to begin a new session",
                of(&header.bus),
                of(bus)
            ));
        }
        let services = scenarios::services_of(file.header());
        let recorded = Recorded { partial, header, services };
        recorded.same_venue(scenario)?;
        Ok(recorded)
    }

    /// The session's parts by the file of now: who changed it in between is told by the comparison with the recording.
    fn parts(&self, scenario: &Scenario) -> Result<SessionParts, String> {
        scenario
            .session(self.header.instruments.clone(), self.header.start)
            .map_err(|error| error.to_string())
    }

    fn same_venue(&self, scenario: &Scenario) -> Result<(), String> {
        if self.header.venue != scenario.venue.word() {
            return Err(format!(
                "{}: a session at {} was not ended, and this one trades at {}: end it there first, or give another --journal",
                self.partial.display(),
                self.header.venue,
                scenario.venue.word()
            ));
        }
        Ok(())
    }

    /// A paper session's exchange lives in its journal, and what others wrote on a shared bus is not done again.
    fn has_its_exchange_elsewhere(&self) -> Result<(), String> {
        if self.header.paper.is_none() {
            return Ok(());
        }
        Err(format!(
            "{}: a paper session on a Redis server cannot go on: move its journal away to begin a new one, with a new account; without live.redis it would go on",
            self.partial.display()
        ))
    }

    /// What a paper session has not seen of the market; none of others.
    fn missed(&self, scenario: &Scenario) -> Result<Option<Missed>, String> {
        if self.header.paper.is_none() {
            return Ok(None);
        }
        let missed = Missed::behind(self.file()?, &self.header, scenario);
        missed.map(Some).map_err(|error| error.to_string())
    }

    /// What answers while the recording is run through, and from when on the session's limits decide by themselves.
    fn venue(&self, scenario: &Scenario) -> Result<(AnyVenue, Nanos), String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        if self.header.paper.is_none() {
            let open = || JournalFile::open(&self.partial);
            let exchange = RecordedExchange::new(open).map_err(|error| said(&error))?;
            let venue: AnyVenue = Box::new(Remote::behind(exchange));
            return Ok((venue, Nanos::NEVER));
        }
        let exchange = scenario.paper_exchange(&self.header).map_err(|error| said(&error))?;
        let exchange = Rerun::recorded(exchange, self.file()?).map_err(|error| said(&error))?;
        // A refusal comes back after its request: that of a request in the last instant is not in the recording.
        let end = self.file()?.last_time().map_err(|error| said(&error))?;
        let venue: AnyVenue = Box::new(Paper::new(exchange));
        Ok((venue, end))
    }

    fn file(&self) -> Result<JournalFile, String> {
        JournalFile::open(&self.partial).map_err(|error| error.to_string())
    }

    /// This journal and those of its earlier lives, oldest first.
    fn lives(&self) -> Result<Vec<JournalFile>, String> {
        let earlier = self.header.before.iter().flat_map(|before| &before.journals);
        let mut lives: Vec<JournalFile> = Vec::new();
        for name in earlier {
            let path = self.partial.with_file_name(name);
            lives.push(JournalFile::open(&path).map_err(|error| error.to_string())?);
        }
        lives.push(self.file()?);
        Ok(lives)
    }

    /// All of some kind in the journals of all lives.
    fn all<T>(&self, pick: fn(JournalEntry) -> Option<T>) -> Result<Vec<T>, String> {
        let mut found = Vec::new();
        for file in self.lives()? {
            let mut entries = Entries::new(file, pick).map_err(|error| error.to_string())?;
            while let Some((_, one)) = entries.take().map_err(|error| error.to_string())? {
                found.push(one);
            }
        }
        Ok(found)
    }

    fn heard(&self) -> Result<Vec<ExchangeEvent>, String> {
        self.all(|entry| match entry {
            JournalEntry::Exchange(event @ ExchangeEvent::User { .. }) => Some(event),
            _ => None,
        })
    }

    /// What held when it died.
    fn held(&self) -> Result<Option<Holds>, String> {
        let said = self.all(|entry| match entry {
            JournalEntry::Action(text) => Command::parse(&text),
            _ => None,
        })?;
        let mut holds = said.into_iter().filter_map(|command| match command {
            Command::Hold(holds, _) => Some(holds),
            _ => None,
        });
        Ok(holds.next_back())
    }

    /// What the next life has to know of this one and those before it.
    fn before(&self) -> Result<Before, String> {
        let sent = self.all(|entry| match entry {
            JournalEntry::Submit { id, .. } => Some(id),
            _ => None,
        })?;
        let until = self.file()?.last_time().map_err(|error| error.to_string())?;
        let earlier = self.header.before.as_ref();
        let mut journals = earlier.map_or(Vec::new(), |before| before.journals.clone());
        let name = self.partial.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(".partial").unwrap_or(&name);
        let mut number = journals.len() + 1;
        let aside = |number: usize| format!("{stem}.killed-{number}.partial");
        while self.partial.with_file_name(aside(number)).exists() {
            number += 1;
        }
        journals.push(aside(number));
        Ok(Before {
            began: earlier.map_or(self.header.start, |before| before.began),
            until: until.max(self.header.start),
            requests: sent.into_iter().max().unwrap_or_default(),
            journals,
        })
    }

    /// The requests without an answer.
    fn unanswered(&self) -> Result<Vec<Unanswered>, String> {
        enum Half {
            Sent(engine::ServiceId, engine::RequestId, engine::Request),
            Answered(engine::RequestId),
        }
        let halves = self.all(|entry| match entry {
            JournalEntry::Submit { service, id, request } => Some(Half::Sent(service, id, request)),
            JournalEntry::PositionRisk { request, .. }
            | JournalEntry::Exchange(ExchangeEvent::Response { request, .. }) => {
                Some(Half::Answered(request))
            }
            _ => None,
        })?;
        let mut open = std::collections::BTreeMap::new();
        for half in halves {
            match half {
                Half::Sent(service, id, request) => {
                    let from = engine::Sender { service, account: Default::default() };
                    open.insert(id, Unanswered { from, id, request, recorded: true });
                }
                Half::Answered(id) => {
                    open.remove(&id);
                }
            }
        }
        Ok(open.into_values().collect())
    }

    fn run_through(
        &self,
        journal: &Path,
        scenario: &Scenario,
        parts: SessionParts,
        health: &mut Option<Health>,
    ) -> Result<(LiveKernel<AnyVenue>, Vec<Unanswered>), String> {
        let goes_on = |error: &dyn std::fmt::Display| {
            format!(
                "{}: the session cannot go on: {error}\nqsim: go on with the qsim and the file of then, or move the journal away to begin a new session (it then finds what the account holds)",
                self.partial.display()
            )
        };
        let open = || JournalFile::open(&self.partial);
        let feed = open().and_then(RecordedFeed::new).map_err(|error| goes_on(&error))?;
        let (venue, decides_from) = self.venue(scenario).map_err(|error| goes_on(&error))?;
        let (sink, file) =
            LiveSink::resume(journal, self.services.clone()).map_err(|error| goes_on(&error))?;
        let SessionBus { bus, health: own, .. } = bus::open(scenario, self.header.start)?;
        *health = own;
        let instruments = self.header.instruments.clone();
        let holds = Holds::default();
        let guard = Guard::new(venue, limits(scenario), holds, instruments, decides_from);
        let feed = LiveFeed::behind(feed);
        debug_assert!(feed.waits(), "a live feed waits");
        let sink = Box::new(sink);
        let mut kernel = Kernel::new(parts.config, bus, guard, feed, parts.members, sink);
        for (at, action) in parts.actions {
            kernel.at(at, action);
        }
        kernel.keep_market();
        let numbers = open().map_err(|error| goes_on(&error))?;
        kernel.replay_numbers(Box::new(NumbersOf::new(numbers)));
        let unanswered = run_through(&mut kernel, file).map_err(|error| goes_on(&error))?;
        Ok((kernel, unanswered))
    }
}

impl Begun {
    /// Runs the session to its end; gives the journal's place, too. For tests of restarts it dies behind the entry
    /// `die_at`.
    pub fn run(
        mut self,
        length: Option<Nanos>,
        die_at: Option<u64>,
    ) -> Result<(PathBuf, Result<Ended, SessionError>), String> {
        if let Some(entry) = die_at {
            self.session.die_at(entry, live::session::kill_self);
        }
        let unanswered = self.unanswered.as_ref().map(Vec::len);
        self.log.began(&self.journal, unanswered, self.paper.is_some());
        let until = length.map(|length| self.clock.now() + length);
        let ended = self.run_until(until);
        self.log.ended(self.session.stats());
        Ok((self.journal, ended))
    }

    fn run_until(&mut self, until: Option<Nanos>) -> Result<Ended, SessionError> {
        if let Some(unanswered) = self.unanswered.take() {
            self.session.settle(unanswered, SETTLE_MAX, &mut self.log)?;
            if self.starts_again {
                if let Some(wants) = self.paper {
                    self.session.wait_for_market(wants, PRICES_MAX, &mut self.log)?;
                }
                start_again(self.session.kernel_mut(), self.clock.now())?;
            }
        }
        if !self.starts_again {
            self.session.ask_account()?;
        }
        self.session.run(until, &mut self.log)
    }
}
