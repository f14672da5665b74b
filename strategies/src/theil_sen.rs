//! The median of all pairwise slopes of equally spaced points (Theil and Sen), from one point to the next.
//!
//! Of n points there are n (n - 1) / 2 slopes, and a new point that takes the place of the oldest changes n - 1
//! of them. A bracket around the last median is remembered, with the number of slopes below it and the slopes
//! inside, by bins: the counts follow the points that leave and enter, and the median is selected in its bin. When
//! it has moved out of the bracket, all slopes are counted anew against a bracket around the last median. A bracket
//! that misses costs time, never the result.

/// Infinite points behind those that count, so that slopes can be looked at so many together: theirs are neither
/// below nor inside a bracket.
pub(crate) const CHUNK: usize = 16;

/// Slopes for which a bin keeps room. Where many slopes are equal they fall into another bin with each count, and
/// what one of them held must not stay.
const ROOM: usize = 32;
/// Brackets that are tried before all slopes are sorted out.
const TRIES: usize = 3;

/// The median slope of the newest `POINTS` points.
#[derive(Clone, Debug, Default)]
pub(crate) struct MedianSlope<const POINTS: usize> {
    /// Where the next count of all slopes begins.
    bracket: Option<Bracket>,
    /// What has been counted; none before the first count.
    bounds: Option<Bounds>,
    /// Slopes below the bounds.
    below: usize,
    /// Slopes in each bin, in the order of the bins.
    counts: Vec<u32>,
    /// The slopes of each bin, in no order, and some of points that have left.
    bins: Vec<Vec<Slope>>,
    /// The number of the window's oldest point.
    oldest: u32,
}

/// A slope inside the bounds.
#[derive(Clone, Copy, Debug)]
struct Slope {
    value: f64,
    /// The number of its earlier point.
    early: u32,
}

/// Where the median slope was.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bracket {
    centre: f64,
    half: f64,
}

/// What a bracket comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    low: f64,
    high: f64,
    /// Bins in a slope of 1.
    scale: f64,
}

/// Where a slope lies.
enum Place {
    Below,
    Inside(f64),
    Above,
}

impl Bracket {
    fn bounds(self, bins: usize) -> Option<Bounds> {
        let (low, high) = (self.centre - self.half, self.centre + self.half);
        let sound = self.half > 0.0 && low > -1e300 && high < 1e300;
        sound.then(|| Bounds { low, high, scale: bins as f64 / (high - low) })
    }
}

impl Bounds {
    /// Of the slope of a rise over so many points.
    fn place(&self, rise: f64, run: f64) -> Place {
        if rise < self.low * run {
            Place::Below
        } else if rise <= self.high * run {
            Place::Inside(rise / run)
        } else {
            Place::Above
        }
    }

    /// Of so many bins. The greater slope is never in the lower one.
    fn bin(&self, slope: f64, bins: usize) -> usize {
        (((slope - self.low) * self.scale) as usize).min(bins - 1)
    }
}

impl<const POINTS: usize> MedianSlope<POINTS> {
    const SLOPES: usize = POINTS * (POINTS - 1) / 2;
    /// Places of the median, or of its two neighbours, among the sorted slopes.
    const MIDDLE: (usize, usize) = ((Self::SLOPES - 1) / 2, Self::SLOPES / 2);
    /// Slopes that a bracket should hold: the more, the longer it holds, and the more there is to move.
    const WANTED: usize = 16 * POINTS;
    /// Bins of a bracket, of a few slopes each.
    const BINS: usize = 2 * POINTS;

    /// The median for the newest of the points before the last [`CHUNK`], which are infinite. `moved`: these are
    /// the points of the last call without their oldest, and one more; there are more of them than in the window.
    /// What is in `room` means nothing between two calls.
    pub(crate) fn median(&mut self, padded: &[f64], moved: bool, room: &mut Vec<f64>) -> f64 {
        let first = padded.len() - CHUNK - POINTS;
        let window = &padded[first..];
        self.oldest = self.oldest.wrapping_add(1);
        if moved && let Some(bounds) = self.bounds {
            self.leave(padded[first - 1], window, bounds);
            self.enter(window, bounds);
            if let Some(median) = self.selected(bounds, room) {
                self.bracket = self.bracket.map(|bracket| Bracket { centre: median, ..bracket });
                return median;
            }
        }
        self.anew(window, room)
    }

    /// The slopes of the point before the window go: they are not counted any more.
    fn leave(&mut self, point: f64, window: &[f64], bounds: Bounds) {
        for (late, lag) in window[..POINTS - 1].iter().zip(1u32..) {
            match bounds.place(late - point, f64::from(lag)) {
                Place::Below => self.below -= 1,
                Place::Inside(slope) => self.counts[bounds.bin(slope, Self::BINS)] -= 1,
                Place::Above => {}
            }
        }
    }

