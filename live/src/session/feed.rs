//! The market of a live session, as a feed: what came in, with the session's time.

use std::collections::VecDeque;

use engine::{
    Feed, FeedDelay, FeedError, MarketData, MarketEvent, Nanos, RecordedFeed, SymbolIndex,
};

/// Market events that have come in, oldest first. Of a session that goes on, first those of its recording.
#[derive(Default)]
pub struct LiveFeed {
    recorded: Option<RecordedFeed>,
    queue: VecDeque<MarketEvent>,
}

impl LiveFeed {
    /// A feed that gives what `recorded` holds before anything else.
    pub fn behind(recorded: RecordedFeed) -> LiveFeed {
        LiveFeed { recorded: Some(recorded), queue: VecDeque::new() }
    }

    /// Takes an event that came in at `now`; `venue_time` is the venue's time of it. A venue's clock that is ahead makes
    /// a delay of zero.
    pub fn push(&mut self, now: Nanos, symbol: SymbolIndex, venue_time: Nanos, data: MarketData) {
        let delay = FeedDelay::new(Nanos(now.0.saturating_sub(venue_time.0)));
        self.queue.push_back(MarketEvent { time: now, symbol, delay, data });
    }
}

impl Feed for LiveFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if let Some(recorded) = &mut self.recorded {
            recorded.next_batch(batch)?;
            if !batch.is_empty() {
                return Ok(());
            }
            self.recorded = None;
        }
        batch.extend(self.queue.drain(..));
        Ok(())
    }

    fn waits(&self) -> bool {
        true
    }
}
