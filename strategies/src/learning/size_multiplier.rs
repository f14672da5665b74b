//! The RL agent v3: a multiplier on sizes, 0.5 to 1.5, from a small network or a rule (MSE 7.3).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite, logistic};

const MULTIPLIER_MIN: f64 = 0.5;
const MULTIPLIER_MAX: f64 = 1.5;
const INPUTS: usize = 6;
const HIDDEN: usize = 64;

/// What the multiplier follows from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MultiplierState {
    /// 0 to 1.
    pub confidence: f64,
    /// Volatility index.
    pub volatility: f64,
    /// How the PnL has gone lately.
    pub pnl_trend: f64,
    /// How far the venues are apart.
    pub exch_divergence: f64,
    /// A fraction a period.
    pub funding_rate: f64,
    /// Share of the margin in use.
    pub margin_util: f64,
}

impl MultiplierState {
    fn inputs(&self) -> Result<[f64; INPUTS], RefusedNumber> {
        all_finite(&[
            ("confidence", self.confidence),
            ("volatility", self.volatility),
            ("pnl_trend", self.pnl_trend),
            ("exch_divergence", self.exch_divergence),
            ("funding_rate", self.funding_rate),
            ("margin_util", self.margin_util),
        ])?;
        Ok([
            self.confidence,
            self.volatility,
            self.pnl_trend,
            self.exch_divergence,
            self.funding_rate,
            self.margin_util,
        ])
    }
}

/// The multiplier by rule, for want of a network.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn size_multiplier(state: &MultiplierState) -> Result<f64, RefusedNumber> {
    let [confidence, volatility, trend, divergence, ..] = state.inputs()?;
    let raw = 0.5 + 0.5 * confidence + 0.25 * trend.max(0.0) - 0.15 * volatility - 0.2 * divergence;
    Ok(finite("multiplier", raw)?.clamp(MULTIPLIER_MIN, MULTIPLIER_MAX))
}

/// A network of 6, 64, 64 and 1 units, each layer through the logistic function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[(Vec<f64>, Vec<f64>); 3]", into = "[(Vec<f64>, Vec<f64>); 3]")]
pub struct MultiplierNetwork {
    layers: [Layer; 3],
}

/// Weights of one layer, row by row, and its biases.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    weights: Vec<f64>,
    biases: Vec<f64>,
}

impl Layer {
    fn out(&self, inputs: &[f64]) -> Vec<f64> {
        let rows = self.weights.chunks_exact(inputs.len()).zip(&self.biases);
        let sum = |row: &[f64]| row.iter().zip(inputs).map(|(w, x)| w * x).sum::<f64>();
        rows.map(|(row, bias)| logistic(sum(row) + bias)).collect()
    }
}

impl MultiplierNetwork {
    /// Weights (row by row) and biases of the three layers.
    ///
    /// # Errors
    /// [`NotANetwork`] when a size is wrong or a number is not finite.
    pub fn new(layers: [(Vec<f64>, Vec<f64>); 3]) -> Result<MultiplierNetwork, NotANetwork> {
        let sizes = [(INPUTS, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)];
        let fits = layers.iter().zip(sizes).all(|((weights, biases), (from, to))| {
            weights.len() == from * to
                && biases.len() == to
                && weights.iter().chain(biases).all(|number| number.is_finite())
        });
        let layers = layers.map(|(weights, biases)| Layer { weights, biases });
        if fits { Ok(MultiplierNetwork { layers }) } else { Err(NotANetwork) }
    }

    /// The multiplier of a state.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities, also where huge weights produce them.
    pub fn multiplier(&self, state: &MultiplierState) -> Result<f64, RefusedNumber> {
        let mut values = state.inputs()?.to_vec();
        for layer in &self.layers {
            values = layer.out(&values);
        }
        let out = values.first().copied().unwrap_or(f64::NAN);
        Ok(finite("multiplier", out + MULTIPLIER_MIN)?.clamp(MULTIPLIER_MIN, MULTIPLIER_MAX))
    }
}

/// Layers that make no network of 6, 64, 64 and 1 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network: give weights of 6x64, 64x64 and 64x1 with 64, 64 and 1 biases, all finite")]
pub struct NotANetwork;

impl TryFrom<[(Vec<f64>, Vec<f64>); 3]> for MultiplierNetwork {
    type Error = NotANetwork;
    fn try_from(layers: [(Vec<f64>, Vec<f64>); 3]) -> Result<MultiplierNetwork, NotANetwork> {
        MultiplierNetwork::new(layers)
    }
}

impl From<MultiplierNetwork> for [(Vec<f64>, Vec<f64>); 3] {
    fn from(network: MultiplierNetwork) -> [(Vec<f64>, Vec<f64>); 3] {
        network.layers.map(|layer| (layer.weights, layer.biases))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(weight: f64, bias: f64) -> [(Vec<f64>, Vec<f64>); 3] {
        [(6, 64), (64, 64), (64, 1)].map(|(from, to)| (vec![weight; from * to], vec![bias; to]))
    }

    #[test]
    fn a_network_without_weights_is_neutral() {
        let network = MultiplierNetwork::new(flat(0.0, 0.0)).expect("sizes");
        let state = MultiplierState { confidence: 0.9, ..MultiplierState::default() };
        assert_eq!(network.multiplier(&state), Ok(1.0));
        let sure = MultiplierNetwork::new(flat(0.0, 50.0)).expect("sizes");
        assert_eq!(sure.multiplier(&state), Ok(1.5));
        let unknown = MultiplierState { volatility: f64::NAN, ..state };
        assert!(network.multiplier(&unknown).is_err());
        assert!(size_multiplier(&unknown).is_err());
    }

    #[test]
    fn wrong_sizes_are_refused() {
        let mut layers = flat(0.1, 0.0);
        layers[1].0.pop();
        assert_eq!(MultiplierNetwork::new(layers), Err(NotANetwork));
        let mut layers = flat(0.1, 0.0);
        layers[2].1[0] = f64::NAN;
        assert_eq!(MultiplierNetwork::new(layers), Err(NotANetwork));
    }

    #[test]
    fn only_a_rising_trend_counts_in_the_rule() {
        let of = |pnl_trend| {
            let state =
                MultiplierState { confidence: 0.5, pnl_trend, ..MultiplierState::default() };
            size_multiplier(&state).expect("finite")
        };
        assert_eq!([of(-1.0), of(0.0), of(1.0), of(9.0)], [0.75, 0.75, 1.0, 1.5]);
    }
}
