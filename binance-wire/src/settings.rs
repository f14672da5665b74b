//! Settings, limits, income and the listen key of an account.

use serde::{Deserialize, Serialize};

use super::{JsonNumber, MarginType, Money, Num, RateLimitInterval, RateLimitType};

/// GET `/fapi/v1/accountConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountConfig {
    /// VIP tier.
    pub fee_tier: u32,
    /// May trade.
    pub can_trade: bool,
    /// May transfer in.
    pub can_deposit: bool,
    /// May transfer out.
    pub can_withdraw: bool,
    /// Hedge mode.
    pub dual_side_position: bool,
    /// Always 0.
    pub update_time: i64,
    /// Multi-assets mode.
    pub multi_assets_margin: bool,
    /// Accounts of one group do not trade with each other; -1 for none.
    pub trade_group_id: i64,
}

/// A row of GET `/fapi/v1/symbolConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolConfig {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Cross or isolated.
    pub margin_type: MarginType,
    /// A boolean here, a string in positionRisk.
    pub is_auto_add_margin: bool,
    /// Chosen leverage.
    pub leverage: u32,
    /// Largest notional at this leverage: an integer in a string.
    pub max_notional_value: Num,
}

/// GET `/fapi/v1/positionSide/dual`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PositionMode {
    /// Hedge mode.
    pub dual_side_position: bool,
}

/// GET `/fapi/v1/multiAssetsMargin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MultiAssetsMode {
    /// Multi-assets mode.
    pub multi_assets_margin: bool,
}

/// GET `/fapi/v1/feeBurn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeBurn {
    /// Fees are paid in BNB.
    pub fee_burn: bool,
}

/// GET `/fapi/v1/commissionRate`: fractions of the notional.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommissionRate {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// For orders that rest.
    pub maker_commission_rate: Num,
    /// For orders that take.
    pub taker_commission_rate: Num,
    /// For RPI orders.
    pub rpi_commission_rate: Num,
}

/// A row of GET `/fapi/v1/leverageBracket`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolBrackets {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Factor of the account's own brackets; absent unless they were adjusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notional_coef: Option<JsonNumber>,
    /// From the lowest notional up.
    pub brackets: Vec<BracketRow>,
}

/// A bracket; numbers, not strings. Notional in the quote asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BracketRow {
    /// From 1.
    pub bracket: u32,
    /// Highest leverage.
    pub initial_leverage: u32,
    /// Highest notional, included.
    pub notional_cap: JsonNumber,
    /// Lowest notional, not included.
    pub notional_floor: JsonNumber,
    /// Maintenance margin as a fraction of the notional.
    pub maint_margin_ratio: JsonNumber,
    /// What is taken off the maintenance margin.
    pub cum: JsonNumber,
}

/// A row of GET `/fapi/v1/income`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomeRow {
    /// Of which symbol; empty for a transfer.
    pub symbol: Box<str>,
    /// Such as `COMMISSION`: the names of the ledger's income types.
    pub income_type: Box<str>,
    /// How much, below zero when paid.
    pub income: Money,
    /// Of which asset.
    pub asset: Box<str>,
    /// The income type, or what belongs to it.
    pub info: Box<str>,
    /// When.
    pub time: i64,
    /// Unique per type and user.
    pub tran_id: u64,
    /// Id of the trade; empty without one.
    pub trade_id: Box<str>,
}

/// A rate limit: of exchangeInfo, and of GET `/fapi/v1/rateLimit/order`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// What is counted.
    pub rate_limit_type: RateLimitType,
    /// In windows of this unit,
    pub interval: RateLimitInterval,
    /// so many of them long.
    pub interval_num: u32,
    /// How many are allowed.
    pub limit: u32,
}

impl RateLimit {
    /// Production's limits, in the order of exchangeInfo: weight per IP, orders per account.
    pub const PRODUCTION: [RateLimit; 3] = [
        RateLimit::of(RateLimitType::RequestWeight, RateLimitInterval::Minute, 1, 2_400),
        RateLimit::of(RateLimitType::Orders, RateLimitInterval::Minute, 1, 1_200),
        RateLimit::of(RateLimitType::Orders, RateLimitInterval::Second, 10, 300),
    ];

    const fn of(
        rate_limit_type: RateLimitType,
        interval: RateLimitInterval,
        interval_num: u32,
        limit: u32,
    ) -> RateLimit {
        RateLimit { rate_limit_type, interval, interval_num, limit }
    }
}

/// A rate limit and what is used of it, in answers of the WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitCount {
    /// What is counted.
    pub rate_limit_type: RateLimitType,
    /// In windows of this unit,
    pub interval: RateLimitInterval,
    /// so many of them long.
    pub interval_num: u32,
    /// How many are allowed.
    pub limit: u32,
    /// How many are used.
    pub count: u32,
}

/// The answer to POST and PUT `/fapi/v1/listenKey`, `userDataStream.start` and `userDataStream.ping`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenKey {
    /// 60 to 64 letters and digits.
    pub listen_key: Box<str>,
}

/// The answer to POST `/fapi/v1/countdownCancelAll`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountdownAnswer {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// In milliseconds: an integer in a string, as it was asked for.
    pub countdown_time: Num,
}

/// `{}`: the answer to `ping`, to DELETE `/fapi/v1/listenKey` and to `userDataStream.stop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// GET `/fapi/v1/time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerTime {
    /// The venue's clock.
    pub server_time: i64,
}
