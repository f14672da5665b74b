//! Where a value lies between the ends of an axis.

/// How an axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal differences.
    #[default]
    Linear,
    /// Equal steps are equal ratios. Values at or below zero cannot be shown.
    Log,
}

/// The ends of an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    low: f64,
    high: f64,
    scale: Scale,
}

impl Range {
    /// The least and greatest of the values that can be shown; `None` if there are none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>, scale: Scale) -> Option<Self> {
        values.into_iter().filter(|value| shown(*value, scale)).fold(None, |range, value| {
            let Self { low, high, .. } = range.unwrap_or(Self { low: value, high: value, scale });
            Some(Self { low: low.min(value), high: high.max(value), scale })
        })
    }

    pub(super) fn is_one_value(&self) -> bool {
        self.low >= self.high
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// 0 at the lower end, 1 at the upper, the middle if they are the same; `None` if it cannot be shown.
    pub(super) fn share(&self, value: f64) -> Option<f64> {
        if !shown(value, self.scale) {
            return None;
        }
        if self.is_one_value() {
            return Some(0.5);
        }
        let (low, high, value) = match self.scale {
            Scale::Linear => (self.low, self.high, value),
            Scale::Log => (libm::log10(self.low), libm::log10(self.high), libm::log10(value)),
        };
        let span = high - low;
        // Two values near opposite ends of what a float holds are too far apart for one; halves are not.
        let share = if span.is_finite() {
            (value - low) / span
        } else {
            (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        };
        Some(if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 })
    }

    /// The value at a share between 0 and 1.
    pub(super) fn at(&self, share: f64) -> f64 {
        if share <= 0.0 {
            return self.low;
        }
        if share >= 1.0 {
            return self.high;
        }
        match self.scale {
            Scale::Linear => self.low * (1.0 - share) + self.high * share,
            Scale::Log => {
                let exponent =
                    libm::log10(self.low) * (1.0 - share) + libm::log10(self.high) * share;
                libm::pow(10.0, exponent)
            }
        }
    }
}

fn shown(value: f64, scale: Scale) -> bool {
    value.is_finite() && (scale == Scale::Linear || value > 0.0)
}
