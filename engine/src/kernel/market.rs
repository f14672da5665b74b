//! Market events: to the exchange at once, to the services that ask for them at once or late.

use crate::schedule::Class;
use crate::{Exchange, Feed, Input, MarketEvent, Nanos, RunError};

use super::{Kernel, Subscriber, Waiting};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn refill(&mut self) -> Result<(), RunError> {
        if self.cursor == self.batch.len() && !self.feed_ended {
            if let Some(late) = &mut self.late {
                late.keep(&mut self.batch);
            }
            self.batch.refill(&mut self.feed)?;
            self.batches += 1;
            self.cursor = 0;
            self.feed_ended = self.batch.is_empty() && !self.feed.waits();
            if let Some(first) = self.batch.first()
                && first.time < self.feed_time
            {
                return Err(RunError::FeedDisorder { from: self.feed_time, to: first.time });
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn next_market(&mut self) -> Nanos {
        let fresh = self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time);
        match &mut self.late {
            Some(late) => fresh.min(late.arrival(&self.batch[..self.cursor])),
            None => fresh,
        }
    }

    /// Market events up to here come before whatever is scheduled: those of the same instant come before
    /// everything but actions.
    #[inline]
    fn market_bound(&self, until: Nanos) -> Nanos {
        let schedule = self.core.schedule.horizon();
        let before = i64::from(schedule.class <= Class::Market);
        Nanos((schedule.time.0 - before).min(until.0))
    }

    /// Runs market events until something else is due.
    pub(super) fn market(&mut self, until: Nanos) -> Result<(), RunError> {
        if self.late.is_some() {
            return self.market_with_latency(until);
        }
        loop {
            let bound = self.market_bound(until);
            while let Some(&event) = self.batch.get(self.cursor) {
                if event.time > bound || event.time > self.exchange.next_due() {
                    return Ok(());
                }
                self.observe(&event)?;
                if self.offer(&event) {
                    // A service may have set a timer or published: look at the schedule again.
                    break;
                }
            }
            if self.cursor == self.batch.len() {
                self.refill()?;
                if self.batch.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    /// Shows the next event to the exchange.
    #[inline]
    fn observe(&mut self, event: &MarketEvent) -> Result<(), RunError> {
        if event.time < self.feed_time {
            return Err(RunError::FeedDisorder { from: self.feed_time, to: event.time });
        }
        self.feed_time = event.time;
        self.core.now = event.time;
        self.cursor += 1;
        self.core.journal.market(event);
        self.exchange.observe(event);
        Ok(())
    }

    /// As `market`, but the exchange sees an event when it happens and the services when it arrives. What
    /// arrives comes before what happens in the same instant.
    fn market_with_latency(&mut self, until: Nanos) -> Result<(), RunError> {
        let mut bound = self.market_bound(until);
        loop {
            let fresh = self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time);
            let Some(late) = &mut self.late else { return Ok(()) };
            let arriving = late.arrival(&self.batch[..self.cursor]);
            let next = arriving.min(fresh);
            if next > bound || next > self.exchange.next_due() || next == Nanos::NEVER {
                return Ok(());
            }
            if arriving <= fresh {
                let event = late.take(&self.batch);
                self.core.now = arriving;
                self.offer(&event);
                // A service may have set a timer or published: look at the schedule again.
                bound = self.market_bound(until);
                continue;
            }
            let event = self.batch[self.cursor];
            self.observe(&event)?;
            if self.cursor == self.batch.len() {
                self.refill()?;
            }
        }
    }

    /// Hands a market event to those who asked for it; `true` if somebody did.
    #[inline]
    pub(super) fn offer(&mut self, event: &MarketEvent) -> bool {
        if self.core.faults.market.is_empty() {
            return self.offer_as_it_is(event);
        }
        match self.altered(*event) {
            Some(event) => self.offer_as_it_is(&event),
            None => false,
        }
    }

    /// What the faults of the market data leave of an event that somebody asks for.
    #[cold]
    fn altered(&mut self, mut event: MarketEvent) -> Option<MarketEvent> {
        let data = event.data;
        let wanted = |subscriber: &&Subscriber| subscriber.wants.wants(&data);
        if !self.subscribers.iter().any(|subscriber| wanted(&subscriber)) {
            return None;
        }
        let faults = &mut self.core.faults;
        for place in 0..faults.market.len() {
            match faults.market[place].fault.pass(event) {
                Some(passed) => event = passed,
                None => {
                    for subscriber in self.subscribers.iter().filter(wanted) {
                        faults.count(subscriber.service, "market_withheld", 1);
                    }
                    return None;
                }
            }
        }
        Some(event)
    }

    #[inline]
    fn offer_as_it_is(&mut self, event: &MarketEvent) -> bool {
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
            if self.core.faults.is_off_exchange(service) {
                self.core.faults.count(service, "market_withheld", 1);
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
