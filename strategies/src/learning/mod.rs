//! What is learned from closed trades, and what learned policies may influence (MSE 7, 15.6).

mod experience;
mod outcomes;
mod promotion;
mod promotion_lock;
mod reward;
mod reward_monitor;
mod shadow_gate;
mod size_multiplier;
mod size_states;
mod size_table;

pub use experience::{EXPERIENCES_MAX, ExperienceBuffer};
pub use outcomes::{OUTCOMES_MAX, OutcomeHistory};
pub use promotion::{
    ModelFacts, ModelKind, PromotionCriteria, RetrainReason, model_facts, model_score, promotable,
    retrain_reason,
};
pub use promotion_lock::{LockState, PromotionLock, PromotionPriority, promotion_order};
pub use reward::{
    SizingTrade, WithoutPnl, ensemble_reward, feedback_reward, sizing_reward, updated_q,
};
pub use reward_monitor::{MonitorAlert, RewardFault, RewardMonitor, RewardSource};
pub use shadow_gate::{
    ShadowEffect, ShadowGate, ShadowInput, ShadowSettings, ShadowVerdict, shadow_gate,
};
pub use size_multiplier::{MultiplierNetwork, MultiplierState, NotANetwork, size_multiplier};
pub use size_states::{ConfidenceBand, ExposureBand, MarketBand, ResultBand, SizeState, SizeView};
pub use size_table::{
    Choice, LeverageFloor, NotAnAction, SizeAction, SizeLimits, SizeStrategy, SizeTable,
    TableSizing,
};
