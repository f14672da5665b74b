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
    BlackSwanSkipsNothing "black_swan_skips_nothing": orchestrator, intent_bridge = "I-29; MSE 5.3";
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
    /// Entries that were left pending never come back, neither after a restart nor later.
    PendingNeverRecovered "pending_never_recovered": intent_bridge, execution_service, exit_intelligence = "I-23, INC-7";
    /// An entry that cannot be read, such as a marker, stays pending for ever and is no dead letter.
    UnreadableStaysPending "unreadable_stays_pending": ai_engine = "I-22";
    /// An intent is read from the field `data` and no other, so that what writers put into `payload` stays pending.
    DataEnvelopeOnly "data_envelope_only": intent_bridge, execution_service = "I-07";
    /// The intent bridge writes the P3.3 permit of each plan itself, and that permit never ends.
    BridgeGrantsP33 "bridge_grants_p33": intent_bridge, intent_executor = "I-03";
    /// The intent bridge takes every SELL for a close and drops it where it knows of no position, so that no short
    /// is ever opened.
    SellAlwaysCloses "sell_always_closes": intent_bridge = "I-10, MSE 9 step 6";
    /// The intent bridge takes positions and exposure from a ledger whose amounts nobody writes: the exposure is 0 %,
    /// and every position unknown.
    UnwrittenLedger "unwritten_ledger": intent_bridge = "I-10";
    /// The intent bridge asks for exchangeInfo with every intent, and again with every check of the exposure.
    ExchangeInfoPerIntent "exchange_info_per_intent": intent_bridge = "I-11";
    /// A permit of the governor counts as an execution, whether or not an order follows.
    PermitsCountAsExecutions "permits_count_as_executions": governor = "EHR 3.18";
    /// The governor looks for violations and confirmed closes under keys of another type and finds none: budgets never
    /// bind, rotations always time out.
    LookupsNeverMatch "lookups_never_match": governor = "EHR 3.18";
    /// An allocation that is exceeded stops closes as well, so that the position cannot be reduced.
    AllocationBlocksCloses "allocation_blocks_closes": governor = "EHR 3.18";
    /// A kill score stops closes in the governor's production mode.
    KillScoreBlocksCloses "kill_score_blocks_closes": governor = "EHR 3.18, EHR examples 36 to 39";
    /// The governor looks at `quantum:kill` only, and in testnet mode only.
    KillKeyInTestnetOnly "kill_key_in_testnet_only": governor = "EHR 3.18";
    /// The bound on open positions is not asked for shorts.
    PositionCapForLongs "position_cap_for_longs": governor = "EHR 3.18";
    /// In testnet mode an open passes the limits that cannot be looked up.
    LookupErrorsPass "lookup_errors_pass": governor = "EHR 3.18";
    /// The governor writes an equity of 10,000 where there is none, so that for 300 s nothing is refused for want of it.
    EquitySeeded "equity_seeded": governor = "EHR 3.19";
    /// Safe mode stops closes as well as opens.
    SafeModeBlocksExits "safe_mode_blocks_exits": intent_bridge, apply_layer, intent_executor, execution_service = "I-09, INC-1";
    /// P3.3 takes a look at the exchange from before the last fill for fresh, so that a position looks empty straight
    /// after its open.
    SnapshotBeforeFill "snapshot_before_fill": position_state_brain = "I-32";
    /// P3.3 refuses closes, too, for a ledger of another quantity, an execution of a moment ago and a hold.
    P33RefusesCloses "p33_refuses_closes": position_state_brain = "EHR 3.20; EHR examples 49 and 54";
    /// P3.3 lets a quarter and unknown words close all, and rounds to the nearest 0.001 whatever the exchange's step.
    QuarterClosesAll "quarter_closes_all": position_state_brain = "EHR 3.20; EHR example 48";
    /// P3.3 writes neither permit nor denial where it has no snapshot or no list names the symbol: its plan runs into
    /// the time-out.
    P33DeniesInSilence "p33_denies_in_silence": position_state_brain = "EHR 3.20, MSE 11 row 1";
    /// P3.3 asks for the positions of all symbols once for each symbol.
    SnapshotPerSymbol "snapshot_per_symbol": position_state_brain = "EHR 3.20, MSE 11";
    /// Any text under `granted` or `allow` of a permit is a yes, `"false"` among them.
    PermitTextTruthy "permit_text_truthy": apply_layer, intent_executor = "I-05";
    /// The intent executor reads P3.3's permit as a hash, as the bridge writes it; P3.3 writes text, and the plan ends
    /// in that error.
    PermitAsHash "permit_as_hash": intent_bridge, intent_executor = "I-04";
    /// A denial uses up all permits of its plan.
    DenialUsesPermits "denial_uses_permits": apply_layer, intent_executor = "EHR 3.16, 3.17";
    /// A permit names its plan only: symbol and action are not compared.
    PermitNamesPlanOnly "permit_names_plan_only": apply_layer, intent_executor = "EHR 3.17";
    /// The Apply Layer takes a proposal of any age.
    StaleProposals "stale_proposals": apply_layer = "INC-3";
    /// The Apply Layer tells a `duplicate_plan` result with every look at an unchanged proposal, each 5 s.
    DuplicateResults "duplicate_results": apply_layer = "INC-8";
    /// The Apply Layer looks for `safe_close_qty` in P3.3's permit, which writes `safe_qty`: every harvest close ends
    /// there.
    SafeCloseQty "safe_close_qty": apply_layer = "EHR 3.16, I-39";
    /// The Apply Layer has no handler for close plans: they are acknowledged, and nothing closes.
    NoCloseHandler "no_close_handler": apply_layer = "INC-9";
    /// The Apply Layer closes a position whole, and without permits, for a plan that was blocked.
    BlockedPlansClose "blocked_plans_close": apply_layer = "EHR 3.16";
    /// The Apply Layer sends closes of the harvest brain as orders that are not reduce-only.
    ReduceOnlyPlansOpen "reduce_only_plans_open": apply_layer = "EHR 3.16";
    /// The Apply Layer runs opens of the intent executor, too, at once and without permits: two orders a plan.
    EveryExecutorOpens "every_executor_opens": apply_layer = "I-02, INC-8";
    /// A second open of the side that is held passes, and no cooldown bars it: positions double and treble.
    SameSideOpens "same_side_opens": position_state_brain, intent_executor, execution_service = "INC-8";
    /// An open against the side that is held passes: it nets or flips the position.
    OppositeSideOpens "opposite_side_opens": position_state_brain, intent_executor, execution_service = "INC-8";
    /// The cooldown of opens is set by opens only, so that what was just closed is opened again.
    CooldownAfterOpensOnly "cooldown_after_opens_only": apply_layer, intent_executor, execution_service = "EHR 3.16";
    /// The intent executor runs closes of the exit brain only, and only with a quantity, which no close plan names.
    ExitsNeedQuantity "exits_need_quantity": intent_bridge, intent_executor = "I-37";
    /// An order whose outcome is unknown is told as failed and never asked for; the next plan sends another.
    UnknownIsFailure "unknown_is_failure": apply_layer, intent_executor, execution_service = "I-27";
    /// Quantities are floats: the intent executor takes the nearest step, also above the permit, and the Execution
    /// Service floors a quotient and loses a step of exact multiples.
    FloatQuantities "float_quantities": intent_executor, execution_service = "MSE 12, 13.4; MSE examples 8 to 12";
    /// The intent executor raises an open to about the smallest notional, and may land below it.
    UpsizesOpens "upsizes_opens": intent_executor = "MSE 12; MSE examples 10 and 11";
    /// The Execution Service sends exits that are not reduce-only.
    ExitsWithoutReduceOnly "exits_without_reduce_only": execution_service = "I-28";
    /// Lock and repeat window of the Execution Service are one minute each, and repeats, exits among them, are told by
    /// the bucket of the clock alone.
    MinuteBuckets "minute_buckets": execution_service = "I-30, INC-1";
    /// Each intent that safe mode holds back counts as a failure and makes safe mode last 900 s more.
    SafeModeRenewed "safe_mode_renewed": execution_service = "I-09, INC-1";
    /// The Execution Service cannot read an intent with `reduce_only` or `reason`, and acknowledges it away.
    ExitIntentsUnreadable "exit_intents_unreadable": execution_service = "I-38";
    /// The Execution Service checks the size and leverage that its risk governor has bounded, and orders the others.
    ClampsDiscarded "clamps_discarded": execution_service = "I-16; MSE 13.3; MSE examples 19 to 21";
    /// The gateway lets conditional orders leave, so that `tpsl_shield` may be on: stop and target of an open become
    /// orders of their own.
    ConditionalOrdersLeave "conditional_orders_leave": execution_service = "INC-6";
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
    /// The exit monitor forgets a position when it asks for its close: what is not filled is never asked for again.
    ExitForgottenBeforeFill "exit_forgotten_before_fill": exit_monitor = "INC-1; EHR 3.25";
    /// The exit monitor's close does not say that it only reduces: it could open, and is refused as an opposite entry.
    ExitCouldOpen "exit_could_open": exit_monitor = "INC-1; EHR 3.25";
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
    /// While a reconcile close is out, the engine publishes one more every two minutes, and all are executed, whatever
    /// exchange and ledger say by then.
    ReconcileClosesPileUp "reconcile_closes_pile_up": reconcile_engine, apply_layer = "EHR 3.21";
    /// The reconcile engine takes the result of its own close for evidence, by a snapshot from before it.
    OwnCloseIsEvidence "own_close_is_evidence": reconcile_engine = "EHR 3.21";
    /// What is gone from the exchange stays in the ledger and watched by its stop: the hold never ends, nor do the closes.
    RecordsOutlivePositions "records_outlive_positions": reconcile_engine, exit_monitor = "INC-9";
    /// Telemetry takes a read counter's lag for what is still to be read, also of a group that has read everything.
    LagIsBacklog "lag_is_backlog": safety_telemetry = "INC-7; MSE 1.7";
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
    /// Whether the run asks for it of this service.
    pub(crate) fn of(&self, behaviour: Audited, service: &str) -> bool {
        let listed = |known: &&AuditedBehaviour| known.name == behaviour.name();
        self.has(behaviour)
            && AUDITED.iter().find(listed).is_some_and(|known| known.services.contains(&service))
    }

    /// What the run brings back, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let known = |name| AUDITED.iter().find(move |known| known.name == name);
        let named = self.0.iter().filter_map(|behaviour| known(behaviour.name()));
        let sentence = |known: &AuditedBehaviour| {
            format!("Audited behaviour {} ({}):{}", known.name, known.belongs_to, known.about)
        };
        named.map(sentence).collect()
    }

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

impl schemars::JsonSchema for AuditedNames {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AuditedNames".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = |known: &AuditedBehaviour| serde_json::json!({ "const": known.name, "description": known.about.trim() });
        let names: Vec<serde_json::Value> = AUDITED.iter().map(one).collect();
        schemars::json_schema!({ "type": "array", "items": { "oneOf": names } })
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
        let problem = chain(&settings, &[]).expect_err("one rule holds").to_string();
        assert!(problem.starts_with("[pipeline.audited] names"), "{problem}");
    }
}
