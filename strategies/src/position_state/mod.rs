//! P3.3, the position state brain: whether a plan fits what the exchange holds (EHR 3.20, MSE 11).
//!
//! Invariant: a permit never lets a plan trade more than the exchange holds against it.

mod evaluate;
mod quantity;

pub use evaluate::{
    Denial, DenialContext, Evaluation, LedgerMismatch, PlanFacts, PositionFacts, PositionRules,
    Snapshot, evaluate_plan,
};
pub use quantity::{safe_quantity, side_word};
