//! AI engine (MSE 4): ticks in, decisions out. It writes decisions, never intents, and answers the
//! trading bot's question for a signal.

use engine::{
    Body, Call, Context, CorrelationId, Delivery, Envelope, EpochSeconds, GroupStart, Input,
    IsoTime, JsonText, Nanos, Reader, Service, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::{
    Action, ConsensusWeights, Outcomes, Prediction, Predictor, PriceHistory, SizingInput, Vote,
    features, predictor, size, vote,
};

use crate::grid;
use crate::keys;
use crate::records::{
    DecisionMade, Kline, SignalAction, SignalGenerated, SignalReply, SignalRequest, SizingDecided,
    Tick, Votes,
};
use crate::settings::{Configured, LEVERAGE, SHARE, Setup, settings};
use crate::streams::{
    AI_DECISION_MADE, AI_SIGNAL_GENERATED, MARKET_KLINES, MARKET_TICK, SIZING_DECIDED, bus_group,
};
use crate::switches;

settings! {
    /// AI engine.
    pub struct AiEngineSettings {
        /// The models of the ensemble.
        pub predictors: Vec<String> = strategies::PREDICTORS.iter().map(|p| (*p).to_owned()).collect(),
        /// A signal below this is none.
        pub min_signal_confidence: f64 = 0.55 => SHARE,
        /// A decision on an older tick is no answer to a question for a signal, in s. A market of closed bars
        /// ticks once a minute, and its bar may still be on its way when the question comes.
        pub decision_max_age_s: i64 = 120 => 1..,
        /// Cap of the sizing.
        pub max_leverage: f64 = 25.0 => LEVERAGE,
        /// Share of the equity that is used as margin.
        pub risk_per_trade: f64 = 0.02 => SHARE,
    }
}

const SOURCE: &str = "ai-engine";
const TICKS: usize = 0;
const KLINES: usize = 1;
/// Average true range that the sizing assumes where none is known.
const ATR_DEFAULT: f64 = 0.02;
/// Equity that the sizing inside the engine assumes; the bot sizes by the account.
const EQUITY_ASSUMED: f64 = 10_000.0;

/// What the engine knows of a symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Market {
    symbol: Symbol,
    history: PriceHistory,
    /// Of the running minute; a closed bar begins a new one.
    high: f64,
    low: f64,
    decision: Option<Decided>,
}

/// The newest decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Decided {
    at: Nanos,
    action: SignalAction,
    confidence: f64,
    size_usd: Decimal,
    leverage: u32,
    correlation_id: CorrelationId,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AiEngine {
    settings: AiEngineSettings,
    markets: Vec<Market>,
    weights: ConsensusWeights,
}

