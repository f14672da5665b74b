//! How many independent trials a number of correlated ones is worth.

/// The average correlation of the returns of many trials, told one by one, so that they need not be held
/// in memory.
///
/// The mean of all pairs comes from the sum of the standardised series: its variance is the sum of all
/// correlations.
#[derive(Clone, Debug)]
pub struct AverageCorrelation {
    sums: Vec<f64>,
    trials: u64,
}

impl AverageCorrelation {
    /// For series of so many periods.
    pub fn new(periods: usize) -> AverageCorrelation {
        AverageCorrelation { sums: vec![0.0; periods], trials: 0 }
    }

    /// Adds a trial. One whose returns are all alike, are not finite, or are of another number has no
    /// correlation with others and is left out: the answer is whether it counts.
    pub fn push(&mut self, returns: &[f64]) -> bool {
        let count = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let square = |r: &f64| (r - mean) * (r - mean);
        let variance = returns.iter().map(square).sum::<f64>() / count;
        let noise = 1e-28 * returns.iter().map(|r| r * r).sum::<f64>() / count;
        if returns.len() != self.sums.len() || !variance.is_finite() || variance <= noise {
            return false;
        }
        let sd = libm::sqrt(variance);
        for (sum, r) in self.sums.iter_mut().zip(returns) {
            *sum += (r - mean) / sd;
        }
        self.trials += 1;
        true
    }

    /// How many trials count.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// The mean correlation of two trials; nothing for fewer than two.
    pub fn mean(&self) -> Option<f64> {
        if self.trials < 2 || self.sums.is_empty() {
            return None;
        }
        let trials = self.trials as f64;
        let all = self.sums.iter().map(|sum| sum * sum).sum::<f64>() / self.sums.len() as f64;
        Some((all - trials) / (trials * (trials - 1.0)))
    }

    /// The number of independent trials: `r + (1 - r) M` with the mean correlation `r`, taken as zero if
    /// it is below. Source: Bailey, López de Prado (2014), "The Deflated Sharpe Ratio", appendix A.3.
    pub fn independent(&self) -> f64 {
        let trials = self.trials as f64;
        let mean = self.mean().unwrap_or(0.0).clamp(0.0, 1.0);
        mean * trials.min(1.0) + (1.0 - mean) * trials
    }
}
