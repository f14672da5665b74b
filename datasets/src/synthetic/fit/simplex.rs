//! Minimum of a function of a few numbers without its derivatives: J. A. Nelder and R. Mead (1965), "A
//! simplex method for function minimization", The Computer Journal 7. No random start, so that a fit repeats.

/// Steps at most: each evaluates the function once or twice.
const STEPS_MAX: usize = 2_000;
/// The search ends when the function differs by no more than this between the corners.
const TOLERANCE: f64 = 1e-9;

/// The least value found from `start` on, with a first step of `step` along each axis. The function may
/// answer infinity where it is not defined.
pub(super) fn minimize(
    start: &[f64],
    step: f64,
    function: impl Fn(&[f64]) -> f64,
) -> (Vec<f64>, f64) {
    let value = |at: &[f64]| {
        let value = function(at);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut corners: Vec<(Vec<f64>, f64)> = vec![(start.to_vec(), value(start))];
    for axis in 0..start.len() {
        let mut at = start.to_vec();
        at[axis] += step;
        let found = value(&at);
        corners.push((at, found));
    }
    let last = start.len();
    for _ in 0..STEPS_MAX {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        if corners[last].1 - corners[0].1 <= TOLERANCE * (1.0 + corners[0].1.abs()) {
            break;
        }
        let mut centre = vec![0.0; last];
        for (corner, _) in &corners[..last] {
            centre.iter_mut().zip(corner).for_each(|(c, x)| *c += x / last as f64);
        }
        // From the worst corner through the centre and so far beyond.
        let along = |far: f64| {
            let worst = &corners[last].0;
            let at: Vec<f64> = centre.iter().zip(worst).map(|(c, w)| c + far * (c - w)).collect();
            let found = value(&at);
            (at, found)
        };
        let reflected = along(1.0);
        corners[last] = if reflected.1 < corners[0].1 {
            let expanded = along(2.0);
            if expanded.1 < reflected.1 { expanded } else { reflected }
        } else if reflected.1 < corners[last - 1].1 {
            reflected
        } else {
            let contracted = along(if reflected.1 < corners[last].1 { 0.5 } else { -0.5 });
            if contracted.1 < corners[last].1.min(reflected.1) {
                contracted
            } else {
                shrink(&mut corners, &value);
                continue;
            }
        };
    }
    corners.sort_by(|a, b| a.1.total_cmp(&b.1));
    corners.swap_remove(0)
}

/// All corners come half-way to the best.
fn shrink(corners: &mut [(Vec<f64>, f64)], value: &impl Fn(&[f64]) -> f64) {
    let Some(((best, _), others)) = corners.split_first_mut() else { return };
    for (corner, found) in others {
        corner.iter_mut().zip(best.iter()).for_each(|(x, b)| *x = (*x + b) / 2.0);
        *found = value(corner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valley_of_rosenbrock_is_walked_to_its_end() {
        let valley = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            a * a + 100.0 * b * b
        };
        let (at, least) = minimize(&[-1.2, 1.0], 0.5, valley);
        assert!(least < 1e-8, "{least} at {at:?}");
        assert!((at[0] - 1.0).abs() < 1e-3 && (at[1] - 1.0).abs() < 1e-3, "{at:?}");
    }

    #[test]
    fn where_a_function_is_not_defined_it_is_not_least() {
        let (at, _) = minimize(&[1.0], 0.5, |x| if x[0] < 0.5 { f64::NAN } else { x[0] });
        assert!((at[0] - 0.5).abs() < 1e-3, "{at:?}");
    }
}
