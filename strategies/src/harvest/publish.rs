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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harvest::{Theta, harvest_proposal};
    use crate::position::{MarketView, Position, PositionSide};

    #[test]
    fn a_change_or_a_minute_is_worth_telling() {
        let position = Position {
            side: PositionSide::Long,
            entry_price: 100.0,
            current_price: 105.0,
            peak_price: 105.0,
            trough_price: 100.0,
            age_sec: 0.0,
            unrealized_pnl_per_unit: 5.0,
            current_sl: None,
            current_tp: None,
        };
        let calm = MarketView { sigma: 0.005, ts: 0.4, p_trend: 0.6, p_mr: 0.2, p_chop: 0.2 };
        let told = harvest_proposal(&position, &calm, None, &Theta::default()).expect("finite");
        let last = PublishedProposal::of(&told, Nanos::from_secs(0));
        let again = |new: &HarvestProposal, secs| {
            should_publish(Some(&last), new, Nanos::from_secs(secs), &PublishLimits::default())
        };
        assert!(should_publish(None, &told, Nanos::from_secs(0), &PublishLimits::default()));
        assert!(!again(&told, 60) && again(&told, 61));
        let with = |change: &dyn Fn(&mut HarvestProposal)| {
            let mut new = told.clone();
            change(&mut new);
            again(&new, 1)
        };
        assert!(with(&|new| new.action = None));
        assert!(with(&|new| new.new_sl = None));
        assert!(with(&|new| new.new_sl = Some(100.2 * 1.0011)));
        assert!(!with(&|new| new.new_sl = Some(100.2 * 1.0009)));
        assert!(with(&|new| new.kill_score += 0.0011) && with(&|new| new.kill_score -= 0.0011));
        assert!(!with(&|new| new.kill_score += 0.0009));
        assert!(!with(&|new| new.r_net += 1.0));
    }

    #[test]
    fn old_and_future_proposals_are_stale() {
        let of =
            |secs| is_stale(Nanos::from_secs(100), Nanos::from_secs(secs), Nanos::from_secs(30));
        assert_eq!([99, 100, 130, 131].map(of), [true, false, false, true]);
    }
}
