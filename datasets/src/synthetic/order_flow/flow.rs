//! The flow of one symbol: waits, draws what comes, and tells rows and trades.
//!
//! Invariant: no side stays empty. Where the last order of one is taken or cancelled, another one comes to its place.

use engine::{
    DepthRow, FeedError, MarketData, MarketEvent, NamedRng, Nanos, PriceTicks, QtyLots, Side,
    SymbolIndex, Trade, TradeOrigin,
};

use super::super::draws::exponential;
use super::super::events::{LaidEvent, Overlay, Shock};
use super::super::grid::Grid;
use super::super::{GRID_MAX, MINUTE};
use super::alias::Alias;
use super::book::Half;
use super::hawkes::Intensity;
use super::reference::Reference;
use super::{FlowMarket, FlowSymbol};
use crate::merge::Source;

/// Events made at a time.
const BATCH: usize = 4_096;
pub(super) const BUYS: usize = 0;
pub(super) const SELLS: usize = 1;
const SECONDS_PER_NANO: f64 = 1e-9;
/// The book follows its value when it is off by this share of a minute's deviation: some sixty times a minute, so
/// that a fine tick does not make rows of every level with every order. Variance is not lost: the next move has it.
const SLACK: f64 = 0.125;

/// Geometric sizes of at least one lot: their scale, so that the mean is the given one.
fn size_scale(mean: f64) -> f64 {
    if mean > 1.0 { -1.0 / libm::log1p(-1.0 / mean) } else { 0.0 }
}

/// The order flow of one symbol.
#[derive(Clone)]
pub(in super::super) struct Flow {
    symbol: SymbolIndex,
    rng: NamedRng,
    /// Bids and asks.
    pub(super) halves: [Half; 2],
    intensity: Intensity,
    distance: Alias,
    limit_rate: f64,
    /// Cancellations per second of one resting lot.
    cancel_rate: f64,
    pub(super) market_lots: f64,
    market_scale: f64,
    limit_scale: f64,
    tick: i64,
    pub(super) most: i64,
    pub(super) now: Nanos,
    pub(super) start: Nanos,
    end: Nanos,
    /// Until when all rates hold.
    pub(super) until: Nanos,
    pub(super) thin: f64,
    pub(super) events: Vec<LaidEvent>,
    /// What the price follows, if it has a volatility of its own, and by what share the book may be off.
    pub(super) reference: Option<Reference>,
    pub(super) slack: f64,
    /// What leads the price, the logarithm that it adds to it by now, and whether it is at it.
    pub(super) lead: Overlay,
    pub(super) lead_log: f64,
    pub(super) is_led: bool,
    /// Without a volatility: the logarithm of the mid price when the lead began.
    pub(super) led_from: f64,
    /// For moves of the book: what its levels held.
    pub(super) held: [Vec<i64>; 2],
    started: bool,
}

