//! Falls from the highest equity so far.

use super::input::{Equity, elapsed_days};
use super::sums::{Sum, finite, mean, sum};

/// One fall, from the peak to the first sample that reaches it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawdown {
    /// The last sample at the peak, in nanoseconds since 1970-01-01 UTC.
    pub peak_ns: i64,
    /// Its lowest sample, the first of several.
    pub trough_ns: i64,
    /// Its end; `None` if it lasted until the end of the series.
    pub recovery_ns: Option<i64>,
    /// Share of the peak that was lost at the trough: 0.2 is 20 %. Above 1 if the equity fell below zero.
    pub depth: f64,
    /// From the peak to the recovery or the end of the series, in days of 86,400 seconds.
    pub days: f64,
}

/// All falls, in their order. Empty where the equity is not above zero at first.
#[must_use]
pub fn drawdowns(equity: &Equity<'_>) -> Vec<Drawdown> {
    let mut found = Vec::new();
    let mut samples = equity.samples();
    let (Some((begin, first)), Some((_, end))) = (samples.next(), equity.span()) else {
        return found;
    };
    if first <= 0.0 {
        return found;
    }
    let (mut peak_ns, mut peak) = (begin, first);
    let mut open: Option<(i64, f64)> = None;
    let fall = |peak_ns, (trough_ns, depth), recovery_ns: Option<i64>| {
        let days = elapsed_days(peak_ns, recovery_ns.unwrap_or(end));
        Drawdown { peak_ns, trough_ns, recovery_ns, depth, days }
    };
    for (time, value) in samples {
        if value >= peak {
            found.extend(open.take().map(|trough| fall(peak_ns, trough, Some(time))));
            (peak_ns, peak) = (time, value);
            continue;
        }
        let depth = (peak - value) / peak;
        if open.is_none_or(|(_, deepest)| depth > deepest) {
            open = Some((time, depth));
        }
    }
    found.extend(open.map(|trough| fall(peak_ns, trough, None)));
    found
}

/// What the falls of a series come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Falls {
    pub(super) max_depth: Option<f64>,
    pub(super) max_depth_days: Option<f64>,
    pub(super) longest_days: Option<f64>,
    pub(super) time_under_water: Option<f64>,
    pub(super) average_depth: Option<f64>,
}

impl Falls {
    /// Of a series that begins above zero.
    pub(super) fn of(equity: &Equity<'_>) -> Falls {
        let falls = drawdowns(equity);
        let (mut deepest, mut longest) = ((0.0, 0.0), 0.0);
        for fall in &falls {
            if fall.depth > deepest.0 {
                deepest = (fall.depth, fall.days);
            }
            longest = fall.days.max(longest);
        }
        let span = equity.span().map(|(begin, end)| elapsed_days(begin, end));
        let days = sum(falls.iter().map(|fall| fall.days));
        Falls {
            max_depth: finite(deepest.0),
            max_depth_days: Some(deepest.1),
            longest_days: Some(longest),
            // The compensated sum may lie a digit above the span.
            time_under_water: span.filter(|span| *span > 0.0).map(|span| (days / span).min(1.0)),
            average_depth: mean(falls.iter().map(|fall| fall.depth)),
        }
    }
}

/// Root of the mean square of the falls at the ends of the periods, below the highest of the ends so far;
/// `None` without a period, or if the equity is not above zero at first.
pub(super) fn ulcer_index(period_ends_usdt: &[f64]) -> Option<f64> {
    let (first, ends) = period_ends_usdt.split_first()?;
    if *first <= 0.0 || ends.is_empty() {
        return None;
    }
    let (mut peak, mut squares) = (*first, Sum::default());
    for value in ends {
        peak = value.max(peak);
        let depth = (peak - value) / peak;
        squares.add(depth * depth);
    }
    finite((squares.total() / ends.len() as f64).sqrt())
}
