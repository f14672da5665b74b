//! From a proposal to a decision: EXECUTE, BLOCKED or SKIP (EHR 3.16).
//!
//! Invariant: by default no kill score stops a close, because the score says how urgently to leave
//! (EHR 5, C1).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::normalise::{NormalisedAction, PlanStep, normalise};
use super::plan_id::harvest_plan_id;
use crate::close_action::CloseAction;
use crate::numbers::{RefusedNumber, finite};

/// An older proposal is not acted on.
pub const PROPOSAL_AGE_MAX_SEC: f64 = 30.0;

/// Whether a plan may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ApplyDecision {
    /// It may.
    Execute,
    /// A rule forbids it.
    Blocked,
    /// There is nothing to do.
    Skip,
}

impl ApplyDecision {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            ApplyDecision::Execute => "EXECUTE",
            ApplyDecision::Blocked => "BLOCKED",
            ApplyDecision::Skip => "SKIP",
        }
    }
}

/// What the kill score does to a proposal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillScoreRule {
    /// Nothing: proposals only ever make a position safer.
    #[default]
    NeverBlocks,
    /// Audited, 29 January: closes pass up to the critical score, everything else stops at the warning.
    AuditedJanuary {
        /// `K_BLOCK_CRITICAL`, 0.80.
        critical: f64,
        /// `K_BLOCK_WARNING`, 0.60.
        warning: f64,
    },
    /// Audited, 2 February: closes stop at their own threshold (EHR examples 29 to 35).
    AuditedFebruary {
        /// `K_BLOCK_CRITICAL`, 0.80.
        critical: f64,
        /// `K_BLOCK_WARNING`, 0.60.
        warning: f64,
        /// `K_CLOSE_THRESHOLD`, 0.65; 0.85 from 3 February on.
        close: f64,
        /// `K_OPEN_THRESHOLD`, 0.85.
        open: f64,
        /// `K_OPEN_CRITICAL`, 0.95.
        open_critical: f64,
    },
}

impl KillScoreRule {
    /// The thresholds of 29 January.
    #[must_use]
    pub const fn audited_january() -> KillScoreRule {
        KillScoreRule::AuditedJanuary { critical: 0.80, warning: 0.60 }
    }

    /// The thresholds of 2 February.
    #[must_use]
    pub const fn audited_february() -> KillScoreRule {
        KillScoreRule::AuditedFebruary {
            critical: 0.80,
            warning: 0.60,
            close: 0.65,
            open: 0.85,
            open_critical: 0.95,
        }
    }

    /// The decision, its reason and the scale of the quantity.
    fn judge(&self, k: f64, closes: bool) -> (ApplyDecision, Option<&'static str>, f64) {
        use ApplyDecision::{Blocked, Execute};
        match *self {
            KillScoreRule::NeverBlocks => (Execute, None, 1.0),
            KillScoreRule::AuditedJanuary { critical, .. }
            | KillScoreRule::AuditedFebruary { critical, .. }
                if k >= critical =>
            {
                (Blocked, Some("kill_score_critical"), 1.0)
            }
            KillScoreRule::AuditedJanuary { warning, .. }
            | KillScoreRule::AuditedFebruary { warning, .. }
                if k < warning =>
            {
                (Execute, None, 1.0)
            }
            KillScoreRule::AuditedJanuary { .. } if closes => {
                (Execute, Some("kill_score_warning_close_ok"), 1.0)
            }
            KillScoreRule::AuditedJanuary { .. } => {
                (Blocked, Some("kill_score_warning_risk_increase"), 1.0)
            }
            KillScoreRule::AuditedFebruary { close, .. } if closes => {
                if k >= close {
                    (Blocked, Some("kill_score_close_blocked"), 1.0)
                } else {
                    (Execute, Some("kill_score_close_ok"), 1.0)
                }
            }
            KillScoreRule::AuditedFebruary { open, open_critical, .. } => {
                if k >= open_critical {
                    (Blocked, Some("kill_score_open_critical"), 1.0)
                } else if k >= open {
                    let scale = libm::exp(-2.0 * (k - open)).clamp(0.25, 1.0);
                    (Execute, Some("kill_score_open_scaled"), scale)
                } else {
                    (Execute, Some("kill_score_open_ok"), 1.0)
                }
            }
        }
    }
}

/// Which rules are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplyRules {
    /// What the kill score does.
    pub kill_score: KillScoreRule,
    /// Audited: a quarter is an unknown word and no close.
    pub audited_no_partial_25: bool,
}

