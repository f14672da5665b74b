//! The embedded bus: Redis 7's streams, groups and keys in memory, on virtual time.

mod command;
mod glob;
mod group;
mod keys;
mod keyspace;
mod stream;
mod streams;
mod zset;

pub use command::RedisReply;

use keyspace::Keyspace;

/// Streams, groups and keys in memory. Plain data: a clone is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct MemoryBus {
    keys: Keyspace,
}

impl MemoryBus {
    /// An empty bus.
    pub fn new() -> MemoryBus {
        MemoryBus::default()
    }
}
