//! XGROUP, XREADGROUP, XACK, XPENDING, XCLAIM, XAUTOCLAIM, XINFO GROUPS and CONSUMERS.

use super::super::MemoryBus;
use super::super::keyspace::stream;
use super::super::stream::Stream;
use super::{
    RedisReply, Result, Words, bulk, entry_reply, error, flag, id_reply, int, parse_bound, syntax,
};
use crate::{BusError, Entry, EntryId, GroupInfo, GroupStart, Nanos, ReadFrom};

fn start(text: &str) -> Result<GroupStart> {
    match text {
        "$" => Ok(GroupStart::End),
        "0" => Ok(GroupStart::Beginning),
        id => super::parse_id(id, 0).map(GroupStart::After),
    }
}

fn entries_reply(entries: &[Entry]) -> RedisReply {
    RedisReply::Array(entries.iter().map(|e| entry_reply(e.id, e.body.as_ref())).collect())
}

impl MemoryBus {
    pub(super) fn group_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        match name {
            "XGROUP" => self.xgroup_command(now, words),
            "XREADGROUP" => self.xreadgroup_command(now, words),
            "XACK" => {
                let (key, group) = (words.text()?, words.text()?);
                let mut done = 0;
                while !words.is_empty() {
                    done += i64::from(self.group_acknowledge(now, key, group, words.id()?)?);
                }
                Ok(RedisReply::Int(done))
            }
            "XPENDING" => self.xpending_command(now, words),
            "XCLAIM" => self.xclaim_command(now, words),
            "XAUTOCLAIM" => {
                let (key, group, consumer) = (words.text()?, words.text()?, words.text()?);
                let (min_idle, start) = (words.millis()?, words.id()?);
                let count = if words.take("COUNT") { words.number()? } else { 100 };
                let mut claimed = Vec::new();
                let (next, deleted) = self.claim_idle(
                    now,
                    key,
                    group,
                    consumer,
                    min_idle,
                    start,
                    count,
                    &mut claimed,
                )?;
                let deleted = deleted.into_iter().map(id_reply).collect();
                Ok(RedisReply::Array(vec![
                    id_reply(next),
                    entries_reply(&claimed),
                    RedisReply::Array(deleted),
                ]))
            }
            _ => Err(error("ERR unknown command")),
        }
    }

    fn xgroup_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        let what = words.text()?.to_ascii_uppercase();
        let (key, name) = (words.text()?, words.text()?);
        let exists = stream(&mut self.keys, now, key)?.is_some();
        if what == "CREATE" {
            let from = start(words.text()?)?;
            if !exists && !words.take("MKSTREAM") {
                return Err(error("ERR The XGROUP subcommand requires the key to exist."));
            }
            self.group_create(now, key, name, from)?;
            return Ok(RedisReply::Status("OK"));
        }
        if !exists {
            return Err(error("ERR The XGROUP subcommand requires the key to exist."));
        }
        if what == "DESTROY" {
            let Ok((stream, place)) = self.group(now, key, name) else { return Ok(flag(false)) };
            stream.groups.remove(place);
            return Ok(flag(true));
        }
        let (stream, place) = self.group(now, key, name)?;
        let last = stream.last_id;
        let group = &mut stream.groups[place];
        match what.as_str() {
            "SETID" => {
                group.last_delivered = match start(words.text()?)? {
                    GroupStart::Beginning => EntryId::ZERO,
                    GroupStart::End => last,
                    GroupStart::After(id) => id,
                };
                group.entries_read = None;
                Ok(RedisReply::Status("OK"))
            }
            "CREATECONSUMER" => {
                let known = group.consumers_alive();
                group.consumer(words.text()?);
                Ok(flag(group.consumers_alive() > known))
            }
            "DELCONSUMER" => Ok(int(group.delete_consumer(words.text()?))),
            _ => Err(syntax()),
        }
    }

    fn xreadgroup_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        if !words.take("GROUP") {
            return Err(syntax());
        }
        let (group, consumer) = (words.text()?, words.text()?);
        let count = words.count()?;
        if !words.take("STREAMS") {
            return Err(syntax());
        }
        let key = words.text()?;
        let from = match words.text()? {
            ">" => ReadFrom::New,
            id => ReadFrom::Pending(super::parse_id(id, 0)?),
        };
        let mut entries = Vec::new();
        self.group_read(now, key, group, consumer, from, count, &mut entries)?;
        if entries.is_empty() && from == ReadFrom::New {
            return Ok(RedisReply::Nil);
        }
        Ok(RedisReply::Array(vec![RedisReply::Array(vec![bulk(key), entries_reply(&entries)])]))
    }

    fn xpending_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        let (key, name) = (words.text()?, words.text()?);
        let (stream, place) = self.group(now, key, name)?;
        let group = &stream.groups[place];
        if words.is_empty() {
            let (Some(first), Some(last)) = (group.pending.front(), group.pending.back()) else {
                return Ok(RedisReply::Array(vec![
                    int(0),
                    RedisReply::Nil,
                    RedisReply::Nil,
                    RedisReply::Nil,
                ]));
            };
            let consumers = group.consumers.iter().filter(|c| c.pending > 0);
            let mut consumers: Vec<_> = consumers.map(|c| (c.name.as_str(), c.pending)).collect();
            consumers.sort_unstable();
            let rows = consumers.into_iter().map(|(name, pending)| {
                RedisReply::Array(vec![bulk(name), bulk(pending.to_string())])
            });
            return Ok(RedisReply::Array(vec![
                int(group.pending.len()),
                id_reply(first.id),
                id_reply(last.id),
                RedisReply::Array(rows.collect()),
            ]));
        }
        let min_idle = if words.take("IDLE") { words.millis()? } else { Nanos(i64::MIN) };
        let (low, high) = (parse_bound(words.text()?, true)?, parse_bound(words.text()?, false)?);
        let count: usize = words.number()?;
        let consumer = if words.is_empty() { None } else { Some(words.text()?) };
        let name = |place: u32| group.consumers[place as usize].name.as_str();
        let rows = group
            .pending
            .iter()
            .filter(|p| p.id >= low && p.id <= high && now - p.delivered_at >= min_idle)
            .filter(|p| consumer.is_none_or(|c| c == name(p.consumer)))
            .take(count)
            .map(|p| {
                let idle = int((now - p.delivered_at).millis());
                RedisReply::Array(vec![
                    id_reply(p.id),
                    bulk(name(p.consumer)),
                    idle,
                    int(p.deliveries),
                ])
            });
        Ok(RedisReply::Array(rows.collect()))
    }

    fn xclaim_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        let (key, name, consumer) = (words.text()?, words.text()?, words.text()?);
        let min_idle = words.millis()?;
        let mut ids = Vec::new();
        while words.words.first().is_some_and(|w| w.first().is_some_and(u8::is_ascii_digit)) {
            ids.push(words.id()?);
        }
        let (mut delivered_at, mut deliveries, mut just_id, mut force) = (now, None, false, false);
        while !words.is_empty() {
            if words.take("IDLE") {
                delivered_at = now - words.millis()?;
            } else if words.take("TIME") {
                delivered_at = words.millis()?;
            } else if words.take("RETRYCOUNT") {
                deliveries = Some(words.number::<u64>()?);
            } else if words.take("JUSTID") {
                just_id = true;
            } else if words.take("FORCE") {
                force = true;
            } else {
                return Err(syntax());
            }
        }
        let (stream, place) = self.group(now, key, name)?;
        let mut groups = std::mem::take(&mut stream.groups);
        let group = &mut groups[place];
        let mut claimed = Vec::new();
        for id in ids {
            let Some(body) = stream.entry(id) else {
                // Nobody can handle a deleted entry any longer.
                group.acknowledge(id);
                continue;
            };
            let at = match group.find(id) {
                Ok(at) if now - group.pending[at].delivered_at < min_idle => continue,
                Ok(at) => at,
                Err(_) if !force => continue,
                Err(at) => {
                    let place = group.consumer(consumer);
                    group.deliver(id, place, now);
                    at
                }
            };
            let place = group.consumer(consumer);
            group.claim(at, place, delivered_at);
            let pending = &mut group.pending[at];
            match deliveries {
                Some(deliveries) => pending.deliveries = deliveries,
                None if just_id => pending.deliveries -= 1,
                None => {}
            }
            claimed.push(if just_id { id_reply(id) } else { entry_reply(id, Some(body)) });
        }
        stream.groups = groups;
        Ok(RedisReply::Array(claimed))
    }
}

