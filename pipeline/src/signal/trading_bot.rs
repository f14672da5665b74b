//! Trading bot (MSE 6): every minute it asks the AI engine about each symbol, and writes an intent where
//! the engine has decided. The one writer of opening intents. No signal means no trade.

use std::collections::{BTreeMap, VecDeque};

use engine::{
    Body, CallId, Context, Envelope, Input, IsoTime, MarketData, MarketEvent, MarketWants, Nanos,
    PriceTicks, Reply, Service, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::{Outcomes, SizingInput, size};

use crate::entry::safety_kernel::{self, SafetyKernelSettings};
use crate::grid;
use crate::keys;
use crate::records::{
    Balance, IntentAction, OrderSide, SignalAction, SignalReply, SignalRequest, TradeIntent,
    contract_violations,
};
use crate::settings::{Configured, LEVERAGE, SHARE, Setup, settings};
use crate::switches;

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
    }
}

const SOURCE: &str = "trading_bot";
const ENGINE: &str = "ai_engine";
/// Distances of stop and target from the entry, mirrored for shorts.
const STOP: f64 = 0.02;
const TARGET: f64 = 0.02;
const HOURS: usize = 24;

/// An hour of a symbol's prices.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Hour {
    number: i64,
    open: f64,
    high: f64,
    low: f64,
}

/// The last 24 hours of a symbol, as a 24 h ticker shows them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Day {
    hours: VecDeque<Hour>,
    last: f64,
    /// `last` on the symbol's grid.
    last_ticks: PriceTicks,
}

impl Day {
    fn push(&mut self, time: Nanos, high: f64, low: f64, close: f64) {
        let number = time.secs().div_euclid(3_600);
        match self.hours.back_mut() {
            Some(hour) if hour.number == number => {
                hour.high = hour.high.max(high);
                hour.low = hour.low.min(low);
            }
            _ => self.hours.push_back(Hour { number, open: close, high, low }),
        }
        while self.hours.front().is_some_and(|hour| hour.number <= number - HOURS as i64) {
            self.hours.pop_front();
        }
        self.last = close;
    }

