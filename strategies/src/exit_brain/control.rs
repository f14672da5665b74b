//! The control layer: KILL before MODE before ROLLOUT (EHR 3.23). What is not understood is not live.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The settings as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSettings<'a> {
    /// `EXIT_EXECUTOR_KILL_SWITCH`.
    pub kill_switch: &'a str,
    /// `EXIT_MODE`: LEGACY or EXIT_BRAIN_V3.
    pub exit_mode: &'a str,
    /// `EXIT_EXECUTOR_MODE`: SHADOW or LIVE.
    pub executor_mode: &'a str,
    /// `EXIT_BRAIN_V3_LIVE_ROLLOUT`: DISABLED or ENABLED.
    pub live_rollout: &'a str,
    /// `EXIT_LIVE_ROLLOUT_PCT`: a whole number, 0 to 100.
    pub rollout_pct: &'a str,
    /// Symbols that are live whatever the percentage says; empty leaves it to the percentage.
    pub live_symbols: Vec<&'a str>,
}

/// A setting that was not understood, and counts as its safe default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlWarning {
    /// Which.
    pub setting: &'static str,
    /// What stood there.
    pub value: String,
    /// What counts.
    pub counts_as: &'static str,
}

/// What exits of a symbol do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Effect {
    /// They trade.
    Live,
    /// They are only told.
    Shadow,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectReason {
    /// A kill switch is on.
    Kill,
    /// One of the three modes is not the live one.
    Mode,
    /// The symbol is inside, or outside, the rollout.
    Rollout,
}

/// The settings, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    killed: bool,
    modes_live: bool,
    rollout_pct: u32,
    live_symbols: Vec<String>,
    /// What was not understood.
    pub warnings: Vec<ControlWarning>,
}

impl Control {
    /// Reads the settings.
    #[must_use]
    pub fn new(settings: &ControlSettings<'_>) -> Control {
        let mut warnings = Vec::new();
        let kill = settings.kill_switch.trim().to_ascii_lowercase();
        let mut live = |setting, value: &str, safe, wanted: &str| {
            let known = value.trim().to_ascii_uppercase();
            if known != wanted && known != safe && !known.is_empty() {
                warnings.push(ControlWarning { setting, value: value.to_owned(), counts_as: safe });
            }
            known == wanted
        };
        let modes = [
            live("EXIT_MODE", settings.exit_mode, "LEGACY", "EXIT_BRAIN_V3"),
            live("EXIT_EXECUTOR_MODE", settings.executor_mode, "SHADOW", "LIVE"),
            live("EXIT_BRAIN_V3_LIVE_ROLLOUT", settings.live_rollout, "DISABLED", "ENABLED"),
        ];
        let rollout_pct = settings.rollout_pct.trim().parse::<i64>().unwrap_or_else(|_| {
            warnings.push(ControlWarning {
                setting: "EXIT_LIVE_ROLLOUT_PCT",
                value: settings.rollout_pct.to_owned(),
                counts_as: "0",
            });
            0
        });
        Control {
            killed: matches!(kill.as_str(), "true" | "1" | "yes" | "on" | "enabled"),
            modes_live: modes == [true; 3],
            rollout_pct: rollout_pct.clamp(0, 100) as u32,
            live_symbols: settings.live_symbols.iter().map(|s| (*s).to_owned()).collect(),
            warnings,
        }
    }

    /// What exits of a symbol do now. `global_kill` is the operator's switch, which counts at run time.
    #[must_use]
    pub fn effect(&self, symbol: &str, global_kill: bool) -> (Effect, EffectReason) {
        self.effect_at(rollout_bucket, symbol, global_kill)
    }

    /// Audited: the same with other buckets, where each process draws its own (EHR 3.23).
    #[must_use]
    pub fn effect_at(
        &self,
        bucket: impl Fn(&str) -> u32,
        symbol: &str,
        global_kill: bool,
    ) -> (Effect, EffectReason) {
        if self.killed || global_kill {
            return (Effect::Shadow, EffectReason::Kill);
        }
        if !self.modes_live {
            return (Effect::Shadow, EffectReason::Mode);
        }
        let inside = if self.live_symbols.is_empty() {
            bucket(symbol) < self.rollout_pct
        } else {
            self.live_symbols.iter().any(|live| live == symbol)
        };
        (if inside { Effect::Live } else { Effect::Shadow }, EffectReason::Rollout)
    }

    /// Audited: what exits do where the gateway asks for no symbol, so that the rollout limits nothing (EHR 3.23).
    #[must_use]
    pub fn audited_effect_of_all(&self, global_kill: bool) -> (Effect, EffectReason) {
        let all = Control { rollout_pct: 100, live_symbols: Vec::new(), ..self.clone() };
        all.effect("", global_kill)
    }
}

