//! Rates of an order flow from a recorded book and its trades, as R. Cont, S. Stoikov and R. Talreja (2010)
//! take theirs: what a level gains is a limit order, what it loses without a trade is cancelled, and trades of
//! one instant and side are one market order. The excitement of market orders is fitted by maximum likelihood
//! of the exponential Hawkes process (Y. Ogata 1978).

use std::collections::BTreeMap;

use engine::{DepthRow, MarketData, MarketEvent, Nanos, Side};

use super::common_time::SILENCE;
use super::simplex::minimize;
use super::volatility::Mids;
use crate::DataError;
use crate::synthetic::{Hawkes, OrderFlow};

/// Share of the limit orders that the fitted `levels` hold.
const WITHIN_LEVELS: f64 = 0.995;
/// Between two looks at what rests.
const LOOK: Nanos = Nanos::from_millis(50);
/// Fewer of each kind say nothing.
const ORDERS_MIN: usize = 200;
/// Market orders whose likelihood is searched: more make no difference.
const HAWKES_ORDERS_MAX: usize = 100_000;
/// Twice the gain of likelihood that three parameters have to bring (the law of chi-square, 0.1 %).
const GAIN_MIN: f64 = 16.3;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowFit {
    /// The rates.
    pub flow: OrderFlow,
    /// Mean lots of a market order.
    pub market_lots: f64,
    /// Lots that traded in a minute.
    pub lots_per_minute: f64,
    /// Deviation of a minute's return of the mid price; nothing if less than a minute was seen.
    pub volatility_per_minute: Option<f64>,
    /// Times of more than a minute without any event, which were left out.
    pub silences: u32,
}

/// Looks at the events of one symbol, in time order, and counts.
#[derive(Clone, Debug)]
pub struct FlowObserver {
    tick: i64,
    levels: i64,
    /// Bids by price, asks by minus their price: the greatest key is the best.
    halves: [BTreeMap<i64, i64>; 2],
    /// Traded at a level whose row has not come yet.
    traded: BTreeMap<i64, i64>,
    /// Limit orders by distance.
    arrivals: BTreeMap<i64, u64>,
    limit_lots: f64,
    cancelled_lots: f64,
    market_lots: f64,
    /// When, and whether it bought.
    market_orders: Vec<(Nanos, bool)>,
    cleared: Option<Nanos>,
    since: Option<Nanos>,
    /// Of the last event, without the silences.
    now: Nanos,
    silent: Nanos,
    silences: u32,
    looked: Nanos,
    /// Lots times seconds.
    rested: f64,
    mids: Mids,
    /// When the last event was, by its own time, and whether it did not count.
    seen: Nanos,
    is_passing: bool,
}

impl FlowObserver {
    /// For a symbol whose order tick is `tick` price units. Only orders within so many `levels` of the
    /// opposite best count, 1 to 1,000: real orders far away live longer than those near the touch, and the
    /// model has one rate for all.
    pub fn new(tick: i64, levels: u32) -> FlowObserver {
        FlowObserver {
            tick: tick.max(1),
            levels: i64::from(levels.clamp(1, 1_000)),
            halves: [BTreeMap::new(), BTreeMap::new()],
            traded: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            limit_lots: 0.0,
            cancelled_lots: 0.0,
            market_lots: 0.0,
            market_orders: Vec::new(),
            cleared: None,
            since: None,
            now: Nanos::ZERO,
            silent: Nanos::ZERO,
            silences: 0,
            looked: Nanos::ZERO,
            rested: 0.0,
            mids: Mids::default(),
            seen: Nanos::ZERO,
            is_passing: false,
        }
    }

    /// Whether nobody recorded since the event before: what rests by now is not known before the next snapshot.
    fn is_after_silence(&mut self, event: &MarketEvent) -> bool {
        let is_first = self.seen == Nanos::ZERO;
        let is_silent = !is_first && event.time - self.seen > SILENCE;
        self.seen = event.time;
        if is_silent {
            self.forget();
        }
        is_silent
    }

    /// Sees the next event of a time that does not count, for the sake of what rests afterwards.
    pub fn pass(&mut self, event: &MarketEvent) {
        self.is_after_silence(event);
        self.is_passing = true;
        match event.data {
            MarketData::DepthClear => self.forget(),
            MarketData::Depth(row) => drop(self.set(&row)),
            _ => {}
        }
    }

