//! The one symbol type: the name of an instrument, small enough to copy.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest symbol name that fits, in bytes. Binance's longest today has 16.
const LENGTH_MAX: usize = 23;

/// An instrument's name such as `BTCUSDT`: 1 to 23 of `A-Z`, `0-9` and `_`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol {
    text: [u8; LENGTH_MAX],
    length: u8,
}

/// Why a text is no symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a symbol: 1 to 23 capital letters, digits or '_', such as BTCUSDT")]
pub struct NotASymbol {
    /// What was given.
    pub text: String,
}

impl Symbol {
    /// Parses a name; lower case is refused, not changed.
    pub fn new(text: &str) -> Result<Symbol, NotASymbol> {
        let fits = (1..=LENGTH_MAX).contains(&text.len());
        let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if !fits || !text.bytes().all(legal) {
            return Err(NotASymbol { text: text.to_owned() });
        }
        let mut symbol = Symbol { text: [0; LENGTH_MAX], length: text.len() as u8 };
        symbol.text[..text.len()].copy_from_slice(text.as_bytes());
        Ok(symbol)
    }

    /// Appends the name behind its length.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        out.push(self.length);
        let end = out.len() + usize::from(self.length);
        // A copy of fixed size is a few instructions; one of this length is a call.
        out.extend_from_slice(&self.text);
        out.truncate(end);
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // The constructor lets nothing but ASCII in.
        std::str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl FromStr for Symbol {
    type Err = NotASymbol;
    fn from_str(text: &str) -> Result<Symbol, NotASymbol> {
        Symbol::new(text)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl schemars::JsonSchema for Symbol {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Symbol".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A symbol such as BTCUSDT."
        })
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Symbol, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Symbol::new(&text).map_err(serde::de::Error::custom)
    }
}
