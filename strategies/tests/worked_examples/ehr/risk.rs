//! Risk kernel, guard, exposure balancer.

use serde_json::{Value, json};
use strategies::close_action::CloseAction;
use strategies::risk::{
    ExposureInput, ExposureLimits, GuardInput, GuardLimits, KnownEquity, RiskParams,
    assess_exposure, check_guards, risk_proposal,
};

use super::position::{market, position};
use crate::harness::{number, optional, text};

pub fn proposal(input: &Value, audited: bool) -> Value {
    let (position, market) = (position(&input["position"]), market(&input["market_state"]));
    let params = RiskParams { audited_crossed_stop: audited, ..RiskParams::default() };
    json!(risk_proposal(&position, &market, &params).expect("finite"))
}

pub fn guards(input: &Value) -> Value {
    let equity = KnownEquity {
        equity_usd: number(input, "equity"),
        peak_usd: number(input, "peak"),
        age_sec: 0.0,
    };
    let of_plan = GuardInput {
        reduces: CloseAction::parse(text(input, "action")).is_some(),
        active_guard: None,
        equity: Some(equity),
        daily_pnl_usd: number(input, "daily_pnl"),
        consecutive_losses: number(input, "consecutive_losses") as u32,
        spread_bps: optional(input, "spread_bps"),
        atr_pct: optional(input, "atr_pct"),
    };
    let out = check_guards(&of_plan, &GuardLimits::default()).expect("finite");
    let (reason, guard) =
        out.as_ref().map_or(("", ""), |b| (b.reason.as_str(), b.guard_type.as_str()));
    json!({ "blocked": out.is_some(), "reason": reason, "guard_type": guard })
}

pub fn exposure(input: &Value) -> Value {
    let margins = input["margins"].as_object().expect("margins by symbol");
    let margins: Vec<_> =
        margins.iter().map(|(s, m)| (s.as_str(), m.as_f64().expect("a number"))).collect();
    let book = ExposureInput {
        margins_usd: &margins,
        total_margin_usd: number(input, "total_margin"),
        cross_divergence: number(input, "cross_divergence"),
    };
    let out = assess_exposure(&book, &ExposureLimits::default()).expect("finite");
    let actions = out.actions.iter().map(|action| {
        json!({
            "type": action.kind.as_str(), "symbol": action.symbol,
            "target_size": action.target_size_usd, "priority": action.kind.priority(),
        })
    });
    json!({ "margin_utilization": out.margin_utilization, "actions": actions.collect::<Vec<_>>() })
}
