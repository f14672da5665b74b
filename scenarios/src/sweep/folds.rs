//! Walk-forward and cross-validation: stretches of the market to choose a trial on, and stretches to judge the choice on.
//!
//! Each trial is run on all of them, begun anew in each. Chosen is afterwards, so that one choice costs another nothing.

use engine::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sweeps::folds::{
    Anchor, Fold, Purge, Span, WalkForward, combinatorial_purged, purged_k_fold, walk_forward,
};

use crate::events;

/// How the market is divided. Times are spans such as `30d`, `12h`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Folds {
    /// Choose on the past, judge on what follows, move on.
    WalkForward {
        /// Where training begins: it moves with the test, or stays at the begin of the market.
        #[serde(default = "rolling")]
        anchor: Anchor,
        /// How long the (first) training is.
        train: String,
        /// How long each test is.
        test: String,
        /// From the begin of a test to that of the next; the length of a test when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// Between training and test.
        #[serde(default = "none")]
        gap: String,
    },
    /// Each of so many parts is the test once, the others the training.
    PurgedKFold {
        /// How many parts.
        folds: u32,
        /// How far what is decided at an instant looks ahead: how long positions are held. What is so near before a test is
        /// not trained on.
        #[serde(default = "none")]
        horizon: String,
        /// For how long after a test (and its horizon) nothing is trained on.
        #[serde(default = "none")]
        embargo: String,
    },
    /// Each choice of some of the parts is the test once.
    CombinatorialPurged {
        /// How many parts.
        groups: u32,
        /// How many of them are tested at a time.
        test_groups: u32,
        /// As of `purged_k_fold`.
        #[serde(default = "none")]
        horizon: String,
        /// As of `purged_k_fold`.
        #[serde(default = "none")]
        embargo: String,
    },
}

fn rolling() -> Anchor {
    Anchor::Rolling
}

fn none() -> String {
    "0s".to_owned()
}

/// A fold in places of [`Layout::windows`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// To choose on, in order of time.
    pub train: Vec<usize>,
    /// To judge on, in order of time.
    pub test: Vec<usize>,
}

/// The stretches of a market that the trials of a sweep are run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// All of the market.
    pub whole: Span,
    /// Each stretch once, in order of time.
    pub windows: Vec<Span>,
    /// In order of time.
    pub folds: Vec<Windows>,
    /// Ways through the tests in order of time: at each step a fold, and the window of it that is tested. Each way has each tested
    /// window once; a walk-forward has one way.
    pub paths: Vec<Vec<(usize, usize)>>,
}

fn nanos(name: &str, text: &str) -> Result<i64, String> {
    let wrong = || format!("[folds] {name} = {text:?} is no span: write one such as \"30d\"");
    events::offset(text).map(|span| span.0).ok_or_else(wrong)
}

impl Layout {
    /// How a market of this range is divided.
    ///
    /// # Errors
    /// What is no span, or does not fit the range; with the remedy.
    pub fn of(folds: &Folds, whole: Span) -> Result<Layout, String> {
        let purge = |horizon: &str, embargo: &str| {
            Ok::<Purge, String>(Purge {
                horizon: nanos("horizon", horizon)?,
                embargo: nanos("embargo", embargo)?,
            })
        };
        let wrong = |error: sweeps::folds::FoldError| format!("[folds] {error}");
        match folds {
            Folds::WalkForward { anchor, train, test, step, gap } => {
                let windows = WalkForward {
                    anchor: *anchor,
                    train: nanos("train", train)?,
                    test: nanos("test", test)?,
                    step: step.as_deref().map(|step| nanos("step", step)).transpose()?,
                    gap: nanos("gap", gap)?,
                };
                let folds = walk_forward(whole, &windows).map_err(wrong)?;
                Ok(Layout::one_way(whole, &folds))
            }
            Folds::PurgedKFold { folds, horizon, embargo } => {
                let purge = purge(horizon, embargo)?;
                let folds = purged_k_fold(whole, *folds, purge).map_err(wrong)?;
                Ok(Layout::one_way(whole, &folds))
            }
            Folds::CombinatorialPurged { groups, test_groups, horizon, embargo } => {
                let purge = purge(horizon, embargo)?;
                let all =
                    combinatorial_purged(whole, *groups, *test_groups, purge).map_err(wrong)?;
                // A test of several parts is run part by part, so that parts join into ways.
                let parts = |fold: &Fold| Fold {
                    train: fold.train.clone(),
                    test: all
                        .groups
                        .iter()
                        .filter(|part| inside(part, &fold.test))
                        .copied()
                        .collect(),
                };
                let folds: Vec<Fold> = all.folds.iter().map(parts).collect();
                let mut layout = Layout::one_way(whole, &folds);
                let place = |of: &Span| layout.windows.binary_search_by_key(&key(of), key);
                let places: Vec<usize> =
                    all.groups.iter().filter_map(|of| place(of).ok()).collect();
                layout.paths = all
                    .paths
                    .iter()
                    .map(|path| path.iter().copied().zip(places.iter().copied()).collect())
                    .collect();
                Ok(layout)
            }
        }
    }

