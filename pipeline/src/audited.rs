//! Behaviour that the audits found, each under a name: what the system did before it was mended, so that a
//! scenario can bring an incident back. `[pipeline] audited = ["name", …]`; nothing of it holds without its name.
//!
//! This is the one list of them. A service asks [`AuditedNames::has`] when it is built; a test holds that every
//! name is asked for and has a test of its own.

use std::collections::BTreeSet;
use std::fmt;

use engine::nearest;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::settings::Component;

/// What is registered of an audited behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditedBehaviour {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What the system did.
    pub about: &'static str,
    /// The services that do it.
    pub services: &'static [&'static str],
    /// Its name in the sources.
    pub variant: &'static str,
    /// The incidents, sections and worked examples to which it belongs.
    pub belongs_to: &'static str,
}

macro_rules! audited {
    ($($(#[doc = $about:literal])+ $variant:ident $name:literal: $($service:ident),+ = $incident:literal;)*) => {
        /// A behaviour of the audits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Audited {
            $($(#[doc = $about])+ $variant,)*
        }

        /// All of them, in the order of the pipeline.
        pub const AUDITED: &[AuditedBehaviour] = &[$(AuditedBehaviour {
            name: $name,
            about: concat!($($about),+),
            services: &[$(stringify!($service)),+],
            variant: stringify!($variant),
            belongs_to: $incident,
        }),*];

        impl Audited {
            const ALL: &'static [Audited] = &[$(Audited::$variant),*];

            /// Its name in scenario files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Audited::$variant => $name,)*
                }
            }
        }
    };
}

// Each block is in the order of the chain: signals and policy, entry, exits and heat, books.
audited! {
    // Markets, signals, learning, policy.

    // From intent to exchange.
    /// The Apply Layer lets closes pass up to the critical kill score only (29 January).
    KillScoreJanuary "kill_score_january": apply_layer = "EHR 3.11, 29 January";
    /// The Apply Layer stops closes at their own kill score (2 February).
    KillScoreFebruary "kill_score_february": apply_layer = "EHR 3.11, 2 February; EHR examples 29 to 35";
    /// A quarter is an unknown word and no close.
    NoPartial25 "no_partial_25": apply_layer = "EHR 3.11; EHR example 33";

    // Heat, exits and harvest.
    /// The portfolio gate takes 1 for every sigma, so that its heat is 1 whenever anything is open.
    UnitSigma "unit_sigma": portfolio_gate = "EHR 3.8; EHR examples 21 to 24";
    /// The portfolio gate takes the sigma of a minute for that of a day, so that no book is ever warm.
    SigmaPerMinute "sigma_per_minute": portfolio_gate = "EHR 3.6; EHR examples 15 to 17";
    /// Where a symbol has no candles, market state makes up random closes and publishes what they say as real.
    ClosesMadeUp "closes_made_up": market_state = "EHR 3.1";
    /// Market state appends the whole candle list to its closes at each evaluation: a short history counts many times.
    HistoryAppendedTwice "history_appended_twice": market_state = "EHR 3.1";
    /// A full close passes uncalibrated when the heat cannot be computed, and the decision says that it failed open.
    MissingHeatPasses "missing_heat_passes": portfolio_gate = "INC-5; EHR 3.7";
    /// The heat gate reads harvest.proposal, whose entries name no plan: it skips and counts none, and plans wait for
    /// a permit of P2.6 that never comes.
    HeatGateNeedsPlanId "heat_gate_needs_plan_id": portfolio_gate = "INC-3; EHR 3.6";
    /// Heat decisions go by the moderator's score, and the hotter the book is the less it closes.
    HotClosesLeast "hot_closes_least": portfolio_gate = "EHR 3.7; EHR examples 18 to 20";
    /// Nobody publishes what the moderator's score is made of: it counts as zero, and every book is cold.
    ModeratorInputsZero "moderator_inputs_zero": portfolio_gate = "EHR 3.7";
    /// Calibration knows the word FULL_CLOSE only, which no kernel says: full closes are never calibrated.
    FullCloseByOneWord "full_close_by_one_word": portfolio_gate = "EHR 3.6; EHR examples 15 to 17";
    /// Any word but HOLD earns a permit of P2.6, one that closes nothing too.
    PermitAnyWord "permit_any_word": portfolio_gate = "EHR 3.8";
    /// The permit of P2.6 names no action: a plan runs as it is, whatever the gate made of it.
    PermitNamesNoAction "permit_names_no_action": portfolio_gate = "EHR 3.8";
    /// Each permit of P2.6 steps the symbol's next close down for a minute, whether or not the first one was executed.
    PermitsSetCooldown "permits_set_cooldown": portfolio_gate = "EHR 3.8";
    /// What calibration made of a symbol's first close is never cleared: later closes get it with their fresh kill
    /// scores, and harvest.calibrated grows old.
    CalibrationNeverCleared "calibration_never_cleared": portfolio_gate = "INC-3; EHR 3.6";
    /// The heat bridge marks a decision as taken over before it writes its keys: a write that fails is lost.
    HeatMarkedBeforeWrite "heat_marked_before_write": heat_bridge = "EHR 3.9";
    /// The observer looks for a plan's heat decision only when the plan is made, before there can be one.
    HeatObservedTooEarly "heat_observed_too_early": apply_layer = "INC-2; EHR 3.11";
    /// Without a position the harvest publisher makes one up: entry 100 or 50, 5 % in profit, an hour old.
    SyntheticPositions "synthetic_positions": harvest_proposal = "INC-3, INC-9; EHR 3.4";
    /// The risk publisher files the probability of a trend under a wrong name: its kernel sees none.
    TrendProbabilityLost "trend_probability_lost": risk_proposal = "EHR 3.2";
    /// A proposed stop may lie beyond the current price.
    StopBeyondPrice "stop_beyond_price": risk_proposal = "EHR 3.2; EHR example 11";
    /// R is that of the whole position: it grows with the quantity.
    ROfWholePosition "r_of_whole_position": harvest_proposal, harvest_brain = "EHR 3.3";
    /// A harvest proposal never dies, and is refreshed while its inputs are missing: what is stuck looks fresh.
    StuckProposalLooksFresh "stuck_proposal_looks_fresh": harvest_proposal = "EHR 3.4";
    /// The policy's harvest parameters are loaded once, at the start.
    PolicyLoadedOnce "policy_loaded_once": harvest_proposal = "EHR 3.4";
    /// The policy's parameters of the kill score are not read.
    KillParamsNotRead "kill_params_not_read": harvest_proposal = "EHR 3.4";
    /// The exit brain has no store: what it plans is told to nobody.
    ExitBrainWithoutStore "exit_brain_without_store": exit_brain = "INC-1; EHR 3.22";
    /// Each start of the exit brain draws the symbols of its rollout anew.
    RolloutDrawnPerProcess "rollout_drawn_per_process": exit_brain = "EHR 3.23";
    /// The rollout is asked for without a symbol, so that its percentage limits nothing.
    RolloutWithoutSymbol "rollout_without_symbol": exit_brain = "EHR 3.23";
    /// The exit monitor forgets a position when it asks for its close, and the close could open: it does not say that
    /// it only reduces, and its own fill is watched as a new position.
    ExitForgottenBeforeFill "exit_forgotten_before_fill": exit_monitor = "INC-1; EHR 3.25";
    /// R and profit are part of the harvest brain's mark: a quarter is closed every 5 s while the profit lasts.
    HarvestMarkedByProfit "harvest_marked_by_profit": harvest_brain, apply_layer = "EHR 3.27";
    /// Below its least R the harvest brain leaves a losing position open, also on a kill signal.
    LeastRBeforeKill "least_r_before_kill": harvest_brain = "EHR 3.27";
    /// The harvest brain writes P3.3's permit for its own plans.
    HarvestBrainPermitsItself "harvest_brain_permits_itself": harvest_brain = "EHR 3.27";
    /// At its start the harvest brain deletes what it takes for positions that are gone: ledgers, snapshots and books.
    GhostsTakeLedgers "ghosts_take_ledgers": harvest_brain = "EHR 3.27";
    /// The emergency stop takes drawdowns for profits when it recovers: it is back to normal at its next look.
    EmergencyEndsItself "emergency_ends_itself": emergency_stop = "EHR 3.28";
    /// The emergency stop stops those who close, too: what is open stays open.
    EmergencyStopsClosers "emergency_stops_closers": emergency_stop = "EHR 3.28";
    /// The exposure balancer measures a symbol against the margin that is used: six equal positions are too large.
    ShareOfUsedMargin "share_of_used_margin": exposure_balancer = "EHR 3.31";

    // State and books.
    /// Equity is read from its own output, a constant of 100000 at first, and there is never a drawdown.
    EquityConstant "equity_constant": portfolio_state_publisher = "INC-3; EHR 3.12";
    /// The ledger timer copies the exchange over the ledger, the sizes of shorts without their sign.
    LedgerWithoutSign "ledger_without_sign": ledger_sync = "I-35; MSE 14.3";
    /// The reconcile engine fails to seal its close after hold and cooldown are set: a hold without a close.
    HoldWithoutClose "hold_without_close": reconcile_engine = "EHR 3.21";
    /// Each look writes the hold anew with its short life, and cuts the lease of a close that is out.
    HoldCutEachLook "hold_cut_each_look": reconcile_engine = "EHR 3.21";
    /// The reconcile engine reads other fields than the executors write: their ledger is zero and without a side, and
    /// the symbol is held for good.
    LedgerByOtherNames "ledger_by_other_names": reconcile_engine = "EHR 3.21; I-39";
    /// The reconcile engine looks for evidence under other names than results have, and never finds any.
    EvidenceByOtherNames "evidence_by_other_names": reconcile_engine = "EHR 3.21; I-39";
    /// Results are expected as JSON in a field that none has: exit intelligence leaves them pending, and the MetricPack
    /// passes over them.
    ResultsExpectedAsData "results_expected_as_data": exit_intelligence, metric_pack = "INC-7; I-39; EHR 3.29, 3.30";
    /// The position monitor decodes a field that fills do not have: it sees none.
    PositionMonitorBlind "position_monitor_blind": position_monitor = "I-07b; MSE 14.1";
    /// Losses are added to a counter that takes none: profit is all that there is.
    LossesNotCounted "losses_not_counted": metric_pack = "EHR 3.30";
}

/// The names that a run asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditedNames(BTreeSet<Audited>);

impl AuditedNames {
    /// Whether the run asks for it.
    pub fn has(&self, behaviour: Audited) -> bool {
        self.0.contains(&behaviour)
    }
}

impl FromIterator<Audited> for AuditedNames {
    fn from_iter<I: IntoIterator<Item = Audited>>(behaviours: I) -> AuditedNames {
        AuditedNames(behaviours.into_iter().collect())
    }
}

impl Component for AuditedNames {
    fn problem(&self) -> Option<String> {
        let both = self.has(Audited::KillScoreJanuary) && self.has(Audited::KillScoreFebruary);
        both.then(|| {
            "names kill_score_january and kill_score_february: the layer had one rule at a time"
                .to_owned()
        })
    }
}

impl Serialize for Audited {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Audited {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Audited, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Audited;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an audited behaviour")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Audited, E> {
                let found = Audited::ALL.iter().find(|behaviour| behaviour.name() == name);
                found.copied().ok_or_else(|| {
                    let known: Vec<&str> = AUDITED.iter().map(|known| known.name).collect();
                    let near =
                        nearest(name, &known).map(|near| format!("; did you mean {near:?}?"));
                    let near = near.unwrap_or_default();
                    let all = "`qsim pipeline audited` lists them all";
                    E::custom(format!("there is no audited behaviour {name:?}{near} ({all})"))
                })
            }
        }

        deserializer.deserialize_str(Name)
    }
}

