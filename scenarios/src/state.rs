//! `[state]`: what lies on the bus before the first instant of a run.

use std::collections::BTreeMap;
use std::fmt;

use engine::{Bus, EntryId, GroupStart, Nanos, ReadFrom, SetOptions, Symbol, Trim};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as Derive, Serialize};

use crate::Scenario;
use crate::events::offset;
use crate::timeline::stream;
use crate::wire_text::{Entry, Envelope, WireText, WireTextVisitor};

/// Most entries of one stream.
const TIMES_MAX: u32 = 2_000_000;

/// What lies on the bus before the first instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Derive, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Keys by their names; `{S}` in a name makes one for each symbol.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, KeyState>,
    /// Streams with their entries and groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamState>,
}

/// A key: a text alone, or a table that says of what kind it is and how long it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyState {
    /// A string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<WireText>,
    /// A string: these fields as a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Entry>,
    /// A hash of these fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Entry>,
    /// A list, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<Vec<WireText>>,
    /// How long it lives, such as `900s`; for ever where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

#[derive(Derive, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    value: Option<WireText>,
    json: Option<Entry>,
    hash: Option<Entry>,
    list: Option<Vec<WireText>>,
    ttl: Option<String>,
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = KeyState;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table with one of value, json, hash and list, and perhaps ttl")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<KeyState, E> {
        Ok(text_key(WireTextVisitor.visit_str::<E>(text)?))
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<KeyState, E> {
        Ok(text_key(WireTextVisitor.visit_bool::<E>(value)?))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<KeyState, E> {
        Ok(text_key(WireTextVisitor.visit_i64::<E>(value)?))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<KeyState, E> {
        Ok(text_key(WireTextVisitor.visit_f64::<E>(value)?))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyState, A::Error> {
        let table = KeyTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let KeyTable { value, json, hash, list, ttl } = table;
        Ok(KeyState { value, json, hash, list, ttl })
    }
}

fn text_key(value: WireText) -> KeyState {
    KeyState { value: Some(value), ..KeyState::default() }
}

impl schemars::JsonSchema for KeyState {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyState".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let table = generator.subschema_for::<KeyTable>();
        schemars::json_schema!({
            "oneOf": [{ "type": ["string", "number", "boolean"] }, table]
        })
    }
}

impl<'de> Deserialize<'de> for KeyState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyState, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

/// One `[[state.streams]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Derive, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamState {
    /// Which stream, such as `trade.intent`.
    pub stream: String,
    /// What its entries say, in turn; see `publish` for `$now` and `$n`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// The envelope in which the fields lie.
    #[serde(default)]
    pub envelope: Envelope,
    /// How often all entries are there; each time they are counted on.
    #[serde(default = "once")]
    pub times: u32,
    /// How long before the start the newest of them was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// Groups that read the stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupState>,
}

/// A group of readers, as it was left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Derive, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupState {
    /// Its name.
    pub name: String,
    /// How many entries its consumers have had, from the oldest on; all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
    /// How many of those were never acknowledged: the newest of them.
    #[serde(default)]
    pub pending: u64,
    /// Who had them; the group's own name where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
}

fn once() -> u32 {
    1
}

fn span(name: &str, text: Option<&str>) -> Result<Nanos, String> {
    let Some(text) = text else { return Ok(Nanos::ZERO) };
    offset(text).ok_or_else(|| format!("{name} = {text:?} is no span such as \"900s\" or \"13h\""))
}

/// The keys behind a name of the file.
fn each_name(name: &str, symbols: &[Symbol]) -> Vec<String> {
    match name.contains("{S}") {
        true => symbols.iter().map(|s| name.replace("{S}", s.as_str())).collect(),
        false => vec![name.to_owned()],
    }
}

