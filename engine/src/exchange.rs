//! The exchange port: requests out, events back. `sim-exchange` answers from its books, `live` from
//! Binance; services cannot tell them apart. Names are Binance's.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{MarketEvent, Nanos, PriceTicks, QtyLots, ServiceId, Symbol, SymbolIndex};

/// Numbers the requests of a run; the answer carries it back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// The exchange's order id.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OrderId(pub u64);

/// BUY or SELL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// Buys the base asset.
    Buy,
    /// Sells the base asset.
    Sell,
}

impl Side {
    /// +1 for a buy, -1 for a sell.
    pub const fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }

    /// The other side.
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// `BUY` or `SELL`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Side::Buy => "BUY",
            Side::Sell => "SELL",
        }
    }
}

/// Binance's `type` of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderType {
    /// At the market.
    Market,
    /// With a limit price.
    Limit,
}

/// Binance's `timeInForce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel.
    Ioc,
    /// Fill or kill.
    Fok,
    /// Good till crossing: post only.
    Gtx,
}

/// Binance's `status` of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Accepted, nothing filled.
    New,
    /// Some of it filled.
    PartiallyFilled,
    /// All of it filled.
    Filled,
    /// Cancelled by its owner.
    Canceled,
    /// Ended by the exchange.
    Expired,
}

impl OrderStatus {
    /// Nothing more will happen to the order.
    pub const fn is_terminal(self) -> bool {
        matches!(self, OrderStatus::Filled | OrderStatus::Canceled | OrderStatus::Expired)
    }
}

/// A client order id: 1 to 36 of `.A-Z:/a-z0-9_-`. Checked by the exchange (-4015), not here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientOrderId(pub Box<str>);

/// A new order. Prices and quantities are on the grid of the symbol's `Instrument`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub order_type: OrderType,
    /// For limit orders.
    pub time_in_force: Option<TimeInForce>,
    /// How much.
    pub quantity: QtyLots,
    /// For limit orders.
    pub price: Option<PriceTicks>,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// `newClientOrderId`.
    pub client_order_id: ClientOrderId,
}

/// What a service may ask of the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// POST /fapi/v1/order, answer type RESULT.
    NewOrder(NewOrder),
    /// DELETE /fapi/v1/order.
    CancelOrder {
        /// Whose.
        symbol: SymbolIndex,
        /// Which, by the id that its owner gave it.
        client_order_id: ClientOrderId,
    },
    /// GET /fapi/v1/order.
    QueryOrder {
        /// Whose.
        symbol: SymbolIndex,
        /// Which.
        client_order_id: ClientOrderId,
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

/// An order as the exchange knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The exchange's id.
    pub order_id: OrderId,
    /// The owner's id.
    pub client_order_id: ClientOrderId,
    /// Whose.
    pub symbol: SymbolIndex,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub order_type: OrderType,
    /// For limit orders.
    pub time_in_force: Option<TimeInForce>,
    /// Asked.
    pub orig_qty: QtyLots,
    /// Filled so far.
    pub executed_qty: QtyLots,
    /// Sum of price × quantity of the fills, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub cum_quote: Decimal,
    /// Limit price.
    pub price: Option<PriceTicks>,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Where it stands.
    pub status: OrderStatus,
    /// When that changed last.
    pub update_time: Nanos,
}

/// One fill (`userTrades`, or x=TRADE of ORDER_TRADE_UPDATE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Trade id, unique per symbol.
    pub trade_id: u64,
    /// When.
    pub time: Nanos,
    /// At what price.
    pub price: PriceTicks,
    /// How much.
    pub qty: QtyLots,
    /// Fee in USDT, above zero when paid.
    #[serde(with = "crate::decimal_serde")]
    pub commission: Decimal,
    /// Realised profit in USDT before fees; zero when it opened.
    #[serde(with = "crate::decimal_serde")]
    pub realized_pnl: Decimal,
    /// The order rested.
    pub maker: bool,
}

