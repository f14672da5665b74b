//! What a service can be set to: defaults, the numbers that make sense, and which services run.
//!
//! A service declares its settings beside itself, with [`settings!`]; `chain.rs` puts them together.

use std::fmt::Display;
use std::ops::{RangeFrom, RangeInclusive};
use std::sync::Arc;

use engine::{Nanos, Service, Symbol};
use serde::Serialize;
use serde::de::DeserializeOwned;
use strategies::Predictor;

use crate::PipelineSettings;

/// A text that no message shows.
#[derive(Clone, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Settings of one service.
pub trait Settings: Clone + Default + Serialize + DeserializeOwned + schemars::JsonSchema {
    /// The file in which they are declared.
    const FILE: &'static str;
    /// Whether it runs.
    fn is_enabled(&self) -> bool;
    /// How long it thinks about each message, in µs, if not as long as the others.
    fn thinking_us(&self) -> Option<i64>;
    /// The first setting that makes no sense.
    fn problem(&self) -> Option<String>;
}

/// Settings of what several services use and is no service itself.
pub trait Component: Clone + Default + Serialize + DeserializeOwned + schemars::JsonSchema {
    /// The first setting that makes no sense.
    fn problem(&self) -> Option<String>;
}

/// What a service is built for.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The run's symbols, in its order.
    pub symbols: &'a [Symbol],
    /// All settings.
    pub pipeline: &'a PipelineSettings,
    /// Models that no file names, for the ensemble.
    pub predictors: &'a [Arc<dyn Predictor>],
}

/// A service that is built from its settings.
pub trait Configured: Service + Sized {
    /// Its settings.
    type Settings: Settings;
    /// Names under which it counts, beside [`crate::counters::SHARED`].
    const COUNTERS: &'static [&'static str];
    /// Names of its gauges.
    const GAUGES: &'static [&'static str] = &[];
    /// The service, or what contradicts itself in its settings.
    fn configured(settings: &Self::Settings, setup: Setup<'_>) -> Result<Self, String>;
}

/// Declares the settings of a service: of each key its type, its default and, behind `=>`, the numbers that
/// make sense. Names carry their units. Every service has the keys `enabled` and `thinking_us` besides; one
/// that is marked `off` runs only where it is asked for.
macro_rules! settings {
    ($(#[$meta:meta])* pub component $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident : $kind:ty = $default:expr $(=> $sensible:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default),* }
            }
        }

        impl $crate::settings::Component for $name {
            fn problem(&self) -> Option<String> {
                use $crate::settings::Sensible as _;
                $($(
                    if let Some(problem) = ($sensible).problem(stringify!($field), self.$field) {
                        return Some(problem);
                    }
                )?)*
                None
            }
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident $(: $off:ident)? {
        $($(#[$field_meta:meta])* pub $field:ident : $kind:ty = $default:expr $(=> $sensible:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// Whether the service runs.
            pub enabled: bool,
            /// How long it thinks about each message, in µs, if not as long as the others.
            pub thinking_us: Option<i64>,
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    enabled: $crate::settings::settings!(@runs $($off)?),
                    thinking_us: None,
                    $($field: $default),*
                }
            }
        }

        impl $crate::settings::Settings for $name {
            const FILE: &'static str = file!();

            fn is_enabled(&self) -> bool {
                self.enabled
            }
            fn thinking_us(&self) -> Option<i64> {
                self.thinking_us
            }
            fn problem(&self) -> Option<String> {
                use $crate::settings::Sensible as _;
                $($(
                    if let Some(problem) = ($sensible).problem(stringify!($field), self.$field) {
                        return Some(problem);
                    }
                )?)*
                self.thinking_us.and_then(|us| (0..).problem("thinking_us", us))
            }
        }
    };
    (@runs) => { true };
    (@runs off) => { false };
}
pub(crate) use settings;

/// The values of a setting that make sense.
pub(crate) trait Sensible<T> {
    /// What is wrong with `value`.
    fn problem(&self, name: &str, value: T) -> Option<String>;
}

