//! Walk-forward windows: choose on the past, judge on what follows, move on.
//!
//! Source: Pardo (2008), "The Evaluation and Optimization of Trading Strategies", 2nd edition, chapter 11.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FOLDS_MAX, Fold, FoldError, Span, at_least};

/// Where training begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// It moves with the test: every training is as long as the first.
    Rolling,
    /// At the begin of the range: every training is longer than the one before.
    Anchored,
}

/// The lengths of walk-forward windows, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkForward {
    /// Where training begins.
    pub anchor: Anchor,
    /// How long the (first) training is.
    pub train: i64,
    /// How long each test is.
    pub test: i64,
    /// From the begin of a test to that of the next; the length of a test if not given.
    pub step: Option<i64>,
    /// Between training and test, so that no label of the training reaches into the test.
    pub gap: i64,
}

/// The windows that fit into the range, in order of time. What is left at the end and shorter than a test
/// is not used.
///
/// # Errors
/// If a length makes no sense, tests would overlap, or not even one window fits.
pub fn walk_forward(range: Span, windows: &WalkForward) -> Result<Vec<Fold>, FoldError> {
    let WalkForward { anchor, train, test, step, gap } = *windows;
    let step = step.unwrap_or(test);
    at_least("train", train, 1)?;
    at_least("test", test, 1)?;
    at_least("step", step, 1)?;
    at_least("gap", gap, 0)?;
    if step < test {
        return Err(FoldError::TestsOverlap { step, test });
    }
    let (begin, end) = (i128::from(range.from), i128::from(range.to));
    let needed = i128::from(train) + i128::from(gap) + i128::from(test);
    let left = end - begin - needed;
    if left < 0 {
        return Err(FoldError::DoesNotFit { needed, range: end - begin });
    }
    let moves = left / i128::from(step);
    if moves >= FOLDS_MAX as i128 {
        return Err(FoldError::TooMany { most: FOLDS_MAX });
    }
    let fold = |place: i128| {
        // All of it lies inside the range, so that it fits into 64 bits.
        let moved = (place * i128::from(step)) as i64;
        let train_end = range.from + moved + train;
        let train_from = match anchor {
            Anchor::Rolling => range.from + moved,
            Anchor::Anchored => range.from,
        };
        let test_from = train_end + gap;
        Fold {
            train: vec![Span { from: train_from, to: train_end }],
            test: vec![Span { from: test_from, to: test_from + test }],
        }
    };
    Ok((0..=moves).map(fold).collect())
}
