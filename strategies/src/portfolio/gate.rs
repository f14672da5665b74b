//! The portfolio gate: calibration and p26 permit in one decision (EHR 3.8; settled, "Heat").
//!
//! Invariants: by default the gate only ever makes a close smaller; it permits nothing but closes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::close_action::CloseAction;
use crate::heat::{CalibrationMatrix, HeatBucket, calibrate};
use crate::numbers::{RefusedNumber, all_finite};

/// Below this stress a full close looks like panic.
const STRESS_CALM: f64 = 0.55;
/// From this stress on partial closes are promoted, if at all.
const STRESS_HIGH: f64 = 0.80;
/// From this kill score on a forbidden full close becomes three quarters rather than half.
const KILL_SCORE_HARD: f64 = 0.85;
const HOLD: &str = "HOLD";

/// Which rules are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateRules {
    /// By the heat; `None` calibrates nothing.
    pub calibration: Option<CalibrationMatrix>,
    /// Rule 4: no full close while the stress is low.
    pub stress_rule: bool,
    /// Rule 5: larger partial closes while the stress is high. The only rule that closes more.
    pub promotion: bool,
    /// Audited: any word but HOLD earns a permit, a `NOOP` among them.
    pub audited_permit_any_word: bool,
    /// Audited: only the literal `FULL_CLOSE` is a full close, which no kernel says.
    pub audited_full_close_word: bool,
}

impl Default for GateRules {
    fn default() -> GateRules {
        GateRules {
            calibration: Some(CalibrationMatrix::calm_first()),
            stress_rule: false,
            promotion: false,
            audited_permit_any_word: false,
            audited_full_close_word: false,
        }
    }
}

impl GateRules {
    /// Audited: the gate of February, without calibration (EHR examples 21 to 24).
    #[must_use]
    pub fn audited() -> GateRules {
        GateRules {
            calibration: None,
            stress_rule: true,
            promotion: true,
            audited_permit_any_word: true,
            audited_full_close_word: false,
        }
    }
}

/// A proposal, and what is known at that moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateInput<'a> {
    /// The proposed word.
    pub action: &'a str,
    /// Of the proposal.
    pub kill_score: f64,
    /// The symbol is on the allowlist.
    pub allowed: bool,
    /// There is at least one snapshot that is not stale.
    pub snapshots_fresh: bool,
    /// A close of the symbol was executed a moment ago.
    pub cooldown_active: bool,
    /// Stress of the book, 0 to 1.
    pub stress: f64,
    /// Heat of the book.
    pub heat: HeatBucket,
}

/// What a p26 permit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatePermit {
    /// There is none.
    None,
    /// This close, or a smaller one.
    Close(CloseAction),
    /// Audited: a permit that names no action.
    AuditedAnyWord,
}

/// What becomes of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateVerdict<'a> {
    /// The word that is allowed; `HOLD` is nothing.
    pub final_action: Cow<'a, str>,
    /// Why: the last rule that changed it, or `pass`.
    pub gate_reason: Cow<'a, str>,
    /// What the calibration said of it, changed or not.
    pub calibration_reason: Option<Cow<'a, str>>,
    /// What the p26 permit allows.
    pub permit: GatePermit,
}

impl GateVerdict<'_> {
    /// Largest share of the position that the permit allows, 0 to 1.
    #[must_use]
    pub fn max_fraction(&self) -> f64 {
        match self.permit {
            GatePermit::Close(close) => close.fraction(),
            GatePermit::None | GatePermit::AuditedAnyWord => 0.0,
        }
    }
}

/// Decides on a proposal.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities; there is then no permit.
pub fn gate<'a>(
    input: &GateInput<'a>,
    rules: &'a GateRules,
) -> Result<GateVerdict<'a>, RefusedNumber> {
    all_finite(&[("kill_score", input.kill_score), ("stress", input.stress)])?;
    if !input.allowed {
        return Ok(hold("not_allowed"));
    }
    if !input.snapshots_fresh {
        return Ok(hold("fail_closed_portfolio_state"));
    }
    let mut action = Cow::Borrowed(input.action);
    let (mut gate_reason, mut calibration_reason) = (Cow::Borrowed("pass"), None);
    if let Some(matrix) = &rules.calibration {
        let word = rules.audited_full_close_word;
        let calibrated = calibrate(input.action, input.heat, matrix, word);
        if calibrated.action != action {
            (action, gate_reason) = (calibrated.action, calibrated.reason.clone());
        }
        calibration_reason = Some(calibrated.reason);
    }
    // After the calibration: a step down from what was proposed could be more than what is allowed.
    if input.cooldown_active
        && let Some(close) = CloseAction::parse(&action)
    {
        action = Cow::Borrowed(close.step_down().map_or(HOLD, CloseAction::as_str));
        gate_reason = "cooldown_downgrade".into();
    }
    if let Some((changed, reason)) = stress_rules(&action, input, rules) {
        (action, gate_reason) = (Cow::Borrowed(changed.as_str()), reason.into());
    }
    let permit = match CloseAction::parse(&action) {
        Some(close) => GatePermit::Close(close),
        None if rules.audited_permit_any_word && action != HOLD => GatePermit::AuditedAnyWord,
        None => GatePermit::None,
    };
    Ok(GateVerdict { final_action: action, gate_reason, calibration_reason, permit })
}

