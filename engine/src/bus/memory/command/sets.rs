//! Sets.

use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::{Outcome, Words};
use crate::Nanos;

pub(super) fn sadd(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let set = keys.set_or_new(now, words[0])?;
    Ok(Resp::count(words[1..].iter().filter(|member| set.insert(member.to_vec())).count()))
}

pub(super) fn srem(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(set) = keys.set(now, words[0])? else { return Ok(Resp::Int(0)) };
    let gone = words[1..].iter().filter(|member| set.remove(**member)).count();
    keys.drop_if_spent(now, words[0]);
    Ok(Resp::count(gone))
}

pub(super) fn sismember(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::flag(keys.set(now, words[0])?.is_some_and(|set| set.contains(words[1]))))
}

pub(super) fn smembers(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(set) = keys.set(now, words[0])? else { return Ok(Resp::Array(Vec::new())) };
    Ok(Resp::Array(set.iter().map(|member| Resp::bytes(member)).collect()))
}

pub(super) fn scard(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(keys.set(now, words[0])?.map_or(0, |set| set.len())))
}