    /// Sees the next event.
    pub fn observe(&mut self, event: &MarketEvent) {
        let is_silent = self.is_after_silence(event);
        let mut time = event.time - self.silent;
        if self.since.is_none() {
            (self.since, self.looked, self.now) = (Some(time), time, time);
            self.mids.begin(time);
        }
        if is_silent || self.is_passing {
            self.silent += time - self.now;
            self.silences += u32::from(is_silent && !self.is_passing);
            self.is_passing = false;
            self.mids.pause();
            time = self.now;
        }
        let halves = &self.halves;
        self.mids.until(time, || {
            let [bid, ask] = [0, 1].map(|half: usize| halves[half].last_key_value());
            Some((bid?.0 - ask?.0) as f64 / 2.0)
        });
        if time - self.looked >= LOOK {
            self.rested += self.resting() * (time - self.looked).as_secs_f64();
            self.looked = time;
        }
        self.now = time;
        match event.data {
            MarketData::DepthClear => {
                self.forget();
                self.cleared = Some(time);
            }
            MarketData::Trade(trade) => {
                let order = (time, !trade.buyer_is_maker);
                if self.market_orders.last() != Some(&order) {
                    self.market_orders.push(order);
                }
                self.market_lots += trade.qty.0 as f64;
                *self.traded.entry(trade.price.0).or_default() += trade.qty.0;
            }
            MarketData::Depth(row) => self.row(&row),
            _ => {}
        }
    }

    fn forget(&mut self) {
        self.halves.iter_mut().for_each(BTreeMap::clear);
        self.traded.clear();
    }

    /// Lots within the levels that count.
    fn resting(&self) -> f64 {
        let within = |half: usize| {
            let (opposite, _) = self.halves[1 - half].last_key_value()?;
            let farthest = -opposite - self.levels * self.tick;
            Some(self.halves[half].range(farthest..).map(|(_, lots)| *lots as f64).sum::<f64>())
        };
        [0, 1].into_iter().filter_map(within).sum()
    }

    /// Sets a level, and answers its half, its key and by how much it changed.
    fn set(&mut self, row: &DepthRow) -> (usize, i64, i64) {
        let (half, key) = match row.side {
            Side::Buy => (0, row.price.0),
            Side::Sell => (1, -row.price.0),
        };
        let levels = &mut self.halves[half];
        let before = match row.qty.0 {
            0 => levels.remove(&key),
            qty => levels.insert(key, qty),
        };
        (half, key, row.qty.0 - before.unwrap_or(0))
    }

    fn row(&mut self, row: &DepthRow) {
        let (half, key, change) = self.set(row);
        let traded = self.traded.remove(&row.price.0).unwrap_or(0);
        // Rows of a snapshot are no orders that came now.
        if self.cleared == Some(self.now) {
            return;
        }
        let Some((opposite, _)) = self.halves[1 - half].last_key_value() else { return };
        let ticks = (-opposite - key) / self.tick;
        if !(1..=self.levels).contains(&ticks) {
            return;
        }
        if change > 0 {
            *self.arrivals.entry(ticks).or_default() += 1;
            self.limit_lots += change as f64;
        } else {
            self.cancelled_lots += (-change - traded).max(0) as f64;
        }
    }

