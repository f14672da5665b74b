//! The newest trades of a symbol, and their aggregates.
//!
//! Invariant: every trade is part of exactly one aggregate: those that are closed and the open one hold
//! the quantity of all trades.

use std::collections::VecDeque;

/// How long an aggregate stays open after its first trade.
pub(crate) const AGGREGATE_MS: i64 = 100;

/// A trade in grid units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) id: u64,
    pub(crate) time: i64,
    pub(crate) price: i64,
    pub(crate) qty: i64,
    pub(crate) buyer_is_maker: bool,
}

/// Trades of one price and taker side within 100 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub(crate) id: u64,
    /// Of its last trade.
    pub(crate) time: i64,
    pub(crate) price: i64,
    pub(crate) qty: i64,
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    pub(crate) buyer_is_maker: bool,
    opened: i64,
}

impl Aggregate {
    fn takes(&self, trade: &Tick) -> bool {
        trade.price == self.price
            && trade.buyer_is_maker == self.buyer_is_maker
            && trade.time < self.opened + AGGREGATE_MS
    }
}

/// The newest trades and aggregates; ids count from 1.
#[derive(Clone, Debug)]
pub(crate) struct Trades {
    trades: VecDeque<Tick>,
    aggregates: VecDeque<Aggregate>,
    open: Option<Aggregate>,
    last_id: u64,
    last_aggregate: u64,
    kept_max: usize,
}

impl Trades {
    pub(crate) fn new(kept_max: usize) -> Trades {
        Trades {
            trades: VecDeque::new(),
            aggregates: VecDeque::new(),
            open: None,
            last_id: 0,
            last_aggregate: 0,
            kept_max,
        }
    }

    /// Adds a trade, gives it its id, and answers the aggregate that it closed.
    pub(crate) fn push(
        &mut self,
        time: i64,
        price: i64,
        qty: i64,
        buyer_is_maker: bool,
    ) -> (Tick, Option<Aggregate>) {
        self.last_id += 1;
        let tick = Tick { id: self.last_id, time, price, qty, buyer_is_maker };
        keep(&mut self.trades, tick, self.kept_max);
        if let Some(open) = self.open.as_mut().filter(|open| open.takes(&tick)) {
            open.qty = open.qty.saturating_add(qty);
            open.last_id = tick.id;
            open.time = time;
            return (tick, None);
        }
        let closed = self.close();
        self.last_aggregate += 1;
        self.open = Some(Aggregate {
            id: self.last_aggregate,
            time,
            price,
            qty,
            first_id: tick.id,
            last_id: tick.id,
            buyer_is_maker,
            opened: time,
        });
        (tick, closed)
    }

    /// When the open aggregate closes by itself.
    pub(crate) fn due(&self) -> i64 {
        self.open.map_or(i64::MAX, |open| open.opened + AGGREGATE_MS)
    }

    /// Closes the open aggregate when its time is over.
    pub(crate) fn close_due(&mut self, now_ms: i64) -> Option<Aggregate> {
        self.open.filter(|open| open.opened + AGGREGATE_MS <= now_ms)?;
        self.close()
    }

    fn close(&mut self) -> Option<Aggregate> {
        let closed = self.open.take()?;
        keep(&mut self.aggregates, closed, self.kept_max);
        Some(closed)
    }

    pub(crate) fn last(&self) -> Option<&Tick> {
        self.trades.back()
    }

    /// The newest, oldest first.
    pub(crate) fn trades(&self) -> &VecDeque<Tick> {
        &self.trades
    }

    /// The newest closed ones, oldest first.
    pub(crate) fn aggregates(&self) -> &VecDeque<Aggregate> {
        &self.aggregates
    }
}

fn keep<T>(all: &mut VecDeque<T>, new: T, most: usize) {
    if all.len() >= most {
        all.pop_front();
    }
    all.push_back(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_price_and_side_within_100_ms_is_one() {
        let mut trades = Trades::new(100);
        let mut told = Vec::new();
        // Time, price, quantity, side.
        let all = [(0, 10, 1, true), (99, 10, 2, true), (100, 10, 4, true), (101, 11, 8, true)];
        for (time, price, qty, side) in all.into_iter().chain([(101, 11, 16, false)]) {
            told.extend(trades.push(time, price, qty, side).1);
        }
        assert_eq!(trades.close_due(200), None, "opened at 101");
        told.extend(trades.close_due(201));
        let rows: Vec<_> = told.iter().map(|a| (a.id, a.qty, a.first_id, a.last_id)).collect();
        assert_eq!(rows, [(1, 3, 1, 2), (2, 4, 3, 3), (3, 8, 4, 4), (4, 16, 5, 5)]);
        assert_eq!(trades.close_due(9_999), None);
    }

    #[test]
    fn aggregates_conserve_quantity_and_ids() {
        let mut trades = Trades::new(64);
        let (mut state, mut time, mut sum) = (7u64, 0, 0);
        let mut told: Vec<Aggregate> = Vec::new();
        for _ in 0..5_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            time += (state >> 40) as i64 % 60;
            let qty = (state >> 50) as i64 % 9 + 1;
            sum += qty;
            if state >> 63 == 1 {
                told.extend(trades.close_due(time));
            }
            told.extend(trades.push(time, (state >> 33) as i64 % 2, qty, (state >> 36) % 2 == 0).1);
        }
        told.extend(trades.close_due(i64::MAX));
        assert_eq!(told.iter().map(|a| a.qty).sum::<i64>(), sum);
        assert!(
            told.windows(2).all(|w| w[0].last_id + 1 == w[1].first_id && w[0].id + 1 == w[1].id)
        );
        assert!(told.len() > 1_000 && told.len() < 4_500, "some were joined: {}", told.len());
        assert_eq!((trades.trades().len(), trades.aggregates().len()), (64, 64));
    }
}
