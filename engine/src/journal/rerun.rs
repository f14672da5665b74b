//! An exchange of our own in a recorded session: it is run again, and not read from the journal.

use std::collections::VecDeque;

use super::{Entries, JournalEntry, JournalError, JournalFile};
use crate::{
    Exchange, ExchangeEvent, MarketEvent, Nanos, Outcome, Request, RequestId, Sender, ServiceId,
};

/// These words stand in the message of a refusal by the session's own limits: no venue has seen the request.
pub const OWN_REFUSAL: &str = "(qsim: ";

struct Refusal {
    request: RequestId,
    event: ExchangeEvent,
}

/// An exchange that gets the requests of a recorded session again. Those that the session's own limits refused then do
/// not reach it now, and are answered as they were then.
pub struct Rerun<X> {
    exchange: X,
    /// None where nothing is recorded, and behind its end.
    refusals: Option<Entries<Refusal>>,
    /// Refusals under way, oldest first.
    answers: VecDeque<(Nanos, ExchangeEvent)>,
    failure: Option<JournalError>,
}

impl<X> Rerun<X> {
    /// An exchange of which nothing is recorded yet.
    pub fn new(exchange: X) -> Rerun<X> {
        Rerun { exchange, refusals: None, answers: VecDeque::new(), failure: None }
    }

    /// The exchange of a session that was recorded in this journal.
    pub fn recorded(exchange: X, file: JournalFile) -> Result<Rerun<X>, JournalError> {
        let pick = |entry| match entry {
            JournalEntry::Exchange(
                event @ ExchangeEvent::Response { request, outcome: Outcome::Refused(_), .. },
            ) if is_own_refusal(&event) => Some(Refusal { request, event }),
            _ => None,
        };
        Ok(Rerun { refusals: Some(Entries::new(file, pick)?), ..Rerun::new(exchange) })
    }

    /// The recording is over; the error says why it could not be read to its end.
    pub fn end_of_recording(&mut self) -> Result<(), JournalError> {
        self.refusals = None;
        self.failure.take().map_or(Ok(()), Err)
    }

    /// The recorded refusal of this request, if there is one. Limits refuse in the order of the requests.
    fn refusal(&mut self, id: RequestId) -> Option<(Nanos, ExchangeEvent)> {
        let refusals = self.refusals.as_mut()?;
        let is_next = refusals.peek().map(|next| next.is_some_and(|(_, one)| one.request == id));
        match is_next.and_then(|is_next| if is_next { refusals.take() } else { Ok(None) }) {
            Ok(found) => found.map(|(time, refusal)| (time, refusal.event)),
            Err(failure) => {
                self.failure = Some(failure);
                self.refusals = None;
                None
            }
        }
    }
}

fn is_own_refusal(event: &ExchangeEvent) -> bool {
    let ExchangeEvent::Response { outcome: Outcome::Refused(error), .. } = event else {
        return false;
    };
    error.msg.contains(OWN_REFUSAL)
}

impl<X: Exchange> Exchange for Rerun<X> {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        match self.refusal(id) {
            Some(refusal) => self.answers.push_back(refusal),
            None => self.exchange.submit(now, from, id, request),
        }
    }

    fn set_clock(&mut self, client: ServiceId, ahead: Nanos) {
        self.exchange.set_clock(client, ahead);
    }

    fn observe(&mut self, event: &MarketEvent) {
        self.exchange.observe(event);
    }

    fn next_due(&self) -> Nanos {
        let own = self.answers.front().map_or(Nanos::NEVER, |(time, _)| *time);
        own.min(self.exchange.next_due())
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        while self.answers.front().is_some_and(|(time, _)| *time <= now) {
            out.extend(self.answers.pop_front().map(|(_, event)| event));
        }
        self.exchange.advance(now, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{FileSink, Journal};
    use crate::{ExchangeError, Outcome};

    /// Answers each request a second later.
    #[derive(Default)]
    struct Taker(VecDeque<(Nanos, ExchangeEvent)>);

    fn answer(to: ServiceId, request: RequestId, msg: Option<&str>) -> ExchangeEvent {
        let outcome = match msg {
            Some(msg) => Outcome::Refused(ExchangeError { code: -4087, msg: msg.into() }),
            None => Outcome::Done(crate::Answer::Done),
        };
        ExchangeEvent::Response { to, request, outcome }
    }

    impl Exchange for Taker {
        fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, _: Request) {
            self.0.push_back((Nanos(now.0 + 1_000), answer(from.service, id, None)));
        }
        fn observe(&mut self, _: &MarketEvent) {}
        fn next_due(&self) -> Nanos {
            self.0.front().map_or(Nanos::NEVER, |(time, _)| *time)
        }
        fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
            while self.next_due() <= now {
                out.extend(self.0.pop_front().map(|(_, event)| event));
            }
        }
    }

    #[test]
    fn what_the_limits_refused_does_not_reach_the_exchange_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.journal");
        let sink = FileSink::create(&path, &serde_json::json!({})).expect("a file");
        let mut journal = Journal::new(Box::new(sink));
        let me = ServiceId(2);
        let own = answer(me, RequestId(2), Some("no (qsim: the kill switch is on)"));
        // The venue's own refusal comes from the exchange again.
        journal.exchange(Nanos(11), &own);
        journal.exchange(Nanos(12), &answer(me, RequestId(1), Some("no")));
        journal.finish(Nanos(13)).expect("written");

        let file = JournalFile::open(&path).expect("a journal");
        let mut exchange = Rerun::recorded(Taker::default(), file).expect("readable");
        let from = Sender { service: me, account: Default::default() };
        for id in 1..=3 {
            exchange.submit(Nanos(10), from, RequestId(id), Request::Account);
        }
        assert_eq!(exchange.next_due(), Nanos(11));
        let mut told = Vec::new();
        exchange.advance(Nanos(11), &mut told);
        assert_eq!(told, [own]);
        exchange.advance(Nanos(2_000), &mut told);
        assert_eq!(told[1..], [1, 3].map(|id| answer(me, RequestId(id), None)));
        exchange.end_of_recording().expect("all was read");
    }
}
