//! One change of the bus, and the command that repeats it.

use engine::{Body, EntryId, GroupStart, Nanos, Record, Trim};

use crate::redis::ask::{digits, millis};
use crate::redis::wire::pack;

type Key = Box<str>;

/// Owns what it needs without making text of it: that is the thread's work.
#[derive(Debug)]
pub(super) enum Change {
    /// Everything is written anew from here.
    Begin,
    Entry {
        stream: Key,
        id: EntryId,
        body: Body,
        trim: Trim,
    },
    Group {
        stream: Key,
        group: Key,
        start: GroupStart,
    },
    /// XREADGROUP of so many new ones.
    Read {
        stream: Key,
        group: Key,
        consumer: Key,
        count: usize,
    },
    /// XREADGROUP of so many that were pending.
    ReadAgain {
        stream: Key,
        group: Key,
        consumer: Key,
        after: EntryId,
        count: usize,
    },
    Acknowledged {
        stream: Key,
        group: Key,
        id: EntryId,
    },
    Claimed {
        stream: Key,
        group: Key,
        consumer: Key,
        ids: Vec<EntryId>,
    },
    Text {
        key: Key,
        value: Vec<u8>,
        life: Option<Nanos>,
    },
    Json {
        key: Key,
        record: Box<dyn Record>,
        life: Option<Nanos>,
    },
    Hash {
        key: Key,
        record: Box<dyn Record>,
        life: Option<Nanos>,
    },
    /// A string whose life stays.
    Number {
        key: Key,
        value: i64,
    },
    Field {
        key: Key,
        field: Key,
        value: Vec<u8>,
    },
    Member {
        key: Key,
        value: Vec<u8>,
    },
    Push {
        key: Key,
        value: Vec<u8>,
        keep: usize,
    },
    Deleted {
        key: Key,
    },
    Expires {
        key: Key,
        life: Nanos,
    },
    /// A command of a key that is written anew.
    Command {
        key: Key,
        words: Vec<Vec<u8>>,
    },
}

impl Change {
    /// The key that it changes.
    pub(super) fn key(&self) -> &str {
        match self {
            Change::Begin => "",
            Change::Entry { stream, .. }
            | Change::Group { stream, .. }
            | Change::Read { stream, .. }
            | Change::ReadAgain { stream, .. }
            | Change::Acknowledged { stream, .. }
            | Change::Claimed { stream, .. } => stream,
            Change::Text { key, .. }
            | Change::Json { key, .. }
            | Change::Hash { key, .. }
            | Change::Number { key, .. }
            | Change::Field { key, .. }
            | Change::Member { key, .. }
            | Change::Push { key, .. }
            | Change::Deleted { key }
            | Change::Expires { key, .. }
            | Change::Command { key, .. } => key,
        }
    }

    /// Whether the key may come about by it.
    pub(super) fn makes(&self) -> bool {
        !matches!(self, Change::Expires { .. } | Change::Deleted { .. } | Change::Begin)
    }

