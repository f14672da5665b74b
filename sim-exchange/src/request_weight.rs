//! What each request weighs against the limits of its sender.

use engine::{Nanos, Request};

/// From here on the v2 account and position queries weigh 10: the change log's entry of 2024-08-07. The
/// entry's day is taken for the first day.
const HEAVIER_QUERIES_FROM: Nanos = Nanos::from_secs(1_722_988_800);

/// One request's share of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Of the weight of an IP.
    pub(crate) weight: u32,
    /// Of the orders in ten seconds and in a minute; zero for what only reads or cancels.
    pub(crate) orders_10s: u32,
    pub(crate) orders_1m: u32,
}

impl Cost {
    const fn weight(weight: u32) -> Cost {
        Cost { weight, orders_10s: 0, orders_1m: 0 }
    }

    /// By the rules of `at`. A batch counts as five orders in ten seconds, however many it holds.
    pub(crate) fn of(request: &Request, at: Nanos) -> Cost {
        let one_order = Cost { weight: 0, orders_10s: 1, orders_1m: 1 };
        let batch = Cost { weight: 5, orders_10s: 5, orders_1m: 1 };
        let one_or_all = |one: bool| Cost::weight(if one { 1 } else { 40 });
        match request {
            // Whether a conditional order counts is undocumented; it is an order that is placed.
            Request::NewOrder(_) | Request::ModifyOrder(_) | Request::NewAlgoOrder(_) => one_order,
            Request::BatchOrders(_) | Request::BatchModify(_) => batch,
            Request::OpenOrders { symbol } | Request::OpenAlgoOrders { symbol } => {
                one_or_all(symbol.is_some())
            }
            Request::PositionRisk | Request::Account => {
                Cost::weight(if at >= HEAVIER_QUERIES_FROM { 10 } else { 5 })
            }
            Request::AdlQuantile => Cost::weight(5),
            Request::CountdownCancelAll { .. } => Cost::weight(10),
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
            | Request::SetMultiAssetsMode { .. } => Cost::weight(1),
        }
    }
}
