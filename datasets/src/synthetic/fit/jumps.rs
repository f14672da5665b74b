//! Jump-diffusion from returns: jumps are what the local volatility does not explain.
//!
//! Source: S. S. Lee, P. A. Mykland (2008), "Jumps in financial markets: a new nonparametric test and jump
//! dynamics", Review of Financial Studies 21. A return is a jump if it exceeds the local deviation, by
//! bipower variation (O. E. Barndorff-Nielsen, N. Shephard 2004) of the returns before it, more than the
//! greatest of as many normals would in one sample of a hundred.

use core::f64::consts::PI;

use super::{MINUTES_PER_DAY, mean_and_variance, refuse_returns};
use crate::DataError;
use crate::synthetic::JumpDiffusion;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JumpFit {
    /// The parameters.
    pub jump_diffusion: JumpDiffusion,
    /// Standard deviation of a minute's log return without the jumps.
    pub volatility_per_minute: f64,
    /// How many returns were taken for jumps.
    pub jumps: usize,
}

/// Returns before each from which its local deviation is taken: the paper's number for minutes is near it.
const WINDOW: usize = 270;
/// How rarely the greatest of normals may be taken for a jump.
const SIGNIFICANCE: f64 = 0.01;

/// How many local deviations the greatest of `count` normals exceeds in one sample of a hundred.
fn threshold(count: usize) -> f64 {
    let c = libm::sqrt(2.0 / PI);
    let log = libm::log(count as f64);
    let root = libm::sqrt(2.0 * log);
    let centre = root / c - (libm::log(PI) + libm::log(log)) / (2.0 * c * root);
    let scale = 1.0 / (c * root);
    // The paper divides by a deviation that is c times the true one.
    (centre - libm::log(-libm::log(1.0 - SIGNIFICANCE)) * scale) * c
}

/// Fits one-minute log returns.
pub fn fit_jump_diffusion(returns: &[f64]) -> Result<JumpFit, DataError> {
    refuse_returns(returns)?;
    let limit = threshold(returns.len());
    let product = |i: usize| (returns[i] * returns[i - 1]).abs() * PI / 2.0;
    let mut sum: f64 = (1..WINDOW).map(product).sum();
    let (mut jumps, mut rest) = (Vec::new(), returns[..WINDOW].to_vec());
    for (i, found) in returns.iter().enumerate().skip(WINDOW) {
        let local = libm::sqrt(sum.max(0.0) / (WINDOW - 1) as f64);
        if local > 0.0 && found.abs() > limit * local {
            jumps.push(*found);
        } else {
            rest.push(*found);
        }
        sum += product(i) - product(i + 1 - WINDOW);
    }
    let (_, variance) = mean_and_variance(&rest);
    let (jump_mean, jump_variance) =
        if jumps.is_empty() { (0.0, 0.0) } else { mean_and_variance(&jumps) };
    let days = (returns.len() - WINDOW) as f64 / MINUTES_PER_DAY;
    Ok(JumpFit {
        jump_diffusion: JumpDiffusion {
            drift_per_day: 0.0,
            jumps_per_day: jumps.len() as f64 / days,
            jump_mean,
            jump_deviation: libm::sqrt(jump_variance),
        },
        volatility_per_minute: libm::sqrt(variance),
        jumps: jumps.len(),
    })
}
