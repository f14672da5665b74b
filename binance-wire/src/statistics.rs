//! `/futures/data/…`, and the downloads of histories.

use serde::{Deserialize, Serialize};

use crate::{Money, Num};

/// A row of GET `/futures/data/basis`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BasisRow {
    /// The index.
    pub index_price: Money,
    /// `PERPETUAL`, or that of a dated contract.
    pub contract_type: Box<str>,
    /// Basis over index, with four decimals.
    pub basis_rate: Num,
    /// The contract's price.
    pub futures_price: Num,
    /// Of dated contracts; else empty.
    pub annualized_basis_rate: Box<str>,
    /// Price less index.
    pub basis: Money,
    /// Of which symbol.
    pub pair: Box<str>,
    /// In ms.
    pub timestamp: i64,
}

/// A row of the ratios of longs and shorts, by account or by position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LongShortRow {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// The one over the other.
    pub long_short_ratio: Num,
    /// Share of the longs, 0 to 1.
    pub long_account: Num,
    /// Share of the shorts.
    pub short_account: Num,
    /// In ms, as text.
    pub timestamp: Box<str>,
}

/// A row of GET `/futures/data/openInterestHist`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenInterestRow {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// In the base asset.
    pub sum_open_interest: Money,
    /// In the quote asset.
    pub sum_open_interest_value: Money,
    /// How much of the coin there is, by CoinMarketCap.
    #[serde(rename = "CMCCirculatingSupply")]
    pub circulating_supply: Num,
    /// In ms, as text.
    pub timestamp: Box<str>,
}

/// A row of GET `/futures/data/takerlongshortRatio`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakerVolumeRow {
    /// The one over the other.
    pub buy_sell_ratio: Num,
    /// What takers bought, in the base asset.
    pub buy_vol: Num,
    /// What takers sold.
    pub sell_vol: Num,
    /// In ms, as text.
    pub timestamp: Box<str>,
}

/// The answer to GET `/fapi/v1/order/asyn`, `trade/asyn` and `income/asyn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DownloadId {
    /// How long files took in the last 30 days.
    pub avg_cost_timestamp_of_last30d: i64,
    /// By which the link is asked for.
    pub download_id: Box<str>,
}

/// The answer to the same with `/id` behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DownloadLink {
    /// As asked.
    pub download_id: Box<str>,
    /// `completed` or `processing`.
    pub status: Box<str>,
    /// Empty until it is there.
    pub url: Box<str>,
    /// Whether its owner was told.
    pub notified: bool,
    /// In ms; -1 until it is there.
    pub expiration_timestamp: i64,
    /// Null as long as it has not.
    pub is_expired: Option<bool>,
}
