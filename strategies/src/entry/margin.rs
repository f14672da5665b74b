//! Margin of an open, and what repeated failures do (MSE 13.3).

use engine::Nanos;
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// Kept above the bare margin.
const BUFFER: f64 = 1.25;
/// An intent without a size, in USDT.
const SIZE_MISSING_USD: f64 = 1_000.0;
const LEVERAGE_MISSING: f64 = 10.0;
/// Failures that switch safe mode on.
const FAILURES_MAX: u32 = 5;
/// They are forgotten this long after the last.
pub const FAILURES_LIFE: Nanos = Nanos::from_secs(300);
/// Safe mode lasts.
const SAFE_MODE: Nanos = Nanos::from_secs(900);

/// Margin that an open needs, in USDT: 1.25 · size / leverage.
///
/// # Errors
/// [`RefusedNumber`] for numbers that are not finite and above zero: the open is rejected.
pub fn required_margin_usd(
    size_usd: Option<f64>,
    leverage: Option<f64>,
) -> Result<f64, RefusedNumber> {
    let size = positive("size_usd", size_usd.unwrap_or(SIZE_MISSING_USD))?;
    let leverage = positive("leverage", leverage.unwrap_or(LEVERAGE_MISSING))?;
    finite("required margin", size / leverage * BUFFER)
}

/// The margin check.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginVerdict {
    /// Enough, or an exit, which is not asked.
    Enough,
    /// Too little.
    Insufficient {
        /// In USDT.
        required_usd: f64,
        /// In USDT.
        available_usd: f64,
    },
    /// It could not be checked: no open.
    Unknown,
}

/// Checks the margin; `available_usd` is `None` where the account did not answer.
#[must_use]
pub fn margin_check(
    reduces: bool,
    size_usd: Option<f64>,
    leverage: Option<f64>,
    available_usd: Option<f64>,
) -> MarginVerdict {
    if reduces {
        return MarginVerdict::Enough;
    }
    let required = required_margin_usd(size_usd, leverage);
    match (required, available_usd.filter(|available| available.is_finite())) {
        (Ok(required_usd), Some(available_usd)) if available_usd < required_usd => {
            MarginVerdict::Insufficient { required_usd, available_usd }
        }
        (Ok(_), Some(_)) => MarginVerdict::Enough,
        _ => MarginVerdict::Unknown,
    }
}

/// Whether a failure under safe mode makes it last longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginRenewal {
    /// It does not.
    #[default]
    Never,
    /// It does: safe mode lasted as long as there were intents (incident I-09).
    AuditedEachFailure,
}

/// Whether so many failures within five minutes switch safe mode on, and for how long; `on` is whether it is
/// on already.
#[must_use]
pub fn margin_safe_mode(failures: u32, on: bool, renewal: MarginRenewal) -> Option<Nanos> {
    let renews = renewal == MarginRenewal::AuditedEachFailure;
    (failures >= FAILURES_MAX && (!on || renews)).then_some(SAFE_MODE)
}

/// Counts the failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginFailures {
    count: u32,
    last: Option<Nanos>,
    safe_until: Option<Nanos>,
}

impl MarginFailures {
    /// Counts a failure; gives the end of safe mode where it has to be set.
    pub fn failed(&mut self, now: Nanos, renewal: MarginRenewal) -> Option<Nanos> {
        if self.last.is_none_or(|last| now - last >= FAILURES_LIFE) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        let on = self.safe_until.is_some_and(|until| now < until);
        self.safe_until = Some(now + margin_safe_mode(self.count, on, renewal)?);
        self.safe_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_need_a_quarter_more_and_exits_are_not_asked() {
        let check = |available| margin_check(false, Some(1_000.0), Some(10.0), available);
        assert_eq!(check(Some(125.0)), MarginVerdict::Enough);
        let short = MarginVerdict::Insufficient { required_usd: 125.0, available_usd: 124.0 };
        assert_eq!(check(Some(124.0)), short);
        assert_eq!(check(None), MarginVerdict::Unknown);
        assert_eq!(check(Some(f64::NAN)), MarginVerdict::Unknown);
        assert_eq!(margin_check(false, Some(1.0), Some(0.0), Some(9.0)), MarginVerdict::Unknown);
        assert_eq!(margin_check(true, None, None, None), MarginVerdict::Enough);
        assert_eq!(required_margin_usd(None, None), Ok(125.0));
    }

    /// Safe mode was renewed by each further failure and never ended.
    #[test]
    fn incident_i09_safe_mode_ends_in_spite_of_failures() {
        let ends = |renewal| {
            let mut failures = MarginFailures::default();
            (0..7).map(|i| failures.failed(Nanos::from_secs(i), renewal)).collect::<Vec<_>>()
        };
        let end = |second| Some(Nanos::from_secs(second));
        let default = ends(MarginRenewal::default());
        assert_eq!(default, [None, None, None, None, end(904), None, None]);
        let audited = ends(MarginRenewal::AuditedEachFailure);
        assert_eq!(audited[4..], [end(904), end(905), end(906)]);
    }

    #[test]
    fn failures_are_forgotten_after_five_minutes() {
        let mut failures = MarginFailures::default();
        for second in [0, 1, 2, 3, 303] {
            assert_eq!(failures.failed(Nanos::from_secs(second), MarginRenewal::Never), None);
        }
        assert_eq!(failures.count, 1);
    }
}
