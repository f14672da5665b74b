//! A feed from memory, for tests and benchmarks.

use engine::{Feed, FeedError, MarketEvent, Nanos};

/// Hands out a list of events in batches.
#[derive(Clone, Debug)]
pub struct MemoryFeed {
    events: Vec<MarketEvent>,
    next: usize,
    batch_events: usize,
}

impl MemoryFeed {
    /// A feed of `events`, which must be in time order, in batches of 1,024.
    pub fn new(events: Vec<MarketEvent>) -> Result<MemoryFeed, FeedError> {
        MemoryFeed::with_batch(events, 1_024)
    }

    /// The same in batches of `batch_events` (at least 1).
    pub fn with_batch(
        events: Vec<MarketEvent>,
        batch_events: usize,
    ) -> Result<MemoryFeed, FeedError> {
        if let Some(at) = events.windows(2).position(|w| w[1].time < w[0].time) {
            let (earlier, later) = (events[at].time, events[at + 1].time);
            return Err(FeedError(format!("event {} at {later} comes after {earlier}", at + 1)));
        }
        Ok(MemoryFeed { events, next: 0, batch_events: batch_events.max(1) })
    }

    /// Starts again.
    pub fn rewind(&mut self) {
        self.next = 0;
    }
}

impl Feed for MemoryFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        let end = (self.next + self.batch_events).min(self.events.len());
        batch.clear();
        batch.extend_from_slice(&self.events[self.next..end]);
        self.next = end;
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.events.last().map(|e| e.time)
    }

    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        Some(Box::new(self.clone()))
    }
}
