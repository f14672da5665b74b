//! The orchestrator's veto on a signal (MSE 5.3).

use serde::{Deserialize, Serialize};

use super::OperatingMode;
use crate::numbers::{RefusedNumber, all_finite};

/// A risk score above it skips the signal.
const RISK_SCORE_MAX: f64 = 90.0;
/// A confidence below it skips the signal.
const CONFIDENCE_MIN: f64 = 0.45;

/// What the risk brain says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskOpinion {
    /// Size that it allows, in USDT.
    pub size_usd: f64,
    /// 0 to 100.
    pub risk_score: f64,
}

/// What a signal is judged by. An answer that did not come is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrchestratorInput {
    /// Of the signal, 0 to 1.
    pub confidence: f64,
    /// Of the signal, in USDT.
    pub size_usd: f64,
    /// Of the CEO brain; unreachable is expansion.
    pub mode: Option<OperatingMode>,
    /// Of the strategy brain; unreachable approves.
    pub approved: Option<bool>,
    /// Of the risk brain; unreachable halves the size and assumes a score of 50.
    pub risk: Option<RiskOpinion>,
}

/// Which modes stop a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrchestratorRule {
    /// The black swan does.
    #[default]
    BlackSwanSkips,
    /// None does: the mode that would was called by another name (incident I-29).
    AuditedNoneSkips,
}

/// Why a signal is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SignalVeto {
    /// The mode is black swan.
    BlackSwan,
    /// The strategy brain said no.
    StrategyNotApproved,
    /// No size is left.
    NoSize,
    /// The risk score is above 90.
    RiskScoreHigh,
    /// The confidence is below 0.45.
    LowConfidence,
}

/// What becomes of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrchestratorVerdict {
    /// It goes on, with this size in USDT: smaller than asked or the same, never larger.
    Execute {
        /// In USDT.
        size_usd: f64,
    },
    /// It ends here.
    Skip(SignalVeto),
}

/// Share of the asked size while the risk brain is unreachable, and its risk score.
const UNREACHABLE_SIZE: f64 = 0.5;
/// The risk score assumed while the risk brain is unreachable.
const UNREACHABLE_SCORE: f64 = 50.0;

/// Judges a signal. Only in expansion the strategy brain is asked.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn judge_signal(
    input: &OrchestratorInput,
    rule: OrchestratorRule,
) -> Result<OrchestratorVerdict, RefusedNumber> {
    let risk = input.risk.unwrap_or(RiskOpinion {
        size_usd: UNREACHABLE_SIZE * input.size_usd,
        risk_score: UNREACHABLE_SCORE,
    });
    all_finite(&[
        ("confidence", input.confidence),
        ("size_usd", input.size_usd),
        ("risk size_usd", risk.size_usd),
        ("risk_score", risk.risk_score),
    ])?;
    let mode = input.mode.unwrap_or(OperatingMode::Expansion);
    let skip = |veto| Ok(OrchestratorVerdict::Skip(veto));
    if mode == OperatingMode::BlackSwan && rule == OrchestratorRule::BlackSwanSkips {
        return skip(SignalVeto::BlackSwan);
    }
    if mode == OperatingMode::Expansion && input.approved == Some(false) {
        return skip(SignalVeto::StrategyNotApproved);
    }
    // A larger size than asked is not taken (MSE 4.5 step 13).
    let size_usd = risk.size_usd.min(input.size_usd);
    if size_usd <= 0.0 {
        return skip(SignalVeto::NoSize);
    }
    if risk.risk_score > RISK_SCORE_MAX {
        return skip(SignalVeto::RiskScoreHigh);
    }
    if input.confidence < CONFIDENCE_MIN {
        return skip(SignalVeto::LowConfidence);
    }
    Ok(OrchestratorVerdict::Execute { size_usd })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNAL: OrchestratorInput = OrchestratorInput {
        confidence: 0.7,
        size_usd: 200.0,
        mode: None,
        approved: None,
        risk: Some(RiskOpinion { size_usd: 500.0, risk_score: 90.0 }),
    };

    fn verdict(input: OrchestratorInput) -> OrchestratorVerdict {
        judge_signal(&input, OrchestratorRule::default()).expect("finite")
    }

    #[test]
    fn a_larger_size_is_not_taken_and_a_smaller_one_is() {
        assert_eq!(verdict(SIGNAL), OrchestratorVerdict::Execute { size_usd: 200.0 });
        let smaller = OrchestratorInput {
            risk: Some(RiskOpinion { size_usd: 80.0, risk_score: 1.0 }),
            ..SIGNAL
        };
        assert_eq!(verdict(smaller), OrchestratorVerdict::Execute { size_usd: 80.0 });
        let unreachable = OrchestratorInput { risk: None, ..SIGNAL };
        assert_eq!(verdict(unreachable), OrchestratorVerdict::Execute { size_usd: 100.0 });
    }

    /// The CEO brain knew BLACK_SWAN, the orchestrator EMERGENCY, and so nothing stopped (I-29).
    #[test]
    fn incident_i29_black_swan_stops() {
        let input = OrchestratorInput { mode: Some(OperatingMode::BlackSwan), ..SIGNAL };
        assert_eq!(verdict(input), OrchestratorVerdict::Skip(SignalVeto::BlackSwan));
        assert_eq!(
            judge_signal(&input, OrchestratorRule::AuditedNoneSkips),
            Ok(OrchestratorVerdict::Execute { size_usd: 200.0 })
        );
    }

    #[test]
    fn each_veto_has_its_reason() {
        use OrchestratorVerdict::Skip;
        let no = OrchestratorInput { approved: Some(false), ..SIGNAL };
        assert_eq!(verdict(no), Skip(SignalVeto::StrategyNotApproved));
        let defending = OrchestratorInput { mode: Some(OperatingMode::Defensive), ..no };
        assert!(matches!(verdict(defending), OrchestratorVerdict::Execute { .. }));
        let risk = |size_usd, risk_score| OrchestratorInput {
            risk: Some(RiskOpinion { size_usd, risk_score }),
            ..SIGNAL
        };
        assert_eq!(verdict(risk(0.0, 1.0)), Skip(SignalVeto::NoSize));
        assert_eq!(verdict(risk(1.0, 90.5)), Skip(SignalVeto::RiskScoreHigh));
        assert_eq!(
            verdict(OrchestratorInput { confidence: 0.44, ..SIGNAL }),
            Skip(SignalVeto::LowConfidence)
        );
    }
}
