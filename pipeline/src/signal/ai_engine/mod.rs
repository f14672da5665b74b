//! AI engine (MSE 4): ticks in, decisions out. It writes decisions, never intents, and answers the trading
//! bot's question for a signal.
//!
//! `markets` is what it knows of symbols, `seats` and `ensemble` are the vote and its layers, `decide` the steps
//! from a vote to a decision, `sizing` one of them, and `results` what closed trades teach.

mod decide;
mod ensemble;
mod markets;
mod results;
mod rules;
mod seats;
pub(crate) mod sizing;
mod words;

use engine::{
    Body, Call, Context, CorrelationId, Delivery, EntryId, Envelope, EpochSeconds, GaugeOf,
    GroupStart, Input, Nanos, Reader, Service, ServiceState, StateError, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::ConsensusWeights;
use strategies::learning::ShadowSettings;
use strategies::signal::{
    AiSizingMode, Governer, GovernerLimits, MetaSettings, RateLimits, ShortHistory, SignalRates,
    SignalRules,
};

use crate::grid;
use crate::keys;
use crate::records::{
    ExchangeNormalized, Kline, PolicyUpdated, SignalAction, SignalReply, SignalRequest, Tick,
};
use crate::settings::{Configured, LEVERAGE, SHARE, Setup, settings};
use crate::streams::{
    AI_DECISION_MADE, AI_SIGNAL_GENERATED, EXCHANGE_NORMALIZED, MARKET_KLINES, MARKET_TICK,
    POLICY_UPDATED, RL_EXPERIENCE, SIZING_DECIDED, TRADE_CLOSED, bus_group,
};
use markets::Market;
use results::{Accuracy, Results};
use rules::Rules;
use seats::{MetaSeat, Seat};
pub use seats::{ModelKind, ModelRole, ModelSetting};

/// Where the engine trades: a testnet only logs drift, caps sizes and has no daily limit. Nothing else
/// differs: off the testnet the reference system decided nothing at all (incident I-18).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EngineMode {
    /// As the audited system ran.
    #[default]
    Testnet,
    /// With all gates closed that can be.
    Mainnet,
}

/// What sizes a decision.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SizingMode {
    /// The formulas.
    #[default]
    Math,
    /// The table of the sizing agent.
    Table,
}

settings! {
    /// AI engine.
    pub struct AiEngineSettings {
        /// Where it trades.
        pub mode: EngineMode = EngineMode::default(),
        /// The built-in models of the ensemble.
        pub predictors: Vec<String> = strategies::PREDICTORS.iter().map(|p| (*p).to_owned()).collect(),
        /// Model files that vote beside them, or above them as the meta agent.
        pub models: Vec<ModelSetting> = Vec::new(),
        /// Whether the meta agent is asked.
        pub meta_agent_enabled: bool = false,
        /// It overrides the vote from this confidence on.
        pub meta_override_threshold: f64 = 0.99 => SHARE,
        /// An invalid answer of it keeps the vote; else it is HOLD.
        pub meta_fail_open: bool = true,
        /// Whether the governer agent judges every BUY and SELL.
        pub governer_enabled: bool = true,
        /// Least confidence that the governer agent lets pass.
        pub governer_min_confidence: f64 = 0.65 => SHARE,
        /// Decisions a day; on a testnet a million at least.
        pub max_daily_trades: i64 = 10_000 => 1..,
        /// Factors on the confidence, of which the mean counts.
        pub signal_scalers: Vec<f64> = vec![1.0; 4],
        /// A signal below this is none.
        pub min_signal_confidence: f64 = 0.55 => SHARE,
        /// How long it waits for the orchestrator, in ms.
        pub orchestrator_time_out_ms: i64 = 1_000 => 1..,
        /// Least confidence of a decision.
        pub min_confidence_threshold: f64 = 0.75 => SHARE,
        /// A symbol rests so long after a decision, in s.
        pub symbol_cooldown_s: i64 = 120 => 0..,
        /// Decisions in any minute.
        pub max_signals_per_minute: u32 = 6 => 1..=1_000_000,
        /// Whether the RL shadow says what it would do; it never does it.
        pub rl_influence_enabled: bool = false,
        /// Whether the AI sizer's numbers are traded, or told beside.
        pub ai_sizing_mode: AiSizingMode = AiSizingMode::default(),
        /// What sizes a decision.
        pub sizing_mode: SizingMode = SizingMode::default(),
        /// A decision on an older tick is no answer to a question for a signal, in s. A market of closed bars
        /// ticks once a minute, and its bar may still be on its way when the question comes.
        pub decision_max_age_s: i64 = 120 => 1..,
        /// Cap of the sizing.
        pub max_leverage: f64 = 25.0 => LEVERAGE,
        /// Share of the equity that is used as margin.
        pub risk_per_trade: f64 = 0.02 => SHARE,
    }
}

