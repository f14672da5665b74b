//! The embedded bus: Redis 7.0's streams, groups and keys in memory, on virtual time.
//!
//! Two doors lead to the same functions: the methods of [`Bus`], which keep records typed and copy
//! nothing, and [`MemoryBus::execute`], which takes a command as a client of Redis sends it and which
//! the differential test holds against a real server.
//!
//! What differs from Redis on purpose:
//! - Nothing blocks: BLOCK is read and ignored, because time does not pass inside the bus.
//! - A key is gone at its deadline; Redis lets it live until the millisecond after.
//! - Approximate trimming knows nodes by number of entries only, as a server with
//!   `stream-node-max-bytes 0`. Typed entries have no size in bytes before somebody reads them as text.
//! - Hashes keep the order of insertion and sets are sorted, where Redis' order is accidental.
//! - SCAN answers everything at once, with cursor 0.
//! - Times beyond the year 2262 are cut off there.
//! - XINFO STREAM does not know the shape of Redis' radix tree (`radix-tree-nodes`).
//! - What the pipeline does not use is missing: MINID, XSETID, XINFO STREAM FULL, the conditions of
//!   EXPIRE, GT, LT and INCR of ZADD, BYSCORE and BYLEX of ZRANGE.

mod command;
mod delivery;
mod glob;
mod group;
mod keyspace;
mod number;
mod ops;
mod resp;
mod stream;
#[cfg(test)]
mod tests;
mod value;
mod zset;

pub use resp::Resp;

use serde::{Deserialize, Serialize};

use self::delivery::{Claim, PendingFilter};
use self::keyspace::Keyspace;
use self::ops::NewText;
use self::stream::{Cut, NewId};
use self::value::Text;
use super::{
    Body, Bus, BusError, Entry, EntryId, GroupInfo, GroupStart, PendingRow, ReadFrom, SetOptions,
    Trim, Ttl,
};
use crate::{HashFields, Held, Nanos, Record};

/// An in-memory Redis. A clone is a snapshot; entries are shared between both.
///
/// On disk a snapshot holds what a client of Redis would see: typed records come back as their text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MemoryBus {
    keys: Keyspace,
}

impl MemoryBus {
    /// An empty bus.
    pub fn new() -> MemoryBus {
        MemoryBus::default()
    }

