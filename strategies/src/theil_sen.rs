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
const ROOM: usize = 64;
/// Brackets that are tried before all slopes are sorted out.
const TRIES: usize = 3;

/// The median slope of the newest `POINTS` points, 256 at most.
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
    bins: Vec<Vec<Pair>>,
    /// The number of the window's oldest point.
    oldest: u32,
}

/// Two points of a slope: the number of the earlier one, and in the last [`LAG_BITS`] how many points later the other is.
/// What a slope takes of the processor's cache is what it costs: its value is made anew where it is asked for.
#[derive(Clone, Copy, Debug)]
struct Pair(u32);

const LAG_BITS: u32 = 8;
/// Numbers of points that there are.
const NUMBERS: u32 = 1 << (u32::BITS - LAG_BITS);

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

/// What some slopes together are to the bounds.
struct Sifted {
    below: u32,
    /// A bit for each that is inside.
    inside: u32,
}

impl Pair {
    fn new(early: u32, lag: usize) -> Pair {
        Pair((early << LAG_BITS) | lag as u32)
    }

    /// Its slope, if it is one of the window whose oldest point has this number.
    fn slope(self, window: &[f64], oldest: u32, points: usize) -> Option<f64> {
        let place = ((self.0 >> LAG_BITS).wrapping_sub(oldest) % NUMBERS) as usize;
        let lag = self.0 % (1 << LAG_BITS);
        (place < points).then(|| (window[place + lag as usize] - window[place]) / f64::from(lag))
    }
}

impl Bracket {
    fn bounds(self, bins: usize) -> Option<Bounds> {
        let (low, high) = (self.centre - self.half, self.centre + self.half);
        let sound = self.half > 0.0 && low > -1e300 && high < 1e300;
        sound.then(|| Bounds { low, high, scale: bins as f64 / (high - low) })
    }
}

impl Bounds {
    /// Of rises, each over so many points. There is no branch in it, which would be missed as often as not.
    #[inline(always)]
    fn sift(&self, rises: &[f64; CHUNK], runs: &[f64; CHUNK]) -> Sifted {
        let (mut below, mut inside) = (0, 0);
        for i in 0..CHUNK {
            let (floor, ceiling) = (self.low * runs[i], self.high * runs[i]);
            below += u32::from(rises[i] < floor);
            inside |= u32::from((rises[i] >= floor) & (rises[i] <= ceiling)) << i;
        }
        Sifted { below, inside }
    }

    /// Of so many bins. The greater slope is never in the lower one.
    fn bin(&self, slope: f64, bins: usize) -> usize {
        (((slope - self.low) * self.scale) as usize).min(bins - 1)
    }
}

impl Sifted {
    /// The places of those inside.
    fn places(&self) -> impl Iterator<Item = usize> {
        let mut left = self.inside;
        std::iter::from_fn(move || {
            let place = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(place)
        })
    }
}

impl<const POINTS: usize> MedianSlope<POINTS> {
    const SLOPES: usize = POINTS * (POINTS - 1) / 2;
    /// Places of the median, or of its two neighbours, among the sorted slopes.
    const MIDDLE: (usize, usize) = ((Self::SLOPES - 1) / 2, Self::SLOPES / 2);
    /// Slopes that a bracket should hold: the more, the longer it holds, and the more there is to move.
    const WANTED: usize = POINTS * POINTS / 8;
    /// Bins of a bracket, of a few slopes each.
    const BINS: usize = POINTS;

    /// The median for the newest of the points before the last [`CHUNK`], which are infinite. `moved`: these are
    /// the points of the last call without their oldest, and one more; there are more of them than in the window.
    /// What is in `room` means nothing between two calls.
    pub(crate) fn median(&mut self, padded: &[f64], moved: bool, room: &mut Vec<f64>) -> f64 {
        const { assert!(POINTS <= 1 << LAG_BITS && POINTS.is_multiple_of(CHUNK)) };
        let first = padded.len() - CHUNK - POINTS;
        let window = &padded[first..];
        self.oldest = (self.oldest + 1) % NUMBERS;
        // Where the numbers begin again nothing that had them before may be left.
        if moved
            && self.oldest != 0
            && let Some(bounds) = self.bounds
        {
            self.leave(padded[first - 1], window, bounds);
            self.enter(window, bounds);
            if let Some(median) = self.selected(window, bounds, room) {
                self.bracket = self.bracket.map(|bracket| Bracket { centre: median, ..bracket });
                return median;
            }
        }
        self.anew(window, room)
    }

    /// The slopes of the point before the window go: they are not counted any more.
    fn leave(&mut self, point: f64, window: &[f64], bounds: Bounds) {
        let (chunks, _) = window[..POINTS].as_chunks::<CHUNK>();
        for (chunk, late) in chunks.iter().enumerate() {
            let mut rises = late.map(|late| late - point);
            if chunk == POINTS / CHUNK - 1 {
                // The newest point was not there together with it.
                rises[CHUNK - 1] = f64::INFINITY;
            }
            let runs = runs(chunk * CHUNK + 1);
            let sifted = bounds.sift(&rises, &runs);
            self.below -= sifted.below as usize;
            for i in sifted.places() {
                self.counts[bounds.bin(rises[i] / runs[i], Self::BINS)] -= 1;
            }
        }
    }

