//! What the market offers a taker, by what is known of its book: see [`FillModel`](crate::FillModel).

use std::collections::BTreeMap;

use engine::{AccountId, Nanos, PriceTicks, QtyLots, Side};
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

/// Who would take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taker {
    pub(crate) account: AccountId,
    pub(crate) side: Side,
    pub(crate) limit: i64,
}

impl Taker {
    fn is_within(&self, price: i64) -> bool {
        match self.side {
            Side::Buy => price <= self.limit,
            Side::Sell => price >= self.limit,
        }
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
            MarketDepth::Quotes => {
                let best = depth?.ladder().best(side.opposite())?;
                let quote = depth?.best_left(side.opposite()).filter(|(price, _)| price.0 == best);
                // What is known of deeper levels are quotes of long ago.
                let beyond = || Offer { price: self.beyond(symbol, side, best), qty: i64::MAX };
                Some(quote.map_or_else(beyond, Offer::level))
            }
        }
    }

    /// A price moved by the spread against a taker, on the order tick.
    fn beyond(&self, symbol: usize, side: Side, price: i64) -> i64 {
        let spread = i64::from(self.config.fills.taker_spread_ticks);
        self.moved(symbol, side, price, spread)
    }

    pub(crate) fn moved(&self, symbol: usize, side: Side, price: i64, ticks: i64) -> i64 {
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
            let (maker, best) = (side.opposite(), depth.ladder().best(side.opposite()));
            let is_known = self.config.fills.depth == MarketDepth::Levels || best == Some(price);
            if is_known && depth.best_left(maker).is_some_and(|(left, _)| left.0 == price) {
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

    /// What orders of the book give a FOK taker within his limit: his own too, because self-trade prevention
    /// has no effect on FOK. As in the matching, orders that can only reduce give no more than their
    /// positions, which change with each fill.
    fn book_gives(&self, symbol: usize, taker: &Taker) -> i64 {
        let mut positions = BTreeMap::new();
        let mut gives = 0;
        for maker in self.markets[symbol].book.against(taker.side) {
            if !taker.is_within(maker.price) {
                break;
            }
            let is_own = maker.account == taker.account;
            let held = self.holding(maker.account, symbol).position(maker.position_side).qty;
            let held = positions.entry((maker.account, maker.position_side)).or_insert(held);
            let can = match (maker.reduces, held.signum() == -maker.side.sign()) {
                (false, _) => maker.qty,
                (true, true) => maker.qty.min(held.abs()),
                (true, false) => 0,
            };
            // What he sells to himself he has bought.
            if !is_own {
                *held += maker.side.sign() * can;
            }
            gives += can;
        }
        gives
    }

    /// Whether book and market together fill `qty`.
    pub(crate) fn fills_at_once(&self, symbol: usize, taker: &Taker, qty: i64) -> bool {
        let own = self.book_gives(symbol, taker);
        let (side, limit) = (taker.side, taker.limit);
        let within = |price: i64| taker.is_within(price);
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
            if self.config.fills.depth == MarketDepth::Quotes {
                let best = depth.ladder().best(side.opposite());
                return best.is_some_and(|best| within(self.beyond(symbol, side, best)));
            }
            return depth.takeable(side, Some(PriceTicks(limit)), left).qty >= left;
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
