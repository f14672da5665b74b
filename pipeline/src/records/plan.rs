//! apply.plan, and how a plan ended.

use engine::{CorrelationId, EpochSeconds, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::{Decision, Executor, OrderSide, PlanAction, PlanClass, ReduceOnly, words};

words! {
    /// Where an order of the executor stands.
    pub enum OrderProgress {
        /// It was, or is about to be, sent: its outcome must be asked for.
        Sent = "sent",
        /// It is over.
        Completed = "completed",
    }
}

engine::record! {
    /// apply.plan: one typed form for opens and closes.
    pub struct ApplyPlan {
        /// Identity.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// The service that decided. No default: an exit without one is refused.
        pub source: String = "source",
        /// Who runs it.
        pub executor: Executor = "executor",
        /// Open or close.
        pub class: PlanClass = "class",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What.
        pub action: PlanAction = "action",
        /// The order.
        pub side: OrderSide = "side",
        /// MARKET.
        pub order_type: Cow<'static, str> = "type",
        /// Base quantity of an open.
        pub qty: Option<Decimal> = "qty",
        /// Share of the position of a close.
        pub fraction: Option<Decimal> = "fraction",
        /// May only make the position smaller.
        pub reduce_only: ReduceOnly = "reduceOnly",
        /// Whether it may run.
        pub decision: Decision = "decision",
        /// Why.
        pub reason_codes: Cow<'static, str> = "reason_codes",
        /// Kill score; of an open that of the symbol's market, with age 0 and no position.
        pub kill_score: Option<f64> = "kill_score",
        /// Component of it: 1 when the regime has flipped.
        pub k_regime_flip: Option<f64> = "k_regime_flip",
        /// Component of it.
        pub k_sigma_spike: Option<f64> = "k_sigma_spike",
        /// Component of it.
        pub k_ts_drop: Option<f64> = "k_ts_drop",
        /// Component of it.
        pub k_age_penalty: Option<f64> = "k_age_penalty",
        /// Of the decision.
        pub confidence: Option<f64> = "confidence",
        /// Of an open.
        pub leverage: Option<u32> = "leverage",
        /// In USDT.
        pub stop_loss: Option<Decimal> = "stop_loss",
        /// In USDT.
        pub take_profit: Option<Decimal> = "take_profit",
        /// In USDT.
        pub new_sl_proposed: Option<Decimal> = "new_sl_proposed",
        /// Multiple of the risk.
        pub r_net: Option<f64> = "R_net",
        /// In USDT, when it was decided.
        pub price: Option<Decimal> = "price",
        /// Which model.
        pub model: Option<Cow<'static, str>> = "model",
        /// When it was made.
        pub timestamp: EpochSeconds = "timestamp",
        /// When it is void.
        pub valid_until: EpochSeconds = "valid_until",
    }

    /// apply.result: one entry a plan.
    pub struct ApplyResult {
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What became of it.
        pub decision: Decision = "decision",
        /// What it was to do.
        pub action: PlanAction = "action",
        /// Whether something was filled.
        pub executed: bool = "executed",
        /// Whether it would have been in another mode.
        pub would_execute: bool = "would_execute",
        /// May only make the position smaller.
        pub reduce_only: ReduceOnly = "reduceOnly",
        /// The order.
        pub side: OrderSide = "side",
        /// Base quantity.
        pub requested_qty: Option<Decimal> = "requested_qty",
        /// Base quantity.
        pub filled_qty: Option<Decimal> = "filled_qty",
        /// In USDT.
        pub avg_price: Option<Decimal> = "avg_price",
        /// The exchange's.
        pub order_id: Option<u64> = "order_id",
        /// The order's.
        pub status: Cow<'static, str> = "status",
        /// Why not.
        pub error: Option<Cow<'static, str>> = "error",
        /// Who ran it.
        pub source: Cow<'static, str> = "source",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Steps, as JSON.
        pub steps_results: Cow<'static, str> = "steps_results",
    }

    /// execution.result: one entry a fill.
    pub struct ExecutionResult {
        /// Of which plan; empty for the exchange's own orders.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// The exchange's.
        pub order_id: u64 = "order_id",
        /// Ours.
        pub client_order_id: String = "client_order_id",
        /// Of the fill; absent when only the order's sum is known.
        pub trade_id: Option<u64> = "trade_id",
        /// The order.
        pub side: OrderSide = "side",
        /// filled or partial.
        pub status: Cow<'static, str> = "status",
        /// Base quantity of this fill.
        pub filled_qty: Decimal = "filled_qty",
        /// In USDT.
        pub avg_price: Decimal = "avg_price",
        /// In USDT; absent when unknown.
        pub commission: Option<Decimal> = "commission",
        /// In USDT; absent when unknown.
        pub realized_pnl: Option<Decimal> = "realized_pnl",
        /// It could only make the position smaller.
        pub reduce_only: ReduceOnly = "reduceOnly",
        /// Of the plan.
        pub leverage: Option<u32> = "leverage",
        /// Of the plan.
        pub confidence: Option<f64> = "confidence",
        /// Of the plan.
        pub model: Option<Cow<'static, str>> = "model",
        /// Why the plan was made.
        pub reason: Cow<'static, str> = "reason",
        /// Of the plan, in USDT.
        pub stop_loss: Option<Decimal> = "stop_loss",
        /// Of the plan, in USDT.
        pub take_profit: Option<Decimal> = "take_profit",
        /// Who ran it.
        pub source: Cow<'static, str> = "source",
        /// When it was filled.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:intent_executor:done:{plan_id}: written before the order is sent, with all that a
    /// successor needs to find out how it ended.
    pub struct OrderMark {
        /// Sent or completed.
        pub state: OrderProgress = "state",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Of the decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// The order.
        pub side: OrderSide = "side",
        /// What it was to do.
        pub action: PlanAction = "action",
        /// May only make the position smaller.
        pub reduce_only: ReduceOnly = "reduceOnly",
        /// Sent base quantity, in units of the symbol's grid.
        pub quantity: i64 = "quantity",
        /// Of it, in the ledger.
        pub booked: i64 = "booked",
        /// Sum of price times quantity of what is in the ledger, in USDT.
        pub booked_quote: Decimal = "booked_quote",
        /// Ours.
        pub client_order_id: String = "client_order_id",
        /// 1, 2, ...
        pub attempt: u32 = "attempt",
        /// Of the plan.
        pub leverage: Option<u32> = "leverage",
        /// Of the plan.
        pub confidence: Option<f64> = "confidence",
        /// Of the plan.
        pub model: Option<Cow<'static, str>> = "model",
        /// Of the plan.
        pub reason: Cow<'static, str> = "reason",
        /// Of the plan.
        pub stop_loss: Option<Decimal> = "stop_loss",
        /// Of the plan.
        pub take_profit: Option<Decimal> = "take_profit",
        /// When it was sent.
        pub sent_at: EpochSeconds = "sent_at",
    }
}

/// How the plans of P3.4 begin (EHR 3.21): they close what no book of ours holds.
const RECONCILE: &str = "reconclose:";

impl ApplyResult {
    /// Whether it is of a close of P3.4.
    pub fn is_reconcile_close(&self) -> bool {
        self.plan_id.starts_with(RECONCILE)
    }
}

impl ExecutionResult {
    /// Whether it is of a close of P3.4.
    pub fn is_reconcile_close(&self) -> bool {
        self.plan_id.starts_with(RECONCILE)
    }
}
