//! Texts that a scenario writes to the bus: fields of entries, keys, with the run's time where they ask for it.

use std::collections::BTreeMap;
use std::fmt;

use engine::{Body, FieldValue, Fields, IsoTime, Nanos};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::events::offset;

/// One value as the wire has it: text. A file may give a number or a truth value, which is written as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireText(pub String);

impl Serialize for WireText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

pub(crate) struct WireTextVisitor;

impl<'de> Visitor<'de> for WireTextVisitor {
    type Value = WireText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<WireText, E> {
        Ok(WireText(text.to_owned()))
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<WireText, E> {
        Ok(WireText(value.to_string()))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<WireText, E> {
        Ok(WireText(value.to_string()))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<WireText, E> {
        Ok(WireText(value.to_string()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<WireText, E> {
        Ok(WireText(value.to_string()))
    }
}

impl schemars::JsonSchema for WireText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WireText".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number", "boolean"],
            "description": "Text of the wire; $now, $now_s, $now_ms and $n are filled in."
        })
    }
}

impl<'de> Deserialize<'de> for WireText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WireText, D::Error> {
        deserializer.deserialize_any(WireTextVisitor)
    }
}

impl WireText {
    /// With the time of `at` and the count `n` where it asks for them.
    pub(crate) fn filled(&self, at: Nanos, n: u32) -> Result<String, String> {
        filled(&self.0, at, n)
    }
}

/// Replaces `$now`, `$now_s`, `$now_ms` (each with `-90s` or `+5m` behind it) and `$n`; `$$` is a `$`.
fn filled(text: &str, at: Nanos, n: u32) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('$') {
        out.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        let word = rest.len()
            - rest.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_').len();
        let (name, after) = rest.split_at(word);
        if let Some(more) = rest.strip_prefix('$') {
            out.push('$');
            rest = more;
        } else if name == "n" {
            out.push_str(&n.to_string());
            rest = after;
        } else if matches!(name, "now" | "now_s" | "now_ms") {
            let (time, after) = moved(at, after)?;
            match name {
                "now" => drop(IsoTime(time).write_text(&mut out)),
                "now_s" => out.push_str(&time.secs().to_string()),
                _ => out.push_str(&time.millis().to_string()),
            }
            rest = after;
        } else {
            return Err(format!(
                "{text:?}: there is no ${name}; there are $now, $now_s, $now_ms, $n, and $$ for a $"
            ));
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// `at`, moved by the offset that `text` begins with, if it does; and what follows.
fn moved(at: Nanos, text: &str) -> Result<(Nanos, &str), String> {
    let Some(sign) = text.chars().next().filter(|c| matches!(c, '+' | '-')) else {
        return Ok((at, text));
    };
    let span = &text[1..];
    if !span.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok((at, text));
    }
    let end = span.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(span.len());
    let by = offset(&span[..end])
        .ok_or_else(|| format!("{:?} is no span such as 90s or 5m", &span[..end]))?;
    let time = if sign == '-' { at - by } else { at + by };
    Ok((time, &span[end..]))
}

/// The envelope of an entry that a scenario writes (market-signal-entry 1.2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// The fields themselves.
    #[default]
    Flat,
    /// As JSON in the field `payload`.
    Payload,
    /// As JSON in the field `data`, which no reader knows.
    Data,
}

/// The fields of an entry, by name.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Entry(pub BTreeMap<String, WireText>);

impl Entry {
    /// The fields as a JSON object.
    pub(crate) fn json(&self, at: Nanos) -> Result<String, String> {
        let mut json = serde_json::Map::new();
        for (name, value) in &self.0 {
            let value =
                value.filled(at, 1).map_err(|problem| format!("field {name}: {problem}"))?;
            json.insert(name.clone(), json_of(value));
        }
        Ok(Json::Object(json).to_string())
    }

    /// The entry as it goes to the bus at `at`, as number `n`.
    pub(crate) fn body(
        &self,
        envelope: Envelope,
        event: &str,
        at: Nanos,
        n: u32,
    ) -> Result<Body, String> {
        let mut pairs = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            let value =
                value.filled(at, n).map_err(|problem| format!("field {name}: {problem}"))?;
            pairs.push((name.clone(), value));
        }
        let inside = match envelope {
            Envelope::Flat => None,
            Envelope::Payload => Some("payload"),
            Envelope::Data => Some("data"),
        };
        let Some(inside) = inside else {
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            return Ok(Body::Fields(std::sync::Arc::new(Fields::from_text(&pairs))));
        };
        let json: serde_json::Map<String, Json> =
            pairs.into_iter().map(|(name, value)| (name, json_of(value))).collect();
        let (json, time) = (Json::Object(json).to_string(), WireText("$now".into()).filled(at, n)?);
        let pairs =
            [("event_type", event), (inside, &json), ("timestamp", &time), ("source", "scenario")];
        Ok(Body::fields(&pairs))
    }
}

/// A number or a truth value as one, everything else as text.
fn json_of(text: String) -> Json {
    match serde_json::from_str::<Json>(&text) {
        Ok(json @ (Json::Number(_) | Json::Bool(_))) => json,
        _ => Json::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, String> {
        filled(text, Nanos::from_secs(1_769_904_000), 7)
    }

    #[test]
    fn the_time_and_the_count_are_filled_in() {
        assert_eq!(fill("$now").as_deref(), Ok("2026-02-01T00:00:00Z"));
        assert_eq!(fill("$now_s-90s").as_deref(), Ok("1769903910"));
        assert_eq!(fill("a$now_ms+1s,b").as_deref(), Ok("a1769904001000,b"));
        assert_eq!(fill("plan-$n").as_deref(), Ok("plan-7"));
        assert_eq!(fill("$now_s-x").as_deref(), Ok("1769904000-x"));
        assert_eq!(fill("5 $$").as_deref(), Ok("5 $"));
        assert!(fill("$then").is_err_and(|problem| problem.contains("there is no $then")));
        assert!(fill("$now-9parsecs").is_err_and(|problem| problem.contains("no span")));
    }
}
