//! The user stream: its key, and what it tells. What was missed while it was down is found in `recovery`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use binance_wire as wire;
use engine::{Nanos, SymbolIndex, UserEvent};

use super::config::StreamPaths;
use super::ledger::Found;
use super::market::unwrapped;
use super::rest::Reply;
use super::socket::State;
use super::user_events::{Heard, foreign_fee, hear};
use super::{BinanceLink, USER, wall};
use crate::link::{LinkError, Weight};

/// A key lives for an hour, and is kept alive at half of it, by the venue's clock.
const KEEP_ALIVE: Nanos = Nanos::from_secs(1_800);
/// After a step that failed.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// So many events wait for a recovery; with more it begins anew.
const HELD_MAX: usize = 10_000;

/// A step of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    MakeKey,
    KeepKey,
    OpenOrders,
    OpenAlgos,
    Positions,
    Money,
    /// The fills of a symbol from this id on, or since the stream was lost.
    Trades(SymbolIndex, Option<u64>),
    Order(SymbolIndex, u64),
    Algo(u64),
}

impl Step {
    /// It is about the key, and not part of a recovery.
    pub(super) fn is_of_key(self) -> bool {
        matches!(self, Step::MakeKey | Step::KeepKey)
    }
}

/// What is being asked for because nobody may have heard it.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    pub waits_for: BTreeSet<Step>,
    pub second: bool,
    pub found: Found,
}

/// Where the user stream stands.
#[derive(Debug)]
pub(super) struct User {
    making_key: bool,
    /// There is no key, and that was told.
    no_key_told: bool,
    pub(super) make_key_at: Option<Instant>,
    keep_at: Nanos,
    pub(super) recovery: Option<Recovery>,
    /// Counts recoveries: the answer to a query of an earlier one shows what was then.
    pub(super) round: u64,
    pub(super) recover_at: Option<Instant>,
    /// So many recoveries in a row have failed. The first was told.
    pub(super) failed: u32,
    /// Steps that wait for the budget, until a time of the venue, with the number of their recovery.
    pub(super) later: Vec<(Nanos, Step, u64)>,
    /// Steps wait for the budget, and that was told.
    pub(super) later_told: bool,
    /// What the stream tells while a recovery is under way.
    pub(super) held: Vec<(Nanos, UserEvent)>,
    /// Since when nothing may have been heard.
    pub(super) lost_at: Nanos,
    /// The stream is up and nothing is missing.
    pub(super) ready: bool,
    foreign_fee_told: bool,
}

impl User {
    pub(super) fn new(now: Instant, venue_now: Nanos) -> User {
        User {
            making_key: false,
            no_key_told: false,
            make_key_at: Some(now),
            keep_at: Nanos::NEVER,
            recovery: None,
            round: 0,
            recover_at: None,
            failed: 0,
            later: Vec::new(),
            later_told: false,
            held: Vec::new(),
            lost_at: venue_now,
            ready: false,
            foreign_fee_told: false,
        }
    }
}

impl BinanceLink {
    /// A frame of the user stream.
    pub(super) fn user_frame(&mut self, frame: &str) {
        let frame = unwrapped(frame);
        match hear(frame, &self.grid) {
            Ok(Heard::Event(time, event)) => {
                self.warn_of_fee(&event, frame);
                if self.user.recovery.is_some() || !self.user.ready {
                    self.hold(time, event);
                } else {
                    self.tell(time, event);
                }
            }
            Ok(Heard::KeyExpired(time)) => self.key_expired(time),
            Ok(Heard::Nothing) => {}
            Err(error) => self.unreadable("the user stream", &error),
        }
    }

    /// Tells what is new of an event.
    pub(super) fn tell(&mut self, time: Nanos, event: UserEvent) {
        if let Some(event) = self.ledger.tell(time, event) {
            self.user_event(time, event);
        }
        self.warn_of_new_ids();
    }

    /// The venue's ids have begun again: what was known by them is forgotten.
    pub(super) fn warn_of_new_ids(&mut self) {
        for symbol in self.ledger.take_begun_again() {
            let text = format!(
                "{}: the ids of orders or fills begin again: the venue was set up anew",
                self.grid.of(symbol).symbol
            );
            self.notice(Weight::Warning, "ids_begin_again", text);
        }
    }

    fn warn_of_fee(&mut self, event: &UserEvent, frame: &str) {
        let UserEvent::OrderTradeUpdate { fill: Some(fill), .. } = event else { return };
        if self.user.foreign_fee_told || !fill.commission.is_zero() {
            return;
        }
        if let Some(asset) = foreign_fee(frame) {
            self.user.foreign_fee_told = true;
            let text = format!(
                "fees are paid in {asset}: they are counted as 0 USDT; switch the BNB fee off"
            );
            self.notice(Weight::Warning, "fee_not_in_usdt", text);
        }
    }

    fn hold(&mut self, time: Nanos, event: UserEvent) {
        if self.user.held.len() == HELD_MAX {
            self.user.held.clear();
            self.begin_recovery();
        }
        self.user.held.push((time, event));
    }

    fn key_expired(&mut self, time: Nanos) {
        self.notice(Weight::Warning, "listen_key_expired", "another key is asked for".to_owned());
        self.user_event(time, UserEvent::ListenKeyExpired);
        self.new_key();
    }

    /// The key is gone: another one is made and connected to.
    fn new_key(&mut self) {
        let pause = self.rest(USER, true);
        self.slots[USER].attempt += 1;
        self.user_lost(true, pause);
        self.user.keep_at = Nanos::NEVER;
    }

