//! One stream: its entries, how they are trimmed, and what its counters say.
//!
//! Invariant: entries are in strictly ascending order of their ids, and `last_id` is at or after the
//! last of them for ever.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::group::Group;
use crate::{Body, BusError, Entry, EntryId, Nanos, Trim};

/// Redis' `stream-node-max-entries`: how many entries, deleted ones included, share one node.
const NODE_ENTRIES_MAX: u32 = 100;

/// How much one approximate trim removes at most: 100 nodes, as Redis does without LIMIT.
const APPROXIMATE_TRIM_MAX: u64 = 100 * NODE_ENTRIES_MAX as u64;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) id: EntryId,
    #[serde(serialize_with = "body_as_fields", deserialize_with = "body_from_fields")]
    pub(super) body: Body,
}

fn body_as_fields<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
    body.to_fields().serialize(serializer)
}

fn body_from_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
    crate::Fields::deserialize(deserializer).map(|fields| Body::Fields(fields.into()))
}

impl Stored {
    #[inline]
    pub(super) fn entry(&self) -> Entry {
        Entry { id: self.id, body: Some(self.body.clone()) }
    }
}

/// One of Redis' radix tree nodes. Only their sizes matter: approximate trimming removes whole nodes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Node {
    live: u32,
    deleted: u32,
}

/// The id that XADD asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewId {
    /// `*`
    Auto,
    /// `ms-*`
    AutoSequence(u64),
    Exact(EntryId),
}

/// How far to trim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) keep: u64,
    pub(super) whole_nodes: bool,
    /// Entries to remove at most; 0 is no limit.
    pub(super) limit: u64,
}

impl Cut {
    pub(super) fn new(trim: Trim) -> Option<Cut> {
        match trim {
            Trim::Keep => None,
            Trim::Exact(keep) => Some(Cut { keep, whole_nodes: false, limit: 0 }),
            Trim::Approximate(keep) => {
                Some(Cut { keep, whole_nodes: true, limit: APPROXIMATE_TRIM_MAX })
            }
        }
    }
}

/// A stream with its groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) entries: VecDeque<Stored>,
    nodes: VecDeque<Node>,
    pub(super) last_id: EntryId,
    pub(super) max_deleted: EntryId,
    /// Entries ever added; XDEL and trimming do not lower it.
    pub(super) added: u64,
    pub(super) groups: Vec<Group>,
}

impl Stream {
    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Id of the first entry that is there; zero for an empty stream, as Redis keeps it.
    #[inline]
    pub(super) fn first_id(&self) -> EntryId {
        self.entries.front().map_or(EntryId::ZERO, |entry| entry.id)
    }

    #[inline]
    fn resolve(&self, now: Nanos, id: NewId) -> Result<EntryId, BusError> {
        let last = self.last_id;
        let exhausted =
            "ERR The stream has exhausted the last possible ID, unable to add more items";
        if last == EntryId::MAX {
            return Err(BusError::Other(exhausted.into()));
        }
        let id = match id {
            NewId::Auto => {
                let ms = u64::try_from(now.millis()).unwrap_or(0);
                if ms > last.ms { Some(EntryId { ms, seq: 0 }) } else { after(last) }
            }
            NewId::AutoSequence(ms) if ms == last.ms => {
                last.seq.checked_add(1).map(|seq| EntryId { ms, seq })
            }
            NewId::AutoSequence(ms) => Some(EntryId { ms, seq: 0 }),
            NewId::Exact(id) => Some(id),
        };
        id.filter(|id| *id > last).ok_or_else(|| {
            let text =
                "ERR The ID specified in XADD is equal or smaller than the target stream top item";
            BusError::Other(text.into())
        })
    }

    /// XADD without its trimming.
    #[inline]
    pub(super) fn append(
        &mut self,
        now: Nanos,
        id: NewId,
        body: Body,
    ) -> Result<EntryId, BusError> {
        let id = self.resolve(now, id)?;
        self.entries.push_back(Stored { id, body });
        match self.nodes.back_mut() {
            Some(node) if node.live + node.deleted < NODE_ENTRIES_MAX => node.live += 1,
            _ => self.nodes.push_back(Node { live: 1, deleted: 0 }),
        }
        self.last_id = id;
        self.added += 1;
        Ok(id)
    }

    /// Removes from the front; answers how many.
    pub(super) fn trim(&mut self, cut: Cut) -> u64 {
        let mut removed = 0;
        while self.len() > cut.keep {
            let Some(node) = self.nodes.front_mut() else { break };
            let live = u64::from(node.live);
            if cut.limit > 0 && removed + live > cut.limit {
                break;
            }
            let surplus = self.entries.len() as u64 - cut.keep;
            if surplus >= live {
                self.nodes.pop_front();
                self.drop_front(live);
                removed += live;
                continue;
            }
            if !cut.whole_nodes {
                // Fewer than one node's entries, so the figure fits.
                node.live -= surplus as u32;
                node.deleted += surplus as u32;
                self.drop_front(surplus);
                removed += surplus;
            }
            break;
        }
        removed
    }

