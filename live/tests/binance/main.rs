//! The Binance link against a server on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and waits by the wall"
)]

#[path = "../../../tests/support/pace.rs"]
mod pace;
mod peer;
mod preflight;
mod public;
mod requests;
mod secrets;
mod signing;
mod speed;
mod stream;
mod support;
mod whole;
