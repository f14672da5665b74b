//! The account over REST and the WebSocket API. Money is in the asset of its row; totals are in USD.

use serde::{Deserialize, Serialize};

use super::{Money, Num, PositionSide, ZeroOr};

/// GET `/fapi/v2/account` and `account.status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountV2 {
    /// VIP tier.
    pub fee_tier: u32,
    /// Fees are paid in BNB. REST has it, the WebSocket API has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_burn: Option<bool>,
    /// May trade.
    pub can_trade: bool,
    /// May transfer in.
    pub can_deposit: bool,
    /// May transfer out.
    pub can_withdraw: bool,
    /// Always 0.
    pub update_time: i64,
    /// Multi-assets mode.
    pub multi_assets_margin: bool,
    /// Accounts of one group do not trade with each other; -1 for none.
    pub trade_group_id: i64,
    /// Sums over the account.
    #[serde(flatten)]
    pub totals: AccountTotals,
    /// One row an asset.
    pub assets: Vec<AccountAssetV2>,
    /// One row a position side of every symbol.
    pub positions: Vec<AccountPositionV2>,
}

/// GET `/fapi/v3/account` and `v2/account.status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountV3 {
    /// Sums over the account.
    #[serde(flatten)]
    pub totals: AccountTotals,
    /// One row an asset.
    pub assets: Vec<AccountAsset>,
    /// Only symbols with a position or open orders.
    pub positions: Vec<AccountPositionV3>,
}

/// Sums over the account: in USDT, or in USD over all assets in multi-assets mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountTotals {
    /// Initial margin of positions and open orders.
    pub total_initial_margin: Money,
    /// Maintenance margin.
    pub total_maint_margin: Money,
    /// Wallet.
    pub total_wallet_balance: Money,
    /// Profit of open positions.
    pub total_unrealized_profit: Money,
    /// Wallet and that profit.
    pub total_margin_balance: Money,
    /// Initial margin of positions.
    pub total_position_initial_margin: Money,
    /// Initial margin of open orders.
    pub total_open_order_initial_margin: Money,
    /// Wallet without what isolated positions hold.
    pub total_cross_wallet_balance: Money,
    /// Profit of open cross positions.
    pub total_cross_un_pnl: Money,
    /// Free for new orders.
    pub available_balance: Money,
    /// Free to transfer out.
    pub max_withdraw_amount: Money,
}

/// An asset of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAsset {
    /// Which.
    pub asset: Box<str>,
    /// Wallet.
    pub wallet_balance: Money,
    /// Profit of open positions.
    pub unrealized_profit: Money,
    /// Wallet and that profit.
    pub margin_balance: Money,
    /// Maintenance margin.
    pub maint_margin: Money,
    /// Initial margin of positions and open orders.
    pub initial_margin: Money,
    /// Initial margin of positions.
    pub position_initial_margin: Money,
    /// Initial margin of open orders.
    pub open_order_initial_margin: Money,
    /// Wallet without what isolated positions hold.
    pub cross_wallet_balance: Money,
    /// Profit of open cross positions.
    pub cross_un_pnl: Money,
    /// Free for new orders; in multi-assets mode the account's figure.
    pub available_balance: Money,
    /// Free to transfer out.
    pub max_withdraw_amount: Money,
    /// When it changed last.
    pub update_time: i64,
}

/// An asset of the account as version 2 shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAssetV2 {
    /// Which.
    pub asset: Box<str>,
    /// Wallet.
    pub wallet_balance: Money,
    /// Profit of open positions.
    pub unrealized_profit: Money,
    /// Wallet and that profit.
    pub margin_balance: Money,
    /// Maintenance margin.
    pub maint_margin: Money,
    /// Initial margin of positions and open orders.
    pub initial_margin: Money,
    /// Initial margin of positions.
    pub position_initial_margin: Money,
    /// Initial margin of open orders.
    pub open_order_initial_margin: Money,
    /// Wallet without what isolated positions hold.
    pub cross_wallet_balance: Money,
    /// Profit of open cross positions.
    pub cross_un_pnl: Money,
    /// Free for new orders; in multi-assets mode the account's figure.
    pub available_balance: Money,
    /// Free to transfer out.
    pub max_withdraw_amount: Money,
    /// Counts as margin in multi-assets mode.
    pub margin_available: bool,
    /// When it changed last.
    pub update_time: i64,
}

/// A position of the account as version 2 shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountPositionV2 {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Initial margin of the position and of open orders.
    pub initial_margin: ZeroOr<8>,
    /// Maintenance margin.
    pub maint_margin: ZeroOr<8>,
    /// Its profit while open.
    pub unrealized_profit: Money,
    /// Initial margin of the position.
    pub position_initial_margin: ZeroOr<8>,
    /// Initial margin of open orders.
    pub open_order_initial_margin: ZeroOr<8>,
    /// Chosen leverage: an integer in a string.
    pub leverage: Num,
    /// Isolated, not cross.
    pub isolated: bool,
    /// Average price of what opened it.
    pub entry_price: Num,
    /// The price at which it pays its fees. The WebSocket API has it, REST has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even_price: Option<Num>,
    /// Largest notional at the chosen leverage: an integer in a string.
    pub max_notional: Num,
    /// Notional of open bids.
    pub bid_notional: ZeroOr<8>,
    /// Notional of open asks.
    pub ask_notional: ZeroOr<8>,
    /// Which side.
    pub position_side: PositionSide,
    /// Signed size.
    pub position_amt: Num,
    /// When it changed last; 0 for never.
    pub update_time: i64,
}

/// A position of the account as version 3 shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountPositionV3 {
    /// Of which symbol.
    pub symbol: Box<str>,
    /// Which side.
    pub position_side: PositionSide,
    /// Signed size.
    pub position_amt: Num,
    /// Its profit while open.
    pub unrealized_profit: Money,
    /// Isolated wallet and that profit.
    pub isolated_margin: Money,
    /// Signed size times mark price.
    pub notional: ZeroOr<8>,
    /// What the position holds of the wallet.
    pub isolated_wallet: ZeroOr<8>,
    /// Initial margin of the position and of open orders.
    pub initial_margin: ZeroOr<8>,
    /// Maintenance margin.
    pub maint_margin: ZeroOr<8>,
    /// When it changed last; 0 for never.
    pub update_time: i64,
}

/// A row of GET `/fapi/v2/balance`, `/fapi/v3/balance` and both `account.balance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceRow {
    /// A word that names the account.
    pub account_alias: Box<str>,
    /// Which asset.
    pub asset: Box<str>,
    /// Wallet.
    pub balance: Money,
    /// Wallet without what isolated positions hold.
    pub cross_wallet_balance: Money,
    /// Profit of open cross positions.
    pub cross_un_pnl: Money,
    /// Free for new orders.
    pub available_balance: Money,
    /// Free to transfer out.
    pub max_withdraw_amount: Money,
    /// Counts as margin in multi-assets mode.
    pub margin_available: bool,
    /// When it changed last.
    pub update_time: i64,
}
