//! The lengths of bars.

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDate};

/// Binance's bar lengths and their milliseconds; of a month, whose length differs, those of the longest.
const INTERVALS: [(&str, u32); 17] = [
    ("1s", 1_000),
    ("1m", 60_000),
    ("3m", 180_000),
    ("5m", 300_000),
    ("15m", 900_000),
    ("30m", 1_800_000),
    ("1h", 3_600_000),
    ("2h", 7_200_000),
    ("4h", 14_400_000),
    ("6h", 21_600_000),
    ("8h", 28_800_000),
    ("12h", 43_200_000),
    ("1d", 86_400_000),
    ("3d", 259_200_000),
    ("1w", 604_800_000),
    // The archive's name; the API says 1M.
    ("1mo", MONTH_MS),
    ("10m", 600_000),
];
const MONTH_MS: u32 = 31 * 86_400_000;
const DAY_US: i64 = 86_400_000_000;

/// The length of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    ms: u32,
}

impl Interval {
    /// The interval with Binance's name, such as `1m`.
    pub fn named(name: &str) -> Option<Interval> {
        let name = if name == "1M" { "1mo" } else { name };
        let found = INTERVALS.iter().find(|(n, _)| *n == name);
        found.map(|&(_, ms)| Interval { ms })
    }

    /// Whether its bars last as long as their month.
    pub fn is_month(self) -> bool {
        self.ms == MONTH_MS
    }

    /// Its milliseconds; of a month those of the longest one.
    pub fn ms(self) -> u32 {
        self.ms
    }

    fn us(self) -> i64 {
        i64::from(self.ms) * 1_000
    }

    /// Binance's name.
    pub fn name(self) -> &'static str {
        let found = INTERVALS.iter().find(|&&(_, ms)| ms == self.ms);
        found.map_or("?", |&(name, _)| name)
    }

    /// When a bar opens that is `count` bars after the one that opens at `open_us`, or before it; in µs.
    pub(crate) fn later(self, open_us: i64, count: i64) -> i64 {
        if self.is_month() {
            return month_opens(month_of(open_us).saturating_add(count));
        }
        open_us.saturating_add(count.saturating_mul(self.us()))
    }

    /// When the bar closes that opens at `open_us`, in µs.
    pub(crate) fn closes(self, open_us: i64) -> i64 {
        self.later(open_us, 1)
    }

    /// The whole bars that fit between two times of which one is the opening of a bar.
    pub(crate) fn count(self, from_us: i64, to_us: i64) -> i64 {
        if self.is_month() {
            let begun = month_opens(month_of(from_us)) < from_us;
            return month_of(to_us) - month_of(from_us) - i64::from(begun);
        }
        (to_us - from_us) / self.us()
    }

    /// Whether a bar may open at `us`: at whole multiples of its length, those of days and more at midnight.
    pub(crate) fn may_open(self, us: i64) -> bool {
        if self.is_month() {
            return month_opens(month_of(us)) == us;
        }
        us % self.us().min(DAY_US) == 0
    }

    /// Whether bars of this length fill those of `longer`.
    pub(crate) fn divides(self, longer: Interval) -> bool {
        match (self.is_month(), longer.is_month()) {
            (true, both) => both,
            (false, true) => DAY_US % self.us() == 0,
            (false, false) => longer.ms.is_multiple_of(self.ms),
        }
    }

    /// When the last bar opens that has closed by `us`.
    pub(crate) fn last_closed(self, us: i64) -> i64 {
        if self.is_month() { month_opens(month_of(us) - 1) } else { us.saturating_sub(self.us()) }
    }
}

/// The month of a time, counted from the year 0.
pub(crate) fn month_of(us: i64) -> i64 {
    let day = DateTime::from_timestamp_micros(us).unwrap_or_default();
    i64::from(day.year()) * 12 + i64::from(day.month0())
}

/// When a month begins, in µs.
pub(crate) fn month_opens(month: i64) -> i64 {
    let year = i32::try_from(month.div_euclid(12)).unwrap_or(i32::MAX);
    let month0 = month.rem_euclid(12) as u32;
    let day = NaiveDate::from_ymd_opt(year, month0 + 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
    day.map_or(i64::MAX, |day| day.and_utc().timestamp_micros())
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_last_as_long_as_they_do() {
        let month = Interval::named("1M").expect("a month");
        assert_eq!((month.name(), Interval::named("1mo")), ("1mo", Some(month)));
        // 2024-02-01, a leap year's; 2024-03-01; 2024-01-01.
        let (february, march, january) =
            (1_706_745_600_000_000, 1_709_251_200_000_000, 1_704_067_200_000_000);
        assert_eq!([month.closes(february), month.later(march, -2)], [march, january]);
        assert_eq!(month.count(january, march), 2);
        assert_eq!(month.count(january + 1, march), 1);
        assert_eq!(month.count(january, march - 1), 1);
        assert_eq!([march, march + 1].map(|us| month.may_open(us)), [true, false]);
        assert_eq!([march - 1, march].map(|us| month.last_closed(us)), [january, february]);
        let day = Interval::named("1d").expect("a day");
        assert_eq!([day.count(january, march), day.closes(january) - january], [60, DAY_US]);
    }
}
