//! Hashes.

use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::{Outcome, Words, parse, wrong_arity};
use crate::Nanos;

pub(super) fn hset(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let pairs = &words[1..];
    if !pairs.len().is_multiple_of(2) {
        return Err(wrong_arity("hset"));
    }
    let mut added = 0;
    for pair in pairs.chunks_exact(2) {
        added += i64::from(keys.hash_set(now, words[0], pair[0], pair[1])?);
    }
    Ok(Resp::Int(added))
}

pub(super) fn hsetnx(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let there = keys.hash(now, words[0])?.is_some_and(|hash| hash.get(words[1]).is_some());
    if !there {
        keys.hash_set(now, words[0], words[1], words[2])?;
    }
    Ok(Resp::flag(!there))
}

pub(super) fn hget(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::optional(keys.hash(now, words[0])?.and_then(|hash| hash.get(words[1]))))
}

pub(super) fn hmget(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let hash = keys.hash(now, words[0])?;
    let value = |field: &&[u8]| Resp::optional(hash.as_ref().and_then(|hash| hash.get(field)));
    Ok(Resp::Array(words[1..].iter().map(value).collect()))
}

pub(super) fn hgetall(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(hash) = keys.hash(now, words[0])? else { return Ok(Resp::Array(Vec::new())) };
    let fields = hash.fields();
    let both = fields.iter().flat_map(|(name, value)| [Resp::bytes(name), Resp::bytes(value)]);
    Ok(Resp::Array(both.collect()))
}

pub(super) fn hdel(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(hash) = keys.hash(now, words[0])? else { return Ok(Resp::Int(0)) };
    let fields = hash.fields_mut();
    // The order of the others is seen by HGETALL, so it must stay.
    let gone = words[1..].iter().filter(|field| fields.shift_remove(**field).is_some()).count();
    keys.drop_if_spent(now, words[0]);
    Ok(Resp::count(gone))
}

pub(super) fn hexists(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let found = keys.hash(now, words[0])?.and_then(|hash| hash.get(words[1]));
    Ok(Resp::flag(found.is_some()))
}

pub(super) fn hlen(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(keys.hash(now, words[0])?.map_or(0, |hash| hash.fields().len())))
}

pub(super) fn hincrby(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let by = parse::int(words[2])?;
    Ok(Resp::Int(keys.hash_incr_by(now, words[0], words[1], by)?))
}
