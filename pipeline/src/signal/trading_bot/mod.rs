//! Trading bot (MSE 6): every minute it asks the AI engine about each symbol, and writes an intent where
//! the engine has decided. The one writer of opening intents. No signal means no trade.

mod day;
mod rules;

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine::{
    Body, CallId, Context, Envelope, EpochSeconds, Input, IsoTime, MarketData, MarketEvent,
    MarketWants, Nanos, Reply, Service, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::entry::{
    EngineAnswer, FallbackRule, FallbackSignal, FallbackWatch, fallback_signal,
};
use strategies::signal::{entry_levels, sized};
use strategies::universe::{SymbolSources, resolve_symbols};
use strategies::{Action, SizingInput};

use crate::entry::safety_kernel::{self, SafetyKernelSettings};
use crate::grid;
use crate::keys;
use crate::records::{
    Balance, IntentAction, MetaRegimeState, OrderSide, Policy, SignalAction, SignalReply,
    SignalRequest, TradeIntent, contract_violations,
};
use crate::settings::{Configured, LEVERAGE, SHARE, Setup, settings};
use crate::signal::ai_engine::sizing::outcomes;
use crate::streams::META_REGIME;
use crate::switches;
use day::Day;
use rules::Rules;

settings! {
    /// Trading bot.
    pub struct TradingBotSettings {
        /// Between two rounds, in s.
        pub check_interval_s: i64 = 60 => 1..,
        /// How long it waits for the AI engine, in ms.
        pub signal_time_out_ms: i64 = 5_000 => 1..,
        /// A signal below this is skipped.
        pub min_confidence: f64 = 0.50 => SHARE,
        /// Cap of the sizing.
        pub max_leverage: f64 = 10.0 => LEVERAGE,
        /// Share of the equity that is used as margin.
        pub risk_per_trade: f64 = 0.02 => SHARE,
        /// The symbols that it trades while no policy names any; empty means those of the run.
        pub symbols: Vec<Symbol> = Vec::new(),
        /// When momentum is traded in place of an answer; a refusal is an answer.
        pub fallback: BotFallback = BotFallback::default(),
        /// Whose size and leverage are traded.
        pub sizing: BotSizing = BotSizing::default(),
    }
}

/// Whose size and leverage the bot trades.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BotSizing {
    /// Its own, by the account and by what earlier trades brought.
    #[default]
    Own,
    /// The engine's, which may be the sizing table's.
    Engine,
}

/// When momentum is traded in place of an answer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BotFallback {
    /// Never: no signal is HOLD.
    #[default]
    Off,
    /// After so many cycles in a row without any answer.
    AfterUnreachable {
        /// Cycles, at least 1.
        cycles: u32,
    },
}

const SOURCE: &str = "trading_bot";
const ENGINE: &str = "ai_engine";
/// Distances of stop and target from the entry.
const STOP: f64 = 0.02;
const TARGET: f64 = 0.02;
/// The symbols are resolved again after so long, by the same order as at the start (incident I-36).
const SYMBOLS_LIFE: Nanos = Nanos::from_secs(6 * 3_600);
const ROUND: TimerKey = TimerKey(0);

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TradingBot {
    settings: TradingBotSettings,
    rules: Rules,
    safety: SafetyKernelSettings,
    symbols: Vec<Symbol>,
    days: Vec<Day>,
    /// Which of the symbols are traded, and since when that holds.
    traded: Vec<bool>,
    resolved: Option<Nanos>,
    /// Cycles without an answer, by symbol.
    silence: Vec<FallbackWatch>,
    asked: BTreeMap<CallId, usize>,
}

impl TradingBot {
    /// For these symbols, in the order of the run.
    fn new(
        symbols: &[Symbol],
        settings: &TradingBotSettings,
        rules: Rules,
        safety: &SafetyKernelSettings,
    ) -> TradingBot {
        TradingBot {
            settings: settings.clone(),
            rules,
            safety: safety.clone(),
            symbols: symbols.to_vec(),
            days: vec![Day::default(); symbols.len()],
            traded: vec![false; symbols.len()],
            resolved: None,
            silence: vec![FallbackWatch::default(); symbols.len()],
            asked: BTreeMap::new(),
        }
    }

