//! Intents, quantities and permits.

use engine::Symbol;
use serde_json::{Value, json};
use strategies::Outcomes;
use strategies::entry::{
    BalanceRule, BotPrediction, BotRules, DayTicker, GovernedRequest, IntentText, RawIntent,
    RiskGovernorLimits, RouterSettings, audited_execution_rounding, audited_executor_quantity,
    bot_trade_intent, fallback_signal, govern, parse_intent, plan_id, router_capacity,
    router_factor, router_score, validate_trade_intent,
};
use strategies::signal::LevelRule;

use super::json as spelled;
use crate::harness::{number, optional, text, yes};

pub fn run(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "fallback_signal" => fallback(input),
        "bot_trade_intent" => bot_intent(input),
        "executor_quantity" => quantity(input),
        "execution_rounding" => rounding(input),
        "plan_id" => json!(plan_id(
            text(input, "stream_id"),
            text(input, "symbol"),
            text(input, "side"),
            number(input, "qty"),
        )),
        "intent_parse" => intent(input),
        "risk_governor" => governor(input),
        "router_decision" => router(input),
        "validate_trade_intent" => json!(validate_trade_intent(&RawIntent {
            symbol: word(input, "symbol"),
            action: word(input, "action"),
            side: word(input, "side"),
            confidence: optional(input, "confidence"),
            has_timestamp: input.get("timestamp").is_some(),
            position_size_usd: optional(input, "position_size_usd"),
            leverage: optional(input, "leverage"),
        })),
        _ => return None,
    })
}

fn word<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key).and_then(Value::as_str)
}

fn fallback(input: &Value) -> Value {
    let signal = fallback_signal(number(input, "price_change_24h"), number(input, "price"));
    spelled(signal.expect("finite"))
}

/// Audited: the balance is absent, and a SELL has its stop below.
fn bot_intent(input: &Value) -> Value {
    let (prediction, market) = (&input["prediction"], &input["market"]);
    let action = serde_json::from_value(prediction["action"].clone()).expect("an action");
    assert_eq!(text(input, "history"), "empty");
    assert_eq!(text(input, "balance"), "key absent");
    assert_eq!(text(input, "regime"), "stream empty");
    let intent = bot_trade_intent(
        &BotPrediction { action, confidence: number(prediction, "confidence") },
        &DayTicker {
            symbol: Symbol::new(text(market, "symbol")).expect("a symbol"),
            price: number(market, "price"),
            price_change_24h_pct: number(market, "price_change_24h"),
            high_24h: number(market, "high_24h"),
            low_24h: number(market, "low_24h"),
        },
        &Outcomes::NONE,
        None,
        None,
        &BotRules {
            max_leverage: number(input, "max_leverage"),
            balance: BalanceRule::AuditedTenThousand,
            levels: LevelRule::AuditedSameForBothSides,
            ..BotRules::default()
        },
    );
    spelled(intent.expect("an intent"))
}

fn quantity(input: &Value) -> Value {
    let got = audited_executor_quantity(
        number(input, "qty"),
        number(input, "mark_price"),
        number(input, "step_size"),
        number(input, "min_qty"),
        number(input, "min_notional"),
        yes(input, "allow_upsize"),
    );
    spelled(got.expect("finite"))
}

fn rounding(input: &Value) -> Value {
    let got = audited_execution_rounding(
        number(input, "quantity"),
        number(input, "price"),
        number(input, "step_size"),
        number(input, "tick_size"),
        number(input, "min_qty"),
        number(input, "max_qty"),
    );
    spelled(got.expect("finite"))
}

fn intent(input: &Value) -> Value {
    let got = parse_intent(&IntentText {
        symbol: text(input, "symbol"),
        action: word(input, "action"),
        side: word(input, "side"),
        quantity: optional(input, "quantity"),
        qty: optional(input, "qty"),
        size: optional(input, "size"),
        price: optional(input, "price"),
        position_size_usd: optional(input, "position_size_usd"),
        entry_price: optional(input, "entry_price"),
        order_type: word(input, "type"),
        reduce_only: word(input, "reduceOnly"),
        leverage: optional(input, "leverage"),
        stop_loss: optional(input, "stop_loss"),
        take_profit: optional(input, "take_profit"),
    })
    .expect("an intent");
    json!({
        "symbol": got.symbol, "side": got.side, "qty": got.qty, "type": got.order_type,
        "reduceOnly": got.reduce_only, "leverage": got.leverage, "stop_loss": got.stop_loss,
        "take_profit": got.take_profit,
    })
}

fn governor(input: &Value) -> Value {
    let request = GovernedRequest {
        size_usd: optional(input, "position_size_usd"),
        leverage: optional(input, "leverage"),
        confidence: number(input, "confidence"),
        risk_budget_usd: optional(input, "risk_budget_usd"),
    };
    let got = govern(&request, &RiskGovernorLimits::default()).expect("finite");
    json!({
        "approved": got.approved, "size": got.size_usd, "lev": got.leverage,
        "notional": got.notional_usd, "code": got.code,
    })
}

fn router(input: &Value) -> Value {
    let (decision, settings) = (&input["decision"], RouterSettings::default());
    let confidence = number(decision, "confidence");
    let open = input["open_orders"].as_u64().and_then(|open| u32::try_from(open).ok());
    let rank = usize::try_from(input["rank"].as_u64().expect("a rank")).expect("a small rank");
    let (allowed, reason) = router_capacity(open, confidence, &settings);
    let known = word(decision, "regime").is_some_and(|regime| regime != "unknown");
    let score = router_score(confidence, yes(decision, "rl_gate_pass"), known).expect("finite");
    let factor = router_factor(rank, confidence);
    json!({
        "allowed": allowed, "reason": reason, "score": score, "factor": factor,
        "boosted": number(input, "base_size") * factor,
    })
}