impl Flow {
    pub fn new(market: &FlowMarket, of: &FlowSymbol, index: u16, seed: u64) -> Flow {
        let (symbol, flow) = (&of.symbol, &of.flow);
        let (start, minutes) = (Nanos::from_millis(market.start_ms), i64::from(market.minutes));
        let market_lots = of.market_lots();
        let limit_lots = market_lots * flow.limit_size_ratio;
        let weight = |ticks: u32| libm::pow(f64::from(ticks), -flow.distance_exponent);
        let weights: Vec<f64> = (1..=flow.levels).map(weight).collect();
        let slots = (4 * flow.levels as usize).next_power_of_two().max(16);
        let tick = symbol.tick_units;
        let first = Grid::new(symbol).on_tick(libm::log(symbol.start_price)) / tick;
        let bids = Half::new(slots, first);
        let asks = Half::new(slots, -(first + 1));
        let concerns = market.events.iter().filter(|event| event.concerns(symbol.symbol));
        let events: Vec<LaidEvent> = concerns.cloned().collect();
        let leads = |event: &&LaidEvent| {
            matches!(event.what, Shock::FlashCrash { .. } | Shock::Squeeze { .. })
        };
        let leaders: Vec<LaidEvent> = events.iter().filter(leads).cloned().collect();
        let mut made = Flow {
            symbol: SymbolIndex(index),
            rng: NamedRng::new(seed, &format!("market:flow:{}", symbol.symbol)),
            halves: [bids, asks],
            intensity: Intensity::new(flow),
            distance: Alias::new(&weights),
            limit_rate: flow.limit_orders_per_second,
            cancel_rate: flow.cancels_per_second / limit_lots,
            market_lots,
            market_scale: size_scale(market_lots),
            limit_scale: size_scale(limit_lots),
            tick,
            most: (GRID_MAX / tick as f64) as i64,
            now: start,
            start,
            end: start.saturating_add(Nanos(MINUTE.0.saturating_mul(minutes))),
            until: start,
            thin: 1.0,
            events,
            reference: None,
            slack: SLACK * symbol.volatility_per_minute,
            lead: Overlay::new(&leaders, symbol.symbol),
            lead_log: 0.0,
            is_led: false,
            led_from: 0.0,
            held: [(); 2].map(|()| Vec::with_capacity(slots)),
            started: false,
        };
        made.first_book(&weights, flow.cancels_per_second, limit_lots);
        if symbol.volatility_per_minute > 0.0 {
            let rng = NamedRng::new(seed, &format!("market:reference:{}", symbol.symbol));
            let (log, orders) = (libm::log(made.mid()), 60.0 * flow.market_orders_per_second);
            let reference = Reference::new(rng, log, symbol.volatility_per_minute, orders);
            made.reference = Some(reference);
        }
        made
    }

    /// The book that arrivals and cancellations alone would balance.
    fn first_book(&mut self, weights: &[f64], cancels: f64, limit_lots: f64) {
        let unit = self.limit_rate / 2.0 / weights.iter().sum::<f64>() / cancels * limit_lots;
        let touches = [-self.halves[SELLS].best(), -self.halves[BUYS].best()];
        for (half, touch) in self.halves.iter_mut().zip(touches) {
            for (weight, distance) in weights.iter().zip(1i64..) {
                let lots = libm::round(unit * weight) as i64;
                // However few orders come, each side has one.
                let (key, lots) = (touch - distance, lots.max(i64::from(distance == 1)));
                if lots > 0 && (1..=self.most).contains(&key.abs()) && (key > 0) == (touch > 0) {
                    half.add(key, lots, |_| {});
                }
            }
        }
    }

    #[inline]
    fn tell(&self, out: &mut Vec<MarketEvent>, data: MarketData) {
        out.push(MarketEvent::new(self.now, self.symbol, data));
    }

    #[inline]
    pub(super) fn row(&self, out: &mut Vec<MarketEvent>, half: usize, key: i64, lots: i64) {
        let side = if half == BUYS { Side::Buy } else { Side::Sell };
        let price = PriceTicks(key.abs() * self.tick);
        self.tell(out, MarketData::Depth(DepthRow { side, price, qty: QtyLots(lots) }));
    }

    /// The whole book, anew.
    pub(super) fn snapshot(&self, out: &mut Vec<MarketEvent>) {
        self.tell(out, MarketData::DepthClear);
        for (half, levels) in self.halves.iter().enumerate() {
            levels.levels().for_each(|(key, lots)| self.row(out, half, key, lots));
        }
    }

    #[inline]
    fn size(&mut self, scale: f64) -> i64 {
        (exponential(&mut self.rng) * scale) as i64 + 1
    }

    /// A limit order, some ticks from the opposite best.
    #[inline]
    fn limit(&mut self, out: &mut Vec<MarketEvent>) {
        // One draw tells the side by its first half and the distance by what is left.
        let drawn = 2.0 * self.rng.unit_f64();
        let half = usize::from(drawn >= 1.0);
        let ticks = 1 + self.distance.draw(drawn - half as f64) as i64;
        let lots = self.size(self.limit_scale);
        let key = -self.halves[1 - half].best() - ticks;
        // Bids above zero, asks (minus their price) below; beyond the grid there is no level.
        if (half == BUYS) != (key > 0) || key.abs() > self.most {
            return;
        }
        let mut gone = Vec::new();
        let held = self.halves[half].add(key, lots, |old| gone.push(old));
        gone.iter().for_each(|old| self.row(out, half, *old, 0));
        if let Some(held) = held {
            self.row(out, half, key, held);
        }
    }

