//! Entries that were delivered and never acknowledged, and consumers that are gone (MSE 1.5).

use engine::Nanos;
use serde::{Deserialize, Serialize};

/// An entry rests this long before another consumer may claim it.
pub const CLAIM_IDLE_MIN: Nanos = Nanos::from_secs(60);
/// More deliveries than this are no accident.
pub const DELIVERIES_MAX: u32 = 3;
/// A consumer without pending entries is deleted after this.
pub const CONSUMER_IDLE_MAX: Nanos = Nanos::from_secs(3_600);

/// What is done with a pending entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingStep {
    /// Its consumer may still be at it.
    Leave,
    /// Another one claims it and handles it, through the same gates against repeats.
    Claim,
    /// It goes to the dead letters and is acknowledged.
    DeadLetter,
}

/// Decides on a pending entry.
#[must_use]
pub fn pending_step(idle: Nanos, deliveries: u32) -> PendingStep {
    if idle < CLAIM_IDLE_MIN {
        PendingStep::Leave
    } else if deliveries > DELIVERIES_MAX {
        PendingStep::DeadLetter
    } else {
        PendingStep::Claim
    }
}

/// Whether a consumer is deleted: never while entries hang on it, which would be orphaned.
#[must_use]
pub fn forget_consumer(idle: Nanos, pending: u64) -> bool {
    pending == 0 && idle > CONSUMER_IDLE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_claimed_until_it_is_dead() {
        let of = |seconds, deliveries| pending_step(Nanos::from_secs(seconds), deliveries);
        assert_eq!(of(59, 9), PendingStep::Leave);
        assert_eq!(of(60, 3), PendingStep::Claim);
        assert_eq!(of(60, 4), PendingStep::DeadLetter);
        assert!(forget_consumer(Nanos::from_secs(3_601), 0));
        assert!(!forget_consumer(Nanos::from_secs(3_601), 1));
        assert!(!forget_consumer(Nanos::from_secs(3_600), 0));
    }
}
