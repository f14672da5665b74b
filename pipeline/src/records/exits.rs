//! What exits were worth.

use engine::{EpochSeconds, Symbol};
use std::borrow::Cow;

engine::record! {
    /// quantum:metrics:exit:{trade}: a trade, open or closed. Amounts in USDT.
    pub struct ExitMetrics {
        /// First 16 hexadecimal digits of SHA-256 over `symbol:order` of its entry.
        pub trade_id: String = "trade_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// `LONG` or `SHORT`.
        pub side: Cow<'static, str> = "side",
        /// `open` or `closed`.
        pub status: Cow<'static, str> = "status",
        /// Average.
        pub entry_price: f64 = "entry_price",
        /// Base quantity.
        pub entry_qty: f64 = "entry_qty",
        /// Base quantity.
        pub remaining_qty: f64 = "remaining_qty",
        /// After fees.
        pub pnl_usdt: f64 = "pnl_usdt",
        /// Of the entry's notional, in percent.
        pub pnl_pct: f64 = "pnl_pct",
        /// Of entry and exits.
        pub fees_usdt: f64 = "fees_usdt",
        /// Maximum favourable excursion of what was left.
        pub mfe_usdt: f64 = "mfe_usdt",
        /// Maximum adverse excursion of what was left.
        pub mae_usdt: f64 = "mae_usdt",
        /// Price of the last exit over the best price; absent while open.
        pub efficiency: Option<f64> = "efficiency",
        /// `trend`, `chop` or `unknown` at the last exit.
        pub regime: Cow<'static, str> = "regime",
        /// How many.
        pub exits: u32 = "exits",
        /// Of them above zero.
        pub exits_won: u32 = "exits_won",
        /// Orders of entry and exits.
        pub orders: engine::JsonText<Vec<u64>> = "orders",
        /// When.
        pub opened_at: EpochSeconds = "opened_at",
        /// Absent while open.
        pub closed_at: Option<EpochSeconds> = "closed_at",
    }
}
