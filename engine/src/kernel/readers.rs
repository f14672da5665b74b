//! Stream readers: own pending entries first, then what is there, then entry by entry as they arrive; the
//! minute's look at what was left pending.

use crate::context::{Core, ReaderMode};
use crate::schedule::{Class, Due};
use crate::{
    BusError, Delivery, Entry, EntryId, Exchange, Feed, GroupStart, Input, Nanos, ReadFrom,
    ServiceId,
};

use super::{HOUSEKEEPING, Kernel};

/// An entry that has lain in a pending list for so long is delivered again.
const CLAIM_IDLE: Nanos = Nanos::from_secs(60);
/// An entry that was delivered so often goes to the dead letters.
const DELIVERIES_MAX: u64 = 3;
/// Entries claimed at one look.
const CLAIM_COUNT: usize = 10;
/// A read that a bus on a server did not answer is made again after this.
const READ_AGAIN: Nanos = Nanos::from_secs(1);

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// One entry for a reader, then the next one is scheduled.
    pub(super) fn read(&mut self, number: u32) {
        let now = self.core.now;
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        let reader = &mut self.core.readers[number as usize];
        reader.scheduled = false;
        let mut redelivered = false;
        let mut failed = false;
        if let Some(entry) = reader.redeliveries.pop_front() {
            redelivered = true;
            entries.push(entry);
        } else if reader.group.is_some() {
            if let ReaderMode::OwnPending(after) = reader.mode {
                failed = !self.core.read_group(number, ReadFrom::Pending(after), &mut entries);
                let reader = &mut self.core.readers[number as usize];
                match entries.first() {
                    _ if failed && self.core.shared_bus => {}
                    Some(entry) => {
                        reader.mode = ReaderMode::OwnPending(entry.id);
                        redelivered = true;
                    }
                    None => reader.mode = ReaderMode::CatchUp,
                }
            }
            if entries.is_empty() && !(failed && self.core.shared_bus) {
                failed = !self.core.read_group(number, ReadFrom::New, &mut entries);
            }
        } else {
            if let ReaderMode::OwnPending(_) = reader.mode {
                reader.mode = ReaderMode::CatchUp;
            }
            let read = self.core.bus.xread(now, &reader.stream, reader.position, 1, &mut entries);
            failed = read.is_err();
            if let Some(entry) = entries.first() {
                reader.position = entry.id;
            }
        }
        if failed && self.core.shared_bus {
            self.entries = entries;
            return self.read_again(number);
        }
        let reader = &mut self.core.readers[number as usize];
        if !redelivered {
            reader.arrivals.pop_front();
        }
        if reader.mode == ReaderMode::CatchUp && entries.is_empty() {
            reader.mode = ReaderMode::Live;
            reader.arrivals.clear();
        }
        let (service, index) = (reader.service, reader.index);
        if reader.mode != ReaderMode::Live {
            self.settle_reader(number);
        }
        if let Some(entry) = entries.pop() {
            let delivery = Delivery { reader: index, entry, redelivered };
            if self.core.faults.links.is_empty() && self.core.faults.held.is_empty() {
                self.deliver(number, service, delivery);
            } else {
                self.deliver_over_link(number, service, delivery);
            }
        }
        self.entries = entries;
        self.schedule_reader(number);
    }

    /// The bus did not answer a read: once more in a while, and then all that has come meanwhile, because nobody
    /// knows what was announced.
    fn read_again(&mut self, number: u32) {
        let at = self.core.now + READ_AGAIN;
        self.core.bus_losses.reads_failed += 1;
        let reader = &mut self.core.readers[number as usize];
        if reader.mode == ReaderMode::Live {
            reader.mode = ReaderMode::CatchUp;
        }
        reader.scheduled = true;
        let life = self.core.lives[usize::from(reader.service.0)];
        self.core.schedule.push(at, Class::Delivery, Due::Reader { reader: number, life });
    }

    /// A reader that has caught up reads entry by entry from now on, as they arrive. Finding that out
    /// costs its service no thinking.
    pub(super) fn settle_reader(&mut self, number: u32) {
        let Core { readers, bus, now, .. } = &mut self.core;
        let reader = &mut readers[number as usize];
        let caught_up = match &reader.group {
            Some(group) => {
                let groups = bus.xinfo_groups(*now, &reader.stream).unwrap_or_default();
                let own = groups.iter().find(|info| info.name == *group);
                own.is_some_and(|info| info.pending == 0 && info.lag == Some(0))
            }
            None => {
                let mut next = Vec::new();
                let _ = bus.xread(*now, &reader.stream, reader.position, 1, &mut next);
                next.is_empty()
            }
        };
        if caught_up {
            reader.mode = ReaderMode::Live;
            reader.arrivals.clear();
        }
    }

    pub(super) fn schedule_reader(&mut self, number: u32) {
        let now = self.core.now;
        let reader = &mut self.core.readers[number as usize];
        if reader.scheduled
            || reader.mode == ReaderMode::Down
            || self.core.faults.is_cut(reader.service)
        {
            return;
        }
        let next = if reader.mode != ReaderMode::Live || !reader.redeliveries.is_empty() {
            Some(now)
        } else {
            reader.arrivals.front().copied().map(|arrival| arrival.max(now))
        };
        if let Some(at) = next {
            reader.scheduled = true;
            let life = self.core.lives[usize::from(reader.service.0)];
            let due = Due::Reader { reader: number, life };
            self.core.schedule.push(at, Class::Delivery, due);
        }
    }

    pub(super) fn deliver(&mut self, number: u32, service: ServiceId, delivery: Delivery) {
        if !self.crash_loops.is_empty() && self.dies_at(number, service, &delivery) {
            return;
        }
        self.core.journal.delivery(self.core.now, service, delivery.reader, delivery.entry.id);
        let kept = self.handle(service, Input::Delivery(&delivery));
        if !kept {
            self.acknowledge(number, delivery.entry.id);
        }
    }

    pub(super) fn acknowledge(&mut self, number: u32, id: EntryId) {
        let Core { readers, bus, now, bus_losses, .. } = &mut self.core;
        let reader = &mut readers[number as usize];
        let Some(group) = &reader.group else { return };
        match bus.xack(*now, &reader.stream, group, id) {
            Ok(done) => self.counts.acknowledged += u64::from(done),
            Err(BusError::Lost(_)) => {
                bus_losses.acks_failed += 1;
                reader.unacknowledged.push(id);
            }
            Err(_) => {}
        }
    }

    /// What was handled while the bus was away leaves the pending list, before anybody takes it for left over.
    fn acknowledge_late(&mut self, number: u32) {
        let late = std::mem::take(&mut self.core.readers[number as usize].unacknowledged);
        late.into_iter().for_each(|id| self.acknowledge(number, id));
    }

    /// Entries that lie in the pending list of the group, whoever left them there, come back; after the
    /// third time they go to the dead letters.
    pub(super) fn housekeeping(&mut self, number: u32) {
        let now = self.core.now;
        self.core.schedule.push(now + HOUSEKEEPING, Class::Timer, Due::Housekeeping(number));
        let reader = &self.core.readers[number as usize];
        let Some(group) = reader.group.clone() else {
            return;
        };
        let group = group.as_str();
        if self.core.faults.is_cut(reader.service) || self.hangs(reader.service) || reader.retired {
            return;
        }
        self.acknowledge_late(number);
        let reader = &self.core.readers[number as usize];
        if self.core.pending[usize::from(reader.service.0)].never_recovered {
            return;
        }
        if reader.mode != ReaderMode::Live
            || !reader.redeliveries.is_empty()
            || !reader.unacknowledged.is_empty()
        {
            return;
        }
        let stale = self.core.bus.xpending(now, &reader.stream, group, CLAIM_IDLE, CLAIM_COUNT);
        let Ok(rows) = stale else { return };
        if rows.is_empty() {
            return;
        }
        let (stream, service, index) = (reader.stream.clone(), reader.service, reader.index);
        let consumer = self.core.names[service.0 as usize].clone();
        for row in rows {
            let mut claimed = Vec::new();
            let _ = self.core.bus.xautoclaim(
                now,
                &stream,
                group,
                &consumer,
                CLAIM_IDLE,
                row.id,
                1,
                &mut claimed,
            );
            let Some(entry) = claimed.pop() else { continue };
            // Another process may have claimed the entry in between: what was claimed in its place is ours now.
            if entry.id == row.id && row.deliveries > DELIVERIES_MAX {
                let delivery = Delivery { reader: index, entry, redelivered: true };
                let mut ctx = self.context(service);
                ctx.dead_letter(&stream, &delivery, "delivered too often");
                self.acknowledge(number, row.id);
            } else {
                self.core.readers[number as usize].redeliveries.push_back(entry);
            }
        }
        self.schedule_reader(number);
    }
}

