//! What may be traded, how much and in which mood.

pub(crate) mod allocation_target;
pub(crate) mod capital_allocation;
pub(crate) mod capital_efficiency;
pub(crate) mod meta_regime;
pub(crate) mod performance_attribution;
pub(crate) mod policy_store;
pub(crate) mod portfolio_clusters;
pub(crate) mod portfolio_governance;
pub(crate) mod portfolio_risk_governor;
pub(crate) mod universe_generator;
pub(crate) mod universe_service;
