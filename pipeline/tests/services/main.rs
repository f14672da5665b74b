//! Single services on the kernel, on virtual time, with a feed and an exchange that say only what the test says.
//!
//! Where the worked examples of the two specifications run, and what the others wait for. "Audited" is behaviour
//! that settled replaces; what is settled instead runs here.
//!
//! | MSE | |
//! |---|---|
//! | 1 to 4 | audited: the bot's momentum trades; `signals` holds that there are none |
//! | 5 to 7 | `strategies::sizing` |
//! | 8 to 12 | `intent_executor`; 10 and 11 as settled |
//! | 13 to 15 | audited: the Execution Service |
//! | 16 to 18, 67 | `intent_bridge`; 67 as far as a typed intent can break the contract |
//! | 19 to 21 | `execution_service` |
//! | 22, 23 | `strategies::signal::governer`, `ai_engine` |
//! | 24 to 27 | `strategies::ensemble` |
//! | 28 to 31 | leverage and levels of the exit brain: later |
//! | 32 to 36 | `strategies::regime`, `meta_regime` |
//! | 37 | `portfolio_clusters` |
//! | 38, 39 | `strategies::portfolio`; the service: `portfolio_governance` |
//! | 40, 41 | `cross_exchange_aggregator`, `strategies::market` |
//! | 42 | `strategies::features` |
//! | 43 to 47 | `strategies::calibration`, `ai_engine` |
//! | 48, 49 | `strategies::signal::ai_sizer`, `ai_engine` |
//! | 50, 51 | `strategies::entry::router`, `strategy` |
//! | 52 to 57 | `strategies::learning`, `learning` |
//! | 58, 59 | `strategies::portfolio`, `capital_efficiency` |
//! | 60, 61 | `strategies::signal::drift`, `ai_engine` |
//! | 62 | `strategies::market_state`, `market_state` |
//! | 63 to 66 | `position_state_brain`; 64 and 66 as settled |
//!
//! | EHR | |
//! |---|---|
//! | 1 to 12 | harvest and risk kernels: later |
//! | 13, 14 | `strategies::market_state` |
//! | 15 to 24, 29 to 35 | audited; heat, portfolio gate and Apply Layer: later |
//! | 25 to 28, 36 | clusters, budgets, Apply Layer: later |
//! | 37 to 47 | `strategies::governor`, `governor` |
//! | 48 | audited |
//! | 49 to 54 | `position_state_brain`; 49, 51, 53, 54 as settled |
//! | 55 to 58 | `strategies::reconcile`, `reconcile_engine` |
//! | 59 to 66 | exit brain: later |
//! | 67 to 69 | `strategies::exit_rules`, `exit_monitor` |
//! | 70 to 81 | `strategies`; 74, 75 and 81 besides in `exposure_balancer` and `metric_pack`, as settled |
//!
//! The permit script of EHR 6 runs in `entry/permits_tests.rs`, its protocol in `intent_executor`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod ai_engine;
mod allocation;
mod apply_layer;
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
mod held;
mod intent_bridge;
mod intent_executor;
mod learning;
mod ledger_sync;
mod malformed;
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
mod venues;
