//! A consumer group: who has which entry.
//!
//! Invariant: the pending list is in strictly ascending order of ids, each pending entry belongs to
//! exactly one consumer, and each consumer's count is the number of its rows in the list.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{EntryId, Nanos};

/// A delivered entry that was not acknowledged yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) id: EntryId,
    /// Its last delivery.
    pub(super) delivered: Nanos,
    pub(super) deliveries: u64,
    /// Place of its consumer in the group.
    pub(super) consumer: usize,
}

/// A reader of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Consumer {
    pub(super) name: Box<[u8]>,
    pub(super) pending: u64,
    /// When it last asked for something.
    pub(super) seen: Nanos,
}

/// A consumer group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) name: Box<[u8]>,
    pub(super) last_delivered: EntryId,
    /// Entries ever read, up to `last_delivered`; `None` when it is not known.
    pub(super) entries_read: Option<u64>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) pending: VecDeque<Pending>,
}

impl Group {
    pub(super) fn new(name: &[u8], start: EntryId, entries_read: Option<u64>) -> Group {
        Group {
            name: name.into(),
            last_delivered: start,
            entries_read,
            consumers: Vec::new(),
            pending: VecDeque::new(),
        }
    }

    /// A group has few consumers, so a scan is faster than a map.
    #[inline]
    pub(super) fn consumer(&self, name: &[u8]) -> Option<usize> {
        self.consumers.iter().position(|consumer| *consumer.name == *name)
    }

    pub(super) fn add_consumer(&mut self, now: Nanos, name: &[u8]) -> usize {
        self.consumers.push(Consumer { name: name.into(), pending: 0, seen: now });
        self.consumers.len() - 1
    }

    /// The consumer that is at work now; it is made if need be.
    #[inline]
    pub(super) fn active_consumer(&mut self, now: Nanos, name: &[u8]) -> usize {
        match self.consumer(name) {
            Some(index) => {
                self.consumers[index].seen = now;
                index
            }
            None => self.add_consumer(now, name),
        }
    }

    /// Removes a consumer and forgets what it had: nobody will get those entries again. Answers how
    /// many those were.
    pub(super) fn remove_consumer(&mut self, name: &[u8]) -> u64 {
        let Some(index) = self.consumer(name) else { return 0 };
        self.pending.retain(|row| row.consumer != index);
        for row in &mut self.pending {
            if row.consumer > index {
                row.consumer -= 1;
            }
        }
        self.consumers.remove(index).pending
    }

    /// Consumers as Redis lists them: by name.
    pub(super) fn consumers_by_name(&self) -> Vec<&Consumer> {
        let mut sorted: Vec<&Consumer> = self.consumers.iter().collect();
        sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        sorted
    }

    /// Place of the first pending entry at or after `id`.
    #[inline]
    pub(super) fn at_or_after(&self, id: EntryId) -> usize {
        // Entries are mostly acknowledged in the order of their delivery.
        match self.pending.front() {
            Some(front) if front.id < id => self.pending.partition_point(|row| row.id < id),
            _ => 0,
        }
    }

    #[inline]
    pub(super) fn find(&self, id: EntryId) -> Option<usize> {
        let at = self.at_or_after(id);
        self.pending.get(at).is_some_and(|row| row.id == id).then_some(at)
    }

    /// Hands an entry to a consumer for the first time, or anew after SETID went back.
    #[inline]
    pub(super) fn deliver(&mut self, now: Nanos, id: EntryId, consumer: usize) {
        let row = Pending { id, delivered: now, deliveries: 1, consumer };
        self.consumers[consumer].pending += 1;
        if self.pending.back().is_none_or(|last| last.id < id) {
            self.pending.push_back(row);
            return;
        }
        let at = self.at_or_after(id);
        match self.pending.get_mut(at) {
            Some(there) if there.id == id => {
                self.consumers[there.consumer].pending -= 1;
                *there = row;
            }
            _ => self.pending.insert(at, row),
        }
    }

    /// Removes the pending entry at this place.
    #[inline]
    pub(super) fn forget(&mut self, at: usize) {
        let row = if at == 0 { self.pending.pop_front() } else { self.pending.remove(at) };
        if let Some(row) = row {
            self.consumers[row.consumer].pending -= 1;
        }
    }

    /// XACK of one entry.
    #[inline]
    pub(super) fn acknowledge(&mut self, id: EntryId) -> bool {
        let Some(at) = self.find(id) else { return false };
        self.forget(at);
        true
    }

    /// Moves the pending entry at this place to another consumer.
    pub(super) fn reassign(&mut self, at: usize, consumer: usize) {
        let Some(row) = self.pending.get_mut(at) else { return };
        self.consumers[row.consumer].pending -= 1;
        self.consumers[consumer].pending += 1;
        row.consumer = consumer;
    }
}

#[cfg(test)]
impl Group {
    /// Checks what the head of this file promises.
    pub(super) fn assert_sound(&self) {
        let rows: Vec<_> = self.pending.iter().collect();
        assert!(rows.windows(2).all(|pair| pair[0].id < pair[1].id), "pending ids ascend");
        for (index, consumer) in self.consumers.iter().enumerate() {
            let counted = rows.iter().filter(|row| row.consumer == index).count() as u64;
            assert_eq!(consumer.pending, counted, "count of a consumer");
        }
        assert!(rows.iter().all(|row| row.consumer < self.consumers.len()), "consumers exist");
    }
}
