//! A stretch of a made market: what lies before it is made and passed over, so that it is the same there as in the whole.

use engine::{Feed, FeedError, MarketData, MarketEvent, Nanos};

/// The events of a feed from an instant on, up to another.
pub struct Window<F> {
    feed: F,
    from: Nanos,
    to: Nanos,
}

impl<F: Feed> Window<F> {
    /// What `feed` tells of `from` and later, before `to`. A bar belongs to the time in which it grew.
    pub fn new(feed: F, from: Nanos, to: Nanos) -> Window<F> {
        Window { feed, from, to }
    }

    fn holds(&self, event: &MarketEvent) -> bool {
        match &event.data {
            MarketData::Bar(bar) => {
                let opened = event.time - Nanos::from_millis(i64::from(bar.interval_ms));
                self.from <= opened && event.time <= self.to
            }
            _ => self.from <= event.time && event.time < self.to,
        }
    }
}

impl<F: Feed> Feed for Window<F> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        loop {
            self.feed.next_batch(batch)?;
            let Some(first) = batch.first() else { return Ok(()) };
            let over = first.time > self.to;
            batch.retain(|event| self.holds(event));
            if over || !batch.is_empty() {
                return Ok(());
            }
        }
    }

    fn ends_at(&self) -> Option<Nanos> {
        Some(self.feed.ends_at().map_or(self.to, |end| end.min(self.to)))
    }

    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        let feed = self.feed.fork()?;
        Some(Box::new(Window { feed, from: self.from, to: self.to }))
    }
}
