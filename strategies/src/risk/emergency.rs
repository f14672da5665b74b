//! The emergency stop inside a process, ESS (EHR 3.28). Drawdowns are fractions above zero everywhere:
//! two sign conventions once let the recovery jump to normal at its first look.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// Why trading stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyReason {
    /// Lost too much today.
    DailyLoss,
    /// Too far below the peak.
    Drawdown,
    /// System health is critical, or its monitor failed.
    HealthCritical,
    /// Too many stops were hit lately.
    StopLossBurst,
    /// The feed is corrupted or too old.
    FeedUnusable,
    /// An operator asked for it.
    Manual,
}

impl EmergencyReason {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            EmergencyReason::DailyLoss => "daily_loss",
            EmergencyReason::Drawdown => "drawdown",
            EmergencyReason::HealthCritical => "health_critical",
            EmergencyReason::StopLossBurst => "stop_loss_burst",
            EmergencyReason::FeedUnusable => "feed_unusable",
            EmergencyReason::Manual => "manual",
        }
    }
}

/// What is looked at every 5 s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmergencyInput {
    /// Of the equity; below zero is a loss.
    pub daily_pnl_pct: f64,
    /// Below the peak.
    pub drawdown_pct: f64,
    /// Critical, or the monitor failed.
    pub health_critical: bool,
    /// In the last 15 minutes.
    pub stop_hits: u32,
    /// The feed said something that cannot be.
    pub feed_corrupted: bool,
    /// Since the last market event.
    pub feed_age_sec: f64,
    /// An operator asked for it.
    pub manual: bool,
}

/// The limits. Shares are fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmergencyLimits {
    /// Loss of a day.
    pub daily_loss_max: f64,
    /// Below the peak.
    pub drawdown_max: f64,
    /// More than this many in 15 minutes.
    pub stop_hits_max: u32,
    /// Older is unusable.
    pub feed_age_max_sec: f64,
}

impl Default for EmergencyLimits {
    fn default() -> EmergencyLimits {
        EmergencyLimits {
            daily_loss_max: 0.10,
            drawdown_max: 0.25,
            stop_hits_max: 10,
            feed_age_max_sec: 300.0,
        }
    }
}

impl EmergencyLimits {
    /// The limits under a policy that allows this drawdown.
    #[must_use]
    pub fn under_policy(drawdown_max: f64) -> EmergencyLimits {
        EmergencyLimits {
            daily_loss_max: 0.4 * drawdown_max,
            drawdown_max,
            ..EmergencyLimits::default()
        }
    }
}

/// The first reason to stop opens and close all at market, if there is one.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn emergency(
    input: &EmergencyInput,
    limits: &EmergencyLimits,
) -> Result<Option<EmergencyReason>, RefusedNumber> {
    Ok(emergencies(input, limits)?.into_iter().next())
}

/// All of them, in the order of the evaluators.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn emergencies(
    input: &EmergencyInput,
    limits: &EmergencyLimits,
) -> Result<Vec<EmergencyReason>, RefusedNumber> {
    all_finite(&[
        ("daily_pnl_pct", input.daily_pnl_pct),
        ("drawdown_pct", input.drawdown_pct),
        ("feed_age_sec", input.feed_age_sec),
    ])?;
    let feed_unusable = input.feed_corrupted || input.feed_age_sec > limits.feed_age_max_sec;
    let evaluators = [
        (-input.daily_pnl_pct > limits.daily_loss_max, EmergencyReason::DailyLoss),
        (input.drawdown_pct > limits.drawdown_max, EmergencyReason::Drawdown),
        (input.health_critical, EmergencyReason::HealthCritical),
        (input.stop_hits > limits.stop_hits_max, EmergencyReason::StopLossBurst),
        (feed_unusable, EmergencyReason::FeedUnusable),
        (input.manual, EmergencyReason::Manual),
    ];
    Ok(evaluators.into_iter().filter_map(|(strikes, reason)| strikes.then_some(reason)).collect())
}

/// How much may be traded while the account recovers. The last is the most careful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecoveryMode {
    /// As ever.
    Normal,
    /// Smaller.
    Cautious,
    /// Much smaller.
    Protective,
    /// No opens.
    Emergency,
}

/// Limits of an open in a recovery mode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradingLimits {
    /// In USDT.
    pub position_max_usd: f64,
    /// Leverage.
    pub leverage_max: f64,
    /// Of the signal.
    pub confidence_min: f64,
}

