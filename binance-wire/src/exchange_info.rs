//! GET `/fapi/v1/exchangeInfo`.

use serde::{Deserialize, Serialize};

use super::{ContractType, Fixed, Num, OrderType, RateLimit, SymbolStatus, TimeInForce};

/// All of it. Symbols can not be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeInfo {
    /// `UTC`.
    pub timezone: Box<str>,
    /// The venue's clock.
    pub server_time: i64,
    /// `U_MARGINED`.
    pub futures_type: Box<str>,
    /// Limits of requests.
    pub rate_limits: Vec<RateLimit>,
    /// Always empty.
    pub exchange_filters: Vec<SymbolFilter>,
    /// Margin assets.
    pub assets: Vec<AssetInfo>,
    /// Contracts.
    pub symbols: Vec<SymbolRow>,
}

/// A margin asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetInfo {
    /// Which.
    pub asset: Box<str>,
    /// Counts as margin in multi-assets mode.
    pub margin_available: bool,
    /// Below this balance it is exchanged; null where it is no margin.
    pub auto_asset_exchange: Option<Num>,
}

/// A contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolRow {
    /// Its name.
    pub symbol: Box<str>,
    /// The same for a perpetual contract.
    pub pair: Box<str>,
    /// Perpetual or dated.
    pub contract_type: ContractType,
    /// When it is delivered; 2100-12-25 for a perpetual contract.
    pub delivery_date: i64,
    /// Since when it is listed.
    pub onboard_date: i64,
    /// Whether it trades.
    pub status: SymbolStatus,
    /// Nothing that is used: brackets decide.
    pub maint_margin_percent: Fixed<4>,
    /// Nothing that is used: brackets decide.
    pub required_margin_percent: Fixed<4>,
    /// What is traded.
    pub base_asset: Box<str>,
    /// What its price is in.
    pub quote_asset: Box<str>,
    /// What its profit is in.
    pub margin_asset: Box<str>,
    /// Decimals of prices in answers; not the tick.
    pub price_precision: u32,
    /// Decimals of quantities in answers.
    pub quantity_precision: u32,
    /// 8.
    pub base_asset_precision: u32,
    /// 8.
    pub quote_precision: u32,
    /// Such as `COIN`.
    pub underlying_type: Box<str>,
    /// Such as `PoW`.
    pub underlying_sub_type: Vec<Box<str>>,
    /// 0; rows of 2026 lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_plan: Option<u32>,
    /// Largest relative difference of mark and last price at a protected trigger.
    pub trigger_protect: Num,
    /// Clearance fee as a fraction of the liquidated notional.
    pub liquidation_fee: Fixed<6>,
    /// How far from the mark price market orders fill, as a fraction.
    pub market_take_bound: Fixed<2>,
    /// How often an order can be amended. Always sent; `None` only when read from an older source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_move_order_limit: Option<u32>,
    /// Its filters.
    pub filters: Vec<SymbolFilter>,
    /// Kinds of orders.
    pub order_types: Vec<OrderType>,
    /// How long they stand.
    pub time_in_force: Vec<TimeInForce>,
    /// Such as `COPY`. Always sent; `None` only when read from an older source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_sets: Option<Vec<Box<str>>>,
}

/// A filter of a symbol. The order of members differs from row to row, so it binds nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "filterType", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum SymbolFilter {
    /// Prices.
    PriceFilter {
        /// Lowest; 0 is off.
        min_price: Num,
        /// Highest; 0 is off.
        max_price: Num,
        /// Step; 0 is off.
        tick_size: Num,
    },
    /// Quantities.
    LotSize {
        /// Smallest.
        min_qty: Num,
        /// Largest.
        max_qty: Num,
        /// Step.
        step_size: Num,
    },
    /// Quantities of market orders.
    MarketLotSize {
        /// Smallest.
        min_qty: Num,
        /// Largest.
        max_qty: Num,
        /// Step.
        step_size: Num,
    },
    /// Open orders per symbol.
    MaxNumOrders {
        /// How many.
        limit: u32,
    },
    /// Open conditional orders per symbol; not sent since 2025-12-29.
    MaxNumAlgoOrders {
        /// How many.
        limit: u32,
    },
    /// Price times quantity.
    MinNotional {
        /// Smallest.
        notional: Num,
    },
    /// Prices by the mark price.
    PercentPrice {
        /// Bids at most this times the mark price.
        multiplier_up: Fixed<4>,
        /// Asks at least this times the mark price.
        multiplier_down: Fixed<4>,
        /// Decimals of both: an integer in a string.
        multiplier_decimal: Num,
    },
    /// Whether positions may be opened.
    PositionRiskControl {
        /// `NONE`, or the side that is closed. Always sent; the testnet's rows lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position_control_side: Option<Box<str>>,
    },
}
