//! The moderator's score from exposure, drawdown, losses, fees and churn (EHR 3.7): an option, off by
//! default (settled, "Heat").

use serde::{Deserialize, Serialize};

use super::HeatBucket;
use crate::numbers::{RefusedNumber, all_finite, positive};

/// What the portfolio state says; absent is missing, not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModeratorState {
    /// In USDT.
    pub gross_exposure_usd: Option<f64>,
    /// Drawdown in USDT, averaged.
    pub dd_ewma_usd: Option<f64>,
    /// Realised losses a minute in USDT, averaged.
    pub lossburst_ewma_usd: Option<f64>,
    /// Fees a minute in USDT, averaged.
    pub fee_burden_ewma_usd: Option<f64>,
    /// Round trips a minute, averaged.
    pub churn_ewma: Option<f64>,
}

/// Targets, weights and levels; one of each a component, in the order of [`ModeratorState`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModeratorSettings {
    /// Values at which a component is full.
    pub targets: [f64; 5],
    /// Weights of the components.
    pub weights: [f64; 5],
    /// Warm from this score on.
    pub warm_from: f64,
    /// Hot from this score on.
    pub hot_from: f64,
    /// Older inputs are stale.
    pub stale_sec: f64,
}

impl Default for ModeratorSettings {
    fn default() -> ModeratorSettings {
        ModeratorSettings {
            targets: [5_000.0, 250.0, 250.0, 50.0, 1.0],
            weights: [1.0, 1.0, 1.0, 0.5, 0.5],
            warm_from: 0.45,
            hot_from: 0.70,
            stale_sec: 600.0,
        }
    }
}

/// The components, each 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeatComponents {
    /// Of the exposure.
    pub exposure01: f64,
    /// Of the drawdown.
    pub dd01: f64,
    /// Of the losses.
    pub burst01: f64,
    /// Of the fees.
    pub fee01: f64,
    /// Of the churn.
    pub churn01: f64,
}

/// A score and its level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeatScore {
    /// 0 to 1.
    pub score: f64,
    /// Of which it is made.
    pub components: HeatComponents,
    /// Cold, warm or hot.
    pub level: HeatBucket,
}

/// Why there is no score.
#[derive(Clone, Debug, PartialEq)]
pub enum InputFault {
    /// A field is absent.
    MissingInputs,
    /// Nobody said when the state was made.
    MissingTs,
    /// It is older than allowed, or from the future.
    StaleInputs,
    /// The time is none.
    InvalidTs,
    /// A number is none.
    ComputeError(RefusedNumber),
}

impl InputFault {
    /// As it is written.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            InputFault::MissingInputs => "missing_inputs".into(),
            InputFault::MissingTs => "missing_ts".into(),
            InputFault::StaleInputs => "stale_inputs".into(),
            InputFault::InvalidTs => "invalid_ts".into(),
            InputFault::ComputeError(what) => format!("compute_error:{what}"),
        }
    }
}

/// The score of a state that is `age_sec` old.
///
/// # Errors
/// [`InputFault`]; what then follows, [`super::failed`] says.
pub fn heat_score(
    state: &ModeratorState,
    age_sec: Option<f64>,
    settings: &ModeratorSettings,
) -> Result<HeatScore, InputFault> {
    let fields = [
        state.gross_exposure_usd,
        state.dd_ewma_usd,
        state.lossburst_ewma_usd,
        state.fee_burden_ewma_usd,
        state.churn_ewma,
    ];
    let mut values = [0.0; 5];
    for (value, field) in values.iter_mut().zip(fields) {
        *value = field.ok_or(InputFault::MissingInputs)?;
    }
    let age_sec = age_sec.ok_or(InputFault::MissingTs)?;
    if !age_sec.is_finite() {
        return Err(InputFault::InvalidTs);
    }
    if !(0.0..=settings.stale_sec).contains(&age_sec) {
        return Err(InputFault::StaleInputs);
    }
    score_of(&values, settings).map_err(InputFault::ComputeError)
}

fn score_of(values: &[f64; 5], settings: &ModeratorSettings) -> Result<HeatScore, RefusedNumber> {
    let names = [
        "gross_exposure_usd",
        "dd_ewma_usd",
        "lossburst_ewma_usd",
        "fee_burden_ewma_usd",
        "churn_ewma",
    ];
    let mut parts = [0.0; 5];
    let mut weighted = 0.0;
    for (at, part) in parts.iter_mut().enumerate() {
        all_finite(&[(names[at], values[at]), ("weight", settings.weights[at])])?;
        *part = (values[at] / positive("target", settings.targets[at])?).clamp(0.0, 1.0);
        weighted += settings.weights[at] * *part;
    }
    let weights = positive("sum of weights", settings.weights.iter().sum())?;
    let score = (weighted / weights).clamp(0.0, 1.0);
    let level = match score {
        s if s < settings.warm_from => HeatBucket::Cold,
        s if s < settings.hot_from => HeatBucket::Warm,
        _ => HeatBucket::Hot,
    };
    let [exposure01, dd01, burst01, fee01, churn01] = parts;
    let components = HeatComponents { exposure01, dd01, burst01, fee01, churn01 };
    Ok(HeatScore { score, components, level })
}
