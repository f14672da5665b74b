//! Permits: JSON strings of the same core (plan, symbol, action, a limit, a life), with what each issuer
//! adds. `entry::permits` reads all three.

use engine::{CorrelationId, EpochSeconds, JsonText, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::{Decision, PlanAction};

engine::record! {
    /// quantum:permit:{plan_id}: the governor's.
    pub struct GovernorPermit {
        /// Granted. Absence and every spelling but true, 1 and yes mean no.
        pub granted: bool = "granted",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// For what.
        pub action: PlanAction = "action",
        /// EXECUTE.
        pub decision: Decision = "decision",
        /// At most this base quantity; absent: the governor sets no limit, as for closes.
        pub computed_qty: Option<Decimal> = "computed_qty",
        /// Of it, in USDT.
        pub computed_notional: Option<Decimal> = "computed_notional",
        /// Why it is refused; `ok` where it is granted.
        pub reason: Cow<'static, str> = "reason",
        /// Whether it was used. A permit is deleted when it is, so this stays false.
        pub consumed: bool = "consumed",
        /// Efficiency of the symbol, four decimals; empty when none was used.
        pub eff_score: Option<String> = "eff_score",
        /// Three decimals; empty when none was used.
        pub eff_confidence: Option<String> = "eff_confidence",
        /// `1` when no efficiency was used.
        pub eff_stale: Option<Cow<'static, str>> = "eff_stale",
        /// Scale by efficiency, four decimals.
        pub eff_factor: Option<String> = "eff_factor",
        /// `DOWNSIZE` or `NONE`.
        pub eff_action: Option<Cow<'static, str>> = "eff_action",
        /// Why.
        pub eff_reason: Option<Cow<'static, str>> = "eff_reason",
        /// As `eff_factor`.
        pub downsize_factor: Option<String> = "downsize_factor",
        /// Before the symbol may be opened again, in whole seconds.
        pub extra_cooldown_sec: Option<String> = "extra_cooldown_sec",
        /// When.
        pub created_at: EpochSeconds = "created_at",
    }

    /// quantum:permit:p33:{plan_id}: the position state brain's.
    pub struct P33Permit {
        /// Granted. Absence and every spelling but true, 1 and yes mean no.
        pub allow: bool = "allow",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// For what.
        pub action: PlanAction = "action",
        /// At most this base quantity; zero on an open: the plan's own.
        pub safe_qty: Decimal = "safe_qty",
        /// Signed.
        pub exchange_position_amt: Option<Decimal> = "exchange_position_amt",
        /// Signed.
        pub ledger_amt: Option<Decimal> = "ledger_amt",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// The numbers of a denial.
        pub context: Option<JsonText<serde_json::Value>> = "context",
        /// When.
        pub created_at: EpochSeconds = "created_at",
    }

    /// quantum:permit:p26:{plan_id}: the portfolio gate's.
    pub struct P26Permit {
        /// Granted. Absence and every spelling but true, 1 and yes mean no.
        pub allow: bool = "allow",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What was asked for.
        pub action: PlanAction = "action",
        /// What may be done: the action itself, or a smaller close.
        pub final_action: PlanAction = "final_action",
        /// At most this share of the position, 0 to 1.
        pub max_fraction: Decimal = "max_fraction",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// Stress of the portfolio, 0 to 1.
        pub stress: Option<f64> = "stress",
        /// Heat of the portfolio.
        pub heat: Option<f64> = "heat",
        /// When.
        pub created_at: EpochSeconds = "created_at",
    }
}
