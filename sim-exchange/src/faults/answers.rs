//! Requests whose answer is not what the venue would have said.
//!
//! - A time-out has four forms: the client hears -1007 or nothing, and the venue has done what was asked
//!   or has not. Without an answer and undone the request never arrived: it weighs nothing. A client that
//!   hears nothing gives up after its own time-out, which the port calls [`Outcome::Unknown`].
//! - A refusal comes after the limits and the timestamp, as one of the venue's own would.

use engine::{
    AccountId, Answer, ExchangeError, ExchangeEvent, Nanos, Outcome, Request, RequestId, Sender,
};

use super::{FaultKind, TimeOutAnswer, VenueFault};
use crate::exchange::SimExchange;
use crate::symbol_rules::GridRules;
use crate::wire::VenueError;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Usual,
    Refused(ExchangeError),
    TimedOut { executed: bool, answer: TimeOutAnswer, after: Nanos },
}

impl SimExchange {
    /// What the faults make of a request that arrives.
    pub(crate) fn fate_of(&mut self, account: AccountId, request: &Request) -> Fate {
        let now = self.now;
        let concerns = |exchange: &SimExchange, fault: &VenueFault| {
            fault.what.is_of_requests()
                && exchange.concerns_request(fault, account, request)
                && exchange.limit_fits(&fault.what, request)
        };
        match self.struck(concerns) {
            Some(FaultKind::TimeOut { executed, answer, after }) => {
                Fate::TimedOut { executed, answer, after }
            }
            Some(FaultKind::Refuse { code, msg }) => {
                Fate::Refused(self.refusal(code, msg.as_deref(), request))
            }
            Some(FaultKind::RateLimit { limit }) => {
                let number = usize::from(account.0);
                match self.accounts.get_mut(number) {
                    Some(known) => {
                        Fate::Refused(known.usage.force(limit, now, &self.config.limits))
                    }
                    None => Fate::Usual,
                }
            }
            _ => Fate::Usual,
        }
    }

    /// The table's text of a code, with what is known in its places.
    fn refusal(&self, code: i32, msg: Option<&str>, request: &Request) -> ExchangeError {
        if let Some(msg) = msg {
            return ExchangeError { code, msg: msg.into() };
        }
        let row = VenueError::ALL.iter().find(|error| error.row().code == code);
        let Some(error) = row else { return ExchangeError { code, msg: "".into() } };
        let min_notional = |rules: &GridRules| rules.rules.min_notional.to_string();
        let named = match (error, request) {
            (VenueError::MinNotional | VenueError::AmendMinNotional, Request::NewOrder(order)) => {
                self.markets.get(usize::from(order.symbol.0)).map(|m| min_notional(&m.rules))
            }
            (VenueError::TooManyRequests, _) => {
                Some(self.config.limits.request_weight_1m.to_string())
            }
            (VenueError::InvalidLeverage, Request::SetLeverage { leverage, .. }) => {
                Some(leverage.to_string())
            }
            _ => None,
        };
        let row = error.row();
        match named {
            Some(name) => ExchangeError { code, msg: row.text.replacen("%s", &name, 1).into() },
            None => ExchangeError { code, msg: row.text.into() },
        }
    }

    /// Does what was asked unless the limits or its fate prevent it, and says so, or does not.
    pub(crate) fn answer_by_fate(
        &mut self,
        from: Sender,
        sent: Nanos,
        id: RequestId,
        request: Request,
        fate: Fate,
    ) {
        let account = from.account;
        let never_came =
            matches!(fate, Fate::TimedOut { executed: false, answer: TimeOutAnswer::None, .. });
        let admitted = match never_came {
            true => Ok(()),
            false => self.admit(account, sent, &request),
        };
        let refused = admitted.is_err();
        let outcome = match (admitted, &fate) {
            (Err(error), _) => Outcome::Refused(error),
            (Ok(()), Fate::Refused(error)) => Outcome::Refused(error.clone()),
            (Ok(()), Fate::TimedOut { executed: false, .. }) => Outcome::Unknown,
            (Ok(()), _) => outcome(self.serve(account, request)),
        };
        let to = from.service;
        let Fate::TimedOut { answer, after, .. } = fate else {
            return self.send(ExchangeEvent::Response { to, request: id, outcome });
        };
        let outcome = match answer {
            TimeOutAnswer::None => Outcome::Unknown,
            // The gateway itself has refused it.
            TimeOutAnswer::Code if refused => outcome,
            TimeOutAnswer::Code => Outcome::Refused(VenueError::Timeout.error()),
        };
        let due = self.delivery() + after;
        self.send_at(due, ExchangeEvent::Response { to, request: id, outcome });
    }
}

fn outcome(served: Result<Answer, ExchangeError>) -> Outcome {
    match served {
        Ok(answer) => Outcome::Done(answer),
        Err(error) => Outcome::Refused(error),
    }
}