impl AiEngineSettings {
    fn meta(&self) -> MetaSettings {
        MetaSettings {
            enabled: self.meta_agent_enabled,
            override_threshold: self.meta_override_threshold,
            fail_open: self.meta_fail_open,
        }
    }

    fn governer_limits(&self) -> GovernerLimits {
        let daily = self.max_daily_trades.unsigned_abs();
        GovernerLimits {
            confidence_min: self.governer_min_confidence,
            daily_trades_max: match self.mode {
                EngineMode::Testnet => daily.max(1_000_000),
                EngineMode::Mainnet => daily,
            },
            ..GovernerLimits::default()
        }
    }

    fn signal_rules(&self, short_history: ShortHistory) -> SignalRules {
        SignalRules {
            confidence_min: self.min_signal_confidence,
            drift_only_logged: self.mode == EngineMode::Testnet,
            short_history,
        }
    }

    fn rate_limits(&self) -> RateLimits {
        RateLimits {
            confidence_min: self.min_confidence_threshold,
            symbol_cooldown: Nanos::from_secs(self.symbol_cooldown_s),
            per_minute_max: self.max_signals_per_minute as usize,
        }
    }

    fn shadow(&self) -> ShadowSettings {
        ShadowSettings { enabled: self.rl_influence_enabled, ..ShadowSettings::default() }
    }
}

const SOURCE: &str = "ai-engine";
const TICKS: usize = 0;
const KLINES: usize = 1;
const VENUES: usize = 2;
const LEARNING: usize = 3;
const CALIBRATOR: usize = 4;
const RL_CALIBRATION: usize = 5;
const POLICIES: usize = 6;
/// Modules that the reference system counts as models beside the predictors (MSE 4.1).
const MODULES: f64 = 15.0;
/// Average true range that the sizing assumes where none is known.
const ATR_DEFAULT: f64 = 0.02;
/// Equity that the sizing inside the engine assumes; the bot sizes by the account.
const EQUITY_ASSUMED: f64 = 10_000.0;

/// What it knows: plain data. The models are not part of it, they are what it was built with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    markets: Vec<Market>,
    weights: ConsensusWeights,
    /// Of each seat, with the supervisor's where there are any.
    seat_weights: Vec<f64>,
    weights_read: Option<Nanos>,
    rates: SignalRates,
    governer: Governer,
    accuracy: Accuracy,
    results: Results,
    /// The newest closed trade that the memory had at the start.
    recovered: EntryId,
}

/// The service.
#[derive(Clone, Debug)]
pub struct AiEngine {
    settings: AiEngineSettings,
    rules: Rules,
    seats: Vec<Seat>,
    #[cfg_attr(not(feature = "models"), allow(dead_code, reason = "there is none"))]
    meta: Option<MetaSeat>,
    funding_keys: Vec<String>,
    calibration_keys: Vec<String>,
    policy_keys: Vec<String>,
    drift_keys: Vec<String>,
    state: State,
}

impl AiEngine {
    fn market(&mut self, symbol: Symbol) -> Option<&mut Market> {
        self.state.markets.iter_mut().find(|market| market.symbol == symbol)
    }

    fn start(&mut self, ctx: &mut Context<'_>) {
        self.recover(ctx);
        let gauges = [
            ("models_loaded", MODULES + self.seats.len() as f64),
            ("ensemble_enabled", 1.0),
            ("rl_sizing_enabled", 1.0),
            ("adaptive_leverage_status", 1.0),
        ];
        for (name, value) in gauges {
            ctx.gauge(name, GaugeOf::All, value);
        }
    }

    fn tick(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(tick) = ctx.read::<Tick>(MARKET_TICK.name, delivery) else { return };
        let Some(place) = self.state.markets.iter().position(|m| m.symbol == tick.symbol) else {
            ctx.count("ticks_of_unknown_symbols", 1);
            return;
        };
        let (price, qty) = (grid::float(tick.price), tick.qty.map(grid::float));
        if !self.state.markets[place].push(price, qty, tick.is_buyer_maker) {
            ctx.dead_letter(MARKET_TICK.name, delivery, "price or quantity is not usable");
            return;
        }
        self.decide(place, tick.price, tick.timestamp.0, ctx);
    }

    fn kline(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(kline) = ctx.read::<Kline>(MARKET_KLINES.name, delivery) else { return };
        let one_candle = self.rules.one_candle;
        match self.market(kline.symbol) {
            Some(market) => market.bar((!one_candle).then(|| grid::float(kline.close))),
            None => ctx.count("klines_of_unknown_symbols", 1),
        }
    }

