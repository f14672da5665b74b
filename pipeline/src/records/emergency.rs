//! Advice on exposure, and the emergency stop.

use engine::{EpochSeconds, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::words;

words! {
    /// What the emergency stop did.
    pub enum EssEventKind {
        /// Trading stops.
        Activated = "ess_activated",
        /// It may go on.
        Released = "ess_released",
        /// How much may be opened has changed.
        ModeChanged = "ess_mode_changed",
    }
}

engine::record! {
    /// executor.commands: advice; no executor reads it.
    pub struct ExposureCommand {
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// reduce_margin, reduce, expand, hedge or rebalance.
        pub action: Cow<'static, str> = "action",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// 1 is the most urgent.
        pub priority: u32 = "priority",
        /// Whose; absent for the whole book.
        pub symbol: Option<Symbol> = "symbol",
        /// Margin that the symbol should have, in USDT.
        pub target_size: Option<f64> = "target_size",
    }

    /// exposure.alerts.
    pub struct ExposureAlert {
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// margin_overload or high_divergence.
        pub alert: Cow<'static, str> = "alert",
        /// What was measured, as a fraction.
        pub value: f64 = "value",
        /// What is allowed, as a fraction.
        pub limit: f64 = "limit",
    }

    /// event.ess.
    pub struct EssEvent {
        /// Which.
        pub event: EssEventKind = "event",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// NORMAL, CAUTIOUS, PROTECTIVE or EMERGENCY.
        pub mode: Cow<'static, str> = "mode",
        /// Below the peak, as a fraction above zero.
        pub drawdown: f64 = "drawdown",
        /// Profit of the day over equity; below zero is a loss.
        pub daily_pnl: f64 = "daily_pnl",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:ess:mode: limits of an open; absent ones allow none.
    pub struct EssMode {
        /// NORMAL, CAUTIOUS, PROTECTIVE or EMERGENCY.
        pub mode: Cow<'static, str> = "mode",
        /// In USDT.
        pub position_max_usd: Option<Decimal> = "position_max_usd",
        /// Leverage.
        pub leverage_max: Option<Decimal> = "leverage_max",
        /// Of the signal.
        pub confidence_min: Option<f64> = "confidence_min",
        /// When it began.
        pub since: EpochSeconds = "since",
    }
}
