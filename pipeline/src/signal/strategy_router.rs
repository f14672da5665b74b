//! AI strategy router (MSE 5.1): the best decisions within capacity, as the writer of intents in place of the
//! trading bot. It is asked for by `intent_writer = "strategy_router"`; both at once would be two intents a
//! decision (incident I-02).
//!
//! Each pick is remembered under one identity and one fingerprint, right before it is published: two questions
//! on one id within one call once made it publish nothing at all (incident I-06).

use std::collections::VecDeque;

use engine::{
    Body, CallId, Context, CorrelationId, Delivery, Envelope, GroupStart, Input, IsoTime, Nanos,
    Reader, Reply, Service, SetOptions, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::entry::{
    Asker, RouterCandidate, RouterSettings, select_candidates, strategy_approves,
};

use crate::audited::Audited;
use crate::records::{
    DecisionMade, IntentAction, OrderSide, PortfolioState, SignalAction, StrategyReply,
    StrategyRequest, TradeIntent, contract_violations,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{AI_DECISION_MADE, TRADE_INTENT};
use crate::{grid, keys, switches};

settings! {
    /// AI strategy router.
    pub struct StrategyRouterSettings: off {
        /// MAX_OPEN_ORDERS.
        pub max_open_orders: u32 = 10 => 1..=1_000,
        /// TARGET_OPEN_ORDERS.
        pub target_open_orders: u32 = 3 => 0..=1_000,
        /// MAX_NEW_PER_CYCLE.
        pub max_new_per_cycle: u32 = 2 => 1..=1_000,
        /// CANDIDATE_WINDOW_SEC.
        pub candidate_window_s: i64 = 3 => 1..,
        /// MIN_CONFIDENCE.
        pub min_confidence: f64 = 0.75 => SHARE,
        /// SUPER_CONFIDENCE.
        pub super_confidence: f64 = 0.90 => SHARE,
        /// How long it waits for the strategy brain, in ms.
        pub time_out_ms: i64 = 1_000 => 1..,
    }
}

const SOURCE: &str = "strategy_router";
/// Buffered decisions at most, and those at which it does not wait for the cycle's end.
const BUFFER_MAX: usize = 50;
const BUFFER_FULL: usize = 10;
/// After a cycle without capacity it waits so long before the next.
const REST: Nanos = Nanos::from_secs(1);
/// A publication is remembered so long.
const DEDUP_LIFE: Nanos = Nanos::from_secs(300);

/// A decision in the buffer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Candidate {
    decision: DecisionMade,
    /// When it came.
    at: Nanos,
}

/// A pick that waits for the strategy brain.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pick {
    call: Option<CallId>,
    decision: DecisionMade,
    size_usd: Decimal,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StrategyRouter {
    settings: StrategyRouterSettings,
    buffer: VecDeque<Candidate>,
    asked: Vec<Pick>,
    resting_until: Nanos,
    /// The memory of what was published is asked twice.
    dedups_twice: bool,
    /// Capacity is a number that a script has written.
    by_hand: bool,
}

impl StrategyRouter {
    fn rules(&self) -> RouterSettings {
        RouterSettings {
            open_max: self.settings.max_open_orders,
            open_target: self.settings.target_open_orders,
            new_per_cycle_max: self.settings.max_new_per_cycle,
            window: Nanos::from_secs(self.settings.candidate_window_s),
            confidence_min: self.settings.min_confidence,
            confidence_super: self.settings.super_confidence,
        }
    }

    fn take(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let read = ctx.read::<DecisionMade>(AI_DECISION_MADE.name, delivery);
        let Some(decision) = read else { return };
        ctx.count("decisions_seen", 1);
        if !ctx.instruments().iter().any(|instrument| instrument.symbol == decision.symbol) {
            return ctx.count("decisions_of_unknown_symbols", 1);
        }
        let sure = decision.confidence >= self.settings.min_confidence;
        if !sure || decision.side == SignalAction::Hold {
            return ctx.count("decisions_below_min_confidence", 1);
        }
        if self.buffer.len() == BUFFER_MAX {
            self.buffer.pop_front();
            ctx.count("decisions_dropped", 1);
        }
        self.buffer.push_back(Candidate { decision: decision.into_owned(), at: ctx.now() });
        if self.buffer.len() >= BUFFER_FULL && ctx.now() >= self.resting_until {
            self.cycle(ctx);
        }
    }

    /// Positions open now, from the book of the whole portfolio; nobody keeps a number of orders by hand
    /// any more (incident I-25). `None` where nobody knows, which publishes nothing.
    fn open(&self, ctx: &mut Context<'_>) -> Option<u32> {
        if self.by_hand {
            return ctx.get(keys::OPEN_ORDERS.name).ok()??.parse().ok();
        }
        match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale => u32::try_from(state.positions_count).ok(),
            Ok(_) => None,
            Err(_) => {
                ctx.count("capacity_unreadable", 1);
                None
            }
        }
    }

    fn cycle(&mut self, ctx: &mut Context<'_>) {
        if self.buffer.is_empty() {
            return;
        }
        let open = self.open(ctx);
        let now = ctx.now();
        if open.is_none_or(|open| open >= self.settings.max_open_orders) {
            ctx.count(if open.is_none() { "capacity_unknown" } else { "no_slots" }, 1);
            self.buffer.clear();
            self.resting_until = now + REST;
            return;
        }
        // Every pick asks the brain after this; its rank and size are made as if it approved.
        let candidates: Vec<RouterCandidate> = self
            .buffer
            .iter()
            .map(|Candidate { decision, at }| RouterCandidate {
                confidence: decision.confidence,
                rl_gate_pass: decision.rl_gate_pass == Some(true),
                regime_known: !decision.regime.eq_ignore_ascii_case("unknown"),
                decided_at: *at,
                size_usd: grid::float(decision.position_size_usd),
                approved: Some(true),
            })
            .collect();
        let picks = select_candidates(&candidates, open, now, &self.rules());
        ctx.count("decisions_not_picked", (candidates.len() - picks.len()) as u64);
        for pick in picks {
            let decision = self.buffer[pick.place].decision.clone();
            let Some(size_usd) = grid::decimal(pick.size_usd) else { continue };
            self.ask(Pick { call: None, decision, size_usd }, ctx);
        }
        self.buffer.clear();
    }

    fn ask(&mut self, mut pick: Pick, ctx: &mut Context<'_>) {
        let Some(brain) = ctx.service("strategy_brain") else {
            ctx.count("strategy_brain_missing", 1);
            return;
        };
        let question = StrategyRequest {
            symbol: pick.decision.symbol,
            direction: pick.decision.side,
            confidence: pick.decision.confidence,
            entry_price: Some(pick.decision.entry_price),
            regime: Some(pick.decision.regime.clone()),
        };
        let time_out = Nanos::from_millis(self.settings.time_out_ms);
        pick.call = Some(ctx.call(brain, Body::message(Envelope::Flat, question), time_out));
        self.asked.push(pick);
    }

    fn heard(&mut self, reply: &Reply, ctx: &mut Context<'_>) {
        let asked = self.asked.iter().position(|pick| pick.call == Some(reply.id));
        let Some(place) = asked else { return };
        let pick = self.asked.remove(place);
        let answer = reply.body.as_ref().map(Body::read::<StrategyReply>);
        let approved = match answer {
            Some(Ok(answer)) => Some(answer.approved),
            Some(Err(_)) | None => {
                ctx.count("strategy_brain_silent", 1);
                None
            }
        };
        if !strategy_approves(approved, Asker::Router) {
            return ctx.count("not_approved", 1);
        }
        self.publish(&pick, ctx);
    }

    /// Whether this decision, and this symbol and side, were not published within five minutes. A key that
    /// cannot be written publishes nothing.
    fn first(pick: &Pick, ctx: &mut Context<'_>) -> bool {
        let decision = &pick.decision;
        // The identity was made with the decision; without one its entry would have been told by its time.
        let id = match decision.correlation_id {
            CorrelationId(0) => decision.timestamp.0.to_string(),
            id => id.to_string(),
        };
        let fingerprint = format!("{}:{}", decision.symbol, decision.side);
        let options =
            SetOptions { if_absent: true, expire: Some(DEDUP_LIFE), ..SetOptions::default() };
        for part in [id, fingerprint] {
            let key = keys::ROUTER_DEDUP.of(&part);
            if !ctx.set(&key, "1", options).unwrap_or(false) {
                ctx.count("duplicates", 1);
                return false;
            }
        }
        true
    }

    fn publish(&self, pick: &Pick, ctx: &mut Context<'_>) {
        if switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            return ctx.count("intents_stopped", 1);
        }
        let decision = &pick.decision;
        if !crate::policy::policy_store::allows(ctx, decision.symbol) {
            return ctx.count("not_in_policy", 1);
        }
        let intent = intent(pick, ctx.now());
        if !contract_violations(&intent).is_empty() {
            return ctx.count("trade_intent_validation_failures", 1);
        }
        // The second question finds what the first has written.
        let asks = if self.dedups_twice { 2 } else { 1 };
        if !(0..asks).all(|_| StrategyRouter::first(pick, ctx)) {
            return;
        }
        let time = ctx.now();
        let envelope = Envelope::Contract { event_type: TRADE_INTENT.event, source: SOURCE, time };
        crate::publish(ctx, TRADE_INTENT, envelope, intent);
        ctx.count("intents", 1);
    }
}

