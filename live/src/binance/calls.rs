//! From a request of the kernel to a call of the venue.

use binance_wire::VenueError;
use engine::{
    AlgoRef, ExchangeError, Instrument, ModifyOrder, Nanos, NewOrder, OrderRef, PositionSide,
    PriceTicks, QtyLots, Request, Side, SymbolIndex,
};

use super::gate::Pass;
use super::grid::{Grid, Units};
use super::params::Params;

/// The verb of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// What a call has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Nothing,
    Key,
    Signature,
}

/// How much a call matters when the budget is short, and what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Changes nothing: it waits, and may be repeated.
    Read,
    /// May open or enlarge a position.
    Open,
    /// Cancels or reduces.
    Close,
    /// Changes a setting.
    Setting,
}

/// One call of the venue.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub method: Method,
    pub path: &'static str,
    /// Its method of the WebSocket API, if it has one.
    pub ws: Option<&'static str>,
    pub auth: Auth,
    pub kind: Kind,
    pub params: Params,
    /// Of the IP's budget.
    pub weight: u32,
    /// Of the account's orders in 10 seconds and in a minute.
    pub orders: (u32, u32),
    /// What opens needs one to leave.
    pub pass: Option<Pass>,
}

impl Call {
    pub(super) fn get(path: &'static str, auth: Auth, weight: u32) -> Call {
        Call {
            method: Method::Get,
            path,
            ws: None,
            auth,
            kind: Kind::Read,
            params: Params::new(),
            weight,
            orders: (0, 0),
            pass: None,
        }
    }

    pub(super) fn change(method: Method, path: &'static str, kind: Kind, weight: u32) -> Call {
        Call { method, kind, ..Call::get(path, Auth::Signature, weight) }
    }

    pub(super) fn text(mut self, name: &'static str, value: impl std::fmt::Display) -> Call {
        self.params.text(name, value);
        self
    }

    pub(super) fn number(mut self, name: &'static str, value: impl std::fmt::Display) -> Call {
        self.params.number(name, value);
        self
    }

    fn over(mut self, ws: &'static str) -> Call {
        self.ws = Some(ws);
        self
    }

    fn counting(mut self, ten_seconds: u32, minute: u32) -> Call {
        self.orders = (ten_seconds, minute);
        self
    }
}

/// Client ids are 1 to 36 of `.A-Z:/a-z0-9_-`.
pub(super) fn is_client_id(id: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b".:/_-".contains(&b);
    (1..=36).contains(&id.len()) && id.bytes().all(legal)
}

/// Whether an order can only make a position smaller.
pub(super) fn closes(order: &NewOrder) -> bool {
    let hedge = matches!(
        (order.position_side, order.side),
        (Some(PositionSide::Long), Side::Sell) | (Some(PositionSide::Short), Side::Buy)
    );
    order.reduces() || order.close_position || hedge
}

