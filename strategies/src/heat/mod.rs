//! How hot the whole book is, and how far that softens a close (P2.6, EHR 3.6 and 3.7; settled, "Heat").

mod calibration;
mod moderator;
mod portfolio_heat;
mod score;

pub use calibration::{Calibrated, CalibrationMatrix, Cell, NotARowDown, calibrate};
pub use moderator::{FailMode, HeatAction, HeatDecision, ModeratorRules, failed, moderate};
pub use portfolio_heat::{
    Heat, HeatBucket, HeatBuckets, HeatEntry, HeatSigma, daily_sigma, portfolio_heat,
};
pub use score::{
    HeatComponents, HeatScore, InputFault, ModeratorSettings, ModeratorState, heat_score,
};
