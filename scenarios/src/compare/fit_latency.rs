//! The ways to the venue and back, as a session measured them with its own requests.

use engine::{NamedRng, Nanos, Quantiles};
use serde::Serialize;

use super::script::{Fate, LiveSession, only_asks};

/// Fewer measurements have no distribution.
const SAMPLES_MIN: usize = 10;
/// Drawn again so often.
const RESAMPLES: usize = 200;
/// Of more than these, every so-manieth is taken.
const SAMPLES_MAX: usize = 20_000;
const THOUSANDTHS: [u32; 8] = [0, 100, 250, 500, 750, 900, 990, 1_000];
const MILLISECOND: i64 = 1_000_000;

/// A quantile with its 90 % bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FittedQuantile {
    /// Which: 500 is the median.
    pub thousandths: u32,
    /// Its value in µs.
    pub us: i64,
    /// So low is it in one of twenty samples.
    pub low_us: i64,
    /// So high is it in one of twenty samples.
    pub high_us: i64,
}

/// One way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FittedLeg {
    /// How often it was measured.
    pub samples: usize,
    /// Empty where it was measured too seldom.
    pub quantiles: Vec<FittedQuantile>,
}

impl FittedLeg {
    /// As a simulation takes them.
    pub fn distribution(&self) -> Option<Quantiles> {
        let rows = self.quantiles.iter().map(|row| (row.thousandths, row.us)).collect();
        Some(Quantiles(rows)).filter(|quantiles| quantiles.problem().is_none())
    }
}

/// Both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FittedLatency {
    /// From the session to the matching engine.
    pub request: FittedLeg,
    /// From the matching engine to the session.
    pub response: FittedLeg,
    /// The venue's clock was so far ahead of the session's, in µs; zero as long as that can be.
    pub venue_clock_ahead_us: i64,
    /// It was this far ahead at least and at most, in µs, because no way takes less than no time.
    pub venue_clock_bounds_us: Option<(i64, i64)>,
    /// The venue tells whole milliseconds: each value may be one larger or smaller.
    pub whole_milliseconds: bool,
}

/// What was measured, and when each request reached the venue by the venue's clock.
pub(crate) struct Measured {
    pub(crate) fitted: FittedLatency,
    pub(crate) ahead: Nanos,
    /// None where no way was measured.
    pub(crate) arrivals: Option<Vec<Nanos>>,
    /// How many of them were not measured, and take the median.
    pub(crate) guessed: usize,
}

/// Reads the ways of a session.
pub(crate) fn measure(session: &LiveSession) -> Measured {
    let sent = || session.sent.iter().filter(|sent| sent.fate != Fate::Held);
    let mut there: Vec<i64> =
        sent().filter_map(|sent| Some((sent.arrived? - sent.time).0)).collect();
    let mut back: Vec<i64> = session.heard.iter().map(|(told, heard)| (*heard - *told).0).collect();
    let stamps = sent().filter_map(|sent| sent.arrived);
    let stamps = stamps.chain(session.heard.iter().map(|(told, _)| *told));
    let whole_milliseconds =
        !there.is_empty() && stamps.into_iter().all(|at| at.0 % MILLISECOND == 0);
    let bounds = there.iter().min().zip(back.iter().min()).map(|(there, back)| {
        let cut = if whole_milliseconds { MILLISECOND - 1 } else { 0 };
        (back.saturating_neg(), there.saturating_add(cut))
    });
    let ahead = match bounds {
        // It has no other clock.
        _ if session.is_paper() => Nanos::ZERO,
        // Clocks that can be the same are taken for the same.
        Some((low, high)) if low > 0 || high < 0 => Nanos(low / 2 + high / 2),
        _ => Nanos::ZERO,
    };
    there.iter_mut().for_each(|span| *span = span.saturating_sub(ahead.0).max(0));
    back.iter_mut().for_each(|span| *span = span.saturating_add(ahead.0).max(0));
    there.sort_unstable();
    back.sort_unstable();
    let median = (!there.is_empty()).then(|| Nanos(quantile(&there, 500)));
    let (mut guessed, mut arrivals) = (0, None);
    if let Some(median) = median {
        let arrival = |sent: &super::script::Sent| {
            sent.arrived.unwrap_or_else(|| {
                guessed += usize::from(sent.fate != Fate::Held && !only_asks(&sent.request));
                sent.time + ahead + median
            })
        };
        arrivals = Some(session.sent.iter().map(arrival).collect());
    }
    let seed = session.scenario.seed;
    let fitted = FittedLatency {
        request: fit(&there, &mut NamedRng::new(seed, "compare request latency")),
        response: fit(&back, &mut NamedRng::new(seed, "compare response latency")),
        venue_clock_ahead_us: ahead.0 / 1_000,
        venue_clock_bounds_us: bounds.map(|(low, high)| (low / 1_000, high / 1_000)),
        whole_milliseconds,
    };
    Measured { fitted, ahead, arrivals, guessed }
}

