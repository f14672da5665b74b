//! Orders, their fills and their amendments over REST.

use serde::{Deserialize, Serialize};

use super::{
    Num, OrderStatus, OrderType, PositionSide, PriceMatch, SelfTradePrevention, Side, TimeInForce,
    WorkingType,
};

/// The answer to an order placed or cancelled: POST and DELETE of `/fapi/v1/order`, and the good rows of
/// `batchOrders`; over the WebSocket API to one amended, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer {
    /// The venue's id.
    pub order_id: u64,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The owner's id.
    pub client_order_id: Box<str>,
    /// Limit price in the price's decimals; 0 for a market order.
    pub price: Num,
    /// Average price of its fills in the price's decimals.
    pub avg_price: Num,
    /// Asked, in the quantity's decimals.
    pub orig_qty: Num,
    /// Filled, in the quantity's decimals.
    pub executed_qty: Num,
    /// Filled, once more.
    pub cum_qty: Num,
    /// Price times quantity of the fills, in the quote asset, with the decimals of both.
    pub cum_quote: Num,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// What it is now.
    #[serde(rename = "type")]
    pub order_type: OrderType,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Closes the whole position.
    pub close_position: bool,
    /// Buys or sells.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Trigger price in the price's decimals; 0 for none.
    pub stop_price: Num,
    /// Which price triggers it.
    pub working_type: WorkingType,
    /// Whether the trigger is protected.
    pub price_protect: bool,
    /// What it was when it was placed.
    pub orig_type: OrderType,
    /// Trailing stops of the route before 2025-12-09 only: the price that starts the trailing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate_price: Option<Num>,
    /// Trailing stops of the route before 2025-12-09 only: the callback in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_rate: Option<Num>,
    /// Where its price came from.
    pub price_match: PriceMatch,
    /// What happens when it meets an order of its owner.
    pub self_trade_prevention_mode: SelfTradePrevention,
    /// When it ends, for GTD orders; else 0.
    pub good_till_date: i64,
    /// When it changed last.
    pub update_time: i64,
}

/// The answer to an order amended over REST: PUT of `/fapi/v1/order`, and the good rows of `batchOrders`.
/// The page's example has `cumBase`, recorded answers have `cumQuote`: it has both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyAnswer {
    /// The venue's id.
    pub order_id: u64,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Its pair: the symbol again.
    pub pair: Box<str>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The owner's id.
    pub client_order_id: Box<str>,
    /// Limit price in the price's decimals; 0 for a market order.
    pub price: Num,
    /// Average price of its fills in the price's decimals.
    pub avg_price: Num,
    /// Asked, in the quantity's decimals.
    pub orig_qty: Num,
    /// Filled, in the quantity's decimals.
    pub executed_qty: Num,
    /// Filled, once more.
    pub cum_qty: Num,
    /// Filled in the base asset: the quantity once more.
    pub cum_base: Num,
    /// Price times quantity of the fills, in the quote asset, with the decimals of both.
    pub cum_quote: Num,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// What it is now.
    #[serde(rename = "type")]
    pub order_type: OrderType,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Closes the whole position.
    pub close_position: bool,
    /// Buys or sells.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Trigger price in the price's decimals; 0 for none.
    pub stop_price: Num,
    /// Which price triggers it.
    pub working_type: WorkingType,
    /// Whether the trigger is protected.
    pub price_protect: bool,
    /// What it was when it was placed.
    pub orig_type: OrderType,
    /// Where its price came from.
    pub price_match: PriceMatch,
    /// What happens when it meets an order of its owner.
    pub self_trade_prevention_mode: SelfTradePrevention,
    /// When it ends, for GTD orders; else 0.
    pub good_till_date: i64,
    /// When it changed last.
    pub update_time: i64,
}

/// An order as the queries show it: GET of `order`, `openOrder`, `openOrders`, `allOrders`. It has no
/// `cumQty`, but it knows when it was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    /// The venue's id.
    pub order_id: u64,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The owner's id.
    pub client_order_id: Box<str>,
    /// Limit price in the price's decimals; 0 for a market order.
    pub price: Num,
    /// Average price of its fills in the price's decimals.
    pub avg_price: Num,
    /// Asked, in the quantity's decimals.
    pub orig_qty: Num,
    /// Filled, in the quantity's decimals.
    pub executed_qty: Num,
    /// Price times quantity of the fills, in the quote asset, with the decimals of both.
    pub cum_quote: Num,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// What it is now.
    #[serde(rename = "type")]
    pub order_type: OrderType,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Closes the whole position.
    pub close_position: bool,
    /// Buys or sells.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Trigger price in the price's decimals; 0 for none.
    pub stop_price: Num,
    /// Which price triggers it.
    pub working_type: WorkingType,
    /// Whether the trigger is protected.
    pub price_protect: bool,
    /// What it was when it was placed.
    pub orig_type: OrderType,
    /// Trailing stops of the route before 2025-12-09 only: the price that starts the trailing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate_price: Option<Num>,
    /// Trailing stops of the route before 2025-12-09 only: the callback in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_rate: Option<Num>,
    /// Where its price came from.
    pub price_match: PriceMatch,
    /// What happens when it meets an order of its owner.
    pub self_trade_prevention_mode: SelfTradePrevention,
    /// When it ends, for GTD orders; else 0.
    pub good_till_date: i64,
    /// When it was placed.
    pub time: i64,
    /// When it changed last.
    pub update_time: i64,
}

/// One row of `batchOrders`: what became of one order of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchRow<T = OrderAnswer> {
    /// It was done.
    Done(Box<T>),
    /// It was refused.
    Refused(super::ErrorBody),
}

/// A row of GET `/fapi/v1/forceOrders`: an order of the venue that closed a position of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForceOrder {
    /// The venue's id.
    pub order_id: u64,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Where it stands.
    pub status: OrderStatus,
    /// `autoclose-` and a number for a liquidation, `adl_autoclose` for deleveraging.
    pub client_order_id: Box<str>,
    /// Limit price.
    pub price: Num,
    /// Average price of its fills.
    pub avg_price: Num,
    /// Asked.
    pub orig_qty: Num,
    /// Filled.
    pub executed_qty: Num,
    /// Price times quantity of the fills, in the quote asset.
    pub cum_quote: Num,
    /// IOC for a liquidation.
    pub time_in_force: TimeInForce,
    /// LIMIT, although the stream may say LIQUIDATION.
    #[serde(rename = "type")]
    pub order_type: OrderType,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Closes the whole position.
    pub close_position: bool,
    /// Buys or sells.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Trigger price; 0 for none.
    pub stop_price: Num,
    /// Which price triggers it.
    pub working_type: WorkingType,
    /// What it was when it was placed.
    pub orig_type: OrderType,
    /// When it was placed.
    pub time: i64,
    /// When it changed last.
    pub update_time: i64,
}

/// A row of GET `/fapi/v1/userTrades`: one fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserTrade {
    /// We bought.
    pub buyer: bool,
    /// Fee in `commission_asset`, above zero when paid.
    pub commission: super::Money,
    /// What the fee was paid in.
    pub commission_asset: Box<str>,
    /// The trade's id, unique per symbol.
    pub id: u64,
    /// Our order rested.
    pub maker: bool,
    /// Of which order.
    pub order_id: u64,
    /// At what price.
    pub price: Num,
    /// How much.
    pub qty: Num,
    /// Price times quantity.
    pub quote_qty: Num,
    /// Profit before fees, in the margin asset, of what it closed.
    pub realized_pnl: super::ZeroOr<8>,
    /// Bought or sold.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// When.
    pub time: i64,
}
