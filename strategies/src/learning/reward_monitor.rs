//! The RL monitor: rewards as they change, and an alert where they leave their range (MSE 7.4).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::numbers::finite;

/// A change of at least this much is worth an entry.
const CHANGE_MIN: f64 = 0.1;
/// Rewards that the alert averages.
const WINDOW: usize = 10;

/// Who made a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardSource {
    /// Closed trades.
    TradeClosed,
    /// A generator; only a simulator may have one.
    Synthetic,
}

/// Why a reward is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewardFault {
    /// Nobody traded for it: random rewards were once reported as learning (incident I-14).
    #[error("the reward is synthetic: only rewards of closed trades are taken")]
    Synthetic,
    /// NaN or infinite.
    #[error("the reward is no finite number")]
    NotFinite,
}

/// What the monitor says of a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonitorAlert {
    /// Too near to the last one to be noted.
    Unchanged,
    /// Noted.
    Noted,
    /// Noted, and the mean of the last ten is beyond ±1.
    OutOfRange,
}

/// The rewards noted of one symbol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardMonitor {
    noted: VecDeque<f64>,
}

impl RewardMonitor {
    /// Looks at the symbol's reward (a PnL as a fraction).
    ///
    /// # Errors
    /// [`RewardFault`].
    pub fn look(&mut self, reward: f64, source: RewardSource) -> Result<MonitorAlert, RewardFault> {
        if source == RewardSource::Synthetic {
            return Err(RewardFault::Synthetic);
        }
        let reward = finite("reward", reward).map_err(|_| RewardFault::NotFinite)?;
        if self.noted.back().is_some_and(|last| (reward - last).abs() <= CHANGE_MIN) {
            return Ok(MonitorAlert::Unchanged);
        }
        if self.noted.len() == WINDOW {
            self.noted.pop_front();
        }
        self.noted.push_back(reward);
        let count = self.noted.len() as f64;
        let mean = self.noted.iter().map(|r| r / count).sum::<f64>();
        let beyond = self.noted.len() == WINDOW && mean.abs() > 1.0;
        Ok(if beyond { MonitorAlert::OutOfRange } else { MonitorAlert::Noted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_changes_are_not_noted_and_ten_make_an_alert() {
        let mut monitor = RewardMonitor::default();
        let mut look = |reward| monitor.look(reward, RewardSource::TradeClosed);
        assert_eq!(look(1.0), Ok(MonitorAlert::Noted));
        assert_eq!(look(1.05), Ok(MonitorAlert::Unchanged));
        for i in 1..9 {
            assert_eq!(look(1.0 + f64::from(i) * 0.2), Ok(MonitorAlert::Noted));
        }
        assert_eq!(look(3.0), Ok(MonitorAlert::OutOfRange));
        assert_eq!(look(f64::NAN), Err(RewardFault::NotFinite));
    }

    /// Random numbers around constants were published as live rewards.
    #[test]
    fn incident_i14_synthetic_rewards_are_refused() {
        let mut monitor = RewardMonitor::default();
        assert_eq!(monitor.look(0.1, RewardSource::Synthetic), Err(RewardFault::Synthetic));
        assert_eq!(monitor, RewardMonitor::default());
    }
}
