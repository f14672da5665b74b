//! Exit brain, exit monitor, trades, market state.

use serde_json::{Value, json};
use strategies::exit_brain::{ExitBases, build_exit_plan};
use strategies::performance::TradeState;
use strategies::position::PositionSide;
use strategies::{ExitWatch, market_state};

use super::leverage::levels_json;
use crate::harness::{number, text};

pub fn plan(input: &Value) -> Value {
    let signal = serde_json::from_value(input["signal"].clone()).expect("a signal");
    let context = serde_json::from_value(input["context"].clone()).expect("a context");
    let out = build_exit_plan(&signal, &context, &ExitBases::default()).expect("finite");
    json!({
        "leverage": out.leverage.leverage, "take_profit_pct": out.take_profit_pct,
        "stop_loss_pct": out.stop_loss_pct, "trailing_enabled": out.trailing_callback_pct.is_some(),
        "trailing_callback_pct": out.trailing_callback_pct,
        "adaptive_levels": levels_json(&out.adaptive_levels),
    })
}

/// The extreme on the losing side is not followed: it stays at the entry.
pub fn watch(input: &Value) -> Value {
    let (long, entry) = (text(input, "side") == "BUY", number(input, "entry"));
    let (stop, target) = (number(input, "stop_loss"), number(input, "take_profit"));
    let mut watch = ExitWatch::new(long, entry, Some(stop), Some(target));
    let path = input["price_path"].as_array().expect("prices");
    let results: Vec<_> =
        path.iter().map(|price| json!(watch.check(price.as_f64().expect("a price")))).collect();
    let (highest, lowest) = if long { (watch.best, entry) } else { (entry, watch.best) };
    json!({ "results": results, "highest": highest, "lowest": lowest })
}

pub fn trade(input: &Value) -> Value {
    let side = PositionSide::parse(text(input, "side")).expect("LONG or SHORT");
    let (entry, qty) = (number(input, "entry_price"), number(input, "qty"));
    let mut trade = TradeState::new(side, entry, qty).expect("a trade");
    let exits = input["exits"].as_array().expect("exits");
    let pnl: Vec<f64> = exits
        .iter()
        .map(|exit| {
            let (qty, price) =
                (exit[1].as_f64().expect("a quantity"), exit[2].as_f64().expect("a price"));
            trade.exit(qty, price, 0.0).expect("finite")
        })
        .collect();
    json!({ "pnl": pnl, "remaining_qty": trade.remaining_qty, "is_closed": trade.is_closed() })
}

/// The two series are told as formulas; first and last price say whether they were read as meant.
pub fn state(input: &Value) -> Value {
    let price: fn(f64) -> f64 = match text(input, "price_series") {
        "p(i) = 100*exp(0.0005*i + 0.01*sin(0.3*i)), i=0..299" => {
            |i| 100.0 * libm::exp(0.0005 * i + 0.01 * libm::sin(0.3 * i))
        }
        "p(i) = 50 + 2*sin(1.7*i) + 0.5*cos(0.05*i), i=0..299" => {
            |i| 50.0 + 2.0 * libm::sin(1.7 * i) + 0.5 * libm::cos(0.05 * i)
        }
        other => panic!("no formula for {other}"),
    };
    let closes: Vec<f64> = (0..number(input, "n") as u32).map(|i| price(f64::from(i))).collect();
    let last = number(input, "last");
    assert!((closes[0] - number(input, "first")).abs() < 1e-9, "first price");
    assert!((closes[closes.len() - 1] - last).abs() < 1e-9 * last, "last price");
    let out = market_state(&closes).expect("enough prices");
    json!({
        "sigma": out.sigma, "mu": out.mu, "ts": out.ts, "dp": out.dp, "vr": out.vr,
        "spike_proxy": out.spike_proxy,
        "regime_probs": { "trend": out.p_trend, "mr": out.p_mr, "chop": out.p_chop },
    })
}
