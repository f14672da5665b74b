//! Volatility, trend and regime probabilities of one symbol from its 1-minute closes (MSE 3.5, EHR 3.1).
//!
//! The costly part is the median of all pairwise slopes: see [`crate::theil_sen`]. An evaluator remembers
//! the last closes, and where the new ones are those and one more, it goes on from there.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::theil_sen::MedianSlope;

/// Closes that an evaluation needs.
pub const MARKET_STATE_PRICES: usize = 257;
const RETURNS: usize = 256;
/// Weights of the slopes over 64, 128 and 256 points.
const WEIGHTS: [f64; 3] = [0.5, 0.3, 0.2];

/// One evaluation; sigma and mu are per minute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketState {
    /// Volatility, at least 1e-6.
    pub sigma: f64,
    /// Slope of the log price (Theil–Sen over 64, 128, 256 points).
    pub mu: f64,
    /// Trend strength |mu| / sigma.
    pub ts: f64,
    /// Probability of a trend.
    pub p_trend: f64,
    /// Probability of mean reversion.
    pub p_mr: f64,
    /// Probability of chop.
    pub p_chop: f64,
    /// Share of consecutive returns with equal sign.
    pub dp: f64,
    /// Variance ratio of 5-return sums.
    pub vr: f64,
    /// Robust over exponential volatility, 0 to 5.
    pub spike_proxy: f64,
}

/// Evaluates one symbol minute by minute. What it remembers makes it fast and changes no result.
#[derive(Clone, Debug, Default)]
pub struct MarketStateEvaluator {
    /// The closes of the last evaluation, oldest first.
    closes: Vec<f64>,
    /// Their logarithms.
    logs: Vec<f64>,
    /// The returns in their order of size.
    sorted: Vec<f64>,
    slopes: (MedianSlope<64>, MedianSlope<128>, MedianSlope<256>),
}

/// Room for the work; its content means nothing between two calls, and symbols can share it.
#[derive(Clone, Debug, Default)]
pub struct MarketStateScratch {
    returns: Vec<f64>,
    clipped: Vec<f64>,
    sums: Vec<f64>,
    slopes: Vec<f64>,
}

/// One evaluation without a memory.
#[must_use]
pub fn market_state(closes: &[f64]) -> Option<MarketState> {
    MarketStateEvaluator::default().evaluate(closes, &mut MarketStateScratch::default())
}

impl MarketStateEvaluator {
    /// Evaluates the newest closes, oldest first; `None` below [`MARKET_STATE_PRICES`] or when a close
    /// is not positive and finite.
    pub fn evaluate(
        &mut self,
        closes: &[f64],
        scratch: &mut MarketStateScratch,
    ) -> Option<MarketState> {
        let closes = &closes[closes.len().checked_sub(MARKET_STATE_PRICES)?..];
        if !closes.iter().all(|p| *p > 0.0 && p.is_finite()) {
            return None;
        }
        let MarketStateScratch { returns, clipped, sums, slopes } = scratch;
        let moved = self.take(closes);
        let logs = &self.logs;
        returns.clear();
        returns.extend(logs.windows(2).map(|w| w[1] - w[0]));
        let (sigma, spike_proxy) = volatility(returns, &self.sorted, clipped);
        let (short, middle, long) = &mut self.slopes;
        let of = [
            short.median(logs, moved, slopes),
            middle.median(logs, moved, slopes),
            long.median(logs, moved, slopes),
        ];
        let mu = WEIGHTS.iter().zip(of).fold(0.0, |mu, (weight, slope)| mu + weight * slope);
        Some(regime(sigma, mu, spike_proxy, returns, sums))
    }

    /// Takes over the closes; says whether they are the last ones and one more.
    fn take(&mut self, closes: &[f64]) -> bool {
        let log = |close: f64| libm::log(close + 1e-12);
        let known = self.closes.len() == MARKET_STATE_PRICES
            && self.closes[1..] == closes[..MARKET_STATE_PRICES - 1];
        let newest = closes[MARKET_STATE_PRICES - 1];
        if known {
            self.closes.copy_within(1.., 0);
            self.closes[MARKET_STATE_PRICES - 1] = newest;
            let gone = self.logs[1] - self.logs[0];
            self.logs.copy_within(1..MARKET_STATE_PRICES, 0);
            self.logs[MARKET_STATE_PRICES - 1] = log(newest);
            let came = self.logs[MARKET_STATE_PRICES - 1] - self.logs[MARKET_STATE_PRICES - 2];
            replace(&mut self.sorted, gone, came);
        } else {
            refill(&mut self.closes, closes.iter().copied());
            refill(&mut self.logs, closes.iter().map(|close| log(*close)));
            refill(&mut self.sorted, self.logs.windows(2).map(|w| w[1] - w[0]));
            self.sorted.sort_unstable_by(f64::total_cmp);
        }
        known
    }
}

