//! One order at a time: placing, testing, changing, cancelling, asking.

use engine::{
    AccountId, Answer, ClientOrderId, ModifyOrder, Nanos, NewOrder, OrderId, OrderRef, OrderState,
    OrderStatus, OrderType, PositionSide, PriceMatch, PriceTicks, QtyLots, Request,
    SelfTradePrevention, Side, SymbolIndex, TimeInForce, WorkingType,
};
use sim_exchange::wire::{CountdownAnswer, Num, VenueError};

use super::{ALL_CANCELLED, Caller, Plan, odd, sym, symbol, symbol_if_sent};
use crate::http::{Failure, Params, Reply};
use crate::shapes::json;
use crate::shapes::orders::{amended, answer, ends_at_once, row, rows};
use crate::venue::Venue;

/// A decimal on a grid: -1111 where it has more decimals than the grid, -1102 where it is no number.
pub(crate) fn on_grid(
    params: &Params<'_>,
    name: &str,
    decimals: u32,
) -> Result<Option<i64>, Failure> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let malformed = || Failure::missing(name);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(malformed());
    }
    let fraction = fraction.trim_end_matches('0');
    let mut value: i64 = 0;
    let pad = (decimals as usize).saturating_sub(fraction.len());
    let zeros = std::iter::repeat_n(b'0', pad);
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    if fraction.len() > decimals as usize {
        return Err(VenueError::BadPrecision.into());
    }
    for byte in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        if !byte.is_ascii_digit() {
            return Err(malformed());
        }
        let next = value.checked_mul(10).and_then(|v| v.checked_add(i64::from(byte - b'0')));
        // What does not fit is above every filter.
        value = next.unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    }
    Ok(Some(if negative { -value } else { value }))
}

/// A word, if it was sent.
fn word<T>(
    params: &Params<'_>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    error: VenueError,
) -> Result<Option<T>, Failure> {
    params.get(name).map(|text| parse(text).ok_or_else(|| Failure::of(error))).transpose()
}

/// The names of what the two routes call differently.
pub(crate) struct Names {
    pub(crate) client_id: &'static str,
    pub(crate) trigger: &'static str,
    pub(crate) activate: &'static str,
}

/// Of POST order.
pub(crate) const ORDER_NAMES: Names =
    Names { client_id: "newClientOrderId", trigger: "stopPrice", activate: "activationPrice" };

/// A new order of any route.
pub(crate) fn new_order(
    venue: &mut Venue,
    params: &Params<'_>,
    names: &Names,
) -> Result<NewOrder, Failure> {
    let symbol = symbol(venue, params)?;
    let grid = venue.instrument(symbol).ok_or_else(|| Failure::of(VenueError::InvalidSymbol))?;
    let (price_decimals, qty_decimals) = (grid.price_decimals, grid.qty_decimals);
    let side = word(params, "side", Side::parse, VenueError::InvalidSide)?;
    let order_type = word(params, "type", OrderType::parse, VenueError::InvalidOrderType)?;
    let side = side.ok_or_else(|| Failure::missing("side"))?;
    let order_type = order_type.ok_or_else(|| Failure::missing("type"))?;
    let price = |name| on_grid(params, name, price_decimals).map(|price| price.map(PriceTicks));
    let working = params.get("workingType").map(|text| {
        WorkingType::parse(text)
            .ok_or_else(|| Failure::from(VenueError::InvalidParameter.naming(&[&"workingType"])))
    });
    let order = NewOrder {
        symbol,
        side,
        position_side: word(
            params,
            "positionSide",
            PositionSide::parse,
            VenueError::InvalidPositionSide,
        )?,
        order_type,
        time_in_force: word(
            params,
            "timeInForce",
            TimeInForce::parse,
            VenueError::InvalidTimeInForce,
        )?,
        quantity: on_grid(params, "quantity", qty_decimals)?.map(QtyLots),
        price: price("price")?,
        reduce_only: params.bool("reduceOnly")?,
        close_position: params.bool("closePosition")?.unwrap_or(false),
        trigger_price: price(names.trigger)?,
        activate_price: price(names.activate)?,
        callback_rate: params.decimal("callbackRate")?,
        working_type: working.transpose()?,
        price_protect: params.bool("priceProtect")?.unwrap_or(false),
        price_match: word(params, "priceMatch", PriceMatch::parse, VenueError::InvalidPriceMatch)?,
        self_trade_prevention: word(
            params,
            "selfTradePreventionMode",
            SelfTradePrevention::parse,
            VenueError::InvalidSelfTradePrevention,
        )?,
        good_till_date: params.int("goodTillDate")?.filter(|ms| *ms != 0).map(Nanos::from_millis),
        client_order_id: match params.get(names.client_id) {
            Some(id) => ClientOrderId(id.into()),
            None => venue.fresh_client_id(),
        },
    };
    Ok(order)
}

