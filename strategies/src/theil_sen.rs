//! The median of all pairwise slopes of equally spaced points (Theil and Sen), from one point to the next.
//!
//! Of n points there are n (n - 1) / 2 slopes. The slope of two points is below a number s where the later one stands before
//! the earlier in the order of y - s x. That order is kept for an s near the median, with the number of slopes below: a
//! point that leaves or enters is found by its place in it. Then s moves over the median; the order is sorted anew, which
//! takes an exchange for each slope that s passes, and the median is one of those.
//!
//! The order is that of rounded numbers: a slope within their error of s may be on either side. The median counts only
//! where it stands further than that from both ends of the way; else all slopes are sorted out.

use std::cmp::Ordering;

/// Ways over the median that are tried before all slopes are sorted out.
const TRIES: usize = 4;
/// Steps of one way: each is twice as long as the one before.
const STEPS: u32 = 6;

/// The median slope of the newest `POINTS` points, 256 at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct MedianSlope<const POINTS: usize> {
    order: Option<Order<POINTS>>,
}

/// The points in the order of y - s x. A point's name is its number, of which the last eight bits are kept.
#[derive(Clone, Debug)]
struct Order<const POINTS: usize> {
    s: f64,
    /// Slopes below `s`.
    below: usize,
    /// Slopes in a unit of slope, near `s`.
    density: f64,
    names: Vec<u8>,
    /// Of the names; x is the place in the window of the last call.
    keys: Vec<f64>,
    /// The name of the window's oldest point.
    oldest: u8,
}

impl<const POINTS: usize> MedianSlope<POINTS> {
    const SLOPES: usize = POINTS * (POINTS - 1) / 2;
    /// Places of the median, or of its two neighbours, among the sorted slopes.
    const MIDDLE: (usize, usize) = ((Self::SLOPES - 1) / 2, Self::SLOPES / 2);

    /// The median for the newest of the points. `moved`: these are the points of the last call without their oldest, and
    /// one more; there are more of them than in the window. What is in `room` means nothing between two calls.
    pub(crate) fn median(&mut self, points: &[f64], moved: bool, room: &mut Vec<f64>) -> f64 {
        const { assert!(POINTS <= 256) };
        let Some(window) = points.last_chunk::<POINTS>() else { return f64::NAN };
        if moved && let Some(order) = &mut self.order {
            order.shift(window);
            if let Some(median) = order.search(window, room) {
                return median;
            }
        }
        let (median, density) = of_all(window, Self::MIDDLE, room);
        self.order = Order::new(window, median, density);
        median
    }
}

impl<const POINTS: usize> Order<POINTS> {
    /// Slopes that a way should pass beyond the median: it has to end there.
    const SPARE: usize = POINTS / 16 + 4;

    /// None where the numbers are too great to be told apart.
    fn new(window: &[f64], median: f64, density: f64) -> Option<Order<POINTS>> {
        let s = median - Self::SPARE as f64 / density;
        if !(s.is_finite() && density > 0.0 && margin(s) < 1e-6) {
            return None;
        }
        let key = |name: u8| window[usize::from(name)] - s * f64::from(name);
        let mut names: Vec<u8> = (0..POINTS).map(|name| name as u8).collect();
        names.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
        let later = |(at, name): (usize, &u8)| names[..at].iter().filter(|n| *n > name).count();
        let below = names.iter().enumerate().map(later).sum();
        let keys = names.iter().map(|name| key(*name)).collect();
        Some(Order { s, below, density, names, keys, oldest: 0 })
    }

    /// The oldest point leaves, and the newest comes.
    fn shift(&mut self, window: &[f64]) {
        if let Some(at) = self.names.iter().position(|name| *name == self.oldest) {
            // All others are later: those before it make slopes below.
            self.below -= at;
            self.names.remove(at);
            self.keys.remove(at);
        }
        let newest = self.oldest.wrapping_add(POINTS as u8);
        self.oldest = self.oldest.wrapping_add(1);
        let key = window[POINTS - 1] - self.s * POINTS as f64;
        let at = self.keys.partition_point(|other| *other <= key);
        self.below += self.keys.len() - at;
        self.names.insert(at, newest);
        self.keys.insert(at, key);
    }