/// The call of a request, or the venue's own words for what can be no request.
pub(super) fn call_of(request: &Request, grid: &Grid) -> Result<Call, ExchangeError> {
    use Method::{Delete, Get, Post, Put};
    let name = |symbol: &SymbolIndex| instrument(grid, *symbol).map(|i| i.symbol);
    let signed = |path, weight| Call::get(path, Auth::Signature, weight);
    let change = Call::change;
    Ok(match request {
        Request::NewOrder(order) => {
            let kind = if closes(order) { Kind::Close } else { Kind::Open };
            let mut call =
                change(Post, "/fapi/v1/order", kind, 0).over("order.place").counting(1, 1);
            order_params(order, instrument(grid, order.symbol)?, false, &mut call.params)?;
            call
        }
        Request::TestOrder(order) => {
            let mut call = change(Post, "/fapi/v1/order/test", Kind::Read, 1);
            order_params(order, instrument(grid, order.symbol)?, false, &mut call.params)?;
            call
        }
        Request::NewAlgoOrder(order) => {
            let kind = if closes(order) { Kind::Close } else { Kind::Open };
            let mut call = change(Post, "/fapi/v1/algoOrder", kind, 0).over("algoOrder.place");
            call.params.text("algoType", "CONDITIONAL");
            order_params(order, instrument(grid, order.symbol)?, true, &mut call.params)?;
            call.counting(1, 1)
        }
        Request::BatchOrders(orders) => {
            let closing = orders.iter().all(closes);
            let kind = if closing { Kind::Close } else { Kind::Open };
            let mut rows = Vec::with_capacity(orders.len());
            for order in orders {
                let mut params = Params::new();
                order_params(order, instrument(grid, order.symbol)?, false, &mut params)?;
                rows.push(params.json());
            }
            let call = change(Post, "/fapi/v1/batchOrders", kind, 5).counting(5, 1);
            call.text("batchOrders", format_args!("[{}]", rows.join(",")))
        }
        Request::ModifyOrder(change_of) => {
            let mut call = change(Put, "/fapi/v1/order", Kind::Open, 0).over("order.modify");
            modify_params(change_of, instrument(grid, change_of.symbol)?, &mut call.params);
            call.counting(1, 1)
        }
        Request::BatchModify(changes) => {
            let mut rows = Vec::with_capacity(changes.len());
            for one in changes {
                let mut params = Params::new();
                modify_params(one, instrument(grid, one.symbol)?, &mut params);
                rows.push(params.json());
            }
            let call = change(Put, "/fapi/v1/batchOrders", Kind::Open, 5).counting(5, 1);
            call.text("batchOrders", format_args!("[{}]", rows.join(",")))
        }
        Request::CancelOrder { symbol, order } => {
            let call = change(Delete, "/fapi/v1/order", Kind::Close, 1).over("order.cancel");
            order_ref(call.text("symbol", name(symbol)?), order)
        }
        Request::BatchCancel { symbol, orders } => {
            let ids = |order: &OrderRef| match order {
                OrderRef::Id(id) => Some(id.0.to_string()),
                OrderRef::Client(_) => None,
            };
            let call = change(Delete, "/fapi/v1/batchOrders", Kind::Close, 1);
            let call = call.text("symbol", name(symbol)?);
            // One list holds ids, the other client ids: a mixed one is no single call.
            match orders.iter().map(ids).collect::<Option<Vec<_>>>() {
                Some(ids) => call.text("orderIdList", format_args!("[{}]", ids.join(","))),
                None => {
                    let mut ids = Vec::with_capacity(orders.len());
                    for order in orders {
                        let OrderRef::Client(id) = order else {
                            return Err(VenueError::BadCombination.error());
                        };
                        ids.push(format!("\"{}\"", id.0));
                    }
                    call.text("origClientOrderIdList", format_args!("[{}]", ids.join(",")))
                }
            }
        }
        Request::CancelAllOpenOrders { symbol } => {
            change(Delete, "/fapi/v1/allOpenOrders", Kind::Close, 1).text("symbol", name(symbol)?)
        }
        Request::CountdownCancelAll { symbol, countdown } => {
            change(Post, "/fapi/v1/countdownCancelAll", Kind::Setting, 10)
                .text("symbol", name(symbol)?)
                .number("countdownTime", countdown.millis())
        }
        Request::QueryOrder { symbol, order } => {
            let call = signed("/fapi/v1/order", 1).over("order.status");
            order_ref(call.text("symbol", name(symbol)?), order)
        }
        Request::OpenOrders { symbol: Some(symbol) } => {
            signed("/fapi/v1/openOrders", 1).text("symbol", name(symbol)?)
        }
        Request::OpenOrders { symbol: None } => signed("/fapi/v1/openOrders", 40),
        Request::CancelAlgoOrder { order } => {
            let call = change(Delete, "/fapi/v1/algoOrder", Kind::Close, 1);
            algo_ref(call.over("algoOrder.cancel"), order)
        }
        Request::CancelAllAlgoOrders { symbol } => {
            change(Delete, "/fapi/v1/algoOpenOrders", Kind::Close, 1).text("symbol", name(symbol)?)
        }
        Request::QueryAlgoOrder { order } => algo_ref(signed("/fapi/v1/algoOrder", 1), order),
        Request::OpenAlgoOrders { symbol: Some(symbol) } => {
            signed("/fapi/v1/openAlgoOrders", 1).text("symbol", name(symbol)?)
        }
        Request::OpenAlgoOrders { symbol: None } => signed("/fapi/v1/openAlgoOrders", 40),
        Request::PositionRisk => signed("/fapi/v2/positionRisk", 10),
        Request::Account => signed("/fapi/v2/account", 10),
        Request::ExchangeInfo => Call::get("/fapi/v1/exchangeInfo", Auth::Nothing, 1),
        Request::SetLeverage { symbol, leverage } => {
            change(Post, "/fapi/v1/leverage", Kind::Setting, 1)
                .text("symbol", name(symbol)?)
                .number("leverage", leverage)
        }
        Request::SetMarginType { symbol, margin_type } => {
            change(Post, "/fapi/v1/marginType", Kind::Setting, 1)
                .text("symbol", name(symbol)?)
                .text("marginType", margin_type.as_str())
        }
        Request::ModifyPositionMargin { symbol, position_side, amount, add } => {
            change(Post, "/fapi/v1/positionMargin", Kind::Setting, 1)
                .text("symbol", name(symbol)?)
                .text("positionSide", position_side.as_str())
                .text("amount", amount)
                .number("type", if *add { 1 } else { 2 })
        }
        Request::SetPositionMode { dual } => {
            change(Post, "/fapi/v1/positionSide/dual", Kind::Setting, 1)
                .text("dualSidePosition", dual)
        }
        Request::SetMultiAssetsMode { multi_assets } => {
            change(Post, "/fapi/v1/multiAssetsMargin", Kind::Setting, 1)
                .text("multiAssetsMargin", multi_assets)
        }
        Request::AdlQuantile => Call { method: Get, ..signed("/fapi/v1/adlQuantile", 5) },
    })
}

