//! Counts of a session, and how long it takes from what came in to what was sent.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::link::Notice;

/// Upper bounds of the buckets, in µs.
const BOUNDS_US: [u64; 20] = [
    10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200, 300, 500, 1_000, 2_000, 5_000, 10_000,
    100_000, 1_000_000,
];

/// How often something took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Histogram {
    fn add(&mut self, span_us: u64) {
        let place = BOUNDS_US.iter().position(|bound| span_us <= *bound);
        self.counts[place.unwrap_or(BOUNDS_US.len())] += 1;
        self.sum_us += span_us;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum in µs.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The least bound in µs that so many thousandths did not exceed; none where nothing was counted, or where it is beyond
    /// all bounds.
    pub fn quantile_us(&self, per_mille: u64) -> Option<u64> {
        let wanted = (self.count() * per_mille).div_ceil(1_000).max(1);
        let mut within = 0;
        let place = self.counts.iter().position(|count| {
            within += count;
            within >= wanted
        });
        place.and_then(|place| BOUNDS_US.get(place).copied())
    }

    /// Upper bounds in seconds, the last of them infinite, each with how many were within it and not within the one before.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        bounds.zip(self.counts)
    }
}

/// What a session has done so far.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Market events.
    pub market: u64,
    /// Answers and events of the user stream.
    pub told: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were sent and have no answer yet.
    pub in_doubt: u64,
    /// Entries of the journal.
    pub entries: u64,
    /// Notices, by their word.
    pub notices: BTreeMap<&'static str, u64>,
    /// From the end of a wait, before anything is read, to the end of the sending of an order that it led to, in the
    /// wall's time.
    pub to_order: Histogram,
    /// Of it, in the order of [`PARTS`].
    pub parts: [Histogram; PARTS.len()],
    turn_began: Instant,
    /// When each part but the last has ended.
    ended: [Instant; PARTS.len() - 1],
}

/// What a turn does before an order has left: reads and parses what came in, lets the pipeline decide, writes the journal, and
/// signs and sends.
pub const PARTS: [&str; 4] = ["read", "decide", "journal", "send"];

impl Default for Stats {
    #[allow(
        clippy::disallowed_methods,
        reason = "a measurement of the session, which reaches no journal"
    )]
    fn default() -> Stats {
        Stats {
            market: 0,
            told: 0,
            sent: 0,
            in_doubt: 0,
            entries: 0,
            notices: BTreeMap::new(),
            to_order: Histogram::default(),
            parts: Default::default(),
            turn_began: Instant::now(),
            ended: [Instant::now(); PARTS.len() - 1],
        }
    }
}

impl Stats {
    pub(super) fn came_in(&mut self, woke: Instant) {
        self.turn_began = woke;
    }

    /// A part of the turn, by its place in [`PARTS`], has ended.
    #[allow(
        clippy::disallowed_methods,
        reason = "a measurement of the session, which reaches no journal"
    )]
    pub(super) fn part_ended(&mut self, part: usize) {
        self.ended[part] = Instant::now();
    }

    pub(super) fn order_left(&mut self) {
        self.to_order.add(self.turn_began.elapsed().as_micros() as u64);
        let mut from = self.turn_began;
        for (part, spans) in self.parts.iter_mut().enumerate() {
            let span = match self.ended.get(part) {
                Some(ended) => {
                    ended.saturating_duration_since(std::mem::replace(&mut from, *ended))
                }
                None => from.elapsed(),
            };
            spans.add(span.as_micros() as u64);
        }
    }

    pub(super) fn note(&mut self, notice: &Notice) {
        *self.notices.entry(notice.what).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds() {
        let mut spans = Histogram::default();
        assert_eq!(spans.quantile_us(500), None);
        for span in [5, 15, 41, 99] {
            spans.add(span);
        }
        assert_eq!(spans.quantile_us(500), Some(20));
        assert_eq!((spans.quantile_us(501), spans.quantile_us(1_000)), (Some(50), Some(100)));
        spans.add(2_000_000);
        assert_eq!(spans.quantile_us(1_000), None, "beyond all bounds");
    }
}
