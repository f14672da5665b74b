//! What is left of each fault: how often it may still strike, and its random stream.

use std::collections::BTreeMap;

use engine::{AccountId, ExchangeEvent, NamedRng, Nanos, OrderId, UserEvent};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::working_orders::Working;
use super::{FaultKind, VenueFault};
use crate::exchange::SimExchange;
use crate::venue_clock::Due;

/// Shares are drawn in millionths.
const WHOLE: u64 = 1_000_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct FaultState {
    rng: NamedRng,
    /// Of a million so many are struck.
    share: u64,
    left: Option<u32>,
}

/// The faults of a run that has some.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Faults {
    states: Vec<FaultState>,
    /// Orders that fill in parts: they are open, and not in the book.
    pub(super) working: BTreeMap<OrderId, Working>,
    /// When the newest event of each account's user stream arrives: a connection keeps its order.
    pub(super) told_until: Vec<Nanos>,
    /// Events that no client was told.
    pub(super) events_lost: u64,
    strikes: u64,
    /// Fills of orders that fill in parts, after their first.
    pub(super) parts: u64,
}

impl Faults {
    /// None where there are no faults: nothing of all this is then looked at.
    pub(crate) fn new(faults: &[VenueFault], seed: u64, accounts: usize) -> Option<Box<Faults>> {
        if faults.is_empty() {
            return None;
        }
        let state = |(number, fault): (usize, &VenueFault)| {
            let name = match fault.stream.as_str() {
                "" => format!("sim-exchange fault:{number}"),
                name => name.to_owned(),
            };
            let share = (fault.share * Decimal::from(WHOLE)).round().to_u64();
            FaultState {
                rng: NamedRng::new(seed, &name),
                share: share.unwrap_or(WHOLE),
                left: fault.next,
            }
        };
        Some(Box::new(Faults {
            states: faults.iter().enumerate().map(state).collect(),
            working: BTreeMap::new(),
            told_until: vec![Nanos(i64::MIN); accounts],
            events_lost: 0,
            strikes: 0,
            parts: 0,
        }))
    }

    /// Whether the fault strikes once more. Only what it could strike is drawn for.
    fn strikes(&mut self, number: usize) -> bool {
        let state = &mut self.states[number];
        if state.left == Some(0) || (state.share < WHOLE && state.rng.below(WHOLE) >= state.share) {
            return false;
        }
        state.left = state.left.map(|left| left - 1);
        self.strikes += 1;
        true
    }

    /// A reset takes all orders away.
    pub(crate) fn forget_orders(&mut self) {
        self.working.clear();
    }
}

impl SimExchange {
    /// The first fault that is active, concerns what `concerns` looks at, and strikes.
    pub(super) fn struck(
        &mut self,
        concerns: impl Fn(&SimExchange, &VenueFault) -> bool,
    ) -> Option<FaultKind> {
        self.faults.as_ref()?;
        for number in 0..self.config.faults.len() {
            let fault = &self.config.faults[number];
            if fault.is_active(self.now)
                && concerns(self, fault)
                && self.faults.as_mut().is_some_and(|faults| faults.strikes(number))
            {
                return Some(self.config.faults[number].what.clone());
            }
        }
        None
    }

    /// Puts those faults on the clock that begin with something.
    pub(crate) fn schedule_faults(&mut self) {
        for (number, fault) in self.config.faults.iter().enumerate() {
            if fault.what.begins() {
                self.clock.push(fault.from, Due::Fault(number));
            }
        }
    }

    /// A fault begins.
    pub(crate) fn fault_begins(&mut self, number: usize) {
        let fault = self.config.faults[number].clone();
        for account in (0..self.accounts.len()).map(|n| AccountId(n as u16)) {
            if !fault.who.is_of(account) {
                continue;
            }
            match fault.what {
                FaultKind::Ban => self.ban(account, fault.until),
                FaultKind::ExpireListenKey => {
                    let event = UserEvent::ListenKeyExpired;
                    let time = self.now;
                    self.send(ExchangeEvent::User { account, time, event });
                }
                _ => {}
            }
        }
    }

    /// How often a fault has struck a request, an order or an event.
    pub fn fault_strikes(&self) -> u64 {
        self.faults.as_ref().map_or(0, |faults| faults.strikes)
    }

    /// How often an order that fills in parts was filled further.
    pub fn parts_filled(&self) -> u64 {
        self.faults.as_ref().map_or(0, |faults| faults.parts)
    }

    /// Events of user streams that nobody was told.
    pub fn user_events_lost(&self) -> u64 {
        self.faults.as_ref().map_or(0, |faults| faults.events_lost)
    }
}
