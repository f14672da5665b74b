//! What a range holds of a series and what it lacks, told mostly from the files' footers: rows are read
//! only of the row groups that the range cuts, or in which some are missing.

use engine::Nanos;

use crate::DataError;
use crate::file_cursor::{BATCH_ROWS, FileCursor, all_columns};
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId, Shape};
use crate::replay::Range;
use crate::rows::{Decimals, Row, RowDigest};
use crate::store::{FileInfo, GroupInfo};

/// Gaps that a warning lists one by one.
const GAPS_LISTED: usize = 3;
/// Gaps that are kept for whoever wants all of them: 8 MB.
const GAPS_KEPT: usize = if cfg!(test) { 8 } else { 200_000 };
/// A range may begin and end with so much time without a trade before it is said to lack some: between
/// trades their ids tell, at its ends nothing does.
pub(crate) const QUIET_US: i64 = 10 * 60 * 1_000_000;
/// The same between two rows of what comes all the time: marks once a second, or once in three; quotes and
/// changes of a book whenever somebody moves.
const MARK_SILENCE_US: i64 = 10_000_000;
const QUOTE_SILENCE_US: i64 = 60_000_000;
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// Binance's hours between two settlements where a row does not state them.
const FUNDING_HOURS: i64 = 8;

/// Settlement times jitter by up to a minute, hence the rounding.
pub(crate) fn hour_of(us: i64) -> i64 {
    (us + HOUR_US / 2).div_euclid(HOUR_US)
}

/// Hours that a funding row states between two settlements.
pub(crate) fn funding_hours(row: &Row) -> i64 {
    if row[2] > 0 { row[2] } else { FUNDING_HOURS }
}

/// After how much time without a row rows are missing, of kinds of which nothing else tells; in µs.
pub(crate) fn silence_max_us(kind: Kind) -> Option<i64> {
    match kind.shape() {
        Shape::Marks => Some(MARK_SILENCE_US),
        Shape::Quotes | Shape::Book => Some(QUOTE_SILENCE_US),
        Shape::Bars | Shape::Trades | Shape::Rates | Shape::Samples => None,
    }
}

/// The rows that belong to a range: from `from_us` to before `until_us`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub from_us: i64,
    pub until_us: i64,
    range: Range,
}

impl Span {
    pub fn new(id: &SeriesId, range: Range) -> Span {
        let up = |ns: i64| ns.div_euclid(1_000) + i64::from(ns.rem_euclid(1_000) > 0);
        // A bar belongs to it if it has closed by its end.
        let until_us = match id.interval {
            Some(interval) => interval.last_closed(range.to.0.div_euclid(1_000)).saturating_add(1),
            None => up(range.to.0),
        };
        Span { from_us: up(range.from.0), until_us, range }
    }

    fn holds(&self, us: i64) -> bool {
        (self.from_us..self.until_us).contains(&us)
    }
}

/// A time of which rows are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRows {
    /// How many; `None` if that cannot be known: at an end of the range, or of quotes, marks and books.
    pub missing: Option<u64>,
    /// Its first instant; between trades that of the one before, because the next is unknown.
    pub from: Nanos,
    /// The first instant after it; between trades that of the next one.
    pub until: Nanos,
}

/// The times of a range for which a series has no rows that it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesGaps {
    /// Which.
    pub series: SeriesId,
    /// How many there are.
    pub count: u64,
    /// The first of them, in order; nearly always all.
    pub first: Vec<MissingRows>,
}

impl SeriesGaps {
    /// All of them; nothing if there are too many to be kept.
    pub fn all(&self) -> Option<&[MissingRows]> {
        (self.first.len() as u64 == self.count).then_some(&self.first)
    }
}

/// What a range holds of a series.
#[derive(Clone, Debug)]
pub(crate) struct Coverage {
    pub rows: u64,
    pub digest: RowDigest,
    /// When its first and its last row are, in µs.
    pub ends: Option<(i64, i64)>,
    missing: u64,
    pub gaps: SeriesGaps,
}

