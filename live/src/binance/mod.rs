//! Binance USDⓈ-M futures over REST and WebSocket.
//!
//! The session's thread reads the streams and writes requests; what blocks (handshakes, REST) happens on
//! threads that hand their results over. Orders go out over the WebSocket API in the call of `send`, and
//! over REST while it is down.
//!
//! Invariant: every request gets one answer. One that changes something is written once; if its outcome is
//! unknown it is asked for, never sent again. Only what certainly did not reach the venue goes out a second
//! time.
//! Invariant: without a key nothing is asked for but what is public, and no request is taken.
//! Invariant: what opens does not leave once it may not, or once its window has passed since it was given, however long it
//! waited here: for the budget, for the clock, for a thread.
//! Invariant: no secret is in a notice, an error or an event. Addresses are shown without parameters.

mod answers;
mod budget;
mod calls;
mod config;
mod depth;
mod gate;
mod grid;
mod ledger;
mod market;
mod order_ids;
mod params;
mod preflight;
mod reconnect;
mod recovery;
mod requests;
mod rest;
mod secret;
mod sequence;
mod settle;
mod sign;
mod socket;
mod start;
mod symbols;
mod told_off;
mod user;
mod user_events;

pub use config::{Addresses, BinanceConfig, StreamPaths, Venue};
pub use order_ids::{Desk, OrderIntent, decode_order_id};
pub use preflight::{Expectations, Finding, Preflight, SymbolExpectation};
pub(crate) use rest::server_time as wire_time;
pub use secret::{KeyError, KeySources, Keys, Secret, SecretSource};
pub use sign::SignerError;
pub use start::{Setup, VenueFacts, venue_facts};
pub use symbols::{Filters, SymbolTerms};
pub(crate) use told_off::ToldOff;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Post};
use std::time::{Duration, Instant};

use engine::{AccountId, ExchangeEvent, Nanos};
use mio::{Events, Poll, Token};
use tungstenite::Utf8Bytes;

use crate::clock::LiveClock;
use crate::link::{Incoming, LinkError, Notice, Outgoing, VenueLink, Wake, Weight};
use answers::Brackets;
use budget::{Budget, Verdict};
use gate::Gate;
use grid::{Grid, WireError};
use ledger::Ledger;
use market::{Fetch, Market};
use reconnect::PING_AFTER;
use requests::Pending;
use rest::{Done, Failure, Measured, Rest, RestPool, Task};
use secret::Keys as OwnKeys;
use socket::{Came, Slot, State, Wire};
use user::{Step, User};

/// The WebSocket API is the first connection, the user stream the second, market streams follow.
const WS_API: usize = 0;
const USER: usize = 1;
const MARKET: usize = 2;
const WAKER: Token = Token(usize::MAX);

/// A query for market data that failed is made again after this, then after twice as long, and so on.
const FETCH_AGAIN: Duration = Duration::from_secs(1);
/// The clock is measured so often, with so many round trips.
const SYNC_EVERY: Nanos = Nanos::from_secs(300);
/// After a measurement that failed, by the wall.
const SYNC_PAUSE: Duration = Duration::from_secs(5);
const SYNC_SAMPLES: usize = 3;
/// A measurement that may be wrong by more, by the wall, is none.
const SYNC_WRONG_MAX: Duration = Duration::from_secs(1);

/// The wall, for time-outs and pauses; everything else has the session's or the venue's time.
#[allow(clippy::disallowed_methods, reason = "the edge: sockets time out by the wall")]
fn wall() -> Instant {
    Instant::now()
}

/// What other threads hand over.
#[derive(Debug)]
enum Helped {
    Rest(u64, Done),
    Socket(usize, u64, Result<Box<Wire>, String>),
}

/// What a task of the pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The request itself.
    Request(u64),
    /// How a request ended.
    Settle(u64),
    Fetch(Fetch),
    /// A step of the user stream: its key, or a query of a recovery, with the recovery's number.
    User(Step, u64),
    Clock,
}

struct Waker(mio::Waker);

impl Wake for Waker {
    fn wake(&self) {
        // A poll that can't be woken ends at its time-out.
        let _ = self.0.wake();
    }
}