fn intent(pick: &Pick, now: Nanos) -> TradeIntent {
    let decision = &pick.decision;
    let (action, side) = match decision.side {
        SignalAction::Sell => (IntentAction::Sell, OrderSide::Sell),
        _ => (IntentAction::Buy, OrderSide::Buy),
    };
    let leverage = Decimal::from(decision.leverage);
    TradeIntent {
        symbol: decision.symbol,
        action: Some(action),
        side: Some(side),
        confidence: decision.confidence,
        timestamp: IsoTime(now),
        position_size_usd: Some(pick.size_usd),
        margin_usd: pick.size_usd.checked_div(leverage).map(|margin| margin.round_dp(8)),
        notional_usd: Some(pick.size_usd),
        size: None,
        price: None,
        quantity: None,
        qty: None,
        leverage: Some(f64::from(decision.leverage)),
        entry_price: Some(decision.entry_price),
        stop_loss: Some(decision.stop_loss),
        take_profit: Some(decision.take_profit),
        reduce_only: Some(false),
        source: Some(SOURCE.into()),
        reason: Some("decision".into()),
        model: Some(decision.model.clone()),
        meta_strategy: Some(decision.meta_strategy.clone()),
        regime: Some(decision.regime.clone()),
        atr_value: decision.atr_value,
        volatility_factor: decision.volatility_factor,
        exchange_divergence: decision.exchange_divergence,
        funding_rate: decision.funding_rate,
        correlation_id: Some(decision.correlation_id),
    }
}

