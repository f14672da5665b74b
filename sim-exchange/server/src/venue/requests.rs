//! Requests to the exchange, and what comes back from it.

use engine::{AccountId, Exchange, ExchangeEvent, Outcome, Request, RequestId, Sender, ServiceId};
use tokio::sync::oneshot;

use super::Venue;

/// How a request was taken.
#[derive(Debug)]
pub enum Asked {
    /// It has been answered.
    Now(Outcome),
    /// The answer comes later: the exchange has a latency, or a fault delays it.
    Later(oneshot::Receiver<Outcome>),
}

impl Venue {
    /// Sends a request of an account, now.
    pub fn ask(&mut self, account: AccountId, request: Request) -> Asked {
        self.requests += 1;
        let id = self.requests;
        let from = Sender { service: ServiceId(0), account };
        self.exchange.submit(self.now, from, RequestId(id), request);
        self.answered = None;
        self.advance_exchange(self.now);
        match self.answered.take() {
            Some(outcome) => Asked::Now(outcome),
            None => {
                let (sender, receiver) = oneshot::channel();
                self.waiting.insert(id, sender);
                Asked::Later(receiver)
            }
        }
    }

    /// Hands an event of the exchange to whom it concerns.
    pub(super) fn tell(&mut self, event: ExchangeEvent) {
        self.market.observe_exchange(&event, &self.hub);
        match event {
            ExchangeEvent::Response { request, outcome, .. } => {
                if let Some(sender) = self.waiting.remove(&request.0) {
                    // Who has gone away wants no answer.
                    let _ = sender.send(outcome);
                } else if request.0 == self.requests {
                    self.answered = Some(outcome);
                }
            }
            ExchangeEvent::User { .. } => {}
        }
    }
}
