//! Safe mode: why it is on, and what tripped it.

use engine::{CorrelationId, EpochSeconds, Symbol};
use std::borrow::Cow;

use super::words::OrderSide;

engine::record! {
    /// quantum:safety:safe_mode:reason.
    pub struct SafeModeReason {
        /// Such as SYMBOL_RATE_EXCEEDED or MARGIN_FAILURES.
        pub reason: Cow<'static, str> = "reason",
        /// The service that has set it.
        pub setter: Cow<'static, str> = "setter",
        /// When.
        pub since: EpochSeconds = "since",
        /// When it ends by itself.
        pub until: EpochSeconds = "until",
    }

    /// safety.fault.
    pub struct SafetyFault {
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// GLOBAL_RATE_EXCEEDED or SYMBOL_RATE_EXCEEDED.
        pub reason: Cow<'static, str> = "reason",
        /// Of the intent that was one too many.
        pub symbol: Symbol = "symbol",
        /// Of the intent that was one too many.
        pub side: Option<OrderSide> = "side",
        /// Intents of the window.
        pub global_count: u32 = "global_count",
        /// Of the symbol.
        pub symbol_count: u32 = "symbol_count",
        /// Most of them.
        pub global_max: u32 = "global_max",
        /// Most of them.
        pub symbol_max: u32 = "symbol_max",
        /// Length of the window, in s.
        pub window_sec: i64 = "window_sec",
        /// How long safe mode lasts, in s.
        pub cooldown_sec: i64 = "cooldown_sec",
        /// Who published: the service, as there are no processes.
        pub router_pid: Cow<'static, str> = "router_pid",
        /// Of the decision.
        pub correlation_id: Option<CorrelationId> = "correlation_id",
        /// Of the envelope; intents have none.
        pub trace_id: Option<Cow<'static, str>> = "trace_id",
    }
}
