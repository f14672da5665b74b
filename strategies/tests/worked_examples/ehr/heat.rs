//! Portfolio heat, calibration, moderator.

use serde_json::{Value, json};
use strategies::heat::{
    CalibrationMatrix, HeatBuckets, HeatEntry, HeatSigma, ModeratorRules, ModeratorSettings,
    calibrate, heat_score, moderate, portfolio_heat,
};

use crate::harness::{number, optional, text};

pub fn calibration(input: &Value, audited: bool) -> Value {
    let snapshots = input["snapshots_oldest_first"].as_array().expect("snapshots");
    let entries: Vec<_> = snapshots
        .iter()
        .map(|s| HeatEntry {
            symbol: text(s, "symbol"),
            notional_usd: number(s, "position_notional_usd"),
            sigma_per_minute: number(s, "sigma"),
        })
        .collect();
    let sigma = if audited { HeatSigma::AuditedPerMinute } else { HeatSigma::Daily };
    let heat = portfolio_heat(optional(input, "equity_usd"), &entries, sigma).expect("finite");
    let bucket = HeatBuckets::default().of(heat.value, None);
    let matrix = CalibrationMatrix::default();
    let actions = input["actions"].as_array().expect("actions");
    let gating = actions.iter().map(|action| {
        let proposed = action.as_str().expect("a word");
        let out = calibrate(proposed, bucket, &matrix, audited);
        (proposed.to_owned(), json!([out.action, out.reason]))
    });
    let gating: serde_json::Map<String, Value> = gating.collect();
    json!({ "heat": heat.value, "bucket": bucket.as_str(), "gating": gating })
}

pub fn moderation(input: &Value, audited: bool) -> Value {
    let state = serde_json::from_value(input["portfolio_state"].clone()).expect("a state");
    let score = heat_score(&state, Some(0.0), &ModeratorSettings::default()).expect("complete");
    let rules = if audited {
        ModeratorRules::AuditedHotClosesLeast { hold_close_below: None }
    } else {
        ModeratorRules::Matrix
    };
    let kill_score = optional(input, "kill_score");
    let matrix = CalibrationMatrix::default();
    let out = moderate(text(input, "in_action"), score.level, kill_score, rules, &matrix);
    json!({
        "heat_score": score.score, "components": score.components,
        "heat_level": score.level.level(), "heat_action": out.heat_action.as_str(),
        "out_action": out.out_action, "recommended_partial": out.recommended_partial,
    })
}
