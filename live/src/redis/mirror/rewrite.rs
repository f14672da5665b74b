//! A key that is written anew, a piece at a time.

use std::collections::VecDeque;

use engine::{Bus, EntryId, GroupInfo, GroupStart, HashFields, Nanos, Resp, Trim, Ttl};

use super::change::Change;
use crate::redis::ask::{digits, millis};

/// Rows of a pending list that are copied.
const PENDING_MAX: usize = 1_000;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    /// What was made and not yet handed over.
    pub(super) changes: VecDeque<Change>,
    /// The last entry of a stream that was made; nothing yet when absent.
    upto: Option<EntryId>,
    /// The key has changed since the first piece was made.
    disturbed: bool,
    /// The last piece is made.
    complete: bool,
    /// The key has changed since then, so that it begins again.
    outdated: bool,
}

fn command(key: &str, words: &[&[u8]]) -> Change {
    Change::Command { key: key.into(), words: words.iter().map(|word| word.to_vec()).collect() }
}

impl Rewrite {
    /// The key has changed meanwhile.
    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
        self.outdated = self.complete;
    }

    /// Whether the key on the server is what it is here, once all changes have been handed over.
    pub(super) fn is_done(&self) -> bool {
        self.complete && !self.outdated
    }

    /// Makes about `room` changes.
    pub(super) fn step<B: Bus>(&mut self, bus: &mut B, now: Nanos, key: &str, room: usize) {
        if self.outdated {
            *self = Rewrite::default();
        }
        let mut out = Vec::new();
        self.complete = self.piece(bus, now, key, room, &mut out);
        self.changes.extend(out);
    }

    /// Appends some of it; `true` when that was the rest.
    fn piece<B: Bus>(
        &mut self,
        bus: &mut B,
        now: Nanos,
        key: &str,
        room: usize,
        out: &mut Vec<Change>,
    ) -> bool {
        let kind = bus.execute(now, &[b"TYPE", key.as_bytes()]);
        if self.upto.is_none() {
            out.push(Change::Deleted { key: key.into() });
        }
        if kind == Resp::Status("stream") {
            return self.stream(bus, now, key, room, out);
        }
        match kind {
            Resp::Status("string") => {
                if let Ok(Some(value)) = bus.get(now, key) {
                    out.push(Change::Text { key: key.into(), value, life: None });
                }
            }
            Resp::Status("hash") => hash(key, bus.hgetall(now, key).unwrap_or_default(), out),
            Resp::Status("list") => {
                let items = bus.lrange(now, key, usize::MAX).unwrap_or_default();
                many(key, b"RPUSH", items, out);
            }
            Resp::Status("set") => {
                many(key, b"SADD", items(bus.execute(now, &[b"SMEMBERS", key.as_bytes()])), out);
            }
            Resp::Status("zset") => {
                let words: [&[u8]; 5] = [b"ZRANGE", key.as_bytes(), b"0", b"-1", b"WITHSCORES"];
                let mut pairs = items(bus.execute(now, &words));
                // ZADD wants the score before its member.
                pairs.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
                many(key, b"ZADD", pairs, out);
            }
            _ => {}
        }
        life(bus, now, key, out);
        true
    }

    /// Entries from the oldest to the newest, then what only the end of it can say. Entries that come meanwhile
    /// are met on the way; what is cut meanwhile is cut at the end.
    fn stream<B: Bus>(
        &mut self,
        bus: &mut B,
        now: Nanos,
        key: &str,
        room: usize,
        out: &mut Vec<Change>,
    ) -> bool {
        let low = match self.upto {
            None => EntryId::ZERO,
            Some(EntryId { ms, seq: u64::MAX }) => EntryId { ms: ms.saturating_add(1), seq: 0 },
            Some(EntryId { ms, seq }) => EntryId { ms, seq: seq + 1 },
        };
        let mut entries = Vec::new();
        let _ = bus.xrange(now, key, low, EntryId::MAX, room, &mut entries);
        let last_piece = entries.len() < room;
        for entry in entries {
            self.upto = Some(entry.id);
            if let Some(body) = entry.body {
                out.push(Change::Entry {
                    stream: key.into(),
                    id: entry.id,
                    body,
                    trim: Trim::Keep,
                });
            }
        }
        self.upto.get_or_insert(EntryId::ZERO);
        if !last_piece {
            return false;
        }
        if self.disturbed {
            let length = digits(bus.xlen(now, key).unwrap_or(0));
            out.push(command(key, &[b"XTRIM", key.as_bytes(), b"MAXLEN", b"=", &length]));
        }
        counters(bus, now, key, out);
        for group in bus.xinfo_groups(now, key).unwrap_or_default() {
            groups(bus, now, key, &group, out);
        }
        life(bus, now, key, out);
        true
    }
}

