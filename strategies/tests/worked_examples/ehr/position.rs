//! Positions and market states as the examples spell them.

use serde_json::Value;
use strategies::position::{MarketView, Position, PositionSide};

use crate::harness::{number, optional, text};

/// The examples are of one unit, so that their PnL is that of one unit.
pub fn position(of: &Value) -> Position {
    Position {
        side: PositionSide::parse(text(of, "side")).expect("LONG or SHORT"),
        entry_price: number(of, "entry_price"),
        current_price: number(of, "current_price"),
        peak_price: number(of, "peak_price"),
        trough_price: number(of, "trough_price"),
        age_sec: number(of, "age_sec"),
        unrealized_pnl_per_unit: number(of, "unrealized_pnl"),
        current_sl: optional(of, "current_sl"),
        current_tp: optional(of, "current_tp"),
    }
}

/// Probabilities stand beside sigma, or in `regime_probs`.
pub fn market(of: &Value) -> MarketView {
    let nested = of.get("regime_probs");
    let p = |short: &str, long: &str| match nested {
        Some(probs) => number(probs, short),
        None => number(of, long),
    };
    MarketView {
        sigma: number(of, "sigma"),
        ts: number(of, "ts"),
        p_trend: p("trend", "p_trend"),
        p_mr: p("mr", "p_mr"),
        p_chop: p("chop", "p_chop"),
    }
}
