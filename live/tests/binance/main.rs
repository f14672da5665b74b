//! The Binance link against a server on loopback.

mod peer;
mod preflight;
mod requests;
mod secrets;
mod stream;
mod support;
mod whole;
