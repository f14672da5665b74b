//! AI orchestrator with the CEO brain (MSE 5.3): the operating mode of the whole fund, and the veto on single
//! signals. Modes and vetoes share one enumeration, so that a black swan stops what it should (incident I-29).
//!
//! The scale of the risk score is ambiguous in the specification (see the risk brain); every threshold is a
//! setting.

use std::collections::VecDeque;

use engine::{
    Body, Call, CallId, Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input,
    Nanos, Reader, Reply, Service, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::regime::{
    Health, ModeInputs, ModeThresholds, OperatingMode, OrchestratorInput, OrchestratorRule,
    OrchestratorVerdict, RiskOpinion, SignalVeto, judge_signal, mode_cooldown_s, recommended_mode,
};

use super::risk_brain::risk_score;
use crate::audited::Audited;
use crate::records::{
    EvaluateReply, EvaluateRequest, FundMode, ModeWord, PortfolioState, RiskReply, RiskRequest,
    StrategyReply, StrategyRequest, TradeClosed, Verdict,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::TRADE_CLOSED;
use crate::{grid, keys, switches};

const T: ModeThresholds = ModeThresholds {
    black_swan_drawdown: 0.08,
    black_swan_risk: 85.0,
    preservation_drawdown: 0.05,
    defensive_drawdown: 0.03,
    defensive_risk: 30.0,
    defensive_win_rate: 0.48,
    degraded_is_tolerated: false,
    growth_win_rate: 0.55,
    growth_risk: 70.0,
    expansion_win_rate: 0.52,
    expansion_risk: 50.0,
};

settings! {
    /// AI orchestrator and CEO brain.
    pub struct OrchestratorSettings {
        /// Between two looks at the mode, in s.
        pub mode_interval_s: i64 = 60 => 1..,
        /// How long it waits for the strategy brain and the risk brain, in ms.
        pub time_out_ms: i64 = 400 => 1..,
        /// Closed trades of which the win rate is made; with fewer it is taken as even.
        pub win_rate_trades: u32 = 20 => 1..=1_000,
        /// Drawdown of a black swan.
        pub black_swan_drawdown: f64 = T.black_swan_drawdown => SHARE,
        /// Risk score of a black swan.
        pub black_swan_risk: f64 = T.black_swan_risk => 0.0..=100.0,
        /// Drawdown of capital preservation.
        pub preservation_drawdown: f64 = T.preservation_drawdown => SHARE,
        /// Drawdown of defence.
        pub defensive_drawdown: f64 = T.defensive_drawdown => SHARE,
        /// A risk score at or below it calls for defence.
        pub defensive_risk: f64 = T.defensive_risk => 0.0..=100.0,
        /// A win rate below it calls for defence.
        pub defensive_win_rate: f64 = T.defensive_win_rate => SHARE,
        /// A degraded system is no reason for defence.
        pub degraded_is_tolerated: bool = T.degraded_is_tolerated,
        /// Win rate of growth.
        pub growth_win_rate: f64 = T.growth_win_rate => SHARE,
        /// Risk score of growth.
        pub growth_risk: f64 = T.growth_risk => 0.0..=100.0,
        /// Win rate of expansion.
        pub expansion_win_rate: f64 = T.expansion_win_rate => SHARE,
        /// Risk score of expansion.
        pub expansion_risk: f64 = T.expansion_risk => 0.0..=100.0,
    }
}

impl OrchestratorSettings {
    fn thresholds(&self) -> ModeThresholds {
        ModeThresholds {
            black_swan_drawdown: self.black_swan_drawdown,
            black_swan_risk: self.black_swan_risk,
            preservation_drawdown: self.preservation_drawdown,
            defensive_drawdown: self.defensive_drawdown,
            defensive_risk: self.defensive_risk,
            defensive_win_rate: self.defensive_win_rate,
            degraded_is_tolerated: self.degraded_is_tolerated,
            growth_win_rate: self.growth_win_rate,
            growth_risk: self.growth_risk,
            expansion_win_rate: self.expansion_win_rate,
            expansion_risk: self.expansion_risk,
        }
    }
}

/// Signals that are judged at once, at most: the oldest then fall out, and their callers' time is over.
const JUDGED_MAX: usize = 64;
/// A win rate that calls for nothing.
const EVEN: f64 = 0.5;

/// A signal that waits for the brains.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Judged {
    call: CallId,
    confidence: f64,
    size_usd: Decimal,
    strategy: Option<CallId>,
    approved: Option<bool>,
    risk_call: Option<CallId>,
    risk: Option<RiskOpinion>,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orchestrator {
    settings: OrchestratorSettings,
    /// Which modes stop a signal.
    rule: OrchestratorRule,
    risk: super::risk_brain::RiskBrainSettings,
    mode: OperatingMode,
    since: Nanos,
    won: VecDeque<bool>,
    judged: Vec<Judged>,
}

impl Orchestrator {
    /// After a start: the mode of a former life, and the newest trades.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        self.since = ctx.now();
        match ctx.record::<FundMode>(keys::FUND_MODE.name) {
            Ok(Some(last)) => {
                (self.mode, self.since) = (last.mode.mode(), last.since.0);
            }
            Ok(None) => {}
            Err(_) => ctx.count("mode_unreadable", 1),
        }
        let newest = ctx.newest(TRADE_CLOSED.name, self.settings.win_rate_trades as usize);
        for entry in newest.unwrap_or_default().iter().rev() {
            if let Some(Ok(trade)) = entry.body.as_ref().map(Body::read::<TradeClosed>) {
                self.closed(&trade);
            }
        }
    }

    fn closed(&mut self, trade: &TradeClosed) {
        if self.won.len() == self.settings.win_rate_trades as usize {
            self.won.pop_front();
        }
        self.won.push_back(trade.pnl_usd > Decimal::ZERO);
    }

    fn win_rate(&self) -> f64 {
        if self.won.len() < self.settings.win_rate_trades as usize {
            return EVEN;
        }
        self.won.iter().filter(|won| **won).count() as f64 / self.won.len() as f64
    }

    /// The CEO brain: which mode the fund should be in.
    fn look(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let state = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(state) => state.map(std::borrow::Cow::into_owned),
            Err(_) => {
                ctx.count("portfolio_unreadable", 1);
                None
            }
        };
        let known = state.filter(|state| !state.stale);
        let score = known.as_ref().and_then(|state| risk_score(state, &self.risk));
        let (Some(state), Some(risk_score)) = (known, score) else {
            // A fund that nobody sees keeps its mode; the gates of its orders ask on their own.
            ctx.count("portfolio_unknown", 1);
            return self.tell(0.0, 0.0, ctx);
        };
        let stopped = switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx);
        let safe = switches::is_set(keys::SAFE_MODE.name, &["1", "true", "yes"], ctx);
        let health = match (stopped, safe) {
            (true, _) => Health::Critical,
            (false, true) => Health::Degraded,
            (false, false) => Health::Healthy,
        };
        let inputs = ModeInputs {
            current: self.mode,
            drawdown: state.drawdown,
            risk_score,
            win_rate: self.win_rate(),
            health,
        };
        let Ok(wanted) = recommended_mode(&inputs, &self.settings.thresholds()) else {
            return ctx.count("portfolio_unknown", 1);
        };
        let rest = Nanos::from_secs(mode_cooldown_s(self.mode, wanted));
        if wanted != self.mode && now - self.since >= rest {
            (self.mode, self.since) = (wanted, now);
            ctx.count("mode_changes", 1);
        }
        self.tell(state.drawdown, risk_score, ctx);
    }

    fn tell(&self, drawdown: f64, risk_score: f64, ctx: &mut Context<'_>) {
        let limits = self.mode.limits();
        let record = FundMode {
            mode: ModeWord::of(self.mode),
            since: EpochSeconds(self.since),
            drawdown,
            risk_score,
            win_rate: self.win_rate(),
            max_leverage: limits.leverage_max,
            max_positions: limits.positions_max,
            updated_at: EpochSeconds(ctx.now()),
        };
        if ctx.set_record(keys::FUND_MODE.name, &record, keys::FUND_MODE.life).is_err() {
            ctx.count("mode_not_saved", 1);
        }
        ctx.gauge("operating_mode", GaugeOf::Word(ModeWord::of(self.mode).as_str()), 1.0);
        for word in ModeWord::ALL.iter().filter(|word| **word != ModeWord::of(self.mode)) {
            ctx.gauge("operating_mode", GaugeOf::Word(word.as_str()), 0.0);
        }
    }

    fn evaluate(&mut self, call: &Call, ctx: &mut Context<'_>) {
        let Ok(request) = call.body.read::<EvaluateRequest>() else {
            return ctx.count("requests_malformed", 1);
        };
        let time_out = Nanos::from_millis(self.settings.time_out_ms);
        let mut judged = Judged {
            call: call.id,
            confidence: request.confidence,
            size_usd: request.size_usd,
            strategy: None,
            approved: None,
            risk_call: None,
            risk: None,
        };
        if self.mode != OperatingMode::Expansion {
            // It has a say only where the fund expands.
        } else if let Some(brain) = ctx.service("strategy_brain") {
            let question = StrategyRequest {
                symbol: request.symbol,
                direction: request.action,
                confidence: request.confidence,
                entry_price: None,
                regime: Some(request.regime.clone()),
            };
            judged.strategy =
                Some(ctx.call(brain, Body::message(Envelope::Flat, question), time_out));
        } else {
            ctx.count("strategy_brain_missing", 1);
        }
        if let Some(brain) = ctx.service("risk_brain") {
            let question = RiskRequest { symbol: request.symbol, size_usd: request.size_usd };
            judged.risk_call =
                Some(ctx.call(brain, Body::message(Envelope::Flat, question), time_out));
        } else {
            ctx.count("risk_brain_missing", 1);
        }
        if self.judged.len() == JUDGED_MAX {
            self.judged.remove(0);
            ctx.count("evaluations_dropped", 1);
        }
        if judged.strategy.is_none() && judged.risk_call.is_none() {
            self.verdict(&judged, ctx);
        } else {
            self.judged.push(judged);
        }
    }

    fn heard(&mut self, reply: &Reply, ctx: &mut Context<'_>) {
        let id = Some(reply.id);
        let of_it = |judged: &Judged| judged.strategy == id || judged.risk_call == id;
        let Some(place) = self.judged.iter().position(of_it) else { return };
        let judged = &mut self.judged[place];
        if judged.strategy == id {
            judged.strategy = None;
            match reply.body.as_ref().map(Body::read::<StrategyReply>) {
                Some(Ok(answer)) => judged.approved = Some(answer.approved),
                Some(Err(_)) => ctx.count("replies_malformed", 1),
                None => ctx.count("strategy_brain_time_outs", 1),
            }
        } else {
            judged.risk_call = None;
            match reply.body.as_ref().map(Body::read::<RiskReply>) {
                Some(Ok(answer)) => {
                    let size_usd = grid::float(answer.size_usd);
                    judged.risk = Some(RiskOpinion { size_usd, risk_score: answer.risk_score });
                }
                Some(Err(_)) => ctx.count("replies_malformed", 1),
                None => ctx.count("risk_brain_time_outs", 1),
            }
        }
        if judged.strategy.is_none() && judged.risk_call.is_none() {
            let judged = self.judged.remove(place);
            self.verdict(&judged, ctx);
        }
    }

    fn verdict(&self, judged: &Judged, ctx: &mut Context<'_>) {
        let input = OrchestratorInput {
            confidence: judged.confidence,
            size_usd: grid::float(judged.size_usd),
            mode: Some(self.mode),
            approved: judged.approved,
            risk: judged.risk,
        };
        let (decision, reason, size) = match judge_signal(&input, self.rule) {
            Ok(OrchestratorVerdict::Execute { size_usd }) => {
                let size = grid::decimal(size_usd).unwrap_or(judged.size_usd);
                (Verdict::Execute, "EXECUTE", size.min(judged.size_usd))
            }
            Ok(OrchestratorVerdict::Skip(veto)) => (Verdict::Skip, word(veto), Decimal::ZERO),
            Err(_) => (Verdict::Skip, "NOT_A_NUMBER", Decimal::ZERO),
        };
        ctx.count(if decision == Verdict::Execute { "executed" } else { "skipped" }, 1);
        let reply = EvaluateReply {
            decision,
            reason: reason.into(),
            size_usd: size,
            mode: ModeWord::of(self.mode).as_str().into(),
        };
        ctx.reply(judged.call, Body::message(Envelope::Flat, reply));
    }

    fn trade(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        if let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) {
            self.closed(&trade);
            ctx.count("trades_seen", 1);
        }
    }
}

