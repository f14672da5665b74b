//! Strings.

use super::super::keyspace::Keyspace;
use super::super::ops::NewText;
use super::super::resp::Resp;
use super::parse::{self, is, next};
use super::{Outcome, Words, error, syntax_error};
use crate::{BusError, Nanos, SetOptions};

pub(super) fn get(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::optional(keys.text(now, words[0])?.map(|text| text.bytes().into_owned())))
}

pub(super) fn mget(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    // A key of another type counts as absent here.
    let values = words.iter().map(|key| get(keys, now, &[*key]).unwrap_or(Resp::Nil));
    Ok(Resp::Array(values.collect()))
}

fn life(word: &[u8], unit: fn(i64) -> Nanos, command: &str) -> Result<Nanos, BusError> {
    match parse::int(word)? {
        ..=0 => Err(error(&format!("invalid expire time in '{command}' command"))),
        count => Ok(unit(count)),
    }
}

pub(super) fn set(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (key, value) = (words[0], words[1]);
    let mut options = SetOptions::default();
    let (mut keep_ttl, mut answer_old, mut at) = (false, false, 2);
    let mut expire = None;
    while at < words.len() {
        let word = words[at];
        if is(word, "nx") && !options.if_present {
            options.if_absent = true;
        } else if is(word, "xx") && !options.if_absent {
            options.if_present = true;
        } else if is(word, "get") {
            answer_old = true;
        } else if is(word, "keepttl") && expire.is_none() {
            keep_ttl = true;
        } else if (is(word, "ex") || is(word, "px")) && !keep_ttl && expire.is_none() {
            let unit = if is(word, "ex") { Nanos::from_secs } else { Nanos::from_millis };
            expire = Some((next(words, &mut at).ok_or_else(syntax_error)?, unit));
        } else {
            return Err(syntax_error());
        }
        at += 1;
    }
    if let Some((word, unit)) = expire {
        options.expire = Some(life(word, unit, "set")?);
    }
    let old = if answer_old { Some(get(keys, now, words)?) } else { None };
    let done = keys.set_text(now, key, NewText::Bytes(value), options, keep_ttl)?;
    Ok(match old {
        Some(old) => old,
        None if done => Resp::OK,
        None => Resp::Nil,
    })
}

pub(super) fn setex(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let expire = Some(life(words[1], Nanos::from_secs, "setex")?);
    let options = SetOptions { expire, ..SetOptions::default() };
    keys.set_text(now, words[0], NewText::Bytes(words[2]), options, false)?;
    Ok(Resp::OK)
}

pub(super) fn setnx(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let options = SetOptions { if_absent: true, ..SetOptions::default() };
    Ok(Resp::flag(keys.set_text(now, words[0], NewText::Bytes(words[1]), options, false)?))
}

pub(super) fn incr(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::Int(keys.incr_by(now, words[0], 1)?))
}

pub(super) fn incrby(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let by = parse::int(words[1])?;
    Ok(Resp::Int(keys.incr_by(now, words[0], by)?))
}
