//! Invented events in any market: a real month with a crash in it that never happened.
//!
//! The prices of the feed are multiplied by what the events make of the minute, and rounded to the tick.
//! Exchange and services see the same market, because the events are in the feed. A closed bar is that of
//! its moved path, so that bars and the trades inside them agree.
//!
//! Invariant: an event draws nothing and looks at no price, so that the market before it is untouched.

use engine::{
    Bar, BestQuotes, Feed, FeedError, Instrument, MarketData, MarketEvent, Nanos, PriceTicks,
    QtyLots,
};

use crate::DataError;
use crate::bars::{GridBar, path, times};
use crate::synthetic::events::Overlay;
use crate::synthetic::{LaidEvent, Shock};

const MINUTE: i64 = 60_000_000_000;
const PRICE_MAX: i64 = 1_000_000_000_000_000;

/// What the events make of one symbol.
struct Laid {
    overlay: Overlay,
    /// New prices are its multiples.
    tick: i64,
    /// From, to before, and the rate between.
    rates: Vec<(Nanos, Nanos, i64)>,
}

/// A feed with events laid over it.
pub struct Spliced<F> {
    feed: F,
    start: Nanos,
    symbols: Vec<Laid>,
}

impl<F: Feed> Spliced<F> {
    /// Lays `events` over `feed`, their minutes counted from `start`. `ticks` are the order ticks of the
    /// symbols in grid units.
    pub fn new(
        feed: F,
        start: Nanos,
        instruments: &[Instrument],
        ticks: &[i64],
        events: &[LaidEvent],
    ) -> Result<Spliced<F>, DataError> {
        for event in events {
            let named = event.symbol.is_none_or(|s| instruments.iter().any(|i| i.symbol == s));
            if !named {
                return Err(DataError::Misuse(format!(
                    "an event at minute {} concerns {}, which is no symbol of the market: correct it, or leave \
                     the symbol out for all",
                    event.at_minute,
                    event.symbol.map(|s| s.to_string()).unwrap_or_default()
                )));
            }
            if let Some(problem) = event.what.problem() {
                return Err(DataError::Misuse(format!(
                    "an event at minute {}: {problem}",
                    event.at_minute
                )));
            }
        }
        let rates = |of: &LaidEvent| match of.what {
            Shock::FundingSpike { minutes, rate_e8 } => {
                let (from, to) = of.span(start, minutes);
                Some((from, to, rate_e8))
            }
            _ => None,
        };
        let symbols = instruments.iter().zip(ticks).map(|(instrument, &tick)| Laid {
            overlay: Overlay::new(events, instrument.symbol),
            tick: tick.max(1),
            rates: events
                .iter()
                .filter(|event| event.concerns(instrument.symbol))
                .filter_map(rates)
                .collect(),
        });
        Ok(Spliced { feed, start, symbols: symbols.collect() })
    }
}

impl Laid {
    /// The factor on prices at `time`; straight in its logarithm within a minute.
    fn factor(&self, start: Nanos, time: Nanos) -> f64 {
        let since = (time.0 - start.0).max(0);
        let minute = u32::try_from(since / MINUTE).unwrap_or(u32::MAX);
        let now = self.overlay.at(minute);
        let before = minute.checked_sub(1).map_or(0.0, |last| self.overlay.at(last).log);
        let open = before + now.open_gap;
        let share = (since % MINUTE) as f64 / MINUTE as f64;
        libm::exp(open + (now.log - open) * share)
    }

    /// The nearest tick, at least one.
    fn moved(&self, price: PriceTicks, factor: f64) -> PriceTicks {
        let ticks = libm::round(price.0 as f64 * factor / self.tick as f64);
        let most = (PRICE_MAX / self.tick).max(1);
        PriceTicks((ticks as i64).clamp(1, most) * self.tick)
    }

    /// The volume at `time`.
    fn traded(&self, start: Nanos, time: Nanos, qty: QtyLots) -> QtyLots {
        let since = (time.0 - start.0).max(0);
        let minute = u32::try_from(since / MINUTE).unwrap_or(u32::MAX);
        let factor = self.overlay.at(minute).volume;
        if factor == 1.0 || qty.0 == 0 {
            return qty;
        }
        QtyLots((libm::round(qty.0 as f64 * factor) as i64).max(1))
    }

    /// The bar of the moved path.
    fn bar(&self, start: Nanos, time: Nanos, bar: &mut Bar) {
        let open_time = time - Nanos::from_millis(i64::from(bar.interval_ms));
        let grid = GridBar {
            open_time,
            open: bar.open.0,
            high: bar.high.0,
            low: bar.low.0,
            close: bar.close.0,
            volume: 0,
        };
        let points = times(open_time, bar.interval_ms).into_iter().zip(path(&grid));
        let moved: Vec<PriceTicks> = points
            .map(|(at, price)| self.moved(PriceTicks(price), self.factor(start, at)))
            .collect();
        let [open, .., close] = moved[..] else { return };
        bar.open = open;
        bar.close = close;
        bar.high = moved.iter().copied().max().unwrap_or(close);
        bar.low = moved.iter().copied().min().unwrap_or(close);
        bar.volume = self.traded(start, open_time, bar.volume);
    }

    fn apply(&self, start: Nanos, event: &mut MarketEvent) {
        let time = event.time;
        match &mut event.data {
            MarketData::Trade(trade) => {
                trade.price = self.moved(trade.price, self.factor(start, time));
                trade.qty = self.traded(start, time, trade.qty);
            }
            MarketData::MarkPrice(price) | MarketData::IndexPrice(price) => {
                *price = self.moved(*price, self.factor(start, time));
            }
            MarketData::Bar(bar) => self.bar(start, time, bar),
            MarketData::BestQuotes(best) => {
                let factor = self.factor(start, time);
                let BestQuotes { bid, ask, .. } = *best;
                (best.bid, best.ask) = (self.moved(bid, factor), self.moved(ask, factor));
                // Rounding must not cross them.
                best.ask.0 = best.ask.0.max(best.bid.0 + self.tick);
            }
            MarketData::FundingRate(rate) => {
                let spike =
                    self.rates.iter().rev().find(|(from, to, _)| (*from..*to).contains(&time));
                *rate = spike.map_or(*rate, |(_, _, rate)| *rate);
            }
            // Levels that were shown before would stay where they are: whoever opens the market refuses it.
            MarketData::Depth(_) | MarketData::DepthClear => {}
        }
    }
}

impl<F: Feed> Feed for Spliced<F> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        self.feed.next_batch(batch)?;
        for event in batch {
            if let Some(laid) = self.symbols.get(usize::from(event.symbol.0)) {
                laid.apply(self.start, event);
            }
        }
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.feed.ends_at()
    }
}
