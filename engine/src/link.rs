//! What a link and a service cost in virtual time.

use serde::{Deserialize, Serialize};

use crate::{NamedRng, Nanos};

/// Delivery time of messages on a link: constant part plus a uniform part. Messages of one link never
/// overtake each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Shortest delivery time, in ns.
    pub latency: Nanos,
    /// Up to this much more, uniform, in ns.
    pub jitter: Nanos,
}

impl Link {
    /// Immediate.
    pub const INSTANT: Link = Link { latency: Nanos::ZERO, jitter: Nanos::ZERO };

    /// When a message sent at `sent` arrives.
    #[inline]
    pub fn arrival(&self, sent: Nanos, rng: &mut NamedRng) -> Nanos {
        let wire = if self.jitter.0 > 0 {
            rng.nanos_between(self.latency, self.latency + self.jitter)
        } else {
            self.latency
        };
        sent + wire
    }
}

/// How long a service thinks about one input before its effects happen, by kind of input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinkingTime {
    /// For each entry, call, reply and message of the exchange, in ns.
    pub message: Nanos,
    /// For each timer, in ns.
    pub timer: Nanos,
    /// For each market event that it asked for, in ns.
    pub market: Nanos,
}
