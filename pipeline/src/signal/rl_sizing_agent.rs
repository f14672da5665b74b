//! RL sizing agent (MSE 7.1): what earlier trades brought, and a table of sizes that paid. It learns from closed
//! trades alone; engine and bot read what it knows. Its state is on the bus, so that a restart forgets nothing.

use engine::{
    Context, CorrelationId, Delivery, EntryId, EpochSeconds, GaugeOf, GroupStart, Input, JsonText,
    Reader, Service, SetOptions, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::learning::{
    OUTCOMES_MAX, OutcomeHistory, SizeAction, SizeState, SizeTable, SizingTrade, sizing_reward,
};

use super::ai_engine::SizingMode;
use crate::records::{DecisionMade, SizingOutcomes, TradeClosed};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{AI_DECISION_MADE, TRADE_CLOSED};
use crate::{grid, keys};

settings! {
    /// RL sizing agent.
    pub struct RlSizingAgentSettings {
    }
}

const TRADES: usize = 0;
const DECISIONS: usize = 1;
/// Executed actions that wait for the end of their trade.
const OPEN_MAX: usize = 1_000;

/// An action of the table whose trade is open.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Executed {
    correlation_id: CorrelationId,
    state: SizeState,
    action: SizeAction,
}

/// The service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RlSizingAgent {
    outcomes: OutcomeHistory,
    table: SizeTable,
    open: Vec<Executed>,
    /// The newest closed trade that the history had at the start.
    recovered: EntryId,
    /// The engine sizes by the table, so that there is something to learn for it.
    has_table: bool,
}

impl RlSizingAgent {
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx.get(keys::RL_SIZING_TABLE.name).map(|text| text.map(|t| serde_json::from_str(&t)))
        {
            Ok(Some(Ok(table))) => self.table = table,
            Ok(None) => {}
            Ok(Some(Err(_))) | Err(_) => ctx.count("table_unreadable", 1),
        }
        for entry in ctx.newest(AI_DECISION_MADE.name, OPEN_MAX).unwrap_or_default().iter().rev() {
            if let Some(Ok(made)) = entry.body.as_ref().map(|body| body.read::<DecisionMade>()) {
                self.executed(&made);
            }
        }
        let closed = ctx.newest(TRADE_CLOSED.name, OUTCOMES_MAX).unwrap_or_default();
        self.recovered = closed.first().map_or(EntryId::ZERO, |entry| entry.id);
        for entry in closed.iter().rev() {
            if let Some(Ok(trade)) = entry.body.as_ref().map(|body| body.read::<TradeClosed>()) {
                // A trade's PnL is finite: it is a decimal.
                let _ = self.outcomes.push(pnl(&trade));
            }
        }
    }

    fn executed(&mut self, made: &DecisionMade) {
        let (Some(JsonText(state)), Some(action)) = (&made.sizing_state, made.sizing_action) else {
            return;
        };
        let Some(action) = u8::try_from(action).ok().and_then(|a| SizeAction::try_from(a).ok())
        else {
            return;
        };
        if self.open.len() == OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(Executed { correlation_id: made.correlation_id, state: *state, action });
    }

    fn closed(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        if delivery.entry.id > self.recovered && self.outcomes.push(pnl(&trade)).is_err() {
            return ctx.count("outcomes_not_finite", 1);
        }
        ctx.count("outcomes", 1);
        self.tell(ctx);
        let executed =
            self.open.iter().position(|open| open.correlation_id == trade.correlation_id);
        let Some(place) = executed else { return };
        let Executed { state, action, .. } = self.open.remove(place);
        let learned = SizingTrade {
            pnl_pct: pnl(&trade),
            hours: (trade.closed_at.0 - trade.opened_at.0).as_secs_f64() / 3_600.0,
            // Nobody measures the way of a single trade: its end is the worst that is known.
            max_drawdown_pct: pnl(&trade).min(0.0),
        };
        let done = sizing_reward(&learned).and_then(|r| self.table.learn(state, action, r));
        if done.is_err() {
            return ctx.count("outcomes_not_finite", 1);
        }
        ctx.count("actions_learned", 1);
        let text = serde_json::to_string(&self.table);
        let saved = text.is_ok_and(|text| {
            ctx.set(keys::RL_SIZING_TABLE.name, &text, SetOptions::default()).is_ok()
        });
        if !saved {
            ctx.count("table_not_saved", 1);
        }
    }

    fn tell(&self, ctx: &mut Context<'_>) {
        let outcomes = self.outcomes.outcomes();
        let record = SizingOutcomes {
            count: outcomes.count,
            win_rate: outcomes.win_rate,
            average_win: outcomes.average_win,
            average_loss: outcomes.average_loss,
            updated_ts: EpochSeconds(ctx.now()),
        };
        if ctx.set_record(keys::RL_SIZING_OUTCOMES.name, &record, None).is_err() {
            ctx.count("outcomes_not_saved", 1);
        }
        ctx.gauge("win_rate", GaugeOf::All, outcomes.win_rate);
    }
}

fn pnl(trade: &TradeClosed) -> f64 {
    grid::float(trade.pnl_percent) / 100.0
}

impl Configured for RlSizingAgent {
    type Settings = RlSizingAgentSettings;
    const COUNTERS: &'static [&'static str] = &[
        "actions_learned",
        "decisions_seen",
        "outcomes",
        "outcomes_not_finite",
        "outcomes_not_saved",
        "table_not_saved",
        "table_unreadable",
    ];
    const GAUGES: &'static [&'static str] = &["win_rate"];

    fn configured(_: &RlSizingAgentSettings, setup: Setup<'_>) -> Result<RlSizingAgent, String> {
        let has_table = setup.pipeline.ai_engine.sizing_mode == SizingMode::Table;
        Ok(RlSizingAgent { has_table, ..RlSizingAgent::default() })
    }
}

impl Service for RlSizingAgent {
    fn wiring(&self) -> Wiring {
        let reader = |stream: crate::streams::Stream| {
            Reader::group(stream.name, "rl_sizing_agent", GroupStart::Beginning)
        };
        Wiring {
            readers: vec![reader(TRADE_CLOSED), reader(AI_DECISION_MADE)],
            looks: vec![TRADE_CLOSED.name, AI_DECISION_MADE.name],
            keys_read: keys::patterns(&[keys::RL_SIZING_TABLE]),
            keys_written: if self.has_table {
                keys::patterns(&[keys::RL_SIZING_TABLE, keys::RL_SIZING_OUTCOMES])
            } else {
                keys::patterns(&[keys::RL_SIZING_OUTCOMES])
            },
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => self.recover(ctx),
            Input::Delivery(delivery) if delivery.reader == TRADES => self.closed(delivery, ctx),
            Input::Delivery(delivery) if delivery.reader == DECISIONS => {
                let read = ctx.read::<DecisionMade>(AI_DECISION_MADE.name, delivery);
                if let Some(made) = read {
                    ctx.count("decisions_seen", 1);
                    let known = |open: &Executed| open.correlation_id == made.correlation_id;
                    if !self.open.iter().any(known) {
                        self.executed(&made);
                    }
                }
            }
            _ => {}
        }
    }
}
