//! The way of an intent to the exchange: plans, permits, orders.

pub(crate) mod apply_layer;
pub(crate) mod execution_service;
pub(crate) mod gateway_guard;
pub(crate) mod governor;
pub(crate) mod intent_bridge;
pub(crate) mod intent_executor;
pub(crate) mod intent_plan;
mod mode_limits;
pub(crate) mod orders;
pub(crate) mod ownership;
pub(crate) mod permits;
pub(crate) mod portfolio_gate;
pub(crate) mod position_state_brain;
pub(crate) mod renewals;
pub(crate) mod safety_kernel;
