//! The lengths of klines, and where each begins. All times are milliseconds of UTC.

/// One minute, of which every kline is a multiple.
pub(crate) const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// The length of a kline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(u8);

/// Name and length in minutes; a month has none.
const ALL: [(&str, i64); 15] = [
    ("1m", 1),
    ("3m", 3),
    ("5m", 5),
    ("15m", 15),
    ("30m", 30),
    ("1h", 60),
    ("2h", 120),
    ("4h", 240),
    ("6h", 360),
    ("8h", 480),
    ("12h", 720),
    ("1d", 1_440),
    ("3d", 4_320),
    ("1w", 10_080),
    ("1M", 0),
];

impl Interval {
    /// How many there are.
    pub const COUNT: usize = ALL.len();
    /// The shortest.
    pub const MINUTE: Interval = Interval(0);

    /// `1m` to `1M`; none for another text.
    pub fn parse(text: &str) -> Option<Interval> {
        let at = ALL.iter().position(|(name, _)| *name == text)?;
        Some(Interval(at as u8))
    }

    /// All of them, shortest first.
    pub fn all() -> impl Iterator<Item = Interval> {
        (0..ALL.len()).map(|at| Interval(at as u8))
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// As Binance writes it.
    pub fn name(self) -> &'static str {
        ALL[self.index()].0
    }

    /// When the kline that holds `ms` opened. Weeks begin on Monday, three days at multiples of three
    /// since 1970.
    pub fn open_time(self, ms: i64) -> i64 {
        match ALL[self.index()].1 {
            0 => {
                let (year, month) = month_of(ms.div_euclid(DAY_MS));
                first_day(year, month) * DAY_MS
            }
            // 1970-01-01 was a Thursday.
            10_080 => (ms + 3 * DAY_MS).div_euclid(7 * DAY_MS) * 7 * DAY_MS - 3 * DAY_MS,
            minutes => ms.div_euclid(minutes * MINUTE_MS) * minutes * MINUTE_MS,
        }
    }

    /// When the kline after the one that holds `ms` opens.
    pub fn next_open(self, ms: i64) -> i64 {
        match ALL[self.index()].1 {
            0 => {
                let (year, month) = month_of(ms.div_euclid(DAY_MS));
                let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                first_day(year, month) * DAY_MS
            }
            minutes => self.open_time(ms) + minutes * MINUTE_MS,
        }
    }
}

/// Year and month of a day since 1970, in the proleptic Gregorian calendar: years are counted from March,
/// so that the leap day is the last of its year.
fn month_of(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month)
}

/// The day since 1970 on which a month begins.
fn first_day(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opens(name: &str, ms: i64) -> (i64, i64) {
        let interval = Interval::parse(name).unwrap();
        (interval.open_time(ms), interval.next_open(ms))
    }

    #[test]
    fn every_interval_opens_where_binance_opens_it() {
        // 2024-02-29T13:47:31.250Z, a Thursday.
        let ms = 1_709_214_451_250;
        assert_eq!(opens("1m", ms), (1_709_214_420_000, 1_709_214_480_000));
        assert_eq!(opens("4h", ms), (1_709_208_000_000, 1_709_222_400_000));
        assert_eq!(opens("1d", ms), (1_709_164_800_000, 1_709_251_200_000));
        // Monday 2024-02-26 to Monday 2024-03-04; February to March.
        assert_eq!(opens("1w", ms), (1_708_905_600_000, 1_709_510_400_000));
        assert_eq!(opens("1M", ms), (1_706_745_600_000, 1_709_251_200_000));
        // 2023-12-31T23:59:59.999Z.
        assert_eq!(opens("1M", 1_704_067_199_999), (1_701_388_800_000, 1_704_067_200_000));
        // The first three days of BTCUSDT began on 2019-09-08.
        assert_eq!(opens("3d", 1_567_965_300_000).0, 1_567_900_800_000);
        assert!(Interval::parse("1s").is_none() && Interval::parse("1").is_none());
    }

    #[test]
    fn klines_follow_each_other_without_a_gap() {
        for interval in Interval::all() {
            let mut at = interval.open_time(1_560_000_000_000);
            for _ in 0..200 {
                let next = interval.next_open(at);
                assert_eq!(interval.open_time(next - 1), at, "{}", interval.name());
                assert_eq!(interval.open_time(next), next, "{}", interval.name());
                at = next;
            }
        }
    }
}
