//! The commands on keys, and the port that puts all commands together.

use indexmap::IndexSet;

use super::MemoryBus;
use super::glob;
use super::keyspace::{Slot, Value, hash, hash_or_new, wrong_type};
use crate::{
    Body, Bus, BusError, Entry, EntryId, GroupInfo, GroupStart, Nanos, PendingRow, ReadFrom,
    Record, SetOptions, Trim, Ttl,
};

type Result<T> = std::result::Result<T, BusError>;

fn not_an_integer() -> BusError {
    BusError::Other("ERR value is not an integer or out of range".into())
}

fn overflow() -> BusError {
    BusError::Other("ERR increment or decrement would overflow".into())
}

/// Redis takes integers in their shortest form only.
fn integer(text: &[u8]) -> Result<i64> {
    let parsed = std::str::from_utf8(text).ok().and_then(|t| t.parse::<i64>().ok());
    parsed.filter(|n| n.to_string().as_bytes() == text).ok_or_else(not_an_integer)
}

fn deadline(now: Nanos, life: Option<Nanos>) -> Nanos {
    life.map_or(Nanos::NEVER, |life| now.saturating_add(life))
}

impl MemoryBus {
    fn condition_holds(&mut self, now: Nanos, key: &str, options: SetOptions) -> bool {
        let exists = self.keys.get(now, key).is_some();
        !(options.if_absent && exists || options.if_present && !exists)
    }

    fn put(&mut self, now: Nanos, key: &str, value: Value, life: Option<Nanos>) {
        self.keys.put(now, key, Slot { value, expires: deadline(now, life) });
    }

    pub(super) fn list(
        &mut self,
        now: Nanos,
        key: &str,
    ) -> Result<&mut std::collections::VecDeque<Vec<u8>>> {
        match &mut self.keys.get_or(now, key, || Value::List(Default::default())).value {
            Value::List(list) => Ok(list),
            _ => wrong_type(key),
        }
    }
}

