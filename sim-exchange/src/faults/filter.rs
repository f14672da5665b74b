//! Whom a fault strikes.

use engine::{AccountId, NewOrder, OrderState, PositionSide, Request, Symbol, SymbolIndex};
use serde::{Deserialize, Serialize};

use super::VenueFault;
use crate::accounts::reduces;
use crate::exchange::SimExchange;

/// Requests by what they are for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// Whatever it is.
    #[default]
    All,
    /// New orders, conditional and tested ones too.
    Orders,
    /// New orders that may open a position; a batch with one of them.
    Opens,
    /// New orders that can only make a position smaller; a batch of nothing else.
    Exits,
    /// Changes of open orders.
    Changes,
    /// Cancellations, the countdown too.
    Cancels,
    /// All that only reads.
    Queries,
    /// One order, or the open ones.
    OrderQueries,
    /// positionRisk.
    PositionRisk,
    /// The account.
    Account,
    /// exchangeInfo.
    ExchangeInfo,
    /// Leverage, margin type, position margin and modes.
    Settings,
}

impl RequestKind {
    /// It may concern a new order.
    pub(super) fn is_of_orders(self) -> bool {
        matches!(
            self,
            RequestKind::All | RequestKind::Orders | RequestKind::Opens | RequestKind::Exits
        )
    }

    fn concerns_order(self, exits: bool) -> bool {
        match self {
            RequestKind::All | RequestKind::Orders => true,
            RequestKind::Opens => !exits,
            RequestKind::Exits => exits,
            _ => false,
        }
    }

    fn concerns(self, request: &Request) -> bool {
        match self {
            RequestKind::All => true,
            RequestKind::Orders => orders(request).is_some(),
            RequestKind::Opens => orders(request).is_some_and(|all| !all.iter().all(exits)),
            RequestKind::Exits => orders(request).is_some_and(|all| all.iter().all(exits)),
            RequestKind::Changes => {
                matches!(request, Request::ModifyOrder(_) | Request::BatchModify(_))
            }
            RequestKind::Cancels => matches!(
                request,
                Request::CancelOrder { .. }
                    | Request::BatchCancel { .. }
                    | Request::CancelAllOpenOrders { .. }
                    | Request::CountdownCancelAll { .. }
                    | Request::CancelAlgoOrder { .. }
                    | Request::CancelAllAlgoOrders { .. }
            ),
            RequestKind::Queries => {
                let whole =
                    [RequestKind::PositionRisk, RequestKind::Account, RequestKind::ExchangeInfo];
                matches!(request, Request::AdlQuantile)
                    || RequestKind::OrderQueries.concerns(request)
                    || whole.iter().any(|kind| kind.concerns(request))
            }
            RequestKind::OrderQueries => matches!(
                request,
                Request::QueryOrder { .. }
                    | Request::OpenOrders { .. }
                    | Request::QueryAlgoOrder { .. }
                    | Request::OpenAlgoOrders { .. }
            ),
            RequestKind::PositionRisk => matches!(request, Request::PositionRisk),
            RequestKind::Account => matches!(request, Request::Account),
            RequestKind::ExchangeInfo => matches!(request, Request::ExchangeInfo),
            RequestKind::Settings => matches!(
                request,
                Request::SetLeverage { .. }
                    | Request::SetMarginType { .. }
                    | Request::ModifyPositionMargin { .. }
                    | Request::SetPositionMode { .. }
                    | Request::SetMultiAssetsMode { .. }
            ),
        }
    }
}

/// The new orders that a request states.
fn orders(request: &Request) -> Option<&[NewOrder]> {
    match request {
        Request::NewOrder(order) | Request::TestOrder(order) | Request::NewAlgoOrder(order) => {
            Some(std::slice::from_ref(order))
        }
        Request::BatchOrders(orders) => Some(orders),
        _ => None,
    }
}

/// It can only make its position smaller.
fn exits(order: &NewOrder) -> bool {
    let side = order.position_side.unwrap_or(PositionSide::Both);
    order.close_position || reduces(order.side, side, order.reduces())
}

/// The symbol that a request names; of a batch the first order's.
fn symbol_of(request: &Request) -> Option<SymbolIndex> {
    match request {
        Request::ModifyOrder(change) => Some(change.symbol),
        Request::BatchModify(changes) => changes.first().map(|change| change.symbol),
        Request::CancelOrder { symbol, .. }
        | Request::BatchCancel { symbol, .. }
        | Request::CancelAllOpenOrders { symbol }
        | Request::CountdownCancelAll { symbol, .. }
        | Request::QueryOrder { symbol, .. }
        | Request::CancelAllAlgoOrders { symbol }
        | Request::SetLeverage { symbol, .. }
        | Request::SetMarginType { symbol, .. }
        | Request::ModifyPositionMargin { symbol, .. } => Some(*symbol),
        Request::OpenOrders { symbol } | Request::OpenAlgoOrders { symbol } => *symbol,
        _ => orders(request)?.first().map(|order| order.symbol),
    }
}

/// Whom a fault strikes: all that is not said is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultFilter {
    /// Whose requests, orders or events.
    pub account: Option<AccountId>,
    /// What kind of request or order.
    pub requests: RequestKind,
    /// Of which symbol. What names none is not struck then.
    pub symbol: Option<Symbol>,
}

impl FaultFilter {
    /// It looks at more than the account.
    pub(super) fn narrows(&self) -> bool {
        self.requests != RequestKind::All || self.symbol.is_some()
    }

    pub(super) fn is_of(&self, account: AccountId) -> bool {
        self.account.is_none_or(|own| own == account)
    }
}

impl SimExchange {
    fn is_of_symbol(&self, fault: &VenueFault, symbol: Option<SymbolIndex>) -> bool {
        fault.who.symbol.is_none_or(|own| {
            let named =
                symbol.and_then(|symbol| self.config.instruments.get(usize::from(symbol.0)));
            named.is_some_and(|instrument| instrument.symbol == own)
        })
    }

    pub(super) fn concerns_request(
        &self,
        fault: &VenueFault,
        account: AccountId,
        request: &Request,
    ) -> bool {
        let FaultFilter { requests, .. } = fault.who;
        fault.who.is_of(account)
            && requests.concerns(request)
            && self.is_of_symbol(fault, symbol_of(request))
    }

    pub(super) fn concerns_order(
        &self,
        fault: &VenueFault,
        account: AccountId,
        order: &OrderState,
    ) -> bool {
        let exits =
            order.close_position || reduces(order.side, order.position_side, order.reduce_only);
        fault.who.is_of(account)
            && fault.who.requests.concerns_order(exits)
            && self.is_of_symbol(fault, Some(order.symbol))
    }
}
