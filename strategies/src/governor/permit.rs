//! The governor's permit, and what capital efficiency adds to it (EHR 3.18). Efficiency never blocks.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::numbers::RefusedNumber;
use crate::portfolio::Efficiency;

/// Life of a permit.
pub const PERMIT_TTL_SEC: i64 = 60;
/// Below this score an open is made smaller.
const SCORE_MIN: f64 = 0.45;
const FACTOR_MIN: f64 = 0.25;
/// Cooldown of the least efficient symbol.
const EXTRA_COOLDOWN_SEC: f64 = 120.0;

/// What efficiency makes of an open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EfficiencyVerdict {
    /// The verdict that was used, if any.
    pub used: Option<Efficiency>,
    /// Scale of the quantity, 0.25 to 1.
    pub factor: f64,
    /// Before the symbol may be opened again.
    pub extra_cooldown_sec: i64,
    /// `ok`, `missing_eff`, `stale_eff` or `low_conf`.
    pub reason: &'static str,
}

/// Judges by a symbol's efficiency.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn efficiency_verdict(of: Option<Efficiency>) -> Result<EfficiencyVerdict, RefusedNumber> {
    Efficiency::checked(of)?;
    let unused =
        |reason| EfficiencyVerdict { used: None, factor: 1.0, extra_cooldown_sec: 0, reason };
    Ok(match Efficiency::usable(of) {
        Err(reason) => unused(reason),
        Ok(of) if of.score < SCORE_MIN => {
            let pause = ((1.0 - of.score.max(0.0)) * EXTRA_COOLDOWN_SEC).round_ties_even();
            EfficiencyVerdict {
                used: Some(of),
                factor: (of.score / SCORE_MIN).max(FACTOR_MIN),
                extra_cooldown_sec: pause as i64,
                reason: "ok",
            }
        }
        Ok(of) => EfficiencyVerdict { used: Some(of), ..unused("ok") },
    })
}

/// quantum:permit:{plan_id}, without the time that the service adds. Efficiency is text there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GovernorPermit {
    /// Always yes: a refusal is another record.
    pub granted: bool,
    /// Whose.
    pub symbol: String,
    /// For what.
    pub action: String,
    /// `EXECUTE`.
    pub decision: &'static str,
    /// Largest base quantity.
    pub computed_qty: Decimal,
    /// In USDT.
    pub computed_notional: Decimal,
    /// Whether it was used.
    pub consumed: bool,
    /// Four decimals, or empty.
    pub eff_score: String,
    /// Three decimals, or empty.
    pub eff_confidence: String,
    /// `1` when no efficiency was used.
    pub eff_stale: &'static str,
    /// Four decimals.
    pub eff_factor: String,
    /// `DOWNSIZE` or `NONE`.
    pub eff_action: &'static str,
    /// Why.
    pub eff_reason: &'static str,
    /// As `eff_factor`.
    pub downsize_factor: String,
    /// Whole seconds.
    pub extra_cooldown_sec: String,
}

impl GovernorPermit {
    /// The permit of a plan.
    #[must_use]
    pub fn new(
        symbol: &str,
        action: &str,
        computed_qty: Decimal,
        computed_notional: Decimal,
        efficiency: &EfficiencyVerdict,
    ) -> GovernorPermit {
        let factor = format!("{:.4}", efficiency.factor);
        GovernorPermit {
            granted: true,
            symbol: symbol.to_owned(),
            action: action.to_owned(),
            decision: "EXECUTE",
            computed_qty,
            computed_notional,
            consumed: false,
            eff_score: efficiency.used.map_or_else(String::new, |e| format!("{:.4}", e.score)),
            eff_confidence: efficiency
                .used
                .map_or_else(String::new, |e| format!("{:.3}", e.confidence)),
            eff_stale: if efficiency.used.is_some() { "0" } else { "1" },
            eff_action: if efficiency.factor < 1.0 { "DOWNSIZE" } else { "NONE" },
            eff_reason: efficiency.reason,
            downsize_factor: factor.clone(),
            eff_factor: factor,
            extra_cooldown_sec: efficiency.extra_cooldown_sec.to_string(),
        }
    }
}
