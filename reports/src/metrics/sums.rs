//! Sums, moments and quantiles of long series.
//!
//! A year of minutes is half a million returns of about 1e-5. Added plainly, each addition rounds against
//! the whole sum, and the errors drift to the tenth digit and beyond; compensated, the sum is as good as
//! its terms. Terms are added in the order in which they are given, so that it has the same bits anywhere.

/// A compensated sum.
///
/// Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// Adds a term.
    pub(super) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        // What the addition dropped of the smaller of the two.
        self.lost += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    /// The sum; NaN or infinite if a term or a partial sum was.
    pub(super) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<T: IntoIterator<Item = f64>>(terms: T) -> Self {
        let mut sum = Sum::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}

/// The sum of the terms.
pub(super) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    terms.into_iter().collect::<Sum>().total()
}

/// The mean; `None` without values.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| sum(values) / count as f64).and_then(finite)
}

/// The number, unless it is NaN or infinite.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `above / below`; `None` where that is not a number.
pub(super) fn ratio(above: f64, below: f64) -> Option<f64> {
    finite(above / below)
}

/// Mean, and sums of powers of the deviations from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// How many values.
    pub(super) count: f64,
    /// Their mean.
    pub(super) mean: f64,
    /// Sums of the second, third and fourth powers of the deviations.
    pub(super) powers: [f64; 3],
}

impl Moments {
    /// In two passes: the one-pass formulas cancel where the mean is large against the deviations.
    ///
    /// Chan, Golub, LeVeque (1983), Algorithms for Computing the Sample Variance, American Statistician 37.
    pub(super) fn of(values: &[f64]) -> Option<Moments> {
        let mean = mean(values.iter().copied())?;
        let mut powers = [Sum::default(); 3];
        for value in values {
            let deviation = value - mean;
            let square = deviation * deviation;
            powers[0].add(square);
            powers[1].add(square * deviation);
            powers[2].add(square * square);
        }
        Some(Moments { count: values.len() as f64, mean, powers: powers.map(Sum::total) })
    }

    /// Standard deviation of the sample, by n - 1; `None` for fewer than two values.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.count >= 2.0).then(|| (self.powers[0] / (self.count - 1.0)).sqrt()).and_then(finite)
    }

    /// G₁ of Joanes and Gill (1998); `None` for fewer than three values, or values that are all the same.
    pub(super) fn skew(&self) -> Option<f64> {
        let ([m2, m3, _], n) = (self.powers, self.count);
        let scale = n * (n - 1.0).sqrt() / (n - 2.0);
        (n >= 3.0).then(|| scale * m3 / (m2 * m2.sqrt())).and_then(finite)
    }

    /// G₂ of Joanes and Gill (1998); `None` for fewer than four values, or values that are all the same.
    pub(super) fn excess_kurtosis(&self) -> Option<f64> {
        let ([m2, _, m4], n) = (self.powers, self.count);
        let of_sample = n * (n + 1.0) * (n - 1.0) * m4 / (m2 * m2);
        let of_normal = 3.0 * (n - 1.0) * (n - 1.0);
        let freedom = (n - 2.0) * (n - 3.0);
        (n >= 4.0).then(|| (of_sample - of_normal) / freedom).and_then(finite)
    }
}

/// The quantile at `level` (0 to 1) of values in rising order, between two of them in proportion; `None`
/// without values.
///
/// Hyndman, Fan (1996), Sample Quantiles in Statistical Packages, American Statistician 50: type 7.
pub(super) fn quantile(sorted: &[f64], level: f64) -> Option<f64> {
    at_place(sorted, sorted.len().checked_sub(1)? as f64 * level)
}

/// What lies at a place of values in rising order, counted from 0, between two of them in proportion.
pub(super) fn at_place(sorted: &[f64], place: f64) -> Option<f64> {
    let below = place as usize;
    let low = *sorted.get(below)?;
    let high = *sorted.get(below + 1).unwrap_or(&low);
    finite(low + (place - below as f64) * (high - low))
}

/// The middle value, or the mean of the middle two; leaves the values in any order. `None` without values.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (lower, above, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let below = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Halves first, because the sum of the two may be beyond a float.
    finite(if even { below / 2.0 + *above / 2.0 } else { *above })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_each_addition_drops() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(std::iter::repeat_n(0.1, 10)), 1.0);
        assert_eq!(sum([]), 0.0);
        assert!(!sum([f64::MAX, f64::MAX]).is_finite());
    }

    #[test]
    fn a_year_of_minutes_does_not_drift() {
        let terms = || std::iter::repeat_n(1e-5, 525_600);
        let plain: f64 = terms().sum();
        assert_ne!(plain, 5.256, "added plainly it drifts");
        assert_eq!(sum(terms()), 5.256);
    }

    #[test]
    fn moments_of_a_small_sample() {
        // Deviations from 3: -2, -1, 0, 3; powers: 14, 18, 98.
        let moments = Moments::of(&[1.0, 2.0, 3.0, 6.0]).expect("values");
        assert_eq!((moments.mean, moments.powers), (3.0, [14.0, 18.0, 98.0]));
        assert_eq!(moments.deviation(), Some((14.0f64 / 3.0).sqrt()));
        let skew = 4.0 * 3.0f64.sqrt() / 2.0 * 18.0 / (14.0 * 14.0f64.sqrt());
        assert_eq!(moments.skew(), Some(skew));
        // (4 * 5 * 3 * 98 / 196 - 3 * 9) / (2 * 1) = (30 - 27) / 2.
        assert_eq!(moments.excess_kurtosis(), Some(1.5));
        let few = Moments::of(&[1.0]).expect("a value");
        assert_eq!((few.deviation(), few.skew(), few.excess_kurtosis()), (None, None, None));
        let same = Moments::of(&[2.0; 5]).expect("values");
        assert_eq!(
            (same.deviation(), same.skew(), same.excess_kurtosis()),
            (Some(0.0), None, None)
        );
        assert!(Moments::of(&[]).is_none());
    }

    #[test]
    fn quantiles_between_two_values() {
        let sorted = [10.0, 20.0, 40.0];
        let at = |level| quantile(&sorted, level);
        assert_eq!(
            [at(0.0), at(0.25), at(0.5), at(0.75), at(1.0)],
            [10.0, 15.0, 20.0, 30.0, 40.0].map(Some)
        );
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!((median(&mut [5.0]), median(&mut [])), (Some(5.0), None));
    }
}
