//! What bars say of the market at an exit.

use super::ExitRegime;
use crate::numbers::{RefusedNumber, finite, positive};

/// A closed bar, in USDT.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candle {
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

/// How far a bar went up, down and altogether beyond the one before it.
fn movements(bars: &[Candle]) -> Result<Vec<[f64; 3]>, RefusedNumber> {
    for bar in bars {
        positive("high", bar.high)?;
        positive("low", bar.low)?;
        positive("close", bar.close)?;
    }
    let pairs = bars.iter().zip(bars.iter().skip(1));
    let moved = pairs.map(|(before, bar)| {
        let (up, down) = (bar.high - before.high, before.low - bar.low);
        let range = (bar.high - bar.low)
            .max((bar.high - before.close).abs())
            .max((bar.low - before.close).abs());
        [
            if up > down && up > 0.0 { up } else { 0.0 },
            if down > up && down > 0.0 { down } else { 0.0 },
            range,
        ]
    });
    Ok(moved.collect())
}

/// The directional index of summed movements: 0 without any.
fn dx([up, down, range]: [f64; 3]) -> f64 {
    // Both are shares of the same range, which falls out.
    if range > 0.0 && up + down > 0.0 { 100.0 * (up - down).abs() / (up + down) } else { 0.0 }
}

/// Wilder's average directional index; `None` with too few bars (twice the period and one).
///
/// # Errors
/// [`RefusedNumber`] for prices that are not above zero.
pub fn adx(bars: &[Candle], period: usize) -> Result<Option<f64>, RefusedNumber> {
    let moved = movements(bars)?;
    if period == 0 || moved.len() < 2 * period {
        return Ok(None);
    }
    let n = period as f64;
    let (first, rest) = moved.split_at(period);
    let mut sums = [0.0; 3];
    first.iter().for_each(|by| (0..3).for_each(|i| sums[i] += by[i]));
    let mut values = vec![dx(sums)];
    for by in rest {
        (0..3).for_each(|i| sums[i] += by[i] - sums[i] / n);
        values.push(dx(sums));
    }
    let (first, rest) = values.split_at(period);
    let start = first.iter().sum::<f64>() / n;
    let average = rest.iter().fold(start, |average, dx| (average * (n - 1.0) + dx) / n);
    finite("adx", average).map(Some)
}

/// The directional index of the last `period` movements, without smoothing (EHR 3.30).
///
/// # Errors
/// [`RefusedNumber`] for prices that are not above zero.
pub fn simple_dx(bars: &[Candle], period: usize) -> Result<Option<f64>, RefusedNumber> {
    let moved = movements(bars)?;
    if period == 0 || moved.len() < period {
        return Ok(None);
    }
    let mut sums = [0.0; 3];
    moved[moved.len() - period..].iter().for_each(|by| (0..3).for_each(|i| sums[i] += by[i]));
    finite("dx", dx(sums)).map(Some)
}

/// The market by a simple directional index: above 25 it goes somewhere, below 20 nowhere.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn regime_of_dx(dx: f64) -> Result<ExitRegime, RefusedNumber> {
    Ok(match finite("dx", dx)? {
        dx if dx > 25.0 => ExitRegime::Trend,
        dx if dx < 20.0 => ExitRegime::Chop,
        _ => ExitRegime::Unknown,
    })
}

/// The exponential mean of the closes, from the first of them; `None` with fewer than the period.
#[must_use]
pub fn ema(bars: &[Candle], period: usize) -> Option<f64> {
    if period == 0 || bars.len() < period {
        return None;
    }
    let weight = 2.0 / (period as f64 + 1.0);
    let (first, rest) = bars.split_first()?;
    Some(rest.iter().fold(first.close, |mean, bar| mean + weight * (bar.close - mean)))
}

/// Width of the Bollinger band of the last `period` closes, two deviations to each side, as a share of its
/// middle.
#[must_use]
pub fn bollinger_width(bars: &[Candle], period: usize) -> Option<f64> {
    if period == 0 || bars.len() < period {
        return None;
    }
    let last = &bars[bars.len() - period..];
    let n = period as f64;
    let mean = last.iter().map(|bar| bar.close).sum::<f64>() / n;
    let squares: f64 = last.iter().map(|bar| (bar.close - mean) * (bar.close - mean)).sum();
    (mean > 0.0).then(|| 4.0 * (squares / n).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising(count: usize, by: f64) -> Vec<Candle> {
        let bar = |i: usize| {
            let close = 100.0 + by * i as f64;
            Candle { high: close + 0.5, low: close - 0.5, close }
        };
        (0..count).map(bar).collect()
    }

    #[test]
    fn a_market_that_only_rises_has_the_largest_index() {
        assert_eq!(adx(&rising(60, 1.0), 14), Ok(Some(100.0)));
        assert_eq!(simple_dx(&rising(50, 1.0), 14), Ok(Some(100.0)));
        assert_eq!(adx(&rising(60, 0.0), 14), Ok(Some(0.0)));
        assert_eq!(adx(&rising(28, 1.0), 14), Ok(None), "one movement too few");
        assert!(adx(&rising(29, 1.0), 14).is_ok_and(|adx| adx.is_some()));
        let broken = [Candle { high: f64::NAN, low: 1.0, close: 1.0 }; 40];
        assert!(adx(&broken, 14).is_err() && simple_dx(&broken, 14).is_err());
    }

    #[test]
    fn ups_and_downs_cancel() {
        let saw: Vec<Candle> = (0..41)
            .map(|i| {
                let close = 100.0 + f64::from(i % 2);
                Candle { high: close + 0.5, low: close - 0.5, close }
            })
            .collect();
        assert_eq!(simple_dx(&saw, 14), Ok(Some(0.0)));
        assert_eq!(regime_of_dx(0.0), Ok(ExitRegime::Chop));
        assert_eq!(regime_of_dx(22.0), Ok(ExitRegime::Unknown));
        assert_eq!(regime_of_dx(25.1), Ok(ExitRegime::Trend));
        // Mean 100.5, deviation 0.5.
        let width = bollinger_width(&saw[..40], 20).expect("enough");
        assert!((width - 2.0 / 100.5).abs() < 1e-12);
    }

    #[test]
    fn the_exponential_mean_runs_after_the_price() {
        assert_eq!(ema(&rising(20, 0.0), 20), Some(100.0));
        let mean = ema(&rising(2, 21.0), 2).expect("enough");
        assert_eq!(mean, 100.0 + 2.0 / 3.0 * 21.0);
        assert_eq!(ema(&rising(19, 0.0), 20), None);
    }
}
