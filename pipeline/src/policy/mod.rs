//! What may be traded, how much and in which mood.

pub(crate) mod policy_store;
pub(crate) mod universe_service;