impl AiEngine {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &AiEngineSettings) -> AiEngine {
        let market = |symbol: &Symbol| Market {
            symbol: *symbol,
            history: PriceHistory::new(),
            high: 0.0,
            low: 0.0,
            decision: None,
        };
        AiEngine {
            settings: settings.clone(),
            markets: symbols.iter().map(market).collect(),
            weights: ConsensusWeights::default(),
        }
    }

    fn market(&mut self, symbol: Symbol) -> Option<&mut Market> {
        self.markets.iter_mut().find(|market| market.symbol == symbol)
    }

    fn tick(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(tick) = ctx.read::<Tick>(MARKET_TICK.name, delivery) else { return };
        let Some(place) = self.markets.iter().position(|m| m.symbol == tick.symbol) else {
            ctx.count("ticks_of_unknown_symbols", 1);
            return;
        };
        let price = grid::float(tick.price);
        let market = &mut self.markets[place];
        if market.history.push(price, tick.qty.map_or(0.0, grid::float)).is_err() {
            ctx.dead_letter(MARKET_TICK.name, delivery, "price or quantity is not usable");
            return;
        }
        market.high = market.high.max(price);
        market.low = if market.low > 0.0 { market.low.min(price) } else { price };
        market.decision = None;
        let ballot = self.ballot(place);
        if ballot.action == Action::Hold {
            return;
        }
        self.decide(place, &ballot, tick.price, tick.timestamp.0, ctx);
    }

    fn ballot(&self, place: usize) -> Vote {
        let market = &self.markets[place];
        let features = features(&market.history, market.high, market.low);
        let silent = Prediction {
            action: Action::Hold,
            confidence: 0.0,
            voting: strategies::Voting::ShadowMode,
        };
        let mut opinions = [(0.0, silent); 8];
        let mut count = 0;
        for model in self.settings.predictors.iter().filter_map(|name| predictor(name)).take(8) {
            let model: &dyn Predictor = model;
            opinions[count] = (model.weight(), model.predict(&features, market.history.len()));
            count += 1;
        }
        vote(&opinions[..count], &self.weights)
    }

    /// From a vote for BUY or SELL to a decision, through the gates of MSE 4.5.
    fn decide(
        &mut self,
        place: usize,
        ballot: &Vote,
        price: Decimal,
        at: Nanos,
        ctx: &mut Context<'_>,
    ) {
        if ballot.confidence < self.settings.min_signal_confidence {
            ctx.count("signals_below_min_confidence", 1);
            return;
        }
        if switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            ctx.count("signals_stopped", 1);
            return;
        }
        let symbol = self.markets[place].symbol;
        let action =
            if ballot.action == Action::Buy { SignalAction::Buy } else { SignalAction::Sell };
        let correlation_id = ctx.correlation_id();
        let envelope =
            |event_type| Envelope::Bus { event_type, source: SOURCE, correlation_id, time: at };
        let [buy, sell, hold] = ballot.votes;
        let signal = SignalGenerated {
            symbol,
            action,
            confidence: ballot.confidence,
            ensemble_confidence: ballot.confidence,
            model_votes: JsonText(Votes { buy, sell, hold }),
            consensus: ballot.consensus_count as u64,
            timestamp: IsoTime(at),
        };
        crate::publish(ctx, AI_SIGNAL_GENERATED, envelope(AI_SIGNAL_GENERATED.event), signal);

        let sizing = size(
            &SizingInput {
                symbol,
                confidence: ballot.confidence,
                atr_pct: ATR_DEFAULT,
                exposure_pct: 0.0,
                equity_usd: EQUITY_ASSUMED,
                max_leverage: self.settings.max_leverage,
                risk_per_trade: self.settings.risk_per_trade,
            },
            &Outcomes::BOOTSTRAP,
        );
        let sign = if action == SignalAction::Buy { 1.0 } else { -1.0 };
        let level = |share: f64| grid::decimal(grid::float(price) * (1.0 + sign * share));
        let (Some(size_usd), Some(stop_loss), Some(take_profit)) = (
            grid::decimal(sizing.position_size_usd),
            level(-sizing.sl_percent),
            level(sizing.tp_percent),
        ) else {
            ctx.count("signals_without_size", 1);
            return;
        };
        let leverage = sizing.leverage.round_ties_even() as u32;
        let decided = SizingDecided {
            symbol,
            position_size_usd: size_usd,
            leverage,
            risk_pct: sizing.risk_pct,
            confidence: sizing.confidence,
            reasoning: "math_ai_mode".into(),
            tp_percent: sizing.tp_percent,
            sl_percent: sizing.sl_percent,
            partial_tp_enabled: true,
            timestamp: IsoTime(at),
        };
        crate::publish(ctx, SIZING_DECIDED, envelope(SIZING_DECIDED.event), decided);
        let decision = DecisionMade {
            symbol,
            side: action,
            confidence: ballot.confidence,
            entry_price: price,
            quantity: size_usd,
            leverage,
            stop_loss,
            take_profit,
            trail_percent: None,
            model: "ensemble".into(),
            ensemble_confidence: ballot.confidence,
            strategy: "default".into(),
            meta_strategy: "default".into(),
            regime: "unknown".into(),
            position_size_usd: size_usd,
            correlation_id,
            timestamp: IsoTime(at),
        };
        crate::publish(ctx, AI_DECISION_MADE, envelope(AI_DECISION_MADE.event), decision);
        ctx.count("decisions", 1);
        let confidence = ballot.confidence;
        self.markets[place].decision =
            Some(Decided { at, action, confidence, size_usd, leverage, correlation_id });
    }

    fn answer(&mut self, call: &Call, ctx: &mut Context<'_>) {
        let Ok(request) = call.body.read::<SignalRequest>() else {
            // Nobody answers what cannot be read; the caller's time-out is his error message.
            ctx.count("requests_malformed", 1);
            return;
        };
        let now = ctx.now();
        let age_max = Nanos::from_secs(self.settings.decision_max_age_s);
        let decision = self.market(request.symbol).and_then(|market| market.decision.as_ref());
        let fresh = decision.filter(|decided| now - decided.at <= age_max);
        if decision.is_some() && fresh.is_none() {
            ctx.count("decisions_too_old", 1);
        }
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

/// A model that stands there twice would vote twice; without one there is never a signal.
fn check_predictors(names: &[String]) -> Result<(), String> {
    let known = strategies::PREDICTORS.join(", ");
    if names.is_empty() {
        return Err(format!("predictors is empty: name some of {known}"));
    }
    if let Some(unknown) = names.iter().find(|name| predictor(name).is_none()) {
        return Err(format!("predictors: {unknown:?} is unknown; known are {known}"));
    }
    let repeated = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
    match repeated {
        Some((_, name)) => Err(format!("predictors names {name:?} twice: remove one")),
        None => Ok(()),
    }
}

impl Configured for AiEngine {
    type Settings = AiEngineSettings;
    const COUNTERS: &'static [&'static str] = &[
        "decisions",
        "decisions_too_old",
        "klines_of_unknown_symbols",
        "no_signal",
        "requests_malformed",
        "signals_below_min_confidence",
        "signals_stopped",
        "signals_without_size",
        "ticks_of_unknown_symbols",
    ];

    fn configured(settings: &AiEngineSettings, setup: Setup<'_>) -> Result<AiEngine, String> {
        check_predictors(&settings.predictors)?;
        Ok(AiEngine::new(setup.symbols, settings))
    }
}

impl Service for AiEngine {
    fn wiring(&self) -> Wiring {
        let reader = |stream: crate::streams::Stream| {
            Reader::group(stream.name, &bus_group(SOURCE, stream), GroupStart::Beginning)
        };
        Wiring {
            readers: vec![reader(MARKET_TICK), reader(MARKET_KLINES)],
            writes: vec![AI_SIGNAL_GENERATED.name, SIZING_DECIDED.name, AI_DECISION_MADE.name],
            keys_read: keys::patterns(&[keys::EMERGENCY_STOP]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) if delivery.reader == TICKS => self.tick(delivery, ctx),
            Input::Delivery(delivery) if delivery.reader == KLINES => {
                let Some(kline) = ctx.read::<Kline>(MARKET_KLINES.name, delivery) else { return };
                let Some(market) = self.market(kline.symbol) else {
                    return ctx.count("klines_of_unknown_symbols", 1);
                };
                // A closed bar: the running candle begins again at its close.
                market.high = grid::float(kline.close);
                market.low = market.high;
            }
            Input::Call(call) => self.answer(call, ctx),
            _ => {}
        }
    }
}
