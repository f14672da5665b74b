//! Requests to the exchange, and what comes back from it.

use engine::UserEvent;
use engine::{AccountId, Exchange, ExchangeEvent, Outcome, Request, RequestId, Sender, ServiceId};
use tokio::sync::oneshot;

use super::Venue;
use super::books::ListenKey;
use crate::shapes::events::{self, Told};
use crate::shapes::json;

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
            ExchangeEvent::User { account, time, event } => {
                let Some(book) = self.books.get_mut(usize::from(account.0)) else { return };
                book.keep(time, &event);
                if event == UserEvent::ListenKeyExpired {
                    self.expire_listen_key(account);
                    return;
                }
                // Nobody listens: nothing has to be written.
                let book = self.books.get(usize::from(account.0));
                let key = book.and_then(|book| book.listen_key.as_ref());
                let Some(ListenKey { key, .. }) = key else { return };
                let told = Told { account, time, now: self.now };
                if let Some(shown) = events::event(&self.exchange, told, &event) {
                    self.publish(key, &json(&shown));
                }
            }
        }
    }
}
