//! The way out of a position: proposals, harvest, stops.

pub(crate) mod exit_monitor;
