//! Allocation target, the shadow proposer of P2.9 (EHR 3.14): how capital efficiency would move each target.
//! Nobody is bound by what it proposes.

use engine::{Context, Envelope, EpochSeconds, Input, Nanos, Service, Symbol, TimerKey, Wiring};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::portfolio::{Efficiency, target_multiplier};

use crate::grid;
use crate::keys;
use crate::records::{
    AllocationDecision, AllocationTarget, BindingMode, SymbolEfficiency, TargetProposal,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{ALLOCATION_DECISION, ALLOCATION_TARGET_PROPOSED};

settings! {
    /// Allocation target P2.9, shadow proposer.
    pub struct AllocationTargetSettings {
    }
}

const INTERVAL: Nanos = Nanos::from_secs(10);
/// A decision that is older is no target any more.
const DECISION_MAX_AGE: Nanos = Nanos::from_secs(300);

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllocationTargetProposer {
    symbols: Vec<Symbol>,
    target_keys: Vec<String>,
    efficiency_keys: Vec<String>,
    proposed_keys: Vec<String>,
}

impl AllocationTargetProposer {
    /// The target in force; in shadow mode nobody writes one, and the newest decision stands for it.
    fn base(
        &self,
        place: usize,
        decided: &[Option<Decimal>],
        ctx: &mut Context<'_>,
    ) -> Option<Decimal> {
        match ctx.record::<AllocationTarget>(&self.target_keys[place]) {
            Ok(Some(target)) => return Some(target.target_usd),
            Ok(None) => {}
            Err(_) => ctx.count("target_unreadable", 1),
        }
        decided[place]
    }

    /// The newest decision about each symbol.
    fn decided(&self, ctx: &mut Context<'_>) -> Vec<Option<Decimal>> {
        let mut decided = vec![None; self.symbols.len()];
        let count = 2 * self.symbols.len();
        for entry in ctx.newest(ALLOCATION_DECISION.name, count).unwrap_or_default() {
            let read = entry.body.as_ref().and_then(|b| b.read::<AllocationDecision>().ok());
            let Some(told) = read else { continue };
            let place = self.symbols.iter().position(|symbol| *symbol == told.symbol);
            if ctx.now() - told.timestamp.0 > DECISION_MAX_AGE {
                continue;
            }
            if let Some(slot) = place.map(|place| &mut decided[place]) {
                *slot = slot.or(grid::decimal(told.target_usd));
            }
        }
        decided
    }

    fn propose(&self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let decided = self.decided(ctx);
        for place in 0..self.symbols.len() {
            let Some(base) = self.base(place, &decided, ctx) else {
                ctx.count("target_missing", 1);
                continue;
            };
            let efficiency = match ctx.record::<SymbolEfficiency>(&self.efficiency_keys[place]) {
                Ok(told) => told.map(|told| Efficiency {
                    score: told.efficiency_score,
                    confidence: told.confidence,
                    age_sec: (now - told.ts.0).as_secs_f64(),
                }),
                Err(_) => {
                    ctx.count("efficiency_unreadable", 1);
                    None
                }
            };
            let made = target_multiplier(efficiency).ok();
            let proposed =
                made.and_then(|made| Some((made, base * grid::decimal(made.multiplier)?)));
            let Some((made, proposed)) = proposed else {
                ctx.count("proposal_refused", 1);
                continue;
            };
            let proposal = TargetProposal {
                ts_epoch: EpochSeconds(now),
                symbol: self.symbols[place],
                base_target: base,
                proposed_target: proposed.round_dp(8),
                multiplier: made.multiplier,
                eff_score: efficiency.map(|told| told.score),
                eff_confidence: efficiency.map(|told| told.confidence),
                eff_stale: made.reason == "stale_eff",
                reason: made.reason.into(),
                mode: BindingMode::Shadow,
            };
            let life = keys::ALLOCATION_TARGET_PROPOSED.life;
            if ctx.set_record(&self.proposed_keys[place], &proposal, life).is_err() {
                ctx.count("proposal_not_saved", 1);
            }
            crate::publish(ctx, ALLOCATION_TARGET_PROPOSED, Envelope::Flat, proposal);
        }
    }
}

impl Configured for AllocationTargetProposer {
    type Settings = AllocationTargetSettings;
    const COUNTERS: &'static [&'static str] = &[
        "efficiency_unreadable",
        "proposal_not_saved",
        "proposal_refused",
        "target_missing",
        "target_unreadable",
    ];

    fn configured(
        _: &AllocationTargetSettings,
        setup: Setup<'_>,
    ) -> Result<AllocationTargetProposer, String> {
        Ok(AllocationTargetProposer {
            symbols: setup.symbols.to_vec(),
            target_keys: keys::ALLOCATION_TARGET.of_each(setup.symbols),
            efficiency_keys: keys::CAPITAL_EFFICIENCY.of_each(setup.symbols),
            proposed_keys: keys::ALLOCATION_TARGET_PROPOSED.of_each(setup.symbols),
        })
    }
}

impl Service for AllocationTargetProposer {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![ALLOCATION_TARGET_PROPOSED.name],
            looks: vec![ALLOCATION_DECISION.name],
            keys_read: keys::patterns(&[keys::ALLOCATION_TARGET, keys::CAPITAL_EFFICIENCY]),
            keys_written: keys::patterns(&[keys::ALLOCATION_TARGET_PROPOSED]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.propose(ctx),
            _ => return,
        }
        ctx.timer_after(INTERVAL, TimerKey(0));
    }
}
