//! The parameters of the risk kernel (EHR 3.2).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, not_negative};
use crate::position::MarketView;

/// One multiple of sigma a regime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegimeWeights {
    /// In a trend.
    pub trend: f64,
    /// While prices revert.
    pub mr: f64,
    /// In chop.
    pub chop: f64,
}

impl RegimeWeights {
    /// The multiple of a market: the mean over its regimes by their probability.
    #[must_use]
    pub fn of(&self, market: &MarketView) -> f64 {
        self.trend * market.p_trend + self.mr * market.p_mr + self.chop * market.p_chop
    }
}

/// All parameters. Distances are fractions of the price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RiskParams {
    /// Least distance of stop and trailing stop.
    pub sl_min: f64,
    /// Least distance of the target.
    pub tp_min: f64,
    /// Stop distance in sigmas.
    pub k_sl: RegimeWeights,
    /// Target distance in sigmas.
    pub k_tp: RegimeWeights,
    /// Trailing distance in sigmas.
    pub k_trail: RegimeWeights,
    /// How much a trend extends the target.
    pub tp_extend_gain: f64,
    /// At most by this.
    pub tp_extend_max: f64,
    /// Two stops closer than this are one, in USDT.
    pub eps: f64,
    /// A stop never goes back.
    pub monotonic_sl: bool,
    /// Audited: a trailing stop may land beyond the current price (EHR 3.2, example 11). Not a setting: who asks for it
    /// names it among the audited behaviours.
    #[serde(skip)]
    pub audited_crossed_stop: bool,
}

impl Default for RiskParams {
    fn default() -> RiskParams {
        RiskParams {
            sl_min: 0.005,
            tp_min: 0.01,
            k_sl: RegimeWeights { trend: 1.5, mr: 0.8, chop: 1.0 },
            k_tp: RegimeWeights { trend: 2.5, mr: 1.2, chop: 1.5 },
            k_trail: RegimeWeights { trend: 1.2, mr: 1.5, chop: 1.3 },
            tp_extend_gain: 0.5,
            tp_extend_max: 0.3,
            eps: 1e-8,
            monotonic_sl: true,
            audited_crossed_stop: false,
        }
    }
}

impl RiskParams {
    /// Refuses parameters that the formulas cannot work with.
    ///
    /// # Errors
    /// [`RefusedNumber`] naming the first such parameter.
    pub fn checked(&self) -> Result<(), RefusedNumber> {
        not_negative("sl_min", self.sl_min)?;
        not_negative("tp_min", self.tp_min)?;
        not_negative("eps", self.eps)?;
        for (name, k) in [("k_sl", self.k_sl), ("k_tp", self.k_tp), ("k_trail", self.k_trail)] {
            all_finite(&[(name, k.trend), (name, k.mr), (name, k.chop)])?;
        }
        all_finite(&[
            ("tp_extend_gain", self.tp_extend_gain),
            ("tp_extend_max", self.tp_extend_max),
        ])
    }
}
