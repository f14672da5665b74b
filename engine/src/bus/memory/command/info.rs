//! XINFO.

use super::super::keyspace::Keyspace;
use super::super::resp::Resp;
use super::super::stream::{Stored, Stream};
use super::parse::is;
use super::{Outcome, Words, error, no_such_group, no_such_key, syntax_error, wrong_arity};
use crate::Nanos;

pub(super) fn xinfo(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let (subcommand, args) = (words[0], &words[1..]);
    let known = [("stream", 1), ("groups", 1), ("consumers", 2)];
    let Some((name, arity)) = known.into_iter().find(|(name, _)| is(subcommand, name)) else {
        let text = String::from_utf8_lossy(subcommand);
        return Err(error(&format!("unknown subcommand '{text}'. Try XINFO HELP.")));
    };
    if args.len() < arity || (name != "stream" && args.len() > arity) {
        return Err(wrong_arity(&format!("xinfo|{name}")));
    }
    let stream = keys.stream(now, args[0])?.ok_or_else(no_such_key)?;
    match name {
        // XINFO STREAM FULL is for people at a prompt.
        "stream" if args.len() > 1 => Err(syntax_error()),
        "stream" => Ok(about_stream(stream)),
        "groups" => Ok(about_groups(stream)),
        _ => {
            let missing = || no_such_group(args[0], args[1]);
            let group = stream.group(args[1]).ok_or_else(missing)?;
            let rows = group.consumers_by_name().into_iter().map(|consumer| {
                let idle = (now - consumer.seen).max(Nanos::ZERO).millis();
                table([
                    ("name", Resp::bytes(&consumer.name)),
                    ("pending", Resp::count(consumer.pending)),
                    ("idle", Resp::Int(idle)),
                ])
            });
            Ok(Resp::Array(rows.collect()))
        }
    }
}

fn table<const N: usize>(rows: [(&str, Resp); N]) -> Resp {
    Resp::Array(rows.into_iter().flat_map(|(name, value)| [Resp::text(name), value]).collect())
}

fn about_stream(stream: &Stream) -> Resp {
    let entry = |stored: Option<&Stored>| stored.map_or(Resp::Nil, |s| Resp::entry(&s.entry()));
    table([
        ("length", Resp::count(stream.len())),
        ("radix-tree-keys", Resp::count(stream.node_count())),
        // The shape of Redis' tree is not modelled; a tree has at least its root.
        ("radix-tree-nodes", Resp::count(stream.node_count() + 1)),
        ("last-generated-id", Resp::id(stream.last_id)),
        ("max-deleted-entry-id", Resp::id(stream.max_deleted)),
        ("entries-added", Resp::count(stream.added)),
        ("recorded-first-entry-id", Resp::id(stream.first_id())),
        ("groups", Resp::count(stream.groups.len())),
        ("first-entry", entry(stream.entries.front())),
        ("last-entry", entry(stream.entries.back())),
    ])
}

fn about_groups(stream: &Stream) -> Resp {
    let rows = stream.groups_by_name().into_iter().map(|group| {
        table([
            ("name", Resp::bytes(&group.name)),
            ("consumers", Resp::count(group.consumers.len())),
            ("pending", Resp::count(group.pending.len())),
            ("last-delivered-id", Resp::id(group.last_delivered)),
            ("entries-read", group.entries_read.map_or(Resp::Nil, Resp::count)),
            ("lag", stream.lag(group).map_or(Resp::Nil, Resp::Int)),
        ])
    });
    Resp::Array(rows.collect())
}
