//! From the words that proposals use to the few that plans know, and the steps that follow (EHR 3.16).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::close_action::CloseAction;

/// What a plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NormalisedAction {
    /// Closes a part, or all.
    Close(CloseAction),
    /// Moves the stop.
    UpdateSl,
    /// Nothing.
    Hold,
}

impl NormalisedAction {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            NormalisedAction::Close(close) => close.as_str(),
            NormalisedAction::UpdateSl => "UPDATE_SL",
            NormalisedAction::Hold => "HOLD",
        }
    }

    /// What the executor has to do; `None` is nothing.
    #[must_use]
    pub const fn step(self) -> Option<PlanStep> {
        match self {
            NormalisedAction::Close(close) => Some(PlanStep::Close(close)),
            NormalisedAction::UpdateSl => Some(PlanStep::UpdateSl),
            NormalisedAction::Hold => None,
        }
    }
}

/// A step of a plan. A close without one is an error: nothing ever defaults to the whole position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanStep {
    /// A reduce-only market order for that share.
    Close(CloseAction),
    /// A new stop price.
    UpdateSl,
}

impl PlanStep {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            PlanStep::Close(CloseAction::FullClose) => "CLOSE_FULL",
            PlanStep::Close(CloseAction::Partial75) => "CLOSE_PARTIAL_75",
            PlanStep::Close(CloseAction::Partial50) => "CLOSE_PARTIAL_50",
            PlanStep::Close(CloseAction::Partial25) => "CLOSE_PARTIAL_25",
            PlanStep::UpdateSl => "UPDATE_SL",
        }
    }
}

/// The action of a word, and the reason where it is not the word itself. `position_open` is whether the
/// last snapshot shows a position. `audited_no_partial_25`: a quarter is an unknown word, so that the
/// kernel's first tranche does nothing (EHR example 33).
#[must_use]
pub fn normalise(
    word: &str,
    new_sl: Option<f64>,
    position_open: bool,
    audited_no_partial_25: bool,
) -> (NormalisedAction, Option<Cow<'static, str>>) {
    let upper = word.trim().to_ascii_uppercase();
    let because =
        |end: &str| Some(format!("action_normalized_{}_{end}", upper.to_lowercase()).into());
    match upper.as_str() {
        "" | "UNKNOWN" => match (new_sl, position_open) {
            (Some(_), true) => {
                (NormalisedAction::UpdateSl, Some("action_normalized_unknown_to_update_sl".into()))
            }
            (Some(_), false) => (NormalisedAction::Hold, Some("update_sl_no_position_skip".into())),
            (None, _) => (NormalisedAction::Hold, Some("action_normalized_unknown_to_hold".into())),
        },
        "EXIT" | "REDUCE" | "CLOSE" | "FULL_CLOSE" => {
            (NormalisedAction::Close(CloseAction::FullClose), because("to_close"))
        }
        "ENTRY" | "ENTER" | "OPEN" => (NormalisedAction::Hold, because("to_hold")),
        "UPDATE_SL" => (NormalisedAction::UpdateSl, None),
        "HOLD" => (NormalisedAction::Hold, None),
        known => match CloseAction::parse(known) {
            Some(close) if close != CloseAction::Partial25 || !audited_no_partial_25 => {
                (NormalisedAction::Close(close), None)
            }
            _ => (NormalisedAction::Hold, because("unknown_variant")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str, new_sl: Option<f64>, open: bool) -> (&'static str, String) {
        let (action, reason) = normalise(word, new_sl, open, false);
        (action.as_str(), reason.unwrap_or_default().into_owned())
    }

    #[test]
    fn every_word_has_one_meaning() {
        let pair = |action, reason: &str| (action, reason.to_owned());
        for word in ["FULL_CLOSE_PROPOSED", "PARTIAL_75", "PARTIAL_50", "PARTIAL_25", "UPDATE_SL"] {
            assert_eq!(of(word, None, false), pair(word, ""));
        }
        let reduce = pair("FULL_CLOSE_PROPOSED", "action_normalized_reduce_to_close");
        assert_eq!(of(" reduce", None, true), reduce);
        assert_eq!(of("OPEN", None, true), pair("HOLD", "action_normalized_open_to_hold"));
        assert_eq!(of("", Some(1.0), false), pair("HOLD", "update_sl_no_position_skip"));
        assert_eq!(of("UNKNOWN", None, true), pair("HOLD", "action_normalized_unknown_to_hold"));
        let other = pair("HOLD", "action_normalized_partial_33_unknown_variant");
        assert_eq!(of("PARTIAL_33", None, true), other);
    }
}
