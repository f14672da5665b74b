//! Market state publisher (EHR 3.1, MSE 3.5): volatility, trend and regime of every symbol, each minute.
//!
//! It keeps the closes itself, from the exchange's closed bars, and never fills a gap with made prices. After a
//! restart it reads them back from the candle list, so that no minute is lost.

use engine::{
    Bar, Context, Envelope, EpochSeconds, Input, MarketData, MarketEvent, MarketWants, Nanos,
    Service, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::{MARKET_STATE_PRICES, MarketStateEvaluator, MarketStateScratch};

use crate::audited::Audited;
use crate::keys;
use crate::records::MarketState;
use crate::settings::{Configured, Setup, settings};
use crate::streams::MARKETSTATE;

settings! {
    /// Market state.
    pub struct MarketStateSettings {
        /// Between two evaluations, in s.
        pub interval_s: i64 = 60 => 1..,
    }
}

/// Closes that are kept and reported.
const CLOSES: usize = 300;
/// Life of the hash, in intervals.
const LIFE: i64 = 10;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MarketStatePublisher {
    interval: Nanos,
    symbols: Vec<OneSymbol>,
    old: Old,
    #[serde(skip)]
    scratch: MarketStateScratch,
}

/// What the publisher did before it was mended, as far as the run asks for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Old {
    /// Without closes it makes some up.
    makes_up: bool,
    /// It appends the whole candle list to what it has, at each evaluation.
    appends_all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OneSymbol {
    symbol: Symbol,
    candles: String,
    key: String,
    /// Oldest first; up to twice as many as wanted, so that dropping old ones is rare.
    closes: Vec<f64>,
    /// Opening of the newest bar.
    newest: Nanos,
    #[serde(skip)]
    evaluator: MarketStateEvaluator,
}

/// What is read back of `candles:{S}:1m`.
#[derive(Deserialize)]
struct Candle {
    t: i64,
    c: f64,
}

impl OneSymbol {
    fn push(&mut self, opened: Nanos, close: f64) {
        // Known already: it stood in the list.
        if opened <= self.newest {
            return;
        }
        if self.closes.len() >= 2 * CLOSES {
            self.closes.drain(..self.closes.len() - CLOSES);
        }
        self.closes.push(close);
        self.newest = opened;
    }

    fn closes(&self) -> &[f64] {
        &self.closes[self.closes.len().saturating_sub(CLOSES)..]
    }

    /// Takes over the candle list.
    fn fill(&mut self, ctx: &mut Context<'_>) {
        let Ok(list) = ctx.lrange(&self.candles, CLOSES) else {
            ctx.count("candles_unreadable", 1);
            return;
        };
        self.closes.clear();
        self.newest = Nanos(i64::MIN);
        for text in list.iter().rev() {
            match serde_json::from_str::<Candle>(text) {
                Ok(candle) => self.push(Nanos::from_millis(candle.t), candle.c),
                Err(_) => ctx.count("candles_unreadable", 1),
            }
        }
    }

    /// Every close of the list once more, whatever is known already.
    fn append_all(&mut self, ctx: &mut Context<'_>) {
        let before = std::mem::take(&mut self.closes);
        self.fill(ctx);
        let known = before.into_iter().chain(self.closes.drain(..)).collect::<Vec<_>>();
        self.closes = known[known.len().saturating_sub(CLOSES)..].to_vec();
    }

    /// A walk from 100, as if it had been seen.
    fn make_up(&mut self, ctx: &mut Context<'_>) {
        let mut price = 100.0;
        for _ in 0..CLOSES {
            price *= 1.0 + 0.001 * ctx.rng().normal();
            self.closes.push(price);
        }
        ctx.count("closes_made_up", CLOSES as u64);
    }

    fn publish(&mut self, life: Nanos, scratch: &mut MarketStateScratch, ctx: &mut Context<'_>) {
        let closes = &self.closes[self.closes.len().saturating_sub(CLOSES)..];
        let Some(state) = self.evaluator.evaluate(closes, scratch) else {
            let why = if closes.len() < MARKET_STATE_PRICES {
                "marketstate_too_few_closes"
            } else {
                "marketstate_bad_close"
            };
            ctx.count(why, 1);
            return;
        };
        let regimes = [(state.p_trend, "TREND"), (state.p_mr, "MR"), (state.p_chop, "CHOP")];
        let mut regime = regimes[0];
        for other in regimes {
            if other.0 > regime.0 {
                regime = other;
            }
        }
        let now = EpochSeconds(ctx.now());
        let record = MarketState {
            symbol: self.symbol,
            sigma: rounded(state.sigma, 1e8),
            mu: rounded(state.mu, 1e8),
            ts: rounded(state.ts, 1e6),
            p_trend: rounded(state.p_trend, 1e6),
            p_mr: rounded(state.p_mr, 1e6),
            p_chop: rounded(state.p_chop, 1e6),
            dp: rounded(state.dp, 1e6),
            vr: rounded(state.vr, 1e6),
            spike_proxy: rounded(state.spike_proxy, 1e6),
            buffer_size: self.closes().len() as u64,
            regime: regime.1.into(),
            ts_timestamp: now,
            timestamp: now,
        };
        if ctx.set_record(&self.key, &record, Some(life)).is_err() {
            ctx.count("marketstate_not_saved", 1);
        }
        crate::publish(ctx, MARKETSTATE, Envelope::Flat, record);
    }
}

fn rounded(value: f64, scale: f64) -> f64 {
    libm::rint(value * scale) / scale
}

impl MarketStatePublisher {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &MarketStateSettings, old: Old) -> MarketStatePublisher {
        let one = |symbol: &Symbol| OneSymbol {
            symbol: *symbol,
            candles: keys::CANDLES_1M.of(symbol),
            key: keys::MARKETSTATE.of(symbol),
            closes: Vec::new(),
            newest: Nanos(i64::MIN),
            evaluator: MarketStateEvaluator::default(),
        };
        MarketStatePublisher {
            interval: Nanos::from_secs(settings.interval_s),
            symbols: symbols.iter().map(one).collect(),
            old,
            scratch: MarketStateScratch::default(),
        }
    }

    fn bar(&mut self, event: &MarketEvent, bar: &Bar, ctx: &Context<'_>) {
        let place = usize::from(event.symbol.0);
        if bar.interval_ms != 60_000 || self.old.appends_all {
            return;
        }
        if let Some(one) = self.symbols.get_mut(place) {
            let close = ctx.instruments()[place].price_f64(bar.close);
            one.push(event.time - Nanos::from_millis(60_000), close);
        }
    }
}

