//! Harvest kernel and harvest brain.

use serde_json::{Value, json};
use strategies::harvest::{
    Theta, brain_plan_id, dynamic_ladder, harvest_proposal, parse_ladder, profit_lock_sl,
    tranche_weights,
};

use super::position::{market, position};
use crate::harness::{number, optional, text};

/// The defaults, or what `theta_overrides` replaces.
fn theta(input: &Value) -> Theta {
    let overrides = input.get("theta_overrides").cloned().unwrap_or(json!({}));
    serde_json::from_value(overrides).expect("names of parameters")
}

pub fn proposal(input: &Value) -> Value {
    let stop = input.get("p1_proposal").and_then(|p1| optional(p1, "stop_dist_pct"));
    let (position, market) = (position(&input["position"]), market(&input["market_state"]));
    let out = harvest_proposal(&position, &market, stop, &theta(input)).expect("finite");
    json!({
        "harvest_action": out.action_str(), "new_sl_proposed": out.new_sl, "R_net": out.r_net,
        "risk_unit": out.risk_unit, "cost_est": out.cost_est, "kill_score": out.kill_score,
        "reason_codes": out.reason_codes, "k_components": out.k_components,
    })
}

pub fn profit_lock(input: &Value) -> Value {
    let position = position(&input["position"]);
    let out = profit_lock_sl(&position, number(input, "R_net"), &theta(input)).expect("finite");
    json!({ "new_sl": out })
}

pub fn weights(input: &Value) -> Value {
    let theta = serde_json::from_value(input.clone()).expect("names of parameters");
    json!({ "weights": tranche_weights(&theta).expect("finite") })
}

pub fn dynamic_ladder_of(input: &Value) -> Value {
    let ladder = parse_ladder(text(input, "ladder")).expect("a ladder");
    let (entry, risk) = (number(input, "entry_price"), number(input, "entry_risk_price"));
    let out = dynamic_ladder(entry, risk, &ladder).expect("finite");
    let rungs: Vec<_> = out.rungs.iter().map(|rung| [rung.r, rung.fraction]).collect();
    json!({ "volatility_scale": out.volatility_scale, "ladder": rungs })
}

pub fn plan_id(input: &Value) -> Value {
    json!({ "plan_id": brain_plan_id(text(input, "correlation_id")) })
}
