//! Serde for `Decimal`: text where a person reads it, 16 bytes where only the journal does.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "engine::decimal_serde")]`.
pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(value)
    } else {
        value.serialize().serialize(serializer)
    }
}

/// For `#[serde(with = "engine::decimal_serde")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    if deserializer.is_human_readable() {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    } else {
        <[u8; 16]>::deserialize(deserializer).map(Decimal::deserialize)
    }
}
