//! Orders: their store, and the checks that refuse one before it can reach the book.
//!
//! Order of checks: parameters, symbol, precision, filters, reduce-only; margin comes last, in `placing`.

use std::collections::BTreeMap;

use engine::{
    AccountId, ClientOrderId, ExchangeError, NewOrder, OrderId, OrderRef, OrderState, OrderStatus,
    OrderType, PositionSide, PriceMatch, Side, SymbolIndex, TimeInForce,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::accounts::reduces;
use crate::symbol_rules::GridRules;

/// Binance's errors, with its texts.
pub(crate) mod refusal {
    use engine::ExchangeError;

    pub(crate) fn error(code: i32, msg: &str) -> ExchangeError {
        ExchangeError { code, msg: msg.into() }
    }

    pub(crate) fn missing(parameter: &str) -> ExchangeError {
        let text = "was not sent, was empty/null, or malformed.";
        error(-1102, &format!("Mandatory parameter '{parameter}' {text}"))
    }

    pub(crate) fn not_required(parameter: &str) -> ExchangeError {
        error(-1106, &format!("Parameter '{parameter}' sent when not required."))
    }

    /// The venue's body of HTTP 404.
    pub(crate) fn unknown_path(request: &engine::Request) -> ExchangeError {
        let text = format!("{request:?}");
        let name = text.split([' ', '(', '{']).next().unwrap_or_default();
        error(-5000, &format!("Path {name}, Method POST is invalid"))
    }

    pub(crate) fn invalid_symbol() -> ExchangeError {
        error(-1121, "Invalid symbol.")
    }
}
use refusal::error;

/// All orders of a run, by id; the owner's ids find the newest one that bore them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Orders {
    all: Vec<OrderState>,
    owners: Vec<AccountId>,
    /// By account and symbol.
    by_client_id: Vec<BTreeMap<ClientOrderId, u64>>,
    symbols: usize,
}

impl Orders {
    pub(crate) fn new(accounts: usize, symbols: usize) -> Orders {
        let by_client_id = vec![BTreeMap::new(); accounts * symbols];
        Orders { by_client_id, symbols, ..Orders::default() }
    }

    fn ids_of(&self, account: AccountId, symbol: SymbolIndex) -> usize {
        usize::from(account.0) * self.symbols + usize::from(symbol.0)
    }

    pub(crate) fn next_id(&self) -> OrderId {
        OrderId(self.all.len() as u64 + 1)
    }

    pub(crate) fn add(&mut self, account: AccountId, order: OrderState) {
        assert!(order.order_id == self.next_id(), "order ids have no holes");
        let place = self.ids_of(account, order.symbol);
        self.by_client_id[place].insert(order.client_order_id.clone(), order.order_id.0);
        self.all.push(order);
        self.owners.push(account);
    }

    /// Whose order it is.
    pub(crate) fn owner(&self, id: OrderId) -> AccountId {
        self.owners[id.0 as usize - 1]
    }

    pub(crate) fn get(&self, id: OrderId) -> &OrderState {
        &self.all[id.0 as usize - 1]
    }

    pub(crate) fn get_mut(&mut self, id: OrderId) -> &mut OrderState {
        &mut self.all[id.0 as usize - 1]
    }

    /// The newest order of the account that bore this id.
    pub(crate) fn newest(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        id: &ClientOrderId,
    ) -> Option<&OrderState> {
        let order = *self.by_client_id.get(self.ids_of(account, symbol))?.get(id)?;
        Some(self.get(OrderId(order)))
    }

