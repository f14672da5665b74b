//! What a service does on the bus: keys, hashes, lists, and looks at streams.

use std::borrow::Cow;

use super::{Context, Touch};
use crate::journal::kind;
use crate::{
    BusError, Entry, EntryId, GroupInfo, HashFields, Held, Nanos, Record, SetOptions, Ttl,
    TypedRecord,
};

impl Context<'_> {
    /// GET, as text. A value that is not UTF-8 reads as absent.
    pub fn get(&mut self, key: &str) -> Result<Option<String>, BusError> {
        self.touch(key, Touch::KeyRead);
        self.connected()?;
        let value = self.core.bus.get(self.core.now, key)?;
        Ok(value.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// SET; `false` when its condition did not hold.
    pub fn set(&mut self, key: &str, value: &str, options: SetOptions) -> Result<bool, BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        let done = self.core.bus.set(self.core.now, key, value.as_bytes(), options)?;
        if done {
            self.core.journal.set(self.core.now, key, value.as_bytes(), options.expire);
        }
        Ok(done)
    }

    /// INCRBY.
    pub fn incr_by(&mut self, key: &str, by: i64) -> Result<i64, BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        let value = self.core.bus.incr_by(self.core.now, key, by)?;
        self.core.journal.set(self.core.now, key, value.to_string().as_bytes(), None);
        Ok(value)
    }

    /// EXISTS.
    pub fn exists(&mut self, key: &str) -> bool {
        self.touch(key, Touch::KeyRead);
        if self.connected().is_err() {
            return false;
        }
        self.core.bus.exists(self.core.now, key)
    }

    /// DEL; `false` when there was no such key.
    pub fn del(&mut self, key: &str) -> bool {
        self.touch(key, Touch::KeyWritten);
        if self.connected().is_err() {
            return false;
        }
        self.wrote();
        let done = self.core.bus.del(self.core.now, key);
        if done {
            self.core.journal.del(self.core.now, key);
        }
        done
    }

    /// Deletes all of these keys if all are there, else none.
    pub fn del_together(&mut self, keys: &[&str]) -> bool {
        keys.iter().for_each(|key| self.touch(key, Touch::KeyWritten));
        if self.connected().is_err() {
            return false;
        }
        self.wrote();
        let done = self.core.bus.del_together(self.core.now, keys);
        if done {
            keys.iter().for_each(|key| self.core.journal.del(self.core.now, key));
        }
        done
    }

    /// PEXPIRE; `false` when there is no such key.
    pub fn expire(&mut self, key: &str, life: Nanos) -> bool {
        self.touch(key, Touch::KeyWritten);
        if self.connected().is_err() {
            return false;
        }
        self.wrote();
        let done = self.core.bus.expire(self.core.now, key, life);
        if done {
            self.core.journal.expire(self.core.now, key, life);
        }
        done
    }

    /// PTTL.
    pub fn ttl(&mut self, key: &str) -> Ttl {
        self.touch(key, Touch::KeyRead);
        if self.connected().is_err() {
            return Ttl::Absent;
        }
        self.core.bus.ttl(self.core.now, key)
    }

    /// Keys that match the glob, sorted.
    pub fn scan(&mut self, pattern: &str) -> Vec<String> {
        self.touch(pattern, Touch::KeyRead);
        if self.connected().is_err() {
            return Vec::new();
        }
        self.core.bus.scan(self.core.now, pattern)
    }

    /// Replaces the hash at `key` by the record's fields.
    pub fn set_record(
        &mut self,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        self.core.bus.set_record(self.core.now, key, record, life)?;
        self.core.journal.set_record(self.core.now, false, key, record, life);
        Ok(())
    }

    /// The hash at `key` as a record; `Ok(None)` when the key is absent. Fields that do not fit are an
    /// error in Redis' words, so that a reader fails loudly.
    pub fn record<R: TypedRecord>(&mut self, key: &str) -> Result<Option<Cow<'_, R>>, BusError> {
        self.touch(key, Touch::KeyRead);
        self.connected()?;
        let fields = match self.core.bus.record(self.core.now, key)? {
            Held::Absent => return Ok(None),
            Held::Record(record) => match record.as_any().downcast_ref::<R>() {
                Some(record) => return Ok(Some(Cow::Borrowed(record))),
                None => record_fields(record),
            },
            Held::Raw(fields) => fields,
        };
        let get = |name: &str| {
            let (_, value) = fields.iter().find(|(n, _)| n == name)?;
            std::str::from_utf8(value).ok()
        };
        let read = R::from_fields(&get).map_err(|m| BusError::Other(format!("{key}: {m}")))?;
        Ok(Some(Cow::Owned(read)))
    }

    /// SET of a record's JSON text; `false` when the condition did not hold.
    pub fn set_json(
        &mut self,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        let done = self.core.bus.set_json(self.core.now, key, record, options)?;
        if done {
            self.core.journal.set_record(self.core.now, true, key, record, options.expire);
        }
        Ok(done)
    }

    /// The JSON string at `key` as a record; `Ok(None)` when the key is absent.
    pub fn json<R: TypedRecord>(&mut self, key: &str) -> Result<Option<Cow<'_, R>>, BusError> {
        self.touch(key, Touch::KeyRead);
        self.connected()?;
        let json = match self.core.bus.json_record(self.core.now, key)? {
            Held::Absent => return Ok(None),
            Held::Record(record) => match record.as_any().downcast_ref::<R>() {
                Some(record) => return Ok(Some(Cow::Borrowed(record))),
                None => record.to_json(),
            },
            Held::Raw(text) => {
                serde_json::from_slice(&text).map_err(|e| BusError::Other(format!("{key}: {e}")))?
            }
        };
        let read = R::from_json(&json).map_err(|m| BusError::Other(format!("{key}: {m}")))?;
        Ok(Some(Cow::Owned(read)))
    }

    /// HGET, as text.
    pub fn hget(&mut self, key: &str, field: &str) -> Result<Option<String>, BusError> {
        self.touch(key, Touch::KeyRead);
        self.connected()?;
        let value = self.core.bus.hget(self.core.now, key, field)?;
        Ok(value.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// HSET of one field.
    pub fn hset(&mut self, key: &str, field: &str, value: &str) -> Result<(), BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        self.core.bus.hset(self.core.now, key, field, value.as_bytes())?;
        self.core.journal.member(self.core.now, kind::HASH_SET, key, field, value.as_bytes());
        Ok(())
    }

    /// HINCRBY.
    pub fn hincr_by(&mut self, key: &str, field: &str, by: i64) -> Result<i64, BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        let value = self.core.bus.hincr_by(self.core.now, key, field, by)?;
        let text = value.to_string();
        self.core.journal.member(self.core.now, kind::HASH_SET, key, field, text.as_bytes());
        Ok(value)
    }

    /// SADD; `true` when the member is new.
    pub fn sadd(&mut self, key: &str, member: &str) -> Result<bool, BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        let new = self.core.bus.sadd(self.core.now, key, member.as_bytes())?;
        if new {
            self.core.journal.member(self.core.now, kind::SET_ADD, key, "", member.as_bytes());
        }
        Ok(new)
    }

    /// LPUSH and LTRIM to the newest `keep`.
    pub fn lpush_keep(
        &mut self,
        key: &str,
        value: impl AsRef<[u8]>,
        keep: usize,
    ) -> Result<(), BusError> {
        self.touch(key, Touch::KeyWritten);
        self.connected()?;
        self.wrote();
        let value = value.as_ref();
        self.core.bus.lpush_keep(self.core.now, key, value, keep)?;
        self.core.journal.member(self.core.now, kind::LIST_PUSH, key, "", value);
        Ok(())
    }

    /// The newest `count` members of a list, newest first, as text.
    pub fn lrange(&mut self, key: &str, count: usize) -> Result<Vec<String>, BusError> {
        self.touch(key, Touch::KeyRead);
        self.connected()?;
        let values = self.core.bus.lrange(self.core.now, key, count)?;
        Ok(values.into_iter().filter_map(|v| String::from_utf8(v).ok()).collect())
    }

    /// XLEN; 0 when there is no such stream.
    pub fn length(&mut self, stream: &str) -> Result<u64, BusError> {
        let stream = self.name_of(stream);
        self.touch(stream, Touch::Looked);
        self.connected()?;
        self.core.bus.xlen(self.core.now, stream)
    }

    /// XINFO GROUPS: what each group of a stream has read and not acknowledged, and how far it is behind.
    pub fn groups(&mut self, stream: &str) -> Result<Vec<GroupInfo>, BusError> {
        let stream = self.name_of(stream);
        self.touch(stream, Touch::Looked);
        self.connected()?;
        self.core.bus.xinfo_groups(self.core.now, stream)
    }

    /// The oldest `count` entries behind this one, oldest first.
    pub fn after(
        &mut self,
        stream: &str,
        id: EntryId,
        count: usize,
    ) -> Result<Vec<Entry>, BusError> {
        let stream = self.name_of(stream);
        self.touch(stream, Touch::Looked);
        self.connected()?;
        let low = EntryId { ms: id.ms, seq: id.seq.saturating_add(1) };
        let mut out = Vec::new();
        self.core.bus.xrange(self.core.now, stream, low, EntryId::MAX, count, &mut out)?;
        Ok(out)
    }

    /// The newest `count` entries of a stream, newest first.
    pub fn newest(&mut self, stream: &str, count: usize) -> Result<Vec<Entry>, BusError> {
        let stream = self.name_of(stream);
        self.touch(stream, Touch::Looked);
        self.connected()?;
        let mut out = Vec::new();
        self.core.bus.xrevrange(
            self.core.now,
            stream,
            EntryId::MAX,
            EntryId::ZERO,
            count,
            &mut out,
        )?;
        Ok(out)
    }
}

fn record_fields(record: &dyn Record) -> HashFields {
    let mut fields = HashFields::new();
    record.for_each_field(&mut |name, text| {
        fields.push((name.to_owned(), text.as_bytes().to_vec()));
    });
    fields
}
