//! The kill score: how urgently a position should be left (EHR 3.3 rule 5). With the default weights it
//! lies between 0.5 and 0.92757.

use serde::{Deserialize, Serialize};

use super::Theta;
use crate::numbers::{RefusedNumber, flag, logistic, not_negative};
use crate::position::MarketView;

/// What the score is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillComponents {
    /// 0 or 1.
    pub regime_flip: f64,
    /// 0 to its cap.
    pub sigma_spike: f64,
    /// 0 to its cap.
    pub ts_drop: f64,
    /// 0 to 1.
    pub age_penalty: f64,
}

/// A kill score and its components.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillScore {
    /// 0 to 1.
    pub score: f64,
    /// Of which it is made.
    pub components: KillComponents,
}

/// The components of a market and a position of that age. Both have to be checked.
#[must_use]
pub fn kill_components(market: &MarketView, age_sec: f64, theta: &Theta) -> KillComponents {
    let flipped = market.p_trend < theta.trend_min && market.p_chop + market.p_mr > 0.5;
    KillComponents {
        regime_flip: flag(flipped),
        sigma_spike: (market.sigma / theta.sigma_ref - 1.0).clamp(0.0, theta.sigma_spike_cap),
        ts_drop: (theta.ts_ref - market.ts).clamp(0.0, theta.ts_drop_cap),
        age_penalty: (age_sec / theta.max_age_sec).clamp(0.0, 1.0),
    }
}

/// The kill score of a market and a position of that age; for an open, which has no position yet, the
/// age is 0 (settled, "Opens and the kill score").
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and parameters out of their meaning.
pub fn kill_score(
    market: &MarketView,
    age_sec: f64,
    theta: &Theta,
) -> Result<KillScore, RefusedNumber> {
    theta.checked()?;
    market.checked()?;
    not_negative("age_sec", age_sec)?;
    let components = kill_components(market, age_sec, theta);
    let z = theta.k_regime_flip * components.regime_flip
        + theta.k_sigma_spike * components.sigma_spike
        + theta.k_ts_drop * components.ts_drop
        + theta.k_age_penalty * components.age_penalty;
    Ok(KillScore { score: logistic(crate::numbers::finite("kill score exponent", z)?), components })
}