impl Bus for MemoryBus {
    fn xadd(&mut self, now: Nanos, stream: &str, body: Body, trim: Trim) -> Result<EntryId> {
        self.stream_add(now, stream, body, trim)
    }
    fn xlen(&mut self, now: Nanos, stream: &str) -> Result<u64> {
        self.stream_length(now, stream)
    }
    fn xgroup_create(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<()> {
        self.group_create(now, stream, group, start)
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
    ) -> Result<()> {
        self.group_read(now, stream, group, consumer, from, count, out)
    }
    fn xread(
        &mut self,
        now: Nanos,
        stream: &str,
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        self.stream_read(now, stream, after, count, out)
    }
    fn xack(&mut self, now: Nanos, stream: &str, group: &str, id: EntryId) -> Result<bool> {
        self.group_acknowledge(now, stream, group, id)
    }
    fn xpending(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>> {
        self.group_pending(now, stream, group, min_idle, count)
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
    ) -> Result<EntryId> {
        self.claim_idle(now, stream, group, consumer, min_idle, start, count, out)
            .map(|(next, _)| next)
    }
    fn xinfo_groups(&mut self, now: Nanos, stream: &str) -> Result<Vec<GroupInfo>> {
        self.groups_info(now, stream)
    }
    fn xrange(
        &mut self,
        now: Nanos,
        stream: &str,
        low: EntryId,
        high: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        self.stream_range(now, stream, low, high, count, out)
    }
    fn xrevrange(
        &mut self,
        now: Nanos,
        stream: &str,
        high: EntryId,
        low: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        self.stream_range_back(now, stream, high, low, count, out)
    }

    fn get(&mut self, now: Nanos, key: &str) -> Result<Option<Vec<u8>>> {
        match self.keys.get(now, key).map(|slot| &slot.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Json(record)) => Ok(Some(record.to_json().to_string().into_bytes())),
            Some(_) => wrong_type(key),
        }
    }
    fn set(&mut self, now: Nanos, key: &str, value: &[u8], options: SetOptions) -> Result<bool> {
        let holds = self.condition_holds(now, key, options);
        if holds {
            self.put(now, key, Value::Text(value.to_vec()), options.expire);
        }
        Ok(holds)
    }
    fn incr_by(&mut self, now: Nanos, key: &str, by: i64) -> Result<i64> {
        let old = self.get(now, key)?;
        let sum = integer(old.as_deref().unwrap_or(b"0"))?.checked_add(by).ok_or_else(overflow)?;
        let slot = self.keys.get_or(now, key, || Value::Text(Vec::new()));
        slot.value = Value::Text(sum.to_string().into_bytes());
        Ok(sum)
    }
    fn del(&mut self, now: Nanos, key: &str) -> bool {
        self.keys.remove(now, key)
    }
    fn exists(&mut self, now: Nanos, key: &str) -> bool {
        self.keys.get(now, key).is_some()
    }
    fn expire(&mut self, now: Nanos, key: &str, life: Nanos) -> bool {
        let Some(slot) = self.keys.get(now, key) else { return false };
        slot.expires = now.saturating_add(life);
        if life.0 <= 0 {
            self.keys.remove(now, key);
        }
        true
    }
    fn ttl(&mut self, now: Nanos, key: &str) -> Ttl {
        match self.keys.get(now, key).map(|slot| slot.expires) {
            None => Ttl::Absent,
            Some(Nanos::NEVER) => Ttl::Persistent,
            Some(expires) => Ttl::Left(expires - now),
        }
    }
    fn scan(&mut self, now: Nanos, pattern: &str) -> Vec<String> {
        let matching =
            self.keys.alive(now).filter(|key| glob::matches(pattern.as_bytes(), key.as_bytes()));
        let mut found: Vec<String> = matching.map(str::to_owned).collect();
        found.sort_unstable();
        found
    }
    fn hget(&mut self, now: Nanos, key: &str, field: &str) -> Result<Option<Vec<u8>>> {
        Ok(hash(&mut self.keys, now, key)?.and_then(|hash| hash.get(field).cloned()))
    }
    fn hset(&mut self, now: Nanos, key: &str, field: &str, value: &[u8]) -> Result<bool> {
        let hash = hash_or_new(&mut self.keys, now, key)?;
        Ok(hash.insert(field.to_owned(), value.to_vec()).is_none())
    }
    fn hincr_by(&mut self, now: Nanos, key: &str, field: &str, by: i64) -> Result<i64> {
        let hash = hash_or_new(&mut self.keys, now, key)?;
        let old = hash.get(field).map_or(Ok(0), |text| integer(text));
        let old = old.map_err(|_| BusError::Other("ERR hash value is not an integer".into()))?;
        let sum = old.checked_add(by).ok_or_else(overflow)?;
        hash.insert(field.to_owned(), sum.to_string().into_bytes());
        Ok(sum)
    }
    fn sadd(&mut self, now: Nanos, key: &str, member: &[u8]) -> Result<bool> {
        match &mut self.keys.get_or(now, key, || Value::Set(IndexSet::default())).value {
            Value::Set(set) => Ok(set.insert(member.to_vec())),
            _ => wrong_type(key),
        }
    }
    fn lpush_keep(&mut self, now: Nanos, key: &str, value: &[u8], keep: usize) -> Result<()> {
        let list = self.list(now, key)?;
        // The buffer of the member that falls out is used again.
        let mut member = if list.len() >= keep.max(1) {
            list.pop_back().unwrap_or_default()
        } else {
            Vec::new()
        };
        member.clear();
        member.extend_from_slice(value);
        list.push_front(member);
        list.truncate(keep);
        if keep == 0 {
            self.keys.remove(now, key);
        }
        Ok(())
    }
    fn lrange(&mut self, now: Nanos, key: &str, count: usize) -> Result<Vec<Vec<u8>>> {
        match self.keys.get(now, key).map(|slot| &slot.value) {
            None => Ok(Vec::new()),
            Some(Value::List(list)) => Ok(list.iter().take(count).cloned().collect()),
            Some(_) => wrong_type(key),
        }
    }

    fn set_record(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<()> {
        let expires = deadline(now, life);
        if let Some(slot) = self.keys.get(now, key) {
            match &mut slot.value {
                Value::Record(old) => {
                    if !record.assign(&mut **old) {
                        *old = record.clone_record();
                    }
                }
                Value::Hash(_) => slot.value = Value::Record(record.clone_record()),
                _ => return wrong_type(key),
            }
            slot.expires = expires;
            return Ok(());
        }
        self.keys.put(now, key, Slot { value: Value::Record(record.clone_record()), expires });
        Ok(())
    }
    fn record(&mut self, now: Nanos, key: &str) -> Result<Option<&dyn Record>> {
        match self.keys.get(now, key).map(|slot| &slot.value) {
            None | Some(Value::Hash(_)) => Ok(None),
            Some(Value::Record(record)) => Ok(Some(&**record)),
            Some(_) => wrong_type(key),
        }
    }
    fn hgetall(&mut self, now: Nanos, key: &str) -> Result<Vec<(String, Vec<u8>)>> {
        if let Some(record) = self.record(now, key)? {
            let mut fields = Vec::new();
            record.for_each_field(&mut |name, text| {
                fields.push((name.to_owned(), text.as_bytes().to_vec()));
            });
            return Ok(fields);
        }
        let hash = hash(&mut self.keys, now, key)?;
        Ok(hash.map_or_else(Vec::new, |h| h.iter().map(|(n, v)| (n.clone(), v.clone())).collect()))
    }
    fn set_json(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool> {
        let holds = self.condition_holds(now, key, options);
        if holds {
            self.put(now, key, Value::Json(record.clone_record()), options.expire);
        }
        Ok(holds)
    }
    fn json_record(&mut self, now: Nanos, key: &str) -> Result<Option<&dyn Record>> {
        match self.keys.get(now, key).map(|slot| &slot.value) {
            None | Some(Value::Text(_)) => Ok(None),
            Some(Value::Json(record)) => Ok(Some(&**record)),
            Some(_) => wrong_type(key),
        }
    }
}
