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
//! | 19 to 21 | the Execution Service's risk governor: no service of ours |
//! | 22, 23 | the governer agent: later |
//! | 24 to 27 | `strategies::ensemble` |
//! | 28 to 31 | leverage and levels of the exit brain: later |
//! | 32 to 36 | meta regime: later |
//! | 37 | portfolio clusters: later |
//! | 38, 39 | portfolio governance: later |
//! | 40, 41 | cross-exchange aggregator: later |
//! | 42 | `strategies::features` |
//! | 43 to 47 | confidence calibration: later |
//! | 48, 49 | AI sizer: later |
//! | 50, 51 | strategy router: later |
//! | 52 to 57 | reinforcement learning: later |
//! | 58, 59 | capital efficiency P3.1: later |
//! | 60, 61 | drift: later |
//! | 62 | `strategies::market_state`, `market_state` |
//! | 63 to 66 | `position_state_brain`; 64 and 66 as settled |
//!
//! | EHR | |
//! |---|---|
//! | 1 to 12 | `strategies`; 1, 3 in `harvest_proposal`, 10, 11 (as required) in `risk_proposal` |
//! | 13, 14 | `strategies::market_state` |
//! | 15 to 24 | audited: `strategies`, and under their settings `portfolio_gate` |
//! | 29 to 35 | audited: `strategies`; 29, 31 and 33 under their settings `apply_layer` |
//! | 25 to 28, 36 to 47 | clusters, budgets, Apply Layer, governor, RiskGuard: later |
//! | 48 | audited |
//! | 49 to 54 | `position_state_brain`; 49, 51, 53, 54 as settled |
//! | 55 to 58 | `strategies::reconcile`, `reconcile_engine` |
//! | 59 to 66 | `strategies`; `exit_brain` tells what they compute |
//! | 67 to 69 | `strategies::exit_rules`, `exit_monitor` |
//! | 70 to 81 | `strategies`; `harvest_brain`; exposure balancer, allocation, attribution, MetricPack: later |
//!
//! The permit script of EHR 6 wants three permits at once; there is P3.3's alone yet, whose protocol runs in
//! `intent_executor`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod apply_layer;
mod bench;
mod exit_brain;
mod exit_monitor;
mod governor;
mod harvest_brain;
mod harvest_path;
mod harvest_proposal;
mod held;
mod intent_bridge;
mod intent_executor;
mod market_state;
mod money;
mod plans;
mod portfolio_gate;
mod position_monitor;
mod position_state_brain;
mod reconcile_engine;
mod risk_proposal;
mod round_trip;
mod signals;
