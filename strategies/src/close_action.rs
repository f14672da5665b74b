//! The closes that a plan can ask for, from the smallest to the whole (EHR 3.3, 3.16).

use serde::{Deserialize, Serialize};

/// How much of what remains is closed. Ordered: a later one closes more.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum CloseAction {
    /// A quarter.
    #[serde(rename = "PARTIAL_25")]
    Partial25,
    /// Half.
    #[serde(rename = "PARTIAL_50")]
    Partial50,
    /// Three quarters.
    #[serde(rename = "PARTIAL_75")]
    Partial75,
    /// All of it.
    #[serde(rename = "FULL_CLOSE_PROPOSED")]
    FullClose,
}

impl CloseAction {
    /// All of them, the smallest first.
    pub const ALL: [CloseAction; 4] = [
        CloseAction::Partial25,
        CloseAction::Partial50,
        CloseAction::Partial75,
        CloseAction::FullClose,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseAction::Partial25 => "PARTIAL_25",
            CloseAction::Partial50 => "PARTIAL_50",
            CloseAction::Partial75 => "PARTIAL_75",
            CloseAction::FullClose => "FULL_CLOSE_PROPOSED",
        }
    }

    /// The close of that word; both spellings of a full close count (EHR 3.6). `None` for any other word.
    #[must_use]
    pub fn parse(word: &str) -> Option<CloseAction> {
        match word {
            "PARTIAL_25" => Some(CloseAction::Partial25),
            "PARTIAL_50" => Some(CloseAction::Partial50),
            "PARTIAL_75" => Some(CloseAction::Partial75),
            "FULL_CLOSE_PROPOSED" | "FULL_CLOSE" => Some(CloseAction::FullClose),
            _ => None,
        }
    }

    /// Percent of what remains.
    pub const fn percent(self) -> u32 {
        match self {
            CloseAction::Partial25 => 25,
            CloseAction::Partial50 => 50,
            CloseAction::Partial75 => 75,
            CloseAction::FullClose => 100,
        }
    }

    /// Share of what remains, above 0 and at most 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.percent()) / 100.0
    }

    /// The next smaller close; `None` below a quarter, which is to hold.
    #[must_use]
    pub const fn step_down(self) -> Option<CloseAction> {
        match self {
            CloseAction::Partial25 => None,
            CloseAction::Partial50 => Some(CloseAction::Partial25),
            CloseAction::Partial75 => Some(CloseAction::Partial50),
            CloseAction::FullClose => Some(CloseAction::Partial75),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_steps_go_down() {
        for (at, action) in CloseAction::ALL.into_iter().enumerate() {
            assert_eq!(CloseAction::parse(action.as_str()), Some(action));
            assert_eq!(action.step_down(), at.checked_sub(1).map(|at| CloseAction::ALL[at]));
        }
        assert_eq!(CloseAction::parse("FULL_CLOSE"), Some(CloseAction::FullClose));
        for word in ["HOLD", "NOOP", "UPDATE_SL", "PARTIAL_33", "full_close", ""] {
            assert_eq!(CloseAction::parse(word), None, "{word}");
        }
    }
}
