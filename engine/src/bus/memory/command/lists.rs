//! Lists.

use std::collections::VecDeque;

use super::super::keyspace::Keyspace;
use super::super::ops::list_range;
use super::super::resp::Resp;
use super::{Outcome, Words, error, parse, wrong_arity};
use crate::Nanos;

pub(super) fn lpush(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let list = keys.list_or_new(now, words[0])?;
    words[1..].iter().for_each(|item| list.push_front(item.to_vec()));
    Ok(Resp::count(list.len()))
}

pub(super) fn rpush(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let list = keys.list_or_new(now, words[0])?;
    list.extend(words[1..].iter().map(|item| item.to_vec()));
    Ok(Resp::count(list.len()))
}

pub(super) fn lrange(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (start, stop) = (parse::int(words[1])?, parse::int(words[2])?);
    let items = keys.list(now, words[0])?.map_or_else(Vec::new, |l| list_range(l, start, stop));
    Ok(Resp::Array(items.into_iter().map(Resp::Bulk).collect()))
}

pub(super) fn ltrim(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (start, stop) = (parse::int(words[1])?, parse::int(words[2])?);
    keys.list_trim(now, words[0], start, stop)?;
    Ok(Resp::OK)
}

pub(super) fn llen(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(keys.list(now, words[0])?.map_or(0, |list| list.len())))
}

pub(super) fn lpop(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    pop(keys, now, words, "lpop", VecDeque::pop_front)
}

pub(super) fn rpop(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    pop(keys, now, words, "rpop", VecDeque::pop_back)
}

fn pop(
    keys: &mut Keyspace,
    now: Nanos,
    words: Words<'_>,
    command: &str,
    take: fn(&mut VecDeque<Vec<u8>>) -> Option<Vec<u8>>,
) -> Outcome {
    if words.len() > 2 {
        return Err(wrong_arity(command));
    }
    let out_of_range = || error("value is out of range, must be positive");
    let count = match words.get(1) {
        None => None,
        Some(word) => {
            let count = parse::int(word).map_err(|_| out_of_range())?;
            Some(usize::try_from(count).map_err(|_| out_of_range())?)
        }
    };
    let Some(list) = keys.list(now, words[0])? else { return Ok(Resp::Nil) };
    let reply = match count {
        None => Resp::optional(take(list)),
        Some(count) => {
            let count = count.min(list.len());
            Resp::Array((0..count).filter_map(|_| take(list)).map(Resp::Bulk).collect())
        }
    };
    keys.drop_if_spent(now, words[0]);
    Ok(reply)
}
