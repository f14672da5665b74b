//! Reward publisher (MSE 7.4): the outcome of a symbol's last closed trade, under `quantum:rl:reward:{S}`. Every
//! number in it was traded for; random ones were once reported as learning (incident I-14).

use engine::{
    Context, Delivery, EpochSeconds, GroupStart, Input, Reader, Service, SetOptions, Symbol, Wiring,
};
use serde::{Deserialize, Serialize};

use crate::records::{RewardOrigin, RlReward, TradeClosed};
use crate::settings::{Configured, Setup, settings};
use crate::streams::TRADE_CLOSED;
use crate::{grid, keys};

settings! {
    /// Reward publisher.
    pub struct RewardPublisherSettings {
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RewardPublisher {
    symbols: Vec<Symbol>,
    keys: Vec<String>,
}

impl RewardPublisher {
    fn closed(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == trade.symbol) else {
            return ctx.count("trades_of_unknown_symbols", 1);
        };
        let reward = RlReward {
            symbol: trade.symbol,
            pnl_pct: grid::float(trade.pnl_percent) / 100.0,
            source: RewardOrigin::TradeClosed,
            correlation_id: trade.correlation_id,
            timestamp: EpochSeconds(ctx.now()),
        };
        let options = SetOptions { expire: keys::RL_REWARD.life, ..SetOptions::default() };
        match ctx.set_json(&self.keys[place], &reward, options) {
            Ok(_) => ctx.count("rewards", 1),
            Err(_) => ctx.count("reward_not_saved", 1),
        }
    }
}

impl Configured for RewardPublisher {
    type Settings = RewardPublisherSettings;
    const COUNTERS: &'static [&'static str] =
        &["reward_not_saved", "rewards", "trades_of_unknown_symbols"];

    fn configured(
        _: &RewardPublisherSettings,
        setup: Setup<'_>,
    ) -> Result<RewardPublisher, String> {
        let (symbols, keys) = (setup.symbols.to_vec(), keys::RL_REWARD.of_each(setup.symbols));
        Ok(RewardPublisher { symbols, keys })
    }
}

impl Service for RewardPublisher {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(TRADE_CLOSED.name, "reward_publisher", GroupStart::End)],
            keys_written: keys::patterns(&[keys::RL_REWARD]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Delivery(delivery) = input {
            self.closed(delivery, ctx);
        }
    }
}
