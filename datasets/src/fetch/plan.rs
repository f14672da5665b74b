//! Which files of the archive hold a range of days, and where they lie below its base.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use engine::Symbol;

use super::range::{DayRange, Month};
use crate::{DataError, Interval, Kind, SeriesId};

/// Bar lengths that the archive has.
const INTERVALS: [&str; 15] =
    ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo"];
/// Of these, those that come in months only.
const MONTHLY_INTERVALS: [&str; 3] = ["3d", "1w", "1mo"];
/// Bars of this length, unless another is asked for.
const USUAL_INTERVAL: &str = "1m";
/// More files than this are no wish but an error: forty series of all days since 2019 are fewer.
const FILES_MAX: usize = 100_000;

/// The first and the last month in which the archive had quotes.
const QUOTES: [(i32, u32); 2] = [(2023, 5), (2024, 3)];

/// The days of quotes, the last one exclusive.
fn quote_days() -> Option<DayRange> {
    let day = NaiveDate::from_ymd_opt;
    Some(DayRange { from: day(2023, 5, 16)?, to: day(2024, 3, 31)? })
}

/// What the archive publishes of a series.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Published {
    Days,
    Months,
    Both,
}

fn published(series: &SeriesId) -> Published {
    let monthly = |interval: Interval| MONTHLY_INTERVALS.contains(&interval.name());
    match series.kind {
        Kind::FundingRate => Published::Months,
        Kind::Metrics | Kind::BookDepth => Published::Days,
        _ if series.interval.is_some_and(monthly) => Published::Months,
        _ => Published::Both,
    }
}

/// The kinds that the archive has.
fn kinds() -> impl Iterator<Item = Kind> {
    let has = |kind: &Kind| !kind.is_recorded() && *kind != Kind::OpenInterestHist;
    Kind::ALL.into_iter().filter(has)
}

/// Every series of these symbols, kinds and, for bars, intervals, each once; without an interval, bars
/// of a minute.
pub fn series(
    symbols: &[String],
    names: &[String],
    intervals: &[String],
) -> Result<Vec<SeriesId>, DataError> {
    let misuse = |text: String| DataError::Misuse(text);
    let known = |name: &String| {
        kinds().find(|kind| kind.name() == name).ok_or_else(|| {
            let all: Vec<&str> = kinds().map(Kind::name).collect();
            misuse(format!("--kind {name:?} is none of the archive: it has {}", all.join(", ")))
        })
    };
    let length = |name: &str| {
        let named = Interval::named(name).filter(|named| INTERVALS.contains(&named.name()));
        named.ok_or_else(|| {
            let all = INTERVALS.join(", ");
            misuse(format!("--interval {name:?} is none that can be fetched: these are {all}"))
        })
    };
    let symbol = |text: &String| Symbol::new(text).map_err(|e| misuse(format!("--symbol {e}")));
    let symbols: Vec<Symbol> = symbols.iter().map(symbol).collect::<Result<_, _>>()?;
    let kinds: Vec<Kind> = names.iter().map(known).collect::<Result<_, _>>()?;
    let lengths: Vec<Interval> = intervals.iter().map(|i| length(i)).collect::<Result<_, _>>()?;
    if !lengths.is_empty() && !kinds.iter().any(|kind| kind.has_interval()) {
        return Err(misuse(format!(
            "--interval is for bars, and {} are none; leave it out",
            names.join(", ")
        )));
    }
    let lengths = if lengths.is_empty() { vec![length(USUAL_INTERVAL)?] } else { lengths };
    let lengths: Vec<Option<Interval>> = lengths.into_iter().map(Some).collect();
    let mut all = BTreeSet::new();
    for &symbol in &symbols {
        for &kind in &kinds {
            let lengths = if kind.has_interval() { &lengths[..] } else { &[None] };
            all.extend(lengths.iter().map(|&interval| SeriesId { kind, symbol, interval }));
        }
    }
    Ok(all.into_iter().collect())
}

/// The time that one file covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Period {
    Month(Month),
    Day(NaiveDate),
}

