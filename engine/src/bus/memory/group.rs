//! A consumer group: what was delivered to whom, and what nobody has acknowledged yet.

use std::collections::VecDeque;

use crate::{EntryId, Nanos};

/// One delivered entry that is not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) id: EntryId,
    pub(crate) consumer: u32,
    pub(crate) delivered_at: Nanos,
    pub(crate) deliveries: u64,
}

/// A consumer of a group.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) name: String,
    pub(crate) pending: u64,
    /// DELCONSUMER took it; its place stays, because pending entries know consumers by place.
    pub(crate) deleted: bool,
}

/// A group. The pending list is sorted by id: new entries go to its end, and most acknowledgements take
/// from its front, so that nothing moves.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) last_delivered: EntryId,
    pub(crate) entries_read: Option<u64>,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) consumers: Vec<Consumer>,
}

impl Group {
    pub(crate) fn new(name: &str, last_delivered: EntryId, entries_read: Option<u64>) -> Group {
        Group {
            name: name.to_owned(),
            last_delivered,
            entries_read,
            pending: VecDeque::new(),
            consumers: Vec::new(),
        }
    }

    /// The consumer's place; it is made when it is new.
    pub(crate) fn consumer(&mut self, name: &str) -> u32 {
        if let Some(place) = self.consumers.iter().position(|c| c.name == name) {
            self.consumers[place].deleted = false;
            return place as u32;
        }
        self.consumers.push(Consumer { name: name.to_owned(), pending: 0, deleted: false });
        (self.consumers.len() - 1) as u32
    }

    pub(crate) fn consumers_alive(&self) -> usize {
        self.consumers.iter().filter(|c| !c.deleted).count()
    }

    pub(crate) fn find(&self, id: EntryId) -> Result<usize, usize> {
        match self.pending.back() {
            None => Err(0),
            Some(last) if last.id < id => Err(self.pending.len()),
            _ => self.pending.binary_search_by(|p| p.id.cmp(&id)),
        }
    }

    /// Notes that `consumer` got the entry now.
    pub(crate) fn deliver(&mut self, id: EntryId, consumer: u32, now: Nanos) {
        self.consumers[consumer as usize].pending += 1;
        let pending = Pending { id, consumer, delivered_at: now, deliveries: 1 };
        match self.find(id) {
            // The group's position was set back: the entry changes hands.
            Ok(place) => {
                let old = self.pending[place].consumer;
                self.consumers[old as usize].pending -= 1;
                self.pending[place] = pending;
            }
            Err(place) => self.pending.insert(place, pending),
        }
    }

    /// XACK of one entry.
    pub(crate) fn acknowledge(&mut self, id: EntryId) -> bool {
        let Ok(place) = self.find(id) else { return false };
        if let Some(pending) = self.pending.remove(place) {
            self.consumers[pending.consumer as usize].pending -= 1;
        }
        true
    }

    /// The entry changes hands and counts as delivered once more.
    pub(crate) fn claim(&mut self, place: usize, consumer: u32, now: Nanos) {
        let pending = &mut self.pending[place];
        let old = std::mem::replace(&mut pending.consumer, consumer);
        pending.delivered_at = now;
        pending.deliveries += 1;
        self.consumers[old as usize].pending -= 1;
        self.consumers[consumer as usize].pending += 1;
    }

    /// DELCONSUMER: its pending entries are forgotten; answers how many.
    pub(crate) fn delete_consumer(&mut self, name: &str) -> u64 {
        let Some(place) = self.consumers.iter().position(|c| c.name == name && !c.deleted) else {
            return 0;
        };
        self.pending.retain(|p| p.consumer as usize != place);
        self.consumers[place].deleted = true;
        std::mem::take(&mut self.consumers[place].pending)
    }
}
