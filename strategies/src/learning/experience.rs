//! Experiences of the RL agent v3, and when it learns from them (MSE 7.3).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::MultiplierState;
use crate::numbers::{RefusedNumber, finite};

/// Experiences kept.
pub const EXPERIENCES_MAX: usize = 1_000;
/// It may learn at each of this many trades.
const EVERY_TRADES: u64 = 100;
/// Newest experiences that are looked at.
const WINDOW: usize = 50;
/// It learns while its rewards are this small.
const REWARD_SMALL: f64 = 0.001;

/// States and rewards, newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExperienceBuffer {
    experiences: VecDeque<(MultiplierState, f64)>,
    trades: u64,
}

impl ExperienceBuffer {
    /// Adds the experience of a closed trade; `true` when a gradient step is due.
    ///
    /// # Errors
    /// [`RefusedNumber`] for a reward that is NaN or infinite; it is then not an experience.
    pub fn push(&mut self, state: MultiplierState, reward: f64) -> Result<bool, RefusedNumber> {
        self.experiences.push_back((state, finite("reward", reward)?));
        self.trades += 1;
        if self.experiences.len() > EXPERIENCES_MAX {
            self.experiences.pop_front();
        }
        if !self.trades.is_multiple_of(EVERY_TRADES) || self.experiences.len() < WINDOW {
            return Ok(false);
        }
        let newest = self.experiences.iter().rev().take(WINDOW);
        let mean = newest.map(|(_, reward)| reward.abs() / WINDOW as f64).sum::<f64>();
        Ok(mean < REWARD_SMALL)
    }

    /// The rewards less their mean, over their population deviation: what a gradient step takes.
    #[must_use]
    pub fn normalised_rewards(&self) -> Vec<f64> {
        let n = self.experiences.len().max(1) as f64;
        let mean = self.experiences.iter().map(|(_, r)| r / n).sum::<f64>();
        let squares = self.experiences.iter().map(|(_, r)| (r - mean) * (r - mean) / n);
        let deviation = squares.sum::<f64>().sqrt() + 1e-9;
        self.experiences.iter().map(|(_, r)| (r - mean) / deviation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_due_every_hundred_trades_while_rewards_are_small() {
        let mut buffer = ExperienceBuffer::default();
        let state = MultiplierState::default();
        let due = |buffer: &mut ExperienceBuffer, reward| {
            (1..=200).filter(|_| buffer.push(state, reward) == Ok(true)).count()
        };
        assert_eq!(due(&mut buffer, 0.0005), 2);
        assert_eq!(due(&mut buffer, 0.002), 0);
        assert!(buffer.push(state, f64::NAN).is_err());
        due(&mut buffer, 0.002);
        due(&mut buffer, 0.002);
        due(&mut buffer, 0.002);
        assert_eq!(buffer.experiences.len(), EXPERIENCES_MAX);
        let sum: f64 = buffer.normalised_rewards().iter().sum();
        assert!(sum.abs() < 1e-6);
    }
}
