//! Exchange stream bridge (MSE 3.1): the growing 1-minute candles of two venues, as exchange.raw.
//!
//! Binance is the run's market. Bybit is simulated: each of its updates is Binance's candle with its close
//! times `1 + (basis + noise · N(0, 1)) / 10,000`, N from the service's own generator, put on the symbol's grid;
//! open, high and low are those of its own updates, its volume is Binance's. It arrives `bybit_latency_ms`
//! later. A candle that grows by trades goes out once a second, as venues send it; bars of recorded minutes have
//! no growth, only an end: the points inside are the exchange's assumption and no data.

use std::collections::VecDeque;

use engine::{
    Bar, Body, Context, Envelope, EpochSeconds, Input, MarketData, MarketEvent, MarketWants, Nanos,
    PriceTicks, QtyLots, Service, TimerKey, Trade, Wiring,
};
use serde::{Deserialize, Serialize};

use crate::grid;
use crate::records::{ExchangeRaw, StreamInit, VenueName, is_marker};
use crate::settings::{Configured, Setup, settings};
use crate::streams::EXCHANGE_RAW;

settings! {
    /// Exchange stream bridge.
    pub struct ExchangeStreamBridgeSettings {
        /// Whether Binance is told.
        pub binance: bool = true,
        /// Whether there is a simulated Bybit.
        pub bybit: bool = true,
        /// Bybit's updates come so much later, in ms.
        pub bybit_latency_ms: i64 = 40 => 0..,
        /// Bybit's perpetual is so much dearer than Binance, in basis points.
        pub bybit_basis_bps: f64 = 1.0 => -1_000.0..=1_000.0,
        /// Standard deviation of Bybit's prices around that, in basis points.
        pub bybit_noise_bps: f64 = 0.5 => 0.0..=100.0,
        /// Bybit says nothing from then on, in seconds since 1970.
        pub bybit_down_from_epoch: i64 = 0 => 0..,
        /// For so long, in s.
        pub bybit_down_for_s: i64 = 0 => 0..,
    }
}

const MINUTE: Nanos = Nanos::from_secs(60);
const SECOND: Nanos = Nanos::from_secs(1);
/// A candle that grew is due.
const PUSH: TimerKey = TimerKey(0);
/// Something of Bybit arrives.
const BYBIT: TimerKey = TimerKey(1);
/// Entries looked at after a start, to go on with the candles of a former life.
const LOOK_BACK: usize = 512;

