//! Replies, as a client of Redis gets them.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Body, Entry, EntryId};

/// A reply in RESP2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Resp {
    /// Nothing: a null bulk string or a null array.
    Nil,
    /// A number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// A word, such as `OK`.
    Status(&'static str),
    /// Several replies.
    Array(Vec<Resp>),
    /// An error with its code.
    Error(String),
}

/// Words that Redis answers with.
const STATUSES: [&str; 10] =
    ["OK", "QUEUED", "PONG", "none", "string", "hash", "list", "set", "zset", "stream"];

impl Resp {
    /// The status of this word. A word that no command of the pipeline answers with becomes bytes.
    pub fn status(word: &str) -> Resp {
        match STATUSES.into_iter().find(|known| *known == word) {
            Some(known) => Resp::Status(known),
            None => Resp::text(word),
        }
    }

    pub(super) const OK: Resp = Resp::Status("OK");

    pub(super) fn text(text: impl Into<String>) -> Resp {
        Resp::Bulk(text.into().into_bytes())
    }

    pub(super) fn bytes(bytes: &[u8]) -> Resp {
        Resp::Bulk(bytes.to_vec())
    }

    pub(super) fn count(count: impl TryInto<i64>) -> Resp {
        Resp::Int(count.try_into().unwrap_or(i64::MAX))
    }

    pub(super) fn flag(yes: bool) -> Resp {
        Resp::Int(i64::from(yes))
    }

    pub(super) fn optional(bytes: Option<Vec<u8>>) -> Resp {
        bytes.map_or(Resp::Nil, Resp::Bulk)
    }

    pub(super) fn id(id: EntryId) -> Resp {
        Resp::text(id.to_string())
    }

    pub(super) fn body(body: &Body) -> Resp {
        let fields = body.to_fields();
        let words =
            fields.0.iter().flat_map(|(name, value)| [Resp::bytes(name), Resp::bytes(value)]);
        Resp::Array(words.collect())
    }

    pub(super) fn entry(entry: &Entry) -> Resp {
        let body = entry.body.as_ref().map_or(Resp::Nil, Resp::body);
        Resp::Array(vec![Resp::id(entry.id), body])
    }

    pub(super) fn entries(entries: &[Entry]) -> Resp {
        Resp::Array(entries.iter().map(Resp::entry).collect())
    }

    pub(super) fn ids(entries: &[Entry]) -> Resp {
        Resp::Array(entries.iter().map(|entry| Resp::id(entry.id)).collect())
    }
}

impl<'de> Deserialize<'de> for Resp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Resp, D::Error> {
        /// The same variants in the same order, with a word that can be read.
        #[derive(Deserialize)]
        enum Read {
            Nil,
            Int(i64),
            Bulk(Vec<u8>),
            Status(String),
            Array(Vec<Resp>),
            Error(String),
        }
        Ok(match Read::deserialize(deserializer)? {
            Read::Nil => Resp::Nil,
            Read::Int(number) => Resp::Int(number),
            Read::Bulk(bytes) => Resp::Bulk(bytes),
            Read::Status(word) => Resp::status(&word),
            Read::Array(items) => Resp::Array(items),
            Read::Error(text) => Resp::Error(text),
        })
    }
}
