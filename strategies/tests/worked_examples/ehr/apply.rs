//! Plans of the apply layer.

use serde_json::{Value, json};
use strategies::apply::{ApplyInput, ApplyRules, KillScoreRule, apply_decision};

use crate::harness::{number, optional, text, yes};

/// The thresholds of February, or what the environment of the example replaces.
fn audited_rules(env: &Value) -> ApplyRules {
    let set = |name: &str, or: f64| {
        let value = env.get(name).and_then(Value::as_str);
        value.map_or(or, |text| text.parse().expect("a threshold"))
    };
    let kill_score = match KillScoreRule::audited_february() {
        KillScoreRule::AuditedFebruary { critical, warning, close, open, open_critical } => {
            KillScoreRule::AuditedFebruary {
                critical: set("K_BLOCK_CRITICAL", critical),
                warning: set("K_BLOCK_WARNING", warning),
                close: set("K_CLOSE_THRESHOLD", close),
                open: set("K_OPEN_THRESHOLD", open),
                open_critical: set("K_OPEN_CRITICAL", open_critical),
            }
        }
        other => other,
    };
    ApplyRules { kill_score, ..ApplyRules::audited_february() }
}

pub fn plan(input: &Value, audited: bool) -> Value {
    let proposal = &input["proposal"];
    let symbol = text(input, "symbol");
    let allowlist = input["allowlist"].as_array().expect("an allowlist");
    let of_plan = ApplyInput {
        symbol,
        action: text(proposal, "harvest_action"),
        kill_score: number(proposal, "kill_score"),
        new_sl: optional(proposal, "new_sl_proposed"),
        computed_at_utc: text(proposal, "computed_at_utc"),
        age_sec: 0.0,
        allowed: allowlist.iter().any(|s| s.as_str() == Some(symbol)),
        kill_switch: yes(input, "kill_switch"),
        seen_before: yes(input, "second_time"),
        position_open: optional(input, "snapshot_position_amt").unwrap_or(0.0).abs() > 1e-12,
    };
    let rules = if audited { audited_rules(&input["env"]) } else { ApplyRules::default() };
    let out = apply_decision(&of_plan, &rules).expect("finite");
    json!({
        "plan_id": out.plan_id, "decision": out.decision.as_str(), "reason_codes": out.reason_codes,
        "steps": out.step.iter().map(|step| step.as_str()).collect::<Vec<_>>(),
    })
}
