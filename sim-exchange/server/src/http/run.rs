//! Running an endpoint: under the lock, and after it where the exchange answers later.

use engine::{AccountId, Outcome};
use sim_exchange::wire::VenueError;
use tokio::sync::oneshot;

use super::{Failure, Params, Reply};
use crate::app::App;
use crate::rest::{Caller, Handler, Plan, Shape};
use crate::venue::{Asked, Venue};

/// A client's clock may be ahead by less than this, in ms.
const AHEAD_MAX_MS: i64 = 1_000;
const RECV_WINDOW_MS: i64 = 5_000;
const RECV_WINDOW_MAX_MS: i64 = 60_000;

/// An endpoint that has begun.
pub(crate) enum Begun {
    /// It has its answer.
    Ready(Result<Reply, Failure>),
    /// Nobody will answer.
    Lost,
    /// The exchange answers later.
    Waits(oneshot::Receiver<Outcome>, Shape),
}

impl Begun {
    /// Does what an endpoint wants.
    pub(crate) fn of(plan: Plan, venue: &mut Venue, account: AccountId) -> Begun {
        match plan {
            Plan::Reply(reply) => Begun::Ready(Ok(reply)),
            Plan::Ask(request, shape) => match venue.ask(account, request) {
                Asked::Now(outcome) => Begun::shown(venue, outcome, shape),
                Asked::Later(receiver) => Begun::Waits(receiver, shape),
            },
        }
    }

    fn shown(venue: &mut Venue, outcome: Outcome, shape: Shape) -> Begun {
        match outcome {
            Outcome::Done(answer) => Begun::Ready(shape(venue, answer)),
            Outcome::Refused(error) => Begun::Ready(Err(error.into())),
            Outcome::Unknown => Begun::Lost,
        }
    }
}

/// Runs an endpoint as far as it goes at once.
pub(crate) fn begin(
    venue: &mut Venue,
    caller: Caller,
    handler: Handler,
    params: &Params<'_>,
) -> Result<Begun, Failure> {
    let plan = handler(venue, caller, params)?;
    Ok(Begun::of(plan, venue, caller.account))
}

/// Waits for the answer; none where there is none to come.
pub(crate) async fn finish(app: &App, begun: Begun) -> Option<Result<Reply, Failure>> {
    match begun {
        Begun::Ready(answer) => Some(answer),
        Begun::Lost => None,
        Begun::Waits(receiver, shape) => {
            // The sender is gone where the server stops.
            let outcome = receiver.await.ok()?;
            let mut venue = app.venue();
            match Begun::shown(&mut venue, outcome, shape) {
                Begun::Ready(answer) => Some(answer),
                Begun::Lost | Begun::Waits(..) => None,
            }
        }
    }
}

/// -1021, in both its texts.
pub(crate) fn check_timestamp(venue: &Venue, params: &Params<'_>) -> Result<(), Failure> {
    let timestamp = params.need_int("timestamp")?;
    let window = params.int("recvWindow")?.unwrap_or(RECV_WINDOW_MS);
    if !(0..=RECV_WINDOW_MAX_MS).contains(&window) {
        return Err(VenueError::InvalidParameter.naming(&[&"recvWindow"]).into());
    }
    let now = venue.shown_ms();
    if timestamp >= now.saturating_add(AHEAD_MAX_MS) {
        return Err(VenueError::AheadOfServer.into());
    }
    if now.saturating_sub(timestamp) > window {
        return Err(VenueError::OutsideRecvWindow.into());
    }
    Ok(())
}
