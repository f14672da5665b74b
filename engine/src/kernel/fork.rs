//! Forks: a run goes on twice from the same moment.
//!
//! Invariant: a fork that nobody changes has the digest of the run that it left, and so has one whose timeline is another
//! from the moment of the fork on: the digest of a run that had this timeline from its beginning.

use super::Kernel;
use crate::schedule::Due;
use crate::{Action, Exchange, Feed, FeedError, Nanos};

impl<X: Exchange + Clone, F: Feed> Kernel<X, F> {
    /// A run that goes on from here on its own with `feed`, which is [`Kernel::feed_from_here`]; journaled for its digest alone
    /// and watched by nobody.
    ///
    /// `None`: this run cannot be forked, because its journal is kept, others share its bus, or its numbers from outside are
    /// a recording.
    pub fn fork<G: Feed>(&self, feed: G) -> Option<Kernel<X, G>> {
        Some(Kernel {
            core: self.core.fork()?,
            exchange: self.exchange.clone(),
            feed,
            seats: self.seats.clone(),
            subscribers: self.subscribers.clone(),
            timeline: self.timeline.clone(),
            links: self.links.clone(),
            slow: self.slow.clone(),
            crash_loops: self.crash_loops.clone(),
            batch: self.batch.clone(),
            batches: self.batches,
            cursor: self.cursor,
            feed_ended: self.feed_ended,
            feed_time: self.feed_time,
            late: self.late.clone(),
            from_exchange: self.from_exchange.clone(),
            entries: self.entries.clone(),
            waiting: self.waiting.clone(),
            waiting_free: self.waiting_free.clone(),
            counts: self.counts.clone(),
            started: self.started,
            replies: self.replies.clone(),
        })
    }
}

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// This run's market from here on: its feed once more, or, where that cannot be copied, the one of `open`, which begins as
    /// this one did and is read up to here.
    ///
    /// # Errors
    /// What was opened cannot be read, or ends before this run's present.
    pub fn feed_from_here(
        &self,
        open: impl FnOnce() -> Result<Box<dyn Feed + Send>, FeedError>,
    ) -> Result<Box<dyn Feed + Send>, FeedError> {
        if let Some(feed) = self.feed.fork() {
            return Ok(feed);
        }
        let (mut feed, mut batch) = (open()?, Vec::new());
        for number in 1..=self.batches {
            feed.next_batch(&mut batch)?;
            // The last one may be the empty one that tells the end.
            if batch.is_empty() && number < self.batches {
                return Err(FeedError("the market of the fork ends early".into()));
            }
        }
        Ok(feed)
    }

    /// The timeline is another one from now on: `actions` is all of it, with the past, which has to be the past of this run.
    /// What lies after the present comes, in its order; what has begun ends in its time.
    pub fn replan(&mut self, actions: Vec<(Nanos, Action)>) {
        self.core.schedule.forget_actions();
        for (number, (time, action)) in (0u32..).zip(actions) {
            if time > self.core.now {
                let place = self.timeline.len() as u32;
                self.timeline.push(action);
                self.core.schedule.push_known(time, number, Due::Action(place));
            }
        }
    }
}
