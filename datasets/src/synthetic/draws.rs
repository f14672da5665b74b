//! Random numbers that [`NamedRng`] does not draw itself, by published algorithms and `libm`.

use engine::NamedRng;

/// Exponential with mean 1, by inversion.
#[inline]
pub(super) fn exponential(rng: &mut NamedRng) -> f64 {
    // `1 - u` is above zero.
    -libm::log(1.0 - rng.unit_f64())
}

/// Poisson with a small mean, by Knuth's product of uniforms (The Art of Computer Programming, 3.4.1).
pub(super) fn poisson(rng: &mut NamedRng, mean: f64) -> u32 {
    let end = libm::exp(-mean);
    let (mut product, mut count) = (rng.unit_f64(), 0);
    while product > end {
        product *= rng.unit_f64();
        count += 1;
    }
    count
}

/// Chi-square with more than 2 degrees of freedom, which is twice a gamma of half as many, by Marsaglia
/// and Tsang (2000), "A simple method for generating gamma variables".
pub(super) fn chi_square(rng: &mut NamedRng, degrees: f64) -> f64 {
    let d = degrees / 2.0 - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = rng.normal();
        let root = 1.0 + c * x;
        let v = root * root * root;
        if v > 0.0 && libm::log(1.0 - rng.unit_f64()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return 2.0 * d * v;
        }
    }
}

/// What makes a normal a Student-t of variance 1: `sqrt((ν - 2) / χ²(ν))`, of more than 2 degrees of freedom.
pub(super) fn t_scale(rng: &mut NamedRng, degrees: f64) -> f64 {
    libm::sqrt((degrees - 2.0) / chi_square(rng, degrees))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    fn moments(mut draw: impl FnMut(&mut NamedRng) -> f64) -> (f64, f64) {
        let mut rng = NamedRng::new(1, "draws");
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..DRAWS {
            let x = draw(&mut rng);
            sum += x;
            squares += x * x;
        }
        let mean = sum / DRAWS as f64;
        (mean, squares / DRAWS as f64 - mean * mean)
    }

    #[track_caller]
    fn near(found: (f64, f64), mean: f64, variance: f64) {
        let scale = variance.max(mean).max(1.0);
        assert!((found.0 - mean).abs() < 0.02 * scale, "mean {} is not {mean}", found.0);
        assert!(
            (found.1 - variance).abs() < 0.04 * scale,
            "variance {} is not {variance}",
            found.1
        );
    }

    #[test]
    fn means_and_variances_are_those_of_the_laws() {
        near(moments(exponential), 1.0, 1.0);
        near(moments(|rng| f64::from(poisson(rng, 2.5))), 2.5, 2.5);
        near(moments(|rng| f64::from(poisson(rng, 0.0))), 0.0, 0.0);
        near(moments(|rng| chi_square(rng, 2.5)), 2.5, 5.0);
        near(moments(|rng| chi_square(rng, 9.0)), 9.0, 18.0);
        near(moments(|rng| rng.normal() * t_scale(rng, 8.0)), 0.0, 1.0);
    }
}
