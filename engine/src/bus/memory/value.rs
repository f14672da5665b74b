//! What a key can hold.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::stream::Stream;
use super::zset::SortedSet;
use crate::Record;

/// A hash's fields in the order of their insertion.
pub(super) type FieldMap = IndexMap<Box<[u8]>, Vec<u8>, FxBuildHasher>;

/// A record that stays typed under a key.
#[derive(Debug)]
pub(super) struct Typed(pub(super) Box<dyn Record>);

impl Clone for Typed {
    fn clone(&self) -> Typed {
        Typed(self.0.clone_record())
    }
}

/// A string: bytes, or a record that reads as its JSON text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Plain(Vec<u8>),
    Json(Typed),
}

impl Text {
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Text::Plain(bytes) => Cow::Borrowed(bytes),
            Text::Json(record) => Cow::Owned(record.0.to_json().to_string().into_bytes()),
        }
    }
}

/// A hash: fields, or a record that reads as its fields.
///
/// Invariant: `plain` is empty while there is a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Hash {
    plain: FieldMap,
    record: Option<Typed>,
}

fn record_fields(record: &dyn Record) -> FieldMap {
    let mut fields = FieldMap::default();
    record.for_each_field(&mut |name, text| {
        fields.insert(name.as_bytes().into(), text.as_bytes().to_vec());
    });
    fields
}

impl Hash {
    pub(super) fn of_fields(plain: FieldMap) -> Hash {
        Hash { plain, record: None }
    }

    pub(super) fn of_record(record: &dyn Record) -> Hash {
        Hash { plain: FieldMap::default(), record: Some(Typed(record.clone_record())) }
    }

    /// Replaces all fields; in place, when the same type of record is there.
    pub(super) fn set_record(&mut self, record: &dyn Record) {
        let in_place = self.record.as_mut().is_some_and(|there| record.assign(&mut *there.0));
        if !in_place {
            *self = Hash::of_record(record);
        }
    }

    pub(super) fn record(&self) -> Option<&dyn Record> {
        self.record.as_ref().map(|record| &*record.0)
    }

    /// Its fields to look at. A typed record stays typed.
    pub(super) fn fields(&self) -> Cow<'_, FieldMap> {
        match &self.record {
            None => Cow::Borrowed(&self.plain),
            Some(record) => Cow::Owned(record_fields(&*record.0)),
        }
    }

    /// Its fields to change. A typed record becomes a plain hash first.
    pub(super) fn fields_mut(&mut self) -> &mut FieldMap {
        if let Some(record) = self.record.take() {
            self.plain = record_fields(&*record.0);
        }
        &mut self.plain
    }

    pub(super) fn get(&self, field: &[u8]) -> Option<Vec<u8>> {
        let Some(record) = &self.record else { return self.plain.get(field).cloned() };
        let mut found = None;
        record.0.for_each_field(&mut |name, text| {
            if name.as_bytes() == field {
                found = Some(text.as_bytes().to_vec());
            }
        });
        found
    }

    fn is_empty(&self) -> bool {
        self.record.is_none() && self.plain.is_empty()
    }
}

/// The value of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Value {
    Text(Text),
    Hash(Hash),
    List(VecDeque<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    Sorted(SortedSet),
    // Boxed, because it is several times as large as the others.
    Stream(Box<Stream>),
}

impl Value {
    /// As TYPE says it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::Hash(_) => "hash",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Sorted(_) => "zset",
            Value::Stream(_) => "stream",
        }
    }

    /// Whether its key must go: Redis has no empty collections, but it has empty streams and strings.
    pub(super) fn is_spent(&self) -> bool {
        match self {
            Value::Text(_) | Value::Stream(_) => false,
            Value::Hash(hash) => hash.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Set(members) => members.is_empty(),
            Value::Sorted(members) => members.is_empty(),
        }
    }
}

// A snapshot on disk holds what a client of Redis would see: records become text there.

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        Vec::deserialize(deserializer).map(Text::Plain)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        indexmap::map::serde_seq::serialize(&*self.fields(), serializer)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        indexmap::map::serde_seq::deserialize(deserializer).map(Hash::of_fields)
    }
}
