//! GARCH(1,1) with Student-t innovations: calm and stormy times that persist, and fat tails within them.
//!
//! Source: T. Bollerslev (1986), "Generalized autoregressive conditional heteroskedasticity", Journal of
//! Econometrics 31, and (1987), "A conditionally heteroskedastic time series model for speculative prices
//! and rates of return", Review of Economics and Statistics 69.
//! `r = μ + σₜ zₜ`, `σ²ₜ = ω + α (r - μ)²ₜ₋₁ + β σ²ₜ₋₁`, `z` Student-t scaled to variance 1. ω is
//! `σ² (1 - α - β)`, so that the long-run deviation is the symbol's `volatility_per_minute`.

use engine::NamedRng;
use serde::{Deserialize, Serialize};

use super::bar_market::heat;
use super::draws::t_scale;

/// Variance of a minute beyond which no price is left to speak of.
const VARIANCE_MAX: f64 = 1.0;
const MINUTES_PER_DAY: f64 = 1_440.0;

/// Parameters; the long-run σ is the symbol's `volatility_per_minute`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Garch {
    /// μ: mean log return of a day.
    pub drift_per_day: f64,
    /// α: weight of the last minute's squared shock.
    pub alpha: f64,
    /// β: weight of the last minute's variance.
    pub beta: f64,
    /// ν of Student's t, above 2: the lower, the fatter the tails.
    pub degrees_of_freedom: f64,
}

impl Default for Garch {
    /// Typical of one-minute returns of liquid USDⓈ-M futures.
    fn default() -> Garch {
        Garch { drift_per_day: 0.0, alpha: 0.08, beta: 0.9, degrees_of_freedom: 4.5 }
    }
}

impl Garch {
    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        if !(-10.0..=10.0).contains(&self.drift_per_day) {
            return Some(format!(
                "garch: drift_per_day is {}, and must be -10 to 10",
                self.drift_per_day
            ));
        }
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(0.0..=1.0).contains(&value) {
                return Some(format!("garch: {name} is {value}, and must be 0 to 1"));
            }
        }
        let persistence = self.alpha + self.beta;
        if persistence >= 1.0 {
            return Some(format!(
                "garch: alpha + beta is {persistence}: the variance would grow without end; lower one until the sum is below 1"
            ));
        }
        if !(2.05..=1_000.0).contains(&self.degrees_of_freedom) {
            return Some(format!(
                "garch: degrees_of_freedom is {}, and must be 2.05 to 1000: at 2 the variance is infinite",
                self.degrees_of_freedom
            ));
        }
        None
    }
}

/// Minutes of which the mean heat is taken, which has no closed form.
const HEAT_MINUTES: u32 = 20_000;
/// Any deviation well below the bound of the variance.
const HEAT_SIGMA: f64 = 1e-3;

impl Garch {
    /// Mean of the volume's growth with a minute's deviation, of a path that is always the same.
    pub(super) fn heat_mean(&self) -> f64 {
        let named = |part: &str| NamedRng::new(0, &format!("garch: mean heat: {part}"));
        let mut process = GarchProcess::new(*self, HEAT_SIGMA, named("tails"));
        let mut shocks = named("shocks");
        let heats = (0..HEAT_MINUTES).map(|_| heat(process.step(shocks.normal()).1 / HEAT_SIGMA));
        heats.sum::<f64>() / f64::from(HEAT_MINUTES)
    }
}

/// The process of one symbol.
#[derive(Clone)]
pub(super) struct GarchProcess {
    parameters: Garch,
    long_run: f64,
    variance: f64,
    tails: NamedRng,
}

impl GarchProcess {
    /// It starts at its long-run deviation `sigma`.
    pub fn new(parameters: Garch, sigma: f64, tails: NamedRng) -> GarchProcess {
        let long_run = sigma * sigma;
        GarchProcess { parameters, long_run, variance: long_run, tails }
    }

    /// The log return of the next minute from a standard normal, and the deviation that it had.
    pub fn step(&mut self, shock: f64) -> (f64, f64) {
        let p = self.parameters;
        let sigma = libm::sqrt(self.variance);
        let residual = sigma * shock * t_scale(&mut self.tails, p.degrees_of_freedom);
        let omega = self.long_run * (1.0 - p.alpha - p.beta);
        let next = omega + p.alpha * residual * residual + p.beta * self.variance;
        self.variance = next.min(VARIANCE_MAX);
        (p.drift_per_day / MINUTES_PER_DAY + residual, sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: Garch =
        Garch { drift_per_day: 0.0, alpha: 0.1, beta: 0.85, degrees_of_freedom: 6.0 };

    #[test]
    fn the_long_run_deviation_is_the_symbols_and_squares_persist() {
        let mut process = GarchProcess::new(SOUND, 0.001, NamedRng::new(1, "tails"));
        let mut rng = NamedRng::new(1, "shocks");
        let returns: Vec<f64> = (0..300_000).map(|_| process.step(rng.normal()).0).collect();
        let n = returns.len() as f64;
        let variance = returns.iter().map(|r| r * r).sum::<f64>() / n;
        assert!((variance / 1e-6 - 1.0).abs() < 0.1, "{variance}");
        let covariance = |lag: usize| {
            let pairs = returns.iter().zip(&returns[lag..]);
            pairs.map(|(a, b)| (a.abs() - 7e-4) * (b.abs() - 7e-4)).sum::<f64>() / n / variance
        };
        // The persistence of 0.95 leaves three fifths after ten minutes.
        let (near, far) = (covariance(1), covariance(11));
        assert!(near > 0.03 && far > 0.3 * near && far < 0.9 * near, "{near} {far}");
    }

    #[test]
    fn bad_parameters_are_named_with_the_remedy() {
        let bad = |garch: Garch, part: &str| {
            let problem = garch.problem().expect("bad");
            assert!(problem.contains(part), "{problem}");
        };
        bad(Garch { alpha: 0.2, ..SOUND }, "lower one until the sum is below 1");
        bad(Garch { degrees_of_freedom: 2.0, ..SOUND }, "at 2 the variance is infinite");
        bad(Garch { alpha: f64::NAN, ..SOUND }, "alpha is NaN");
        bad(Garch { beta: -0.1, ..SOUND }, "beta is -0.1");
        assert_eq!(SOUND.problem(), None);
    }
}
