//! A vote's way to a signal: the steps of the decision pipeline up to its publication (MSE 4.5, 0 to 7).

use engine::Symbol;
use serde::{Deserialize, Serialize};

use super::{
    DriftSeverity, FundingGate, ShortHistory, funding_gate, managed_confidence, rule_fallback,
};
use crate::Action;

/// What the ensemble said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum EnsembleWord {
    /// There is none: HOLD with 0.60.
    Absent,
    /// It failed: no signal.
    Failed,
    /// Its vote.
    Voted {
        /// What it wants.
        action: Action,
        /// 0 to 1.
        confidence: f64,
    },
}

/// All that a signal is decided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalInput<'a> {
    /// Whose.
    pub symbol: Symbol,
    /// `trading:emergency_stop`; `None` where the bus does not answer.
    pub emergency_stop: Option<bool>,
    /// Of the ensemble.
    pub ensemble: EnsembleWord,
    /// Prices seen.
    pub history: usize,
    /// 0 to 100.
    pub rsi_14: f64,
    /// In USDT.
    pub macd: f64,
    /// Of the RL signal manager.
    pub scalers: &'a [f64],
    /// A fraction a period; `None` without data.
    pub funding_rate: Option<f64>,
    /// Of the symbol.
    pub drift: DriftSeverity,
}

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalRules {
    /// MIN_SIGNAL_CONFIDENCE.
    pub confidence_min: f64,
    /// Drift is only logged, as on a testnet.
    pub drift_only_logged: bool,
    /// With too few prices.
    pub short_history: ShortHistory,
}

impl Default for SignalRules {
    fn default() -> Self {
        SignalRules {
            confidence_min: 0.55,
            drift_only_logged: false,
            short_history: ShortHistory::default(),
        }
    }
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// BUY or SELL.
    pub action: Action,
    /// 0 to 1, not calibrated.
    pub confidence: f64,
    /// A rule stood in for the ensemble.
    pub fell_back: bool,
    /// Funding is high, though not enough to block.
    pub funding_warning: bool,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoSignal {
    /// Trading is stopped.
    EmergencyStop,
    /// Whether it is, nobody knows.
    BusSilent,
    /// The ensemble failed, or its confidence is no number.
    EnsembleFailed,
    /// Nothing to do.
    Hold,
    /// Funding is too high.
    FundingBlocked,
    /// The market is not the one that was learned.
    DriftBlocked,
    /// Not sure enough.
    LowConfidence,
}

/// Decides on a signal.
///
/// # Errors
/// [`NoSignal`] says at which step it ended.
pub fn decide_signal(input: &SignalInput<'_>, rules: &SignalRules) -> Result<Signal, NoSignal> {
    match input.emergency_stop {
        None => return Err(NoSignal::BusSilent),
        Some(true) => return Err(NoSignal::EmergencyStop),
        Some(false) => {}
    }
    let (voted, raw) = match input.ensemble {
        EnsembleWord::Absent => (Action::Hold, 0.60),
        EnsembleWord::Failed => return Err(NoSignal::EnsembleFailed),
        EnsembleWord::Voted { action, confidence } if confidence.is_finite() => {
            (action, confidence)
        }
        EnsembleWord::Voted { .. } => return Err(NoSignal::EnsembleFailed),
    };
    let SignalInput { symbol, history, rsi_14, macd, .. } = *input;
    let fallback = rule_fallback(symbol, voted, raw, history, rsi_14, macd, rules.short_history);
    let (action, confidence) = match fallback {
        Some(rule) => rule,
        // The manager scales what the ensemble said, never what a rule says; failing, it keeps the raw one.
        None => (voted, managed_confidence(raw, input.scalers).unwrap_or(raw)),
    };
    if action == Action::Hold {
        return Err(NoSignal::Hold);
    }
    let funding = funding_gate(input.funding_rate);
    if funding == FundingGate::Block {
        return Err(NoSignal::FundingBlocked);
    }
    if input.drift.blocks() && !rules.drift_only_logged {
        return Err(NoSignal::DriftBlocked);
    }
    if confidence < rules.confidence_min {
        return Err(NoSignal::LowConfidence);
    }
    let funding_warning = funding == FundingGate::Warn;
    Ok(Signal { action, confidence, fell_back: fallback.is_some(), funding_warning })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(action: Action, confidence: f64) -> SignalInput<'static> {
        SignalInput {
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            emergency_stop: Some(false),
            ensemble: EnsembleWord::Voted { action, confidence },
            history: 50,
            rsi_14: 50.0,
            macd: 0.0,
            scalers: &[1.2],
            funding_rate: Some(0.0005),
            drift: DriftSeverity::Moderate,
        }
    }

    #[test]
    fn a_vote_becomes_a_signal() {
        let decide = |input| decide_signal(&input, &SignalRules::default());
        let signal = decide(input(Action::Sell, 0.5)).expect("a signal");
        assert_eq!((signal.action, signal.confidence), (Action::Sell, 0.6));
        assert!(signal.funding_warning && !signal.fell_back);
        let oversold = SignalInput { rsi_14: 30.0, ..input(Action::Hold, 0.6) };
        let rule = decide(oversold).expect("a signal");
        assert_eq!((rule.action, rule.confidence, rule.fell_back), (Action::Buy, 0.72, true));
        let absent = SignalInput { ensemble: EnsembleWord::Absent, ..oversold };
        assert_eq!(decide(absent), Ok(rule));
    }

    #[test]
    fn every_step_can_end_it() {
        let end = |input| decide_signal(&input, &SignalRules::default()).expect_err("no signal");
        let good = input(Action::Buy, 0.9);
        assert_eq!(end(SignalInput { emergency_stop: None, ..good }), NoSignal::BusSilent);
        let stopped = SignalInput { emergency_stop: Some(true), ..good };
        assert_eq!(end(stopped), NoSignal::EmergencyStop);
        let failed = SignalInput { ensemble: EnsembleWord::Failed, ..good };
        assert_eq!(end(failed), NoSignal::EnsembleFailed);
        assert_eq!(end(input(Action::Buy, f64::NAN)), NoSignal::EnsembleFailed);
        assert_eq!(end(input(Action::Hold, 0.9)), NoSignal::Hold);
        let dear = SignalInput { funding_rate: Some(-0.001), ..good };
        assert_eq!(end(dear), NoSignal::FundingBlocked);
        let drifted = SignalInput { drift: DriftSeverity::Severe, ..good };
        assert_eq!(end(drifted), NoSignal::DriftBlocked);
        let logged = SignalRules { drift_only_logged: true, ..SignalRules::default() };
        assert!(decide_signal(&drifted, &logged).is_ok());
        assert_eq!(end(input(Action::Buy, 0.45)), NoSignal::LowConfidence);
    }
}