    /// The slopes of the newest point come.
    fn enter(&mut self, window: &[f64], bounds: Bounds) {
        let newest = window[POINTS - 1];
        for (place, (early, lag)) in window[..POINTS - 1].iter().zip(1u32..).enumerate() {
            match bounds.place(newest - early, f64::from(POINTS as u32 - lag)) {
                Place::Below => self.below += 1,
                Place::Inside(slope) => self.put(slope, place, bounds),
                Place::Above => {}
            }
        }
    }

    fn put(&mut self, value: f64, place: usize, bounds: Bounds) {
        let (at, oldest) = (bounds.bin(value, Self::BINS), self.oldest);
        let bin = &mut self.bins[at];
        // Slopes of points that have left go when they are most of those that would have to move.
        if bin.len() == bin.capacity() && bin.len() > 2 * self.counts[at] as usize {
            bin.retain(|slope| is_in::<POINTS>(slope, oldest));
            bin.shrink_to(ROOM.max(2 * bin.len()));
        }
        bin.push(Slope { value, early: oldest.wrapping_add(place as u32) });
        self.counts[at] += 1;
    }

    /// The median, if the bounds hold it.
    fn selected(&self, bounds: Bounds, room: &mut Vec<f64>) -> Option<f64> {
        let (first, second) = Self::MIDDLE;
        let one = self.ranked(first.checked_sub(self.below)?, room)?;
        let two = if first == second { one } else { self.ranked(second - self.below, room)? };
        // The bounds times the lag are rounded: near a bound the count could be wrong by some.
        let margin = 1e-9 * bounds.low.abs().max(bounds.high.abs()) + 1e-290;
        (one > bounds.low + margin && two < bounds.high - margin).then_some((one + two) / 2.0)
    }

    /// The slope inside that so many others come before.
    fn ranked(&self, mut rank: usize, room: &mut Vec<f64>) -> Option<f64> {
        for (bin, count) in self.bins.iter().zip(&self.counts) {
            let count = *count as usize;
            if rank < count {
                room.clear();
                let own = bin.iter().filter(|slope| is_in::<POINTS>(slope, self.oldest));
                room.extend(own.map(|slope| slope.value));
                return Some(*room.select_nth_unstable_by(rank, f64::total_cmp).1);
            }
            rank -= count;
        }
        None
    }

    /// From all slopes, with a bracket about the last median at first.
    fn anew(&mut self, window: &[f64], room: &mut Vec<f64>) -> f64 {
        let mut tried = self.bracket;
        for _ in 0..TRIES {
            let Some(bracket) = tried else { break };
            let Some(bounds) = bracket.bounds(Self::BINS) else { break };
            let inside = self.count(window, bounds);
            if let Some(median) = self.selected(bounds, room) {
                let fit = (Self::WANTED as f64 / inside as f64).clamp(0.5, 2.0);
                let half = (bracket.half * fit).max(least(median));
                self.bracket = Some(Bracket { centre: median, half });
                return median;
            }
            tried = Some(Bracket { half: 3.0 * bracket.half, ..bracket });
        }
        self.of_all(window, room)
    }

    /// Counts all slopes; gives back how many are inside.
    fn count(&mut self, window: &[f64], bounds: Bounds) -> usize {
        self.bounds = Some(bounds);
        self.below = 0;
        self.bins.resize_with(Self::BINS, Vec::new);
        for bin in &mut self.bins {
            bin.clear();
            bin.shrink_to(ROOM);
        }
        self.counts.clear();
        self.counts.resize(Self::BINS, 0);
        let mut inside = 0;
        for lag in 1..POINTS {
            let run = lag as f64;
            let (floor, ceiling) = (bounds.low * run, bounds.high * run);
            let chunks = (POINTS - lag).div_ceil(CHUNK);
            let (late, _) = window[lag..].as_chunks::<CHUNK>();
            let (early, _) = window.as_chunks::<CHUNK>();
            for (chunk, (late, early)) in late.iter().zip(early).take(chunks).enumerate() {
                let mut under = 0u64;
                // Those inside move to the front without a branch, which would be missed as often as not.
                let (mut rises, mut places, mut len) = ([0.0; CHUNK], [0; CHUNK], 0);
                for i in 0..CHUNK {
                    let rise = late[i] - early[i];
                    under += u64::from(rise < floor);
                    (rises[len], places[len]) = (rise, chunk * CHUNK + i);
                    len += usize::from(rise >= floor && rise <= ceiling);
                }
                self.below += under as usize;
                inside += len;
                for (rise, place) in rises[..len].iter().zip(places) {
                    self.put(rise / run, place, bounds);
                }
            }
        }
        inside
    }

