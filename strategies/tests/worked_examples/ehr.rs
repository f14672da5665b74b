//! The examples of `exit-harvest-risk.md`.

mod apply;
mod governor;
mod harvest;
mod heat;
mod leverage;
mod portfolio;
mod position;
mod risk;

use serde_json::Value;

use crate::harness::{Example, Suite, json_lines};

/// Examples that describe audited behaviour and run with it switched on (settled.md, last line).
fn audited(example: &Example) -> bool {
    matches!(example.n, 11 | 15..=24 | 29..=35 | 48)
}

#[test]
fn exit_harvest_risk() {
    let suite = Suite {
        file: "exit-harvest-risk.md",
        parse: json_lines,
        examples_min: 81,
        tolerance: |example| match example.function.as_str() {
            "market_state.get_state" => 1e-7,
            _ => 1e-9,
        },
        elsewhere: &[],
        run,
    };
    suite.check();
}

fn run(example: &Example) -> Option<Value> {
    let input = &example.input;
    Some(match example.function.as_str() {
        "adaptive_leverage.compute_levels" => leverage::levels(input),
        "apply_layer.create_apply_plan (4 Feb generation)" => apply::plan(input, audited(example)),
        "capital_allocation.compute_allocation" => portfolio::allocation_of(input),
        "exposure_balancer.assess_risk" => risk::exposure(input),
        "governor.permit_payload" => governor::permit(input),
        "governor.thresholds" => governor::thresholds(input),
        "harvest_brain.dynamic_ladder" => harvest::dynamic_ladder_of(input),
        "harvest_brain.plan_id" => harvest::plan_id(input),
        "harvest_kernel.compute_harvest_proposal" => harvest::proposal(input),
        "harvest_kernel.compute_profit_lock_sl" => harvest::profit_lock(input),
        "harvest_kernel.compute_tranche_weights" => harvest::weights(input),
        "heat_gate.score+moderation" => heat::moderation(input, audited(example)),
        "intelligent_leverage.calculate" => leverage::leverage(input),
        "performance_attribution" => portfolio::attribution_of(input),
        "portfolio_clusters" => portfolio::clusters_of(input),
        "portfolio_gate.metrics+policy" => portfolio::gate_of(input, audited(example)),
        "portfolio_risk_governor.budget" => portfolio::budget_of(input),
        "portfolio_heat_gate.heat+gating" => heat::calibration(input, audited(example)),
        "risk_guard.check_all_guards" => risk::guards(input),
        "risk_kernel.compute_proposal" => risk::proposal(input, audited(example)),
        _ => return None,
    })
}
