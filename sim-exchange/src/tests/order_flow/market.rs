//! A market that wanders and sometimes leaps, as the data of the run's depth tell it.

use engine::{
    Bar, BestQuotes, DepthRow, MarketData, NamedRng, PriceTicks, QtyLots, Side, Trade, TradeOrigin,
};

use super::weather::{one_in, pick};
use crate::MarketDepth;

/// Both symbols have a tick of ten units.
pub(super) const TICK: i64 = 10;
const LOW: i64 = 800;
const HIGH: i64 = 12_000;

#[derive(Clone, Debug)]
pub(super) struct Market {
    pub(super) price: i64,
    depth: MarketDepth,
    has_marks: bool,
    leaps: u64,
}

impl Market {
    pub(super) fn new(depth: MarketDepth, has_marks: bool, leaps: u64) -> Market {
        Market { price: 3_000, depth, has_marks, leaps }
    }

    /// The next price; `true` if it leapt.
    fn wander(&mut self, rng: &mut NamedRng) -> bool {
        let leapt = rng.below(1_000) < self.leaps;
        let by = if leapt {
            let far = 30 + rng.below(170) as i64;
            pick(rng, &[far, -far])
        } else {
            rng.below(13) as i64 - 6
        };
        let price = self.price + self.price * by / 1_000;
        let price = if (LOW..=HIGH).contains(&price) { price } else { 3_000 };
        // Sometimes the data lie off the tick.
        self.price = if one_in(rng, 50) { price } else { price / TICK * TICK };
        leapt
    }

    /// What the data tell in one instant.
    pub(super) fn events(&mut self, rng: &mut NamedRng) -> Vec<MarketData> {
        match rng.below(20) {
            0..=3 if self.has_marks => return vec![self.mark(rng)],
            4 => return vec![MarketData::FundingRate(rng.below(400_000) as i64 - 200_000)],
            5..=6 if self.depth == MarketDepth::Trades => return vec![self.bar(rng)],
            _ => {}
        }
        let before = self.price;
        let leapt = self.wander(rng);
        let mut events = Vec::new();
        match self.depth {
            MarketDepth::Trades => {}
            MarketDepth::Quotes => events.push(self.quotes(rng)),
            MarketDepth::Levels
                if leapt || (self.price - before).abs() > TICK || one_in(rng, 8) =>
            {
                events.extend(self.snapshot(rng));
            }
            MarketDepth::Levels => events.push(self.row(rng)),
        }
        if self.depth == MarketDepth::Trades || one_in(rng, 2) {
            events.push(self.trade(rng));
        }
        if leapt && self.has_marks && !one_in(rng, 3) {
            events.push(MarketData::MarkPrice(PriceTicks(self.price)));
        }
        events
    }

    fn mark(&self, rng: &mut NamedRng) -> MarketData {
        let apart = if one_in(rng, 30) { 80 } else { 4 };
        let permille = rng.below(2 * apart + 1) as i64 - apart as i64;
        MarketData::MarkPrice(PriceTicks(self.price + self.price * permille / 1_000))
    }

    fn trade(&self, rng: &mut NamedRng) -> MarketData {
        MarketData::Trade(Trade {
            price: PriceTicks(self.price),
            qty: QtyLots(1 + rng.below(400) as i64),
            buyer_is_maker: one_in(rng, 2),
            origin: TradeOrigin::Tape,
        })
    }

    fn bar(&mut self, rng: &mut NamedRng) -> MarketData {
        let points = [(); 4].map(|()| {
            self.wander(rng);
            self.price
        });
        MarketData::Bar(Bar {
            open: PriceTicks(points[0]),
            high: PriceTicks(points.into_iter().fold(points[0], i64::max)),
            low: PriceTicks(points.into_iter().fold(points[0], i64::min)),
            close: PriceTicks(points[3]),
            volume: QtyLots(rng.below(2_000) as i64),
            interval_ms: 1_000,
            path_passed: false,
        })
    }

    fn middle(&self) -> i64 {
        self.price / TICK * TICK
    }

    fn quotes(&self, rng: &mut NamedRng) -> MarketData {
        let mut qty = || QtyLots(if one_in(rng, 40) { 0 } else { 1 + rng.below(300) as i64 });
        let (bid_qty, ask_qty) = (qty(), qty());
        MarketData::BestQuotes(BestQuotes {
            bid: PriceTicks(self.middle() - TICK),
            bid_qty,
            ask: PriceTicks(self.middle() + TICK),
            ask_qty,
        })
    }

    fn snapshot(&self, rng: &mut NamedRng) -> Vec<MarketData> {
        let mut rows = vec![MarketData::DepthClear];
        // Rarely the book is empty.
        let levels = if one_in(rng, 50) { 0 } else { 3 + rng.below(5) as i64 };
        for level in 1..=levels {
            for side in [Side::Buy, Side::Sell] {
                rows.push(self.level(side, level, 1 + rng.below(300) as i64));
            }
        }
        rows
    }

    fn row(&self, rng: &mut NamedRng) -> MarketData {
        let qty = if one_in(rng, 4) { 0 } else { rng.below(300) as i64 };
        let level = 2 + rng.below(6) as i64;
        self.level(pick(rng, &[Side::Buy, Side::Sell]), level, qty)
    }

    fn level(&self, side: Side, level: i64, qty: i64) -> MarketData {
        let price = PriceTicks(self.middle() - side.sign() * level * TICK);
        MarketData::Depth(DepthRow { side, price, qty: QtyLots(qty) })
    }
}
