//! Cross-validation where labels look ahead: what would leak is cut out of the training.
//!
//! Source: López de Prado (2018), "Advances in Financial Machine Learning", chapter 7 (purged k-fold with
//! embargo) and chapter 12 (combinatorial purged cross-validation).

use super::{FOLDS_MAX, Fold, FoldError, Span, at_least};

/// What is cut out around a test, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// How far the label of a sample looks ahead: that of a sample at `t` is known at `t + horizon`. A
    /// sample whose label overlaps that of a tested one is not trained on.
    pub horizon: i64,
    /// For how long after the last label of a test nothing is trained on.
    pub embargo: i64,
}

/// The folds of a combinatorial cross-validation, and how their tests join into paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombinatorialFolds {
    /// One fold a choice of test groups, in lexicographic order.
    pub folds: Vec<Fold>,
    /// The groups, in order of time.
    pub groups: Vec<Span>,
    /// One path a row: for each group, the fold whose test of that group belongs to the path. Each path
    /// covers the whole range once, and each test belongs to one path.
    pub paths: Vec<Vec<usize>>,
}

/// `k` folds, each of which tests on one of `k` parts of the range and trains on the others.
///
/// # Errors
/// If there are fewer than two folds, a length is below zero, or nothing is left to train on.
pub fn purged_k_fold(range: Span, k: u32, purge: Purge) -> Result<Vec<Fold>, FoldError> {
    combinatorial_purged(range, k, 1, purge).map(|all| all.folds)
}

/// All choices of `test_groups` among `groups` parts of the range to test on; training on the rest.
///
/// # Errors
/// If the numbers of groups make no sense, a length is below zero, there would be over 100,000 folds, or
/// one has nothing left to train on.
pub fn combinatorial_purged(
    range: Span,
    groups: u32,
    test_groups: u32,
    purge: Purge,
) -> Result<CombinatorialFolds, FoldError> {
    at_least("horizon", purge.horizon, 0)?;
    at_least("embargo", purge.embargo, 0)?;
    if groups < 2 || test_groups < 1 || test_groups >= groups {
        return Err(FoldError::Groups { groups, test_groups });
    }
    let width = i128::from(range.to) - i128::from(range.from);
    if width < i128::from(groups) {
        return Err(FoldError::DoesNotFit { needed: i128::from(groups), range: width });
    }
    let edge = |group: u32| {
        (i128::from(range.from) + width * i128::from(group) / i128::from(groups)) as i64
    };
    let spans: Vec<Span> =
        (0..groups).map(|group| Span { from: edge(group), to: edge(group + 1) }).collect();
    let choices = choices(groups as usize, test_groups as usize, FOLDS_MAX)
        .ok_or(FoldError::TooMany { most: FOLDS_MAX })?;
    let mut folds = Vec::with_capacity(choices.len());
    for (fold, chosen) in choices.iter().enumerate() {
        let test = joined(chosen.iter().map(|group| spans[*group]));
        let train = around(range, &test, purge);
        if train.is_empty() {
            let Purge { horizon, embargo } = purge;
            return Err(FoldError::NothingToTrain { fold, horizon, embargo });
        }
        folds.push(Fold { train, test });
    }
    // The j-th path takes of each group the j-th fold that tests it.
    let testing = |group: usize| -> Vec<usize> {
        (0..choices.len()).filter(|fold| choices[*fold].contains(&group)).collect()
    };
    let by_group: Vec<Vec<usize>> = (0..spans.len()).map(testing).collect();
    let count = by_group.first().map_or(0, Vec::len);
    let paths = (0..count).map(|path| by_group.iter().map(|folds| folds[path]).collect()).collect();
    Ok(CombinatorialFolds { folds, groups: spans, paths })
}

/// All ways to take `k` of `0..n`, in lexicographic order; nothing if there are over `most`.
pub(crate) fn choices(n: usize, k: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    let mut all = Vec::new();
    let mut chosen: Vec<usize> = (0..k).collect();
    loop {
        if all.len() == most {
            return None;
        }
        all.push(chosen.clone());
        // The last place that can still move up.
        let Some(place) = (0..k).rev().find(|place| chosen[*place] < n - k + place) else {
            return Some(all);
        };
        chosen[place] += 1;
        for next in place + 1..k {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
}

/// Neighbours that touch become one.
fn joined(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut all: Vec<Span> = Vec::new();
    for span in spans {
        match all.last_mut() {
            Some(last) if last.to == span.from => last.to = span.to,
            _ => all.push(span),
        }
    }
    all
}

/// What of the range may be trained on. Before a test: samples whose label is known before it begins.
/// After it: samples from the end of its last label and the embargo on.
fn around(range: Span, test: &[Span], purge: Purge) -> Vec<Span> {
    let mut train = Vec::new();
    let mut from = range.from;
    for test in test {
        train.push(Span { from, to: test.from.saturating_sub(purge.horizon) });
        from = test.to.saturating_add(purge.horizon).saturating_add(purge.embargo);
    }
    train.push(Span { from, to: range.to });
    train.retain(|span| span.from < span.to);
    train
}
