//! What a service may do while it handles an input.

mod bus;

use std::collections::{BTreeMap, BTreeSet};

use crate::faults::{Faults, Leg};
use crate::kernel::EXCHANGE_TIME_OUT;
use crate::schedule::{Class, Due};
use crate::{
    AccountId, Activity, Body, Bus, BusError, CorrelationId, Delivery, Entry, EntryId, Exchange,
    Instrument, Journal, Link, Lookup, Malformed, NamedRng, Nanos, PendingRule, RecordedNumbers,
    Request, RequestId, Sender, ServiceId, Symbol, TimerKey, Trim, TypedRecord,
};

use crate::schedule::Schedule;
use std::borrow::Cow;

/// Numbers the calls of a run.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct CallId(pub u64);

/// Of what a gauge tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GaugeOf {
    /// The service as a whole.
    All,
    /// One symbol.
    Symbol(Symbol),
    /// One of a few words, such as a reason or a mode.
    Word(&'static str),
}

/// The gauges of a service: the last value by name and by what it tells of.
pub type Gauges = BTreeMap<(&'static str, GaugeOf), f64>;

/// Something that a service used, to be compared with what its wiring says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// It read a key.
    KeyRead(ServiceId, String),
    /// It wrote or deleted a key.
    KeyWritten(ServiceId, String),
    /// It published on a stream.
    Published(ServiceId, String),
    /// It looked at the newest entries of a stream.
    Looked(ServiceId, String),
    /// It called a service.
    Called(ServiceId, ServiceId),
    /// It sent a request to the exchange.
    Exchange(ServiceId),
}

/// A call on its way.
#[derive(Clone, Debug)]
pub(crate) struct OpenCall {
    pub(crate) from: ServiceId,
    pub(crate) from_life: u32,
    pub(crate) to: ServiceId,
    pub(crate) body: Option<Body>,
    pub(crate) reply: Option<Body>,
}

/// A stream reader of a service, while the run goes on.
#[derive(Clone, Debug)]
pub(crate) struct ReaderState {
    pub(crate) service: ServiceId,
    pub(crate) index: usize,
    pub(crate) stream: String,
    /// Entries that were handled and could not be acknowledged yet.
    pub(crate) unacknowledged: Vec<EntryId>,
    /// `None`: read without a group, from the position.
    pub(crate) group: Option<String>,
    pub(crate) start: crate::GroupStart,
    pub(crate) position: EntryId,
    /// When the entries that it has not read yet reach it, oldest first.
    pub(crate) arrivals: std::collections::VecDeque<Nanos>,
    pub(crate) last_arrival: Nanos,
    /// It is in the schedule.
    pub(crate) scheduled: bool,
    pub(crate) mode: ReaderMode,
    pub(crate) redeliveries: std::collections::VecDeque<Entry>,
    pub(crate) link: Link,
    pub(crate) rng: NamedRng,
    /// Its minute's look is in the schedule.
    pub(crate) looked_after: bool,
    /// Its service started without a connection: group and first position are still to come.
    pub(crate) unopened: bool,
    /// Its service reads other streams now.
    pub(crate) retired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReaderMode {
    /// Its service is down.
    Down,
    /// After a start: first what this consumer had left pending, after this entry.
    OwnPending(EntryId),
    /// Then whatever is in the stream.
    CatchUp,
    /// Then entry by entry, as they arrive.
    Live,
}

/// Everything of a run that a service may touch, through its [`Context`].
pub(crate) struct Core {
    pub(crate) now: Nanos,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) bus: Box<dyn Bus>,
    pub(crate) schedule: Schedule,
    pub(crate) readers: Vec<ReaderState>,
    pub(crate) readers_of: Lookup<String, Vec<u32>>,
    pub(crate) journal: Journal,
    pub(crate) calls: Lookup<CallId, OpenCall>,
    pub(crate) call_link: Link,
    pub(crate) call_rng: NamedRng,
    pub(crate) next_call: u64,
    pub(crate) next_request: u64,
    pub(crate) names: Vec<String>,
    pub(crate) counters: Vec<BTreeMap<&'static str, u64>>,
    pub(crate) gauges: Vec<Gauges>,
    pub(crate) rngs: Vec<NamedRng>,
    pub(crate) lives: Vec<u32>,
    /// Whose key each service holds.
    pub(crate) accounts: Vec<AccountId>,
    /// Streams that each service finds under another name.
    pub(crate) streams: Vec<BTreeMap<&'static str, &'static str>>,
    pub(crate) pending: Vec<PendingRule>,
    pub(crate) published: u64,
    /// What each service has handled and written; who asks gets the rest added.
    pub(crate) activity: Vec<Activity>,
    /// What each service touched, where somebody wants to know.
    pub(crate) touches: Option<BTreeSet<Touch>>,
    /// In a replay: numbers that were recorded as inputs.
    pub(crate) recorded: Option<Box<dyn RecordedNumbers>>,
    pub(crate) faults: Faults,
    /// Others write on the bus.
    pub(crate) shared_bus: bool,
    /// Of the input that is being handled: the bus did not answer something.
    pub(crate) unanswered: bool,
    /// Of the input that is being handled: something went to the exchange.
    pub(crate) submitted: bool,
    /// What a bus on a server did not do.
    pub(crate) bus_losses: BusLosses,
}

