//! Named rounding of floats, as the reference system's language has it.

/// Rounded to `decimals` places, ties to even. Decided on the decimal text of the double, so that 7.35,
/// which lies just below, becomes 7.3: multiplying by ten first would make it a tie.
pub fn half_even(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

/// The shortest decimal text that reads back as this double: `200.0`, `8.865248226950355`, `1e-05`.
pub fn shortest_text(value: f64) -> String {
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
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

    #[test]
    fn texts_are_those_of_the_reference_language() {
        let texts = [200.0, 8.865248226950355, 0.0001, 0.00001, 1e16, 1.5e-7, -3e22];
        let want = ["200.0", "8.865248226950355", "0.0001", "1e-05", "1e+16", "1.5e-07", "-3e+22"];
        assert_eq!(texts.map(shortest_text), want);
    }
}
