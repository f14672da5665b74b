//! Paper trading: the market of a venue, and an exchange of our own in the same process that fills the orders.
//!
//! Invariant: no request leaves. What the exchange does follows from the session's journal alone, so a session that was
//! killed has its exchange back when it has run through its journal.

use std::collections::BTreeSet;

use engine::{
    Exchange, ExchangeEvent, JournalError, MarketEvent, Nanos, Request, RequestId, Rerun, Sender,
    ServiceId, Unanswered,
};

use super::guard::only_asks;
use super::remote::{SessionVenue, Traffic};
use crate::link::Outgoing;

/// An exchange of our own as a session's venue.
pub struct Paper<X> {
    exchange: Rerun<X>,
    open: BTreeSet<RequestId>,
    traffic: Traffic,
}

impl<X: Exchange> Paper<X> {
    /// A session that begins has an exchange of which nothing is recorded.
    pub fn new(exchange: Rerun<X>) -> Paper<X> {
        Paper { exchange, open: BTreeSet::new(), traffic: Traffic::default() }
    }
}

impl<X: Exchange> Exchange for Paper<X> {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        match only_asks(&request) {
            true => self.traffic.questions += 1,
            false => self.traffic.changes += 1,
        }
        self.open.insert(id);
        self.exchange.submit(now, from, id, request);
    }

    fn set_clock(&mut self, client: ServiceId, ahead: Nanos) {
        self.exchange.set_clock(client, ahead);
    }

    fn observe(&mut self, event: &MarketEvent) {
        self.exchange.observe(event);
    }

    fn next_due(&self) -> Nanos {
        self.exchange.next_due()
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        let before = out.len();
        self.exchange.advance(now, out);
        for event in out.get(before..).unwrap_or_default() {
            self.traffic.told += 1;
            if let ExchangeEvent::Response { request, .. } = event {
                self.open.remove(request);
            }
        }
    }
}

impl<X: Exchange> SessionVenue for Paper<X> {
    /// The link of a paper session has the market alone, and tells of no account.
    fn tell(&mut self, _now: Nanos, _event: ExchangeEvent) {}

    fn take_outgoing(&mut self, _out: &mut Vec<Outgoing>) {}

    fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    fn under_way(&self) -> usize {
        self.open.len()
    }

    /// Nothing is in doubt: the exchange has what was under way, too.
    fn end_of_recording(&mut self) -> Result<Vec<Unanswered>, JournalError> {
        self.traffic = Traffic::default();
        self.exchange.end_of_recording()?;
        Ok(Vec::new())
    }
}
