//! Portfolio, capital, clusters, permits.

use serde_json::{Value, json};
use strategies::portfolio::{
    Attribution, CapitalTarget, EfficiencyInput, MemoryEvent, PnlAverages, capital_efficiency,
    governed_size_usd, portfolio_score,
};

use super::json as spelled;
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
        attribution: factor.map(|performance_factor| Attribution {
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
