//! The kernel: takes the earliest of schedule, exchange and market feed, journals it, hands it to its
//! service, and turns what the service asked for into new entries.
//!
//! Invariant: nothing but (time, class, sequence) orders events, and time never goes back.

mod action;
mod acts;
mod batch;
mod command;
mod exchange_events;
mod fork;
mod late_feed;
mod links;
mod lives;
mod market;
mod outage;
mod pace;
mod readers;
mod recording;
mod scheduled;
mod seat;
mod supervisor;

pub use action::{Action, Dies, Supervision};
pub(crate) use outage::EXCHANGE_TIME_OUT;
pub use seat::ServiceLife;

use std::collections::BTreeMap;

use batch::Batch;
use late_feed::LateFeed;
use pace::Slowness;
use seat::{Links, Seat};
use serde::{Deserialize, Serialize};

use crate::context::{BusLosses, Core, Gauges};
use crate::faults::{Active, Faults};
use crate::schedule::{Class, Due, Schedule};
use crate::{
    AccountId, Activity, Bus, BusError, Context, Entry, Exchange, ExchangeEvent, Feed, FeedError,
    FeedLatency, Input, Instrument, Journal, JournalError, JournalFooter, JournalSink, Link,
    Lookup, MarketEvent, MarketWants, NamedRng, Nanos, PendingRule, RecordedNumbers, RequestId,
    Service, ServiceId, ThinkingTime, Touch, Watch, Wiring,
};

/// How often readers look after what was left pending.
const HOUSEKEEPING: Nanos = Nanos::from_secs(60);

/// What a run needs to know beside its parts.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// Seed of all named random streams.
    pub seed: u64,
    /// Virtual time at which the services start.
    pub start: Nanos,
    /// The run's symbols.
    pub instruments: Vec<Instrument>,
    /// Delivery time of stream entries.
    pub link: Link,
    /// Other delivery times, by stream.
    pub links: BTreeMap<String, Link>,
    /// Delivery time of calls between services, one way.
    pub call_link: Link,
    /// From the exchange to the services that ask for market events.
    pub feed_latency: FeedLatency,
}

/// A service and what it costs.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name; unique, and the name of its random stream and consumer.
    pub name: String,
    /// The service, in its first state.
    pub service: Box<dyn Service>,
    /// How long it thinks.
    pub thinking: ThinkingTime,
    /// Whose key it holds on the exchange.
    pub account: AccountId,
    /// Streams that it finds under another name: what it calls the first is the second.
    pub streams: BTreeMap<&'static str, &'static str>,
    /// What becomes of entries that it did not handle to their end.
    pub pending: PendingRule,
}

impl Member {
    /// One that does not think and holds the first account's key.
    pub fn new(name: impl Into<String>, service: Box<dyn Service>) -> Member {
        let thinking = ThinkingTime::default();
        let (account, streams) = (AccountId::default(), BTreeMap::new());
        let pending = PendingRule::default();
        Member { name: name.into(), service, thinking, account, streams, pending }
    }

    /// What its service is connected to, under the names of this run.
    pub fn wiring(&self) -> Wiring {
        let mut wiring = self.service.wiring();
        let named = |stream: &'static str| self.streams.get(stream).copied().unwrap_or(stream);
        for reader in &mut wiring.readers {
            if let Some(other) = self.streams.get(reader.stream.as_str()) {
                (*other).clone_into(&mut reader.stream);
            }
        }
        wiring
            .writes
            .iter_mut()
            .chain(&mut wiring.looks)
            .for_each(|stream| *stream = named(stream));
        wiring
    }
}

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The journal, or a replay that differs.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Wiring that the bus refuses.
    #[error("wiring of {service}: {error}")]
    Wiring {
        /// Which service.
        service: String,
        /// What the bus said.
        error: BusError,
    },
    /// Market events that go back in time.
    #[error("the market feed went back in time, from {from} to {to}: sort or re-import the data")]
    FeedDisorder {
        /// Time of the event before.
        from: Nanos,
        /// Time of the event after it.
        to: Nanos,
    },
}

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Market events.
    pub market: u64,
    /// All inputs that services handled, market events among them.
    pub handled: u64,
    /// Entries published.
    pub published: u64,
    /// Entries acknowledged.
    pub acknowledged: u64,
}

#[derive(Clone, Copy)]
struct Subscriber {
    service: ServiceId,
    wants: MarketWants,
}

