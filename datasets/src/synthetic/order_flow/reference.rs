//! The value that the book of an order flow is quoted about, and that its price follows.
//!
//! Every market order is news: the value's logarithm takes a normal step, so that a minute's deviation is the
//! stated one and busy minutes move more (P. K. Clark 1973, "A subordinated stochastic process model with finite
//! variance for speculative prices", Econometrica 41). A share of a step's variance is what surprises about the
//! order's side: a buy lifts the value by as much as it was not expected (A. Madhavan, M. Richardson, M. Roomans
//! 1997, "Why do security prices change?", Review of Financial Studies 10). So whoever is hit loses on average,
//! sides may follow each other, and returns are still without memory.

use engine::NamedRng;

/// Share of the variance that sides of orders explain: about a third (J. Hasbrouck 1991, "The summary
/// informativeness of stock trades", Review of Financial Studies 4).
const OF_SIDES: f64 = 0.3;
/// Keeps the surprise finite where one side is nearly certain.
const DOUBT_MIN: f64 = 1e-6;

#[derive(Clone)]
pub(super) struct Reference {
    rng: NamedRng,
    /// Logarithm of the value in ticks.
    pub log: f64,
    /// Deviation of one step.
    step: f64,
}

impl Reference {
    /// Starts at `log`; with so many market orders in a minute its deviation is `per_minute`.
    pub fn new(rng: NamedRng, log: f64, per_minute: f64, orders_per_minute: f64) -> Reference {
        Reference { rng, log, step: per_minute / libm::sqrt(orders_per_minute) }
    }

    /// A market order came that bought or sold; that it would buy had the probability `expected`.
    #[inline]
    pub fn order(&mut self, buys: bool, expected: f64) {
        let lean = 2.0 * expected - 1.0;
        let sign = if buys { 1.0 } else { -1.0 };
        let surprise = (sign - lean) / libm::sqrt((1.0 - lean * lean).max(DOUBT_MIN));
        let news = libm::sqrt(1.0 - OF_SIDES) * self.rng.normal();
        self.log += self.step * (libm::sqrt(OF_SIDES) * surprise + news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Orders of which two thirds repeat the side before: the value's steps have the stated deviation, no
    /// memory, and go with the sides.
    #[test]
    fn steps_have_the_stated_deviation_and_no_memory() {
        let mut reference = Reference::new(NamedRng::new(1, "value"), 0.0, 0.06, 36.0);
        let mut sides = NamedRng::new(1, "sides");
        let (mut buys, mut last, mut steps) = (true, 0.0, Vec::new());
        let mut with_side = 0.0;
        for _ in 0..200_000 {
            let expected = if buys { 2.0 / 3.0 } else { 1.0 / 3.0 };
            buys = sides.unit_f64() < expected;
            reference.order(buys, expected);
            let step = reference.log - last;
            with_side += if buys { step } else { -step };
            steps.push(step);
            last = reference.log;
        }
        let count = steps.len() as f64;
        let variance = steps.iter().map(|s| s * s).sum::<f64>() / count;
        assert!((libm::sqrt(variance) / 0.01 - 1.0).abs() < 0.01, "{variance}");
        let memory = steps.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / count / variance;
        assert!(memory.abs() < 0.01, "{memory}");
        assert!(with_side / count > 0.3 * 0.01, "{with_side}");
    }
}
