//! What happens between a stream and one of its groups: reading, claiming, and looking at what is
//! pending.

use super::group::{Group, Pending};
use super::stream::Stream;
use crate::{Entry, EntryId, Nanos};

/// How XCLAIM and XAUTOCLAIM change the rows that they claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) min_idle: Nanos,
    /// The time of delivery to write down.
    pub(super) delivered: Nanos,
    /// RETRYCOUNT: the count to write down.
    pub(super) deliveries: Option<u64>,
    /// JUSTID: looking is no delivery.
    pub(super) just_id: bool,
    /// FORCE: claim also what is not pending, if the entry exists.
    pub(super) force: bool,
}

impl Claim {
    fn is_too_early(&self, now: Nanos, row: &Pending) -> bool {
        self.min_idle > Nanos::ZERO && now - row.delivered < self.min_idle
    }

    fn write(&self, row: &mut Pending) {
        row.delivered = self.delivered;
        match self.deliveries {
            Some(count) => row.deliveries = count,
            None if self.just_id => {}
            None => row.deliveries = row.deliveries.saturating_add(1),
        }
    }
}

/// Which rows XPENDING shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingFilter<'a> {
    pub(super) low: EntryId,
    pub(super) high: EntryId,
    pub(super) count: usize,
    pub(super) min_idle: Nanos,
    pub(super) consumer: Option<&'a [u8]>,
}

impl Stream {
    #[inline]
    pub(super) fn group_index(&self, name: &[u8]) -> Option<usize> {
        self.groups.iter().position(|group| *group.name == *name)
    }

    pub(super) fn group(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| *group.name == *name)
    }

    /// Groups as Redis lists them: by name.
    pub(super) fn groups_by_name(&self) -> Vec<&Group> {
        let mut sorted: Vec<&Group> = self.groups.iter().collect();
        sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        sorted
    }

    /// XREADGROUP with `>`. Redis 7.0 makes or refreshes the consumer only if there is something to
    /// read. `keep` is `false` for NOACK.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub(super) fn read_new(
        &mut self,
        now: Nanos,
        group: usize,
        consumer: &[u8],
        count: usize,
        keep: bool,
        out: &mut Vec<Entry>,
    ) {
        let mut at = self.after(self.groups[group].last_delivered);
        if at >= self.entries.len() || count == 0 {
            return;
        }
        let consumer = self.groups[group].active_consumer(now, consumer);
        let end = self.entries.len().min(at.saturating_add(count));
        while at < end {
            let id = self.entries[at].id;
            // The counter goes on where nothing was deleted ahead, and is guessed anew otherwise.
            let counter = match self.groups[group].entries_read {
                Some(read) if !self.has_tombstone_from(id) => Some(read + 1),
                _ => self.rank_ever(id),
            };
            let group = &mut self.groups[group];
            group.entries_read = counter;
            group.last_delivered = id;
            if keep {
                group.deliver(now, id, consumer);
            }
            out.push(self.entries[at].entry());
            at += 1;
        }
    }

    /// XREADGROUP with an id: the consumer's own pending entries after it, delivered once more.
    pub(super) fn read_pending(
        &mut self,
        now: Nanos,
        group: usize,
        consumer: &[u8],
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) {
        let consumer = self.groups[group].active_consumer(now, consumer);
        let Some(first) = super::stream::after(after) else { return };
        let mut at = self.groups[group].at_or_after(first);
        let mut taken = 0;
        while taken < count {
            let Some(row) = self.groups[group].pending.get(at) else { break };
            if row.consumer == consumer {
                let id = row.id;
                let body = self.find(id).map(|place| self.entries[place].body.clone());
                if body.is_some() {
                    let row = &mut self.groups[group].pending[at];
                    row.delivered = now;
                    row.deliveries = row.deliveries.saturating_add(1);
                }
                out.push(Entry { id, body });
                taken += 1;
            }
            at += 1;
        }
    }

    /// XCLAIM. What no longer exists in the stream is dropped from the pending list.
    pub(super) fn claim(
        &mut self,
        now: Nanos,
        group: usize,
        consumer: &[u8],
        ids: &[EntryId],
        claim: Claim,
        out: &mut Vec<Entry>,
    ) {
        for &id in ids {
            let place = self.find(id);
            let group = &mut self.groups[group];
            let row = group.find(id);
            let Some(place) = place else {
                if let Some(at) = row {
                    group.forget(at);
                }
                continue;
            };
            let at = match row {
                Some(at) => {
                    if claim.is_too_early(now, &group.pending[at]) {
                        continue;
                    }
                    let consumer = group.active_consumer(now, consumer);
                    group.reassign(at, consumer);
                    at
                }
                None if claim.force => {
                    let consumer = group.active_consumer(now, consumer);
                    group.deliver(now, id, consumer);
                    group.at_or_after(id)
                }
                None => continue,
            };
            claim.write(&mut group.pending[at]);
            out.push(self.entries[place].entry());
        }
    }

    /// XAUTOCLAIM: claims up to `count` rows from `start` on and answers where to go on. Ids of
    /// entries that no longer exist are dropped from the pending list and appended to `deleted`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn auto_claim(
        &mut self,
        now: Nanos,
        group: usize,
        consumer: &[u8],
        start: EntryId,
        count: usize,
        claim: Claim,
        out: &mut Vec<Entry>,
        deleted: &mut Vec<EntryId>,
    ) -> EntryId {
        let mut at = self.groups[group].at_or_after(start);
        let mut left = count;
        // As Redis does, one call looks at ten rows for each that it may claim.
        let mut looks = count.saturating_mul(10);
        while left > 0 && looks > 0 {
            looks -= 1;
            let Some(row) = self.groups[group].pending.get(at).copied() else { break };
            let place = self.find(row.id);
            let group = &mut self.groups[group];
            let Some(place) = place else {
                group.forget(at);
                deleted.push(row.id);
                left -= 1;
                continue;
            };
            at += 1;
            if claim.is_too_early(now, &row) {
                continue;
            }
            let consumer = group.active_consumer(now, consumer);
            group.reassign(at - 1, consumer);
            claim.write(&mut group.pending[at - 1]);
            out.push(self.entries[place].entry());
            left -= 1;
        }
        self.groups[group].pending.get(at).map_or(EntryId::ZERO, |row| row.id)
    }
}

impl Group {
    /// Rows of XPENDING, in the order of ids.
    pub(super) fn pending_rows<'a>(
        &'a self,
        now: Nanos,
        filter: PendingFilter<'a>,
    ) -> impl Iterator<Item = &'a Pending> {
        // An unknown consumer has nothing.
        let only = filter.consumer.map(|name| self.consumer(name).unwrap_or(usize::MAX));
        self.pending
            .range(self.at_or_after(filter.low)..)
            .take_while(move |row| row.id <= filter.high)
            .filter(move |row| only.is_none_or(|only| row.consumer == only))
            .filter(move |row| row.idle(now) >= filter.min_idle)
            .take(filter.count)
    }
}

impl Pending {
    /// Time since its last delivery, never negative.
    pub(super) fn idle(&self, now: Nanos) -> Nanos {
        (now - self.delivered).max(Nanos::ZERO)
    }
}
