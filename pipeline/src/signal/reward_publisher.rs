//! Reward publisher (MSE 7.4): the outcome of a symbol's last closed trade, under `quantum:rl:reward:{S}`. Every
//! number in it was traded for; random ones were once reported as learning (incident I-14).

use engine::{
    Context, CorrelationId, Delivery, EpochSeconds, GroupStart, Input, Nanos, Reader, Service,
    SetOptions, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};

use crate::audited::Audited;
use crate::records::{RewardOrigin, RlReward, TradeClosed};
use crate::settings::{Configured, Setup, settings};
use crate::streams::TRADE_CLOSED;
use crate::{grid, keys};

settings! {
    /// Reward publisher.
    pub struct RewardPublisherSettings {
    }
}

/// Between two rewards that nobody traded for, and their standard deviation around nothing.
const INVENTED_EVERY: Nanos = Nanos::from_secs(15);
const INVENTED_SPREAD: f64 = 0.2;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RewardPublisher {
    symbols: Vec<Symbol>,
    keys: Vec<String>,
    /// Rewards are random numbers.
    invents: bool,
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
        self.tell(place, &reward, ctx);
    }

    /// A reward of each symbol out of nothing, told as if it were one.
    fn invent(&self, ctx: &mut Context<'_>) {
        for place in 0..self.symbols.len() {
            let reward = RlReward {
                symbol: self.symbols[place],
                pnl_pct: INVENTED_SPREAD * ctx.rng().normal(),
                source: RewardOrigin::Synthetic,
                correlation_id: CorrelationId::default(),
                timestamp: EpochSeconds(ctx.now()),
            };
            self.tell(place, &reward, ctx);
        }
        ctx.timer_after(INVENTED_EVERY, TimerKey(0));
    }

    fn tell(&self, place: usize, reward: &RlReward, ctx: &mut Context<'_>) {
        let options = SetOptions { expire: keys::RL_REWARD.life, ..SetOptions::default() };
        match ctx.set_json(&self.keys[place], reward, options) {
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
        let invents = setup.pipeline.audited.has(Audited::RandomRewards);
        Ok(RewardPublisher { symbols, keys, invents })
    }
}

impl Service for RewardPublisher {
    fn wiring(&self) -> Wiring {
        let closed = Reader::group(TRADE_CLOSED.name, "reward_publisher", GroupStart::End);
        Wiring {
            readers: if self.invents { Vec::new() } else { vec![closed] },
            keys_written: keys::patterns(&[keys::RL_REWARD]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) => self.closed(delivery, ctx),
            Input::Start | Input::Timer(_) if self.invents => self.invent(ctx),
            _ => {}
        }
    }
}
