//! Leverage and levels.

use serde_json::{Value, json};
use strategies::leverage::{
    AdaptiveLevels, AdaptiveLevelsInput, LeverageInput, adaptive_levels, intelligent_leverage,
};

use crate::harness::{number, optional};

pub fn levels(input: &Value) -> Value {
    let of_input = AdaptiveLevelsInput {
        base_tp_pct: number(input, "base_tp_pct"),
        base_sl_pct: number(input, "base_sl_pct"),
        leverage: number(input, "leverage"),
        volatility_factor: optional(input, "volatility_factor").unwrap_or(0.0),
        funding_delta: optional(input, "funding_delta").unwrap_or(0.0),
        exchange_divergence: optional(input, "exchange_divergence").unwrap_or(0.0),
    };
    levels_json(&adaptive_levels(&of_input).expect("finite"))
}

pub fn levels_json(levels: &AdaptiveLevels) -> Value {
    json!({
        "tp1_pct": levels.tp1_pct, "tp2_pct": levels.tp2_pct, "tp3_pct": levels.tp3_pct,
        "sl_pct": levels.sl_pct, "lsf": levels.lsf, "harvest_scheme": levels.harvest_scheme,
    })
}

pub fn leverage(input: &Value) -> Value {
    let of_input = LeverageInput {
        confidence: number(input, "confidence"),
        volatility: number(input, "volatility"),
        pnl_trend: number(input, "pnl_trend"),
        symbol_risk: number(input, "symbol_risk"),
        margin_util: number(input, "margin_util"),
        exch_divergence: number(input, "exch_divergence"),
        funding_rate: number(input, "funding_rate"),
    };
    let out = intelligent_leverage(&of_input).expect("finite");
    json!({
        "leverage": out.leverage, "base": out.factors.base, "factors": out.factors,
        "clamped": out.clamped,
    })
}
