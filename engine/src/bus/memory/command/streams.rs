//! XADD, XLEN, XRANGE, XREVRANGE, XREAD, XDEL, XTRIM and XINFO STREAM.

use std::sync::Arc;

use super::super::MemoryBus;
use super::super::keyspace::{Value, stream, wrong_type};
use super::super::stream::Stream;
use super::{
    RedisReply, Result, Words, bulk, entry_reply, error, id_reply, int, parse_bound, parse_id,
    syntax,
};
use crate::{Body, EntryId, Fields, Nanos, Trim};

fn trim(words: &mut Words<'_>) -> Result<Trim> {
    if !words.take("MAXLEN") {
        return Ok(Trim::Keep);
    }
    let approximate = words.take("~");
    if !approximate {
        words.take("=");
    }
    let length = words.number()?;
    Ok(if approximate { Trim::Approximate(length) } else { Trim::Exact(length) })
}

fn stream_exists(found: Option<&mut Stream>) -> Result<&mut Stream> {
    found.ok_or_else(|| error("ERR no such key"))
}

impl MemoryBus {
    pub(super) fn stream_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        match name {
            "XADD" => self.xadd_command(now, words),
            "XLEN" => Ok(int(self.stream_length(now, words.text()?)?)),
            "XRANGE" | "XREVRANGE" => self.range_command(now, name == "XRANGE", words),
            "XREAD" => self.xread_command(now, words),
            "XDEL" => {
                let found = stream(&mut self.keys, now, words.text()?)?;
                let Some(stream) = found else { return Ok(int(0)) };
                let mut gone = 0;
                while !words.is_empty() {
                    gone += i64::from(stream.delete(words.id()?));
                }
                Ok(RedisReply::Int(gone))
            }
            "XTRIM" => {
                let found = stream(&mut self.keys, now, words.text()?)?;
                let trim = trim(words)?;
                Ok(int(found.map_or(0, |stream| stream.trim(trim))))
            }
            "XINFO" => {
                let what = words.text()?.to_ascii_uppercase();
                let key = words.text()?;
                let stream = stream_exists(stream(&mut self.keys, now, key)?)?;
                match what.as_str() {
                    "STREAM" => Ok(stream_info(stream)),
                    "GROUPS" => Ok(super::groups::groups_reply(self.groups_info(now, key)?)),
                    "CONSUMERS" => super::groups::consumers_reply(stream, now, key, words.text()?),
                    _ => Err(syntax()),
                }
            }
            _ => self.group_command(now, name, words),
        }
    }

    fn xadd_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        let key = words.text()?;
        let trim = trim(words)?;
        let id = words.text()?;
        let mut fields = Fields::default();
        while !words.is_empty() {
            fields.0.push((words.next()?.into(), words.next()?.into()));
        }
        let body = Body::Fields(Arc::new(fields));
        if id == "*" {
            return self.stream_add(now, key, body, trim).map(id_reply);
        }
        let id = parse_id(id, 0)?;
        if id == EntryId::ZERO {
            return Err(error("ERR The ID specified in XADD must be greater than 0-0"));
        }
        let slot = self.keys.get_or(now, key, || Value::Stream(Box::default()));
        let Value::Stream(stream) = &mut slot.value else { return wrong_type(key) };
        if id <= stream.last_id {
            return Err(error(
                "ERR The ID specified in XADD is equal or smaller than the target stream top item",
            ));
        }
        stream.push(id, body);
        stream.trim(trim);
        Ok(id_reply(id))
    }

    fn range_command(
        &mut self,
        now: Nanos,
        forward: bool,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        let key = words.text()?;
        let (first, second) = (words.text()?, words.text()?);
        let (low, high) = if forward { (first, second) } else { (second, first) };
        let (low, high) = (parse_bound(low, true)?, parse_bound(high, false)?);
        let count = words.count()?;
        if count == 0 && stream(&mut self.keys, now, key)?.is_some() {
            return Ok(RedisReply::Nil);
        }
        let mut entries = Vec::new();
        if forward {
            self.stream_range(now, key, low, high, count, &mut entries)?;
        } else {
            self.stream_range_back(now, key, high, low, count, &mut entries)?;
        }
        Ok(RedisReply::Array(entries.iter().map(|e| entry_reply(e.id, e.body.as_ref())).collect()))
    }

    fn xread_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        let count = words.count()?;
        if !words.take("STREAMS") {
            return Err(syntax());
        }
        let key = words.text()?;
        let after = words.text()?;
        let after = match (after, stream(&mut self.keys, now, key)?) {
            ("$", found) => found.map_or(EntryId::ZERO, |stream| stream.last_id),
            (id, _) => parse_id(id, 0)?,
        };
        let mut entries = Vec::new();
        self.stream_read(now, key, after, count, &mut entries)?;
        if entries.is_empty() {
            return Ok(RedisReply::Nil);
        }
        let entries = entries.iter().map(|e| entry_reply(e.id, e.body.as_ref())).collect();
        Ok(RedisReply::Array(vec![RedisReply::Array(vec![bulk(key), RedisReply::Array(entries)])]))
    }
}

/// XINFO STREAM, but for the sizes of Redis' own tree.
fn stream_info(stream: &Stream) -> RedisReply {
    let edge = |entry: Option<&(EntryId, Body)>| {
        entry.map_or(RedisReply::Nil, |(id, body)| entry_reply(*id, Some(body)))
    };
    RedisReply::Array(vec![
        bulk("length"),
        int(stream.entries.len()),
        bulk("last-generated-id"),
        id_reply(stream.last_id),
        bulk("max-deleted-entry-id"),
        id_reply(stream.max_deleted),
        bulk("entries-added"),
        int(stream.entries_added),
        bulk("recorded-first-entry-id"),
        id_reply(stream.first_id()),
        bulk("groups"),
        int(stream.groups.len()),
        bulk("first-entry"),
        edge(stream.entries.front()),
        bulk("last-entry"),
        edge(stream.entries.back()),
    ])
}
