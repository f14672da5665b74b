//! Klines of every interval from minutes.
//!
//! Invariant: a trade touches the present minute only. A longer kline is what its closed minutes hold and
//! the present one.
//! Invariant: there is no gap: a minute without a trade is flat at the last price.

use std::collections::VecDeque;

use super::interval::{Interval, MINUTE_MS};

/// A kline in grid units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kline {
    pub(crate) open_time: i64,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
    pub(crate) volume: i64,
    pub(crate) quote: i128,
    pub(crate) taker_buy: i64,
    pub(crate) taker_buy_quote: i128,
    /// Trades, or samples of a price.
    pub(crate) count: u64,
    /// -1 without a trade.
    pub(crate) first_id: i64,
    pub(crate) last_id: i64,
    /// It has had a price of its own, and is not only flat at the last one of before.
    touched: bool,
}

impl Kline {
    fn flat(open_time: i64, price: i64) -> Kline {
        Kline {
            open_time,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            quote: 0,
            taker_buy: 0,
            taker_buy_quote: 0,
            count: 0,
            first_id: -1,
            last_id: -1,
            touched: false,
        }
    }

    /// Appends a kline that follows.
    fn extend(&mut self, later: &Kline) {
        if !later.touched {
            return;
        }
        if self.touched {
            self.high = self.high.max(later.high);
            self.low = self.low.min(later.low);
        } else {
            (self.open, self.high, self.low) = (later.open, later.high, later.low);
        }
        self.touched = true;
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.quote = self.quote.saturating_add(later.quote);
        self.taker_buy = self.taker_buy.saturating_add(later.taker_buy);
        self.taker_buy_quote = self.taker_buy_quote.saturating_add(later.taker_buy_quote);
        self.count += later.count;
        if self.first_id < 0 {
            self.first_id = later.first_id;
        }
        if later.last_id >= 0 {
            self.last_id = later.last_id;
        }
    }

    /// This one and a later one as one kline.
    pub(crate) fn followed_by(mut self, later: &Kline) -> Kline {
        self.extend(later);
        self
    }

    fn price(&mut self, price: i64) {
        if !self.touched {
            (self.open, self.high, self.low) = (price, price, price);
        }
        self.touched = true;
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
    }
}

/// What a trade adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold {
    pub(crate) price: i64,
    /// Zero for a point of a path that moves the price only.
    pub(crate) qty: i64,
    pub(crate) taker_buys: bool,
    /// None for what is no trade.
    pub(crate) id: Option<i64>,
}

/// The klines of one price of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct Klines {
    /// The present minute; none before the first price.
    minute: Option<Kline>,
    /// Closed ones and, from minutes that are over, the present one, by interval.
    series: Vec<Series>,
    kept_max: usize,
}

#[derive(Clone, Debug, Default)]
struct Series {
    closed: VecDeque<Kline>,
    partial: Option<Kline>,
}

impl Klines {
    pub(crate) fn new(kept_max: usize) -> Klines {
        let series = vec![Series::default(); Interval::COUNT];
        Klines { minute: None, series, kept_max }
    }

    /// Closes every minute that is over at `now_ms`, and tells each kline that closed, shorter ones first.
    pub(crate) fn roll(&mut self, now_ms: i64, mut closed: impl FnMut(Interval, &Kline)) {
        while let Some(minute) = self.minute.filter(|minute| minute.open_time + MINUTE_MS <= now_ms)
        {
            let next = minute.open_time + MINUTE_MS;
            for interval in Interval::all() {
                let series = &mut self.series[interval.index()];
                let kline = longer(series.partial.take(), interval, &minute);
                if interval.open_time(next) != next {
                    series.partial = Some(kline);
                    continue;
                }
                if series.closed.len() == self.kept_max {
                    series.closed.pop_front();
                }
                series.closed.push_back(kline);
                closed(interval, &kline);
            }
            self.minute = Some(Kline::flat(next, minute.close));
        }
    }

    /// A trade, or a point of a path, at `ms`. Call [`Klines::roll`] first.
    pub(crate) fn fold(&mut self, ms: i64, fold: Fold) {
        let minute = self
            .minute
            .get_or_insert_with(|| Kline::flat(Interval::MINUTE.open_time(ms), fold.price));
        minute.price(fold.price);
        let Some(id) = fold.id else { return };
        let quote = i128::from(fold.price) * i128::from(fold.qty);
        minute.volume = minute.volume.saturating_add(fold.qty);
        minute.quote = minute.quote.saturating_add(quote);
        if fold.taker_buys {
            minute.taker_buy = minute.taker_buy.saturating_add(fold.qty);
            minute.taker_buy_quote = minute.taker_buy_quote.saturating_add(quote);
        }
        minute.count += 1;
        if minute.first_id < 0 {
            minute.first_id = id;
        }
        minute.last_id = id;
    }

    /// One more sample of a price that has not moved.
    pub(crate) fn count_sample(&mut self, ms: i64, price: i64) {
        self.fold(ms, Fold { price, qty: 0, taker_buys: false, id: None });
        if let Some(minute) = &mut self.minute {
            minute.count += 1;
        }
    }

