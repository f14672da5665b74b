//! Orders in the user stream.

use serde::{Deserialize, Serialize};

use super::{
    AlgoStatus, AlgoType, ExecutionType, ExpiryReason, Num, OrderStatus, OrderType, PositionSide,
    PriceMatch, SelfTradePrevention, Side, TimeInForce, WorkingType, ZeroOr,
};

/// `ORDER_TRADE_UPDATE`: something became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTradeUpdate {
    /// When it happened; the ACCOUNT_UPDATE of the same fill has the same.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// The order after it.
    #[serde(rename = "o")]
    pub order: OrderEvent,
}

/// An order in ORDER_TRADE_UPDATE. Prices and quantities have the symbol's decimals, but a zero is `0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// The owner's id; `autoclose-…`, `adl_autoclose…`, `settlement_autoclose-…` are the venue's.
    #[serde(rename = "c")]
    pub client_order_id: Box<str>,
    /// Buys or sells.
    #[serde(rename = "S")]
    pub side: Side,
    /// What it is now.
    #[serde(rename = "o")]
    pub order_type: OrderType,
    /// How long it stands.
    #[serde(rename = "f")]
    pub time_in_force: TimeInForce,
    /// Asked.
    #[serde(rename = "q")]
    pub orig_qty: Num,
    /// Limit price; 0 for a market order.
    #[serde(rename = "p")]
    pub price: Num,
    /// Average price of its fills.
    #[serde(rename = "ap")]
    pub avg_price: Num,
    /// Trigger price; 0 for none.
    #[serde(rename = "sp")]
    pub stop_price: Num,
    /// What happened.
    #[serde(rename = "x")]
    pub execution_type: ExecutionType,
    /// Where it stands.
    #[serde(rename = "X")]
    pub status: OrderStatus,
    /// The venue's id.
    #[serde(rename = "i")]
    pub order_id: u64,
    /// Filled now.
    #[serde(rename = "l")]
    pub last_qty: Num,
    /// Filled so far.
    #[serde(rename = "z")]
    pub filled_qty: Num,
    /// At what price now.
    #[serde(rename = "L")]
    pub last_price: Num,
    /// What the fee was paid in. Always sent; `None` only when read from an older source.
    #[serde(rename = "N", default, skip_serializing_if = "Option::is_none")]
    pub commission_asset: Option<Box<str>>,
    /// The fee, above zero when paid; `0` without one. Always sent, as `N`.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub commission: Option<ZeroOr<8>>,
    /// When it happened.
    #[serde(rename = "T")]
    pub time: i64,
    /// Id of the trade; 0 without one.
    #[serde(rename = "t")]
    pub trade_id: u64,
    /// Notional of open bids of the symbol.
    #[serde(rename = "b")]
    pub bid_notional: Num,
    /// Notional of open asks of the symbol.
    #[serde(rename = "a")]
    pub ask_notional: Num,
    /// It rested.
    #[serde(rename = "m")]
    pub maker: bool,
    /// May only make the position smaller; in hedge mode true for every order of a closing side.
    #[serde(rename = "R")]
    pub reduce_only: bool,
    /// Which price triggers it.
    #[serde(rename = "wt")]
    pub working_type: WorkingType,
    /// What it was when it was placed.
    #[serde(rename = "ot")]
    pub orig_type: OrderType,
    /// Which position.
    #[serde(rename = "ps")]
    pub position_side: PositionSide,
    /// Closes the whole position.
    #[serde(rename = "cp")]
    pub close_position: bool,
    /// The price that starts the trailing; `0` without it. Absent only when read.
    #[serde(rename = "AP", default, skip_serializing_if = "Option::is_none")]
    pub activate_price: Option<Num>,
    /// Callback of a trailing stop in percent; `0` without it. Absent only when read.
    #[serde(rename = "cr", default, skip_serializing_if = "Option::is_none")]
    pub callback_rate: Option<Num>,
    /// Whether the trigger is protected.
    #[serde(rename = "pP")]
    pub price_protect: bool,
    /// Nothing; 0.
    #[serde(rename = "si")]
    pub ignored_si: i64,
    /// Nothing; 0.
    #[serde(rename = "ss")]
    pub ignored_ss: i64,
    /// Profit before fees of what it closed now.
    #[serde(rename = "rp")]
    pub realized_profit: Num,
    /// What happens when it meets an order of its owner.
    #[serde(rename = "V")]
    pub self_trade_prevention: SelfTradePrevention,
    /// Where its price came from. Always sent; `None` only when read from an older source.
    #[serde(rename = "pm", default, skip_serializing_if = "Option::is_none")]
    pub price_match: Option<PriceMatch>,
    /// When it ends, for GTD orders; else 0. Always sent; `None` only when read from an older source.
    #[serde(rename = "gtd", default, skip_serializing_if = "Option::is_none")]
    pub good_till_date: Option<i64>,
    /// Why it expired. Always sent; `None` only when read from an older source.
    #[serde(rename = "er", default, skip_serializing_if = "Option::is_none")]
    pub expiry_reason: Option<ExpiryReason>,
}

