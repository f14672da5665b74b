//! A sequence of numbered things of which none may be missing or come twice: closed bars by their open
//! time, aggregate trades by their id.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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
    /// What is being fetched.
    fetching: Option<Gap>,
    /// Since when something waits, by the wall, as far as anybody has looked.
    waits_since: Option<Instant>,
}

impl<T> Sequence<T> {
    /// Numbers are `step` apart.
    pub(super) fn new(step: i64) -> Sequence<T> {
        Sequence { step, last: None, waiting: BTreeMap::new(), fetching: None, waits_since: None }
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
            if self.last.is_some_and(|last| number > last.saturating_add(self.step)) {
                return;
            }
            self.last = Some(number);
            out.push(first.remove());
        }
    }

    /// What is missing before what waits, unless it is being fetched already.
    pub(super) fn gap(&mut self) -> Option<Gap> {
        if self.fetching.is_some() {
            return None;
        }
        self.fetching = self.missing();
        self.fetching
    }

    fn missing(&self) -> Option<Gap> {
        let (last, first) = (self.last?, *self.waiting.first_key_value()?.0);
        let (from, to) = (last.saturating_add(self.step), first.saturating_sub(self.step));
        Some(Gap { from, to })
    }

    /// What came up to `newest` is missing: the gap, which takes the place of one that is being fetched.
    pub(super) fn missed_until(&mut self, newest: i64) -> Option<Gap> {
        let last = self.last.filter(|last| *last < newest)?;
        self.fetching = Some(Gap { from: last.saturating_add(self.step), to: newest });
        self.fetching
    }

    /// Whether the answer to the query of a gap is still waited for.
    pub(super) fn awaits(&self, gap: Gap) -> bool {
        self.fetching == Some(gap)
    }

    /// The query for a gap has ended. What it did not bring does not exist: what waits is told, if
    /// `complete`; else the gap is asked for again.
    pub(super) fn fetched(&mut self, gap: Gap, complete: bool, out: &mut Vec<T>) {
        if !self.awaits(gap) {
            return;
        }
        self.fetching = None;
        if complete {
            self.go_on(out);
        }
    }

    /// Tells what waits, whatever is missing before it.
    fn go_on(&mut self, out: &mut Vec<T>) {
        if let Some(Gap { to, .. }) = self.missing() {
            self.last = Some(to);
            self.drain(out);
        }
    }

    /// Tells what waits if that has been waiting for `most` by the wall, or too much is: what was missing before it will
    /// never be told.
    pub(super) fn give_up(
        &mut self,
        now: Instant,
        most: Duration,
        out: &mut Vec<T>,
    ) -> Option<Gap> {
        let Some(gap) = self.missing() else {
            self.waits_since = None;
            return None;
        };
        let since = *self.waits_since.get_or_insert(now);
        if now.saturating_duration_since(since) < most && self.waiting.len() <= WAITING_MAX {
            return None;
        }
        self.fetching = None;
        self.waits_since = None;
        self.go_on(out);
        Some(gap)
    }

    /// Whether a number is not above what was told.
    pub(super) fn is_past(&self, number: i64) -> bool {
        self.last.is_some_and(|last| number <= last)
    }

    /// The numbers begin anew: what waits belongs to the old ones.
    pub(super) fn begin_anew(&mut self) {
        *self = Sequence::new(self.step);
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
        bars.fetched(Gap { from: 180, to: 240 }, true, &mut out);
        assert!(out.is_empty());
        assert_eq!(bars.last, Some(360));
    }

    #[test]
    fn what_a_query_does_not_know_does_not_exist() {
        let mut trades = Sequence::new(1);
        offered(&mut trades, &[1, 5]);
        assert_eq!(trades.gap(), Some(Gap { from: 2, to: 4 }));
        let mut out = Vec::new();
        let gap = Gap { from: 2, to: 4 };
        trades.fetched(gap, false, &mut out);
        assert_eq!(trades.gap(), Some(gap), "asked again");
        assert_eq!(offered(&mut trades, &[3]), [0; 0]);
        trades.fetched(gap, true, &mut out);
        assert_eq!(out, [3]);
        let rest = Gap { from: 4, to: 4 };
        assert_eq!(trades.gap(), Some(rest));
        trades.fetched(gap, true, &mut out);
        assert_eq!(out, [3], "an answer to an older query says nothing of this one");
        trades.fetched(rest, true, &mut out);
        assert_eq!(out, [3, 5]);
    }

    #[test]
    fn what_waits_for_too_long_is_told_without_what_is_missing() {
        let most = Duration::from_secs(5);
        let now = crate::binance::wall();
        let mut trades = Sequence::new(1);
        offered(&mut trades, &[1, 4, 5, 9]);
        let gap = trades.gap().unwrap();
        let mut out = Vec::new();
        assert_eq!(trades.give_up(now, most, &mut out), None, "it has just begun to wait");
        assert_eq!(trades.give_up(now + most / 2, most, &mut out), None);
        assert_eq!(trades.give_up(now + most, most, &mut out), Some(gap));
        assert_eq!(out, [4, 5]);
        let next = Gap { from: 6, to: 8 };
        assert_eq!(trades.gap(), Some(next), "the next gap has its own time");
        assert_eq!(trades.give_up(now + most, most, &mut out), None);
        trades.fetched(gap, true, &mut out);
        assert_eq!(out, [4, 5], "a late answer for what was given up tells nothing");
        assert_eq!(offered(&mut trades, &[6, 7, 8]), [6, 7, 8, 9]);
        assert_eq!(trades.give_up(now + most * 9, most, &mut out), None, "nothing waits");
    }

    #[test]
    fn what_waits_is_bounded_though_no_query_is_answered() {
        let now = crate::binance::wall();
        let most = Duration::from_secs(5);
        let mut trades = Sequence::new(1);
        offered(&mut trades, &[1]);
        let mut out = Vec::new();
        for number in 3..3 + WAITING_MAX as i64 {
            trades.offer(number, number, &mut out);
            assert_eq!(trades.give_up(now, most, &mut out), None);
        }
        trades.offer(9_999, 9_999, &mut out);
        assert_eq!(trades.give_up(now, most, &mut out), Some(Gap { from: 2, to: 2 }));
        assert_eq!(out.len(), WAITING_MAX);
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_no_trouble() {
        for numbers in
            [[i64::MAX, i64::MAX, 0], [i64::MIN, i64::MAX, 0], [i64::MAX - 1, i64::MAX, 7]]
        {
            let mut bars = Sequence::new(60);
            offered(&mut bars, &numbers);
            let mut out = Vec::new();
            if let Some(gap) = bars.gap() {
                bars.fetched(gap, true, &mut out);
            }
        }
    }
}