/// Whether the answer shows the order as it was accepted: -1136 of anything but ACK and RESULT.
pub(crate) fn shows_accepted(params: &Params<'_>, order: &NewOrder) -> Result<bool, Failure> {
    let result = match params.get("newOrderRespType") {
        None | Some("ACK") => false,
        Some("RESULT") => true,
        Some(_) => return Err(VenueError::InvalidNewOrderRespType.into()),
    };
    let time_in_force = order.time_in_force.unwrap_or(TimeInForce::Gtc);
    Ok(!(result && ends_at_once(order.order_type, time_in_force)))
}

/// POST order.
pub(crate) fn place(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let order = new_order(venue, params, &ORDER_NAMES)?;
    let accepted = shows_accepted(params, &order)?;
    Ok(Plan::ask(Request::NewOrder(order), move |venue, answer| shown(venue, answer, accepted)))
}

/// JSON of the order that is the answer.
fn shown(venue: &mut Venue, reply: Answer, accepted: bool) -> Result<Reply, Failure> {
    let Answer::Order(order) = reply else { return Err(odd()) };
    Ok(json(&answer(sym(venue, order.symbol)?, &order, accepted)))
}

/// POST order/test: it answers as if the order had been taken.
pub(crate) fn test(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let order = new_order(venue, params, &ORDER_NAMES)?;
    shows_accepted(params, &order)?;
    let state = as_if_taken(&order, venue.now());
    Ok(Plan::ask(Request::TestOrder(order), move |venue, _| {
        Ok(json(&answer(sym(venue, state.symbol)?, &state, true)))
    }))
}

fn as_if_taken(order: &NewOrder, now: Nanos) -> OrderState {
    OrderState {
        order_id: OrderId(0),
        client_order_id: order.client_order_id.clone(),
        symbol: order.symbol,
        side: order.side,
        position_side: order.position_side.unwrap_or(PositionSide::Both),
        order_type: order.order_type,
        orig_type: order.order_type,
        time_in_force: order.time_in_force.unwrap_or(TimeInForce::Gtc),
        orig_qty: order.quantity.unwrap_or_default(),
        executed_qty: QtyLots(0),
        cum_quote: rust_decimal::Decimal::ZERO,
        price: order.price,
        trigger_price: order.trigger_price,
        reduce_only: order.reduces(),
        close_position: order.close_position,
        working_type: order.working_type.unwrap_or(WorkingType::ContractPrice),
        price_protect: order.price_protect,
        price_match: order.price_match.unwrap_or(PriceMatch::None),
        self_trade_prevention: order
            .self_trade_prevention
            .unwrap_or(SelfTradePrevention::ExpireMaker),
        good_till_date: order.good_till_date,
        status: OrderStatus::New,
        expiry_reason: engine::ExpiryReason::None,
        time: now,
        update_time: now,
    }
}

/// `orderId`, or else `origClientOrderId`: -1102 where neither was sent.
pub(crate) fn order_ref(params: &Params<'_>) -> Result<OrderRef, Failure> {
    if let Some(id) = params.int("orderId")? {
        return Ok(OrderRef::Id(OrderId(u64::try_from(id).unwrap_or(0))));
    }
    match params.get("origClientOrderId") {
        Some(id) => Ok(OrderRef::Client(ClientOrderId(id.into()))),
        None => Err(VenueError::EitherParameter.naming(&[&"origClientOrderId", &"orderId"]).into()),
    }
}

