//! The harvest brain's own rules: whether the kernel's proposal is acted on, its plan ids, and the older
//! ladder, an alternative to the kernel's tranches (EHR 3.27).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::HarvestProposal;
use crate::close_action::CloseAction;
use crate::numbers::{RefusedNumber, all_finite, finite, positive};

/// A position whose risk is not known is left alone.
pub const SKIP_RISK_MISSING: &str = "SKIP_RISK_MISSING";
const FRACTION_MIN: f64 = 0.1;
const FRACTION_MAX: f64 = 0.5;

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// It fires from this R on.
    pub r: f64,
    /// Share of the position that it closes.
    pub fraction: f64,
}

/// A ladder that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{rung:?} is not a rung of a ladder: write R:fraction, such as 0.5:0.25, separated by commas"
)]
pub struct LadderError {
    /// The part that is wrong.
    pub rung: String,
}

/// Reads `0.5:0.25,1.0:0.25`.
///
/// # Errors
/// [`LadderError`] for a rung without two finite numbers, or whose fraction is not above 0 and at most 1.
pub fn parse_ladder(text: &str) -> Result<Vec<Rung>, LadderError> {
    let rung = |part: &str| {
        let (r, fraction) = part.split_once(':')?;
        let (r, fraction) = (r.trim().parse().ok()?, fraction.trim().parse().ok()?);
        let sound = f64::is_finite(r) && fraction > 0.0 && fraction <= 1.0;
        sound.then_some(Rung { r, fraction })
    };
    text.split(',')
        .map(|part| rung(part).ok_or_else(|| LadderError { rung: part.into() }))
        .collect()
}

/// A ladder fitted to the risk of a position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DynamicLadder {
    /// What the fractions were multiplied by.
    pub volatility_scale: f64,
    /// The rungs, in the order of the configuration.
    pub rungs: Vec<Rung>,
}

/// Scales the fractions: a narrow risk takes more at each rung, a wide one less.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and an entry that is not above zero.
pub fn dynamic_ladder(
    entry_price: f64,
    entry_risk_price: f64,
    ladder: &[Rung],
) -> Result<DynamicLadder, RefusedNumber> {
    let entry = positive("entry_price", entry_price)?;
    let risk_pct = 100.0 * finite("entry_risk_price", entry_risk_price)? / entry;
    let volatility_scale = match risk_pct {
        r if r < 1.0 => 1.4,
        r if r > 2.5 => 0.6,
        _ => 1.0,
    };
    let rungs = ladder.iter().map(|rung| {
        all_finite(&[("ladder R", rung.r), ("ladder fraction", rung.fraction)])?;
        let fraction = (rung.fraction * volatility_scale).clamp(FRACTION_MIN, FRACTION_MAX);
        Ok(Rung { r: rung.r, fraction })
    });
    Ok(DynamicLadder { volatility_scale, rungs: rungs.collect::<Result<_, RefusedNumber>>()? })
}

/// The places of the rungs that this R has reached and that have not fired.
pub fn rungs_due<'a>(
    rungs: &'a [Rung],
    r_net: f64,
    fired: &'a [usize],
) -> impl Iterator<Item = usize> + 'a {
    let reached = rungs.iter().enumerate().filter(move |(_, rung)| r_net >= rung.r);
    reached.map(|(at, _)| at).filter(|at| !fired.contains(at))
}

/// Risk of a whole position in USDT; `None` when it is not known or zero.
#[must_use]
pub fn entry_risk_usdt(qty: f64, atr_value: f64, volatility_factor: f64) -> Option<f64> {
    let risk = qty.abs() * atr_value * volatility_factor;
    (risk.is_finite() && risk > 0.0).then_some(risk)
}

/// The close to make of a proposal. Below `min_r` no profit is taken; a full close is exempt, or losing
/// positions would never be left.
#[must_use]
pub fn brain_acts(proposal: &HarvestProposal, min_r: f64) -> Option<CloseAction> {
    proposal.action.filter(|a| *a == CloseAction::FullClose || proposal.r_net >= min_r)
}

/// Audited: the same, and the least R comes first, so that a losing position is left open on a kill signal (EHR 3.27).
#[must_use]
pub fn audited_brain_acts(proposal: &HarvestProposal, min_r: f64) -> Option<CloseAction> {
    proposal.action.filter(|_| proposal.r_net >= min_r)
}

/// Plan id of the harvest brain: the first 16 hexadecimal digits of the SHA-256 of the correlation id.
#[must_use]
pub fn brain_plan_id(correlation_id: &str) -> String {
    crate::hex::first_16(&Sha256::digest(correlation_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_is_read_or_refused_with_the_rung() {
        let rungs = parse_ladder("0.5:0.25, 1.0:0.5").expect("a ladder");
        assert_eq!(rungs, [Rung { r: 0.5, fraction: 0.25 }, Rung { r: 1.0, fraction: 0.5 }]);
        for wrong in ["", "0.5", "0.5:x", "0.5:0", "nan:0.5", "1:1.5"] {
            let refused = parse_ladder(&format!("1:0.5,{wrong}")).expect_err("refused");
            assert_eq!(refused.rung, wrong);
        }
        assert_eq!(rungs_due(&rungs, 1.0, &[0]).collect::<Vec<_>>(), [1]);
        assert_eq!(rungs_due(&rungs, 0.7, &[]).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn risk_that_is_not_known_is_none() {
        assert_eq!(entry_risk_usdt(-2.0, 1.5, 2.0), Some(6.0));
        assert_eq!(entry_risk_usdt(2.0, 0.0, 2.0), None);
        assert_eq!(entry_risk_usdt(2.0, f64::NAN, 2.0), None);
    }

    #[test]
    fn below_min_r_only_a_full_close_is_made() {
        use crate::harvest::KillComponents;
        let of = |action, r_net| {
            let proposal = HarvestProposal {
                action: Some(action),
                new_sl: None,
                r_net,
                risk_unit: 1.0,
                cost_est: 0.0,
                kill_score: 0.5,
                k_components: KillComponents {
                    regime_flip: 0.0,
                    sigma_spike: 0.0,
                    ts_drop: 0.0,
                    age_penalty: 0.0,
                },
                reason_codes: Vec::new(),
            };
            (brain_acts(&proposal, 0.5), audited_brain_acts(&proposal, 0.5))
        };
        let both = |close| (Some(close), Some(close));
        assert_eq!(of(CloseAction::Partial25, 0.49), (None, None));
        assert_eq!(of(CloseAction::Partial25, 0.5), both(CloseAction::Partial25));
        assert_eq!(of(CloseAction::FullClose, -3.0), (Some(CloseAction::FullClose), None));
    }

    #[test]
    fn the_scale_changes_beyond_its_borders() {
        let scale = |risk| dynamic_ladder(100.0, risk, &[]).expect("finite").volatility_scale;
        assert_eq!([0.99, 1.0, 2.5, 2.51].map(scale), [1.4, 1.0, 1.0, 0.6]);
    }
}
