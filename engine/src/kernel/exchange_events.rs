//! What the exchange says reaches those whom it concerns.

use crate::{Exchange, ExchangeEvent, Feed, Input, Nanos, ServiceId};

use super::{Kernel, Waiting};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn advance_exchange(&mut self, now: Nanos) {
        self.core.now = now;
        let mut events = std::mem::take(&mut self.from_exchange);
        self.exchange.advance(now, &mut events);
        for event in events.drain(..) {
            self.core.journal.exchange(now, &event);
            match &event {
                ExchangeEvent::Response { to, .. } => self.exchange_input(*to, &event),
                ExchangeEvent::User { account, .. } => {
                    for place in 0..self.seats.len() {
                        let own = self.core.accounts[place] == *account;
                        if own && self.seats[place].user_stream {
                            self.exchange_input(ServiceId(place as u16), &event);
                        }
                    }
                }
            }
        }
        self.from_exchange = events;
    }

    pub(super) fn exchange_input(&mut self, service: ServiceId, event: &ExchangeEvent) {
        let Some(seat) = self.seats.get(service.0 as usize) else {
            return;
        };
        if !seat.alive || self.loses_exchange_event(service, event) {
            return;
        }
        self.hand_over(service, event);
    }

    pub(super) fn hand_over(&mut self, service: ServiceId, event: &ExchangeEvent) {
        let seat = &self.seats[service.0 as usize];
        if !seat.alive {
            return;
        }
        if seat.thinking.message.0 > 0 || seat.busy_until > self.core.now {
            let think = seat.thinking.message;
            self.wait(service, Waiting::Exchange(service, event.clone()), think);
        } else {
            self.handle(service, Input::Exchange(event));
        }
    }
}
