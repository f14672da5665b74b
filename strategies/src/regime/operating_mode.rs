//! The operating mode of the whole fund (MSE 5.3).
//!
//! The risk score is ambiguous in the specification: at or below 30 it calls for defence, at or above 85
//! it is critical, between them more is better. It is kept so, and every threshold is a setting.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// How the fund operates. One enumeration for the CEO brain and the orchestrator: with two of them the
/// black swan stopped nothing (incident I-29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperatingMode {
    /// Things go well: more.
    Growth,
    /// The usual.
    Expansion,
    /// Less.
    Defensive,
    /// Hardly anything.
    CapitalPreservation,
    /// Nothing.
    BlackSwan,
}

/// What a mode allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeLimits {
    /// Highest leverage.
    pub leverage_max: f64,
    /// Risk a trade, a fraction of the equity.
    pub risk_per_trade: f64,
    /// Drawdown of a day, a fraction of the equity.
    pub daily_drawdown_max: f64,
    /// Open positions.
    pub positions_max: u32,
    /// Least confidence of a signal; `None` where none is enough.
    pub confidence_min: Option<f64>,
    /// Factor on sizes; `None` where nothing is opened.
    pub size_scale: Option<f64>,
    /// Reinforcement learning and the meta strategy are on.
    pub learning: bool,
}

impl OperatingMode {
    /// The limits of the mode.
    #[must_use]
    pub const fn limits(self) -> ModeLimits {
        let (leverage_max, risk_per_trade, daily_drawdown_max, positions_max) = match self {
            OperatingMode::Growth => (15.0, 0.03, 0.05, 15),
            OperatingMode::Expansion => (10.0, 0.02, 0.03, 10),
            OperatingMode::Defensive => (5.0, 0.01, 0.015, 5),
            OperatingMode::CapitalPreservation => (2.0, 0.005, 0.01, 2),
            OperatingMode::BlackSwan => (1.0, 0.001, 0.005, 0),
        };
        let (confidence_min, size_scale, learning) = match self {
            OperatingMode::Growth => (Some(0.65), Some(1.2), true),
            OperatingMode::Expansion => (Some(0.60), Some(1.0), true),
            OperatingMode::Defensive => (Some(0.70), Some(0.7), true),
            OperatingMode::CapitalPreservation => (Some(0.80), Some(0.5), false),
            OperatingMode::BlackSwan => (None, None, false),
        };
        ModeLimits {
            leverage_max,
            risk_per_trade,
            daily_drawdown_max,
            positions_max,
            confidence_min,
            size_scale,
            learning,
        }
    }
}

/// Health of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    /// All is well.
    Healthy,
    /// Something is not.
    Degraded,
    /// Much is not.
    Critical,
    /// Nothing answers.
    Offline,
}

/// What a mode follows from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeInputs {
    /// The mode now.
    pub current: OperatingMode,
    /// From the high-water mark, a fraction.
    pub drawdown: f64,
    /// 0 to 100.
    pub risk_score: f64,
    /// Share of wins.
    pub win_rate: f64,
    /// Of the system.
    pub health: Health,
}

/// The thresholds between the modes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeThresholds {
    /// Drawdown of a black swan, a fraction.
    pub black_swan_drawdown: f64,
    /// Risk score of a black swan.
    pub black_swan_risk: f64,
    /// Drawdown of capital preservation, a fraction.
    pub preservation_drawdown: f64,
    /// Drawdown of defence, a fraction.
    pub defensive_drawdown: f64,
    /// A risk score at or below it calls for defence.
    pub defensive_risk: f64,
    /// A win rate below it calls for defence, unless the mode is growth.
    pub defensive_win_rate: f64,
    /// A degraded system is no reason for defence.
    pub degraded_is_tolerated: bool,
    /// Win rate of growth.
    pub growth_win_rate: f64,
    /// Risk score of growth.
    pub growth_risk: f64,
    /// Win rate of expansion.
    pub expansion_win_rate: f64,
    /// Risk score of expansion.
    pub expansion_risk: f64,
}

impl Default for ModeThresholds {
    fn default() -> Self {
        ModeThresholds {
            black_swan_drawdown: 0.08,
            black_swan_risk: 85.0,
            preservation_drawdown: 0.05,
            defensive_drawdown: 0.03,
            defensive_risk: 30.0,
            defensive_win_rate: 0.48,
            degraded_is_tolerated: false,
            growth_win_rate: 0.55,
            growth_risk: 70.0,
            expansion_win_rate: 0.52,
            expansion_risk: 50.0,
        }
    }
}

