//! Lists of orders: each stands for itself, and the answers come in the order of the list.

use std::borrow::Cow;

use engine::{Answer, ClientOrderId, ExchangeError, OrderId, OrderRef, OrderState, Request};
use serde::Deserialize;
use serde_json::value::RawValue;
use sim_exchange::wire::{BatchRow, ModifyAnswer, VenueError};

use super::orders::{ORDER_NAMES, before, change, keep_amendment, new_order, shows_accepted};
use super::{Caller, Plan, odd, sym, symbol};
use crate::http::{Failure, Params, Reply, text_of};
use crate::shapes::json;
use crate::shapes::orders::{amended, answer, refused};
use crate::venue::Venue;

/// Orders of one batch.
const ORDERS_MAX: usize = 5;
/// Cancellations of one batch.
const CANCELS_MAX: usize = 10;

/// The objects of a JSON list, as parameters: -1102 where it is no such list.
fn items<'a>(text: &'a str, name: &str) -> Result<Vec<Params<'a>>, Failure> {
    #[derive(Deserialize)]
    struct Item<'a>(#[serde(borrow)] std::collections::BTreeMap<Cow<'a, str>, &'a RawValue>);
    let list: Vec<Item<'a>> = serde_json::from_str(text).map_err(|_| Failure::missing(name))?;
    let params = |Item(fields): Item<'a>| {
        let pair =
            |(name, value): (Cow<'a, str>, &'a RawValue)| text_of(value).map(|value| (name, value));
        Params::of(fields.into_iter().filter_map(pair).collect())
    };
    Ok(list.into_iter().map(params).collect())
}

/// What becomes of each item: it is sent, with what its answer needs, or it is refused before.
struct Batch<T> {
    items: Vec<Result<T, Failure>>,
}

impl<T> Batch<T> {
    /// Asks the exchange for the good ones, and puts all answers in their places.
    fn plan<R>(
        self,
        request: impl FnOnce(Vec<R>) -> Request,
        split: impl Fn(T) -> (R, Kept),
        caller: Caller,
    ) -> Plan {
        let (mut sent, mut places) = (Vec::new(), Vec::with_capacity(self.items.len()));
        for item in self.items {
            places.push(item.map(|item| {
                let (request, kept) = split(item);
                sent.push(request);
                kept
            }));
        }
        if sent.is_empty() {
            let rows: Vec<_> = places.into_iter().filter_map(Result::err).collect();
            let rows: Vec<BatchRow> = rows.iter().map(|e| BatchRow::Refused(refused(e))).collect();
            return Plan::Reply(json(&rows));
        }
        Plan::ask(request(sent), move |venue, answer| {
            let Answer::Orders(orders) = answer else { return Err(odd()) };
            merged(venue, caller, places, orders)
        })
    }
}

/// What was asked of an item, as far as its answer needs it.
enum Kept {
    /// `accepted` shows the order as it was accepted.
    Placed {
        accepted: bool,
    },
    Cancelled,
    /// The order as it was.
    Amended(Option<OrderState>),
}

/// A row of the answer.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Row {
    Order(BatchRow),
    Amended(BatchRow<ModifyAnswer>),
}

fn done(venue: &mut Venue, caller: Caller, kept: Kept, order: &OrderState) -> Result<Row, Failure> {
    let shown = |venue: &Venue, accepted| -> Result<Row, Failure> {
        let answer = answer(sym(venue, order.symbol)?, order, accepted);
        Ok(Row::Order(BatchRow::Done(Box::new(answer))))
    };
    match kept {
        Kept::Placed { accepted } => shown(venue, accepted),
        Kept::Cancelled => shown(venue, false),
        Kept::Amended(before) => {
            keep_amendment(venue, caller.account, before.as_ref(), order);
            let answer = amended(sym(venue, order.symbol)?, order);
            Ok(Row::Amended(BatchRow::Done(Box::new(answer))))
        }
    }
}