/// An input that waits until its service has thought about it.
#[derive(Clone)]
enum Waiting {
    Market(ServiceId, MarketEvent),
    Exchange(ServiceId, ExchangeEvent),
}

impl Waiting {
    fn service(&self) -> ServiceId {
        match self {
            Waiting::Market(service, _) | Waiting::Exchange(service, _) => *service,
        }
    }
}

/// One run.
pub struct Kernel<X, F> {
    core: Core,
    exchange: X,
    feed: F,
    seats: Vec<Seat>,
    subscribers: Vec<Subscriber>,
    timeline: Vec<Action>,
    links: Links,
    slow: Vec<Active<Slowness>>,
    crash_loops: Vec<Active<(ServiceId, Dies)>>,
    batch: Batch,
    /// How many batches the feed has given.
    batches: u64,
    cursor: usize,
    feed_ended: bool,
    feed_time: Nanos,
    /// Market events on their way to the services, when that takes time.
    late: Option<LateFeed>,
    from_exchange: Vec<ExchangeEvent>,
    entries: Vec<Entry>,
    waiting: Vec<Option<Waiting>>,
    waiting_free: Vec<u32>,
    counts: RunCounts,
    started: bool,
    /// What the bus answered, on its way to the journal.
    replies: Vec<u8>,
}

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// Puts a run together. Services are numbered in the order given.
    pub fn new(
        config: KernelConfig,
        bus: Box<dyn Bus>,
        exchange: X,
        feed: F,
        members: Vec<Member>,
        sink: Box<dyn JournalSink>,
    ) -> Kernel<X, F> {
        let mut core = Core {
            now: config.start,
            instruments: config.instruments,
            bus,
            schedule: Schedule::default(),
            readers: Vec::new(),
            readers_of: Lookup::default(),
            journal: Journal::new(sink),
            calls: Lookup::default(),
            call_link: config.call_link,
            call_rng: NamedRng::new(config.seed, "link:calls"),
            next_call: 0,
            next_request: 0,
            names: members.iter().map(|m| m.name.clone()).collect(),
            counters: vec![BTreeMap::new(); members.len()],
            gauges: vec![Gauges::new(); members.len()],
            rngs: members.iter().map(|m| NamedRng::new(config.seed, &m.name)).collect(),
            lives: vec![0; members.len()],
            accounts: members.iter().map(|m| m.account).collect(),
            streams: members.iter().map(|m| m.streams.clone()).collect(),
            pending: members.iter().map(|m| m.pending).collect(),
            published: 0,
            activity: vec![Activity::default(); members.len()],
            touches: None,
            recorded: None,
            faults: Faults::new(members.len()),
            shared_bus: false,
            unanswered: false,
            submitted: false,
            bus_losses: BusLosses::default(),
        };
        let links = Links { usual: config.link, by_stream: config.links, seed: config.seed };
        let mut seats = Vec::new();
        let mut subscribers = Vec::new();
        for (place, member) in members.into_iter().enumerate() {
            let service = ServiceId(place as u16);
            let wiring = member.wiring();
            if wiring.market != MarketWants::NONE {
                subscribers.push(Subscriber { service, wants: wiring.market });
            }
            for (index, reader) in wiring.readers.into_iter().enumerate() {
                core.add_reader(service, index, reader, &links);
            }
            seats.push(Seat::new(member, wiring.user_stream, config.start));
        }
        let wanted = subscribers.iter().fold(MarketWants::NONE, |all, s| all.or(s.wants));
        let late = (config.feed_latency != FeedLatency::NONE)
            .then(|| LateFeed::new(config.feed_latency, wanted, config.seed));
        Kernel {
            core,
            exchange,
            feed,
            seats,
            subscribers,
            timeline: Vec::new(),
            links,
            slow: Vec::new(),
            crash_loops: Vec::new(),
            batch: Batch::default(),
            batches: 0,
            cursor: 0,
            feed_ended: false,
            feed_time: config.start,
            late,
            from_exchange: Vec::new(),
            entries: Vec::new(),
            waiting: Vec::new(),
            waiting_free: Vec::new(),
            counts: RunCounts::default(),
            started: false,
            replies: Vec::new(),
        }
    }

    /// Adds an action to the timeline; before the run, or from its present on.
    pub fn at(&mut self, time: Nanos, action: Action) {
        let (place, time) = (self.timeline.len() as u32, time.max(self.core.now));
        self.timeline.push(action);
        match self.started {
            true => self.core.schedule.push(time, Class::Action, Due::Action(place)),
            false => self.core.schedule.push_known(time, place, Due::Action(place)),
        }
    }

    /// Lets somebody watch, from the first entry on.
    pub fn watch(&mut self, watch: Box<dyn Watch>) {
        self.core.journal.set_watch(watch);
    }

    /// Ends the watching, and gives back who watched; [`Kernel::watch`] begins it again.
    pub fn take_watch(&mut self) -> Option<Box<dyn Watch>> {
        self.core.journal.take_watch()
    }

    /// Whether [`Kernel::run_until`] came back early, because who watches wanted to look; asking lets the run
    /// go on.
    pub fn paused(&mut self) -> bool {
        self.core.journal.take_pause()
    }

    /// For a replay: what services ask for from outside comes from this recording.
    pub fn replay_numbers(&mut self, recorded: Box<dyn RecordedNumbers>) {
        self.core.recorded = Some(recorded);
    }

    /// Virtual time.
    pub fn now(&self) -> Nanos {
        self.core.now
    }

    /// The exchange.
    pub fn exchange(&self) -> &X {
        &self.exchange
    }

    /// The exchange, to set it up before the run.
    pub fn exchange_mut(&mut self) -> &mut X {
        &mut self.exchange
    }

    /// The bus, to set it up before the run or to look at it after.
    pub fn bus_mut(&mut self) -> &mut dyn Bus {
        &mut *self.core.bus
    }

    /// The feed, to hand it what has come in.
    pub fn feed_mut(&mut self) -> &mut F {
        &mut self.feed
    }

    /// From now on market events stand in the journal one by one, because no data set has them. To be called before
    /// the first one.
    pub fn keep_market(&mut self) {
        self.core.journal.keep_market();
    }

    /// Hands all that is journaled to the sink, so that it outlives the process. Whatever the kernel wants sent may
    /// be sent after it.
    pub fn sync(&mut self) -> Result<(), RunError> {
        Ok(self.core.journal.sync()?)
    }

    /// When something is due that is known now; [`Nanos::NEVER`] if all waits for something to come in.
    pub fn next_due(&mut self) -> Nanos {
        self.core.schedule.horizon().time.min(self.exchange.next_due()).min(self.next_market())
    }

    /// Entries journaled so far.
    pub fn entries(&self) -> u64 {
        self.core.journal.entries()
    }

    /// The feed.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    /// Names of the services, in their order.
    pub fn services(&self) -> &[String] {
        &self.core.names
    }

    /// A service's state.
    pub fn state(&self, service: ServiceId) -> Option<&dyn Service> {
        self.seats.get(service.0 as usize).map(|seat| &*seat.service)
    }

    /// Whether a service runs, and how often it has started.
    pub fn life(&self, service: ServiceId) -> Option<ServiceLife> {
        let seat = self.seats.get(service.0 as usize)?;
        Some(seat.life(self.core.now))
    }

    /// What faults did to a service, by name.
    pub fn fault_counts(&self, service: ServiceId) -> Option<&BTreeMap<&'static str, u64>> {
        self.core.faults.counts(service)
    }

    /// From now on notes what each service touches; see [`Kernel::touches`].
    pub fn watch_touches(&mut self) {
        self.core.touches.get_or_insert_default();
    }

    /// What the services touched since [`Kernel::watch_touches`].
    pub fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.core.touches.iter().flatten()
    }

    /// The counters of a service.
    pub fn counters(&self, service: ServiceId) -> Option<&BTreeMap<&'static str, u64>> {
        self.core.counters.get(service.0 as usize)
    }

    /// The gauges of a service.
    pub fn gauges(&self, service: ServiceId) -> Option<&Gauges> {
        self.core.gauges.get(service.0 as usize)
    }

    /// Counts so far.
    pub fn counts(&self) -> RunCounts {
        RunCounts {
            market: self.core.journal.market_events(),
            published: self.core.published,
            ..self.counts.clone()
        }
    }

    /// The feed has no more events and nothing of it is on its way.
    pub fn market_ended(&self) -> bool {
        self.feed_ended
            && self.cursor == self.batch.len()
            && !self.late.as_ref().is_some_and(LateFeed::has_more)
    }

    /// Runs until everything due up to and including `until` has happened; services start at the first
    /// call. The clock then stands at `until`.
    pub fn run_until(&mut self, until: Nanos) -> Result<(), RunError> {
        if !self.started {
            self.started = true;
            for place in 0..self.seats.len() {
                self.start(ServiceId(place as u16))?;
            }
        }
        self.refill()?;
        loop {
            let schedule = self.core.schedule.horizon();
            let exchange = self.exchange.next_due();
            let market = self.next_market();
            // Earlier class wins a tie: action < market < exchange < delivery < timer.
            let market_first = market <= exchange
                && (market < schedule.time
                    || (market == schedule.time && schedule.class > Class::Market));
            let exchange_first = exchange < schedule.time
                || (exchange == schedule.time && schedule.class > Class::Exchange);
            if market_first && market != Nanos::NEVER {
                if market > until {
                    break;
                }
                self.market(until)?;
            } else if exchange_first && exchange != Nanos::NEVER {
                if exchange > until {
                    break;
                }
                self.advance_exchange(exchange);
            } else {
                if schedule.time > until || schedule.time == Nanos::NEVER {
                    break;
                }
                if let Some(item) = self.core.schedule.pop() {
                    self.scheduled(item)?;
                }
            }
            if self.core.journal.halted() {
                if let Some(failure) = self.core.journal.take_failure() {
                    return Err(failure.into());
                }
                // Who watches wants to look: the clock stays where it is.
                return Ok(());
            }
        }
        self.core.now = self.core.now.max(until);
        Ok(())
    }

    /// Stops the services and closes the journal.
    pub fn finish(&mut self) -> Result<JournalFooter, RunError> {
        for place in 0..self.seats.len() {
            let service = ServiceId(place as u16);
            if self.seats[place].alive {
                self.core.journal.stop(self.core.now, service);
                self.handle(service, Input::Stop);
            }
        }
        Ok(self.core.journal.finish(self.core.now)?)
    }

    /// Runs the service on one input; `true` if it wants to keep the entry pending.
    #[inline]
    fn handle(&mut self, service: ServiceId, input: Input<'_>) -> bool {
        self.counts.handled += 1;
        let activity = &mut self.core.activity[service.0 as usize];
        activity.seen_at = self.core.now;
        activity.inputs +=
            u64::from(!matches!(input, Input::Start | Input::Timer(_) | Input::Stop));
        let skew = self.core.faults.skews[service.0 as usize];
        let delivers = matches!(input, Input::Delivery(_));
        if self.core.shared_bus {
            // What the kernel itself asked in vain is none of this service's business.
            let _ = self.core.bus.take_lost();
            self.core.unanswered = false;
            self.core.submitted = false;
        }
        let mut ctx = Context {
            core: &mut self.core,
            exchange: &mut self.exchange,
            me: service,
            leave_pending: false,
            skew,
        };
        self.seats[service.0 as usize].service.handle(input, &mut ctx);
        let mut kept = ctx.leave_pending;
        if self.core.shared_bus {
            self.core.look_for_loss();
            // It comes back, unless something is under way for it already: once more is worse than not at all.
            if delivers && !kept && self.core.unanswered && !self.core.submitted {
                self.core.bus_losses.kept += 1;
                kept = true;
            }
            self.tape();
        }
        kept
    }

    /// What a bus on a server did not do at once.
    pub fn bus_losses(&self) -> BusLosses {
        self.core.bus_losses
    }

    /// The number of the last request; those of a session that goes on after another one follow that one's.
    pub fn number_requests_after(&mut self, last: RequestId) {
        self.core.next_request = last.0;
    }

    /// Others write on the bus: what it answers is an input, and journaled.
    pub fn share_bus(&mut self) {
        self.core.shared_bus = true;
    }

    #[cold]
    fn tape(&mut self) {
        let mut replies = std::mem::take(&mut self.replies);
        self.core.bus.take_tape(&mut replies);
        if !replies.is_empty() {
            self.core.journal.tape(self.core.now, &replies);
            replies.clear();
        }
        self.replies = replies;
    }

    /// What the service could do now, for what the kernel does in its name.
    fn context(&mut self, service: ServiceId) -> Context<'_> {
        let skew = self.core.faults.skews[service.0 as usize];
        let (core, exchange) = (&mut self.core, &mut self.exchange);
        Context { core, exchange, me: service, leave_pending: false, skew }
    }
}