impl Core {
    /// XREADGROUP of one entry. Where the group is gone, as after a restart of Redis, its client makes it
    /// again from the beginning, so that nothing that came meanwhile is missed. `false`: the bus refused.
    fn read_group(&mut self, number: u32, from: ReadFrom, entries: &mut Vec<Entry>) -> bool {
        let Core { readers, bus, names, faults, journal, now, bus_losses, .. } = self;
        let reader = &readers[number as usize];
        let Some(group) = reader.group.as_deref() else { return true };
        let (stream, consumer) = (&reader.stream, names[usize::from(reader.service.0)].as_str());
        let read = bus.xreadgroup(*now, stream, group, consumer, from, 1, entries);
        match read {
            Ok(()) => true,
            Err(BusError::NoGroup { .. }) => {
                let made = bus.xgroup_create(*now, stream, group, GroupStart::Beginning);
                let again = bus.xreadgroup(*now, stream, group, consumer, from, 1, entries);
                faults.count(reader.service, "groups_recreated", u64::from(made.is_ok()));
                faults.count(reader.service, "reads_failed", u64::from(again.is_err()));
                journal.action(*now, &format!("{consumer} makes group {group} of {stream} again"));
                bus_losses.groups_made += u64::from(made.is_ok());
                again.is_ok()
            }
            Err(_) => {
                faults.count(reader.service, "reads_failed", 1);
                false
            }
        }
    }
}
