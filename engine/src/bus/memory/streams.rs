//! The stream commands.

use super::MemoryBus;
use super::group::Group;
use super::keyspace::{Value, stream, wrong_type};
use super::stream::Stream;
use crate::{
    Body, BusError, Entry, EntryId, GroupInfo, GroupStart, Nanos, PendingRow, ReadFrom, Trim,
};

type Result<T> = std::result::Result<T, BusError>;

fn no_group(key: &str, group: &str) -> BusError {
    BusError::NoGroup { key: key.to_owned(), group: group.to_owned() }
}

impl MemoryBus {
    /// The stream and one of its groups.
    pub(super) fn group(
        &mut self,
        now: Nanos,
        key: &str,
        name: &str,
    ) -> Result<(&mut Stream, usize)> {
        let Some(stream) = stream(&mut self.keys, now, key)? else {
            return Err(no_group(key, name));
        };
        match stream.groups.iter().position(|group| group.name == name) {
            Some(place) => Ok((stream, place)),
            None => Err(no_group(key, name)),
        }
    }

    pub(super) fn stream_add(
        &mut self,
        now: Nanos,
        key: &str,
        body: Body,
        trim: Trim,
    ) -> Result<EntryId> {
        let slot = self.keys.get_or(now, key, || Value::Stream(Box::default()));
        let Value::Stream(stream) = &mut slot.value else { return wrong_type(key) };
        let id = stream.next_id(now.millis().max(0) as u64).ok_or_else(|| {
            BusError::Other(
                "ERR The stream has exhausted the last possible ID, unable to add more items"
                    .into(),
            )
        })?;
        stream.push(id, body);
        stream.trim(trim);
        Ok(id)
    }

    pub(super) fn stream_length(&mut self, now: Nanos, key: &str) -> Result<u64> {
        Ok(stream(&mut self.keys, now, key)?.map_or(0, |s| s.entries.len() as u64))
    }