/// Longest span that a setting may name: no run is that long, and sums of spans stay far from the end of
/// time.
const SPAN_MAX: Nanos = Nanos::from_secs(366 * 86_400);

/// The span that a number means, by the unit at the end of its name.
fn span(name: &str, count: i64) -> Option<i128> {
    let unit = name.rsplit('_').next()?;
    let ns: i128 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    Some(i128::from(count) * ns)
}

impl Sensible<i64> for RangeFrom<i64> {
    fn problem(&self, name: &str, value: i64) -> Option<String> {
        if value < self.start {
            return Some(format!("{name} is {value}: it has to be at least {}", self.start));
        }
        let is_long = span(name, value).is_some_and(|span| span > i128::from(SPAN_MAX.0));
        is_long.then(|| format!("{name} is {value}: that is more than a year, give less"))
    }
}

impl<T: PartialOrd + Display> Sensible<T> for RangeInclusive<T> {
    fn problem(&self, name: &str, value: T) -> Option<String> {
        let (least, most) = (self.start(), self.end());
        // NaN lies nowhere.
        let fits = value >= *least && value <= *most;
        (!fits).then(|| format!("{name} is {value}: it has to be from {least} to {most}"))
    }
}

/// A share of something.
pub(crate) const SHARE: RangeInclusive<f64> = 0.0..=1.0;
/// What Binance knows as leverage.
pub(crate) const LEVERAGE: RangeInclusive<f64> = 1.0..=125.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;

    fn problem(change: impl Fn(&mut PipelineSettings)) -> String {
        let mut settings = PipelineSettings::default();
        assert!(chain(&settings, &[]).is_ok());
        change(&mut settings);
        match chain(&settings, &[]) {
            Ok(_) => panic!("a setting that makes no sense is taken"),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn spans_that_make_no_sense_are_named() {
        assert_eq!(
            problem(|s| s.exit_monitor.retry_s = 0),
            "[pipeline.exit_monitor] retry_s is 0: it has to be at least 1"
        );
        assert_eq!(
            problem(|s| s.exit_monitor.retry_s = i64::MAX),
            "[pipeline.exit_monitor] retry_s is 9223372036854775807: that is more than a year, give less"
        );
        assert!(problem(|s| s.thinking_us = -1).contains("[pipeline] thinking_us is -1"));
        assert!(problem(|s| s.exit_monitor.thinking_us = Some(-1)).contains("thinking_us is -1"));
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
        assert!(problem(|s| s.policy_store.leverage = 0).contains("leverage is 0"));
        assert!(problem(|s| s.policy_store.leverage = 4_000).contains("from 1 to 125"));
        assert!(problem(|s| s.intent_bridge.max_exposure_pct = f64::NAN).contains("exposure"));
    }

    #[test]
    fn tables_of_no_service_are_checked_as_well() {
        let windowless = problem(|s| s.safety_kernel.window_s = 0);
        assert_eq!(windowless, "[pipeline.safety_kernel] window_s is 0: it has to be at least 1");
        let twice = problem(|s| s.permits.open.extend_from_within(..));
        assert!(twice.starts_with("[pipeline.permits] open names"), "{twice}");
        let both = problem(|s| s.execution_service.enabled = true);
        assert!(both.starts_with("[pipeline] execution_path is"), "{both}");
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

    #[test]
    fn a_service_that_is_not_enabled_does_not_run() {
        let names = |settings: &PipelineSettings| -> Vec<String> {
            let members = chain(settings, &[]).expect("a chain");
            members.into_iter().map(|member| member.name).collect()
        };
        let mut settings = PipelineSettings::default();
        assert!(names(&settings).iter().any(|name| name == "exit_monitor"));
        settings.exit_monitor.enabled = false;
        assert!(!names(&settings).iter().any(|name| name == "exit_monitor"));
        settings.ai_engine.thinking_us = Some(250);
        let members = chain(&settings, &[]).expect("a chain");
        let ai_engine = members.iter().find(|member| member.name == "ai_engine").expect("it runs");
        assert_eq!(ai_engine.thinking.message, Nanos::from_micros(250));
    }
}
