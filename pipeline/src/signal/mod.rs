//! Decisions to trade, and what learns from them.

pub(crate) mod ai_engine;
pub(crate) mod clm;
pub(crate) mod feedback_bridge;
pub(crate) mod orchestrator;
pub(crate) mod reward_publisher;
pub(crate) mod risk_brain;
pub(crate) mod rl_monitor;
pub(crate) mod rl_shadow;
pub(crate) mod rl_sizing_agent;
pub(crate) mod strategy_brain;
pub(crate) mod strategy_router;
pub(crate) mod trading_bot;
pub(crate) mod trainer;
