//! The circular block bootstrap of a market of bars (Politis and Romano 1992): blocks of minutes are drawn
//! with replacement and put one after the other. Within a block everything is as it was, across symbols
//! too, so that clusters of volatility and correlations survive up to the block's length, and trends beyond
//! it do not.
//!
//! What is drawn is how each bar stands to the close before it: a new bar begins where the last one ended.

use engine::{Feed, FeedError, MarketData, MarketEvent, NamedRng, Nanos, SymbolIndex};

use crate::DataError;
use crate::bars::{BarMode, GridBar, expand};

const PRICE_MAX: f64 = 1e15;

/// A bar, and the close before it.
#[derive(Clone, Copy)]
struct Drawn {
    before: i64,
    bar: GridBar,
}

/// The bars of one symbol, by time, all of one length.
#[derive(Default)]
struct Bars {
    interval_ms: u32,
    all: Vec<Drawn>,
    /// Close of the last new bar.
    close: i64,
}

/// The new market, made bar by bar.
pub(super) struct Bootstrap {
    symbols: Vec<Bars>,
    ticks: Vec<i64>,
    /// Funding, as it was.
    others: std::collections::VecDeque<MarketEvent>,
    block: usize,
    rng: NamedRng,
    /// Bars made, and where the present block stands in the old ones.
    made: usize,
    from: usize,
    start: Nanos,
}

impl Bootstrap {
    /// Reads the whole feed. `market` is the number of its symbols and their ticks.
    pub fn draw(
        feed: &mut dyn Feed,
        minutes: u32,
        (symbols, ticks): (usize, &[i64]),
        range: (Nanos, Nanos),
        seed: u64,
    ) -> Result<Bootstrap, DataError> {
        let refused = |what: &str| {
            DataError::Misuse(format!(
                "perturbation: bootstrap_minutes draws bars anew, and the market tells {what}"
            ))
        };
        let mut bars: Vec<Bars> = (0..symbols).map(|_| Bars::default()).collect();
        let mut others = std::collections::VecDeque::new();
        let mut batch = Vec::new();
        loop {
            feed.next_batch(&mut batch).map_err(|error| DataError::Misuse(error.to_string()))?;
            if batch.is_empty() {
                break;
            }
            for event in &batch {
                match &event.data {
                    MarketData::Bar(bar) => {
                        let Some(of) = bars.get_mut(usize::from(event.symbol.0)) else { continue };
                        if of.interval_ms != 0 && of.interval_ms != bar.interval_ms {
                            return Err(refused("bars of two lengths: replay one of them"));
                        }
                        of.interval_ms = bar.interval_ms;
                        let before = of.all.last().map_or(bar.open.0, |last| last.bar.close);
                        let bar = GridBar {
                            open_time: Nanos::ZERO,
                            open: bar.open.0,
                            high: bar.high.0,
                            low: bar.low.0,
                            close: bar.close.0,
                            volume: bar.volume.0,
                        };
                        of.all.push(Drawn { before, bar });
                    }
                    MarketData::FundingRate(_) => others.push_back(*event),
                    // The path inside a bar is made again.
                    MarketData::Trade(trade) if trade.origin == engine::TradeOrigin::BarPath => {}
                    MarketData::Trade(_) => return Err(refused("trades: give `bars`")),
                    MarketData::MarkPrice(_) | MarketData::IndexPrice(_) => {
                        return Err(refused("mark or index prices: leave them out"));
                    }
                    _ => return Err(refused("a book: leave it out")),
                }
            }
        }
        let length = bars.first().map_or(0, |first| first.all.len());
        let interval_ms = bars.first().map_or(0, |first| first.interval_ms);
        if length == 0 {
            return Err(refused("no bars: give `bars`"));
        }
        if bars.iter().any(|of| of.all.len() != length || of.interval_ms != interval_ms) {
            return Err(refused(
                "its symbols for different times: blocks are shared by all symbols; take symbols and a range that are whole",
            ));
        }
        for of in &mut bars {
            of.close = of.all.first().map_or(1, |first| first.before);
        }
        let block = (i64::from(minutes) * 60_000 / i64::from(interval_ms.max(1))).max(1) as usize;
        Ok(Bootstrap {
            symbols: bars,
            ticks: ticks.to_vec(),
            others,
            block,
            rng: NamedRng::new(seed, "perturbation: bootstrap"),
            made: 0,
            from: 0,
            start: range.0,
        })
    }

    /// One bar of each symbol, and what was settled by then.
    fn next_bar(&mut self, batch: &mut Vec<MarketEvent>) {
        let Some(first) = self.symbols.first() else { return };
        let (length, interval_ms) = (first.all.len(), first.interval_ms);
        if self.made >= length {
            return;
        }
        if self.made.is_multiple_of(self.block) {
            self.from = self.rng.below(length as u64) as usize;
        }
        let at = (self.from + self.made % self.block) % length;
        let open_time = self.start + Nanos::from_millis(i64::from(interval_ms) * self.made as i64);
        self.made += 1;
        let begun = batch.len();
        for ((of, &tick), symbol) in self.symbols.iter_mut().zip(&self.ticks).zip(0u16..) {
            let Drawn { before, bar } = of.all[at];
            let (last, before, tick) = (of.close as f64, before.max(1) as f64, tick.max(1) as f64);
            // Division and multiplication of floats are the same everywhere; nothing else is used.
            let moved = |price: i64| {
                let ticks = libm::round(last * (price as f64 / before) / tick);
                (ticks.clamp(1.0, PRICE_MAX / tick) * tick) as i64
            };
            let new = GridBar {
                open_time,
                open: moved(bar.open),
                high: moved(bar.high),
                low: moved(bar.low),
                close: moved(bar.close),
                volume: bar.volume,
            };
            of.close = new.close;
            expand(&new, SymbolIndex(symbol), interval_ms, BarMode::Points, batch);
        }
        let closes = open_time + Nanos::from_millis(i64::from(interval_ms));
        while let Some(event) = self.others.front()
            && event.time <= closes
        {
            batch.extend(self.others.pop_front());
        }
        // By time; what was settled in an instant comes after its prices.
        batch[begun..].sort_by_key(|event| {
            (event.time, event.symbol, matches!(event.data, MarketData::FundingRate(_)))
        });
    }
}

impl Feed for Bootstrap {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        self.next_bar(batch);
        Ok(())
    }
}