    /// The connection is gone. The key may be, too, and a stream of an old key is silent: the venue is asked
    /// for the one that is valid, after `pause`.
    pub(super) fn user_lost(&mut self, was_up: bool, pause: Duration) {
        if was_up && self.user.ready {
            // A connection may have been dead for a while before that showed.
            let quiet = wall().saturating_duration_since(self.slots[USER].heard);
            self.user.lost_at = self.clock.venue_now() - self.clock.span(quiet);
        }
        self.user.ready = false;
        self.user.recovery = None;
        self.user.recover_at = None;
        self.user.held.clear();
        self.user.later.retain(|(_, step, _)| step.is_of_key());
        self.slots[USER].state = State::Off;
        self.user.make_key_at = Some(wall() + pause);
    }

    /// The answer to a step.
    pub(super) fn user_step(&mut self, step: Step, round: u64, reply: &Reply) {
        match step {
            Step::MakeKey => self.key_made(reply),
            Step::KeepKey => self.key_kept(reply),
            _ if round == self.user.round => self.recovered(step, reply),
            _ => {}
        }
    }

    fn key_made(&mut self, reply: &Reply) {
        self.user.making_key = false;
        let problem = match &reply.result {
            Ok((200, body)) => match serde_json::from_slice::<wire::ListenKey>(body) {
                Ok(made) => return self.connect_user(&made.listen_key),
                Err(_) => "the answer holds no key".to_owned(),
            },
            Ok((status, body)) => {
                let error: Option<wire::ErrorBody> = serde_json::from_slice(body).ok();
                let said =
                    error.as_ref().map_or(String::new(), |e| format!(" {} {}", e.code, e.msg));
                if matches!(error, Some(wire::ErrorBody { code: -2014 | -2015, .. })) {
                    let venue = self.addresses.rest.clone();
                    let problem = format!(
                        "{}; check the key, its permissions and its addresses",
                        said.trim()
                    );
                    self.fatal = Some(LinkError::Refused { venue, problem });
                }
                format!("HTTP {status}{said}")
            }
            Err(failure) => failure.to_string(),
        };
        // Once: an outage of an hour is one line, not thousands.
        if !std::mem::replace(&mut self.user.no_key_told, true) {
            let text = format!(
                "the venue gives no listen key ({problem}): nothing is heard of orders and positions until it does, it is asked each {} s",
                PAUSE.as_secs()
            );
            self.notice(Weight::Warning, "no_listen_key", text);
        }
        self.user.make_key_at = Some(wall() + PAUSE);
    }

    fn connect_user(&mut self, key: &str) {
        self.user.no_key_told = false;
        let base = &self.addresses.streams;
        let address = match self.config.stream_paths {
            StreamPaths::Routed => format!("{base}/private/ws/{key}"),
            StreamPaths::Legacy => format!("{base}/ws/{key}"),
        };
        let slot = &mut self.slots[USER];
        slot.address = address;
        slot.attempt += 1;
        slot.state = State::Waiting(wall());
        self.user.keep_at = self.clock.venue_now() + KEEP_ALIVE;
    }

    fn key_kept(&mut self, reply: &Reply) {
        self.user.keep_at = self.clock.venue_now() + KEEP_ALIVE;
        let problem = match &reply.result {
            Ok((200, _)) => return,
            Ok((status, body)) => {
                let error: Option<wire::ErrorBody> = serde_json::from_slice(body).ok();
                if error.is_some_and(|error| error.code == -1125) {
                    let text = "the venue does not know it any more".to_owned();
                    self.notice(Weight::Warning, "listen_key_expired", text);
                    return self.new_key();
                }
                format!("HTTP {status}")
            }
            Err(failure) => failure.to_string(),
        };
        self.notice(Weight::Warning, "listen_key_not_kept", problem);
        self.user.keep_at = self.clock.venue_now() + Nanos::from_secs(60);
    }

    pub(super) fn user_due(&mut self, now: Instant) {
        if let Some(silence) = self.silence() {
            let later = |at: &mut Option<Instant>| {
                if at.is_some_and(|at| at <= now) {
                    *at = Some(now + silence);
                }
            };
            later(&mut self.user.make_key_at);
            later(&mut self.user.recover_at);
            return;
        }
        if !self.user.making_key && self.user.make_key_at.is_some_and(|at| at <= now) {
            self.user.make_key_at = None;
            self.user.making_key = true;
            self.give_step(Step::MakeKey);
        }
        if self.clock.venue_now() >= self.user.keep_at {
            self.user.keep_at = Nanos::NEVER;
            self.give_step(Step::KeepKey);
        }
        if self.user.recover_at.is_some_and(|at| at <= now) {
            self.user.recover_at = None;
            self.begin_recovery();
        }
        let venue = self.clock.venue_now();
        let ripe: Vec<Step> = self
            .user
            .later
            .extract_if(.., |(until, ..)| *until <= venue)
            .map(|(_, s, _)| s)
            .collect();
        ripe.into_iter().for_each(|step| self.give_step(step));
    }

    pub(super) fn user_wait(&self, now: Instant) -> Option<Duration> {
        if let Some(silence) = self.silence() {
            return Some(silence);
        }
        let make_key_at = self.user.make_key_at.filter(|_| !self.user.making_key);
        let at = [make_key_at, self.user.recover_at];
        let wall = at.into_iter().flatten().map(|at| at.saturating_duration_since(now));
        let later = self.user.later.iter().map(|(until, ..)| *until);
        let keep = Some(self.user.keep_at).filter(|at| *at != Nanos::NEVER);
        let venue = later.chain(keep).map(|at| self.clock.wait(at - self.clock.venue_ahead()));
        wall.chain(venue).min()
    }
}
