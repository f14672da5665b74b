//! Feedback bridges (MSE 7.4): from closed trades to a value of each symbol, and to the adjustment that a policy
//! would take. They read what trades brought; the plans that they once read carry no profit, so that the reward
//! was always zero (incident I-15).

use engine::{
    Context, Delivery, EntryId, EpochSeconds, GroupStart, Input, Reader, Service, Symbol, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::learning::{WithoutPnl, feedback_reward, updated_q};

use crate::audited::Audited;
use crate::records::{AiState, ExitBrainPnl, PolicyAdjustment, TradeClosed};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXITBRAIN_PNL, TRADE_CLOSED};
use crate::{grid, keys};

settings! {
    /// Feedback bridges.
    pub struct FeedbackBridgeSettings {
    }
}

/// The service. What it knows lies under its keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeedbackBridge {
    symbols: Vec<Symbol>,
    keys: Vec<String>,
    /// Plans are read in place of closed trades.
    of_plans: bool,
}

impl FeedbackBridge {
    fn closed(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        let pnl = grid::float(trade.pnl_percent) / 100.0;
        self.learn(delivery.entry.id, trade.symbol, Some(pnl), trade.confidence, ctx);
    }

    /// A plan of the exit brain, which says nothing of what it brought.
    fn planned(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(plan) = ctx.read::<ExitBrainPnl>(EXITBRAIN_PNL.name, delivery) else { return };
        self.learn(delivery.entry.id, plan.symbol, None, Some(plan.confidence), ctx);
    }

    fn learn(
        &self,
        entry: EntryId,
        symbol: Symbol,
        pnl: Option<f64>,
        confidence: Option<f64>,
        ctx: &mut Context<'_>,
    ) {
        let Some(place) = self.symbols.iter().position(|other| *other == symbol) else {
            return ctx.count("trades_of_unknown_symbols", 1);
        };
        let entry = entry.to_string();
        let (value, updates) = match ctx.record::<AiState>(&self.keys[place]) {
            Ok(Some(state)) if state.last_entry == entry => return,
            Ok(state) => state.map_or((0.0, 0), |state| (state.value, state.updates)),
            Err(_) => return ctx.count("state_unreadable", 1),
        };
        let without = match self.of_plans {
            true => WithoutPnl::AuditedTeachesZero,
            false => WithoutPnl::TeachesNothing,
        };
        let reward = feedback_reward(pnl, confidence, without).ok().flatten();
        let Some((reward, after)) = reward.and_then(|r| Some((r, updated_q(value, r).ok()?)))
        else {
            return ctx.count("rewards_not_finite", 1);
        };
        let timestamp = EpochSeconds(ctx.now());
        let state = AiState {
            value: after,
            updates: updates + 1,
            last_entry: entry.into(),
            updated_ts: timestamp,
        };
        if ctx.set_record(&self.keys[place], &state, None).is_err() {
            return ctx.count("state_not_saved", 1);
        }
        let adjustment = PolicyAdjustment { delta: after - value, reward, timestamp, symbol };
        if ctx.set_record(keys::AI_POLICY_ADJUSTMENT.name, &adjustment, None).is_err() {
            return ctx.count("state_not_saved", 1);
        }
        ctx.count("rewards", 1);
    }
}

impl Configured for FeedbackBridge {
    type Settings = FeedbackBridgeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "rewards",
        "rewards_not_finite",
        "state_not_saved",
        "state_unreadable",
        "trades_of_unknown_symbols",
    ];

    fn configured(_: &FeedbackBridgeSettings, setup: Setup<'_>) -> Result<FeedbackBridge, String> {
        let (symbols, keys) = (setup.symbols.to_vec(), keys::AI_STATE.of_each(setup.symbols));
        let of_plans = setup.pipeline.audited.has(Audited::LearnsFromPlans);
        Ok(FeedbackBridge { symbols, keys, of_plans })
    }
}

impl Service for FeedbackBridge {
    fn wiring(&self) -> Wiring {
        let heard = if self.of_plans { EXITBRAIN_PNL } else { TRADE_CLOSED };
        Wiring {
            readers: vec![Reader::group(heard.name, "feedback_bridge", GroupStart::Beginning)],
            keys_read: keys::patterns(&[keys::AI_STATE]),
            keys_written: keys::patterns(&[keys::AI_STATE, keys::AI_POLICY_ADJUSTMENT]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) if self.of_plans => self.planned(delivery, ctx),
            Input::Delivery(delivery) => self.closed(delivery, ctx),
            _ => {}
        }
    }
}
