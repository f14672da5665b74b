//! Keys of any type.

use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::parse::{self, is, next};
use super::{Outcome, Words, error, syntax_error};
use crate::Nanos;

pub(super) fn expire(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let life = Nanos::from_secs(parse::int(words[1])?);
    Ok(Resp::flag(keys.set_deadline(now, words[0], now.saturating_add(life))))
}

pub(super) fn pexpire(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let life = Nanos::from_millis(parse::int(words[1])?);
    Ok(Resp::flag(keys.set_deadline(now, words[0], now.saturating_add(life))))
}

pub(super) fn expireat(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let deadline = Nanos::from_secs(parse::int(words[1])?);
    Ok(Resp::flag(keys.set_deadline(now, words[0], deadline)))
}

pub(super) fn pexpireat(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let deadline = Nanos::from_millis(parse::int(words[1])?);
    Ok(Resp::flag(keys.set_deadline(now, words[0], deadline)))
}

/// Milliseconds left, rounded up: a key with a fraction of one is still there.
fn left_ms(keys: &mut Keyspace, now: Nanos, key: &[u8]) -> i64 {
    match keys.live(now, key) {
        None => -2,
        Some(slot) => {
            slot.deadline.map_or(-1, |end| (end - now).saturating_add(Nanos(999_999)).millis())
        }
    }
}

pub(super) fn ttl(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::Int(match left_ms(keys, now, words[0]) {
        special @ ..0 => special,
        // Redis rounds to the nearest second.
        ms => ms.saturating_add(500) / 1000,
    }))
}

pub(super) fn pttl(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::Int(left_ms(keys, now, words[0])))
}

pub(super) fn persist(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::flag(keys.live(now, words[0]).is_some_and(|slot| slot.deadline.take().is_some())))
}

pub(super) fn del(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(words.iter().filter(|key| keys.remove(now, key)).count()))
}

pub(super) fn exists(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(words.iter().filter(|key| keys.live(now, key).is_some()).count()))
}

pub(super) fn type_of(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::Status(keys.live(now, words[0]).map_or("none", |slot| slot.value.type_name())))
}

pub(super) fn scan(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    std::str::from_utf8(words[0])
        .ok()
        .and_then(|cursor| cursor.parse::<u64>().ok())
        .ok_or_else(|| error("invalid cursor"))?;
    let (mut pattern, mut at): (&[u8], usize) = (b"*", 1);
    while at < words.len() {
        if is(words[at], "match") {
            pattern = next(words, &mut at).ok_or_else(syntax_error)?;
        } else if is(words[at], "count") {
            let count = parse::int(next(words, &mut at).ok_or_else(syntax_error)?)?;
            if count < 1 {
                return Err(syntax_error());
            }
        } else {
            return Err(syntax_error());
        }
        at += 1;
    }
    let found = keys.matching(now, pattern).into_iter().map(Resp::bytes).collect();
    Ok(Resp::Array(vec![Resp::text("0"), Resp::Array(found)]))
}

pub(super) fn flushall(keys: &mut Keyspace, _: Nanos, _: Words<'_>) -> Outcome {
    keys.clear();
    Ok(Resp::OK)
}
