//! Single services on the kernel, on virtual time, with a feed and an exchange that say only what the test says.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod bench;
mod exit_monitor;
mod intent_bridge;
mod intent_executor;
mod market_state;
mod money;
mod plans;
mod position_monitor;
mod position_state_brain;
mod signals;
