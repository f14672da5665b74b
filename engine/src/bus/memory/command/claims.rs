//! Pending entries: looking at them and taking them over.

use super::super::delivery::{Claim, PendingFilter};
use super::super::group::Group;
use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::parse::{self, is, next};
use super::{Outcome, Words, error, syntax_error};
use crate::{BusError, EntryId, Nanos};

pub(super) fn xpending(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (key, group) = (words[0], words[1]);
    if words.len() == 2 {
        let (stream, group) = keys.group_of(now, key, group)?;
        return Ok(summary(&stream.groups[group]));
    }
    let mut rest = &words[2..];
    if !(3..=6).contains(&rest.len()) {
        return Err(syntax_error());
    }
    let mut min_idle = Nanos::ZERO;
    if is(rest[0], "idle") {
        if rest.len() < 5 {
            return Err(syntax_error());
        }
        min_idle = Nanos::from_millis(parse::int(rest[1])?);
        rest = &rest[2..];
    }
    let count = parse::count_or_none(rest[2])?;
    let (low, high) = (parse::low(rest[0])?, parse::high(rest[1])?);
    let (stream, group) = keys.group_of(now, key, group)?;
    let group = &stream.groups[group];
    let consumer = rest.get(3).copied();
    let rows = group.pending_rows(now, PendingFilter { low, high, count, min_idle, consumer });
    let rows = rows.map(|row| {
        Resp::Array(vec![
            Resp::id(row.id),
            Resp::bytes(&group.consumers[row.consumer].name),
            Resp::Int(row.idle(now).millis()),
            Resp::count(row.deliveries),
        ])
    });
    Ok(Resp::Array(rows.collect()))
}

fn summary(group: &Group) -> Resp {
    let (Some(first), Some(last)) = (group.pending.front(), group.pending.back()) else {
        return Resp::Array(vec![Resp::Int(0), Resp::Nil, Resp::Nil, Resp::Nil]);
    };
    let owners = group.consumers_by_name().into_iter().filter(|consumer| consumer.pending > 0);
    let owners = owners.map(|consumer| {
        Resp::Array(vec![Resp::bytes(&consumer.name), Resp::text(consumer.pending.to_string())])
    });
    Resp::Array(vec![
        Resp::count(group.pending.len()),
        Resp::id(first.id),
        Resp::id(last.id),
        Resp::Array(owners.collect()),
    ])
}

/// The options behind the ids of XCLAIM, and LASTID.
fn claim_options(
    now: Nanos,
    min_idle: Nanos,
    words: Words<'_>,
) -> Result<(Claim, EntryId), BusError> {
    let mut claim =
        Claim { min_idle, delivered: now, deliveries: None, just_id: false, force: false };
    let mut last = EntryId::ZERO;
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        let more = at + 1 < words.len();
        let mut number = |problem: &str| {
            next(words, &mut at)
                .and_then(super::super::number::integer)
                .ok_or_else(|| error(problem))
        };
        if is(word, "force") {
            claim.force = true;
        } else if is(word, "justid") {
            claim.just_id = true;
        } else if is(word, "idle") && more {
            let idle = number("Invalid IDLE option argument for XCLAIM")?;
            claim.delivered = Nanos(now.0.saturating_sub(Nanos::from_millis(idle).0));
        } else if is(word, "time") && more {
            claim.delivered =
                Nanos::from_millis(number("Invalid TIME option argument for XCLAIM")?);
        } else if is(word, "retrycount") && more {
            let count = number("Invalid RETRYCOUNT option argument for XCLAIM")?;
            claim.deliveries = u64::try_from(count).ok();
        } else if is(word, "lastid") && more {
            at += 1;
            last = parse::id(words[at], 0)?;
        } else {
            let text = String::from_utf8_lossy(word);
            return Err(error(&format!("Unrecognized XCLAIM option '{text}'")));
        }
        at += 1;
    }
    // A time that cannot be is taken as now, as clients compute it by their own clocks.
    if claim.delivered < Nanos::ZERO || claim.delivered > now {
        claim.delivered = now;
    }
    Ok((claim, last))
}

pub(super) fn xclaim(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (stream, group) = keys.group_of(now, words[0], words[1])?;
    let min_idle = parse::idle(words[3], "Invalid min-idle-time argument for XCLAIM")?;
    let ids: Vec<EntryId> = words[4..].iter().map_while(|word| parse::id(word, 0).ok()).collect();
    let (claim, last) = claim_options(now, min_idle, &words[4 + ids.len()..])?;
    let last_delivered = &mut stream.groups[group].last_delivered;
    *last_delivered = (*last_delivered).max(last);
    let mut claimed = Vec::new();
    stream.claim(now, group, words[2], &ids, claim, &mut claimed);
    Ok(if claim.just_id { Resp::ids(&claimed) } else { Resp::entries(&claimed) })
}

pub(super) fn xautoclaim(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let min_idle = parse::idle(words[3], "Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = parse::low(words[4])?;
    let (mut count, mut just_id, mut at) = (100, false, 5);
    while at < words.len() {
        if is(words[at], "count") && at + 1 < words.len() {
            let most = parse::int(next(words, &mut at).ok_or_else(syntax_error)?)?;
            if most < 1 {
                return Err(error("COUNT must be > 0"));
            }
            count = usize::try_from(most).unwrap_or(usize::MAX);
        } else if is(words[at], "justid") {
            just_id = true;
        } else {
            return Err(syntax_error());
        }
        at += 1;
    }
    let (stream, group) = keys.group_of(now, words[0], words[1])?;
    let claim = Claim { min_idle, delivered: now, deliveries: None, just_id, force: false };
    let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
    let cursor =
        stream.auto_claim(now, group, words[2], start, count, claim, &mut claimed, &mut deleted);
    let claimed = if just_id { Resp::ids(&claimed) } else { Resp::entries(&claimed) };
    let deleted = deleted.into_iter().map(Resp::id).collect();
    Ok(Resp::Array(vec![Resp::id(cursor), claimed, Resp::Array(deleted)]))
}
