//! The four predictors of the ensemble. Trained files take their places later; until then four different
//! technical rules stand in for them, each under the name of the model whose seat it keeps.
//!
//! All distances are in units of the volatility of one price step, so that the rules mean the same for
//! every symbol. Confidence grows from 0.55 with the strength of the signal, up to 0.92.

use crate::{Action, Features, Prediction, Voting};

/// Prices that a rule wants to have seen.
const HISTORY_MIN: usize = 50;
/// Confidence of a rule at its threshold, and what each volatility beyond it adds.
const CONFIDENCE_LEAST: f64 = 0.70;
const CONFIDENCE_GAIN: f64 = 0.10;
/// Keeps quiet markets from dividing by nothing.
const VOLATILITY_MIN: f64 = 1e-5;

/// Numbers that come from outside our own rules, so that a run can record them and a replay can read them
/// back.
pub trait Outside {
    /// Fills `out`: by `compute`, or from a recording.
    fn numbers(&mut self, out: &mut [f64], compute: &mut dyn FnMut(&mut [f64]));
}

/// Nobody records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Outside for Unrecorded {
    fn numbers(&mut self, out: &mut [f64], compute: &mut dyn FnMut(&mut [f64])) {
        compute(out);
    }
}

/// Why a model has no opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredictorFault {
    /// NaN, infinite, or no probability.
    #[error("the model's output is no probability")]
    NoProbability,
    /// Neither one number nor three.
    #[error("the model's output has another shape than it had when it was loaded")]
    WrongShape,
}

/// A model of the ensemble, whatever it is made of.
pub trait Predictor: Send + Sync + std::fmt::Debug {
    /// Its name, as settings and telemetry know it.
    fn name(&self) -> &str;
    /// Its configured weight in the vote.
    fn weight(&self) -> f64;
    /// What it makes of the features, with this many prices seen. What does not follow from our own rules, it
    /// asks `outside` for.
    ///
    /// # Errors
    /// [`PredictorFault`]: the model is left out of this vote.
    fn predict(
        &self,
        features: &Features,
        prices: usize,
        outside: &mut dyn Outside,
    ) -> Result<Prediction, PredictorFault>;
}

/// The opinion of a model's output: one number is the chance that the price rises; three are those of SELL,
/// HOLD and BUY, in this order.
///
/// # Errors
/// [`PredictorFault`] for NaN, for what is no probability and for any other count.
pub fn opinion_of(outputs: &[f64], prices: usize) -> Result<Prediction, PredictorFault> {
    if !outputs.iter().all(|output| (0.0..=1.0).contains(output)) {
        return Err(PredictorFault::NoProbability);
    }
    let (action, confidence) = match *outputs {
        [up] if up > 0.5 => (Action::Buy, up),
        [up] if up < 0.5 => (Action::Sell, 1.0 - up),
        [up] => (Action::Hold, up),
        // Ties go to BUY, then SELL, as in the vote.
        [sell, hold, buy] if buy >= sell && buy >= hold => (Action::Buy, buy),
        [sell, hold, _] if sell >= hold => (Action::Sell, sell),
        [_, hold, _] => (Action::Hold, hold),
        _ => return Err(PredictorFault::WrongShape),
    };
    Ok(Prediction { action, confidence, voting: voting(prices) })
}

const ALL: [&'static dyn Predictor; 4] = [&Xgb, &Lgbm, &Nhits, &Patchtst];

/// All built-in predictors. A new one is one type and one line above.
pub fn predictor(name: &str) -> Option<&'static dyn Predictor> {
    ALL.into_iter().find(|predictor| predictor.name() == name)
}

/// Names of the four, in their order.
pub const PREDICTORS: [&str; 4] = ["xgb", "lgbm", "nhits", "patchtst"];

fn voting(prices: usize) -> Voting {
    if prices < HISTORY_MIN { Voting::InsufficientHistory } else { Voting::Active }
}

/// Inside its threshold a rule holds; beyond it, it is surer the further beyond it is. The rules hold so often
/// that those who do not are sure of what they say: the limits of the decision pipeline (0.65 and 0.75) let
/// pass what is half a volatility beyond.
fn opinion(strength: f64, prices: usize) -> Prediction {
    let sure = |beyond: f64| (CONFIDENCE_LEAST + CONFIDENCE_GAIN * beyond).min(0.92);
    let (action, confidence) = match strength {
        s if s > 0.0 => (Action::Buy, sure(s)),
        s if s < 0.0 => (Action::Sell, sure(-s)),
        _ => (Action::Hold, 0.66),
    };
    Prediction { action, confidence, voting: voting(prices) }
}

