//! The venue of a live session, as the kernel's exchange port: two queues.
//!
//! Invariant: a request leaves only after the journal has it; an event enters only with the session's time.

use std::collections::VecDeque;

use engine::{
    Exchange, ExchangeEvent, JournalError, MarketEvent, Nanos, RecordedExchange, Request,
    RequestId, Sender, ServiceId, Unanswered,
};

use crate::link::Outgoing;

/// What passed between a session and an exchange of its own since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that only ask.
    pub questions: u64,
    /// Requests that change something.
    pub changes: u64,
    /// Answers and events of the user stream.
    pub told: u64,
}

/// What a session needs of an exchange beside the port.
pub trait SessionVenue: Exchange {
    /// Takes what the venue has told, at the session's time.
    fn tell(&mut self, now: Nanos, event: ExchangeEvent);
    /// Moves the requests that the kernel has made since the last call to `out`.
    fn take_outgoing(&mut self, out: &mut Vec<Outgoing>);
    /// What passed since the last call without leaving the process.
    fn take_traffic(&mut self) -> Traffic {
        Traffic::default()
    }
    /// Requests that an exchange of the session's own has not answered yet.
    fn under_way(&self) -> usize {
        0
    }
    /// A recording that was run through is over; gives the requests that it left without an answer.
    fn end_of_recording(&mut self) -> Result<Vec<Unanswered>, JournalError> {
        Ok(Vec::new())
    }
}

/// A venue behind a [`crate::link::VenueLink`].
#[derive(Default)]
pub struct Remote {
    recorded: Option<RecordedExchange>,
    told: VecDeque<(Nanos, ExchangeEvent)>,
    outgoing: Vec<Outgoing>,
}

impl Remote {
    /// One that answers what was recorded first.
    pub fn behind(recorded: RecordedExchange) -> Remote {
        Remote { recorded: Some(recorded), ..Remote::default() }
    }
}

impl Exchange for Remote {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        match &mut self.recorded {
            Some(recorded) => recorded.submit(now, from, id, request),
            None => self.outgoing.push(Outgoing { from, id, request }),
        }
    }

    fn observe(&mut self, _event: &MarketEvent) {}

    fn next_due(&self) -> Nanos {
        match &self.recorded {
            Some(recorded) => recorded.next_due(),
            None => self.told.front().map_or(Nanos::NEVER, |(time, _)| *time),
        }
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        if let Some(recorded) = &mut self.recorded {
            return recorded.advance(now, out);
        }
        while self.told.front().is_some_and(|(time, _)| *time <= now) {
            out.extend(self.told.pop_front().map(|(_, event)| event));
        }
    }
}

impl SessionVenue for Remote {
    fn tell(&mut self, now: Nanos, event: ExchangeEvent) {
        self.told.push_back((now, event));
    }

    fn take_outgoing(&mut self, out: &mut Vec<Outgoing>) {
        out.append(&mut self.outgoing);
    }

    fn end_of_recording(&mut self) -> Result<Vec<Unanswered>, JournalError> {
        let Some(mut recorded) = self.recorded.take() else { return Ok(Vec::new()) };
        match recorded.take_failure() {
            Some(failure) => Err(failure),
            None => Ok(recorded.unanswered()),
        }
    }
}

/// A venue of which it is known only in the running program what it is.
pub type AnyVenue = Box<dyn SessionVenue>;

impl Exchange for AnyVenue {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        (**self).submit(now, from, id, request);
    }

    fn set_clock(&mut self, client: ServiceId, ahead: Nanos) {
        (**self).set_clock(client, ahead);
    }

    fn observe(&mut self, event: &MarketEvent) {
        (**self).observe(event);
    }

    fn next_due(&self) -> Nanos {
        (**self).next_due()
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        (**self).advance(now, out);
    }
}

impl SessionVenue for AnyVenue {
    fn tell(&mut self, now: Nanos, event: ExchangeEvent) {
        (**self).tell(now, event);
    }

    fn take_outgoing(&mut self, out: &mut Vec<Outgoing>) {
        (**self).take_outgoing(out);
    }

    fn take_traffic(&mut self) -> Traffic {
        (**self).take_traffic()
    }

    fn under_way(&self) -> usize {
        (**self).under_way()
    }

    fn end_of_recording(&mut self) -> Result<Vec<Unanswered>, JournalError> {
        (**self).end_of_recording()
    }
}
