//! Stretches of time to choose on, and stretches to judge on.

mod purged;
mod walk_forward;

pub(crate) use purged::choices;
pub use purged::{CombinatorialFolds, Purge, combinatorial_purged, purged_k_fold};
pub use walk_forward::{Anchor, WalkForward, walk_forward};

/// A stretch of time, in nanoseconds: `from` is in it, `to` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// Its first nanosecond.
    pub from: i64,
    /// The first nanosecond after it.
    pub to: i64,
}

impl Span {
    /// Its length in nanoseconds.
    pub fn length(self) -> i64 {
        self.to.saturating_sub(self.from)
    }
}

/// What to choose parameters on, and what to judge them on. The spans of each are in order of time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fold {
    /// Samples that begin in one of these may be learnt from.
    pub train: Vec<Span>,
    /// Samples that begin in one of these are tested on.
    pub test: Vec<Span>,
}

/// Why a stretch of time cannot be divided so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A length that must be above zero is not, or one is below zero.
    #[error("{name} = {nanos} ns: give {least} ns or more")]
    Length {
        /// Which length.
        name: &'static str,
        /// What was given.
        nanos: i64,
        /// The least that makes sense.
        least: i64,
    },
    /// The range is too short for one window.
    #[error(
        "a window of {needed} ns (train, gap and test) does not fit into a range of {range} ns; give a \
         longer range or shorter windows"
    )]
    DoesNotFit {
        /// Train, gap and test together.
        needed: i128,
        /// The length of the range.
        range: i128,
    },
    /// Tests would count the same time twice.
    #[error(
        "step = {step} ns is shorter than test = {test} ns, so that tests overlap; give a step of at least \
         the test"
    )]
    TestsOverlap {
        /// What was given.
        step: i64,
        /// The length of a test.
        test: i64,
    },
    /// Too few or too many groups.
    #[error(
        "{groups} groups, {test_groups} of them to test: give 2 or more groups, and fewer to test"
    )]
    Groups {
        /// Into how many the range is divided.
        groups: u32,
        /// How many are tested at a time.
        test_groups: u32,
    },
    /// More folds than anyone could run.
    #[error("more than {most} folds; give fewer groups or a longer step")]
    TooMany {
        /// The most that there may be.
        most: usize,
    },
    /// Purge and embargo leave nothing to train on.
    #[error(
        "fold {fold} has nothing left to train on after a label horizon of {horizon} ns and an embargo of \
         {embargo} ns; give fewer groups or a longer range"
    )]
    NothingToTrain {
        /// The number of the fold, from zero.
        fold: usize,
        /// The label horizon.
        horizon: i64,
        /// The embargo.
        embargo: i64,
    },
}

/// More folds than anyone could run.
const FOLDS_MAX: usize = 100_000;

fn at_least(name: &'static str, nanos: i64, least: i64) -> Result<(), FoldError> {
    if nanos >= least { Ok(()) } else { Err(FoldError::Length { name, nanos, least }) }
}
