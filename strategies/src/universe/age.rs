//! How long a policy holds (MSE 8.1, 8.2).

use engine::Nanos;
use serde::{Deserialize, Serialize};

/// When a policy is written and how long it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyClock {
    validity: Nanos,
    refresh: Nanos,
}

/// Times that would leave the pipeline without a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a policy valid for {} s and refreshed every {} s: refresh it at least twice in its validity",
    .validity.secs(), .refresh.secs()
)]
pub struct PolicyClockFault {
    /// Of a policy.
    pub validity: Nanos,
    /// Between two of them.
    pub refresh: Nanos,
}

/// Whether a policy may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyState {
    /// It may.
    Valid,
    /// Its time is over: nothing is opened.
    Expired,
    /// There is none, or a field is missing: nothing is opened.
    Missing,
}

impl PolicyClock {
    /// Checks the times: valid for five minutes and refreshed each half hour, entries stopped for most of
    /// the time (incident I-12).
    ///
    /// # Errors
    /// [`PolicyClockFault`] when the refresh is not above zero and at most half of the validity.
    pub fn new(validity: Nanos, refresh: Nanos) -> Result<PolicyClock, PolicyClockFault> {
        if refresh > Nanos::ZERO && refresh.0 <= validity.0 / 2 {
            Ok(PolicyClock { validity, refresh })
        } else {
            Err(PolicyClockFault { validity, refresh })
        }
    }

    /// Until when a policy written `now` holds.
    #[must_use]
    pub fn valid_until(&self, now: Nanos) -> Nanos {
        now + self.validity
    }

    /// When the next is due.
    #[must_use]
    pub fn next_refresh(&self, now: Nanos) -> Nanos {
        now + self.refresh
    }
}

impl PolicyState {
    /// Of a policy with this end, `None` where it cannot be read.
    #[must_use]
    pub fn at(now: Nanos, valid_until: Option<Nanos>) -> PolicyState {
        match valid_until {
            Some(end) if now < end => PolicyState::Valid,
            Some(_) => PolicyState::Expired,
            None => PolicyState::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Valid for five minutes, refreshed each thirty: there was a policy a sixth of the time.
    #[test]
    fn incident_i12_refresh_is_at_most_half_the_validity() {
        let clock = |validity, refresh| {
            PolicyClock::new(Nanos::from_secs(validity), Nanos::from_secs(refresh))
        };
        let fault = clock(300, 1_800).expect_err("refused");
        assert_eq!(
            fault.to_string(),
            "a policy valid for 300 s and refreshed every 1800 s: refresh it at least twice in its \
             validity"
        );
        assert!(clock(300, 0).is_err() && clock(300, 151).is_err());
        let clock = clock(300, 150).expect("half");
        let now = Nanos::from_secs(1_000);
        assert_eq!(
            PolicyState::at(clock.next_refresh(now), Some(clock.valid_until(now))),
            PolicyState::Valid
        );
        let end = clock.valid_until(now);
        assert_eq!(PolicyState::at(end, Some(end)), PolicyState::Expired);
        assert_eq!(PolicyState::at(end, None), PolicyState::Missing);
    }
}
