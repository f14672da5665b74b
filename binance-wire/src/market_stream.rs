//! The market streams. Streams of all symbols (`…@arr`) send lists of the same events.

use serde::{Deserialize, Serialize};

use super::{
    AssetIndexEvent, CompositeIndexEvent, ContinuousKlineEvent, ContractInfoEvent, ForceOrderEvent,
    KlineEvent, LevelRow, MiniTickerEvent, Money, Num, TickerEvent,
};

/// Any event of a market stream; `e` is its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "camelCase")]
pub enum MarketStreamEvent {
    /// `<symbol>@aggTrade`.
    AggTrade(AggTradeEvent),
    /// `<symbol>@trade`: on no page of USDⓈ-M, but it exists.
    Trade(TradeEvent),
    /// `<symbol>@bookTicker` and `!bookTicker`.
    BookTicker(BookTickerEvent),
    /// `<symbol>@depth…`: changes, or the whole of the first levels.
    DepthUpdate(DepthEvent),
    /// `<symbol>@markPrice` and `!markPrice@arr`.
    MarkPriceUpdate(MarkPriceEvent),
    /// `<symbol>@kline_<interval>`.
    Kline(KlineEvent),
    /// `<pair>_<contractType>@continuousKline_<interval>`.
    #[serde(rename = "continuous_kline")]
    ContinuousKline(ContinuousKlineEvent),
    /// `<symbol>@forceOrder` and `!forceOrder@arr`.
    ForceOrder(ForceOrderEvent),
    /// `<symbol>@miniTicker` and `!miniTicker@arr`.
    #[serde(rename = "24hrMiniTicker")]
    MiniTicker(MiniTickerEvent),
    /// `<symbol>@ticker` and `!ticker@arr`.
    #[serde(rename = "24hrTicker")]
    Ticker(Box<TickerEvent>),
    /// `!contractInfo`.
    ContractInfo(ContractInfoEvent),
    /// `!assetIndex@arr`.
    AssetIndexUpdate(Box<AssetIndexEvent>),
    /// `<symbol>@compositeIndex`.
    CompositeIndex(CompositeIndexEvent),
}

/// Fills of one taker side at one price within 100 ms. Liquidations by the fund and deleveraging are no
/// part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggTradeEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Its id.
    #[serde(rename = "a")]
    pub id: u64,
    /// At what price.
    #[serde(rename = "p")]
    pub price: Num,
    /// How much.
    #[serde(rename = "q")]
    pub qty: Num,
    /// How much without RPI orders, since 2025-12-31.
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

/// One trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Its id.
    #[serde(rename = "t")]
    pub id: u64,
    /// At what price.
    #[serde(rename = "p")]
    pub price: Num,
    /// How much.
    #[serde(rename = "q")]
    pub qty: Num,
    /// When.
    #[serde(rename = "T")]
    pub time: i64,
    /// The buyer's order rested.
    #[serde(rename = "m")]
    pub is_buyer_maker: bool,
}

/// The best of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookTickerEvent {
    /// The update that made it so.
    #[serde(rename = "u")]
    pub update_id: u64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Best bid.
    #[serde(rename = "b")]
    pub bid_price: Num,
    /// How much there.
    #[serde(rename = "B")]
    pub bid_qty: Num,
    /// Best ask.
    #[serde(rename = "a")]
    pub ask_price: Num,
    /// How much there.
    #[serde(rename = "A")]
    pub ask_qty: Num,
}

/// Levels of a book: what they hold now, 0 for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Its first update.
    #[serde(rename = "U")]
    pub first_update_id: u64,
    /// Its last update.
    #[serde(rename = "u")]
    pub last_update_id: u64,
    /// The last update of the event before.
    #[serde(rename = "pu")]
    pub previous_update_id: u64,
    /// Bids.
    #[serde(rename = "b")]
    pub bids: Vec<LevelRow>,
    /// Asks.
    #[serde(rename = "a")]
    pub asks: Vec<LevelRow>,
}

/// Mark price, index and funding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkPriceEvent {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Mark price.
    #[serde(rename = "p")]
    pub mark_price: Money,
    /// Its moving average, since 2026-03-16.
    #[serde(rename = "ap", default, skip_serializing_if = "Option::is_none")]
    pub mark_price_average: Option<Money>,
    /// Index price.
    #[serde(rename = "i")]
    pub index_price: Money,
    /// What a settlement now would be made at.
    #[serde(rename = "P")]
    pub estimated_settle_price: Money,
    /// The running estimate of the next payment's rate.
    #[serde(rename = "r")]
    pub funding_rate: Money,
    /// When the next payment is due.
    #[serde(rename = "T")]
    pub next_funding_time: i64,
}
