//! The messages of Binance's streams, and of its REST book, as the fields that an import keeps.
//!
//! A message that does not fit is read a second time, slowly, to say which of its fields is wrong.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One level: price and quantity.
pub(super) type Level<'a> = (&'a str, &'a str);

/// What a line holds around a message.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    /// Of a combined stream.
    pub stream: Option<&'a str>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    /// Of recorders that name them beside the message.
    pub symbol: Option<&'a str>,
    #[serde(rename = "type")]
    pub kind: Option<&'a str>,
    #[serde(borrow)]
    pub ts_local: Option<&'a RawValue>,
}

/// What tells the kind of a message.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    pub e: Option<&'a str>,
    #[serde(rename = "E")]
    pub event_time: Option<i64>,
    #[serde(rename = "lastUpdateId")]
    pub last_update_id: Option<i64>,
}

/// `depthUpdate`: the levels that changed.
#[derive(Deserialize)]
pub(super) struct DepthUpdate<'a> {
    #[serde(rename = "T")]
    pub time: i64,
    #[serde(rename = "s")]
    pub symbol: &'a str,
    #[serde(rename = "U")]
    pub first_id: i64,
    #[serde(rename = "u")]
    pub last_id: i64,
    #[serde(rename = "pu")]
    pub previous_id: i64,
    #[serde(borrow, rename = "b")]
    pub bids: Vec<Level<'a>>,
    #[serde(borrow, rename = "a")]
    pub asks: Vec<Level<'a>>,
}

/// `GET /fapi/v1/depth`: a whole book, as deep as it was asked for. Some recorders drop its times.
#[derive(Deserialize)]
pub(super) struct Snapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    pub last_id: i64,
    #[serde(rename = "T")]
    pub time: Option<i64>,
    #[serde(borrow)]
    pub bids: Vec<Level<'a>>,
    #[serde(borrow)]
    pub asks: Vec<Level<'a>>,
}

/// `bookTicker`: best bid and ask.
#[derive(Deserialize)]
pub(super) struct BookTicker<'a> {
    #[serde(rename = "T")]
    pub time: i64,
    #[serde(rename = "s")]
    pub symbol: &'a str,
    #[serde(rename = "u")]
    pub id: i64,
    #[serde(rename = "b")]
    pub bid: &'a str,
    #[serde(rename = "B")]
    pub bid_qty: &'a str,
    #[serde(rename = "a")]
    pub ask: &'a str,
    #[serde(rename = "A")]
    pub ask_qty: &'a str,
}

/// `aggTrade`, and with another name of the id `trade`.
#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(rename = "T")]
    pub time: i64,
    #[serde(rename = "s")]
    pub symbol: &'a str,
    #[serde(rename = "p")]
    pub price: &'a str,
    #[serde(rename = "q")]
    pub qty: &'a str,
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
    /// The id of an aggregate.
    #[serde(rename = "a")]
    pub aggregate: Option<i64>,
    /// The id of a single trade.
    #[serde(rename = "t")]
    pub id: Option<i64>,
    /// Where a single trade comes from: the market, or a fund that took over a position.
    #[serde(rename = "X")]
    pub from: Option<&'a str>,
}

/// `markPriceUpdate`: the funding rate is empty where there is no funding.
#[derive(Deserialize)]
pub(super) struct MarkPrice<'a> {
    #[serde(rename = "E")]
    pub time: i64,
    #[serde(rename = "s")]
    pub symbol: &'a str,
    #[serde(rename = "p")]
    pub mark: &'a str,
    #[serde(rename = "i")]
    pub index: &'a str,
    #[serde(rename = "r")]
    pub rate: &'a str,
    #[serde(rename = "T")]
    pub next_funding: i64,
}

/// `forceOrder`.
#[derive(Deserialize)]
pub(super) struct ForceOrder<'a> {
    #[serde(borrow, rename = "o")]
    pub order: ForcedOrder<'a>,
}

/// The order in it.
#[derive(Deserialize)]
pub(super) struct ForcedOrder<'a> {
    #[serde(rename = "s")]
    pub symbol: &'a str,
    #[serde(rename = "S")]
    pub side: &'a str,
    #[serde(rename = "T")]
    pub time: i64,
    #[serde(rename = "p")]
    pub price: &'a str,
    #[serde(rename = "ap")]
    pub average: &'a str,
    #[serde(rename = "q")]
    pub qty: &'a str,
    #[serde(rename = "z")]
    pub filled: &'a str,
}

/// What a field is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Whole,
    Text,
    YesOrNo,
    Levels,
    Fields,
}

/// The fields of a message that an import cannot do without.
pub(super) type Needs = &'static [(&'static str, Want)];

use Want::{Fields, Levels, Text, Whole, YesOrNo};

