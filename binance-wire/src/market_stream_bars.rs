//! Market streams of bars, tickers, liquidations, contracts and indices.

use serde::{Deserialize, Serialize};

use super::{
    ContractType, Fixed, JsonNumber, Money, Num, OrderStatus, OrderType, Side, SymbolStatus,
    TimeInForce,
};

/// A bar as it grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KlineEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// The bar.
    #[serde(rename = "k")]
    pub kline: KlineBar,
}

/// A bar of a pair's contract as it grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinuousKlineEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which pair.
    #[serde(rename = "ps")]
    pub pair: Box<str>,
    /// Of which contract.
    #[serde(rename = "ct")]
    pub contract_type: ContractType,
    /// The bar, without `s`.
    #[serde(rename = "k")]
    pub kline: KlineBar,
}

/// A bar in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KlineBar {
    /// When it opened.
    #[serde(rename = "t")]
    pub open_time: i64,
    /// Its last millisecond.
    #[serde(rename = "T")]
    pub close_time: i64,
    /// Of which symbol; absent in a continuous kline.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<Box<str>>,
    /// How long it is, such as `1m`.
    #[serde(rename = "i")]
    pub interval: Box<str>,
    /// Its first trade.
    #[serde(rename = "f")]
    pub first_id: i64,
    /// Its last trade.
    #[serde(rename = "L")]
    pub last_id: i64,
    /// Open.
    #[serde(rename = "o")]
    pub open: Num,
    /// Last price so far.
    #[serde(rename = "c")]
    pub close: Num,
    /// Highest.
    #[serde(rename = "h")]
    pub high: Num,
    /// Lowest.
    #[serde(rename = "l")]
    pub low: Num,
    /// Volume in the base asset.
    #[serde(rename = "v")]
    pub volume: Num,
    /// Trades.
    #[serde(rename = "n")]
    pub count: u64,
    /// It is complete.
    #[serde(rename = "x")]
    pub closed: bool,
    /// Volume in the quote asset.
    #[serde(rename = "q")]
    pub quote_volume: Num,
    /// Volume of taker buys in the base asset.
    #[serde(rename = "V")]
    pub taker_buy_volume: Num,
    /// The same in the quote asset.
    #[serde(rename = "Q")]
    pub taker_buy_quote_volume: Num,
    /// Nothing; `0`.
    #[serde(rename = "B")]
    pub ignored: Num,
}

/// A liquidation: the largest of its symbol within 1,000 ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceOrderEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// The order.
    #[serde(rename = "o")]
    pub order: ForceOrderRow,
}

/// A liquidation order in its final state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceOrderRow {
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Bought or sold.
    #[serde(rename = "S")]
    pub side: Side,
    /// LIMIT.
    #[serde(rename = "o")]
    pub order_type: OrderType,
    /// IOC.
    #[serde(rename = "f")]
    pub time_in_force: TimeInForce,
    /// Asked.
    #[serde(rename = "q")]
    pub orig_qty: Num,
    /// Bankruptcy price, which may lie off the tick.
    #[serde(rename = "p")]
    pub price: Num,
    /// Average price of its fills.
    #[serde(rename = "ap")]
    pub avg_price: Num,
    /// Where it stands.
    #[serde(rename = "X")]
    pub status: OrderStatus,
    /// Filled last.
    #[serde(rename = "l")]
    pub last_qty: Num,
    /// Filled in all.
    #[serde(rename = "z")]
    pub filled_qty: Num,
    /// When.
    #[serde(rename = "T")]
    pub time: i64,
}

/// The last 24 hours, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniTickerEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Last price.
    #[serde(rename = "c")]
    pub close: Num,
    /// Price 24 hours ago.
    #[serde(rename = "o")]
    pub open: Num,
    /// Highest.
    #[serde(rename = "h")]
    pub high: Num,
    /// Lowest.
    #[serde(rename = "l")]
    pub low: Num,
    /// Volume in the base asset.
    #[serde(rename = "v")]
    pub volume: Num,
    /// Volume in the quote asset.
    #[serde(rename = "q")]
    pub quote_volume: Num,
}

