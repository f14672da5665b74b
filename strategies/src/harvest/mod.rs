//! When profit is taken and when a position is given up: the harvest kernel (EHR 3.3), its publication
//! (EHR 3.4), the rungs that fire (EHR 3.27, settled "Tranches") and the older ladder.

mod kernel;
mod kill_score;
mod ladder;
mod publish;
mod theta;
mod tranches;

pub use kernel::{
    HarvestProposal, harvest_proposal, profit_lock_sl, tranche_weights, usable_stop_distance,
};
pub use kill_score::{KillComponents, KillScore, kill_components, kill_score};
pub use ladder::{
    DynamicLadder, LadderError, Rung, SKIP_RISK_MISSING, audited_brain_acts, brain_acts,
    brain_plan_id, dynamic_ladder, entry_risk_usdt, parse_ladder, rungs_due,
};
pub use publish::{PublishLimits, PublishedProposal, is_stale, should_publish};
pub use theta::{Theta, ThetaError};
pub(crate) use tranches::share_of;
pub use tranches::{
    ClosingInput, REDUCED_CLOSE_AGAIN_AFTER, TRANCHE_FIRED, TRANCHE_TOO_SOON, TrancheLedger,
    closing_quantity,
};
