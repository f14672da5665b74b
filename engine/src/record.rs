//! Typed records with one definition for writer and reader.
//!
//! A record is a plain struct. Between services in memory it stays one; its text form (the fields of a
//! stream entry or hash, or the JSON of a payload) is made only where Redis, a tool or a person looks at
//! it, and its binary form only for the journal.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::decimal_serde::{Packed, append_word};
use crate::journal::varint;
use crate::{Nanos, Symbol};

/// Why an entry or key could not be read as the record that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record}: field {field:?}: {problem}")]
pub struct Malformed {
    /// The record that was expected.
    pub record: &'static str,
    /// Which field, or `payload`, or `envelope`.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub problem: String,
}

/// First byte of a field in the journal, so that a reader without the record's type can print it.
#[allow(missing_docs)]
pub mod tag {
    pub const ABSENT: u8 = 0;
    pub const F64: u8 = 1;
    pub const I64: u8 = 2;
    pub const U64: u8 = 3;
    pub const FALSE: u8 = 4;
    pub const TRUE: u8 = 5;
    pub const TEXT: u8 = 6;
    pub const UUID: u8 = 7;
    pub const TIME: u8 = 8;
    pub const DECIMAL: u8 = 9;
}

/// Appends text in the journal's form.
#[inline]
pub fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.push(tag::TEXT);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Eight bytes behind their tag.
#[inline]
fn encode_eight(tag: u8, bytes: u64, out: &mut Vec<u8>) {
    append_word(out, u128::from(bytes) << 8 | u128::from(tag), 9);
}

#[inline]
fn encode_unsigned(number: u64, out: &mut Vec<u8>) {
    out.push(tag::U64);
    varint(out, number);
}

/// Zigzag: the sign goes into the lowest bit, so that small numbers of either sign are short.
#[inline]
fn encode_signed(number: i64, out: &mut Vec<u8>) {
    out.push(tag::I64);
    varint(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// One value of a record: how it is written as text, JSON and journal bytes.
pub trait FieldValue: Sized {
    /// Appends the text form; `false` (and nothing appended) when the field is absent.
    fn write_text(&self, out: &mut String) -> bool;
    /// Reads the text form; `None` is an absent field.
    fn read_text(text: Option<&str>) -> Result<Self, String>;
    /// The JSON form; `None` when the field is absent.
    fn to_json(&self) -> Option<Json>;
    /// Reads the JSON form. Numbers given as text are accepted, as the pipeline's writers mix both.
    fn from_json(json: Option<&Json>) -> Result<Self, String> {
        match json {
            None | Some(Json::Null) => Self::read_text(None),
            Some(Json::String(text)) => Self::read_text(Some(text)),
            Some(other) => Self::read_text(Some(&other.to_string())),
        }
    }
    /// Appends the journal's form.
    fn encode(&self, out: &mut Vec<u8>);
}

/// Any record, when its type is not known.
pub trait Record: Any + Send + Sync + fmt::Debug {
    /// Name of the record's type.
    fn record_name(&self) -> &'static str;
    /// Names of its fields, in the order of [`Record::encode`].
    fn field_names(&self) -> &'static [&'static str];
    /// Calls `sink` with name and text of each field that is present, in the order of the definition.
    fn for_each_field(&self, sink: &mut dyn FnMut(&'static str, &str));
    /// The JSON object of the fields that are present.
    fn to_json(&self) -> Json;
    /// Appends the journal's form.
    fn encode(&self, out: &mut Vec<u8>);
    /// For downcasting.
    fn as_any(&self) -> &dyn Any;
    /// For downcasting in place.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// Overwrites `into` without allocating, if it is a record of the same type.
    fn assign(&self, into: &mut dyn Record) -> bool;
    /// A copy.
    fn clone_record(&self) -> Box<dyn Record>;
}

/// A record whose type is known.
pub trait TypedRecord: Record + Clone {
    /// Name of the record's type.
    const NAME: &'static str;
    /// Names of its fields.
    const FIELDS: &'static [&'static str];
    /// The types of its fields, as they are written in the definition.
    const KINDS: &'static [&'static str];
    /// Reads it from the fields of an entry or hash. Fields that it does not know are ignored.
    fn from_fields<'a>(get: &dyn Fn(&str) -> Option<&'a str>) -> Result<Self, Malformed>;
    /// Reads it from a JSON object. Keys that it does not know are ignored.
    fn from_json(json: &Json) -> Result<Self, Malformed>;
}

