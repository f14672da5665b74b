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
    /// Ticks that no market has made, around the first price of each symbol, go out every 5 s among the real ones.
    SimulatedTicks "simulated_ticks": market_publisher = "I-17; MSE 3.3";
    /// One price of several venues needs two of them, so that the silence of one silences all.
    TwoVenuesAtLeast "two_venues_at_least": cross_exchange_aggregator = "MSE 3.2, 17";
    /// A start of the aggregator reads all of exchange.raw again, and tells its prices once more.
    AggregatorReadsAgain "aggregator_reads_again": cross_exchange_aggregator = "MSE 3.2";
    /// The policy is refreshed every half hour and holds five minutes: most of the time there is none.
    PolicyRunsOut "policy_runs_out": policy_store, universe_generator = "I-12; MSE 8.2";
    /// Drift is the distance of the RSI from 50, which calls every trend a drift.
    DriftByRsi "drift_by_rsi": ai_engine = "MSE 4.9";
    /// With fewer than 15 prices the hash of a symbol's name says whether to buy or to sell.
    TradesByNameHash "trades_by_name_hash": ai_engine = "MSE 4.5";
    /// The volatility factor is told under one name and looked up under another: it is always 1.
    VolatilityLostByName "volatility_lost_by_name": ai_engine = "I-19; MSE 4.2";
    /// A closed bar begins no new candle: its range only grows.
    OneCandleForEver "one_candle_for_ever": ai_engine = "I-20; MSE 4.2";
    /// The bot's question for a signal is one more tick, with the volume of 24 hours.
    DayVolumeInTicks "day_volume_in_ticks": ai_engine, trading_bot = "I-20; MSE 4.2";
    /// The governer agent always sees 10,000 USDT, no position and no trade: three of its checks never fire.
    GovernerSeesNothing "governer_sees_nothing": ai_engine = "MSE 4.4";
    /// Off the testnet nobody sizes a signal, so that nothing is ever decided.
    UndecidedOffTestnet "undecided_off_testnet": ai_engine = "I-18; MSE 4.5";
    /// A decision goes out before the orchestrator and the rates may stop it: readers see what the engine never did.
    DecisionsToldBeforeStops "decisions_told_before_stops": ai_engine = "MSE 4.5";
    /// Calibration and learning read closed trades in one group: each sees only some.
    ReadersShareAGroup "readers_share_a_group": ai_engine = "I-21; MSE 4";
    /// The table's leverage is 15 at least, and what was learned of it is never found again.
    LeverageFloorFifteen "leverage_floor_15": ai_engine = "I-26; MSE 7.1";
    /// Bot and router both write an intent of one decision.
    TwoWritersOfIntents "two_writers_of_intents": trading_bot, strategy_router = "I-02; MSE 4.6, 5.1, 6";
    /// Execution service and intent executor both order one intent, and know nothing of each other.
    TwoExecutionPaths "two_execution_paths": execution_service, intent_bridge, intent_executor = "I-02; MSE 13";
    /// The router asks twice whether it has published a decision: the second time it always has.
    RouterDedupsTwice "router_dedups_twice": strategy_router = "I-06; MSE 5.1";
    /// The router's capacity is a number that the deployment set to 0 and nobody writes again.
    CapacityByHand "capacity_by_hand": strategy_router, position_monitor = "I-25; MSE 5.1";
    /// A black swan is no mode that the orchestrator knows, and stops nothing.
    BlackSwanSkipsNothing "black_swan_skips_nothing": orchestrator = "I-29; MSE 5.3";
    /// The bot takes a refusal of the engine for an outage, and trades the day's momentum.
    MomentumOnRefusal "momentum_on_refusal": trading_bot = "I-01; MSE 6; MSE examples 1 to 4";
    /// The bot's sell orders have their stop below and their target above the entry.
    SellStopNotMirrored "sell_stop_not_mirrored": trading_bot = "I-08; MSE 6; MSE example 4";
    /// Without a balance the bot sizes by 10,000 USDT.
    AssumedBalance "assumed_balance": trading_bot = "MSE 6, 17; MSE example 4";
    /// After six hours the bot resolves its symbols again, and passes over those of its settings.
    TradingSymbolsIgnored "trading_symbols_ignored": trading_bot = "I-36; MSE 6";
    /// Rewards are random numbers every 15 s, and the monitor takes them for learning.
    RandomRewards "random_rewards": reward_publisher, rl_monitor = "I-14; MSE 7.4";
    /// Feedback and RL agent listen to exit plans, which carry no profit: nothing is ever learned.
    LearnsFromPlans "learns_from_plans": feedback_bridge, rl_shadow = "I-15; MSE 7.3, 7.4";
    /// Drift and results call for no training: only the age of a model does.
    RetrainsByClock "retrains_by_clock": clm = "MSE 15.6";
    /// Each update of either venue is a close of the meta regime, many of them in a minute.
    MixedCloses "mixed_closes": meta_regime = "MSE 15.1";
    /// The regime writes the risk policy, and portfolio governance writes its own over it.
    RegimeOverwritesPolicy "regime_overwrites_policy": meta_regime, portfolio_governance = "MSE 15.1, 15.2";
    /// Budgets and targets look for cluster stress where nobody writes it: it is 0, and all symbols are one cluster.
    ClusterStressUnwritten "cluster_stress_unwritten": portfolio_risk_governor, capital_allocation = "EHR 3.10, 3.14";
    /// A second test of 30 s refuses the last good portfolio, so that it never helps.
    LastGoodRefused "last_good_refused": portfolio_risk_governor = "EHR 3.13";
    /// Nothing holds positions against their budgets, so that no violation is ever told.
    BudgetsUnchecked "budgets_unchecked": portfolio_risk_governor = "EHR 3.13";
    /// A stale budget aborts the round of all targets.
    StaleBudgetAborts "stale_budget_aborts": capital_allocation = "EHR 3.14";
    /// The performance factor itself multiplies a target: a neutral record takes it away, a loss makes it negative.
    RawPerformanceFactor "raw_performance_factor": capital_allocation = "EHR 3.14";
    /// The performance factor is smoothed every 5 s over the same executions, and is alpha within a minute.
    FactorSmoothedAgain "factor_smoothed_again": performance_attribution = "EHR 3.15";
    /// Attribution is dated `ts_utc` and looked up as `ts`: it is always stale, and halves every confidence.
    AttributionAlwaysStale "attribution_always_stale": capital_efficiency = "I-39; MSE 15.4";
    /// The efficiency brain waits for a result as long as there is none, and judges nothing meanwhile.
    EfficiencyWaitsForResults "efficiency_waits_for_results": capital_efficiency = "MSE 15.4";

    // From intent to exchange.
    /// The execution service checks a clamped size and leverage, and orders those that it was asked for.
    ClampsDiscarded "clamps_discarded": execution_service = "I-16; MSE 13.3; MSE examples 19 to 21";
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

    // State and books.
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
