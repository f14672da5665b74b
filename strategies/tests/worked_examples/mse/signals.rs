//! Votes, sizing, calibration, drift, learned policies.

use engine::{Nanos, Symbol};
use serde_json::{Value, json};
use strategies::calibration::{WinRateRecord, calibrate_by_accuracy, calibrate_by_win_rate};
use strategies::learning::{
    MultiplierState, ShadowInput, ShadowSettings, SizingTrade, ensemble_reward, shadow_gate,
    size_multiplier, sizing_reward, updated_q,
};
use strategies::signal::{DriftMeasure, ai_sizing, drift_report, kelly_fraction};
use strategies::{
    Action, ConsensusWeights, Outcomes, Prediction, SizingInput, Voting, size, updated_weight, vote,
};

use super::json as spelled;
use crate::harness::{number, optional, text};

pub fn run(name: &str, input: &Value) -> Option<Value> {
    Some(match name {
        "math_sizing" => sizing(input),
        "governor_kelly" => {
            json!(kelly_fraction(number(input, "confidence")).expect("finite"))
        }
        "ensemble_aggregate" => ensemble(input),
        "consensus_weight_update" => {
            json!(updated_weight(number(input, "weight"), number(input, "pnl_pct")))
        }
        "rl_confidence_calibration" => {
            let record = WinRateRecord {
                trades: input["trades"].as_u64().expect("trades"),
                ema_winrate: number(input, "ema_winrate"),
                ..WinRateRecord::default()
            };
            spelled(calibrate_by_win_rate(number(input, "raw"), Some(&record)).expect("finite"))
        }
        "confidence_calibration" => {
            let samples = input["samples"].as_u64().expect("samples");
            let accuracy = number(input, "actual_accuracy");
            spelled(calibrate_by_accuracy(number(input, "raw"), accuracy, samples).expect("finite"))
        }
        "ai_sizer" => {
            let got = ai_sizing(
                number(input, "confidence"),
                number(input, "volatility_factor"),
                number(input, "equity"),
            );
            spelled(got.expect("finite"))
        }
        "rl_shadow_gate" => shadow(input),
        "rl_size_multiplier" => {
            let state = MultiplierState {
                confidence: number(input, "confidence"),
                volatility: number(input, "volatility"),
                pnl_trend: number(input, "pnl_trend"),
                exch_divergence: number(input, "exch_divergence"),
                ..MultiplierState::default()
            };
            json!(size_multiplier(&state).expect("finite"))
        }
        "rl_reward" => json!(
            ensemble_reward(
                number(input, "pnl_pct"),
                number(input, "confidence"),
                number(input, "leverage"),
                number(input, "target_leverage"),
                number(input, "exch_divergence"),
                number(input, "pnl_trend"),
            )
            .expect("finite")
        ),
        "q_update" => {
            let trade = SizingTrade {
                pnl_pct: number(input, "pnl_pct"),
                hours: number(input, "hours"),
                max_drawdown_pct: number(input, "max_drawdown_pct"),
            };
            let reward = sizing_reward(&trade).expect("finite");
            let new_q = updated_q(number(input, "q"), reward).expect("finite");
            json!({"new_q": new_q, "reward": reward})
        }
        // The stand-in by name: the default measures distributions, which an RSI alone does not make.
        "drift_check" => {
            let measure = DriftMeasure::AuditedRsiDistance;
            spelled(drift_report(measure, number(input, "rsi_14"), &[], None).expect("finite"))
        }
        _ => return None,
    })
}

fn sizing(input: &Value) -> Value {
    let outcomes = match text(input, "history") {
        "empty" => Outcomes::NONE,
        "bootstrap" => Outcomes::BOOTSTRAP,
        other => panic!("history {other:?} is not known"),
    };
    let of_input = SizingInput {
        symbol: Symbol::new(text(input, "symbol")).expect("a symbol"),
        confidence: number(input, "confidence"),
        atr_pct: number(input, "atr_pct"),
        exposure_pct: number(input, "exposure_pct"),
        equity_usd: number(input, "equity_usd"),
        max_leverage: number(input, "max_leverage"),
        risk_per_trade: number(input, "risk_per_trade"),
    };
    let mut got = spelled(size(&of_input, &outcomes));
    got["mode"] = json!("math_ai_mode");
    got
}

fn ensemble(input: &Value) -> Value {
    let models = ["xgb", "lgbm", "nhits", "patchtst"].iter().filter_map(|model| {
        let opinion = input["predictions"].get(model)?;
        let voting = match opinion[2].as_str().expect("a version or a mark") {
            "shadow" => Voting::ShadowMode,
            "fallback" => Voting::FallbackRules,
            "insufficient_history" => Voting::InsufficientHistory,
            _ => Voting::Active,
        };
        let prediction = Prediction {
            action: serde_json::from_value(opinion[0].clone()).expect("an action"),
            confidence: opinion[1].as_f64().expect("a confidence"),
            voting,
        };
        Some((number(&input["weights"], model), prediction))
    });
    let weights = match &input["consensus_weights"] {
        Value::String(text) => {
            assert_eq!(text, "all 1.0");
            ConsensusWeights::default()
        }
        weights => serde_json::from_value(weights.clone()).expect("four weights"),
    };
    let models: Vec<_> = models.collect();
    let mut got = spelled(vote(&models, &weights));
    let [buy, sell, hold] = [0, 1, 2].map(|at| got["votes"][at].clone());
    got["votes"] = json!({"BUY": buy, "SELL": sell, "HOLD": hold});
    got
}

fn shadow(input: &Value) -> Value {
    let action =
        |key: &str| -> Action { serde_json::from_value(input[key].clone()).expect("an action") };
    let of_input = ShadowInput {
        action: action("action"),
        ensemble_confidence: number(input, "ens_conf"),
        policy: Some((action("rl_action"), number(input, "rl_conf"), number(input, "policy_age"))),
        killed: false,
        since_effect: optional(input, "since_effect_s").map(|s| Nanos::from_secs(s as i64)),
    };
    // The text's gate is on; by default it is off.
    let on = ShadowSettings { enabled: true, ..ShadowSettings::default() };
    spelled(shadow_gate(&of_input, &on))
}
