//! One side of the market's book.
//!
//! Prices are keys here: the price of a bid, minus the price of an ask. So the best level always has
//! the greatest key, and both sides are one piece of code.
//!
//! Levels near the touch lie in a ring of quantities, one slot a tick, with a bit for each that is not
//! empty; what lies outside the ring or off the tick is in an ordered map. The ring follows the best
//! level: slots that leave it go to the map, and levels of the map that come in get their slot.
//!
//! Invariant: a level is in the ring or in the map, never in both; no level has quantity zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::grid::TickGrid;

/// Slots of the ring: a power of two. 32 KiB, of which a market touches the lines near its best.
const SLOTS: usize = 4096;
const SLOTS_I64: i64 = SLOTS as i64;
/// The best level keeps at least this far from either end of the ring.
const MARGIN: i64 = SLOTS_I64 / 8;
const WORDS: usize = SLOTS / 64;

/// The key of no level at all.
pub(crate) const NO_KEY: i64 = i64::MIN;

/// Levels of one side; the greatest key is the best.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Half {
    best: i64,
    /// Greatest key of `far`.
    far_best: i64,
    /// Ticks (of the key) in the ring: `low..low + SLOTS`.
    low: i64,
    grid: TickGrid,
    qty: Vec<i64>,
    occupied: Vec<u64>,
    far: BTreeMap<i64, i64>,
}

impl Half {
    pub(crate) fn new(grid: TickGrid) -> Half {
        Half {
            best: NO_KEY,
            far_best: NO_KEY,
            low: 0,
            grid,
            qty: vec![0; SLOTS],
            occupied: vec![0; WORDS],
            far: BTreeMap::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.qty.fill(0);
        self.occupied.fill(0);
        self.far.clear();
        (self.best, self.far_best) = (NO_KEY, NO_KEY);
    }

    /// Key of the best level.
    #[inline]
    pub(crate) fn best(&self) -> i64 {
        self.best
    }

    /// The tick of `key`; none off the tick.
    #[inline]
    fn tick(&self, key: i64) -> Option<i64> {
        let ticks = self.grid.ticks(key.abs())?;
        Some(if key < 0 { -ticks } else { ticks })
    }

    /// The slot of a tick, if it lies in the ring.
    #[inline]
    fn slot(&self, tick: i64) -> Option<usize> {
        (tick.wrapping_sub(self.low) as u64 <= (SLOTS_I64 - 1) as u64)
            .then_some(tick as usize & (SLOTS - 1))
    }

    /// What rests at `key`.
    #[inline]
    pub(crate) fn get(&self, key: i64) -> i64 {
        match self.tick(key).and_then(|tick| self.slot(tick)) {
            Some(slot) => self.qty[slot],
            None => self.far.get(&key).copied().unwrap_or(0),
        }
    }

    /// Sets what rests at `key` and answers what rested there.
    #[inline]
    pub(crate) fn set(&mut self, key: i64, qty: i64) -> i64 {
        debug_assert!(qty >= 0, "a level holds something or is none");
        let Some(slot) = self.tick(key).and_then(|tick| self.slot(tick)) else {
            return self.set_far(key, qty);
        };
        let old = std::mem::replace(&mut self.qty[slot], qty);
        if (old == 0) != (qty == 0) {
            self.occupied[slot / 64] ^= 1 << (slot % 64);
            if qty != 0 {
                if key > self.best {
                    self.best = key;
                    self.follow();
                }
            } else if key == self.best {
                self.best = self.below(key).map_or(NO_KEY, |(key, _)| key);
                self.follow();
            }
        }
        old
    }

    /// Outside of the ring, or off the tick.
    #[cold]
    #[inline(never)]
    fn set_far(&mut self, key: i64, qty: i64) -> i64 {
        let old = if qty == 0 { self.far.remove(&key) } else { self.far.insert(key, qty) };
        self.far_best = self.far.last_key_value().map_or(NO_KEY, |(key, _)| *key);
        if key > self.best && qty != 0 {
            self.best = key;
            self.follow();
        } else if key == self.best && qty == 0 {
            self.best = self.below(key).map_or(NO_KEY, |(key, _)| key);
            self.follow();
        }
        old.unwrap_or(0)
    }

    /// The best level with a key below `key`, and what it holds.
    pub(crate) fn below(&self, key: i64) -> Option<(i64, i64)> {
        let near = self.ring_below(key);
        let far = if self.far_best == NO_KEY || near.is_some_and(|(k, _)| k > self.far_best) {
            None
        } else {
            self.far.range(..key).next_back().map(|(key, qty)| (*key, *qty))
        };
        match (near, far) {
            (Some(near), Some(far)) => Some(if near.0 > far.0 { near } else { far }),
            (near, far) => near.or(far),
        }
    }

    /// The best level of the ring below `key`: a walk over the bits.
    fn ring_below(&self, key: i64) -> Option<(i64, i64)> {
        // The last tick whose key is below `key`; off the tick it is the one just under it.
        let end = match self.tick(key) {
            Some(tick) => tick - 1,
            None => key.div_euclid(self.grid.price(1)),
        };
        let mut tick = end.min(self.low + SLOTS_I64 - 1);
        while tick >= self.low {
            let slot = tick as usize & (SLOTS - 1);
            // Bits of this word at and under the slot. A word's ticks are neighbours, unless the
            // ring's end lies within; then the rest of the word is beyond `low`, which ends the walk.
            let bits = self.occupied[slot / 64] << (63 - slot % 64);
            if bits != 0 {
                let found = tick - i64::from(bits.leading_zeros());
                if found < self.low {
                    return None;
                }
                let slot = found as usize & (SLOTS - 1);
                return Some((self.grid.price(found), self.qty[slot]));
            }
            tick -= (slot % 64) as i64 + 1;
        }
        None
    }

    /// Moves the ring if the best level has come too near to its end.
    #[inline]
    fn follow(&mut self) {
        let away = self.best.wrapping_sub(self.grid.price(self.low));
        let (near, distant) = (self.grid.price(MARGIN), self.grid.price(SLOTS_I64 - MARGIN));
        if (away < near || away >= distant) && self.best != NO_KEY {
            self.centre(self.best.div_euclid(self.grid.price(1)) - SLOTS_I64 / 2);
        }
    }

    #[cold]
    #[inline(never)]
    fn centre(&mut self, low: i64) {
        let leaving = if low > self.low {
            self.low..low.min(self.low + SLOTS_I64)
        } else {
            (low + SLOTS_I64).max(self.low)..self.low + SLOTS_I64
        };
        for tick in leaving {
            let slot = tick as usize & (SLOTS - 1);
            let qty = std::mem::take(&mut self.qty[slot]);
            if qty != 0 {
                self.occupied[slot / 64] ^= 1 << (slot % 64);
                self.far.insert(self.grid.price(tick), qty);
            }
        }
        self.low = low;
        let mut from = self.grid.price(low);
        let end = self.grid.price(low + SLOTS_I64);
        while let Some((&key, &qty)) = self.far.range(from..end).next() {
            if let Some(slot) = self.tick(key).and_then(|tick| self.slot(tick)) {
                self.far.remove(&key);
                self.qty[slot] = qty;
                self.occupied[slot / 64] |= 1 << (slot % 64);
            }
            from = key + 1;
        }
        self.far_best = self.far.last_key_value().map_or(NO_KEY, |(key, _)| *key);
    }
}
