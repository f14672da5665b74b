//! A rate as a file has it: a decimal, in quotes or not, with no more digits than Binance's rates have.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::decimal;

/// Binance's rates have 8 decimals.
const DECIMALS: u32 = 8;
/// A settlement of more than the whole position is a slip of the keyboard.
const MAX_E8: i64 = 100_000_000;

/// In units of 1e-8.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate(i64);

impl Rate {
    fn parse(text: &str) -> Result<Rate, String> {
        let wrong = |what: &str| format!("{text:?} {what}, such as \"0.003\" for 0.3 %");
        let (mantissa, decimals) = decimal::parse(text.as_bytes())
            .ok_or_else(|| wrong("is no rate: give a plain decimal"))?;
        let more = DECIMALS
            .checked_sub(decimals)
            .ok_or_else(|| wrong("is no rate: give at most 8 decimals"))?;
        let e8 = decimal::pow10(more).and_then(|unit| mantissa.checked_mul(unit));
        e8.filter(|e8| (-MAX_E8..=MAX_E8).contains(e8))
            .map(Rate)
            .ok_or_else(|| wrong("is too large a rate: give one of -1 to 1"))
    }
}

impl schemars::JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "description": "A rate such as \"0.003\" for 0.3 %, with at most 8 decimals."
        })
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Rate, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Rate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate such as \"0.003\" for 0.3 %")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Rate, E> {
                Rate::parse(text).map_err(E::custom)
            }
            // The shortest text of a float is the one that was written.
            fn visit_f64<E: Error>(self, value: f64) -> Result<Rate, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Rate, E> {
                self.visit_str(&value.to_string())
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Rate, E> {
                self.visit_str(&value.to_string())
            }
        }
        from.deserialize_any(Written)
    }
}

/// The rate of two keys, of which a file has one: `rate`, or the integer that journals have.
pub(super) fn either(rate: Option<Rate>, rate_e8: Option<i64>) -> Result<i64, String> {
    match (rate, rate_e8) {
        (Some(Rate(e8)), None) | (None, Some(e8)) => Ok(e8),
        (Some(_), Some(_)) => Err("rate and rate_e8: say one of them".to_owned()),
        (None, None) => Err("it needs `rate`: add it, such as \"0.003\" for 0.3 %".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn rates_are_exact_and_not_above_all() {
        for (text, e8) in [("0.003", 300_000), ("-0.00000001", -1), ("1", 100_000_000), ("0", 0)] {
            assert_eq!(Rate::parse(text).map(|rate| rate.0), Ok(e8), "{text}");
        }
        for text in ["", "0.3 %", "1e-4", "0.000000001", "1.00000001", "-2", ".1"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }
}
