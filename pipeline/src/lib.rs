//! The services of the trading pipeline, as state machines without I/O on the kernel of `engine`.
//!
//! Invariants: a service sees no socket, clock or exchange but through its context; an intent leads to
//! at most one live order, whatever the bus does; nothing is dropped without a count or an entry.

mod ai_engine;
mod balance_tracker;
mod chain;
pub mod contracts;
mod counters;
mod exchange_info;
mod exit_monitor;
mod fills;
mod gateway_guard;
mod grid;
mod intent_bridge;
mod intent_executor;
pub mod keys;
pub mod map;
mod market_publisher;
mod market_state;
mod policy_store;
mod portfolio_state_publisher;
mod position_monitor;
mod position_state_brain;
pub mod records;
mod settings;
pub mod streams;
mod switches;
mod trading_bot;
mod universe_service;

pub use chain::{BadSettings, PipelineSettings, SERVICES, chain};
pub use counters::{figures_of, is_counter, is_gauge};
pub use settings::Settings;

use streams::publish;