impl RecoveryMode {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecoveryMode::Normal => "NORMAL",
            RecoveryMode::Cautious => "CAUTIOUS",
            RecoveryMode::Protective => "PROTECTIVE",
            RecoveryMode::Emergency => "EMERGENCY",
        }
    }

    /// Limits of an open; `None` allows none.
    #[must_use]
    pub const fn limits(self) -> Option<TradingLimits> {
        let (position_max_usd, leverage_max, confidence_min) = match self {
            RecoveryMode::Normal => (500.0, 20.0, 0.50),
            RecoveryMode::Cautious => (300.0, 10.0, 0.55),
            RecoveryMode::Protective => (100.0, 5.0, 0.75),
            RecoveryMode::Emergency => return None,
        };
        Some(TradingLimits { position_max_usd, leverage_max, confidence_min })
    }
}

/// The mode that a drawdown calls for. Out of an emergency only an operator's release leads.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn recovery_mode(
    now: RecoveryMode,
    drawdown_pct: f64,
    released: bool,
) -> Result<RecoveryMode, RefusedNumber> {
    if now == RecoveryMode::Emergency && !released {
        return Ok(now);
    }
    Ok(match crate::numbers::finite("drawdown_pct", drawdown_pct)? {
        d if d > 0.10 => RecoveryMode::Emergency,
        d if d > 0.04 => RecoveryMode::Protective,
        d if d > 0.02 => RecoveryMode::Cautious,
        _ => RecoveryMode::Normal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: EmergencyInput = EmergencyInput {
        daily_pnl_pct: -0.10,
        drawdown_pct: 0.25,
        health_critical: false,
        stop_hits: 10,
        feed_corrupted: false,
        feed_age_sec: 300.0,
        manual: false,
    };

    fn reason(input: EmergencyInput) -> Option<EmergencyReason> {
        emergency(&input, &EmergencyLimits::default()).expect("finite")
    }

    #[test]
    fn each_evaluator_strikes_beyond_its_limit_and_the_first_counts() {
        assert_eq!(reason(CALM), None, "limits themselves are allowed");
        let loss = EmergencyInput { daily_pnl_pct: -0.11, drawdown_pct: 0.3, ..CALM };
        assert_eq!(reason(loss), Some(EmergencyReason::DailyLoss));
        let deep = EmergencyInput { drawdown_pct: 0.26, manual: true, ..CALM };
        assert_eq!(reason(deep), Some(EmergencyReason::Drawdown));
        let burst = EmergencyInput { stop_hits: 11, ..CALM };
        assert_eq!(reason(burst), Some(EmergencyReason::StopLossBurst));
        let old = EmergencyInput { feed_age_sec: 301.0, ..CALM };
        assert_eq!(reason(old), Some(EmergencyReason::FeedUnusable));
        let under = emergency(
            &EmergencyInput { daily_pnl_pct: -0.05, drawdown_pct: 0.05, ..CALM },
            &EmergencyLimits::under_policy(0.1),
        );
        assert_eq!(under.expect("finite"), Some(EmergencyReason::DailyLoss), "0.4 of 0.1");
    }

    #[test]
    fn an_emergency_ends_by_hand_only() {
        let mode =
            |now, drawdown, released| recovery_mode(now, drawdown, released).expect("finite");
        assert_eq!(mode(RecoveryMode::Emergency, 0.0, false), RecoveryMode::Emergency);
        assert_eq!(mode(RecoveryMode::Emergency, 0.05, true), RecoveryMode::Protective);
        assert_eq!(mode(RecoveryMode::Normal, 0.11, false), RecoveryMode::Emergency);
        assert_eq!(mode(RecoveryMode::Protective, 0.03, false), RecoveryMode::Cautious);
        assert_eq!(mode(RecoveryMode::Cautious, 0.02, false), RecoveryMode::Normal);
    }

    /// EHR 3.28: USD, leverage, confidence.
    #[test]
    fn the_deeper_the_less_may_be_opened() {
        let of = |mode: RecoveryMode| {
            mode.limits().map(|l| [l.position_max_usd, l.leverage_max, l.confidence_min])
        };
        assert_eq!(of(RecoveryMode::Normal), Some([500.0, 20.0, 0.50]));
        assert_eq!(of(RecoveryMode::Cautious), Some([300.0, 10.0, 0.55]));
        assert_eq!(of(RecoveryMode::Protective), Some([100.0, 5.0, 0.75]));
        assert_eq!(of(RecoveryMode::Emergency), None);
    }
}
