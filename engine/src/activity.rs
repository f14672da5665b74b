//! Whether a service is alive and does something with what it gets.

use crate::Nanos;

/// What a service has done since the run began, over all its lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// It runs: it has started and not crashed since.
    pub alive: bool,
    /// Entries, market and exchange events, calls and replies that it handled.
    pub inputs: u64,
    /// Entries, keys, requests, calls and replies that it wrote.
    pub outputs: u64,
    /// When it handled anything last, a timer included.
    pub seen_at: Nanos,
    /// Entries of its streams that it has not read yet.
    pub waiting: u64,
}