/// The mode that the fund should be in; the first rule that holds decides.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn recommended_mode(
    inputs: &ModeInputs,
    thresholds: &ModeThresholds,
) -> Result<OperatingMode, RefusedNumber> {
    let ModeInputs { current, drawdown, risk_score, win_rate, health } = *inputs;
    all_finite(&[("drawdown", drawdown), ("risk_score", risk_score), ("win_rate", win_rate)])?;
    let t = thresholds;
    let losing = win_rate < t.defensive_win_rate && current != OperatingMode::Growth;
    let degraded = health == Health::Degraded && !t.degraded_is_tolerated;
    let healthy = health == Health::Healthy;
    Ok(
        if drawdown >= t.black_swan_drawdown
            || risk_score >= t.black_swan_risk
            || health == Health::Offline
        {
            OperatingMode::BlackSwan
        } else if health == Health::Critical || drawdown >= t.preservation_drawdown {
            OperatingMode::CapitalPreservation
        } else if drawdown >= t.defensive_drawdown
            || risk_score <= t.defensive_risk
            || losing
            || degraded
        {
            OperatingMode::Defensive
        } else if win_rate >= t.growth_win_rate && risk_score >= t.growth_risk && healthy {
            OperatingMode::Growth
        } else if win_rate >= t.expansion_win_rate && risk_score >= t.expansion_risk {
            OperatingMode::Expansion
        } else {
            current
        },
    )
}

/// Seconds that have to pass in `from` before it may become `to`.
#[must_use]
pub fn mode_cooldown_s(from: OperatingMode, to: OperatingMode) -> i64 {
    match (from, to) {
        (_, OperatingMode::BlackSwan) => 0,
        (_, OperatingMode::Defensive) => 180,
        (OperatingMode::Defensive, _) | (_, OperatingMode::Growth) => 600,
        _ => 300,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: ModeInputs = ModeInputs {
        current: OperatingMode::CapitalPreservation,
        drawdown: 0.0,
        risk_score: 40.0,
        win_rate: 0.5,
        health: Health::Healthy,
    };

    fn mode(inputs: ModeInputs) -> OperatingMode {
        recommended_mode(&inputs, &ModeThresholds::default()).expect("finite")
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        assert_eq!(mode(CALM), OperatingMode::CapitalPreservation, "unchanged");
        assert_eq!(mode(ModeInputs { drawdown: 0.08, ..CALM }), OperatingMode::BlackSwan);
        assert_eq!(mode(ModeInputs { risk_score: 85.0, ..CALM }), OperatingMode::BlackSwan);
        assert_eq!(mode(ModeInputs { health: Health::Offline, ..CALM }), OperatingMode::BlackSwan);
        assert_eq!(
            mode(ModeInputs { health: Health::Critical, ..CALM }),
            OperatingMode::CapitalPreservation
        );
        let hurt = ModeInputs { current: OperatingMode::Growth, drawdown: 0.05, ..CALM };
        assert_eq!(mode(hurt), OperatingMode::CapitalPreservation);
        assert_eq!(mode(ModeInputs { drawdown: 0.049, ..hurt }), OperatingMode::Defensive);
        assert_eq!(mode(ModeInputs { drawdown: 0.03, ..CALM }), OperatingMode::Defensive);
        assert_eq!(mode(ModeInputs { risk_score: 30.0, ..CALM }), OperatingMode::Defensive);
        assert_eq!(mode(ModeInputs { win_rate: 0.47, ..CALM }), OperatingMode::Defensive);
        let growing = ModeInputs { current: OperatingMode::Growth, win_rate: 0.47, ..CALM };
        assert_eq!(mode(growing), OperatingMode::Growth, "growth bears a losing streak");
        let winning = ModeInputs { win_rate: 0.55, risk_score: 70.0, ..CALM };
        assert_eq!(mode(winning), OperatingMode::Growth);
        assert_eq!(mode(ModeInputs { risk_score: 50.0, ..winning }), OperatingMode::Expansion);
        let degraded = ModeInputs { health: Health::Degraded, ..winning };
        assert_eq!(mode(degraded), OperatingMode::Defensive);
        let tolerant = ModeThresholds { degraded_is_tolerated: true, ..ModeThresholds::default() };
        assert_eq!(recommended_mode(&degraded, &tolerant), Ok(OperatingMode::Expansion));
    }

    #[test]
    fn the_way_into_a_black_swan_is_free() {
        use OperatingMode::*;
        assert_eq!(mode_cooldown_s(Growth, BlackSwan), 0);
        assert_eq!(mode_cooldown_s(Growth, Defensive), 180);
        assert_eq!(mode_cooldown_s(Defensive, Expansion), 600);
        assert_eq!(mode_cooldown_s(Expansion, Growth), 600);
        assert_eq!(mode_cooldown_s(Growth, Expansion), 300);
    }
}
