//! Conditional orders: the algo service.

use engine::{AlgoId, AlgoRef, Answer, ClientOrderId, Request};
use sim_exchange::wire::VenueError;

use super::orders::{Names, new_order};
use super::{ALL_CANCELLED, Caller, Plan, Span, odd, page, sym, symbol, symbol_if_sent};
use crate::http::{Failure, Params};
use crate::shapes::algos::{answer, cancelled, row, rows};
use crate::shapes::json;
use crate::venue::Venue;

const NAMES: Names =
    Names { client_id: "clientAlgoId", trigger: "triggerPrice", activate: "activatePrice" };

fn check_type(params: &Params<'_>, needed: bool) -> Result<(), Failure> {
    match params.get("algoType") {
        Some("CONDITIONAL") => Ok(()),
        Some(_) => Err(VenueError::InvalidParameter.naming(&[&"algoType"]).into()),
        None if needed => Err(Failure::missing("algoType")),
        None => Ok(()),
    }
}

fn algo_ref(params: &Params<'_>) -> Result<AlgoRef, Failure> {
    if let Some(id) = params.int("algoId")? {
        return Ok(AlgoRef::Id(AlgoId(u64::try_from(id).unwrap_or(0))));
    }
    match params.get("clientAlgoId") {
        Some(id) => Ok(AlgoRef::Client(ClientOrderId(id.into()))),
        None => Err(VenueError::EitherParameter.naming(&[&"algoId", &"clientAlgoId"]).into()),
    }
}

/// POST algoOrder.
pub(crate) fn place(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    check_type(params, true)?;
    let order = new_order(venue, params, &NAMES)?;
    Ok(Plan::ask(Request::NewAlgoOrder(order), |venue, reply| {
        let Answer::AlgoOrder(algo) = reply else { return Err(odd()) };
        Ok(json(&answer(sym(venue, algo.order.symbol)?, &algo)))
    }))
}

/// DELETE algoOrder.
pub(crate) fn cancel(_: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let order = algo_ref(params)?;
    Ok(Plan::ask(Request::CancelAlgoOrder { order }, |_, reply| {
        let Answer::AlgoOrder(algo) = reply else { return Err(odd()) };
        Ok(json(&cancelled(&algo)))
    }))
}

/// DELETE algoOpenOrders.
pub(crate) fn cancel_all(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    Ok(Plan::done(Request::CancelAllAlgoOrders { symbol }, ALL_CANCELLED))
}

/// GET algoOrder.
pub(crate) fn get(_: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let order = algo_ref(params)?;
    Ok(Plan::ask(Request::QueryAlgoOrder { order }, |venue, reply| {
        let Answer::AlgoOrder(algo) = reply else { return Err(odd()) };
        Ok(json(&row(sym(venue, algo.order.symbol)?, &algo)))
    }))
}

/// GET openAlgoOrders.
pub(crate) fn open(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    check_type(params, false)?;
    let (symbol, id) = (symbol_if_sent(venue, params)?, params.int("algoId")?);
    Ok(Plan::ask(Request::OpenAlgoOrders { symbol }, move |venue, reply| {
        let Answer::AlgoOrders(algos) = reply else { return Err(odd()) };
        let is_asked = |number: u64| id.is_none_or(|id| u64::try_from(id) == Ok(number));
        let asked = algos.iter().filter(|algo| is_asked(algo.algo_id.0));
        Ok(json(&rows(venue.exchange(), asked)))
    }))
}

/// GET allAlgoOrders.
pub(crate) fn all(venue: &mut Venue, caller: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let (span, limit) = (Span::read(params, 7)?, params.limit(500, 1_000)?);
    let from = params.int("algoId")?.map(|id| u64::try_from(id).unwrap_or(0));
    let of_symbol = venue.exchange().algo_orders_of(caller.account).filter(|algo| {
        algo.order.symbol == symbol
            && from.is_none_or(|from| algo.algo_id.0 >= from)
            && span.holds(algo.create_time)
    });
    let found = rows(venue.exchange(), of_symbol);
    Ok(Plan::Reply(json(&page(found, limit, from.is_some() || span.from.is_some()))))
}
