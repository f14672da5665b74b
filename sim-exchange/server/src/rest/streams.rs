//! Listen keys, and what needs no account.

use sim_exchange::wire::{Empty, ListenKey, ServerTime, VenueError};

use super::{Caller, Plan};
use crate::http::{Failure, Params};
use crate::shapes::json;
use crate::venue::Venue;

/// GET ping.
pub(crate) fn ping(_: &mut Venue, _: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    Ok(Plan::Reply(json(&Empty {})))
}

/// GET time. A venue whose clock is wrong tells the wrong time.
pub(crate) fn time(venue: &mut Venue, _: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    Ok(Plan::Reply(json(&ServerTime { server_time: venue.shown_ms() })))
}

/// POST listenKey.
pub(crate) fn start(venue: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    let key = venue.listen_key(caller.account);
    let listen_key = key.ok_or_else(|| Failure::of(VenueError::RejectedApiKey))?;
    Ok(Plan::Reply(json(&ListenKey { listen_key })))
}

/// PUT listenKey. A key that is named has to be the one that is alive.
pub(crate) fn keep(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let none = || Failure::of(VenueError::NoListenKey);
    let book = venue.books.get(usize::from(caller.account.0)).ok_or_else(none)?;
    let alive = book.listen_key.as_ref().ok_or_else(none)?;
    if params.get("listenKey").is_some_and(|named| *named != *alive.key) {
        return Err(none());
    }
    let listen_key = venue.keep_listen_key(caller.account).ok_or_else(none)?;
    Ok(Plan::Reply(json(&ListenKey { listen_key })))
}

/// DELETE listenKey.
pub(crate) fn end(venue: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    if !venue.end_listen_key(caller.account) {
        return Err(VenueError::NoListenKey.into());
    }
    Ok(Plan::Reply(json(&Empty {})))
}
