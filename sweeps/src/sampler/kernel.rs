//! Densities of good and of other trials on one axis. They stand in for those of the crate `tpe`, whose
//! logarithms and exponentials are the platform's and so differ between machines.

use std::convert::Infallible;

use rand::Rng;
use rand::distr::Distribution;
use tpe::density_estimation::{BuildDensityEstimator, DensityEstimator};
use tpe::range::Range;

use crate::domain::LAST_UNIT;
use crate::draws::unit_of;
use crate::normal::{normal_cdf, normal_quantile};

/// Builds the densities of one axis.
#[derive(Debug)]
pub(super) struct Densities {
    /// The probabilities of unlike kinds before any trial; nothing on an axis that is ordered.
    pub(super) kinds: Option<Vec<f64>>,
}

impl Densities {
    /// Values lie in `0..width`: a part of the unit interval, or the place of a kind.
    pub(super) fn width(&self) -> f64 {
        self.kinds.as_ref().map_or(1.0, |kinds| kinds.len() as f64)
    }
}

/// A density on one axis.
#[derive(Debug)]
pub(super) enum Density {
    /// Normal distributions around the trials and one around the middle, all truncated to [0, 1) and of
    /// the same weight.
    Parzen(Vec<Bump>),
    /// The sums of the probabilities up to and with each kind.
    Kinds { shares: Vec<f64>, sums: Vec<f64> },
}

/// A normal distribution, truncated to [0, 1).
#[derive(Clone, Debug)]
pub(super) struct Bump {
    mean: f64,
    sd: f64,
    inverse_sd: f64,
    /// The probability below zero, and that of [0, 1), before truncation.
    below: f64,
    within: f64,
    /// The logarithm of what stands before the exponential.
    log_height: f64,
}

impl BuildDensityEstimator for Densities {
    type Estimator = Density;
    type Error = Infallible;

    fn build_density_estimator<I>(&self, trials: I, _: Range) -> Result<Density, Infallible>
    where
        I: Iterator<Item = f64> + Clone,
    {
        Ok(match &self.kinds {
            Some(prior) => histogram(prior, trials),
            None => parzen(trials),
        })
    }
}

/// Counts of the kinds, with the prior as strong as one trial a kind (Bergstra et al. 2011, section 4.1:
/// `N p_i + C_i`).
fn histogram(prior: &[f64], trials: impl Iterator<Item = f64>) -> Density {
    let mut counts: Vec<f64> = prior.iter().map(|p| p * prior.len() as f64).collect();
    for trial in trials {
        if let Some(count) = counts.get_mut(trial as usize) {
            *count += 1.0;
        }
    }
    let total: f64 = counts.iter().sum();
    let shares: Vec<f64> = counts.iter().map(|count| count / total).collect();
    let mut sum = 0.0;
    let sums = shares
        .iter()
        .map(|share| {
            sum += share;
            sum
        })
        .collect();
    Density::Kinds { shares, sums }
}

/// A bump a trial, as wide as the farther of its neighbours is away (Bergstra et al. 2011, section 4.2),
/// but no narrower than the width of the axis by the number of trials, or by 100; and a wide one in the
/// middle, so that no value is ever given up.
fn parzen(trials: impl Iterator<Item = f64>) -> Density {
    let mut means: Vec<f64> = trials.collect();
    means.sort_by(f64::total_cmp);
    let narrowest = 1.0 / 100f64.min(1.0 + means.len() as f64);
    let mut bumps: Vec<Bump> = means
        .iter()
        .enumerate()
        .map(|(place, mean)| {
            let left = place.checked_sub(1).map_or(0.0, |before| means[before]);
            let right = means.get(place + 1).copied().unwrap_or(1.0);
            Bump::new(*mean, (mean - left).max(right - mean).clamp(narrowest, 1.0))
        })
        .collect();
    bumps.push(Bump::new(0.5, 1.0));
    Density::Parzen(bumps)
}

impl Bump {
    fn new(mean: f64, sd: f64) -> Bump {
        let below = normal_cdf(-mean / sd);
        let within = normal_cdf((1.0 - mean) / sd) - below;
        Bump { mean, sd, inverse_sd: 1.0 / sd, below, within, log_height: -libm::log(sd * within) }
    }
}

impl DensityEstimator for Density {
    /// The logarithm of the density, less a constant that is the same for all densities of an axis.
    fn log_pdf(&self, x: f64) -> f64 {
        match self {
            Density::Kinds { shares, .. } => {
                shares.get(x as usize).map_or(f64::MIN, |s| libm::log(*s))
            }
            Density::Parzen(bumps) => {
                let height = |bump: &Bump| {
                    let z = (x - bump.mean) * bump.inverse_sd;
                    // Beyond nine deviations a bump is lost beside the wide one, and most are there.
                    if z * z > 81.0 { 0.0 } else { libm::exp(bump.log_height - 0.5 * z * z) }
                };
                // The wide bump keeps the sum away from zero.
                libm::log(bumps.iter().map(height).sum::<f64>() / bumps.len() as f64)
            }
        }
    }
}

impl Distribution<f64> for Density {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        match self {
            Density::Kinds { sums, shares } => {
                let unit = unit_of(rng.next_u64());
                sums.partition_point(|sum| *sum <= unit).min(shares.len() - 1) as f64
            }
            Density::Parzen(bumps) => {
                let place = (u128::from(rng.next_u64()) * bumps.len() as u128) >> 64;
                let bump = &bumps[place as usize];
                let p = bump.below + unit_of(rng.next_u64()) * bump.within;
                (bump.mean + bump.sd * normal_quantile(p)).clamp(0.0, LAST_UNIT)
            }
        }
    }
}
