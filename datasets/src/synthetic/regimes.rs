//! Regime switching: a Markov chain whose states have a drift and a volatility each.
//!
//! Source: J. D. Hamilton (1989), "A new approach to the economic analysis of nonstationary time series
//! and the business cycle", Econometrica 57. In state `i` the log return of a minute is `μᵢ + fᵢ σ z`, with
//! the symbol's `volatility_per_minute` as σ. A state is left with probability `1 / mean_minutes`, so that
//! its length is geometric; the next one is drawn by the weights `to`, or evenly among the others.

use engine::NamedRng;
use serde::{Deserialize, Serialize};

use super::bar_market::heat;

const MINUTES_PER_DAY: f64 = 1_440.0;

/// One state of the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// For readers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Mean log return of a day in this state.
    #[serde(default)]
    pub drift_per_day: f64,
    /// Factor on the symbol's volatility.
    pub volatility_factor: f64,
    /// How long it lasts on average, in minutes, at least 1.
    pub mean_minutes: f64,
    /// Weights of the states that follow, in the order of the list; its own is ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<f64>,
}

/// Calm, busy and stormy hours.
pub(super) fn typical() -> Vec<Regime> {
    let regime = |name: &str, volatility_factor, mean_minutes| Regime {
        name: name.into(),
        drift_per_day: 0.0,
        volatility_factor,
        mean_minutes,
        to: Vec::new(),
    };
    vec![regime("calm", 0.7, 360.0), regime("busy", 1.3, 120.0), regime("storm", 3.0, 20.0)]
}

/// What is wrong with a list of states.
pub(super) fn problem(regimes: &[Regime]) -> Option<String> {
    if !(2..=64).contains(&regimes.len()) {
        return Some(format!("regimes: {} are given; give 2 to 64", regimes.len()));
    }
    regimes.iter().enumerate().find_map(|(i, regime)| {
        let ranges = [
            ("drift_per_day", regime.drift_per_day, -10.0, 10.0),
            ("volatility_factor", regime.volatility_factor, 0.0, 100.0),
            ("mean_minutes", regime.mean_minutes, 1.0, 1e9),
        ];
        let odd = ranges.iter().find(|(_, value, min, max)| !(*min..=*max).contains(value));
        if let Some((name, value, min, max)) = odd {
            return Some(format!(
                "regimes number {}: {name} is {value}, and must be {min} to {max}",
                i + 1
            ));
        }
        let weights = weights(regimes, i);
        let sound = regime.to.is_empty() || regime.to.len() == regimes.len();
        let sum: f64 = weights.iter().sum();
        let sound = sound && weights.iter().all(|w| (0.0..=1e9).contains(w)) && sum > 0.0;
        (!sound).then(|| {
            format!(
                "regimes number {}: to needs {} weights of at least 0, one for each regime, and one above 0 besides its own; or remove it, and all follow evenly",
                i + 1,
                regimes.len()
            )
        })
    })
}

/// Weights of the states after `state`, zero for itself.
fn weights(regimes: &[Regime], state: usize) -> Vec<f64> {
    let given = &regimes[state].to;
    let weight = |next: usize| match (next == state, given.is_empty()) {
        (true, _) => 0.0,
        (false, true) => 1.0,
        (false, false) => given.get(next).copied().unwrap_or(f64::NAN),
    };
    (0..regimes.len()).map(weight).collect()
}

/// Rounds in which the shares of states settle.
const ROUNDS: u32 = 1_000;

/// Mean of the volume's growth with a state's deviation, over the time that each state has in the long run.
pub(super) fn heat_mean(regimes: &[Regime]) -> f64 {
    let chances: Vec<Vec<f64>> = (0..regimes.len())
        .map(|state| {
            let weights = weights(regimes, state);
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / sum).collect()
        })
        .collect();
    let mut visits = vec![1.0 / regimes.len() as f64; regimes.len()];
    for _ in 0..ROUNDS {
        // Half stays, so that states that only alternate settle, too.
        let mut next: Vec<f64> = visits.iter().map(|share| 0.5 * share).collect();
        for (share, chances) in visits.iter().zip(&chances) {
            next.iter_mut().zip(chances).for_each(|(n, chance)| *n += 0.5 * share * chance);
        }
        visits = next;
    }
    let time = |(share, regime): (&f64, &Regime)| share * regime.mean_minutes;
    let all: f64 = visits.iter().zip(regimes).map(time).sum();
    let each = visits.iter().zip(regimes);
    let mean = each.map(|of| time(of) * heat(of.1.volatility_factor)).sum::<f64>() / all;
    // Nothing moves and nothing is traded, in whatever state.
    if mean > 0.0 { mean } else { 1.0 }
}