impl Coverage {
    fn lacks(&mut self, missing: Option<u64>, from: Nanos, until: Nanos) {
        if missing == Some(0) || from > until {
            return;
        }
        self.missing += missing.unwrap_or(0);
        self.gaps.count += 1;
        if self.gaps.first.len() < GAPS_KEPT {
            self.gaps.first.push(MissingRows { missing, from, until });
        }
    }

    /// What the range lacks, in one sentence; nothing if it is all there.
    pub fn warning(&self) -> Option<String> {
        let SeriesGaps { series, count: gaps, first } = &self.gaps;
        let rows = match series.kind.shape() {
            Shape::Bars => "bars",
            Shape::Trades => "trades",
            Shape::Rates => "funding rates",
            Shape::Quotes | Shape::Book | Shape::Marks | Shape::Samples => "rows",
        };
        let count = if self.missing > 0 { format!("{} ", self.missing) } else { String::new() };
        let listed = first.iter().take(GAPS_LISTED).map(|gap| {
            let count = gap.missing.map_or_else(|| "all".to_owned(), |count| count.to_string());
            format!("{count} from {} until {}", gap.from, gap.until)
        });
        let mut text = listed.collect::<Vec<_>>().join("; ");
        let more = gaps.saturating_sub(GAPS_LISTED as u64);
        if more > 0 {
            text += &format!("; and {more} more gaps");
        }
        (*gaps > 0).then(|| format!("{series} lacks {count}{rows} of the range: {text}"))
    }
}

/// The decimals that the rows of `range` need, whatever those before and after them need: a grid must
/// not depend on what else was imported. Nothing if there are no such rows.
pub(crate) fn decimals_in(
    id: &SeriesId,
    files: &[FileInfo],
    range: Range,
) -> Result<Option<Decimals>, DataError> {
    let span = Span::new(id, range);
    let mut needed = None;
    for file in files.iter().filter(|file| file.touches(range)) {
        for (number, group) in file.groups.iter().enumerate() {
            if group.last[0] < span.from_us || group.first[0] >= span.until_us {
                continue;
            }
            let needed = needed.get_or_insert_with(Decimals::default);
            if span.holds(group.first[0]) && span.holds(group.last[0]) {
                *needed = needed.max(group.decimals);
                continue;
            }
            let mut cursor = FileCursor::open_group(&file.path, all_columns(id.kind), number)?;
            while cursor.read(BATCH_ROWS)? {
                let rows = (0..cursor.len()).map(|at| cursor.row(at));
                rows.filter(|row| span.holds(row[0]))
                    .for_each(|row| needed.cover(id.kind, &row, file.decimals));
            }
        }
    }
    Ok(needed)
}

/// Looks at the rows of `files`, each of which counts after the time that goes with it.
pub(crate) fn survey(
    id: &SeriesId,
    files: &[(&FileInfo, i64)],
    range: Range,
) -> Result<Coverage, DataError> {
    let span = Span::new(id, range);
    let mut walk = Walk {
        span,
        interval: id.interval,
        coverage: Coverage {
            rows: 0,
            digest: RowDigest::default(),
            ends: None,
            missing: 0,
            gaps: SeriesGaps { series: *id, count: 0, first: Vec::new() },
        },
        first_us: None,
        last: None,
    };
    for &(file, told_to_us) in files {
        let from_us = span.from_us.max(told_to_us.saturating_add(1));
        for (number, group) in file.groups.iter().enumerate() {
            walk.group(file, number, group, Span { from_us, ..span })?;
        }
    }
    walk.end();
    let last_us = walk.last.map(|row| row[0]);
    walk.coverage.ends = walk.first_us.zip(last_us);
    Ok(walk.coverage)
}

struct Walk {
    span: Span,
    /// Of bars.
    interval: Option<Interval>,
    coverage: Coverage,
    first_us: Option<i64>,
    last: Option<Row>,
}