/// Audited: the bucket of a symbol in one process, whose hashes begin with its own number.
#[must_use]
pub fn audited_rollout_bucket(process: u64, symbol: &str) -> u32 {
    rollout_bucket(&format!("{process}:{symbol}"))
}

/// Bucket of a symbol, 0 to 99, the same on every machine and in every run: SHA-256 of its name as a
/// big-endian number, modulo 100.
#[must_use]
pub fn rollout_bucket(symbol: &str) -> u32 {
    Sha256::digest(symbol).iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> ControlSettings<'static> {
        ControlSettings {
            kill_switch: "false",
            exit_mode: "EXIT_BRAIN_V3",
            executor_mode: "live",
            live_rollout: "ENABLED",
            rollout_pct: "10",
            live_symbols: Vec::new(),
        }
    }

    /// The buckets of EHR 3.23.
    #[test]
    fn buckets_are_stable() {
        let named = [
            ("BTCUSDT", 8),
            ("ETHUSDT", 38),
            ("SOLUSDT", 65),
            ("ADAUSDT", 21),
            ("DOTUSDT", 36),
            ("BNBUSDT", 98),
            ("XRPUSDT", 40),
            ("DOGEUSDT", 57),
        ];
        for (symbol, bucket) in named {
            assert_eq!(rollout_bucket(symbol), bucket, "{symbol}");
        }
    }

    #[test]
    fn kill_before_mode_before_rollout() {
        let of =
            |settings: ControlSettings<'_>, symbol| Control::new(&settings).effect(symbol, false);
        assert_eq!(of(live(), "BTCUSDT"), (Effect::Live, EffectReason::Rollout));
        assert_eq!(of(live(), "ETHUSDT"), (Effect::Shadow, EffectReason::Rollout));
        let killed = Control::new(&live()).effect("BTCUSDT", true);
        assert_eq!(killed, (Effect::Shadow, EffectReason::Kill));
        for on in ["true", "1", "YES", "on", "enabled"] {
            let settings = ControlSettings { kill_switch: on, exit_mode: "LEGACY", ..live() };
            assert_eq!(of(settings, "BTCUSDT"), (Effect::Shadow, EffectReason::Kill));
        }
        for settings in [
            ControlSettings { exit_mode: "LEGACY", ..live() },
            ControlSettings { executor_mode: "SHADOW", ..live() },
            ControlSettings { live_rollout: "", ..live() },
        ] {
            assert_eq!(of(settings, "BTCUSDT"), (Effect::Shadow, EffectReason::Mode));
        }
        let listed = ControlSettings { live_symbols: vec!["ETHUSDT"], ..live() };
        assert_eq!(of(listed.clone(), "ETHUSDT").0, Effect::Live);
        assert_eq!(of(listed, "BTCUSDT").0, Effect::Shadow, "the list wins over the percentage");
        let eight = ControlSettings { rollout_pct: "8", ..live() };
        assert_eq!(of(eight, "BTCUSDT").0, Effect::Shadow, "bucket 8 is not below 8");
        let all = ControlSettings { rollout_pct: "250", ..live() };
        assert_eq!(of(all, "BNBUSDT").0, Effect::Live);
    }

    #[test]
    fn audited_rollouts_are_each_processs_own_or_none() {
        let control = Control::new(&ControlSettings { rollout_pct: "50", ..live() });
        let of = |process: u64| {
            let names = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "DOTUSDT", "BNBUSDT"];
            let bucket = |symbol: &str| audited_rollout_bucket(process, symbol);
            names.map(|name| control.effect_at(bucket, name, false).0)
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let none = Control::new(&ControlSettings { rollout_pct: "0", ..live() });
        assert_eq!(none.effect("BTCUSDT", false).0, Effect::Shadow);
        assert_eq!(none.audited_effect_of_all(false).0, Effect::Live);
        assert_eq!(none.audited_effect_of_all(true).0, Effect::Shadow);
    }

    #[test]
    fn what_is_not_understood_is_told_and_not_live() {
        let settings = ControlSettings { executor_mode: "LIFE", rollout_pct: "ten", ..live() };
        let control = Control::new(&settings);
        assert_eq!(control.effect("BTCUSDT", false), (Effect::Shadow, EffectReason::Mode));
        let told: Vec<_> = control.warnings.iter().map(|w| (w.setting, w.counts_as)).collect();
        assert_eq!(told, [("EXIT_EXECUTOR_MODE", "SHADOW"), ("EXIT_LIVE_ROLLOUT_PCT", "0")]);
    }
}