    /// The kline that is not complete yet.
    pub(crate) fn present(&self, interval: Interval) -> Option<Kline> {
        let minute = self.minute?;
        Some(longer(self.series[interval.index()].partial, interval, &minute))
    }

    /// Closed ones, oldest first.
    pub(crate) fn closed(&self, interval: Interval) -> &VecDeque<Kline> {
        &self.series[interval.index()].closed
    }

    /// Closed ones and the present one, oldest first.
    pub(crate) fn all(&self, interval: Interval) -> impl DoubleEndedIterator<Item = Kline> {
        self.closed(interval).iter().copied().chain(self.present(interval))
    }
}

/// The kline of an interval from what its earlier minutes hold and one more minute.
fn longer(partial: Option<Kline>, interval: Interval, minute: &Kline) -> Kline {
    match partial {
        Some(mut kline) => {
            kline.extend(minute);
            kline
        }
        None => Kline { open_time: interval.open_time(minute.open_time), ..*minute },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times, prices and quantities of a walk with pauses, the same each time.
    fn walk(steps: i64) -> Vec<(i64, i64, i64, bool)> {
        let (mut state, mut at, mut price) =
            (88_172_645_463_325_252u64, 1_700_000_001_234i64, 5_000);
        (0..steps)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Mostly seconds, now and then hours.
                let pause = if state.is_multiple_of(97) { 9_000_000 } else { 12_000 };
                at += (state >> 8) as i64 % pause;
                price += (state >> 20) as i64 % 7 - 3;
                (at, price, (state >> 30) as i64 % 50 + 1, state.is_multiple_of(2))
            })
            .collect()
    }

    /// The kline of `[open, next)` by looking at every trade.
    fn by_force(trades: &[(i64, i64, i64, bool)], open: i64, next: i64) -> Option<Kline> {
        let of: Vec<_> =
            trades.iter().enumerate().filter(|(_, t)| (open..next).contains(&t.0)).collect();
        let before = trades.iter().rev().find(|t| t.0 < open).map(|t| t.1);
        let (Some(first), Some(last)) = (of.first(), of.last()) else {
            return before.map(|price| Kline::flat(open, price));
        };
        let mut kline = Kline::flat(open, first.1.1);
        for (id, (_, price, qty, buys)) in &of {
            let quote = i128::from(price * qty);
            kline.high = kline.high.max(*price);
            kline.low = kline.low.min(*price);
            kline.volume += qty;
            kline.quote += quote;
            kline.taker_buy += if *buys { *qty } else { 0 };
            kline.taker_buy_quote += if *buys { quote } else { 0 };
            kline.count += 1;
            kline.last_id = *id as i64;
        }
        kline.first_id = first.0 as i64;
        kline.close = last.1.1;
        kline.touched = true;
        Some(kline)
    }

    #[test]
    fn klines_are_the_fold_of_their_trades() {
        let trades = walk(4_000);
        let mut klines = Klines::new(1_500);
        let mut told = vec![Vec::new(); Interval::COUNT];
        for (id, (at, price, qty, taker_buys)) in trades.iter().copied().enumerate() {
            klines.roll(at, |interval, kline| told[interval.index()].push(*kline));
            klines.fold(at, Fold { price, qty, taker_buys, id: Some(id as i64) });
        }
        for interval in Interval::all() {
            let (mut open, end) = (interval.open_time(trades[0].0), trades[3_999].0);
            let mut expected = Vec::new();
            while interval.next_open(open) <= end {
                let next = interval.next_open(open);
                expected.extend(by_force(&trades, open, next));
                open = next;
            }
            let told = &told[interval.index()];
            assert_eq!(*told, expected, "{} told once each", interval.name());
            let kept = klines.closed(interval);
            assert!(
                kept.len() <= 1_500 && told.ends_with(&kept.iter().copied().collect::<Vec<_>>())
            );
            let present = by_force(&trades, open, interval.next_open(open));
            assert_eq!(klines.present(interval), present, "{} so far", interval.name());
        }
    }

    #[test]
    fn points_without_volume_move_the_price_only() {
        let mut klines = Klines::new(10);
        let point =
            |price, qty: i64| Fold { price, qty, taker_buys: true, id: (qty > 0).then_some(7) };
        klines.fold(0, point(100, 0));
        klines.fold(20_000, point(90, 0));
        klines.fold(59_999, point(95, 3));
        let minute = klines.present(Interval::MINUTE).unwrap();
        assert_eq!((minute.open, minute.high, minute.low, minute.close), (100, 100, 90, 95));
        assert_eq!((minute.volume, minute.count, minute.first_id), (3, 1, 7));
        klines.roll(180_000, |_, _| ());
        let flat = klines.closed(Interval::MINUTE).back().copied().unwrap();
        assert_eq!((flat.open_time, flat.high, flat.low, flat.count), (120_000, 95, 95, 0));
    }
}