impl Walk {
    fn group(
        &mut self,
        file: &FileInfo,
        number: usize,
        group: &GroupInfo,
        span: Span,
    ) -> Result<(), DataError> {
        let ([first_us, _], [last_us, _]) = (group.first, group.last);
        if last_us < span.from_us || first_us >= span.until_us {
            return Ok(());
        }
        let is_whole = span.holds(first_us) && span.holds(last_us);
        if is_whole {
            self.coverage.rows += group.rows;
            self.coverage.digest.combine(group.digest);
            if self.is_unbroken(group) {
                let row = |[us, id]: [i64; 2]| {
                    let mut row = Row::default();
                    (row[0], row[1]) = (us, id);
                    row
                };
                self.step(&row(group.first));
                self.last = Some(row(group.last));
                return Ok(());
            }
        }
        let kind = file.series.kind;
        // Of quotes, marks and books only the times matter where the whole group counts.
        let times = is_whole && silence_max_us(kind).is_some();
        let wanted: &[usize] = if times { &[0] } else { all_columns(kind) };
        let mut cursor = FileCursor::open_group(&file.path, wanted, number)?;
        while cursor.read(BATCH_ROWS)? {
            for at in 0..cursor.len() {
                let row = cursor.row(at);
                if !span.holds(row[0]) {
                    continue;
                }
                if !is_whole {
                    self.coverage.rows += 1;
                    self.coverage.digest.add(kind, &row, file.decimals);
                }
                self.step(&row);
                self.last = Some(row);
            }
        }
        Ok(())
    }

    /// Whether no row is missing between the group's first and last.
    fn is_unbroken(&self, group: &GroupInfo) -> bool {
        let ([first_us, first_id], [last_us, last_id]) = (group.first, group.last);
        let steps = group.rows as i64 - 1;
        match self.coverage.gaps.series.kind.shape() {
            Shape::Bars => self.interval.is_some_and(|i| i.later(first_us, steps) == last_us),
            Shape::Trades => last_id - first_id == steps,
            Shape::Rates => false,
            // Nothing tells how many rows there were.
            Shape::Quotes | Shape::Book | Shape::Marks | Shape::Samples => {
                let silence_max = silence_max_us(self.coverage.gaps.series.kind);
                silence_max.is_none_or(|most| group.silence_us.is_some_and(|us| us <= most))
            }
        }
    }

    /// What is missing between the row before, or the start of the range, and this one.
    fn step(&mut self, row: &Row) {
        let Some(last) = self.last else {
            self.first_us = Some(row[0]);
            return self.begin(row);
        };
        let (before, now) = (last[0], row[0]);
        match self.coverage.gaps.series.kind.shape() {
            Shape::Bars => {
                let Some(interval) = self.interval else { return };
                self.bars_missing(interval.count(before, now) - 1, interval.closes(before));
            }
            Shape::Trades => {
                let missing = u64::try_from(row[1] - last[1] - 1).unwrap_or(0);
                self.coverage.lacks(Some(missing), iso(before), iso(now));
            }
            Shape::Rates => {
                let stated = funding_hours(row);
                let missing = (hour_of(now) - hour_of(before) - 1) / stated;
                self.rates_missing(missing, hour_of(now) - missing * stated, stated);
            }
            Shape::Quotes | Shape::Book | Shape::Marks | Shape::Samples => {
                if silence_max_us(self.coverage.gaps.series.kind)
                    .is_some_and(|us| now - before > us)
                {
                    self.coverage.lacks(None, iso(before), iso(now));
                }
            }
        }
    }

    fn begin(&mut self, row: &Row) {
        if self.span.range.from == Range::ALL.from {
            return;
        }
        let (from_us, now) = (self.span.from_us, row[0]);
        match self.coverage.gaps.series.kind.shape() {
            Shape::Bars => {
                let Some(interval) = self.interval else { return };
                let missing = interval.count(from_us, now);
                self.bars_missing(missing, interval.later(now, -missing));
            }
            Shape::Rates => {
                let stated = funding_hours(row);
                let first = -(-from_us).div_euclid(HOUR_US);
                let missing = (hour_of(now) - first) / stated;
                self.rates_missing(missing, hour_of(now) - missing * stated, stated);
            }
            _ if now - from_us > QUIET_US => {
                self.coverage.lacks(None, self.span.range.from, iso(now));
            }
            _ => {}
        }
    }