    /// Sorts all slopes out, to find where the median is.
    fn of_all(&mut self, window: &[f64], room: &mut Vec<f64>) -> f64 {
        self.bounds = None;
        room.clear();
        for lag in 1..POINTS {
            let pairs = window[lag..POINTS].iter().zip(window);
            room.extend(pairs.map(|(late, early)| (late - early) / lag as f64));
        }
        let (first, second) = Self::MIDDLE;
        let (one, two) = neighbours(room, first, second);
        let median = (one + two) / 2.0;
        let far = (second + Self::WANTED / 2).min(Self::SLOPES - 1);
        let (_, &mut far, _) = room.select_nth_unstable_by(far, f64::total_cmp);
        let half = (far - median).max(least(median));
        self.bracket = half.is_finite().then_some(Bracket { centre: median, half });
        median
    }
}

/// Whether the slope is one of the window whose oldest point has this number.
fn is_in<const POINTS: usize>(slope: &Slope, oldest: u32) -> bool {
    (slope.early.wrapping_sub(oldest) as usize) < POINTS
}

/// The narrowest bracket, wider than the margin at its bounds.
fn least(centre: f64) -> f64 {
    1e-8 * centre.abs() + 1e-12
}

/// The order statistics `first` and `second` (equal or adjacent).
fn neighbours(values: &mut [f64], first: usize, second: usize) -> (f64, f64) {
    let (_, &mut low, above) = values.select_nth_unstable_by(first, f64::total_cmp);
    if first == second {
        return (low, low);
    }
    (low, above.iter().copied().min_by(f64::total_cmp).unwrap_or(low))
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

    fn padded(points: &[f64]) -> Vec<f64> {
        points.iter().copied().chain([f64::INFINITY; CHUNK]).collect()
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

    #[test]
    fn brackets_of_any_kind_change_nothing() {
        let points = walk(5, 100);
        let wanted = sorted(&points[36..]).to_bits();
        for centre in [0.0, 1e-5, -1e-5, 1.0, f64::MAX, f64::NAN, f64::INFINITY] {
            for half in [0.0, 1e-12, 1e-6, 1e-3, -1.0, f64::MAX, f64::NAN, f64::INFINITY] {
                let bracket = Some(Bracket { centre, half });
                let mut slopes = MedianSlope::<64> { bracket, ..MedianSlope::default() };
                let got = slopes.median(&padded(&points), false, &mut Vec::new());
                assert_eq!(got.to_bits(), wanted, "{centre} {half}");
            }
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_points() {
        let ticks: Vec<f64> = walk(4, 20_000).iter().map(|p| libm::rint(p * 50.0) / 50.0).collect();
        let mut slopes = MedianSlope::<64>::default();
        let mut room = Vec::new();
        let mut held = |range: std::ops::Range<usize>| {
            for at in range {
                slopes.median(&padded(&ticks[at - 70..at]), true, &mut room);
            }
            slopes.bins.iter().map(Vec::capacity).sum::<usize>()
        };
        let (early, late) = (held(70..2_000), held(2_000..20_000));
        let all = MedianSlope::<64>::BINS * ROOM + 4 * MedianSlope::<64>::SLOPES;
        assert!(early <= all && late <= all, "{early}, then {late} of at most {all}");
    }

    #[test]
    fn point_after_point_equals_the_sorted_slopes() {
        // Calm, on ticks, and with jumps of the level and of the slope that no bracket foresees.
        let calm = walk(1, 1_000);
        let ticks = walk(2, 1_000).iter().map(|p| libm::rint(p * 1_000.0) / 1_000.0).collect();
        let jumps = walk(3, 1_000).into_iter().enumerate();
        let jumps = jumps.map(|(i, p)| p + 0.01 * (i / 90 % 3) as f64 * (i % 90) as f64).collect();
        let mut held = 0;
        for points in [calm, ticks, jumps] {
            let mut slopes = MedianSlope::<64>::default();
            let mut room = Vec::new();
            // Now and then a point is left out: what is remembered does not fit.
            for at in (70..points.len()).filter(|at| at % 37 != 0) {
                let moved = at > 70 && at % 37 != 1;
                let bounds = slopes.bounds;
                let got = slopes.median(&padded(&points[at - 70..at]), moved, &mut room);
                assert_eq!(got.to_bits(), sorted(&points[at - 64..at]).to_bits(), "step {at}");
                held += usize::from(moved && bounds.is_some() && bounds == slopes.bounds);
            }
        }
        assert!(held > 1_500, "brackets that held: {held} of 2,712");
    }
}
