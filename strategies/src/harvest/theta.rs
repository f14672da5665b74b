//! The parameters of the harvest kernel (EHR 3.3).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, not_negative, positive};

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

/// A parameter that a policy may not set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ThetaError {
    /// No parameter has that name.
    #[error("{name:?} is no parameter of the harvest kernel: the names are {}", NAMES.join(", "))]
    Unknown {
        /// As it came.
        name: String,
    },
    /// Its number is out of its meaning.
    #[error(transparent)]
    Refused(#[from] RefusedNumber),
}

const NAMES: [&str; 22] = [
    "fallback_stop_pct",
    "cost_bps",
    "T1_R",
    "T2_R",
    "T3_R",
    "u1",
    "u2",
    "u3",
    "softmax_temp",
    "lock_R",
    "be_plus_pct",
    "trend_min",
    "sigma_ref",
    "sigma_spike_cap",
    "ts_ref",
    "ts_drop_cap",
    "max_age_sec",
    "k_regime_flip",
    "k_sigma_spike",
    "k_ts_drop",
    "k_age_penalty",
    "kill_threshold",
];

impl Theta {
    /// The defaults with what a policy sets: its `harvest_params` and its `kill_params`, both.
    ///
    /// # Errors
    /// [`ThetaError`]; the caller goes on with the defaults.
    pub fn of_policy<'a>(
        params: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<Theta, ThetaError> {
        let mut theta = Theta::default();
        for (name, value) in params {
            let unknown = || ThetaError::Unknown { name: name.to_owned() };
            let at = NAMES.iter().position(|known| *known == name).ok_or_else(unknown)?;
            if let Some(field) = theta.fields().into_iter().nth(at) {
                *field = value;
            }
        }
        theta.checked()?;
        Ok(theta)
    }

    /// In the order of the names.
    fn fields(&mut self) -> [&mut f64; NAMES.len()] {
        [
            &mut self.fallback_stop_pct,
            &mut self.cost_bps,
            &mut self.t1_r,
            &mut self.t2_r,
            &mut self.t3_r,
            &mut self.u1,
            &mut self.u2,
            &mut self.u3,
            &mut self.softmax_temp,
            &mut self.lock_r,
            &mut self.be_plus_pct,
            &mut self.trend_min,
            &mut self.sigma_ref,
            &mut self.sigma_spike_cap,
            &mut self.ts_ref,
            &mut self.ts_drop_cap,
            &mut self.max_age_sec,
            &mut self.k_regime_flip,
            &mut self.k_sigma_spike,
            &mut self.k_ts_drop,
            &mut self.k_age_penalty,
            &mut self.kill_threshold,
        ]
    }

    /// Refuses parameters that the formulas cannot work with.
    ///
    /// # Errors
    /// [`RefusedNumber`] naming the first such parameter.
    pub fn checked(&self) -> Result<(), RefusedNumber> {
        positive("sigma_ref", self.sigma_ref)?;
        positive("max_age_sec", self.max_age_sec)?;
        positive("softmax_temp", self.softmax_temp)?;
        // A cap is the upper end of a range that begins at zero.
        not_negative("sigma_spike_cap", self.sigma_spike_cap)?;
        not_negative("ts_drop_cap", self.ts_drop_cap)?;
        let mut copy = *self;
        let values = copy.fields().map(|field| *field);
        NAMES.iter().zip(values).try_for_each(|(name, value)| finite(name, value).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those that the policy's JSON would be read by, in the order of the fields.
    #[test]
    fn names_are_those_of_the_fields() {
        let mut theta = Theta::default();
        for (at, field) in theta.fields().into_iter().enumerate() {
            *field = at as f64 + 0.5;
        }
        let serde_json::Value::Object(written) = serde_json::json!(theta) else {
            panic!("an object")
        };
        assert_eq!(written.len(), NAMES.len());
        for (at, name) in NAMES.into_iter().enumerate() {
            assert_eq!(written[name].as_f64(), Some(at as f64 + 0.5), "{name}");
        }
    }

    #[test]
    fn a_policy_sets_known_and_sound_parameters() {
        let theta = Theta::of_policy([("T1_R", 1.8), ("k_regime_flip", 0.8)]).expect("known");
        assert_eq!(theta, Theta { t1_r: 1.8, k_regime_flip: 0.8, ..Theta::default() });
        let unknown = Theta::of_policy([("T4_R", 8.0)]).expect_err("unknown").to_string();
        assert!(
            unknown.starts_with("\"T4_R\" is no parameter of the harvest kernel: the names are ")
        );
        assert!(Theta::of_policy([("sigma_ref", 0.0)]).is_err());
        assert!(Theta::of_policy([("u1", f64::NAN)]).is_err());
    }
}