/// What a stream remembers of entries that are no longer there: lags are counted from it.
fn counters<B: Bus>(bus: &mut B, now: Nanos, key: &str, out: &mut Vec<Change>) {
    let stream = key.as_bytes();
    if bus.xlen(now, key) == Ok(0) {
        // A stream without entries comes about with a group only.
        let (create, destroy) = (b"CREATE".as_slice(), b"DESTROY".as_slice());
        out.push(command(key, &[b"XGROUP", create, stream, b"qsim", b"0", b"MKSTREAM"]));
        out.push(command(key, &[b"XGROUP", destroy, stream, b"qsim"]));
    }
    let Resp::Array(words) = bus.execute(now, &[b"XINFO", b"STREAM", stream]) else { return };
    let text = |name: &str| {
        let at = words.iter().position(|word| *word == Resp::Bulk(name.as_bytes().to_vec()))?;
        match words.get(at + 1)? {
            Resp::Bulk(bytes) => Some(bytes.clone()),
            Resp::Int(number) => Some(digits(number)),
            _ => None,
        }
    };
    let all = [text("last-generated-id"), text("entries-added"), text("max-deleted-entry-id")];
    if let [Some(last), Some(added), Some(deleted)] = &all {
        let words: [&[u8]; 7] =
            [b"XSETID", stream, last, b"ENTRIESADDED", added, b"MAXDELETEDID", deleted];
        out.push(command(key, &words));
    }
}

fn groups<B: Bus>(bus: &mut B, now: Nanos, key: &str, group: &GroupInfo, out: &mut Vec<Change>) {
    let (stream, name) = (key.as_bytes(), group.name.as_bytes());
    let last = group.last_delivered.to_string();
    let read = group.entries_read.map(digits);
    match &read {
        Some(read) => {
            let words: [&[u8]; 8] = [
                b"XGROUP",
                b"CREATE",
                stream,
                name,
                last.as_bytes(),
                b"MKSTREAM",
                b"ENTRIESREAD",
                read,
            ];
            out.push(command(key, &words));
        }
        None => out.push(Change::Group {
            stream: key.into(),
            group: group.name.as_str().into(),
            start: GroupStart::After(group.last_delivered),
        }),
    }
    let rows = bus.xpending(now, key, &group.name, Nanos::ZERO, PENDING_MAX).unwrap_or_default();
    for row in rows {
        let (id, idle) = (row.id.to_string(), digits(millis(row.idle)));
        let times = digits(row.deliveries);
        let words: [&[u8]; 12] = [
            b"XCLAIM",
            stream,
            name,
            row.consumer.as_bytes(),
            b"0",
            id.as_bytes(),
            b"IDLE",
            &idle,
            b"RETRYCOUNT",
            &times,
            b"FORCE",
            b"JUSTID",
        ];
        out.push(command(key, &words));
    }
}

fn life<B: Bus>(bus: &mut B, now: Nanos, key: &str, out: &mut Vec<Change>) {
    if let Ttl::Left(life) = bus.ttl(now, key) {
        out.push(Change::Expires { key: key.into(), life });
    }
}

fn hash(key: &str, fields: HashFields, out: &mut Vec<Change>) {
    let pairs = fields.into_iter().flat_map(|(name, value)| [name.into_bytes(), value]).collect();
    many(key, b"HSET", pairs, out);
}

/// One command with all of these, if there are any.
fn many(key: &str, name: &[u8], items: Vec<Vec<u8>>, out: &mut Vec<Change>) {
    // An even number, so that pairs stay together.
    for some in items.chunks(1_000) {
        let mut words: Vec<&[u8]> = vec![name, key.as_bytes()];
        words.extend(some.iter().map(Vec::as_slice));
        out.push(command(key, &words));
    }
}

fn items(reply: Resp) -> Vec<Vec<u8>> {
    let Resp::Array(items) = reply else { return Vec::new() };
    let bytes = |item| match item {
        Resp::Bulk(bytes) => Some(bytes),
        _ => None,
    };
    items.into_iter().filter_map(bytes).collect()
}