    /// Appends its commands; answers how many those are.
    pub(super) fn pack(&self, out: &mut Vec<u8>) -> usize {
        match self {
            Change::Begin => return 0,
            Change::Entry { stream, id, body, trim } => {
                let (id, fields) = (id.to_string(), body.to_fields());
                let keep = match trim {
                    Trim::Keep => None,
                    Trim::Exact(keep) => Some((b"=", digits(keep))),
                    Trim::Approximate(keep) => Some((b"~", digits(keep))),
                };
                let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes()];
                if let Some((how, keep)) = &keep {
                    words.extend([b"MAXLEN".as_slice(), how.as_slice(), keep]);
                }
                words.push(id.as_bytes());
                words.extend(fields.0.iter().flat_map(|(name, value)| [&**name, &**value]));
                pack(&words, out);
            }
            Change::Group { stream, group, start } => {
                let start = match start {
                    GroupStart::Beginning => "0".to_owned(),
                    GroupStart::End => "$".to_owned(),
                    GroupStart::After(id) => id.to_string(),
                };
                let (stream, group) = (stream.as_bytes(), group.as_bytes());
                pack(&[b"XGROUP", b"CREATE", stream, group, start.as_bytes(), b"MKSTREAM"], out);
            }
            Change::Read { stream, group, consumer, count } => {
                read(stream, group, consumer, *count, ">", out);
            }
            Change::ReadAgain { stream, group, consumer, after, count } => {
                read(stream, group, consumer, *count, &after.to_string(), out);
            }
            Change::Acknowledged { stream, group, id } => {
                let id = id.to_string();
                pack(&[b"XACK", stream.as_bytes(), group.as_bytes(), id.as_bytes()], out);
            }
            Change::Claimed { stream, group, consumer, ids } => {
                return claimed(stream, group, consumer, ids, out);
            }
            Change::Text { key, value, life } => set(key, value, *life, out),
            Change::Json { key, record, life } => {
                set(key, record.to_json().to_string().as_bytes(), *life, out);
            }
            Change::Hash { key, record, life } => return hash(key, &**record, *life, out),
            Change::Number { key, value } => {
                pack(&[b"SET", key.as_bytes(), &digits(value), b"KEEPTTL"], out);
            }
            Change::Field { key, field, value } => {
                pack(&[b"HSET", key.as_bytes(), field.as_bytes(), value], out);
            }
            Change::Member { key, value } => pack(&[b"SADD", key.as_bytes(), value], out),
            Change::Push { key, value, keep: 0 } => {
                pack(&[b"LPUSH", key.as_bytes(), value], out);
                pack(&[b"DEL", key.as_bytes()], out);
                return 2;
            }
            Change::Push { key, value, keep } => {
                pack(&[b"LPUSH", key.as_bytes(), value], out);
                pack(&[b"LTRIM", key.as_bytes(), b"0", &digits(keep - 1)], out);
                return 2;
            }
            Change::Deleted { key } => pack(&[b"DEL", key.as_bytes()], out),
            Change::Expires { key, life } => {
                pack(&[b"PEXPIRE", key.as_bytes(), &digits(millis(*life))], out);
            }
            Change::Command { words, .. } => {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                pack(&words, out);
            }
        }
        1
    }
}

fn read(stream: &str, group: &str, consumer: &str, count: usize, from: &str, out: &mut Vec<u8>) {
    let count = digits(count);
    let (group, consumer) = (group.as_bytes(), consumer.as_bytes());
    let words: [&[u8]; 9] = [
        b"XREADGROUP",
        b"GROUP",
        group,
        consumer,
        b"COUNT",
        &count,
        b"STREAMS",
        stream.as_bytes(),
        from.as_bytes(),
    ];
    pack(&words, out);
}

/// What was claimed; and what XAUTOCLAIM meets that is no longer in the stream leaves the list.
fn claimed(stream: &str, group: &str, consumer: &str, ids: &[EntryId], out: &mut Vec<u8>) -> usize {
    let (stream, group, consumer) = (stream.as_bytes(), group.as_bytes(), consumer.as_bytes());
    // Nothing has been idle for three hundred years.
    let words: [&[u8]; 9] = [
        b"XAUTOCLAIM",
        stream,
        group,
        consumer,
        b"9000000000000",
        b"0",
        b"COUNT",
        b"10000",
        b"JUSTID",
    ];
    pack(&words, out);
    if ids.is_empty() {
        return 1;
    }
    let ids: Vec<String> = ids.iter().map(EntryId::to_string).collect();
    let mut words: Vec<&[u8]> = vec![b"XCLAIM", stream, group, consumer, b"0"];
    words.extend(ids.iter().map(|id| id.as_bytes()));
    pack(&words, out);
    2
}

fn set(key: &str, value: &[u8], life: Option<Nanos>, out: &mut Vec<u8>) {
    match life {
        None => pack(&[b"SET", key.as_bytes(), value], out),
        Some(life) => {
            pack(&[b"SET", key.as_bytes(), value, b"PX", &digits(millis(life))], out);
        }
    }
}

fn hash(key: &str, record: &dyn Record, life: Option<Nanos>, out: &mut Vec<u8>) -> usize {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    record.for_each_field(&mut |name, text| {
        fields.extend([name.as_bytes().to_vec(), text.as_bytes().to_vec()]);
    });
    pack(&[b"MULTI"], out);
    pack(&[b"DEL", key.as_bytes()], out);
    let mut commands = 3;
    if !fields.is_empty() {
        let mut words: Vec<&[u8]> = vec![b"HSET", key.as_bytes()];
        words.extend(fields.iter().map(Vec::as_slice));
        pack(&words, out);
        commands += 1;
    }
    if let Some(life) = life {
        pack(&[b"PEXPIRE", key.as_bytes(), &digits(millis(life))], out);
        commands += 1;
    }
    pack(&[b"EXEC"], out);
    commands
}
