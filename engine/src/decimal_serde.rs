//! Serde for `Decimal`: text where a person reads it, packed bytes where only the journal does.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

/// Sign in the highest bit of the first packed byte; the scale below it.
const NEGATIVE: u8 = 0x80;
/// Sign and scale, then at most 96 bits.
const PACKED_MAX: usize = 13;

/// A decimal as sign and scale, then its digits as an integer, lowest byte first and without the zero
/// bytes at its end: small numbers are short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    /// Lowest byte first; zeros after `length`.
    word: u128,
    length: u8,
}

/// Appends the lowest bytes of a word.
#[inline]
pub(crate) fn append_word(out: &mut Vec<u8>, word: u128, length: usize) {
    let end = out.len() + length;
    // A copy of fixed size is a few instructions; one of this length is a call.
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

impl Packed {
    #[inline]
    pub(crate) fn new(value: &Decimal) -> Packed {
        let digits = value.mantissa().unsigned_abs();
        let length = (16 - digits.leading_zeros() / 8) as u8;
        // A scale is at most 28.
        let head = value.scale() as u8 | if value.is_sign_negative() { NEGATIVE } else { 0 };
        Packed { word: digits << 8 | u128::from(head), length: length + 1 }
    }

    /// Appends it behind its length.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        append_word(out, self.behind_length(), 1 + usize::from(self.length));
    }

    /// Appends it behind a byte and its length.
    #[inline]
    pub(crate) fn append_tagged(&self, tag: u8, out: &mut Vec<u8>) {
        let word = self.behind_length() << 8 | u128::from(tag);
        append_word(out, word, 2 + usize::from(self.length));
    }

    #[inline]
    fn behind_length(&self) -> u128 {
        self.word << 8 | u128::from(self.length)
    }
}

/// Reads what [`Packed`] wrote; `None` for anything else.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Decimal> {
    let (head, digits) = bytes.split_first()?;
    if digits.len() >= PACKED_MAX || digits.last() == Some(&0) {
        return None;
    }
    let mut wide = [0; 16];
    wide[..digits.len()].copy_from_slice(digits);
    let digits = i128::from_le_bytes(wide);
    let mut value = Decimal::try_from_i128_with_scale(digits, u32::from(head & !NEGATIVE)).ok()?;
    value.set_sign_negative(head & NEGATIVE != 0);
    Some(value)
}

/// For `#[serde(with = "engine::decimal_serde")]`.
pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(value)
    } else {
        let Packed { word, length } = Packed::new(value);
        serializer.serialize_bytes(&word.to_le_bytes()[..usize::from(length)])
    }
}

/// For `#[serde(with = "engine::decimal_serde")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    if deserializer.is_human_readable() {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    } else {
        deserializer.deserialize_bytes(PackedVisitor)
    }
}

/// The same for a decimal that may be absent: `#[serde(with = "engine::decimal_serde::option")]`.
pub mod option {
    use super::*;

    #[derive(serde::Serialize, Deserialize)]
    #[serde(transparent)]
    struct Wrapped(#[serde(with = "super")] Decimal);

    /// For `#[serde(with = "engine::decimal_serde::option")]`.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, s: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&value.map(Wrapped), s)
    }

    /// For `#[serde(with = "engine::decimal_serde::option")]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Decimal>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(d)?.map(|wrapped| wrapped.0))
    }
}

struct PackedVisitor;

impl Visitor<'_> for PackedVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a packed decimal")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Decimal, E> {
        unpack(bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_decimal_is_itself_again() {
        let texts = ["0", "0.00000000", "-0.00", "1", "-1", "0.1", "69123.40", "-0.00000001"];
        let ends = [Decimal::MAX, Decimal::MIN, Decimal::new(1, 28)];
        for value in texts.map(|t| t.parse::<Decimal>().unwrap()).into_iter().chain(ends) {
            let packed = Packed::new(&value);
            let bytes = packed.word.to_le_bytes();
            let back = unpack(&bytes[..usize::from(packed.length)]).unwrap();
            assert_eq!(back.serialize(), value.serialize(), "{value}: sign and scale stay, too");
        }
    }

    #[test]
    fn what_is_not_packed_is_refused() {
        assert_eq!(unpack(&[]), None);
        assert_eq!(unpack(&[29, 1]), None, "a scale beyond 28");
        assert_eq!(unpack(&[2, 1, 0]), None, "a zero byte at the end");
        assert_eq!(unpack(&[0; 14]), None);
        assert_eq!(unpack(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), None, "beyond 96 bits");
    }
}
