//! Market publisher (MSE 3.3): trades and closed bars from the exchange onto the bus.
//!
//! A trade of the tape is a tick. Bar data has no tape: the points inside a bar are the exchange's
//! assumption about its path and no signal, so that a bar gives one tick, its close.

use engine::{
    Context, Envelope, EpochMillis, EpochSeconds, Input, MarketData, MarketEvent, MarketWants,
    Nanos, PriceTicks, QtyLots, Service, Wiring,
};
use serde::{Deserialize, Serialize};

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

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MarketPublisher {
    candle_keys: Vec<String>,
    #[serde(skip)]
    text: Vec<u8>,
}

impl MarketPublisher {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[engine::Symbol]) -> MarketPublisher {
        let candle_keys = keys::CANDLES_1M.of_each(symbols);
        MarketPublisher { candle_keys, text: Vec::new() }
    }

    fn tick(
        &self,
        event: &MarketEvent,
        price: PriceTicks,
        qty: QtyLots,
        maker: bool,
        ctx: &mut Context<'_>,
    ) {
        let instrument = &ctx.instruments()[usize::from(event.symbol.0)];
        let tick = Tick {
            symbol: instrument.symbol,
            price: grid::price(instrument, price),
            qty: Some(grid::qty(instrument, qty)),
            is_buyer_maker: maker,
            timestamp: EpochSeconds(event.time),
        };
        let envelope = Envelope::Bus {
            event_type: MARKET_TICK.event,
            source: SOURCE,
            correlation_id: ctx.correlation_id(),
            time: event.time,
        };
        crate::publish(ctx, MARKET_TICK, envelope, tick);
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
        Ok(MarketPublisher::new(setup.symbols))
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
        let Input::Market(event) = input else { return };
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
