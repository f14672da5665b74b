//! Geometric Brownian motion with jumps.
//!
//! Source: R. C. Merton (1976), "Option pricing when underlying stock returns are discontinuous", Journal
//! of Financial Economics 3. `dS/S = (μ - λk) dt + σ dW + (Y - 1) dN`: `N` is Poisson with intensity λ,
//! `log Y` is normal `(m, s²)`, and `k = E[Y] - 1 = exp(m + s²/2) - 1`, so that the price grows by μ on
//! average whatever the jumps. The log return of a minute is
//! `μ - σ²/2 - λk + σ z + Σ log Y`, with all rates per minute.
//!
//! Symbols whose correlation is given jump at the same times, and their `(log Y - m) / s` have that correlation, too.
//! The correlation of returns is then the given one where m is zero and s by σ is the same for all, and else a little
//! less.

use engine::NamedRng;
use serde::{Deserialize, Serialize};

use super::correlation::Shocks;
use super::draws::poisson;

const MINUTES_PER_DAY: f64 = 1_440.0;

/// Parameters; the diffusion's σ is the symbol's `volatility_per_minute`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JumpDiffusion {
    /// μ: mean growth of the price in a day, as a fraction.
    pub drift_per_day: f64,
    /// λ: jumps in a day, on average; none make it a geometric Brownian motion.
    pub jumps_per_day: f64,
    /// m: mean of a jump's logarithm.
    pub jump_mean: f64,
    /// s: standard deviation of a jump's logarithm.
    pub jump_deviation: f64,
}

impl Default for JumpDiffusion {
    /// Six jumps in a day, of about half a percent.
    fn default() -> JumpDiffusion {
        JumpDiffusion {
            drift_per_day: 0.0,
            jumps_per_day: 6.0,
            jump_mean: 0.0,
            jump_deviation: 0.005,
        }
    }
}

impl JumpDiffusion {
    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        let ranges = [
            ("drift_per_day", self.drift_per_day, -10.0, 10.0),
            ("jumps_per_day", self.jumps_per_day, 0.0, 14_400.0),
            ("jump_mean", self.jump_mean, -1.0, 1.0),
            ("jump_deviation", self.jump_deviation, 0.0, 1.0),
        ];
        let odd = ranges.iter().find(|(_, value, min, max)| !(*min..=*max).contains(value));
        odd.map(|(name, value, min, max)| {
            format!("jump_diffusion: {name} is {value}, and must be {min} to {max}")
        })
    }
}

/// The process of one symbol.
#[derive(Clone)]
pub(super) struct JumpProcess {
    parameters: JumpDiffusion,
    sigma: f64,
    /// Times, and sizes where no others are given.
    jumps: NamedRng,
    sizes: Option<Shocks>,
}

impl JumpProcess {
    /// With `sizes` the normals of its jumps are theirs.
    pub fn new(
        parameters: JumpDiffusion,
        sigma: f64,
        jumps: NamedRng,
        sizes: Option<Shocks>,
    ) -> JumpProcess {
        JumpProcess { parameters, sigma, jumps, sizes }
    }

    /// The log return of the next minute from a standard normal.
    pub fn step(&mut self, shock: f64) -> f64 {
        let p = self.parameters;
        let rate = p.jumps_per_day / MINUTES_PER_DAY;
        let k = libm::expm1(p.jump_mean + p.jump_deviation * p.jump_deviation / 2.0);
        let drift = p.drift_per_day / MINUTES_PER_DAY - self.sigma * self.sigma / 2.0 - rate * k;
        let jumps = poisson(&mut self.jumps, rate);
        let mut normal = || match &mut self.sizes {
            Some(shared) => shared.next(),
            None => self.jumps.normal(),
        };
        let size = |_| p.jump_mean + p.jump_deviation * normal();
        drift + self.sigma * shock + (0..jumps).map(size).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean of exp(sum of a day's returns), and variance and third moment of a minute's return.
    #[test]
    fn moments_are_those_of_the_formula() {
        let p = JumpDiffusion {
            drift_per_day: 0.0,
            jumps_per_day: 144.0,
            jump_mean: -0.01,
            jump_deviation: 0.005,
        };
        let sigma = 0.001;
        let mut process = JumpProcess::new(p, sigma, NamedRng::new(1, "jumps"), None);
        let mut rng = NamedRng::new(1, "shocks");
        let minutes = 400_000;
        let (mut growth, mut squares, mut cubes) = (0.0, 0.0, 0.0);
        for _ in 0..minutes {
            let r = process.step(rng.normal());
            growth += libm::expm1(r);
            squares += r * r;
            cubes += r * r * r;
        }
        let n = f64::from(minutes);
        let (m, s, rate) = (p.jump_mean, p.jump_deviation, 0.1);
        // Without the compensation the mean growth would be -0.001.
        assert!((growth / n).abs() < 3e-5, "growth {}", growth / n);
        let variance = sigma * sigma + rate * (m * m + s * s);
        assert!((squares / n / variance - 1.0).abs() < 0.05, "{} not {variance}", squares / n);
        assert!(cubes / n < -0.5 * rate * (m * m * m).abs(), "jumps down lean down: {}", cubes / n);
    }

    #[test]
    fn bad_parameters_are_named() {
        let bad = JumpDiffusion { jumps_per_day: f64::NAN, ..JumpDiffusion::default() };
        assert!(bad.problem().expect("bad").contains("jumps_per_day is NaN"));
        assert_eq!(JumpDiffusion::default().problem(), None);
    }
}
