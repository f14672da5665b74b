//! The embedded bus: Redis 7's streams, groups and keys in memory, on virtual time.

mod glob;
mod group;
mod keys;
mod keyspace;
mod stream;
mod streams;

use crate::bus::memory::keyspace::Keyspace;

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