/// The process of one symbol.
#[derive(Clone)]
pub(super) struct RegimeProcess {
    regimes: Vec<Regime>,
    sigma: f64,
    state: usize,
    chain: NamedRng,
}

impl RegimeProcess {
    /// It starts in the first state. Symbols whose `chain` has the same name switch together.
    pub fn new(regimes: Vec<Regime>, sigma: f64, chain: NamedRng) -> RegimeProcess {
        RegimeProcess { regimes, sigma, state: 0, chain }
    }

    /// The log return of the next minute from a standard normal, and the deviation that it had.
    pub fn step(&mut self, shock: f64) -> (f64, f64) {
        let regime = &self.regimes[self.state];
        let sigma = self.sigma * regime.volatility_factor;
        let step = regime.drift_per_day / MINUTES_PER_DAY + sigma * shock;
        // Every minute draws two numbers, so that symbols of unlike states stay in step.
        let (leaves, which) = (self.chain.unit_f64(), self.chain.unit_f64());
        if leaves * regime.mean_minutes < 1.0 {
            let weights = weights(&self.regimes, self.state);
            let mut left = which * weights.iter().sum::<f64>();
            let next = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            self.state = next.unwrap_or(self.state);
        }
        (step, sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regime(volatility_factor: f64, mean_minutes: f64, to: &[f64]) -> Regime {
        Regime {
            name: String::new(),
            drift_per_day: 0.0,
            volatility_factor,
            mean_minutes,
            to: to.to_vec(),
        }
    }

    #[test]
    fn states_last_as_long_as_stated_and_follow_the_weights() {
        let regimes = vec![
            regime(1.0, 30.0, &[0.0, 3.0, 1.0]),
            regime(2.0, 10.0, &[1.0, 0.0, 0.0]),
            regime(3.0, 10.0, &[]),
        ];
        assert_eq!(problem(&regimes), None);
        let mut process = RegimeProcess::new(regimes, 1.0, NamedRng::new(1, "chain"));
        let mut minutes = [0u32; 3];
        let (mut visits, mut last) = ([0u32; 3], 9);
        for _ in 0..300_000 {
            let state = process.step(0.0).1 as usize - 1;
            minutes[state] += 1;
            visits[state] += u32::from(state != last);
            last = state;
        }
        let mean = |state: usize| f64::from(minutes[state]) / f64::from(visits[state]);
        assert!((mean(0) - 30.0).abs() < 1.5, "{}", mean(0));
        assert!((mean(1) - 10.0).abs() < 0.5, "{}", mean(1));
        // Of four ways out of the first, three go to the second; half of the third's ways do, too.
        let ratio = f64::from(visits[1]) / f64::from(visits[2]);
        assert!((3.2..3.8).contains(&ratio), "{ratio}");
    }

    #[test]
    fn bad_states_are_named() {
        let bad = |regimes: &[Regime], part: &str| {
            let problem = problem(regimes).expect("bad");
            assert!(problem.contains(part), "{problem}");
        };
        let sound = regime(1.0, 5.0, &[]);
        bad(std::slice::from_ref(&sound), "give 2 to 64");
        bad(&[sound.clone(), regime(-1.0, 5.0, &[])], "number 2: volatility_factor is -1");
        bad(&[sound.clone(), regime(1.0, 0.5, &[])], "mean_minutes is 0.5");
        bad(&[sound.clone(), regime(1.0, 5.0, &[1.0])], "to needs 2 weights");
        bad(&[sound, regime(1.0, 5.0, &[0.0, 1.0])], "besides its own");
    }
}
