//! The kernel: takes the earliest of schedule, exchange and market feed, journals it, hands it to its
//! service, and turns what the service asked for into new entries.
//!
//! Invariant: nothing but (time, class, sequence) orders events, and time never goes back.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::context::{Core, ReaderMode, ReaderState};
use crate::schedule::{Class, Due, Item, Schedule};
use crate::{
    Body, Bus, BusError, Call, Context, Delivery, Entry, EntryId, Exchange, ExchangeEvent, Feed,
    FeedError, GroupStart, Input, Instrument, Journal, JournalError, JournalFooter, JournalSink,
    Link, Lookup, MarketEvent, MarketWants, NamedRng, Nanos, ReadFrom, ReadMode, Reply, Service,
    ServiceId, ThinkingTime, Trim,
};

/// An entry that has lain in a pending list for so long is delivered again.
const CLAIM_IDLE: Nanos = Nanos::from_secs(60);
/// How often readers look after what was left pending.
const HOUSEKEEPING: Nanos = Nanos::from_secs(60);
/// An entry that was delivered so often goes to the dead letters.
const DELIVERIES_MAX: u64 = 3;
/// Entries claimed at one look.
const CLAIM_COUNT: usize = 10;

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
    /// From the exchange to the services that ask for market events; constant.
    pub feed_latency: Nanos,
}

/// A service and what it costs.
pub struct Member {
    /// Its name; unique, and the name of its random stream and consumer.
    pub name: String,
    /// The service, in its first state.
    pub service: Box<dyn Service>,
    /// How long it thinks.
    pub thinking: ThinkingTime,
}

