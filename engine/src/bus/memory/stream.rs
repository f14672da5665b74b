//! One stream: its entries and what Redis counts about them.

use std::collections::VecDeque;

use super::group::Group;
use crate::{Body, EntryId, Trim};

/// Entries of one node in Redis' default configuration; approximate trimming removes whole nodes.
const NODE_ENTRIES: usize = 100;

/// A stream. Entries lie in the order of their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) entries: VecDeque<(EntryId, Body)>,
    /// Entries before this one in the first node, so that nodes are cut where Redis cuts them.
    pub(crate) nodes: VecDeque<u32>,
    pub(crate) last_id: EntryId,
    pub(crate) max_deleted: EntryId,
    pub(crate) entries_added: u64,
    pub(crate) groups: Vec<Group>,
}

impl Stream {
    /// XADD with `*`: the id that follows.
    pub(crate) fn next_id(&self, now_ms: u64) -> Option<EntryId> {
        if now_ms > self.last_id.ms {
            return Some(EntryId { ms: now_ms, seq: 0 });
        }
        match self.last_id.seq.checked_add(1) {
            Some(seq) => Some(EntryId { ms: self.last_id.ms, seq }),
            None => self.last_id.ms.checked_add(1).map(|ms| EntryId { ms, seq: 0 }),
        }
    }

    /// Appends an entry whose id is above all others.
    pub(crate) fn push(&mut self, id: EntryId, body: Body) {
        debug_assert!(id > self.last_id, "ids only grow");
        self.entries.push_back((id, body));
        match self.nodes.back_mut() {
            Some(count) if (*count as usize) < NODE_ENTRIES => *count += 1,
            _ => self.nodes.push_back(1),
        }
        self.last_id = id;
        self.entries_added += 1;
    }

    /// Cuts the stream; answers how many entries went.
    pub(crate) fn trim(&mut self, trim: Trim) -> u64 {
        let before = self.entries.len();
        match trim {
            Trim::Keep => {}
            Trim::Exact(length) => {
                while self.entries.len() as u64 > length {
                    self.pop_front();
                }
            }
            Trim::Approximate(length) => {
                while let Some(&node) = self.nodes.front() {
                    let rest = self.entries.len() as u64 - u64::from(node);
                    if self.entries.len() as u64 <= length || rest < length {
                        break;
                    }
                    self.entries.drain(..node as usize);
                    self.nodes.pop_front();
                }
            }
        }
        (before - self.entries.len()) as u64
    }

    fn pop_front(&mut self) {
        self.entries.pop_front();
        if let Some(count) = self.nodes.front_mut() {
            *count -= 1;
            if *count == 0 {
                self.nodes.pop_front();
            }
        }
    }

    /// XDEL of one entry.
    pub(crate) fn delete(&mut self, id: EntryId) -> bool {
        let Ok(place) = self.entries.binary_search_by(|(other, _)| other.cmp(&id)) else {
            return false;
        };
        self.entries.remove(place);
        let mut before = 0;
        for node in 0..self.nodes.len() {
            before += self.nodes[node] as usize;
            if place < before {
                self.nodes[node] -= 1;
                if self.nodes[node] == 0 {
                    self.nodes.remove(node);
                }
                break;
            }
        }
        self.max_deleted = self.max_deleted.max(id);
        true
    }

    /// The entry with this id.
    pub(crate) fn entry(&self, id: EntryId) -> Option<&Body> {
        let place = self.entries.binary_search_by(|(other, _)| other.cmp(&id)).ok()?;
        self.entries.get(place).map(|(_, body)| body)
    }

    /// Place of the first entry at or after `low`.
    pub(crate) fn place_from(&self, low: EntryId) -> usize {
        // Readers mostly ask for the newest: step back a little before searching.
        const STEPS: usize = 8;
        let mut place = self.entries.len();
        for _ in 0..STEPS {
            match place.checked_sub(1).and_then(|before| self.entries.get(before)) {
                Some((id, _)) if *id >= low => place -= 1,
                _ => return place,
            }
        }
        self.entries.partition_point(|(id, _)| *id < low)
    }

    pub(crate) fn first_id(&self) -> EntryId {
        self.entries.front().map_or(EntryId::ZERO, |(id, _)| *id)
    }

    /// Whether an entry at or after `from` may have been deleted, so that counts cannot be trusted.
    pub(crate) fn has_tombstones_after(&self, from: EntryId) -> bool {
        !self.entries.is_empty()
            && self.max_deleted != EntryId::ZERO
            && self.first_id() <= self.max_deleted
            && from <= self.max_deleted
    }

    /// How many entries had been added up to `id`, if that can be known (Redis'
    /// streamEstimateDistanceFromFirstEverEntry).
    pub(crate) fn added_up_to(&self, id: EntryId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.entries.is_empty() && id < self.last_id {
            return Some(self.entries_added);
        }
        if id == self.last_id {
            return Some(self.entries_added);
        }
        if id > self.last_id {
            return None;
        }
        if self.max_deleted == EntryId::ZERO || self.max_deleted < self.first_id() {
            if id < self.first_id() {
                return Some(self.entries_added - self.entries.len() as u64);
            }
            if id == self.first_id() {
                return Some(self.entries_added - self.entries.len() as u64 + 1);
            }
        }
        None
    }
}
