//! From columns of rows to market events: the hot loops of replay.

use engine::{
    BestQuotes, DepthRow, FeedDelay, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Side,
    SymbolIndex, Trade, TradeOrigin,
};

use crate::bars::{BarMode, GridBar, expand, expand_marks};
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::Kind;
use crate::replay::Range;
use crate::rows::{SELL, SNAPSHOT};
use crate::scale::Scale;

/// The columns that replay needs, per kind.
pub(crate) fn wanted(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Klines => &[0, 1, 2, 3, 4, 5],
        Kind::MarkPriceKlines | Kind::IndexPriceKlines => &[0, 1, 2, 3, 4],
        Kind::AggTrades | Kind::Trades => &[0, 2, 3, 4, 5],
        Kind::FundingRate => &[0, 1],
        Kind::BookTicker => &[0, 2, 3, 4, 5, 6],
        Kind::Depth => &[0, 3, 4, 5, 6],
        Kind::MarkPrice => &[0, 1, 2, 5],
        // Nothing replays them.
        Kind::PremiumIndexKlines
        | Kind::BookDepth
        | Kind::Metrics
        | Kind::OpenInterestHist
        | Kind::ForceOrder => &[0],
    }
}

/// What rows are.
pub(crate) struct Rows {
    pub kind: Kind,
    pub symbol: SymbolIndex,
    /// Of bars.
    pub interval: Option<Interval>,
    pub bars: BarMode,
    pub scale: Scale,
    pub range: Range,
}

/// How long a row took to its recorder; zero is a row that nobody recorded.
#[inline]
fn delay(us: i64, local_us: i64) -> FeedDelay {
    match local_us {
        0 => FeedDelay::UNKNOWN,
        _ => FeedDelay::new(Nanos((local_us - us).saturating_mul(1_000))),
    }
}

impl Rows {
    /// Appends the events of a batch; `None` if a value does not fit 64 bits. `columns` are those wanted.
    pub fn convert(&self, columns: &[Vec<i64>], batch: &mut Vec<MarketEvent>) -> Option<()> {
        match (self.kind, columns) {
            (Kind::AggTrades | Kind::Trades, [time, price, qty, maker, local]) => {
                self.trades([time, price, qty, maker, local], batch)
            }
            (Kind::Depth, [time, side, price, qty, local]) => {
                self.depth([time, side, price, qty, local], batch)
            }
            (Kind::BookTicker, [time, bid, bid_qty, ask, ask_qty, local]) => {
                self.quotes([time, bid, bid_qty, ask, ask_qty, local], batch)
            }
            (Kind::MarkPrice, [time, mark, index, local]) => {
                self.marks([time, mark, index, local], batch)
            }
            (Kind::FundingRate, [time, rate]) => self.rates(time, rate, batch),
            (_, [time, rest @ ..]) => self.bars(time, rest, batch),
            _ => None,
        }
    }

    /// The rows of the range: rows are in order, so it is one slice of them.
    fn in_range(&self, time: &[i64]) -> std::ops::Range<usize> {
        let start = time.partition_point(|&us| iso(us) < self.range.from);
        let end = time.partition_point(|&us| iso(us) < self.range.to);
        start..end.max(start)
    }

    fn trades(
        &self,
        [time, price, qty, maker, local]: [&[i64]; 5],
        batch: &mut Vec<MarketEvent>,
    ) -> Option<()> {
        let range = self.in_range(time);
        let rows = time.get(range.clone())?.iter().zip(price.get(range.clone())?);
        let rest = qty.get(range.clone())?.iter().zip(maker.get(range.clone())?);
        let rows = rows.zip(rest).zip(local.get(range)?);
        let mut fits = true;
        batch.extend(rows.map(|(((&us, &price), (&qty, &maker)), &local)| {
            let (price, lost) = price.overflowing_mul(self.scale.price);
            let (qty, lost_too) = qty.overflowing_mul(self.scale.qty);
            fits &= !lost & !lost_too;
            MarketEvent {
                time: Nanos(us.wrapping_mul(1_000)),
                symbol: self.symbol,
                delay: delay(us, local),
                data: MarketData::Trade(Trade {
                    price: PriceTicks(price),
                    qty: QtyLots(qty),
                    buyer_is_maker: maker != 0,
                    origin: TradeOrigin::Tape,
                }),
            }
        }));
        fits.then_some(())
    }