    /// The median, if it can be told for certain.
    fn search(&mut self, window: &[f64; POINTS], room: &mut Vec<f64>) -> Option<f64> {
        let (first, second) = MedianSlope::<POINTS>::MIDDLE;
        for _ in 0..TRIES {
            let (from, base) = (self.s, self.below);
            room.clear();
            let (one, two) = if base <= first {
                self.pass(second + 1 - base, 1.0, window, room)?;
                neighbours(room, first - base, second - base, f64::total_cmp)
            } else {
                // To the other side of both.
                self.pass(base - first, -1.0, window, room)?;
                let down = |a: &f64, b: &f64| b.total_cmp(a);
                let (two, one) = match base.checked_sub(second + 1) {
                    Some(above) => neighbours(room, above, base - 1 - first, down),
                    // The second lies above where the way began: another way shows both.
                    None => continue,
                };
                (one, two)
            };
            let (low, high) = (from.min(self.s), from.max(self.s));
            if one > low + margin(low) && two < high - margin(high) {
                return Some((one + two) / 2.0);
            }
        }
        None
    }

    /// Moves `s` until so many slopes and some more were passed: they are in `room`.
    fn pass(
        &mut self,
        needed: usize,
        sign: f64,
        window: &[f64; POINTS],
        room: &mut Vec<f64>,
    ) -> Option<()> {
        let (from, mut density) = (self.s, self.density);
        for _ in 0..STEPS {
            let wanted = needed + Self::SPARE - room.len();
            let length = (wanted as f64 / density).max(8.0 * margin(self.s));
            self.turn(self.s + sign * length, window, room)?;
            let seen = room.len() as f64 / (self.s - from).abs();
            if room.len() >= needed + Self::SPARE / 2 {
                self.density = seen;
                return Some(());
            }
            // Where there are few it has to go far, but not too far at once.
            density = seen.max(density / 4.0);
        }
        None
    }

    /// Sorts the order for another `s`, and puts the slopes that it passes into `room`.
    fn turn(&mut self, s: f64, window: &[f64; POINTS], room: &mut Vec<f64>) -> Option<()> {
        if !(s.is_finite() && margin(s) < 1e-6) {
            return None;
        }
        let up = s > self.s;
        self.s = s;
        let (before, oldest) = (room.len(), self.oldest);
        let place = |name: u8| usize::from(name.wrapping_sub(oldest)) % POINTS;
        let (names, keys) = (&mut self.names[..POINTS], &mut self.keys[..POINTS]);
        for at in 0..POINTS {
            let name = names[at];
            let own = place(name);
            let y = window[own];
            let key = y - s * own as f64;
            let mut to = at;
            while to > 0 && keys[to - 1] > key {
                to -= 1;
                let other = place(names[to]);
                // Up, the later point comes before the earlier one; down it goes behind it.
                if (own > other) != up {
                    return None;
                }
                let rise = if up { y - window[other] } else { window[other] - y };
                room.push(rise / own.abs_diff(other) as f64);
                keys[to + 1] = keys[to];
                names[to + 1] = names[to];
            }
            keys[to] = key;
            names[to] = name;
        }
        let passed = room.len() - before;
        self.below = if up { self.below + passed } else { self.below - passed };
        Some(())
    }
}

/// How far from `s` a slope may be taken for one on its other side, with a reserve: keys are below 2,000 for prices of any
/// size, and wrong by some of their last bits.
fn margin(s: f64) -> f64 {
    1e-11 + 1e-12 * s.abs()
}

/// The median of all slopes, and how many there are in a unit of slope beside it.
fn of_all(window: &[f64], middle: (usize, usize), room: &mut Vec<f64>) -> (f64, f64) {
    room.clear();
    for lag in 1..window.len() {
        let pairs = window[lag..].iter().zip(window);
        room.extend(pairs.map(|(late, early)| (late - early) / lag as f64));
    }
    let (one, two) = neighbours(room, middle.0, middle.1, f64::total_cmp);
    let (many, last) = (room.len() / 8, room.len() - 1);
    let (_, far, _) = room.select_nth_unstable_by((middle.1 + many).min(last), f64::total_cmp);
    ((one + two) / 2.0, many as f64 / (*far - two).max(1e-9))
}