    fn end(&mut self) {
        let Some(last) = self.last.filter(|_| self.span.range.to != Range::ALL.to) else {
            return;
        };
        let (last_us, final_us) = (last[0], self.span.until_us - 1);
        match self.coverage.gaps.series.kind.shape() {
            Shape::Bars => {
                let Some(interval) = self.interval else { return };
                self.bars_missing(interval.count(last_us, final_us), interval.closes(last_us));
            }
            Shape::Rates => {
                let stated = funding_hours(&last);
                let missing = (final_us.div_euclid(HOUR_US) - hour_of(last_us)) / stated;
                self.rates_missing(missing, hour_of(last_us) + stated, stated);
            }
            _ if final_us - last_us > QUIET_US => {
                self.coverage.lacks(None, iso(last_us), self.span.range.to);
            }
            _ => {}
        }
    }

    fn bars_missing(&mut self, missing: i64, first_us: i64) {
        let until_us = self.interval.map_or(first_us, |i| i.later(first_us, missing));
        let missing = u64::try_from(missing).unwrap_or(0);
        self.coverage.lacks(Some(missing), iso(first_us), iso(until_us));
    }

    fn rates_missing(&mut self, missing: i64, first_hour: i64, stated: i64) {
        let at = |hour: i64| iso(hour * HOUR_US);
        let until = at(first_hour + missing * stated);
        let missing = u64::try_from(missing).unwrap_or(0);
        self.coverage.lacks(Some(missing), at(first_hour), until);
    }
}

