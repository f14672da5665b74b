//! One-minute bars made of the tape, for markets that are recorded as trades: services that trade on
//! closed bars hear them as they would hear Binance's kline stream.

use engine::{
    Bar, Feed, FeedError, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex, Trade,
};

const MINUTE_MS: u32 = 60_000;
const MINUTE: Nanos = Nanos::from_millis(MINUTE_MS as i64);

/// The minute of one symbol so far.
#[derive(Clone, Copy, Debug)]
struct Minute {
    open: PriceTicks,
    high: PriceTicks,
    low: PriceTicks,
    close: PriceTicks,
    volume: i64,
}

impl Minute {
    /// Before its first trade a minute stands at the close of the one before.
    fn flat(price: PriceTicks) -> Minute {
        Minute { open: price, high: price, low: price, close: price, volume: 0 }
    }

    fn add(&mut self, trade: &Trade) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume = self.volume.saturating_add(trade.qty.0);
    }
}

/// A feed of trades with the closed one-minute bar of each symbol added at the end of each minute.
///
/// A minute without a trade is a bar of the last close without volume, as on Binance; a symbol has no
/// bars before its first trade. A minute of which only a part lies in the run is none.
pub struct MinuteBars<F> {
    feed: F,
    input: Vec<MarketEvent>,
    minutes: Vec<Option<Minute>>,
    /// When the minute under way ends.
    end: Nanos,
    /// First instant that belongs to a whole minute of the run.
    from: Nanos,
    /// First instant after the run.
    to: Nanos,
}

impl<F: Feed> MinuteBars<F> {
    /// Adds the bars of `symbols` symbols to the feed of a run from `from` to before `to`.
    pub fn new(feed: F, symbols: usize, from: Nanos, to: Nanos) -> MinuteBars<F> {
        let whole = Nanos(from.0.div_euclid(MINUTE.0) * MINUTE.0);
        let first = if whole == from { from } else { whole + MINUTE };
        MinuteBars {
            feed,
            input: Vec::new(),
            minutes: vec![None; symbols],
            end: first + MINUTE,
            from: first,
            to,
        }
    }

    fn close_minute(&mut self, batch: &mut Vec<MarketEvent>) {
        for (minute, symbol) in self.minutes.iter_mut().zip(0u16..) {
            let Some(of) = minute else { continue };
            batch.push(MarketEvent::new(
                self.end,
                SymbolIndex(symbol),
                MarketData::Bar(Bar {
                    open: of.open,
                    high: of.high,
                    low: of.low,
                    close: of.close,
                    volume: QtyLots(of.volume),
                    interval_ms: MINUTE_MS,
                    path_passed: true,
                }),
            ));
            *minute = Some(Minute::flat(of.close));
        }
        self.end += MINUTE;
    }

    fn take(&mut self, event: &MarketEvent) {
        let MarketData::Trade(trade) = &event.data else { return };
        if event.time < self.from {
            return;
        }
        match self.minutes.get_mut(usize::from(event.symbol.0)) {
            Some(Some(minute)) if minute.volume > 0 => minute.add(trade),
            Some(minute) => {
                *minute = Some(Minute { volume: trade.qty.0, ..Minute::flat(trade.price) });
            }
            None => {}
        }
    }
}

impl<F: Feed> Feed for MinuteBars<F> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        let mut input = std::mem::take(&mut self.input);
        self.feed.next_batch(&mut input)?;
        if input.is_empty() {
            while self.end <= self.to && self.minutes.iter().any(Option::is_some) {
                self.close_minute(batch);
            }
        }
        for event in &input {
            while event.time >= self.end {
                self.close_minute(batch);
            }
            self.take(event);
            batch.push(*event);
        }
        self.input = input;
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.feed.ends_at()
    }

    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        Some(Box::new(MinuteBars {
            feed: self.feed.fork()?,
            input: self.input.clone(),
            minutes: self.minutes.clone(),
            end: self.end,
            from: self.from,
            to: self.to,
        }))
    }
}

#[cfg(test)]
mod tests {
    use engine::TradeOrigin;

    use super::*;
    use crate::MemoryFeed;

    fn trade(ms: i64, symbol: u16, price: i64, qty: i64) -> MarketEvent {
        let data = MarketData::Trade(Trade {
            price: PriceTicks(price),
            qty: QtyLots(qty),
            buyer_is_maker: false,
            origin: TradeOrigin::Tape,
        });
        MarketEvent::new(Nanos::from_millis(ms), SymbolIndex(symbol), data)
    }

    /// What comes out, in batches of `batch` events: trades as their price, bars in full.
    fn out(events: &[MarketEvent], batch: usize, from_ms: i64, to_ms: i64) -> Vec<String> {
        let feed = MemoryFeed::with_batch(events.to_vec(), batch).expect("in order");
        let (from, to) = (Nanos::from_millis(from_ms), Nanos::from_millis(to_ms));
        let mut bars = MinuteBars::new(feed, 2, from, to);
        let (mut lines, mut batch) = (Vec::new(), Vec::new());
        loop {
            bars.next_batch(&mut batch).expect("a batch");
            if batch.is_empty() {
                return lines;
            }
            lines.extend(batch.iter().map(|e| {
                let head = format!("{} s{}", e.time.millis(), e.symbol.0);
                match e.data {
                    MarketData::Bar(b) => format!(
                        "{head} bar {} {} {} {} {}",
                        b.open.0, b.high.0, b.low.0, b.close.0, b.volume.0
                    ),
                    MarketData::Trade(t) => format!("{head} {}", t.price.0),
                    _ => head,
                }
            }));
        }
    }

    #[test]
    fn a_minute_closes_before_the_first_event_of_the_next() {
        let events = [
            trade(0, 0, 10, 1),
            trade(500, 0, 12, 2),
            trade(59_999, 0, 9, 3),
            trade(60_000, 1, 7, 1),
            trade(179_999, 0, 11, 1),
        ];
        let expected = [
            "0 s0 10",
            "500 s0 12",
            "59999 s0 9",
            "60000 s0 bar 10 12 9 9 6",
            "60000 s1 7",
            "120000 s0 bar 9 9 9 9 0",
            "120000 s1 bar 7 7 7 7 1",
            "179999 s0 11",
            "180000 s0 bar 11 11 11 11 1",
            "180000 s1 bar 7 7 7 7 0",
        ];
        for batch in 1..=6 {
            assert_eq!(out(&events, batch, 0, 180_000), expected, "batches of {batch}");
        }
    }

    #[test]
    fn a_minute_that_is_cut_is_none() {
        let events = [trade(30_000, 0, 10, 1), trade(61_000, 0, 12, 1), trade(121_000, 0, 13, 1)];
        let expected =
            ["30000 s0 10", "61000 s0 12", "120000 s0 bar 12 12 12 12 1", "121000 s0 13"];
        assert_eq!(out(&events, 8, 30_000, 150_000), expected);
    }
}
