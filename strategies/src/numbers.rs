//! What no formula takes: numbers that are none, or that lie outside their meaning.
//!
//! Invariant: a decision is never made from, and never hands out, a NaN or an infinity.

/// A number that was refused.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RefusedNumber {
    /// NaN or infinite.
    #[error("{field} is {value}: give a finite number")]
    NotFinite {
        /// Which.
        field: &'static str,
        /// As it came.
        value: f64,
    },
    /// Zero or less where only more makes sense.
    #[error("{field} is {value}: give a number above zero")]
    NotPositive {
        /// Which.
        field: &'static str,
        /// As it came.
        value: f64,
    },
    /// Less than zero where that makes no sense.
    #[error("{field} is {value}: give zero or more")]
    Negative {
        /// Which.
        field: &'static str,
        /// As it came.
        value: f64,
    },
}

/// The number, if it is finite.
pub fn finite(field: &'static str, value: f64) -> Result<f64, RefusedNumber> {
    if value.is_finite() { Ok(value) } else { Err(RefusedNumber::NotFinite { field, value }) }
}

/// All of them, in their order: the first that is not finite is named.
pub fn all_finite(fields: &[(&'static str, f64)]) -> Result<(), RefusedNumber> {
    fields.iter().try_for_each(|(field, value)| finite(field, *value).map(drop))
}

/// The number, if it is finite and above zero.
pub fn positive(field: &'static str, value: f64) -> Result<f64, RefusedNumber> {
    let value = finite(field, value)?;
    if value > 0.0 { Ok(value) } else { Err(RefusedNumber::NotPositive { field, value }) }
}

/// The number, if it is finite and not below zero.
pub fn not_negative(field: &'static str, value: f64) -> Result<f64, RefusedNumber> {
    let value = finite(field, value)?;
    if value >= 0.0 { Ok(value) } else { Err(RefusedNumber::Negative { field, value }) }
}

/// `1 / (1 + e^-x)`.
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// ln x.
pub fn natural_log(x: f64) -> f64 {
    libm::log(x)
}

/// One over zero, as the factors of a formula have it.
pub fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_number_and_what_to_give() {
        let message = |r: Result<f64, RefusedNumber>| r.expect_err("refused").to_string();
        assert_eq!(message(finite("sigma", f64::NAN)), "sigma is NaN: give a finite number");
        assert_eq!(message(positive("entry", 0.0)), "entry is 0: give a number above zero");
        assert_eq!(message(not_negative("age", -1.0)), "age is -1: give zero or more");
        assert_eq!(
            all_finite(&[("a", 1.0), ("b", f64::INFINITY), ("c", f64::NAN)]),
            Err(RefusedNumber::NotFinite { field: "b", value: f64::INFINITY })
        );
    }
}
