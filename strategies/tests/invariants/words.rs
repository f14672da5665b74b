//! Words that go over the wire stand in the specifications exactly so. Skipped where these are not beside
//! the repository.

use std::path::Path;

use strategies::apply::{
    ApplyDecision, DENY_NOT_EXIT_OWNER, EXIT_OWNERS, KillScoreRule, NormalisedAction, PlanStep,
};
use strategies::close_action::CloseAction;
use strategies::governor::{P28_BUDGET_VIOLATION, P29_ALLOCATION_CAP, Rotation, SlotRegime};
use strategies::harvest::SKIP_RISK_MISSING;
use strategies::heat::{CalibrationMatrix, HeatBucket};
use strategies::portfolio::{DrawdownZone, time_bucket};
use strategies::position::PositionSide;
use strategies::reconcile::DriftKind;
use strategies::risk::{ExposureKind, GuardType, RecoveryMode};

fn spec() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec");
    if !folder.is_dir() {
        println!("skipped: the folder shared/spec is not beside the repository");
        return None;
    }
    let read = |name| std::fs::read_to_string(folder.join(name)).expect("a specification");
    Some(["exit-harvest-risk.md", "settled.md"].map(read).concat())
}

fn words() -> Vec<&'static str> {
    let mut words = vec![
        DENY_NOT_EXIT_OWNER,
        P28_BUDGET_VIOLATION,
        P29_ALLOCATION_CAP,
        SKIP_RISK_MISSING,
        NormalisedAction::UpdateSl.as_str(),
        NormalisedAction::Hold.as_str(),
        PlanStep::UpdateSl.as_str(),
        time_bucket(0),
    ];
    words.extend(EXIT_OWNERS);
    words.extend(CloseAction::ALL.map(CloseAction::as_str));
    let steps = [CloseAction::FullClose, CloseAction::Partial75, CloseAction::Partial50];
    words.extend(steps.map(|close| PlanStep::Close(close).as_str()));
    words.extend([PositionSide::Long, PositionSide::Short].map(PositionSide::as_str));
    words.extend([PositionSide::Long, PositionSide::Short].map(PositionSide::closing_order));
    let decisions = [ApplyDecision::Execute, ApplyDecision::Blocked, ApplyDecision::Skip];
    words.extend(decisions.map(ApplyDecision::as_str));
    words.extend(HeatBucket::ALL.map(HeatBucket::as_str));
    words.extend(HeatBucket::ALL.map(HeatBucket::level));
    let regimes = [SlotRegime::TrendStrong, SlotRegime::Base, SlotRegime::Chop];
    words.extend(regimes.map(SlotRegime::as_str));
    words.extend([Rotation::Waiting, Rotation::TimedOut].into_iter().filter_map(Rotation::blocks));
    let zones = [DrawdownZone::Low, DrawdownZone::Mid, DrawdownZone::High];
    words.extend(zones.map(DrawdownZone::as_str));
    words.extend([DriftKind::SideMismatch, DriftKind::QtyMismatch].map(DriftKind::as_str));
    let guards = [
        GuardType::EquityStale,
        GuardType::DailyLoss,
        GuardType::Drawdown,
        GuardType::EmergencyFlatten,
        GuardType::ConsecLoss,
        GuardType::SpreadSpike,
        GuardType::AtrSpike,
    ];
    words.extend(guards.map(GuardType::as_str));
    let modes = [
        RecoveryMode::Normal,
        RecoveryMode::Cautious,
        RecoveryMode::Protective,
        RecoveryMode::Emergency,
    ];
    words.extend(modes.map(RecoveryMode::as_str));
    let advice = [
        ExposureKind::ReduceMargin,
        ExposureKind::Reduce,
        ExposureKind::Expand,
        ExposureKind::Hedge,
        ExposureKind::Rebalance,
    ];
    words.extend(advice.map(ExposureKind::as_str));
    words.extend(advice.into_iter().filter_map(ExposureKind::alert));
    words
}

/// `word` stands there as a whole, not inside a longer one.
fn stands_in(spec: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    spec.match_indices(word).any(|(at, _)| {
        !inside(spec[..at].chars().next_back()) && !inside(spec[at + word.len()..].chars().next())
    })
}

#[test]
fn words_are_those_of_the_specifications() {
    let Some(spec) = spec() else { return };
    let matrix = CalibrationMatrix::hot_hold();
    let reasons = CloseAction::ALL
        .into_iter()
        .flat_map(|close| HeatBucket::ALL.map(|bucket| matrix.cell(close, bucket).reason.as_ref()));
    for word in words().into_iter().chain(reasons) {
        assert!(stands_in(&spec, word), "{word} is in no specification");
    }
    // The thresholds of the audited generations, as the table of EHR 3.16 has them.
    assert_eq!(
        KillScoreRule::audited_january(),
        KillScoreRule::AuditedJanuary { critical: 0.80, warning: 0.60 }
    );
}
