//! What the books tell of positions and trades.

use engine::{EpochSeconds, JsonText, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::words::PositionSide;

/// A round trip in the history of its symbol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedTrade {
    /// Of the opening plan.
    pub plan_id: String,
    /// Of the closing order.
    pub order_id: u64,
    /// Long or short.
    pub side: PositionSide,
    /// Base quantity.
    pub quantity: Decimal,
    /// In USDT, average.
    pub entry_price: Decimal,
    /// In USDT, average.
    pub exit_price: Decimal,
    /// In USDT, before fees.
    pub pnl_usd: Decimal,
    /// Of the entry's notional, in percent.
    pub pnl_percent: Decimal,
    /// In USDT.
    pub fees: Decimal,
    /// Why it was closed.
    pub reason: Cow<'static, str>,
    /// When.
    pub closed_at: EpochSeconds,
}

engine::record! {
    /// quantum:position:{S}: an open position for readers of the older form, derived from the canonical
    /// record. Its quantity is without sign.
    pub struct DerivedPosition {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Long or short.
        pub side: PositionSide = "side",
        /// Base quantity, without sign.
        pub quantity: Decimal = "quantity",
        /// In USDT.
        pub entry_price: Decimal = "entry_price",
        /// Chosen leverage.
        pub leverage: u32 = "leverage",
        /// In USDT; absent when nothing watches the position.
        pub stop_loss: Option<Decimal> = "stop_loss",
        /// In USDT; absent when nothing watches the position.
        pub take_profit: Option<Decimal> = "take_profit",
        /// Of the opening plan.
        pub plan_id: Option<String> = "plan_id",
        /// When it was opened, as far as that is known.
        pub created_at: EpochSeconds = "created_at",
    }

    /// quantum:ledger:{S}: what the symbol has traded.
    pub struct TradeLedger {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Round trips.
        pub total_trades: u64 = "total_trades",
        /// Of them above zero.
        pub total_wins: u64 = "total_wins",
        /// Of them below zero.
        pub total_losses: u64 = "total_losses",
        /// In USDT, before fees.
        pub total_pnl_usd: Decimal = "total_pnl_usd",
        /// In USDT.
        pub total_fees_usd: Decimal = "total_fees_usd",
        /// Sum of entries and exits, in USDT.
        pub total_volume_usd: Decimal = "total_volume_usd",
        /// The last 300, oldest first.
        pub trade_history: JsonText<Vec<LoggedTrade>> = "trade_history",
        /// When the last one was closed.
        pub updated_at: EpochSeconds = "updated_at",
    }

    /// quantum:symbol:performance:{S}: the trades of the last 30 days, as far as the history goes.
    pub struct SymbolPerformance {
        /// 0 to 1.
        pub win_rate: f64 = "win_rate",
        /// Mean, in percent.
        pub avg_pnl_pct: f64 = "avg_pnl_pct",
        /// How many.
        pub total_trades: u64 = "total_trades",
        /// Mean over sample deviation, a trade.
        pub sharpe_ratio: f64 = "sharpe_ratio",
        /// When the last one was closed.
        pub updated_at: EpochSeconds = "updated_at",
    }
}
