//! Named rounding of floats, as the reference system's language has it.

/// Rounded to `decimals` places, ties to even. Decided on the decimal text of the double, so that 7.35,
/// which lies just below, becomes 7.3: multiplying by ten first would make it a tie.
pub fn half_even(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_and_what_only_looks_like_one_does_not() {
        assert_eq!([half_even(0.125, 2), half_even(0.375, 2)], [0.12, 0.38]);
        assert_eq!([half_even(7.35, 1), half_even(-2.5, 0)], [7.3, -2.0]);
        assert!(half_even(f64::NAN, 2).is_nan());
    }
}
