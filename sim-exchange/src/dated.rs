//! Rows that hold from a date until the next row of the same kind: the tables in `rules/`.

use std::sync::OnceLock;

use engine::Nanos;

use crate::symbol_rules::RulesError;

/// A row, and the first instant at which it holds.
#[derive(Clone)]
pub(crate) struct Dated<T> {
    pub(crate) from: Nanos,
    pub(crate) row: T,
}

/// A table that is part of this crate. It is read once a process, because thousands of runs ask for it.
pub(crate) fn embedded<T: Clone>(
    known: &OnceLock<T>,
    read: impl FnOnce() -> Result<T, RulesError>,
) -> Result<T, RulesError> {
    if let Some(table) = known.get() {
        return Ok(table.clone());
    }
    let table = read()?;
    Ok(known.get_or_init(|| table).clone())
}

/// The last row that is valid at `at`, else the first one.
pub(crate) fn pick<T>(
    rows: &[Dated<T>],
    is_its: impl Fn(&T) -> bool,
    at: Nanos,
) -> Option<&Dated<T>> {
    let mut found: Option<&Dated<T>> = None;
    for dated in rows.iter().filter(|d| is_its(&d.row)) {
        if found.is_none() || dated.from <= at {
            found = Some(dated);
        }
    }
    found
}

/// A table's date and UTC time as nanoseconds.
pub(crate) fn instant(datetime: &toml::value::Datetime) -> Result<Nanos, &'static str> {
    let (Some(date), Some(time), Some(toml::value::Offset::Z)) =
        (datetime.date, datetime.time, datetime.offset)
    else {
        return Err("valid_from needs a date and a UTC time, such as 2024-10-24T00:00:00Z");
    };
    // Days from a civil date: years begin in March, so that the leap day is the last of its year.
    let month = i64::from(date.month);
    let year = i64::from(date.year) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(date.day) - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    let seconds = i64::from(time.hour) * 3600
        + i64::from(time.minute) * 60
        + i64::from(time.second.unwrap_or(0));
    Ok(Nanos::from_secs(days * 86_400 + seconds))
}
