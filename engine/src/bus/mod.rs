//! The bus: Redis streams, consumer groups and keys as the pipeline knows them.
//!
//! [`Bus`] is the port. [`MemoryBus`] is the embedded implementation, with the semantics of Redis 7 and
//! times to live on virtual time; a differential test holds it to a real server. What a bus outside of the
//! process answered is kept on a [`tape`], so that a replay gets the same answers without it.

mod memory;
mod message;
pub mod tape;

pub use memory::{MemoryBus, Resp};
pub use message::{Body, Envelope, Enveloped, Fields, Message};
pub use tape::{Supply, TapeBus, TapeRecorder};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Nanos, Record};

/// Id of a stream entry: milliseconds and a sequence number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct EntryId {
    /// Milliseconds since the epoch.
    pub ms: u64,
    /// Rank within the millisecond.
    pub seq: u64,
}

impl EntryId {
    /// `0-0`, before every entry.
    pub const ZERO: EntryId = EntryId { ms: 0, seq: 0 };
    /// After every entry.
    pub const MAX: EntryId = EntryId { ms: u64::MAX, seq: u64::MAX };
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = String;
    fn from_str(text: &str) -> Result<EntryId, String> {
        let bad = || format!("{text:?} is not an entry id such as 1769718915183-0");
        let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
        Ok(EntryId { ms: ms.parse().map_err(|_| bad())?, seq: seq.parse().map_err(|_| bad())? })
    }
}

/// An entry as a reader gets it. The body is absent when a pending entry was deleted or trimmed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// What it says.
    pub body: Option<Body>,
}

/// How XADD and XTRIM cut a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trim {
    /// Not at all.
    Keep,
    /// MAXLEN =: never longer than this.
    Exact(u64),
    /// MAXLEN ~: whole nodes of 100 entries only, as Redis does with its default node size.
    Approximate(u64),
}

/// Where a new group starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupStart {
    /// `0`: everything in the stream.
    Beginning,
    /// `$`: only what comes after.
    End,
    /// After this entry.
    After(EntryId),
}

/// What XREADGROUP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// `>`: entries that no consumer of the group has had.
    New,
    /// The consumer's own pending entries after this one.
    Pending(EntryId),
}

/// One row of XPENDING (extended form).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRow {
    /// The entry.
    pub id: EntryId,
    /// Who has it.
    pub consumer: String,
    /// Since its last delivery.
    pub idle: Nanos,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// A row of XINFO GROUPS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupInfo {
    /// Its name.
    pub name: String,
    /// Number of consumers.
    pub consumers: u64,
    /// Length of the pending list.
    pub pending: u64,
    /// Last entry delivered to any consumer.
    pub last_delivered: EntryId,
    /// Redis' logical read counter; `None` when it cannot be known.
    pub entries_read: Option<u64>,
    /// Entries not yet read; `None` when it cannot be known.
    pub lag: Option<u64>,
}

/// The fields of a hash: names as text, values as bytes.
pub type HashFields = Vec<(String, Vec<u8>)>;

/// What a key holds that records are kept under.
#[derive(Debug)]
pub enum Held<'a, Raw> {
    /// No such key.
    Absent,
    /// A record, as it was put there.
    Record(&'a dyn Record),
    /// Something that a raw write left there.
    Raw(Raw),
}

impl<'a, Raw> Held<'a, Raw> {
    /// The record, if it is one.
    pub fn record(self) -> Option<&'a dyn Record> {
        match self {
            Held::Record(record) => Some(record),
            Held::Absent | Held::Raw(_) => None,
        }
    }
}

/// What TTL answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ttl {
    /// -2: no such key.
    Absent,
    /// -1: it does not expire.
    Persistent,
    /// Time left.
    Left(Nanos),
}

/// Conditions and life of SET.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// NX: only when absent.
    pub if_absent: bool,
    /// XX: only when present.
    pub if_present: bool,
    /// EX or PX: life of the key.
    pub expire: Option<Nanos>,
}

