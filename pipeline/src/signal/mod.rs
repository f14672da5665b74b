//! Decisions to trade, and what learns from them.

pub(crate) mod ai_engine;
pub(crate) mod trading_bot;
