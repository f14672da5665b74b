//! The RL shadow: it says what it would have done and changes nothing (MSE 7.2).

use engine::Nanos;
use serde::{Deserialize, Serialize};

use crate::Action;

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowSettings {
    /// RL_INFLUENCE_ENABLED.
    pub enabled: bool,
    /// A policy older than this is stale, in seconds.
    pub policy_age_max_s: f64,
    /// Least confidence of the policy.
    pub rl_confidence_min: f64,
    /// Least confidence of the ensemble.
    pub ensemble_confidence_min: f64,
    /// A symbol rests so long after an effect.
    pub cooldown: Nanos,
    /// Weight asked for; 0.10 is the most.
    pub weight: f64,
}

impl Default for ShadowSettings {
    fn default() -> Self {
        ShadowSettings {
            enabled: false,
            policy_age_max_s: 600.0,
            rl_confidence_min: 0.65,
            ensemble_confidence_min: 0.55,
            cooldown: Nanos::from_secs(120),
            weight: 0.05,
        }
    }
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowInput {
    /// Of the ensemble; it is what remains.
    pub action: Action,
    /// Of the ensemble, 0 to 1.
    pub ensemble_confidence: f64,
    /// Action, confidence and age in seconds of the policy; `None` when it could not be read in time.
    pub policy: Option<(Action, f64, f64)>,
    /// The kill switch is on.
    pub killed: bool,
    /// Time since the symbol's last effect.
    pub since_effect: Option<Nanos>,
}

/// Where the gate stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowGate {
    /// The kill switch.
    KillSwitchActive,
    /// It is off.
    RlDisabled,
    /// No policy.
    NoRlData,
    /// An old policy.
    PolicyStale,
    /// The policy is not sure.
    RlConfLow,
    /// The ensemble is not sure.
    EnsembleConfLow,
    /// The symbol rests.
    CooldownActive,
    /// It passed.
    Pass,
}

/// What the policy would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowEffect {
    /// Nothing.
    None,
    /// Agreed.
    Reinforce,
    /// Turned the action round.
    WouldFlip,
}

/// What is written beside the intent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowVerdict {
    /// The ensemble's own.
    pub action: Action,
    /// Where it stopped.
    pub gate: ShadowGate,
    /// What it would have done.
    pub effect: ShadowEffect,
    /// 0 unless it passed.
    pub weight: f64,
    /// The cooldown of the symbol starts.
    pub starts_cooldown: bool,
}

/// Passes the policy through the gate.
#[must_use]
pub fn shadow_gate(input: &ShadowInput, settings: &ShadowSettings) -> ShadowVerdict {
    let stopped = |gate| ShadowVerdict {
        action: input.action,
        gate,
        effect: ShadowEffect::None,
        weight: 0.0,
        starts_cooldown: false,
    };
    if input.killed {
        return stopped(ShadowGate::KillSwitchActive);
    }
    if !settings.enabled {
        return stopped(ShadowGate::RlDisabled);
    }
    let Some((rl_action, rl_confidence, age_s)) = input.policy else {
        return stopped(ShadowGate::NoRlData);
    };
    // Each is asked so that a NaN stops.
    let fresh = age_s <= settings.policy_age_max_s;
    let sure = rl_confidence >= settings.rl_confidence_min;
    let ensemble_sure = input.ensemble_confidence >= settings.ensemble_confidence_min;
    let rests = input.since_effect.is_some_and(|since| since < settings.cooldown);
    let checks = [
        (fresh, ShadowGate::PolicyStale),
        (sure, ShadowGate::RlConfLow),
        (ensemble_sure, ShadowGate::EnsembleConfLow),
        (!rests, ShadowGate::CooldownActive),
    ];
    if let Some((_, gate)) = checks.into_iter().find(|(holds, _)| !holds) {
        return stopped(gate);
    }
    let (effect, starts_cooldown) = if rl_action == Action::Hold {
        (ShadowEffect::None, false)
    } else if rl_action == input.action {
        (ShadowEffect::Reinforce, true)
    } else if input.ensemble_confidence >= 0.75 {
        (ShadowEffect::WouldFlip, false)
    } else if rl_confidence >= 0.80 {
        (ShadowEffect::WouldFlip, true)
    } else {
        (ShadowEffect::None, false)
    };
    let weight = settings.weight.min(0.10);
    ShadowVerdict { action: input.action, gate: ShadowGate::Pass, effect, weight, starts_cooldown }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: ShadowInput = ShadowInput {
        action: Action::Buy,
        ensemble_confidence: 0.8,
        policy: Some((Action::Sell, 0.7, 600.0)),
        killed: false,
        since_effect: Some(Nanos::from_secs(120)),
    };

    #[test]
    fn the_gate_stops_in_its_order_and_never_changes_the_action() {
        let on = ShadowSettings { enabled: true, ..ShadowSettings::default() };
        let gate = |input: ShadowInput| {
            let verdict = shadow_gate(&input, &on);
            assert_eq!(verdict.action, input.action);
            verdict.gate
        };
        assert_eq!(gate(INPUT), ShadowGate::Pass);
        assert_eq!(gate(ShadowInput { killed: true, ..INPUT }), ShadowGate::KillSwitchActive);
        let off = shadow_gate(&INPUT, &ShadowSettings::default());
        assert_eq!((off.gate, off.weight), (ShadowGate::RlDisabled, 0.0));
        assert_eq!(gate(ShadowInput { policy: None, ..INPUT }), ShadowGate::NoRlData);
        let policy =
            |confidence, age| ShadowInput { policy: Some((Action::Buy, confidence, age)), ..INPUT };
        assert_eq!(gate(policy(0.1, 600.5)), ShadowGate::PolicyStale);
        assert_eq!(gate(policy(0.64, 0.0)), ShadowGate::RlConfLow);
        assert_eq!(gate(policy(f64::NAN, 0.0)), ShadowGate::RlConfLow);
        let unsure = ShadowInput { ensemble_confidence: 0.54, ..INPUT };
        assert_eq!(gate(unsure), ShadowGate::EnsembleConfLow);
        let rests = ShadowInput { since_effect: Some(Nanos::from_secs(119)), ..INPUT };
        assert_eq!(gate(rests), ShadowGate::CooldownActive);
    }

    #[test]
    fn a_sure_ensemble_starts_no_cooldown() {
        let on = ShadowSettings { enabled: true, weight: 0.5, ..ShadowSettings::default() };
        let sure = shadow_gate(&INPUT, &on);
        assert_eq!((sure.effect, sure.starts_cooldown), (ShadowEffect::WouldFlip, false));
        assert_eq!(sure.weight, 0.10);
        let holds = ShadowInput { policy: Some((Action::Hold, 0.9, 0.0)), ..INPUT };
        assert_eq!(shadow_gate(&holds, &on).effect, ShadowEffect::None);
    }
}
