//! The apply layer's decisions (EHR 3.16) and the permits that a plan needs (EHR 3.17).

mod decision;
mod normalise;
mod ownership;
mod permits;
mod plan_id;

pub use decision::{
    ApplyDecision, ApplyInput, ApplyRules, ApplyVerdict, KillScoreRule, PROPOSAL_AGE_MAX_SEC,
    apply_decision, effective_action,
};
pub use normalise::{NormalisedAction, PlanStep, normalise};
pub use ownership::{DENY_NOT_EXIT_OWNER, EXIT_OWNERS, owns_exits};
pub use permits::{
    PermitKind, PermitOf, PermitPlan, PermitRefusal, PermitTable, Permitted, PlanClass,
    check_permits,
};
pub use plan_id::harvest_plan_id;
