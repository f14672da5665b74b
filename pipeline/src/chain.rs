//! Puts the chain together. A new service is one file and one line here.

use std::sync::Arc;

use engine::{Instrument, Member, Nanos, PendingRule, Symbol, ThinkingTime};
use serde::{Deserialize, Serialize};
use strategies::Predictor;

use crate::alternatives::{self, ExecutionPath, IntentWriter};
use crate::audited::Audited;
use crate::settings::{Component as _, Configured, Sensible as _, Settings as _, Setup};
use crate::{books, entry, exits, market, policy, signal};

/// Settings that make no pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(String);

/// What is registered of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The folder in which it lies.
    pub group: &'static str,
    /// Its file.
    file: &'static str,
    /// The sections of the specification that describe it.
    pub described: &'static str,
}

impl Registered {
    /// Its file in the sources of this crate; of a folder, that of its settings.
    pub fn file(&self) -> &'static str {
        self.file.rsplit_once("pipeline/src/").map_or(self.file, |(_, file)| file)
    }
}

/// A table of settings that no service owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedTable {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
}

macro_rules! services {
    (components { $($(#[doc = $what:literal])+ $component:ident: $table:ty;)* }
     $($(#[doc = $about:literal])+ $name:ident: $group:ident::$module:ident::$service:ident = $described:literal;)*) => {
        /// Settings of the pipeline, with a table for each service.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct PipelineSettings {
            /// Time that a service thinks about each message, in µs.
            pub thinking_us: i64,
            /// What executes intents.
            pub execution_path: ExecutionPath,
            $($(#[doc = $what])+ pub $component: $table,)*
            /// Who turns decisions into opening intents: one service.
            pub intent_writer: IntentWriter,
            $($(#[doc = $about])+ pub $name: <$group::$module::$service as Configured>::Settings,)*
        }

        impl PipelineSettings {
            /// The defaults with every service that there is.
            pub fn all_enabled() -> PipelineSettings {
                let mut settings = PipelineSettings {
                    intent_writer: IntentWriter::Each,
                    execution_path: ExecutionPath::Every,
                    ..PipelineSettings::default()
                };
                $(settings.$name.enabled = true;)*
                settings
            }
        }

        /// The names of all services that there are, in the order of a run.
        pub const SERVICES: &[&str] = &[$(stringify!($name)),*];

        /// The tables of settings that no service owns.
        pub const SHARED_TABLES: &[SharedTable] = &[$(SharedTable {
            name: stringify!($component),
            about: concat!($($what),+),
        }),*];

        /// All services that there are, in the order of a run.
        pub const CATALOGUE: &[Registered] = &[$(Registered {
            name: stringify!($name),
            about: concat!($($about),+),
            group: stringify!($group),
            file: <<$group::$module::$service as Configured>::Settings as crate::settings::Settings>::FILE,
            described: $described,
        }),*];

        /// The names under which a service counts, beside those that all share.
        pub(crate) fn own_counters(service: &str) -> Option<&'static [&'static str]> {
            match service {
                $(stringify!($name) => Some(<$group::$module::$service as Configured>::COUNTERS),)*
                _ => None,
            }
        }

        /// The names of a service's gauges.
        pub(crate) fn own_gauges(service: &str) -> Option<&'static [&'static str]> {
            match service {
                $(stringify!($name) => Some(<$group::$module::$service as Configured>::GAUGES),)*
                _ => None,
            }
        }

        /// All services that run, in a fixed order.
        pub fn chain(
            settings: &PipelineSettings,
            instruments: &[Instrument],
        ) -> Result<Vec<Member>, BadSettings> {
            chain_with(settings, instruments, &[])
        }

        /// The same with models that no file names: each votes in the ensemble, in the seat of the built-in one of its name,
        /// or in one of its own.
        pub fn chain_with(
            settings: &PipelineSettings,
            instruments: &[Instrument],
            predictors: &[Arc<dyn Predictor>],
        ) -> Result<Vec<Member>, BadSettings> {
            let symbols: Vec<Symbol> = instruments.iter().map(|instrument| instrument.symbol).collect();
            let setup = Setup { symbols: &symbols, pipeline: settings, predictors };
            if let Some(problem) = (0..).problem("thinking_us", settings.thinking_us) {
                return Err(BadSettings(format!("[pipeline] {problem}")));
            }
            $(if let Some(problem) = settings.$component.problem() {
                let table = stringify!($component);
                return Err(BadSettings(format!("[pipeline.{table}] {problem}")));
            })*
            if let Some(problem) = alternatives::problem(settings) {
                return Err(BadSettings(format!("[pipeline] {problem}")));
            }
            let mut members = Vec::new();
            $(if alternatives::runs(settings, stringify!($name), settings.$name.is_enabled()) {
                let (name, own) = (stringify!($name), &settings.$name);
                members.push(member::<$group::$module::$service>(name, own, setup)?);
            })*
            Ok(members)
        }
    };
}

fn member<S: Configured + 'static>(
    name: &str,
    settings: &S::Settings,
    setup: Setup<'_>,
) -> Result<Member, BadSettings> {
    let bad = |problem: String| BadSettings(format!("[pipeline.{name}] {problem}"));
    if let Some(problem) = settings.problem() {
        return Err(bad(problem));
    }
    let service = S::configured(settings, setup).map_err(bad)?;
    let rewired = |problem| BadSettings(format!("[pipeline.streams.{name}] {problem}"));
    let streams = setup.pipeline.streams.of(name, &service.wiring()).map_err(rewired)?;
    let message = settings.thinking_us().unwrap_or(setup.pipeline.thinking_us);
    let thinking = ThinkingTime { message: Nanos::from_micros(message), ..ThinkingTime::default() };
    let audited = &setup.pipeline.audited;
    let keeps_unreadable = audited.of(Audited::UnreadableStaysPending, name);
    let pending = PendingRule {
        keeps_unreadable,
        // What came again would end in the dead letters after the third time.
        never_recovered: keeps_unreadable || audited.of(Audited::PendingNeverRecovered, name),
    };
    Ok(Member { thinking, streams, pending, ..Member::new(name, Box::new(service)) })
}

services! {
    components {
        /// Behaviour of the audits that this run brings back, by name.
        audited: crate::audited::AuditedNames;
        /// The permits that each class of plans needs.
        permits: entry::permits::PermitSettings;
        /// Streams that a service finds under another name.
        streams: crate::rewiring::Rewiring;
        /// Who may close a position.
        exits: entry::ownership::ExitSettings;
        /// Safe mode and rates of intents, wherever they are published.
        safety_kernel: entry::safety_kernel::SafetyKernelSettings;
    }
    /// Trades and closed bars onto the bus.
    market_publisher: market::market_publisher::MarketPublisher = "MSE 3.3";
    /// Volatility, trend and regime of each symbol, P0.
    market_state: market::market_state::MarketStatePublisher = "EHR 3.1, MSE 3.5";
    /// Candles of two venues, the second one simulated.
    exchange_stream_bridge: market::exchange_stream_bridge::ExchangeStreamBridge = "MSE 3.1";
    /// One price of several venues.
    cross_exchange_aggregator: market::cross_exchange_aggregator::CrossExchangeAggregator = "MSE 3.2";
    /// Prices under keys, spreads of the venues, funding rates.
    price_feed: market::price_feed::PriceFeed = "MSE 3.4";
    /// The policy in force: symbols, leverage, parameters.
    policy_store: policy::policy_store::PolicyStore = "MSE 8.1";
    /// Which symbols are worth trading; off where the scenario's list is the policy.
    universe_generator: policy::universe_generator::UniverseGenerator = "MSE 8.2";
    /// Tradable symbols of the exchange.
    universe_service: policy::universe_service::UniverseService = "MSE 8.3";
    /// The account's money.
    balance_tracker: books::balance_tracker::BalanceTracker = "MSE 14.4";
    /// Decisions to trade, from an ensemble of predictors.
    ai_engine: signal::ai_engine::AiEngine = "MSE 4";
    /// The best decisions within capacity, as intents; in place of the trading bot.
    strategy_router: signal::strategy_router::StrategyRouter = "MSE 5.1";
    /// Operating mode of the fund, and the veto on single signals.
    orchestrator: signal::orchestrator::Orchestrator = "MSE 5.3";
    /// Whether a decision may go on.
    strategy_brain: signal::strategy_brain::StrategyBrain = "MSE 5.2";
    /// Risk score of the fund, and the sizes that it allows.
    risk_brain: signal::risk_brain::RiskBrain = "MSE 5.3";
    /// What earlier trades brought, and a table of sizes that paid.
    rl_sizing_agent: signal::rl_sizing_agent::RlSizingAgent = "MSE 7.1";
    /// The RL policy, and an agent whose multiplier nobody trades.
    rl_shadow: signal::rl_shadow::RlShadow = "MSE 7.2, 7.3";
    /// Rewards of closed trades.
    reward_publisher: signal::reward_publisher::RewardPublisher = "MSE 7.4";
    /// History of rewards, and an alert where they leave their range.
    rl_monitor: signal::rl_monitor::RlMonitor = "MSE 7.4";
    /// From closed trades to the value of a symbol's decisions.
    feedback_bridge: signal::feedback_bridge::FeedbackBridge = "MSE 7.4";
    /// When models are trained again, and which may be candidates.
    clm: signal::clm::Clm = "MSE 15.6";
    /// Jobs of training.
    trainer: signal::trainer::Trainer = "MSE 7.4";
    /// Asks for a decision and writes the intent.
    trading_bot: signal::trading_bot::TradingBot = "MSE 6";
    /// Makes plans of intents.
    intent_bridge: entry::intent_bridge::IntentBridge = "MSE 5.3, 9";
    /// Limits, rates and slots of opens, the risk guard, and the permit of P3.2.
    governor: entry::governor::Governor = "EHR 3.18, 3.19, 3.28";
    /// Snapshots of positions, and the permit of P3.3.
    position_state_brain: entry::position_state_brain::PositionStateBrain = "EHR 3.20, MSE 11";
    /// Heat of the book, calibration of harvest closes, and the permit of P2.6: one decision.
    portfolio_gate: entry::portfolio_gate::PortfolioGate = "EHR 3.6, 3.7, 3.8";
    /// Heat decisions as keys, by plan and by symbol, P2.7.
    heat_bridge: exits::heat_bridge::HeatBridge = "EHR 3.9";
    /// Makes plans of harvest proposals and runs harvest, rotation and reconcile closes, P3; with the observer P2.8A.
    apply_layer: entry::apply_layer::ApplyLayer = "EHR 3.11, 3.16, 3.17, 3.21";
    /// Runs plans that have their permits.
    intent_executor: entry::intent_executor::IntentExecutor = "MSE 12, EHR 3.16";
    /// Runs intents without plans and permits: the other wiring.
    execution_service: entry::execution_service::ExecutionService = "MSE 13";
    /// The whole book: equity, exposure, drawdown.
    portfolio_state_publisher: books::portfolio_state_publisher::PortfolioStatePublisher = "MSE 14.2, EHR 3.12";
    /// Exchange against ledger: holds, repairs and signed closes.
    reconcile_engine: books::reconcile_engine::ReconcileEngine = "EHR 3.21, MSE 14.6";
    /// Compares the ledger with the exchange, and derives the older record of a position.
    ledger_sync: books::ledger_sync::LedgerSync = "MSE 14.3";
    /// Positions and round trips, from fills.
    position_monitor: books::position_monitor::PositionMonitor = "MSE 14.1";
    /// History and record of each symbol, and what the risk guards read of them.
    trade_logger: books::trade_logger::TradeLogger = "MSE 14.5";
    /// What exits were worth.
    exit_intelligence: books::exit_intelligence::ExitIntelligence = "EHR 3.29";
    /// Trades rebuilt from results, and what they came to.
    metric_pack: books::metric_pack::MetricPack = "EHR 3.30";
    /// Stop, target and trailing distance of each position, P1.5.
    risk_proposal: exits::risk_proposal::RiskProposalPublisher = "EHR 3.2";
    /// What to do with each position: harvest, close, or nothing, P2.5.
    harvest_proposal: exits::harvest_proposal::HarvestProposalPublisher = "EHR 3.3, 3.4, 3.5";
    /// Harvests on its own scan of the positions; in shadow it only suggests.
    harvest_brain: exits::harvest_brain::HarvestBrain = "EHR 3.27";
    /// Exit plans of open positions, and for the symbols of its rollout their closes, v3.5.
    exit_brain: exits::exit_brain::ExitBrain = "EHR 3.22, 3.23";
    /// Watches stops and targets.
    exit_monitor: exits::exit_monitor::ExitMonitor = "EHR 3.25";
    /// Advice on margin and diversification.
    exposure_balancer: exits::exposure_balancer::ExposureBalancer = "EHR 3.31";
    /// Stops opens and closes everything when the account or the market is out of bounds.
    emergency_stop: exits::emergency_stop::EmergencyStop = "EHR 3.28";
    /// The one regime of the market.
    meta_regime: policy::meta_regime::MetaRegimeService = "MSE 15.1";
    /// The risk policy that past trades and the regime allow.
    portfolio_governance: policy::portfolio_governance::PortfolioGovernance = "MSE 15.1, 15.2";
    /// Which symbols move together, P2.7.
    portfolio_clusters: policy::portfolio_clusters::PortfolioClustersService = "EHR 3.10, MSE 15.3";
    /// Budgets of symbols, P2.8.
    portfolio_risk_governor: policy::portfolio_risk_governor::PortfolioRiskGovernor = "EHR 3.13";
    /// What executions have brought, P3.0.
    performance_attribution: policy::performance_attribution::PerformanceAttribution = "EHR 3.15, MSE 15.5";
    /// What each symbol should hold, P2.9.
    capital_allocation: policy::capital_allocation::CapitalAllocation = "EHR 3.14, MSE 15.5";
    /// How capital efficiency would move it, in shadow.
    allocation_target: policy::allocation_target::AllocationTargetProposer = "EHR 3.14, MSE 15.5";
    /// Which symbols deserve more capital, P3.1.
    capital_efficiency: policy::capital_efficiency::CapitalEfficiencyBrain = "MSE 15.4";
    /// Gauges of safety, lags, losses, heartbeats, and their alarms.
    safety_telemetry: books::safety_telemetry::SafetyTelemetry = "MSE 16, 1.7; EHR 4";
    /// Every stream and key against its contract, daily.
    contract_check: books::contract_check::ContractCheck = "MSE 16";
    /// The document that the dashboard shows.
    dashboard: books::dashboard::DashboardModel = "MSE 16";
}
