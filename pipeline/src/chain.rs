//! Puts the chain together. A new service is one file and one line here.

use engine::{Instrument, Member, Nanos, Symbol, ThinkingTime};
use serde::{Deserialize, Serialize};

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
    /// Its file, or its folder, in there.
    pub module: &'static str,
    /// The sections of the specification that describe it.
    pub described: &'static str,
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
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct PipelineSettings {
            /// Time that a service thinks about each message, in µs.
            pub thinking_us: i64,
            $($(#[doc = $what])+ pub $component: $table,)*
            $($(#[doc = $about])+ pub $name: <$group::$module::$service as Configured>::Settings,)*
        }

        impl PipelineSettings {
            /// The defaults with every service that there is.
            pub fn all_enabled() -> PipelineSettings {
                let mut settings = PipelineSettings::default();
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
            module: stringify!($module),
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
            let symbols: Vec<Symbol> = instruments.iter().map(|instrument| instrument.symbol).collect();
            let setup = Setup { symbols: &symbols, pipeline: settings };
            if let Some(problem) = (0..).problem("thinking_us", settings.thinking_us) {
                return Err(BadSettings(format!("[pipeline] {problem}")));
            }
            $(if let Some(problem) = settings.$component.problem() {
                let table = stringify!($component);
                return Err(BadSettings(format!("[pipeline.{table}] {problem}")));
            })*
            let mut members = Vec::new();
            $(if settings.$name.is_enabled() {
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
    let message = settings.thinking_us().unwrap_or(setup.pipeline.thinking_us);
    let thinking = ThinkingTime { message: Nanos::from_micros(message), ..ThinkingTime::default() };
    Ok(Member { thinking, ..Member::new(name, Box::new(service)) })
}

services! {
    components {
        /// The permits that each class of plans needs.
        permits: entry::permits::PermitSettings;
        /// Who may close a position.
        exits: entry::ownership::ExitSettings;
    }
    /// Trades and closed bars onto the bus.
    market_publisher: market::market_publisher::MarketPublisher = "MSE 3.3";
    /// Volatility, trend and regime of each symbol, P0.
    market_state: market::market_state::MarketStatePublisher = "EHR 3.1, MSE 3.5";
    /// The policy in force: symbols, leverage, parameters.
    policy_store: policy::policy_store::PolicyStore = "MSE 8.1";
    /// Tradable symbols of the exchange.
    universe_service: policy::universe_service::UniverseService = "MSE 8.3";
    /// The account's money.
    balance_tracker: books::balance_tracker::BalanceTracker = "MSE 14.4";
    /// Decisions to trade, from an ensemble of predictors.
    ai_engine: signal::ai_engine::AiEngine = "MSE 4";
    /// Asks for a decision and writes the intent.
    trading_bot: signal::trading_bot::TradingBot = "MSE 6";
    /// Makes plans of intents.
    intent_bridge: entry::intent_bridge::IntentBridge = "MSE 9";
    /// Limits, rates and slots of opens, the risk guard, and the permit of P3.2.
    governor: entry::governor::Governor = "EHR 3.18, 3.19";
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
    /// The whole book: equity, exposure, drawdown.
    portfolio_state_publisher: books::portfolio_state_publisher::PortfolioStatePublisher = "MSE 14.2, EHR 3.12";
    /// Exchange against ledger: holds, repairs and signed closes.
    reconcile_engine: books::reconcile_engine::ReconcileEngine = "EHR 3.21, MSE 14.6";
    /// Positions and round trips, from fills.
    position_monitor: books::position_monitor::PositionMonitor = "MSE 14.1";
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
}
