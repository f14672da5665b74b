//! Governor.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use serde_json::{Value, json};
use strategies::governor::{
    GovernorPermit, PERMIT_TTL_SEC, efficiency_verdict, kill_score_thresholds,
};
use strategies::portfolio::Efficiency;

use crate::harness::{number, optional};

pub fn thresholds(input: &Value) -> Value {
    let out = kill_score_thresholds(
        number(input, "kill_score"),
        number(input, "confidence"),
        number(input, "regime_flip"),
        number(input, "unrealized_pnl_pct"),
    );
    json!(out.expect("finite"))
}

/// The examples' plan: of BTCUSDT; what it does is not told.
pub fn permit(input: &Value) -> Value {
    let efficiency = optional(input, "efficiency_score").map(|score| Efficiency {
        score,
        confidence: number(input, "confidence"),
        age_sec: number(input, "age_sec"),
    });
    let decimal = |key| Decimal::from_f64(number(input, key)).expect("a decimal");
    let (qty, notional) = (decimal("computed_qty"), decimal("computed_notional"));
    let verdict = efficiency_verdict(efficiency).expect("finite");
    let permit = GovernorPermit::new("BTCUSDT", "BUY", qty, notional, &verdict);
    let mut out = json!(permit);
    out["computed_qty"] = json!(permit.computed_qty.to_f64());
    out["computed_notional"] = json!(permit.computed_notional.to_f64());
    out["ttl"] = json!(PERMIT_TTL_SEC);
    out
}
