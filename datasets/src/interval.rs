//! The lengths of bars.

use std::fmt;

/// Binance's fixed bar lengths and their milliseconds. A month has no fixed length and is left out.
const INTERVALS: [(&str, u32); 16] = [
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
    ("10m", 600_000),
];

/// The length of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    ms: u32,
}

impl Interval {
    /// The interval with Binance's name, such as `1m`.
    pub fn named(name: &str) -> Option<Interval> {
        let found = INTERVALS.iter().find(|(n, _)| *n == name);
        found.map(|&(_, ms)| Interval { ms })
    }

    /// Its milliseconds.
    pub fn ms(self) -> u32 {
        self.ms
    }

    /// Binance's name.
    pub fn name(self) -> &'static str {
        let found = INTERVALS.iter().find(|&&(_, ms)| ms == self.ms);
        found.map_or("?", |&(name, _)| name)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
