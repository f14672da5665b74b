//! The sizing agent's table: which size, leverage and exits paid in which state (MSE 7.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::size_states::{MarketBand, SizeState};
use super::updated_q;
use crate::numbers::RefusedNumber;

/// Chance of a random action.
const EXPLORATION: f64 = 0.10;
/// Largest size, in USDT.
const SIZE_MAX_USD: f64 = 8_000.0;
const SIZE_MIN_USD: f64 = 10.0;
const MULTIPLES: [f64; 5] = [SIZE_MIN_USD / SIZE_MAX_USD, 0.1, 0.25, 0.5, 1.0];
const LEVERAGES: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
const ACTIONS: u8 = 75;
/// Below this mean |Q| nothing is known of a wild market.
const KNOWN_MIN: f64 = 0.05;

/// How stops and targets are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SizeStrategy {
    /// Near.
    Conservative,
    /// Between.
    Balanced,
    /// Far.
    Aggressive,
}

const STRATEGIES: [SizeStrategy; 3] =
    [SizeStrategy::Conservative, SizeStrategy::Balanced, SizeStrategy::Aggressive];

impl SizeStrategy {
    /// Distances of target, first half of it, and stop; fractions of the price.
    #[must_use]
    pub const fn distances(self) -> [f64; 3] {
        match self {
            SizeStrategy::Conservative => [0.025, 0.0125, 0.01],
            SizeStrategy::Balanced => [0.03, 0.015, 0.015],
            SizeStrategy::Aggressive => [0.04, 0.02, 0.02],
        }
    }
}

/// One of the 75 actions of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct SizeAction(u8);

/// A number that names no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no action of the sizing table: give 0 to 74")]
pub struct NotAnAction(pub u8);

impl TryFrom<u8> for SizeAction {
    type Error = NotAnAction;
    fn try_from(number: u8) -> Result<SizeAction, NotAnAction> {
        if number < ACTIONS { Ok(SizeAction(number)) } else { Err(NotAnAction(number)) }
    }
}

impl From<SizeAction> for u8 {
    fn from(action: SizeAction) -> u8 {
        action.0
    }
}

impl SizeAction {
    /// All of them, smallest size first.
    pub fn all() -> impl Iterator<Item = SizeAction> {
        (0..ACTIONS).map(SizeAction)
    }

    /// Share of the largest size.
    #[must_use]
    pub fn multiple(self) -> f64 {
        MULTIPLES[usize::from(self.0 / 15)]
    }

    /// Leverage.
    #[must_use]
    pub fn leverage(self) -> f64 {
        LEVERAGES[usize::from(self.0 / 3 % 5)]
    }

    /// How stops and targets are set.
    #[must_use]
    pub fn strategy(self) -> SizeStrategy {
        STRATEGIES[usize::from(self.0 % 3)]
    }

    /// What an action is worth that was never tried.
    fn unseen(self) -> f64 {
        let multiple = self.multiple();
        let middling = if (0.25..=0.75).contains(&multiple) { 0.1 } else { 0.0 };
        let strategy = match self.strategy() {
            SizeStrategy::Conservative => 0.0,
            SizeStrategy::Balanced => 0.2,
            SizeStrategy::Aggressive => 0.1,
        };
        0.5 * multiple + 0.1 * (self.leverage() - 1.0) + middling + strategy
    }
}

/// Least leverage of an executed action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeverageFloor {
    /// The learned leverage is traded.
    #[default]
    One,
    /// Fifteen, which overrides every learned leverage (incident I-26).
    AuditedFifteen,
}

/// Bounds of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeLimits {
    /// Cap on the leverage, at least 1.
    pub leverage_max: f64,
    /// Its other end.
    pub leverage_floor: LeverageFloor,
}

/// What the table proposes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSizing {
    /// In USDT, 10 to 8,000.
    pub size_usd: f64,
    /// Leverage.
    pub leverage: f64,
    /// Distance of the target, a fraction.
    pub tp_percent: f64,
    /// Distance of the first half of the target, a fraction.
    pub partial_tp_percent: f64,
    /// Distance of the stop, a fraction.
    pub sl_percent: f64,
}

/// A choice of the table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Choice {
    /// An action, to be learned from.
    Action(SizeAction),
    /// Little, for nothing is known of this wild market.
    UnknownAndWild,
}

impl Choice {
    /// What is traded. A limit that is no number is 1.
    #[must_use]
    pub fn sizing(self, limits: &SizeLimits) -> TableSizing {
        let (multiple, leverage, strategy) = match self {
            Choice::Action(action) => (action.multiple(), action.leverage(), action.strategy()),
            Choice::UnknownAndWild => (0.3, 1.0, SizeStrategy::Conservative),
        };
        let floor = match limits.leverage_floor {
            LeverageFloor::One => 1.0,
            LeverageFloor::AuditedFifteen => 15.0,
        };
        let [tp_percent, partial_tp_percent, sl_percent] = strategy.distances();
        TableSizing {
            size_usd: (SIZE_MAX_USD * multiple).clamp(SIZE_MIN_USD, SIZE_MAX_USD),
            leverage: leverage.max(floor).min(limits.leverage_max.max(1.0)),
            tp_percent,
            partial_tp_percent,
            sl_percent,
        }
    }
}

/// What was learned, state by state.
///
/// Invariant: all values are finite; what is learned is the action that was executed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<LearnedValue>", into = "Vec<LearnedValue>")]
pub struct SizeTable {
    values: BTreeMap<(SizeState, SizeAction), f64>,
}

