//! A sequence of numbered things of which none may be missing or come twice: closed bars by their open
//! time, aggregate trades by their id.

use std::collections::BTreeMap;

/// So many things wait until what is missing before them has been fetched.
const WAITING_MAX: usize = 5_000;

/// What to do about a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The first number that is missing.
    pub from: i64,
    /// The last one.
    pub to: i64,
}

/// The sequence of one symbol.
#[derive(Clone, Debug)]
pub(super) struct Sequence<T> {
    step: i64,
    last: Option<i64>,
    waiting: BTreeMap<i64, T>,
    fetching: bool,
}

impl<T> Sequence<T> {
    /// Numbers are `step` apart.
    pub(super) fn new(step: i64) -> Sequence<T> {
        Sequence { step, last: None, waiting: BTreeMap::new(), fetching: false }
    }

    /// Takes what came, from the stream or from a query; appends what can be told now, in order.
    pub(super) fn offer(&mut self, number: i64, thing: T, out: &mut Vec<T>) {
        if self.last.is_some_and(|last| number <= last) {
            return;
        }
        self.waiting.entry(number).or_insert(thing);
        self.drain(out);
    }

    fn drain(&mut self, out: &mut Vec<T>) {
        while let Some(first) = self.waiting.first_entry() {
            let number = *first.key();
            if self.last.is_some_and(|last| number > last + self.step) {
                return;
            }
            self.last = Some(number);
            out.push(first.remove());
        }
    }

    /// What is missing before what waits, unless it is being fetched already.
    pub(super) fn gap(&mut self) -> Option<Gap> {
        let (last, first) = (self.last?, *self.waiting.first_key_value()?.0);
        if std::mem::replace(&mut self.fetching, true) {
            return None;
        }
        Some(Gap { from: last + self.step, to: first - self.step })
    }

    /// The query for a gap has ended. What it did not bring does not exist: what waits is told, if
    /// `complete`; else the gap is asked for again.
    pub(super) fn fetched(&mut self, complete: bool, out: &mut Vec<T>) {
        self.fetching = false;
        if (complete || self.waiting.len() > WAITING_MAX)
            && let Some((first, _)) = self.waiting.first_key_value()
        {
            self.last = Some(first - self.step);
            self.drain(out);
        }
    }

    /// The number that was told last.
    pub(super) fn last(&self) -> Option<i64> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(sequence: &mut Sequence<i64>, numbers: &[i64]) -> Vec<i64> {
        let mut out = Vec::new();
        for number in numbers {
            sequence.offer(*number, *number, &mut out);
        }
        out
    }

    #[test]
    fn what_is_missing_is_fetched_and_told_in_order_and_once() {
        let mut bars = Sequence::new(60);
        assert_eq!(offered(&mut bars, &[60, 120, 120, 60]), [60, 120]);
        assert_eq!(bars.gap(), None);
        assert_eq!(offered(&mut bars, &[300]), [0; 0]);
        assert_eq!(bars.gap(), Some(Gap { from: 180, to: 240 }));
        assert_eq!(bars.gap(), None, "it is being fetched");
        assert_eq!(offered(&mut bars, &[360, 180, 240]), [180, 240, 300, 360]);
        let mut out = Vec::new();
        bars.fetched(true, &mut out);
        assert!(out.is_empty());
        assert_eq!(bars.last(), Some(360));
    }

    #[test]
    fn what_a_query_does_not_know_does_not_exist() {
        let mut trades = Sequence::new(1);
        offered(&mut trades, &[1, 5]);
        assert_eq!(trades.gap(), Some(Gap { from: 2, to: 4 }));
        let mut out = Vec::new();
        trades.fetched(false, &mut out);
        assert_eq!(trades.gap(), Some(Gap { from: 2, to: 4 }), "asked again");
        assert_eq!(offered(&mut trades, &[3]), [0; 0]);
        trades.fetched(true, &mut out);
        assert_eq!(out, [3]);
        assert_eq!(trades.gap(), Some(Gap { from: 4, to: 4 }));
        trades.fetched(true, &mut out);
        assert_eq!(out, [3, 5]);
    }
}
