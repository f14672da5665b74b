//! The market of a live session in the order of the venue's clock.
//!
//! Invariant: no event is lost, and none comes before one that the venue's clock puts earlier.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use engine::{Feed as _, FeedDelay, FeedError, JournalFile, MarketEvent, Nanos, RecordedFeed};

use super::script::venue_time;
use crate::ScenarioError;

/// Ordered by the venue's time, then as they came in.
struct Waiting(Nanos, u64, MarketEvent);

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The events of a journal, each at the time at which it happened. It holds as many as come in within the longest
/// delay.
pub(crate) struct VenueFeed {
    recorded: RecordedFeed,
    batch: Vec<MarketEvent>,
    next: usize,
    heap: BinaryHeap<Reverse<Waiting>>,
    count: u64,
    longest: Nanos,
    /// What happened earlier happened now: the venue did not exist before.
    start: Nanos,
    /// Nothing comes any more that happened before this.
    safe: Nanos,
}

impl VenueFeed {
    /// Of a journal whose events take `longest` at most.
    pub(crate) fn open(
        path: &Path,
        longest: Nanos,
        start: Nanos,
    ) -> Result<VenueFeed, ScenarioError> {
        Ok(VenueFeed {
            recorded: RecordedFeed::new(JournalFile::open(path)?)?,
            batch: Vec::new(),
            next: 0,
            heap: BinaryHeap::new(),
            count: 0,
            longest,
            start,
            safe: Nanos(i64::MIN),
        })
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Option<MarketEvent>, FeedError> {
        loop {
            if let Some(first) = self.heap.peek()
                && first.0.0 <= self.safe
            {
                return Ok(self.heap.pop().map(|Reverse(Waiting(_, _, event))| event));
            }
            if self.next == self.batch.len() {
                self.next = 0;
                self.recorded.next_batch(&mut self.batch)?;
                if self.batch.is_empty() {
                    if self.heap.is_empty() {
                        return Ok(None);
                    }
                    self.safe = Nanos::NEVER;
                    continue;
                }
            }
            let mut event = self.batch[self.next];
            self.next += 1;
            // What comes in from now on happened no earlier than this.
            self.safe = event.time - self.longest;
            event.time = venue_time(&event).max(self.start);
            event.delay = FeedDelay::UNKNOWN;
            self.count += 1;
            self.heap.push(Reverse(Waiting(event.time, self.count, event)));
        }
    }
}
