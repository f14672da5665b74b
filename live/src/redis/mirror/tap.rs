//! The bus as the session sees it: everything goes to the bus in memory, changes also to the queue.

use engine::{
    Body, Bus, BusError, Entry, EntryId, GroupInfo, GroupStart, HashFields, Held, Nanos,
    PendingRow, ReadFrom, Record, Resp, SetOptions, Trim, Ttl,
};

use super::Mirror;
use super::change::Change;
use crate::redis::command::looks_only;

impl<B: Bus> Bus for Mirror<B> {
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
        self.tend(now);
        let copy = body.clone();
        let id = self.inner.xadd_seen(now, stream, body, trim, seen)?;
        self.changed(stream, || Change::Entry { stream: stream.into(), id, body: copy, trim });
        Ok(id)
    }

    fn xlen(&mut self, now: Nanos, stream: &str) -> Result<u64, BusError> {
        self.tend(now);
        self.inner.xlen(now, stream)
    }

    fn xgroup_create(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<(), BusError> {
        self.tend(now);
        self.inner.xgroup_create(now, stream, group, start)?;
        let group = group.into();
        self.changed(stream, || Change::Group { stream: stream.into(), group, start });
        Ok(())
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
        self.tend(now);
        let before = out.len();
        self.inner.xreadgroup(now, stream, group, consumer, from, count, out)?;
        let count = out.len() - before;
        if count > 0 {
            let (group, consumer) = (group.into(), consumer.into());
            self.changed(stream, || {
                let stream = stream.into();
                match from {
                    ReadFrom::New => Change::Read { stream, group, consumer, count },
                    ReadFrom::Pending(after) => {
                        Change::ReadAgain { stream, group, consumer, after, count }
                    }
                }
            });
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
        self.tend(now);
        self.inner.xread(now, stream, after, count, out)
    }

    fn xack(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        id: EntryId,
    ) -> Result<bool, BusError> {
        self.tend(now);
        let done = self.inner.xack(now, stream, group, id)?;
        if done {
            let group = group.into();
            self.changed(stream, || Change::Acknowledged { stream: stream.into(), group, id });
        }
        Ok(done)
    }

    fn xpending(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>, BusError> {
        self.tend(now);
        self.inner.xpending(now, stream, group, min_idle, count)
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
        self.tend(now);
        let before = out.len();
        let next =
            self.inner.xautoclaim(now, stream, group, consumer, min_idle, start, count, out)?;
        let ids: Vec<EntryId> = out[before..].iter().map(|entry| entry.id).collect();
        let (group, consumer) = (group.into(), consumer.into());
        self.changed(stream, || Change::Claimed { stream: stream.into(), group, consumer, ids });
        Ok(next)
    }

    fn xinfo_groups(&mut self, now: Nanos, stream: &str) -> Result<Vec<GroupInfo>, BusError> {
        self.tend(now);
        self.inner.xinfo_groups(now, stream)
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
        self.tend(now);
        self.inner.xrange(now, stream, low, high, count, out)
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
        self.tend(now);
        self.inner.xrevrange(now, stream, high, low, count, out)
    }

    fn get(&mut self, now: Nanos, key: &str) -> Result<Option<Vec<u8>>, BusError> {
        self.tend(now);
        self.inner.get(now, key)
    }

    fn set(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.tend(now);
        let done = self.inner.set(now, key, value, options)?;
        if done {
            let (value, life) = (value.to_vec(), options.expire);
            self.changed(key, || Change::Text { key: key.into(), value, life });
        }
        Ok(done)
    }

    fn incr_by(&mut self, now: Nanos, key: &str, by: i64) -> Result<i64, BusError> {
        self.tend(now);
        let value = self.inner.incr_by(now, key, by)?;
        self.changed(key, || Change::Number { key: key.into(), value });
        Ok(value)
    }

    fn del(&mut self, now: Nanos, key: &str) -> bool {
        self.tend(now);
        let done = self.inner.del(now, key);
        if done {
            self.changed(key, || Change::Deleted { key: key.into() });
        }
        done
    }

    fn del_together(&mut self, now: Nanos, keys: &[&str]) -> bool {
        self.tend(now);
        let done = self.inner.del_together(now, keys);
        if done {
            for key in keys {
                self.changed(key, || Change::Deleted { key: (*key).into() });
            }
        }
        done
    }

    fn exists(&mut self, now: Nanos, key: &str) -> bool {
        self.tend(now);
        self.inner.exists(now, key)
    }

    fn expire(&mut self, now: Nanos, key: &str, life: Nanos) -> bool {
        self.tend(now);
        let done = self.inner.expire(now, key, life);
        if done {
            self.changed(key, || Change::Expires { key: key.into(), life });
        }
        done
    }

    fn ttl(&mut self, now: Nanos, key: &str) -> Ttl {
        self.tend(now);
        self.inner.ttl(now, key)
    }

    fn scan(&mut self, now: Nanos, pattern: &str) -> Vec<String> {
        self.tend(now);
        self.inner.scan(now, pattern)
    }

    fn hget(&mut self, now: Nanos, key: &str, field: &str) -> Result<Option<Vec<u8>>, BusError> {
        self.tend(now);
        self.inner.hget(now, key, field)
    }

    fn hset(&mut self, now: Nanos, key: &str, field: &str, value: &[u8]) -> Result<bool, BusError> {
        self.tend(now);
        let new = self.inner.hset(now, key, field, value)?;
        let (field, value) = (field.into(), value.to_vec());
        self.changed(key, || Change::Field { key: key.into(), field, value });
        Ok(new)
    }

    fn hincr_by(&mut self, now: Nanos, key: &str, field: &str, by: i64) -> Result<i64, BusError> {
        self.tend(now);
        let after = self.inner.hincr_by(now, key, field, by)?;
        let (field, value) = (field.into(), after.to_string().into_bytes());
        self.changed(key, || Change::Field { key: key.into(), field, value });
        Ok(after)
    }

    fn sadd(&mut self, now: Nanos, key: &str, member: &[u8]) -> Result<bool, BusError> {
        self.tend(now);
        let new = self.inner.sadd(now, key, member)?;
        if new {
            self.changed(key, || Change::Member { key: key.into(), value: member.to_vec() });
        }
        Ok(new)
    }

    fn lpush_keep(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        keep: usize,
    ) -> Result<(), BusError> {
        self.tend(now);
        self.inner.lpush_keep(now, key, value, keep)?;
        self.changed(key, || Change::Push { key: key.into(), value: value.to_vec(), keep });
        Ok(())
    }

    fn lrange(&mut self, now: Nanos, key: &str, count: usize) -> Result<Vec<Vec<u8>>, BusError> {
        self.tend(now);
        self.inner.lrange(now, key, count)
    }

    fn set_record(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError> {
        self.tend(now);
        self.inner.set_record(now, key, record, life)?;
        self.changed(key, || Change::Hash { key: key.into(), record: record.clone_record(), life });
        Ok(())
    }

    fn record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, HashFields>, BusError> {
        self.tend(now);
        self.inner.record(now, key)
    }

    fn hgetall(&mut self, now: Nanos, key: &str) -> Result<HashFields, BusError> {
        self.tend(now);
        self.inner.hgetall(now, key)
    }

    fn set_json(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.tend(now);
        let done = self.inner.set_json(now, key, record, options)?;
        if done {
            let life = options.expire;
            let copy = || Change::Json { key: key.into(), record: record.clone_record(), life };
            self.changed(key, copy);
        }
        Ok(done)
    }

    /// A command that may change something makes the mirror write everything anew: it is somebody's by hand.
    fn execute(&mut self, now: Nanos, words: &[&[u8]]) -> Resp {
        self.tend(now);
        let reply = self.inner.execute(now, words);
        let looks = words.first().is_none_or(|name| looks_only(name));
        if !looks && !matches!(reply, Resp::Error(_)) {
            self.changed_all();
        }
        reply
    }

    fn json_record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, Vec<u8>>, BusError> {
        self.tend(now);
        self.inner.json_record(now, key)
    }

    fn trouble(&self) -> Option<&str> {
        self.inner.trouble()
    }

    fn take_lost(&mut self) -> bool {
        self.inner.take_lost()
    }

    fn take_tape(&mut self, out: &mut Vec<u8>) {
        self.inner.take_tape(out);
    }

    fn feed_tape(&mut self, piece: &[u8]) {
        self.inner.feed_tape(piece);
    }

    fn tape_left(&self) -> usize {
        self.inner.tape_left()
    }
}
