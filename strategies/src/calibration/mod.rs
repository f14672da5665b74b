//! Confidence brought to what it was worth in the past. Both layers leave it as it is where they know too
//! little (MSE 4.8).

mod accuracy;
mod win_rate;

pub use accuracy::{Calibrated, calibrate_by_accuracy};
pub use win_rate::{WinRateCalibration, WinRateMode, WinRateRecord, calibrate_by_win_rate};
