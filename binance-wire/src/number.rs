//! Numbers as Binance prints them: decimals in strings, with as many decimals as the field has.

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Cuts toward zero at `decimals` and pads with zeros up to them, as Binance does with amounts. Zero
/// loses its sign.
pub fn cut(value: Decimal, decimals: u32) -> Decimal {
    let mut cut = value.trunc_with_scale(decimals);
    cut.rescale(decimals);
    if cut.is_zero() {
        cut.set_sign_positive(true);
    }
    cut
}

/// A decimal in a string, printed with the decimals that it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Num(pub Decimal);

impl Num {
    /// `0`.
    pub const ZERO: Num = Num(Decimal::ZERO);

    /// With exactly `decimals`, cut toward zero.
    pub fn cut(value: Decimal, decimals: u32) -> Num {
        Num(cut(value, decimals))
    }

    /// Without zeros at its end: `5`, `0.1`, `0`.
    pub fn shortest(value: Decimal) -> Num {
        Num(value.normalize())
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Num, D::Error> {
        read(deserializer).map(Num)
    }
}

/// A decimal in a string, with exactly `N` decimals when we write it; more are kept when read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixed<const N: u32>(Decimal);

/// Money, mark and index prices and funding rates: eight decimals.
pub type Money = Fixed<8>;

impl<const N: u32> Fixed<N> {
    /// Cuts toward zero at `N` decimals.
    pub fn new(value: Decimal) -> Self {
        Fixed(cut(value, N))
    }

    /// The number.
    pub const fn value(self) -> Decimal {
        self.0
    }

    /// As read: padded, never cut.
    fn padded(mut value: Decimal) -> Self {
        value.rescale(value.scale().max(N));
        Fixed(value)
    }
}

impl<const N: u32> Default for Fixed<N> {
    fn default() -> Self {
        Fixed::new(Decimal::ZERO)
    }
}

impl<const N: u32> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, const N: u32> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self::padded)
    }
}

/// A decimal in a string with `N` decimals, but `0` alone when it is zero: how positions print what they
/// do not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZeroOr<const N: u32>(Fixed<N>);

impl<const N: u32> ZeroOr<N> {
    /// Cuts toward zero at `N` decimals.
    pub fn new(value: Decimal) -> Self {
        ZeroOr(Fixed::new(value))
    }

    /// The number.
    pub const fn value(self) -> Decimal {
        self.0.value()
    }
}

impl<const N: u32> Serialize for ZeroOr<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.value().is_zero() {
            serializer.serialize_str("0")
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de, const N: u32> Deserialize<'de> for ZeroOr<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fixed::deserialize(deserializer).map(ZeroOr)
    }
}

/// A decimal in a string that may be empty: `""` stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrEmpty(pub Option<Num>);

impl Serialize for OrEmpty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(num) => num.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }
}

impl<'de> Deserialize<'de> for OrEmpty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(OrEmpty(None));
        }
        parse(&text).map(|d| OrEmpty(Some(Num(d))))
    }
}

/// One of the few decimals that Binance sends as a JSON number: brackets, their coefficient, and the
/// amount of a margin change. Whole ones are written without a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonNumber(pub Decimal);

impl Serialize for JsonNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = if self.0.is_integer() { self.0.to_i64() } else { None };
        match (whole, self.0.to_string().parse::<f64>()) {
            (Some(whole), _) => serializer.serialize_i64(whole),
            // JSON has no decimals: the nearest float prints as the same digits up to fifteen of them.
            (None, Ok(nearest)) => serializer.serialize_f64(nearest),
            (None, Err(e)) => Err(serde::ser::Error::custom(e)),
        }
    }
}