    /// The rates of what was seen.
    pub fn finish(self) -> Result<FlowFit, DataError> {
        let limits: u64 = self.arrivals.values().sum();
        let few = |what: &str, count: u64| {
            DataError::Misuse(format!(
                "fit: {count} {what}, and {ORDERS_MIN} are needed: give a longer recording of depth and trades"
            ))
        };
        if limits < ORDERS_MIN as u64 {
            return Err(few("limit orders", limits));
        }
        if self.market_orders.len() < ORDERS_MIN {
            return Err(few("market orders", self.market_orders.len() as u64));
        }
        let start = self.since.unwrap_or(self.now);
        let seconds = (self.now - start).as_secs_f64();
        if seconds <= 0.0 || self.rested <= 0.0 {
            return Err(DataError::Misuse(
                "fit: all events are of one instant, or no order rests: give a longer recording"
                    .into(),
            ));
        }
        let limit_lots = self.limit_lots / limits as f64;
        let market_lots = self.market_lots / self.market_orders.len() as f64;
        let (levels, distance_exponent) = distances(&self.arrivals, limits);
        let flow = OrderFlow {
            limit_orders_per_second: limits as f64 / seconds,
            market_orders_per_second: self.market_orders.len() as f64 / seconds,
            cancels_per_second: self.cancelled_lots / self.rested,
            distance_exponent,
            levels,
            limit_size_ratio: limit_lots / market_lots,
            hawkes: excitement(&self.market_orders, start),
        };
        Ok(FlowFit {
            flow,
            market_lots,
            lots_per_minute: 60.0 * self.market_lots / seconds,
            volatility_per_minute: self.mids.per_minute(),
            silences: self.silences,
        })
    }
}

/// The distance that holds nearly all arrivals, and the exponent of their decay by least squares of the
/// logarithms, weighted by the counts.
fn distances(arrivals: &BTreeMap<i64, u64>, all: u64) -> (u32, f64) {
    let (mut within, mut levels) = (0, 1);
    for (ticks, count) in arrivals {
        if within as f64 >= WITHIN_LEVELS * all as f64 {
            break;
        }
        within += count;
        levels = *ticks;
    }
    let (mut weight, mut xs, mut ys, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (ticks, count) in arrivals.range(..=levels) {
        let (x, w) = (libm::log(*ticks as f64), *count as f64);
        let y = libm::log(w);
        weight += w;
        xs += w * x;
        ys += w * y;
        xx += w * x * x;
        xy += w * x * y;
    }
    let spread = xx - xs * xs / weight;
    let slope = if spread > 1e-9 { (xy - xs * ys / weight) / spread } else { 0.0 };
    (u32::try_from(levels).unwrap_or(1), (-slope).clamp(0.0, 10.0))
}

/// The kernel of market orders, if it explains more than chance would.
fn excitement(orders: &[(Nanos, bool)], start: Nanos) -> Option<Hawkes> {
    let orders = &orders[..orders.len().min(HAWKES_ORDERS_MAX)];
    let seconds = |time: Nanos| (time - start).as_secs_f64();
    let times: Vec<(f64, usize)> =
        orders.iter().map(|(time, buys)| (seconds(*time), usize::from(!buys))).collect();
    let end = times.last()?.0;
    let side_rate = times.len() as f64 / end / 2.0;
    let logistic = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let kernel = |free: &[f64]| Hawkes {
        branching: 0.999 * logistic(free[0]),
        decay_per_second: libm::exp(free[1].clamp(-9.0, 9.0)),
        cross_share: logistic(free[2]),
    };
    let cost = |hawkes: Hawkes| {
        let (own, other) = weights(hawkes);
        let base = side_rate * (1.0 - hawkes.branching);
        let (mut felt, mut last, mut log) = ([0.0f64; 2], 0.0, 0.0);
        let mut brought = 0.0;
        for (time, side) in &times {
            let kept = libm::exp(-hawkes.decay_per_second * (time - last));
            felt.iter_mut().for_each(|f| *f *= kept);
            log += libm::log(base + own * felt[*side] + other * felt[1 - *side]);
            felt[*side] += 1.0;
            last = *time;
            brought += 1.0 - libm::exp(-hawkes.decay_per_second * (end - time));
        }
        2.0 * base * end + hawkes.branching * brought - log
    };
    let none = Hawkes { branching: 0.0, decay_per_second: 1.0, cross_share: 0.0 };
    let starts = [[0.0, 0.0, -1.0], [0.0, 3.0, -1.0], [0.0, -3.0, -1.0]];
    let found = starts.iter().map(|start| minimize(start, 0.7, |free| cost(kernel(free))));
    let (free, least) = found.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (2.0 * (cost(none) - least) > GAIN_MIN).then(|| kernel(&free))
}

/// What an order adds to its own side and to the other.
fn weights(hawkes: Hawkes) -> (f64, f64) {
    let all = hawkes.branching * hawkes.decay_per_second;
    (all * (1.0 - hawkes.cross_share), all * hawkes.cross_share)
}