fn hold(reason: &'static str) -> GateVerdict<'static> {
    GateVerdict {
        final_action: HOLD.into(),
        gate_reason: reason.into(),
        calibration_reason: None,
        permit: GatePermit::None,
    }
}

/// Rules 4 and 5 of EHR 3.8, where they are on.
fn stress_rules(
    action: &str,
    input: &GateInput<'_>,
    rules: &GateRules,
) -> Option<(CloseAction, &'static str)> {
    let close = CloseAction::parse(action)?;
    if rules.stress_rule && close == CloseAction::FullClose && input.stress < STRESS_CALM {
        return Some(if input.kill_score >= KILL_SCORE_HARD {
            (CloseAction::Partial75, "forbid_full_close_portfolio_cold_ks_hard")
        } else {
            (CloseAction::Partial50, "forbid_full_close_portfolio_cold")
        });
    }
    let promoted = rules.promotion && close < CloseAction::Partial75 && input.stress >= STRESS_HIGH;
    promoted.then_some((CloseAction::Partial75, "riskoff_accelerate"))
}

/// The close that is executed: the smaller one of plan and permit, or the downgrade had no effect.
#[must_use]
pub fn smaller_close(plan: CloseAction, permit: CloseAction) -> CloseAction {
    plan.min(permit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: GateInput<'_> = GateInput {
        action: "FULL_CLOSE_PROPOSED",
        kill_score: 0.9,
        allowed: true,
        snapshots_fresh: true,
        cooldown_active: false,
        stress: 0.1,
        heat: HeatBucket::Cold,
    };

    fn decide(input: GateInput<'_>, rules: &GateRules) -> (String, String, f64) {
        let verdict = gate(&input, rules).expect("finite");
        let fraction = verdict.max_fraction();
        (verdict.final_action.into_owned(), verdict.gate_reason.into_owned(), fraction)
    }

    fn check(input: GateInput<'_>, action: &str, reason: &str, fraction: f64) {
        let want = (action.to_owned(), reason.to_owned(), fraction);
        assert_eq!(decide(input, &GateRules::default()), want);
    }

    #[test]
    fn audited_calibration_knows_one_word_only() {
        let rules = GateRules { audited_full_close_word: true, ..GateRules::default() };
        let of = |action| decide(GateInput { action, ..CALM }, &rules).2;
        assert_eq!((of("FULL_CLOSE_PROPOSED"), of("FULL_CLOSE")), (1.0, 0.25));
    }

    #[test]
    fn one_decision_from_allowlist_to_permit() {
        check(GateInput { allowed: false, ..CALM }, "HOLD", "not_allowed", 0.0);
        let blind = GateInput { snapshots_fresh: false, ..CALM };
        check(blind, "HOLD", "fail_closed_portfolio_state", 0.0);
        check(CALM, "PARTIAL_25", "portfolio_heat_cold", 0.25);
        let hot = GateInput { heat: HeatBucket::Hot, ..CALM };
        check(hot, "FULL_CLOSE_PROPOSED", "pass", 1.0);
        let again = GateInput { cooldown_active: true, ..hot };
        check(again, "PARTIAL_75", "cooldown_downgrade", 0.75);
        check(GateInput { cooldown_active: true, ..CALM }, "HOLD", "cooldown_downgrade", 0.0);
        check(GateInput { action: "PARTIAL_50", stress: 0.99, ..CALM }, "PARTIAL_50", "pass", 0.5);
    }

    #[test]
    fn only_closes_are_permitted() {
        for word in ["NOOP", "UPDATE_SL", "HOLD", "PARTIAL_33", ""] {
            let input = GateInput { action: word, ..CALM };
            let verdict = gate(&input, const { &rules_off() }).expect("finite");
            assert_eq!((verdict.permit, &*verdict.final_action), (GatePermit::None, word));
        }
        let noop = GateInput { action: "NOOP", ..CALM };
        let audited = GateRules::audited();
        let permit = gate(&noop, &audited).expect("finite").permit;
        assert_eq!(permit, GatePermit::AuditedAnyWord);
    }

    /// Rules 4 and 5 of EHR 3.8 at their thresholds, without calibration.
    #[test]
    fn stress_rules_begin_at_their_thresholds() {
        let rules = GateRules { audited_permit_any_word: false, ..GateRules::audited() };
        let of = |action, stress, kill_score| {
            let (action, reason, _) =
                decide(GateInput { action, stress, kill_score, ..CALM }, &rules);
            format!("{action} {reason}")
        };
        let full = "FULL_CLOSE_PROPOSED";
        let hard = "PARTIAL_75 forbid_full_close_portfolio_cold_ks_hard";
        assert_eq!(of(full, 0.54, 0.84), "PARTIAL_50 forbid_full_close_portfolio_cold");
        assert_eq!(of(full, 0.54, 0.85), hard);
        assert_eq!(of(full, 0.55, 0.85), "FULL_CLOSE_PROPOSED pass");
        assert_eq!(of("PARTIAL_25", 0.79, 0.5), "PARTIAL_25 pass");
        for action in ["PARTIAL_25", "PARTIAL_50"] {
            assert_eq!(of(action, 0.80, 0.5), "PARTIAL_75 riskoff_accelerate");
        }
        assert_eq!(of("PARTIAL_75", 0.99, 0.5), "PARTIAL_75 pass");
        assert_eq!(of(full, 0.99, 0.5), "FULL_CLOSE_PROPOSED pass");
    }

    const fn rules_off() -> GateRules {
        GateRules {
            calibration: None,
            stress_rule: false,
            promotion: false,
            audited_permit_any_word: false,
            audited_full_close_word: false,
        }
    }
}
