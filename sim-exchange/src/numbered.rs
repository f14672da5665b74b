//! Records that are numbered 1, 2, 3, and so on: all that are open, and the newest of those that have ended.
//! Memory does not grow with the length of a run.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// A record that ends.
pub(crate) trait Ends {
    /// Nothing more happens to it.
    fn has_ended(&self) -> bool;
}

/// The records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<T> {
    /// The number of the first of `newest`.
    first: u64,
    newest: VecDeque<T>,
    /// Older ones that were open when `newest` had no more room.
    older: BTreeMap<u64, T>,
    most: usize,
}

impl<T: Ends> Numbered<T> {
    /// Keeps the newest `most`, at least one.
    pub(crate) fn new(most: usize) -> Numbered<T> {
        Numbered { first: 1, newest: VecDeque::new(), older: BTreeMap::new(), most: most.max(1) }
    }

    /// The number of the next record; so many but one there have been.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.newest.len() as u64
    }

    /// Adds a record; gives one that is forgotten for it, if any.
    pub(crate) fn push(&mut self, record: T) -> Option<T> {
        self.newest.push_back(record);
        if self.newest.len() <= self.most {
            return None;
        }
        let oldest = self.newest.pop_front()?;
        let number = self.first;
        self.first += 1;
        if oldest.has_ended() {
            return Some(oldest);
        }
        self.older.retain(|_, record| !record.has_ended());
        self.older.insert(number, oldest);
        None
    }

    /// All that are known, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.older.values().chain(&self.newest)
    }

    /// The record, if it is still known.
    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        match number.checked_sub(self.first) {
            Some(place) => self.newest.get(usize::try_from(place).ok()?),
            None => self.older.get(&number),
        }
    }

    /// The record, if it is still known.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        match number.checked_sub(self.first) {
            Some(place) => self.newest.get_mut(usize::try_from(place).ok()?),
            None => self.older.get_mut(&number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Ends for (u64, bool) {
        fn has_ended(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn the_newest_and_all_that_are_open_are_kept() {
        let mut numbered = Numbered::new(3);
        let mut forgotten = Vec::new();
        for n in 1..=10 {
            assert_eq!(numbered.next(), n);
            // The second stays open.
            forgotten.extend(numbered.push((n, n != 2)));
        }
        assert_eq!(forgotten.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7]);
        for n in 1..=10 {
            let known = n == 2 || n >= 8;
            assert_eq!(numbered.get(n).map(|f| f.0), known.then_some(n));
        }
        assert_eq!(numbered.get(11), None);
        assert_eq!(numbered.get(0), None);
        numbered.get_mut(2).unwrap().1 = true;
        // The next one that is still open when it gets old takes the ended one's place.
        for n in 11..=14 {
            numbered.push((n, false));
        }
        assert_eq!((numbered.get(2), numbered.get(11).map(|f| f.0)), (None, Some(11)));
    }
}