/// Defines records. Each field names its text form:
///
/// ```
/// engine::record! {
///     /// One price.
///     pub struct Price {
///         /// Whose.
///         pub symbol: engine::Symbol = "symbol",
///         /// In USDT.
///         pub price: f64 = "price",
///         /// Absent when unknown.
///         pub reduce_only: Option<bool> = "reduceOnly",
///     }
/// }
/// ```
#[macro_export]
macro_rules! record {
    ($($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident : $kind:ty = $text:literal),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, $crate::record::__serde::Serialize, $crate::record::__serde::Deserialize)]
        #[serde(crate = "::engine::record::__serde")]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl $crate::Record for $name {
            fn record_name(&self) -> &'static str {
                stringify!($name)
            }
            fn field_names(&self) -> &'static [&'static str] {
                <$name as $crate::TypedRecord>::FIELDS
            }
            fn for_each_field(&self, sink: &mut dyn FnMut(&'static str, &str)) {
                let mut text = String::new();
                $(
                    text.clear();
                    if $crate::FieldValue::write_text(&self.$field, &mut text) {
                        sink($text, &text);
                    }
                )*
            }
            fn to_json(&self) -> $crate::record::__Json {
                let mut object = $crate::record::__JsonMap::new();
                $(
                    if let Some(json) = $crate::FieldValue::to_json(&self.$field) {
                        object.insert($text.to_owned(), json);
                    }
                )*
                $crate::record::__Json::Object(object)
            }
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::FieldValue::encode(&self.$field, out);)*
            }
            fn as_any(&self) -> &dyn ::std::any::Any {
                self
            }
            fn as_any_mut(&mut self) -> &mut dyn ::std::any::Any {
                self
            }
            fn assign(&self, into: &mut dyn $crate::Record) -> bool {
                match into.as_any_mut().downcast_mut::<$name>() {
                    Some(into) => {
                        $(::std::clone::Clone::clone_from(&mut into.$field, &self.$field);)*
                        true
                    }
                    None => false,
                }
            }
            fn clone_record(&self) -> Box<dyn $crate::Record> {
                Box::new(self.clone())
            }
        }

        impl $crate::TypedRecord for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [&'static str] = &[$($text),*];
            const KINDS: &'static [&'static str] = &[$(stringify!($kind)),*];
            fn from_fields<'a>(
                get: &dyn Fn(&str) -> Option<&'a str>,
            ) -> Result<Self, $crate::Malformed> {
                Ok($name {
                    $($field: <$kind as $crate::FieldValue>::read_text(get($text)).map_err(
                        |problem| $crate::Malformed {
                            record: stringify!($name), field: $text.into(), problem,
                        },
                    )?,)*
                })
            }
            fn from_json(json: &$crate::record::__Json) -> Result<Self, $crate::Malformed> {
                Ok($name {
                    $($field: <$kind as $crate::FieldValue>::from_json(json.get($text)).map_err(
                        |problem| $crate::Malformed {
                            record: stringify!($name), field: $text.into(), problem,
                        },
                    )?,)*
                })
            }
        }
    )*};
}

#[doc(hidden)]
pub use serde as __serde;
#[doc(hidden)]
pub use serde_json::{Map as __JsonMap, Value as __Json};

/// Identity of a decision, made once and carried unchanged from tick to fill. Written as a UUID v4.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct CorrelationId(pub u128);

// JSON knows no number of 128 bits.
impl From<CorrelationId> for String {
    fn from(id: CorrelationId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for CorrelationId {
    type Error = String;

    fn try_from(text: String) -> Result<CorrelationId, String> {
        text.parse()
    }
}

impl CorrelationId {
    /// Sets the version and variant bits of a UUID v4.
    pub fn from_random(bits: u128) -> CorrelationId {
        let version = 0x4u128 << 76;
        let variant = 0x2u128 << 62;
        CorrelationId(bits & !(0xFu128 << 76) & !(0x3u128 << 62) | version | variant)
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (b >> 96) as u32,
            (b >> 80) as u16,
            (b >> 64) as u16,
            (b >> 48) as u16,
            b & 0xFFFF_FFFF_FFFF
        )
    }
}

impl std::str::FromStr for CorrelationId {
    type Err = String;
    fn from_str(text: &str) -> Result<CorrelationId, String> {
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        if hex.len() != 32 {
            return Err(format!("{text:?} is not a UUID"));
        }
        u128::from_str_radix(&hex, 16)
            .map(CorrelationId)
            .map_err(|_| format!("{text:?} is not a UUID"))
    }
}

/// A time written as Unix seconds, with a fraction only if it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochSeconds(pub Nanos);

/// A time written as Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMillis(pub Nanos);

/// A time written as ISO-8601 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IsoTime(pub Nanos);

/// A list or object that is written as JSON text inside a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText<T>(pub T);

fn present(text: Option<&str>) -> Result<&str, String> {
    text.ok_or_else(|| "missing".to_owned())
}

impl FieldValue for f64 {
    fn write_text(&self, out: &mut String) -> bool {
        use fmt::Write as _;
        write!(out, "{self}").is_ok()
    }
    fn read_text(text: Option<&str>) -> Result<f64, String> {
        let text = present(text)?;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("{text:?} is not a finite number")),
        }
    }
    fn to_json(&self) -> Option<Json> {
        serde_json::Number::from_f64(*self).map(Json::Number)
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        encode_eight(tag::F64, self.to_bits(), out);
    }
}

