//! The ensemble's vote (MSE 4.3).

use serde::{Deserialize, Serialize};

/// What a model, or the ensemble, wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// Go long.
    Buy,
    /// Go short.
    Sell,
    /// Nothing.
    Hold,
}

/// Whether a prediction counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voting {
    /// It counts.
    Active,
    /// The model is on probation: it is heard and not counted.
    ShadowMode,
    /// The model fell back on rules.
    FallbackRules,
    /// The model has seen too few prices.
    InsufficientHistory,
}

/// One model's opinion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// What it wants.
    pub action: Action,
    /// 0 to 1.
    pub confidence: f64,
    /// Whether it counts.
    pub voting: Voting,
}

/// How much the voters agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consensus {
    /// All of them.
    Unanimous,
    /// Three quarters or more.
    Strong,
    /// Half or more.
    Split,
    /// Fewer.
    Weak,
    /// Nobody votes.
    NoValidModels,
}

/// Learned weights of the kinds of consensus.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsensusWeights {
    /// Of unanimous votes.
    pub unanimous: f64,
    /// Of strong ones.
    pub strong: f64,
    /// Of split ones.
    pub split: f64,
    /// Of weak ones.
    pub weak: f64,
}

impl Default for ConsensusWeights {
    fn default() -> Self {
        ConsensusWeights { unanimous: 1.0, strong: 1.0, split: 1.0, weak: 1.0 }
    }
}

impl ConsensusWeights {
    fn of(&self, consensus: Consensus) -> f64 {
        match consensus {
            Consensus::Unanimous => self.unanimous,
            Consensus::Strong => self.strong,
            Consensus::Split => self.split,
            Consensus::Weak => self.weak,
            Consensus::NoValidModels => 1.0,
        }
    }
}

/// The weight after an outcome of `pnl` (a fraction): profit raises it, loss lowers it, within 0.5 and 1.5.
pub fn updated_weight(weight: f64, pnl: f64) -> f64 {
    let step = 0.2 * pnl.abs();
    let factor = if pnl > 0.0 { 1.0 + step } else { 1.0 - step };
    (weight * factor).clamp(0.5, 1.5)
}

/// The result of a vote.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    /// The winner; ties go to BUY, then SELL, then HOLD.
    pub action: Action,
    /// Mean confidence of the winners times the weight of the consensus, at most 0.95.
    pub confidence: f64,
    /// How much they agree.
    pub consensus: Consensus,
    /// Number of winners.
    pub consensus_count: usize,
    /// Sum of weights for BUY, SELL and HOLD.
    pub votes: [f64; 3],
}

/// Counts the votes of `(weight, prediction)`.
pub fn vote(predictions: &[(f64, Prediction)], weights: &ConsensusWeights) -> Vote {
    let voters = || predictions.iter().filter(|(_, p)| p.voting == Voting::Active);
    let count = voters().count();
    if count == 0 {
        return Vote {
            action: Action::Hold,
            confidence: 0.5,
            consensus: Consensus::NoValidModels,
            consensus_count: 0,
            votes: [0.0; 3],
        };
    }
    let sum = |action| voters().filter(|(_, p)| p.action == action).map(|(w, _)| w).sum::<f64>();
    let votes = [sum(Action::Buy), sum(Action::Sell), sum(Action::Hold)];
    let mut action = Action::Buy;
    if votes[1] > votes[0] {
        action = Action::Sell;
    }
    if votes[2] > votes[0].max(votes[1]) {
        action = Action::Hold;
    }
    let winners = || voters().filter(|(_, p)| p.action == action);
    let consensus_count = winners().count();
    let base = winners().map(|(_, p)| p.confidence).sum::<f64>() / consensus_count.max(1) as f64;
    let share = consensus_count as f64 / count as f64;
    let consensus = match share {
        s if s >= 1.0 => Consensus::Unanimous,
        s if s >= 0.75 => Consensus::Strong,
        s if s >= 0.5 => Consensus::Split,
        _ => Consensus::Weak,
    };
    let confidence = (base * weights.of(consensus)).min(0.95);
    Vote { action, confidence, consensus, consensus_count, votes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::close;

    fn active(action: Action, confidence: f64) -> Prediction {
        Prediction { action, confidence, voting: Voting::Active }
    }

    #[test]
    fn example_24() {
        let predictions = [
            (0.25, active(Action::Buy, 0.8)),
            (0.25, active(Action::Buy, 0.7)),
            (0.3, active(Action::Sell, 0.9)),
            (0.2, active(Action::Buy, 0.66)),
        ];
        let vote = vote(&predictions, &ConsensusWeights::default());
        assert_eq!(
            (vote.action, vote.consensus, vote.consensus_count),
            (Action::Buy, Consensus::Strong, 3)
        );
        close("confidence", vote.confidence, 0.7200000000000001, 1e-12);
        close("buy", vote.votes[0], 0.7, 1e-12);
    }

    #[test]
    fn example_25() {
        let silent = Prediction {
            action: Action::Buy,
            confidence: 0.9,
            voting: Voting::InsufficientHistory,
        };
        let predictions = [
            (0.25, active(Action::Buy, 0.8)),
            (0.25, active(Action::Sell, 0.7)),
            (0.3, active(Action::Sell, 0.64)),
            (0.2, silent),
        ];
        let weights = ConsensusWeights { unanimous: 1.1, strong: 1.05, split: 0.93, weak: 0.7 };
        let vote = vote(&predictions, &weights);
        assert_eq!(
            (vote.action, vote.consensus, vote.consensus_count),
            (Action::Sell, Consensus::Split, 2)
        );
        close("confidence", vote.confidence, 0.6231, 1e-12);
    }

    #[test]
    fn examples_26_and_27() {
        close("profit", updated_weight(1.0, 0.03), 1.006, 1e-12);
        close("clamped", updated_weight(1.48, 0.09), 1.5, 1e-12);
    }

    #[test]
    fn nobody_votes() {
        let vote = vote(&[], &ConsensusWeights::default());
        assert_eq!((vote.action, vote.consensus), (Action::Hold, Consensus::NoValidModels));
    }
}