/// Whether the rates around a range without any show that none was due in it.
pub(crate) fn no_rate_was_due(files: &[FileInfo], range: Range) -> Result<bool, DataError> {
    let (mut before, mut after) = (None::<Row>, None::<Row>);
    for file in files {
        file.verify()?;
        let mut cursor = FileCursor::open(&file.path, all_columns(file.series.kind), i64::MIN)?;
        while cursor.read(BATCH_ROWS)? {
            for row in (0..cursor.len()).map(|at| cursor.row(at)) {
                if iso(row[0]) < range.from {
                    before = before.max(Some(row));
                } else if after.is_none_or(|after| row < after) {
                    after = Some(row);
                }
            }
        }
    }
    Ok(match (before, after) {
        (Some(before), Some(after)) => {
            hour_of(after[0]) - hour_of(before[0]) <= funding_hours(&after)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::store::{FileWriter, GROUP_ROWS, Origin};

    /// Trades over three row groups, one a second from time zero; ids 10 to 19 of the second group are
    /// missing, and so are some between the second and the third.
    fn rows() -> Vec<Row> {
        let group = GROUP_ROWS as i64;
        let ids = (0..3 * group + 25).filter(|id| !(group + 10..group + 20).contains(id));
        let ids = ids.map(|id| if id >= 2 * group + 10 { id + 15 } else { id });
        ids.zip(0..)
            .map(|(id, second)| [second * 1_000_000, id, 100 + 7 * id, 5, 0, 0, 0, 0])
            .collect()
    }

    fn file(rows: &[Row], folder: &std::path::Path) -> FileInfo {
        let series = SeriesId {
            kind: Kind::AggTrades,
            symbol: "BTCUSDT".parse().expect("a symbol"),
            interval: None,
        };
        let path = folder.join("a.parquet");
        std::fs::File::create_new(&path).expect("a file");
        let scale = Decimals { price: 2, qty: 1 };
        let mut writer = FileWriter::new(path.clone(), series, scale).expect("a writer");
        rows.iter().for_each(|row| writer.push(row).expect("written"));
        writer.finish(Origin::default()).expect("written");
        crate::store::info(&path).expect("readable")
    }

    /// What the footers tell of a range is what its rows tell, wherever the range cuts.
    #[test]
    fn footers_tell_what_the_rows_tell() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = rows();
        let file = file(&rows, folder.path());
        assert_eq!(file.groups.len(), 4);
        file.verify().expect("whole");
        let group = GROUP_ROWS as i64;
        for (from, to) in [
            (0, rows.len() as i64),
            (5, 6),
            (group - 1, group + 1),
            (group, 2 * group),
            (7, 2 * group + 3),
            (group + 5, 3 * group + 10),
        ] {
            let range = Range { from: iso(from * 1_000_000), to: iso(to * 1_000_000) };
            let found = survey(&file.series, &[(&file, i64::MIN)], range).expect("readable");
            let inside = &rows[from as usize..to as usize];
            let (mut digest, mut decimals) = (RowDigest::default(), Decimals::default());
            for row in inside {
                digest.add(Kind::AggTrades, row, file.decimals);
                decimals.cover(Kind::AggTrades, row, file.decimals);
            }
            let missing: i64 = inside.windows(2).map(|w| w[1][1] - w[0][1] - 1).sum();
            assert_eq!((found.rows, found.digest), (inside.len() as u64, digest), "{from}..{to}");
            assert_eq!(found.missing, missing as u64, "{from}..{to}");
            let needed = decimals_in(&file.series, std::slice::from_ref(&file), range);
            assert_eq!(needed.expect("readable"), Some(decimals), "{from}..{to}");
        }
    }

    /// A file that was written before the longest silence was noted in it is read for it.
    #[test]
    fn silence_is_found_with_a_note_of_it_and_without() {
        let folder = tempfile::tempdir().expect("a folder");
        let series = SeriesId {
            kind: Kind::BookTicker,
            symbol: "BTCUSDT".parse().expect("a symbol"),
            interval: None,
        };
        let path = folder.path().join("a.parquet");
        std::fs::File::create_new(&path).expect("a file");
        let mut writer =
            FileWriter::new(path.clone(), series, Decimals::default()).expect("a writer");
        // One a second over three row groups; a silence in the second, and one between it and the third.
        let group = GROUP_ROWS as i64;
        for n in 0..3 * group {
            let late = 100 * i64::from(n >= group + 10) + 200 * i64::from(n >= 2 * group);
            writer.push(&[(n + late) * 1_000_000, n, 1, 1, 2, 1, 0, 0]).expect("written");
        }
        writer.finish(Origin::default()).expect("written");
        let mut file = crate::store::info(&path).expect("readable");
        let noted: Vec<Option<i64>> = file.groups.iter().map(|group| group.silence_us).collect();
        assert_eq!(noted, [Some(1_000_000), Some(101_000_000), Some(1_000_000)]);
        let gaps = |file: &FileInfo| {
            let found = survey(&series, &[(file, i64::MIN)], Range::ALL).expect("readable");
            found.gaps.first.iter().map(|gap| (gap.until - gap.from).secs()).collect::<Vec<_>>()
        };
        assert_eq!(gaps(&file), [101, 201]);
        file.groups.iter_mut().for_each(|group| group.silence_us = None);
        assert_eq!(gaps(&file), [101, 201]);
    }

    /// Whoever must know all gaps is not given some of them.
    #[test]
    fn gaps_that_are_too_many_are_counted_and_not_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows: Vec<Row> = rows().into_iter().filter(|row| row[0] % 2_000_000 == 0).collect();
        let file = file(&rows, folder.path());
        let gaps = |seconds: i64| {
            let range = Range { from: iso(0), to: iso(seconds * 1_000_000) };
            let found = survey(&file.series, &[(&file, i64::MIN)], range).expect("readable");
            let told = found.gaps.all().map(<[MissingRows]>::len);
            (found.gaps.count, found.gaps.first.len(), told)
        };
        assert_eq!(gaps(17), (8, 8, Some(8)));
        assert_eq!(gaps(19), (9, 8, None));
    }

    /// A row's number counts the groups that were not read.
    #[test]
    fn a_difference_is_told_with_its_place_in_the_file() {
        use crate::overlap::{Told, compare};
        let folders = [0, 1].map(|_| tempfile::tempdir().expect("a folder"));
        let mut rows = rows();
        let first = file(&rows, folders[0].path());
        rows[600][2] += 1;
        let second = file(&rows, folders[1].path());
        let from_us = rows[590][0];
        match compare(&first, &second, from_us, i64::MAX, i64::MIN).expect("readable") {
            Told::Unlike(difference) => {
                let numbers = [difference.first, difference.second].map(|seen| seen.map(|s| s.0));
                assert_eq!(numbers, [Some(600); 2]);
            }
            Told::Alike(rows) => panic!("{rows} rows agree"),
        }
    }
}