/// The connection to Binance with one account's key.
pub struct BinanceLink {
    config: BinanceConfig,
    addresses: Addresses,
    account: AccountId,
    /// None for the market alone.
    keys: Option<Arc<OwnKeys>>,
    clock: Arc<LiveClock>,
    grid: Grid,
    brackets: Brackets,
    rest: Arc<Rest>,
    gate: Arc<Gate>,
    pool: RestPool,
    poll: Poll,
    events: Events,
    ready: Vec<usize>,
    waker: Arc<Waker>,
    post: Post<Helped>,
    inbox: Receiver<Helped>,
    slots: Vec<Slot>,
    /// Which market slots carry books.
    carries_depth: Vec<bool>,
    was_up: Vec<bool>,
    out: Vec<Incoming>,
    budget: Budget,
    /// Nothing may leave after 429 or 418, and that was told.
    silenced: bool,
    next_number: u64,
    pending: BTreeMap<u64, Pending>,
    purposes: BTreeMap<u64, Purpose>,
    ledger: Ledger,
    market: Market,
    /// Queries for market data that failed, and when they are made again.
    fetch_later: Vec<(Instant, Fetch)>,
    failed_fetches: u32,
    user: User,
    sync_at: Nanos,
    syncing: bool,
    /// The last measurement of the clock failed, and that was told.
    sync_failed: bool,
    /// The measurement that is under way may have begun before the venue's clock moved: another one follows.
    sync_again: bool,
    fatal: Option<LinkError>,
    /// When the last poll stopped waiting.
    woke: Instant,
}

impl std::fmt::Debug for BinanceLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("BinanceLink");
        shown.field("rest", &self.addresses.rest).field("pending", &self.pending.len());
        shown.finish_non_exhaustive()
    }
}

impl VenueLink for BinanceLink {
    fn poll(&mut self, timeout: Duration, out: &mut Vec<Incoming>) -> Result<(), LinkError> {
        self.due();
        let timeout = if self.out.is_empty() { self.wait(timeout) } else { Duration::ZERO };
        if let Err(source) = self.poll.poll(&mut self.events, Some(timeout))
            && source.kind() != std::io::ErrorKind::Interrupted
        {
            return Err(LinkError::Io { what: "waiting for the venue".to_owned(), source });
        }
        self.woke = wall();
        let mut ready = std::mem::take(&mut self.ready);
        let tokens = self.events.iter().map(mio::event::Event::token);
        ready.extend(tokens.filter(|token| *token != WAKER).map(|token| token.0));
        for slot in ready.drain(..) {
            self.read(slot);
        }
        self.ready = ready;
        while let Ok(helped) = self.inbox.try_recv() {
            self.helped(helped);
        }
        self.due();
        self.market.take(&mut self.out);
        out.append(&mut self.out);
        match self.fatal.take() {
            Some(fatal) => Err(fatal),
            None => Ok(()),
        }
    }

    fn woke(&self) -> Instant {
        self.woke
    }

    fn send(&mut self, outgoing: Outgoing) {
        self.take_request(outgoing);
    }

    fn resolve(&mut self, outgoing: Outgoing) {
        self.take_old_request(outgoing);
    }

    /// What is given while it may not has been judged by whoever gives it, and leaves: it makes a position smaller, though
    /// it need not say so.
    fn let_open(&mut self, may: bool) {
        self.set_gate(may);
    }

    fn hears_account(&self) -> bool {
        self.keys.is_none() || (self.user.ready && self.slots[USER].is_up())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn account(&self) -> AccountId {
        self.account
    }
}

impl Drop for BinanceLink {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            if let State::Up(wire) = &mut slot.state {
                wire.close();
            }
        }
    }
}

impl BinanceLink {
    fn notice(&mut self, weight: Weight, what: &'static str, text: String) {
        self.out.push(Incoming::Notice(Notice { weight, what, text }));
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn give(&mut self, purpose: Purpose, task: Task, urgent: bool) {
        let number = self.number();
        self.purposes.insert(number, purpose);
        self.pool.give(number, task, urgent);
    }

    /// Something of the wire could not be taken over. What belongs to other symbols is no fault.
    fn unreadable(&mut self, what: &'static str, error: &WireError) {
        match error {
            WireError::ForeignSymbol(_) => {}
            WireError::OffGrid { .. } => self.notice(Weight::Error, "off_grid", error.to_string()),
            WireError::Word { .. } | WireError::Range { .. } | WireError::Json(_) => {
                self.notice(Weight::Error, "unreadable", format!("{what}: {error}"));
            }
        }
    }

    /// Reads all that a connection holds.
    fn read(&mut self, place: usize) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        let State::Up(mut wire) = std::mem::replace(&mut slot.state, State::Off) else { return };
        let attempt = slot.attempt;
        wire.flush();
        let problem = loop {
            match wire.read() {
                Came::Nothing => break None,
                Came::Gone(problem) => break Some(problem),
                Came::Life => self.slots[place].heard = wall(),
                Came::Text(frame) => {
                    self.slots[place].heard = wall();
                    self.frame(place, &frame);
                }
            }
        };
        // A frame may have made the slot connect elsewhere.
        let slot = &mut self.slots[place];
        if slot.attempt != attempt || !matches!(slot.state, State::Off) {
            return;
        }
        slot.state = State::Up(wire);
        if let Some(problem) = problem {
            self.lost(place, &problem);
        }
    }