/// Redis' errors, with their first word as Redis sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum BusError {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value (key {key:?})")]
    WrongType {
        /// Which key.
        key: String,
    },
    /// The group exists.
    #[error("BUSYGROUP Consumer Group name already exists")]
    BusyGroup,
    /// No such stream or group.
    #[error("NOGROUP No such key '{key}' or consumer group '{group}'")]
    NoGroup {
        /// The stream.
        key: String,
        /// The group.
        group: String,
    },
    /// Its server did not answer: the operation may or may not have been done, the text says which.
    #[error("{0}")]
    Lost(String),
    /// Anything else, in Redis' words.
    #[error("{0}")]
    Other(String),
}

/// The bus port. Each method takes the time, because expiry, entry ids and idle times depend on it.
///
/// Keys and group names are text; values of strings, hashes and raw entries are bytes. Records stay
/// typed inside ([`Record`]): to every raw command a record under a key is the hash of its fields
/// (`set_record`) or a string with its JSON (`set_json`).
///
/// A bus on a real server goes by the server's clock: `now` matters only to a bus in memory. Methods without
/// a `Result` answer "nothing there" and "nothing done" while the bus cannot answer; [`Bus::take_lost`] tells
/// afterwards. The kernel asks it after each input: an entry that a service handled in vain stays pending,
/// and no order is opened on such an answer.
///
/// A count of zero reads nothing.
pub trait Bus: Send {
    /// XADD with `*`. Ids never go back: in one millisecond, or after a jump, the sequence counts on.
    fn xadd(
        &mut self,
        now: Nanos,
        stream: &str,
        body: Body,
        trim: Trim,
    ) -> Result<EntryId, BusError>;

