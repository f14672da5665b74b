//! What kind of market it is, and the operating mode that follows.

mod governance_link;
mod meta_regime;
mod mode_gate;
mod operating_mode;
mod orchestrator;

pub use governance_link::{
    POLICY_CONFIDENCE_MIN, RegimeStats, best_regime, recommended_policy, sets_policy,
};
pub use meta_regime::{MetaRegime, RegimeReading, RegimeVerdict, classify_regime, detect_regime};
pub use mode_gate::{ModeAllowance, ModeRefusal, ModeRequest, mode_gate};
pub use operating_mode::{
    Health, ModeInputs, ModeLimits, ModeThresholds, OperatingMode, mode_cooldown_s,
    recommended_mode,
};
pub use orchestrator::{
    OrchestratorInput, OrchestratorRule, OrchestratorVerdict, RiskOpinion, SignalVeto, judge_signal,
};
