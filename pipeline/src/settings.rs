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

/// Longest span that a setting may name: no run is that long, and sums of spans stay far from the end of
/// time.
const SPAN_MAX: Nanos = Nanos::from_secs(366 * 86_400);

/// Why a span makes no sense, if it does not.
fn span_problem(name: &str, count: i64, unit: fn(i64) -> Nanos, least: i64) -> Option<String> {
    if count < least {
        return Some(format!("[pipeline] {name} is {count}: it has to be at least {least}"));
    }
    (unit(count) > SPAN_MAX)
        .then(|| format!("[pipeline] {name} is {count}: that is more than a year, give less"))
}

/// Why a number makes no sense, if it does not lie between the two, both included.
fn number_problem(name: &str, value: f64, (least, most): (f64, f64)) -> Option<String> {
    // NaN lies nowhere.
    let fits = value >= least && value <= most;
    (!fits).then(|| format!("[pipeline] {name} is {value}: it has to be from {least} to {most}"))
}

/// A permit is gone after it, and nobody has to wait for it any longer.
const PERMIT_LIFE_MS: i64 = 60_000;

impl PipelineSettings {
    /// Names the first setting that makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (s, ms) = (Nanos::from_secs, Nanos::from_millis);
        let PipelineSettings {
            thinking_us,
            market_state,
            ai_engine,
            trading_bot,
            policy_store,
            intent_bridge,
            position_state_brain,
            intent_executor,
            exit_monitor,
        } = self;
        type Span<'a> = (&'a str, i64, fn(i64) -> Nanos, i64);
        let spans: [Span<'_>; 15] = [
            ("thinking_us", *thinking_us, Nanos::from_micros, 0),
            ("market_state.interval_s", market_state.interval_s, s, 1),
            ("trading_bot.check_interval_s", trading_bot.check_interval_s, s, 1),
            ("trading_bot.signal_time_out_ms", trading_bot.signal_time_out_ms, ms, 1),
            ("policy_store.validity_s", policy_store.validity_s, s, 2),
            ("intent_bridge.intent_max_age_s", intent_bridge.intent_max_age_s, s, 1),
            ("intent_bridge.plan_validity_s", intent_bridge.plan_validity_s, s, 1),
            ("position_state_brain.poll_ms", position_state_brain.poll_ms, ms, 1),
            ("position_state_brain.stale_ms", position_state_brain.stale_ms, ms, 0),
            (
                "position_state_brain.last_exec_cooldown_ms",
                position_state_brain.last_exec_cooldown_ms,
                ms,
                0,
            ),
            ("intent_executor.permit_poll_ms", intent_executor.permit_poll_ms, ms, 1),
            ("intent_executor.permit_wait_ms", intent_executor.permit_wait_ms, ms, 1),
            ("intent_executor.open_cooldown_s", intent_executor.open_cooldown_s, s, 0),
            ("exit_monitor.check_interval_s", exit_monitor.check_interval_s, s, 1),
            ("exit_monitor.retry_s", exit_monitor.retry_s, s, 1),
        ];
        let share = (0.0, 1.0);
        let leverage = (1.0, 125.0);
        let numbers = [
            ("ai_engine.min_signal_confidence", ai_engine.min_signal_confidence, share),
            ("ai_engine.max_leverage", ai_engine.max_leverage, leverage),
            ("ai_engine.risk_per_trade", ai_engine.risk_per_trade, share),
            ("trading_bot.min_confidence", trading_bot.min_confidence, share),
            ("trading_bot.max_leverage", trading_bot.max_leverage, leverage),
            ("trading_bot.risk_per_trade", trading_bot.risk_per_trade, share),
            ("policy_store.leverage", f64::from(policy_store.leverage), leverage),
            // Exposure is notional: with leverage it is many times the equity.
            ("intent_bridge.max_exposure_pct", intent_bridge.max_exposure_pct, (0.0, 12_500.0)),
        ];
        let spans = spans
            .iter()
            .find_map(|(name, count, unit, least)| span_problem(name, *count, *unit, *least));
        let numbers =
            || numbers.iter().find_map(|(name, value, range)| number_problem(name, *value, *range));
        let permit = || {
            let wait = intent_executor.permit_wait_ms;
            (wait >= PERMIT_LIFE_MS).then(|| {
                format!(
                    "[pipeline] intent_executor.permit_wait_ms is {wait}: it has to be below {PERMIT_LIFE_MS}, the life of a permit"
                )
            })
        };
        match spans
            .or_else(permit)
            .or_else(numbers)
            .or_else(|| predictors_problem(&ai_engine.predictors))
        {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }
}

/// A model that stands there twice would vote twice; without one there is never a signal.
fn predictors_problem(names: &[String]) -> Option<String> {
    let known = strategies::PREDICTORS.join(", ");
    if names.is_empty() {
        return Some(format!("[pipeline] ai_engine.predictors is empty: name some of {known}"));
    }
    let repeated = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
    repeated.map(|(_, name)| {
        format!("[pipeline] ai_engine.predictors names {name:?} twice: remove one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl Fn(&mut PipelineSettings)) -> String {
        let mut settings = PipelineSettings::default();
        assert_eq!(settings.check(), Ok(()));
        change(&mut settings);
        settings.check().expect_err("a setting that makes no sense")
    }

    #[test]
    fn spans_that_make_no_sense_are_named() {
        assert_eq!(
            problem(|s| s.exit_monitor.retry_s = 0),
            "[pipeline] exit_monitor.retry_s is 0: it has to be at least 1"
        );
        assert_eq!(
            problem(|s| s.exit_monitor.retry_s = i64::MAX),
            "[pipeline] exit_monitor.retry_s is 9223372036854775807: that is more than a year, give less"
        );
        assert!(problem(|s| s.thinking_us = -1).contains("thinking_us is -1"));
        assert!(problem(|s| s.intent_executor.open_cooldown_s = -1).contains("open_cooldown_s"));
        assert!(problem(|s| s.position_state_brain.stale_ms = -5).contains("stale_ms"));
        assert!(problem(|s| s.intent_bridge.intent_max_age_s = 0).contains("intent_max_age_s"));
        let wait = |s: &mut PipelineSettings| s.intent_executor.permit_wait_ms = 60_000;
        assert!(problem(wait).contains("below 60000"));
    }

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01, 1.01] {
            assert!(problem(|s| s.trading_bot.min_confidence = value).contains("min_confidence"));
            assert!(problem(|s| s.trading_bot.risk_per_trade = value).contains("risk_per_trade"));
            assert!(problem(|s| s.ai_engine.risk_per_trade = value).contains("risk_per_trade"));
            assert!(problem(|s| s.ai_engine.min_signal_confidence = value).contains("confidence"));
        }
        assert!(problem(|s| s.trading_bot.max_leverage = f64::NAN).contains("max_leverage"));
        assert!(problem(|s| s.ai_engine.max_leverage = 0.0).contains("max_leverage"));
        assert!(problem(|s| s.policy_store.leverage = 0).contains("policy_store.leverage is 0"));
        assert!(problem(|s| s.policy_store.leverage = 4_000).contains("from 1 to 125"));
        assert!(problem(|s| s.intent_bridge.max_exposure_pct = f64::NAN).contains("exposure"));
    }

    #[test]
    fn a_model_votes_once() {
        assert!(problem(|s| s.ai_engine.predictors.clear()).contains("is empty"));
        let twice = |s: &mut PipelineSettings| {
            let first = s.ai_engine.predictors[0].clone();
            s.ai_engine.predictors.push(first);
        };
        assert!(problem(twice).contains("twice"));
    }
}