macro_rules! integer_field {
    ($($kind:ty => $encode:ident as $wide:ty),*) => {$(
        impl FieldValue for $kind {
            fn write_text(&self, out: &mut String) -> bool {
                use fmt::Write as _;
                write!(out, "{self}").is_ok()
            }
            fn read_text(text: Option<&str>) -> Result<$kind, String> {
                let text = present(text)?;
                text.parse().map_err(|_| format!("{text:?} is not a whole number in range"))
            }
            fn to_json(&self) -> Option<Json> {
                Some(Json::from(*self))
            }
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                $encode(<$wide>::from(*self), out);
            }
        }
    )*};
}
integer_field!(i64 => encode_signed as i64, u64 => encode_unsigned as u64, u32 => encode_unsigned as u64);

impl FieldValue for bool {
    fn write_text(&self, out: &mut String) -> bool {
        out.push_str(if *self { "true" } else { "false" });
        true
    }
    /// True is `true`, `1` or `yes` in any case; everything else, also absence, is false.
    fn read_text(text: Option<&str>) -> Result<bool, String> {
        Ok(text.is_some_and(|t| {
            t == "1" || t.eq_ignore_ascii_case("true") || t.eq_ignore_ascii_case("yes")
        }))
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::Bool(*self))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(if *self { tag::TRUE } else { tag::FALSE });
    }
}

/// Types written as their `Display` text, read by `FromStr`, and encoded as that text.
#[macro_export]
macro_rules! text_field {
    ($($kind:ty),* $(,)?) => {$(
        impl $crate::FieldValue for $kind {
            fn write_text(&self, out: &mut String) -> bool {
                use ::std::fmt::Write as _;
                write!(out, "{self}").is_ok()
            }
            fn read_text(text: Option<&str>) -> Result<$kind, String> {
                let text = text.ok_or_else(|| "missing".to_owned())?;
                text.parse::<$kind>().map_err(|error| error.to_string())
            }
            fn to_json(&self) -> Option<$crate::record::__Json> {
                Some($crate::record::__Json::String(self.to_string()))
            }
            fn encode(&self, out: &mut Vec<u8>) {
                let mut text = String::new();
                $crate::FieldValue::write_text(self, &mut text);
                $crate::FieldValue::encode(&text, out);
            }
        }
    )*};
}

impl FieldValue for rust_decimal::Decimal {
    fn write_text(&self, out: &mut String) -> bool {
        use fmt::Write as _;
        write!(out, "{self}").is_ok()
    }
    /// Also reads the exponent form, in which JSON writers put small numbers.
    fn read_text(text: Option<&str>) -> Result<rust_decimal::Decimal, String> {
        let text = present(text)?;
        text.parse()
            .or_else(|_| rust_decimal::Decimal::from_scientific(text))
            .map_err(|error| format!("{text:?}: {error}"))
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.to_string()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        Packed::new(self).append_tagged(tag::DECIMAL, out);
    }
}

impl FieldValue for String {
    fn write_text(&self, out: &mut String) -> bool {
        out.push_str(self);
        true
    }
    fn read_text(text: Option<&str>) -> Result<String, String> {
        present(text).map(str::to_owned)
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.clone()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text(self, out);
    }
}

impl FieldValue for Cow<'static, str> {
    fn write_text(&self, out: &mut String) -> bool {
        out.push_str(self);
        true
    }
    fn read_text(text: Option<&str>) -> Result<Cow<'static, str>, String> {
        present(text).map(|t| Cow::Owned(t.to_owned()))
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.clone().into_owned()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text(self, out);
    }
}

impl FieldValue for Symbol {
    fn write_text(&self, out: &mut String) -> bool {
        out.push_str(self.as_str());
        true
    }
    fn read_text(text: Option<&str>) -> Result<Symbol, String> {
        Symbol::new(present(text)?).map_err(|error| error.to_string())
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.as_str().to_owned()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(tag::TEXT);
        self.append(out);
    }
}

impl FieldValue for CorrelationId {
    fn write_text(&self, out: &mut String) -> bool {
        use fmt::Write as _;
        write!(out, "{self}").is_ok()
    }
    fn read_text(text: Option<&str>) -> Result<CorrelationId, String> {
        present(text)?.parse()
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.to_string()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(tag::UUID);
        out.extend_from_slice(&self.0.to_le_bytes());
    }
}

