//! How many symbols P3.3 looks at in one poll (MSE 11).

use crate::numbers::{RefusedNumber, finite};

/// At least so many, in the order of their names.
const CANDIDATES_MIN: usize = 20;
/// Seconds that a poll may take.
const BUDGET_S: f64 = 3.0;
/// Weight of the newest latency.
const GAIN: f64 = 0.3;

/// The exchange's latency, smoothed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SnapshotPace {
    latency_s: f64,
}

impl Default for SnapshotPace {
    fn default() -> Self {
        SnapshotPace { latency_s: 0.1 }
    }
}

impl SnapshotPace {
    /// Takes a latency, in seconds.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities.
    pub fn seen(&mut self, latency_s: f64) -> Result<(), RefusedNumber> {
        let latency = finite("latency_s", latency_s)?.max(0.0);
        self.latency_s = GAIN * latency + (1.0 - GAIN) * self.latency_s;
        Ok(())
    }

    /// Symbols of one poll.
    #[must_use]
    pub fn candidates(&self) -> usize {
        let fit = libm::floor(BUDGET_S / self.latency_s.max(1e-6));
        (fit as usize).max(CANDIDATES_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_exchange_is_asked_for_more() {
        let mut pace = SnapshotPace::default();
        assert_eq!(pace.candidates(), 30);
        pace.seen(0.3).expect("finite");
        assert_eq!(pace.candidates(), 20, "0.16 s would leave 18");
        for _ in 0..40 {
            pace.seen(0.01).expect("finite");
        }
        assert_eq!(pace.candidates(), 299, "the start is never quite forgotten");
        assert!(pace.seen(f64::NAN).is_err());
    }
}
