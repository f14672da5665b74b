//! Connections that are gone and come back: to the bus, and to the exchange.

use crate::context::ReaderMode;
use crate::schedule::{Class, Due};
use crate::{Exchange, ExchangeEvent, Feed, Nanos, Outcome, RequestId, RunError, ServiceId};

use super::Kernel;

/// A client that is cut from the exchange gives a request up after this time.
pub(crate) const EXCHANGE_TIME_OUT: Nanos = Nanos::from_secs(10);

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// The service reaches the bus again: its readers go on where they stood.
    pub(super) fn reconnect(&mut self, service: ServiceId) -> Result<(), RunError> {
        if !self.seats[service.0 as usize].alive {
            return Ok(());
        }
        for number in 0..self.core.readers.len() {
            let reader = &self.core.readers[number];
            if reader.service != service || reader.retired {
                continue;
            }
            if reader.unopened {
                self.open_reader(number as u32)?;
            } else {
                self.look_again(number as u32);
            }
        }
        Ok(())
    }

    /// The reader looks at what its stream holds now, instead of waiting for the next entry.
    pub(super) fn look_again(&mut self, number: u32) {
        let reader = &mut self.core.readers[number as usize];
        if reader.mode == ReaderMode::Live {
            reader.mode = ReaderMode::CatchUp;
        }
        self.schedule_reader(number);
    }

    /// What the exchange says to a service that cannot hear it: an answer becomes one that never came, and
    /// the rest is lost. `true` if that is so.
    pub(super) fn loses_exchange_event(
        &mut self,
        service: ServiceId,
        event: &ExchangeEvent,
    ) -> bool {
        if !self.core.faults.is_off_exchange(service) {
            return false;
        }
        self.core.faults.count(service, "exchange_events_lost", 1);
        if let ExchangeEvent::Response { request, .. } = event {
            let due = Due::Unanswered { service, request: *request };
            let at = self.core.now + EXCHANGE_TIME_OUT;
            self.core.schedule.push(at, Class::Exchange, due);
        }
        true
    }

    /// The client gives a request up.
    pub(super) fn unanswered(&mut self, service: ServiceId, request: RequestId) {
        let event = ExchangeEvent::Response { to: service, request, outcome: Outcome::Unknown };
        self.core.journal.exchange(self.core.now, &event);
        self.hand_over(service, &event);
    }
}
