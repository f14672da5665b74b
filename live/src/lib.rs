//! The adapters that go live: Binance over REST and WebSocket, Redis, the wall clock.
//!
//! Invariant: nothing in here decides what to trade. What comes in gets the time at which it came and goes to
//! the kernel; what the kernel wants to send is journaled before it is sent.

pub mod binance;
pub mod clock;
pub mod link;

pub mod metrics_endpoint;
pub mod redis;
pub mod session;
mod venue_time;
pub use venue_time::venue_time;
