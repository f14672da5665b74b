//! Position state brain and reconcile engine.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use serde_json::{Value, json};
use strategies::position_state::{
    DenialContext, PlanFacts, PositionFacts, PositionRules, Snapshot, evaluate_plan,
};
use strategies::reconcile::{CloseSecret, close_sizing, detect_drift, hmac_payload};

use crate::harness::{number, optional, text, yes};

fn decimal(of: &Value, key: &str) -> Decimal {
    Decimal::from_f64(number(of, key)).expect("a decimal")
}

fn float(of: Decimal) -> Value {
    json!(of.to_f64())
}

/// `closes_refused` and `quantity` are the audited settings.
pub fn evaluation(input: &Value, closes_refused: bool, quantity: bool) -> Value {
    let (plan, snapshot) = (&input["plan"], &input["snapshot"]);
    let of_plan = PlanFacts {
        reconcile_close: text(plan, "decision") == "RECONCILE_CLOSE",
        action: text(plan, "action"),
        reduce_only: text(plan, "reduceOnly") == "true",
        buys: None,
        asked_qty: None,
    };
    let facts = PositionFacts {
        snapshot: Some(Snapshot {
            position_amt: decimal(snapshot, "position_amt"),
            age_sec: number(snapshot, "age_sec"),
        }),
        ledger_amt: optional(input, "ledger_last_known_amt").and_then(Decimal::from_f64),
        last_exec_age_sec: optional(input, "last_exec_ms_ago").map(|ms| ms / 1_000.0),
        hold: yes(input, "hold"),
        step: Decimal::new(1, 3),
    };
    let rules = PositionRules {
        audited_closes_refused: closes_refused,
        audited_quantity: quantity,
        ..PositionRules::default()
    };
    let permit = match evaluate_plan(&of_plan, &facts, &rules) {
        Ok(granted) => json!({
            "allow": true, "symbol": "BTCUSDT", "reason": granted.reason,
            "safe_qty": float(granted.safe_qty),
            "exchange_position_amt": float(granted.exchange_position_amt),
            "ledger_amt": float(granted.ledger_amt.unwrap_or_default()),
        }),
        Err(denied) => json!({
            "allow": false, "symbol": "BTCUSDT", "reason": denied.reason,
            "context": context(&denied.context),
        }),
    };
    json!({ "permit": permit })
}

fn context(of: &DenialContext) -> Value {
    match of {
        DenialContext::Quantities(mismatch) => json!({
            "exchange_amt": float(mismatch.exchange_amt), "ledger_amt": float(mismatch.ledger_amt),
            "diff": float(mismatch.diff), "tolerance": float(mismatch.tolerance),
        }),
        DenialContext::Hold { exchange_amt, ledger_amt, p34_hold } => json!({
            "exchange_amt": float(*exchange_amt), "p34_hold": p34_hold,
            "ledger_amt": float(ledger_amt.unwrap_or_default()),
        }),
        other => json!(other),
    }
}

pub fn drift(input: &Value) -> Value {
    let (exchange, ledger) = (decimal(input, "exchange_amt"), decimal(input, "ledger_amt"));
    let drift = detect_drift(exchange, ledger)
        .map(|d| json!([d.kind.as_str(), float(d.diff_amt), float(d.diff_pct)]));
    let close = close_sizing("BTCUSDT", exchange, ledger);
    json!({
        "drift": drift, "close_qty": float(close.qty), "close_side": close.side,
        "signature": close.signature,
    })
}

pub fn seal(input: &Value) -> Value {
    let part = |key| text(input, key);
    let payload =
        hmac_payload(part("plan_id"), part("symbol"), part("qty"), part("ts"), part("signature"));
    let secret = CloseSecret::new(part("secret")).expect("a secret");
    let seal = secret.sign(&payload);
    assert!(secret.verify(&payload, &seal));
    json!({ "payload": payload, "hmac_sha256_hex": seal })
}