    /// The slopes of the newest point come.
    fn enter(&mut self, window: &[f64], bounds: Bounds) {
        let newest = window[POINTS - 1];
        let (chunks, _) = window[..POINTS].as_chunks::<CHUNK>();
        for (chunk, early) in chunks.iter().enumerate() {
            let mut rises = early.map(|early| newest - early);
            if chunk == POINTS / CHUNK - 1 {
                rises[CHUNK - 1] = f64::INFINITY;
            }
            let mut runs = runs(POINTS - (chunk + 1) * CHUNK);
            runs.reverse();
            let sifted = bounds.sift(&rises, &runs);
            self.below += sifted.below as usize;
            for i in sifted.places() {
                let place = chunk * CHUNK + i;
                self.put(rises[i] / runs[i], place, POINTS - 1 - place, window, bounds);
            }
        }
    }

    fn put(&mut self, slope: f64, place: usize, lag: usize, window: &[f64], bounds: Bounds) {
        let (at, oldest) = (bounds.bin(slope, Self::BINS), self.oldest);
        let bin = &mut self.bins[at];
        // Slopes of points that have left go when they are most of those that would have to move.
        if bin.len() == bin.capacity() && bin.len() > 2 * self.counts[at] as usize {
            bin.retain(|pair| pair.slope(window, oldest, POINTS).is_some());
            bin.shrink_to(ROOM.max(2 * bin.len()));
        }
        bin.push(Pair::new(oldest.wrapping_add(place as u32), lag));
        self.counts[at] += 1;
    }

    /// The median, if the bounds hold it.
    fn selected(&self, window: &[f64], bounds: Bounds, room: &mut Vec<f64>) -> Option<f64> {
        let (first, second) = Self::MIDDLE;
        let (bin, rank) = self.bin_of(first.checked_sub(self.below)?)?;
        self.slopes_of(bin, window, room);
        let one = *room.select_nth_unstable_by(rank, f64::total_cmp).1;
        let two = if first == second {
            one
        } else if rank + 1 < room.len() {
            least_of(&room[rank + 1..])
        } else {
            let (bin, _) = self.bin_of(second - self.below)?;
            self.slopes_of(bin, window, room);
            least_of(room)
        };
        // The bounds times the lag are rounded: near a bound the count could be wrong by some.
        let margin = 1e-9 * bounds.low.abs().max(bounds.high.abs()) + 1e-290;
        (one > bounds.low + margin && two < bounds.high - margin).then_some((one + two) / 2.0)
    }

    /// The bin of the slope that so many inside come before, and how many of its own bin do.
    fn bin_of(&self, mut rank: usize) -> Option<(usize, usize)> {
        for (bin, count) in self.counts.iter().enumerate() {
            let count = *count as usize;
            if rank < count {
                return Some((bin, rank));
            }
            rank -= count;
        }
        None
    }

    fn slopes_of(&self, bin: usize, window: &[f64], room: &mut Vec<f64>) {
        room.clear();
        room.extend(
            self.bins[bin].iter().filter_map(|pair| pair.slope(window, self.oldest, POINTS)),
        );
    }

    /// From all slopes, with a bracket about the last median at first.
    fn anew(&mut self, window: &[f64], room: &mut Vec<f64>) -> f64 {
        let mut tried = self.bracket;
        for _ in 0..TRIES {
            let Some(bracket) = tried else { break };
            let Some(bounds) = bracket.bounds(Self::BINS) else { break };
            let inside = self.count(window, bounds);
            if let Some(median) = self.selected(window, bounds, room) {
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
            let runs = [lag as f64; CHUNK];
            let chunks = (POINTS - lag).div_ceil(CHUNK);
            let (late, _) = window[lag..].as_chunks::<CHUNK>();
            let (early, _) = window.as_chunks::<CHUNK>();
            for (chunk, (late, early)) in late.iter().zip(early).take(chunks).enumerate() {
                let rises: [f64; CHUNK] = std::array::from_fn(|i| late[i] - early[i]);
                let sifted = bounds.sift(&rises, &runs);
                self.below += sifted.below as usize;
                inside += sifted.inside.count_ones() as usize;
                for i in sifted.places() {
                    self.put(rises[i] / runs[i], chunk * CHUNK + i, lag, window, bounds);
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

/// So many points and one more at each place.
fn runs(first: usize) -> [f64; CHUNK] {
    std::array::from_fn(|i| (first + i) as f64)
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
    (low, least_of(above))
}

/// Infinite where there is none.
fn least_of(values: &[f64]) -> f64 {
    values.iter().copied().min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
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
    fn numbers_of_points_begin_again() {
        let points = walk(6, 300);
        let mut slopes = MedianSlope::<64> { oldest: NUMBERS - 100, ..MedianSlope::default() };
        for at in 70..points.len() {
            let got = slopes.median(&padded(&points[at - 70..at]), at > 70, &mut Vec::new());
            assert_eq!(got.to_bits(), sorted(&points[at - 64..at]).to_bits(), "step {at}");
        }
        assert!(slopes.oldest < 200);
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