    pub(crate) fn find(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        order: &OrderRef,
    ) -> Option<&OrderState> {
        match order {
            OrderRef::Client(id) => self.newest(account, symbol, id),
            OrderRef::Id(OrderId(number)) => {
                let place = usize::try_from(number.checked_sub(1)?).ok()?;
                let order = self.all.get(place)?;
                (order.symbol == symbol && self.owners[place] == account).then_some(order)
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// `^[\.A-Z\:/a-z0-9_-]{1,36}$`
fn is_client_order_id(id: &ClientOrderId) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b".:/_-".contains(&b);
    (1..=36).contains(&id.0.len()) && id.0.bytes().all(legal)
}

/// Checks that need nothing but the order itself; answers its quantity.
pub(crate) fn check_parameters(order: &NewOrder) -> Result<i64, ExchangeError> {
    let quantity = order.quantity.ok_or_else(|| refusal::missing("quantity"))?;
    match order.order_type {
        conditional if conditional.is_conditional() => {
            return Err(error(-1116, "Invalid orderType."));
        }
        OrderType::Limit if order.time_in_force.is_none() => {
            return Err(refusal::missing("timeInForce"));
        }
        OrderType::Limit if order.price.is_none() => return Err(refusal::missing("price")),
        OrderType::Market if order.time_in_force.is_some() => {
            return Err(refusal::not_required("timeinforce"));
        }
        OrderType::Market if order.price.is_some() => return Err(refusal::not_required("price")),
        _ => {}
    }
    // What this exchange does not know yet is refused, never ignored.
    let unknown = order.close_position
        || order.trigger_price.is_some()
        || order.activate_price.is_some()
        || order.callback_rate.is_some()
        || order.price_match.is_some_and(|price_match| price_match != PriceMatch::None)
        || order.time_in_force == Some(TimeInForce::Gtd);
    if unknown {
        return Err(error(-1128, "Combination of optional parameters invalid."));
    }
    if !is_client_order_id(&order.client_order_id) {
        return Err(error(-4015, "Client order id is not valid."));
    }
    Ok(quantity.0)
}

/// Precision and filters. `mark` is none before the first market event.
pub(crate) fn check_filters(
    rules: &GridRules,
    order: &NewOrder,
    qty: i64,
    mark: Option<i64>,
) -> Result<(), ExchangeError> {
    let price = order.price.map(|p| p.0);
    let imprecise = "Precision is over the maximum defined for this asset.";
    if qty % rules.qty_precision_unit != 0 {
        return Err(error(-1111, imprecise));
    }
    if price.is_some_and(|p| p % rules.price_precision_unit != 0) {
        return Err(error(-1111, imprecise));
    }
    if let Some(price) = price {
        check_price(rules, order.side, price, mark)?;
    }
    check_quantity(rules, order, qty)?;
    let valued_at = match price {
        Some(price) => price,
        None => mark.ok_or_else(|| error(-1112, "No orders on book for symbol."))?,
    };
    if !rules.notional_fits(valued_at, qty) {
        return Err(error(-4005, "Quantity greater than max quantity."));
    }
    let minimum = rules.rules.min_notional;
    let closes = order
        .position_side
        .is_some_and(|position_side| reduces(order.side, position_side, order.reduces()));
    if !(order.reduces() || closes) && rules.notional(valued_at, qty) < minimum {
        let text = "Order's notional must be no smaller than";
        let exempt = "(unless you choose reduce only).";
        return Err(error(-4164, &format!("{text} {minimum} {exempt}")));
    }
    Ok(())
}

fn check_price(
    rules: &GridRules,
    side: Side,
    price: i64,
    mark: Option<i64>,
) -> Result<(), ExchangeError> {
    if price <= 0 {
        return Err(error(-4001, "Price less than 0."));
    }
    if price < rules.min_price {
        return Err(error(-4013, "Price less than min price."));
    }
    if price > rules.max_price {
        return Err(error(-4002, "Price greater than max price."));
    }
    if price % rules.tick != 0 {
        return Err(error(-4014, "Price not increased by tick size."));
    }
    let Some(mark) = mark else { return Ok(()) };
    let (mark, asked) = (Decimal::from(mark), Decimal::from(price));
    match side {
        Side::Buy if asked > mark * rules.rules.multiplier_up => {
            Err(error(-4016, "Price is higher than mark price multiplier cap."))
        }
        Side::Sell if asked < mark * rules.rules.multiplier_down => {
            Err(error(-4024, "Price is lower than mark price multiplier floor."))
        }
        Side::Buy | Side::Sell => Ok(()),
    }
}

fn check_quantity(rules: &GridRules, order: &NewOrder, qty: i64) -> Result<(), ExchangeError> {
    let maximum = match order.order_type {
        OrderType::Market => rules.market_max_qty,
        _ => rules.max_qty,
    };
    if qty <= 0 {
        return Err(error(-4003, "Quantity less than or equal to zero."));
    }
    if qty < rules.min_qty {
        return Err(error(-4004, "Quantity less than min quantity."));
    }
    if qty > maximum {
        return Err(error(-4005, "Quantity greater than max quantity."));
    }
    if qty % rules.step != 0 {
        return Err(error(-4023, "Qty not increased by step size."));
    }
    Ok(())
}

/// The position that the order is for, by the account's mode.
pub(crate) fn check_position_side(
    dual: bool,
    order: &NewOrder,
) -> Result<PositionSide, ExchangeError> {
    let side = order.position_side.unwrap_or(PositionSide::Both);
    if dual == (side == PositionSide::Both) {
        return Err(error(-4061, "Order's position side does not match user's setting."));
    }
    if dual && order.reduce_only.is_some() {
        return Err(refusal::not_required("reduceonly"));
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
    let rejected = || error(-2022, "ReduceOnly Order is rejected.");
    if held.signum() != -order.side.sign() {
        return Err(rejected());
    }
    // In hedge mode an order of the closing side is not larger than its position.
    if position_side != PositionSide::Both && qty > held.abs() {
        return Err(rejected());
    }
    if resting >= held.abs() {
        let text = "ReduceOnly Order Failed. Please check your existing position and open orders";
        return Err(error(-4118, text));
    }
    Ok(())
}

/// Adds a fill of `qty` worth `notional` to the order.
pub(crate) fn add_fill(order: &mut OrderState, qty: i64, notional: Decimal) {
    assert!(qty > 0, "a fill moves something");
    assert!(order.executed_qty.0 + qty <= order.orig_qty.0, "a fill never exceeds the order");
    order.executed_qty.0 += qty;
    order.cum_quote += notional;
    order.status = if order.executed_qty == order.orig_qty {
        OrderStatus::Filled
    } else {
        OrderStatus::PartiallyFilled
    };
}
