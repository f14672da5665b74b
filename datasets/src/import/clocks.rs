//! The times of a recording: the exchange's and the recorder's, in the units that each may come in.

use std::collections::BTreeMap;

use super::csv_rows::MARKET_TIMES_US;
use crate::decimal;

/// Milliseconds or microseconds, told apart by their size, as microseconds.
pub(super) fn exchange_us(time: i64) -> Result<i64, String> {
    let us = match time {
        100_000_000_000..10_000_000_000_000 => time * 1_000,
        100_000_000_000_000..10_000_000_000_000_000 => time,
        _ => {
            return Err(format!(
                "{time} is no time in milliseconds or microseconds; correct it, or its unit"
            ));
        }
    };
    in_market(us).ok_or_else(|| {
        format!("{time} is a time in which there is no market; correct it, or its unit")
    })
}

/// A number with a fraction, of seconds, milliseconds, microseconds or nanoseconds told apart by size, as
/// microseconds; `true` if that cut something.
pub(super) fn seconds_us(text: &str) -> Result<(i64, bool), String> {
    let wrong =
        || format!("{text} is no time in seconds, milliseconds, microseconds or nanoseconds");
    let (mantissa, decimals) =
        decimal::parse(text.trim_matches('"').as_bytes()).ok_or_else(wrong)?;
    let below_one = decimal::pow10(decimals).ok_or_else(wrong)?;
    let ns_of_unit: i128 = match mantissa / below_one {
        1_000_000_000..10_000_000_000 => 1_000_000_000,
        100_000_000_000..10_000_000_000_000 => 1_000_000,
        100_000_000_000_000..10_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000.. => 1,
        _ => return Err(wrong()),
    };
    let above = i128::from(mantissa) * ns_of_unit;
    let below = i128::from(below_one) * 1_000;
    let us = i64::try_from(above / below).ok().and_then(in_market).ok_or_else(wrong)?;
    Ok((us, above % below != 0))
}

fn in_market(us: i64) -> Option<i64> {
    MARKET_TIMES_US.contains(&us).then_some(us)
}

/// Local times in microseconds, and what is to be said of them.
#[derive(Default)]
pub(super) struct LocalTimes {
    seen: u64,
    cut: u64,
    behind: u64,
    /// How far behind, in microseconds of three digits, and how often: the median of any number of
    /// messages in little memory.
    spans: BTreeMap<i64, u64>,
}

impl LocalTimes {
    /// Microseconds or nanoseconds, told apart by their size.
    pub fn read(&mut self, text: &str) -> Result<i64, String> {
        let time: Option<i64> = text.parse().ok();
        let us = match time {
            Some(us @ 100_000_000_000_000..10_000_000_000_000_000) => in_market(us),
            Some(ns @ 100_000_000_000_000_000..) => in_market(self.cut(ns)),
            _ => None,
        };
        us.ok_or_else(|| {
            format!(
                "the local time {text:?} before the message is no time in microseconds or nanoseconds; \
                 write it in one of them, or leave it away"
            )
        })
    }

    /// Counts a time that was cut.
    pub fn count_cut(&mut self, is_cut: bool) {
        self.cut += u64::from(is_cut);
    }

    /// Nanoseconds as microseconds.
    pub fn cut(&mut self, ns: i64) -> i64 {
        self.cut += u64::from(ns % 1_000 != 0);
        ns.div_euclid(1_000)
    }

    /// Takes note of one message's two times.
    pub fn compare(&mut self, exchange_us: i64, local_us: i64) {
        self.seen += 1;
        let span = exchange_us - local_us;
        if span > 0 {
            self.behind += 1;
            *self.spans.entry(three_digits(span)).or_default() += 1;
        }
    }

    fn median_us(&self) -> i64 {
        let mut before = 0;
        for (&span, &count) in &self.spans {
            before += count;
            if before * 2 >= self.behind {
                return span;
            }
        }
        0
    }

    pub fn notes(&self) -> impl Iterator<Item = String> {
        let cut = (self.cut > 0)
            .then(|| format!("{} times finer than microseconds were cut to them", self.cut));
        let behind = (self.behind > 0).then(|| {
            let (Self { seen, behind, .. }, median) = (self, self.median_us());
            let ms = median as f64 / 1_000.0;
            format!(
                "{behind} of {seen} local times run before the exchange's, by {ms} ms in the median: the \
                 recorder's clock was behind; they are kept as recorded, and a replay takes them as no \
                 delay"
            )
        });
        cut.into_iter().chain(behind)
    }
}

/// The number with its first three digits only.
fn three_digits(number: i64) -> i64 {
    let mut unit = 1;
    while number / unit >= 1_000 {
        unit *= 10;
    }
    number / unit * unit
}

#[cfg(test)]
mod tests {
    use super::{LocalTimes, exchange_us, seconds_us, three_digits};

    #[test]
    fn units_are_told_by_size() {
        let mut times = LocalTimes::default();
        assert_eq!(times.read("1680652700423575"), Ok(1_680_652_700_423_575));
        assert_eq!(times.read("1723161255030314667"), Ok(1_723_161_255_030_314));
        for wrong in ["1680652700", "1680652700423", "-1680652700423575", "99999999999999999999"] {
            assert!(times.read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(exchange_us(1_680_652_700_430), Ok(1_680_652_700_430_000));
        assert!(exchange_us(1_680_652_700).is_err());
        assert!(exchange_us(0).is_err());
        assert_eq!(seconds_us("1772138836.2104943"), Ok((1_772_138_836_210_494, true)));
        assert_eq!(seconds_us("1772138836210"), Ok((1_772_138_836_210_000, false)));
        assert!(seconds_us("12").is_err());
    }

    #[test]
    fn the_median_is_of_those_that_are_behind() {
        let mut times = LocalTimes::default();
        for span in [-5_000, 1_000, 1_271_234, 1_271_999, 2_000_000, 3_000_000] {
            times.compare(1_700_000_000_000_000, 1_700_000_000_000_000 - span);
        }
        let note: Vec<String> = times.notes().collect();
        assert!(note[0].starts_with("5 of 6 local times"), "{note:?}");
        assert!(note[0].contains("by 1270 ms"), "{note:?}");
        assert_eq!(three_digits(999), 999);
    }
}
