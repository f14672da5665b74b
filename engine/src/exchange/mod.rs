//! The exchange port: requests out, events back. `sim-exchange` answers from its books, `live` from
//! Binance; services cannot tell them apart. Names are Binance's.

mod account;
mod orders;
mod words;

pub use account::*;
pub use orders::*;
pub use words::*;

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{MarketEvent, Nanos, PriceTicks, QtyLots, ServiceId, SymbolIndex};

/// Numbers the requests of a run; the answer carries it back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// A change of a resting limit order (`PUT /fapi/v1/order`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModifyOrder {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Which.
    pub order: OrderRef,
    /// The order's own side.
    pub side: Side,
    /// New quantity, filled part included.
    pub quantity: QtyLots,
    /// New price, unless `price_match` finds one.
    pub price: Option<PriceTicks>,
    /// Where the price is taken from at arrival.
    pub price_match: Option<PriceMatch>,
}

/// What a service may ask of the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// POST /fapi/v1/order, answer type RESULT.
    NewOrder(NewOrder),
    /// POST /fapi/v1/order/test: all checks, and nothing reaches the book.
    TestOrder(NewOrder),
    /// POST /fapi/v1/batchOrders: at most five.
    BatchOrders(Vec<NewOrder>),
    /// PUT /fapi/v1/order.
    ModifyOrder(ModifyOrder),
    /// PUT /fapi/v1/batchOrders: at most five.
    BatchModify(Vec<ModifyOrder>),
    /// DELETE /fapi/v1/order.
    CancelOrder {
        /// Whose.
        symbol: SymbolIndex,
        /// Which.
        order: OrderRef,
    },
    /// DELETE /fapi/v1/batchOrders: at most ten.
    BatchCancel {
        /// Whose.
        symbol: SymbolIndex,
        /// Which.
        orders: Vec<OrderRef>,
    },
    /// DELETE /fapi/v1/allOpenOrders.
    CancelAllOpenOrders {
        /// Whose.
        symbol: SymbolIndex,
    },
    /// POST /fapi/v1/countdownCancelAll.
    CountdownCancelAll {
        /// Whose.
        symbol: SymbolIndex,
        /// All open orders end after it, unless it is set again; zero stops it.
        countdown: Nanos,
    },
    /// GET /fapi/v1/order.
    QueryOrder {
        /// Whose.
        symbol: SymbolIndex,
        /// Which.
        order: OrderRef,
    },
    /// GET /fapi/v1/openOrders.
    OpenOrders {
        /// Of one symbol, or of all.
        symbol: Option<SymbolIndex>,
    },
    /// POST /fapi/v1/algoOrder, algoType CONDITIONAL.
    NewAlgoOrder(NewOrder),
    /// DELETE /fapi/v1/algoOrder.
    CancelAlgoOrder {
        /// Which.
        order: AlgoRef,
    },
    /// DELETE /fapi/v1/algoOpenOrders.
    CancelAllAlgoOrders {
        /// Whose.
        symbol: SymbolIndex,
    },
    /// GET /fapi/v1/algoOrder.
    QueryAlgoOrder {
        /// Which.
        order: AlgoRef,
    },
    /// GET /fapi/v1/openAlgoOrders.
    OpenAlgoOrders {
        /// Of one symbol, or of all.
        symbol: Option<SymbolIndex>,
    },
    /// GET /fapi/v2/positionRisk for all symbols.
    PositionRisk,
    /// GET /fapi/v2/account: balances, without positions.
    Account,
    /// GET /fapi/v1/exchangeInfo.
    ExchangeInfo,
    /// POST /fapi/v1/leverage.
    SetLeverage {
        /// Whose.
        symbol: SymbolIndex,
        /// 1 to the first bracket's.
        leverage: u32,
    },
    /// POST /fapi/v1/marginType.
    SetMarginType {
        /// Whose.
        symbol: SymbolIndex,
        /// Cross or isolated.
        margin_type: MarginType,
    },
    /// POST /fapi/v1/positionMargin.
    ModifyPositionMargin {
        /// Whose.
        symbol: SymbolIndex,
        /// BOTH in one-way mode.
        position_side: PositionSide,
        /// In USDT, above zero.
        #[serde(with = "crate::decimal_serde")]
        amount: Decimal,
        /// `type` 1 adds, 2 reduces.
        add: bool,
    },
    /// POST /fapi/v1/positionSide/dual.
    SetPositionMode {
        /// Hedge mode, or else one-way.
        dual: bool,
    },
    /// POST /fapi/v1/multiAssetsMargin.
    SetMultiAssetsMode {
        /// All assets are collateral, or each for itself.
        multi_assets: bool,
    },
    /// GET /fapi/v1/adlQuantile.
    AdlQuantile,
}

/// Binance's error: code and message as it sends them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code} {msg}")]
pub struct ExchangeError {
    /// Such as -2019.
    pub code: i32,
    /// Such as "Margin is insufficient.".
    pub msg: Box<str>,
}

/// A position's place in the deleveraging queue: 0 is last, 4 is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdlQuantile {
    /// Whose.
    pub symbol: SymbolIndex,
    /// BOTH in one-way mode.
    pub position_side: PositionSide,
    /// 0 to 4.
    pub quantile: u8,
}

