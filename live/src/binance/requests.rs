//! Requests on their way: out over one of the two ways, answered once, asked for when the answer is lost.

use std::time::{Duration, Instant};

use binance_wire::{ErrorBody, RateLimitCount, VenueError, WsId};
use engine::{ExchangeError, ExchangeEvent, Nanos, Outcome, Request, RequestId, Sender};
use serde::Deserialize;

use super::answers::{Body, answer_of};
use super::budget::Verdict;
use super::calls::{Auth, Call, Kind, call_of, changes, query_of};
use super::rest::{Reply, Task};
use super::settle::{Fate, Settled, fate, is_no_such, never_arrived, settled, without_order};
use super::socket::{State, Written};
use super::{BinanceLink, Purpose, ToldOff, WS_API, wall};
use crate::link::{Incoming, Outgoing, Weight};

/// So long after its window a request may still be on its way inside the venue.
const MARGIN: Nanos = Nanos::from_secs(1);
/// A read that failed is made again after this pause, so often.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const AGAIN_MAX: u32 = 5;
/// The pauses between two questions for an outcome: doubled each time, between these.
const ASK_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// It waits for the budget, until this time of the venue.
    Budget(Nanos),
    /// It is on its way over the WebSocket API, on the connection of this attempt.
    Ws(u64),
    /// It is on its way over REST.
    Rest,
    /// A read that failed waits for its next attempt.
    Again(Instant),
    /// It was refused for its time stamp and waits for the clock.
    Clock,
    /// Its outcome is asked for.
    Asking { next: Instant, until: Instant, under_way: bool, times: u32 },
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    from: Sender,
    id: RequestId,
    what: Request,
    call: Call,
    /// The venue's time at which it was sent last.
    stamp: Nanos,
    since: Instant,
    phase: Phase,
    /// It went out again with a better time stamp.
    restamped: bool,
    times: u32,
}

/// What every answer of the WebSocket API has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    id: Option<WsId>,
    status: u16,
    #[serde(default)]
    error: Option<WsError>,
    #[serde(default)]
    rate_limits: Option<Vec<RateLimitCount>>,
}

/// A refusal of the WebSocket API: beside code and text, what REST has in its headers.
#[derive(Deserialize)]
struct WsError {
    #[serde(flatten)]
    body: ErrorBody,
    #[serde(default)]
    data: Option<WsErrorData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WsErrorData {
    /// When it may be tried again, in milliseconds of the venue.
    #[serde(default)]
    retry_after: Option<i64>,
}

impl BinanceLink {
    /// A request of the session: out it goes.
    pub(super) fn take_request(&mut self, outgoing: Outgoing) {
        if let Some(number) = self.note(outgoing) {
            self.go(number);
        }
    }

    /// A request of an earlier life: what changes something is only asked for.
    pub(super) fn take_old_request(&mut self, outgoing: Outgoing) {
        let old = changes(&outgoing.request);
        if let Some(number) = self.note(outgoing) {
            if old { self.ask(number) } else { self.go(number) }
        }
    }

    fn note(&mut self, outgoing: Outgoing) -> Option<u64> {
        let Outgoing { from, id, request: what } = outgoing;
        if self.keys.is_none() {
            let error = never_arrived("This session has no key.");
            self.respond(from, id, Outcome::Refused(error));
            return None;
        }
        let mut call = match call_of(&what, &self.grid) {
            Ok(call) => call,
            Err(error) => {
                self.respond(from, id, Outcome::Refused(error));
                return None;
            }
        };
        if call.kind == Kind::Open {
            let window = Nanos::from_millis(self.config.recv_window_ms.into());
            call.pass = Some(self.gate.pass(self.clock.now() + window));
        }
        let number = self.number();
        let (stamp, since) = (self.clock.venue_now(), wall());
        let phase = Phase::Clock;
        let pending =
            Pending { from, id, what, call, stamp, since, phase, restamped: false, times: 0 };
        self.pending.insert(number, pending);
        Some(number)
    }

