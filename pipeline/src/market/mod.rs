//! Market data onto the bus, and what is measured of it.

pub(crate) mod market_publisher;
pub(crate) mod market_state;
