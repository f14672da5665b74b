//! Groups: making, reading, acknowledging.

use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::parse::{self, is, next};
use super::streams::read_options;
use super::{Outcome, Words, error, no_such_group, syntax_error, wrong_arity};
use crate::{BusError, EntryId, Nanos, ReadFrom};

pub(super) fn xgroup(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (subcommand, args) = (words[0], &words[1..]);
    let known =
        [("create", -3), ("setid", -3), ("destroy", 2), ("createconsumer", 3), ("delconsumer", 3)];
    let Some((name, arity)) = known.into_iter().find(|(name, _)| is(subcommand, name)) else {
        let text = String::from_utf8_lossy(subcommand);
        return Err(error(&format!("unknown subcommand '{text}'. Try XGROUP HELP.")));
    };
    let fits = if arity < 0 { args.len() >= 3 } else { args.len() == arity as usize };
    if !fits {
        return Err(wrong_arity(&format!("xgroup|{name}")));
    }
    let (key, group) = (args[0], args[1]);
    match name {
        "create" => create(keys, now, words),
        "setid" => set_id(keys, now, words),
        "destroy" => {
            let stream = keys.stream(now, key)?.ok_or_else(no_stream)?;
            let index = stream.group_index(group);
            if let Some(index) = index {
                stream.groups.remove(index);
            }
            Ok(Resp::flag(index.is_some()))
        }
        _ => {
            let stream = keys.stream(now, key)?.ok_or_else(no_stream)?;
            let group = stream.group(group).ok_or_else(|| no_such_group(key, group))?;
            if name == "delconsumer" {
                return Ok(Resp::count(group.remove_consumer(args[2])));
            }
            let is_new = group.consumer(args[2]).is_none();
            if is_new {
                group.add_consumer(now, args[2]);
            }
            Ok(Resp::flag(is_new))
        }
    }
}

fn no_stream() -> BusError {
    error(
        "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
    )
}

/// Whether MKSTREAM is there, and ENTRIESREAD.
fn group_options(words: Words<'_>, subcommand: &[u8]) -> Result<(bool, Option<u64>), BusError> {
    let may_make = is(subcommand, "create");
    let (mut make, mut entries_read, mut at) = (false, None, 0);
    while at < words.len() {
        if is(words[at], "mkstream") && may_make {
            make = true;
        } else if is(words[at], "entriesread") && at + 1 < words.len() {
            let count = parse::int(next(words, &mut at).ok_or_else(syntax_error)?)?;
            if count < -1 {
                return Err(error("value for ENTRIESREAD must be positive or -1"));
            }
            entries_read = u64::try_from(count).ok();
        } else {
            let name = String::from_utf8_lossy(subcommand);
            return Err(error(&format!(
                "unknown subcommand or wrong number of arguments for '{name}'. Try XGROUP HELP."
            )));
        }
        at += 1;
    }
    Ok((make, entries_read))
}

fn create(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (key, group, start) = (words[1], words[2], words[3]);
    let (make, entries_read) = group_options(&words[4..], words[0])?;
    let there = keys.stream(now, key)?.is_some();
    if !there && !make {
        return Err(no_stream());
    }
    let start = match start {
        b"$" => None,
        word => Some(parse::id(word, 0)?),
    };
    let stream = keys.stream_or_new(now, key)?;
    stream.create_group(group, start.unwrap_or(stream.last_id), entries_read)?;
    Ok(Resp::OK)
}

fn set_id(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (key, name, start) = (words[1], words[2], words[3]);
    let (_, entries_read) = group_options(&words[4..], words[0])?;
    let stream = keys.stream(now, key)?.ok_or_else(no_stream)?;
    let last = stream.last_id;
    let group = stream.group(name).ok_or_else(|| no_such_group(key, name))?;
    group.last_delivered = match start {
        b"$" => last,
        word => parse::id(word, 0)?,
    };
    group.entries_read = entries_read;
    Ok(Resp::OK)
}

pub(super) fn xreadgroup(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let options = read_options(words, true)?;
    let Some((group, consumer)) = options.group else {
        return Err(error("Missing GROUP option for XREADGROUP"));
    };
    let mut reads = Vec::new();
    for (key, word) in options.keys.iter().zip(options.ids) {
        keys.group_of(now, key, group).map_err(|error| match error {
            no_group @ BusError::NoGroup { .. } => {
                BusError::Other(format!("{no_group} in XREADGROUP with GROUP option"))
            }
            other => other,
        })?;
        let from = match *word {
            b">" => ReadFrom::New,
            b"$" => {
                return Err(error(
                    "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
                ));
            }
            word => ReadFrom::Pending(parse::id(word, 0)?),
        };
        reads.push((*key, from));
    }
    let mut found = Vec::new();
    for (key, from) in reads {
        let (stream, group) = keys.group_of(now, key, group)?;
        let mut entries = Vec::new();
        match from {
            ReadFrom::New => {
                stream.read_new(now, group, consumer, options.count, options.keep, &mut entries);
            }
            ReadFrom::Pending(after) => {
                stream.read_pending(now, group, consumer, after, options.count, &mut entries);
            }
        }
        // One's own history is an answer even when it is empty.
        if !entries.is_empty() || from != ReadFrom::New {
            found.push(Resp::Array(vec![Resp::bytes(key), Resp::entries(&entries)]));
        }
    }
    Ok(if found.is_empty() { Resp::Nil } else { Resp::Array(found) })
}

pub(super) fn xack(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some(stream) = keys.stream(now, words[0])? else { return Ok(Resp::Int(0)) };
    let Some(group) = stream.group(words[1]) else { return Ok(Resp::Int(0)) };
    let ids: Vec<EntryId> =
        words[2..].iter().map(|word| parse::id(word, 0)).collect::<Result<_, _>>()?;
    Ok(Resp::count(ids.into_iter().filter(|id| group.acknowledge(*id)).count()))
}