impl<'de> Deserialize<'de> for JsonNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = JsonNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<JsonNumber, E> {
        Ok(JsonNumber(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<JsonNumber, E> {
        Ok(JsonNumber(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<JsonNumber, E> {
        // The shortest text of a float is what was sent, as long as it had at most fifteen digits.
        parse(&value.to_string()).map(|d| JsonNumber(d.normalize()))
    }
}

/// How a symbol prints its numbers: `pricePrecision` and `quantityPrecision` of exchangeInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Decimals of a price.
    pub price: u32,
    /// Decimals of a quantity.
    pub quantity: u32,
}

impl Precision {
    /// A price or an average price: `43187.00`.
    pub fn price(self, value: Decimal) -> Num {
        Num::cut(value, self.price)
    }

    /// A quantity: `0.100`.
    pub fn quantity(self, value: Decimal) -> Num {
        Num::cut(value, self.quantity)
    }

    /// A price in an event: `7100.50`, but `0` for zero.
    pub fn price_or_zero(self, value: Decimal) -> Num {
        if value.is_zero() { Num::ZERO } else { self.price(value) }
    }

    /// A quantity in an event: `0.100`, but `0` for zero.
    pub fn quantity_or_zero(self, value: Decimal) -> Num {
        if value.is_zero() { Num::ZERO } else { self.quantity(value) }
    }

    /// Price times quantity, exactly: `0.00000` has the decimals of both.
    pub fn quote(self, value: Decimal) -> Num {
        Num::cut(value, self.price.saturating_add(self.quantity))
    }
}

fn parse<E: Error>(text: &str) -> Result<Decimal, E> {
    Decimal::from_str_exact(text).map_err(|e| E::custom(format_args!("{text:?}: {e}")))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    parse(&std::borrow::Cow::<'de, str>::deserialize(deserializer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn json<T: Serialize>(value: T) -> String {
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn money_is_cut_toward_zero_at_eight_decimals() {
        // The documentation's own figures (facts, section 10).
        assert_eq!(json(Money::new(dec("0.0800428005"))), r#""0.08004280""#);
        assert_eq!(json(Money::new(dec("2.486011688"))), r#""2.48601168""#);
        assert_eq!(json(Money::new(dec("-1.06214947426"))), r#""-1.06214947""#);
        assert_eq!(json(Money::new(dec("-0.000000001"))), r#""0.00000000""#, "no negative zero");
    }

    #[test]
    fn zero_stands_alone_where_positions_print_it() {
        assert_eq!(json(ZeroOr::<8>::default()), r#""0""#);
        assert_eq!(json(ZeroOr::<8>::new(dec("12.314277"))), r#""12.31427700""#);
        assert_eq!(json([OrEmpty(None), OrEmpty(Some(Num(dec("0.3"))))]), r#"["","0.3"]"#);
    }

    #[test]
    fn a_symbol_prints_in_its_decimals() {
        let btc = Precision { price: 2, quantity: 3 };
        assert_eq!(json(btc.price(dec("43187"))), r#""43187.00""#);
        assert_eq!(json(btc.quantity(dec("0.1"))), r#""0.100""#);
        assert_eq!(json(btc.quote(Decimal::ZERO)), r#""0.00000""#);
        assert_eq!(json(btc.price_or_zero(dec("7100.5"))), r#""7100.50""#);
        assert_eq!(json(btc.quantity_or_zero(dec("0.000"))), r#""0""#);
        assert_eq!(json(Num::shortest(dec("5.00"))), r#""5""#);
    }

    #[test]
    fn what_is_read_keeps_its_decimals() {
        let back = |text: &str| json(serde_json::from_str::<Money>(text).unwrap());
        assert_eq!(back(r#""1.5""#), r#""1.50000000""#);
        assert_eq!(back(r#""1.123456789""#), r#""1.123456789""#, "nothing is lost in reading");
        assert!(serde_json::from_str::<Money>("1.5").is_err(), "a number is no string");
        assert!(serde_json::from_str::<Num>(r#""0 ""#).is_err());
    }

    #[test]
    fn json_numbers_are_exact() {
        for text in ["0", "-5", "0.0065", "1.5", "30000000", "0.00005", "123456789.012345"] {
            let read: JsonNumber = serde_json::from_str(text).unwrap();
            assert_eq!((read.0, json(read)), (dec(text), text.to_owned()));
        }
        assert!(serde_json::from_str::<JsonNumber>(r#""1""#).is_err());
    }
}
