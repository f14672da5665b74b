//! Price gaps: from an instant on, all prices of a symbol are another multiple of what the data say.
//!
//! The exchange and the services see the same market, because the gap is in the feed. A bar in whose
//! middle the gap falls opens at the old level and closes at the new one, and its extremes span both:
//! which of its prices came before the gap is not known. Begin a gap with a bar to avoid that.
//!
//! Invariant: whole numbers only, so that the prices are the same everywhere, and on the tick.

use engine::{Bar, Feed, FeedError, MarketData, MarketEvent, Nanos, PriceTicks, SymbolIndex};

const ONE_PPM: i64 = 1_000_000;
/// Prices on the grid end here, as in synthetic markets.
const PRICE_MAX: i64 = 1_000_000_000_000_000;

/// A gap of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceGap {
    /// The first instant of the new prices.
    pub at: Nanos,
    /// Whose.
    pub symbol: SymbolIndex,
    /// New price by old price in parts per million: 900,000 is a fall of 10 %. Above zero.
    pub factor_ppm: i64,
    /// The order tick in grid units: new prices are its multiples. At least 1.
    pub tick: i64,
}

impl PriceGap {
    /// The new price: the nearest tick, the upper one if both are as near, and at least one tick.
    fn moved(&self, price: PriceTicks) -> PriceTicks {
        let (tick, one) = (i128::from(self.tick), i128::from(ONE_PPM));
        let scaled = i128::from(price.0) * i128::from(self.factor_ppm);
        let ticks = (2 * scaled + tick * one).div_euclid(2 * tick * one);
        let most = i128::from(PRICE_MAX) / tick;
        let moved = i64::try_from(ticks.clamp(1, most.max(1)) * tick);
        PriceTicks(moved.unwrap_or(PRICE_MAX))
    }

    fn moved_bar(&self, time: Nanos, bar: &mut Bar) {
        if time <= self.at {
            return;
        }
        let before = *bar;
        for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
            *price = self.moved(*price);
        }
        let opened = time - Nanos::from_millis(i64::from(bar.interval_ms));
        if opened < self.at {
            bar.open = before.open;
            bar.high = bar.high.max(before.high);
            bar.low = bar.low.min(before.low);
        }
    }

    fn apply(&self, event: &mut MarketEvent) {
        if event.symbol != self.symbol || event.time < self.at {
            return;
        }
        match &mut event.data {
            MarketData::Trade(trade) => trade.price = self.moved(trade.price),
            MarketData::MarkPrice(price) | MarketData::IndexPrice(price) => {
                *price = self.moved(*price);
            }
            MarketData::Bar(bar) => self.moved_bar(event.time, bar),
            MarketData::Depth(row) => row.price = self.moved(row.price),
            MarketData::BestQuotes(best) => {
                best.bid = self.moved(best.bid);
                best.ask = self.moved(best.ask);
            }
            MarketData::FundingRate(_) | MarketData::DepthClear => {}
        }
    }
}

/// A feed with gaps. Later gaps are on top of earlier ones.
pub struct PriceGaps<F> {
    feed: F,
    gaps: Vec<PriceGap>,
}

impl<F: Feed> PriceGaps<F> {
    /// Puts the gaps, in any order, into the feed.
    pub fn new(feed: F, mut gaps: Vec<PriceGap>) -> PriceGaps<F> {
        let sane = |gap: &PriceGap| gap.factor_ppm > 0 && gap.tick > 0;
        assert!(gaps.iter().all(sane), "a price times a factor is a price");
        gaps.sort_by_key(|gap| gap.at);
        PriceGaps { feed, gaps }
    }
}

impl<F: Feed> Feed for PriceGaps<F> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        self.feed.next_batch(batch)?;
        let last = batch.last().map_or(Nanos::ZERO, |event| event.time);
        for gap in self.gaps.iter().take_while(|gap| gap.at <= last) {
            batch.iter_mut().for_each(|event| gap.apply(event));
        }
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.feed.ends_at()
    }
}

#[cfg(test)]
mod tests {
    use engine::{QtyLots, Trade, TradeOrigin};

    use super::*;
    use crate::MemoryFeed;

    const MINUTE: i64 = 60;

    fn gap(second: i64, factor_ppm: i64, tick: i64) -> PriceGap {
        PriceGap { at: Nanos::from_secs(second), symbol: SymbolIndex(0), factor_ppm, tick }
    }