/// The last 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickerEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Last price less the open.
    #[serde(rename = "p")]
    pub price_change: Num,
    /// The same in percent of the open.
    #[serde(rename = "P")]
    pub price_change_percent: Fixed<3>,
    /// Volume-weighted average price.
    #[serde(rename = "w")]
    pub weighted_avg_price: Num,
    /// Last price.
    #[serde(rename = "c")]
    pub last_price: Num,
    /// Last quantity.
    #[serde(rename = "Q")]
    pub last_qty: Num,
    /// Price 24 hours ago.
    #[serde(rename = "o")]
    pub open_price: Num,
    /// Highest.
    #[serde(rename = "h")]
    pub high_price: Num,
    /// Lowest.
    #[serde(rename = "l")]
    pub low_price: Num,
    /// Volume in the base asset.
    #[serde(rename = "v")]
    pub volume: Num,
    /// Volume in the quote asset.
    #[serde(rename = "q")]
    pub quote_volume: Num,
    /// When the window opened.
    #[serde(rename = "O")]
    pub open_time: i64,
    /// When it closed.
    #[serde(rename = "C")]
    pub close_time: i64,
    /// Its first trade.
    #[serde(rename = "F")]
    pub first_id: u64,
    /// Its last trade.
    #[serde(rename = "L")]
    pub last_id: u64,
    /// How many trades.
    #[serde(rename = "n")]
    pub count: u64,
}

/// A contract was listed, changed or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractInfoEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Of which pair.
    #[serde(rename = "ps")]
    pub pair: Box<str>,
    /// Perpetual or dated.
    #[serde(rename = "ct")]
    pub contract_type: ContractType,
    /// When it is delivered.
    #[serde(rename = "dt")]
    pub delivery_date: i64,
    /// Since when it is listed.
    #[serde(rename = "ot")]
    pub onboard_date: i64,
    /// Whether it trades.
    #[serde(rename = "cs")]
    pub status: SymbolStatus,
    /// Its brackets; absent unless they changed.
    #[serde(rename = "bks", default, skip_serializing_if = "Option::is_none")]
    pub brackets: Option<Vec<BracketEvent>>,
}

/// A bracket in contractInfo; numbers, not strings. Notional in the quote asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BracketEvent {
    /// From 1.
    #[serde(rename = "bs")]
    pub bracket: u32,
    /// Lowest notional, not included.
    #[serde(rename = "bnf")]
    pub notional_floor: JsonNumber,
    /// Highest notional, included.
    #[serde(rename = "bnc")]
    pub notional_cap: JsonNumber,
    /// Maintenance margin as a fraction of the notional.
    #[serde(rename = "mmr")]
    pub maint_margin_ratio: JsonNumber,
    /// What is taken off the maintenance margin.
    #[serde(rename = "cf")]
    pub cum: JsonNumber,
    /// Lowest leverage.
    #[serde(rename = "mi")]
    pub min_leverage: u32,
    /// Highest leverage.
    #[serde(rename = "ma")]
    pub max_leverage: u32,
}

/// What an asset is worth as margin in multi-assets mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetIndexEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Such as `ADAUSD`.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// USD for one.
    #[serde(rename = "i")]
    pub index: Money,
    /// Taken off when we hold it.
    #[serde(rename = "b")]
    pub bid_buffer: Money,
    /// Put on when we owe it.
    #[serde(rename = "a")]
    pub ask_buffer: Money,
    /// index × (1 - bid buffer), cut.
    #[serde(rename = "B")]
    pub bid_rate: Money,
    /// index × (1 + ask buffer), cut.
    #[serde(rename = "A")]
    pub ask_rate: Money,
    /// The bid buffer when it is exchanged.
    #[serde(rename = "q")]
    pub auto_exchange_bid_buffer: Money,
    /// The ask buffer when it is exchanged.
    #[serde(rename = "g")]
    pub auto_exchange_ask_buffer: Money,
    /// The bid rate when it is exchanged.
    #[serde(rename = "Q")]
    pub auto_exchange_bid_rate: Money,
    /// The ask rate when it is exchanged.
    #[serde(rename = "G")]
    pub auto_exchange_ask_rate: Money,
}

/// An index of several assets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompositeIndexEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Which.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Its price.
    #[serde(rename = "p")]
    pub price: Money,
    /// `baseAsset`.
    #[serde(rename = "C")]
    pub component: Box<str>,
    /// What it is made of.
    #[serde(rename = "c")]
    pub composition: Vec<CompositeIndexPart>,
}

/// A part of a composite index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompositeIndexPart {
    /// The asset.
    #[serde(rename = "b")]
    pub base_asset: Box<str>,
    /// What its price is in.
    #[serde(rename = "q")]
    pub quote_asset: Box<str>,
    /// Weight in quantity.
    #[serde(rename = "w")]
    pub weight_in_quantity: Money,
    /// Weight as a fraction.
    #[serde(rename = "W")]
    pub weight_in_percentage: Money,
    /// Its index price.
    #[serde(rename = "i")]
    pub index_price: Money,
}
