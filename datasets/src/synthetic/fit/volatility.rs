//! The deviation of a minute's return, from a mid price that is looked at every second.
//!
//! Returns overlap: one begins at each second, which takes more from a short recording than whole minutes one after
//! the other (L. Zhang, P. Mykland, Y. Aït-Sahalia 2005, "A tale of two time scales", Journal of the American
//! Statistical Association 100).

use engine::Nanos;

const LOOK: Nanos = Nanos::from_secs(1);
/// Looks in a minute.
const MINUTE: usize = 60;

/// Mid prices, second by second.
#[derive(Clone, Debug, Default)]
pub(super) struct Mids {
    logs: Vec<f64>,
    next: Nanos,
}

impl Mids {
    /// Looks begin at `time`.
    pub fn begin(&mut self, time: Nanos) {
        self.next = time;
    }

    /// The mid price, if there is one, holds until `time`.
    pub fn until(&mut self, time: Nanos, mid: impl Fn() -> Option<f64>) {
        while self.next <= time {
            self.logs.push(mid().map_or(f64::NAN, libm::log));
            self.next += LOOK;
        }
    }

    /// No return goes over this instant.
    pub fn pause(&mut self) {
        self.logs.extend([f64::NAN; MINUTE]);
    }

    /// The deviation, and the seconds of which it is taken; nothing if there is no whole minute.
    pub fn per_minute(&self) -> Option<f64> {
        let pairs = self.logs.iter().zip(self.logs.iter().skip(MINUTE));
        let squares = pairs.map(|(a, b)| (b - a) * (b - a)).filter(|square| square.is_finite());
        let (count, sum) = squares.fold((0u32, 0.0), |(count, sum), s| (count + 1, sum + s));
        (count > 0).then(|| libm::sqrt(sum / f64::from(count)))
    }
}

#[cfg(test)]
mod tests {
    use engine::NamedRng;

    use super::*;

    #[test]
    fn the_deviation_is_found_again_and_no_return_goes_over_a_pause() {
        let (mut rng, mut mids, mut log) = (NamedRng::new(1, "mids"), Mids::default(), 0.0);
        mids.begin(Nanos::ZERO);
        for second in 0..60_000i64 {
            // After a pause the price is another.
            if second % 600 == 599 {
                mids.pause();
                log += 1.0;
            }
            mids.until(Nanos::from_secs(second), || Some(libm::exp(log)));
            log += 0.001 * rng.normal();
        }
        let found = mids.per_minute().expect("minutes") / 0.001 / libm::sqrt(60.0);
        assert!((found - 1.0).abs() < 0.05, "{found}");
        assert_eq!(Mids::default().per_minute(), None);
    }
}
