//! The account and the portfolio.

use engine::{EpochSeconds, IsoTime};
use rust_decimal::Decimal;
use std::borrow::Cow;

engine::record! {
    /// quantum:account:balance.
    pub struct Balance {
        /// Wallet, in USDT.
        pub balance: Decimal = "balance",
        /// For new orders, in USDT.
        pub available_balance: Decimal = "available_balance",
        /// Initial margin, in USDT.
        pub margin_used: Decimal = "margin_used",
        /// In USDT.
        pub unrealized_pnl: Decimal = "unrealized_pnl",
        /// Open positions, as far as snapshots know them.
        pub total_positions: Option<u64> = "total_positions",
        /// When the exchange was asked.
        pub timestamp: EpochSeconds = "timestamp",
        /// When.
        pub last_updated: IsoTime = "last_updated",
        /// Margin used over margin balance.
        pub margin_ratio: Option<Decimal> = "margin_ratio",
        /// Available over margin balance.
        pub available_ratio: Option<Decimal> = "available_ratio",
    }

    /// account.balance.
    pub struct BalanceEntry {
        /// `balance_update`.
        pub event_type: Cow<'static, str> = "event_type",
        /// Wallet, in USDT.
        pub balance: Decimal = "balance",
        /// In USDT.
        pub available: Decimal = "available",
        /// In USDT.
        pub margin_used: Decimal = "margin_used",
        /// In USDT.
        pub unrealized_pnl: Decimal = "unrealized_pnl",
        /// Open positions.
        pub positions: Option<u64> = "positions",
        /// Margin used over margin balance.
        pub margin_ratio: Option<Decimal> = "margin_ratio",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:equity:current.
    pub struct Equity {
        /// Wallet and unrealised profit, in USDT.
        pub equity: Decimal = "equity",
        /// Its highest value, in USDT.
        pub peak: Decimal = "peak",
        /// When.
        pub last_update_ts: EpochSeconds = "last_update_ts",
    }

    /// quantum:state:portfolio:sums.
    pub struct PortfolioSums {
        /// The running minute since the epoch.
        pub minute: i64 = "minute",
        /// Realised losses of it, in USDT.
        pub losses_usd: f64 = "losses_usd",
        /// Their average of the minutes before.
        pub losses_ewma_usd: f64 = "losses_ewma_usd",
        /// Fees of it, in USDT.
        pub fees_usd: f64 = "fees_usd",
        /// Their average of the minutes before.
        pub fees_ewma_usd: f64 = "fees_ewma_usd",
        /// Round trips that ended in it.
        pub trips: f64 = "trips",
        /// Their average of the minutes before.
        pub trips_ewma: f64 = "trips_ewma",
    }

    /// quantum:state:portfolio and portfolio.state.
    pub struct PortfolioState {
        /// When.
        pub ts_utc: IsoTime = "ts_utc",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// In USDT; absent when stale.
        pub equity_usd: Option<Decimal> = "equity_usd",
        /// Equity without unrealised profit, in USDT; absent when stale.
        pub balance_usd: Option<Decimal> = "balance_usd",
        /// In USDT.
        pub unrealized_pnl_usd: Decimal = "unrealized_pnl_usd",
        /// Not flat.
        pub positions_count: u64 = "positions_count",
        /// Sum of sizes at the mark price, in USDT.
        pub positions_notional_usd: Decimal = "positions_notional_usd",
        /// The same, under the name of the risk side.
        pub gross_exposure_usd: Decimal = "gross_exposure_usd",
        /// Highest equity, in USDT.
        pub peak_equity_usd: Decimal = "peak_equity_usd",
        /// Below the highest equity, as a fraction.
        pub drawdown: f64 = "drawdown",
        /// Drawdown in USDT, EWMA by the minute.
        pub dd_ewma_usd: f64 = "dd_ewma_usd",
        /// Realised losses of a minute, EWMA.
        pub lossburst_ewma_usd: f64 = "lossburst_ewma_usd",
        /// Fees of a minute, EWMA.
        pub fee_burden_ewma_usd: f64 = "fee_burden_ewma_usd",
        /// Round trips of a minute, EWMA.
        pub churn_ewma: f64 = "churn_ewma",
        /// Inputs are missing or old: readers treat this as absence.
        pub stale: bool = "stale",
        /// Where equity comes from.
        pub source: Cow<'static, str> = "source",
    }
}
