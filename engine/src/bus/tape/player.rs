//! Answers from a tape.

use std::fmt;

use serde::de::DeserializeOwned;

use super::{Asked, KeptEntry, NAMES_MAX};
use crate::{
    Body, Bus, BusError, Entry, EntryId, GroupInfo, GroupStart, HashFields, Held, Nanos,
    PendingRow, ReadFrom, Record, Resp, SetOptions, Trim, Ttl,
};

/// A bus that answers what [`super::TapeRecorder`] wrote down. It holds nothing and reaches nothing.
///
/// Once it was asked for something else than the tape has, it answers nothing but that: see
/// [`Bus::trouble`].
#[derive(Default)]
pub struct TapeBus {
    /// Gives the next piece of the tape where one is needed.
    more: Option<Supply>,
    tape: Vec<u8>,
    /// Up to here it has been played.
    at: usize,
    names: Vec<Box<str>>,
    /// Operations answered so far.
    answered: u64,
    trouble: Option<String>,
    /// An operation since the last look stayed without an answer when it was recorded.
    lost: bool,
}

/// Gives the pieces of a tape in their order; `None` behind the last one.
pub type Supply = Box<dyn FnMut() -> Option<Vec<u8>> + Send>;

impl fmt::Debug for TapeBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TapeBus");
        shown.field("answered", &self.answered).field("trouble", &self.trouble);
        shown.finish_non_exhaustive()
    }
}

/// The words of a command, as a person reads them.
pub(super) fn line(words: &[&[u8]]) -> String {
    let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
    words.join(" ")
}

impl Asked {
    /// In Redis' words.
    fn command(self) -> &'static str {
        match self {
            Asked::Xadd => "XADD",
            Asked::Xlen => "XLEN",
            Asked::XgroupCreate => "XGROUP CREATE",
            Asked::Xreadgroup => "XREADGROUP",
            Asked::Xread => "XREAD",
            Asked::Xack => "XACK",
            Asked::Xpending => "XPENDING",
            Asked::Xautoclaim => "XAUTOCLAIM",
            Asked::XinfoGroups => "XINFO GROUPS",
            Asked::Xrange => "XRANGE",
            Asked::Xrevrange => "XREVRANGE",
            Asked::Get => "GET",
            Asked::Set => "SET",
            Asked::IncrBy => "INCRBY",
            Asked::Del => "DEL",
            Asked::DelTogether => "DEL of all or none of",
            Asked::Exists => "EXISTS",
            Asked::Expire => "PEXPIRE",
            Asked::Ttl => "PTTL",
            Asked::Scan => "SCAN",
            Asked::Hget => "HGET",
            Asked::Hset => "HSET",
            Asked::HincrBy => "HINCRBY",
            Asked::Sadd => "SADD",
            Asked::LpushKeep => "LPUSH",
            Asked::Lrange => "LRANGE",
            Asked::SetRecord => "HSET of a record at",
            Asked::Record => "HGETALL of a record at",
            Asked::Hgetall => "HGETALL",
            Asked::SetJson => "SET of a record at",
            Asked::Execute => "the command",
            Asked::JsonRecord => "GET of a record at",
            Asked::Lost => "the loss of",
        }
    }
}

/// What can be wrong with the bytes of a tape.
struct Damaged;

impl TapeBus {
    /// A player without a tape: see [`Bus::feed_tape`].
    pub fn new() -> TapeBus {
        TapeBus::default()
    }

    /// A player of this tape.
    pub fn of(tape: Vec<u8>) -> TapeBus {
        TapeBus { tape, ..TapeBus::default() }
    }

    /// A player that asks for the next piece of its tape where it needs one: what has been played is not kept.
    pub fn fed_by(more: Supply) -> TapeBus {
        TapeBus { more: Some(more), ..TapeBus::default() }
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        let (number, rest) =
            postcard::take_from_bytes::<u64>(&self.tape[self.at..]).map_err(|_| Damaged)?;
        self.at = self.tape.len() - rest.len();
        Ok(number)
    }