/// `TRADE_LITE`: a fill, sooner than ORDER_TRADE_UPDATE tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeLite {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Asked.
    #[serde(rename = "q")]
    pub orig_qty: Num,
    /// Limit price; 0 for a market order.
    #[serde(rename = "p")]
    pub price: Num,
    /// It rested.
    #[serde(rename = "m")]
    pub maker: bool,
    /// The owner's id.
    #[serde(rename = "c")]
    pub client_order_id: Box<str>,
    /// Buys or sells.
    #[serde(rename = "S")]
    pub side: Side,
    /// At what price now.
    #[serde(rename = "L")]
    pub last_price: Num,
    /// Filled now.
    #[serde(rename = "l")]
    pub last_qty: Num,
    /// Id of the trade.
    #[serde(rename = "t")]
    pub trade_id: u64,
    /// The venue's id of the order.
    #[serde(rename = "i")]
    pub order_id: u64,
}

/// `ALGO_UPDATE`: something became of a conditional order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlgoUpdate {
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// The order after it.
    #[serde(rename = "o")]
    pub order: AlgoOrderEvent,
}

/// A conditional order in ALGO_UPDATE. Trigger and limit price go without zeros at their end, `ap` and
/// `aq` with five decimals before the trigger, as in every example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlgoOrderEvent {
    /// The owner's id.
    #[serde(rename = "caid")]
    pub client_algo_id: Box<str>,
    /// The venue's id.
    #[serde(rename = "aid")]
    pub algo_id: u64,
    /// Conditional.
    #[serde(rename = "at")]
    pub algo_type: AlgoType,
    /// Which kind.
    #[serde(rename = "o")]
    pub order_type: OrderType,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Buys or sells.
    #[serde(rename = "S")]
    pub side: Side,
    /// Which position.
    #[serde(rename = "ps")]
    pub position_side: PositionSide,
    /// Of the order that the trigger makes.
    #[serde(rename = "f")]
    pub time_in_force: TimeInForce,
    /// How much.
    #[serde(rename = "q")]
    pub quantity: Num,
    /// Where it stands.
    #[serde(rename = "X")]
    pub status: AlgoStatus,
    /// Id of the order that the trigger made; empty before.
    #[serde(rename = "ai")]
    pub actual_order_id: Box<str>,
    /// Average price of that order's fills.
    #[serde(rename = "ap")]
    pub actual_price: Num,
    /// Filled of that order.
    #[serde(rename = "aq")]
    pub actual_qty: Num,
    /// Kind of that order: `MARKET` or `LIMIT`; `0` before.
    #[serde(rename = "act")]
    pub actual_type: Box<str>,
    /// Trigger price.
    #[serde(rename = "tp")]
    pub trigger_price: Num,
    /// Limit price of the order that the trigger makes.
    #[serde(rename = "p")]
    pub price: Num,
    /// What happens when it meets an order of its owner.
    #[serde(rename = "V")]
    pub self_trade_prevention: SelfTradePrevention,
    /// Which price triggers it.
    #[serde(rename = "wt")]
    pub working_type: WorkingType,
    /// Where its price comes from.
    #[serde(rename = "pm")]
    pub price_match: PriceMatch,
    /// Closes the whole position.
    #[serde(rename = "cp")]
    pub close_position: bool,
    /// Whether the trigger is protected.
    #[serde(rename = "pP")]
    pub price_protect: bool,
    /// May only make the position smaller.
    #[serde(rename = "R")]
    pub reduce_only: bool,
    /// When it triggered; 0 before.
    #[serde(rename = "tt")]
    pub trigger_time: i64,
    /// When it ends, for GTD orders; else 0.
    #[serde(rename = "gtd")]
    pub good_till_date: i64,
    /// Why it was refused or ended; empty for none.
    #[serde(rename = "rm")]
    pub reason: Box<str>,
}

/// `CONDITIONAL_ORDER_TRIGGER_REJECT`: the order of a trigger was refused. Not sent since 2025-12-15.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerReject {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// Which order, and why.
    #[serde(rename = "or")]
    pub order: TriggerRejectOrder,
}

/// What CONDITIONAL_ORDER_TRIGGER_REJECT tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRejectOrder {
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// The venue's id.
    #[serde(rename = "i")]
    pub order_id: u64,
    /// Why.
    #[serde(rename = "r")]
    pub reason: Box<str>,
}
