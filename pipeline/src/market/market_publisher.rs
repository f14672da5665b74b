//! Market publisher (MSE 3.3): trades and closed bars from the exchange onto the bus.
//!
//! A trade of the tape is a tick. Bar data has no tape: the points inside a bar are the exchange's
//! assumption about its path and no signal, so that a bar gives one tick, its close.

use engine::{
    Context, Envelope, EpochMillis, EpochSeconds, Input, MarketData, MarketEvent, MarketWants,
    Nanos, PriceTicks, QtyLots, Service, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{Kline, Tick};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{MARKET_KLINES, MARKET_TICK};

settings! {
    /// Market publisher.
    pub struct MarketPublisherSettings {
    }
}

const SOURCE: &str = "market-publisher";
/// Closed bars kept in `candles:{S}:1m`.
const CANDLES: usize = 300;
/// Between two made-up ticks, and how far they may be from the first price, as a fraction.
const SIMULATED_EVERY: Nanos = Nanos::from_secs(5);
const SIMULATED_RANGE: f64 = 0.001;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MarketPublisher {
    candle_keys: Vec<String>,
    /// First price of each symbol, where ticks around it are made up.
    simulated: Option<Vec<Option<PriceTicks>>>,
    #[serde(skip)]
    text: Vec<u8>,
}

impl MarketPublisher {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[engine::Symbol], simulates: bool) -> MarketPublisher {
        let candle_keys = keys::CANDLES_1M.of_each(symbols);
        let simulated = simulates.then(|| vec![None; symbols.len()]);
        MarketPublisher { candle_keys, simulated, text: Vec::new() }
    }

    fn tick(
        &mut self,
        event: &MarketEvent,
        price: PriceTicks,
        qty: QtyLots,
        maker: bool,
        ctx: &mut Context<'_>,
    ) {
        let place = usize::from(event.symbol.0);
        if let Some(slot) = self.simulated.as_mut().and_then(|first| first.get_mut(place)) {
            slot.get_or_insert(price);
        }
        tell(place, event.time, price, Some(qty), maker, ctx);
    }

    /// Ticks that no market has made, in the stream of those that it has.
    fn simulate(&self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for (place, first) in self.simulated.iter().flatten().enumerate() {
            let Some(first) = first else { continue };
            let off = SIMULATED_RANGE * (2.0 * ctx.rng().unit_f64() - 1.0);
            let price = PriceTicks((libm::rint(first.0 as f64 * (1.0 + off)) as i64).max(1));
            tell(place, now, price, None, false, ctx);
        }
        ctx.timer_after(SIMULATED_EVERY, TimerKey(0));
    }

    fn bar(&mut self, event: &MarketEvent, bar: &engine::Bar, ctx: &mut Context<'_>) {
        let place = usize::from(event.symbol.0);
        let instrument = &ctx.instruments()[place];
        let price = |price| grid::price(instrument, price);
        let open_time = event.time - Nanos::from_millis(i64::from(bar.interval_ms));
        let kline = Kline {
            symbol: instrument.symbol,
            interval: interval_name(bar.interval_ms).into(),
            open: price(bar.open),
            high: price(bar.high),
            low: price(bar.low),
            close: price(bar.close),
            volume: grid::qty(instrument, bar.volume),
            open_time: EpochMillis(open_time),
            close_time: EpochMillis(event.time - Nanos::from_millis(1)),
            is_closed: true,
            timestamp: EpochSeconds(event.time),
        };
        let text = &mut self.text;
        text.clear();
        text.extend_from_slice(b"{\"t\":");
        grid::append(text, open_time.millis(), 0);
        for (name, ticks) in [
            (b",\"o\":", bar.open),
            (b",\"h\":", bar.high),
            (b",\"l\":", bar.low),
            (b",\"c\":", bar.close),
        ] {
            text.extend_from_slice(name);
            grid::append(text, ticks.0, instrument.price_decimals);
        }
        text.extend_from_slice(b",\"v\":");
        grid::append(text, bar.volume.0, instrument.qty_decimals);
        text.push(b'}');
        if bar.interval_ms == 60_000
            && let Some(key) = self.candle_keys.get(place)
            && ctx.lpush_keep(key, &self.text, CANDLES).is_err()
        {
            ctx.count("candles_lost", 1);
        }
        let envelope = Envelope::Bus {
            event_type: MARKET_KLINES.event,
            source: SOURCE,
            correlation_id: ctx.correlation_id(),
            time: event.time,
        };
        crate::publish(ctx, MARKET_KLINES, envelope, kline);
    }
}

fn tell(
    place: usize,
    time: Nanos,
    price: PriceTicks,
    qty: Option<QtyLots>,
    is_buyer_maker: bool,
    ctx: &mut Context<'_>,
) {
    let instrument = &ctx.instruments()[place];
    let tick = Tick {
        symbol: instrument.symbol,
        price: grid::price(instrument, price),
        qty: qty.map(|qty| grid::qty(instrument, qty)),
        is_buyer_maker,
        timestamp: EpochSeconds(time),
    };
    let correlation_id = ctx.correlation_id();
    let event_type = MARKET_TICK.event;
    let envelope = Envelope::Bus { event_type, source: SOURCE, correlation_id, time };
    crate::publish(ctx, MARKET_TICK, envelope, tick);
}

fn interval_name(ms: u32) -> &'static str {
    match ms {
        60_000 => "1m",
        300_000 => "5m",
        900_000 => "15m",
        3_600_000 => "1h",
        _ => "other",
    }
}

impl Configured for MarketPublisher {
    type Settings = MarketPublisherSettings;
    const COUNTERS: &'static [&'static str] = &["candles_lost"];

    fn configured(
        _: &MarketPublisherSettings,
        setup: Setup<'_>,
    ) -> Result<MarketPublisher, String> {
        let simulates = setup.pipeline.audited.has(Audited::SimulatedTicks);
        Ok(MarketPublisher::new(setup.symbols, simulates))
    }
}

impl Service for MarketPublisher {
    fn wiring(&self) -> Wiring {
        Wiring {
            market: MarketWants { trades: true, bars: true, ..MarketWants::NONE },
            writes: vec![MARKET_TICK.name, MARKET_KLINES.name],
            keys_written: keys::patterns(&[keys::CANDLES_1M]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let event = match input {
            Input::Market(event) => event,
            Input::Start | Input::Timer(_) if self.simulated.is_some() => {
                return self.simulate(ctx);
            }
            _ => return,
        };
        match &event.data {
            MarketData::Trade(trade) => {
                self.tick(event, trade.price, trade.qty, trade.buyer_is_maker, ctx);
            }
            MarketData::Bar(bar) => {
                self.bar(event, bar, ctx);
                self.tick(event, bar.close, bar.volume, false, ctx);
            }
            MarketData::MarkPrice(_)
            | MarketData::IndexPrice(_)
            | MarketData::FundingRate(_)
            | MarketData::Depth(_)
            | MarketData::DepthClear
            | MarketData::BestQuotes(_) => {}
        }
    }
}
