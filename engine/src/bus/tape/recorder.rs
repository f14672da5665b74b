//! Writes down what a bus answers.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use serde::Serialize;

use super::{Asked, KeptEntry, NAMES_MAX};
use crate::journal::varint;
use crate::{
    Body, Bus, BusError, Entry, EntryId, GroupInfo, GroupStart, HashFields, Held, Nanos,
    PendingRow, ReadFrom, Record, Resp, SetOptions, Trim, Ttl,
};

/// A bus whose answers go onto a tape. Take it off with [`Bus::take_tape`] from time to time: it is kept in
/// memory until then.
#[derive(Debug)]
pub struct TapeRecorder<B> {
    inner: B,
    tape: Vec<u8>,
    names: IndexSet<Box<str>, FxBuildHasher>,
    /// Of one answer, to know its length before it is written.
    answer: Vec<u8>,
    /// An operation since the last look stayed without an answer.
    lost: bool,
}

impl<B: Bus> TapeRecorder<B> {
    /// Records what `inner` answers from now on.
    pub fn new(inner: B) -> TapeRecorder<B> {
        let (tape, names, answer) = (Vec::new(), IndexSet::default(), Vec::new());
        TapeRecorder { inner, tape, names, answer, lost: false }
    }

    /// The bus that answers. What is asked of it directly is not recorded.
    pub fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    fn note<T: Serialize>(&mut self, asked: Asked, about: &str, answer: &T) {
        self.tape.push(asked as u8);
        match self.names.get_index_of(about) {
            Some(known) => varint(&mut self.tape, known as u64 + 1),
            None => {
                if self.names.len() == NAMES_MAX {
                    self.names.clear();
                }
                self.names.insert(about.into());
                varint(&mut self.tape, 0);
                varint(&mut self.tape, about.len() as u64);
                self.tape.extend_from_slice(about.as_bytes());
            }
        }
        let kept = std::mem::take(&mut self.answer);
        // Only a type without a known length could fail here. A player would find the answer missing.
        self.answer = postcard::to_extend(answer, kept).unwrap_or_default();
        varint(&mut self.tape, self.answer.len() as u64);
        self.tape.extend_from_slice(&self.answer);
        self.answer.clear();
        if self.inner.take_lost() {
            self.tape.push(Asked::Lost as u8);
            self.lost = true;
        }
    }
}

fn kept(entries: &[Entry]) -> Vec<KeptEntry> {
    entries.iter().map(KeptEntry::of).collect()
}

fn with<T: Clone>(
    answer: &Result<T, BusError>,
    entries: &[Entry],
) -> Result<(T, Vec<KeptEntry>), BusError> {
    answer.clone().map(|answer| (answer, kept(entries)))
}

impl<B: Bus> Bus for TapeRecorder<B> {
    fn xadd(
        &mut self,
        now: Nanos,
        stream: &str,
        body: Body,
        trim: Trim,
    ) -> Result<EntryId, BusError> {
        self.xadd_seen(now, stream, body, trim, &mut |_, _| ())
    }

    fn xadd_seen(
        &mut self,
        now: Nanos,
        stream: &str,
        body: Body,
        trim: Trim,
        seen: &mut dyn FnMut(EntryId, &Body),
    ) -> Result<EntryId, BusError> {
        let answer = self.inner.xadd_seen(now, stream, body, trim, seen);
        self.note(Asked::Xadd, stream, &answer);
        answer
    }

    fn xlen(&mut self, now: Nanos, stream: &str) -> Result<u64, BusError> {
        let answer = self.inner.xlen(now, stream);
        self.note(Asked::Xlen, stream, &answer);
        answer
    }

