//! Puts the chain together. A new service is one file and one line here.

use engine::{Instrument, Member, Nanos, Symbol, ThinkingTime};
use serde::{Deserialize, Serialize};

use crate::settings::{Configured, Sensible as _, Settings as _, Setup};
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

macro_rules! services {
    ($($(#[doc = $about:literal])+ $name:ident: $group:ident::$module:ident::$service:ident = $described:literal;)*) => {
        /// Settings of the pipeline, with a table for each service.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct PipelineSettings {
            /// Time that a service thinks about each message, in µs.
            pub thinking_us: i64,
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
    /// Snapshots of positions, and the permit of P3.3.
    position_state_brain: entry::position_state_brain::PositionStateBrain = "EHR 3.20, MSE 11";
    /// Runs plans that have their permits.
    intent_executor: entry::intent_executor::IntentExecutor = "MSE 12, EHR 3.16";
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
    /// Watches stops and targets.
    exit_monitor: exits::exit_monitor::ExitMonitor = "EHR 3.25";
    /// Advice on margin and diversification.
    exposure_balancer: exits::exposure_balancer::ExposureBalancer = "EHR 3.31";
    /// Stops opens and closes everything when the account or the market is out of bounds.
    emergency_stop: exits::emergency_stop::EmergencyStop = "EHR 3.28";
    /// Gauges of safety, lags, losses, heartbeats, and their alarms.
    safety_telemetry: books::safety_telemetry::SafetyTelemetry = "MSE 16, 1.7; EHR 4";
    /// Every stream and key against its contract, daily.
    contract_check: books::contract_check::ContractCheck = "MSE 16";
    /// The document that the dashboard shows.
    dashboard: books::dashboard::DashboardModel = "MSE 16";
}
