//! A sorted set: members by score, then by their bytes.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::number::{score, score_text};

/// A score with an order. It is never NaN.
#[derive(Clone, Copy, Debug)]
struct Score(f64);

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}
impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Score {}

/// One end of ZRANGEBYSCORE.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScoreBound {
    pub(super) score: f64,
    pub(super) exclusive: bool,
}

/// A sorted set on disk. Scores are text, because JSON has no infinity.
type Rows = Vec<(Box<[u8]>, String)>;

impl From<SortedSet> for Rows {
    fn from(set: SortedSet) -> Rows {
        set.iter().map(|(member, score)| (member.into(), score_text(score))).collect()
    }
}

impl TryFrom<Rows> for SortedSet {
    type Error = String;
    fn try_from(rows: Rows) -> Result<SortedSet, String> {
        let mut set = SortedSet::default();
        for (member, text) in rows {
            let score = score(text.as_bytes()).ok_or_else(|| format!("{text:?} is no score"))?;
            set.insert(&member, score);
        }
        Ok(set)
    }
}

/// Invariant: both views hold the same members with the same scores.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Rows", try_from = "Rows")]
pub(super) struct SortedSet {
    scores: IndexMap<Box<[u8]>, f64, FxBuildHasher>,
    order: BTreeSet<(Score, Box<[u8]>)>,
}

impl SortedSet {
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// Sets the member's score; answers the one before.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        // Negative zero becomes zero, as in Redis' compact form of small sets.
        let score = score + 0.0;
        let before = self.scores.get(member).copied();
        if before == Some(score) {
            return before;
        }
        if let Some(old) = before {
            self.order.remove(&(Score(old), member.into()));
        }
        self.scores.insert(member.into(), score);
        self.order.insert((Score(score), member.into()));
        before
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        match self.scores.swap_remove(member) {
            Some(score) => self.order.remove(&(Score(score), member.into())),
            None => false,
        }
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.order.iter().map(|(score, member)| (&**member, score.0))
    }

    /// Members between two scores, in ascending order.
    pub(super) fn between(
        &self,
        low: ScoreBound,
        high: ScoreBound,
    ) -> impl Iterator<Item = (&[u8], f64)> {
        self.iter()
            .skip_while(move |&(_, s)| s < low.score || (low.exclusive && s == low.score))
            .take_while(move |&(_, s)| s < high.score || (!high.exclusive && s == high.score))
    }
}
