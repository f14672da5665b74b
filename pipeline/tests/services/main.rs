//! Single services on the kernel, on virtual time, with a feed and an exchange that say only what the test says.
//!
//! Every worked example of both specifications runs from its text in `strategies` (`cargo test -p strategies --test
//! worked_examples`); here are those whose numbers a service tells, and what no example shows.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod ai_engine;
mod allocation;
mod apply_layer;
mod audited;
mod bench;
mod capital_efficiency;
mod contract_check;
mod cross_exchange_aggregator;
mod dashboard;
mod emergency_stop;
mod exchange_stream_bridge;
mod execution_service;
mod exit_brain;
mod exit_intelligence;
mod exit_monitor;
mod exposure_balancer;
mod governor;
mod harvest_brain;
mod harvest_path;
mod harvest_proposal;
mod heat_audited;
mod held;
mod intent_bridge;
mod intent_executor;
mod learning;
mod ledger_sync;
mod malformed;
mod market_publisher;
mod market_state;
mod meta_regime;
mod metric_pack;
mod money;
mod performance_attribution;
mod plans;
mod portfolio_clusters;
mod portfolio_gate;
mod portfolio_governance;
mod portfolio_risk_governor;
mod position_monitor;
mod position_state_brain;
mod price_feed;
mod reconcile_engine;
mod risk_proposal;
mod round_trip;
mod safety_telemetry;
mod signals;
mod strategy;
mod trade_logger;
mod universe_generator;
mod universe_service;
mod venues;
