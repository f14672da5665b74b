//! Volatility, trend and regime probabilities of one symbol from its 1-minute closes (MSE 3.5, EHR 3.1).
//!
//! The costly part is the median of all pairwise slopes. It hardly moves from one minute to the next, so
//! that an evaluator remembers a bracket around it: one pass counts the slopes below and gathers those
//! inside, and only among these it divides and selects. A bracket that misses costs time, never the
//! result.

use serde::{Deserialize, Serialize};

/// Closes that an evaluation needs.
pub const MARKET_STATE_PRICES: usize = 257;
const RETURNS: usize = 256;
const WINDOWS: [(usize, f64); 3] = [(64, 0.5), (128, 0.3), (256, 0.2)];
/// Slopes that are looked at together.
const CHUNK: usize = 16;
/// Slopes that a bracket should hold, by window. The widest window moves most against its own density.
const WANTED: [usize; 3] = [200, 300, 500];
/// Brackets that are tried before all slopes are sorted out.
const TRIES: usize = 3;

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

/// Where the median slope of a window was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bracket {
    centre: f64,
    half: f64,
}

/// Evaluates one symbol minute by minute. What it remembers makes it fast and changes no result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MarketStateEvaluator {
    brackets: [Option<Bracket>; 3],
}

/// Room for the work; its content means nothing between two calls, and symbols can share it.
#[derive(Clone, Debug, Default)]
pub struct MarketStateScratch {
    logs: Vec<f64>,
    returns: Vec<f64>,
    clipped: Vec<f64>,
    sorting: Vec<f64>,
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
        let MarketStateScratch { logs, returns, clipped, sorting, slopes } = scratch;
        logs.clear();
        logs.extend(closes.iter().map(|p| libm::log(p + 1e-12)));
        returns.clear();
        returns.extend(logs.windows(2).map(|w| w[1] - w[0]));
        let (sigma, spike_proxy) = volatility(returns, clipped, sorting);
        // An infinite point makes slopes that are neither below nor inside a bracket.
        logs.extend([f64::INFINITY; CHUNK]);
        let mut mu = 0.0;
        for (at, (points, weight)) in WINDOWS.into_iter().enumerate() {
            let window = &logs[MARKET_STATE_PRICES - points..];
            mu += weight * theil_sen(window, &mut self.brackets[at], WANTED[at], slopes);
        }
        Some(regime(sigma, mu, spike_proxy, returns, sorting))
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
    sums.clear();
    sums.extend(returns.windows(5).map(|w| w.iter().sum::<f64>()));
    let vr = variance(sums) / (5.0 * variance(returns) + 1e-12);
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
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n
}

/// Sigma and spike of the returns (EHR 3.1 rule 1).
fn volatility(returns: &[f64], clipped: &mut Vec<f64>, sorting: &mut Vec<f64>) -> (f64, f64) {
    refill(sorting, returns.iter().copied());
    let low = quantile(sorting, 0.01);
    let high = quantile(sorting, 0.99);
    refill(clipped, returns.iter().map(|r| r.clamp(low, high)));
    let ewma =
        clipped.iter().fold(variance(&clipped[..10]), |v, r| 0.94 * v + 0.06 * (r * r)).sqrt();
    refill(sorting, clipped.iter().copied());
    let middle = median(sorting);
    refill(sorting, clipped.iter().map(|r| (r - middle).abs()));
    let robust = 1.4826 * median(sorting);
    let spike = (robust / (ewma + 1e-12)).clamp(0.0, 5.0);
    let w = 1.0 / (1.0 + libm::exp(-((spike - 1.2) / 0.3).clamp(-50.0, 50.0)));
    (((1.0 - w) * ewma + w * robust).max(1e-6), spike)
}

fn refill(target: &mut Vec<f64>, values: impl Iterator<Item = f64>) {
    target.clear();
    target.extend(values);
}

/// Linear between the neighbouring order statistics; reorders the values.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    let at = q * (values.len() - 1) as f64;
    let rank = at as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(rank, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (high - low) * (at - rank as f64)
}