    fn frame(&mut self, place: usize, frame: &Utf8Bytes) {
        match place {
            WS_API => self.ws_frame(frame),
            USER => self.user_frame(frame),
            _ => {
                if let Err(error) = self.market.hear(frame, &self.grid) {
                    self.unreadable("a market stream", &error);
                }
                self.market.take(&mut self.out);
            }
        }
    }

    fn helped(&mut self, helped: Helped) {
        match helped {
            Helped::Rest(number, done) => {
                if let Some(purpose) = self.purposes.remove(&number) {
                    self.rest_done(purpose, done);
                }
            }
            Helped::Socket(place, attempt, made) => self.made(place, attempt, made),
        }
    }

    fn rest_done(&mut self, purpose: Purpose, done: Done) {
        if let Done::Call(reply) = &done {
            let headers = reply.headers;
            let now = self.clock.venue_now();
            let (ten, minute) = (headers.orders_ten_seconds, headers.orders_minute);
            self.budget.headers(now, headers.weight, ten, minute);
            if let Some(told_off) = reply.told_off() {
                self.told_off(&told_off);
            }
        }
        match (purpose, done) {
            (Purpose::Clock, Done::Measured(result)) => self.synced(result),
            (Purpose::Request(number), Done::Call(reply)) => self.rest_answer(number, &reply),
            (Purpose::Settle(number), Done::Call(reply)) => self.settle_answer(number, &reply),
            (Purpose::User(step, round), Done::Call(reply)) => {
                self.user_step(step, round, &reply);
            }
            (Purpose::Fetch(fetch), Done::Call(reply)) => {
                self.fetched(fetch, &reply);
            }
            (_, Done::Call(_) | Done::Measured(_)) => {}
        }
    }

    /// The answer to a query for market data. One without is made again, after a pause that grows.
    fn fetched(&mut self, fetch: Fetch, reply: &rest::Reply) {
        let problem = match &reply.result {
            Ok((200, body)) => {
                self.failed_fetches = 0;
                if let Err(error) = self.market.fetched(fetch, body, &self.grid) {
                    self.unreadable("market data", &error);
                }
                return self.market.take(&mut self.out);
            }
            Ok((status, _)) => format!("HTTP {status}"),
            Err(failure) => failure.to_string(),
        };
        let pause = FETCH_AGAIN * (1 << self.failed_fetches.min(6));
        self.failed_fetches = self.failed_fetches.saturating_add(1);
        self.fetch_later.push((wall() + pause, fetch));
        if self.failed_fetches == 1 {
            let symbol = self.grid.of(fetch.symbol()).symbol;
            let text = format!("{symbol}: market data could not be asked for: {problem}");
            self.notice(Weight::Warning, "market_query_failed", text);
        }
    }

    fn fetch(&mut self, fetch: Fetch, now: Instant) {
        if !self.market.awaits(fetch) {
            return;
        }
        let call = Market::call(fetch, &self.grid);
        match self.budget.ask(self.clock.venue_now(), calls::Kind::Read, call.weight, (0, 0)) {
            Verdict::Go => self.give(Purpose::Fetch(fetch), Task::Call(call), false),
            Verdict::Wait(_) | Verdict::Refused(_) => {
                self.fetch_later.push((now + FETCH_AGAIN, fetch));
            }
        }
    }

    /// 429 or 418: the budget stands still, and an operator hears of it.
    fn told_off(&mut self, told_off: &ToldOff) {
        let now = self.clock.venue_now();
        self.silenced = true;
        if told_off.banned {
            let until = self.budget.banned(now, told_off.lasts);
            let text = format!("the venue has banned this address: nothing is sent before {until}");
            self.notice(Weight::Error, "banned", text);
        } else {
            let until = self.budget.told_off(now, told_off.lasts);
            let text = format!("too many requests: all waits until {until}");
            self.notice(Weight::Warning, "rate_limited", text);
        }
    }

