//! The services of the trading pipeline, as state machines without I/O on the kernel of `engine`.
//!
//! Invariants: a service sees no socket, clock or exchange but through its context; an intent leads to
//! at most one live order, whatever the bus does; nothing is dropped without a count or an entry.

pub mod names;
pub mod records;