/// One line of the table as it is saved: keys of JSON are texts, and a state is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct LearnedValue {
    state: SizeState,
    action: SizeAction,
    value: f64,
}

impl From<Vec<LearnedValue>> for SizeTable {
    fn from(lines: Vec<LearnedValue>) -> SizeTable {
        let usable = lines.into_iter().filter(|line| line.value.is_finite());
        SizeTable { values: usable.map(|line| ((line.state, line.action), line.value)).collect() }
    }
}

impl From<SizeTable> for Vec<LearnedValue> {
    fn from(table: SizeTable) -> Vec<LearnedValue> {
        let lines = table.values.into_iter();
        lines.map(|((state, action), value)| LearnedValue { state, action, value }).collect()
    }
}

impl SizeTable {
    /// What an action is worth in a state.
    #[must_use]
    pub fn value(&self, state: SizeState, action: SizeAction) -> f64 {
        self.values.get(&(state, action)).copied().unwrap_or_else(|| action.unseen())
    }

    /// Chooses an action. Two draws from [0, 1) decide whether chance does, and what it takes; of equally
    /// good actions the smallest wins.
    #[must_use]
    pub fn choose(&self, state: SizeState, explore_draw: f64, action_draw: f64) -> Choice {
        if state.market == MarketBand::HighVolatility && self.mean_learned(state) < KNOWN_MIN {
            return Choice::UnknownAndWild;
        }
        if explore_draw < EXPLORATION {
            let place = (action_draw * f64::from(ACTIONS)).clamp(0.0, f64::from(ACTIONS - 1));
            return Choice::Action(SizeAction(place as u8));
        }
        let mut best = SizeAction(0);
        for action in SizeAction::all() {
            if self.value(state, action) > self.value(state, best) {
                best = action;
            }
        }
        Choice::Action(best)
    }

    /// Mean |Q| of what was learned in a state; 0 where nothing was.
    fn mean_learned(&self, state: SizeState) -> f64 {
        let learned: Vec<f64> = SizeAction::all()
            .filter_map(|action| self.values.get(&(state, action)))
            .map(|value| value.abs())
            .collect();
        learned.iter().sum::<f64>() / learned.len().max(1) as f64
    }

    /// Learns from the reward of an executed action.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities; nothing is then learned.
    pub fn learn(
        &mut self,
        state: SizeState,
        action: SizeAction,
        reward: f64,
    ) -> Result<(), RefusedNumber> {
        let value = updated_q(self.value(state, action), reward)?;
        self.values.insert((state, action), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::{ConfidenceBand, ExposureBand, ResultBand};

    fn state(market: MarketBand) -> SizeState {
        SizeState {
            market,
            confidence: ConfidenceBand::High,
            exposure: ExposureBand::Low,
            results: ResultBand::Even,
        }
    }

    const LIMITS: SizeLimits =
        SizeLimits { leverage_max: 25.0, leverage_floor: LeverageFloor::One };

    #[test]
    fn unseen_actions_are_valued_by_the_rule() {
        let mut values: Vec<f64> = SizeAction::all().map(SizeAction::unseen).collect();
        values.sort_by(f64::total_cmp);
        assert_eq!(values.len(), 75);
        // Full size, 5x, balanced: 0.5 + 0.4 + 0.2.
        assert_eq!(values.last(), Some(&1.1));
        let chosen = SizeTable::default().choose(state(MarketBand::Ranging), 0.5, 0.0);
        let sizing = chosen.sizing(&LIMITS);
        assert_eq!((sizing.size_usd, sizing.leverage, sizing.sl_percent), (8_000.0, 5.0, 0.015));
    }

    #[test]
    fn it_learns_explores_and_shies_the_unknown() {
        let mut table = SizeTable::default();
        let calm = state(MarketBand::Trending);
        let Choice::Action(best) = table.choose(calm, 0.5, 0.0) else { panic!("calm") };
        for _ in 0..10 {
            table.learn(calm, best, -1.0).expect("finite");
        }
        assert_ne!(table.choose(calm, 0.5, 0.0), Choice::Action(best));
        assert_eq!(table.choose(calm, 0.09, 1.0), Choice::Action(SizeAction(74)));
        assert!(table.learn(calm, best, f64::NAN).is_err());
        let wild = state(MarketBand::HighVolatility);
        assert_eq!(table.choose(wild, 0.0, 0.5), Choice::UnknownAndWild);
        let little = Choice::UnknownAndWild.sizing(&LIMITS);
        assert_eq!((little.size_usd, little.leverage), (2_400.0, 1.0));
        table.learn(wild, best, 1.0).expect("finite");
        assert!(matches!(table.choose(wild, 0.5, 0.0), Choice::Action(_)));
    }

    /// The floor of fifteen overrode every leverage from one to five.
    #[test]
    fn incident_i26_the_learned_leverage_is_traded() {
        let all: Vec<f64> =
            SizeAction::all().map(|a| Choice::Action(a).sizing(&LIMITS).leverage).collect();
        assert!(LEVERAGES.iter().all(|l| all.contains(l)));
        let audited = SizeLimits { leverage_floor: LeverageFloor::AuditedFifteen, ..LIMITS };
        assert!(SizeAction::all().all(|a| Choice::Action(a).sizing(&audited).leverage == 15.0));
    }
}
