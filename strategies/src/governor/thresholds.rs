//! What a kill score does to an open (EHR 3.18; settled, "Opens and the kill score").

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite};

/// From this score on nothing is opened.
pub const KILL_SCORE_CRITICAL: f64 = 0.80;

/// Thresholds of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillScoreThresholds {
    /// Above it an open is scaled down; 0.6 to 0.95.
    pub open_threshold: f64,
    /// Audited: from it on a close was refused; 0.5 to 0.85.
    pub close_threshold: f64,
    /// What the score makes of an open's quantity, 0.25 to 1.
    pub qty_scale_open: f64,
}

/// The thresholds of a plan. `regime_flip` is the kill score's component, 0 or 1;
/// `unrealized_pnl_pct` is the position's, a fraction.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn kill_score_thresholds(
    kill_score: f64,
    confidence: f64,
    regime_flip: f64,
    unrealized_pnl_pct: f64,
) -> Result<KillScoreThresholds, RefusedNumber> {
    all_finite(&[
        ("kill_score", kill_score),
        ("confidence", confidence),
        ("regime_flip", regime_flip),
        ("unrealized_pnl_pct", unrealized_pnl_pct),
    ])?;
    let open_threshold = (0.85 - 0.15 * regime_flip + 0.1 * (confidence - 0.5)).clamp(0.6, 0.95);
    let losing = if unrealized_pnl_pct < -0.03 { 0.2 } else { 0.0 };
    let close_threshold = (0.65_f64 + losing).clamp(0.5, 0.85);
    let qty_scale_open = libm::exp(-2.0 * (kill_score - open_threshold)).clamp(0.25, 1.0);
    Ok(KillScoreThresholds { open_threshold, close_threshold, qty_scale_open })
}

/// What the kill score makes of an open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum OpenVerdict {
    /// Its quantity is multiplied by this, 0.25 to 1.
    Scaled(f64),
    /// It is refused: `missing_marketstate` or `kill_score_critical_open`.
    Refused(&'static str),
}

/// What the score makes of an open: that of the symbol's market with age 0 and no position.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn open_scale(
    kill_score: Option<f64>,
    confidence: f64,
    regime_flip: f64,
) -> Result<OpenVerdict, RefusedNumber> {
    let Some(kill_score) = kill_score else {
        return Ok(OpenVerdict::Refused("missing_marketstate"));
    };
    let thresholds = kill_score_thresholds(kill_score, confidence, regime_flip, 0.0)?;
    if kill_score >= KILL_SCORE_CRITICAL {
        return Ok(OpenVerdict::Refused("kill_score_critical_open"));
    }
    let above = kill_score > thresholds.open_threshold;
    Ok(OpenVerdict::Scaled(if above { thresholds.qty_scale_open } else { 1.0 }))
}

/// Audited: the reason for which February refused a close; `None` lets it pass. By default no score
/// refuses a close.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn close_blocked_audited(
    kill_score: f64,
    unrealized_pnl_pct: f64,
) -> Result<Option<String>, RefusedNumber> {
    let k = finite("kill_score", kill_score)?;
    let limit = kill_score_thresholds(k, 0.5, 0.0, unrealized_pnl_pct)?.close_threshold;
    Ok((k >= limit).then(|| format!("kill_score_close_blocked:{k:.3}>={limit:.3}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_passes_is_scaled_or_is_refused() {
        let of = |k, confidence, flip| open_scale(k, confidence, flip).expect("finite");
        assert_eq!(of(None, 0.9, 0.0), OpenVerdict::Refused("missing_marketstate"));
        assert_eq!(of(Some(0.80), 0.9, 0.0), OpenVerdict::Refused("kill_score_critical_open"));
        assert_eq!(of(Some(0.79), 0.5, 0.0), OpenVerdict::Scaled(1.0), "below 0.85");
        let OpenVerdict::Scaled(scale) = of(Some(0.78), 0.5, 1.0) else { panic!("scaled") };
        assert!((scale - libm::exp(-0.16)).abs() < 1e-12, "above 0.70 after a flip");
        let scale_at = |k| kill_score_thresholds(k, 0.5, 0.0, 0.0).expect("finite").qty_scale_open;
        assert_eq!((scale_at(0.0), scale_at(9.0)), (1.0, 0.25));
        assert!(open_scale(Some(f64::NAN), 0.5, 0.0).is_err());
    }

    #[test]
    fn february_refused_urgent_closes() {
        let reason = close_blocked_audited(0.7, 0.0).expect("finite");
        assert_eq!(reason.as_deref(), Some("kill_score_close_blocked:0.700>=0.650"));
        assert_eq!(close_blocked_audited(0.7, -0.031), Ok(None), "losing: 0.85");
    }
}
