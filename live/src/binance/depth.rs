//! A book of the stream's changes and a snapshot, stitched at their update ids.

use std::collections::VecDeque;

use binance_wire::{Depth, DepthEvent, LevelRow};

/// So many changes wait for a snapshot.
const WAITING_MAX: usize = 1_000;

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stitched {
    /// Nothing yet, or nothing new.
    Nothing,
    /// A snapshot is needed; one is not under way.
    Snapshot,
    /// This change goes on from what was told.
    Change(DepthEvent),
}

/// The stitching of one symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Stitcher {
    /// The last update that was told; none before the snapshot.
    told: Option<u64>,
    /// The next change is the first after the snapshot: it overlaps it.
    first: bool,
    waiting: VecDeque<DepthEvent>,
    asked: bool,
    /// Changes were lost since the book was told last.
    pub(super) gaps: u64,
}

impl Stitcher {
    /// The connection was made again: changes may be missing.
    pub(super) fn reset(&mut self) {
        if self.told.take().is_some() {
            self.gaps += 1;
        }
        self.first = false;
        self.waiting.clear();
        self.asked = false;
    }

    /// Takes a change of the stream.
    pub(super) fn change(&mut self, event: DepthEvent) -> Stitched {
        let Some(told) = self.told else {
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
            }
            self.waiting.push_back(event);
            return self.ask();
        };
        if event.last_update_id <= told {
            return Stitched::Nothing;
        }
        let follows = match self.first {
            true => event.first_update_id <= told.saturating_add(1),
            false => event.previous_update_id == told,
        };
        if !follows {
            self.reset();
            self.waiting.push_back(event);
            return self.ask();
        }
        self.first = false;
        self.told = Some(event.last_update_id);
        Stitched::Change(event)
    }

    fn ask(&mut self) -> Stitched {
        if std::mem::replace(&mut self.asked, true) {
            return Stitched::Nothing;
        }
        Stitched::Snapshot
    }

    /// Takes a snapshot. `Ok` holds the changes that follow it; `Err` says that it is too old and another
    /// one is needed.
    pub(super) fn snapshot(&mut self, snapshot: &Depth) -> Result<Vec<DepthEvent>, ()> {
        if !self.asked {
            return Ok(Vec::new());
        }
        while self.waiting.front().is_some_and(|e| e.last_update_id < snapshot.last_update_id) {
            self.waiting.pop_front();
        }
        if self
            .waiting
            .front()
            .is_some_and(|e| e.first_update_id > snapshot.last_update_id.saturating_add(1))
        {
            return Err(());
        }
        self.asked = false;
        self.told = Some(snapshot.last_update_id);
        self.first = true;
        let mut follow = Vec::new();
        while let Some(event) = self.waiting.pop_front() {
            match self.change(event) {
                Stitched::Change(event) => follow.push(event),
                Stitched::Nothing => {}
                // A gap among what waited.
                Stitched::Snapshot => return Err(()),
            }
        }
        Ok(follow)
    }

    /// Whether a snapshot is awaited.
    pub(super) fn awaits(&self) -> bool {
        self.asked
    }
}

/// The rows of both sides, bids first.
pub(super) fn rows<'a>(
    bids: &'a [LevelRow],
    asks: &'a [LevelRow],
) -> impl Iterator<Item = (engine::Side, &'a LevelRow)> {
    let bids = bids.iter().map(|row| (engine::Side::Buy, row));
    bids.chain(asks.iter().map(|row| (engine::Side::Sell, row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(first: u64, last: u64, previous: u64) -> DepthEvent {
        DepthEvent {
            event_time: 0,
            transaction_time: 0,
            symbol: "BTCUSDT".into(),
            first_update_id: first,
            last_update_id: last,
            previous_update_id: previous,
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    fn snapshot(last_update_id: u64) -> Depth {
        let (bids, asks) = (Vec::new(), Vec::new());
        Depth { last_update_id, event_time: 0, transaction_time: 0, bids, asks }
    }

    fn ids(events: &[DepthEvent]) -> Vec<u64> {
        events.iter().map(|event| event.last_update_id).collect()
    }

    #[test]
    fn changes_wait_for_the_snapshot_and_overlap_it() {
        let mut book = Stitcher::default();
        assert_eq!(book.change(change(1, 5, 0)), Stitched::Snapshot);
        assert_eq!(book.change(change(6, 9, 5)), Stitched::Nothing, "one is under way");
        assert_eq!(book.change(change(10, 12, 9)), Stitched::Nothing);
        assert_eq!(ids(&book.snapshot(&snapshot(8)).unwrap()), [9, 12]);
        assert!(matches!(book.change(change(13, 14, 12)), Stitched::Change(_)));
        assert_eq!(book.change(change(13, 14, 12)), Stitched::Nothing, "told already");
    }

    #[test]
    fn a_gap_asks_for_another_snapshot() {
        let mut book = Stitcher::default();
        book.change(change(1, 5, 0));
        assert!(book.snapshot(&snapshot(5)).unwrap().is_empty(), "it holds all that waited");
        assert!(matches!(book.change(change(6, 7, 5)), Stitched::Change(_)));
        assert_eq!(book.change(change(11, 12, 10)), Stitched::Snapshot);
        assert_eq!(book.gaps, 1);
        assert_eq!(ids(&book.snapshot(&snapshot(11)).unwrap()), [12]);
    }

    #[test]
    fn a_snapshot_that_is_older_than_the_changes_is_none() {
        let mut book = Stitcher::default();
        book.change(change(20, 25, 19));
        assert!(book.snapshot(&snapshot(10)).is_err());
        assert!(book.awaits(), "another one is to be asked for");
        assert_eq!(ids(&book.snapshot(&snapshot(22)).unwrap()), [25]);
    }

    #[test]
    fn a_new_connection_forgets_the_book() {
        let mut book = Stitcher::default();
        book.change(change(1, 5, 0));
        book.snapshot(&snapshot(5)).unwrap();
        book.reset();
        assert_eq!(book.change(change(6, 7, 5)), Stitched::Snapshot);
    }
}