/// A change of an order.
pub(crate) fn change(venue: &Venue, params: &Params<'_>) -> Result<ModifyOrder, Failure> {
    let symbol = symbol(venue, params)?;
    let grid = venue.instrument(symbol).ok_or_else(|| Failure::of(VenueError::InvalidSymbol))?;
    let side = word(params, "side", Side::parse, VenueError::InvalidSide)?;
    let quantity = on_grid(params, "quantity", grid.qty_decimals)?;
    let price = on_grid(params, "price", grid.price_decimals)?.map(PriceTicks);
    let price_match = word(params, "priceMatch", PriceMatch::parse, VenueError::InvalidPriceMatch)?;
    if price.is_none() && price_match.is_none() {
        return Err(Failure::missing("price"));
    }
    Ok(ModifyOrder {
        symbol,
        order: order_ref(params)?,
        side: side.ok_or_else(|| Failure::missing("side"))?,
        quantity: QtyLots(quantity.ok_or_else(|| Failure::missing("quantity"))?),
        price,
        price_match,
    })
}

/// The order that is going to be changed, as it is.
pub(crate) fn before(
    venue: &Venue,
    account: AccountId,
    change: &ModifyOrder,
) -> Option<OrderState> {
    venue.exchange().order_of(account, change.symbol, &change.order).cloned()
}

/// Keeps an amendment, if it was one.
pub(crate) fn keep_amendment(
    venue: &mut Venue,
    account: AccountId,
    before: Option<&OrderState>,
    after: &OrderState,
) {
    let Some(before) = before else { return };
    let changed = before.price != after.price || before.orig_qty != after.orig_qty;
    if changed && let Some(book) = venue.books.get_mut(usize::from(account.0)) {
        book.amended(before, after);
    }
}

/// PUT order.
pub(crate) fn modify(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let change = change(venue, params)?;
    let before = before(venue, caller.account, &change);
    Ok(Plan::ask(Request::ModifyOrder(change), move |venue, answer| {
        let Answer::Order(after) = &answer else { return Err(odd()) };
        keep_amendment(venue, caller.account, before.as_ref(), after);
        if caller.ws {
            return shown(venue, answer, false);
        }
        Ok(json(&amended(sym(venue, after.symbol)?, after)))
    }))
}

/// DELETE order.
pub(crate) fn cancel(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let (symbol, order) = (symbol(venue, params)?, order_ref(params)?);
    let request = Request::CancelOrder { symbol, order };
    Ok(Plan::ask(request, |venue, answer| shown(venue, answer, false)))
}

/// DELETE allOpenOrders.
pub(crate) fn cancel_all(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    Ok(Plan::done(Request::CancelAllOpenOrders { symbol }, ALL_CANCELLED))
}

/// POST countdownCancelAll.
pub(crate) fn countdown(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let (symbol, ms) = (symbol(venue, params)?, params.need_int("countdownTime")?);
    let request = Request::CountdownCancelAll { symbol, countdown: Nanos::from_millis(ms) };
    Ok(Plan::ask(request, move |venue, _| {
        let symbol = sym(venue, symbol)?.name().into();
        Ok(json(&CountdownAnswer { symbol, countdown_time: Num(ms.into()) }))
    }))
}

fn query(symbol: SymbolIndex, order: OrderRef, open: bool) -> Plan {
    Plan::ask(Request::QueryOrder { symbol, order }, move |venue, answer| {
        let Answer::Order(order) = answer else { return Err(odd()) };
        if open && order.status.is_terminal() {
            return Err(VenueError::NoSuchOrder.into());
        }
        Ok(json(&row(sym(venue, order.symbol)?, &order)))
    })
}

/// GET order.
pub(crate) fn get(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    Ok(query(symbol(venue, params)?, order_ref(params)?, false))
}

/// GET openOrder.
pub(crate) fn get_open(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    Ok(query(symbol(venue, params)?, order_ref(params)?, true))
}

/// GET openOrders.
pub(crate) fn open(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let symbol = symbol_if_sent(venue, params)?;
    Ok(Plan::ask(Request::OpenOrders { symbol }, |venue, answer| {
        let Answer::Orders(orders) = answer else { return Err(odd()) };
        Ok(json(&rows(venue.exchange(), orders.iter().filter_map(|order| order.as_ref().ok()))))
    }))
}
