//! The Binance link against a server on loopback.

mod peer;
mod requests;
mod secrets;
mod stream;
mod support;