/// What a bus on a server did not do at once, since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusLosses {
    /// Reads of streams that failed; they are made again after a second.
    pub reads_failed: u64,
    /// Acknowledgements that failed; they are made again by the minute's look.
    pub acks_failed: u64,
    /// Entries that stayed pending because the bus did not answer the service that handled them.
    pub kept: u64,
    /// Requests to the exchange of services to which the bus had not answered.
    pub unsure: u64,
    /// Groups that were gone and have been made again: the server has lost its data.
    pub groups_made: u64,
}

impl Core {
    /// The same once more, to go its own way. None where others share the bus, or where what comes from outside is a
    /// recording.
    pub(crate) fn fork(&self) -> Option<Core> {
        if self.recorded.is_some() || self.shared_bus {
            return None;
        }
        Some(Core {
            now: self.now,
            instruments: self.instruments.clone(),
            bus: self.bus.fork()?,
            schedule: self.schedule.clone(),
            readers: self.readers.clone(),
            readers_of: self.readers_of.clone(),
            journal: self.journal.fork()?,
            calls: self.calls.clone(),
            call_link: self.call_link,
            call_rng: self.call_rng.clone(),
            next_call: self.next_call,
            next_request: self.next_request,
            names: self.names.clone(),
            counters: self.counters.clone(),
            gauges: self.gauges.clone(),
            rngs: self.rngs.clone(),
            lives: self.lives.clone(),
            accounts: self.accounts.clone(),
            streams: self.streams.clone(),
            pending: self.pending.clone(),
            published: self.published,
            activity: self.activity.clone(),
            touches: self.touches.clone(),
            recorded: None,
            faults: self.faults.clone(),
            shared_bus: false,
            unanswered: self.unanswered,
            submitted: self.submitted,
            bus_losses: self.bus_losses,
        })
    }

    /// Notes whether the bus has answered everything so far.
    #[inline]
    pub(crate) fn look_for_loss(&mut self) {
        if self.shared_bus {
            self.unanswered |= self.bus.take_lost();
        }
    }

    /// Appends to a stream and wakes its readers.
    pub(crate) fn publish(
        &mut self,
        stream: &str,
        trim: Trim,
        body: Body,
    ) -> Result<EntryId, BusError> {
        let now = self.now;
        let journal = &mut self.journal;
        let mut seen = |id, body: &Body| journal.publish(now, stream, id, body);
        let id = self.bus.xadd_seen(now, stream, body, trim, &mut seen)?;
        self.published += 1;
        self.announce(stream);
        Ok(id)
    }

