//! The statistics of drift: population stability index and Kolmogorov–Smirnov (MSE 4.9).

use crate::numbers::{RefusedNumber, all_finite};

/// Equal-width bins over the range of the baseline.
const BINS: usize = 10;
/// A share below this counts as this, so that an empty bin has a logarithm.
const SHARE_MIN: f64 = 1e-4;

/// Population stability index of `current` against `baseline`: Σ (c − b)·ln(c/b) over the shares of ten
/// equal-width bins of the baseline's range. What lies outside counts to the outer bins; a baseline
/// without a range has one value and its surroundings as bins. `None` when either is empty.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn population_stability(
    baseline: &[f64],
    current: &[f64],
) -> Result<Option<f64>, RefusedNumber> {
    refuse_no_numbers(baseline, current)?;
    if baseline.is_empty() || current.is_empty() {
        return Ok(None);
    }
    let low = baseline.iter().copied().fold(f64::INFINITY, f64::min);
    let high = baseline.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let before = shares(baseline, low, high);
    let now = shares(current, low, high);
    Ok(Some(before.iter().zip(now).map(|(b, c)| (c - b) * libm::log(c / b)).sum()))
}

fn refuse_no_numbers(baseline: &[f64], current: &[f64]) -> Result<(), RefusedNumber> {
    baseline.iter().try_for_each(|value| all_finite(&[("baseline", *value)]))?;
    current.iter().try_for_each(|value| all_finite(&[("current", *value)]))
}

fn shares(values: &[f64], low: f64, high: f64) -> [f64; BINS] {
    let mut counts = [0u32; BINS];
    for value in values {
        // Halves first: a range of two huge numbers is not finite.
        let (range, above) = (high / 2.0 - low / 2.0, value / 2.0 - low / 2.0);
        let place = match range {
            range if range > 0.0 => (above / range * BINS as f64).clamp(0.0, BINS as f64 - 1.0),
            // One value: below, at and above it.
            _ if above == 0.0 => 5.0,
            _ => {
                if above < 0.0 {
                    0.0
                } else {
                    BINS as f64 - 1.0
                }
            }
        };
        counts[place as usize] += 1;
    }
    counts.map(|count| (f64::from(count) / values.len() as f64).max(SHARE_MIN))
}

/// The result of a two-sample Kolmogorov–Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// Largest distance of the two distribution functions, 0 to 1.
    pub distance: f64,
    /// Chance of at least this distance if both samples were of one kind (the asymptotic law).
    pub p_value: f64,
}

/// Compares two samples; `None` when either is empty.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn kolmogorov_smirnov(
    baseline: &[f64],
    current: &[f64],
) -> Result<Option<KolmogorovSmirnov>, RefusedNumber> {
    refuse_no_numbers(baseline, current)?;
    if baseline.is_empty() || current.is_empty() {
        return Ok(None);
    }
    let distance = largest_distance(&sorted(baseline), &sorted(current));
    let (n, m) = (baseline.len() as f64, current.len() as f64);
    let root = (n * m / (n + m)).sqrt();
    // Stephens' correction brings the law close for small samples.
    let p_value = kolmogorov_tail((root + 0.12 + 0.11 / root) * distance);
    Ok(Some(KolmogorovSmirnov { distance, p_value }))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    // Zeros of both signs are one value.
    let mut values: Vec<f64> = values.iter().map(|value| value + 0.0).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn largest_distance(first: &[f64], second: &[f64]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0f64);
    while let (Some(a), Some(b)) = (first.get(i), second.get(j)) {
        let step = a.min(*b);
        i += first[i..].iter().take_while(|value| **value <= step).count();
        j += second[j..].iter().take_while(|value| **value <= step).count();
        let apart = i as f64 / first.len() as f64 - j as f64 / second.len() as f64;
        largest = largest.max(apart.abs());
    }
    largest
}

/// Q(λ) = 2 Σ (−1)^(k−1) e^(−2 k² λ²).
fn kolmogorov_tail(lambda: f64) -> f64 {
    // The series converges slowly below, where the chance is 1 to twelve digits.
    if lambda < 0.2 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = libm::exp(-2.0 * (k * lambda) * (k * lambda));
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::close;

    fn ramp(from: f64, count: u32) -> Vec<f64> {
        (0..count).map(|i| from + f64::from(i)).collect()
    }

    #[test]
    fn equal_samples_do_not_drift() {
        let values = ramp(0.0, 100);
        assert_eq!(population_stability(&values, &values), Ok(Some(0.0)));
        let ks = kolmogorov_smirnov(&values, &values).expect("finite").expect("samples");
        assert_eq!((ks.distance, ks.p_value), (0.0, 1.0));
        assert_eq!(population_stability(&values, &[]), Ok(None));
        assert_eq!(kolmogorov_smirnov(&[], &values), Ok(None));
        assert!(population_stability(&values, &[f64::NAN]).is_err());
    }

    /// Two bins swap a tenth: PSI = 2 · 0.1 · ln(0.2 / 0.1) + the bin that is emptied.
    #[test]
    fn the_index_is_the_sum_over_the_bins() {
        let baseline = ramp(0.5, 10);
        let mut current = baseline.clone();
        current[0] = 9.0;
        let psi = population_stability(&baseline, &current).expect("finite").expect("samples");
        let emptied = (1e-4 - 0.1) * libm::log(1e-4 / 0.1);
        close("psi", psi, emptied + 0.1 * libm::log(2.0), 1e-12);
        let far = population_stability(&baseline, &[-1e9, 1e9]).expect("finite");
        assert!(far.expect("samples") > 3.0, "what lies outside is in the outer bins");
        assert_eq!(population_stability(&[4.0; 5], &[4.0; 7]), Ok(Some(0.0)));
        assert!(population_stability(&[4.0; 5], &[5.0; 7]).expect("finite") > Some(9.0));
    }

    /// Tables of the Kolmogorov law: Q(1.3581) = 0.05, Q(1.6276) = 0.01.
    #[test]
    fn the_tail_is_that_of_the_tables() {
        close("5 %", kolmogorov_tail(1.3581), 0.05, 1e-3);
        close("1 %", kolmogorov_tail(1.6276), 0.01, 1e-3);
        close("continuous", kolmogorov_tail(0.2), 1.0, 1e-11);
    }

    #[test]
    fn ties_are_passed_together() {
        let ks = kolmogorov_smirnov(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 2.0]);
        assert_eq!(ks.expect("finite").map(|k| k.distance), Some(0.25));
        let zeros = kolmogorov_smirnov(&[0.0; 4], &[-0.0; 4]).expect("finite");
        assert_eq!(zeros.map(|k| k.distance), Some(0.0));
        let apart = kolmogorov_smirnov(&ramp(0.0, 60), &ramp(100.0, 60)).expect("finite");
        let apart = apart.expect("samples");
        assert!(apart.distance == 1.0 && apart.p_value < 1e-12);
    }
}