    pub(super) fn group_create(
        &mut self,
        now: Nanos,
        key: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<()> {
        let slot = self.keys.get_or(now, key, || Value::Stream(Box::default()));
        let Value::Stream(stream) = &mut slot.value else { return wrong_type(key) };
        if stream.groups.iter().any(|g| g.name == group) {
            return Err(BusError::BusyGroup);
        }
        let after = match start {
            GroupStart::Beginning => EntryId::ZERO,
            GroupStart::End => stream.last_id,
            GroupStart::After(id) => id,
        };
        stream.groups.push(Group::new(group, after, None));
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn group_read(
        &mut self,
        now: Nanos,
        key: &str,
        group: &str,
        consumer: &str,
        from: ReadFrom,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let (stream, place) = self.group(now, key, group)?;
        let mut groups = std::mem::take(&mut stream.groups);
        let group = &mut groups[place];
        match from {
            ReadFrom::New => read_new(stream, group, consumer, now, count, out),
            ReadFrom::Pending(after) => {
                let consumer = group.consumer(consumer);
                let first = group.pending.partition_point(|p| p.id <= after);
                let own = group.pending.iter_mut().skip(first).filter(|p| p.consumer == consumer);
                for pending in own.take(count) {
                    // Redis counts a look at the own history as one more delivery.
                    let body = stream.entry(pending.id).cloned();
                    if body.is_some() {
                        pending.delivered_at = now;
                        pending.deliveries += 1;
                    }
                    out.push(Entry { id: pending.id, body });
                }
            }
        }
        stream.groups = groups;
        Ok(())
    }

    pub(super) fn stream_read(
        &mut self,
        now: Nanos,
        key: &str,
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let Some(stream) = stream(&mut self.keys, now, key)? else { return Ok(()) };
        let mut place = stream.place_from(after);
        if stream.entries.get(place).is_some_and(|(id, _)| *id == after) {
            place += 1;
        }
        let entries = stream.entries.range(place..).take(count);
        out.extend(entries.map(|(id, body)| Entry { id: *id, body: Some(body.clone()) }));
        Ok(())
    }

    pub(super) fn group_acknowledge(
        &mut self,
        now: Nanos,
        key: &str,
        group: &str,
        id: EntryId,
    ) -> Result<bool> {
        match self.group(now, key, group) {
            Ok((stream, place)) => Ok(stream.groups[place].acknowledge(id)),
            Err(BusError::NoGroup { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn group_pending(
        &mut self,
        now: Nanos,
        key: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>> {
        let (stream, place) = self.group(now, key, group)?;
        let group = &stream.groups[place];
        let rows = group.pending.iter().filter(|p| now - p.delivered_at >= min_idle).take(count);
        Ok(rows
            .map(|p| PendingRow {
                id: p.id,
                consumer: group.consumers[p.consumer as usize].name.clone(),
                idle: now - p.delivered_at,
                deliveries: p.deliveries,
            })
            .collect())
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn claim_idle(
        &mut self,
        now: Nanos,
        key: &str,
        group: &str,
        consumer: &str,
        min_idle: Nanos,
        start: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(EntryId, Vec<EntryId>)> {
        let (stream, place) = self.group(now, key, group)?;
        let mut groups = std::mem::take(&mut stream.groups);
        let group = &mut groups[place];
        let mut deleted = Vec::new();
        let mut at = group.pending.partition_point(|p| p.id < start);
        // Redis looks at ten times as many entries as it may claim.
        let mut attempts = count.saturating_mul(10);
        let mut left = count;
        while at < group.pending.len() && left > 0 && attempts > 0 {
            attempts -= 1;
            let id = group.pending[at].id;
            let Some(body) = stream.entry(id) else {
                // The entry was deleted: nobody can handle it, and it leaves the list.
                group.acknowledge(id);
                deleted.push(id);
                left -= 1;
                continue;
            };
            if now - group.pending[at].delivered_at >= min_idle {
                out.push(Entry { id, body: Some(body.clone()) });
                // A consumer that gets nothing is not made.
                let place = group.consumer(consumer);
                group.claim(at, place, now);
                left -= 1;
            }
            at += 1;
        }
        let next = group.pending.get(at).map_or(EntryId::ZERO, |p| p.id);
        stream.groups = groups;
        Ok((next, deleted))
    }

    pub(super) fn groups_info(&mut self, now: Nanos, key: &str) -> Result<Vec<GroupInfo>> {
        let Some(stream) = stream(&mut self.keys, now, key)? else {
            return Err(BusError::Other("ERR no such key".into()));
        };
        Ok(stream.groups.iter().map(|group| info(stream, group)).collect())
    }

    pub(super) fn stream_range(
        &mut self,
        now: Nanos,
        key: &str,
        low: EntryId,
        high: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let Some(stream) = stream(&mut self.keys, now, key)? else { return Ok(()) };
        let first = stream.place_from(low);
        let entries = stream.entries.range(first..).take_while(|(id, _)| *id <= high).take(count);
        out.extend(entries.map(|(id, body)| Entry { id: *id, body: Some(body.clone()) }));
        Ok(())
    }

    pub(super) fn stream_range_back(
        &mut self,
        now: Nanos,
        key: &str,
        high: EntryId,
        low: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let Some(stream) = stream(&mut self.keys, now, key)? else { return Ok(()) };
        let end = stream.entries.partition_point(|(id, _)| *id <= high);
        let entries =
            stream.entries.range(..end).rev().take_while(|(id, _)| *id >= low).take(count);
        out.extend(entries.map(|(id, body)| Entry { id: *id, body: Some(body.clone()) }));
        Ok(())
    }
}

fn read_new(
    stream: &mut Stream,
    group: &mut Group,
    consumer: &str,
    now: Nanos,
    count: usize,
    out: &mut Vec<Entry>,
) {
    let mut place = stream.place_from(group.last_delivered);
    if stream.entries.get(place).is_some_and(|(id, _)| *id == group.last_delivered) {
        place += 1;
    }
    if place == stream.entries.len() {
        return; // A consumer that gets nothing is not made.
    }
    let consumer = group.consumer(consumer);
    for at in place..stream.entries.len().min(place.saturating_add(count)) {
        let (id, body) = &stream.entries[at];
        let id = *id;
        group.entries_read = match group.entries_read {
            Some(read) if !stream.has_tombstones_after(id) => Some(read + 1),
            _ => stream.added_up_to(id),
        };
        group.last_delivered = id;
        group.deliver(id, consumer, now);
        out.push(Entry { id, body: Some(body.clone()) });
    }
}

fn info(stream: &Stream, group: &Group) -> GroupInfo {
    let read = match group.entries_read {
        _ if stream.entries_added == 0 => Some(0),
        Some(read) if !stream.has_tombstones_after(group.last_delivered) => Some(read),
        _ => stream.added_up_to(group.last_delivered),
    };
    GroupInfo {
        name: group.name.clone(),
        consumers: group.consumers_alive() as u64,
        pending: group.pending.len() as u64,
        last_delivered: group.last_delivered,
        entries_read: group.entries_read,
        lag: read.map(|read| stream.entries_added - read),
    }
}