    /// Change in percent, highest and lowest price.
    fn ticker(&self) -> Option<(f64, f64, f64)> {
        let first = self.hours.front()?;
        let high = self.hours.iter().map(|hour| hour.high).fold(f64::MIN, f64::max);
        let low = self.hours.iter().map(|hour| hour.low).fold(f64::MAX, f64::min);
        (first.open > 0.0 && low > 0.0).then(|| ((self.last / first.open - 1.0) * 100.0, high, low))
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TradingBot {
    settings: TradingBotSettings,
    safety: SafetyKernelSettings,
    symbols: Vec<Symbol>,
    days: Vec<Day>,
    asked: BTreeMap<CallId, usize>,
}

impl TradingBot {
    /// For these symbols, in the order of the run.
    fn new(
        symbols: &[Symbol],
        settings: &TradingBotSettings,
        safety: &SafetyKernelSettings,
    ) -> TradingBot {
        TradingBot {
            settings: settings.clone(),
            safety: safety.clone(),
            symbols: symbols.to_vec(),
            days: vec![Day::default(); symbols.len()],
            asked: BTreeMap::new(),
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
        day.push(event.time, price(bar.high), price(bar.low), price(bar.close));
        day.last_ticks = bar.close;
    }

    fn ask_all(&mut self, ctx: &mut Context<'_>) {
        let Some(engine) = ctx.service(ENGINE) else {
            ctx.count("engine_missing", 1);
            return;
        };
        let time_out = Nanos::from_millis(self.settings.signal_time_out_ms);
        for place in 0..self.symbols.len() {
            if self.days[place].last <= 0.0 {
                ctx.count("symbols_without_market_data", 1);
                continue;
            }
            let request = SignalRequest {
                symbol: self.symbols[place],
                price: Some(grid::price(&ctx.instruments()[place], self.days[place].last_ticks)),
                volume: None,
                timeframe: "1m".into(),
            };
            let id = ctx.call(engine, Body::message(Envelope::Flat, request), time_out);
            self.asked.insert(id, place);
        }
    }

    fn reply(&mut self, reply: &Reply, ctx: &mut Context<'_>) {
        let Some(place) = self.asked.remove(&reply.id) else { return };
        let Some(body) = &reply.body else {
            // The engine is away: that is no signal, and no reason to trade on something else.
            ctx.count("signal_time_outs", 1);
            return;
        };
        let signal = match body.read::<SignalReply>() {
            Ok(signal) if signal.signal && signal.action != SignalAction::Hold => {
                signal.into_owned()
            }
            Ok(_) => {
                ctx.count("no_signal", 1);
                return;
            }
            Err(_) => {
                ctx.count("signal_malformed", 1);
                return;
            }
        };
        if signal.confidence < self.settings.min_confidence {
            ctx.count("below_min_confidence", 1);
            return;
        }
        self.intend(place, &signal, ctx);
    }

    fn intend(&mut self, place: usize, signal: &SignalReply, ctx: &mut Context<'_>) {
        if switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            ctx.count("intents_stopped", 1);
            return;
        }
        let symbol = self.symbols[place];
        if !crate::policy::policy_store::allows(ctx, symbol) {
            ctx.count("not_in_policy", 1);
            return;
        }
        let balance = match ctx.record::<Balance>(keys::ACCOUNT_BALANCE.name) {
            Ok(Some(balance)) => grid::float(balance.balance),
            Ok(None) | Err(_) => {
                ctx.count("balance_unknown", 1);
                return;
            }
        };
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
            equity_usd: balance,
            max_leverage: self.settings.max_leverage,
            risk_per_trade: self.settings.risk_per_trade,
        };
        let sizing = size(&input, &Outcomes::BOOTSTRAP);
        let (action, side, sign) = match signal.action {
            SignalAction::Sell => (IntentAction::Sell, OrderSide::Sell, -1.0),
            _ => (IntentAction::Buy, OrderSide::Buy, 1.0),
        };
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
            stop_loss: grid::decimal(price * (1.0 - sign * STOP)),
            take_profit: grid::decimal(price * (1.0 + sign * TARGET)),
            reduce_only: Some(false),
            source: Some(SOURCE.into()),
            reason: Some("signal".into()),
            model: Some(signal.model.clone()),
            meta_strategy: Some(signal.strategy.clone()),
            regime: Some(signal.regime.clone()),
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

impl Configured for TradingBot {
    type Settings = TradingBotSettings;
    const COUNTERS: &'static [&'static str] = &[
        "balance_unknown",
        "below_min_confidence",
        "engine_missing",
        "intents",
        "intents_stopped",
        "no_signal",
        "not_in_policy",
        "signal_malformed",
        "signal_time_outs",
        "symbols_without_market_data",
        "trade_intent_validation_failures",
    ];

    fn configured(settings: &TradingBotSettings, setup: Setup<'_>) -> Result<TradingBot, String> {
        Ok(TradingBot::new(setup.symbols, settings, &setup.pipeline.safety_kernel))
    }
}

impl Service for TradingBot {
    fn wiring(&self) -> Wiring {
        safety_kernel::wired(Wiring {
            market: MarketWants { bars: true, ..MarketWants::NONE },
            keys_read: keys::patterns(&[
                keys::EMERGENCY_STOP,
                keys::ACCOUNT_BALANCE,
                keys::POLICY_CURRENT,
            ]),
            calls: vec!["ai_engine"],
            ..Wiring::default()
        })
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_secs(self.settings.check_interval_s);
        match input {
            Input::Start => ctx.timer_after(interval, TimerKey(0)),
            Input::Timer(_) => {
                self.ask_all(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Market(event) => self.market(event, ctx),
            Input::Reply(reply) => self.reply(reply, ctx),
            _ => {}
        }
    }
}