/// Something that the scenario does to the run at a set time.
#[derive(Clone, Debug)]
pub enum Action {
    /// The service loses its memory and handles nothing.
    Crash(ServiceId),
    /// It starts again, from its first state; the bus is as it was left.
    Restart(ServiceId),
    /// An entry appears in a stream.
    Publish {
        /// Which stream.
        stream: String,
        /// The entry.
        body: Body,
    },
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

struct Seat {
    service: Box<dyn Service>,
    first_state: Box<dyn Service>,
    alive: bool,
    busy_until: Nanos,
    thinking: ThinkingTime,
    user_stream: bool,
}

struct Subscriber {
    service: ServiceId,
    wants: MarketWants,
}

/// An input that waits until its service has thought about it.
enum Waiting {
    Market(ServiceId, MarketEvent),
    Exchange(ServiceId, ExchangeEvent),
}

/// One run.
pub struct Kernel<X, F> {
    core: Core,
    exchange: X,
    feed: F,
    seats: Vec<Seat>,
    subscribers: Vec<Subscriber>,
    timeline: Vec<Action>,
    batch: Vec<MarketEvent>,
    cursor: usize,
    feed_ended: bool,
    feed_time: Nanos,
    feed_latency: Nanos,
    /// Market events on their way to the services, when that takes time.
    in_flight: VecDeque<MarketEvent>,
    from_exchange: Vec<ExchangeEvent>,
    entries: Vec<Entry>,
    waiting: Vec<Option<Waiting>>,
    waiting_free: Vec<u32>,
    counts: RunCounts,
    started: bool,
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
            rngs: members.iter().map(|m| NamedRng::new(config.seed, &m.name)).collect(),
            lives: vec![0; members.len()],
            published: 0,
            exchange_changed: false,
        };
        let mut seats = Vec::new();
        let mut subscribers = Vec::new();
        for (place, member) in members.into_iter().enumerate() {
            let service = ServiceId(place as u16);
            let wiring = member.service.wiring();
            if wiring.market != MarketWants::NONE {
                subscribers.push(Subscriber { service, wants: wiring.market });
            }
            for (index, reader) in wiring.readers.into_iter().enumerate() {
                let (group, start) = match reader.mode {
                    ReadMode::Group { group, start } => (Some(group), start),
                    ReadMode::Tail { start } => (None, start),
                };
                let link = config.links.get(&reader.stream).copied().unwrap_or(config.link);
                let rng =
                    NamedRng::new(config.seed, &format!("link:{}:{}", reader.stream, member.name));
                let number = core.readers.len() as u32;
                match core.readers_of.get_mut(reader.stream.as_str()) {
                    Some(readers) => readers.push(number),
                    None => {
                        core.readers_of.insert(reader.stream.clone(), vec![number]);
                    }
                }
                core.readers.push(ReaderState {
                    service,
                    index,
                    stream: reader.stream,
                    group,
                    start,
                    position: EntryId::ZERO,
                    arrivals: VecDeque::new(),
                    last_arrival: Nanos::ZERO,
                    scheduled: false,
                    mode: ReaderMode::Down,
                    redeliveries: VecDeque::new(),
                    link,
                    rng,
                });
            }
            seats.push(Seat {
                first_state: member.service.clone_service(),
                service: member.service,
                alive: false,
                busy_until: Nanos::ZERO,
                thinking: member.thinking,
                user_stream: wiring.user_stream,
            });
        }
        Kernel {
            core,
            exchange,
            feed,
            seats,
            subscribers,
            timeline: Vec::new(),
            batch: Vec::new(),
            cursor: 0,
            feed_ended: false,
            feed_time: config.start,
            feed_latency: config.feed_latency,
            in_flight: VecDeque::new(),
            from_exchange: Vec::new(),
            entries: Vec::new(),
            waiting: Vec::new(),
            waiting_free: Vec::new(),
            counts: RunCounts::default(),
            started: false,
        }
    }

    /// Adds an action to the timeline; before the run, or from its present on.
    pub fn at(&mut self, time: Nanos, action: Action) {
        let place = self.timeline.len() as u32;
        self.timeline.push(action);
        self.core.schedule.push(time.max(self.core.now), Class::Action, Due::Action(place));
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

    /// The counters of a service.
    pub fn counters(&self, service: ServiceId) -> Option<&BTreeMap<&'static str, u64>> {
        self.core.counters.get(service.0 as usize)
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
        self.feed_ended && self.cursor == self.batch.len() && self.in_flight.is_empty()
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
            if self.core.journal.failed()
                && let Some(failure) = self.core.journal.take_failure()
            {
                return Err(failure.into());
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

    // ---- market ---------------------------------------------------------------------------------

    fn refill(&mut self) -> Result<(), RunError> {
        if self.cursor == self.batch.len() && !self.feed_ended {
            self.feed.next_batch(&mut self.batch)?;
            self.cursor = 0;
            self.feed_ended = self.batch.is_empty();
            if let Some(first) = self.batch.first()
                && first.time < self.feed_time
            {
                return Err(RunError::FeedDisorder { from: self.feed_time, to: first.time });
            }
        }
        Ok(())
    }

    #[inline]
    fn next_market(&self) -> Nanos {
        let fresh = self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time);
        match self.in_flight.front() {
            Some(event) => Nanos(fresh.0.min(event.time.0 + self.feed_latency.0)),
            None => fresh,
        }
    }

    /// Runs market events until something else is due.
    fn market(&mut self, until: Nanos) -> Result<(), RunError> {
        if self.feed_latency.0 > 0 {
            return self.market_with_latency();
        }
        loop {
            let schedule = self.core.schedule.horizon();
            // Market events of the same instant come before everything but actions.
            let bound = if schedule.class > Class::Market {
                schedule.time
            } else {
                Nanos(schedule.time.0 - 1)
            };
            let bound = Nanos(bound.0.min(until.0));
            self.core.exchange_changed = false;
            while let Some(&event) = self.batch.get(self.cursor) {
                if event.time > bound || event.time > self.exchange.next_due() {
                    return Ok(());
                }
                if event.time < self.feed_time {
                    return Err(RunError::FeedDisorder { from: self.feed_time, to: event.time });
                }
                self.feed_time = event.time;
                self.core.now = event.time;
                self.cursor += 1;
                self.core.journal.market();
                self.exchange.observe(&event);
                if self.offer(&event) {
                    // A service may have set a timer or published: look at the schedule again.
                    break;
                }
            }
            if self.cursor == self.batch.len() {
                self.refill()?;
                if self.feed_ended {
                    return Ok(());
                }
            }
        }
    }

    /// As `market`, one event at a time: the exchange sees it now, the services later.
    fn market_with_latency(&mut self) -> Result<(), RunError> {
        let fresh = self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time);
        let arriving =
            self.in_flight.front().map_or(Nanos::NEVER, |event| event.time + self.feed_latency);
        if arriving <= fresh {
            if let Some(event) = self.in_flight.pop_front() {
                self.core.now = arriving;
                self.offer(&event);
            }
            return Ok(());
        }
        let event = self.batch[self.cursor];
        if event.time < self.feed_time {
            return Err(RunError::FeedDisorder { from: self.feed_time, to: event.time });
        }
        self.feed_time = event.time;
        self.core.now = event.time;
        self.cursor += 1;
        self.core.journal.market();
        self.exchange.observe(&event);
        if self.subscribers.iter().any(|s| s.wants.wants(&event.data)) {
            self.in_flight.push_back(event);
        }
        self.refill()
    }

    /// Hands a market event to those who asked for it; `true` if somebody did.
    #[inline]
    fn offer(&mut self, event: &MarketEvent) -> bool {
        let mut offered = false;
        for place in 0..self.subscribers.len() {
            let Subscriber { service, wants } = self.subscribers[place];
            if !wants.wants(&event.data) {
                continue;
            }
            let seat = &mut self.seats[service.0 as usize];
            if !seat.alive {
                continue;
            }
            offered = true;
            if seat.thinking.market.0 > 0 || seat.busy_until > self.core.now {
                self.wait(
                    service,
                    Waiting::Market(service, *event),
                    seat_think(&self.seats, service).market,
                );
            } else {
                self.handle(service, Input::Market(event));
            }
        }
        offered
    }

    // ---- exchange -------------------------------------------------------------------------------

    fn advance_exchange(&mut self, now: Nanos) {
        self.core.now = now;
        let mut events = std::mem::take(&mut self.from_exchange);
        self.exchange.advance(now, &mut events);
        for event in events.drain(..) {
            self.core.journal.exchange(now, &event);
            match &event {
                ExchangeEvent::Response { to, .. } => self.exchange_input(*to, &event),
                _ => {
                    for place in 0..self.seats.len() {
                        if self.seats[place].user_stream {
                            self.exchange_input(ServiceId(place as u16), &event);
                        }
                    }
                }
            }
        }
        self.from_exchange = events;
    }

    fn exchange_input(&mut self, service: ServiceId, event: &ExchangeEvent) {
        let Some(seat) = self.seats.get(service.0 as usize) else {
            return;
        };
        if !seat.alive {
            return;
        }
        if seat.thinking.message.0 > 0 || seat.busy_until > self.core.now {
            let think = seat.thinking.message;
            self.wait(service, Waiting::Exchange(service, event.clone()), think);
        } else {
            self.handle(service, Input::Exchange(event));
        }
    }

    // ---- schedule -------------------------------------------------------------------------------

    fn scheduled(&mut self, item: Item) -> Result<(), RunError> {
        self.core.now = item.time;
        let now = item.time;
        match item.due {
            Due::Action(place) => self.act(place)?,
            Due::Reader(reader) => {
                let service = self.core.readers[reader as usize].service;
                if !self.seats[service.0 as usize].alive {
                    self.core.readers[reader as usize].scheduled = false;
                } else if self.ready(service, &item, |t| t.message) {
                    self.read(reader);
                }
            }
            Due::Housekeeping(reader) => self.housekeeping(reader),
            Due::Timer { service, key, life } => {
                if self.core.lives[service.0 as usize] != life {
                    return Ok(());
                }
                if self.ready(service, &item, |t| t.timer) {
                    self.core.journal.timer(now, service, key);
                    self.handle(service, Input::Timer(key));
                }
            }
            Due::Call(id) => {
                let Some(to) = self.core.calls.get(&id).map(|open| open.to) else {
                    return Ok(());
                };
                if self.seats[to.0 as usize].alive && self.ready(to, &item, |t| t.message) {
                    let open = self.core.calls.get_mut(&id);
                    if let Some((from, body)) = open.and_then(|o| Some((o.from, o.body.take()?))) {
                        self.core.journal.call(now, to, id);
                        self.handle(to, Input::Call(&Call { id, from, body }));
                    }
                }
            }
            Due::Reply(id) => {
                let Some(from) = self.core.calls.get(&id).map(|open| open.from) else {
                    return Ok(());
                };
                if self.ready(from, &item, |t| t.message) {
                    self.answer(id);
                }
            }
            Due::TimeOut(id) => self.answer_time_out(id),
            Due::Waiting(place) => {
                self.waiting_free.push(place);
                match self.waiting[place as usize].take() {
                    Some(Waiting::Market(service, event))
                        if self.seats[service.0 as usize].alive =>
                    {
                        self.core.journal.late_market(now, service);
                        self.handle(service, Input::Market(&event));
                    }
                    Some(Waiting::Exchange(service, event))
                        if self.seats[service.0 as usize].alive =>
                    {
                        self.handle(service, Input::Exchange(&event));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether the service handles the item now. If it is busy, or has to think first, the item comes
    /// back when it has: its effects happen at the end of the thinking.
    fn ready(
        &mut self,
        service: ServiceId,
        item: &Item,
        think: impl Fn(&ThinkingTime) -> Nanos,
    ) -> bool {
        let seat = &mut self.seats[service.0 as usize];
        if item.thought || !seat.alive {
            return seat.alive;
        }
        let span = think(&seat.thinking);
        if span.0 == 0 && seat.busy_until <= item.time {
            return true;
        }
        let done = seat.busy_until.max(item.time) + span;
        seat.busy_until = done;
        self.core.schedule.push_item(done, item.class, true, item.due);
        false
    }

    fn wait(&mut self, service: ServiceId, input: Waiting, think: Nanos) {
        let seat = &mut self.seats[service.0 as usize];
        let done = seat.busy_until.max(self.core.now) + think;
        seat.busy_until = done;
        let place = match self.waiting_free.pop() {
            Some(place) => {
                self.waiting[place as usize] = Some(input);
                place
            }
            None => {
                self.waiting.push(Some(input));
                (self.waiting.len() - 1) as u32
            }
        };
        self.core.schedule.push_item(done, Class::Delivery, true, Due::Waiting(place));
    }

    fn answer(&mut self, id: crate::CallId) {
        let Some(open) = self.core.calls.remove(&id) else {
            return;
        };
        self.deliver_reply(id, open.from, open.from_life, open.reply);
    }

    fn answer_time_out(&mut self, id: crate::CallId) {
        let Some(open) = self.core.calls.remove(&id) else {
            return;
        };
        self.deliver_reply(id, open.from, open.from_life, None);
    }

    fn deliver_reply(&mut self, id: crate::CallId, to: ServiceId, life: u32, body: Option<Body>) {
        if self.core.lives[to.0 as usize] != life || !self.seats[to.0 as usize].alive {
            return;
        }
        self.core.journal.reply(self.core.now, to, id, body.is_some());
        self.handle(to, Input::Reply(&Reply { id, body }));
    }

    // ---- readers --------------------------------------------------------------------------------

    /// One entry for a reader, then the next one is scheduled.
    fn read(&mut self, number: u32) {
        let now = self.core.now;
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        let Core { readers, bus, names, .. } = &mut self.core;
        let reader = &mut readers[number as usize];
        reader.scheduled = false;
        let consumer = names[reader.service.0 as usize].as_str();
        let mut redelivered = false;
        // A stream that was deleted under the reader reads as empty; the group is made again at the next start.
        if let Some(entry) = reader.redeliveries.pop_front() {
            redelivered = true;
            entries.push(entry);
        } else if let Some(group) = &reader.group {
            if let ReaderMode::OwnPending(after) = reader.mode {
                let from = ReadFrom::Pending(after);
                let _ = bus.xreadgroup(now, &reader.stream, group, consumer, from, 1, &mut entries);
                match entries.first() {
                    Some(entry) => {
                        reader.mode = ReaderMode::OwnPending(entry.id);
                        redelivered = true;
                    }
                    None => reader.mode = ReaderMode::CatchUp,
                }
            }
            if entries.is_empty() {
                let _ = bus.xreadgroup(
                    now,
                    &reader.stream,
                    group,
                    consumer,
                    ReadFrom::New,
                    1,
                    &mut entries,
                );
            }
        } else {
            if let ReaderMode::OwnPending(_) = reader.mode {
                reader.mode = ReaderMode::CatchUp;
            }
            let _ = bus.xread(now, &reader.stream, reader.position, 1, &mut entries);
            if let Some(entry) = entries.first() {
                reader.position = entry.id;
            }
        }
        if !redelivered {
            reader.arrivals.pop_front();
        }
        if reader.mode == ReaderMode::CatchUp && entries.is_empty() {
            reader.mode = ReaderMode::Live;
            reader.arrivals.clear();
        }
        let (service, index) = (reader.service, reader.index);
        if let Some(entry) = entries.pop() {
            self.deliver(number, service, Delivery { reader: index, entry, redelivered });
        }
        self.entries = entries;
        self.schedule_reader(number);
    }

    fn schedule_reader(&mut self, number: u32) {
        let now = self.core.now;
        let reader = &mut self.core.readers[number as usize];
        if reader.scheduled || reader.mode == ReaderMode::Down {
            return;
        }
        let next = if reader.mode != ReaderMode::Live || !reader.redeliveries.is_empty() {
            Some(now)
        } else {
            reader.arrivals.front().copied().map(|arrival| arrival.max(now))
        };
        if let Some(at) = next {
            reader.scheduled = true;
            self.core.schedule.push(at, Class::Delivery, Due::Reader(number));
        }
    }

    fn deliver(&mut self, number: u32, service: ServiceId, delivery: Delivery) {
        self.core.journal.delivery(self.core.now, service, delivery.reader, delivery.entry.id);
        let kept = self.handle(service, Input::Delivery(&delivery));
        if !kept {
            self.acknowledge(number, delivery.entry.id);
        }
    }

    fn acknowledge(&mut self, number: u32, id: EntryId) {
        let Core { readers, bus, now, .. } = &mut self.core;
        let reader = &readers[number as usize];
        if let Some(group) = &reader.group
            && bus.xack(*now, &reader.stream, group, id) == Ok(true)
        {
            self.counts.acknowledged += 1;
        }
    }

    /// Entries that lie in the pending list of the group, whoever left them there, come back; after the
    /// third time they go to the dead letters.
    fn housekeeping(&mut self, number: u32) {
        let now = self.core.now;
        self.core.schedule.push(now + HOUSEKEEPING, Class::Timer, Due::Housekeeping(number));
        let reader = &self.core.readers[number as usize];
        let Some(group) = reader.group.clone() else {
            return;
        };
        if reader.mode != ReaderMode::Live || !reader.redeliveries.is_empty() {
            return;
        }
        let stale = self.core.bus.xpending(now, &reader.stream, &group, CLAIM_IDLE, CLAIM_COUNT);
        let Ok(rows) = stale else { return };
        if rows.is_empty() {
            return;
        }
        let (stream, service, index) = (reader.stream.clone(), reader.service, reader.index);
        let consumer = self.core.names[service.0 as usize].clone();
        for row in rows {
            let mut claimed = Vec::new();
            let _ = self.core.bus.xautoclaim(
                now,
                &stream,
                &group,
                &consumer,
                CLAIM_IDLE,
                row.id,
                1,
                &mut claimed,
            );
            let Some(entry) = claimed.pop().filter(|entry| entry.id == row.id) else {
                continue;
            };
            if row.deliveries > DELIVERIES_MAX {
                let delivery = Delivery { reader: index, entry, redelivered: true };
                let mut ctx = Context {
                    core: &mut self.core,
                    exchange: &mut self.exchange,
                    me: service,
                    leave_pending: false,
                };
                ctx.dead_letter(&stream, &delivery, "delivered too often");
                self.acknowledge(number, row.id);
            } else {
                self.core.readers[number as usize].redeliveries.push_back(entry);
            }
        }
        self.schedule_reader(number);
    }

    // ---- life of services -----------------------------------------------------------------------

    fn start(&mut self, service: ServiceId) -> Result<(), RunError> {
        let now = self.core.now;
        let seat = &mut self.seats[service.0 as usize];
        seat.alive = true;
        seat.busy_until = now;
        self.core.lives[service.0 as usize] += 1;
        let first_life = self.core.lives[service.0 as usize] == 1;
        for number in 0..self.core.readers.len() {
            let Core { readers, bus, .. } = &mut self.core;
            let reader = &mut readers[number];
            if reader.service != service {
                continue;
            }
            match &reader.group {
                Some(group) => match bus.xgroup_create(now, &reader.stream, group, reader.start) {
                    Ok(()) | Err(BusError::BusyGroup) => {}
                    Err(error) => {
                        let service = self.core.names[service.0 as usize].clone();
                        return Err(RunError::Wiring { service, error });
                    }
                },
                None => {
                    reader.position = match reader.start {
                        GroupStart::Beginning => EntryId::ZERO,
                        GroupStart::After(id) => id,
                        GroupStart::End => {
                            let mut newest = Vec::new();
                            let _ = bus.xrevrange(
                                now,
                                &reader.stream,
                                EntryId::MAX,
                                EntryId::ZERO,
                                1,
                                &mut newest,
                            );
                            newest.pop().map_or(EntryId::ZERO, |entry| entry.id)
                        }
                    };
                }
            }
            reader.mode = ReaderMode::OwnPending(EntryId::ZERO);
            let number = number as u32;
            self.schedule_reader(number);
            if first_life {
                self.core.schedule.push(
                    now + HOUSEKEEPING,
                    Class::Timer,
                    Due::Housekeeping(number),
                );
            }
        }
        self.core.journal.start(now, service);
        self.handle(service, Input::Start);
        Ok(())
    }

    fn act(&mut self, place: u32) -> Result<(), RunError> {
        let now = self.core.now;
        match self.timeline[place as usize].clone() {
            Action::Crash(service) => {
                let name = &self.core.names[service.0 as usize];
                self.core.journal.action(now, &format!("crash of {name}"));
                let seat = &mut self.seats[service.0 as usize];
                seat.alive = false;
                seat.service = seat.first_state.clone_service();
                // Its timers and the replies that it waits for belong to a life that is over.
                self.core.lives[service.0 as usize] += 1;
                for reader in self.core.readers.iter_mut().filter(|r| r.service == service) {
                    reader.mode = ReaderMode::Down;
                    reader.redeliveries.clear();
                }
            }
            Action::Restart(service) => {
                let name = &self.core.names[service.0 as usize];
                self.core.journal.action(now, &format!("restart of {name}"));
                if !self.seats[service.0 as usize].alive {
                    self.start(service)?;
                }
            }
            Action::Publish { stream, body } => {
                self.core.journal.action(now, &format!("publish to {stream}"));
                // The journal's publish entry follows; a refusal leaves the action alone in it.
                let _ = self.core.publish(&stream, Trim::Keep, body);
            }
        }
        Ok(())
    }

    /// Runs the service on one input; `true` if it wants to keep the entry pending.
    #[inline]
    fn handle(&mut self, service: ServiceId, input: Input<'_>) -> bool {
        self.counts.handled += 1;
        let mut ctx = Context {
            core: &mut self.core,
            exchange: &mut self.exchange,
            me: service,
            leave_pending: false,
        };
        self.seats[service.0 as usize].service.handle(input, &mut ctx);
        ctx.leave_pending
    }
}

fn seat_think(seats: &[Seat], service: ServiceId) -> ThinkingTime {
    seats[service.0 as usize].thinking
}
