//! Market events: to the exchange at once, to the services that ask for them at once or late.

use crate::schedule::Class;
use crate::{Exchange, Feed, Input, MarketEvent, Nanos, RunError};

use super::{Kernel, Subscriber, Waiting};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn refill(&mut self) -> Result<(), RunError> {
        if self.cursor == self.batch.len() && !self.feed_ended {
            self.feed.next_batch(&mut self.batch)?;
            self.cursor = 0;
            self.feed_ended = self.batch.is_empty();
            if let Some(first) = self.batch.first()
                && first.time < self.feed_time
            {
                return Err(RunError::FeedDisorder { from: self.feed_time, to: first.time });
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn next_market(&self) -> Nanos {
        let fresh = self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time);
        match self.in_flight.front() {
            Some(event) => Nanos(fresh.0.min(event.time.0 + self.feed_latency.0)),
            None => fresh,
        }
    }

    /// Runs market events until something else is due.
    pub(super) fn market(&mut self, until: Nanos) -> Result<(), RunError> {
        if self.feed_latency.0 > 0 {
            return self.market_with_latency();
        }
        loop {
            let schedule = self.core.schedule.horizon();
            // Market events of the same instant come before everything but actions.
            let bound = if schedule.class > Class::Market {
                schedule.time
            } else {
                Nanos(schedule.time.0 - 1)
            };
            let bound = Nanos(bound.0.min(until.0));
            self.core.exchange_changed = false;
            while let Some(&event) = self.batch.get(self.cursor) {
                if event.time > bound || event.time > self.exchange.next_due() {
                    return Ok(());
                }
                if event.time < self.feed_time {
                    return Err(RunError::FeedDisorder { from: self.feed_time, to: event.time });
                }
                self.feed_time = event.time;
                self.core.now = event.time;
                self.cursor += 1;
                self.core.journal.market();
                self.exchange.observe(&event);
                if self.offer(&event) {
                    // A service may have set a timer or published: look at the schedule again.
                    break;
                }
            }
            if self.cursor == self.batch.len() {
                self.refill()?;
                if self.feed_ended {
                    return Ok(());
                }
            }
        }
    }

    /// As `market`, one event at a time: the exchange sees it now, the services later.
    pub(super) fn market_with_latency(&mut self) -> Result<(), RunError> {
        let fresh = self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time);
        let arriving =
            self.in_flight.front().map_or(Nanos::NEVER, |event| event.time + self.feed_latency);
        if arriving <= fresh {
            if let Some(event) = self.in_flight.pop_front() {
                self.core.now = arriving;
                self.offer(&event);
            }
            return Ok(());
        }
        let event = self.batch[self.cursor];
        if event.time < self.feed_time {
            return Err(RunError::FeedDisorder { from: self.feed_time, to: event.time });
        }
        self.feed_time = event.time;
        self.core.now = event.time;
        self.cursor += 1;
        self.core.journal.market();
        self.exchange.observe(&event);
        if self.subscribers.iter().any(|s| s.wants.wants(&event.data)) {
            self.in_flight.push_back(event);
        }
        self.refill()
    }

    /// Hands a market event to those who asked for it; `true` if somebody did.
    #[inline]
    pub(super) fn offer(&mut self, event: &MarketEvent) -> bool {
        let mut offered = false;
        for place in 0..self.subscribers.len() {
            let Subscriber { service, wants } = self.subscribers[place];
            if !wants.wants(&event.data) {
                continue;
            }
            let seat = &mut self.seats[service.0 as usize];
            if !seat.alive {
                continue;
            }
            offered = true;
            let think = seat.thinking.market;
            if think.0 > 0 || seat.busy_until > self.core.now {
                self.wait(service, Waiting::Market(service, *event), think);
            } else {
                self.handle(service, Input::Market(event));
            }
        }
        offered
    }
}