impl Configured for MarketStatePublisher {
    type Settings = MarketStateSettings;
    const COUNTERS: &'static [&'static str] = &[
        "candles_unreadable",
        "closes_made_up",
        "marketstate_bad_close",
        "marketstate_not_saved",
        "marketstate_too_few_closes",
    ];

    fn configured(
        settings: &MarketStateSettings,
        setup: Setup<'_>,
    ) -> Result<MarketStatePublisher, String> {
        let audited = &setup.pipeline.audited;
        let old = Old {
            makes_up: audited.has(Audited::ClosesMadeUp),
            appends_all: audited.has(Audited::HistoryAppendedTwice),
        };
        Ok(MarketStatePublisher::new(setup.symbols, settings, old))
    }
}

impl Service for MarketStatePublisher {
    fn wiring(&self) -> Wiring {
        Wiring {
            market: MarketWants { bars: true, ..MarketWants::NONE },
            writes: vec![MARKETSTATE.name],
            keys_read: keys::patterns(&[keys::CANDLES_1M]),
            keys_written: keys::patterns(&[keys::MARKETSTATE]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Market(event) => {
                if let MarketData::Bar(bar) = &event.data {
                    self.bar(event, bar, ctx);
                }
            }
            Input::Start => {
                self.symbols.iter_mut().for_each(|one| one.fill(ctx));
                ctx.timer_after(self.interval, TimerKey(0));
            }
            Input::Timer(_) => {
                let life = Nanos(self.interval.0.saturating_mul(LIFE));
                let MarketStatePublisher { symbols, scratch, old, .. } = self;
                for one in symbols {
                    if old.appends_all {
                        one.append_all(ctx);
                    }
                    if old.makes_up && one.closes.is_empty() {
                        one.make_up(ctx);
                    }
                    one.publish(life, scratch, ctx);
                }
                ctx.timer_after(self.interval, TimerKey(0));
            }
            _ => {}
        }
    }
}