    fn synced(&mut self, result: Result<Measured, Failure>) {
        self.syncing = false;
        self.sync_at = self.clock.now() + SYNC_EVERY;
        let problem = match &result {
            Ok(measured) => self.clock_told(*measured),
            Err(failure) => {
                if let Some(told_off) = &failure.told_off {
                    self.told_off(told_off);
                }
                Some(failure.to_string())
            }
        };
        if let Some(problem) = problem {
            self.sync_at = self.clock.after(SYNC_PAUSE);
            // Once: an outage of an hour is one line, not hundreds.
            if !std::mem::replace(&mut self.sync_failed, true) {
                let text = format!(
                    "the venue's clock is not measured ({problem}): the last measurement holds, and it is tried each {} s",
                    SYNC_PAUSE.as_secs()
                );
                self.notice(Weight::Warning, "clock_not_measured", text);
            }
        } else {
            self.sync_failed = false;
        }
        if std::mem::take(&mut self.sync_again) {
            return self.sync();
        }
        self.clock_measured();
    }

    /// Sets the clock by a measurement, if that says more than is known; gives what is wrong with it.
    fn clock_told(&mut self, measured: Measured) -> Option<String> {
        let so_far = self.clock.venue_ahead();
        if measured.corrects(so_far) {
            let moved = measured.ahead - so_far;
            self.clock.set_venue_ahead(measured.ahead);
            if moved.0.abs() >= 500_000_000 {
                let text = format!(
                    "the venue's clock is {} ms ahead, {} ms more than before",
                    measured.ahead.millis(),
                    moved.millis()
                );
                self.notice(Weight::Warning, "clock_moved", text);
            }
        } else if measured.wrong_by > self.clock.span(SYNC_WRONG_MAX) {
            let took = 2 * self.clock.takes(measured.wrong_by);
            return Some(format!("too slow to measure: it answers after {} ms", took.as_millis()));
        }
        None
    }

    /// How long nothing at all may be asked, after 429 or 418.
    fn silence(&self) -> Option<Duration> {
        let until = self.budget.silent_until(self.clock.venue_now())?;
        Some(self.clock.wait(until - self.clock.venue_ahead()))
    }

    /// Measures the clock from now on: what is being measured already does not count.
    fn sync_anew(&mut self) {
        self.sync_again = self.syncing;
        self.sync();
    }

    fn sync(&mut self) {
        if self.silence().is_some() {
            self.sync_at = self.clock.now() + Nanos::from_secs(5);
            return;
        }
        if !std::mem::replace(&mut self.syncing, true) {
            self.give(Purpose::Clock, Task::Measure(SYNC_SAMPLES), true);
        }
    }

    /// Does what is due by time.
    fn due(&mut self) {
        let now = wall();
        if self.silenced && self.silence().is_none() {
            self.silenced = false;
            let text = "the venue takes requests again".to_owned();
            self.notice(Weight::Info, "requests_leave_again", text);
        }
        for place in 0..self.slots.len() {
            self.slot_due(place, now);
        }
        if self.clock.now() >= self.sync_at {
            self.sync();
        }
        self.requests_due(now);
        self.user_due(now);
        let venue = self.clock.venue_now();
        self.market.give_up(now, &self.grid);
        for fetch in self.market.fetches(venue) {
            self.fetch(fetch, now);
        }
        if self.fetch_later.iter().any(|(at, _)| *at <= now) {
            let (ripe, later) =
                std::mem::take(&mut self.fetch_later).into_iter().partition(|(at, _)| *at <= now);
            self.fetch_later = later;
            let ripe: Vec<(Instant, Fetch)> = ripe;
            for (_, fetch) in ripe {
                self.fetch(fetch, now);
            }
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.request_timeout_ms.into())
    }

    /// How long there is nothing to do.
    fn wait(&self, most: Duration) -> Duration {
        let now = wall();
        let mut wait = most;
        for slot in &self.slots {
            match &slot.state {
                State::Waiting(at) => wait = wait.min(at.saturating_duration_since(now)),
                State::Up(_) => wait = wait.min(PING_AFTER),
                State::Off | State::Connecting => {}
            }
        }
        let ahead = self.clock.venue_ahead();
        let until = |venue: Nanos| self.clock.wait(venue - ahead);
        wait = wait.min(self.clock.wait(self.sync_at));
        wait = self.silence().filter(|_| self.silenced).map_or(wait, |silence| wait.min(silence));
        for (at, _) in &self.fetch_later {
            wait = wait.min(at.saturating_duration_since(now));
        }
        wait = self.market.due().map_or(wait, |due| wait.min(until(due)));
        wait = self.requests_wait(now).map_or(wait, |due| wait.min(due));
        self.user_wait(now).map_or(wait, |due| wait.min(due))
    }

    fn user_event(&mut self, time: Nanos, event: engine::UserEvent) {
        let account = self.account;
        self.out.push(Incoming::Exchange(ExchangeEvent::User { account, time, event }));
    }
}
