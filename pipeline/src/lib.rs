//! The services of the trading pipeline, as state machines without I/O on the kernel of `engine`.
//!
//! Invariants: a service sees no socket, clock or exchange but through its context; an intent leads to
//! at most one live order, whatever the bus does; nothing is dropped without a count or an entry.

mod alternatives;
pub mod audited;
mod books;
pub mod catalogue;
mod chain;
pub mod contracts;
mod counters;
mod drift;
mod entry;
mod exchange_info;
mod exits;
mod fills;
mod grid;
pub mod keys;
pub mod map;
mod market;
pub mod metrics;
mod policy;
pub mod records;
pub mod rewiring;
mod settings;
mod signal;
pub mod streams;
mod switches;

pub use alternatives::{ExecutionPath, IntentWriter};
pub use chain::{
    BadSettings, CATALOGUE, PipelineSettings, Registered, SERVICES, SHARED_TABLES, SharedTable,
    chain, chain_with,
};
pub use counters::{figures_of, is_counter, is_gauge};
pub use settings::{Secret, Settings};
pub use signal::ai_engine::{EngineMode, ModelKind, ModelRole, ModelSetting, SizingMode};
pub use signal::trading_bot::{BotFallback, BotSizing};

use streams::publish;
