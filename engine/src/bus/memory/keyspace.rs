//! Keys with their times to live.
//!
//! Invariant: an expired key is never seen. It is dropped when it is touched, and otherwise by a
//! sweep of two keys for each new one, so that permits and locks nobody asks for again do not pile up.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::stream::Stream;
use super::value::{Hash, Text, Value};
use super::zset::SortedSet;
use crate::{BusError, Nanos};

/// A value and its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) value: Value,
    pub(super) deadline: Option<Nanos>,
}

impl Slot {
    fn is_expired(&self, now: Nanos) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }
}

/// All keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Keyspace {
    #[serde(with = "indexmap::map::serde_seq")]
    slots: IndexMap<Arc<[u8]>, Slot, FxBuildHasher>,
    /// The same keys in their order: a pattern is looked for only where its beginning is. None until somebody looks for a
    /// pattern.
    #[serde(skip)]
    sorted: Option<BTreeSet<Arc<[u8]>>>,
    /// Where the sweep goes on.
    sweep: usize,
    /// Where keys were found last. Only a hint: what it points at is compared before it is believed.
    #[serde(skip)]
    hints: Hints,
}

/// Places of keys by a few of their bytes: the same hundred keys are asked for again and again.
#[derive(Clone, Debug)]
struct Hints([u32; HINTS]);

const HINTS: usize = 512;

impl Default for Hints {
    fn default() -> Hints {
        Hints([0; HINTS])
    }
}

impl Hints {
    /// Mixes the length, the second word (the kind of key) and the last word (the symbol).
    #[inline]
    fn slot(key: &[u8]) -> usize {
        let word = |from: usize| {
            let bytes = key.get(from..from + 8).and_then(|b| b.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes)
        };
        let (kind, symbol) = (word(8), word(key.len().saturating_sub(8)));
        let mixed = kind ^ symbol.rotate_left(23) ^ key.len() as u64;
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize
    }
}

pub(super) fn wrong_type(key: &[u8]) -> BusError {
    BusError::WrongType { key: String::from_utf8_lossy(key).into_owned() }
}

/// Two accessors for one type of value: of a key that is there, and of one that is made if need be.
macro_rules! typed_access {
    ($($find:ident $make:ident $variant:ident $kind:ty = $fresh:expr;)*) => {$(
        pub(super) fn $find(
            &mut self,
            now: Nanos,
            key: &[u8],
        ) -> Result<Option<&mut $kind>, BusError> {
            match self.live(now, key) {
                None => Ok(None),
                Some(Slot { value: Value::$variant(value), .. }) => Ok(Some(value)),
                Some(_) => Err(wrong_type(key)),
            }
        }

        pub(super) fn $make(&mut self, now: Nanos, key: &[u8]) -> Result<&mut $kind, BusError> {
            let index = match self.index(now, key) {
                Some(index) => index,
                None => self.insert(now, key, Value::$variant($fresh), None),
            };
            match &mut self.slots[index].value {
                Value::$variant(value) => Ok(value),
                _ => Err(wrong_type(key)),
            }
        }
    )*};
}

impl Keyspace {
    typed_access! {
        text text_or_new Text Text = Text::Plain(Vec::new());
        hash hash_or_new Hash Hash = Hash::default();
        list list_or_new List VecDeque<Vec<u8>> = VecDeque::new();
        set set_or_new Set BTreeSet<Vec<u8>> = BTreeSet::new();
        sorted sorted_or_new Sorted SortedSet = SortedSet::default();
        stream stream_or_new Stream Box<Stream> = Box::default();
    }

    #[inline]
    fn index(&mut self, now: Nanos, key: &[u8]) -> Option<usize> {
        let hint = Hints::slot(key);
        let mut index = self.hints.0[hint] as usize;
        if self.slots.get_index(index).is_none_or(|(there, _)| **there != *key) {
            index = self.slots.get_index_of(key)?;
            // One that does not fit is no hint, and the search goes the long way.
            self.hints.0[hint] = index as u32;
        }
        if self.slots[index].is_expired(now) {
            self.take_out(index);
            return None;
        }
        Some(index)
    }

    /// The key's slot, if it is there and not expired.
    #[inline]
    pub(super) fn live(&mut self, now: Nanos, key: &[u8]) -> Option<&mut Slot> {
        let index = self.index(now, key)?;
        Some(&mut self.slots[index])
    }

    /// Sets or replaces; answers its place.
    fn insert(&mut self, now: Nanos, key: &[u8], value: Value, deadline: Option<Nanos>) -> usize {
        self.sweep_two(now);
        let key: Arc<[u8]> = key.into();
        if let Some(sorted) = &mut self.sorted {
            sorted.insert(Arc::clone(&key));
        }
        self.slots.insert_full(key, Slot { value, deadline }).0
    }

    fn take_out(&mut self, index: usize) {
        let taken = self.slots.swap_remove_index(index);
        if let (Some((key, _)), Some(sorted)) = (taken, &mut self.sorted) {
            sorted.remove(&key);
        }
    }

    pub(super) fn put(&mut self, now: Nanos, key: &[u8], value: Value, deadline: Option<Nanos>) {
        match self.live(now, key) {
            Some(slot) => *slot = Slot { value, deadline },
            None => {
                self.insert(now, key, value, deadline);
            }
        }
    }

    fn sweep_two(&mut self, now: Nanos) {
        for _ in 0..2 {
            if self.sweep >= self.slots.len() {
                self.sweep = 0;
            }
            match self.slots.get_index(self.sweep) {
                Some((_, slot)) if slot.is_expired(now) => {
                    self.take_out(self.sweep);
                }
                _ => self.sweep += 1,
            }
        }
    }

    pub(super) fn remove(&mut self, now: Nanos, key: &[u8]) -> bool {
        let Some(index) = self.index(now, key) else { return false };
        self.take_out(index);
        true
    }

    /// Drops the key of a collection that has become empty.
    pub(super) fn drop_if_spent(&mut self, now: Nanos, key: &[u8]) {
        if self.live(now, key).is_some_and(|slot| slot.value.is_spent()) {
            self.remove(now, key);
        }
    }

    /// Sets the deadline of a key; one that has passed already removes it.
    pub(super) fn set_deadline(&mut self, now: Nanos, key: &[u8], deadline: Nanos) -> bool {
        let Some(slot) = self.live(now, key) else { return false };
        slot.deadline = Some(deadline);
        if deadline <= now {
            self.remove(now, key);
        }
        true
    }

    /// Keys that match, sorted.
    pub(super) fn matching(&mut self, now: Nanos, pattern: &[u8]) -> Vec<&[u8]> {
        let sorted = self.sorted.get_or_insert_with(|| self.slots.keys().cloned().collect());
        let beginning = super::glob::beginning(pattern);
        let from = (Bound::Included(beginning), Bound::Unbounded);
        sorted
            .range::<[u8], _>(from)
            .map(|key| &**key)
            .take_while(|key| key.starts_with(beginning))
            .filter(|key| super::glob::matches(pattern, key))
            .filter(|key| self.slots.get(*key).is_some_and(|slot| !slot.is_expired(now)))
            .collect()
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.sorted = None;
        self.sweep = 0;
    }

    /// How many slots are held, expired or not.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.slots.len()
    }
}
