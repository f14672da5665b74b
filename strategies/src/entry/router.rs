//! The strategy router: the best decisions within capacity (MSE 5.1).

use engine::Nanos;
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterSettings {
    /// MAX_OPEN_ORDERS.
    pub open_max: u32,
    /// TARGET_OPEN_ORDERS.
    pub open_target: u32,
    /// MAX_NEW_PER_CYCLE.
    pub new_per_cycle_max: u32,
    /// CANDIDATE_WINDOW_SEC.
    pub window: Nanos,
    /// MIN_CONFIDENCE.
    pub confidence_min: f64,
    /// SUPER_CONFIDENCE.
    pub confidence_super: f64,
}

impl Default for RouterSettings {
    fn default() -> Self {
        RouterSettings {
            open_max: 10,
            open_target: 3,
            new_per_cycle_max: 2,
            window: Nanos::from_secs(3),
            confidence_min: 0.75,
            confidence_super: 0.90,
        }
    }
}

/// Why there is, or is not, room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CapacityReason {
    /// Below the target.
    CapacityOk,
    /// At the target: this decision is sure enough for one more.
    SuperConfidence,
    /// At the target, and this decision is not.
    TargetReached,
    /// No slot is left.
    NoSlots,
    /// Nobody knows how many are open: nothing is published.
    CapacityUnknown,
}

/// How many may be published, as seen by a decision of this confidence; a confidence that is no number
/// is below every threshold.
#[must_use]
pub fn router_capacity(
    open_orders: Option<u32>,
    confidence: f64,
    settings: &RouterSettings,
) -> (u32, CapacityReason) {
    let Some(open) = open_orders else { return (0, CapacityReason::CapacityUnknown) };
    let slots = settings.open_max.saturating_sub(open);
    if slots == 0 {
        (0, CapacityReason::NoSlots)
    } else if open < settings.open_target {
        let missing = settings.open_target - open;
        (missing.min(slots).min(settings.new_per_cycle_max), CapacityReason::CapacityOk)
    } else if confidence >= settings.confidence_super {
        (1, CapacityReason::SuperConfidence)
    } else {
        (0, CapacityReason::TargetReached)
    }
}

/// The score of a decision.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn router_score(
    confidence: f64,
    rl_gate_pass: bool,
    regime_known: bool,
) -> Result<f64, RefusedNumber> {
    let bonus = |holds: bool, by: f64| if holds { by } else { 0.0 };
    finite("confidence", confidence)
        .map(|confidence| confidence + bonus(rl_gate_pass, 0.02) + bonus(regime_known, 0.01))
}

/// The factor on the size of the decision at this rank, from 1.
#[must_use]
pub fn router_factor(rank: usize, confidence: f64) -> f64 {
    match rank {
        1 if confidence >= 0.90 => 1.30,
        2 if confidence >= 0.85 => 1.10,
        _ => 1.0,
    }
}

/// A buffered decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterCandidate {
    /// 0 to 1.
    pub confidence: f64,
    /// The RL gate passed.
    pub rl_gate_pass: bool,
    /// The regime is known.
    pub regime_known: bool,
    /// When it was decided.
    pub decided_at: Nanos,
    /// In USDT.
    pub size_usd: f64,
    /// Of the strategy brain; `None` where it did not answer, which publishes nothing.
    pub approved: Option<bool>,
}

/// A picked decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterPick {
    /// Its place among the candidates.
    pub place: usize,
    /// Its score.
    pub score: f64,
    /// In USDT, with the factor of its rank.
    pub size_usd: f64,
}

/// Picks from the buffer: unsure and old ones fall out, the rest by score, then by arrival; as many as
/// there is room for. Ranks count before the approval, so that a refusal moves nobody up.
#[must_use]
pub fn select_candidates(
    candidates: &[RouterCandidate],
    open_orders: Option<u32>,
    now: Nanos,
    settings: &RouterSettings,
) -> Vec<RouterPick> {
    let mut scored: Vec<RouterPick> = candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| {
            c.confidence >= settings.confidence_min
                && c.size_usd.is_finite()
                && now - c.decided_at <= settings.window
        })
        .filter_map(|(place, c)| {
            let score = router_score(c.confidence, c.rl_gate_pass, c.regime_known).ok()?;
            Some(RouterPick { place, score, size_usd: c.size_usd })
        })
        .collect();
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    let sure = |pick: &&RouterPick| {
        router_capacity(open_orders, candidates[pick.place].confidence, settings).0 > 0
    };
    let room = scored
        .iter()
        .map(|pick| router_capacity(open_orders, candidates[pick.place].confidence, settings).0)
        .max()
        .unwrap_or(0) as usize;
    let ranked = scored.iter().filter(sure).take(room).zip(1..);
    ranked
        .filter(|(pick, _)| candidates[pick.place].approved == Some(true))
        .map(|(pick, rank)| RouterPick {
            size_usd: pick.size_usd * router_factor(rank, candidates[pick.place].confidence),
            ..*pick
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(confidence: f64) -> RouterCandidate {
        RouterCandidate {
            confidence,
            rl_gate_pass: false,
            regime_known: false,
            decided_at: Nanos::from_secs(10),
            size_usd: 100.0,
            approved: Some(true),
        }
    }

    fn picks(candidates: &[RouterCandidate], open: Option<u32>) -> Vec<(usize, f64)> {
        let settings = RouterSettings::default();
        let picks = select_candidates(candidates, open, Nanos::from_secs(13), &settings);
        picks.iter().map(|pick| (pick.place, pick.size_usd)).collect()
    }

    #[test]
    fn the_best_within_capacity() {
        let all = [0.80, 0.95, 0.74, 0.86].map(candidate);
        assert_eq!(picks(&all, Some(0)), [(1, 130.0), (3, 110.00000000000001)]);
        assert_eq!(picks(&all, Some(2)), [(1, 130.0)]);
        assert_eq!(picks(&all, Some(3)), [(1, 130.0)], "sure enough for one above the target");
        assert_eq!(picks(&all[2..], Some(3)), []);
        assert_eq!(picks(&all, Some(10)), []);
        assert_eq!(picks(&all, None), [], "fail closed");
    }

    #[test]
    fn old_unsure_and_unapproved_ones_fall_out() {
        let old = RouterCandidate { decided_at: Nanos::from_secs(9), ..candidate(0.99) };
        let unanswered = RouterCandidate { approved: None, ..candidate(0.95) };
        let all = [old, unanswered, candidate(f64::NAN), candidate(0.86)];
        assert_eq!(picks(&all, Some(0)), [(3, 110.00000000000001)]);
        let known = RouterCandidate { regime_known: true, ..candidate(0.8) };
        assert_eq!(picks(&[candidate(0.8), known], Some(2)), [(1, 100.0)]);
    }
}
