//! The confidence calibrator: by the accuracy that such confidences had (MSE 4.8 a).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

const SAMPLES_MIN: u64 = 20;
const RAW_MIN: f64 = 0.5;

/// A calibrated confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// 0.1 to 0.95, or the raw one.
    pub calibrated: f64,
    /// Accuracy over confidence, 0.5 to 1.5; 1 where nothing was done.
    pub factor: f64,
}

/// Calibrates `raw` by the accuracy of `samples` signals like it.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn calibrate_by_accuracy(
    raw: f64,
    accuracy: f64,
    samples: u64,
) -> Result<Calibrated, RefusedNumber> {
    all_finite(&[("raw", raw), ("accuracy", accuracy)])?;
    if samples < SAMPLES_MIN || raw < RAW_MIN {
        return Ok(Calibrated { calibrated: raw, factor: 1.0 });
    }
    let factor = (accuracy / raw).clamp(0.5, 1.5);
    Ok(Calibrated { calibrated: (raw * (0.7 * factor + 0.3)).clamp(0.1, 0.95), factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_confidence_is_left_alone() {
        let of = |raw| calibrate_by_accuracy(raw, 0.9, 20).expect("finite").factor;
        assert_eq!([of(0.49), of(0.5)], [1.0, 1.5]);
        assert!(calibrate_by_accuracy(0.5, f64::NAN, 20).is_err());
    }
}