    fn respond(&mut self, from: Sender, request: RequestId, outcome: Outcome) {
        let to = from.service;
        self.out.push(Incoming::Exchange(ExchangeEvent::Response { to, request, outcome }));
    }

    /// The one answer of a request.
    fn finish(&mut self, number: u64, outcome: Outcome) {
        let Some(pending) = self.pending.remove(&number) else { return };
        if let Outcome::Done(answer) = &outcome {
            self.ledger.answered(answer);
        }
        self.respond(pending.from, pending.id, outcome);
    }

    /// What opens and has not left, or certainly came to nothing, is refused if it may not leave any more.
    fn barred(&mut self, number: u64) -> bool {
        let Some(pending) = self.pending.get(&number) else { return false };
        let now = self.clock.now();
        let Some(barred) = pending.call.pass.and_then(|pass| self.gate.bars(pass, now)) else {
            return false;
        };
        let error = barred.error();
        let text = format!("a {} was not sent: {error}", pending.call.path);
        self.notice(Weight::Warning, "held_back", text);
        self.finish(number, Outcome::Refused(error));
        true
    }

    /// What opens may leave from now on, or may not: what waits here is refused at once. What a thread of REST has is
    /// refused there, before it is signed.
    pub(super) fn set_gate(&mut self, open: bool) {
        if !self.gate.set(open) || open {
            return;
        }
        let waits = |(number, pending): (&u64, &Pending)| {
            matches!(pending.phase, Phase::Budget(_) | Phase::Clock).then_some(*number)
        };
        let numbers: Vec<u64> = self.pending.iter().filter_map(waits).collect();
        for number in numbers {
            self.barred(number);
        }
    }

    /// Sends a request if the budget lets it. Nothing of it can be at the venue.
    fn go(&mut self, number: u64) {
        if self.barred(number) {
            return;
        }
        let now = self.clock.venue_now();
        let Some(pending) = self.pending.get_mut(&number) else { return };
        let Call { kind, weight, orders, .. } = pending.call;
        match self.budget.ask(now, kind, weight, orders) {
            Verdict::Go => self.transmit(number),
            Verdict::Wait(until) => {
                let first = !matches!(pending.phase, Phase::Budget(_));
                pending.phase = Phase::Budget(until);
                if first && kind != Kind::Read {
                    let text = format!("a {} waits until {until}", pending.call.path);
                    self.notice(Weight::Warning, "budget_short", text);
                }
            }
            Verdict::Refused(error) => {
                let text = format!("{} was refused here: {error}", pending.call.path);
                self.notice(Weight::Warning, "refused_by_budget", text);
                self.finish(number, Outcome::Refused(error));
            }
        }
    }

    /// Sends a request over the WebSocket API, or over REST if that is down or does not have it.
    fn transmit(&mut self, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.since = wall();
        let slot = &mut self.slots[WS_API];
        if let (Some(method), State::Up(wire), Some(keys)) =
            (pending.call.ws, &mut slot.state, &self.keys)
        {
            let stamp = self.clock.venue_now();
            let params = &mut pending.call.params;
            let window = self.config.recv_window_ms;
            let frame = params.signed_frame(method, number, keys, window, stamp.millis());
            let Some(frame) = frame else {
                let error = never_arrived("The request could not be signed.");
                return self.finish(number, Outcome::Refused(error));
            };
            pending.stamp = stamp;
            pending.phase = Phase::Ws(slot.attempt);
            match wire.send(frame) {
                Written::Yes => return,
                Written::Perhaps => return self.lost(WS_API, "a frame could not be written"),
                Written::Nothing => {
                    // It goes over REST: the venue has not seen it.
                    pending.phase = Phase::Rest;
                    self.lost(WS_API, "a frame could not be written");
                }
            }
        }
        self.transmit_rest(number);
    }

    fn transmit_rest(&mut self, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.phase = Phase::Rest;
        pending.stamp = self.clock.venue_now();
        let urgent = pending.call.kind != Kind::Read;
        let call = pending.call.clone();
        self.give(Purpose::Request(number), Task::Call(call), urgent);
    }

