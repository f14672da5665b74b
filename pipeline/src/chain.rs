//! Puts the chain together. A new service is one file and one line here.

use engine::{Instrument, Member, Nanos, Symbol, ThinkingTime};
use serde::{Deserialize, Serialize};

use crate::settings::{Configured, Sensible as _, Settings as _, Setup};
use crate::{ai_engine, balance_tracker, exit_monitor, intent_bridge, intent_executor};
use crate::{market_publisher, market_state, policy_store, portfolio_state_publisher};
use crate::{position_monitor, position_state_brain, trading_bot, universe_service};

/// Settings that make no pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(String);

macro_rules! services {
    ($($(#[$meta:meta])* $name:ident: $service:ty;)*) => {
        /// Settings of the pipeline, with a table for each service.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct PipelineSettings {
            /// Time that a service thinks about each message, in µs.
            pub thinking_us: i64,
            $($(#[$meta])* pub $name: <$service as Configured>::Settings,)*
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

        /// The names under which a service counts, beside those that all share.
        pub(crate) fn own_counters(service: &str) -> Option<&'static [&'static str]> {
            match service {
                $(stringify!($name) => Some(<$service as Configured>::COUNTERS),)*
                _ => None,
            }
        }

        /// The names of a service's gauges.
        pub(crate) fn own_gauges(service: &str) -> Option<&'static [&'static str]> {
            match service {
                $(stringify!($name) => Some(<$service as Configured>::GAUGES),)*
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
                members.push(member::<$service>(name, own, setup)?);
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
    market_publisher: market_publisher::MarketPublisher;
    /// Market state, P0.
    market_state: market_state::MarketStatePublisher;
    /// Policy store.
    policy_store: policy_store::PolicyStore;
    /// Universe service.
    universe_service: universe_service::UniverseService;
    /// Balance tracker.
    balance_tracker: balance_tracker::BalanceTracker;
    /// AI engine.
    ai_engine: ai_engine::AiEngine;
    /// Trading bot.
    trading_bot: trading_bot::TradingBot;
    /// Intent bridge.
    intent_bridge: intent_bridge::IntentBridge;
    /// Position state brain, P3.3.
    position_state_brain: position_state_brain::PositionStateBrain;
    /// Intent executor.
    intent_executor: intent_executor::IntentExecutor;
    /// Portfolio state publisher.
    portfolio_state_publisher: portfolio_state_publisher::PortfolioStatePublisher;
    /// Position monitor.
    position_monitor: position_monitor::PositionMonitor;
    /// Exit monitor.
    exit_monitor: exit_monitor::ExitMonitor;
}
