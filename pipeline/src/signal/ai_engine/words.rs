//! How reasons and measures are told.

use strategies::Consensus;
use strategies::learning::{ShadowEffect, ShadowGate};
use strategies::signal::{DriftSeverity, SignalStop};

pub(super) fn stopped(stop: SignalStop) -> &'static str {
    match stop {
        SignalStop::LowConfidence => "rate_limited_low_confidence",
        SignalStop::SymbolCooldown => "rate_limited_symbol_cooldown",
        SignalStop::RateLimited => "rate_limited_minute",
    }
}

pub(super) fn consensus(consensus: Consensus) -> &'static str {
    match consensus {
        Consensus::Unanimous => "unanimous",
        Consensus::Strong => "strong",
        Consensus::Split => "split",
        Consensus::Weak => "weak",
        Consensus::NoValidModels => "no_valid_models",
    }
}

pub(super) fn severity(drift: DriftSeverity) -> &'static str {
    match drift {
        DriftSeverity::None => "NONE",
        DriftSeverity::Minor => "MINOR",
        DriftSeverity::Moderate => "MODERATE",
        DriftSeverity::Severe => "SEVERE",
        DriftSeverity::Critical => "CRITICAL",
    }
}

pub(super) fn gate(gate: ShadowGate) -> &'static str {
    match gate {
        ShadowGate::KillSwitchActive => "kill_switch_active",
        ShadowGate::RlDisabled => "rl_disabled",
        ShadowGate::NoRlData => "no_rl_data",
        ShadowGate::PolicyStale => "policy_stale",
        ShadowGate::RlConfLow => "rl_conf_low",
        ShadowGate::EnsembleConfLow => "ensemble_conf_low",
        ShadowGate::CooldownActive => "cooldown_active",
        ShadowGate::Pass => "pass",
    }
}

pub(super) fn effect(effect: ShadowEffect) -> &'static str {
    match effect {
        ShadowEffect::None => "none",
        ShadowEffect::Reinforce => "reinforce",
        ShadowEffect::WouldFlip => "would_flip",
    }
}
