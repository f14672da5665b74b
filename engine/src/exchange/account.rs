//! Accounts and positions, as answers and the user stream show them.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::words::{MarginType, PositionSide};
use crate::{Nanos, PriceTicks, QtyLots, Symbol, SymbolIndex};

/// Which account of the venue. A run of one trader has only the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AccountId(pub u16);

/// A position as `positionRisk` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRisk {
    /// Whose.
    pub symbol: SymbolIndex,
    /// BOTH in one-way mode.
    pub position_side: PositionSide,
    /// Signed.
    pub position_amt: QtyLots,
    /// Volume-weighted average of what opened it, in USDT; zero when flat.
    #[serde(with = "crate::decimal_serde")]
    pub entry_price: Decimal,
    /// The price at which fees are earned back, too, in USDT; zero when flat.
    #[serde(with = "crate::decimal_serde")]
    pub break_even_price: Decimal,
    /// Mark price.
    pub mark_price: PriceTicks,
    /// In USDT.
    #[serde(with = "crate::decimal_serde")]
    pub unrealized_profit: Decimal,
    /// In USDT; zero where there is none.
    #[serde(with = "crate::decimal_serde")]
    pub liquidation_price: Decimal,
    /// Chosen leverage.
    pub leverage: u32,
    /// Cross or isolated.
    pub margin_type: MarginType,
    /// The wallet of an isolated position, in USDT; zero for a cross one.
    #[serde(with = "crate::decimal_serde")]
    pub isolated_wallet: Decimal,
    /// Initial margin of the position alone, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub initial_margin: Decimal,
    /// Maintenance margin, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub maint_margin: Decimal,
    /// When the position changed last.
    pub update_time: Nanos,
}

/// The account's money. Wallets, profits and what may be transferred out are in USDT; on multi-assets mode
/// the margin balance, what is available and the margins are of the whole account and in USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBalance {
    /// Transfers + realised PnL + funding - commission - liquidation fees.
    #[serde(with = "crate::decimal_serde")]
    pub wallet_balance: Decimal,
    /// Wallet without what lies in isolated positions.
    #[serde(with = "crate::decimal_serde")]
    pub cross_wallet_balance: Decimal,
    /// Over all positions.
    #[serde(with = "crate::decimal_serde")]
    pub unrealized_profit: Decimal,
    /// Over all cross positions.
    #[serde(with = "crate::decimal_serde")]
    pub cross_unrealized_profit: Decimal,
    /// Wallet + unrealised.
    #[serde(with = "crate::decimal_serde")]
    pub margin_balance: Decimal,
    /// For new orders.
    #[serde(with = "crate::decimal_serde")]
    pub available_balance: Decimal,
    /// What may be transferred out.
    #[serde(with = "crate::decimal_serde")]
    pub max_withdraw: Decimal,
    /// Of positions and open orders.
    #[serde(with = "crate::decimal_serde")]
    pub initial_margin: Decimal,
    /// Of positions.
    #[serde(with = "crate::decimal_serde")]
    pub position_initial_margin: Decimal,
    /// Of open orders.
    #[serde(with = "crate::decimal_serde")]
    pub open_order_initial_margin: Decimal,
    /// Of positions.
    #[serde(with = "crate::decimal_serde")]
    pub maint_margin: Decimal,
}

/// A balance in ACCOUNT_UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceUpdate {
    /// Wallet after it, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub wallet_balance: Decimal,
    /// Without what lies in isolated positions.
    #[serde(with = "crate::decimal_serde")]
    pub cross_wallet_balance: Decimal,
    /// What came or went, except profit and commission.
    #[serde(with = "crate::decimal_serde")]
    pub balance_change: Decimal,
}

/// A position in ACCOUNT_UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionUpdate {
    /// Whose.
    pub symbol: SymbolIndex,
    /// BOTH in one-way mode.
    pub position_side: PositionSide,
    /// Signed.
    pub position_amt: QtyLots,
    /// In USDT; zero when flat.
    #[serde(with = "crate::decimal_serde")]
    pub entry_price: Decimal,
    /// In USDT; zero when flat.
    #[serde(with = "crate::decimal_serde")]
    pub break_even_price: Decimal,
    /// Realised since the beginning, before fees, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub accumulated_realized: Decimal,
    /// In USDT.
    #[serde(with = "crate::decimal_serde")]
    pub unrealized_profit: Decimal,
    /// Cross or isolated.
    pub margin_type: MarginType,
    /// The wallet of an isolated position, in USDT; zero for a cross one.
    #[serde(with = "crate::decimal_serde")]
    pub isolated_wallet: Decimal,
}

/// A position in MARGIN_CALL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginCallPosition {
    /// Whose.
    pub symbol: SymbolIndex,
    /// BOTH in one-way mode.
    pub position_side: PositionSide,
    /// Signed.
    pub position_amt: QtyLots,
    /// Cross or isolated.
    pub margin_type: MarginType,
    /// The wallet of an isolated position, in USDT; zero for a cross one.
    #[serde(with = "crate::decimal_serde")]
    pub isolated_wallet: Decimal,
    /// Mark price.
    pub mark_price: PriceTicks,
    /// In USDT.
    #[serde(with = "crate::decimal_serde")]
    pub unrealized_profit: Decimal,
    /// Maintenance margin that is required, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub maint_margin: Decimal,
}

/// A symbol's row of exchangeInfo, as far as the pipeline reads it. Integers are on its grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolInfo {
    /// Its name.
    pub name: Symbol,
    /// Its place in the run.
    pub symbol: SymbolIndex,
    /// `TRADING` (and PERPETUAL).
    pub trading: bool,
    /// PRICE_FILTER tickSize in price units.
    pub tick_size: i64,
    /// LOT_SIZE stepSize in quantity units.
    pub step_size: i64,
    /// LOT_SIZE minQty.
    pub min_qty: QtyLots,
    /// MARKET_LOT_SIZE maxQty.
    pub market_max_qty: QtyLots,
    /// MIN_NOTIONAL in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub min_notional: Decimal,
    /// Leverage of the first bracket.
    pub max_leverage: u32,
}