    fn venues(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let read = ctx.read::<ExchangeNormalized>(EXCHANGE_NORMALIZED.name, delivery);
        let Some(prices) = read else { return };
        let now = ctx.now();
        match self.market(prices.symbol) {
            Some(market) => market.heard(&prices, now),
            None => ctx.count("venues_of_unknown_symbols", 1),
        }
    }

    /// A decision is handed out once: one decision, one intent (incident I-02).
    fn answer(&mut self, call: &Call, ctx: &mut Context<'_>) {
        let Ok(request) = call.body.read::<SignalRequest>() else {
            // Nobody answers what cannot be read; the caller's time-out is his error message.
            ctx.count("requests_malformed", 1);
            return;
        };
        let now = ctx.now();
        let age_max = Nanos::from_secs(self.settings.decision_max_age_s);
        if self.rules.questions_are_ticks
            && let Some((price, volume)) = request.price.zip(request.volume)
            && let Some(market) = self.market(request.symbol)
        {
            market.asked(grid::float(price), grid::float(volume));
        }
        let decision = self.market(request.symbol).and_then(|market| market.decision.take());
        let was_there = decision.is_some();
        let fresh = decision.filter(|decided| now - decided.at <= age_max);
        if was_there && fresh.is_none() {
            ctx.count("decisions_too_old", 1);
        }
        if fresh.is_none() {
            ctx.count("no_signal", 1);
        }
        let fresh = fresh.as_ref();
        let reply = SignalReply {
            symbol: request.symbol,
            signal: fresh.is_some(),
            reason: if fresh.is_some() { "decision" } else { "no_signal" }.into(),
            action: fresh.map_or(SignalAction::Hold, |d| d.action),
            confidence: fresh.map_or(0.0, |d| d.confidence),
            ensemble_confidence: fresh.map_or(0.0, |d| d.confidence),
            model: "ensemble".into(),
            strategy: "default".into(),
            regime: "unknown".into(),
            position_size_usd: fresh.map_or(Decimal::ZERO, |d| d.size_usd),
            leverage: fresh.map_or(1, |d| d.leverage),
            correlation_id: fresh.map_or(CorrelationId::default(), |d| d.correlation_id),
            timestamp: EpochSeconds(now),
        };
        ctx.reply(call.id, Body::message(Envelope::Flat, reply));
    }
}

impl Configured for AiEngine {
    type Settings = AiEngineSettings;
    const COUNTERS: &'static [&'static str] = &[
        "calibration_not_saved",
        "calibration_unreadable",
        "daily_trades_unreadable",
        "decisions",
        "decisions_too_old",
        "drift_blocked",
        "drift_not_saved",
        "drift_severe",
        "ensemble_failed",
        "experiences",
        "funding_blocked",
        "funding_unreadable",
        "funding_warnings",
        "governer_rejected_daily_limit",
        "governer_rejected_emergency_stop",
        "governer_rejected_error",
        "governer_rejected_loss_cooldown",
        "governer_rejected_low_confidence",
        "governer_rejected_max_drawdown",
        "governer_rejected_max_exposure",
        "klines_of_unknown_symbols",
        "meta_failed_closed",
        "meta_overrides",
        "models_of_wrong_shape",
        "models_without_a_probability",
        "no_signal",
        "orchestrator_malformed",
        "orchestrator_missing",
        "orchestrator_skips",
        "orchestrator_still_asked",
        "orchestrator_time_outs",
        "outcomes_unreadable",
        "policies_seen",
        "rate_limited_low_confidence",
        "rate_limited_minute",
        "rate_limited_symbol_cooldown",
        "requests_malformed",
        "rl_policy_unreadable",
        "rule_fallbacks",
        "signals_below_min_confidence",
        "signals_generated_total",
        "signals_stopped",
        "signals_without_size",
        "sizing_table_unreadable",
        "supervisor_weights_unreadable",
        "ticks_of_unknown_symbols",
        "trades_of_unknown_symbols",
        "trades_without_decision",
        "venues_of_unknown_symbols",
    ];
    const GAUGES: &'static [&'static str] = &[
        "adaptive_leverage_status",
        "drift_psi",
        "ensemble_enabled",
        "models_loaded",
        "rl_sizing_enabled",
    ];

    fn configured(settings: &AiEngineSettings, setup: Setup<'_>) -> Result<AiEngine, String> {
        let scaler = settings.signal_scalers.iter().find(|s| !(0.0..=2.0).contains(*s));
        if let Some(scaler) = scaler {
            return Err(format!("signal_scalers has {scaler}: give factors from 0 to 2"));
        }
        let seated = seats::seat(&settings.predictors, &settings.models, setup.predictors)?;
        if settings.meta_agent_enabled && seated.meta.is_none() && !settings.meta_fail_open {
            return Err("meta_agent_enabled without a model of the role \"meta\" holds for ever: \
                        name one in models, or set meta_fail_open"
                .to_owned());
        }
        let seat_weights = seated.voters.iter().map(|seat| seat.model().weight()).collect();
        Ok(AiEngine {
            settings: settings.clone(),
            rules: Rules::of(&setup.pipeline.audited),
            seats: seated.voters,
            meta: seated.meta,
            funding_keys: keys::FUNDING.of_each(setup.symbols),
            calibration_keys: keys::RL_CALIBRATION.of_each(setup.symbols),
            policy_keys: keys::RL_POLICY.of_each(setup.symbols),
            drift_keys: keys::AI_DRIFT.of_each(setup.symbols),
            state: State {
                markets: setup.symbols.iter().map(|symbol| Market::new(*symbol)).collect(),
                weights: ConsensusWeights::default(),
                seat_weights,
                weights_read: None,
                rates: SignalRates::default(),
                governer: Governer::default(),
                accuracy: Accuracy::default(),
                results: Results::default(),
                recovered: EntryId::ZERO,
            },
        })
    }
}

