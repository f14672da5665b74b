//! Rewards, and what they do to a value (MSE 7.1, 7.3, 7.4).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite};

/// Learning rate of the sizing agent.
const LEARNING_RATE: f64 = 0.15;

/// A closed trade as the sizing agent learns from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizingTrade {
    /// A fraction.
    pub pnl_pct: f64,
    /// How long it was open.
    pub hours: f64,
    /// Largest drawdown within it, a fraction of either sign.
    pub max_drawdown_pct: f64,
}

/// Reward of the sizing agent: PnL, less for time and drawdown, more for a profit.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn sizing_reward(trade: &SizingTrade) -> Result<f64, RefusedNumber> {
    let SizingTrade { pnl_pct, hours, max_drawdown_pct } = *trade;
    all_finite(&[("pnl_pct", pnl_pct), ("hours", hours), ("max_drawdown_pct", max_drawdown_pct)])?;
    let bonus = if pnl_pct > 0.0 { 0.1 } else { 0.0 };
    finite("reward", pnl_pct - 0.01 * hours / 24.0 - 0.5 * max_drawdown_pct.abs() + bonus)
}

/// The value after a reward.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn updated_q(q: f64, reward: f64) -> Result<f64, RefusedNumber> {
    finite("q", q + LEARNING_RATE * (reward - q))
}

/// Reward of the RL agent v3.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn ensemble_reward(
    pnl_pct: f64,
    confidence: f64,
    leverage: f64,
    target_leverage: f64,
    exch_divergence: f64,
    pnl_trend: f64,
) -> Result<f64, RefusedNumber> {
    finite("pnl_trend", pnl_trend)?;
    let sign = f64::from(i8::from(pnl_trend > 0.0) - i8::from(pnl_trend < 0.0));
    let reward =
        pnl_pct * confidence - 0.005 * (leverage - target_leverage).abs() - 0.002 * exch_divergence
            + 0.003 * sign;
    finite("reward", reward)
}

/// What becomes of an outcome that carries no PnL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WithoutPnl {
    /// It is no experience.
    #[default]
    TeachesNothing,
    /// Its reward is 0, so that nothing is ever learned (incident I-15).
    AuditedTeachesZero,
}

/// Reward of feedback bridge 1; a trade without a confidence counts with 0.8. Plans carry no PnL: by
/// default they are no experience, `None`.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn feedback_reward(
    pnl: Option<f64>,
    confidence: Option<f64>,
    without: WithoutPnl,
) -> Result<Option<f64>, RefusedNumber> {
    let zero = (without == WithoutPnl::AuditedTeachesZero).then_some(0.0);
    pnl.or(zero).map(|pnl| finite("reward", pnl * confidence.unwrap_or(0.8))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_has_no_bonus_and_plans_teach_nothing() {
        let trade = SizingTrade { pnl_pct: -0.02, hours: 24.0, max_drawdown_pct: -0.04 };
        assert_eq!(sizing_reward(&trade), Ok(-0.05));
        let reward = |pnl, confidence, rule| feedback_reward(pnl, confidence, rule);
        let (nothing, zero) = (WithoutPnl::TeachesNothing, WithoutPnl::AuditedTeachesZero);
        assert_eq!(reward(Some(0.5), None, nothing), Ok(Some(0.4)));
        assert_eq!(reward(None, Some(0.9), zero), Ok(Some(0.0)));
        assert_eq!(reward(None, Some(0.9), nothing), Ok(None));
        assert!(ensemble_reward(0.1, 0.5, 1.0, 1.0, 0.0, f64::NAN).is_err());
        assert!(updated_q(f64::MAX, f64::MIN).is_err());
    }
}
