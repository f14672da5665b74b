//! The meta agent above the vote; off by default (MSE 4.4).

use serde::{Deserialize, Serialize};

use crate::{Action, Prediction, Voting};

/// Active models that it needs.
const MODELS_MIN: usize = 2;

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetaSettings {
    /// META_AGENT_ENABLED.
    pub enabled: bool,
    /// META_OVERRIDE_THRESHOLD.
    pub override_threshold: f64,
    /// META_FAIL_OPEN: an invalid output keeps the vote; else HOLD.
    pub fail_open: bool,
}

impl Default for MetaSettings {
    fn default() -> Self {
        MetaSettings { enabled: false, override_threshold: 0.99, fail_open: true }
    }
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum MetaOutcome {
    /// The vote stands.
    VoteKept,
    /// The agent's own action and confidence replace it.
    Overridden {
        /// The agent's.
        action: Action,
        /// The agent's.
        confidence: f64,
    },
    /// An invalid output, failing closed: HOLD with confidence 0.
    FailedClosed,
}

fn code(action: Action) -> f64 {
    match action {
        Action::Sell => 0.0,
        Action::Hold => 1.0,
        Action::Buy => 2.0,
    }
}

/// The eight inputs: four confidences, four actions; a model that is missing holds with 0.5.
#[must_use]
pub fn meta_inputs(predictions: [Option<Prediction>; 4]) -> [f64; 8] {
    let mut inputs = [0.0; 8];
    for (at, prediction) in predictions.into_iter().enumerate() {
        let (action, confidence) =
            prediction.map_or((Action::Hold, 0.5), |p| (p.action, p.confidence));
        inputs[at] = confidence;
        inputs[at + 4] = code(action);
    }
    inputs
}

/// Whether the agent's output replaces the vote. `output` is `None` when the agent failed.
#[must_use]
pub fn meta_decision(
    predictions: &[Option<Prediction>; 4],
    output: Option<(Action, f64)>,
    settings: &MetaSettings,
) -> MetaOutcome {
    let active = predictions.iter().flatten().filter(|p| p.voting == Voting::Active).count();
    if !settings.enabled || active < MODELS_MIN {
        return MetaOutcome::VoteKept;
    }
    match output {
        Some((action, confidence)) if (0.0..=1.0).contains(&confidence) => {
            if confidence >= settings.override_threshold {
                MetaOutcome::Overridden { action, confidence }
            } else {
                MetaOutcome::VoteKept
            }
        }
        _ if settings.fail_open => MetaOutcome::VoteKept,
        _ => MetaOutcome::FailedClosed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUY: Option<Prediction> =
        Some(Prediction { action: Action::Buy, confidence: 0.8, voting: Voting::Active });

    #[test]
    fn inputs_are_confidences_then_actions() {
        let inputs = meta_inputs([BUY, None, BUY, None]);
        assert_eq!(inputs, [0.8, 0.5, 0.8, 0.5, 2.0, 1.0, 2.0, 1.0]);
    }

    #[test]
    fn it_overrides_only_when_on_and_sure() {
        let on = MetaSettings { enabled: true, ..MetaSettings::default() };
        let closed = MetaSettings { fail_open: false, ..on };
        let two = [BUY, BUY, None, None];
        let sell = Some((Action::Sell, 0.99));
        let overridden = MetaOutcome::Overridden { action: Action::Sell, confidence: 0.99 };
        assert_eq!(meta_decision(&two, sell, &on), overridden);
        assert_eq!(meta_decision(&two, sell, &MetaSettings::default()), MetaOutcome::VoteKept);
        assert_eq!(meta_decision(&[BUY, None, None, None], sell, &on), MetaOutcome::VoteKept);
        let weak = Some((Action::Sell, 0.98));
        assert_eq!(meta_decision(&two, weak, &closed), MetaOutcome::VoteKept);
        for invalid in [None, Some((Action::Buy, f64::NAN)), Some((Action::Buy, 1.5))] {
            assert_eq!(meta_decision(&two, invalid, &on), MetaOutcome::VoteKept);
            assert_eq!(meta_decision(&two, invalid, &closed), MetaOutcome::FailedClosed);
        }
    }
}
