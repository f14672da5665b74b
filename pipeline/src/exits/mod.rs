//! The way out of a position: proposals, harvest, stops.

mod asked;
mod close_intent;
pub(crate) mod emergency_stop;
pub(crate) mod exit_brain;
pub(crate) mod exit_monitor;
pub(crate) mod exposure_balancer;
mod ghosts;
pub(crate) mod harvest_brain;
pub(crate) mod harvest_proposal;
pub(crate) mod heat_bridge;
pub(crate) mod held;
mod price;
pub(crate) mod risk_proposal;
