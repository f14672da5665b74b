//! The times that a recorded book and its trades have in common: rates of one of them alone say nothing of the other.

use engine::{Instrument, MarketData, Nanos};

use super::flow_series::{each, open};
use crate::catalogue::Catalogue;
use crate::replay::Range;
use crate::{DataError, SeriesId};

/// Where a book has no row for longer, and where trades are missing for longer, nobody recorded.
pub(super) const SILENCE: Nanos = Nanos::from_secs(60);
/// Times that a text lists.
const LISTED: usize = 4;

/// From the first to the last instant.
pub(super) type Time = (Nanos, Nanos);

/// What two series have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommonTime {
    /// In order.
    pub times: Vec<(Nanos, Nanos)>,
    /// How long there is a book without trades.
    pub book_alone: Nanos,
    /// How long there are trades without a book.
    pub trades_alone: Nanos,
}

fn length(times: &[Time]) -> Nanos {
    times.iter().fold(Nanos::ZERO, |sum, (from, to)| sum + (*to - *from))
}

impl CommonTime {
    fn of(book: &[Time], trades: &[Time]) -> CommonTime {
        let mut times = Vec::new();
        let (mut b, mut t) = (0, 0);
        while let (Some(one), Some(other)) = (book.get(b), trades.get(t)) {
            let (from, to) = (one.0.max(other.0), one.1.min(other.1));
            if from < to {
                times.push((from, to));
            }
            if one.1 <= other.1 { b += 1 } else { t += 1 }
        }
        let common = length(&times);
        CommonTime {
            times,
            book_alone: length(book) - common,
            trades_alone: length(trades) - common,
        }
    }

    /// Reads what is there of a book and of a tape.
    pub fn read(
        catalogue: &Catalogue,
        instrument: &Instrument,
        book: SeriesId,
        tape: SeriesId,
        range: Range,
    ) -> Result<CommonTime, DataError> {
        let of_book = times(catalogue, instrument, book, range)?;
        let of_tape = times(catalogue, instrument, tape, range)?;
        let common = CommonTime::of(&of_book, &of_tape);
        if common.times.is_empty() {
            return Err(DataError::Misuse(format!(
                "fit: {book} ({}) and {tape} ({}) have no time in common, and an order flow is fitted to both: import a recording of both, or change the range",
                list(&of_book),
                list(&of_tape)
            )));
        }
        Ok(common)
    }

    /// All of it.
    pub fn length(&self) -> Nanos {
        length(&self.times)
    }

    /// Comments on what is pooled, and what was left out.
    pub fn comments(&self) -> String {
        let mut text = String::new();
        if self.times.len() > 1 {
            text += &format!(
                "# {} separate recordings went into one set of rates: {}; --from and --to choose.\n",
                self.times.len(),
                list(&self.times)
            );
        }
        // Either side begins and ends with its own first and last row.
        let (book, trades) = (self.book_alone.secs(), self.trades_alone.secs());
        if book.max(trades) > SILENCE.secs() {
            text += &format!(
                "# Left out: {book} s of the book without trades, {trades} s of trades without a book.\n"
            );
        }
        text
    }
}

/// Some of the times.
fn list(times: &[Time]) -> String {
    let each = times.iter().take(LISTED).map(|(from, to)| format!("{from} to {to}"));
    let mut text = each.collect::<Vec<_>>().join(", ");
    if times.len() > LISTED {
        text += &format!(" and {} more", times.len() - LISTED);
    }
    text
}

/// When a series was recorded. Of a book long silences tell, of trades their ids, because they may be quiet.
fn times(
    catalogue: &Catalogue,
    instrument: &Instrument,
    id: SeriesId,
    range: Range,
) -> Result<Vec<Time>, DataError> {
    let feed = open(catalogue, instrument, &[id], range)?;
    let gaps = feed.gaps().iter().flat_map(|gaps| &gaps.first);
    let holes: Vec<Time> = gaps.map(|gap| (gap.from, gap.until)).collect();
    let (mut times, mut hole): (Vec<Time>, usize) = (Vec::new(), 0);
    each(feed, |event| {
        let is_trade = matches!(event.data, MarketData::Trade(_));
        while holes.get(hole).is_some_and(|(_, until)| *until <= event.time) {
            hole += 1;
        }
        // The last hole that ends by now began with the event before.
        let is_missing = |last: Nanos| {
            let ended = hole.checked_sub(1).and_then(|hole| holes.get(hole));
            !is_trade || ended.is_some_and(|(from, _)| *from >= last)
        };
        match times.last_mut() {
            Some((_, last)) if event.time - *last <= SILENCE || !is_missing(*last) => {
                *last = event.time;
            }
            _ => times.push((event.time, event.time)),
        }
    })?;
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_common_are_those_of_both() {
        let of = |times: &[(i64, i64)]| -> Vec<Time> {
            times.iter().map(|(a, b)| (Nanos::from_secs(*a), Nanos::from_secs(*b))).collect()
        };
        let (book, trades) =
            (of(&[(0, 100), (200, 300), (500, 600)]), of(&[(50, 250), (260, 270)]));
        let common = CommonTime::of(&book, &trades);
        assert_eq!(common.times, of(&[(50, 100), (200, 250), (260, 270)]));
        assert_eq!((common.book_alone.secs(), common.trades_alone.secs()), (190, 100));
        assert_eq!(CommonTime::of(&book, &of(&[(100, 200)])).times, []);
        let text = common.comments();
        for part in ["3 separate recordings", "190 s of the book", "100 s of trades"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(CommonTime::of(&book[..1], &of(&[(5, 70)])).comments(), "");
    }
}