    fn bytes(&mut self) -> Result<std::ops::Range<usize>, Damaged> {
        let length = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.tape.len());
        let range = self.at..end.ok_or(Damaged)?;
        self.at = range.end;
        Ok(range)
    }

    /// The place of what the next answer is about.
    fn name(&mut self) -> Result<usize, Damaged> {
        let known = self.number()?;
        if known > 0 {
            let index = usize::try_from(known - 1).map_err(|_| Damaged)?;
            return if index < self.names.len() { Ok(index) } else { Err(Damaged) };
        }
        let range = self.bytes()?;
        let name = std::str::from_utf8(&self.tape[range]).map_err(|_| Damaged)?;
        if self.names.len() == NAMES_MAX {
            self.names.clear();
        }
        self.names.push(name.into());
        Ok(self.names.len() - 1)
    }

    fn next<T: DeserializeOwned>(&mut self, asked: Asked, about: &str) -> Result<T, BusError> {
        if self.trouble.is_none() {
            match self.next_answer(asked, about) {
                Ok(Ok(answer)) => {
                    self.answered += 1;
                    return Ok(answer);
                }
                Ok(Err(other)) => self.trouble = Some(other),
                Err(Damaged) => {
                    let (answered, at) = (self.answered, self.at);
                    self.trouble = Some(format!(
                        "the tape of the bus is damaged near byte {at}, behind {answered} answers"
                    ));
                }
            }
        }
        Err(BusError::Other(self.trouble.clone().unwrap_or_default()))
    }

    fn next_answer<T: DeserializeOwned>(
        &mut self,
        asked: Asked,
        about: &str,
    ) -> Result<Result<T, String>, Damaged> {
        let number = self.answered + 1;
        let wanted = format_args!("{} {about:?}", asked.command());
        let differs = |there: fmt::Arguments<'_>| {
            format!(
                "operation {number} on the bus: the replay asked for {wanted}, the tape has {there}"
            )
        };
        if self.at == self.tape.len()
            && let Some(piece) = self.more.as_mut().and_then(|more| more())
        {
            self.tape.extend_from_slice(&piece);
        }
        if self.at == self.tape.len() {
            return Ok(Err(differs(format_args!("come to its end"))));
        }
        let (there, rest) =
            postcard::take_from_bytes::<Asked>(&self.tape[self.at..]).map_err(|_| Damaged)?;
        self.at = self.tape.len() - rest.len();
        let name = self.name()?;
        let answer = self.bytes()?;
        if there != asked || *self.names[name] != *about {
            let name = &self.names[name];
            return Ok(Err(differs(format_args!("{} {name:?}", there.command()))));
        }
        let answer = postcard::from_bytes(&self.tape[answer]).map_err(|_| Damaged)?;
        if self.tape.get(self.at) == Some(&(Asked::Lost as u8)) {
            self.at += 1;
            self.lost = true;
        }
        Ok(Ok(answer))
    }

    /// An answer that is itself a result.
    fn answer<T: DeserializeOwned>(&mut self, asked: Asked, about: &str) -> Result<T, BusError> {
        self.next::<Result<T, BusError>>(asked, about)?
    }

    fn entries<T: DeserializeOwned>(
        &mut self,
        asked: Asked,
        about: &str,
        out: &mut Vec<Entry>,
    ) -> Result<T, BusError> {
        let (answer, entries): (T, Vec<KeptEntry>) = self.answer(asked, about)?;
        out.extend(entries.into_iter().map(KeptEntry::entry));
        Ok(answer)
    }
}

