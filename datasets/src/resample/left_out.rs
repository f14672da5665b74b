//! The bars that are not made, because nobody recorded their time: those in holes, and those of which a
//! hole, or an end of what is recorded, takes a part.

use std::fmt;

use engine::Nanos;

use super::{BarLength, check_source};
use crate::DataError;
use crate::catalogue::Catalogue;
use crate::coverage::{Coverage, QUIET_US, survey};
use crate::import::iso;
use crate::kind::{SeriesId, Shape};
use crate::replay::{Range, files_in};

/// So far around the range a hole that reaches over an end of it is looked for, at least.
const DAY_US: i64 = 86_400_000_000;
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
        let margin = length.us().max(DAY_US);
        let range = Range {
            from: Nanos::from_micros(from_us.saturating_sub(margin)),
            to: Nanos::from_micros(to_us.saturating_add(margin)),
        };
        let files = files_in(catalogue.files(id)?, range)?;
        let Coverage { ends: Some((first_us, last_us)), gaps, .. } = survey(id, &files, range)?
        else {
            return Ok(Holes { all: Vec::new(), ends: (from_us, from_us) });
        };
        // Bars of which nobody knows whether they are whole would pass for whole ones.
        let gaps = gaps.all().ok_or_else(|| {
            DataError::Misuse(format!(
                "{id} has {} gaps between {} and {}, too many to leave out the bars that they cut; ask for a shorter range",
                gaps.count, range.from, range.to
            ))
        })?;
        // Trades come when they come; at the ends nothing tells whether there were more.
        let quiet_us = if id.kind.shape() == Shape::Bars { 0 } else { QUIET_US };
        let us = |time: Nanos| time.0.div_euclid(1_000);
        let between = gaps
            .iter()
            // Trades may be missing between two of one instant.
            .map(|gap| (us(gap.from), us(gap.until).max(us(gap.from) + 1)))
            // What lies before the first row and after the last one has no bars anyway.
            .filter(|&(from, until)| first_us <= from && until <= last_us)
            .map(|hole| (hole, 0));
        let begin = ((length.opens(first_us), first_us), quiet_us);
        let told_to_us = id.interval.map_or(last_us, |interval| interval.closes(last_us));
        let finish = (told_to_us, length.closes(length.opens(last_us)));
        let mut all = Vec::new();
        let mut done_us = from_us;
        for (hole, slack_us) in std::iter::once(begin).chain(between).chain([(finish, quiet_us)]) {
            let (opens, until) = length.lost(hole, slack_us);
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

impl BarLength {
    /// The bars that lose something by a hole, or more than `slack_us` of their time: when the first opens,
    /// and the first that is whole again.
    fn lost(self, (from_us, until_us): (i64, i64), slack_us: i64) -> (i64, i64) {
        let first = self.opens(from_us);
        let next = self.closes(first);
        let last = self.opens(until_us);
        let opens = if next - from_us <= slack_us { next } else { first };
        let is_whole = until_us - last <= slack_us;
        (opens, if is_whole { last } else { self.closes(last) })
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
        let count = |bars: (i64, i64)| u64::try_from(length.count(bars)).unwrap_or(0);
        let first = ends.0.max(from_us);
        let last = length.closes(ends.1).min(to_us);
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
