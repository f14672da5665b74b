//! What the pipeline owns, owes and has done; and whether that is true.

pub(crate) mod balance_tracker;
pub(crate) mod portfolio_state_publisher;
pub(crate) mod position_monitor;
pub(crate) mod reconcile_engine;