/// Median of all pairwise slopes of equally spaced points, which end with [`CHUNK`] infinite ones.
fn theil_sen(
    padded: &[f64],
    remembered: &mut Option<Bracket>,
    wanted: usize,
    slopes: &mut Vec<f64>,
) -> f64 {
    let points = padded.len() - CHUNK;
    let count = points * (points - 1) / 2;
    let (first, second) = ((count - 1) / 2, count / 2);
    slopes.resize(slopes.len().max(count + CHUNK), 0.0);
    let mut tried = *remembered;
    for _ in 0..TRIES {
        let Some(bracket) = tried else { break };
        let (low, high) = (bracket.centre - bracket.half, bracket.centre + bracket.half);
        let sound = bracket.half > 0.0 && low > -1e300 && high < 1e300;
        if !sound {
            break;
        }
        let (below, inside) = gather(padded, low, high, slopes);
        if below <= first && second < below + inside {
            let (one, two) = neighbours(&mut slopes[..inside], first - below, second - below);
            // The bounds times the lag are rounded: near a bound the count could be wrong by some.
            let margin = 1e-9 * low.abs().max(high.abs()) + 1e-290;
            if one > low + margin && two < high - margin {
                let median = (one + two) / 2.0;
                let fit = (wanted as f64 / inside as f64).clamp(0.5, 2.0);
                let half = (bracket.half * fit).max(least(median));
                *remembered = Some(Bracket { centre: median, half });
                return median;
            }
        }
        tried = Some(Bracket { half: 3.0 * bracket.half, ..bracket });
    }
    // All of them.
    let mut len = 0;
    for lag in 1..points {
        for (late, early) in padded[lag..points].iter().zip(padded) {
            slopes[len] = (late - early) / lag as f64;
            len += 1;
        }
    }
    let all = &mut slopes[..count];
    let (one, two) = neighbours(all, first, second);
    let median = (one + two) / 2.0;
    let (_, &mut far, _) = all.select_nth_unstable_by(second + wanted / 2, f64::total_cmp);
    let half = (far - median).max(least(median));
    *remembered = half.is_finite().then_some(Bracket { centre: median, half });
    median
}

/// The narrowest bracket, wider than the margin at its bounds.
fn least(centre: f64) -> f64 {
    1e-8 * centre.abs() + 1e-12
}

/// Counts the slopes below the bracket and puts those inside it to the front of `slopes`.
fn gather(padded: &[f64], low: f64, high: f64, slopes: &mut [f64]) -> (usize, usize) {
    let points = padded.len() - CHUNK;
    let (mut below, mut len) = (0usize, 0usize);
    for lag in 1..points {
        let run = lag as f64;
        let (floor, ceiling) = (low * run, high * run);
        let chunks = (points - lag).div_ceil(CHUNK);
        let (late, _) = padded[lag..].as_chunks::<CHUNK>();
        let (early, _) = padded.as_chunks::<CHUNK>();
        let start = len;
        for (late, early) in late.iter().zip(early).take(chunks) {
            let mut under = 0u64;
            let mut within = 0u64;
            for i in 0..CHUNK {
                let rise = late[i] - early[i];
                under += u64::from(rise < floor);
                within += u64::from(rise <= ceiling);
            }
            below += under as usize;
            if within != under {
                for i in 0..CHUNK {
                    let rise = late[i] - early[i];
                    slopes[len] = rise;
                    len += usize::from(rise >= floor && rise <= ceiling);
                }
            }
        }
        for slope in &mut slopes[start..len] {
            *slope /= run;
        }
    }
    (below, len)
}

fn median(values: &mut [f64]) -> f64 {
    let (one, two) = neighbours(values, (values.len() - 1) / 2, values.len() / 2);
    (one + two) / 2.0
}

/// The order statistics `first` and `second` (equal or adjacent).
fn neighbours(values: &mut [f64], first: usize, second: usize) -> (f64, f64) {
    let (_, &mut low, above) = values.select_nth_unstable_by(first, f64::total_cmp);
    if first == second {
        return (low, low);
    }
    (low, above.iter().copied().min_by(f64::total_cmp).unwrap_or(low))
}

#[cfg(test)]
#[path = "market_state_tests.rs"]
mod tests;