fn instrument(grid: &Grid, symbol: SymbolIndex) -> Result<&Instrument, ExchangeError> {
    grid.get(symbol).ok_or_else(|| VenueError::InvalidSymbol.error())
}

pub(super) fn order_ref(call: Call, order: &OrderRef) -> Call {
    match order {
        OrderRef::Id(id) => call.number("orderId", id.0),
        OrderRef::Client(id) => call.text("origClientOrderId", &id.0),
    }
}

pub(super) fn algo_ref(call: Call, order: &AlgoRef) -> Call {
    match order {
        AlgoRef::Id(id) => call.number("algoId", id.0),
        AlgoRef::Client(id) => call.text("clientAlgoId", &id.0),
    }
}

fn order_params(
    order: &NewOrder,
    instrument: &Instrument,
    algo: bool,
    params: &mut Params,
) -> Result<(), ExchangeError> {
    let NewOrder { order_type, client_order_id, .. } = order;
    if !is_client_id(&client_order_id.0) {
        return Err(match client_order_id.0.len() {
            37.. => VenueError::ClientOrderIdTooLong.error(),
            _ => VenueError::InvalidClientOrderId.error(),
        });
    }
    let price = |PriceTicks(units)| Units(units, instrument.price_decimals);
    let qty = |QtyLots(units)| Units(units, instrument.qty_decimals);
    params
        .text("symbol", instrument.symbol)
        .text("side", order.side.as_str())
        .text("type", order_type.as_str());
    if let Some(side) = order.position_side {
        params.text("positionSide", side.as_str());
    }
    if let Some(time_in_force) = order.time_in_force {
        params.text("timeInForce", time_in_force.as_str());
    }
    if let Some(quantity) = order.quantity {
        params.text("quantity", qty(quantity));
    }
    if let Some(limit) = order.price {
        params.text("price", price(limit));
    }
    if let Some(reduce_only) = order.reduce_only {
        params.text("reduceOnly", reduce_only);
    }
    if order.close_position {
        params.text("closePosition", true);
    }
    if let Some(trigger) = order.trigger_price {
        params.text(if algo { "triggerPrice" } else { "stopPrice" }, price(trigger));
    }
    if let Some(activate) = order.activate_price {
        params.text(if algo { "activatePrice" } else { "activationPrice" }, price(activate));
    }
    if let Some(rate) = order.callback_rate {
        params.text("callbackRate", rate);
    }
    if let Some(working_type) = order.working_type {
        params.text("workingType", working_type.as_str());
    }
    if order.price_protect {
        params.text("priceProtect", "TRUE");
    }
    if let Some(price_match) = order.price_match {
        params.text("priceMatch", price_match.as_str());
    }
    if let Some(mode) = order.self_trade_prevention {
        params.text("selfTradePreventionMode", mode.as_str());
    }
    if let Some(date) = order.good_till_date {
        params.number("goodTillDate", date.millis());
    }
    params.text(if algo { "clientAlgoId" } else { "newClientOrderId" }, &client_order_id.0);
    if !algo {
        params.text("newOrderRespType", "RESULT");
    }
    Ok(())
}