    /// Wakes the readers of a stream for one more entry.
    #[inline]
    pub(crate) fn announce(&mut self, stream: &str) {
        let now = self.now;
        if let Some(readers) = self.readers_of.get(stream) {
            for &reader in readers {
                let state = &mut self.readers[reader as usize];
                let mut arrival = state.link.arrival(now, &mut state.rng);
                if !self.faults.links.is_empty() {
                    arrival += self.faults.link_delay(stream, state.service);
                }
                let arrival = arrival.max(state.last_arrival);
                state.last_arrival = arrival;
                state.arrivals.push_back(arrival);
                if !state.scheduled && state.mode == ReaderMode::Live {
                    state.scheduled = true;
                    let life = self.lives[usize::from(state.service.0)];
                    self.schedule.push(arrival, Class::Delivery, Due::Reader { reader, life });
                }
            }
        }
    }
}

impl Core {
    /// When a leg of a call arrives; `None` when it is lost on its way.
    fn call_arrival(&mut self, caller: ServiceId, asked: ServiceId, leg: Leg) -> Option<Nanos> {
        let arrival = self.call_link.arrival(self.now, &mut self.call_rng);
        if self.faults.calls_are_quiet() {
            return Some(arrival);
        }
        let delay = self.faults.call_delay(caller, asked, leg);
        match delay {
            None => {
                self.faults.count(caller, "calls_lost", 1);
                let [caller, asked] =
                    [caller, asked].map(|service| &self.names[usize::from(service.0)]);
                let what = match leg {
                    Leg::Request => "call",
                    Leg::Answer => "answer to the call",
                };
                let text = format!("lost on its way: {what} of {caller} to {asked}");
                self.journal.action(self.now, &text);
            }
            Some(Nanos::ZERO) => {}
            Some(_) => self.faults.count(caller, "calls_delayed", 1),
        }
        delay.map(|delay| arrival + delay)
    }
}

/// What a service may do: read the time and the bus, publish, set keys and timers, call other services,
/// send requests to the exchange. All effects happen at `now`, in the order in which they are asked for.
pub struct Context<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) exchange: &'a mut dyn Exchange,
    pub(crate) me: ServiceId,
    pub(crate) leave_pending: bool,
    /// How far the service's clock is ahead.
    pub(crate) skew: Nanos,
}