pub(super) const DEPTH_UPDATE: Needs = &[
    ("T", Whole),
    ("s", Text),
    ("U", Whole),
    ("u", Whole),
    ("pu", Whole),
    ("b", Levels),
    ("a", Levels),
];
pub(super) const SNAPSHOT: Needs = &[("lastUpdateId", Whole), ("bids", Levels), ("asks", Levels)];
pub(super) const BOOK_TICKER: Needs =
    &[("T", Whole), ("s", Text), ("u", Whole), ("b", Text), ("B", Text), ("a", Text), ("A", Text)];
pub(super) const AGG_TRADE: Needs =
    &[("T", Whole), ("s", Text), ("p", Text), ("q", Text), ("m", YesOrNo), ("a", Whole)];
pub(super) const TRADE: Needs =
    &[("T", Whole), ("s", Text), ("p", Text), ("q", Text), ("m", YesOrNo), ("t", Whole)];
pub(super) const MARK_PRICE: Needs =
    &[("E", Whole), ("s", Text), ("p", Text), ("i", Text), ("r", Text), ("T", Whole)];
pub(super) const FORCE_ORDER: Needs = &[("o", Fields)];
const FORCED_ORDER: Needs =
    &[("s", Text), ("S", Text), ("T", Whole), ("p", Text), ("ap", Text), ("q", Text), ("z", Text)];

/// Reads a message; one that does not fit is refused by its field.
pub(super) fn read<'a, T: Deserialize<'a>>(json: &'a str, needs: Needs) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| complaint(json, needs, &error))
}

/// Which field is missing or of another type.
fn complaint(json: &str, needs: Needs, error: &serde_json::Error) -> String {
    let value = match serde_json::from_str::<Value>(json) {
        Ok(value) => value,
        Err(error) => return no_json(&error),
    };
    wrong_field(&value, needs).unwrap_or_else(|| format!("is no message of Binance's: {error}"))
}

/// Of a text that is no JSON at all.
pub(super) fn no_json(error: &serde_json::Error) -> String {
    format!(
        "is no whole JSON message ({error}); the recording is cut or damaged here: take the line out, or \
         record again"
    )
}

fn wrong_field(value: &Value, needs: Needs) -> Option<String> {
    for &(name, want) in needs {
        let Some(found) = value.get(name) else {
            return Some(missing(name));
        };
        let (fits, wanted) = match want {
            Whole => (found.is_i64(), "a whole number"),
            Text => (found.is_string(), "a text"),
            YesOrNo => (found.is_boolean(), "true or false"),
            Levels => (is_levels(found), "a list of levels, each [\"price\",\"quantity\"]"),
            Fields => (found.is_object(), "an order with its fields"),
        };
        if !fits {
            let mut text = found.to_string();
            if let Some((at, _)) = text.char_indices().nth(60) {
                text.replace_range(at.., "…");
            }
            let remedy = "record messages as the exchange sends them";
            return Some(format!("field '{name}' is {text} and should be {wanted}; {remedy}"));
        }
        if want == Fields
            && let Some(wrong) = wrong_field(found, FORCED_ORDER)
        {
            return Some(wrong);
        }
    }
    None
}

/// Of a field that is not there.
pub(super) fn missing(name: &str) -> String {
    let remedy = if name == "pu" {
        "spot streams have none: record those of USD-M futures"
    } else {
        "the recorder dropped it: record messages as the exchange sends them"
    };
    format!("field '{name}' is missing; {remedy}")
}

fn is_levels(value: &Value) -> bool {
    let is_level = |level: &Value| matches!(level.as_array().map(Vec::as_slice), Some([p, q]) if p.is_string() && q.is_string());
    value.as_array().is_some_and(|all| all.iter().all(is_level))
}

#[cfg(test)]
mod tests {
    use super::{AGG_TRADE, DEPTH_UPDATE, DepthUpdate, Trade, read};

    #[test]
    fn complaints_name_the_field() {
        let missing = r#"{"e":"depthUpdate","T":1,"s":"X","U":1,"u":2,"b":[],"a":[]}"#;
        let wrong = r#"{"T":1,"s":"X","p":1.5,"q":"1","m":true,"a":7}"#;
        let level = r#"{"T":1,"s":"X","U":1,"u":2,"pu":1,"b":[["1"]],"a":[]}"#;
        let reason = read::<DepthUpdate<'_>>(missing, DEPTH_UPDATE).err().unwrap_or_default();
        assert!(reason.contains("'pu' is missing") && reason.contains("spot"), "{reason}");
        let reason = read::<Trade<'_>>(wrong, AGG_TRADE).err().unwrap_or_default();
        assert!(reason.contains("'p' is 1.5 and should be a text"), "{reason}");
        let reason = read::<DepthUpdate<'_>>(level, DEPTH_UPDATE).err().unwrap_or_default();
        assert!(reason.contains("'b'") && reason.contains("list of levels"), "{reason}");
        let reason = read::<Trade<'_>>(&wrong[..20], AGG_TRADE).err().unwrap_or_default();
        assert!(reason.contains("cut or damaged"), "{reason}");
    }
}
