//! The outcomes that the sizing is made of (MSE 7.1).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Outcomes;
use crate::numbers::{RefusedNumber, finite};

/// Outcomes kept.
pub const OUTCOMES_MAX: usize = 1_000;

/// The newest outcomes, each a PnL as a fraction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutcomeHistory {
    pnl: VecDeque<f64>,
}

impl OutcomeHistory {
    /// Adds an outcome and forgets the oldest above [`OUTCOMES_MAX`].
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities.
    pub fn push(&mut self, pnl_pct: f64) -> Result<(), RefusedNumber> {
        self.pnl.push_back(finite("pnl_pct", pnl_pct)?);
        if self.pnl.len() > OUTCOMES_MAX {
            self.pnl.pop_front();
        }
        Ok(())
    }

    /// What the sizing takes. Real outcomes replace the assumed ones however few they are; without any the
    /// defaults hold. A side that never was has a mean of 0.
    #[must_use]
    pub fn outcomes(&self) -> Outcomes {
        if self.pnl.is_empty() {
            return Outcomes::NONE;
        }
        let wins = self.pnl.iter().copied().filter(|pnl| *pnl > 0.0);
        let losses = self.pnl.iter().copied().filter(|pnl| *pnl <= 0.0).map(|pnl| -pnl);
        Outcomes {
            count: self.pnl.len() as u64,
            win_rate: wins.clone().count() as f64 / self.pnl.len() as f64,
            average_win: mean(wins),
            average_loss: mean(losses),
        }
    }
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    match values.clone().count() {
        0 => 0.0,
        // Each share on its own, so that no sum of finite numbers is infinite.
        count => values.map(|value| value / count as f64).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::close;

    #[test]
    fn the_bootstrap_trades_give_the_bootstrap_outcomes() {
        let mut history = OutcomeHistory::default();
        assert_eq!(history.outcomes(), Outcomes::NONE);
        for i in 0..25 {
            history.push(if i % 10 < 6 { 0.03 } else { -0.02 }).expect("finite");
        }
        let got = history.outcomes();
        assert_eq!((got.count, got.win_rate), (25, Outcomes::BOOTSTRAP.win_rate));
        close("win", got.average_win, 0.03, 1e-12);
        close("loss", got.average_loss, 0.02, 1e-12);
    }

    #[test]
    fn the_newest_thousand_count() {
        let mut history = OutcomeHistory::default();
        history.push(-1.0).expect("finite");
        for _ in 0..OUTCOMES_MAX {
            history.push(0.5).expect("finite");
        }
        assert_eq!(history.outcomes().count, 1_000);
        assert_eq!((history.outcomes().win_rate, history.outcomes().average_loss), (1.0, 0.0));
        assert!(history.push(f64::NAN).is_err());
    }
}
