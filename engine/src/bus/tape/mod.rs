//! What a bus has answered, kept for a replay.
//!
//! A session on a bus in memory replays from its inputs alone: what the bus answers follows from what was
//! asked. A session on a server does not, because others write there too and the server's clock makes the
//! ids. So [`TapeRecorder`] writes each answer down, and [`TapeBus`] gives the same answers without a server.
//!
//! A tape is a row of answers. Each names the operation and what it was about, so that a replay that goes
//! another way is told where, instead of getting an answer to another question. The rest of what was asked
//! is not compared: the journal does that with what goes out.
//!
//! Invariant: nothing that a tape holds can make a player panic.

mod player;
mod recorder;

pub use player::{Supply, TapeBus};
pub use recorder::TapeRecorder;

use serde::{Deserialize, Serialize};

use super::{Body, Entry, EntryId, Fields};

/// Names that both sides remember. Where it is full both forget all of them.
const NAMES_MAX: usize = 4096;

/// Which operation an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Asked {
    Xadd,
    Xlen,
    XgroupCreate,
    Xreadgroup,
    Xread,
    Xack,
    Xpending,
    Xautoclaim,
    XinfoGroups,
    Xrange,
    Xrevrange,
    Get,
    Set,
    IncrBy,
    Del,
    DelTogether,
    Exists,
    Expire,
    Ttl,
    Scan,
    Hget,
    Hset,
    HincrBy,
    Sadd,
    LpushKeep,
    Lrange,
    SetRecord,
    Record,
    Hgetall,
    SetJson,
    Execute,
    JsonRecord,
    /// No operation: the one before it stayed without its server's answer.
    Lost,
}

/// An entry as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptEntry {
    id: EntryId,
    fields: Option<Fields>,
}

impl KeptEntry {
    fn of(entry: &Entry) -> KeptEntry {
        let fields = entry.body.as_ref().map(|body| body.to_fields().into_owned());
        KeptEntry { id: entry.id, fields }
    }

    fn entry(self) -> Entry {
        Entry { id: self.id, body: self.fields.map(|fields| Body::Fields(fields.into())) }
    }
}
