//! The bars that are not made, because nobody recorded their time: those in long holes, and those of which
//! a hole, or an end of what is recorded, takes a part.

use std::fmt;

use engine::Nanos;

use super::{BarLength, check_source};
use crate::DataError;
use crate::catalogue::Catalogue;
use crate::coverage::{Coverage, QUIET_US, survey};
use crate::import::iso;
use crate::kind::{SeriesId, Shape};
use crate::replay::{Range, files_in};

/// A hole of so many whole bars or fewer is filled with flat bars; more would be a market of our own making.
const HOLE_BARS_MAX: i64 = 10;
/// Holes that a sentence names.
const HOLES_NAMED: usize = 2;

/// Bars without a record, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// When the first of these bars opens, and the first bar after them, in µs.
    pub bars: (i64, i64),
    /// What is not recorded, in µs.
    us: (i64, i64),
}

/// What of the range gives no bars.
pub(super) struct Holes {
    pub all: Vec<Hole>,
    /// When the first and the last bar open that have a row, in µs.
    ends: (i64, i64),
}

impl Holes {
    /// Those of the bars that open from `from_us` on and close by `to_us`.
    pub fn find(
        catalogue: &Catalogue,
        id: &SeriesId,
        (from_us, to_us): (i64, i64),
        length: BarLength,
    ) -> Result<Holes, DataError> {
        // A hole that reaches over an end of the range is as long as it is.
        let margin = (HOLE_BARS_MAX + 1) * length.us();
        let range = Range {
            from: Nanos::from_micros(from_us.saturating_sub(margin)),
            to: Nanos::from_micros(to_us.saturating_add(margin)),
        };
        let files = files_in(catalogue.files(id)?, range)?;
        let Coverage { ends: Some((first_us, last_us)), gaps, .. } = survey(id, &files, range)?
        else {
            return Ok(Holes { all: Vec::new(), ends: (from_us, from_us) });
        };
        let own_us = id.interval.map_or(0, |interval| i64::from(interval.ms()) * 1_000);
        let grid =
            Grid { length, slack_us: if id.kind.shape() == Shape::Bars { 0 } else { QUIET_US } };
        let us = |time: Nanos| time.0.div_euclid(1_000);
        let between = gaps
            .first
            .iter()
            .map(|gap| (us(gap.from), us(gap.until)))
            // What lies before the first row and after the last one has no bars anyway.
            .filter(|&(from, until)| first_us <= from && until <= last_us)
            .filter(|&(from, until)| grid.whole_bars(from, until) > HOLE_BARS_MAX);
        let begin = (length.opens(first_us), first_us);
        let finish = (last_us + own_us, length.opens(last_us).saturating_add(length.us()));
        let mut all = Vec::new();
        let mut done_us = from_us;
        for hole in std::iter::once(begin).chain(between).chain([finish]) {
            let (opens, until) = grid.lost(hole);
            // A short record between two holes may lie in one bar of both.
            let bars = (opens.max(done_us), until.min(to_us));
            if bars.0 < bars.1 {
                all.push(Hole { bars, us: hole });
                done_us = bars.1;
            }
        }
        Ok(Holes { all, ends: (length.opens(first_us), length.opens(last_us)) })
    }
}

struct Grid {
    length: BarLength,
    /// So much time may pass without a row before a bar counts as cut: trades come when they come.
    slack_us: i64,
}

impl Grid {
    fn whole_bars(&self, from_us: i64, until_us: i64) -> i64 {
        (self.length.opens(until_us) - self.length.opens_from(from_us)) / self.length.us()
    }

    /// The bars that lose too much by a hole: when the first opens, and the first that is whole again.
    fn lost(&self, (from_us, until_us): (i64, i64)) -> (i64, i64) {
        let first = self.length.opens(from_us);
        let next = first.saturating_add(self.length.us());
        let last = self.length.opens(until_us);
        let opens = if next - from_us <= self.slack_us { next } else { first };
        let is_whole = until_us - last <= self.slack_us;
        (opens, if is_whole { last } else { last.saturating_add(self.length.us()) })
    }
}

/// Bars that are not made of a range, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub bars: u64,
    /// How many there would be from the first row to the last.
    pub of: u64,
    /// What is not recorded, in order.
    pub unrecorded: Vec<(Nanos, Nanos)>,
}

impl LeftOut {
    /// Of the bars of `length` that lie in `range`; nothing if all are made.
    pub fn find(
        catalogue: &Catalogue,
        id: &SeriesId,
        range: Range,
        length: BarLength,
    ) -> Result<Option<LeftOut>, DataError> {
        check_source(id, length)?;
        let (from_us, to_us) = length.whole(range)?;
        let Holes { all, ends } = Holes::find(catalogue, id, (from_us, to_us), length)?;
        let count =
            |(opens, until): (i64, i64)| u64::try_from((until - opens) / length.us()).unwrap_or(0);
        let first = ends.0.max(from_us);
        let last = ends.1.saturating_add(length.us()).min(to_us);
        Ok((!all.is_empty()).then(|| LeftOut {
            bars: all.iter().map(|hole| count(hole.bars)).sum(),
            of: count((first, last)),
            unrecorded: all.iter().map(|hole| (iso(hole.us.0), iso(hole.us.1))).collect(),
        }))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeftOut { bars, of, unrecorded } = self;
        let many = if *bars == 1 { "bar" } else { "bars" };
        write!(f, "{bars} {many} of {of} left out: not recorded")?;
        for (place, (from, until)) in unrecorded.iter().take(HOLES_NAMED).enumerate() {
            write!(f, "{} from {from} to {until}", if place > 0 { "," } else { "" })?;
        }
        match unrecorded.len().saturating_sub(HOLES_NAMED) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}
