//! Market data over REST.

use serde::{Deserialize, Serialize};

use super::{AdlRisk, Fixed, Money, Num};

/// Price and quantity of a level: `["4.00000200","12.00000000"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelRow(
    /// Price.
    pub Num,
    /// Quantity.
    pub Num,
);

/// GET `/fapi/v1/depth` and `depth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Depth {
    /// The last update that it holds.
    pub last_update_id: u64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// When the book changed last.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// From the best bid down.
    pub bids: Vec<LevelRow>,
    /// From the best ask up.
    pub asks: Vec<LevelRow>,
}

/// A row of GET `/fapi/v1/trades` and `historicalTrades`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeRow {
    /// The trade's id.
    pub id: u64,
    /// At what price.
    pub price: Num,
    /// How much.
    pub qty: Num,
    /// Price times quantity.
    pub quote_qty: Num,
    /// When.
    pub time: i64,
    /// The buyer's order rested.
    pub is_buyer_maker: bool,
    /// An RPI order took part.
    #[serde(rename = "isRPITrade")]
    pub is_rpi_trade: bool,
}

/// A row of GET `/fapi/v1/aggTrades`: fills of one taker side at one price within 100 ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggTradeRow {
    /// Its id.
    #[serde(rename = "a")]
    pub id: u64,
    /// At what price.
    #[serde(rename = "p")]
    pub price: Num,
    /// How much.
    #[serde(rename = "q")]
    pub qty: Num,
    /// How much without RPI orders. Always sent; `None` only when read from an older source.
    #[serde(rename = "nq", default, skip_serializing_if = "Option::is_none")]
    pub normal_qty: Option<Num>,
    /// Its first trade.
    #[serde(rename = "f")]
    pub first_id: u64,
    /// Its last trade.
    #[serde(rename = "l")]
    pub last_id: u64,
    /// When.
    #[serde(rename = "T")]
    pub time: i64,
    /// The buyer's order rested.
    #[serde(rename = "m")]
    pub is_buyer_maker: bool,
}

/// A row of the five kinds of klines: an array of twelve. Mark, index and premium klines have volumes `0`
/// but count their samples; premium prices are signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KlineRow(
    /// When it opened.
    pub i64,
    /// Open.
    pub Num,
    /// High.
    pub Num,
    /// Low.
    pub Num,
    /// Close, or the last price so far.
    pub Num,
    /// Volume in the base asset.
    pub Num,
    /// Its last millisecond.
    pub i64,
    /// Volume in the quote asset.
    pub Num,
    /// Trades or samples.
    pub u64,
    /// Volume of taker buys in the base asset.
    pub Num,
    /// The same in the quote asset.
    pub Num,
    /// Nothing; `0`.
    pub Num,
);

/// GET `/fapi/v1/premiumIndex`, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PremiumIndex {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Mark price.
    pub mark_price: Money,
    /// Index price.
    pub index_price: Money,
    /// What a settlement now would be made at.
    pub estimated_settle_price: Money,
    /// The running estimate of the next payment's rate, not the last settled one.
    pub last_funding_rate: Money,
    /// Interest rate per interval.
    pub interest_rate: Money,
    /// When the next payment is due.
    pub next_funding_time: i64,
    /// When.
    pub time: i64,
}

/// A row of GET `/fapi/v1/fundingRate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FundingRateRow {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// As settled: a fraction of the notional.
    pub funding_rate: Money,
    /// When, with some milliseconds of jitter.
    pub funding_time: i64,
    /// At which mark price.
    pub mark_price: Money,
    /// `Regular`. Always sent; `None` only when read from an older source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_type: Option<Box<str>>,
}

/// A row of GET `/fapi/v1/fundingInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FundingInfoRow {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Highest rate.
    pub adjusted_funding_rate_cap: Money,
    /// Lowest rate.
    pub adjusted_funding_rate_floor: Money,
    /// Hours between payments.
    pub funding_interval_hours: u32,
    /// The row is the default of its symbol.
    pub disclaimer: bool,
    /// When it was adjusted; null for a default.
    #[serde(default)]
    pub update_time: Option<i64>,
}

/// GET `/fapi/v1/openInterest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenInterest {
    /// Open contracts, in the base asset.
    pub open_interest: Num,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// When.
    pub time: i64,
}

/// GET `/fapi/v1/insuranceBalance`, or a row of it: a fund that several symbols share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsuranceFund {
    /// Which symbols.
    pub symbols: Vec<Box<str>>,
    /// What it holds.
    pub assets: Vec<InsuranceAsset>,
}

/// An asset of an insurance fund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InsuranceAsset {
    /// Which.
    pub asset: Box<str>,
    /// How much; as few decimals as it needs.
    pub margin_balance: Num,
    /// When it changed last.
    pub update_time: i64,
}

/// GET `/fapi/v1/symbolAdlRisk`, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolAdlRisk {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// How near deleveraging is.
    pub adl_risk: AdlRisk,
    /// When it changed last.
    pub update_time: i64,
}

/// GET `/fapi/v1/ticker/24hr`, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayTicker {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Last price less the open.
    pub price_change: Num,
    /// The same in percent of the open.
    pub price_change_percent: Fixed<3>,
    /// Volume-weighted average price.
    pub weighted_avg_price: Num,
    /// Last price.
    pub last_price: Num,
    /// Last quantity.
    pub last_qty: Num,
    /// Price 24 hours ago.
    pub open_price: Num,
    /// Highest price.
    pub high_price: Num,
    /// Lowest price.
    pub low_price: Num,
    /// Volume in the base asset.
    pub volume: Num,
    /// Volume in the quote asset.
    pub quote_volume: Num,
    /// When the window opened.
    pub open_time: i64,
    /// When it closed.
    pub close_time: i64,
    /// Its first trade.
    pub first_id: u64,
    /// Its last trade.
    pub last_id: u64,
    /// How many trades.
    pub count: u64,
}

/// GET `/fapi/v1/ticker/price` and `/fapi/v2/ticker/price`, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTicker {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Last price.
    pub price: Num,
    /// When.
    pub time: i64,
}

/// GET `/fapi/v1/ticker/bookTicker` and `ticker.book`, or a row of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookTicker {
    /// The last update that it holds. Always sent; `None` only when read from an older source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_id: Option<u64>,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Best bid.
    pub bid_price: Num,
    /// How much there.
    pub bid_qty: Num,
    /// Best ask.
    pub ask_price: Num,
    /// How much there.
    pub ask_qty: Num,
    /// When the book changed last.
    pub time: i64,
}

/// GET `/fapi/v1/assetIndex`, or a row of it: what an asset is worth as margin in multi-assets mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetIndex {
    /// Such as `ADAUSD`.
    pub symbol: Box<str>,
    /// When.
    pub time: i64,
    /// USD for one.
    pub index: Money,
    /// Taken off when we hold it.
    pub bid_buffer: Money,
    /// Put on when we owe it.
    pub ask_buffer: Money,
    /// index × (1 - bid buffer), cut.
    pub bid_rate: Money,
    /// index × (1 + ask buffer), cut.
    pub ask_rate: Money,
    /// The same when it is exchanged.
    pub auto_exchange_bid_buffer: Money,
    /// The same when it is exchanged.
    pub auto_exchange_ask_buffer: Money,
    /// The same when it is exchanged.
    pub auto_exchange_bid_rate: Money,
    /// The same when it is exchanged.
    pub auto_exchange_ask_rate: Money,
}
