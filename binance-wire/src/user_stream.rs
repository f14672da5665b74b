//! The user stream: its envelope, and all events but those of orders.

use serde::{Deserialize, Serialize};

use super::{
    AlgoUpdate, MarginType, MarginTypeLower, Money, Num, OrderTradeUpdate, PositionSide, TradeLite,
    TriggerReject, UpdateReason,
};

/// Any event of the user stream; `e` is its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserEvent {
    /// An order.
    OrderTradeUpdate(Box<OrderTradeUpdate>),
    /// A fill, sooner.
    TradeLite(Box<TradeLite>),
    /// Balances and positions.
    AccountUpdate(Box<AccountUpdate>),
    /// A conditional order.
    AlgoUpdate(Box<AlgoUpdate>),
    /// Positions near liquidation.
    MarginCall(MarginCall),
    /// Leverage or multi-assets mode.
    AccountConfigUpdate(AccountConfigUpdate),
    /// The stream has ended: a new listen key is needed.
    #[serde(rename = "listenKeyExpired")]
    ListenKeyExpired(ListenKeyExpired),
    /// The order of a trigger was refused; not sent since 2025-12-15.
    ConditionalOrderTriggerReject(TriggerReject),
    /// A strategy of the venue; the simulated one has none.
    StrategyUpdate(StrategyUpdate),
    /// A grid of the venue; the simulated one has none.
    GridUpdate(GridUpdate),
}

/// `ACCOUNT_UPDATE`: balances and positions that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountUpdate {
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// What changed.
    #[serde(rename = "a")]
    pub update: AccountChange,
}

/// What changed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChange {
    /// Why.
    #[serde(rename = "m")]
    pub reason: UpdateReason,
    /// Balances that changed.
    #[serde(rename = "B")]
    pub balances: Vec<BalanceEvent>,
    /// Positions that changed.
    #[serde(rename = "P")]
    pub positions: Vec<PositionEvent>,
}

/// A balance in ACCOUNT_UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceEvent {
    /// Of which asset.
    #[serde(rename = "a")]
    pub asset: Box<str>,
    /// Wallet.
    #[serde(rename = "wb")]
    pub wallet_balance: Money,
    /// Wallet without what isolated positions hold.
    #[serde(rename = "cw")]
    pub cross_wallet_balance: Money,
    /// By how much it changed, without profit and commission; `0` for not at all.
    #[serde(rename = "bc")]
    pub balance_change: super::ZeroOr<8>,
}

/// A position in ACCOUNT_UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionEvent {
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Signed size.
    #[serde(rename = "pa")]
    pub position_amt: Num,
    /// Average price of what opened it.
    #[serde(rename = "ep")]
    pub entry_price: Num,
    /// The price at which it pays its fees.
    #[serde(rename = "bep")]
    pub break_even_price: Num,
    /// Profit realised so far, before fees.
    #[serde(rename = "cr")]
    pub cumulative_realized: Num,
    /// Its profit while open.
    #[serde(rename = "up")]
    pub unrealized_profit: Num,
    /// Cross or isolated.
    #[serde(rename = "mt")]
    pub margin_type: MarginTypeLower,
    /// What the position holds of the wallet.
    #[serde(rename = "iw")]
    pub isolated_wallet: Num,
    /// Which side.
    #[serde(rename = "ps")]
    pub position_side: PositionSide,
    /// Asset of its margin. Always sent; `None` only when read from an older source.
    #[serde(rename = "ma", default, skip_serializing_if = "Option::is_none")]
    pub margin_asset: Option<Box<str>>,
}

/// `MARGIN_CALL`: positions near liquidation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginCall {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Cross wallet; absent for an isolated position.
    #[serde(rename = "cw", default, skip_serializing_if = "Option::is_none")]
    pub cross_wallet_balance: Option<Money>,
    /// Which positions.
    #[serde(rename = "p")]
    pub positions: Vec<MarginCallPosition>,
}

/// A position in MARGIN_CALL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginCallPosition {
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Which side.
    #[serde(rename = "ps")]
    pub position_side: PositionSide,
    /// Signed size.
    #[serde(rename = "pa")]
    pub position_amt: Num,
    /// Cross or isolated.
    #[serde(rename = "mt")]
    pub margin_type: MarginType,
    /// What the position holds of the wallet; `0` for cross.
    #[serde(rename = "iw")]
    pub isolated_wallet: Num,
    /// Mark price.
    #[serde(rename = "mp")]
    pub mark_price: Num,
    /// Its profit while open.
    #[serde(rename = "up")]
    pub unrealized_profit: Num,
    /// Maintenance margin.
    #[serde(rename = "mm")]
    pub maint_margin: Num,
}

/// `ACCOUNT_CONFIG_UPDATE`: one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountConfigUpdate {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// Leverage of a symbol.
    #[serde(rename = "ac", default, skip_serializing_if = "Option::is_none")]
    pub leverage: Option<LeverageEvent>,
    /// Multi-assets mode.
    #[serde(rename = "ai", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<MultiAssetsEvent>,
}

/// New leverage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeverageEvent {
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// As set.
    #[serde(rename = "l")]
    pub leverage: u32,
}

/// New multi-assets mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiAssetsEvent {
    /// On.
    #[serde(rename = "j")]
    pub multi_assets_margin: bool,
}

/// `listenKeyExpired`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenKeyExpired {
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Which.
    #[serde(rename = "listenKey")]
    pub listen_key: Box<str>,
}

/// `STRATEGY_UPDATE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyUpdate {
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// The strategy.
    #[serde(rename = "su")]
    pub strategy: StrategyEvent,
}

/// A strategy of the venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyEvent {
    /// Its id.
    #[serde(rename = "si")]
    pub id: u64,
    /// Such as `GRID`.
    #[serde(rename = "st")]
    pub strategy_type: Box<str>,
    /// Where it stands.
    #[serde(rename = "ss")]
    pub status: Box<str>,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// When that changed.
    #[serde(rename = "ut")]
    pub update_time: i64,
    /// Binance's code of what happened.
    #[serde(rename = "c")]
    pub code: i64,
}

/// `GRID_UPDATE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridUpdate {
    /// When it happened.
    #[serde(rename = "T")]
    pub transaction_time: i64,
    /// When it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// The grid.
    #[serde(rename = "gu")]
    pub grid: GridEvent,
}

/// A grid of the venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridEvent {
    /// Its id.
    #[serde(rename = "si")]
    pub id: u64,
    /// `GRID`.
    #[serde(rename = "st")]
    pub strategy_type: Box<str>,
    /// Where it stands.
    #[serde(rename = "ss")]
    pub status: Box<str>,
    /// Of which symbol.
    #[serde(rename = "s")]
    pub symbol: Box<str>,
    /// Profit realised.
    #[serde(rename = "r")]
    pub realized: Num,
    /// Average price of what is not matched.
    #[serde(rename = "up")]
    pub unmatched_price: Num,
    /// Quantity of what is not matched.
    #[serde(rename = "uq")]
    pub unmatched_qty: Num,
    /// Fees of what is not matched.
    #[serde(rename = "uf")]
    pub unmatched_fee: Num,
    /// Profit matched.
    #[serde(rename = "mp")]
    pub matched: Num,
    /// When that changed.
    #[serde(rename = "ut")]
    pub update_time: i64,
}