impl FieldValue for EpochSeconds {
    fn write_text(&self, out: &mut String) -> bool {
        use fmt::Write as _;
        let (seconds, fraction) = (self.0.secs(), self.0.0.rem_euclid(1_000_000_000));
        if fraction == 0 {
            return write!(out, "{seconds}").is_ok();
        }
        let written = write!(out, "{seconds}.{fraction:09}").is_ok();
        out.truncate(out.trim_end_matches('0').len());
        written
    }
    fn read_text(text: Option<&str>) -> Result<EpochSeconds, String> {
        let text = present(text)?;
        let bad = || format!("{text:?} is not a time in seconds");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = whole.parse().map_err(|_| bad())?;
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let nanos: i64 = digits.parse().map_err(|_| bad())?;
        seconds
            .checked_mul(1_000_000_000)
            .and_then(|s| s.checked_add(nanos))
            .map(|n| EpochSeconds(Nanos(n)))
            .ok_or_else(bad)
    }
    fn to_json(&self) -> Option<Json> {
        if self.0.0.rem_euclid(1_000_000_000) == 0 {
            return Some(Json::from(self.0.secs()));
        }
        serde_json::Number::from_f64(self.0.as_secs_f64()).map(Json::Number)
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        encode_eight(tag::TIME, self.0.0 as u64, out);
    }
}

impl FieldValue for EpochMillis {
    fn write_text(&self, out: &mut String) -> bool {
        self.0.millis().write_text(out)
    }
    fn read_text(text: Option<&str>) -> Result<EpochMillis, String> {
        i64::read_text(text).map(|ms| EpochMillis(Nanos::from_millis(ms)))
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::from(self.0.millis()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        encode_eight(tag::TIME, self.0.0 as u64, out);
    }
}

impl FieldValue for IsoTime {
    fn write_text(&self, out: &mut String) -> bool {
        use fmt::Write as _;
        write!(out, "{}", self.0).is_ok()
    }
    fn read_text(text: Option<&str>) -> Result<IsoTime, String> {
        let text = present(text)?;
        let bad = || format!("{text:?} is not an ISO-8601 time");
        let zoned = chrono::DateTime::parse_from_rfc3339(text).map(|t| t.to_utc());
        // The pipeline's older writers leave the zone out; they mean UTC.
        let plain = || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
        let time = zoned.or_else(|_| plain().map(|t| t.and_utc())).map_err(|_| bad())?;
        time.timestamp_nanos_opt().map(|n| IsoTime(Nanos(n))).ok_or_else(bad)
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.0.to_string()))
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        encode_eight(tag::TIME, self.0.0 as u64, out);
    }
}

impl<T> FieldValue for JsonText<T>
where
    T: Serialize + for<'de> Deserialize<'de>,
{
    fn write_text(&self, out: &mut String) -> bool {
        match serde_json::to_string(&self.0) {
            Ok(text) => {
                out.push_str(&text);
                true
            }
            Err(_) => false,
        }
    }
    fn read_text(text: Option<&str>) -> Result<JsonText<T>, String> {
        serde_json::from_str(present(text)?).map(JsonText).map_err(|error| error.to_string())
    }
    fn to_json(&self) -> Option<Json> {
        serde_json::to_value(&self.0).ok()
    }
    fn from_json(json: Option<&Json>) -> Result<JsonText<T>, String> {
        match json {
            None => Err("missing".to_owned()),
            Some(Json::String(text)) if serde_json::from_str::<T>(text).is_ok() => {
                JsonText::read_text(Some(text))
            }
            Some(json) => T::deserialize(json).map(JsonText).map_err(|error| error.to_string()),
        }
    }
    fn encode(&self, out: &mut Vec<u8>) {
        let mut text = String::new();
        self.write_text(&mut text);
        text.encode(out);
    }
}

impl<V: FieldValue> FieldValue for Option<V> {
    fn write_text(&self, out: &mut String) -> bool {
        self.as_ref().is_some_and(|value| value.write_text(out))
    }
    fn read_text(text: Option<&str>) -> Result<Option<V>, String> {
        match text {
            // Older writers put the word for "nothing" of their language into the field.
            None | Some("" | "None" | "null") => Ok(None),
            Some(text) => V::read_text(Some(text)).map(Some),
        }
    }
    fn to_json(&self) -> Option<Json> {
        self.as_ref().and_then(V::to_json)
    }
    fn from_json(json: Option<&Json>) -> Result<Option<V>, String> {
        match json {
            None | Some(Json::Null) => Ok(None),
            Some(json) => V::from_json(Some(json)).map(Some),
        }
    }
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.encode(out),
            None => out.push(tag::ABSENT),
        }
    }
}
