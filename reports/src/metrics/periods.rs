//! Samples at any time, brought to periods of equal length.

use super::input::{Equity, InputError, PERIODS_MAX, Settings};

/// Equity at the begin and at the end of each period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeriodEnds {
    /// Begin of the first period, then the end of each, in nanoseconds since 1970-01-01 UTC.
    pub time_ns: Vec<i64>,
    /// Equity then, in USDT.
    pub equity_usdt: Vec<f64>,
}

/// Cuts a series into periods, counted from its first sample: a run that begins at midnight UTC has the
/// days of UTC. The value at the end of a period is that of the last sample until then (that time
/// included), so a gap has periods without change. The last period ends with the series and may be
/// shorter than the others: so no return is lost, and the product of all of them is that of the run.
///
/// # Errors
/// [`InputError`] for what is no series, a period that is not above zero, and more than [`PERIODS_MAX`]
/// periods.
pub fn period_ends(equity: &Equity<'_>, period_ns: i64) -> Result<PeriodEnds, InputError> {
    equity.check()?;
    Settings { period_ns, ..Settings::default() }.check()?;
    let Some((begin, end)) = equity.span() else { return Ok(PeriodEnds::default()) };
    let span = i128::from(end) - i128::from(begin);
    let periods = (span + i128::from(period_ns) - 1) / i128::from(period_ns);
    if periods > i128::from(PERIODS_MAX) {
        return Err(InputError::Periods { periods, period_ns });
    }
    Ok(cut(equity, period_ns, end, periods as usize))
}

fn cut(equity: &Equity<'_>, period_ns: i64, end: i64, periods: usize) -> PeriodEnds {
    let mut ends = PeriodEnds {
        time_ns: Vec::with_capacity(periods + 1),
        equity_usdt: Vec::with_capacity(periods + 1),
    };
    let mut push = |time, value| {
        ends.time_ns.push(time);
        ends.equity_usdt.push(value);
    };
    let mut samples = equity.samples();
    let Some((begin, mut held)) = samples.next() else { return PeriodEnds::default() };
    push(begin, held);
    // A boundary beyond the last time there is lies beyond the series, too.
    let mut boundary = begin.saturating_add(period_ns);
    for (time, value) in samples {
        while time > boundary {
            push(boundary, held);
            boundary = boundary.saturating_add(period_ns);
        }
        held = value;
    }
    if end > begin {
        push(end, held);
    }
    ends
}

/// The return of each period, `E_k / E_{k-1} - 1`, until the equity is gone: of what is not above zero
/// there is no return, so the series ends with the period that lost it. Empty where the equity is not
/// above zero at first.
///
/// Computed as `(E_k - E_{k-1}) / E_{k-1}`: the difference of neighbours is exact, where a quotient next to 1
/// has lost the last digits of a small return.
#[must_use]
pub fn returns(period_ends_usdt: &[f64]) -> Vec<f64> {
    let alive = period_ends_usdt.iter().take_while(|value| **value > 0.0).count();
    let last = period_ends_usdt.len().min(alive + 1);
    let looked_at = if alive == 0 { &[] } else { &period_ends_usdt[..last] };
    looked_at.windows(2).map(|pair| (pair[1] - pair[0]) / pair[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(samples: &[(i64, f64)], period_ns: i64) -> Vec<(i64, f64)> {
        let (time_ns, equity_usdt): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        let equity = Equity { time_ns: &time_ns, equity_usdt: &equity_usdt };
        let ends = period_ends(&equity, period_ns).expect("sound");
        ends.time_ns.into_iter().zip(ends.equity_usdt).collect()
    }

    #[test]
    fn the_last_value_until_the_end_of_each_period() {
        let samples = [(100, 1.0), (105, 2.0), (110, 3.0), (111, 4.0), (137, 5.0)];
        // Periods (100, 110], (110, 120], (120, 130] and (130, 137].
        let wanted = vec![(100, 1.0), (110, 3.0), (120, 4.0), (130, 4.0), (137, 5.0)];
        assert_eq!(ends(&samples, 10), wanted);
    }

    #[test]
    fn of_several_at_one_time_the_last_counts() {
        let samples = [(0, 9.0), (0, 1.0), (10, 9.0), (10, 2.0)];
        assert_eq!(ends(&samples, 10), vec![(0, 1.0), (10, 2.0)]);
        assert_eq!(ends(&samples[..2], 10), vec![(0, 1.0)]);
        assert_eq!(ends(&[], 10), vec![]);
    }

    #[test]
    fn the_ends_of_time() {
        let samples = [(i64::MIN, 1.0), (i64::MAX, 2.0)];
        assert_eq!(ends(&samples, i64::MAX).len(), 4);
        let equity = Equity { time_ns: &[i64::MIN, i64::MAX], equity_usdt: &[1.0, 2.0] };
        let refused = period_ends(&equity, 1).expect_err("too many");
        assert!(matches!(refused, InputError::Periods { periods, .. } if periods > 1 << 63));
    }

    #[test]
    fn returns_end_with_the_equity() {
        assert_eq!(returns(&[100.0, 110.0, 55.0]), [0.1, -0.5]);
        assert_eq!(returns(&[100.0, 50.0, 0.0, 50.0, 100.0]), [-0.5, -1.0]);
        assert_eq!(returns(&[100.0, -50.0, 10.0]), [-1.5]);
        assert_eq!(returns(&[0.0, 10.0]), [0.0; 0]);
        assert_eq!(returns(&[10.0]), [0.0; 0]);
        // A quotient less 1 would be off by a part in ten million.
        let small = returns(&[1_000_000.0, 1_000_000.000_1])[0];
        assert_eq!(small, (1_000_000.000_1 - 1_000_000.0) / 1e6);
    }
}