    fn xgroup_create(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<(), BusError> {
        let answer = self.inner.xgroup_create(now, stream, group, start);
        self.note(Asked::XgroupCreate, stream, &answer);
        answer
    }

    fn xreadgroup(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        consumer: &str,
        from: ReadFrom,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        let before = out.len();
        let answer = self.inner.xreadgroup(now, stream, group, consumer, from, count, out);
        self.note(Asked::Xreadgroup, stream, &with(&answer, &out[before..]));
        answer
    }

    fn xread(
        &mut self,
        now: Nanos,
        stream: &str,
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        let before = out.len();
        let answer = self.inner.xread(now, stream, after, count, out);
        self.note(Asked::Xread, stream, &with(&answer, &out[before..]));
        answer
    }

    fn xack(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        id: EntryId,
    ) -> Result<bool, BusError> {
        let answer = self.inner.xack(now, stream, group, id);
        self.note(Asked::Xack, stream, &answer);
        answer
    }

    fn xpending(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>, BusError> {
        let answer = self.inner.xpending(now, stream, group, min_idle, count);
        self.note(Asked::Xpending, stream, &answer);
        answer
    }

    fn xautoclaim(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        consumer: &str,
        min_idle: Nanos,
        start: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<EntryId, BusError> {
        let before = out.len();
        let answer =
            self.inner.xautoclaim(now, stream, group, consumer, min_idle, start, count, out);
        self.note(Asked::Xautoclaim, stream, &with(&answer, &out[before..]));
        answer
    }

    fn xinfo_groups(&mut self, now: Nanos, stream: &str) -> Result<Vec<GroupInfo>, BusError> {
        let answer = self.inner.xinfo_groups(now, stream);
        self.note(Asked::XinfoGroups, stream, &answer);
        answer
    }

    fn xrange(
        &mut self,
        now: Nanos,
        stream: &str,
        low: EntryId,
        high: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        let before = out.len();
        let answer = self.inner.xrange(now, stream, low, high, count, out);
        self.note(Asked::Xrange, stream, &with(&answer, &out[before..]));
        answer
    }

    fn xrevrange(
        &mut self,
        now: Nanos,
        stream: &str,
        high: EntryId,
        low: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        let before = out.len();
        let answer = self.inner.xrevrange(now, stream, high, low, count, out);
        self.note(Asked::Xrevrange, stream, &with(&answer, &out[before..]));
        answer
    }

    fn get(&mut self, now: Nanos, key: &str) -> Result<Option<Vec<u8>>, BusError> {
        let answer = self.inner.get(now, key);
        self.note(Asked::Get, key, &answer);
        answer
    }

    fn set(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        options: SetOptions,
    ) -> Result<bool, BusError> {
        let answer = self.inner.set(now, key, value, options);
        self.note(Asked::Set, key, &answer);
        answer
    }

    fn incr_by(&mut self, now: Nanos, key: &str, by: i64) -> Result<i64, BusError> {
        let answer = self.inner.incr_by(now, key, by);
        self.note(Asked::IncrBy, key, &answer);
        answer
    }

    fn del(&mut self, now: Nanos, key: &str) -> bool {
        let answer = self.inner.del(now, key);
        self.note(Asked::Del, key, &answer);
        answer
    }

    fn del_together(&mut self, now: Nanos, keys: &[&str]) -> bool {
        let answer = self.inner.del_together(now, keys);
        self.note(Asked::DelTogether, &keys.join(" "), &answer);
        answer
    }

    fn exists(&mut self, now: Nanos, key: &str) -> bool {
        let answer = self.inner.exists(now, key);
        self.note(Asked::Exists, key, &answer);
        answer
    }

    fn expire(&mut self, now: Nanos, key: &str, life: Nanos) -> bool {
        let answer = self.inner.expire(now, key, life);
        self.note(Asked::Expire, key, &answer);
        answer
    }

    fn ttl(&mut self, now: Nanos, key: &str) -> Ttl {
        let answer = self.inner.ttl(now, key);
        self.note(Asked::Ttl, key, &answer);
        answer
    }

    fn scan(&mut self, now: Nanos, pattern: &str) -> Vec<String> {
        let answer = self.inner.scan(now, pattern);
        self.note(Asked::Scan, pattern, &answer);
        answer
    }

    fn hget(&mut self, now: Nanos, key: &str, field: &str) -> Result<Option<Vec<u8>>, BusError> {
        let answer = self.inner.hget(now, key, field);
        self.note(Asked::Hget, key, &answer);
        answer
    }

    fn hset(&mut self, now: Nanos, key: &str, field: &str, value: &[u8]) -> Result<bool, BusError> {
        let answer = self.inner.hset(now, key, field, value);
        self.note(Asked::Hset, key, &answer);
        answer
    }

    fn hincr_by(&mut self, now: Nanos, key: &str, field: &str, by: i64) -> Result<i64, BusError> {
        let answer = self.inner.hincr_by(now, key, field, by);
        self.note(Asked::HincrBy, key, &answer);
        answer
    }

    fn sadd(&mut self, now: Nanos, key: &str, member: &[u8]) -> Result<bool, BusError> {
        let answer = self.inner.sadd(now, key, member);
        self.note(Asked::Sadd, key, &answer);
        answer
    }

    fn lpush_keep(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        keep: usize,
    ) -> Result<(), BusError> {
        let answer = self.inner.lpush_keep(now, key, value, keep);
        self.note(Asked::LpushKeep, key, &answer);
        answer
    }

    fn lrange(&mut self, now: Nanos, key: &str, count: usize) -> Result<Vec<Vec<u8>>, BusError> {
        let answer = self.inner.lrange(now, key, count);
        self.note(Asked::Lrange, key, &answer);
        answer
    }

    fn set_record(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError> {
        let answer = self.inner.set_record(now, key, record, life);
        self.note(Asked::SetRecord, key, &answer);
        answer
    }

    /// What comes from the tape must not differ from what came at the recording, so a typed record reads as
    /// its fields here, too.
    fn record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, HashFields>, BusError> {
        let answer = match self.inner.record(now, key) {
            Ok(Held::Absent) => Ok(None),
            Ok(Held::Record(record)) => {
                let mut fields = HashFields::new();
                record.for_each_field(&mut |name, text| {
                    fields.push((name.to_owned(), text.as_bytes().to_vec()));
                });
                Ok(Some(fields))
            }
            Ok(Held::Raw(fields)) => Ok(Some(fields)),
            Err(error) => Err(error),
        };
        self.note(Asked::Record, key, &answer);
        answer.map(|fields| fields.map_or(Held::Absent, Held::Raw))
    }

    fn hgetall(&mut self, now: Nanos, key: &str) -> Result<HashFields, BusError> {
        let answer = self.inner.hgetall(now, key);
        self.note(Asked::Hgetall, key, &answer);
        answer
    }

    fn set_json(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool, BusError> {
        let answer = self.inner.set_json(now, key, record, options);
        self.note(Asked::SetJson, key, &answer);
        answer
    }

    fn execute(&mut self, now: Nanos, words: &[&[u8]]) -> Resp {
        let answer = self.inner.execute(now, words);
        self.note(Asked::Execute, &super::player::line(words), &answer);
        answer
    }

    fn json_record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, Vec<u8>>, BusError> {
        let answer = match self.inner.json_record(now, key) {
            Ok(Held::Absent) => Ok(None),
            Ok(Held::Record(record)) => Ok(Some(record.to_json().to_string().into_bytes())),
            Ok(Held::Raw(bytes)) => Ok(Some(bytes)),
            Err(error) => Err(error),
        };
        self.note(Asked::JsonRecord, key, &answer);
        answer.map(|bytes| bytes.map_or(Held::Absent, Held::Raw))
    }

    fn trouble(&self) -> Option<&str> {
        self.inner.trouble()
    }

    fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    fn take_tape(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.tape);
    }
}
