//! Budgets, targets and efficiency of symbols, as the governor and the allocators read them.

use engine::{EpochSeconds, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

super::words::words! {
    /// Whether an advisory service binds anybody.
    pub enum BindingMode {
        /// It is only watched.
        Shadow = "shadow",
        /// It counts.
        Enforce = "enforce",
    }
}

engine::record! {
    /// quantum:portfolio:budget:{S}, P2.8.
    pub struct PortfolioBudget {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT.
        pub budget_usd: Decimal = "budget_usd",
        /// 0 to 1.
        pub stress_factor: Option<f64> = "stress_factor",
        /// In USDT.
        pub equity_usd: Option<Decimal> = "equity_usd",
        /// Heat of the portfolio, 0 to 1.
        pub portfolio_heat: Option<f64> = "portfolio_heat",
        /// 0 to 1.
        pub cluster_stress: Option<f64> = "cluster_stress",
        /// Component of the stress, 0 to 1.
        pub vol_regime: Option<f64> = "vol_regime",
        /// Share of the equity without stress.
        pub base_risk_pct: Option<f64> = "base_risk_pct",
        /// Whether it binds.
        pub mode: BindingMode = "mode",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// budget.violation: a position is over its budget.
    pub struct BudgetViolation {
        /// `budget.violation`.
        pub event_type: Cow<'static, str> = "event_type",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT.
        pub position_notional: Decimal = "position_notional",
        /// In USDT.
        pub budget_usd: Decimal = "budget_usd",
        /// By so much, in USDT.
        pub over_budget: Decimal = "over_budget",
        /// Whether it binds.
        pub mode: BindingMode = "mode",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:allocation:target:{S}, P2.9.
    pub struct AllocationTarget {
        /// In USDT.
        pub target_usd: Decimal = "target_usd",
        /// Share of the equity.
        pub weight: Option<f64> = "weight",
        /// Of which cluster.
        pub cluster_id: Option<Cow<'static, str>> = "cluster_id",
        /// Of the market.
        pub regime: Option<Cow<'static, str>> = "regime",
        /// LOW, MID or HIGH.
        pub drawdown_zone: Option<Cow<'static, str>> = "drawdown_zone",
        /// 0 to 1.
        pub confidence: Option<f64> = "confidence",
        /// Whether it binds.
        pub mode: BindingMode = "mode",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:capital:efficiency:{S}, P3.1.
    pub struct SymbolEfficiency {
        /// 0 to 1.
        pub efficiency_score: f64 = "efficiency_score",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// INCREASE, DECREASE or HOLD.
        pub capital_pressure: Option<Cow<'static, str>> = "capital_pressure",
        /// -1 to 1.
        pub reallocation_weight: Option<f64> = "reallocation_weight",
        /// What was wrong with the inputs, with commas between.
        pub stale_flags: Option<Cow<'static, str>> = "stale_flags",
        /// When.
        pub ts: EpochSeconds = "ts",
    }
}
