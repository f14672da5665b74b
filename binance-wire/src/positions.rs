//! Positions over REST and the WebSocket API.

use serde::{Deserialize, Serialize};

use super::{JsonNumber, MarginTypeLower, Money, Num, PositionSide, ZeroOr};

/// A row of GET `/fapi/v2/positionRisk` and `account.position`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionRiskV2 {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Signed size.
    pub position_amt: Num,
    /// Average price of what opened it.
    pub entry_price: Num,
    /// The price at which it pays its fees.
    pub break_even_price: Num,
    /// Mark price.
    pub mark_price: Money,
    /// Its profit while open.
    pub un_realized_profit: Money,
    /// Liquidation price; `0` for none.
    pub liquidation_price: ZeroOr<8>,
    /// Chosen leverage: an integer in a string.
    pub leverage: Num,
    /// Largest notional at the chosen leverage: an integer in a string.
    pub max_notional_value: Num,
    /// Cross or isolated.
    pub margin_type: MarginTypeLower,
    /// Isolated wallet and profit.
    pub isolated_margin: Money,
    /// `"true"` or `"false"`, a string.
    pub is_auto_add_margin: Box<str>,
    /// Which side.
    pub position_side: PositionSide,
    /// Signed size times mark price.
    pub notional: ZeroOr<8>,
    /// What the position holds of the wallet.
    pub isolated_wallet: ZeroOr<8>,
    /// When it changed last; 0 for never.
    pub update_time: i64,
}

/// A row of GET `/fapi/v3/positionRisk` and `v2/account.position`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionRiskV3 {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Which side.
    pub position_side: PositionSide,
    /// Signed size.
    pub position_amt: Num,
    /// Average price of what opened it.
    pub entry_price: Num,
    /// The price at which it pays its fees.
    pub break_even_price: Num,
    /// Mark price.
    pub mark_price: Money,
    /// Its profit while open.
    pub un_realized_profit: Money,
    /// Liquidation price; `0` for none.
    pub liquidation_price: ZeroOr<8>,
    /// Isolated wallet and profit; `0` for cross.
    pub isolated_margin: ZeroOr<8>,
    /// Signed size times mark price.
    pub notional: ZeroOr<8>,
    /// Asset of its margin.
    pub margin_asset: Box<str>,
    /// What the position holds of the wallet; `0` for cross.
    pub isolated_wallet: ZeroOr<8>,
    /// Initial margin of the position and of open orders.
    pub initial_margin: ZeroOr<8>,
    /// Maintenance margin.
    pub maint_margin: ZeroOr<8>,
    /// Initial margin of the position.
    pub position_initial_margin: ZeroOr<8>,
    /// Initial margin of open orders.
    pub open_order_initial_margin: ZeroOr<8>,
    /// Place in the deleveraging queue, 0 (last) to 4 (first).
    pub adl: u8,
    /// Notional of open bids.
    pub bid_notional: ZeroOr<8>,
    /// Notional of open asks.
    pub ask_notional: ZeroOr<8>,
    /// When it changed last; 0 for never.
    pub update_time: i64,
}

/// A row of GET `/fapi/v1/adlQuantile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdlQuantileRow {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Places in the queue.
    pub adl_quantile: AdlQuantiles,
}

/// Places in the deleveraging queue, 0 (last) to 4 (first), by position side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct AdlQuantiles {
    /// Of the long side.
    pub long: u8,
    /// Of the short side.
    pub short: u8,
    /// In one-way mode, and isolated in hedge mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both: Option<u8>,
    /// A sign only: crossed in hedge mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<u8>,
}

/// The answer to POST `/fapi/v1/leverage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeverageAnswer {
    /// As set.
    pub leverage: u32,
    /// Largest notional at this leverage: an integer in a string.
    pub max_notional_value: Num,
    /// Of which symbol.
    pub symbol: Box<str>,
}

/// The answer to POST `/fapi/v1/positionMargin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionMarginAnswer {
    /// How much was moved, a number.
    pub amount: JsonNumber,
    /// 200.
    pub code: i32,
    /// "Successfully modify position margin.".
    pub msg: Box<str>,
    /// 1 added, 2 taken away.
    #[serde(rename = "type")]
    pub direction: u8,
}

/// A row of GET `/fapi/v1/positionMargin/history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionMarginRow {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// 1 added, 2 taken away.
    #[serde(rename = "type")]
    pub direction: u8,
    /// `USER_ADJUST`, or `TRADE` when an order moved it.
    pub delta_type: Box<str>,
    /// How much.
    pub amount: Num,
    /// Of which asset.
    pub asset: Box<str>,
    /// When.
    pub time: i64,
    /// Which side.
    pub position_side: PositionSide,
}
