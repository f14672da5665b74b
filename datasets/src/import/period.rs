//! The period that a file's name tells, against that of its rows.

use std::path::Path;

use chrono::{Days, Months, NaiveDate, NaiveTime};

use super::iso;
use crate::store::FileInfo;

/// The last figures of a day come at midnight, a settlement seconds after its hour, and a quote may wait.
const EDGE_US: i64 = 3_600_000_000;
const DAY_US: i64 = 86_400_000_000;

/// What is to be said of rows that lie outside the period of the name: they count by their own times. And of
/// the last bar of a range that ends in the middle of a day, as only a fetch at that moment ends.
pub(super) fn note(path: &Path, info: &FileInfo) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let (words, from_us, until_us) = period(name)?;
    let is_bars = info.series.kind.is_bars();
    let edge_us = if is_bars { 0 } else { EDGE_US };
    let is_inside = info.first_us >= from_us - edge_us && info.last_us < until_us + edge_us;
    if !is_inside {
        return Some(format!(
            "its name says {words}, but its rows are of {} to {}; they count by their own times",
            iso(info.first_us),
            iso(info.last_us)
        ));
    }
    let close_us = info.series.interval.map_or(info.last_us, |i| i.closes(info.last_us));
    let ends_in_last_day = close_us > until_us - DAY_US && close_us < until_us;
    (is_bars && words.contains('_') && ends_in_last_day).then(|| {
        "ends in the middle of the last day of its name: its last bar may not have closed when it was fetched; \
         another file with that bar will tell"
            .to_owned()
    })
}

/// The period at the end of a name such as `BTCUSDT-1m-2026-02-01`, as it is written there and in
/// microseconds, its end exclusive. A range (`2026-02-01_2026-02-28`) holds its last day.
fn period(name: &str) -> Option<(&str, i64, i64)> {
    let dashes: Vec<usize> = name.match_indices('-').map(|(at, _)| at + 1).collect();
    // The longest end that is a period: `2026-02-01` ends with `02-01` and `01` too.
    dashes.iter().find_map(|&at| {
        let words = &name[at..];
        let (from, until) = match words.split_once('_') {
            Some((from, to)) => (dates(from)?.0, dates(to)?.1),
            None => dates(words)?,
        };
        let us = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        (from < until).then(|| (words, us(from), us(until)))
    })
}

/// The first day of a year, a month or a day, and the first one after it.
fn dates(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |at: usize, width: usize| -> Option<u32> {
        parts.get(at).filter(|part| part.len() == width)?.parse().ok()
    };
    let year = i32::try_from(number(0, 4)?).ok()?;
    let (month, day) = match parts.len() {
        1 => (1, 1),
        2 => (number(1, 2)?, 1),
        3 => (number(1, 2)?, number(2, 2)?),
        _ => return None,
    };
    let from = NaiveDate::from_ymd_opt(year, month, day)?;
    let until = match parts.len() {
        1 => from.checked_add_months(Months::new(12)),
        2 => from.checked_add_months(Months::new(1)),
        _ => from.checked_add_days(Days::new(1)),
    };
    Some((from, until?))
}
