//! What the moderator's level does to a close (EHR 3.7). It goes through the same matrix as the heat; the
//! audited direction, in which a hot book closes least, exists behind
//! [`ModeratorRules::AuditedHotClosesLeast`].

use serde::{Deserialize, Serialize};

use super::{CalibrationMatrix, HeatBucket, InputFault, calibrate};
use crate::close_action::CloseAction;

/// What was done to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HeatAction {
    /// Nothing.
    None,
    /// A full close became a partial one.
    DowngradeFullToPartial,
    /// A close became none.
    HoldClose,
}

impl HeatAction {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            HeatAction::None => "NONE",
            HeatAction::DowngradeFullToPartial => "DOWNGRADE_FULL_TO_PARTIAL",
            HeatAction::HoldClose => "HOLD_CLOSE",
        }
    }
}

/// In which direction a level softens a close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeratorRules {
    /// By the matrix of the heat, so that there is one direction.
    #[default]
    Matrix,
    /// Audited: cold passes, hot closes least (EHR examples 18 to 20).
    AuditedHotClosesLeast {
        /// Below this kill score a hot book closes nothing (`ENABLE_HOLD_CLOSE`; 0.30); `None` is off.
        hold_close_below: Option<f64>,
    },
}

/// What harvest.heat.decision tells of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatDecision {
    /// What was done.
    pub heat_action: HeatAction,
    /// The word that goes on.
    pub out_action: String,
    /// Share of the position, where the action was changed to a partial one.
    pub recommended_partial: Option<f64>,
    /// `ok`, or the fault and what followed from it.
    pub reason: String,
}

impl HeatDecision {
    fn unchanged(in_action: &str, reason: String) -> HeatDecision {
        HeatDecision {
            heat_action: HeatAction::None,
            out_action: in_action.to_owned(),
            recommended_partial: None,
            reason,
        }
    }
}

/// Softens a proposal by the level of the book.
#[must_use]
pub fn moderate(
    in_action: &str,
    level: HeatBucket,
    kill_score: Option<f64>,
    rules: ModeratorRules,
    matrix: &CalibrationMatrix,
) -> HeatDecision {
    match rules {
        ModeratorRules::Matrix => by_matrix(in_action, level, matrix),
        ModeratorRules::AuditedHotClosesLeast { hold_close_below } => {
            let hold = hold_close_below.is_some_and(|below| {
                kill_score.is_some_and(|k| k < below) && level == HeatBucket::Hot
            });
            audited(in_action, level, hold)
        }
    }
}

fn by_matrix(in_action: &str, level: HeatBucket, matrix: &CalibrationMatrix) -> HeatDecision {
    let out = calibrate(in_action, level, matrix, false);
    if out.action == in_action {
        return HeatDecision::unchanged(in_action, "ok".into());
    }
    let partial = CloseAction::parse(&out.action);
    HeatDecision {
        heat_action: match partial {
            Some(_) => HeatAction::DowngradeFullToPartial,
            None => HeatAction::HoldClose,
        },
        recommended_partial: partial.map(CloseAction::fraction),
        out_action: out.action.into_owned(),
        reason: "ok".into(),
    }
}

fn audited(in_action: &str, level: HeatBucket, hold: bool) -> HeatDecision {
    let changed = |heat_action, out_action: &str, recommended_partial| HeatDecision {
        heat_action,
        out_action: out_action.to_owned(),
        recommended_partial,
        reason: "ok".into(),
    };
    let downgrade = HeatAction::DowngradeFullToPartial;
    match level {
        _ if in_action != CloseAction::FullClose.as_str() => {
            HeatDecision::unchanged(in_action, "ok".into())
        }
        HeatBucket::Cold => HeatDecision::unchanged(in_action, "ok".into()),
        HeatBucket::Warm => changed(downgrade, "PARTIAL_50_PROPOSED", Some(0.5)),
        HeatBucket::Hot if hold => changed(HeatAction::HoldClose, "HOLD_CLOSE_SHADOW", None),
        HeatBucket::Hot => changed(downgrade, "PARTIAL_25_PROPOSED", Some(0.25)),
    }
}

