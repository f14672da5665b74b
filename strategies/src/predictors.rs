//! The four predictors of the ensemble. Trained files take their places later; until then four different
//! technical rules stand in for them, each under the name of the model whose seat it keeps.
//!
//! All distances are in units of the volatility of one price step, so that the rules mean the same for
//! every symbol. Confidence grows from 0.55 with the strength of the signal, up to 0.92.

use crate::{Action, Features, Prediction, Voting};

/// Prices that a rule wants to have seen.
const HISTORY_MIN: usize = 50;
/// Keeps quiet markets from dividing by nothing.
const VOLATILITY_MIN: f64 = 1e-5;

/// A model of the ensemble.
pub trait Predictor: Send + Sync {
    /// Its name, as settings and telemetry know it.
    fn name(&self) -> &'static str;
    /// Its configured weight in the vote.
    fn weight(&self) -> f64;
    /// What it makes of the features, with this many prices seen.
    fn predict(&self, features: &Features, prices: usize) -> Prediction;
}

/// All predictors there are. A new model is one type and one line here.
pub fn predictor(name: &str) -> Option<&'static dyn Predictor> {
    const ALL: [&'static dyn Predictor; 4] = [&Xgb, &Lgbm, &Nhits, &Patchtst];
    ALL.into_iter().find(|predictor| predictor.name() == name)
}

/// Names of the four, in their order.
pub const PREDICTORS: [&str; 4] = ["xgb", "lgbm", "nhits", "patchtst"];

fn opinion(strength: f64, prices: usize) -> Prediction {
    let voting = if prices < HISTORY_MIN { Voting::InsufficientHistory } else { Voting::Active };
    let (action, confidence) = match strength {
        s if s > 0.0 => (Action::Buy, (0.55 + 0.08 * s).min(0.92)),
        s if s < 0.0 => (Action::Sell, (0.55 - 0.08 * s).min(0.92)),
        _ => (Action::Hold, 0.6),
    };
    Prediction { action, confidence, voting }
}

/// What exceeds the threshold, with the sign of `value`; zero inside it.
fn beyond(value: f64, threshold: f64) -> f64 {
    if value.abs() > threshold { value - threshold.copysign(value) } else { 0.0 }
}

fn scaled(value: f64, features: &Features) -> f64 {
    value / features.volatility_20.max(VOLATILITY_MIN)
}

/// Trend following: fast averages apart, with MACD behind them.
struct Xgb;

impl Predictor for Xgb {
    fn name(&self) -> &'static str {
        "xgb"
    }
    fn weight(&self) -> f64 {
        0.25
    }
    fn predict(&self, features: &Features, prices: usize) -> Prediction {
        let apart = scaled(features.ema_10_20_cross, features);
        let agrees = features.macd * apart > 0.0;
        opinion(if agrees { beyond(apart, 1.6) } else { 0.0 }, prices)
    }
}

/// Mean reversion: stretched RSI at the edge of the Bollinger band, but not against a strong trend.
struct Lgbm;

impl Predictor for Lgbm {
    fn name(&self) -> &'static str {
        "lgbm"
    }
    fn weight(&self) -> f64 {
        0.25
    }
    fn predict(&self, features: &Features, prices: usize) -> Prediction {
        let trend = scaled(features.ema_10_50_cross, features);
        let stretched = (50.0 - features.rsi_14) / 10.0;
        let at_the_edge = !(0.05..=0.95).contains(&features.bb_position);
        let against = trend * stretched < 0.0 && trend.abs() > 4.0;
        // In a strong trend a shallow pullback is the entry, with the trend.
        let strength = if at_the_edge && !against {
            beyond(stretched, 2.2)
        } else if trend.abs() > 5.0 && (0.3..=0.7).contains(&features.bb_position) {
            beyond(trend, 5.0)
        } else {
            0.0
        };
        opinion(strength, prices)
    }
}

/// Momentum breakout: twenty steps in one direction, further than chance goes.
struct Nhits;

impl Predictor for Nhits {
    fn name(&self) -> &'static str {
        "nhits"
    }
    fn weight(&self) -> f64 {
        0.30
    }
    fn predict(&self, features: &Features, prices: usize) -> Prediction {
        // A random walk of 20 steps ends about √20 steps away.
        let way = scaled(features.momentum_20 / 100.0, features) / 4.472_135_955;
        let still_going = features.momentum_10 * features.momentum_20 > 0.0;
        opinion(if still_going { beyond(way, 1.9) } else { 0.0 }, prices)
    }
}

/// Slow trend: the averages of 10 and 50 far apart.
struct Patchtst;

impl Predictor for Patchtst {
    fn name(&self) -> &'static str {
        "patchtst"
    }
    fn weight(&self) -> f64 {
        0.20
    }
    fn predict(&self, features: &Features, prices: usize) -> Prediction {
        let apart = scaled(features.ema_10_50_cross, features);
        let agrees = features.momentum_20 * apart > 0.0;
        opinion(if agrees { beyond(apart, 3.5) } else { 0.0 }, prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PriceHistory, features};

    fn all(step: impl Fn(f64) -> f64, count: usize) -> Vec<Prediction> {
        let mut history = PriceHistory::new();
        for i in 0..count {
            history.push(step(i as f64), 1.0).expect("a price");
        }
        let features = features(&history, 0.0, 0.0);
        let named = PREDICTORS.iter().map(|name| predictor(name).expect("it is registered"));
        named.map(|p| p.predict(&features, count)).collect()
    }

    #[test]
    fn a_steady_climb_is_bought_by_the_trend_followers() {
        let opinions = all(|i| 100.0 * (1.0 + 0.001 * i), 120);
        let actions: Vec<Action> = opinions.iter().map(|p| p.action).collect();
        assert_eq!([actions[0], actions[2], actions[3]], [Action::Buy; 3]);
        let opinions = all(|i| 100.0 * (1.0 - 0.001 * i), 120);
        assert_eq!(opinions[2].action, Action::Sell);
    }

    #[test]
    fn a_quiet_market_is_held_and_a_short_one_does_not_vote() {
        let flat = |i: f64| 100.0 + 0.05 * libm::sin(i * 1.7);
        assert!(all(flat, 120).iter().all(|p| p.action == Action::Hold));
        assert!(all(flat, 20).iter().all(|p| p.voting == Voting::InsufficientHistory));
    }

    #[test]
    fn the_four_do_not_always_agree() {
        let turned = |i: f64| if i < 110.0 { 100.0 + 0.1 * i } else { 111.0 - 0.9 * (i - 110.0) };
        let opinions = all(turned, 120);
        assert!(opinions.iter().any(|p| p.action != opinions[0].action), "{opinions:?}");
    }
}