impl ApplyRules {
    /// Audited: the layer of 4 February.
    #[must_use]
    pub const fn audited_february() -> ApplyRules {
        ApplyRules { kill_score: KillScoreRule::audited_february(), audited_no_partial_25: true }
    }
}

/// A proposal, and what is known at that moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApplyInput<'a> {
    /// Whose.
    pub symbol: &'a str,
    /// The word that counts: [`effective_action`].
    pub action: &'a str,
    /// Of the proposal.
    pub kill_score: f64,
    /// Of the proposal, in USDT.
    pub new_sl: Option<f64>,
    /// When it was computed, as it is written there.
    pub computed_at_utc: &'a str,
    /// Since it was computed.
    pub age_sec: f64,
    /// The symbol is on the allowlist.
    pub allowed: bool,
    /// The operator's switch is on.
    pub kill_switch: bool,
    /// This plan id has been executed.
    pub seen_before: bool,
    /// The last snapshot shows a position.
    pub position_open: bool,
}

/// What becomes of a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplyVerdict {
    /// Identity.
    pub plan_id: String,
    /// Whether it may run.
    pub decision: ApplyDecision,
    /// What it does; the word's own where nothing is executed.
    pub action: NormalisedAction,
    /// In the order in which they arose.
    pub reason_codes: Vec<Cow<'static, str>>,
    /// What the executor has to do.
    pub step: Option<PlanStep>,
    /// Scale of the quantity, 0.25 to 1.
    pub qty_scale: f64,
}

/// Decides on a proposal; the first rule that matches counts.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn apply_decision(
    input: &ApplyInput<'_>,
    rules: &ApplyRules,
) -> Result<ApplyVerdict, RefusedNumber> {
    finite("kill_score", input.kill_score)?;
    finite("new_sl", input.new_sl.unwrap_or(0.0))?;
    finite("proposal age", input.age_sec)?;
    let ApplyInput { symbol, action: word, kill_score, new_sl, computed_at_utc, .. } = *input;
    let plan_id = harvest_plan_id(symbol, word, kill_score, new_sl, computed_at_utc);
    let (action, renamed) =
        normalise(word, new_sl, input.position_open, rules.audited_no_partial_25);
    let stopped = |decision, reason: &'static str, before: Option<&'static str>| ApplyVerdict {
        plan_id: plan_id.clone(),
        decision,
        action,
        reason_codes: before.into_iter().chain([reason]).map(Cow::Borrowed).collect(),
        step: None,
        qty_scale: 1.0,
    };
    if input.kill_switch {
        return Ok(stopped(ApplyDecision::Blocked, "kill_switch_active", None));
    }
    if !input.allowed {
        return Ok(stopped(ApplyDecision::Skip, "not_in_allowlist", None));
    }
    if !(0.0..=PROPOSAL_AGE_MAX_SEC).contains(&input.age_sec) {
        return Ok(stopped(ApplyDecision::Skip, "stale_proposal", None));
    }
    // A word that only normalisation makes a close is none for the audited thresholds.
    let closes = CloseAction::parse(word).is_some()
        && word != "FULL_CLOSE"
        && matches!(action, NormalisedAction::Close(_));
    let (decision, reason, qty_scale) = rules.kill_score.judge(kill_score, closes);
    if decision != ApplyDecision::Execute {
        return Ok(stopped(decision, reason.unwrap_or_default(), None));
    }
    if input.seen_before {
        return Ok(stopped(ApplyDecision::Skip, "duplicate_plan", reason));
    }
    let mut reason_codes: Vec<Cow<'static, str>> = reason.map(Cow::Borrowed).into_iter().collect();
    reason_codes.extend(renamed);
    let step = action.step();
    let decision = if step.is_some() { ApplyDecision::Execute } else { ApplyDecision::Skip };
    if step.is_none() {
        reason_codes.push("action_hold".into());
    }
    Ok(ApplyVerdict { plan_id, decision, action, reason_codes, step, qty_scale })
}

/// The word of a proposal that counts: the calibrated one, but only if it belongs to this very proposal,
/// or a stale one would be paired with a fresh kill score (EHR 3.6). `calibrated` is its word and the
/// `computed_at` that it was made for.
#[must_use]
pub fn effective_action<'a>(
    proposed: &'a str,
    computed_at: &str,
    calibrated: Option<(&'a str, &str)>,
) -> &'a str {
    match calibrated {
        Some((word, made_for)) if made_for == computed_at => word,
        _ => proposed,
    }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
