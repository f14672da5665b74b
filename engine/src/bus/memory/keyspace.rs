//! Keys, their values and their lives.

use std::collections::VecDeque;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::stream::Stream;
use super::zset::SortedSet;
use crate::{BusError, Nanos, Record};

/// The fields of a hash, in the order in which they came.
pub(crate) type Hash = IndexMap<String, Vec<u8>, FxBuildHasher>;

/// What a key holds.
#[derive(Debug)]
pub(crate) enum Value {
    Text(Vec<u8>),
    /// A string: the JSON of a record.
    Json(Box<dyn Record>),
    Hash(Hash),
    /// A hash: the fields of a record.
    Record(Box<dyn Record>),
    List(VecDeque<Vec<u8>>),
    Set(IndexSet<Vec<u8>, FxBuildHasher>),
    Sorted(SortedSet),
    Stream(Box<Stream>),
}

impl Clone for Value {
    fn clone(&self) -> Value {
        match self {
            Value::Text(text) => Value::Text(text.clone()),
            Value::Json(record) => Value::Json(record.clone_record()),
            Value::Hash(hash) => Value::Hash(hash.clone()),
            Value::Record(record) => Value::Record(record.clone_record()),
            Value::List(list) => Value::List(list.clone()),
            Value::Set(set) => Value::Set(set.clone()),
            Value::Sorted(set) => Value::Sorted(set.clone()),
            Value::Stream(stream) => Value::Stream(stream.clone()),
        }
    }
}

/// A value and the time at which it is gone.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) value: Value,
    pub(crate) expires: Nanos,
}

/// All keys. Dead ones are taken out when somebody looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyspace {
    slots: IndexMap<Box<str>, Slot, FxBuildHasher>,
    /// Where the next look for dead keys begins.
    hand: usize,
}

impl Keyspace {
    /// The slot of a key that is alive.
    pub(crate) fn get(&mut self, now: Nanos, key: &str) -> Option<&mut Slot> {
        let place = self.slots.get_index_of(key)?;
        if self.slots[place].expires <= now {
            self.slots.swap_remove_index(place);
            return None;
        }
        Some(&mut self.slots[place])
    }

    /// The slot of a key; a missing one is made by `make`.
    pub(crate) fn get_or(
        &mut self,
        now: Nanos,
        key: &str,
        make: impl FnOnce() -> Value,
    ) -> &mut Slot {
        let place = match self.slots.get_index_of(key) {
            Some(place) => {
                if self.slots[place].expires <= now {
                    self.slots[place] = Slot { value: make(), expires: Nanos::NEVER };
                }
                place
            }
            None => {
                self.sweep(now);
                let slot = Slot { value: make(), expires: Nanos::NEVER };
                self.slots.insert_full(key.into(), slot).0
            }
        };
        &mut self.slots[place]
    }

    /// Each new key pays with a look at two old ones, so that keys that nobody asks for again die too and
    /// memory does not grow with the length of the run.
    fn sweep(&mut self, now: Nanos) {
        for _ in 0..2 {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get_index(self.hand) {
                Some((_, slot)) if slot.expires <= now => {
                    self.slots.swap_remove_index(self.hand);
                }
                _ => self.hand += 1,
            }
        }
    }

    pub(crate) fn put(&mut self, now: Nanos, key: &str, slot: Slot) {
        match self.slots.get_mut(key) {
            Some(old) => *old = slot,
            None => {
                self.sweep(now);
                self.slots.insert(key.into(), slot);
            }
        }
    }

    pub(crate) fn remove(&mut self, now: Nanos, key: &str) -> bool {
        self.get(now, key).is_some() && self.slots.swap_remove(key).is_some()
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.slots.len()
    }

    /// Keys that are alive, in no promised order.
    pub(crate) fn alive(&self, now: Nanos) -> impl Iterator<Item = &str> {
        self.slots.iter().filter(move |(_, slot)| slot.expires > now).map(|(key, _)| &**key)
    }
}

pub(crate) fn wrong_type<T>(key: &str) -> Result<T, BusError> {
    Err(BusError::WrongType { key: key.to_owned() })
}

/// The stream at `key`, if there is one.
pub(crate) fn stream<'a>(
    keys: &'a mut Keyspace,
    now: Nanos,
    key: &str,
) -> Result<Option<&'a mut Stream>, BusError> {
    match keys.get(now, key) {
        None => Ok(None),
        Some(Slot { value: Value::Stream(stream), .. }) => Ok(Some(stream)),
        Some(_) => wrong_type(key),
    }
}

/// The hash at `key`; a typed record becomes its fields first.
pub(crate) fn hash<'a>(
    keys: &'a mut Keyspace,
    now: Nanos,
    key: &str,
) -> Result<Option<&'a mut Hash>, BusError> {
    let Some(slot) = keys.get(now, key) else { return Ok(None) };
    if let Value::Record(record) = &slot.value {
        let mut fields = IndexMap::default();
        record.for_each_field(&mut |name, text| {
            fields.insert(name.to_owned(), text.as_bytes().to_vec());
        });
        slot.value = Value::Hash(fields);
    }
    match &mut slot.value {
        Value::Hash(hash) => Ok(Some(hash)),
        _ => wrong_type(key),
    }
}

/// The hash at `key`; a missing one is made.
pub(crate) fn hash_or_new<'a>(
    keys: &'a mut Keyspace,
    now: Nanos,
    key: &str,
) -> Result<&'a mut Hash, BusError> {
    keys.get_or(now, key, || Value::Hash(IndexMap::default()));
    match hash(keys, now, key)? {
        Some(hash) => Ok(hash),
        None => wrong_type(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_nobody_asks_for_again_die() {
        let mut keys = Keyspace::default();
        for second in 0..10_000 {
            let now = Nanos::from_secs(second);
            let slot =
                Slot { value: Value::Text(Vec::new()), expires: now + Nanos::from_secs(100) };
            keys.put(now, &format!("seen:{second}"), slot);
        }
        assert!(keys.held() < 400, "{} keys are held, 100 of them alive", keys.held());
    }
}
