//! Portfolio gate, clusters, budgets, allocation, attribution.

use serde_json::{Map, Value, json};
use strategies::heat::HeatBucket;
use strategies::portfolio::{
    AllocationInput, AllocationRegime, BudgetInput, BudgetSettings, ClusterInput, ClusterSettings,
    GateInput, GatePermit, GatePosition, GateRules, GateSigma, allocation, attribution, budget,
    clusters, gate, gate_metrics,
};

use crate::harness::{number, optional, text, yes};

pub fn gate_of(input: &Value, audited: bool) -> Value {
    let snapshots = input["snapshots_fresh"].as_object().expect("snapshots");
    let positions: Vec<_> = snapshots
        .values()
        .map(|s| GatePosition {
            notional_usd: number(s, "position_amt") * number(s, "mark_price"),
            sigma_per_minute: optional(s, "sigma").unwrap_or(0.0),
        })
        .collect();
    let sigma = if audited { GateSigma::AuditedUnit } else { GateSigma::Daily };
    let metrics =
        gate_metrics(&positions, optional(input, "cluster_stress"), sigma).expect("finite");
    let proposal = &input["proposal"];
    let of_plan = GateInput {
        action: text(proposal, "action"),
        kill_score: number(proposal, "kill_score"),
        allowed: true,
        snapshots_fresh: !positions.is_empty(),
        cooldown_active: yes(input, "cooldown_active"),
        stress: metrics.stress,
        heat: HeatBucket::Cold,
    };
    let rules = if audited { GateRules::audited() } else { GateRules::default() };
    let verdict = gate(&of_plan, &rules).expect("finite");
    json!({
        "heat": metrics.heat, "concentration": metrics.concentration,
        "corr_proxy": metrics.corr_proxy, "stress": metrics.stress,
        "total_notional": metrics.total_notional_usd, "final_action": verdict.final_action,
        "gate_reason": verdict.gate_reason, "permit": verdict.permit != GatePermit::None,
    })
}

pub fn clusters_of(input: &Value) -> Value {
    let prices = input["prices"].as_object().expect("prices by symbol");
    let series: Vec<(&str, Vec<f64>)> = prices
        .iter()
        .map(|(symbol, of)| {
            let of = of.as_array().expect("prices");
            (symbol.as_str(), of.iter().map(|p| p.as_f64().expect("a number")).collect())
        })
        .collect();
    let notional = |symbol: &str| {
        let amount = optional(&input["position_amt"], symbol).unwrap_or(0.0);
        amount * optional(&input["mark_price"], symbol).unwrap_or(0.0)
    };
    let book: Vec<_> = series
        .iter()
        .map(|(symbol, prices)| ClusterInput { symbol, prices, notional_usd: notional(symbol) })
        .collect();
    let out = clusters(&book, &ClusterSettings::default()).expect("ready");
    let pair =
        |(i, j, c): &(usize, usize, f64)| (format!("{}|{}", series[*i].0, series[*j].0), json!(c));
    let corr: Map<String, Value> = out.correlations.iter().map(pair).collect();
    let metrics = out.clusters.iter().map(|c| {
        json!({
            "symbols": c.symbols, "notional": c.notional_usd, "weight": c.weight,
            "concentration": c.concentration, "correlation": c.correlation, "stress": c.stress,
        })
    });
    json!({
        "corr": corr, "clusters": out.clusters.iter().map(|c| &c.symbols).collect::<Vec<_>>(),
        "metrics": metrics.collect::<Vec<_>>(), "cluster_stress_sum": out.stress,
    })
}

pub fn budget_of(input: &Value) -> Value {
    let of_symbol = BudgetInput {
        equity_usd: number(input, "equity_usd"),
        portfolio_heat: number(input, "heat"),
        cluster_stress: number(input, "cluster_stress"),
        vol_regime: number(input, "vol_regime"),
    };
    let out = budget(&of_symbol, &BudgetSettings::default()).expect("finite");
    json!({ "stress": out.stress_factor, "budget_usd": out.budget_usd })
}

/// The example's factor is the multiplier: what P3.0's own factor becomes, its mapping says.
pub fn allocation_of(input: &Value) -> Value {
    let of_symbol = AllocationInput {
        budget_usd: number(input, "budget_usd"),
        budget_stale: false,
        equity_usd: number(input, "equity_usd"),
        drawdown: number(input, "drawdown"),
        regime: Some(AllocationRegime {
            name: text(input, "regime"),
            confidence: number(input, "regime_confidence"),
        }),
        performance_multiplier: optional(input, "performance_factor"),
        cluster_stress: optional(input, "cluster_stress"),
    };
    json!(allocation(&of_symbol).expect("finite"))
}

pub fn attribution_of(input: &Value) -> Value {
    let pnl = input["realized_pnl"].as_array().expect("trades");
    let pnl: Vec<f64> = pnl.iter().map(|p| p.as_f64().expect("a number")).collect();
    json!(attribution(&pnl, optional(input, "previous_performance_factor")).expect("finite"))
}