impl Serialize for AuditedNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de> Deserialize<'de> for AuditedNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AuditedNames, D::Error> {
        BTreeSet::deserialize(deserializer).map(AuditedNames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{PipelineSettings, SERVICES, chain};

    fn asking_for(names: &[&str]) -> serde_json::Result<PipelineSettings> {
        serde_json::from_value(serde_json::json!({ "audited": names }))
    }

    #[test]
    fn names_are_unique_and_of_services_that_there_are() {
        let mut seen = BTreeSet::new();
        for behaviour in AUDITED {
            assert!(seen.insert(behaviour.name), "{} twice", behaviour.name);
            for service in behaviour.services {
                assert!(SERVICES.contains(service), "{}: {service}", behaviour.name);
            }
        }
    }

    #[test]
    fn every_behaviour_can_be_asked_for_and_is_written_back() {
        for behaviour in AUDITED {
            let settings = asking_for(&[behaviour.name]).expect(behaviour.name);
            assert!(chain(&settings, &[]).is_ok(), "{}", behaviour.name);
            let again = serde_json::to_value(&settings).expect("settings");
            assert_eq!(again["audited"], serde_json::json!([behaviour.name]));
        }
    }

    #[test]
    fn a_slip_is_told_with_the_name_it_meant() {
        let problem = asking_for(&["unit_sigmas"]).expect_err("no such name").to_string();
        assert!(problem.contains("\"unit_sigma\"?"), "{problem}");
    }

    #[test]
    fn rules_of_two_dates_do_not_hold_at_once() {
        let both = ["kill_score_january", "kill_score_february"];
        let settings = asking_for(&both).expect("names");
        let problem = chain(&settings, &[]).err().expect("one rule holds").to_string();
        assert!(problem.starts_with("[pipeline.audited] names"), "{problem}");
    }
}