    /// XADD of a body that `seen` looks at as soon as it has its id. Nobody needs a copy of it then.
    fn xadd_seen(
        &mut self,
        now: Nanos,
        stream: &str,
        body: Body,
        trim: Trim,
        seen: &mut dyn FnMut(EntryId, &Body),
    ) -> Result<EntryId, BusError> {
        let id = self.xadd(now, stream, body.clone(), trim)?;
        seen(id, &body);
        Ok(id)
    }
    /// XLEN.
    fn xlen(&mut self, now: Nanos, stream: &str) -> Result<u64, BusError>;
    /// XGROUP CREATE with MKSTREAM. An existing group is [`BusError::BusyGroup`].
    fn xgroup_create(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<(), BusError>;
    /// XREADGROUP COUNT `count`: appends to `out`.
    #[allow(clippy::too_many_arguments)]
    fn xreadgroup(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        consumer: &str,
        from: ReadFrom,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError>;
    /// XREAD: entries after `after`, appended to `out`.
    fn xread(
        &mut self,
        now: Nanos,
        stream: &str,
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError>;
    /// XACK of one entry; `false` when it was not pending.
    fn xack(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        id: EntryId,
    ) -> Result<bool, BusError>;
    /// XPENDING, extended form.
    fn xpending(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>, BusError>;
    /// XAUTOCLAIM from `start`: claimed entries are appended to `out`; answers the next cursor.
    #[allow(clippy::too_many_arguments)]
    fn xautoclaim(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        consumer: &str,
        min_idle: Nanos,
        start: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<EntryId, BusError>;
    /// XINFO GROUPS.
    fn xinfo_groups(&mut self, now: Nanos, stream: &str) -> Result<Vec<GroupInfo>, BusError>;
    /// XRANGE from `low` to `high`, oldest first, appended to `out`.
    fn xrange(
        &mut self,
        now: Nanos,
        stream: &str,
        low: EntryId,
        high: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError>;
    /// XREVRANGE, newest first, appended to `out`.
    fn xrevrange(
        &mut self,
        now: Nanos,
        stream: &str,
        high: EntryId,
        low: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError>;

    /// GET.
    fn get(&mut self, now: Nanos, key: &str) -> Result<Option<Vec<u8>>, BusError>;
    /// SET; `false` when its condition did not hold.
    fn set(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        options: SetOptions,
    ) -> Result<bool, BusError>;
    /// INCRBY.
    fn incr_by(&mut self, now: Nanos, key: &str, by: i64) -> Result<i64, BusError>;
    /// DEL of one key; `false` when there was none.
    fn del(&mut self, now: Nanos, key: &str) -> bool;
    /// Deletes all of these keys if all are there, else none: in one step, so that nobody sees half of it. On
    /// Redis a script of EXISTS and DEL.
    fn del_together(&mut self, now: Nanos, keys: &[&str]) -> bool;
    /// EXISTS of one key.
    fn exists(&mut self, now: Nanos, key: &str) -> bool;
    /// PEXPIRE; `false` when there is no such key.
    fn expire(&mut self, now: Nanos, key: &str, life: Nanos) -> bool;
    /// PTTL.
    fn ttl(&mut self, now: Nanos, key: &str) -> Ttl;
    /// All keys that match the glob `pattern` (SCAN until its cursor is 0), sorted.
    fn scan(&mut self, now: Nanos, pattern: &str) -> Vec<String>;
    /// HGET.
    fn hget(&mut self, now: Nanos, key: &str, field: &str) -> Result<Option<Vec<u8>>, BusError>;
    /// HSET of one field; `true` when it is new.
    fn hset(&mut self, now: Nanos, key: &str, field: &str, value: &[u8]) -> Result<bool, BusError>;
    /// HINCRBY.
    fn hincr_by(&mut self, now: Nanos, key: &str, field: &str, by: i64) -> Result<i64, BusError>;
    /// SADD of one member; `true` when it is new.
    fn sadd(&mut self, now: Nanos, key: &str, member: &[u8]) -> Result<bool, BusError>;
    /// LPUSH followed by LTRIM 0 `keep`-1.
    fn lpush_keep(
        &mut self,
        now: Nanos,
        key: &str,
        value: &[u8],
        keep: usize,
    ) -> Result<(), BusError>;
    /// LRANGE 0 `count`-1.
    fn lrange(&mut self, now: Nanos, key: &str, count: usize) -> Result<Vec<Vec<u8>>, BusError>;

    /// Replaces the hash at `key` by the fields of `record` (DEL, HSET and PEXPIRE as one transaction).
    /// A key that holds another type than a hash is WRONGTYPE. A value of the same record type is
    /// overwritten in place.
    fn set_record(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError>;
    /// The hash at `key`: the record that `set_record` put there while no raw write has changed it, else
    /// its fields in the order of insertion.
    fn record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, HashFields>, BusError>;
    /// HGETALL, in the order of insertion; from a real server, which forgets that order of long hashes, in
    /// the order of names.
    fn hgetall(&mut self, now: Nanos, key: &str) -> Result<HashFields, BusError>;
    /// SET of the record's JSON text; `false` when the condition did not hold.
    fn set_json(
        &mut self,
        now: Nanos,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool, BusError>;
    /// Any command, by its words, as a client of Redis sends it.
    fn execute(&mut self, now: Nanos, words: &[&[u8]]) -> Resp;
    /// The string at `key`: the record that `set_json` put there, else its bytes.
    fn json_record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, Vec<u8>>, BusError>;

    /// Why it cannot answer at present: its server is away, or a replay asks for something else than its
    /// recording did. Never for a bus in memory.
    fn trouble(&self) -> Option<&str> {
        None
    }
    /// Whether any operation since the last call stayed without its server's answer, be it one with a
    /// `Result` or one without. Never for a bus in memory.
    fn take_lost(&mut self) -> bool {
        false
    }
    /// Appends to `out` what a [`TapeBus`] needs to answer as this bus has answered since the last call.
    /// Nothing, where the answers follow from what was asked.
    fn take_tape(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
    /// Hands a [`TapeBus`] the next piece of its tape; pieces come in the order in which they were taken.
    /// Any other bus ignores it.
    fn feed_tape(&mut self, piece: &[u8]) {
        let _ = piece;
    }
    /// How many bytes of its tape a [`TapeBus`] has not yet been asked for.
    fn tape_left(&self) -> usize {
        0
    }
    /// A bus that holds the same and goes its own way. None for one that others share.
    fn fork(&self) -> Option<Box<dyn Bus>> {
        None
    }
}