    /// The connection of the WebSocket API is gone: what was on it is asked for, or read again.
    pub(super) fn ws_lost(&mut self, attempt: u64) {
        let on_it = |(number, pending): (&u64, &Pending)| {
            (pending.phase == Phase::Ws(attempt)).then_some(*number)
        };
        let numbers: Vec<u64> = self.pending.iter().filter_map(on_it).collect();
        for number in numbers {
            self.ask(number);
        }
    }

    /// A frame of the WebSocket API.
    pub(super) fn ws_frame(&mut self, frame: &str) {
        let envelope: Envelope = match serde_json::from_str(frame) {
            Ok(envelope) => envelope,
            Err(error) => return self.unreadable("an answer of the WebSocket API", &error.into()),
        };
        let now = self.clock.venue_now();
        if let Some(counts) = &envelope.rate_limits {
            self.budget.counts(now, counts);
        }
        let retry_at = envelope.error.as_ref().and_then(|error| error.data.as_ref()?.retry_after);
        let error = envelope.error.map(|error| error.body);
        let retry_after = retry_at.map(|at| (Nanos::from_millis(at) - now).max(Nanos::ZERO));
        let told_off = ToldOff::of(envelope.status, retry_after, error.as_ref(), Some(now));
        if let Some(told_off) = told_off {
            self.told_off(&told_off);
        }
        let number = match &envelope.id {
            Some(WsId::Number(number)) => u64::try_from(*number).ok(),
            Some(WsId::Text(text)) => text.parse().ok(),
            Some(WsId::None) | None => None,
        };
        let known = number.filter(|number| self.pending.contains_key(number));
        match known {
            Some(number) => self.answered(number, envelope.status, error, Body::Ws(frame)),
            None if envelope.status != 200 => {
                let code = error.map_or(0, |error| error.code);
                let text = format!("the WebSocket API refused something: {code}");
                self.notice(Weight::Warning, "ws_api_refusal", text);
            }
            None => {}
        }
    }

    /// The answer of REST to a request.
    pub(super) fn rest_answer(&mut self, number: u64, reply: &Reply) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.stamp = reply.stamp;
        match &reply.result {
            Ok((200, body)) => self.answered(number, 200, None, Body::Rest(body)),
            Ok((status, body)) => {
                let error = serde_json::from_slice(body).ok();
                self.answered(number, *status, error, Body::Rest(body));
            }
            Err(failure) if failure.unsent => self.unsent(number, &failure.problem),
            Err(_) => self.ask(number),
        }
    }

    /// It certainly did not go out: over the other way, later, or back to its sender.
    fn unsent(&mut self, number: u64, problem: &str) {
        if self.barred(number) {
            return;
        }
        let up = self.slots[WS_API].is_up();
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.times += 1;
        if pending.call.ws.is_some() && up && pending.times <= 2 {
            return self.transmit(number);
        }
        if !changes(&pending.what) {
            return self.again(number);
        }
        let error = never_arrived(&format!("The request was not sent: {problem}."));
        self.finish(number, Outcome::Refused(error));
    }

    /// A read that failed is made again, so often.
    fn again(&mut self, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.times += 1;
        if pending.times > AGAIN_MAX {
            return self.finish(number, Outcome::Unknown);
        }
        pending.phase = Phase::Again(wall() + AGAIN_AFTER * pending.times);
    }

