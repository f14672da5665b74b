//! The calibration matrix: proposed close and bucket give what is allowed, and why (EHR 3.6).
//!
//! Invariant: a calibrated action never closes more than the proposed one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::HeatBucket;
use crate::close_action::CloseAction;

const UNCHANGED_PARTIAL: &str = "partial_unchanged";
const UNCHANGED_OTHER: &str = "non_full_close_unchanged";

/// One cell of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What is allowed; absent is to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<CloseAction>,
    /// The reason that is told.
    pub reason: Cow<'static, str>,
}

/// What each close becomes, by bucket: cold, warm, hot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationMatrix {
    /// Of a full close, whichever of its two spellings.
    pub full_close: [Cell; 3],
    /// Of three quarters.
    pub partial_75: [Cell; 3],
    /// Of half.
    pub partial_50: [Cell; 3],
    /// Of a quarter.
    pub partial_25: [Cell; 3],
}

/// A cell that closes more than was proposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calibration of {proposed} in {bucket} gives {gives}: it may only close less")]
pub struct NotARowDown {
    /// Row.
    pub proposed: &'static str,
    /// Column.
    pub bucket: &'static str,
    /// What stands there.
    pub gives: &'static str,
}

impl Default for CalibrationMatrix {
    fn default() -> CalibrationMatrix {
        CalibrationMatrix::calm_first()
    }
}

fn cell(action: CloseAction, reason: &'static str) -> Cell {
    Cell { action: Some(action), reason: Cow::Borrowed(reason) }
}

impl CalibrationMatrix {
    /// `calm-first`: full closes are reduced, the more the calmer the book.
    #[must_use]
    pub fn calm_first() -> CalibrationMatrix {
        let unchanged = |action| [(); 3].map(|()| cell(action, UNCHANGED_PARTIAL));
        CalibrationMatrix {
            full_close: [
                cell(CloseAction::Partial25, "portfolio_heat_cold"),
                cell(CloseAction::Partial75, "portfolio_heat_warm"),
                cell(CloseAction::FullClose, "portfolio_heat_hot"),
            ],
            partial_75: unchanged(CloseAction::Partial75),
            partial_50: unchanged(CloseAction::Partial50),
            partial_25: unchanged(CloseAction::Partial25),
        }
    }

    /// `hot-hold`: as `calm-first`, and no partial close in a hot book.
    #[must_use]
    pub fn hot_hold() -> CalibrationMatrix {
        let mut matrix = CalibrationMatrix::calm_first();
        for row in [&mut matrix.partial_75, &mut matrix.partial_50, &mut matrix.partial_25] {
            row[2] = Cell { action: None, reason: Cow::Borrowed("portfolio_heat_hot_hold") };
        }
        matrix
    }

    /// A shipped table by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<CalibrationMatrix> {
        match name {
            "calm-first" => Some(CalibrationMatrix::calm_first()),
            "hot-hold" => Some(CalibrationMatrix::hot_hold()),
            _ => None,
        }
    }

    /// What becomes of a close.
    #[must_use]
    pub fn cell(&self, proposed: CloseAction, bucket: HeatBucket) -> &Cell {
        let row = match proposed {
            CloseAction::FullClose => &self.full_close,
            CloseAction::Partial75 => &self.partial_75,
            CloseAction::Partial50 => &self.partial_50,
            CloseAction::Partial25 => &self.partial_25,
        };
        &row[bucket as usize]
    }

    /// Refuses a table that closes more than was proposed.
    ///
    /// # Errors
    /// [`NotARowDown`] naming the first such cell.
    pub fn checked(&self) -> Result<(), NotARowDown> {
        for proposed in CloseAction::ALL {
            for bucket in HeatBucket::ALL {
                if let Some(gives) = self.cell(proposed, bucket).action.filter(|a| *a > proposed) {
                    let (proposed, bucket) = (proposed.as_str(), bucket.as_str());
                    return Err(NotARowDown { proposed, bucket, gives: gives.as_str() });
                }
            }
        }
        Ok(())
    }
}

/// What calibration made of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calibrated<'a> {
    /// The word that goes on; the proposed one where nothing changed.
    pub action: Cow<'a, str>,
    /// Why.
    pub reason: Cow<'a, str>,
}

/// Calibrates a proposed word. `audited_full_close_word`: only the literal `FULL_CLOSE` counts as a full
/// close, which no kernel says (EHR examples 15 to 17).
#[must_use]
pub fn calibrate<'a>(
    proposed: &'a str,
    bucket: HeatBucket,
    matrix: &'a CalibrationMatrix,
    audited_full_close_word: bool,
) -> Calibrated<'a> {
    let known = CloseAction::parse(proposed)
        .filter(|_| !(audited_full_close_word && proposed == "FULL_CLOSE_PROPOSED"));
    let Some(close) = known else {
        return Calibrated { action: proposed.into(), reason: UNCHANGED_OTHER.into() };
    };
    let cell = matrix.cell(close, bucket);
    let action = match cell.action {
        Some(same) if same == close => proposed,
        Some(other) => other.as_str(),
        None => "HOLD",
    };
    Calibrated { action: action.into(), reason: Cow::Borrowed(cell.reason.as_ref()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(proposed: &str, matrix: &CalibrationMatrix) -> [(String, String); 3] {
        HeatBucket::ALL.map(|bucket| {
            let out = calibrate(proposed, bucket, matrix, false);
            (out.action.into_owned(), out.reason.into_owned())
        })
    }

    #[test]
    fn both_spellings_of_a_full_close_are_calibrated() {
        let calm = CalibrationMatrix::calm_first();
        for word in ["FULL_CLOSE", "FULL_CLOSE_PROPOSED"] {
            let pair = |action: &str, reason: &str| (action.to_owned(), reason.to_owned());
            let want = [
                pair("PARTIAL_25", "portfolio_heat_cold"),
                pair("PARTIAL_75", "portfolio_heat_warm"),
                pair(word, "portfolio_heat_hot"),
            ];
            assert_eq!(words(word, &calm), want);
        }
    }

    #[test]
    fn hot_hold_differs_in_hot_partials_only() {
        let (calm, hold) = (CalibrationMatrix::calm_first(), CalibrationMatrix::hot_hold());
        assert_eq!(words("FULL_CLOSE_PROPOSED", &hold), words("FULL_CLOSE_PROPOSED", &calm));
        for word in ["PARTIAL_25", "PARTIAL_50", "PARTIAL_75"] {
            assert_eq!(words(word, &hold)[..2], words(word, &calm)[..2]);
            assert_eq!(words(word, &hold)[2], ("HOLD".into(), "portfolio_heat_hot_hold".into()));
        }
        assert_eq!(words("UPDATE_SL", &hold)[2].0, "UPDATE_SL");
        assert_eq!(CalibrationMatrix::named("hot-hold"), Some(hold));
    }

    #[test]
    fn a_table_that_closes_more_is_refused() {
        let mut matrix = CalibrationMatrix::calm_first();
        assert_eq!(matrix.checked(), Ok(()));
        matrix.partial_50[1].action = Some(CloseAction::Partial75);
        let refused = matrix.checked().expect_err("refused").to_string();
        assert_eq!(
            refused,
            "calibration of PARTIAL_50 in WARM gives PARTIAL_75: it may only close less"
        );
    }
}
