//! From a signal to an order: intents, plans, gates, quantities (MSE 1.3, 5, 6, 9, 11 to 13).

mod audited_quantity;
mod bot_intent;
mod bridge;
mod contract;
mod execution_gates;
mod executor_checks;
mod fallback;
mod fill_poll;
mod margin;
mod open_gates;
mod plan;
mod quantity;
mod risk_governor;
mod router;
mod router_dedup;
mod safety_kernel;
mod strategy_brain;
mod wire;

pub use audited_quantity::{
    AuditedQuantity, AuditedRounding, QuantityResult, RoundingFault, audited_execution_rounding,
    audited_executor_quantity,
};
pub use bot_intent::{
    BalanceRule, BotIntent, BotPrediction, BotRefusal, BotRules, DayTicker, SizeMeaning,
    bot_trade_intent,
};
pub use bridge::{
    BridgeDrop, BridgeRules, ExposureRule, FlatSellRule, IntentKind, exposure_gate, intent_kind,
};
pub use contract::{
    NormalisedIntent, PlainNumbers, RawIntent, converted_action, is_contract_symbol,
    normalised_intent, validate_trade_intent,
};
pub use execution_gates::{
    ExecutionGates, GateFacts, GateRefusal, GateRequest, GateRule, GateTimes, GateTimesFault,
    LockToken, execution_gate,
};
pub use executor_checks::{
    ExecutorFacts, ExecutorPlan, ExecutorRefusal, PlanDecision, executor_check,
};
pub use fallback::{EngineAnswer, FallbackRule, FallbackSignal, FallbackWatch, fallback_signal};
pub use fill_poll::{FILL_POLL_DELAYS, OrderWord, PollOutcome, poll_outcome};
pub use margin::{
    FAILURES_LIFE, MarginFailures, MarginRenewal, MarginVerdict, margin_check, margin_safe_mode,
    required_margin_usd,
};
pub use open_gates::{
    INTENT_AGE_MAX, OPEN_COOLDOWN, OpenFacts, OpenRefusal, entry_risk_usdt, open_allowlist,
    open_gate,
};
pub use plan::{IntentText, ParsedIntent, PlanFault, PlanSide, parse_intent, plan_id};
pub use quantity::{
    LotRules, OrderPurpose, QuantityRefusal, SizedOrder, order_quantity, price_to_tick,
};
pub use risk_governor::{
    GovernedOrder, GovernedRequest, RiskGovernorCode, RiskGovernorLimits, govern,
};
pub use router::{
    CapacityReason, RouterCandidate, RouterPick, RouterSettings, router_capacity, router_factor,
    router_score, select_candidates,
};
pub use router_dedup::{RouterDedup, router_dedup_id};
pub use safety_kernel::{
    KernelLimits, KernelVerdict, SafetyFault, SafetyFaultReason, SafetyKernel, kernel_verdict,
};
pub use strategy_brain::{Asker, strategy_approves};
pub use wire::{is_true, plan_reduce_only};
