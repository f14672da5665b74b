//! The days that are asked for, and the months that lie in them.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::DataError;

/// Binance's USDⓈ-M futures began in this month, as year and month.
const FIRST: (i32, u32) = (2019, 9);

/// A range of days: the first one that is wanted, and the first one that is not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
}

impl DayRange {
    /// The range between two dates such as `2026-02-01`; the day `to` is not in it.
    pub fn parse(from: &str, to: &str) -> Result<DayRange, DataError> {
        let range = DayRange { from: day("--from", from)?, to: day("--to", to)? };
        if range.from >= range.to {
            return Err(DataError::Misuse(format!(
                "--from {from} is not before --to {to}, the first day that is not fetched; swap \
                 them, or give a later --to"
            )));
        }
        if (range.from.year(), range.from.month()) < FIRST {
            let (year, month) = FIRST;
            return Err(DataError::Misuse(format!(
                "--from {from}: Binance's USDⓈ-M futures began in {year}-{month:02}; give \
                 {year}-{month:02}-01 or a later day"
            )));
        }
        Ok(range)
    }

    /// What of it lies in `other` too; nothing if they have no day in common.
    pub(super) fn within(self, other: DayRange) -> Option<DayRange> {
        let both = DayRange { from: self.from.max(other.from), to: self.to.min(other.to) };
        (both.from < both.to).then_some(both)
    }

    /// Its days, in order.
    pub(super) fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day < self.to)
    }

    /// The months with at least one day in it, each with its days that are.
    pub(super) fn months(self) -> Vec<(Month, DayRange)> {
        let mut months = Vec::new();
        let mut rest = Some(self);
        while let Some(range) = rest {
            let month = Month::of(range.from);
            // The month of a day of the range has a day in the range.
            let Some(part) = range.within(month.days()) else { break };
            months.push((month, part));
            rest = range.within(DayRange { from: part.to, to: self.to });
        }
        months
    }
}

/// The date that an option gives.
fn day(option: &str, text: &str) -> Result<NaiveDate, DataError> {
    let written = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    // Only as the archive writes it: 4, 2 and 2 digits.
    written.filter(|day| day.to_string() == text).ok_or_else(|| {
        DataError::Misuse(format!("{option} {text:?} is not a day; write it such as 2026-02-01"))
    })
}

/// A month of a year, by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(NaiveDate);

impl Month {
    pub(super) fn new(year: i32, month: u32) -> Option<Month> {
        NaiveDate::from_ymd_opt(year, month, 1).map(Month)
    }

    fn of(day: NaiveDate) -> Month {
        Month(day.checked_sub_days(Days::new(u64::from(day.day0()))).unwrap_or(day))
    }

    /// All of its days.
    pub(super) fn days(self) -> DayRange {
        let next = self.0.checked_add_months(Months::new(1));
        DayRange { from: self.0, to: next.unwrap_or(NaiveDate::MAX) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.0.year(), self.0.month())
    }
}
