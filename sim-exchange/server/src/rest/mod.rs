//! What the endpoints do. REST and the WebSocket API share them: parameters in, JSON out.

pub(crate) mod account;
pub(crate) mod algos;
pub(crate) mod batches;
pub(crate) mod downloads;
pub(crate) mod history;
pub(crate) mod orders;
pub(crate) mod positions;
pub(crate) mod settings;
pub(crate) mod statistics;
pub(crate) mod streams;

use engine::{AccountId, Answer, Nanos, Request, SymbolIndex};
use sim_exchange::wire::{Done, VenueError};

use crate::http::{Failure, Params, Reply};
use crate::shapes::{Sym, json};
use crate::venue::Venue;

/// Who asks, and by which door.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Whose key it was; the first account where the endpoint needs none.
    pub(crate) account: AccountId,
    /// The WebSocket API shows a few fields more than REST.
    pub(crate) ws: bool,
}

/// Makes the JSON of the exchange's answer.
pub(crate) type Shape = Box<dyn FnOnce(&mut Venue, Answer) -> Result<Reply, Failure> + Send>;

/// What an endpoint wants.
pub(crate) enum Plan {
    /// It has its answer.
    Reply(Reply),
    /// The exchange is asked, and its answer is shown so.
    Ask(Request, Shape),
}

impl Plan {
    pub(crate) fn ask(
        request: Request,
        shape: impl FnOnce(&mut Venue, Answer) -> Result<Reply, Failure> + Send + 'static,
    ) -> Plan {
        Plan::Ask(request, Box::new(shape))
    }

    /// Answers `{"code":200,"msg":…}` when it is done.
    pub(crate) fn done(request: Request, msg: &'static str) -> Plan {
        Plan::ask(request, move |_, _| Ok(done(msg)))
    }
}

/// An endpoint.
pub(crate) type Handler = fn(&mut Venue, Caller, &Params<'_>) -> Result<Plan, Failure>;

/// `{"code":200,"msg":…}`.
pub(crate) fn done(msg: &str) -> Reply {
    json(&Done { code: 200, msg: msg.into() })
}

/// What a change that shows nothing answers.
pub(crate) const SUCCESS: &str = "success";
/// What ends many orders answers.
pub(crate) const ALL_CANCELLED: &str = "The operation of cancel all open order is done.";

/// `symbol`, which has to be one of the venue's: -1102, -1121.
pub(crate) fn symbol(venue: &Venue, params: &Params<'_>) -> Result<SymbolIndex, Failure> {
    let name = params.need("symbol")?;
    venue.symbol(name).ok_or_else(|| VenueError::InvalidSymbol.into())
}

/// `symbol`, if it was sent: -1121.
pub(crate) fn symbol_if_sent(
    venue: &Venue,
    params: &Params<'_>,
) -> Result<Option<SymbolIndex>, Failure> {
    params.get("symbol").map(|_| symbol(venue, params)).transpose()
}

/// A symbol's numbers. Every index of the venue has them.
pub(crate) fn sym(venue: &Venue, symbol: SymbolIndex) -> Result<Sym<'_>, Failure> {
    Sym::of(venue.exchange(), symbol).ok_or_else(|| VenueError::InvalidSymbol.into())
}

/// An answer of the exchange that does not belong to its request. It does not happen.
pub(crate) fn odd() -> Failure {
    VenueError::Unknown.into()
}

/// A span of time in milliseconds, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
}

impl Span {
    /// `startTime` and `endTime`, which may lie `days` apart: -4165; in order: -1130.
    pub(crate) fn read(params: &Params<'_>, days: i64) -> Result<Span, Failure> {
        let span = Span::unbounded(params)?;
        if let Span { from: Some(from), to: Some(to) } = span
            && to.saturating_sub(from) > days.saturating_mul(86_400_000)
        {
            return Err(VenueError::MaxTimeInterval.naming(&[&days]).into());
        }
        Ok(span)
    }

    /// The same, however long it is.
    pub(crate) fn unbounded(params: &Params<'_>) -> Result<Span, Failure> {
        let (from, to) = (params.int("startTime")?, params.int("endTime")?);
        match (from, to) {
            (Some(from), Some(to)) if to < from => {
                Err(VenueError::InvalidParameter.naming(&[&"endTime"]).into())
            }
            _ => Ok(Span { from, to }),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    pub(crate) fn holds(&self, time: Nanos) -> bool {
        let ms = time.millis();
        self.from.is_none_or(|from| ms >= from) && self.to.is_none_or(|to| ms <= to)
    }
}

/// The first `limit` rows where the client says from where, else the newest ones; oldest first.
pub(crate) fn page<T>(mut rows: Vec<T>, limit: usize, from_start: bool) -> Vec<T> {
    if rows.len() > limit {
        if from_start {
            rows.truncate(limit);
        } else {
            rows.drain(..rows.len() - limit);
        }
    }
    rows
}