fn word(veto: SignalVeto) -> &'static str {
    match veto {
        SignalVeto::BlackSwan => "BLACK_SWAN",
        SignalVeto::StrategyNotApproved => "STRATEGY_NOT_APPROVED",
        SignalVeto::NoSize => "NO_SIZE",
        SignalVeto::RiskScoreHigh => "RISK_SCORE_HIGH",
        SignalVeto::LowConfidence => "LOW_CONFIDENCE",
    }
}

impl Configured for Orchestrator {
    type Settings = OrchestratorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "evaluations_dropped",
        "executed",
        "mode_changes",
        "mode_not_saved",
        "mode_unreadable",
        "portfolio_unknown",
        "portfolio_unreadable",
        "replies_malformed",
        "requests_malformed",
        "risk_brain_missing",
        "risk_brain_time_outs",
        "skipped",
        "strategy_brain_missing",
        "strategy_brain_time_outs",
        "trades_seen",
    ];
    const GAUGES: &'static [&'static str] = &["operating_mode"];

    fn configured(
        settings: &OrchestratorSettings,
        setup: Setup<'_>,
    ) -> Result<Orchestrator, String> {
        Ok(Orchestrator {
            settings: settings.clone(),
            rule: match setup.pipeline.audited.has(Audited::BlackSwanSkipsNothing) {
                true => OrchestratorRule::AuditedNoneSkips,
                false => OrchestratorRule::BlackSwanSkips,
            },
            risk: setup.pipeline.risk_brain.clone(),
            mode: OperatingMode::Expansion,
            since: Nanos::ZERO,
            won: VecDeque::new(),
            judged: Vec::new(),
        })
    }
}

impl Service for Orchestrator {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(TRADE_CLOSED.name, "orchestrator", GroupStart::End)],
            looks: vec![TRADE_CLOSED.name],
            keys_read: keys::patterns(&[
                keys::PORTFOLIO,
                keys::EMERGENCY_STOP,
                keys::SAFE_MODE,
                keys::FUND_MODE,
            ]),
            keys_written: keys::patterns(&[keys::FUND_MODE]),
            calls: vec!["strategy_brain", "risk_brain"],
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_secs(self.settings.mode_interval_s);
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Timer(_) => {
                self.look(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Delivery(delivery) => self.trade(delivery, ctx),
            Input::Call(call) => self.evaluate(call, ctx),
            Input::Reply(reply) => self.heard(reply, ctx),
            _ => {}
        }
    }
}