impl Bus for TapeBus {
    fn take_tape(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tape[..self.at]);
        self.tape.drain(..self.at);
        self.at = 0;
    }
    fn xadd(&mut self, _: Nanos, stream: &str, _: Body, _: Trim) -> Result<EntryId, BusError> {
        self.answer(Asked::Xadd, stream)
    }

    fn xlen(&mut self, _: Nanos, stream: &str) -> Result<u64, BusError> {
        self.answer(Asked::Xlen, stream)
    }

    fn xgroup_create(
        &mut self,
        _: Nanos,
        stream: &str,
        _: &str,
        _: GroupStart,
    ) -> Result<(), BusError> {
        self.answer(Asked::XgroupCreate, stream)
    }

    fn xreadgroup(
        &mut self,
        _: Nanos,
        stream: &str,
        _: &str,
        _: &str,
        _: ReadFrom,
        _: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        self.entries(Asked::Xreadgroup, stream, out)
    }

    fn xread(
        &mut self,
        _: Nanos,
        stream: &str,
        _: EntryId,
        _: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        self.entries(Asked::Xread, stream, out)
    }

    fn xack(&mut self, _: Nanos, stream: &str, _: &str, _: EntryId) -> Result<bool, BusError> {
        self.answer(Asked::Xack, stream)
    }

    fn xpending(
        &mut self,
        _: Nanos,
        stream: &str,
        _: &str,
        _: Nanos,
        _: usize,
    ) -> Result<Vec<PendingRow>, BusError> {
        self.answer(Asked::Xpending, stream)
    }

    fn xautoclaim(
        &mut self,
        _: Nanos,
        stream: &str,
        _: &str,
        _: &str,
        _: Nanos,
        _: EntryId,
        _: usize,
        out: &mut Vec<Entry>,
    ) -> Result<EntryId, BusError> {
        self.entries(Asked::Xautoclaim, stream, out)
    }

    fn xinfo_groups(&mut self, _: Nanos, stream: &str) -> Result<Vec<GroupInfo>, BusError> {
        self.answer(Asked::XinfoGroups, stream)
    }

    fn xrange(
        &mut self,
        _: Nanos,
        stream: &str,
        _: EntryId,
        _: EntryId,
        _: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        self.entries(Asked::Xrange, stream, out)
    }

    fn xrevrange(
        &mut self,
        _: Nanos,
        stream: &str,
        _: EntryId,
        _: EntryId,
        _: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        self.entries(Asked::Xrevrange, stream, out)
    }

    fn get(&mut self, _: Nanos, key: &str) -> Result<Option<Vec<u8>>, BusError> {
        self.answer(Asked::Get, key)
    }

    fn set(&mut self, _: Nanos, key: &str, _: &[u8], _: SetOptions) -> Result<bool, BusError> {
        self.answer(Asked::Set, key)
    }

    fn incr_by(&mut self, _: Nanos, key: &str, _: i64) -> Result<i64, BusError> {
        self.answer(Asked::IncrBy, key)
    }

    fn del(&mut self, _: Nanos, key: &str) -> bool {
        self.next(Asked::Del, key).unwrap_or(false)
    }

    fn del_together(&mut self, _: Nanos, keys: &[&str]) -> bool {
        self.next(Asked::DelTogether, &keys.join(" ")).unwrap_or(false)
    }

    fn exists(&mut self, _: Nanos, key: &str) -> bool {
        self.next(Asked::Exists, key).unwrap_or(false)
    }

    fn expire(&mut self, _: Nanos, key: &str, _: Nanos) -> bool {
        self.next(Asked::Expire, key).unwrap_or(false)
    }

    fn ttl(&mut self, _: Nanos, key: &str) -> Ttl {
        self.next(Asked::Ttl, key).unwrap_or(Ttl::Absent)
    }

    fn scan(&mut self, _: Nanos, pattern: &str) -> Vec<String> {
        self.next(Asked::Scan, pattern).unwrap_or_default()
    }

    fn hget(&mut self, _: Nanos, key: &str, _: &str) -> Result<Option<Vec<u8>>, BusError> {
        self.answer(Asked::Hget, key)
    }

    fn hset(&mut self, _: Nanos, key: &str, _: &str, _: &[u8]) -> Result<bool, BusError> {
        self.answer(Asked::Hset, key)
    }

    fn hincr_by(&mut self, _: Nanos, key: &str, _: &str, _: i64) -> Result<i64, BusError> {
        self.answer(Asked::HincrBy, key)
    }

    fn sadd(&mut self, _: Nanos, key: &str, _: &[u8]) -> Result<bool, BusError> {
        self.answer(Asked::Sadd, key)
    }

    fn lpush_keep(&mut self, _: Nanos, key: &str, _: &[u8], _: usize) -> Result<(), BusError> {
        self.answer(Asked::LpushKeep, key)
    }

    fn lrange(&mut self, _: Nanos, key: &str, _: usize) -> Result<Vec<Vec<u8>>, BusError> {
        self.answer(Asked::Lrange, key)
    }

    fn set_record(
        &mut self,
        _: Nanos,
        key: &str,
        _: &dyn Record,
        _: Option<Nanos>,
    ) -> Result<(), BusError> {
        self.answer(Asked::SetRecord, key)
    }

    fn record(&mut self, _: Nanos, key: &str) -> Result<Held<'_, HashFields>, BusError> {
        let fields: Option<HashFields> = self.answer(Asked::Record, key)?;
        Ok(fields.map_or(Held::Absent, Held::Raw))
    }

    fn hgetall(&mut self, _: Nanos, key: &str) -> Result<HashFields, BusError> {
        self.answer(Asked::Hgetall, key)
    }

    fn set_json(
        &mut self,
        _: Nanos,
        key: &str,
        _: &dyn Record,
        _: SetOptions,
    ) -> Result<bool, BusError> {
        self.answer(Asked::SetJson, key)
    }

    fn execute(&mut self, _: Nanos, words: &[&[u8]]) -> Resp {
        self.next(Asked::Execute, &line(words)).unwrap_or_else(|e| Resp::Error(e.to_string()))
    }

    fn json_record(&mut self, _: Nanos, key: &str) -> Result<Held<'_, Vec<u8>>, BusError> {
        let bytes: Option<Vec<u8>> = self.answer(Asked::JsonRecord, key)?;
        Ok(bytes.map_or(Held::Absent, Held::Raw))
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    fn feed_tape(&mut self, piece: &[u8]) {
        // What has been played is not needed again.
        self.tape.drain(..self.at);
        self.at = 0;
        self.tape.extend_from_slice(piece);
    }

    fn tape_left(&self) -> usize {
        self.tape.len() - self.at
    }
}
