//! The governor P3.2 (EHR 3.18): thresholds of the kill score, limits and rates of opens, slots and
//! rotation, budgets and allocations, and the permit.

mod caps;
mod limits;
mod permit;
mod slots;
mod thresholds;

pub use caps::{AllocationFact, BudgetFact, P28_BUDGET_VIOLATION, P29_ALLOCATION_CAP, p28, p29};
pub use limits::{
    GovernorFacts, GovernorLimits, GovernorMode, GovernorPlan, disarm_due, governor_gate,
};
pub use permit::{EfficiencyVerdict, GovernorPermit, PERMIT_TTL_SEC, efficiency_verdict};
pub use slots::{
    OpenPosition, Rotation, SlotRegime, rotation, rotation_plan_id, slot_regime, weakest,
};
pub use thresholds::{
    KILL_SCORE_CRITICAL, KillScoreThresholds, OpenVerdict, close_blocked_audited,
    kill_score_thresholds, open_scale,
};
