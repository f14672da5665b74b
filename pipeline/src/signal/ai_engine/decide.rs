//! From a vote to a decision: the steps of MSE 4.5.
//!
//! The engine decides and does not intend, so that what the specification writes as the intent is the decision:
//! it goes out after the last step, and nobody sees one that the engine itself has stopped.

use engine::{
    Body, CallId, Context, CorrelationId, Envelope, IsoTime, JsonText, Nanos, Reply, SetOptions,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::calibration::{WinRateRecord, calibrate_by_accuracy, calibrate_by_win_rate};
use strategies::learning::{ShadowGate, ShadowInput, ShadowVerdict, shadow_gate};
use strategies::signal::{
    AiSizing, AiSizingMode, EnsembleWord, LevelRule, MarketMood, NoSignal, SignalInput, TradedSize,
    ai_sizing, decide_signal, entry_levels, risk_mode, risk_mode_score,
};
use strategies::{Action, Consensus};

use super::ensemble::Ballot;
use super::markets::Decided;
use super::sizing::Sized;
use super::words::{consensus, effect, gate, severity, stopped};
use super::{AiEngine, EQUITY_ASSUMED, EngineMode, SOURCE};
use crate::records::{
    DecisionMade, EvaluateReply, EvaluateRequest, Funding, RlPolicy, SignalAction, SignalGenerated,
    SizingDecided, Verdict, Votes, WinRate,
};
use crate::streams::{AI_DECISION_MADE, AI_SIGNAL_GENERATED, SIZING_DECIDED};
use crate::{grid, keys, switches};

/// Largest size of a testnet, in USDT.
const TESTNET_SIZE_MAX: f64 = 1_000.0;

/// A decision on its way through the last steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Draft {
    pub(super) call: Option<CallId>,
    at: Nanos,
    action: SignalAction,
    confidence: f64,
    consensus: Consensus,
    consensus_count: u64,
    price: Decimal,
    funding_rate: Option<f64>,
    fell_back: bool,
    features: [f64; 18],
    sized: Sized,
    correlation_id: CorrelationId,
}

fn long(action: SignalAction) -> bool {
    action == SignalAction::Buy
}

impl AiEngine {
    /// Steps 0 to 15 for the newest tick of a symbol.
    pub(super) fn decide(
        &mut self,
        place: usize,
        price: Decimal,
        at: Nanos,
        ctx: &mut Context<'_>,
    ) {
        let ballot = self.ballot(place, ctx);
        let (voted, confidence) = self.layers(place, &ballot, ctx);
        // Most ticks end here: the rules stand in for an undecided HOLD alone.
        let undecided = (0.50..=0.65).contains(&confidence);
        // HOLD takes no decision back: the bot asks every minute, and a vote of every second flickers. What is
        // refused, or contradicted, is no answer any more, and what is old.
        if voted == Action::Hold && !undecided {
            return;
        }
        let Some((signal, funding_rate)) = self.signal(place, voted, confidence, ctx) else {
            if voted != Action::Hold {
                self.state.markets[place].decision = None;
            }
            return;
        };
        let action = match signal.action {
            Action::Sell => SignalAction::Sell,
            _ => SignalAction::Buy,
        };
        let held = &mut self.state.markets[place].decision;
        if held.as_ref().is_some_and(|decided| decided.action != action) {
            *held = None;
        }
        let correlation_id = ctx.correlation_id();
        self.tell_signal(
            place,
            action,
            signal.confidence,
            signal.fell_back,
            &ballot,
            (at, correlation_id),
            ctx,
        );
        let Some(sized) = self.sized(place, signal.confidence, ctx) else {
            ctx.count("signals_without_size", 1);
            return;
        };
        tell_size(&self.state.markets[place].symbol, &sized, at, correlation_id, ctx);
        let draft = Draft {
            call: None,
            at,
            action,
            confidence: signal.confidence,
            consensus: ballot.vote.consensus,
            consensus_count: ballot.vote.consensus_count as u64,
            price,
            funding_rate,
            fell_back: signal.fell_back,
            features: self.state.markets[place].features.values(),
            sized,
            correlation_id,
        };
        if self.rules.tells_first {
            self.tell_first(place, &draft, ctx);
        }
        // What will not be let pass need not be asked about.
        let symbol = self.state.markets[place].symbol;
        let limits = self.settings.rate_limits();
        match self.state.rates.check(symbol, draft.confidence, ctx.now(), &limits) {
            Ok(()) => self.ask_orchestrator(place, draft, ctx),
            Err(stop) => ctx.count(stopped(stop), 1),
        }
    }