pub(super) fn groups_reply(groups: Vec<GroupInfo>) -> RedisReply {
    let number = |n: Option<u64>| n.map_or(RedisReply::Nil, int);
    let mut groups = groups;
    groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let rows = groups.into_iter().map(|group| {
        RedisReply::Array(vec![
            bulk("name"),
            bulk(group.name),
            bulk("consumers"),
            int(group.consumers),
            bulk("pending"),
            int(group.pending),
            bulk("last-delivered-id"),
            id_reply(group.last_delivered),
            bulk("entries-read"),
            number(group.entries_read),
            bulk("lag"),
            number(group.lag),
        ])
    });
    RedisReply::Array(rows.collect())
}

/// XINFO CONSUMERS without the idle time, which counts reads that found nothing too.
pub(super) fn consumers_reply(
    stream: &Stream,
    _now: Nanos,
    key: &str,
    name: &str,
) -> Result<RedisReply> {
    let group = stream.groups.iter().find(|g| g.name == name);
    let no_group = || BusError::NoGroup { key: key.to_owned(), group: name.to_owned() };
    let mut consumers = group.ok_or_else(no_group)?.consumers.clone();
    consumers.retain(|c| !c.deleted);
    consumers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let rows = consumers.into_iter().map(|c| {
        RedisReply::Array(vec![bulk("name"), bulk(c.name), bulk("pending"), int(c.pending)])
    });
    Ok(RedisReply::Array(rows.collect()))
}