    /// Folds whose tests follow one another.
    fn one_way(whole: Span, folds: &[Fold]) -> Layout {
        let mut windows: Vec<Span> =
            folds.iter().flat_map(|fold| fold.train.iter().chain(&fold.test)).copied().collect();
        windows.sort_by_key(key);
        windows.dedup();
        let places = |spans: &[Span]| -> Vec<usize> {
            spans.iter().filter_map(|s| windows.binary_search_by_key(&key(s), key).ok()).collect()
        };
        let folds: Vec<Windows> = folds
            .iter()
            .map(|fold| Windows { train: places(&fold.train), test: places(&fold.test) })
            .collect();
        let way = folds.iter().enumerate();
        let way = way.flat_map(|(fold, of)| of.test.iter().map(move |window| (fold, *window)));
        let paths = vec![way.collect()];
        Layout { whole, windows, folds, paths }
    }
}

fn key(span: &Span) -> (i64, i64) {
    (span.from, span.to)
}

fn inside(part: &Span, all: &[Span]) -> bool {
    all.iter().any(|span| span.from <= part.from && part.to <= span.to)
}

/// A range of the kernel's times as a span.
pub(super) fn span((from, to): (Nanos, Nanos)) -> Span {
    Span { from: from.0, to: to.0 }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn layout(text: &str, days: i64) -> Result<Layout, String> {
        let folds: Folds = toml::from_str(text).expect("folds");
        Layout::of(&folds, Span { from: 0, to: days * DAY })
    }

    fn days(layout: &Layout, places: &[usize]) -> Vec<(i64, i64)> {
        places
            .iter()
            .map(|place| (layout.windows[*place].from / DAY, layout.windows[*place].to / DAY))
            .collect()
    }

    #[test]
    fn a_walk_moves_forward() {
        let text = "method = \"walk_forward\"\ntrain = \"4d\"\ntest = \"2d\"\ngap = \"1d\"";
        let rolling = layout(text, 12).expect("it fits");
        let of = |layout: &Layout| -> Vec<_> {
            layout.folds.iter().map(|f| (days(layout, &f.train), days(layout, &f.test))).collect()
        };
        let expected = [
            (vec![(0, 4)], vec![(5, 7)]),
            (vec![(2, 6)], vec![(7, 9)]),
            (vec![(4, 8)], vec![(9, 11)]),
        ];
        assert_eq!(of(&rolling), expected);
        let way: Vec<usize> = rolling.paths[0].iter().map(|(_, window)| *window).collect();
        assert_eq!(rolling.paths.len(), 1);
        assert_eq!(days(&rolling, &way), [(5, 7), (7, 9), (9, 11)]);
        let anchored = layout(&format!("{text}\nanchor = \"anchored\""), 12).expect("it fits");
        assert_eq!(days(&anchored, &anchored.folds[2].train), [(0, 8)]);
        let error = layout("method = \"walk_forward\"\ntrain = \"4\"\ntest = \"2d\"", 12);
        assert!(error.expect_err("no unit").contains("train = \"4\""), "its place and a remedy");
        assert!(layout(text, 6).expect_err("too short").contains("does not fit"), "its length");
    }

    #[test]
    fn what_is_near_a_test_is_not_trained_on() {
        let text = "method = \"purged_k_fold\"\nfolds = 3\nhorizon = \"1d\"\nembargo = \"1d\"";
        let layout = layout(text, 12).expect("it fits");
        assert_eq!(days(&layout, &layout.folds[1].test), [(4, 8)]);
        assert_eq!(days(&layout, &layout.folds[1].train), [(0, 3), (10, 12)]);
        let tested: Vec<usize> = layout.paths[0].iter().map(|(_, window)| *window).collect();
        assert_eq!(days(&layout, &tested), [(0, 4), (4, 8), (8, 12)]);
    }

    #[test]
    fn each_way_through_combined_tests_has_each_part_once() {
        let text = "method = \"combinatorial_purged\"\ngroups = 4\ntest_groups = 2";
        let layout = layout(text, 12).expect("it fits");
        assert_eq!((layout.folds.len(), layout.paths.len()), (6, 3));
        for path in &layout.paths {
            let windows: Vec<usize> = path.iter().map(|(_, window)| *window).collect();
            assert_eq!(days(&layout, &windows), [(0, 3), (3, 6), (6, 9), (9, 12)]);
            assert!(path.iter().all(|(fold, window)| layout.folds[*fold].test.contains(window)));
        }
    }
}