/// A candle in units of its symbol's grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Candle {
    opened: Nanos,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct OneSymbol {
    binance: Option<Candle>,
    bybit: Option<Candle>,
    /// It grew since it went out.
    grew: bool,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExchangeStreamBridge {
    settings: ExchangeStreamBridgeSettings,
    symbols: Vec<OneSymbol>,
    /// A push is set.
    armed: bool,
    /// What is on its way from Bybit, in order: the latency is the same for all.
    coming: VecDeque<(Nanos, u16, Candle)>,
}

fn minute_of(time: Nanos) -> Nanos {
    Nanos(time.0 - time.0.rem_euclid(MINUTE.0))
}

fn scaled(ticks: i64, factor: f64) -> i64 {
    (libm::rint(ticks as f64 * factor) as i64).max(1)
}

fn tell(venue: VenueName, place: u16, candle: &Candle, ctx: &mut Context<'_>) {
    let Some(instrument) = ctx.instruments().get(usize::from(place)) else { return };
    let price = |ticks| grid::price(instrument, PriceTicks(ticks));
    let raw = ExchangeRaw {
        exchange: venue,
        symbol: instrument.symbol,
        timestamp: EpochSeconds(candle.opened),
        open: price(candle.open),
        high: price(candle.high),
        low: price(candle.low),
        close: price(candle.close),
        volume: grid::qty(instrument, QtyLots(candle.volume)),
    };
    crate::publish(ctx, EXCHANGE_RAW, Envelope::Flat, raw);
}

impl ExchangeStreamBridge {
    fn bybit_is_down(&self, now: Nanos) -> bool {
        let from = Nanos::from_secs(self.settings.bybit_down_from_epoch);
        now >= from && now < from + Nanos::from_secs(self.settings.bybit_down_for_s)
    }

    /// After a start: the marker if nothing was ever written, and the candles that a former life had begun.
    fn start(&mut self, ctx: &mut Context<'_>) {
        let newest = ctx.newest(EXCHANGE_RAW.name, LOOK_BACK).unwrap_or_default();
        if newest.is_empty() {
            let body = Body::message(Envelope::Flat, StreamInit { init: 1 });
            if ctx.publish(EXCHANGE_RAW.name, EXCHANGE_RAW.trim, body).is_err() {
                ctx.count("publish_failed", 1);
            }
        }
        let minute = minute_of(ctx.now());
        for body in newest.iter().filter_map(|entry| entry.body.as_ref()) {
            let Ok(raw) = body.read::<ExchangeRaw>() else {
                if !is_marker(body) {
                    ctx.count("candles_unreadable", 1);
                }
                continue;
            };
            if raw.timestamp.0 != minute {
                continue;
            }
            let found = ctx.instruments().iter().position(|i| i.symbol == raw.symbol);
            let Some((place, instrument)) = found.map(|at| (at, &ctx.instruments()[at])) else {
                continue;
            };
            let ticks = |price| grid::ticks(instrument, price);
            let candle = (|| {
                Some(Candle {
                    opened: minute,
                    open: ticks(raw.open)?,
                    high: ticks(raw.high)?,
                    low: ticks(raw.low)?,
                    close: ticks(raw.close)?,
                    volume: grid::lots(instrument, raw.volume)?,
                })
            })();
            let Some(one) = self.symbols.get_mut(place) else { continue };
            let slot = match raw.exchange {
                VenueName::Binance => &mut one.binance,
                VenueName::Bybit => &mut one.bybit,
                VenueName::Coinbase => continue,
            };
            *slot = slot.or(candle);
        }
    }

    fn trade(&mut self, event: &MarketEvent, trade: &Trade, ctx: &mut Context<'_>) {
        let (minute, price) = (minute_of(event.time), trade.price.0);
        let Some(one) = self.symbols.get_mut(usize::from(event.symbol.0)) else { return };
        match &mut one.binance {
            Some(candle) if candle.opened == minute => {
                candle.high = candle.high.max(price);
                candle.low = candle.low.min(price);
                candle.close = price;
                candle.volume = candle.volume.saturating_add(trade.qty.0);
            }
            // A trade of a minute that is over changes nothing any more.
            Some(candle) if candle.opened > minute => return ctx.count("trades_too_late", 1),
            _ => {
                let ended = std::mem::take(&mut one.grew).then_some(one.binance).flatten();
                let [open, high, low, close] = [price; 4];
                let volume = trade.qty.0;
                one.binance = Some(Candle { opened: minute, open, high, low, close, volume });
                if let Some(ended) = ended {
                    self.push(event.symbol.0, ended, false, ctx);
                }
            }
        }
        self.symbols[usize::from(event.symbol.0)].grew = true;
        if !self.armed {
            self.armed = true;
            let now = ctx.now();
            ctx.timer_at(Nanos(now.0 - now.0.rem_euclid(SECOND.0)) + SECOND, PUSH);
        }
    }

    fn bar(&mut self, event: &MarketEvent, bar: &Bar, ctx: &mut Context<'_>) {
        if i64::from(bar.interval_ms) != MINUTE.millis() {
            return ctx.count("bars_of_other_intervals", 1);
        }
        let candle = Candle {
            opened: event.time - MINUTE,
            open: bar.open.0,
            high: bar.high.0,
            low: bar.low.0,
            close: bar.close.0,
            volume: bar.volume.0,
        };
        let Some(one) = self.symbols.get_mut(usize::from(event.symbol.0)) else { return };
        // The bar says all that the trades of its minute said.
        if one.binance.is_some_and(|made| made.opened <= candle.opened) {
            one.binance = None;
            one.grew = false;
        }
        self.push(event.symbol.0, candle, true, ctx);
    }

    /// Sends a candle of Binance, and Bybit's of the same minute.
    fn push(&mut self, place: u16, candle: Candle, is_whole: bool, ctx: &mut Context<'_>) {
        if self.settings.binance {
            tell(VenueName::Binance, place, &candle, ctx);
        }
        if !self.settings.bybit {
            return;
        }
        let now = ctx.now();
        if self.bybit_is_down(now) {
            return ctx.count("bybit_updates_missed", 1);
        }
        let noise = match self.settings.bybit_noise_bps {
            noise if noise > 0.0 => noise * ctx.rng().normal(),
            _ => 0.0,
        };
        let factor = 1.0 + (self.settings.bybit_basis_bps + noise) / 10_000.0;
        let bybit = &mut self.symbols[usize::from(place)].bybit;
        let close = scaled(candle.close, factor);
        let made = match *bybit {
            _ if is_whole => Candle {
                open: scaled(candle.open, factor),
                high: scaled(candle.high, factor),
                low: scaled(candle.low, factor),
                close,
                ..candle
            },
            Some(before) if before.opened == candle.opened => Candle {
                high: before.high.max(close),
                low: before.low.min(close),
                close,
                volume: candle.volume,
                ..before
            },
            _ => Candle { open: close, high: close, low: close, close, ..candle },
        };
        *bybit = Some(made);
        if self.settings.bybit_latency_ms == 0 {
            return tell(VenueName::Bybit, place, &made, ctx);
        }
        let due = now + Nanos::from_millis(self.settings.bybit_latency_ms);
        // One timer for all that arrive together.
        if self.coming.back().is_none_or(|(last, ..)| *last != due) {
            ctx.timer_at(due, BYBIT);
        }
        self.coming.push_back((due, place, made));
    }

    fn timer(&mut self, key: TimerKey, ctx: &mut Context<'_>) {
        if key == PUSH {
            self.armed = false;
            for place in 0..self.symbols.len() {
                let one = &mut self.symbols[place];
                if let Some(candle) = std::mem::take(&mut one.grew).then_some(one.binance).flatten()
                {
                    self.push(place as u16, candle, false, ctx);
                }
            }
            return;
        }
        let now = ctx.now();
        while let Some((_, place, candle)) = self.coming.pop_front_if(|(due, ..)| *due <= now) {
            tell(VenueName::Bybit, place, &candle, ctx);
        }
    }
}

impl Configured for ExchangeStreamBridge {
    type Settings = ExchangeStreamBridgeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "bars_of_other_intervals",
        "bybit_updates_missed",
        "candles_unreadable",
        "trades_too_late",
    ];

    fn configured(
        settings: &ExchangeStreamBridgeSettings,
        setup: Setup<'_>,
    ) -> Result<ExchangeStreamBridge, String> {
        if !settings.binance && !settings.bybit {
            return Err("binance and bybit are both off: leave one on, or disable it".to_owned());
        }
        Ok(ExchangeStreamBridge {
            settings: settings.clone(),
            symbols: vec![OneSymbol::default(); setup.symbols.len()],
            armed: false,
            coming: VecDeque::new(),
        })
    }
}

impl Service for ExchangeStreamBridge {
    fn wiring(&self) -> Wiring {
        Wiring {
            market: MarketWants { trades: true, bars: true, ..MarketWants::NONE },
            writes: vec![EXCHANGE_RAW.name],
            looks: vec![EXCHANGE_RAW.name],
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => self.start(ctx),
            Input::Market(event) => match &event.data {
                MarketData::Trade(trade) => self.trade(event, trade, ctx),
                MarketData::Bar(bar) => self.bar(event, bar, ctx),
                _ => {}
            },
            Input::Timer(key) => self.timer(key, ctx),
            _ => {}
        }
    }
}