/// A position as `positionRisk` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRisk {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Signed.
    pub position_amt: QtyLots,
    /// Volume-weighted average of what opened it, in USDT; zero when flat.
    #[serde(with = "crate::decimal_serde")]
    pub entry_price: Decimal,
    /// Mark price.
    pub mark_price: PriceTicks,
    /// In USDT.
    #[serde(with = "crate::decimal_serde")]
    pub unrealized_profit: Decimal,
    /// In USDT; zero where there is none.
    #[serde(with = "crate::decimal_serde")]
    pub liquidation_price: Decimal,
    /// Chosen leverage.
    pub leverage: u32,
    /// When the position changed last.
    pub update_time: Nanos,
}

/// The account's money, all in USDT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBalance {
    /// Transfers + realised PnL + funding - commission - liquidation fees.
    #[serde(with = "crate::decimal_serde")]
    pub wallet_balance: Decimal,
    /// Over all positions.
    #[serde(with = "crate::decimal_serde")]
    pub unrealized_profit: Decimal,
    /// Wallet + unrealised.
    #[serde(with = "crate::decimal_serde")]
    pub margin_balance: Decimal,
    /// For new orders and transfers.
    #[serde(with = "crate::decimal_serde")]
    pub available_balance: Decimal,
    /// Of positions and open orders.
    #[serde(with = "crate::decimal_serde")]
    pub initial_margin: Decimal,
    /// Of positions.
    #[serde(with = "crate::decimal_serde")]
    pub maint_margin: Decimal,
}

/// A symbol's row of exchangeInfo, as far as the pipeline reads it. Integers are on its grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolInfo {
    /// Its name.
    pub name: Symbol,
    /// Its place in the run.
    pub symbol: SymbolIndex,
    /// `TRADING` (and PERPETUAL).
    pub trading: bool,
    /// PRICE_FILTER tickSize in price units.
    pub tick_size: i64,
    /// LOT_SIZE stepSize in quantity units.
    pub step_size: i64,
    /// LOT_SIZE minQty.
    pub min_qty: QtyLots,
    /// MARKET_LOT_SIZE maxQty.
    pub market_max_qty: QtyLots,
    /// MIN_NOTIONAL in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub min_notional: Decimal,
    /// Leverage of the first bracket.
    pub max_leverage: u32,
}

/// A good answer to a [`Request`], in the same order of variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To NewOrder, CancelOrder and QueryOrder.
    Order(Box<OrderState>),
    /// To PositionRisk: one row for each symbol, in their order. Shared, because it is asked for far more
    /// often than it changes.
    PositionRisk(Arc<[PositionRisk]>),
    /// To Account.
    Account(AccountBalance),
    /// To ExchangeInfo.
    ExchangeInfo(Vec<SymbolInfo>),
    /// To SetLeverage.
    Leverage {
        /// Whose.
        symbol: SymbolIndex,
        /// As set.
        leverage: u32,
    },
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

/// ACCOUNT_UPDATE's reason `m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountUpdateReason {
    /// A fill.
    Order,
    /// Funding.
    FundingFee,
    /// A transfer in.
    Deposit,
    /// Liquidation fee and top-up.
    InsuranceClear,
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
    /// ORDER_TRADE_UPDATE of the user stream.
    OrderTradeUpdate {
        /// The order after it.
        order: Box<OrderState>,
        /// x=TRADE: the fill.
        fill: Option<Fill>,
        /// The order is the exchange's own liquidation order.
        liquidation: bool,
    },
    /// ACCOUNT_UPDATE of the user stream.
    AccountUpdate {
        /// Why.
        reason: AccountUpdateReason,
        /// Wallet after it, in USDT.
        #[serde(with = "crate::decimal_serde")]
        wallet_balance: Decimal,
        /// The position that changed, if one did.
        position: Option<Box<PositionRisk>>,
    },
}

/// The exchange port.
pub trait Exchange {
    /// Takes a request that `from` sends at `now`. The answer comes out of [`Exchange::advance`].
    fn submit(&mut self, now: Nanos, from: ServiceId, id: RequestId, request: Request);

    /// Shows a market event to the exchange; a live one has no use for it.
    fn observe(&mut self, event: &MarketEvent);

    /// When `advance` has something to do next; `NEVER` if nothing is waiting.
    fn next_due(&self) -> Nanos;

    /// Does all that is due up to and including `now` and appends, oldest first, what has reached the
    /// clients by then.
    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>);
}
