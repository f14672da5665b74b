//! The shadow proposer of P2.9: how capital efficiency would move a target (EHR 3.14).

use serde::Serialize;

use crate::numbers::{RefusedNumber, all_finite};

/// Older is stale.
pub(crate) const EFFICIENCY_AGE_MAX_SEC: f64 = 600.0;
/// Less sure is not used.
pub(crate) const EFFICIENCY_CONFIDENCE_MIN: f64 = 0.65;

/// P3.1's verdict on a symbol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Efficiency {
    /// 0 to 1.
    pub score: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Since it was written.
    pub age_sec: f64,
}

impl Efficiency {
    /// The verdict, if it may be used, or the reason why not: `missing_eff`, `stale_eff`, `low_conf`.
    pub(crate) fn usable(of: Option<Efficiency>) -> Result<Efficiency, &'static str> {
        let of = of.ok_or("missing_eff")?;
        if !(0.0..=EFFICIENCY_AGE_MAX_SEC).contains(&of.age_sec) {
            Err("stale_eff")
        } else if of.confidence < EFFICIENCY_CONFIDENCE_MIN {
            Err("low_conf")
        } else {
            Ok(of)
        }
    }

    /// Refuses NaN and infinities.
    pub(crate) fn checked(of: Option<Efficiency>) -> Result<(), RefusedNumber> {
        of.map_or(Ok(()), |of| {
            all_finite(&[
                ("efficiency_score", of.score),
                ("efficiency confidence", of.confidence),
                ("efficiency age", of.age_sec),
            ])
        })
    }
}

/// A multiplier, and why it is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TargetMultiplier {
    /// 0.5 to 1.5.
    pub multiplier: f64,
    /// `ok`, `missing_eff`, `stale_eff` or `low_conf`.
    pub reason: &'static str,
}

/// The multiplier of an efficiency.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn target_multiplier(of: Option<Efficiency>) -> Result<TargetMultiplier, RefusedNumber> {
    Efficiency::checked(of)?;
    Ok(match Efficiency::usable(of) {
        Ok(of) => {
            let multiplier = (1.0 + (of.score - 0.5)).clamp(0.5, 1.5);
            TargetMultiplier { multiplier, reason: "ok" }
        }
        Err(reason) => TargetMultiplier { multiplier: 1.0, reason },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_and_sure_efficiency_counts() {
        let of = |score, confidence, age_sec| {
            let out = target_multiplier(Some(Efficiency { score, confidence, age_sec }));
            let out = out.expect("finite");
            (out.multiplier, out.reason)
        };
        assert_eq!(of(0.75, 0.65, 600.0), (1.25, "ok"));
        assert_eq!(of(1.5, 0.9, 0.0), (1.5, "ok"));
        assert_eq!(of(0.75, 0.65, 601.0), (1.0, "stale_eff"));
        assert_eq!(of(0.75, 0.64, 0.0), (1.0, "low_conf"));
        assert_eq!(target_multiplier(None).expect("finite").reason, "missing_eff");
    }
}