/// The order statistics `first` and `second` (equal or adjacent).
fn neighbours(
    values: &mut [f64],
    first: usize,
    second: usize,
    order: impl Fn(&f64, &f64) -> Ordering,
) -> (f64, f64) {
    let (_, &mut one, behind) = values.select_nth_unstable_by(first, &order);
    if first == second {
        return (one, one);
    }
    (one, behind.iter().copied().min_by(order).unwrap_or(one))
}

#[cfg(test)]
mod tests {
    use engine::NamedRng;

    use super::*;

    fn sorted(points: &[f64]) -> f64 {
        let pairs = (0..points.len()).flat_map(|i| (i + 1..points.len()).map(move |j| (i, j)));
        let mut all: Vec<f64> =
            pairs.map(|(i, j)| (points[j] - points[i]) / (j - i) as f64).collect();
        all.sort_by(f64::total_cmp);
        (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0
    }

    fn walk(seed: u64, n: usize) -> Vec<f64> {
        let mut rng = NamedRng::new(seed, "theil-sen");
        let mut at = 0.0;
        let step = |_| {
            at += 0.001 * rng.normal();
            at
        };
        (0..n).map(step).collect()
    }

    fn rounded(points: &[f64], in_one: f64) -> Vec<f64> {
        points.iter().map(|p| libm::rint(p * in_one) / in_one).collect()
    }

    /// Goes through the points, with one left out now and then, and compares each median; gives back how often the order
    /// told it without all slopes.
    fn hold<const POINTS: usize>(points: &[f64]) -> usize {
        let (mut slopes, mut room) = (MedianSlope::<POINTS>::default(), Vec::new());
        let mut told = 0;
        for at in (POINTS + 1..=points.len()).filter(|at| at % 37 != 0) {
            let moved = at > POINTS + 1 && at % 37 != 1;
            if moved
                && let (Some(mut order), Some(window)) =
                    (slopes.order.clone(), points[..at].last_chunk())
            {
                order.shift(window);
                told += usize::from(order.search(window, &mut room).is_some());
            }
            let got = slopes.median(&points[at - POINTS - 1..at], moved, &mut room);
            assert_eq!(got.to_bits(), sorted(&points[at - POINTS..at]).to_bits(), "step {at}");
        }
        told
    }

    #[test]
    fn point_after_point_equals_the_sorted_slopes() {
        let calm = walk(1, 700);
        let ticks = rounded(&walk(2, 700), 1_000.0);
        // Jumps of the level and of the slope that nothing foresees.
        let jumps = walk(3, 700).into_iter().enumerate();
        let jumps = jumps.map(|(i, p)| p + 0.01 * (i / 90 % 3) as f64 * (i % 90) as f64);
        for points in [calm, ticks, jumps.collect()] {
            let told = hold::<64>(&points);
            assert!(told > 550, "of 601 steps that moved, {told} were told by the order");
        }
    }

    #[test]
    fn names_begin_again_in_windows_of_all_sizes() {
        let points = rounded(&walk(4, 560), 2_000.0);
        assert!(hold::<256>(&points) > 250);
        assert!(hold::<128>(&points) > 350);
        assert!(hold::<32>(&points[..400]) > 300);
    }

    #[test]
    fn what_is_flat_or_enormous_or_tiny_is_no_exception() {
        let walked = walk(5, 300);
        let scaled = |by: f64| walked.iter().map(|p| p * by).collect::<Vec<f64>>();
        let lone = |at: usize| (0..300).map(|i| f64::from(u8::from(i == at))).collect::<Vec<f64>>();
        for points in [vec![0.25; 300], rounded(&walked, 200.0), lone(120), lone(299)] {
            hold::<64>(&points);
        }
        for by in [1e-300, 1e-13, 1e-9, 1e-6, 1e3, 1e6, 1e12, 1e300] {
            hold::<64>(&scaled(by));
        }
    }
}
