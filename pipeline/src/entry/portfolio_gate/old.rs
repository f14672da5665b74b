//! What the gates did that went by the name P2.6 before they were one, as far as a run asks for it.

use std::collections::BTreeMap;

use engine::Symbol;
use serde::{Deserialize, Serialize};
use strategies::heat::{CalibrationMatrix, HeatSigma, ModeratorRules, ModeratorState};
use strategies::portfolio::{GateRules, GateSigma};

use super::book::Book;
use super::{Moderator, PortfolioGateSettings};
use crate::audited::{Audited, AuditedNames};
use crate::records::PlanAction;
use crate::streams::{APPLY_PLAN, HARVEST_PROPOSAL};

/// Which of it there is in this run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Old {
    /// It reads proposals, which name no plan.
    pub reads_proposals: bool,
    /// A permit that names no action is one for whatever the plan does.
    pub permit_names_no_action: bool,
    /// Permits set the cooldown, not executions.
    pub permits_cool: bool,
    /// The rules where the heat is missing.
    pub without_heat: Option<GateRules>,
    hot_closes_least: bool,
    /// Nobody publishes what the moderator's score is made of, and it counts as zero.
    inputs_zero: bool,
    /// What calibration made of each symbol's first close.
    kept: Option<BTreeMap<Symbol, PlanAction>>,
}

impl Old {
    pub fn of(audited: &AuditedNames, rules: &GateRules) -> Old {
        let uncalibrated = || GateRules { calibration: None, ..rules.clone() };
        Old {
            reads_proposals: audited.has(Audited::HeatGateNeedsPlanId),
            permit_names_no_action: audited.has(Audited::PermitNamesNoAction),
            permits_cool: audited.has(Audited::PermitsSetCooldown),
            without_heat: audited.has(Audited::MissingHeatPasses).then(uncalibrated),
            inputs_zero: audited.has(Audited::ModeratorInputsZero),
            hot_closes_least: audited.has(Audited::HotClosesLeast),
            kept: audited.has(Audited::CalibrationNeverCleared).then(BTreeMap::new),
        }
    }

    /// Where it finds what it judges.
    pub fn plans(&self) -> &'static str {
        if self.reads_proposals { HARVEST_PROPOSAL.name } else { APPLY_PLAN.name }
    }

    /// How the moderator's score decides, where it does.
    pub fn by_score(&self, moderator: Moderator) -> Option<ModeratorRules> {
        match moderator {
            _ if self.hot_closes_least => {
                Some(ModeratorRules::AuditedHotClosesLeast { hold_close_below: None })
            }
            Moderator::Matrix => Some(ModeratorRules::Matrix),
            Moderator::Off => None,
        }
    }

    /// What the moderator's score is made of.
    pub fn state(&self, book: &Book) -> ModeratorState {
        let zero = Some(0.0);
        match self.inputs_zero && book.state_age_sec.is_some() {
            true => ModeratorState {
                gross_exposure_usd: zero,
                dd_ewma_usd: zero,
                lossburst_ewma_usd: zero,
                fee_burden_ewma_usd: zero,
                churn_ewma: zero,
            },
            false => book.state,
        }
    }

    /// The calibration of the symbol that no later one takes away.
    pub fn kept(&self, symbol: Symbol) -> Option<PlanAction> {
        self.kept.as_ref()?.get(&symbol).copied()
    }

    /// Remembers what calibration made of a close.
    pub fn keep(&mut self, symbol: Symbol, action: PlanAction) {
        if let Some(kept) = &mut self.kept {
            kept.entry(symbol).or_insert(action);
        }
    }
}

/// The rules of the gate.
pub(super) fn rules(
    calibration: Option<CalibrationMatrix>,
    settings: &PortfolioGateSettings,
    audited: &AuditedNames,
) -> GateRules {
    GateRules {
        calibration,
        stress_rule: settings.stress_rule,
        promotion: settings.promotion,
        audited_permit_any_word: audited.has(Audited::PermitAnyWord),
        audited_full_close_word: audited.has(Audited::FullCloseByOneWord),
    }
}

/// The sigma of the heat, and that of the stress.
pub(super) fn sigmas(audited: &AuditedNames) -> (HeatSigma, GateSigma) {
    let heat = match audited.has(Audited::SigmaPerMinute) {
        true => HeatSigma::AuditedPerMinute,
        false => HeatSigma::Daily,
    };
    let stress = match audited.has(Audited::UnitSigma) {
        true => GateSigma::AuditedUnit,
        false => GateSigma::Daily,
    };
    (heat, stress)
}