impl Configured for StrategyRouter {
    type Settings = StrategyRouterSettings;
    const COUNTERS: &'static [&'static str] = &[
        "capacity_unknown",
        "capacity_unreadable",
        "decisions_below_min_confidence",
        "decisions_dropped",
        "decisions_not_picked",
        "decisions_of_unknown_symbols",
        "decisions_seen",
        "duplicates",
        "intents",
        "intents_stopped",
        "no_slots",
        "not_approved",
        "not_in_policy",
        "strategy_brain_missing",
        "strategy_brain_silent",
        "trade_intent_validation_failures",
    ];

    fn configured(
        settings: &StrategyRouterSettings,
        setup: Setup<'_>,
    ) -> Result<StrategyRouter, String> {
        if settings.target_open_orders > settings.max_open_orders {
            return Err("target_open_orders is above max_open_orders: lower it".to_owned());
        }
        Ok(StrategyRouter {
            settings: settings.clone(),
            buffer: VecDeque::new(),
            asked: Vec::new(),
            resting_until: Nanos::ZERO,
            dedups_twice: setup.pipeline.audited.has(Audited::RouterDedupsTwice),
            by_hand: setup.pipeline.audited.has(Audited::CapacityByHand),
        })
    }
}

impl Service for StrategyRouter {
    fn wiring(&self) -> Wiring {
        let capacity = if self.by_hand { keys::OPEN_ORDERS } else { keys::PORTFOLIO };
        let mut written = keys::patterns(&[keys::ROUTER_DEDUP]);
        written.extend(self.by_hand.then(|| keys::OPEN_ORDERS.pattern()));
        Wiring {
            readers: vec![Reader::group(AI_DECISION_MADE.name, "router", GroupStart::End)],
            writes: vec![TRADE_INTENT.name],
            keys_read: keys::patterns(&[capacity, keys::EMERGENCY_STOP, keys::POLICY_CURRENT]),
            keys_written: written,
            calls: vec!["strategy_brain"],
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_secs(self.settings.candidate_window_s);
        match input {
            Input::Start => {
                // As the script of the deployment did; nobody wrote it again.
                let options = SetOptions { if_absent: true, ..SetOptions::default() };
                if self.by_hand && ctx.set(keys::OPEN_ORDERS.name, "0", options).is_err() {
                    ctx.count("capacity_unreadable", 1);
                }
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Timer(_) => {
                if ctx.now() >= self.resting_until {
                    self.cycle(ctx);
                }
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Delivery(delivery) => self.take(delivery, ctx),
            Input::Reply(reply) => self.heard(reply, ctx),
            _ => {}
        }
    }
}