fn modify_params(change: &ModifyOrder, instrument: &Instrument, params: &mut Params) {
    params.text("symbol", instrument.symbol).text("side", change.side.as_str());
    params.text("quantity", Units(change.quantity.0, instrument.qty_decimals));
    match &change.order {
        OrderRef::Id(id) => params.number("orderId", id.0),
        OrderRef::Client(id) => params.text("origClientOrderId", &id.0),
    };
    if let Some(price) = change.price {
        params.text("price", Units(price.0, instrument.price_decimals));
    }
    if let Some(price_match) = change.price_match {
        params.text("priceMatch", price_match.as_str());
    }
}

/// What asks how a request ended that changes something, where one call can tell. `since` is when it was
/// sent. A read has none: it is repeated.
pub(super) fn query_of(request: &Request, grid: &Grid, since: Nanos) -> Option<Call> {
    let order = |symbol: SymbolIndex, order: &OrderRef| {
        let call = Call::get("/fapi/v1/order", Auth::Signature, 1);
        Some(order_ref(call.text("symbol", grid.get(symbol)?.symbol), order))
    };
    let algo = |order: &AlgoRef| {
        Some(algo_ref(Call::get("/fapi/v1/algoOrder", Auth::Signature, 1), order))
    };
    let of_symbol = |path, weight, symbol: SymbolIndex| {
        let call = Call::get(path, Auth::Signature, weight);
        Some(call.text("symbol", grid.get(symbol)?.symbol))
    };
    match request {
        Request::NewOrder(new) => order(new.symbol, &OrderRef::Client(new.client_order_id.clone())),
        Request::NewAlgoOrder(new) => algo(&AlgoRef::Client(new.client_order_id.clone())),
        Request::ModifyOrder(change) => order(change.symbol, &change.order),
        Request::CancelOrder { symbol, order: which } => order(*symbol, which),
        Request::CancelAlgoOrder { order } => algo(order),
        Request::CancelAllOpenOrders { symbol } => of_symbol("/fapi/v1/openOrders", 1, *symbol),
        Request::CancelAllAlgoOrders { symbol } => of_symbol("/fapi/v1/openAlgoOrders", 1, *symbol),
        Request::SetLeverage { symbol, .. } | Request::SetMarginType { symbol, .. } => {
            of_symbol("/fapi/v1/symbolConfig", 5, *symbol)
        }
        Request::ModifyPositionMargin { symbol, .. } => {
            let call = of_symbol("/fapi/v1/positionMargin/history", 1, *symbol)?;
            Some(call.number("startTime", since.millis() - 1_000))
        }
        Request::SetPositionMode { .. } => {
            Some(Call::get("/fapi/v1/positionSide/dual", Auth::Signature, 30))
        }
        Request::SetMultiAssetsMode { .. } => {
            Some(Call::get("/fapi/v1/multiAssetsMargin", Auth::Signature, 30))
        }
        _ => None,
    }
}

/// Whether a request changes something at the venue.
pub(super) fn changes(request: &Request) -> bool {
    !matches!(
        request,
        Request::TestOrder(_)
            | Request::QueryOrder { .. }
            | Request::OpenOrders { .. }
            | Request::QueryAlgoOrder { .. }
            | Request::OpenAlgoOrders { .. }
            | Request::PositionRisk
            | Request::Account
            | Request::ExchangeInfo
            | Request::AdlQuantile
    )
}
