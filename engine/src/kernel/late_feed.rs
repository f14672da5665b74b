//! Market events that the exchange has seen and that are on their way to the services.
//!
//! Nothing is copied: the kernel's batches are kept until the last of their events has arrived, and then
//! used again.

use std::collections::VecDeque;

use super::batch::Batch;
use crate::{FeedLatency, MarketEvent, MarketWants, NamedRng, Nanos};

#[derive(Clone)]
pub(super) struct LateFeed {
    latency: FeedLatency,
    rng: NamedRng,
    /// What any service asks for: the rest does not travel.
    wanted: MarketWants,
    /// Batches before the kernel's present one, with events under way.
    batches: VecDeque<Batch>,
    spare: Vec<Batch>,
    /// The next event to arrive: its place in the first of `batches`, or in the kernel's.
    next: usize,
    /// When it arrives, once that is known.
    arrival: Option<Nanos>,
    last_arrival: Nanos,
}

impl LateFeed {
    pub(super) fn new(latency: FeedLatency, wanted: MarketWants, seed: u64) -> LateFeed {
        LateFeed {
            latency,
            rng: NamedRng::new(seed, "feed latency"),
            wanted,
            batches: VecDeque::new(),
            spare: Vec::new(),
            next: 0,
            arrival: None,
            last_arrival: Nanos(i64::MIN),
        }
    }

    /// Somebody asks for more from now on.
    pub(super) fn want(&mut self, wants: MarketWants) {
        self.wanted = self.wanted.or(wants);
    }

    /// Whether events are under way, or batches with events that nobody asked for.
    pub(super) fn has_more(&self) -> bool {
        self.arrival.is_some() || !self.batches.is_empty()
    }

    /// When the next event arrives. `seen` is what of its present batch the exchange has seen.
    #[inline]
    pub(super) fn arrival(&mut self, seen: &[MarketEvent]) -> Nanos {
        match self.arrival {
            Some(arrival) => arrival,
            None => self.find(seen),
        }
    }

    #[inline]
    fn find(&mut self, seen: &[MarketEvent]) -> Nanos {
        loop {
            let events = self.batches.front().map_or(seen, |batch| batch);
            while let Some(event) = events.get(self.next) {
                if self.wanted.wants(&event.data) {
                    let due = event.time + self.latency.span(event, &mut self.rng);
                    self.last_arrival = self.last_arrival.max(due);
                    self.arrival = Some(self.last_arrival);
                    return self.last_arrival;
                }
                self.next += 1;
            }
            let Some(done) = self.batches.pop_front() else { return Nanos::NEVER };
            self.spare.push(done);
            self.next = 0;
        }
    }

    /// The next event, which has arrived; `batch` is the kernel's.
    #[inline]
    pub(super) fn take(&mut self, batch: &[MarketEvent]) -> MarketEvent {
        let event = self.batches.front().map_or(batch, |kept| kept)[self.next];
        self.next += 1;
        self.arrival = None;
        event
    }

    /// Keeps the kernel's batch, which the exchange has seen to its end, as long as events of it are
    /// under way. The kernel gets another one to fill.
    pub(super) fn keep(&mut self, batch: &mut Batch) {
        if self.batches.is_empty() && self.next == batch.len() {
            self.next = 0;
            return;
        }
        let empty = self.spare.pop().unwrap_or_default();
        self.batches.push_back(std::mem::replace(batch, empty));
    }
}