/// A good answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It was done, and there is nothing to add (`code` 200, or an echo).
    Done,
    /// The order after it.
    Order(Box<OrderState>),
    /// Each for itself, in the order asked.
    Orders(Vec<Result<OrderState, ExchangeError>>),
    /// The conditional order after it.
    AlgoOrder(Box<AlgoOrderState>),
    /// In the order of their ids.
    AlgoOrders(Vec<AlgoOrderState>),
    /// To PositionRisk: the symbols in their order, one row in one-way mode, LONG and SHORT in hedge
    /// mode. Shared, because it is asked for far more often than it changes.
    PositionRisk(Arc<[PositionRisk]>),
    /// To Account. Boxed, because it is twice as large as whatever else an event carries.
    Account(Box<AccountBalance>),
    /// To ExchangeInfo.
    ExchangeInfo(Vec<SymbolInfo>),
    /// To SetLeverage.
    Leverage {
        /// Whose.
        symbol: SymbolIndex,
        /// As set.
        leverage: u32,
        /// The largest notional that it allows, in USDT.
        #[serde(with = "crate::decimal_serde")]
        max_notional: Decimal,
    },
    /// To AdlQuantile: open positions only.
    AdlQuantile(Vec<AdlQuantile>),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was done.
    Done(Answer),
    /// It was refused; nothing changed.
    Refused(ExchangeError),
    /// Nobody knows: it was sent and no answer came. Query before any repeat.
    Unknown,
}

/// What the user stream of an account says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserEvent {
    /// TRADE_LITE: a fill, ahead of the rest.
    TradeLite {
        /// The order after it.
        order: Box<OrderState>,
        /// The fill.
        fill: Fill,
    },
    /// ACCOUNT_UPDATE: what changed, and only that.
    AccountUpdate {
        /// Why.
        reason: AccountUpdateReason,
        /// The USDT balance, if it changed.
        balance: Option<BalanceUpdate>,
        /// The positions that changed.
        positions: Vec<PositionUpdate>,
    },
    /// ORDER_TRADE_UPDATE.
    OrderTradeUpdate {
        /// What has just happened to the order.
        execution: ExecutionType,
        /// The order after it.
        order: Box<OrderState>,
        /// With TRADE and CALCULATED: the fill.
        fill: Option<Fill>,
        /// The order is the exchange's own liquidation or deleveraging order.
        liquidation: bool,
    },
    /// ALGO_UPDATE.
    AlgoUpdate {
        /// The conditional order after it.
        order: Box<AlgoOrderState>,
    },
    /// CONDITIONAL_ORDER_TRIGGER_REJECT, of the time before the algo service: the order of a trigger was
    /// refused.
    ConditionalTriggerReject {
        /// Whose.
        symbol: SymbolIndex,
        /// The conditional order, which has expired.
        order_id: OrderId,
        /// Why.
        reason: Box<str>,
    },
    /// MARGIN_CALL.
    MarginCall {
        /// With cross positions: the cross wallet, in USDT.
        #[serde(with = "crate::decimal_serde::option")]
        cross_wallet_balance: Option<Decimal>,
        /// The positions that are in danger.
        positions: Vec<MarginCallPosition>,
    },
    /// ACCOUNT_CONFIG_UPDATE of a symbol's leverage.
    LeverageUpdate {
        /// Whose.
        symbol: SymbolIndex,
        /// As set.
        leverage: u32,
    },
    /// ACCOUNT_CONFIG_UPDATE of the multi-assets mode.
    MultiAssetsUpdate {
        /// All assets are collateral, or each for itself.
        multi_assets: bool,
    },
    /// listenKeyExpired: the stream says nothing more until the client has another key.
    ListenKeyExpired,
}

/// What comes back from the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExchangeEvent {
    /// The answer to one request, for the service that sent it.
    Response {
        /// Who asked.
        to: ServiceId,
        /// What was asked.
        request: RequestId,
        /// How it ended.
        outcome: Outcome,
    },
    /// An event of the user stream, for all services of the account.
    User {
        /// Whose.
        account: AccountId,
        /// The exchange's time of it.
        time: Nanos,
        /// What.
        event: UserEvent,
    },
}

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Gets the answer.
    pub service: ServiceId,
    /// Whose key it holds.
    pub account: AccountId,
}

/// The exchange port.
pub trait Exchange {
    /// Takes a request that `from` sends at `now`. The answer comes out of [`Exchange::advance`].
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request);

    /// As [`Exchange::submit`], from a service that has asked the bus for something in the same step and got no
    /// answer: what it wants may rest on nothing. Who guards an account refuses what would open a position.
    fn submit_unsure(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        self.submit(now, from, id, request);
    }

    /// The clock of a client, which stamps its requests, is ahead of the true one by this much from now on. A
    /// live exchange sees the time stamps themselves.
    fn set_clock(&mut self, _client: ServiceId, _ahead: Nanos) {}

    /// Shows a market event to the exchange; a live one has no use for it.
    fn observe(&mut self, event: &MarketEvent);

    /// When `advance` has something to do next; `NEVER` if nothing is waiting.
    fn next_due(&self) -> Nanos;

    /// Does all that is due up to and including `now` and appends, oldest first, what has reached the
    /// clients by then.
    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>);
}
