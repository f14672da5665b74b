//! RL monitor (MSE 7.4): looks at the rewards every 10 s, keeps a history of what changed, and raises an alert
//! where their mean leaves its range. It parses JSON, where the reference system evaluated the value as code,
//! and refuses what nobody traded for (incident I-14).

use engine::{Context, EpochSeconds, GaugeOf, Input, Nanos, Service, Symbol, TimerKey, Wiring};
use serde::{Deserialize, Serialize};
use strategies::learning::{MonitorAlert, RewardFault, RewardMonitor, RewardSource};

use crate::audited::Audited;
use crate::keys;
use crate::records::{RewardOrigin, RlReward};
use crate::settings::{Configured, Setup, settings};

settings! {
    /// RL monitor.
    pub struct RlMonitorSettings {
        /// Between two looks, in s.
        pub interval_s: i64 = 10 => 1..,
    }
}

/// Entries of a symbol's history.
const HISTORY_MAX: usize = 1_000;

/// A line of the history.
#[derive(Serialize)]
struct Noted {
    timestamp: i64,
    reward: f64,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RlMonitor {
    settings: RlMonitorSettings,
    symbols: Vec<Symbol>,
    reward_keys: Vec<String>,
    history_keys: Vec<String>,
    monitors: Vec<RewardMonitor>,
    /// When the reward was made that was looked at last.
    seen: Vec<Option<EpochSeconds>>,
    /// What nobody traded for is learned from like the rest.
    takes_all: bool,
}

impl RlMonitor {
    fn look(&mut self, ctx: &mut Context<'_>) {
        for place in 0..self.symbols.len() {
            let reward = match ctx.json::<RlReward>(&self.reward_keys[place]) {
                Ok(Some(reward)) => reward.into_owned(),
                Ok(None) => continue,
                Err(_) => {
                    ctx.count("rewards_unreadable", 1);
                    continue;
                }
            };
            // A reward that stays is looked at once: it is one outcome, not one every ten seconds.
            if self.seen[place].replace(reward.timestamp) != Some(reward.timestamp) {
                self.take(place, &reward, ctx);
            }
        }
    }

    fn take(&mut self, place: usize, reward: &RlReward, ctx: &mut Context<'_>) {
        let source = match reward.source {
            RewardOrigin::TradeClosed => RewardSource::TradeClosed,
            RewardOrigin::Synthetic if self.takes_all => RewardSource::TradeClosed,
            RewardOrigin::Synthetic => RewardSource::Synthetic,
        };
        match self.monitors[place].look(reward.pnl_pct, source) {
            Ok(MonitorAlert::Unchanged) => ctx.count("rewards_unchanged", 1),
            Ok(alert) => {
                ctx.count("rewards_noted", 1);
                ctx.count("reward_alerts", u64::from(alert == MonitorAlert::OutOfRange));
                ctx.gauge("reward", GaugeOf::Symbol(self.symbols[place]), reward.pnl_pct);
                self.note(place, reward, ctx);
            }
            Err(RewardFault::Synthetic) => ctx.count("rewards_refused_synthetic", 1),
            Err(RewardFault::NotFinite) => ctx.count("rewards_unreadable", 1),
        }
    }

    fn note(&self, place: usize, reward: &RlReward, ctx: &mut Context<'_>) {
        let line = Noted { timestamp: reward.timestamp.0.millis(), reward: reward.pnl_pct };
        let key = &self.history_keys[place];
        let kept = serde_json::to_string(&line)
            .is_ok_and(|line| ctx.lpush_keep(key, line, HISTORY_MAX).is_ok());
        if !kept {
            return ctx.count("history_not_saved", 1);
        }
        if let Some(life) = keys::RL_HISTORY.life {
            ctx.expire(key, life);
        }
    }
}

impl Configured for RlMonitor {
    type Settings = RlMonitorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "history_not_saved",
        "reward_alerts",
        "rewards_noted",
        "rewards_refused_synthetic",
        "rewards_unchanged",
        "rewards_unreadable",
    ];
    const GAUGES: &'static [&'static str] = &["reward"];

    fn configured(settings: &RlMonitorSettings, setup: Setup<'_>) -> Result<RlMonitor, String> {
        Ok(RlMonitor {
            settings: settings.clone(),
            symbols: setup.symbols.to_vec(),
            reward_keys: keys::RL_REWARD.of_each(setup.symbols),
            history_keys: keys::RL_HISTORY.of_each(setup.symbols),
            monitors: vec![RewardMonitor::default(); setup.symbols.len()],
            seen: vec![None; setup.symbols.len()],
            takes_all: setup.pipeline.audited.has(Audited::RandomRewards),
        })
    }
}

impl Service for RlMonitor {
    fn wiring(&self) -> Wiring {
        Wiring {
            keys_read: keys::patterns(&[keys::RL_REWARD]),
            keys_written: keys::patterns(&[keys::RL_HISTORY]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Start | Input::Timer(_) = input {
            if let Input::Timer(_) = input {
                self.look(ctx);
            }
            ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
        }
    }
}
