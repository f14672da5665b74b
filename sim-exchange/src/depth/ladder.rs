//! The market's book of one symbol.

use engine::{PriceTicks, Side};
use serde::{Deserialize, Serialize};

use super::grid::TickGrid;
use super::half::{Half, NO_KEY};

/// Prices and quantities beyond this many units are refused.
pub(crate) const UNITS_MAX: i64 = 1_000_000_000_000_000;

/// Bids and asks as the market shows them: our own orders are not in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ladder {
    halves: [Half; 2],
    grid: TickGrid,
    off_tick: u64,
    refused: u64,
}

/// The key of a price: the better for its side, the greater.
#[inline]
pub(crate) const fn key(side: Side, price: i64) -> i64 {
    match side {
        Side::Buy => price,
        Side::Sell => -price,
    }
}

impl Ladder {
    /// An empty book of a symbol whose order tick is `tick` price units.
    pub fn new(tick: i64) -> Ladder {
        let grid = TickGrid::of(tick);
        Ladder { halves: [Half::new(grid), Half::new(grid)], grid, off_tick: 0, refused: 0 }
    }

    #[inline]
    pub(crate) fn half(&self, side: Side) -> &Half {
        &self.halves[side as usize]
    }

    /// Best bid price; none on an empty side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<i64> {
        let best = self.half(side).best();
        (best != NO_KEY).then(|| key(side, best))
    }

    /// Price of the n-th level of a side, 1 for the best, as `priceMatch` counts them.
    pub fn nth(&self, side: Side, n: usize) -> Option<PriceTicks> {
        self.levels(side).nth(n.checked_sub(1)?).map(|(price, _)| PriceTicks(price))
    }

    /// What rests at a price.
    #[inline]
    pub fn qty(&self, side: Side, price: i64) -> i64 {
        self.half(side).get(key(side, price))
    }

    /// Sets what rests at a price, zero to remove it. Answers what rested there, or none if the row
    /// cannot be true and was refused.
    #[inline]
    pub fn set(&mut self, side: Side, price: i64, qty: i64) -> Option<i64> {
        let possible = price > 0 && price <= UNITS_MAX && (0..=UNITS_MAX).contains(&qty);
        if !possible {
            self.refused += 1;
            return None;
        }
        self.off_tick += u64::from(self.grid.ticks(price).is_none());
        Some(self.halves[side as usize].set(key(side, price), qty))
    }

    /// Forgets all levels.
    pub fn clear(&mut self) {
        self.halves.iter_mut().for_each(Half::clear);
    }

    /// Levels of a side, best first: price and quantity.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (i64, i64)> + '_ {
        let half = self.half(side);
        let mut above = i64::MAX;
        std::iter::from_fn(move || {
            let (found, qty) = half.below(above)?;
            above = found;
            Some((key(side, found), qty))
        })
    }

    /// Rows whose price was off the order tick; they count as any other.
    pub fn off_tick(&self) -> u64 {
        self.off_tick
    }

    /// Rows that cannot be true: a price not above zero, a negative quantity, or beyond 1e15 units.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
