//! The services of the trading pipeline, as state machines without I/O on the kernel of `engine`.
//!
//! Invariants: a service sees no socket, clock or exchange but through its context; an intent leads to
//! at most one live order, whatever the bus does; nothing is dropped without a count or an entry.

mod ai_engine;
mod balance_tracker;
mod chain;
mod counters;
mod exchange_info;
mod exit_monitor;
mod fills;
mod gateway_guard;
mod grid;
mod intent_bridge;
mod intent_executor;
mod market_publisher;
mod market_state;
pub mod names;
mod policy_store;
mod portfolio_state_publisher;
mod position_monitor;
mod position_state_brain;
pub mod records;
mod settings;
mod switches;
mod trading_bot;
mod universe_service;

pub use chain::{BadSettings, PipelineSettings, SERVICES, chain};
pub use counters::{counters_of, is_counter};
pub use settings::Settings;

use engine::{Body, Context, Envelope, Record};

/// Publishes a record on a stream of the pipeline; a refusal of the bus is counted.
fn publish<R: Record>(ctx: &mut Context<'_>, stream: names::Stream, envelope: Envelope, record: R) {
    if ctx.publish(stream.name, stream.trim, Body::message(envelope, record)).is_err() {
        ctx.count("publish_failed", 1);
    }
}
