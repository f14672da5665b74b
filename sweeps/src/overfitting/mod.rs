//! What the best of many trials is worth.

mod cscv;
mod independent;
mod sharpe;

pub use cscv::{Cscv, CscvError, Overfitting};
pub use independent::AverageCorrelation;
pub use sharpe::{
    SharpeRatio, deflated_sharpe_ratio, expected_maximum_sharpe, minimum_track_record_length,
    probabilistic_sharpe_ratio,
};
