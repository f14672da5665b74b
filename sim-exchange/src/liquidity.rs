//! What the market offers a taker, by what is known of its book: see [`FillModel`](crate::FillModel).

use engine::{Nanos, PriceTicks, QtyLots, Side};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::exchange::{PRICE_MAX, SimExchange};
use crate::fills::{MarketDepth, VolumeLimit};

const MINUTE: i64 = 60_000_000_000;

/// The volume of a symbol's last minute, and what takers took of it since.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Meter {
    /// When the present window began; zero before the first look.
    since: Nanos,
    /// The symbol's volume then.
    base: i64,
    /// Of the window before.
    per_minute: Option<i64>,
    /// By buys and by sells, in this window.
    taken: [i64; 2],
}

impl Meter {
    /// As it stands at `now`: a window ends with the first look after a minute.
    fn at(mut self, now: Nanos, volume: i64) -> Meter {
        let elapsed = (now - self.since).0;
        if self.since == Nanos::ZERO {
            self.since = now;
        } else if elapsed >= MINUTE {
            let passed = i128::from(volume.wrapping_sub(self.base).max(0));
            let per_minute = passed * i128::from(MINUTE) / i128::from(elapsed);
            self = Meter {
                since: now,
                base: volume,
                per_minute: Some(i64::try_from(per_minute).unwrap_or(i64::MAX)),
                taken: [0, 0],
            };
        }
        self
    }

    fn volume(&self, now: i64) -> i64 {
        self.per_minute.unwrap_or_else(|| now.wrapping_sub(self.base).max(0))
    }
}

/// What the market sells to a taker, or buys from him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) price: i64,
    /// `i64::MAX` where the model knows no limit.
    pub(crate) qty: i64,
}

impl Offer {
    fn level((price, qty): (PriceTicks, QtyLots)) -> Offer {
        Offer { price: price.0, qty: qty.0 }
    }
}

impl SimExchange {
    /// What a taker pays or gets now; none before the market has said anything.
    pub(crate) fn taker_price(&self, symbol: usize, side: Side) -> Option<i64> {
        self.offer(symbol, side).map(|offer| offer.price)
    }

    /// The market's best offer to a taker on `side`.
    pub(crate) fn offer(&self, symbol: usize, side: Side) -> Option<Offer> {
        let depth = self.depths.get(symbol);
        match self.config.fills.depth {
            MarketDepth::Trades => self.offer_at_last(symbol, side),
            MarketDepth::Levels => depth?.best_left(side.opposite()).map(Offer::level),
            MarketDepth::Quotes => match depth?.best_left(side.opposite()) {
                Some(level) => Some(Offer::level(level)),
                None => {
                    let best = depth?.ladder().best(side.opposite())?;
                    Some(Offer { price: self.beyond(symbol, side, best), qty: i64::MAX })
                }
            },
        }
    }

    /// A price moved by the spread against a taker, on the order tick.
    fn beyond(&self, symbol: usize, side: Side, price: i64) -> i64 {
        let spread = i64::from(self.config.fills.taker_spread_ticks);
        self.moved(symbol, side, price, spread)
    }

    fn moved(&self, symbol: usize, side: Side, price: i64, ticks: i64) -> i64 {
        let tick = self.markets[symbol].rules.tick;
        let by = tick.saturating_mul(ticks);
        let price = match side {
            Side::Buy => {
                let moved = price.saturating_add(by);
                moved.saturating_add((tick - moved % tick) % tick)
            }
            Side::Sell => {
                let moved = price - by.min(price);
                moved - moved % tick
            }
        };
        price.clamp(tick, PRICE_MAX)
    }

    fn offer_at_last(&self, symbol: usize, side: Side) -> Option<Offer> {
        let last = self.watch[symbol].last;
        if last <= 0 {
            return None;
        }
        let Some(limit) = self.config.fills.volume else {
            return Some(Offer { price: self.beyond(symbol, side, last), qty: i64::MAX });
        };
        let (slice, taken) = self.slice(symbol, side, limit);
        let further = (taken / slice).saturating_mul(i64::from(limit.impact_ticks));
        let ticks = further.saturating_add(i64::from(self.config.fills.taker_spread_ticks));
        Some(Offer { price: self.moved(symbol, side, last, ticks), qty: slice - taken % slice })
    }

    /// Lots at each price, at least one step, and what was taken in this window.
    fn slice(&self, symbol: usize, side: Side, limit: VolumeLimit) -> (i64, i64) {
        let (market, volume) = (&self.markets[symbol], self.watch[symbol].volume);
        let meter = market.meter.at(self.now, volume);
        let step = market.rules.step;
        let share = Decimal::from(meter.volume(volume)) * limit.taker_share;
        let lots = share.floor().to_i64().unwrap_or(i64::MAX);
        ((lots - lots % step).max(step), meter.taken[side as usize])
    }

    /// A taker has taken so much of the offer at `price`.
    pub(crate) fn took(&mut self, symbol: usize, side: Side, price: i64, qty: i64) {
        if let Some(depth) = self.depths.get_mut(symbol) {
            // Behind the best quote nothing is known that would then be missing.
            let maker = side.opposite();
            if depth.best_left(maker).is_some_and(|(best, _)| best.0 == price) {
                depth.take(maker, PriceTicks(price), QtyLots(qty));
            }
        } else if self.config.fills.volume.is_some() {
            let volume = self.watch[symbol].volume;
            let meter = &mut self.markets[symbol].meter;
            *meter = meter.at(self.now, volume);
            let taken = &mut meter.taken[side as usize];
            *taken = taken.saturating_add(qty);
        }
    }

    /// Whether book and market together fill `qty` within `limit`.
    pub(crate) fn fills_at_once(&self, symbol: usize, side: Side, limit: i64, qty: i64) -> bool {
        let within = |price: i64| match side {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        };
        let resting = self.markets[symbol].book.against(side).iter();
        let meets = resting.filter(|other| within(other.price));
        let own: i64 = meets.map(|other| self.executable(other.id, other.qty)).sum();
        let left = qty - own;
        if left <= 0 {
            return true;
        }
        let Some(offer) = self.offer(symbol, side).filter(|offer| within(offer.price)) else {
            return false;
        };
        if offer.qty >= left {
            return true;
        }
        if let Some(depth) = self.depths.get(symbol) {
            let shown = depth.takeable(side, Some(PriceTicks(limit)), left).qty;
            let beyond = depth.ladder().best(side.opposite());
            let endless = self.config.fills.depth == MarketDepth::Quotes
                && beyond.is_some_and(|best| within(self.beyond(symbol, side, best)));
            return endless || shown >= left;
        }
        let Some(model) = self.config.fills.volume else { return true };
        let tick = self.markets[symbol].rules.tick;
        let apart = tick.saturating_mul(i64::from(model.impact_ticks));
        let Some(prices) = (limit - offer.price).abs().checked_div(apart) else { return true };
        let (slice, _) = self.slice(symbol, side, model);
        offer.qty.saturating_add(prices.saturating_mul(slice)) >= left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_minute_or_more() {
        let at = |s: i64| Nanos::from_secs(1_000 + s);
        let meter = Meter::default().at(at(0), 500);
        assert_eq!(meter.volume(530), 530, "the first minute counts from nothing");
        let meter = meter.at(at(59), 900);
        assert_eq!((meter.since, meter.per_minute), (at(0), None));
        // 1,200 in two minutes.
        let meter = meter.at(at(120), 1_200);
        assert_eq!((meter.since, meter.volume(9_999)), (at(120), 600));
    }
}
