//! The adapters that go live: Binance over REST and WebSocket, Redis, the wall clock.
//!
//! Invariant: nothing in here decides what to trade. What comes in gets the time at which it came and goes to
//! the kernel; what the kernel wants to send is journaled before it is sent.

pub mod clock;
pub mod link;
pub mod redis;
