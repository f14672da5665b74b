//! What a chart shows, before it is painted: as many candles as there is room for. All in integers.

use datasets::DataError;
use datasets::query::{Cell, Listing, fixed};
use engine::Nanos;

/// What happened in the time of one candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i128,
}

impl Candle {
    pub fn rises(&self) -> bool {
        self.close >= self.open
    }

    fn join(&mut self, later: &Candle) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume += later.volume;
    }
}

/// Candles of equal time; `None` where there were no rows.
#[derive(Debug)]
pub struct Chart {
    pub title: String,
    /// What the prices are, if they are not those of bars.
    pub value: Option<&'static str>,
    pub start: Nanos,
    /// The time of one candle.
    pub step: Nanos,
    pub candles: Vec<Option<Candle>>,
    pub decimals: u32,
    pub volume_decimals: u32,
    pub has_volume: bool,
    /// The lowest and the highest price.
    pub low: i64,
    pub high: i64,
}

impl Chart {
    /// Reads all rows of a listing into at most `candles_max` candles.
    pub fn read(
        listing: &mut Listing,
        title: String,
        candles_max: usize,
    ) -> Result<Chart, DataError> {
        let Some(drawn) = listing.drawn() else {
            return Err(DataError::Misuse(format!(
                "{title} has many rows an instant, which make no line; leave --chart out, or draw bookTicker, trades or klines"
            )));
        };
        let [open, .., close] = drawn.prices;
        let value = (open == close).then(|| listing.names()[open]);
        let unit = listing.length().map(|length| length.ms() * 1_000_000);
        let mut chart = Chart {
            title,
            value,
            start: Nanos::ZERO,
            step: Nanos(unit.unwrap_or(1)),
            candles: Vec::new(),
            decimals: 0,
            volume_decimals: 0,
            has_volume: drawn.volume.is_some(),
            low: i64::MAX,
            high: i64::MIN,
        };
        while let Some(row) = listing.next_row()? {
            let (Some(Cell::Time(time)), Some(candle)) = (row.first(), candle(&row, &drawn)) else {
                continue;
            };
            if chart.candles.is_empty() {
                chart.begin(*time, listing.last(), unit, candles_max);
                chart.decimals = row[open].decimals();
                chart.volume_decimals = drawn.volume.map_or(0, |at| row[at].decimals());
            }
            chart.add(*time, candle);
        }
        if chart.candles.is_empty() {
            return Err(DataError::Misuse(format!("{}: there is nothing to draw", chart.title)));
        }
        Ok(chart)
    }

    /// Whole bars go into a candle, so that candles are bars, too; of instants whole seconds where there are
    /// enough of them, so that times can be read.
    fn begin(&mut self, first: Nanos, last: Nanos, bar: Option<i64>, candles_max: usize) {
        let span = last.0.saturating_sub(first.0).max(0);
        let is_coarse = |unit: &i64| span / unit >= 4 * candles_max.max(1) as i64;
        let unit = bar.or_else(|| [1_000_000_000, 1_000_000].into_iter().find(is_coarse));
        let unit = unit.unwrap_or(1_000);
        let start = if bar.is_some() { first } else { Nanos(first.0.div_euclid(unit) * unit) };
        let units = (last.0.saturating_sub(start.0).max(0) / unit).saturating_add(1) as u64;
        let of_one = units.div_ceil(candles_max.max(1) as u64);
        self.start = start;
        self.step = Nanos(unit.saturating_mul(i64::try_from(of_one).unwrap_or(i64::MAX)));
        let candles = usize::try_from(units.div_ceil(of_one)).unwrap_or(candles_max);
        self.candles = vec![None; candles.min(candles_max.max(1))];
    }

    fn add(&mut self, time: Nanos, candle: Candle) {
        let at = time.0.saturating_sub(self.start.0).max(0) / self.step.0;
        let last = self.candles.len() - 1;
        let at = usize::try_from(at).unwrap_or(last).min(last);
        match &mut self.candles[at] {
            Some(there) => there.join(&candle),
            free => *free = Some(candle),
        }
        (self.low, self.high) = (self.low.min(candle.low), self.high.max(candle.high));
    }

    /// When the last candle ends.
    pub fn end(&self) -> Nanos {
        self.start_of(self.candles.len())
    }

    /// When candle `at` begins.
    pub fn start_of(&self, at: usize) -> Nanos {
        let after = i128::from(self.step.0) * at as i128 + i128::from(self.start.0);
        Nanos(i64::try_from(after).unwrap_or(i64::MAX))
    }

    /// A price as text.
    pub fn price(&self, units: i64) -> String {
        fixed(units, self.decimals)
    }

    /// Two lines that say what is drawn.
    pub fn captions(&self) -> [String; 2] {
        let price = |price: i64| self.price(price);
        let mut there = self.candles.iter().flatten();
        let first = there.next();
        let ends = first.zip(there.next_back().or(first));
        let ends = ends.map_or((0, 0), |(first, last)| (first.open, last.close));
        let value = self.value.map(|name| format!(", {name}")).unwrap_or_default();
        [
            format!("{}{value}; {} to {}", self.title, brief(self.start), brief(self.end())),
            format!(
                "first {}, high {}, low {}, last {}; one candle is {}",
                price(ends.0),
                price(self.high),
                price(self.low),
                price(ends.1),
                span(self.step)
            ),
        ]
    }

    /// The greatest volume of a candle.
    pub fn volume_max(&self) -> i128 {
        self.candles.iter().flatten().map(|candle| candle.volume).max().unwrap_or(0)
    }
}

fn candle(row: &[Cell], drawn: &datasets::query::Drawn) -> Option<Candle> {
    let [open, high, low, close] = drawn.prices.map(|at| row.get(at).and_then(Cell::units));
    let volume = drawn.volume.and_then(|at| row.get(at)).and_then(Cell::units).unwrap_or(0);
    let volume = i128::from(volume);
    Some(Candle { open: open?, high: high?, low: low?, close: close?, volume })
}

/// An instant without the seconds that it does not need.
pub fn brief(time: Nanos) -> String {
    let text = time.to_string();
    let whole = text.get(..16).filter(|_| text.len() == 20 && text.ends_with(":00Z"));
    match whole {
        Some(minute) => minute.replace('T', " "),
        None => text.replace('T', " ").trim_end_matches('Z').to_owned(),
    }
}

/// A length of time in its two greatest units.
fn span(time: Nanos) -> String {
    const UNITS: [(&str, i64); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("µs", 1_000),
        ("ns", 1),
    ];
    let (mut left, mut parts) = (time.0, Vec::new());
    for (name, unit) in UNITS {
        if left >= unit && parts.len() < 2 {
            parts.push(format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_are_short() {
        assert_eq!(brief(Nanos::from_secs(1_769_904_000)), "2026-02-01 00:00");
        assert_eq!(brief(Nanos::from_millis(1_769_904_000_250)), "2026-02-01 00:00:00.250");
        assert_eq!(span(Nanos::from_secs(5_400)), "1h 30m");
        assert_eq!(span(Nanos::from_secs(86_400 * 3)), "3d");
    }
}
