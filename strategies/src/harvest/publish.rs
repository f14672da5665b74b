//! When a harvest proposal is worth publishing, and when one is too old to act on (EHR 3.4, 3.16).

use engine::Nanos;
use serde::{Deserialize, Serialize};

use super::HarvestProposal;
use crate::close_action::CloseAction;

/// A change of the kill score that is worth telling.
const KILL_SCORE_EPS: f64 = 0.001;

/// How often an unchanged proposal is told, and what counts as a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishLimits {
    /// Told again after this.
    pub age_max: Nanos,
    /// Relative change of the stop that counts.
    pub change_eps_pct: f64,
}

impl Default for PublishLimits {
    fn default() -> PublishLimits {
        PublishLimits { age_max: Nanos::from_secs(60), change_eps_pct: 0.001 }
    }
}

/// What was told last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedProposal {
    /// The action.
    pub action: Option<CloseAction>,
    /// The stop.
    pub new_sl: Option<f64>,
    /// The score.
    pub kill_score: f64,
    /// When.
    pub at: Nanos,
}

impl PublishedProposal {
    /// A proposal that is told now.
    #[must_use]
    pub fn of(proposal: &HarvestProposal, now: Nanos) -> PublishedProposal {
        let HarvestProposal { action, new_sl, kill_score, .. } = *proposal;
        PublishedProposal { action, new_sl, kill_score, at: now }
    }
}

/// Whether a proposal differs enough from what was told last, or that is too long ago.
#[must_use]
pub fn should_publish(
    last: Option<&PublishedProposal>,
    new: &HarvestProposal,
    now: Nanos,
    limits: &PublishLimits,
) -> bool {
    let Some(last) = last else { return true };
    let stop_moved = match (last.new_sl, new.new_sl) {
        (Some(old), Some(new)) => (new - old).abs() > limits.change_eps_pct * old.abs(),
        (None, None) => false,
        _ => true,
    };
    last.action != new.action
        || stop_moved
        || (new.kill_score - last.kill_score).abs() > KILL_SCORE_EPS
        || now - last.at > limits.age_max
}

/// Whether a proposal computed at that time must not be acted on: `stale_proposal`. One from the future
/// has a clock that nobody can trust.
#[must_use]
pub fn is_stale(computed_at: Nanos, now: Nanos, age_max: Nanos) -> bool {
    let age = now - computed_at;
    age > age_max || age < Nanos::from_secs(0)
}