/// The state is what it knows; models stay those that it was built with.
impl ServiceState for AiEngine {
    fn clone_service(&self) -> Box<dyn Service> {
        Box::new(self.clone())
    }
    fn save(&self) -> Result<serde_json::Value, StateError> {
        Ok(serde_json::to_value(&self.state)?)
    }
    fn load(&mut self, state: serde_json::Value) -> Result<(), StateError> {
        self.state = serde_json::from_value(state)?;
        Ok(())
    }
}

impl Service for AiEngine {
    fn wiring(&self) -> Wiring {
        let group = |stream: crate::streams::Stream, start| {
            Reader::group(stream.name, &bus_group(SOURCE, stream), start)
        };
        let beginning = |stream| group(stream, GroupStart::Beginning);
        let own = |purpose| {
            let name = bus_group(purpose, TRADE_CLOSED);
            Reader::group(TRADE_CLOSED.name, &name, GroupStart::Beginning)
        };
        let table = match self.settings.sizing_mode {
            SizingMode::Math => Vec::new(),
            SizingMode::Table => keys::patterns(&[keys::RL_SIZING_TABLE]),
        };
        let read = keys::patterns(&[
            keys::EMERGENCY_STOP,
            keys::KILL_SWITCH,
            keys::KILL,
            keys::EQUITY_CURRENT,
            keys::PORTFOLIO,
            keys::FUNDING,
            keys::RL_CALIBRATION,
            keys::RL_POLICY,
            keys::RL_SIZING_OUTCOMES,
            keys::GOVERNER_DAILY_TRADES,
            keys::SUPERVISOR_WEIGHTS,
        ]);
        Wiring {
            readers: vec![
                beginning(MARKET_TICK),
                beginning(MARKET_KLINES),
                group(EXCHANGE_NORMALIZED, GroupStart::End),
                beginning(TRADE_CLOSED),
                if self.rules.one_group {
                    beginning(TRADE_CLOSED)
                } else {
                    own("ai-engine-calibrator")
                },
                own("ai-engine-rl-calibration"),
                beginning(POLICY_UPDATED),
            ],
            writes: vec![
                AI_SIGNAL_GENERATED.name,
                SIZING_DECIDED.name,
                AI_DECISION_MADE.name,
                RL_EXPERIENCE.name,
            ],
            looks: vec![AI_DECISION_MADE.name, TRADE_CLOSED.name],
            keys_read: [read, table].concat(),
            keys_written: keys::patterns(&[
                keys::RL_CALIBRATION,
                keys::GOVERNER_DAILY_TRADES,
                keys::AI_DRIFT,
            ]),
            calls: vec!["orchestrator"],
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => self.start(ctx),
            Input::Delivery(delivery) => match delivery.reader {
                TICKS => self.tick(delivery, ctx),
                KLINES => self.kline(delivery, ctx),
                VENUES => self.venues(delivery, ctx),
                LEARNING => self.learn(delivery, ctx),
                CALIBRATOR => self.calibrate(delivery, ctx),
                RL_CALIBRATION => self.count_result(delivery, ctx),
                POLICIES => {
                    let read = ctx.read::<PolicyUpdated>(POLICY_UPDATED.name, delivery);
                    ctx.count("policies_seen", u64::from(read.is_some()));
                }
                _ => {}
            },
            Input::Call(call) => self.answer(call, ctx),
            Input::Reply(reply) => self.answered(reply, ctx),
            _ => {}
        }
    }
}
