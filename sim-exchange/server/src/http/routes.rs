//! The table of REST: method and path, what it costs, who may ask, and what does it.

use std::sync::LazyLock;

use sim_exchange::RequestCost;

use super::Params;
use crate::rest::{
    Handler, account, algos, batches, downloads, history, orders, positions, settings, statistics,
    streams,
};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Everybody.
    None,
    /// Whoever has a key.
    Key,
    /// Whoever has a key and signs with it.
    Signed,
}

/// What a request weighs for its IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Of(u32),
    /// With a symbol, and without.
    BySymbol(u32, u32),
}

impl Weight {
    pub(crate) fn of(self, params: &Params<'_>) -> u32 {
        match self {
            Weight::Of(weight) => weight,
            Weight::BySymbol(one, _) if params.get("symbol").is_some() => one,
            Weight::BySymbol(_, all) => all,
        }
    }
}

/// One endpoint.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) security: Security,
    pub(crate) weight: Weight,
    /// Orders in ten seconds and in a minute.
    pub(crate) orders: (u32, u32),
    pub(crate) handler: Handler,
}

impl Route {
    /// Its share of the limits.
    pub(crate) fn cost(&self, params: &Params<'_>) -> RequestCost {
        let (orders_10s, orders_1m) = self.orders;
        RequestCost { weight: self.weight.of(params), orders_10s, orders_1m }
    }
}

const fn signed(
    method: &'static str,
    path: &'static str,
    weight: Weight,
    handler: Handler,
) -> Route {
    Route { method, path, security: Security::Signed, weight, orders: (0, 0), handler }
}

const fn order(
    method: &'static str,
    path: &'static str,
    weight: u32,
    orders: (u32, u32),
    handler: Handler,
) -> Route {
    let weight = Weight::Of(weight);
    Route { method, path, security: Security::Signed, weight, orders, handler }
}

const fn open(
    method: &'static str,
    path: &'static str,
    security: Security,
    handler: Handler,
) -> Route {
    Route { method, path, security, weight: Weight::Of(1), orders: (0, 0), handler }
}

/// `/futures/data/…`: counted in a limit of its own.
const fn statistic(path: &'static str, handler: Handler) -> Route {
    let (method, security, weight) = ("GET", Security::None, Weight::Of(0));
    Route { method, path, security, weight, orders: (0, 0), handler }
}

static TABLE: LazyLock<Vec<Route>> = LazyLock::new(|| {
    use Security::{Key, None};
    use Weight::{BySymbol, Of};
    let mut table = vec![
        open("GET", "/fapi/v1/ping", None, streams::ping),
        open("GET", "/fapi/v1/time", None, streams::time),
        // Of spot, where some clients ask for the time before they know which market they are for.
        open("GET", "/api/v3/ping", None, streams::ping),
        open("GET", "/api/v3/time", None, streams::time),
        open("POST", "/fapi/v1/listenKey", Key, streams::start),
        open("PUT", "/fapi/v1/listenKey", Key, streams::keep),
        open("DELETE", "/fapi/v1/listenKey", Key, streams::end),
        order("POST", "/fapi/v1/order", 0, (1, 1), orders::place),
        order("PUT", "/fapi/v1/order", 0, (1, 1), orders::modify),
        signed("DELETE", "/fapi/v1/order", Of(1), orders::cancel),
        signed("GET", "/fapi/v1/order", Of(1), orders::get),
        signed("POST", "/fapi/v1/order/test", Of(1), orders::test),
        order("POST", "/fapi/v1/batchOrders", 5, (5, 1), batches::place),
        order("PUT", "/fapi/v1/batchOrders", 5, (5, 1), batches::modify),
        signed("DELETE", "/fapi/v1/batchOrders", Of(1), batches::cancel),
        signed("DELETE", "/fapi/v1/allOpenOrders", Of(1), orders::cancel_all),
        signed("POST", "/fapi/v1/countdownCancelAll", Of(10), orders::countdown),
        signed("GET", "/fapi/v1/openOrder", Of(1), orders::get_open),
        signed("GET", "/fapi/v1/openOrders", BySymbol(1, 40), orders::open),
        signed("GET", "/fapi/v1/allOrders", Of(5), history::orders),
        signed("GET", "/fapi/v1/userTrades", Of(5), history::trades),
        signed("GET", "/fapi/v1/orderAmendment", Of(1), history::amendments),
        signed("GET", "/fapi/v1/forceOrders", BySymbol(20, 50), history::forced),
        signed("GET", "/fapi/v1/income", Of(30), history::income),
        order("POST", "/fapi/v1/algoOrder", 0, (1, 1), algos::place),
        signed("DELETE", "/fapi/v1/algoOrder", Of(1), algos::cancel),
        signed("GET", "/fapi/v1/algoOrder", Of(1), algos::get),
        signed("DELETE", "/fapi/v1/algoOpenOrders", Of(1), algos::cancel_all),
        signed("GET", "/fapi/v1/openAlgoOrders", BySymbol(1, 40), algos::open),
        signed("GET", "/fapi/v1/allAlgoOrders", Of(5), algos::all),
        signed("GET", "/fapi/v2/account", Of(10), account::v2),
        signed("GET", "/fapi/v3/account", Of(5), account::v3),
        signed("GET", "/fapi/v2/balance", Of(10), account::balance),
        signed("GET", "/fapi/v3/balance", Of(5), account::balance),
        signed("GET", "/fapi/v1/accountConfig", Of(5), account::config),
        signed("GET", "/fapi/v1/commissionRate", Of(20), account::commission),
        signed("GET", "/fapi/v1/feeBurn", Of(30), account::fee_burn),
        signed("POST", "/fapi/v1/feeBurn", Of(1), account::set_fee_burn),
        signed("GET", "/fapi/v1/rateLimit/order", Of(1), account::order_limits),
        signed("GET", "/fapi/v1/apiTradingStatus", BySymbol(1, 10), account::trading_status),
        signed("GET", "/fapi/v2/positionRisk", Of(10), positions::v2),
        signed("GET", "/fapi/v3/positionRisk", Of(5), positions::v3),
        signed("GET", "/fapi/v1/adlQuantile", Of(5), positions::adl),
        signed("POST", "/fapi/v1/positionMargin", Of(1), positions::set_margin),
        signed("GET", "/fapi/v1/positionMargin/history", Of(1), positions::margin_history),
        signed("POST", "/fapi/v1/leverage", Of(1), settings::leverage),
        signed("POST", "/fapi/v1/marginType", Of(1), settings::margin_type),
        signed("POST", "/fapi/v1/positionSide/dual", Of(1), settings::set_position_mode),
        signed("GET", "/fapi/v1/positionSide/dual", Of(30), settings::position_mode),
        signed("POST", "/fapi/v1/multiAssetsMargin", Of(1), settings::set_multi_assets),
        signed("GET", "/fapi/v1/multiAssetsMargin", Of(30), settings::multi_assets),
        signed("GET", "/fapi/v1/symbolConfig", Of(5), settings::symbol_config),
        signed("GET", "/fapi/v1/leverageBracket", Of(1), settings::brackets),
        signed("GET", "/fapi/v1/order/asyn", Of(1_000), downloads::orders),
        signed("GET", "/fapi/v1/order/asyn/id", Of(10), downloads::orders_link),
        signed("GET", "/fapi/v1/trade/asyn", Of(1_000), downloads::trades),
        signed("GET", "/fapi/v1/trade/asyn/id", Of(10), downloads::trades_link),
        signed("GET", "/fapi/v1/income/asyn", Of(1_000), downloads::income),
        signed("GET", "/fapi/v1/income/asyn/id", Of(10), downloads::income_link),
        statistic("/futures/data/basis", statistics::basis),
        statistic("/futures/data/delivery-price", statistics::delivery_price),
        statistic("/futures/data/globalLongShortAccountRatio", statistics::accounts),
        statistic("/futures/data/openInterestHist", statistics::open_interest),
        statistic("/futures/data/takerlongshortRatio", statistics::taker_volume),
        statistic("/futures/data/topLongShortAccountRatio", statistics::top_by_account),
        statistic("/futures/data/topLongShortPositionRatio", statistics::top_by_position),
    ];
    table.sort_by_key(|route| (route.path, route.method));
    table
});

