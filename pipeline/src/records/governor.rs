//! What the governor and its risk guard tell and remember.

use engine::{CorrelationId, EpochSeconds, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::PlanAction;

engine::record! {
    /// quantum:governor:block:{plan_id}: why a plan has no permit, for operators.
    pub struct GovernorBlock {
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What it was to do.
        pub action: PlanAction = "action",
        /// The reason code.
        pub reason: Cow<'static, str> = "reason",
        /// Its numbers.
        pub detail: String = "detail",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:rotation:lock:{plan_id}: the open waits until a slot has been made free for it.
    pub struct RotationLock {
        /// The open that waits.
        pub plan_id: String = "plan_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// The close that makes room.
        pub rotation_plan_id: String = "rotation_plan_id",
        /// Whose position it closes.
        pub closes: Symbol = "closes",
        /// When it began.
        pub created_at: EpochSeconds = "created_at",
    }

    /// quantum:governor:disarm:{date}: the governor opens nothing more on that UTC day.
    pub struct Disarm {
        /// `internal_errors` or `burst_limit_exceeded`.
        pub reason: Cow<'static, str> = "reason",
        /// Errors of its own since the last test.
        pub errors: u64 = "errors",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// A member of quantum:governor:exec:{S}: an execution that counts for the rates.
    pub struct ExecutionNote {
        /// When.
        pub ts: EpochSeconds = "ts",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// In USDT.
        pub notional: Decimal = "notional",
    }

    /// governor.events.
    pub struct GovernorEvent {
        /// ROTATION_LOCK_CREATED, ROTATION_COMPLETE, ROTATION_TIMEOUT or AUTO_DISARM.
        pub event: Cow<'static, str> = "event",
        /// The plan that it is about.
        pub plan_id: Option<String> = "plan_id",
        /// Whose.
        pub symbol: Option<Symbol> = "symbol",
        /// The close that makes room.
        pub rotation_plan_id: Option<String> = "rotation_plan_id",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// risk.events: a guard struck.
    pub struct RiskEvent {
        /// GUARD_STRUCK or EMERGENCY_FLATTEN_REQUESTED.
        pub event: Cow<'static, str> = "event",
        /// Which.
        pub guard_type: Cow<'static, str> = "guard_type",
        /// With its numbers.
        pub reason: String = "reason",
        /// Of the plan that it stopped.
        pub symbol: Symbol = "symbol",
        /// The plan that it stopped.
        pub plan_id: String = "plan_id",
        /// How long it stays in force, in s; absent where it is judged anew each time.
        pub hold_sec: Option<i64> = "hold_sec",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }
}
