//! One side of the made book.
//!
//! Levels are keyed by ticks, those of asks by minus their ticks, so that the best is always the greatest.
//! They lie in a ring below the best, and a tree of sums over the ring finds the level of any lot in a few
//! steps, so that cancellations hit levels in proportion to their queues.
//!
//! Invariant: every level lies in the ring's width below the best.

use std::ops::RangeInclusive;

/// One side.
#[derive(Clone)]
pub(super) struct Half {
    /// Sums: the root at 1, the leaves from `slots` on.
    tree: Vec<i64>,
    slots: usize,
    best: i64,
}

impl Half {
    /// An empty side of `slots` levels, a power of two, whose best is taken to be `best` until it has one.
    pub fn new(slots: usize, best: i64) -> Half {
        debug_assert!(slots.is_power_of_two(), "a mask finds the slot");
        Half { tree: vec![0; 2 * slots], slots, best }
    }

    /// The best level; the last one there was, if there is none.
    #[inline]
    pub fn best(&self) -> i64 {
        self.best
    }

    /// All lots.
    #[inline]
    pub fn total(&self) -> i64 {
        self.tree[1]
    }

    #[inline]
    fn leaf(&self, key: i64) -> usize {
        self.slots + (key as usize & (self.slots - 1))
    }

    /// Lots of the best level.
    #[inline]
    pub fn at_best(&self) -> i64 {
        self.tree[self.leaf(self.best)]
    }

    /// Moves all levels by `by` keys and answers where the best was; `before` gets what they held, from the best
    /// on. Levels that would leave `valid` are withdrawn, and the best must not.
    pub fn shift(&mut self, by: i64, valid: &RangeInclusive<i64>, before: &mut Vec<i64>) -> i64 {
        let old = self.best;
        before.clear();
        before.extend((0..self.slots as i64).map(|behind| self.tree[self.leaf(old - behind)]));
        self.best = old + by;
        for (lots, key) in before.iter().zip((0..).map(|behind| old + by - behind)) {
            let leaf = self.leaf(key);
            self.tree[leaf] = if valid.contains(&key) { *lots } else { 0 };
        }
        for node in (1..self.slots).rev() {
            self.tree[node] = self.tree[2 * node] + self.tree[2 * node + 1];
        }
        debug_assert!(self.total() == 0 || self.at_best() > 0, "the best has lots");
        old
    }

    /// Lots of a level.
    #[inline]
    pub fn at(&self, key: i64) -> i64 {
        let within = (0..self.slots as i64).contains(&(self.best - key));
        if within { self.tree[self.leaf(key)] } else { 0 }
    }

    #[inline]
    fn change(&mut self, key: i64, lots: i64) -> i64 {
        let mut node = self.leaf(key);
        let left = self.tree[node] + lots;
        while node > 0 {
            self.tree[node] += lots;
            node /= 2;
        }
        left
    }

    /// Adds lots and answers what the level holds; none if it lies too far behind the best. Levels that fall
    /// out of the ring because of a new best are withdrawn, and told.
    #[inline]
    pub fn add(&mut self, key: i64, lots: i64, mut withdrawn: impl FnMut(i64)) -> Option<i64> {
        let width = self.slots as i64;
        if self.total() == 0 {
            self.best = key;
        } else if key > self.best {
            let first = self.best - width + 1;
            let last = (key - width).min(self.best);
            for old in first..=last {
                let held = self.tree[self.leaf(old)];
                if held > 0 {
                    self.change(old, -held);
                    withdrawn(old);
                }
            }
            self.best = key;
        } else if key <= self.best - width {
            return None;
        }
        Some(self.change(key, lots))
    }

    /// Takes lots from a level that has them and answers what is left there.
    #[inline]
    pub fn take(&mut self, key: i64, lots: i64) -> i64 {
        let left = self.change(key, -lots);
        debug_assert!(left >= 0, "no more is taken than rests");
        if left == 0 && key == self.best && self.total() > 0 {
            while self.tree[self.leaf(self.best)] == 0 {
                self.best -= 1;
            }
        }
        left
    }

    /// The level of the `lot`-th lot, counted from zero, and what it holds.
    #[inline]
    pub fn find(&self, mut lot: i64) -> (i64, i64) {
        let mut node = 1;
        while node < self.slots {
            node *= 2;
            let before = self.tree[node];
            if lot >= before {
                lot -= before;
                node += 1;
            }
        }
        let slot = (node - self.slots) as i64;
        let behind = (self.best - slot) & (self.slots as i64 - 1);
        (self.best - behind, self.tree[node])
    }

    /// All levels with their lots, the best first.
    pub fn levels(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let keys = (0..self.slots as i64).map(|behind| self.best - behind);
        keys.map(|key| (key, self.tree[self.leaf(key)])).filter(|(_, lots)| *lots > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use engine::NamedRng;

    use super::*;

    #[test]
    fn levels_move_together_and_those_beyond_the_grid_go() {
        let mut half = Half::new(8, 20);
        let (mut before, valid) = (Vec::new(), 1..=100);
        for (key, lots) in [(20, 5), (18, 7), (14, 9)] {
            half.add(key, lots, |_| {});
        }
        assert_eq!(half.shift(-15, &valid, &mut before), 20);
        assert_eq!(before, [5, 0, 7, 0, 0, 0, 9, 0]);
        assert_eq!(half.levels().collect::<Vec<_>>(), [(5, 5), (3, 7)]);
        assert_eq!((half.total(), half.at(3), half.at(-1), half.at(9)), (12, 7, 0, 0));
        assert_eq!((half.find(6), half.find(7)), ((3, 7), (5, 5)), "sums are made anew");
        half.shift(95, &valid, &mut before);
        assert_eq!(half.levels().collect::<Vec<_>>(), [(100, 5), (98, 7)]);
    }

    /// Random steps against an ordered map.
    #[test]
    fn it_is_an_ordered_map_with_a_bounded_width() {
        let mut rng = NamedRng::new(1, "half");
        let mut half = Half::new(16, -100);
        let mut map: BTreeMap<i64, i64> = BTreeMap::new();
        for step in 0..100_000 {
            let near = half.best() + rng.below(24) as i64 - 18;
            match rng.below(2) {
                0 => {
                    let mut gone = Vec::new();
                    let held = half.add(near, 3, |key| gone.push(key));
                    let best = map.last_key_value().map_or(near, |(key, _)| *key);
                    if near <= best - 16 {
                        assert_eq!(held, None);
                    } else {
                        *map.entry(near).or_default() += 3;
                        assert_eq!(held, map.get(&near).copied());
                    }
                    let out: Vec<i64> =
                        map.range(..=near.max(best) - 16).map(|(k, _)| *k).collect();
                    map.retain(|key, _| !out.contains(key));
                    assert_eq!(gone, out, "step {step}");
                }
                _ if half.total() > 0 => {
                    let lot = rng.below(half.total() as u64) as i64;
                    let (key, held) = half.find(lot);
                    assert_eq!(map.get(&key), Some(&held), "step {step}");
                    let taken = held.min(1 + rng.below(4) as i64);
                    let left = half.take(key, taken);
                    if left == 0 {
                        map.remove(&key)
                    } else {
                        map.insert(key, left)
                    };
                }
                _ => {}
            }
            let all: Vec<(i64, i64)> = half.levels().collect();
            let mirrored: Vec<(i64, i64)> = map.iter().rev().map(|(k, v)| (*k, *v)).collect();
            assert_eq!(all, mirrored, "step {step}");
            assert_eq!(half.total(), map.values().sum::<i64>());
        }
    }
}
