//! The place of a service in a run: its state, its lives and its supervisor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Member;
use super::supervisor::Supervisor;
use crate::{Link, Nanos, Service, ThinkingTime};

/// A service at its place in the run.
#[derive(Clone)]
pub(super) struct Seat {
    pub(super) service: Box<dyn Service>,
    pub(super) first_state: Box<dyn Service>,
    pub(super) alive: bool,
    pub(super) busy_until: Nanos,
    /// It handles nothing until then, not even what it had begun.
    pub(super) hung_until: Nanos,
    pub(super) thinking: ThinkingTime,
    /// Without what slows it down now.
    pub(super) own_thinking: ThinkingTime,
    pub(super) user_stream: bool,
    pub(super) started_at: Nanos,
    pub(super) starts: u32,
    pub(super) crashes: u32,
    pub(super) failed: bool,
    pub(super) supervisor: Option<Supervisor>,
    /// Who takes the place at the next start.
    pub(super) next: Option<Box<Member>>,
}

/// Whether a service runs, and how it came to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLife {
    /// It has started and not died since.
    pub alive: bool,
    /// Its supervisor has given it up.
    pub failed: bool,
    /// It hangs.
    pub hangs: bool,
    /// How often it has started, the first time included.
    pub starts: u32,
    /// How often it has died.
    pub crashes: u32,
}

/// Delivery times of stream entries, and the seed from which they are drawn.
#[derive(Clone)]
pub(super) struct Links {
    pub(super) usual: Link,
    pub(super) by_stream: BTreeMap<String, Link>,
    pub(super) seed: u64,
}

impl Seat {
    pub(super) fn new(member: Member, user_stream: bool, start: Nanos) -> Seat {
        Seat {
            first_state: member.service.clone_service(),
            service: member.service,
            alive: false,
            busy_until: Nanos::ZERO,
            hung_until: Nanos::ZERO,
            thinking: member.thinking,
            own_thinking: member.thinking,
            user_stream,
            started_at: start,
            starts: 0,
            crashes: 0,
            failed: false,
            supervisor: None,
            next: None,
        }
    }

    pub(super) fn life(&self, now: Nanos) -> ServiceLife {
        ServiceLife {
            alive: self.alive,
            failed: self.failed,
            hangs: self.alive && self.hung_until > now,
            starts: self.starts,
            crashes: self.crashes,
        }
    }
}
