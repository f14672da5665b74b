//! Names and ids in what goes to the exchange and comes from it.

use engine::{Outcome, Request, SymbolIndex, UserEvent};

/// The id by which its owner knows the order that an event names.
pub(super) fn client_id(event: &UserEvent) -> Option<&str> {
    match event {
        UserEvent::OrderTradeUpdate { order, .. } | UserEvent::TradeLite { order, .. } => {
            Some(&order.client_order_id.0)
        }
        UserEvent::AlgoUpdate { order } => Some(&order.order.client_order_id.0),
        _ => None,
    }
}

/// The ids of the orders that a request places.
pub(super) fn client_ids(request: &Request) -> Vec<&str> {
    match request {
        Request::NewOrder(order) | Request::NewAlgoOrder(order) => {
            vec![&order.client_order_id.0]
        }
        Request::BatchOrders(orders) => {
            orders.iter().map(|order| &*order.client_order_id.0).collect()
        }
        _ => Vec::new(),
    }
}

/// The symbol of an order that a request places.
pub(super) fn symbol_of(request: &Request) -> Option<SymbolIndex> {
    match request {
        Request::NewOrder(order) | Request::NewAlgoOrder(order) | Request::TestOrder(order) => {
            Some(order.symbol)
        }
        Request::BatchOrders(orders) => orders.first().map(|order| order.symbol),
        Request::CancelOrder { symbol, .. }
        | Request::QueryOrder { symbol, .. }
        | Request::CancelAllOpenOrders { symbol } => Some(*symbol),
        _ => None,
    }
}

/// A request's name.
pub(super) fn request_name(request: &Request) -> &'static str {
    match request {
        Request::NewOrder(_) => "NewOrder",
        Request::TestOrder(_) => "TestOrder",
        Request::BatchOrders(_) => "BatchOrders",
        Request::ModifyOrder(_) => "ModifyOrder",
        Request::BatchModify(_) => "BatchModify",
        Request::CancelOrder { .. } => "CancelOrder",
        Request::BatchCancel { .. } => "BatchCancel",
        Request::CancelAllOpenOrders { .. } => "CancelAllOpenOrders",
        Request::CountdownCancelAll { .. } => "CountdownCancelAll",
        Request::QueryOrder { .. } => "QueryOrder",
        Request::OpenOrders { .. } => "OpenOrders",
        Request::NewAlgoOrder(_) => "NewAlgoOrder",
        Request::CancelAlgoOrder { .. } => "CancelAlgoOrder",
        Request::CancelAllAlgoOrders { .. } => "CancelAllAlgoOrders",
        Request::QueryAlgoOrder { .. } => "QueryAlgoOrder",
        Request::OpenAlgoOrders { .. } => "OpenAlgoOrders",
        Request::PositionRisk => "PositionRisk",
        Request::Account => "Account",
        Request::ExchangeInfo => "ExchangeInfo",
        Request::SetLeverage { .. } => "SetLeverage",
        Request::SetMarginType { .. } => "SetMarginType",
        Request::ModifyPositionMargin { .. } => "ModifyPositionMargin",
        Request::SetPositionMode { .. } => "SetPositionMode",
        Request::SetMultiAssetsMode { .. } => "SetMultiAssetsMode",
        Request::AdlQuantile => "AdlQuantile",
    }
}

/// What a user event is.
pub(super) fn user_event_name(event: &UserEvent) -> &'static str {
    match event {
        UserEvent::TradeLite { .. } => "TRADE_LITE",
        UserEvent::AccountUpdate { .. } => "ACCOUNT_UPDATE",
        UserEvent::OrderTradeUpdate { .. } => "ORDER_TRADE_UPDATE",
        UserEvent::AlgoUpdate { .. } => "ALGO_UPDATE",
        UserEvent::ConditionalTriggerReject { .. } => "CONDITIONAL_ORDER_TRIGGER_REJECT",
        UserEvent::MarginCall { .. } => "MARGIN_CALL",
        UserEvent::ListenKeyExpired => "listenKeyExpired",
        UserEvent::LeverageUpdate { .. } | UserEvent::MultiAssetsUpdate { .. } => {
            "ACCOUNT_CONFIG_UPDATE"
        }
    }
}

/// How a request ended.
pub(super) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Refused(_) => "refused",
        Outcome::Unknown => "unknown",
    }
}