    /// A cancellation of a lot's order, whatever its side.
    #[inline]
    fn cancel(&mut self, out: &mut Vec<MarketEvent>) {
        let bids = self.halves[BUYS].total();
        let all = bids + self.halves[SELLS].total();
        if all == 0 {
            return;
        }
        let lot = self.rng.below(all as u64) as i64;
        let (half, lot) = if lot < bids { (BUYS, lot) } else { (SELLS, lot - bids) };
        let (key, held) = self.halves[half].find(lot);
        let lots = self.size(self.limit_scale).min(held);
        let left = self.halves[half].take(key, lots);
        self.row(out, half, key, left);
        if self.halves[half].total() == 0 {
            self.answer(out, half);
        }
    }

    /// Of a side without orders: one where the last best was.
    fn answer(&mut self, out: &mut Vec<MarketEvent>, half: usize) {
        let key = self.halves[half].best();
        let lots = self.size(self.limit_scale);
        if let Some(held) = self.halves[half].add(key, lots, |_| {}) {
            self.row(out, half, key, held);
        }
    }

    /// A market order takes the best levels.
    #[inline]
    pub(super) fn market(&mut self, out: &mut Vec<MarketEvent>, side: usize, mut lots: i64) {
        let half = 1 - side;
        while lots > 0 && self.halves[half].total() > 0 {
            let (key, held) = (self.halves[half].best(), self.halves[half].at_best());
            let taken = lots.min(held);
            let left = self.halves[half].take(key, taken);
            let (price, qty) = (PriceTicks(key.abs() * self.tick), QtyLots(taken));
            let (buyer_is_maker, origin) = (half == BUYS, TradeOrigin::Tape);
            self.tell(out, MarketData::Trade(Trade { price, qty, buyer_is_maker, origin }));
            self.row(out, half, key, left);
            if self.halves[half].total() == 0 {
                self.answer(out, half);
            }
            lots -= taken;
        }
    }

    /// Waits for what comes next and lets it come. Rates hold until `until`; whatever would come later is
    /// drawn anew from there, which changes no law, because waits have no memory.
    #[inline]
    fn step(&mut self, out: &mut Vec<MarketEvent>) {
        let resting = self.halves[BUYS].total() + self.halves[SELLS].total();
        let (limit, cancel) = (self.limit_rate * self.thin, self.cancel_rate * resting as f64);
        // While nobody excites it the intensity only falls: this is its bound (Ogata's thinning).
        let all = limit + cancel + self.intensity.total();
        let wait = exponential(&mut self.rng) / all;
        let nanos = Nanos((wait / SECONDS_PER_NANO) as i64);
        let next = self.now.saturating_add(nanos);
        if next >= self.until {
            self.intensity.pass((self.until - self.now).0 as f64 * SECONDS_PER_NANO);
            self.now = self.until;
            return;
        }
        self.now = next;
        self.intensity.pass(wait);
        let mut drawn = self.rng.unit_f64() * all;
        if drawn < limit {
            return self.limit(out);
        }
        drawn -= limit;
        if drawn < cancel {
            return self.cancel(out);
        }
        drawn -= cancel;
        for side in [BUYS, SELLS] {
            let of_side = self.intensity.of(side);
            if drawn < of_side {
                let lots = self.size(self.market_scale);
                self.market(out, side, lots);
                if let Some(reference) = &mut self.reference {
                    let buying = self.intensity.of(BUYS);
                    let expected = buying / (buying + self.intensity.of(SELLS));
                    reference.order(side == BUYS, expected);
                    let log = reference.log + self.lead_log;
                    self.follow(log, self.slack, out);
                }
                return self.intensity.excite(side);
            }
            drawn -= of_side;
        }
    }
}

impl Source for Flow {
    fn fork(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.clone()))
    }

    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if !self.started {
            self.started = true;
            self.snapshot(batch);
            self.look(batch);
        }
        while batch.len() < BATCH && self.now < self.end {
            self.step(batch);
            if self.now == self.until && self.now < self.end {
                self.look(batch);
            }
        }
        Ok(())
    }
}
