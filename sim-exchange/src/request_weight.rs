//! What each request weighs against the limits of its sender.

use engine::{Nanos, Request};

/// From here on the v2 account and position queries weigh 10: the change log's entry of 2024-08-07. The
/// entry's day is taken for the first day.
const HEAVIER_QUERIES_FROM: Nanos = Nanos::from_secs(1_722_988_800);

/// One request's share of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestCost {
    /// Of the weight of an IP.
    pub weight: u32,
    /// Of the orders in ten seconds; zero for what only reads or cancels.
    pub orders_10s: u32,
    /// Of the orders in a minute.
    pub orders_1m: u32,
}

impl RequestCost {
    /// Of what only weighs.
    pub const fn weight(weight: u32) -> RequestCost {
        RequestCost { weight, orders_10s: 0, orders_1m: 0 }
    }

    /// By the rules of `at`. A batch counts as five orders in ten seconds, however many it holds.
    pub fn of(request: &Request, at: Nanos) -> RequestCost {
        let one_order = RequestCost { weight: 0, orders_10s: 1, orders_1m: 1 };
        let batch = RequestCost { weight: 5, orders_10s: 5, orders_1m: 1 };
        let one_or_all = |one: bool| RequestCost::weight(if one { 1 } else { 40 });
        match request {
            // Whether a conditional order counts is undocumented; it is an order that is placed.
            Request::NewOrder(_) | Request::ModifyOrder(_) | Request::NewAlgoOrder(_) => one_order,
            Request::BatchOrders(_) | Request::BatchModify(_) => batch,
            Request::OpenOrders { symbol } | Request::OpenAlgoOrders { symbol } => {
                one_or_all(symbol.is_some())
            }
            Request::PositionRisk | Request::Account => {
                RequestCost::weight(if at >= HEAVIER_QUERIES_FROM { 10 } else { 5 })
            }
            Request::AdlQuantile => RequestCost::weight(5),
            Request::CountdownCancelAll { .. } => RequestCost::weight(10),
            // The weight of a test order is unverified.
            Request::TestOrder(_)
            | Request::CancelOrder { .. }
            | Request::BatchCancel { .. }
            | Request::CancelAllOpenOrders { .. }
            | Request::QueryOrder { .. }
            | Request::CancelAlgoOrder { .. }
            | Request::CancelAllAlgoOrders { .. }
            | Request::QueryAlgoOrder { .. }
            | Request::ExchangeInfo
            | Request::SetLeverage { .. }
            | Request::SetMarginType { .. }
            | Request::ModifyPositionMargin { .. }
            | Request::SetPositionMode { .. }
            | Request::SetMultiAssetsMode { .. } => RequestCost::weight(1),
        }
    }
}
