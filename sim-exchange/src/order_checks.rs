//! The checks that refuse an order before it can reach the book.
//!
//! Order of checks: parameters, symbol, precision, filters, position mode, reduce-only; margin comes last,
//! in `placing`.

use engine::{
    ClientOrderId, ExchangeError, Nanos, NewOrder, OrderType, PositionSide, Side, TimeInForce,
};
use rust_decimal::Decimal;

use crate::accounts::reduces;
use crate::symbol_rules::GridRules;
use crate::wire::VenueError;

/// A GTD order ends no earlier than this after now.
const GOOD_TILL_LEAST: Nanos = Nanos::from_secs(600);
/// And before this millisecond.
const GOOD_TILL_END_MS: i64 = 253_402_300_799_000;

fn missing(parameter: &str) -> ExchangeError {
    VenueError::MandatoryParameter.naming(&[&parameter])
}

fn not_required(parameter: &str) -> ExchangeError {
    VenueError::ParameterNotRequired.naming(&[&parameter])
}

/// `^[\.A-Z\:/a-z0-9_-]{1,36}$`
fn check_client_order_id(id: &ClientOrderId) -> Result<(), ExchangeError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b".:/_-".contains(&b);
    if id.0.len() > 36 {
        return Err(VenueError::ClientOrderIdTooLong.error());
    }
    if id.0.is_empty() || !id.0.bytes().all(legal) {
        return Err(VenueError::InvalidClientOrderId.error());
    }
    Ok(())
}

/// Of LIMIT and MARKET, what needs nothing but the order itself.
pub(crate) fn check_parameters(order: &NewOrder, now: Nanos) -> Result<i64, ExchangeError> {
    if order.order_type.is_conditional() {
        return Err(VenueError::InvalidOrderType.error());
    }
    let quantity = order.quantity.ok_or_else(|| missing("quantity"))?;
    if order.close_position {
        return Err(VenueError::BadCombination.error());
    }
    let sent = [
        ("stopprice", order.trigger_price.is_some()),
        ("activationprice", order.activate_price.is_some()),
        ("callbackrate", order.callback_rate.is_some()),
    ];
    if let Some((name, _)) = sent.iter().find(|(_, sent)| *sent) {
        return Err(not_required(name));
    }
    if order.order_type == OrderType::Market && order.time_in_force.is_some() {
        return Err(not_required("timeinforce"));
    }
    // Only what waits for a trigger is bound to a position.
    if order.time_in_force == Some(TimeInForce::GteGtc) {
        return Err(VenueError::InvalidTimeInForce.error());
    }
    check_price_parameters(order)?;
    check_good_till(order, now)?;
    check_client_order_id(&order.client_order_id)?;
    Ok(quantity.0)
}

/// Time in force, price and priceMatch, as far as the order's type wants them.
fn check_price_parameters(order: &NewOrder) -> Result<(), ExchangeError> {
    let matches = order.matches_price();
    if !order.order_type.has_price() {
        if matches {
            return Err(VenueError::PriceMatchOrderType.error());
        }
        return if order.price.is_some() { Err(not_required("price")) } else { Ok(()) };
    }
    if order.order_type == OrderType::Limit && order.time_in_force.is_none() {
        return Err(missing("timeInForce"));
    }
    match (matches, order.price) {
        (true, Some(_)) => Err(not_required("price")),
        (false, None) => Err(missing("price")),
        _ => Ok(()),
    }
}

fn check_good_till(order: &NewOrder, now: Nanos) -> Result<(), ExchangeError> {
    let is_gtd = order.time_in_force == Some(TimeInForce::Gtd);
    match order.good_till_date {
        None if is_gtd => Err(missing("goodTillDate")),
        Some(_) if !is_gtd => Err(not_required("goodtilldate")),
        // What is later than our clock can say came in as the last instant of it.
        Some(end)
            if end <= now + GOOD_TILL_LEAST
                || end.millis() >= GOOD_TILL_END_MS
                || end == Nanos::NEVER =>
        {
            Err(VenueError::BadGoodTillDate.error())
        }
        _ => Ok(()),
    }
}