/// Everything that follows from volatility, slope and the returns.
fn regime(
    sigma: f64,
    mu: f64,
    spike_proxy: f64,
    returns: &[f64],
    sums: &mut Vec<f64>,
) -> MarketState {
    let ts = mu.abs() / (sigma + 1e-12);
    let equal: usize = returns.windows(2).map(|w| usize::from(sign(w[0]) == sign(w[1]))).sum();
    let dp = equal as f64 / (RETURNS - 1) as f64;
    refill(sums, returns.windows(5).map(|w| w.iter().sum::<f64>()));
    let [of_sums, of_returns] = variances(sums, returns);
    let vr = of_sums / (5.0 * of_returns + 1e-12);
    let off = (vr - 1.0).abs();
    let scores = [ts + dp - off, off - ts - dp, (1.0 - dp) + (1.0 - ts.min(1.0)) - off];
    let top = scores.into_iter().fold(f64::MIN, f64::max);
    let weights = scores.map(|s| libm::exp(s - top));
    let total: f64 = weights.iter().sum();
    let [p_trend, p_mr, p_chop] = weights.map(|w| w / total);
    MarketState { sigma, mu, ts, p_trend, p_mr, p_chop, dp, vr, spike_proxy }
}

fn sign(value: f64) -> i8 {
    i8::from(value > 0.0) - i8::from(value < 0.0)
}

fn variance(values: &[f64]) -> f64 {
    variances(values, values)[0]
}

/// Of two series at once: a sum waits for its last addition, and two wait no longer than one.
fn variances(one: &[f64], other: &[f64]) -> [f64; 2] {
    let mean = means(one, other, |value| value, |value| value);
    means(one, other, |value| square(value - mean[0]), |value| square(value - mean[1]))
}

fn means(
    one: &[f64],
    other: &[f64],
    of_one: impl Fn(f64) -> f64,
    of_other: impl Fn(f64) -> f64,
) -> [f64; 2] {
    let (mut first, mut second) = (0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        first += of_one(*a);
        second += of_other(*b);
    }
    let both = one.len().min(other.len());
    first = one[both..].iter().fold(first, |sum, value| sum + of_one(*value));
    second = other[both..].iter().fold(second, |sum, value| sum + of_other(*value));
    [first / one.len() as f64, second / other.len() as f64]
}

fn square(value: f64) -> f64 {
    value * value
}

/// Sigma and spike of the returns (EHR 3.1 rule 1).
fn volatility(returns: &[f64], sorted: &[f64], clipped: &mut Vec<f64>) -> (f64, f64) {
    let (low, high) = (quantile(sorted, 0.01), quantile(sorted, 0.99));
    refill(clipped, returns.iter().map(|r| r.clamp(low, high)));
    let ewma =
        clipped.iter().fold(variance(&clipped[..10]), |v, r| 0.94 * v + 0.06 * (r * r)).sqrt();
    // What is clipped keeps its order.
    refill(clipped, sorted.iter().map(|r| r.clamp(low, high)));
    let middle = (clipped[RETURNS / 2 - 1] + clipped[RETURNS / 2]) / 2.0;
    let robust = 1.4826 * median_distance(clipped, middle);
    let spike = (robust / (ewma + 1e-12)).clamp(0.0, 5.0);
    let w = 1.0 / (1.0 + libm::exp(-((spike - 1.2) / 0.3).clamp(-50.0, 50.0)));
    (((1.0 - w) * ewma + w * robust).max(1e-6), spike)
}

/// The median of the distances of sorted values from `middle`: those on both sides are in their order already.
fn median_distance(sorted: &[f64], middle: f64) -> f64 {
    let (below, above) = sorted.split_at(sorted.partition_point(|value| *value < middle));
    let mut below = below.iter().rev().map(|value| (value - middle).abs()).peekable();
    let mut above = above.iter().map(|value| (value - middle).abs()).peekable();
    let mut next = || match (below.peek(), above.peek()) {
        (Some(left), Some(right)) if left < right => below.next(),
        (Some(_), None) => below.next(),
        _ => above.next(),
    };
    let before = (sorted.len() - 1) / 2;
    for _ in 0..before {
        next();
    }
    let one = next().unwrap_or_default();
    let two = if sorted.len().is_multiple_of(2) { next().unwrap_or_default() } else { one };
    (one + two) / 2.0
}

/// Takes one value out of the sorted ones and puts another in.
fn replace(sorted: &mut Vec<f64>, gone: f64, came: f64) {
    let place = |sorted: &[f64], of: f64| {
        sorted.partition_point(|value| value.total_cmp(&of) == Ordering::Less)
    };
    sorted.remove(place(sorted, gone));
    sorted.insert(place(sorted, came), came);
}

fn refill(target: &mut Vec<f64>, values: impl Iterator<Item = f64>) {
    target.clear();
    target.extend(values);
}

/// Linear between the neighbouring ones of sorted values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let rank = at as usize;
    let (low, high) = (sorted[rank], sorted[rank + 1]);
    low + (high - low) * (at - rank as f64)
}

#[cfg(test)]
#[path = "market_state_tests.rs"]
mod tests;
