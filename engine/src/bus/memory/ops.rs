//! Operations on keys that both the [`Bus`](crate::Bus) methods and the commands use.

use std::collections::VecDeque;

use super::group::Group;
use super::keyspace::{Keyspace, wrong_type};
use super::number::{integer, not_an_integer};
use super::stream::Stream;
use super::value::{Hash, Text, Typed, Value};
use crate::{BusError, EntryId, Nanos, Record, SetOptions};

/// What SET writes.
#[derive(Clone, Copy)]
pub(super) enum NewText<'a> {
    Bytes(&'a [u8]),
    Json(&'a dyn Record),
}

impl NewText<'_> {
    fn value(self) -> Value {
        Value::Text(match self {
            NewText::Bytes(bytes) => Text::Plain(bytes.to_vec()),
            NewText::Json(record) => Text::Json(Typed(record.clone_record())),
        })
    }

    /// Overwrites in place where the memory that is there can be used again.
    fn write(self, value: &mut Value) {
        let in_place = match (self, &mut *value) {
            (NewText::Bytes(bytes), Value::Text(Text::Plain(there))) => {
                there.clear();
                there.extend_from_slice(bytes);
                true
            }
            (NewText::Json(record), Value::Text(Text::Json(there))) => record.assign(&mut *there.0),
            _ => false,
        };
        if !in_place {
            *value = self.value();
        }
    }
}

impl Keyspace {
    /// SET, on whatever the key holds; `false` when its condition did not hold.
    pub(super) fn set_text(
        &mut self,
        now: Nanos,
        key: &[u8],
        text: NewText<'_>,
        options: SetOptions,
        keep_ttl: bool,
    ) -> Result<bool, BusError> {
        if options.expire.is_some_and(|life| life <= Nanos::ZERO) {
            return Err(BusError::Other("ERR invalid expire time in 'set' command".into()));
        }
        let deadline = options.expire.map(|life| now.saturating_add(life));
        match self.live(now, key) {
            Some(_) if options.if_absent => Ok(false),
            None if options.if_present => Ok(false),
            Some(slot) => {
                text.write(&mut slot.value);
                if !keep_ttl {
                    slot.deadline = deadline;
                }
                Ok(true)
            }
            None => {
                self.put(now, key, text.value(), deadline);
                Ok(true)
            }
        }
    }

    pub(super) fn incr_by(&mut self, now: Nanos, key: &[u8], by: i64) -> Result<i64, BusError> {
        let before = match self.text(now, key)? {
            Some(text) => integer(&text.bytes()).ok_or_else(not_an_integer)?,
            None => 0,
        };
        let after = before.checked_add(by).ok_or_else(overflow)?;
        // The time to live stays.
        *self.text_or_new(now, key)? = Text::Plain(after.to_string().into_bytes());
        Ok(after)
    }

    pub(super) fn hash_set(
        &mut self,
        now: Nanos,
        key: &[u8],
        field: &[u8],
        value: &[u8],
    ) -> Result<bool, BusError> {
        let fields = self.hash_or_new(now, key)?.fields_mut();
        if let Some(there) = fields.get_mut(field) {
            there.clear();
            there.extend_from_slice(value);
            return Ok(false);
        }
        fields.insert(field.into(), value.to_vec());
        Ok(true)
    }

    pub(super) fn hash_incr_by(
        &mut self,
        now: Nanos,
        key: &[u8],
        field: &[u8],
        by: i64,
    ) -> Result<i64, BusError> {
        let before = match self.hash(now, key)?.and_then(|hash| hash.get(field)) {
            Some(text) => integer(&text)
                .ok_or_else(|| BusError::Other("ERR hash value is not an integer".into()))?,
            None => 0,
        };
        let after = before.checked_add(by).ok_or_else(overflow)?;
        self.hash_set(now, key, field, after.to_string().as_bytes())?;
        Ok(after)
    }

    pub(super) fn set_record(
        &mut self,
        now: Nanos,
        key: &[u8],
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError> {
        let deadline = life.map(|life| now.saturating_add(life));
        match self.live(now, key) {
            Some(slot) => {
                let Value::Hash(hash) = &mut slot.value else { return Err(wrong_type(key)) };
                hash.set_record(record);
                slot.deadline = deadline;
            }
            None => self.put(now, key, Value::Hash(Hash::of_record(record)), deadline),
        }
        if life.is_some_and(|life| life <= Nanos::ZERO) {
            self.remove(now, key);
        }
        Ok(())
    }

    /// LTRIM.
    pub(super) fn list_trim(
        &mut self,
        now: Nanos,
        key: &[u8],
        start: i64,
        stop: i64,
    ) -> Result<(), BusError> {
        let Some(list) = self.list(now, key)? else { return Ok(()) };
        let kept = index_range(list.len(), start, stop);
        list.truncate(kept.end);
        list.drain(..kept.start);
        self.drop_if_spent(now, key);
        Ok(())
    }

    /// A stream and the place of its group.
    #[inline]
    pub(super) fn group_of(
        &mut self,
        now: Nanos,
        key: &[u8],
        group: &[u8],
    ) -> Result<(&mut Stream, usize), BusError> {
        let found = self.stream(now, key)?.and_then(|stream| {
            let index = stream.group_index(group)?;
            Some((&mut **stream, index))
        });
        found.ok_or_else(|| BusError::NoGroup {
            key: String::from_utf8_lossy(key).into_owned(),
            group: String::from_utf8_lossy(group).into_owned(),
        })
    }
}

impl Stream {
    /// XGROUP CREATE.
    pub(super) fn create_group(
        &mut self,
        name: &[u8],
        start: EntryId,
        entries_read: Option<u64>,
    ) -> Result<(), BusError> {
        if self.group_index(name).is_some() {
            return Err(BusError::BusyGroup);
        }
        self.groups.push(Group::new(name, start, entries_read));
        Ok(())
    }
}

fn overflow() -> BusError {
    BusError::Other("ERR increment or decrement would overflow".into())
}

/// Redis' index ranges: inclusive, negative from the end, anything outside is cut off.
pub(super) fn index_range(len: usize, start: i64, stop: i64) -> std::ops::Range<usize> {
    let length = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let start = from_end(start).clamp(0, length);
    let end = from_end(stop).saturating_add(1).clamp(start, length);
    // Both are between 0 and the length, which is a usize.
    start as usize..end as usize
}

/// Items of LRANGE.
pub(super) fn list_range(list: &VecDeque<Vec<u8>>, start: i64, stop: i64) -> Vec<Vec<u8>> {
    list.range(index_range(list.len(), start, stop)).cloned().collect()
}
