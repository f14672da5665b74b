//! What the audits found in the engine, where a run asks for it.

use serde::{Deserialize, Serialize};
use strategies::learning::LeverageFloor;
use strategies::signal::{DriftMeasure, GovernerAccount, ShortHistory};

use super::{AiEngine, EQUITY_ASSUMED, EngineMode};
use crate::audited::{Audited, AuditedNames};

/// What is decided in one of two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// How drift is measured.
    pub(super) drift: DriftMeasure,
    /// What stands in for an undecided ensemble with few prices.
    pub(super) short_history: ShortHistory,
    /// Least leverage of the sizing table.
    pub(super) leverage_floor: LeverageFloor,
    /// The volatility factor is told under one name and looked up under another (incident I-19).
    loses_volatility: bool,
    /// A closed bar begins no new candle (incident I-20).
    pub(super) one_candle: bool,
    /// A question for a signal is a tick, with the volume of a day (incident I-20).
    pub(super) questions_are_ticks: bool,
    /// Nothing is sized off the testnet (incident I-18).
    only_testnet: bool,
    /// A decision goes out before those are asked who may stop it.
    pub(super) tells_first: bool,
    /// The governer agent's account and count never move.
    governer_sees_nothing: bool,
    /// Two purposes read closed trades in one group (incident I-21).
    pub(super) one_group: bool,
}

impl Rules {
    pub(super) fn of(audited: &AuditedNames) -> Rules {
        let named = |behaviour| audited.has(behaviour);
        Rules {
            drift: match named(Audited::DriftByRsi) {
                true => DriftMeasure::AuditedRsiDistance,
                false => DriftMeasure::Distributions,
            },
            short_history: match named(Audited::TradesByNameHash) {
                true => ShortHistory::AuditedNameHash,
                false => ShortHistory::Hold,
            },
            leverage_floor: match named(Audited::LeverageFloorFifteen) {
                true => LeverageFloor::AuditedFifteen,
                false => LeverageFloor::One,
            },
            loses_volatility: named(Audited::VolatilityLostByName),
            one_candle: named(Audited::OneCandleForEver),
            questions_are_ticks: named(Audited::DayVolumeInTicks),
            only_testnet: named(Audited::UndecidedOffTestnet),
            tells_first: named(Audited::DecisionsToldBeforeStops),
            governer_sees_nothing: named(Audited::GovernerSeesNothing),
            one_group: named(Audited::ReadersShareAGroup),
        }
    }
}

impl AiEngine {
    /// The symbol's volatility against its usual, as whoever asks for it sees it.
    pub(super) fn volatility_factor(&self, place: usize) -> f64 {
        match self.rules.loses_volatility {
            true => 1.0,
            false => self.state.markets[place].volatility_factor(),
        }
    }

    /// The account that the governer agent is shown, where it is not the real one.
    pub(super) fn imagined_account(&self) -> Option<GovernerAccount> {
        self.rules.governer_sees_nothing.then_some(GovernerAccount {
            balance_usd: EQUITY_ASSUMED,
            peak_usd: EQUITY_ASSUMED,
            exposure_usd: 0.0,
            emergency: false,
        })
    }

    /// Whether there is anybody who sizes.
    pub(super) fn has_sizer(&self) -> bool {
        !self.rules.only_testnet || self.settings.mode == EngineMode::Testnet
    }
}
