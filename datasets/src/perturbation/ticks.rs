//! Noise, missing minutes, trades that come twice or late, and a shift of everything.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::{Feed, FeedError, MarketData, MarketEvent, NamedRng, Nanos, PriceTicks};

use super::Perturbation;

const MINUTE: i64 = 60_000_000_000;
const PRICE_MAX: i64 = 1_000_000_000_000_000;

/// An event that comes late; equal times keep the order in which they were drawn.
struct Late {
    time: Nanos,
    number: u64,
    event: MarketEvent,
}

impl PartialEq for Late {
    fn eq(&self, other: &Late) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Late {}
impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Late) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Late {
    fn cmp(&self, other: &Late) -> std::cmp::Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

/// The minute under way of one symbol.
#[derive(Clone, Copy)]
struct Minute {
    number: i64,
    missing: bool,
}

/// One stream of draws for each perturbation: switching one on leaves the others as they were.
struct Draws {
    noise: NamedRng,
    missing: NamedRng,
    duplicated: NamedRng,
    late: NamedRng,
}

pub(super) struct Ticks<F> {
    feed: F,
    settings: Perturbation,
    ticks: Vec<i64>,
    range: (Nanos, Nanos),
    draws: Draws,
    minutes: Vec<Minute>,
    input: Vec<MarketEvent>,
    late: BinaryHeap<Reverse<Late>>,
    drawn: u64,
}

impl<F: Feed> Ticks<F> {
    pub fn new(
        feed: F,
        settings: Perturbation,
        ticks: Vec<i64>,
        range: (Nanos, Nanos),
        seed: u64,
    ) -> Ticks<F> {
        let rng = |name: &str| NamedRng::new(seed, &format!("perturbation: {name}"));
        Ticks {
            feed,
            settings,
            minutes: vec![Minute { number: i64::MIN, missing: false }; ticks.len()],
            ticks,
            range,
            draws: Draws {
                noise: rng("noise"),
                missing: rng("missing"),
                duplicated: rng("duplicated"),
                late: rng("late"),
            },
            input: Vec::new(),
            late: BinaryHeap::new(),
            drawn: 0,
        }
    }

    /// Whether the event's minute is missing. A closing bar belongs to the minute that it closes.
    fn is_missing(&mut self, event: &MarketEvent) -> bool {
        // Funding is settled whether or not somebody recorded it.
        let is_funding = matches!(event.data, MarketData::FundingRate(_));
        if self.settings.missing_minutes == 0.0 || is_funding {
            return false;
        }
        let before = i64::from(matches!(event.data, MarketData::Bar(_)));
        let number = (event.time.0 - before).div_euclid(MINUTE);
        let Some(minute) = self.minutes.get_mut(usize::from(event.symbol.0)) else { return false };
        if minute.number != number {
            let missing = self.draws.missing.unit_f64() < self.settings.missing_minutes;
            *minute = Minute { number, missing };
        }
        minute.missing
    }

    fn noisy(&mut self, event: &mut MarketEvent) {
        let most = i64::from(self.settings.noise_ticks);
        let tick = self.ticks.get(usize::from(event.symbol.0)).copied().unwrap_or(1);
        if most == 0 {
            return;
        }
        let rng = &mut self.draws.noise;
        let mut moved = |price: PriceTicks| {
            let steps = rng.below(2 * most as u64 + 1) as i64 - most;
            PriceTicks((price.0 + steps * tick).clamp(tick, PRICE_MAX))
        };
        match &mut event.data {
            MarketData::Trade(trade) => trade.price = moved(trade.price),
            MarketData::Bar(bar) => {
                bar.open = moved(bar.open);
                bar.close = moved(bar.close);
                bar.high = moved(bar.high).max(bar.open).max(bar.close);
                bar.low = moved(bar.low).min(bar.open).min(bar.close);
            }
            _ => {}
        }
    }

    /// Puts what is late and due by `time` into the batch.
    fn deliver(&mut self, time: Nanos, batch: &mut Vec<MarketEvent>) {
        while let Some(Reverse(first)) = self.late.peek()
            && first.time <= time
        {
            if let Some(Reverse(late)) = self.late.pop() {
                batch.push(MarketEvent { time: late.time, ..late.event });
            }
        }
    }

    fn pass(&mut self, mut event: MarketEvent, batch: &mut Vec<MarketEvent>) {
        event.time += Nanos::from_secs(i64::from(self.settings.shift_s));
        if event.time > self.range.1 {
            return;
        }
        self.deliver(event.time, batch);
        if self.is_missing(&event) {
            return;
        }
        self.noisy(&mut event);
        let is_trade = matches!(event.data, MarketData::Trade(_));
        let twice = is_trade
            && self.settings.duplicated > 0.0
            && self.draws.duplicated.unit_f64() < self.settings.duplicated;
        if is_trade && self.settings.late > 0.0 && self.draws.late.unit_f64() < self.settings.late {
            let most = u64::from(self.settings.late_max_ms) * 1_000_000;
            let delay = 1 + self.draws.late.below(most) as i64;
            self.drawn += 1;
            let time = event.time + Nanos(delay);
            self.late.push(Reverse(Late { time, number: self.drawn, event }));
        } else {
            batch.push(event);
        }
        if twice {
            batch.push(event);
        }
    }
}

impl<F: Feed> Feed for Ticks<F> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        let mut input = std::mem::take(&mut self.input);
        // Of a batch nothing may be left; an empty one is the end.
        while batch.is_empty() {
            self.feed.next_batch(&mut input)?;
            if input.is_empty() {
                self.deliver(self.range.1, batch);
                break;
            }
            for event in &input {
                self.pass(*event, batch);
            }
        }
        self.input = input;
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        let shift = Nanos::from_secs(i64::from(self.settings.shift_s));
        self.feed.ends_at().map(|end| (end + shift).min(self.range.1))
    }
}