impl State {
    /// Whether the bus begins empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.streams.is_empty()
    }

    /// The keys that it lays.
    pub(crate) fn names(&self, symbols: &[Symbol]) -> Vec<String> {
        self.keys.keys().flat_map(|name| each_name(name, symbols)).collect()
    }

    /// Puts everything on the bus, for a run that starts at `start`.
    pub(crate) fn lay(
        &self,
        bus: &mut dyn Bus,
        start: Nanos,
        symbols: &[Symbol],
    ) -> Result<(), String> {
        for (name, key) in &self.keys {
            for full in each_name(name, symbols) {
                key.lay(bus, start, &full)
                    .map_err(|problem| format!("[state.keys] {name:?}: {problem}"))?;
            }
        }
        for (place, state) in self.streams.iter().enumerate() {
            state.lay(bus, start).map_err(|problem| {
                format!("[[state.streams]] number {} ({}): {problem}", place + 1, state.stream)
            })?;
        }
        Ok(())
    }
}

impl KeyState {
    fn lay(&self, bus: &mut dyn Bus, now: Nanos, name: &str) -> Result<(), String> {
        let given =
            [self.value.is_some(), self.json.is_some(), self.hash.is_some(), self.list.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err("give exactly one of value, json, hash and list".into());
        }
        let refused = |error: engine::BusError| error.to_string();
        let text = match (&self.value, &self.json) {
            (Some(value), _) => Some(value.filled(now, 1)?),
            (None, Some(json)) => Some(json.json(now)?),
            (None, None) => None,
        };
        if let Some(text) = text {
            bus.set(now, name, text.as_bytes(), SetOptions::default()).map_err(refused)?;
        }
        for (field, value) in self.hash.iter().flat_map(|hash| &hash.0) {
            bus.hset(now, name, field, value.filled(now, 1)?.as_bytes()).map_err(refused)?;
        }
        let members = self.list.iter().flatten().rev();
        for member in members {
            bus.lpush_keep(now, name, member.filled(now, 1)?.as_bytes(), usize::MAX)
                .map_err(refused)?;
        }
        if self.ttl.is_some() {
            bus.expire(now, name, span("ttl", self.ttl.as_deref())?);
        }
        Ok(())
    }
}

impl StreamState {
    fn lay(&self, bus: &mut dyn Bus, start: Nanos) -> Result<(), String> {
        let stream = stream("stream", &self.stream)?;
        if self.times > TIMES_MAX {
            return Err(format!("times is {}: it has to be at most {TIMES_MAX}", self.times));
        }
        let at = start - span("age", self.age.as_deref())?;
        let refused = |error: engine::BusError| error.to_string();
        let mut count = 0;
        for _ in 0..self.times {
            for entry in &self.entries {
                count += 1;
                let body = entry.body(self.envelope, stream.event, at, count)?;
                bus.xadd(at, stream.name, body, Trim::Keep).map_err(refused)?;
            }
        }
        for group in &self.groups {
            group.lay(bus, at, stream.name).map_err(|p| format!("group {:?}: {p}", group.name))?;
        }
        Ok(())
    }
}

impl GroupState {
    fn lay(&self, bus: &mut dyn Bus, at: Nanos, stream: &str) -> Result<(), String> {
        let refused = |error: engine::BusError| error.to_string();
        bus.xgroup_create(at, stream, &self.name, GroupStart::Beginning).map_err(refused)?;
        let length = bus.xlen(at, stream).map_err(refused)?;
        let read = self.read.unwrap_or(length);
        if read > length {
            return Err(format!("read is {read}, and the stream has {length} entries: give fewer"));
        }
        if self.pending > read {
            return Err(format!(
                "pending is {}, of {read} entries that were read: give fewer",
                self.pending
            ));
        }
        let consumer = self.consumer.as_deref().unwrap_or(&self.name);
        let mut entries = Vec::new();
        let count = usize::try_from(read).unwrap_or(usize::MAX);
        if count > 0 {
            bus.xreadgroup(at, stream, &self.name, consumer, ReadFrom::New, count, &mut entries)
                .map_err(refused)?;
        }
        let done: Vec<EntryId> =
            entries.iter().take((read - self.pending) as usize).map(|entry| entry.id).collect();
        for id in done {
            bus.xack(at, stream, &self.name, id).map_err(refused)?;
        }
        Ok(())
    }
}

impl Scenario {
    /// The state in a sentence, for the assumptions of the run.
    pub(crate) fn state_sentence(&self) -> Option<String> {
        let (keys, streams) = (self.state.keys.len(), self.state.streams.len());
        (keys + streams > 0).then(|| {
            format!("State: the bus begins with {keys} keys and {streams} streams of the file.")
        })
    }
}
