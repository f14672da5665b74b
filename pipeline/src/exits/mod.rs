//! The way out of a position: proposals, harvest, stops.

pub(crate) mod emergency_stop;
pub(crate) mod exit_monitor;
pub(crate) mod exposure_balancer;