    fn depth(
        &self,
        [time, side, price, qty, local]: [&[i64]; 5],
        batch: &mut Vec<MarketEvent>,
    ) -> Option<()> {
        let range = self.in_range(time);
        let rows = time.get(range.clone())?.iter().zip(price.get(range.clone())?);
        let rest = side.get(range.clone())?.iter().zip(qty.get(range.clone())?);
        let rows = rows.zip(rest).zip(local.get(range)?);
        let mut fits = true;
        batch.extend(rows.map(|(((&us, &price), (&side, &qty)), &local)| {
            let (price, lost) = price.overflowing_mul(self.scale.price);
            let (qty, lost_too) = qty.overflowing_mul(self.scale.qty);
            fits &= !lost & !lost_too;
            let data = match side {
                SNAPSHOT => MarketData::DepthClear,
                side => MarketData::Depth(DepthRow {
                    side: if side == SELL { Side::Sell } else { Side::Buy },
                    price: PriceTicks(price),
                    qty: QtyLots(qty),
                }),
            };
            let time = Nanos(us.wrapping_mul(1_000));
            MarketEvent { time, symbol: self.symbol, delay: delay(us, local), data }
        }));
        fits.then_some(())
    }

    fn quotes(
        &self,
        [time, bid, bid_qty, ask, ask_qty, local]: [&[i64]; 6],
        batch: &mut Vec<MarketEvent>,
    ) -> Option<()> {
        for at in self.in_range(time) {
            let us = *time.get(at)?;
            let price = |of: &[i64]| of.get(at)?.checked_mul(self.scale.price).map(PriceTicks);
            let qty = |of: &[i64]| of.get(at)?.checked_mul(self.scale.qty).map(QtyLots);
            batch.push(MarketEvent {
                time: iso(us),
                symbol: self.symbol,
                delay: delay(us, *local.get(at)?),
                data: MarketData::BestQuotes(BestQuotes {
                    bid: price(bid)?,
                    bid_qty: qty(bid_qty)?,
                    ask: price(ask)?,
                    ask_qty: qty(ask_qty)?,
                }),
            });
        }
        Some(())
    }

    /// The index before the mark that is made from it.
    fn marks(
        &self,
        [time, mark, index, local]: [&[i64]; 4],
        batch: &mut Vec<MarketEvent>,
    ) -> Option<()> {
        for at in self.in_range(time) {
            let us = *time.get(at)?;
            let delay = delay(us, *local.get(at)?);
            let price = |of: &[i64]| of.get(at)?.checked_mul(self.scale.price).map(PriceTicks);
            let (index, mark) = (price(index)?, price(mark)?);
            let (time, symbol) = (iso(us), self.symbol);
            if index.0 > 0 {
                batch.push(MarketEvent {
                    time,
                    symbol,
                    delay,
                    data: MarketData::IndexPrice(index),
                });
            }
            batch.push(MarketEvent { time, symbol, delay, data: MarketData::MarkPrice(mark) });
        }
        Some(())
    }

    fn rates(&self, time: &[i64], rate: &[i64], batch: &mut Vec<MarketEvent>) -> Option<()> {
        for at in self.in_range(time) {
            let rate = rate.get(at)?.checked_mul(self.scale.price)?;
            let time = iso(*time.get(at)?);
            batch.push(MarketEvent::new(time, self.symbol, MarketData::FundingRate(rate)));
        }
        Some(())
    }

    fn bars(&self, time: &[i64], rest: &[Vec<i64>], batch: &mut Vec<MarketEvent>) -> Option<()> {
        for (at, &us) in time.iter().enumerate() {
            let open_time = iso(us);
            let closes_us = self.interval.map_or(us, |interval| interval.closes(us));
            if open_time < self.range.from || iso(closes_us) > self.range.to {
                continue;
            }
            let price = |column: usize| rest.get(column)?.get(at)?.checked_mul(self.scale.price);
            let mut bar = GridBar {
                open_time,
                open: price(0)?,
                high: price(1)?,
                low: price(2)?,
                close: price(3)?,
                volume: 0,
            };
            let (symbol, ms) = (self.symbol, u32::try_from((closes_us - us) / 1_000).ok()?);
            match self.kind {
                Kind::MarkPriceKlines => {
                    expand_marks(&bar, symbol, ms, MarketData::MarkPrice, batch)
                }
                Kind::IndexPriceKlines => {
                    expand_marks(&bar, symbol, ms, MarketData::IndexPrice, batch);
                }
                _ => {
                    bar.volume = rest.get(4)?.get(at)?.checked_mul(self.scale.qty)?;
                    expand(&bar, symbol, ms, self.bars, batch);
                }
            }
        }
        Some(())
    }
}