/// The endpoint of a method and a path.
pub(crate) fn find(method: &str, path: &str) -> Option<&'static Route> {
    let place = TABLE.binary_search_by(|route| (route.path, route.method).cmp(&(path, method)));
    place.ok().and_then(|place| TABLE.get(place))
}

#[cfg(test)]
mod tests {
    use engine::{
        AlgoRef, ModifyOrder, Nanos, NewOrder, OrderId, OrderRef, PriceTicks, QtyLots, Request,
        Side, SymbolIndex,
    };

    use super::*;

    /// The table and the exchange know the same weights.
    #[test]
    fn weights_are_those_of_the_exchange() {
        let symbol = SymbolIndex(0);
        let order = NewOrder::market(symbol, Side::Buy, QtyLots(1), "a");
        let which = OrderRef::Id(OrderId(1));
        let change = ModifyOrder {
            symbol,
            order: which.clone(),
            side: Side::Buy,
            quantity: QtyLots(1),
            price: Some(PriceTicks(1)),
            price_match: None,
        };
        let algo = AlgoRef::Id(engine::AlgoId(1));
        let with_symbol = Params::parse("symbol=AUSDT", "");
        let without = Params::default();
        let now = Nanos::from_secs(1_770_000_000);
        for (method, path, request, params) in [
            ("POST", "/fapi/v1/order", Request::NewOrder(order.clone()), &with_symbol),
            ("PUT", "/fapi/v1/order", Request::ModifyOrder(change.clone()), &with_symbol),
            ("POST", "/fapi/v1/order/test", Request::TestOrder(order.clone()), &with_symbol),
            ("POST", "/fapi/v1/batchOrders", Request::BatchOrders(vec![]), &without),
            ("PUT", "/fapi/v1/batchOrders", Request::BatchModify(vec![]), &without),
            ("POST", "/fapi/v1/algoOrder", Request::NewAlgoOrder(order), &with_symbol),
            ("DELETE", "/fapi/v1/algoOrder", Request::CancelAlgoOrder { order: algo }, &without),
            (
                "DELETE",
                "/fapi/v1/order",
                Request::CancelOrder { symbol, order: which },
                &with_symbol,
            ),
            ("GET", "/fapi/v1/openOrders", Request::OpenOrders { symbol: None }, &without),
            (
                "GET",
                "/fapi/v1/openOrders",
                Request::OpenOrders { symbol: Some(symbol) },
                &with_symbol,
            ),
            ("GET", "/fapi/v1/openAlgoOrders", Request::OpenAlgoOrders { symbol: None }, &without),
            ("GET", "/fapi/v2/positionRisk", Request::PositionRisk, &without),
            ("GET", "/fapi/v2/account", Request::Account, &without),
            ("GET", "/fapi/v1/adlQuantile", Request::AdlQuantile, &without),
            (
                "POST",
                "/fapi/v1/countdownCancelAll",
                Request::CountdownCancelAll { symbol, countdown: Nanos::ZERO },
                &with_symbol,
            ),
        ] {
            let route = find(method, path).unwrap();
            assert_eq!(route.cost(params), RequestCost::of(&request, now), "{method} {path}");
        }
    }
}