    fn trade(second: i64, symbol: u16, price: i64) -> MarketEvent {
        let data = MarketData::Trade(Trade {
            price: PriceTicks(price),
            qty: QtyLots(1),
            buyer_is_maker: false,
            origin: TradeOrigin::Tape,
        });
        MarketEvent::new(Nanos::from_secs(second), SymbolIndex(symbol), data)
    }

    fn bar(second: i64, prices: [i64; 4]) -> MarketEvent {
        let [open, high, low, close] = prices.map(PriceTicks);
        let volume = QtyLots(1);
        let (interval_ms, path_passed) = (60_000, false);
        let data =
            MarketData::Bar(Bar { open, high, low, close, volume, interval_ms, path_passed });
        MarketEvent::new(Nanos::from_secs(second), SymbolIndex(0), data)
    }

    /// All prices of all events after the gaps.
    fn prices(gaps: Vec<PriceGap>, events: Vec<MarketEvent>) -> Vec<i64> {
        let feed = MemoryFeed::with_batch(events, 2).expect("in order");
        let mut feed = PriceGaps::new(feed, gaps);
        let (mut batch, mut found) = (Vec::new(), Vec::new());
        loop {
            feed.next_batch(&mut batch).expect("from memory");
            if batch.is_empty() {
                return found;
            }
            for event in &batch {
                match event.data {
                    MarketData::Trade(trade) => found.push(trade.price.0),
                    MarketData::MarkPrice(price) | MarketData::IndexPrice(price) => {
                        found.push(price.0);
                    }
                    MarketData::Bar(b) => found.extend([b.open.0, b.high.0, b.low.0, b.close.0]),
                    MarketData::FundingRate(rate) => found.push(rate),
                    MarketData::Depth(row) => found.push(row.price.0),
                    MarketData::BestQuotes(best) => found.extend([best.bid.0, best.ask.0]),
                    MarketData::DepthClear => {}
                }
            }
        }
    }

    #[test]
    fn prices_are_scaled_from_the_instant_on() {
        let at = Nanos::from_secs(5);
        let symbol = SymbolIndex(0);
        let mark = MarketEvent::new(at, symbol, MarketData::MarkPrice(PriceTicks(2_000)));
        let funding = MarketEvent::new(at, symbol, MarketData::FundingRate(10_000));
        let events =
            vec![trade(4, 0, 1_000), trade(5, 0, 1_000), mark, funding, trade(6, 1, 1_000)];
        assert_eq!(
            prices(vec![gap(5, 900_000, 1)], events),
            [1_000, 900, 1_800, 10_000, 1_000],
            "the other symbol and the rate stay"
        );
    }

    #[test]
    fn new_prices_are_the_nearest_ticks() {
        let of = |price, ppm, tick| gap(0, ppm, tick).moved(PriceTicks(price)).0;
        assert_eq!(of(1_004, 500_000, 5), 500);
        assert_eq!(of(1_005, 500_000, 5), 505, "502.5 lies in the middle");
        assert_eq!(of(1_006, 500_000, 5), 505);
        assert_eq!(of(3, 100_000, 5), 5, "never zero");
        assert_eq!(of(PRICE_MAX, 100_000_000, 7), PRICE_MAX / 7 * 7);
    }

    #[test]
    fn a_bar_is_wholly_before_wholly_after_or_spans_both() {
        let path = [1_000, 1_100, 950, 1_050];
        let events: Vec<MarketEvent> = (1..=3).map(|minute| bar(minute * MINUTE, path)).collect();
        let halved = [500, 550, 475, 525];
        let at_the_edge = prices(vec![gap(2 * MINUTE, 500_000, 1)], events.clone());
        assert_eq!(at_the_edge, [path, path, halved].concat());
        let within = prices(vec![gap(MINUTE + 30, 500_000, 1)], events);
        assert_eq!(within, [path, [1_000, 1_100, 475, 525], halved].concat());
    }

    #[test]
    fn later_gaps_are_on_top_of_earlier_ones() {
        let events = (0..4).map(|second| trade(second, 0, 1_000)).collect();
        let gaps = vec![gap(2, 2_000_000, 1), gap(1, 500_000, 1), gap(3, 1_100_000, 1)];
        assert_eq!(prices(gaps, events), [1_000, 500, 1_000, 1_100]);
    }
}
