//! Market data, features, regimes, leverage.

use serde_json::{Value, json};
use strategies::leverage::{
    AdaptiveLevelsInput, LeverageInput, adaptive_levels, intelligent_leverage,
};
use strategies::market::{MergeRule, NormalisedText, VenueCloses, merge, parse_normalised};
use strategies::regime::{classify_regime, detect_regime};
use strategies::{PriceHistory, features, market_state};

use super::json as spelled;
use crate::formula;
use crate::harness::{number, optional, text};

pub fn run(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "ilf_v2_leverage" => leverage(input),
        "adaptive_levels" => levels(input),
        "meta_regime_classify" => {
            let got = classify_regime(number(input, "volatility"), number(input, "trend"));
            spelled(got.expect("finite"))
        }
        "meta_regime_detect" => {
            spelled(detect_regime(&formula::series(text(input, "prices"))).expect("prices"))
        }
        "cross_exchange_merge" => {
            let closes = VenueCloses {
                binance: optional(input, "binance"),
                bybit: optional(input, "bybit"),
                coinbase: optional(input, "coinbase"),
            };
            let merged = merge(&closes, MergeRule::default()).expect("prices").expect("venues");
            let mut got = spelled(merged);
            // Of the features the text spells the same number a second time.
            got["divergence"] = got["price_divergence"].clone();
            got
        }
        "cross_exchange_parse" => parse(input),
        "v5_features" => of_prices(input),
        "market_state" => {
            let closes = formula::series(text(input, "prices"));
            spelled(market_state(&closes).expect("enough closes"))
        }
        _ => return None,
    })
}

fn leverage(input: &Value) -> Value {
    let neutral = LeverageInput::neutral(number(input, "confidence"));
    let of_input = LeverageInput {
        volatility: number(input, "volatility"),
        pnl_trend: number(input, "pnl_trend"),
        symbol_risk: optional(input, "symbol_risk").unwrap_or(neutral.symbol_risk),
        margin_util: number(input, "margin_util"),
        exch_divergence: number(input, "exch_divergence"),
        funding_rate: number(input, "funding_rate"),
        ..neutral
    };
    let got = intelligent_leverage(&of_input).expect("finite");
    let mut all = spelled(got);
    all["base"] = json!(got.factors.base);
    all
}

fn levels(input: &Value) -> Value {
    let of_input = AdaptiveLevelsInput {
        base_tp_pct: number(input, "base_tp"),
        base_sl_pct: number(input, "base_sl"),
        leverage: number(input, "leverage"),
        volatility_factor: optional(input, "volatility_factor").unwrap_or(0.0),
        funding_delta: optional(input, "funding_delta").unwrap_or(0.0),
        exchange_divergence: optional(input, "exchange_divergence").unwrap_or(0.0),
    };
    let got = adaptive_levels(&of_input).expect("finite");
    json!({
        "tp1": got.tp1_pct, "tp2": got.tp2_pct, "tp3": got.tp3_pct, "sl": got.sl_pct,
        "scheme": got.harvest_scheme, "lsf": got.lsf,
    })
}

fn parse(input: &Value) -> Value {
    let tick = parse_normalised(&NormalisedText {
        symbol: text(input, "symbol"),
        timestamp: text(input, "timestamp"),
        avg_price: text(input, "avg_price"),
        price_divergence: text(input, "price_divergence"),
        num_exchanges: text(input, "num_exchanges"),
        binance_price: text(input, "binance_price"),
        bybit_price: text(input, "bybit_price"),
        coinbase_price: text(input, "coinbase_price"),
    })
    .expect("readable");
    let mut got = spelled(tick);
    let features = spelled(tick.features(0.0));
    let all = got.as_object_mut().expect("an object");
    all.extend(features.as_object().expect("an object").clone());
    got
}

fn of_prices(input: &Value) -> Value {
    let prices = formula::series(text(input, "prices"));
    let volumes = text(input, "volumes");
    let mut history = PriceHistory::new();
    for (price, i) in prices.iter().zip(0u32..) {
        history.push(*price, formula::value(volumes, f64::from(i))).expect("a tick");
    }
    spelled(features(&history, number(input, "last_high"), number(input, "last_low")))
}
