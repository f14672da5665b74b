//! Stops and targets from the market state (P1, EHR 3.2), the guard of opens (EHR 3.19), the emergency
//! stop (EHR 3.28) and the exposure balancer (EHR 3.31).

mod emergency;
mod exposure;
mod guard;
mod kernel;
mod params;

pub use emergency::{
    EmergencyInput, EmergencyLimits, EmergencyReason, RecoveryMode, TradingLimits, emergencies,
    emergency, recovery_mode,
};
pub use exposure::{
    Exposure, ExposureAction, ExposureInput, ExposureKind, ExposureLimits, ShareOf, action_due,
    assess_exposure,
};
pub use guard::{GuardBlock, GuardInput, GuardLimits, GuardType, KnownEquity, check_guards};
pub use kernel::{
    RISK_PUBLISH_AGE_MAX, RiskProposal, STOP_ALREADY_CROSSED, risk_proposal, risk_should_publish,
};
pub use params::{RegimeWeights, RiskParams};
