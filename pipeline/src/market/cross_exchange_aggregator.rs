//! Cross-exchange aggregator (MSE 3.2, 17): one price of several venues, at each update of any of them.
//!
//! A candle that only one venue knows is held for ten seconds, as the other one is a little later. After that the
//! other one is silent: its absence is an alarm, and prices go out with `num_exchanges` 1 until it is back.
//! It reads from the end: what is in the stream at a start is of the past, and was merged then.

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input, Nanos, Reader, Service,
    SetOptions, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::market::{CandleMerger, MergeRule, MergedPrice, Venue};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{ExchangeNormalized, ExchangeRaw, VenueName, is_marker};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXCHANGE_NORMALIZED, EXCHANGE_RAW};

settings! {
    /// Cross-exchange aggregator.
    pub struct CrossExchangeAggregatorSettings {
        /// A venue that has not told a candle so long after another is silent, in s.
        pub silence_s: i64 = 10 => 1..,
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct OneSymbol {
    merger: CandleMerger,
    /// Who spoke last, alone, and since when.
    alone: Option<(VenueName, Nanos)>,
    /// A price of one venue that has not gone out.
    held: Option<(i64, MergedPrice)>,
    /// How many venues the last price was made of.
    venues: u32,
    /// Deviation of the last price of several venues over their mean, and when it went out.
    apart: Option<(f64, Nanos)>,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CrossExchangeAggregator {
    silence: Nanos,
    rule: MergeRule,
    /// Where a life begins to read.
    from: GroupStart,
    symbols: Vec<Symbol>,
    state: Vec<OneSymbol>,
    /// A look at who is silent is set.
    armed: bool,
    /// A write of how far the venues are apart is set.
    telling: bool,
}

const SILENCE: TimerKey = TimerKey(0);
const APART: TimerKey = TimerKey(1);
/// From a price to the next write of how far the venues are apart: prices of all symbols come together.
const APART_AFTER: Nanos = Nanos::from_secs(5);

fn venue(name: VenueName) -> Venue {
    match name {
        VenueName::Binance => Venue::Binance,
        VenueName::Bybit => Venue::Bybit,
        VenueName::Coinbase => Venue::Coinbase,
    }
}

impl CrossExchangeAggregator {
    fn update(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        if delivery.entry.body.as_ref().is_some_and(is_marker) {
            return ctx.count("markers_skipped", 1);
        }
        let Some(raw) = ctx.read::<ExchangeRaw>(EXCHANGE_RAW.name, delivery) else { return };
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == raw.symbol) else {
            return ctx.count("updates_of_unknown_symbols", 1);
        };
        let (opened, close) = (raw.timestamp.0.secs(), grid::float(raw.close));
        let one = &mut self.state[place];
        let merged = match one.merger.update(venue(raw.exchange), opened, close, self.rule) {
            Ok(Some(merged)) => merged,
            Ok(None) if self.rule == MergeRule::AuditedTwoAtLeast => return,
            Ok(None) | Err(_) => return ctx.count("closes_refused", 1),
        };
        if merged.num_exchanges > 1 {
            // Both speak. What waits is of a newer candle, if the later one has just ended the one before.
            one.held = one.held.filter(|(held, _)| *held > opened);
            let who = one.alone.filter(|_| one.held.is_some());
            one.alone = who.map(|(who, _)| (who, ctx.now()));
            return self.publish(place, opened, &merged, ctx);
        }
        let now = ctx.now();
        let since = match one.alone {
            Some((who, since)) if who == raw.exchange => since,
            _ => now,
        };
        one.alone = Some((raw.exchange, since));
        if now - since >= self.silence {
            return self.publish(place, opened, &merged, ctx);
        }
        one.held = Some((opened, merged));
        if !self.armed {
            self.armed = true;
            ctx.timer_after(self.silence, SILENCE);
        }
    }

    /// Prices that wait for a venue that does not speak.
    fn release(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let mut next: Option<Nanos> = None;
        for place in 0..self.state.len() {
            let one = &mut self.state[place];
            let (Some((_, since)), Some((opened, merged))) = (one.alone, one.held) else {
                continue;
            };
            let due = since + self.silence;
            if due <= now {
                one.held = None;
                self.publish(place, opened, &merged, ctx);
            } else {
                next = Some(next.map_or(due, |next| Nanos(next.0.min(due.0))));
            }
        }
        self.armed = next.is_some();
        if let Some(next) = next {
            ctx.timer_at(next, SILENCE);
        }
    }

    /// How far the venues are apart in the symbol in which they are furthest.
    fn tell_apart(&mut self, ctx: &mut Context<'_>) {
        self.telling = false;
        let (key, now) = (keys::CROSS_DIVERGENCE, ctx.now());
        let life = key.life.unwrap_or(Nanos::ZERO);
        let young =
            self.state.iter().filter_map(|one| one.apart).filter(|(_, at)| now - *at < life);
        let Some(most) = young.map(|(apart, _)| apart).reduce(f64::max) else {
            // One venue alone is no further from itself than before.
            ctx.del(key.name);
            return;
        };
        let options = SetOptions { expire: key.life, ..SetOptions::default() };
        let text = grid::decimal(most).map(|most| most.normalize().to_string());
        if text.is_none_or(|text| ctx.set(key.name, &text, options).is_err()) {
            ctx.count("divergence_not_saved", 1);
        }
    }

    fn publish(&mut self, place: usize, opened: i64, merged: &MergedPrice, ctx: &mut Context<'_>) {
        let (symbol, one) = (self.symbols[place], &mut self.state[place]);
        let closes = one.merger.closes(opened).unwrap_or_default();
        let num_exchanges = merged.num_exchanges as u32;
        one.apart = (num_exchanges > 1).then(|| (merged.volatility_factor, ctx.now()));
        if !self.telling {
            self.telling = true;
            ctx.timer_after(APART_AFTER, APART);
        }
        if std::mem::replace(&mut one.venues, num_exchanges) != num_exchanges {
            ctx.gauge("venues_present", GaugeOf::Symbol(symbol), f64::from(num_exchanges));
            if num_exchanges < 2 {
                ctx.count("venue_silent_alarms", 1);
            }
        }
        let normalized = ExchangeNormalized {
            symbol,
            timestamp: EpochSeconds(Nanos::from_secs(opened)),
            avg_price: merged.avg_price,
            price_divergence: merged.price_divergence,
            num_exchanges,
            binance_price: closes.binance,
            bybit_price: closes.bybit,
            coinbase_price: closes.coinbase,
        };
        crate::publish(ctx, EXCHANGE_NORMALIZED, Envelope::Flat, normalized);
    }
}

impl Configured for CrossExchangeAggregator {
    type Settings = CrossExchangeAggregatorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "closes_refused",
        "divergence_not_saved",
        "markers_skipped",
        "updates_of_unknown_symbols",
        "venue_silent_alarms",
    ];
    const GAUGES: &'static [&'static str] = &["venues_present"];

    fn configured(
        settings: &CrossExchangeAggregatorSettings,
        setup: Setup<'_>,
    ) -> Result<CrossExchangeAggregator, String> {
        Ok(CrossExchangeAggregator {
            silence: Nanos::from_secs(settings.silence_s),
            rule: match setup.pipeline.audited.has(Audited::TwoVenuesAtLeast) {
                true => MergeRule::AuditedTwoAtLeast,
                false => MergeRule::OneIsEnough,
            },
            from: match setup.pipeline.audited.has(Audited::AggregatorReadsAgain) {
                true => GroupStart::Beginning,
                false => GroupStart::End,
            },
            symbols: setup.symbols.to_vec(),
            state: vec![OneSymbol::default(); setup.symbols.len()],
            armed: false,
            telling: false,
        })
    }
}

impl Service for CrossExchangeAggregator {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::tail(EXCHANGE_RAW.name, self.from)],
            writes: vec![EXCHANGE_NORMALIZED.name],
            keys_written: keys::patterns(&[keys::CROSS_DIVERGENCE]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) => self.update(delivery, ctx),
            Input::Timer(APART) => self.tell_apart(ctx),
            Input::Timer(_) => self.release(ctx),
            _ => {}
        }
    }
}