/// What exceeds the threshold, with the sign of `value`; zero inside it.
fn beyond(value: f64, threshold: f64) -> f64 {
    if value.abs() > threshold { value - threshold.copysign(value) } else { 0.0 }
}

fn scaled(value: f64, features: &Features) -> f64 {
    value / features.volatility_20.max(VOLATILITY_MIN)
}

/// Trend following: fast averages apart, with MACD behind them.
#[derive(Debug)]
struct Xgb;

impl Predictor for Xgb {
    fn name(&self) -> &str {
        "xgb"
    }
    fn weight(&self) -> f64 {
        0.25
    }
    fn predict(
        &self,
        features: &Features,
        prices: usize,
        _: &mut dyn Outside,
    ) -> Result<Prediction, PredictorFault> {
        let apart = scaled(features.ema_10_20_cross, features);
        let agrees = features.macd * apart > 0.0;
        Ok(opinion(if agrees { beyond(apart, 1.6) } else { 0.0 }, prices))
    }
}

/// Mean reversion: stretched RSI at the edge of the Bollinger band, but not against a strong trend.
#[derive(Debug)]
struct Lgbm;

impl Predictor for Lgbm {
    fn name(&self) -> &str {
        "lgbm"
    }
    fn weight(&self) -> f64 {
        0.25
    }
    fn predict(
        &self,
        features: &Features,
        prices: usize,
        _: &mut dyn Outside,
    ) -> Result<Prediction, PredictorFault> {
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
        Ok(opinion(strength, prices))
    }
}

/// Momentum breakout: twenty steps in one direction, further than chance goes.
#[derive(Debug)]
struct Nhits;

impl Predictor for Nhits {
    fn name(&self) -> &str {
        "nhits"
    }
    fn weight(&self) -> f64 {
        0.30
    }
    fn predict(
        &self,
        features: &Features,
        prices: usize,
        _: &mut dyn Outside,
    ) -> Result<Prediction, PredictorFault> {
        // A random walk of 20 steps ends about √20 steps away.
        let way = scaled(features.momentum_20 / 100.0, features) / 4.472_135_955;
        let still_going = features.momentum_10 * features.momentum_20 > 0.0;
        Ok(opinion(if still_going { beyond(way, 1.9) } else { 0.0 }, prices))
    }
}

/// Slow trend: the averages of 10 and 50 far apart.
#[derive(Debug)]
struct Patchtst;

impl Predictor for Patchtst {
    fn name(&self) -> &str {
        "patchtst"
    }
    fn weight(&self) -> f64 {
        0.20
    }
    fn predict(
        &self,
        features: &Features,
        prices: usize,
        _: &mut dyn Outside,
    ) -> Result<Prediction, PredictorFault> {
        let apart = scaled(features.ema_10_50_cross, features);
        let agrees = features.momentum_20 * apart > 0.0;
        Ok(opinion(if agrees { beyond(apart, 3.5) } else { 0.0 }, prices))
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
        named.map(|p| p.predict(&features, count, &mut Unrecorded).expect("a rule")).collect()
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

    #[test]
    fn a_models_output_is_read_or_refused() {
        let of = |outputs: &[f64]| opinion_of(outputs, 50).map(|p| (p.action, p.confidence));
        assert_eq!(of(&[0.75]), Ok((Action::Buy, 0.75)));
        assert_eq!(of(&[0.25]), Ok((Action::Sell, 0.75)));
        assert_eq!(of(&[0.5]), Ok((Action::Hold, 0.5)));
        assert_eq!(of(&[0.2, 0.3, 0.5]), Ok((Action::Buy, 0.5)));
        assert_eq!(of(&[0.5, 0.3, 0.2]), Ok((Action::Sell, 0.5)));
        assert_eq!(of(&[0.2, 0.6, 0.2]), Ok((Action::Hold, 0.6)));
        for bad in [&[f64::NAN][..], &[1.1], &[-0.1], &[0.2, f64::INFINITY, 0.1]] {
            assert_eq!(of(bad), Err(PredictorFault::NoProbability));
        }
        for odd in [&[][..], &[0.5, 0.5], &[0.25; 4]] {
            assert_eq!(of(odd), Err(PredictorFault::WrongShape));
        }
        assert_eq!(opinion_of(&[0.9], 49).map(|p| p.voting), Ok(Voting::InsufficientHistory));
    }
}
