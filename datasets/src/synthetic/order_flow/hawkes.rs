//! Intensity of market orders on both sides: constant, or excited by those that came (exponential kernel).
//!
//! `λₛ(t) = μ + Σ α e^{-β (t - tᵢ)}`. With a branching ratio n and a share c across, an order adds
//! `n (1 - c) β` to its own side and `n c β` to the other, and `μ` is the mean rate times `1 - n`, so that the
//! mean rate is the stated one.

use super::{Hawkes, OrderFlow};

/// Below it an excitement counts as over.
const NOTHING: f64 = 1e-9;

#[derive(Clone)]
pub(super) struct Intensity {
    base: f64,
    own: f64,
    other: f64,
    decay: f64,
    excited: [f64; 2],
}

impl Intensity {
    /// Each side has half the rate.
    pub fn new(flow: &OrderFlow) -> Intensity {
        let rate = flow.market_orders_per_second / 2.0;
        let none = Hawkes { branching: 0.0, decay_per_second: 1.0, cross_share: 0.0 };
        let Hawkes { branching, decay_per_second, cross_share } = flow.hawkes.unwrap_or(none);
        Intensity {
            base: rate * (1.0 - branching),
            own: branching * (1.0 - cross_share) * decay_per_second,
            other: branching * cross_share * decay_per_second,
            decay: decay_per_second,
            excited: [0.0; 2],
        }
    }

    /// Of both sides.
    #[inline]
    pub fn total(&self) -> f64 {
        2.0 * self.base + self.excited[0] + self.excited[1]
    }

    /// Of one side.
    #[inline]
    pub fn of(&self, side: usize) -> f64 {
        self.base + self.excited[side]
    }

    /// So many seconds pass.
    #[inline]
    pub fn pass(&mut self, seconds: f64) {
        if self.excited[0] + self.excited[1] > 0.0 {
            let kept = libm::exp(-self.decay * seconds);
            for excited in &mut self.excited {
                *excited = if *excited > NOTHING { *excited * kept } else { 0.0 };
            }
        }
    }

    /// A market order came on this side.
    #[inline]
    pub fn excite(&mut self, side: usize) {
        self.excited[side] += self.own;
        self.excited[1 - side] += self.other;
    }
}

#[cfg(test)]
mod tests {
    use engine::NamedRng;

    use super::super::super::draws::exponential;
    use super::*;

    /// Counts in windows of a minute, drawn by thinning as the flow does.
    fn counts(hawkes: Option<Hawkes>) -> (f64, f64) {
        let flow = OrderFlow { market_orders_per_second: 1.0, hawkes, ..OrderFlow::default() };
        let mut intensity = Intensity::new(&flow);
        let mut rng = NamedRng::new(1, "hawkes");
        let (mut time, windows) = (0.0, 5_000);
        let mut counts = vec![0.0f64; windows];
        while time < 60.0 * windows as f64 - 1.0 {
            let bound = intensity.total();
            let wait = exponential(&mut rng) / bound;
            time += wait;
            intensity.pass(wait);
            let mut drawn = rng.unit_f64() * bound;
            for side in 0..2 {
                if drawn < intensity.of(side) {
                    intensity.excite(side);
                    counts[((time / 60.0) as usize).min(windows - 1)] += 1.0;
                    break;
                }
                drawn -= intensity.of(side);
            }
        }
        let mean = counts.iter().sum::<f64>() / windows as f64;
        let squares = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>();
        (mean, squares / windows as f64)
    }

    #[test]
    fn the_mean_rate_is_stated_and_the_excited_one_clusters() {
        let (mean, variance) = counts(None);
        assert!((mean - 60.0).abs() < 0.5, "{mean}");
        assert!((variance / mean - 1.0).abs() < 0.08, "Poisson: {variance} by {mean}");
        let hawkes = Hawkes { branching: 0.6, decay_per_second: 2.0, cross_share: 0.25 };
        let (mean, variance) = counts(Some(hawkes));
        assert!((mean - 60.0).abs() < 1.5, "{mean}");
        // In long windows the variance is the mean by (1 - n)²: 6.25 times.
        assert!((variance / mean - 6.25).abs() < 0.7, "{variance} by {mean}");
    }
}
