//! From the regime to the policy of portfolio governance (MSE 15.1).

use serde::{Deserialize, Serialize};

use super::MetaRegime;
use crate::numbers::{RefusedNumber, finite};
use crate::portfolio::Policy;

/// Samples that make a regime's own record count.
const SAMPLES_MIN: u64 = 10;
/// Samples that let a regime be the preferred one.
const PREFERRED_SAMPLES_MIN: u64 = 5;
/// A regime's reading sets a policy only above this confidence (MSE 15.1).
pub const POLICY_CONFIDENCE_MIN: f64 = 0.7;

/// How trades went in one regime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeStats {
    /// Which regime.
    pub regime: MetaRegime,
    /// Trades.
    pub samples: u64,
    /// Mean PnL, a fraction.
    pub avg_pnl: f64,
    /// Share of wins.
    pub win_rate: f64,
}

/// The policy that a regime asks for; its own record decides when it is long enough.
///
/// # Errors
/// [`RefusedNumber`] for a record with NaN or infinities.
pub fn recommended_policy(
    regime: MetaRegime,
    stats: Option<&RegimeStats>,
) -> Result<Policy, RefusedNumber> {
    if let Some(stats) = stats.filter(|s| s.samples >= SAMPLES_MIN) {
        let avg_pnl = finite("avg_pnl", stats.avg_pnl)?;
        let win_rate = finite("win_rate", stats.win_rate)?;
        if avg_pnl > 0.01 && win_rate > 0.55 {
            let bull = regime == MetaRegime::Bull;
            return Ok(if bull { Policy::Aggressive } else { Policy::Balanced });
        }
        if avg_pnl < -0.005 || win_rate < 0.45 {
            return Ok(Policy::Conservative);
        }
    }
    Ok(match regime {
        MetaRegime::Bull => Policy::Aggressive,
        MetaRegime::Range | MetaRegime::Uncertain | MetaRegime::Unknown => Policy::Balanced,
        MetaRegime::Bear | MetaRegime::Volatile => Policy::Conservative,
    })
}

/// Whether the recommendation is written over the current policy.
#[must_use]
pub fn sets_policy(confidence: f64, recommended: Policy, current: Policy) -> bool {
    confidence > POLICY_CONFIDENCE_MIN && recommended != current
}

/// The regime with the best mean PnL among those with enough samples; the first of equals.
#[must_use]
pub fn best_regime(stats: &[RegimeStats]) -> Option<MetaRegime> {
    let known =
        stats.iter().filter(|s| s.samples >= PREFERRED_SAMPLES_MIN && s.avg_pnl.is_finite());
    let better = |a: &RegimeStats, b: &RegimeStats| a.avg_pnl >= b.avg_pnl;
    known.reduce(|best, next| if better(best, next) { best } else { next }).map(|s| s.regime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(regime: MetaRegime, samples: u64, avg_pnl: f64, win_rate: f64) -> RegimeStats {
        RegimeStats { regime, samples, avg_pnl, win_rate }
    }

    #[test]
    fn a_record_of_ten_decides() {
        let of = |regime, samples, avg_pnl, win_rate| {
            recommended_policy(regime, Some(&stats(regime, samples, avg_pnl, win_rate)))
        };
        assert_eq!(of(MetaRegime::Bear, 9, 0.02, 0.6), Ok(Policy::Conservative));
        assert_eq!(of(MetaRegime::Bear, 10, 0.02, 0.6), Ok(Policy::Balanced));
        assert_eq!(of(MetaRegime::Bull, 10, 0.02, 0.6), Ok(Policy::Aggressive));
        assert_eq!(of(MetaRegime::Bull, 10, -0.01, 0.6), Ok(Policy::Conservative));
        assert_eq!(of(MetaRegime::Range, 10, 0.0, 0.5), Ok(Policy::Balanced));
        assert!(of(MetaRegime::Range, 10, f64::NAN, 0.5).is_err());
    }

    #[test]
    fn the_best_regime_needs_five_samples_and_a_change_needs_confidence() {
        let all = [
            stats(MetaRegime::Bear, 4, 0.09, 0.9),
            stats(MetaRegime::Bull, 5, 0.01, 0.5),
            stats(MetaRegime::Range, 9, 0.01, 0.5),
        ];
        assert_eq!(best_regime(&all), Some(MetaRegime::Bull));
        assert_eq!(best_regime(&all[..1]), None);
        assert!(sets_policy(0.71, Policy::Balanced, Policy::Aggressive));
        assert!(!sets_policy(0.7, Policy::Balanced, Policy::Aggressive));
        assert!(!sets_policy(0.9, Policy::Balanced, Policy::Balanced));
    }
}