    /// Policy, then settings, then the run's: at the start and at every refresh alike.
    fn resolve(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        if self.resolved.is_some_and(|at| now - at < SYMBOLS_LIFE) {
            return;
        }
        let is_refresh = self.resolved.replace(now).is_some();
        let policy = match ctx.record::<Policy>(keys::POLICY_CURRENT.name) {
            Ok(Some(policy)) => policy.universe_symbols.0.to_vec(),
            Ok(None) | Err(_) => Vec::new(),
        };
        let sources = SymbolSources {
            policy: &policy,
            configured: match is_refresh && self.rules.skips_configured {
                true => &[],
                false => &self.settings.symbols,
            },
            by_volume: &[],
            constants: &self.symbols,
        };
        let wanted = resolve_symbols(&sources);
        for (symbol, traded) in self.symbols.iter().zip(&mut self.traded) {
            *traded = wanted.contains(symbol);
        }
    }

    fn market(&mut self, event: &MarketEvent, ctx: &Context<'_>) {
        let MarketData::Bar(bar) = &event.data else { return };
        let place = usize::from(event.symbol.0);
        let (Some(day), Some(instrument)) =
            (self.days.get_mut(place), ctx.instruments().get(place))
        else {
            return;
        };
        let price = |price| instrument.price_f64(price);
        let prices = [price(bar.high), price(bar.low), price(bar.close)];
        day.push(event.time, prices, instrument.qty_f64(bar.volume));
        day.last_ticks = bar.close;
    }

    fn ask_all(&mut self, ctx: &mut Context<'_>) {
        let Some(engine) = ctx.service(ENGINE) else {
            ctx.count("engine_missing", 1);
            return;
        };
        self.resolve(ctx);
        let time_out = Nanos::from_millis(self.settings.signal_time_out_ms);
        for place in 0..self.symbols.len() {
            if !self.traded[place] {
                continue;
            }
            if self.days[place].last <= 0.0 {
                ctx.count("symbols_without_market_data", 1);
                continue;
            }
            let volume = self.rules.tells_volume.then(|| grid::decimal(self.days[place].volume()));
            let request = SignalRequest {
                symbol: self.symbols[place],
                price: Some(grid::price(&ctx.instruments()[place], self.days[place].last_ticks)),
                volume: volume.flatten(),
                timeframe: "1m".into(),
            };
            let id = ctx.call(engine, Body::message(Envelope::Flat, request), time_out);
            self.asked.insert(id, place);
        }
    }

    fn reply(&mut self, reply: &Reply, ctx: &mut Context<'_>) {
        let Some(place) = self.asked.remove(&reply.id) else { return };
        let Some(body) = &reply.body else {
            // The engine is away: that is no signal, and by default no reason to trade on something else.
            ctx.count("signal_time_outs", 1);
            return self.unanswered(place, EngineAnswer::Unreachable, ctx);
        };
        let signal = match body.read::<SignalReply>() {
            Ok(signal) if signal.signal && signal.action != SignalAction::Hold => {
                signal.into_owned()
            }
            Ok(_) => {
                ctx.count("no_signal", 1);
                return self.unanswered(place, EngineAnswer::NoSignal, ctx);
            }
            Err(_) => {
                ctx.count("signal_malformed", 1);
                return;
            }
        };
        self.silence[place].falls_back(EngineAnswer::Signal, self.rules.fallback, false);
        if signal.confidence < self.settings.min_confidence {
            ctx.count("below_min_confidence", 1);
            return;
        }
        self.intend(place, &signal, ctx);
    }

