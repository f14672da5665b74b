//! Rows that the archive publishes out of order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Kind;
use crate::rows::Row;

/// Rows of an archive that wait for an earlier one: more than a month of metrics, and a minute of best
/// quotes.
pub(super) const OF_ARCHIVE: usize = 1 << 16;
/// Rows of a recording that wait, of each of its many series: some seconds of best quotes.
pub(super) const OF_RECORDING: usize = 1 << 12;

/// A row with its line; equal keys stay in the order of their lines.
type Waiting = Reverse<(i64, i64, u64, Row)>;

/// Sorts by time, and by the second column where that is an id or a level.
pub(super) struct Sorter {
    window: usize,
    waiting: BinaryHeap<Waiting>,
    latest: (i64, i64),
    /// Rows that came after a later one.
    pub moved: u64,
}

impl Sorter {
    /// One for kinds that need it.
    pub fn new(kind: Kind, window: usize) -> Option<Sorter> {
        let needed = matches!(kind, Kind::Metrics | Kind::BookTicker | Kind::BookDepth);
        let latest = (i64::MIN, i64::MIN);
        needed.then(|| Sorter { window, waiting: BinaryHeap::new(), latest, moved: 0 })
    }

    /// Takes a row; gives the first one when too many wait.
    pub fn push(&mut self, row: Row, line: u64) -> Option<(Row, u64)> {
        let key = (row[0], row[1]);
        // Bands of one instant come in the archive's order, which is not that of the numbers.
        self.moved += u64::from(key.0 < self.latest.0);
        self.latest = self.latest.max(key);
        self.waiting.push(Reverse((key.0, key.1, line, row)));
        if self.waiting.len() <= self.window {
            return None;
        }
        self.waiting.pop().map(|Reverse((_, _, line, row))| (row, line))
    }

    /// Changes the rows that wait; not their time, nor what follows it.
    pub fn change(&mut self, change: &mut impl FnMut(&mut Row)) {
        let mut waiting = std::mem::take(&mut self.waiting).into_vec();
        waiting.iter_mut().for_each(|Reverse((_, _, _, row))| change(row));
        self.waiting = waiting.into();
    }

    /// The rows that still wait, in order.
    pub fn rest(mut self) -> impl Iterator<Item = (Row, u64)> {
        std::iter::from_fn(move || self.waiting.pop().map(|Reverse((_, _, line, row))| (row, line)))
    }
}
