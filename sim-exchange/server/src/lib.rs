//! The simulated exchange behind Binance's own interface for USDⓈ-M futures: REST, WebSocket streams and
//! the WebSocket API.
//!
//! Invariant: one lock holds everything that trades ([`Venue`]): a request advances the venue to now, does
//! what it asks, and takes its answer before it lets go.
//! Invariant: `sim_exchange` knows nothing of sockets and clocks, and nothing in here touches its books but
//! through its port.

mod admin;
mod app;
mod clock;
mod closing;
mod config;
mod conn;
mod faults;
mod heads;
pub mod http;
pub mod hub;
pub mod market;
mod rest;
mod server;
mod shapes;
mod stream_faults;
pub mod streams;
pub mod venue;
mod ws_api;

pub use app::App;
pub use clock::ClockMode;
pub use config::{ApiKey, KeySecret, ServerConfig, ServerError};
pub use conn::ConnInfo;
pub use faults::{FaultKind, WireFault};
pub use server::{Server, serve};
pub use stream_faults::{StreamFault, StreamFaultKind};
pub use venue::Venue;