    fn drop_front(&mut self, count: u64) {
        for _ in 0..count {
            self.entries.pop_front();
        }
    }

    /// XDEL of one entry.
    pub(super) fn delete(&mut self, id: EntryId) -> bool {
        let Some(at) = self.find(id) else { return false };
        self.entries.remove(at);
        self.max_deleted = self.max_deleted.max(id);
        let mut before = 0;
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            before += node.live as usize;
            if at < before {
                node.live -= 1;
                node.deleted += 1;
                if node.live == 0 {
                    self.nodes.remove(index);
                }
                break;
            }
        }
        true
    }

    /// Place of the first entry at or after `id`. Readers are mostly near the end, so the search
    /// widens from there.
    #[inline]
    pub(super) fn at_or_after(&self, id: EntryId) -> usize {
        let len = self.entries.len();
        let mut high = len;
        let mut step = 1;
        while step <= high && self.entries[high - step].id >= id {
            high -= step;
            step *= 2;
        }
        let mut low = high.saturating_sub(step);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entries[middle].id < id {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Place of the first entry after `id`.
    #[inline]
    pub(super) fn after(&self, id: EntryId) -> usize {
        after(id).map_or(self.entries.len(), |next| self.at_or_after(next))
    }

    /// Place of this entry.
    #[inline]
    pub(super) fn find(&self, id: EntryId) -> Option<usize> {
        let at = self.at_or_after(id);
        self.entries.get(at).is_some_and(|entry| entry.id == id).then_some(at)
    }

    pub(super) fn read_after(&self, id: EntryId, count: usize, out: &mut Vec<Entry>) {
        let from = self.after(id);
        out.extend(self.entries.range(from..).take(count).map(Stored::entry));
    }

    pub(super) fn range(&self, low: EntryId, high: EntryId, count: usize, out: &mut Vec<Entry>) {
        let inside = self.bounds(low, high);
        out.extend(self.entries.range(inside).take(count).map(Stored::entry));
    }

    pub(super) fn range_back(
        &self,
        high: EntryId,
        low: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) {
        let inside = self.bounds(low, high);
        out.extend(self.entries.range(inside).rev().take(count).map(Stored::entry));
    }

    fn bounds(&self, low: EntryId, high: EntryId) -> std::ops::Range<usize> {
        let from = self.at_or_after(low);
        from..self.after(high).max(from)
    }

    /// Whether XDEL may have removed an entry at or after `from`. Trimming leaves no trace here, as
    /// in Redis.
    #[inline]
    pub(super) fn has_tombstone_from(&self, from: EntryId) -> bool {
        !self.entries.is_empty()
            && self.max_deleted != EntryId::ZERO
            && self.first_id() <= self.max_deleted
            && from <= self.max_deleted
    }

    /// How many entries were ever added up to `id`; `None` where Redis gives up.
    pub(super) fn rank_ever(&self, id: EntryId) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if self.entries.is_empty() && id <= self.last_id {
            return Some(self.added);
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(self.added);
        }
        let first = self.first_id();
        if self.max_deleted == EntryId::ZERO || self.max_deleted < first {
            if id < first {
                return Some(self.added - self.len());
            }
            if id == first {
                return Some(self.added - self.len() + 1);
            }
        }
        None
    }

    /// Entries that a group has not read: Redis' `lag`.
    pub(super) fn lag(&self, group: &Group) -> Option<i64> {
        if self.added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_tombstone_from(group.last_delivered) => Some(read),
            _ => self.rank_ever(group.last_delivered),
        };
        // Negative when ENTRIESREAD claimed too much.
        read.map(|read| self.added as i64 - read as i64)
    }
}

/// The next id, unless there is none.
#[inline]
pub(super) fn after(id: EntryId) -> Option<EntryId> {
    match (id.seq.checked_add(1), id.ms) {
        (Some(seq), ms) => Some(EntryId { ms, seq }),
        (None, ms) => ms.checked_add(1).map(|ms| EntryId { ms, seq: 0 }),
    }
}

/// The id before, unless there is none.
pub(super) fn before(id: EntryId) -> Option<EntryId> {
    match (id.seq.checked_sub(1), id.ms) {
        (Some(seq), ms) => Some(EntryId { ms, seq }),
        (None, ms) => ms.checked_sub(1).map(|ms| EntryId { ms, seq: u64::MAX }),
    }
}

#[cfg(test)]
impl Stream {
    /// Checks what the heads of this file and of `group` promise.
    pub(super) fn assert_sound(&self) {
        let ids: Vec<EntryId> = self.entries.iter().map(|entry| entry.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "ids ascend");
        assert!(ids.last().is_none_or(|last| *last <= self.last_id), "the last id is the last");
        let live: usize = self.nodes.iter().map(|node| node.live as usize).sum();
        assert_eq!(live, ids.len(), "nodes hold all entries");
        let full = |node: &Node| node.live == 0 || node.live + node.deleted > NODE_ENTRIES_MAX;
        assert!(!self.nodes.iter().any(full), "nodes hold 1 to 100");
        self.groups.iter().for_each(Group::assert_sound);
    }
}