    /// An answer has come, good or bad.
    fn answered(&mut self, number: u64, status: u16, error: Option<ErrorBody>, body: Body<'_>) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        if status == 200 && error.is_none() {
            let (what, known) = (&pending.what, &self.ledger);
            return match answer_of(what, body, &self.grid, &self.brackets, known) {
                Ok(answer) => self.finish(number, Outcome::Done(answer)),
                Err(error) => {
                    self.unreadable("an answer", &error);
                    self.ask(number);
                }
            };
        }
        let fate = fate(status, error);
        let read = !changes(&pending.what);
        let late = matches!(pending.phase, Phase::Asking { .. });
        match fate {
            Fate::Refused(error) => self.finish(number, Outcome::Refused(error)),
            Fate::Unknown => self.ask(number),
            // It was on its way for so long that it was asked for: it is refused, and too old to be sent again.
            Fate::Clock(error) if late => self.finish(number, Outcome::Refused(error)),
            Fate::Clock(_) if !pending.restamped => {
                // It was refused: sent again with the right time it is sent once.
                pending.restamped = true;
                pending.phase = Phase::Clock;
                if !self.barred(number) {
                    self.sync_anew();
                }
            }
            Fate::Clock(error) => self.finish(number, Outcome::Refused(error)),
            Fate::TooMany(_) if read || pending.call.kind == Kind::Close => {
                let now = self.clock.venue_now();
                pending.phase = Phase::Budget(now);
            }
            Fate::Banned(_) if read => {
                let now = self.clock.venue_now();
                pending.phase = Phase::Budget(now);
            }
            Fate::TooMany(error) | Fate::Banned(error) => {
                self.finish(number, Outcome::Refused(error));
            }
        }
    }

    /// The clock has been measured: what waited for it goes out again.
    pub(super) fn clock_measured(&mut self) {
        let waits = |(number, pending): (&u64, &Pending)| {
            (pending.phase == Phase::Clock).then_some(*number)
        };
        let numbers: Vec<u64> = self.pending.iter().filter_map(waits).collect();
        for number in numbers {
            self.go(number);
        }
    }

    /// Nobody knows the outcome: a read is made again, everything else is asked for.
    fn ask(&mut self, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        if !changes(&pending.what) {
            return self.again(number);
        }
        if matches!(pending.phase, Phase::Asking { .. }) {
            return;
        }
        if query_of(&pending.what, &self.grid, pending.stamp).is_none() {
            // No single query tells about a batch: its sender asks for each of its orders.
            let text = format!("the outcome of a {} is not known", pending.call.path);
            self.notice(Weight::Warning, "outcome_unknown", text);
            return self.finish(number, Outcome::Unknown);
        }
        let now = wall();
        let until = now + Duration::from_millis(self.config.resolve_for_ms.into());
        pending.phase = Phase::Asking { next: now, until, under_way: false, times: 0 };
        let text = format!("no answer to a {}: it is asked for", pending.call.path);
        self.notice(Weight::Warning, "answer_lost", text);
    }

    /// The window in which the venue may still take a request.
    fn window(&self) -> Nanos {
        Nanos::from_millis(self.config.recv_window_ms.into()) + MARGIN
    }

    /// A query has told how a request ended, or has not.
    pub(super) fn settle_answer(&mut self, number: u64, reply: &Reply) {
        let window = self.window();
        let Some(pending) = self.pending.get(&number) else { return };
        // What a query finds that was itself stamped after the window is final.
        let passed = reply.stamp > pending.stamp + window;
        let told = match &reply.result {
            Ok((200, body)) => {
                settled(&pending.what, pending.stamp, body, &self.grid, &self.ledger)
                    .map_err(|error| self.unreadable("the answer to a query", &error))
                    .ok()
            }
            Ok((_, body)) => {
                let error: Option<ErrorBody> = serde_json::from_slice(body).ok();
                match error {
                    Some(error) if is_no_such(&error) && passed => {
                        Some(Settled::Refused(self.missing(number)))
                    }
                    Some(error) if error.code == -1021 => {
                        self.sync();
                        None
                    }
                    Some(_) | None => None,
                }
            }
            Err(_) => None,
        };
        match told {
            Some(Settled::Done(answer)) => self.finish(number, Outcome::Done(answer)),
            Some(Settled::Refused(error)) => self.finish(number, Outcome::Refused(error)),
            // It did not arrive: an order that it was to cancel or change is there as it was.
            Some(Settled::NotYet) if passed => {
                let error = never_arrived(
                    "The request did not arrive: its window has passed, and nothing has changed.",
                );
                self.finish(number, Outcome::Refused(error));
            }
            Some(Settled::NotYet) | None => self.ask_again(number),
        }
    }

    fn missing(&self, number: u64) -> ExchangeError {
        match self.pending.get(&number) {
            Some(pending) => without_order(&pending.what),
            None => VenueError::NoSuchOrder.error(),
        }
    }

    fn ask_again(&mut self, number: u64) {
        let window = self.window();
        let session = self.clock.venue_ahead();
        let Some(pending) = self.pending.get_mut(&number) else { return };
        let Phase::Asking { next, under_way, times, .. } = &mut pending.phase else { return };
        *under_way = false;
        let pause = (ASK_PAUSE.0 * (1 << (*times).min(8))).min(ASK_PAUSE.1);
        *times += 1;
        // The question that may be final is not asked late.
        let final_at = self.clock.wait(pending.stamp + window - session);
        let pause = match final_at.is_zero() {
            true => pause,
            false => pause.min(final_at + Duration::from_millis(2)),
        };
        *next = wall() + pause;
    }

    /// Does what is due for requests.
    pub(super) fn requests_due(&mut self, now: Instant) {
        if self.pending.is_empty() {
            return;
        }
        let timeout = self.timeout();
        let venue = self.clock.venue_now();
        let mut due = Vec::new();
        for (number, pending) in &self.pending {
            let is = match pending.phase {
                Phase::Budget(until) => until <= venue,
                Phase::Ws(_) => now.duration_since(pending.since) >= timeout,
                Phase::Again(at) => at <= now,
                Phase::Asking { next, until, under_way, .. } => {
                    until <= now || (!under_way && next <= now)
                }
                // Both have threads that come back in any case.
                Phase::Rest | Phase::Clock => false,
            };
            if is {
                due.push(*number);
            }
        }
        // Closes go first.
        due.sort_by_key(|number| self.pending[number].call.kind != Kind::Close);
        for number in due {
            self.request_due(number, now);
        }
    }

    fn request_due(&mut self, number: u64, now: Instant) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        match &mut pending.phase {
            Phase::Budget(_) | Phase::Again(_) => self.go(number),
            Phase::Ws(_) => self.ask(number),
            Phase::Asking { until, .. } if *until <= now => {
                let text = format!("the outcome of a {} could not be found out", pending.call.path);
                self.notice(Weight::Error, "outcome_unknown", text);
                self.finish(number, Outcome::Unknown);
            }
            Phase::Asking { next, under_way, .. } => {
                let Some(query) = query_of(&pending.what, &self.grid, pending.stamp) else {
                    return;
                };
                debug_assert_eq!(query.auth, Auth::Signature, "a query shows who asks");
                let venue = self.clock.venue_now();
                // It is about an order that may be live: as urgent as a cancel.
                match self.budget.ask(venue, Kind::Close, query.weight, (0, 0)) {
                    Verdict::Go => {
                        *under_way = true;
                        self.give(Purpose::Settle(number), Task::Call(query), true);
                    }
                    Verdict::Wait(_) | Verdict::Refused(_) => *next = now + ASK_PAUSE.1,
                }
            }
            Phase::Rest | Phase::Clock => {}
        }
    }

    /// How long requests have nothing to do.
    pub(super) fn requests_wait(&self, now: Instant) -> Option<Duration> {
        let timeout = self.timeout();
        let ahead = self.clock.venue_ahead();
        let wait = |pending: &Pending| match pending.phase {
            Phase::Budget(until) => Some(self.clock.wait(until - ahead)),
            Phase::Ws(_) => Some((pending.since + timeout).saturating_duration_since(now)),
            Phase::Again(at) => Some(at.saturating_duration_since(now)),
            Phase::Asking { until, under_way: true, .. } => {
                Some(until.saturating_duration_since(now))
            }
            Phase::Asking { next, until, .. } => {
                Some(next.min(until).saturating_duration_since(now))
            }
            Phase::Rest | Phase::Clock => None,
        };
        self.pending.values().filter_map(wait).min()
    }
}