    /// Executes one command, given by its words.
    pub fn execute(&mut self, now: Nanos, words: &[&[u8]]) -> Resp {
        command::execute(&mut self.keys, now, words)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Bus for MemoryBus {
    fn fork(&self) -> Option<Box<dyn Bus>> {
        Some(Box::new(self.clone()))
    }

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
        let stream = self.keys.stream_or_new(now, stream.as_bytes())?;
        let id = stream.append(now, NewId::Auto, body)?;
        if let Some(added) = stream.entries.back() {
            seen(id, &added.body);
        }
        if let Some(cut) = Cut::new(trim) {
            stream.trim(cut);
        }
        Ok(id)
    }

    fn xlen(&mut self, now: Nanos, stream: &str) -> Result<u64, BusError> {
        Ok(self.keys.stream(now, stream.as_bytes())?.map_or(0, |stream| stream.len()))
    }

    fn xgroup_create(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<(), BusError> {
        let stream = self.keys.stream_or_new(now, stream.as_bytes())?;
        let start = match start {
            GroupStart::Beginning => EntryId::ZERO,
            GroupStart::End => stream.last_id,
            GroupStart::After(id) => id,
        };
        stream.create_group(group.as_bytes(), start, None)
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
        let (stream, group) = self.keys.group_of(now, stream.as_bytes(), group.as_bytes())?;
        let consumer = consumer.as_bytes();
        match from {
            ReadFrom::New => stream.read_new(now, group, consumer, count, true, out),
            ReadFrom::Pending(_) if count == 0 => {}
            ReadFrom::Pending(after) => {
                stream.read_pending(now, group, consumer, after, count, out);
            }
        }
        Ok(())
    }

    fn xread(
        &mut self,
        now: Nanos,
        stream: &str,
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        if let Some(stream) = self.keys.stream(now, stream.as_bytes())? {
            stream.read_after(after, count, out);
        }
        Ok(())
    }

    fn xack(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        id: EntryId,
    ) -> Result<bool, BusError> {
        let Some(stream) = self.keys.stream(now, stream.as_bytes())? else { return Ok(false) };
        Ok(stream.group(group.as_bytes()).is_some_and(|group| group.acknowledge(id)))
    }

    fn xpending(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>, BusError> {
        let (stream, group) = self.keys.group_of(now, stream.as_bytes(), group.as_bytes())?;
        let group = &stream.groups[group];
        let (low, high) = (EntryId::ZERO, EntryId::MAX);
        let rows =
            group.pending_rows(now, PendingFilter { low, high, count, min_idle, consumer: None });
        Ok(rows
            .map(|row| PendingRow {
                id: row.id,
                consumer: lossy(&group.consumers[row.consumer].name),
                idle: row.idle(now),
                deliveries: row.deliveries,
            })
            .collect())
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
        if count == 0 {
            return Err(BusError::Other("ERR COUNT must be > 0".into()));
        }
        let (stream, group) = self.keys.group_of(now, stream.as_bytes(), group.as_bytes())?;
        let claim =
            Claim { min_idle, delivered: now, deliveries: None, just_id: false, force: false };
        // Deleted entries are gone from the pending list and nobody here needs their names.
        let mut deleted = Vec::new();
        let consumer = consumer.as_bytes();
        Ok(stream.auto_claim(now, group, consumer, start, count, claim, out, &mut deleted))
    }

    fn xinfo_groups(&mut self, now: Nanos, stream: &str) -> Result<Vec<GroupInfo>, BusError> {
        let Some(stream) = self.keys.stream(now, stream.as_bytes())? else {
            return Err(command::no_such_key());
        };
        let groups = stream.groups_by_name();
        Ok(groups
            .into_iter()
            .map(|group| GroupInfo {
                name: lossy(&group.name),
                consumers: group.consumers.len() as u64,
                pending: group.pending.len() as u64,
                last_delivered: group.last_delivered,
                entries_read: group.entries_read,
                lag: stream.lag(group).map(|lag| u64::try_from(lag).unwrap_or(0)),
            })
            .collect())
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
        if let Some(stream) = self.keys.stream(now, stream.as_bytes())? {
            stream.range(low, high, count, out);
        }
        Ok(())
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
        if let Some(stream) = self.keys.stream(now, stream.as_bytes())? {
            stream.range_back(high, low, count, out);
        }
        Ok(())
    }

    fn get(&mut self, now: Nanos, key: &str) -> Result<Option<Vec<u8>>, BusError> {
        Ok(self.keys.text(now, key.as_bytes())?.map(|text| text.bytes().into_owned()))
    }

    fn set(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.keys.set_text(now, key.as_bytes(), NewText::Bytes(value), options, false)
    }

    fn incr_by(&mut self, now: Nanos, key: &str, by: i64) -> Result<i64, BusError> {
        self.keys.incr_by(now, key.as_bytes(), by)
    }

    fn del(&mut self, now: Nanos, key: &str) -> bool {
        self.keys.remove(now, key.as_bytes())
    }

    fn del_together(&mut self, now: Nanos, keys: &[&str]) -> bool {
        let all = keys.iter().all(|key| self.exists(now, key));
        if all {
            keys.iter().for_each(|key| {
                self.del(now, key);
            });
        }
        all
    }

    fn exists(&mut self, now: Nanos, key: &str) -> bool {
        self.keys.live(now, key.as_bytes()).is_some()
    }

    fn expire(&mut self, now: Nanos, key: &str, life: Nanos) -> bool {
        self.keys.set_deadline(now, key.as_bytes(), now.saturating_add(life))
    }

    fn ttl(&mut self, now: Nanos, key: &str) -> Ttl {
        match self.keys.live(now, key.as_bytes()) {
            None => Ttl::Absent,
            Some(slot) => slot.deadline.map_or(Ttl::Persistent, |end| Ttl::Left(end - now)),
        }
    }

    fn scan(&mut self, now: Nanos, pattern: &str) -> Vec<String> {
        self.keys.matching(now, pattern.as_bytes()).into_iter().map(lossy).collect()
    }

    fn hget(&mut self, now: Nanos, key: &str, field: &str) -> Result<Option<Vec<u8>>, BusError> {
        Ok(self.keys.hash(now, key.as_bytes())?.and_then(|hash| hash.get(field.as_bytes())))
    }

    fn hset(&mut self, now: Nanos, key: &str, field: &str, value: &[u8]) -> Result<bool, BusError> {
        self.keys.hash_set(now, key.as_bytes(), field.as_bytes(), value)
    }

    fn hincr_by(&mut self, now: Nanos, key: &str, field: &str, by: i64) -> Result<i64, BusError> {
        self.keys.hash_incr_by(now, key.as_bytes(), field.as_bytes(), by)
    }

    fn sadd(&mut self, now: Nanos, key: &str, member: &[u8]) -> Result<bool, BusError> {
        Ok(self.keys.set_or_new(now, key.as_bytes())?.insert(member.to_vec()))
    }

    fn lpush_keep(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        keep: usize,
    ) -> Result<(), BusError> {
        self.keys.list_or_new(now, key.as_bytes())?.push_front(value.to_vec());
        self.keys.list_trim(now, key.as_bytes(), 0, last_index(keep))
    }

    fn lrange(&mut self, now: Nanos, key: &str, count: usize) -> Result<Vec<Vec<u8>>, BusError> {
        let list = self.keys.list(now, key.as_bytes())?;
        Ok(list.map_or_else(Vec::new, |list| ops::list_range(list, 0, last_index(count))))
    }

    fn set_record(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError> {
        self.keys.set_record(now, key.as_bytes(), record, life)
    }

    fn record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, HashFields>, BusError> {
        Ok(match self.keys.hash(now, key.as_bytes())? {
            None => Held::Absent,
            Some(hash) => match hash.record() {
                Some(record) => Held::Record(record),
                None => Held::Raw(texts(hash)),
            },
        })
    }

    fn hgetall(&mut self, now: Nanos, key: &str) -> Result<HashFields, BusError> {
        Ok(self.keys.hash(now, key.as_bytes())?.map(|hash| texts(hash)).unwrap_or_default())
    }

    fn set_json(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.keys.set_text(now, key.as_bytes(), NewText::Json(record), options, false)
    }

    fn execute(&mut self, now: Nanos, words: &[&[u8]]) -> Resp {
        MemoryBus::execute(self, now, words)
    }

    fn json_record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, Vec<u8>>, BusError> {
        Ok(match self.keys.text(now, key.as_bytes())? {
            None => Held::Absent,
            Some(Text::Json(record)) => Held::Record(&*record.0),
            Some(Text::Plain(bytes)) => Held::Raw(bytes.clone()),
        })
    }
}

fn texts(hash: &value::Hash) -> HashFields {
    hash.fields().iter().map(|(name, value)| (lossy(name), value.clone())).collect()
}

/// The last index of the first `count` items. For no items at all it lies before the first one: to
/// Redis, -1 would mean all of them.
fn last_index(count: usize) -> i64 {
    match i64::try_from(count) {
        Ok(0) => i64::MIN,
        Ok(count) => count - 1,
        Err(_) => i64::MAX,
    }
}
