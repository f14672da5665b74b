//! The lock around a model's promotion: all who use the model say that they have changed over (MSE 1.6).

use std::collections::BTreeSet;

use engine::Nanos;
use serde::{Deserialize, Serialize};

/// It waits so long for the last of them.
const WAIT_MAX: Nanos = Nanos::from_secs(30);

/// Who is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionPriority {
    /// The ensemble.
    Ensemble,
    /// Those who read the ensemble.
    Consumers,
    /// Everybody else.
    Broadcast,
}

/// The order in which handlers are told: by priority, then by name.
#[must_use]
pub fn promotion_order<'a>(handlers: &[(PromotionPriority, &'a str)]) -> Vec<&'a str> {
    let all: BTreeSet<&(PromotionPriority, &str)> = handlers.iter().collect();
    all.into_iter().map(|(_, name)| *name).collect()
}

/// Where a lock is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockState {
    /// Some have not answered.
    Waiting,
    /// All have.
    Released,
    /// Time is up; these have not.
    TimedOut(Vec<String>),
}

/// A promotion that waits for its handlers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionLock {
    since: Nanos,
    missing: BTreeSet<String>,
}

impl PromotionLock {
    /// Waits for these from now on.
    #[must_use]
    pub fn new(handlers: &[&str], now: Nanos) -> PromotionLock {
        let missing = handlers.iter().map(|name| (*name).to_owned()).collect();
        PromotionLock { since: now, missing }
    }

    /// Takes an acknowledgement; a name that it does not wait for changes nothing.
    pub fn acknowledged(&mut self, handler: &str) {
        self.missing.remove(handler);
    }

    /// Where it is at a time.
    #[must_use]
    pub fn state(&self, now: Nanos) -> LockState {
        if self.missing.is_empty() {
            LockState::Released
        } else if now - self.since >= WAIT_MAX {
            LockState::TimedOut(self.missing.iter().cloned().collect())
        } else {
            LockState::Waiting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_all_and_names_who_is_missing() {
        let mut lock = PromotionLock::new(&["xgb", "router", "bot"], Nanos::ZERO);
        lock.acknowledged("xgb");
        lock.acknowledged("somebody");
        let end = Nanos::from_secs(30);
        assert_eq!(lock.state(Nanos(end.0 - 1)), LockState::Waiting);
        assert_eq!(lock.state(end), LockState::TimedOut(vec!["bot".into(), "router".into()]));
        lock.acknowledged("bot");
        lock.acknowledged("router");
        assert_eq!(lock.state(end), LockState::Released);
    }

    #[test]
    fn the_ensemble_is_told_first() {
        use PromotionPriority::*;
        let order = promotion_order(&[
            (Broadcast, "a"),
            (Consumers, "c"),
            (Consumers, "b"),
            (Ensemble, "z"),
        ]);
        assert_eq!(order, ["z", "b", "c", "a"]);
    }
}
