//! Conditional orders: the algo service, since 2025-12-09.

use serde::{Deserialize, Serialize};

use super::{
    AlgoStatus, AlgoType, Num, OrEmpty, OrderType, PositionSide, PriceMatch, SelfTradePrevention,
    Side, TimeInForce, WorkingType,
};

/// The answer to POST `/fapi/v1/algoOrder` and `algoOrder.place`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlgoOrderAnswer {
    /// The venue's id.
    pub algo_id: u64,
    /// The owner's id.
    pub client_algo_id: Box<str>,
    /// Conditional.
    pub algo_type: AlgoType,
    /// Which kind.
    pub order_type: OrderType,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Buys or sells.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Of the order that the trigger makes.
    pub time_in_force: TimeInForce,
    /// How much.
    pub quantity: Num,
    /// Where it stands.
    pub algo_status: AlgoStatus,
    /// Trigger price.
    pub trigger_price: Num,
    /// Limit price of the order that the trigger makes.
    pub price: Num,
    /// Always null.
    pub iceberg_quantity: Option<Num>,
    /// What happens when it meets an order of its owner.
    pub self_trade_prevention_mode: SelfTradePrevention,
    /// Which price triggers it.
    pub working_type: WorkingType,
    /// Where its price comes from.
    pub price_match: PriceMatch,
    /// Closes the whole position.
    pub close_position: bool,
    /// Whether the trigger is protected.
    pub price_protect: bool,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Trailing stops: the price that starts the trailing; else empty.
    #[serde(default)]
    pub activate_price: OrEmpty,
    /// Trailing stops: the callback in percent; else empty.
    #[serde(default)]
    pub callback_rate: OrEmpty,
    /// When it was placed.
    pub create_time: i64,
    /// When it changed last.
    pub update_time: i64,
    /// When it triggered; 0 before.
    pub trigger_time: i64,
    /// When it ends, for GTD orders; else 0.
    pub good_till_date: i64,
}

/// A conditional order as the queries show it: GET of `algoOrder`, `openAlgoOrders`, `allAlgoOrders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlgoOrderRow {
    /// The venue's id.
    pub algo_id: u64,
    /// The owner's id.
    pub client_algo_id: Box<str>,
    /// Conditional.
    pub algo_type: AlgoType,
    /// Which kind.
    pub order_type: OrderType,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Buys or sells.
    pub side: Side,
    /// Which position.
    pub position_side: PositionSide,
    /// Of the order that the trigger makes.
    pub time_in_force: TimeInForce,
    /// How much.
    pub quantity: Num,
    /// Where it stands.
    pub algo_status: AlgoStatus,
    /// Id of the order that the trigger made; empty before.
    pub actual_order_id: Box<str>,
    /// Average price of that order's fills.
    pub actual_price: Num,
    /// Filled of that order; absent before the trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_qty: Option<Num>,
    /// Kind of that order; absent before the trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_type: Option<OrderType>,
    /// Trigger price.
    pub trigger_price: Num,
    /// Limit price of the order that the trigger makes.
    pub price: Num,
    /// Always null.
    pub iceberg_quantity: Option<Num>,
    /// Trigger price of a take-profit leg; 0 for none.
    pub tp_trigger_price: Num,
    /// Limit price of a take-profit leg; 0 for none.
    pub tp_price: Num,
    /// Trigger price of a stop-loss leg; 0 for none.
    pub sl_trigger_price: Num,
    /// Limit price of a stop-loss leg; 0 for none.
    pub sl_price: Num,
    /// Kind of the take-profit leg; empty for none.
    pub tp_order_type: Box<str>,
    /// What happens when it meets an order of its owner.
    pub self_trade_prevention_mode: SelfTradePrevention,
    /// Which price triggers it.
    pub working_type: WorkingType,
    /// Where its price comes from.
    pub price_match: PriceMatch,
    /// Closes the whole position.
    pub close_position: bool,
    /// Whether the trigger is protected.
    pub price_protect: bool,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// When it was placed.
    pub create_time: i64,
    /// When it changed last.
    pub update_time: i64,
    /// When it triggered; 0 before.
    pub trigger_time: i64,
    /// When it ends, for GTD orders; else 0.
    pub good_till_date: i64,
}

/// The answer to DELETE `/fapi/v1/algoOrder` and `algoOrder.cancel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlgoCancelAnswer {
    /// The venue's id.
    pub algo_id: u64,
    /// The owner's id.
    pub client_algo_id: Box<str>,
    /// `"200"`: a string here, unlike in [`super::Done`].
    pub code: Box<str>,
    /// `"success"`.
    pub msg: Box<str>,
}
