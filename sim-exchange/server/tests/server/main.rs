//! The server against raw sockets: what a client sends is written here byte by byte, and what it hears is
//! compared with the server's own books.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]
#![allow(clippy::disallowed_methods, reason = "a test waits for the wall, with a bound")]

mod account;
mod admin;
mod errors;
mod faults;
mod harness;
mod history;
mod limits;
mod listen_keys;
mod orders;
mod parameters;
mod signing;
mod statistics;
mod user_stream;
mod ws_api;