    /// Without a signal: momentum where that is asked for, marked in the intent's model.
    fn unanswered(&mut self, place: usize, answer: EngineAnswer, ctx: &mut Context<'_>) {
        let rule = self.rules.fallback;
        if rule == FallbackRule::Off {
            return;
        }
        let stopped = switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx)
            || switches::is_set(keys::SAFE_MODE.name, &["1", "true", "yes"], ctx);
        if !self.silence[place].falls_back(answer, rule, stopped) {
            return;
        }
        let Some((change, ..)) = self.days[place].ticker() else { return };
        let Ok(fallback) = fallback_signal(change, self.days[place].last) else { return };
        let action = match fallback.side {
            Action::Buy => SignalAction::Buy,
            Action::Sell => SignalAction::Sell,
            Action::Hold => return,
        };
        ctx.count("fallback_signals", 1);
        let correlation_id = ctx.correlation_id();
        let signal = SignalReply {
            symbol: self.symbols[place],
            signal: true,
            reason: "fallback".into(),
            action,
            confidence: fallback.confidence,
            ensemble_confidence: fallback.confidence,
            model: FallbackSignal::MODEL.into(),
            strategy: "default".into(),
            regime: FallbackSignal::REGIME.into(),
            position_size_usd: grid::decimal(fallback.position_size_usd).unwrap_or_default(),
            leverage: fallback.leverage as u32,
            correlation_id,
            timestamp: EpochSeconds(ctx.now()),
        };
        self.intend(place, &signal, ctx);
    }

    fn intend(&mut self, place: usize, signal: &SignalReply, ctx: &mut Context<'_>) {
        // The stop was one of the refusals that momentum was traded on.
        let unstoppable = self.rules.fallback == FallbackRule::AuditedAnyRefusal
            && signal.model == FallbackSignal::MODEL;
        if !unstoppable && switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            ctx.count("intents_stopped", 1);
            return;
        }
        let symbol = self.symbols[place];
        if !crate::policy::policy_store::allows(ctx, symbol) {
            ctx.count("not_in_policy", 1);
            return;
        }
        let balance = match ctx.record::<Balance>(keys::ACCOUNT_BALANCE.name) {
            Ok(Some(balance)) => Some(grid::float(balance.balance)),
            Ok(None) | Err(_) => {
                ctx.count("balance_unknown", 1);
                None
            }
        };
        let Some(equity_usd) = self.rules.balance.equity_usd(balance) else { return };
        let Some((change, high, low)) = self.days[place].ticker() else {
            ctx.count("symbols_without_market_data", 1);
            return;
        };
        let price = self.days[place].last;
        let atr = (change.abs() / 100.0).clamp(0.02, 0.10);
        let volatility_factor = ((high - low) / low * 10.0).clamp(0.5, 5.0);
        let input = SizingInput {
            symbol,
            confidence: signal.confidence,
            atr_pct: atr,
            exposure_pct: 0.0,
            equity_usd,
            max_leverage: self.settings.max_leverage,
            risk_per_trade: self.settings.risk_per_trade,
        };
        let outcomes = outcomes(ctx);
        let Ok(mut sizing) = sized(&input, &outcomes) else {
            ctx.count("intents_without_size", 1);
            return;
        };
        if self.settings.sizing == BotSizing::Engine {
            sizing.position_size_usd = grid::float(signal.position_size_usd);
            sizing.leverage = f64::from(signal.leverage);
        }
        let (action, side) = match signal.action {
            SignalAction::Sell => (IntentAction::Sell, OrderSide::Sell),
            _ => (IntentAction::Buy, OrderSide::Buy),
        };
        let long = side == OrderSide::Buy;
        let Ok(levels) = entry_levels(long, price, STOP, TARGET, self.rules.levels) else {
            ctx.count("intents_without_size", 1);
            return;
        };
        let regime = regime(signal, ctx);
        // The number of the sizing is traded as notional, as the reference system did.
        let notional = grid::decimal(sizing.position_size_usd);
        let leverage = grid::decimal(sizing.leverage).filter(|l| *l > Decimal::ZERO);
        let margin =
            notional.zip(leverage).and_then(|(n, l)| n.checked_div(l)).map(|m| m.round_dp(8));
        let intent = TradeIntent {
            symbol,
            action: Some(action),
            side: Some(side),
            confidence: signal.confidence,
            timestamp: IsoTime(ctx.now()),
            position_size_usd: notional,
            margin_usd: margin,
            notional_usd: notional,
            size: None,
            price: None,
            quantity: None,
            qty: None,
            leverage: Some(sizing.leverage),
            entry_price: grid::decimal(price),
            stop_loss: grid::decimal(levels.stop_loss),
            take_profit: grid::decimal(levels.take_profit),
            reduce_only: Some(false),
            source: Some(SOURCE.into()),
            reason: Some("signal".into()),
            model: Some(signal.model.clone()),
            meta_strategy: Some(signal.strategy.clone()),
            regime: Some(regime),
            atr_value: Some(atr),
            volatility_factor: Some(volatility_factor),
            exchange_divergence: Some(0.0),
            funding_rate: Some(0.0),
            correlation_id: Some(signal.correlation_id),
        };
        if !contract_violations(&intent).is_empty() {
            ctx.count("trade_intent_validation_failures", 1);
            return;
        }
        if safety_kernel::publish(&self.safety, SOURCE, intent, ctx) {
            ctx.count("intents", 1);
        }
    }
}

