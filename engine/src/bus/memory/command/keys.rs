//! Strings, hashes, lists, sets, sorted sets and the life of keys.

use indexmap::IndexSet;

use super::super::MemoryBus;
use super::super::glob;
use super::super::keyspace::{Value, hash, wrong_type};
use super::super::zset::SortedSet;
use super::{RedisReply, Result, Words, bulk, error, flag, int, syntax};
use crate::{Bus, Nanos, SetOptions, Ttl};

/// Start and stop of a range in which negative numbers count from the end.
fn slice(start: i64, stop: i64, length: usize) -> std::ops::Range<usize> {
    let length = length as i64;
    let place = |n: i64| if n < 0 { (n + length).max(0) } else { n };
    let (start, stop) = (place(start), if stop < 0 { stop + length } else { stop.min(length - 1) });
    if start > stop || start >= length { 0..0 } else { start as usize..stop as usize + 1 }
}

fn optional(value: Option<Vec<u8>>) -> RedisReply {
    value.map_or(RedisReply::Nil, RedisReply::Bulk)
}

impl MemoryBus {
    pub(super) fn key_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        match name {
            "GET" => Ok(optional(Bus::get(self, now, words.text()?)?)),
            "SET" => self.set_command(now, words),
            "SETEX" | "PSETEX" => {
                let key = words.text()?;
                let unit = if name == "SETEX" { 1_000 } else { 1 };
                let life = Nanos::from_millis(words.number::<i64>()?.saturating_mul(unit));
                let options = SetOptions { expire: Some(life), ..SetOptions::default() };
                Bus::set(self, now, key, words.next()?, options)?;
                Ok(RedisReply::Status("OK"))
            }
            "SETNX" => {
                let options = SetOptions { if_absent: true, ..SetOptions::default() };
                Ok(flag(Bus::set(self, now, words.text()?, words.next()?, options)?))
            }
            "INCR" => Ok(RedisReply::Int(Bus::incr_by(self, now, words.text()?, 1)?)),
            "INCRBY" => {
                Ok(RedisReply::Int(Bus::incr_by(self, now, words.text()?, words.number()?)?))
            }
            "DEL" => {
                let mut gone = 0;
                while !words.is_empty() {
                    gone += i64::from(Bus::del(self, now, words.text()?));
                }
                Ok(RedisReply::Int(gone))
            }
            "EXISTS" => {
                let mut found = 0;
                while !words.is_empty() {
                    found += i64::from(Bus::exists(self, now, words.text()?));
                }
                Ok(RedisReply::Int(found))
            }
            "EXPIRE" | "PEXPIRE" => {
                let key = words.text()?;
                let unit = if name == "EXPIRE" { 1_000 } else { 1 };
                let life = Nanos::from_millis(words.number::<i64>()?.saturating_mul(unit));
                Ok(flag(Bus::expire(self, now, key, life)))
            }
            "TTL" | "PTTL" => Ok(RedisReply::Int(match Bus::ttl(self, now, words.text()?) {
                Ttl::Absent => -2,
                Ttl::Persistent => -1,
                // Redis rounds to the nearest second.
                Ttl::Left(left) if name == "TTL" => (left.millis() + 500) / 1_000,
                Ttl::Left(left) => left.millis(),
            })),
            "PERSIST" => {
                let slot = self.keys.get(now, words.text()?);
                let slot = slot.filter(|slot| slot.expires != Nanos::NEVER);
                Ok(flag(slot.map(|slot| slot.expires = Nanos::NEVER).is_some()))
            }
            "TYPE" => {
                Ok(RedisReply::Status(match self.keys.get(now, words.text()?).map(|s| &s.value) {
                    None => "none",
                    Some(Value::Text(_) | Value::Json(_)) => "string",
                    Some(Value::Hash(_) | Value::Record(_)) => "hash",
                    Some(Value::List(_)) => "list",
                    Some(Value::Set(_)) => "set",
                    Some(Value::Sorted(_)) => "zset",
                    Some(Value::Stream(_)) => "stream",
                }))
            }
            "SCAN" => {
                words.next()?;
                let pattern = if words.take("MATCH") { words.next()? } else { b"*" };
                let keys =
                    self.keys.alive(now).filter(|key| glob::matches(pattern, key.as_bytes()));
                let mut keys: Vec<&str> = keys.collect();
                keys.sort_unstable();
                let keys = keys.into_iter().map(bulk).collect();
                Ok(RedisReply::Array(vec![bulk("0"), RedisReply::Array(keys)]))
            }
            "FLUSHALL" => {
                *self = MemoryBus::new();
                Ok(RedisReply::Status("OK"))
            }
            _ => match name.as_bytes() {
                [b'H', ..] => self.hash_command(now, name, words),
                [b'S', ..] => self.set_members_command(now, name, words),
                [b'Z', ..] => self.sorted_set_command(now, name, words),
                _ => self.list_command(now, name, words),
            },
        }
    }

    fn set_command(&mut self, now: Nanos, words: &mut Words<'_>) -> Result<RedisReply> {
        let (key, value) = (words.text()?, words.next()?);
        let mut options = SetOptions::default();
        while !words.is_empty() {
            if words.take("NX") {
                options.if_absent = true;
            } else if words.take("XX") {
                options.if_present = true;
            } else if words.take("EX") {
                options.expire = Some(Nanos::from_secs(words.number()?));
            } else if words.take("PX") {
                options.expire = Some(words.millis()?);
            } else {
                return Err(syntax());
            }
        }
        if options.if_absent && options.if_present {
            return Err(syntax());
        }
        if options.expire.is_some_and(|life| life.0 <= 0) {
            return Err(error("ERR invalid expire time in 'set' command"));
        }
        let done = Bus::set(self, now, key, value, options)?;
        Ok(if done { RedisReply::Status("OK") } else { RedisReply::Nil })
    }

    fn hash_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        let key = words.text()?;
        match name {
            "HSET" => {
                let mut new = 0;
                while !words.is_empty() {
                    new += i64::from(Bus::hset(self, now, key, words.text()?, words.next()?)?);
                }
                Ok(RedisReply::Int(new))
            }
            "HINCRBY" => {
                Ok(RedisReply::Int(Bus::hincr_by(self, now, key, words.text()?, words.number()?)?))
            }
            "HGET" => Ok(optional(Bus::hget(self, now, key, words.text()?)?)),
            "HMGET" => {
                let mut values = Vec::new();
                while !words.is_empty() {
                    values.push(optional(Bus::hget(self, now, key, words.text()?)?));
                }
                Ok(RedisReply::Array(values))
            }
            "HGETALL" => {
                let fields = Bus::hgetall(self, now, key)?;
                let pairs = fields.into_iter().flat_map(|(n, v)| [bulk(n), RedisReply::Bulk(v)]);
                Ok(RedisReply::Array(pairs.collect()))
            }
            "HEXISTS" => Ok(flag(Bus::hget(self, now, key, words.text()?)?.is_some())),
            "HLEN" => Ok(int(hash(&mut self.keys, now, key)?.map_or(0, |hash| hash.len()))),
            "HDEL" => {
                let Some(hash) = hash(&mut self.keys, now, key)? else { return Ok(int(0)) };
                let mut gone = 0;
                while !words.is_empty() {
                    gone += i64::from(hash.shift_remove(words.text()?).is_some());
                }
                if hash.is_empty() {
                    self.keys.remove(now, key);
                }
                Ok(RedisReply::Int(gone))
            }
            _ => Err(error("ERR unknown command")),
        }
    }

    fn set_members_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        let key = words.text()?;
        if name == "SADD" {
            let mut new = 0;
            while !words.is_empty() {
                new += i64::from(Bus::sadd(self, now, key, words.next()?)?);
            }
            return Ok(RedisReply::Int(new));
        }
        let empty = IndexSet::default();
        let set = match self.keys.get(now, key).map(|slot| &mut slot.value) {
            None => None,
            Some(Value::Set(set)) => Some(set),
            Some(_) => return wrong_type(key),
        };
        match (name, set) {
            ("SCARD", set) => Ok(int(set.map_or(0, |set| set.len()))),
            ("SISMEMBER", set) => {
                let member = words.next()?;
                Ok(flag(set.is_some_and(|set| set.contains(member))))
            }
            ("SMEMBERS", set) => {
                let mut members: Vec<_> = set.map_or(&empty, |set| set).iter().cloned().collect();
                members.sort_unstable();
                Ok(RedisReply::Array(members.into_iter().map(RedisReply::Bulk).collect()))
            }
            ("SREM", None) => Ok(int(0)),
            ("SREM", Some(set)) => {
                let mut gone = 0;
                while !words.is_empty() {
                    gone += i64::from(set.shift_remove(words.next()?));
                }
                if set.is_empty() {
                    self.keys.remove(now, key);
                }
                Ok(RedisReply::Int(gone))
            }
            _ => Err(error("ERR unknown command")),
        }
    }

    fn list_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        let key = words.text()?;
        if let "LPUSH" | "RPUSH" = name {
            let list = self.list(now, key)?;
            while !words.is_empty() {
                let value = words.next()?.to_vec();
                if name == "LPUSH" { list.push_front(value) } else { list.push_back(value) }
            }
            return Ok(int(list.len()));
        }
        let list = match self.keys.get(now, key).map(|slot| &mut slot.value) {
            None => None,
            Some(Value::List(list)) => Some(list),
            Some(_) => return wrong_type(key),
        };
        let Some(list) = list else {
            return Ok(match name {
                "LRANGE" => RedisReply::Array(Vec::new()),
                "LLEN" => int(0),
                "LTRIM" => RedisReply::Status("OK"),
                "LPOP" | "RPOP" => RedisReply::Nil,
                _ => return Err(error("ERR unknown command")),
            });
        };
        let reply = match name {
            "LLEN" => int(list.len()),
            "LPOP" => optional(list.pop_front()),
            "RPOP" => optional(list.pop_back()),
            "LRANGE" => {
                let range = slice(words.number()?, words.number()?, list.len());
                RedisReply::Array(list.range(range).cloned().map(RedisReply::Bulk).collect())
            }
            "LTRIM" => {
                let range = slice(words.number()?, words.number()?, list.len());
                list.truncate(range.end);
                list.drain(..range.start.min(list.len()));
                RedisReply::Status("OK")
            }
            _ => return Err(error("ERR unknown command")),
        };
        if list.is_empty() {
            self.keys.remove(now, key);
        }
        Ok(reply)
    }

    fn sorted_set_command(
        &mut self,
        now: Nanos,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<RedisReply> {
        let key = words.text()?;
        if name == "ZADD" {
            let slot = self.keys.get_or(now, key, || Value::Sorted(SortedSet::default()));
            let Value::Sorted(set) = &mut slot.value else { return wrong_type(key) };
            let mut new = 0;
            while !words.is_empty() {
                let score = words.number::<f64>()?;
                new += i64::from(set.insert(words.next()?, score));
            }
            return Ok(RedisReply::Int(new));
        }
        let nothing = SortedSet::default();
        let mut set = match self.keys.get(now, key).map(|slot| &mut slot.value) {
            None => None,
            Some(Value::Sorted(set)) => Some(set),
            Some(_) => return wrong_type(key),
        };
        let seen: &SortedSet = set.as_deref().unwrap_or(&nothing);
        let reply = match name {
            "ZCARD" => int(seen.len()),
            "ZSCORE" => seen.score(words.next()?).map_or(RedisReply::Nil, |s| bulk(s.to_string())),
            "ZRANGE" | "ZRANGEBYSCORE" => {
                let range = if name == "ZRANGE" {
                    slice(words.number()?, words.number()?, seen.len())
                } else {
                    seen.between(words.text()?, words.text()?).ok_or_else(syntax)?
                };
                let with_scores = words.take("WITHSCORES");
                let mut out = Vec::new();
                for (score, member) in seen.slice(range) {
                    out.push(bulk(member));
                    if with_scores {
                        out.push(bulk(score.to_string()));
                    }
                }
                RedisReply::Array(out)
            }
            "ZREM" => {
                let mut gone = 0;
                while !words.is_empty() {
                    let member = words.next()?;
                    gone += i64::from(set.as_deref_mut().is_some_and(|set| set.remove(member)));
                }
                RedisReply::Int(gone)
            }
            "ZREMRANGEBYRANK" | "ZREMRANGEBYSCORE" => {
                let range = if name == "ZREMRANGEBYRANK" {
                    slice(words.number()?, words.number()?, seen.len())
                } else {
                    seen.between(words.text()?, words.text()?).ok_or_else(syntax)?
                };
                let gone = range.len();
                if let Some(set) = set.as_deref_mut() {
                    set.remove_range(range);
                }
                int(gone)
            }
            _ => return Err(error("ERR unknown command")),
        };
        if set.is_some_and(|set| set.len() == 0) {
            self.keys.remove(now, key);
        }
        Ok(reply)
    }
}
