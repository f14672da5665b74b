//! Market data onto the bus, and what is measured of it.

pub(crate) mod cross_exchange_aggregator;
pub(crate) mod exchange_stream_bridge;
pub(crate) mod market_publisher;
pub(crate) mod market_state;
pub(crate) mod price_feed;