/// The order as the venue keeps it: of a `goodTillDate` the milliseconds are ignored, and what closes the
/// position has no quantity of its own. What was sent is what [`check_good_till`] looks at (unverified).
pub(crate) fn kept(mut order: NewOrder) -> NewOrder {
    const SECOND: i64 = 1_000_000_000;
    order.good_till_date = order.good_till_date.map(|end| Nanos(end.0 - end.0.rem_euclid(SECOND)));
    order.quantity = order.quantity.filter(|_| !order.close_position);
    order
}

/// Of the five conditional types, what needs nothing but the order itself.
pub(crate) fn check_conditional(order: &NewOrder, now: Nanos) -> Result<(), ExchangeError> {
    let trailing = order.order_type == OrderType::TrailingStopMarket;
    let market_stop =
        matches!(order.order_type, OrderType::StopMarket | OrderType::TakeProfitMarket);
    if order.close_position {
        // The refusal says that it has to be zero, so that zero is as good as none.
        if order.quantity.is_some_and(|quantity| quantity.0 != 0) {
            return Err(VenueError::QuantityWithClosePosition.error());
        }
        if order.reduce_only.is_some() {
            return Err(not_required("reduceonly"));
        }
        if !market_stop {
            return Err(VenueError::BadCombination.error());
        }
    } else if order.quantity.is_none() {
        return Err(missing("quantity"));
    }
    check_price_parameters(order)?;
    match (trailing, order.trigger_price) {
        (true, Some(_)) => return Err(not_required("triggerprice")),
        (false, None) => return Err(missing("triggerPrice")),
        _ => {}
    }
    if trailing {
        let rate = order.callback_rate.ok_or_else(|| missing("callbackRate"))?;
        if rate < Decimal::new(1, 1) || rate > Decimal::TEN {
            return Err(VenueError::InvalidParameter.naming(&[&"callbackRate"]));
        }
    } else if order.callback_rate.is_some() {
        return Err(not_required("callbackrate"));
    } else if order.activate_price.is_some() {
        return Err(not_required("activateprice"));
    }
    check_good_till(order, now)?;
    check_client_order_id(&order.client_order_id)
}

/// No more decimals than the symbol's precisions.
pub(crate) fn check_precision(rules: &GridRules, order: &NewOrder) -> Result<(), ExchangeError> {
    let qty = order.quantity.map_or(0, |quantity| quantity.0);
    let prices = [order.price, order.trigger_price, order.activate_price];
    let mut prices = prices.into_iter().flatten();
    if qty % rules.qty_precision_unit != 0
        || prices.any(|price| price.0 % rules.price_precision_unit != 0)
    {
        return Err(VenueError::BadPrecision.error());
    }
    Ok(())
}

/// The filters of LIMIT and MARKET. `mark` is none before the first market event.
pub(crate) fn check_filters(
    rules: &GridRules,
    order: &NewOrder,
    qty: i64,
    mark: Option<i64>,
) -> Result<(), ExchangeError> {
    let price = order.price.map(|p| p.0);
    if let Some(price) = price {
        check_price_filter(rules, price)?;
        check_percent_price(rules, order.side, price, mark)?;
    }
    check_quantity(rules, order, qty)?;
    let valued_at = match price {
        Some(price) => price,
        None => mark.ok_or_else(|| VenueError::NoDepth.error())?,
    };
    if !rules.notional_fits(valued_at, qty) {
        return Err(VenueError::QuantityAboveMax.error());
    }
    let minimum = rules.rules.min_notional;
    let closes = order
        .position_side
        .is_some_and(|position_side| reduces(order.side, position_side, order.reduces()));
    if !(order.reduces() || closes) && rules.notional(valued_at, qty) < minimum {
        return Err(VenueError::MinNotional.naming(&[&minimum]));
    }
    Ok(())
}

