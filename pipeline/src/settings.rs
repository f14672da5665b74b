//! Settings of the services, with the specification's defaults. Names carry their units.

use engine::{Nanos, ThinkingTime};
use serde::{Deserialize, Serialize};

macro_rules! settings {
    ($($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident : $kind:ty = $default:expr),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default),* }
            }
        }
    )*};
}

settings! {
    /// All services of the chain.
    pub struct PipelineSettings {
        /// Time that a service thinks about each message, in µs.
        pub thinking_us: i64 = 0,
        /// Market state.
        pub market_state: MarketStateSettings = Default::default(),
        /// AI engine.
        pub ai_engine: AiEngineSettings = Default::default(),
        /// Trading bot.
        pub trading_bot: TradingBotSettings = Default::default(),
        /// Policy store.
        pub policy_store: PolicyStoreSettings = Default::default(),
        /// Intent bridge.
        pub intent_bridge: IntentBridgeSettings = Default::default(),
        /// Position state brain, P3.3.
        pub position_state_brain: PositionStateBrainSettings = Default::default(),
        /// Intent executor.
        pub intent_executor: IntentExecutorSettings = Default::default(),
        /// Exit monitor.
        pub exit_monitor: ExitMonitorSettings = Default::default(),
    }

    /// Market state.
    pub struct MarketStateSettings {
        /// Whether it runs.
        pub enabled: bool = true,
        /// Between two evaluations, in s.
        pub interval_s: i64 = 60,
    }

    /// AI engine.
    pub struct AiEngineSettings {
        /// The models of the ensemble.
        pub predictors: Vec<String> = strategies::PREDICTORS.iter().map(|p| (*p).to_owned()).collect(),
        /// A signal below this is none.
        pub min_signal_confidence: f64 = 0.55,
        /// Cap of the sizing.
        pub max_leverage: f64 = 25.0,
        /// Share of the equity that is used as margin.
        pub risk_per_trade: f64 = 0.02,
    }

    /// Trading bot.
    pub struct TradingBotSettings {
        /// Between two rounds, in s.
        pub check_interval_s: i64 = 60,
        /// How long it waits for the AI engine, in ms.
        pub signal_time_out_ms: i64 = 5_000,
        /// A signal below this is skipped.
        pub min_confidence: f64 = 0.50,
        /// Cap of the sizing.
        pub max_leverage: f64 = 10.0,
        /// Share of the equity that is used as margin.
        pub risk_per_trade: f64 = 0.02,
    }

    /// Policy store.
    pub struct PolicyStoreSettings {
        /// How long a policy holds, in s; it is renewed at half of that.
        pub validity_s: i64 = 300,
        /// Leverage of each symbol.
        pub leverage: u32 = 10,
    }

    /// Intent bridge.
    pub struct IntentBridgeSettings {
        /// Opens are refused from this exposure on, in percent of the equity.
        pub max_exposure_pct: f64 = 80.0,
        /// An intent that is older is dropped, in s.
        pub intent_max_age_s: i64 = 600,
        /// How long a plan holds, in s.
        pub plan_validity_s: i64 = 60,
    }

    /// Position state brain, P3.3.
    pub struct PositionStateBrainSettings {
        /// Between two snapshots of all positions, in ms.
        pub poll_ms: i64 = 5_000,
        /// An older snapshot is fetched again before a permit, in ms.
        pub stale_ms: i64 = 10_000,
        /// A symbol that traded less than this ago is not opened again, in ms.
        pub last_exec_cooldown_ms: i64 = 15_000,
    }

    /// Intent executor.
    pub struct IntentExecutorSettings {
        /// How long it waits for a permit, in ms.
        pub permit_wait_ms: i64 = 8_000,
        /// How often it looks, in ms.
        pub permit_poll_ms: i64 = 200,
        /// No new position of a symbol for so long after an open or a close, in s.
        pub open_cooldown_s: i64 = 180,
    }

    /// Exit monitor.
    pub struct ExitMonitorSettings {
        /// Between two looks at the prices, in s.
        pub check_interval_s: i64 = 5,
        /// An exit that has not led to a fill is asked for again after so long, in s.
        pub retry_s: i64 = 15,
    }
}

impl PipelineSettings {
    /// How long every service thinks.
    pub fn thinking(&self) -> ThinkingTime {
        ThinkingTime { message: Nanos::from_micros(self.thinking_us), ..ThinkingTime::default() }
    }
}

/// A permit is gone after it, and nobody has to wait for it any longer.
const PERMIT_LIFE_MS: i64 = 60_000;

impl PipelineSettings {
    /// Names the first setting that makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        let spans = [
            ("market_state.interval_s", self.market_state.interval_s),
            ("trading_bot.check_interval_s", self.trading_bot.check_interval_s),
            ("trading_bot.signal_time_out_ms", self.trading_bot.signal_time_out_ms),
            ("policy_store.validity_s", self.policy_store.validity_s),
            ("intent_bridge.plan_validity_s", self.intent_bridge.plan_validity_s),
            ("position_state_brain.poll_ms", self.position_state_brain.poll_ms),
            ("intent_executor.permit_poll_ms", self.intent_executor.permit_poll_ms),
            ("intent_executor.permit_wait_ms", self.intent_executor.permit_wait_ms),
            ("exit_monitor.check_interval_s", self.exit_monitor.check_interval_s),
            ("exit_monitor.retry_s", self.exit_monitor.retry_s),
        ];
        match spans.iter().find(|(_, span)| *span <= 0) {
            Some((name, span)) => {
                Err(format!("[pipeline] {name} is {span}: it has to be above zero"))
            }
            None if self.intent_executor.permit_wait_ms >= PERMIT_LIFE_MS => Err(format!(
                "[pipeline] intent_executor.permit_wait_ms is {}: it has to be below {PERMIT_LIFE_MS}, \
                 the life of a permit",
                self.intent_executor.permit_wait_ms
            )),
            None if self.thinking_us < 0 => Err(format!(
                "[pipeline] thinking_us is {}: it cannot be below zero",
                self.thinking_us
            )),
            None => Ok(()),
        }
    }
}