/// The newest regime of the whole market; momentum keeps its own.
fn regime(signal: &SignalReply, ctx: &mut Context<'_>) -> Cow<'static, str> {
    if signal.model == FallbackSignal::MODEL {
        return signal.regime.clone();
    }
    let newest = ctx.newest(META_REGIME.name, 1).unwrap_or_default();
    let body = newest.first().and_then(|entry| entry.body.as_ref());
    match body.map(Body::read::<MetaRegimeState>) {
        Some(Ok(state)) => state.regime.clone(),
        Some(Err(_)) => {
            ctx.count("regime_unreadable", 1);
            "UNKNOWN".into()
        }
        None => "UNKNOWN".into(),
    }
}

impl Configured for TradingBot {
    type Settings = TradingBotSettings;
    const COUNTERS: &'static [&'static str] = &[
        "balance_unknown",
        "below_min_confidence",
        "engine_missing",
        "fallback_signals",
        "intents",
        "intents_stopped",
        "intents_without_size",
        "no_signal",
        "not_in_policy",
        "outcomes_unreadable",
        "regime_unreadable",
        "signal_malformed",
        "signal_time_outs",
        "symbols_without_market_data",
        "trade_intent_validation_failures",
    ];

    fn configured(settings: &TradingBotSettings, setup: Setup<'_>) -> Result<TradingBot, String> {
        let rules = Rules::of(settings, &setup.pipeline.audited);
        Ok(TradingBot::new(setup.symbols, settings, rules, &setup.pipeline.safety_kernel))
    }
}

impl Service for TradingBot {
    fn wiring(&self) -> Wiring {
        let mut wiring = safety_kernel::wired(Wiring {
            market: MarketWants { bars: true, ..MarketWants::NONE },
            looks: vec![META_REGIME.name],
            keys_read: keys::patterns(&[
                keys::EMERGENCY_STOP,
                keys::ACCOUNT_BALANCE,
                keys::POLICY_CURRENT,
                keys::RL_SIZING_OUTCOMES,
            ]),
            calls: vec!["ai_engine"],
            ..Wiring::default()
        });
        if self.rules.fallback != FallbackRule::Off {
            wiring.keys_read.extend(keys::patterns(&[keys::SAFE_MODE]));
        }
        wiring
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_secs(self.settings.check_interval_s);
        match input {
            Input::Start => ctx.timer_after(interval, ROUND),
            Input::Timer(_) => {
                self.ask_all(ctx);
                ctx.timer_after(interval, ROUND);
            }
            Input::Market(event) => self.market(event, ctx),
            Input::Reply(reply) => self.reply(reply, ctx),
            _ => {}
        }
    }
}