/// One zip of the archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ArchiveFile {
    series: SeriesId,
    period: Period,
}

impl ArchiveFile {
    /// Whose it is.
    pub(super) fn series(&self) -> SeriesId {
        self.series
    }

    /// Where it lies below the archive's base, and below the folder that it is fetched into.
    pub(super) fn path(&self) -> String {
        let SeriesId { kind, symbol, interval } = self.series;
        let (span, date) = match self.period {
            Period::Month(month) => ("monthly", month.to_string()),
            Period::Day(day) => ("daily", day.to_string()),
        };
        match interval {
            Some(interval) => format!(
                "data/futures/um/{span}/{kind}/{symbol}/{interval}/{symbol}-{interval}-{date}.zip"
            ),
            None => format!("data/futures/um/{span}/{kind}/{symbol}/{symbol}-{kind}-{date}.zip"),
        }
    }

    /// Its first day.
    pub(super) fn begins(&self) -> NaiveDate {
        match self.period {
            Period::Month(month) => month.days().from,
            Period::Day(day) => day,
        }
    }

    /// The files of its days, which together hold the same; none if it is a day, or if the archive has
    /// none of its days.
    pub(super) fn by_days(&self) -> Vec<ArchiveFile> {
        let of = |day| ArchiveFile { series: self.series, period: Period::Day(day) };
        match self.period {
            Period::Month(month) if published(&self.series) == Published::Both => {
                month.days().days().map(of).collect()
            }
            Period::Month(_) | Period::Day(_) => Vec::new(),
        }
    }
}

/// The files to ask for, and what the reader should know of the choice.
#[derive(Default)]
pub(super) struct Plan {
    pub files: Vec<ArchiveFile>,
    pub notes: Vec<String>,
}

/// Whole months of the range as months, the rest as days, as far as the archive publishes them so.
pub(super) fn plan(all: &[SeriesId], range: DayRange) -> Result<Plan, DataError> {
    let mut plan = Plan::default();
    for series in all {
        plan.add(series, range);
        if plan.files.len() > FILES_MAX {
            return Err(DataError::Misuse(format!(
                "the range has more than {FILES_MAX} files; narrow it, or fetch fewer series at once"
            )));
        }
    }
    Ok(plan)
}

impl Plan {
    fn add(&mut self, series: &SeriesId, range: DayRange) {
        let Some(range) = self.had(series, range) else { return };
        let mut whole = Vec::new();
        for (month, part) in range.months() {
            let is_whole = part == month.days();
            match published(series) {
                Published::Both if is_whole => self.month(series, month),
                Published::Months => {
                    if !is_whole {
                        whole.push(month.to_string());
                    }
                    self.month(series, month);
                }
                Published::Both | Published::Days => self.days(series, part),
            }
        }
        if !whole.is_empty() {
            self.notes.push(format!(
                "{series} is published in months: {} asked for whole, with days outside of the range",
                whole.join(" and ")
            ));
        }
    }

    /// What of the range the archive can have of the series.
    fn had(&mut self, series: &SeriesId, range: DayRange) -> Option<DayRange> {
        if series.kind != Kind::BookTicker {
            return Some(range);
        }
        let [first, last] = QUOTES.map(|(year, month)| Month::new(year, month));
        let had = range.within(DayRange { from: first?.days().from, to: last?.days().to });
        if had != Some(range) {
            self.notes.push(format!(
                "{series} was published from 2023-05-16 to 2024-03-30 only; {} asked for",
                if had.is_none() { "nothing of the range was" } else { "the rest was not" }
            ));
        }
        had
    }

    fn month(&mut self, series: &SeriesId, month: Month) {
        self.files.push(ArchiveFile { series: *series, period: Period::Month(month) });
    }

    fn days(&mut self, series: &SeriesId, days: DayRange) {
        let days = match series.kind {
            Kind::BookTicker => quote_days().and_then(|published| days.within(published)),
            _ => Some(days),
        };
        let Some(days) = days else { return };
        let of = |day| ArchiveFile { series: *series, period: Period::Day(day) };
        self.files.extend(days.days().map(of));
    }
}
