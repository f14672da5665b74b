//! The simulated exchange behind Binance's own interface for USDⓈ-M futures: REST, WebSocket streams and
//! the WebSocket API.

pub mod market;
