//! GARCH-t from returns, by maximum likelihood with variance targeting (C. Francq, L. Horváth,
//! J.-M. Zakoïan (2011), Journal of Financial Econometrics 9): the long-run variance is that of the sample,
//! which the made market should have, and the likelihood is searched over α, β and ν.

use core::f64::consts::PI;

use super::simplex::minimize;
use super::{mean_and_variance, refuse_returns};
use crate::DataError;
use crate::synthetic::Garch;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GarchFit {
    /// The parameters.
    pub garch: Garch,
    /// Long-run standard deviation of a minute's log return.
    pub volatility_per_minute: f64,
    /// Log likelihood of a return, on average.
    pub log_likelihood: f64,
}

const NU_MIN: f64 = 2.1;
const NU_MAX: f64 = 100.0;
const PERSISTENCE_MAX: f64 = 0.9995;

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// α, β and ν from three numbers that may be anything.
fn parameters(free: &[f64]) -> (f64, f64, f64) {
    let persistence = PERSISTENCE_MAX * logistic(free[0]);
    let alpha = persistence * logistic(free[1]);
    (alpha, persistence - alpha, NU_MIN + (NU_MAX - NU_MIN) * logistic(free[2]))
}

/// Minus the mean log likelihood of `residuals`.
fn cost(residuals: &[f64], long_run: f64, (alpha, beta, nu): (f64, f64, f64)) -> f64 {
    let constant =
        libm::lgamma((nu + 1.0) / 2.0) - libm::lgamma(nu / 2.0) - 0.5 * libm::log(PI * (nu - 2.0));
    let omega = long_run * (1.0 - alpha - beta);
    let (mut variance, mut sum) = (long_run, 0.0);
    for residual in residuals {
        let square = residual * residual;
        sum += 0.5 * libm::log(variance)
            + 0.5 * (nu + 1.0) * libm::log1p(square / (variance * (nu - 2.0)));
        variance = omega + alpha * square + beta * variance;
    }
    sum / residuals.len() as f64 - constant
}

/// Fits one-minute log returns.
pub fn fit_garch(returns: &[f64]) -> Result<GarchFit, DataError> {
    refuse_returns(returns)?;
    let (mean, long_run) = mean_and_variance(returns);
    let residuals: Vec<f64> = returns.iter().map(|r| r - mean).collect();
    // From calm and from quick starts, because the likelihood may have two hills.
    let starts = [[4.0, -2.5, -3.0], [2.0, -1.0, -3.0], [6.0, -3.5, -2.0]];
    let search = |start: &[f64; 3]| {
        minimize(start, 0.5, |free| cost(&residuals, long_run, parameters(free)))
    };
    let found = starts.iter().map(search).min_by(|a, b| a.1.total_cmp(&b.1));
    let (free, least) = found.unwrap_or_default();
    let (alpha, beta, degrees_of_freedom) = parameters(&free);
    // The drift of one sample is chance: markets made of it would trend for ever.
    let garch = Garch { drift_per_day: 0.0, alpha, beta, degrees_of_freedom };
    Ok(GarchFit { garch, volatility_per_minute: libm::sqrt(long_run), log_likelihood: -least })
}
