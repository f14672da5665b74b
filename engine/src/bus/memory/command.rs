//! Commands as a client sends them and replies as Redis gives them, over the same functions that the
//! port uses: for tools, for scripts, and for the comparison with a real server.

mod groups;
mod keys;
mod streams;

use super::MemoryBus;
use crate::{Body, BusError, EntryId, Nanos};

/// A reply in Redis' protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisReply {
    /// No value.
    Nil,
    /// A number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// A status such as `OK`.
    Status(&'static str),
    /// A list.
    Array(Vec<RedisReply>),
    /// An error, beginning with its code.
    Error(String),
}

/// The words of a command, read one by one.
struct Words<'a> {
    words: &'a [&'a [u8]],
}

type Result<T> = std::result::Result<T, BusError>;

fn error(text: &str) -> BusError {
    BusError::Other(text.to_owned())
}

fn syntax() -> BusError {
    error("ERR syntax error")
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a [u8]> {
        let (first, rest) =
            self.words.split_first().ok_or_else(|| error("ERR wrong number of arguments"))?;
        self.words = rest;
        Ok(first)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.next()?).map_err(|_| syntax())
    }

    fn number<N: std::str::FromStr>(&mut self) -> Result<N> {
        self.text()?.parse().map_err(|_| error("ERR value is not an integer or out of range"))
    }

    fn millis(&mut self) -> Result<Nanos> {
        Ok(Nanos::from_millis(self.number::<i64>()?))
    }

    /// Takes the next word if it is this one, in any case.
    fn take(&mut self, word: &str) -> bool {
        let is_it = self.words.first().is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()));
        if is_it {
            self.words = &self.words[1..];
        }
        is_it
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn id(&mut self) -> Result<EntryId> {
        parse_id(self.text()?, 0)
    }

    /// COUNT n, if it follows.
    fn count(&mut self) -> Result<usize> {
        if self.take("COUNT") { self.number() } else { Ok(usize::MAX) }
    }
}

/// An id in which the sequence may be missing.
fn parse_id(text: &str, sequence: u64) -> Result<EntryId> {
    let bad = || error("ERR Invalid stream ID specified as stream command argument");
    match text.split_once('-') {
        Some(_) => text.parse().map_err(|_| bad()),
        None => Ok(EntryId { ms: text.parse().map_err(|_| bad())?, seq: sequence }),
    }
}

/// The end of a range: `-`, `+`, an id, or one behind `(`.
fn parse_bound(text: &str, low: bool) -> Result<EntryId> {
    match text {
        "-" => return Ok(EntryId::ZERO),
        "+" => return Ok(EntryId::MAX),
        _ => {}
    }
    let sequence = if low { 0 } else { u64::MAX };
    let Some(open) = text.strip_prefix('(') else { return parse_id(text, sequence) };
    let id = parse_id(open, sequence)?;
    let invalid = || error("ERR invalid start ID for the interval");
    if low {
        let next = id.seq.checked_add(1).map(|seq| EntryId { ms: id.ms, seq });
        return next
            .or_else(|| Some(EntryId { ms: id.ms.checked_add(1)?, seq: 0 }))
            .ok_or_else(invalid);
    }
    let before = id.seq.checked_sub(1).map(|seq| EntryId { ms: id.ms, seq });
    before
        .or_else(|| Some(EntryId { ms: id.ms.checked_sub(1)?, seq: u64::MAX }))
        .ok_or_else(invalid)
}

fn bulk(text: impl AsRef<[u8]>) -> RedisReply {
    RedisReply::Bulk(text.as_ref().to_vec())
}

fn int(number: impl TryInto<i64>) -> RedisReply {
    RedisReply::Int(number.try_into().unwrap_or(i64::MAX))
}

fn flag(yes: bool) -> RedisReply {
    RedisReply::Int(i64::from(yes))
}

fn id_reply(id: EntryId) -> RedisReply {
    bulk(id.to_string())
}

fn entry_reply(id: EntryId, body: Option<&Body>) -> RedisReply {
    let Some(body) = body else { return RedisReply::Array(vec![id_reply(id), RedisReply::Nil]) };
    let fields = body.to_fields();
    let pairs = fields.0.iter().flat_map(|(name, value)| [bulk(name), bulk(value)]);
    RedisReply::Array(vec![id_reply(id), RedisReply::Array(pairs.collect())])
}

impl MemoryBus {
    /// Runs one command at virtual time `now`. Commands that the pipeline does not use are unknown.
    pub fn execute(&mut self, now: Nanos, command: &[&[u8]]) -> RedisReply {
        let mut words = Words { words: command };
        let done = words.text().and_then(|name| {
            let name = name.to_ascii_uppercase();
            match name.as_bytes().first() {
                Some(b'X') => self.stream_command(now, &name, &mut words),
                _ => self.key_command(now, &name, &mut words),
            }
        });
        done.unwrap_or_else(|error| RedisReply::Error(error.to_string()))
    }
}