    /// Steps 0 to 7.
    fn signal(
        &mut self,
        place: usize,
        action: Action,
        confidence: f64,
        ctx: &mut Context<'_>,
    ) -> Option<(strategies::signal::Signal, Option<f64>)> {
        let stop = switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx);
        let funding_rate = match ctx.record::<Funding>(&self.funding_keys[place]) {
            Ok(funding) => funding.map(|funding| grid::float(funding.funding_rate)),
            Err(_) => {
                ctx.count("funding_unreadable", 1);
                None
            }
        };
        let now = ctx.now();
        let performance = self.state.results.performance();
        let market = &mut self.state.markets[place];
        let measure = self.rules.drift;
        let (drift, psi, is_new) = market.drift(measure, performance.as_ref(), now);
        if is_new {
            ctx.gauge("drift_psi", engine::GaugeOf::Symbol(market.symbol), psi);
            ctx.count("drift_severe", u64::from(drift.blocks()));
            let options = SetOptions { expire: keys::AI_DRIFT.life, ..SetOptions::default() };
            if ctx.set(&self.drift_keys[place], severity(drift), options).is_err() {
                ctx.count("drift_not_saved", 1);
            }
        }
        let input = SignalInput {
            symbol: market.symbol,
            emergency_stop: Some(stop),
            ensemble: EnsembleWord::Voted { action, confidence },
            history: market.history.len(),
            rsi_14: market.features.rsi_14,
            macd: market.features.macd,
            scalers: &self.settings.signal_scalers,
            funding_rate,
            drift,
        };
        match decide_signal(&input, &self.settings.signal_rules(self.rules.short_history)) {
            Ok(signal) => {
                ctx.count("funding_warnings", u64::from(signal.funding_warning));
                ctx.count("rule_fallbacks", u64::from(signal.fell_back));
                Some((signal, funding_rate))
            }
            Err(NoSignal::Hold) => None,
            Err(reason) => {
                ctx.count(
                    match reason {
                        NoSignal::EmergencyStop | NoSignal::BusSilent => "signals_stopped",
                        NoSignal::EnsembleFailed => "ensemble_failed",
                        NoSignal::FundingBlocked => "funding_blocked",
                        NoSignal::DriftBlocked => "drift_blocked",
                        NoSignal::LowConfidence | NoSignal::Hold => "signals_below_min_confidence",
                    },
                    1,
                );
                None
            }
        }
    }

    /// Steps 8 and 9. Only this stream sees the calibrated confidence.
    #[allow(clippy::too_many_arguments, reason = "one call, and each is told as it is")]
    fn tell_signal(
        &mut self,
        place: usize,
        action: SignalAction,
        raw: f64,
        fell_back: bool,
        ballot: &Ballot,
        (at, correlation_id): (Nanos, CorrelationId),
        ctx: &mut Context<'_>,
    ) {
        let (accuracy, samples) = self.state.accuracy.of(raw);
        let first = calibrate_by_accuracy(raw, accuracy, samples).map_or(raw, |c| c.calibrated);
        let record = match ctx.record::<WinRate>(&self.calibration_keys[place]) {
            Ok(record) => record.map(|r| WinRateRecord {
                trades: r.trades,
                wins: r.wins,
                losses: r.losses,
                ema_winrate: r.ema_winrate,
            }),
            Err(_) => {
                ctx.count("calibration_unreadable", 1);
                None
            }
        };
        let confidence =
            calibrate_by_win_rate(first, record.as_ref()).map_or(first, |c| c.calibrated);
        let [buy, sell, hold] = if fell_back { [0.0; 3] } else { ballot.vote.votes };
        let signal = SignalGenerated {
            symbol: self.state.markets[place].symbol,
            action,
            confidence,
            ensemble_confidence: raw,
            model_votes: JsonText(Votes { buy, sell, hold }),
            consensus: ballot.vote.consensus_count as u64,
            timestamp: IsoTime(at),
        };
        let envelope = bus(AI_SIGNAL_GENERATED.event, correlation_id, at);
        crate::publish(ctx, AI_SIGNAL_GENERATED, envelope, signal);
        ctx.count("signals_generated_total", 1);
    }

    /// Factor of the risk mode (MSE 4.10): volatility against its usual, order flow, and the trend of the
    /// price. What cannot be told is 1.
    pub(super) fn risk_factor(&self, place: usize) -> f64 {
        let market = &self.state.markets[place];
        let volatility = (0.5 * self.volatility_factor(place)).clamp(0.0, 1.0);
        let step = market.features.volatility_20.max(1e-5);
        let trend = (0.5 + 0.05 * market.features.ema_10_50_cross / step).clamp(0.0, 1.0);
        risk_mode_score(volatility, market.flow, trend)
            .map_or(1.0, |score| risk_mode(score, MarketMood::Usual).size_multiplier())
    }

    /// The size of a testnet is capped.
    pub(super) fn capped(&self, size_usd: f64) -> f64 {
        match self.settings.mode {
            EngineMode::Testnet => size_usd.min(TESTNET_SIZE_MAX),
            EngineMode::Mainnet => size_usd,
        }
    }

    /// Step 13. Without an orchestrator in the run, and without its answer in time, the decision goes on.
    fn ask_orchestrator(&mut self, place: usize, mut draft: Draft, ctx: &mut Context<'_>) {
        if self.state.markets[place].waiting.is_some() {
            ctx.count("orchestrator_still_asked", 1);
            return;
        }
        let Some(orchestrator) = ctx.service("orchestrator") else {
            ctx.count("orchestrator_missing", 1);
            return self.finish(place, draft, ctx);
        };
        let request = EvaluateRequest {
            symbol: self.state.markets[place].symbol,
            action: draft.action,
            confidence: draft.confidence,
            size_usd: draft.sized.size_usd,
            regime: "unknown".into(),
        };
        let time_out = Nanos::from_millis(self.settings.orchestrator_time_out_ms);
        let call = ctx.call(orchestrator, Body::message(Envelope::Flat, request), time_out);
        draft.call = Some(call);
        self.state.markets[place].waiting = Some(Box::new(draft));
    }

    /// The orchestrator's answer, or its silence.
    pub(super) fn answered(&mut self, reply: &Reply, ctx: &mut Context<'_>) {
        let of_it = |market: &super::markets::Market| {
            market.waiting.as_ref().is_some_and(|draft| draft.call == Some(reply.id))
        };
        let Some(place) = self.state.markets.iter().position(of_it) else { return };
        let Some(mut draft) = self.state.markets[place].waiting.take() else { return };
        match reply.body.as_ref().map(Body::read::<EvaluateReply>) {
            None => ctx.count("orchestrator_time_outs", 1),
            Some(Err(_)) => ctx.count("orchestrator_malformed", 1),
            Some(Ok(answer)) => {
                if answer.decision == Verdict::Skip {
                    return ctx.count("orchestrator_skips", 1);
                }
                // A smaller size is taken, a larger one is not.
                if answer.size_usd > Decimal::ZERO && answer.size_usd < draft.sized.size_usd {
                    draft.sized.size_usd = answer.size_usd;
                }
            }
        }
        self.finish(place, *draft, ctx);
    }

    /// Steps 14 to 16, and the decision itself.
    fn finish(&mut self, place: usize, draft: Draft, ctx: &mut Context<'_>) {
        let symbol = self.state.markets[place].symbol;
        let now = ctx.now();
        let policy = self.policy(place, ctx);
        let shadow = self.shadow(place, &draft, policy.as_ref(), ctx);
        let limits = self.settings.rate_limits();
        if let Err(stop) = self.state.rates.admit(symbol, draft.confidence, now, &limits) {
            return ctx.count(stopped(stop), 1);
        }
        let Some(decision) = self.decision(place, &draft, &shadow, policy, now) else {
            return ctx.count("signals_without_size", 1);
        };
        let (size_usd, leverage) = (decision.position_size_usd, decision.leverage);
        if !self.rules.tells_first {
            tell(decision, &draft, ctx);
        }
        self.count_trade(ctx);
        self.state.results.decided(super::results::OpenDecision {
            correlation_id: draft.correlation_id,
            action: draft.action,
            confidence: draft.confidence,
            consensus: draft.consensus,
            features: draft.features,
        });
        self.state.markets[place].decision = Some(Decided {
            at: now,
            action: draft.action,
            confidence: draft.confidence,
            size_usd,
            leverage,
            correlation_id: draft.correlation_id,
        });
    }

    /// A decision that nobody has let pass yet.
    fn tell_first(&mut self, place: usize, draft: &Draft, ctx: &mut Context<'_>) {
        let shadow = self.shadow(place, draft, None, ctx);
        if let Some(decision) = self.decision(place, draft, &shadow, None, ctx.now()) {
            tell(decision, draft, ctx);
        }
    }

    fn decision(
        &self,
        place: usize,
        draft: &Draft,
        shadow: &ShadowVerdict,
        policy: Option<RlPolicy>,
        now: Nanos,
    ) -> Option<DecisionMade> {
        let market = &self.state.markets[place];
        let volatility_factor = self.volatility_factor(place);
        let divergence = market.venues(now).map(|venues| venues.divergence);
        let ai = ai_sizing(draft.confidence, volatility_factor, EQUITY_ASSUMED).ok();
        let (size_usd, leverage) = self.traded(draft, ai.as_ref());
        let levels = entry_levels(
            long(draft.action),
            grid::float(draft.price),
            draft.sized.sl_percent,
            draft.sized.tp_percent,
            LevelRule::Mirrored,
        )
        .ok()?;
        Some(DecisionMade {
            symbol: market.symbol,
            side: draft.action,
            confidence: draft.confidence,
            entry_price: draft.price,
            quantity: size_usd,
            leverage,
            stop_loss: grid::decimal(levels.stop_loss)?,
            take_profit: grid::decimal(levels.take_profit)?,
            trail_percent: None,
            model: model(draft).into(),
            ensemble_confidence: draft.confidence,
            strategy: "default".into(),
            meta_strategy: "default".into(),
            regime: "unknown".into(),
            position_size_usd: size_usd,
            correlation_id: draft.correlation_id,
            timestamp: IsoTime(draft.at),
            consensus: Some(consensus(draft.consensus).into()),
            consensus_count: Some(draft.consensus_count),
            total_models: Some(self.seats.len() as u64),
            atr_value: Some(super::ATR_DEFAULT),
            volatility_factor: Some(volatility_factor),
            exchange_divergence: divergence,
            funding_rate: draft.funding_rate,
            features: Some(JsonText(draft.features)),
            rl_influence_enabled: Some(self.settings.rl_influence_enabled),
            rl_gate_pass: Some(shadow.gate == ShadowGate::Pass),
            rl_gate_reason: Some(gate(shadow.gate).into()),
            rl_action: policy.as_ref().map(|p| p.action),
            rl_confidence: policy.as_ref().map(|p| p.confidence),
            rl_policy_age_sec: policy.as_ref().map(|p| (now - p.timestamp.0).as_secs_f64()),
            rl_version: policy.map(|p| p.version),
            rl_weight_effective: Some(shadow.weight),
            rl_effect: Some(effect(shadow.effect).into()),
            ai_size_usd: ai.and_then(|ai| grid::decimal(ai.ai_size_usd)),
            ai_leverage: ai.map(|ai| ai.ai_leverage),
            ai_harvest_policy: ai.map(|ai| JsonText(ai.policy)),
            sizing_state: draft.sized.state.map(JsonText),
            sizing_action: draft.sized.action,
        })
    }

    /// The size that is traded: the AI sizer's where it is live. What is told is what is traded.
    fn traded(&self, draft: &Draft, ai: Option<&AiSizing>) -> (Decimal, u32) {
        let plain = (draft.sized.size_usd, draft.sized.leverage);
        let (Some(ai), AiSizingMode::Live) = (ai, self.settings.ai_sizing_mode) else {
            return plain;
        };
        let ours = TradedSize { size_usd: grid::float(plain.0), leverage: f64::from(plain.1) };
        let traded = self.settings.ai_sizing_mode.traded(ours, ai);
        let size = grid::decimal(self.capped(traded.size_usd)).unwrap_or(plain.0);
        (size, traded.leverage.round_ties_even() as u32)
    }

    fn policy(&self, place: usize, ctx: &mut Context<'_>) -> Option<RlPolicy> {
        match ctx.json::<RlPolicy>(&self.policy_keys[place]) {
            Ok(policy) => policy.map(std::borrow::Cow::into_owned),
            Err(_) => {
                ctx.count("rl_policy_unreadable", 1);
                None
            }
        }
    }

    /// Step 14: it says what it would have done.
    fn shadow(
        &mut self,
        place: usize,
        draft: &Draft,
        policy: Option<&RlPolicy>,
        ctx: &mut Context<'_>,
    ) -> ShadowVerdict {
        let killed = keys::KILL_SWITCHES
            .iter()
            .any(|switch| switches::is_set(switch.name, &["1", "true", "yes"], ctx));
        let now = ctx.now();
        let as_action = |action| match action {
            SignalAction::Buy => Action::Buy,
            SignalAction::Sell => Action::Sell,
            SignalAction::Hold => Action::Hold,
        };
        let market = &mut self.state.markets[place];
        let input = ShadowInput {
            action: as_action(draft.action),
            ensemble_confidence: draft.confidence,
            policy: policy
                .map(|p| (as_action(p.action), p.confidence, (now - p.timestamp.0).as_secs_f64())),
            killed,
            since_effect: market.rl_effect_at.map(|at| now - at),
        };
        let verdict = shadow_gate(&input, &self.settings.shadow());
        if verdict.starts_cooldown {
            market.rl_effect_at = Some(now);
        }
        verdict
    }
}

