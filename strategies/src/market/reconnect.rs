//! How long a feed waits before it connects again (MSE 3.3, 3.4).

use engine::Nanos;

/// A delay that doubles from failure to failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// After the first failure, in seconds.
    pub first_s: f64,
    /// Never longer, in seconds, before the jitter.
    pub max_s: f64,
    /// The delay varies by this share to either side.
    pub jitter: f64,
}

/// Of the market publisher.
pub const PUBLISHER_BACKOFF: Backoff = Backoff { first_s: 1.0, max_s: 60.0, jitter: 0.2 };
/// Of the price feed.
pub const FEED_BACKOFF: Backoff = Backoff { first_s: 1.0, max_s: 60.0, jitter: 0.0 };

impl Backoff {
    /// The delay after `failures` failures in a row (a clean close counts from anew); `draw` from [0, 1)
    /// places it within the jitter.
    #[must_use]
    pub fn delay(&self, failures: u32, draw: f64) -> Nanos {
        let doublings = failures.saturating_sub(1).min(62);
        let plain = (self.first_s * (1u64 << doublings) as f64).min(self.max_s);
        let draw = if draw.is_finite() { draw.clamp(0.0, 1.0) } else { 0.5 };
        let seconds = plain * (1.0 + self.jitter * (2.0 * draw - 1.0));
        Nanos((seconds * 1e9).round_ties_even() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_minute_within_the_jitter() {
        let seconds = [1, 2, 3, 7, u32::MAX].map(|n| FEED_BACKOFF.delay(n, 0.9).secs());
        assert_eq!(seconds, [1, 2, 4, 60, 60]);
        let ends = [0.0, 0.5, 1.0].map(|draw| PUBLISHER_BACKOFF.delay(9, draw).secs());
        assert_eq!(ends, [48, 60, 72]);
    }
}
