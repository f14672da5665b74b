//! What may be traded, how much and in which mood.

pub(crate) mod meta_regime;
pub(crate) mod policy_store;
pub(crate) mod portfolio_clusters;
pub(crate) mod portfolio_governance;
pub(crate) mod universe_service;