fn tell(decision: DecisionMade, draft: &Draft, ctx: &mut Context<'_>) {
    let envelope = bus(AI_DECISION_MADE.event, draft.correlation_id, draft.at);
    crate::publish(ctx, AI_DECISION_MADE, envelope, decision);
    ctx.count("decisions", 1);
}

/// Step 11.
fn tell_size(
    symbol: &engine::Symbol,
    sized: &Sized,
    at: Nanos,
    correlation_id: CorrelationId,
    ctx: &mut Context<'_>,
) {
    let decided = SizingDecided {
        symbol: *symbol,
        position_size_usd: sized.size_usd,
        leverage: sized.leverage,
        risk_pct: sized.risk_pct,
        confidence: sized.confidence,
        reasoning: if sized.action.is_some() { "table_mode" } else { "math_ai_mode" }.into(),
        tp_percent: sized.tp_percent,
        sl_percent: sized.sl_percent,
        partial_tp_enabled: true,
        timestamp: IsoTime(at),
    };
    crate::publish(ctx, SIZING_DECIDED, bus(SIZING_DECIDED.event, correlation_id, at), decided);
}

fn bus(event_type: &'static str, correlation_id: CorrelationId, time: Nanos) -> Envelope {
    Envelope::Bus { event_type, source: SOURCE, correlation_id, time }
}

fn model(draft: &Draft) -> &'static str {
    if draft.fell_back { "fallback" } else { "ensemble" }
}
