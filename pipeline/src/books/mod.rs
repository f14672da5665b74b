//! What the pipeline owns, owes and has done; and whether that is true.

pub(crate) mod balance_tracker;
pub(crate) mod contract_check;
pub(crate) mod dashboard;
pub(crate) mod exit_intelligence;
pub(crate) mod ledger_sync;
pub(crate) mod metric_pack;
pub(crate) mod portfolio_state_publisher;
pub(crate) mod position_monitor;
pub(crate) mod reconcile_engine;
pub(crate) mod safety_telemetry;
pub(crate) mod trade_logger;
mod trades;
