//! The parameters of the harvest kernel (EHR 3.3).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, positive};

/// "Theta": all parameters, under the names that a policy's `harvest_params` and `kill_params` use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Theta {
    /// Stop distance where P1 proposes none, a fraction.
    pub fallback_stop_pct: f64,
    /// Cost of a round trip in basis points of the entry price.
    pub cost_bps: f64,
    /// From this R on a quarter is taken.
    #[serde(rename = "T1_R")]
    pub t1_r: f64,
    /// From this R on half is taken.
    #[serde(rename = "T2_R")]
    pub t2_r: f64,
    /// From this R on three quarters are taken.
    #[serde(rename = "T3_R")]
    pub t3_r: f64,
    /// Utility of the first tranche, for the audit record.
    pub u1: f64,
    /// Of the second.
    pub u2: f64,
    /// Of the third.
    pub u3: f64,
    /// Temperature of the tranche weights.
    pub softmax_temp: f64,
    /// From this R on the stop is taken beyond the entry.
    #[serde(rename = "lock_R")]
    pub lock_r: f64,
    /// How far beyond, a fraction.
    pub be_plus_pct: f64,
    /// Below this trend probability a regime may have flipped.
    pub trend_min: f64,
    /// Sigma (per minute) from which on a spike counts.
    pub sigma_ref: f64,
    /// Cap of the spike component.
    pub sigma_spike_cap: f64,
    /// Trend strength below which a drop counts.
    pub ts_ref: f64,
    /// Cap of the drop component.
    pub ts_drop_cap: f64,
    /// Age at which the age component is full.
    pub max_age_sec: f64,
    /// Weight of the regime flip.
    pub k_regime_flip: f64,
    /// Weight of the sigma spike.
    pub k_sigma_spike: f64,
    /// Weight of the drop of trend strength.
    pub k_ts_drop: f64,
    /// Weight of the age.
    pub k_age_penalty: f64,
    /// From this kill score on all is closed.
    pub kill_threshold: f64,
}

impl Default for Theta {
    fn default() -> Theta {
        Theta {
            fallback_stop_pct: 0.02,
            cost_bps: 10.0,
            t1_r: 2.0,
            t2_r: 4.0,
            t3_r: 6.0,
            u1: 0.0,
            u2: 0.0,
            u3: 0.0,
            softmax_temp: 1.0,
            lock_r: 1.5,
            be_plus_pct: 0.002,
            trend_min: 0.3,
            sigma_ref: 0.01,
            sigma_spike_cap: 2.0,
            ts_ref: 0.3,
            ts_drop_cap: 0.5,
            max_age_sec: 86_400.0,
            k_regime_flip: 1.0,
            k_sigma_spike: 0.5,
            k_ts_drop: 0.5,
            k_age_penalty: 0.3,
            kill_threshold: 0.6,
        }
    }
}

impl Theta {
    /// Refuses parameters that the formulas cannot work with.
    ///
    /// # Errors
    /// [`RefusedNumber`] naming the first such parameter.
    pub fn checked(&self) -> Result<(), RefusedNumber> {
        positive("sigma_ref", self.sigma_ref)?;
        positive("max_age_sec", self.max_age_sec)?;
        positive("softmax_temp", self.softmax_temp)?;
        // A cap is the upper end of a range that begins at zero.
        crate::numbers::not_negative("sigma_spike_cap", self.sigma_spike_cap)?;
        crate::numbers::not_negative("ts_drop_cap", self.ts_drop_cap)?;
        all_finite(&[
            ("fallback_stop_pct", self.fallback_stop_pct),
            ("cost_bps", self.cost_bps),
            ("T1_R", self.t1_r),
            ("T2_R", self.t2_r),
            ("T3_R", self.t3_r),
            ("u1", self.u1),
            ("u2", self.u2),
            ("u3", self.u3),
            ("lock_R", self.lock_r),
            ("be_plus_pct", self.be_plus_pct),
            ("trend_min", self.trend_min),
            ("ts_ref", self.ts_ref),
            ("k_regime_flip", self.k_regime_flip),
            ("k_sigma_spike", self.k_sigma_spike),
            ("k_ts_drop", self.k_ts_drop),
            ("k_age_penalty", self.k_age_penalty),
            ("kill_threshold", self.kill_threshold),
        ])
    }
}