/// What a fault of the inputs means (`HEAT_FAIL_MODE`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum FailMode {
    /// Nothing is done.
    #[default]
    Closed,
    /// The proposal passes as it came: what let every full close through in INC-5.
    Open,
}

/// The decision where there is no score; the level is `unknown` and the score 0.
#[must_use]
pub fn failed(in_action: &str, fault: &InputFault, mode: FailMode) -> HeatDecision {
    let (word, out) = match mode {
        FailMode::Closed => ("FAIL-CLOSED", "NOOP"),
        FailMode::Open => ("FAIL-OPEN", in_action),
    };
    HeatDecision::unchanged(out, format!("{word}({})", fault.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heat::{ModeratorSettings, ModeratorState, heat_score};

    #[test]
    fn faults_have_names_and_a_direction() {
        let full = ModeratorState {
            gross_exposure_usd: Some(1.0),
            dd_ewma_usd: Some(1.0),
            lossburst_ewma_usd: Some(1.0),
            fee_burden_ewma_usd: Some(1.0),
            churn_ewma: Some(1.0),
        };
        let settings = ModeratorSettings::default();
        let fault =
            |state: ModeratorState, age| heat_score(&state, age, &settings).expect_err("none");
        let without = ModeratorState { churn_ewma: None, ..full };
        assert_eq!(fault(without, Some(1.0)).code(), "missing_inputs");
        assert_eq!(fault(full, None).code(), "missing_ts");
        assert_eq!(fault(full, Some(601.0)).code(), "stale_inputs");
        assert_eq!(fault(full, Some(-1.0)).code(), "stale_inputs");
        assert_eq!(fault(full, Some(f64::NAN)).code(), "invalid_ts");
        let nan = ModeratorState { dd_ewma_usd: Some(f64::NAN), ..full };
        let code = fault(nan, Some(1.0));
        assert!(code.code().starts_with("compute_error:dd_ewma_usd is NaN"), "{code:?}");
        let closed = failed("FULL_CLOSE_PROPOSED", &InputFault::MissingTs, FailMode::Closed);
        assert_eq!((&*closed.out_action, &*closed.reason), ("NOOP", "FAIL-CLOSED(missing_ts)"));
        let open = failed("FULL_CLOSE_PROPOSED", &InputFault::MissingTs, FailMode::Open);
        assert_eq!(
            (&*open.out_action, &*open.reason),
            ("FULL_CLOSE_PROPOSED", "FAIL-OPEN(missing_ts)")
        );
    }

    #[test]
    fn by_default_a_cold_book_closes_least() {
        let matrix = CalibrationMatrix::calm_first();
        let of = |level| {
            moderate("FULL_CLOSE_PROPOSED", level, None, ModeratorRules::default(), &matrix)
        };
        let out = HeatBucket::ALL.map(of);
        assert_eq!(out.each_ref().map(|d| d.recommended_partial), [Some(0.25), Some(0.75), None]);
        assert_eq!(out[2].heat_action, HeatAction::None);
    }

    #[test]
    fn audited_hold_needs_its_switch_and_a_low_score() {
        let matrix = CalibrationMatrix::calm_first();
        let out = |kill, hold_close_below| {
            let rules = ModeratorRules::AuditedHotClosesLeast { hold_close_below };
            moderate("FULL_CLOSE_PROPOSED", HeatBucket::Hot, kill, rules, &matrix).out_action
        };
        assert_eq!(out(Some(0.29), Some(0.3)), "HOLD_CLOSE_SHADOW");
        assert_eq!(out(Some(0.30), Some(0.3)), "PARTIAL_25_PROPOSED");
        assert_eq!(out(Some(0.1), None), "PARTIAL_25_PROPOSED");
    }
}