/// PRICE_FILTER.
pub(crate) fn check_price_filter(rules: &GridRules, price: i64) -> Result<(), ExchangeError> {
    let refusal = if price <= 0 {
        VenueError::PriceLessThanZero
    } else if price < rules.min_price {
        VenueError::PriceBelowMin
    } else if price > rules.max_price {
        VenueError::PriceAboveMax
    } else if price % rules.tick != 0 {
        VenueError::PriceOffTick
    } else {
        return Ok(());
    };
    Err(refusal.error())
}

/// PERCENT_PRICE: buys not far above the mark, sells not far below it.
fn check_percent_price(
    rules: &GridRules,
    side: Side,
    price: i64,
    mark: Option<i64>,
) -> Result<(), ExchangeError> {
    let Some(mark) = mark else { return Ok(()) };
    let (mark, asked) = (Decimal::from(mark), Decimal::from(price));
    match side {
        Side::Buy if asked > mark * rules.rules.multiplier_up => {
            Err(VenueError::PriceAboveMultiplierUp.error())
        }
        Side::Sell if asked < mark * rules.rules.multiplier_down => {
            Err(VenueError::PriceBelowMultiplierDown.error())
        }
        Side::Buy | Side::Sell => Ok(()),
    }
}

/// The same around the trigger, for the limit price of a stop.
pub(crate) fn check_stop_limit(
    rules: &GridRules,
    side: Side,
    price: i64,
    trigger: i64,
) -> Result<(), ExchangeError> {
    let (trigger, asked) = (Decimal::from(trigger), Decimal::from(price));
    let (highest, lowest) =
        (trigger * rules.rules.multiplier_up, trigger * rules.rules.multiplier_down);
    match side {
        Side::Buy if asked > highest => {
            Err(VenueError::LimitAboveStopMultiplier.naming(&[&rules.price_of(highest)]))
        }
        Side::Sell if asked < lowest => {
            Err(VenueError::LimitBelowStopMultiplier.naming(&[&rules.price_of(lowest)]))
        }
        Side::Buy | Side::Sell => Ok(()),
    }
}

/// LOT_SIZE, or MARKET_LOT_SIZE of what becomes a market order.
pub(crate) fn check_quantity(
    rules: &GridRules,
    order: &NewOrder,
    qty: i64,
) -> Result<(), ExchangeError> {
    let maximum = if order.order_type.has_price() { rules.max_qty } else { rules.market_max_qty };
    let refusal = if qty <= 0 {
        VenueError::QuantityNotPositive
    } else if qty < rules.min_qty {
        VenueError::QuantityBelowMin
    } else if qty > maximum {
        VenueError::QuantityAboveMax
    } else if qty % rules.step != 0 {
        VenueError::QuantityOffStep
    } else {
        return Ok(());
    };
    Err(refusal.error())
}

/// The position that the order is for, by the account's mode.
pub(crate) fn check_position_side(
    dual: bool,
    order: &NewOrder,
) -> Result<PositionSide, ExchangeError> {
    let side = order.position_side.unwrap_or(PositionSide::Both);
    if dual == (side == PositionSide::Both) {
        return Err(VenueError::PositionSideNotMatch.error());
    }
    if dual && order.reduce_only.is_some() {
        return Err(not_required("reduceonly"));
    }
    Ok(side)
}

/// What can only reduce, against its position and the quantity that already waits to reduce it.
pub(crate) fn check_reduce_only(
    order: &NewOrder,
    position_side: PositionSide,
    qty: i64,
    held: i64,
    resting: i64,
) -> Result<(), ExchangeError> {
    if !reduces(order.side, position_side, order.reduces()) {
        return Ok(());
    }
    // In hedge mode an order of the closing side is not larger than its position.
    let too_large = position_side != PositionSide::Both && qty > held.abs();
    if held.signum() != -order.side.sign() || too_large {
        return Err(VenueError::ReduceOnlyRejected.error());
    }
    if resting >= held.abs() {
        return Err(VenueError::ReduceOnlyFailed.error());
    }
    Ok(())
}
