//! Sorted sets.

use super::super::keyspace::Keyspace;
use super::super::number::{score, score_text};
use super::super::ops::index_range;
use super::super::resp::Resp;
use super::super::zset::ScoreBound;
use super::parse::{self, is};
use super::{Outcome, Words, error, syntax_error};
use crate::{BusError, Nanos};

pub(super) fn zadd(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (mut only_new, mut only_there, mut count_changed, mut at) = (false, false, false, 1);
    while let Some(word) = words.get(at) {
        match () {
            () if is(word, "nx") => only_new = true,
            () if is(word, "xx") => only_there = true,
            () if is(word, "ch") => count_changed = true,
            () => break,
        }
        at += 1;
    }
    let pairs = &words[at..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(syntax_error());
    }
    if only_new && only_there {
        return Err(error("XX and NX options at the same time are not compatible"));
    }
    let bad = || error("value is not a valid float");
    let pairs: Vec<(f64, &[u8])> = pairs
        .chunks_exact(2)
        .map(|pair| score(pair[0]).map(|score| (score, pair[1])).ok_or_else(bad))
        .collect::<Result<_, _>>()?;
    if only_there && keys.sorted(now, words[0])?.is_none() {
        return Ok(Resp::Int(0));
    }
    let set = keys.sorted_or_new(now, words[0])?;
    let (mut added, mut changed) = (0, 0);
    for (score, member) in pairs {
        let there = set.score(member);
        if there.is_some() && only_new || there.is_none() && only_there {
            continue;
        }
        set.insert(member, score);
        added += i64::from(there.is_none());
        changed += i64::from(there.is_some_and(|old| old != score));
    }
    Ok(Resp::Int(if count_changed { added + changed } else { added }))
}

pub(super) fn zrem(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(set) = keys.sorted(now, words[0])? else { return Ok(Resp::Int(0)) };
    let gone = words[1..].iter().filter(|member| set.remove(member)).count();
    keys.drop_if_spent(now, words[0]);
    Ok(Resp::count(gone))
}

pub(super) fn zscore(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let found = keys.sorted(now, words[0])?.and_then(|set| set.score(words[1]));
    Ok(found.map_or(Resp::Nil, |score| Resp::text(score_text(score))))
}

pub(super) fn zcard(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    Ok(Resp::count(keys.sorted(now, words[0])?.map_or(0, |set| set.len())))
}

fn members<'a>(rows: impl Iterator<Item = (&'a [u8], f64)>, with_scores: bool) -> Resp {
    let mut words = Vec::new();
    for (member, score) in rows {
        words.push(Resp::bytes(member));
        if with_scores {
            words.push(Resp::text(score_text(score)));
        }
    }
    Resp::Array(words)
}

pub(super) fn zrange(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (mut with_scores, mut backwards) = (false, false);
    for word in &words[3..] {
        match () {
            () if is(word, "withscores") => with_scores = true,
            () if is(word, "rev") => backwards = true,
            () => return Err(syntax_error()),
        }
    }
    let (start, stop) = (parse::int(words[1])?, parse::int(words[2])?);
    let Some(set) = keys.sorted(now, words[0])? else { return Ok(Resp::Array(Vec::new())) };
    let inside = index_range(set.len(), start, stop);
    let (skip, take) = (inside.start, inside.len());
    Ok(if backwards {
        members(set.iter().rev().skip(skip).take(take), with_scores)
    } else {
        members(set.iter().skip(skip).take(take), with_scores)
    })
}

/// One end of a range of scores; a parenthesis excludes it.
fn bound(word: &[u8]) -> Result<ScoreBound, BusError> {
    let (number, exclusive) = match word.strip_prefix(b"(") {
        Some(number) => (number, true),
        None => (word, false),
    };
    let score = score(number).ok_or_else(|| error("min or max is not a float"))?;
    Ok(ScoreBound { score, exclusive })
}

pub(super) fn zrangebyscore(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (mut with_scores, mut skip, mut take, mut at) = (false, 0, usize::MAX, 3);
    while at < words.len() {
        if is(words[at], "withscores") {
            with_scores = true;
        } else if is(words[at], "limit") && at + 2 < words.len() {
            let (offset, count) = (parse::int(words[at + 1])?, parse::int(words[at + 2])?);
            // A negative offset finds nothing, a negative count is no limit.
            skip = usize::try_from(offset).unwrap_or(usize::MAX);
            take = usize::try_from(count).unwrap_or(usize::MAX);
            at += 2;
        } else {
            return Err(syntax_error());
        }
        at += 1;
    }
    let (low, high) = (bound(words[1])?, bound(words[2])?);
    let Some(set) = keys.sorted(now, words[0])? else { return Ok(Resp::Array(Vec::new())) };
    Ok(members(set.between(low, high).skip(skip).take(take), with_scores))
}

pub(super) fn zremrangebyrank(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (start, stop) = (parse::int(words[1])?, parse::int(words[2])?);
    let Some(set) = keys.sorted(now, words[0])? else { return Ok(Resp::Int(0)) };
    let inside = index_range(set.len(), start, stop);
    let gone: Vec<Vec<u8>> =
        set.iter().skip(inside.start).take(inside.len()).map(|(m, _)| m.to_vec()).collect();
    Ok(remove(keys, now, words[0], &gone))
}

pub(super) fn zremrangebyscore(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (low, high) = (bound(words[1])?, bound(words[2])?);
    let Some(set) = keys.sorted(now, words[0])? else { return Ok(Resp::Int(0)) };
    let gone: Vec<Vec<u8>> = set.between(low, high).map(|(m, _)| m.to_vec()).collect();
    Ok(remove(keys, now, words[0], &gone))
}

fn remove(keys: &mut Keyspace, now: Nanos, key: &[u8], gone: &[Vec<u8>]) -> Resp {
    if let Ok(Some(set)) = keys.sorted(now, key) {
        for member in gone {
            set.remove(member);
        }
    }
    keys.drop_if_spent(now, key);
    Resp::count(gone.len())
}