/// A quantile of values in rising order, straight between two of them.
fn quantile(sorted: &[i64], thousandths: u32) -> i64 {
    let last = sorted.len().saturating_sub(1) as i128;
    let at = last * i128::from(thousandths);
    let (place, rest) = ((at / 1_000) as usize, at % 1_000);
    let low = sorted.get(place).copied().unwrap_or(0);
    let high = sorted.get(place + 1).copied().unwrap_or(low);
    low + (i128::from(high - low) * rest / 1_000) as i64
}

/// Quantiles of values in rising order, with bounds from samples that are drawn of them.
fn fit(sorted: &[i64], rng: &mut NamedRng) -> FittedLeg {
    let samples = sorted.len();
    if samples < SAMPLES_MIN {
        return FittedLeg { samples, quantiles: Vec::new() };
    }
    let every = samples.div_ceil(SAMPLES_MAX);
    let thinned: Vec<i64> = sorted.iter().copied().step_by(every).collect();
    let mut drawn: Vec<Vec<i64>> = vec![Vec::with_capacity(RESAMPLES); THOUSANDTHS.len()];
    let mut again = Vec::with_capacity(thinned.len());
    for _ in 0..RESAMPLES {
        again.clear();
        again.extend(thinned.iter().map(|_| thinned[rng.below(thinned.len() as u64) as usize]));
        again.sort_unstable();
        for (values, thousandths) in drawn.iter_mut().zip(THOUSANDTHS) {
            values.push(quantile(&again, thousandths));
        }
    }
    let row = |(mut values, thousandths): (Vec<i64>, u32)| {
        values.sort_unstable();
        FittedQuantile {
            thousandths,
            us: quantile(sorted, thousandths) / 1_000,
            low_us: quantile(&values, 50) / 1_000,
            high_us: quantile(&values, 950) / 1_000,
        }
    };
    FittedLeg { samples, quantiles: drawn.into_iter().zip(THOUSANDTHS).map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_straight_between_values() {
        let values = [10, 20, 40];
        let found = [0, 250, 500, 750, 1_000].map(|thousandths| quantile(&values, thousandths));
        assert_eq!(found, [10, 15, 20, 30, 40]);
        assert_eq!(quantile(&[7], 990), 7);
    }

    #[test]
    fn the_bounds_hold_what_was_drawn_from() {
        let model = Quantiles(vec![(0, 1_000), (500, 3_000), (1_000, 9_000)]);
        let mut rng = NamedRng::new(3, "test");
        let mut values: Vec<i64> = (0..400).map(|_| model.draw(&mut rng).0).collect();
        values.sort_unstable();
        let fitted = fit(&values, &mut rng);
        let median = fitted.quantiles.iter().find(|row| row.thousandths == 500);
        let median = median.expect("there are enough");
        assert!(median.low_us <= 3_000 && 3_000 <= median.high_us, "{median:?}");
        assert!(median.high_us - median.low_us < 1_500, "{median:?}");
        assert!(fitted.distribution().is_some());
        assert_eq!(fit(&values[..9], &mut rng).quantiles, Vec::new(), "nine are too few");
    }
}