fn merged(
    venue: &mut Venue,
    caller: Caller,
    places: Vec<Result<Kept, Failure>>,
    orders: Vec<Result<OrderState, ExchangeError>>,
) -> Result<Reply, Failure> {
    let mut orders = orders.into_iter();
    let mut rows = Vec::with_capacity(places.len());
    for place in places {
        rows.push(match place {
            Err(failure) => Row::Order(BatchRow::Refused(refused(&failure))),
            Ok(kept) => match orders.next() {
                Some(Ok(order)) => done(venue, caller, kept, &order)?,
                Some(Err(error)) => Row::Order(BatchRow::Refused(error.into())),
                None => return Err(odd()),
            },
        });
    }
    Ok(json(&rows))
}

fn check_size(len: usize, most: usize) -> Result<(), Failure> {
    if len == 0 || len > most { Err(VenueError::InvalidBatchSize.into()) } else { Ok(()) }
}

/// POST batchOrders.
pub(crate) fn place(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let list = items(params.need("batchOrders")?, "batchOrders")?;
    check_size(list.len(), ORDERS_MAX)?;
    let read = |item: &Params<'_>| {
        let order = new_order(venue, item, &ORDER_NAMES)?;
        let accepted = shows_accepted(item, &order)?;
        Ok((order, accepted))
    };
    let batch = Batch { items: list.iter().map(read).collect() };
    let split = |(order, accepted)| (order, Kept::Placed { accepted });
    Ok(batch.plan(Request::BatchOrders, split, caller))
}

/// PUT batchOrders.
pub(crate) fn modify(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let list = items(params.need("batchOrders")?, "batchOrders")?;
    check_size(list.len(), ORDERS_MAX)?;
    let read = |item: &Params<'_>| {
        let change = change(venue, item)?;
        let before = before(venue, caller.account, &change);
        Ok((change, before))
    };
    let batch = Batch { items: list.iter().map(read).collect() };
    let split = |(change, before)| (change, Kept::Amended(before));
    Ok(batch.plan(Request::BatchModify, split, caller))
}

/// The elements of a JSON list of orders: -1130 where it is no list of such elements. Binance writes the name in
/// lower case there.
fn named_orders(
    text: &str,
    name: &str,
    read: impl Fn(&RawValue) -> Option<OrderRef>,
) -> Result<Vec<OrderRef>, Failure> {
    let list: Option<Vec<&RawValue>> = serde_json::from_str(text).ok();
    let orders: Option<Vec<OrderRef>> = list.and_then(|list| list.into_iter().map(read).collect());
    orders.ok_or_else(|| VenueError::InvalidParameter.naming(&[&name]).into())
}

/// An integer, with or without quotes: the official clients of JavaScript send them with.
fn order_id(element: &RawValue) -> Option<OrderRef> {
    let id: i64 = text_of(element)?.parse().ok()?;
    // Nothing has an id below zero, nor the id zero.
    Some(OrderRef::Id(OrderId(u64::try_from(id).unwrap_or(0))))
}

fn client_order_id(element: &RawValue) -> Option<OrderRef> {
    let id: String = serde_json::from_str(element.get()).ok()?;
    Some(OrderRef::Client(ClientOrderId(id.into())))
}

/// DELETE batchOrders. Some clients write the names of the lists in lower case.
pub(crate) fn cancel(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let list =
        |name: &str, lower: &str| params.get(name).or_else(|| params.get(lower)).map(str::to_owned);
    let orders: Vec<OrderRef> = match (
        list("orderIdList", "orderidlist"),
        list("origClientOrderIdList", "origclientorderidlist"),
    ) {
        (Some(ids), _) => named_orders(&ids, "orderidlist", order_id)?,
        (None, Some(ids)) => named_orders(&ids, "origclientorderidlist", client_order_id)?,
        (None, None) => {
            let names: [&dyn std::fmt::Display; 2] = [&"orderIdList", &"origClientOrderIdList"];
            return Err(VenueError::EitherParameter.naming(&names).into());
        }
    };
    if orders.is_empty() || orders.len() > CANCELS_MAX {
        return Err(VenueError::ExceedMaxCancelOrders.into());
    }
    let batch = Batch { items: orders.into_iter().map(Ok).collect() };
    let request = move |orders| Request::BatchCancel { symbol, orders };
    Ok(batch.plan(request, |order| (order, Kept::Cancelled), caller))
}
