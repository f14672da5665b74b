//! Connections are made, lost and made again.

use std::time::{Duration, Instant};

use engine::Nanos;
use mio::Token;

use super::socket::{State, Wire, connect_apart};
use super::{BinanceLink, Helped, MARKET, ToldOff, USER, WS_API, wall};
use crate::link::{Wake, Weight};

/// A connection on which nothing was heard for so long gets a ping, and after the other is given up.
pub(super) const PING_AFTER: Duration = Duration::from_secs(20);
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// A connection that was up for so long, by the session's time, was a good one: its loss is made good at once. What a
/// connection costs is counted by the venue's time, so an accelerated one is not waited for as long.
const STEADY: Nanos = Nanos::from_secs(30);

impl BinanceLink {
    /// A connection is gone: it is made again, and what it carried is asked for.
    pub(super) fn lost(&mut self, place: usize, problem: &str) {
        let was_up = self.slots[place].is_up();
        let pause = self.rest(place, was_up);
        let slot = &mut self.slots[place];
        let attempt = slot.attempt;
        slot.attempt += 1;
        slot.state = State::Waiting(wall() + pause);
        let (what, address) = (slot.what, slot.shown().to_owned());
        if was_up || slot.failed == 1 {
            let kind = match place {
                WS_API => "ws_api_lost",
                USER => "user_stream_lost",
                _ => "market_stream_lost",
            };
            self.notice(Weight::Warning, kind, format!("{what} at {address}: {problem}"));
        }
        match place {
            WS_API => self.ws_lost(attempt),
            USER => self.user_lost(was_up, pause),
            _ => {}
        }
    }

    /// The pause before a connection is made again.
    pub(super) fn rest(&mut self, place: usize, was_up: bool) -> Duration {
        let most = Duration::from_millis(self.config.reconnect_max_ms.into());
        let clock = &self.clock;
        let slow = |pause: Duration| clock.takes(Nanos(pause.as_nanos() as i64));
        self.slots[place].rest(was_up, wall(), most, clock.takes(STEADY), slow)
    }

    /// A thread has made a connection, or could not.
    pub(super) fn made(&mut self, place: usize, attempt: u64, made: Result<Box<Wire>, String>) {
        let connecting = matches!(self.slots[place].state, State::Connecting);
        if !connecting || self.slots[place].attempt != attempt {
            return;
        }
        let registered = made.and_then(|mut wire| {
            let done = wire.register(self.poll.registry(), Token(place));
            done.map(|()| wire).map_err(|error| error.kind().to_string())
        });
        match registered {
            Ok(wire) => self.connected(place, wire),
            Err(problem) => {
                // A handshake counts, too, and may be told off.
                let status = problem.strip_prefix("HTTP ").and_then(|s| s.parse().ok());
                let told_off = status.and_then(|status| ToldOff::of(status, None, None, None));
                if let Some(told_off) = told_off {
                    self.told_off(&told_off);
                }
                self.lost(place, &problem);
            }
        }
    }

    fn connected(&mut self, place: usize, wire: Box<Wire>) {
        let now = wall();
        let slot = &mut self.slots[place];
        slot.state = State::Up(wire);
        (slot.heard, slot.pinged, slot.since) = (now, now, now);
        slot.failed = 0;
        let again = std::mem::replace(&mut self.was_up[place], true);
        let what = slot.what;
        if again {
            let kind = match place {
                WS_API => "ws_api_back",
                USER => "user_stream_back",
                _ => "market_stream_back",
            };
            self.notice(Weight::Info, kind, format!("{what} is connected again"));
        }
        match place {
            WS_API => {}
            USER => self.begin_recovery(),
            _ if again => {
                let depth = self.carries_depth[place - MARKET];
                self.market.reconnected(depth, self.clock.venue_now());
            }
            _ => {}
        }
        // What came with the handshake's last bytes makes no event of its own.
        self.read(place);
    }

    pub(super) fn slot_due(&mut self, place: usize, now: Instant) {
        let timeout = self.timeout();
        let silence = self.silence();
        let slot = &mut self.slots[place];
        match (&mut slot.state, silence) {
            // A handshake counts, too.
            (State::Waiting(at), Some(silence)) if *at <= now => *at = now + silence,
            _ => {}
        }
        match &mut slot.state {
            State::Waiting(at) if *at <= now => {
                let (post, waker) = (self.post.clone(), self.waker.clone());
                let attempt = slot.attempt;
                let done = move |made| {
                    let _ = post.send(Helped::Socket(place, attempt, made));
                    waker.wake();
                };
                let began = connect_apart(slot.address.clone(), timeout, done);
                slot.state = State::Connecting;
                if let Err(error) = began {
                    self.lost(place, &error.kind().to_string());
                }
            }
            State::Up(wire) if now.duration_since(slot.heard) < DEAD_AFTER => {
                let quiet = now.duration_since(slot.heard.max(slot.pinged));
                if quiet >= PING_AFTER {
                    wire.ping();
                    slot.pinged = now;
                }
            }
            State::Up(_) => self.lost(place, "nothing was heard for a minute"),
            State::Off | State::Waiting(_) | State::Connecting => {}
        }
    }
}
