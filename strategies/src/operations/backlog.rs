//! A group's lag, told apart into what can still be read and what is lost (MSE 1.7).

use serde::{Deserialize, Serialize};

/// More pending entries than this raise an alarm.
pub const PENDING_ALARM: u64 = 1_000;

/// How far a group is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Entries that it has not read and that are still there.
    pub backlog: u64,
    /// Entries that were trimmed before it read them.
    pub lost: u64,
    /// Something was lost, or too much is pending.
    pub alarm: bool,
}

/// Splits a lag (entries added less entries read). `ahead` counts the entries that are still in the stream
/// behind the last delivered one. Most of a lag of 1.5 million was once long trimmed away.
#[must_use]
pub fn backlog(lag: u64, ahead: u64, pending: u64) -> Backlog {
    let backlog = lag.min(ahead);
    let lost = lag - backlog;
    Backlog { backlog, lost, alarm: lost > 0 || pending > PENDING_ALARM }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The audited numbers: lag 1,510,671 with 95,920 entries in the stream.
    #[test]
    fn a_trimmed_lag_is_a_loss() {
        let audited = backlog(1_510_671, 95_920, 0);
        assert_eq!(audited, Backlog { backlog: 95_920, lost: 1_414_751, alarm: true });
        assert_eq!(backlog(7, 9, 1_000), Backlog { backlog: 7, lost: 0, alarm: false });
        assert!(backlog(0, 0, 1_001).alarm);
    }
}