impl Context<'_> {
    /// Virtual time, as the clock of the service shows it.
    #[inline]
    pub fn now(&self) -> Nanos {
        self.core.now + self.skew
    }

    /// The service that is running.
    pub fn me(&self) -> ServiceId {
        self.me
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.core.names[self.me.0 as usize]
    }

    /// The service of that name, if it is in this run.
    pub fn service(&self, name: &str) -> Option<ServiceId> {
        self.core.names.iter().position(|n| n == name).map(|i| ServiceId(i as u16))
    }

    /// The run's symbols and their grids; a `SymbolIndex` is a place in this list.
    #[inline]
    pub fn instruments(&self) -> &[Instrument] {
        &self.core.instruments
    }

    /// The service's own random stream.
    pub fn rng(&mut self) -> &mut NamedRng {
        &mut self.core.rngs[self.me.0 as usize]
    }

    /// A new correlation id from the service's own random stream.
    pub fn correlation_id(&mut self) -> CorrelationId {
        self.rng().correlation_id()
    }

    /// XADD. Readers get the entry after the delivery time of their link.
    pub fn publish(&mut self, stream: &str, trim: Trim, body: Body) -> Result<EntryId, BusError> {
        let stream = self.name_of(stream);
        self.touch(stream, Touch::Published);
        self.connected()?;
        self.wrote();
        self.core.publish(stream, trim, body)
    }

    /// What each operation on the bus asks first.
    #[inline]
    fn connected(&mut self) -> Result<(), BusError> {
        self.core.faults.connected(self.me)
    }

    /// What a stream is called in this run.
    fn name_of<'s>(&self, stream: &'s str) -> &'s str {
        let others = &self.core.streams[self.me.0 as usize];
        if others.is_empty() { stream } else { others.get(stream).copied().unwrap_or(stream) }
    }

    /// Puts an entry that could not be handled into `dlq:{stream}` with its reason, and counts it.
    pub fn dead_letter(&mut self, stream: &str, delivery: &Delivery, reason: &str) {
        let mut fields =
            delivery.entry.body.as_ref().map(|b| b.to_fields().into_owned()).unwrap_or_default();
        let stream = self.name_of(stream);
        let mut push = |name: &str, value: &str| {
            fields.0.push((name.as_bytes().into(), value.as_bytes().into()));
        };
        push("dlq_reason", reason);
        push("dlq_stream", stream);
        push("dlq_entry", &delivery.entry.id.to_string());
        push("dlq_service", &self.core.names[self.me.0 as usize]);
        let event = stream.strip_prefix("quantum:stream:").unwrap_or(stream);
        let body = Body::Fields(std::sync::Arc::new(fields));
        let dead = format!("quantum:dlq:{event}");
        let lost = self.connected().is_err();
        if lost || self.core.publish(&dead, Trim::Approximate(10_000), body).is_err() {
            self.count("dead_letters_lost", 1);
        }
        self.count("dead_letters", 1);
    }

    /// Reads the delivered entry as a record. What cannot be read goes to the dead letters with its
    /// reason (or stays pending, where the member's rule says so), and `None` comes back.
    pub fn read<'d, R: TypedRecord>(
        &mut self,
        stream: &str,
        delivery: &'d Delivery,
    ) -> Option<Cow<'d, R>> {
        let read = match &delivery.entry.body {
            Some(body) => body.read::<R>(),
            None => Err(Malformed {
                record: R::NAME,
                field: "entry".into(),
                problem: "trimmed before it was read".into(),
            }),
        };
        match read {
            Ok(record) => Some(record),
            Err(_) if self.core.pending[usize::from(self.me.0)].keeps_unreadable => {
                self.leave_pending();
                None
            }
            Err(malformed) => {
                self.dead_letter(stream, delivery, &malformed.to_string());
                None
            }
        }
    }

    /// Keeps the entry that is being handled in the pending list: it comes back after 60 s, or when the
    /// service restarts, and goes to the dead letters after the third time.
    pub fn leave_pending(&mut self) {
        self.leave_pending = true;
    }

    /// A timer at `at` by the service's clock, or now if that has passed. Timers die with a crash.
    pub fn timer_at(&mut self, at: Nanos, key: TimerKey) {
        let life = self.core.lives[self.me.0 as usize];
        // The service knows only its own clock.
        let at = (at - self.skew).max(self.core.now);
        self.core.schedule.push(at, Class::Timer, Due::Timer { service: self.me, key, life });
    }

    /// A timer after `span`.
    #[inline]
    pub fn timer_after(&mut self, span: Nanos, key: TimerKey) {
        self.timer_at(self.now() + span, key);
    }

    /// Sends a request to the exchange; the answer arrives as `Input::Exchange`.
    pub fn submit(&mut self, request: Request) -> RequestId {
        if let Some(touches) = &mut self.core.touches {
            touches.insert(Touch::Exchange(self.me));
        }
        self.wrote();
        self.core.next_request += 1;
        let id = RequestId(self.core.next_request);
        self.core.journal.submit(self.core.now, self.me, id, &request);
        let account = self.core.accounts[self.me.0 as usize];
        let from = Sender { service: self.me, account };
        if self.core.faults.is_off_exchange(self.me) {
            let due = Due::Unanswered { service: self.me, request: id };
            self.core.schedule.push(self.core.now + EXCHANGE_TIME_OUT, Class::Exchange, due);
            return id;
        }
        self.core.look_for_loss();
        if self.core.unanswered {
            self.core.bus_losses.unsure += 1;
            self.exchange.submit_unsure(self.core.now, from, id, request);
        } else {
            self.exchange.submit(self.core.now, from, id, request);
            self.core.submitted = true;
        }
        id
    }

    /// Asks another service. The answer, or its absence after `time_out`, arrives as `Input::Reply`.
    pub fn call(&mut self, to: ServiceId, body: Body, time_out: Nanos) -> CallId {
        if let Some(touches) = &mut self.core.touches {
            touches.insert(Touch::Called(self.me, to));
        }
        self.wrote();
        let core = &mut *self.core;
        core.next_call += 1;
        let id = CallId(core.next_call);
        core.journal.call_out(core.now, to, id, &body);
        let from_life = core.lives[self.me.0 as usize];
        let open = OpenCall { from: self.me, from_life, to, body: Some(body), reply: None };
        core.calls.insert(id, open);
        if let Some(arrival) = core.call_arrival(self.me, to, Leg::Request) {
            core.schedule.push(arrival, Class::Delivery, Due::Call(id));
        }
        core.schedule.push(core.now + time_out, Class::Timer, Due::TimeOut(id));
        id
    }

    /// Answers a call. An answer that nobody waits for any longer is counted and dropped.
    pub fn reply(&mut self, id: CallId, body: Body) {
        self.wrote();
        let core = &mut *self.core;
        core.journal.reply_out(core.now, id, &body);
        let Some(open) = core.calls.get_mut(&id) else {
            self.count("replies_too_late", 1);
            return;
        };
        let (from, to) = (open.from, open.to);
        open.reply = Some(body);
        if let Some(arrival) = core.call_arrival(from, to, Leg::Answer) {
            core.schedule.push(arrival, Class::Delivery, Due::Reply(id));
        }
    }

    /// Numbers that do not follow from our own rules alone, such as the output of a model file whose kernels
    /// depend on the processor. They are journaled as an input; in a replay they come from the recording, and
    /// `compute` is not asked.
    pub fn outside(&mut self, out: &mut [f64], compute: impl FnOnce(&mut [f64])) {
        let core = &mut *self.core;
        let recorded = core.recorded.as_mut().is_some_and(|recorded| recorded.next(self.me, out));
        if !recorded {
            compute(out);
        }
        core.journal.outside(core.now, self.me, out);
    }

    /// Adds to one of the service's counters.
    pub fn count(&mut self, metric: &'static str, by: u64) {
        *self.core.counters[self.me.0 as usize].entry(metric).or_default() += by;
    }

    /// Sets a gauge: a figure that goes up and down. One that is no number is counted and not set.
    pub fn gauge(&mut self, metric: &'static str, of: GaugeOf, value: f64) {
        if !value.is_finite() {
            return self.count("gauges_not_finite", 1);
        }
        self.core.gauges[self.me.0 as usize].insert((metric, of), value);
    }

    /// The services of the run, in their order.
    pub fn services(&self) -> &[String] {
        &self.core.names
    }

    /// What each service of the run does, in their order.
    pub fn activities(&self) -> Vec<Activity> {
        let mut activities = self.core.activity.clone();
        for (activity, life) in activities.iter_mut().zip(&self.core.lives) {
            // A start and a crash both begin a new number.
            activity.alive = life % 2 == 1;
        }
        for reader in &self.core.readers {
            if let Some(activity) = activities.get_mut(usize::from(reader.service.0)) {
                activity.waiting += reader.arrivals.len() as u64;
            }
        }
        activities
    }

    /// The groups by which services of this run read a stream.
    pub fn groups_wanted(&self, stream: &str) -> Vec<&str> {
        let own = self.core.readers.iter().filter(|reader| reader.stream == stream);
        own.filter_map(|reader| reader.group.as_deref()).collect()
    }

    #[inline]
    fn wrote(&mut self) {
        self.core.activity[self.me.0 as usize].outputs += 1;
    }

    #[inline]
    fn touch(&mut self, name: &str, what: fn(ServiceId, String) -> Touch) {
        if let Some(touches) = &mut self.core.touches {
            touches.insert(what(self.me, name.to_owned()));
        }
    }
}
