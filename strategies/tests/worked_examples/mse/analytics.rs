//! Portfolio, capital, clusters, permits.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};
use strategies::portfolio::{
    AttributionReading, CapitalTarget, ClusterInput, ClusterSettings, EfficiencyInput, MemoryEvent,
    PnlAverages, capital_efficiency, clusters, governed_size_usd, portfolio_score,
};

use strategies::position_state::{
    DenialContext, PlanFacts, PositionFacts, PositionRules, Snapshot, evaluate_plan,
};

use super::json as spelled;
use crate::formula;
use crate::harness::{number, optional, text};

pub fn run(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "portfolio_score" => {
            spelled(portfolio_score(&memory(text(input, "events"))).expect("finite"))
        }
        "governance_position_size" => {
            let policy = serde_json::from_value(input["policy"].clone()).expect("a policy");
            let (base, confidence) = (number(input, "base_size"), number(input, "confidence"));
            json!(governed_size_usd(policy, base, confidence).expect("finite"))
        }
        "capital_efficiency" => efficiency(input),
        "cluster_stress" => stress(input),
        _ => return None,
    })
}

/// `12 events i=0..11: pnl=-0.01 if i%3==0 else 0.02, confidence 0.7, volatility 0.015, leverage 10`
fn memory(text: &str) -> Vec<MemoryEvent> {
    let (range, fields) = text.split_once(": ").expect("a range and fields");
    let last: u32 = range.rsplit_once("..").expect("a range").1.parse().expect("a number");
    let of = |name: &str| {
        fields.split(", ").find_map(|field| field.strip_prefix(name)).expect("the field is there")
    };
    let number = |name: &str| of(name).trim().parse::<f64>().expect("a number");
    let (then, rest) = of("pnl=").split_once(" if i%").expect("a condition");
    let (condition, otherwise) = rest.split_once(" else ").expect("an alternative");
    let (modulus, rest) = condition.split_once("==").expect("a comparison");
    let parse = |text: &str| text.parse::<f64>().expect("a number");
    let (modulus, rest) = (parse(modulus), parse(rest));
    let event = |i: u32| MemoryEvent {
        pnl: if f64::from(i) % modulus == rest { parse(then) } else { parse(otherwise) },
        confidence: number("confidence "),
        volatility: number("volatility "),
        leverage: number("leverage "),
    };
    (0..=last).map(event).collect()
}

fn efficiency(input: &Value) -> Value {
    let factor = optional(input, "performance_factor");
    let got = capital_efficiency(&EfficiencyInput {
        attribution: factor.map(|performance_factor| AttributionReading {
            performance_factor,
            confidence: number(input, "p30_conf"),
            age_s: number(input, "p30_age_s"),
        }),
        factor_last: None,
        target: Some(CapitalTarget {
            target_usd: number(input, "target_usd"),
            confidence: number(input, "p29_conf"),
            age_s: 0.0,
        }),
        target_last_usd: None,
        pnl: PnlAverages { vol_ewma: number(input, "vol_ewma"), dd_ewma: number(input, "dd_ewma") },
        efficiency_before: number(input, "prev_eff_ewma"),
        silence_s: Some(number(input, "silence_s")),
    })
    .expect("finite");
    let flags: Vec<&str> = got.stale_flags.iter().map(|flag| flag.as_str()).collect();
    let mut all = spelled(&got);
    all["stale_flags"] = json!(flags.join(","));
    all
}

fn stress(input: &Value) -> Value {
    let prices = formula::named_series(text(input, "prices"));
    let held = |symbol: &str| {
        let position = &input["positions"][symbol];
        number(position, "position_amt") * number(position, "mark_price")
    };
    let of_input: Vec<ClusterInput<'_>> = prices
        .iter()
        .map(|(symbol, prices)| ClusterInput { symbol, prices, notional_usd: held(symbol) })
        .collect();
    let settings = ClusterSettings {
        correlation_min: number(input, "min_corr"),
        ..ClusterSettings::default()
    };
    let got = clusters(&of_input, &settings).expect("ready");
    let name = |at: usize| of_input[at].symbol;
    let corr = got.correlations.iter();
    let corr: serde_json::Map<String, Value> =
        corr.map(|(i, j, c)| (format!("{}|{}", name(*i), name(*j)), json!(c))).collect();
    let of_clusters: Vec<Value> = got
        .clusters
        .iter()
        .map(|c| {
            json!({
                "symbols": c.symbols, "notional": c.notional_usd, "weight": c.weight,
                "concentration": c.concentration, "correlation": c.correlation,
                "stress": c.stress,
            })
        })
        .collect();
    json!({"corr": corr, "clusters": of_clusters, "cluster_stress": got.stress})
}

/// Digit for digit as it stands in the text.
fn decimal(input: &Value, key: &str) -> Option<Decimal> {
    input[key].as_number().map(|number| number.to_string().parse().expect("a decimal"))
}

/// `closes_refused` is the audited setting.
pub fn permit(input: &Value, closes_refused: bool) -> Value {
    let plan = PlanFacts {
        reconcile_close: false,
        action: text(input, "action"),
        reduce_only: text(input, "reduce_only") == "true",
        buys: None,
        asked_qty: None,
    };
    let facts = PositionFacts {
        snapshot: decimal(input, "exchange_amt").map(|position_amt| Snapshot {
            position_amt,
            age_sec: number(input, "snapshot_age_s"),
        }),
        ledger_amt: decimal(input, "ledger_amt"),
        last_exec_age_sec: optional(input, "last_exec_age_s"),
        hold: false,
        step: Decimal::new(1, 3),
    };
    let rules =
        PositionRules { audited_closes_refused: closes_refused, ..PositionRules::default() };
    let float = |of: Decimal| json!(of.to_f64());
    match evaluate_plan(&plan, &facts, &rules) {
        Ok(granted) => json!({
            "allow": true, "reason": granted.reason, "safe_qty": float(granted.safe_qty),
        }),
        Err(denied) => match denied.context {
            DenialContext::Quantities(mismatch) => json!({
                "allow": false, "reason": denied.reason, "diff": float(mismatch.diff),
                "tolerance": float(mismatch.tolerance),
            }),
            _ => json!({"allow": false, "reason": denied.reason}),
        },
    }
}
