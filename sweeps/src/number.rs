//! Numbers that print the same everywhere.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

/// Significant decimal digits of a computed float; the few last bits of a product or an exponential
/// would only make `0.01` print as `0.010000000000000002`.
const DIGITS: usize = 12;

/// The number with 12 significant decimal digits that is nearest to `x`; never minus zero.
pub(crate) fn tidy(x: f64) -> f64 {
    if !x.is_finite() {
        return x;
    }
    let digits = DIGITS - 1;
    format!("{x:.digits$e}").parse::<f64>().map_or(x, |tidy| tidy + 0.0)
}

/// A float as a JSON value; `null` if it is not finite.
pub(crate) fn float(x: f64) -> Value {
    Number::from_f64(x + 0.0).map_or(Value::Null, Value::Number)
}

/// The exact decimal number that was written; nothing if it has more than 28 digits.
pub(crate) fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// The float nearest to a decimal number.
pub(crate) fn float_of(decimal: Decimal) -> f64 {
    // Through its digits, which rounds once; `to_f64` may round twice.
    decimal.normalize().to_string().parse().unwrap_or(f64::NAN)
}

/// The same number in one way of writing: `-0.0` is `0.0`, inside lists and tables as well.
pub(crate) fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(x) if number.is_f64() => float(x),
            _ => Value::Number(number),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, canonical(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_numbers_print_short() {
        assert_eq!(tidy(0.1 + 0.2).to_string(), "0.3");
        assert_eq!(tidy(0.010_000_000_000_000_002).to_string(), "0.01");
        assert_eq!(tidy(-0.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(tidy(1e300), 1e300);
        assert_eq!(tidy(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn minus_zero_is_zero() {
        let value = canonical(serde_json::json!([-0.0, { "a": -0.0 }]));
        assert_eq!(value.to_string(), r#"[0.0,{"a":0.0}]"#);
    }
}
