//! A look at a series: its rows, or bars made of them, as named columns of exact values.

use std::fmt;

use engine::Nanos;

use crate::DataError;
use crate::catalogue::{Catalogue, GridDecimals};
use crate::decimal;
use crate::kind::{Kind, SeriesId, Shape};
use crate::replay::Range;
use crate::resample::{BarLength, Resampled, ResampledBar};
use crate::rows::{BLANK, Decimals, Role, Row, SELL, SHARE_DECIMALS, SNAPSHOT, columns};
use crate::series_rows::SeriesRows;

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// An instant, written as ISO-8601 in UTC.
    Time(Nanos),
    /// An id or a count.
    Whole(i64),
    /// `units * 10^-decimals`, written with all of these decimals.
    Decimal {
        /// The value's integer.
        units: i64,
        /// The same in all rows of the column.
        decimals: u32,
    },
    /// The same, written without zeros at the end.
    Share {
        /// The value's integer.
        units: i64,
        /// The same in all rows of the column.
        decimals: u32,
    },
    /// Yes or no.
    Flag(bool),
    /// A side of the book.
    Word(&'static str),
    /// Nothing was told.
    Blank,
}

impl Cell {
    /// The integer of a decimal value.
    pub fn units(&self) -> Option<i64> {
        match self {
            Cell::Decimal { units, .. } | Cell::Share { units, .. } => Some(*units),
            _ => None,
        }
    }

    /// The decimals that go with it.
    pub fn decimals(&self) -> u32 {
        match self {
            Cell::Decimal { decimals, .. } | Cell::Share { decimals, .. } => *decimals,
            _ => 0,
        }
    }

    /// Whether JSON has a literal for it. Decimals are texts there, as Binance writes them, because readers
    /// make floats of numbers.
    pub fn is_literal(&self) -> bool {
        matches!(self, Cell::Whole(_) | Cell::Flag(_))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Cell::Time(time) => write!(f, "{time}"),
            Cell::Whole(value) => write!(f, "{value}"),
            Cell::Decimal { units, decimals } => f.write_str(&fixed(units, decimals)),
            Cell::Share { units, decimals } => f.write_str(&decimal::text(units, decimals)),
            Cell::Flag(value) => write!(f, "{value}"),
            Cell::Word(word) => f.write_str(word),
            Cell::Blank => Ok(()),
        }
    }
}

/// `units * 10^-decimals` with all of the decimals.
pub fn fixed(units: i64, decimals: u32) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", units.unsigned_abs(), width = decimals as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals as usize);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// The columns that a chart draws: open, high, low and close, which may be one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Columns of open, high, low and close.
    pub prices: [usize; 4],
    /// The column of the volume.
    pub volume: Option<usize>,
}

enum Source {
    Rows(SeriesRows),
    Bars(Resampled),
}

/// Rows or made bars in order of time, one at a time.
pub struct Listing {
    id: SeriesId,
    source: Source,
    names: Vec<&'static str>,
    last: Nanos,
    length: Option<BarLength>,
}

const PRICE_NAMES: [&str; 5] = ["open_time", "open", "high", "low", "close"];

impl Listing {
    /// The rows of `id` that lie in `range`, or bars of the length `resample` made of them.
    pub fn open(
        catalogue: &Catalogue,
        id: &SeriesId,
        range: Range,
        resample: Option<BarLength>,
    ) -> Result<Listing, DataError> {
        if let Some(length) = resample {
            let bars = Resampled::open(catalogue, id, range, length)?;
            let mut names = PRICE_NAMES.to_vec();
            if id.kind == Kind::Klines || id.kind.shape() == Shape::Trades {
                names.push("volume");
            }
            if id.kind.shape() == Shape::Trades {
                names.extend(["count", "taker_buy_volume"]);
            }
            let last = Nanos::from_micros(bars.last_us());
            let source = Source::Bars(bars);
            return Ok(Listing { id: *id, source, names, last, length: Some(length) });
        }
        let rows = SeriesRows::open(catalogue, id, range)?;
        let names = columns(id.kind).iter().map(|(name, _)| *name).collect();
        let last = Nanos::from_micros(rows.last_us());
        let length = id.interval.map(BarLength::from);
        Ok(Listing { id: *id, source: Source::Rows(rows), names, last, length })
    }

    /// The names of the columns.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The latest instant that a row may have.
    pub fn last(&self) -> Nanos {
        self.last
    }

    /// How long one row stands for; `None` if it is an instant.
    pub fn length(&self) -> Option<BarLength> {
        self.length
    }

    /// What a chart of it draws; `None` for kinds whose rows are several at an instant.
    pub fn drawn(&self) -> Option<Drawn> {
        let at = |name: &str| self.names.iter().position(|n| *n == name);
        if let Some(open) = at("open") {
            let prices = [open, open + 1, open + 2, open + 3];
            return Some(Drawn { prices, volume: at("volume") });
        }
        let (value, volume) = match self.id.kind {
            Kind::AggTrades => ("price", at("quantity")),
            Kind::Trades => ("price", at("qty")),
            Kind::FundingRate => ("last_funding_rate", None),
            Kind::BookTicker => ("best_bid_price", None),
            Kind::Metrics | Kind::OpenInterestHist => ("sum_open_interest", None),
            Kind::MarkPrice => ("mark_price", None),
            Kind::ForceOrder => ("average_price", at("filled_quantity")),
            Kind::BookDepth
            | Kind::Depth
            | Kind::Klines
            | Kind::MarkPriceKlines
            | Kind::IndexPriceKlines
            | Kind::PremiumIndexKlines => return None,
        };
        at(value).map(|value| Drawn { prices: [value; 4], volume })
    }

    /// The next row, its first cell a time.
    pub fn next_row(&mut self) -> Result<Option<Vec<Cell>>, DataError> {
        match &mut self.source {
            Source::Rows(rows) => {
                let decimals = rows.decimals();
                Ok(rows.next()?.map(|row| cells(self.id.kind, &row, decimals)))
            }
            Source::Bars(bars) => {
                let GridDecimals { price, qty } = bars.decimals();
                Ok(bars.next_bar()?.map(|bar| bar_cells(&bar, price, qty)))
            }
        }
    }
}

fn bar_cells(bar: &ResampledBar, price: u32, qty: u32) -> Vec<Cell> {
    let decimal = |units: i64, decimals: u32| Cell::Decimal { units, decimals };
    let mut cells = vec![Cell::Time(bar.open_time)];
    cells.extend([bar.open, bar.high, bar.low, bar.close].map(|p| decimal(p.0, price)));
    cells.extend(bar.volume.map(|volume| decimal(volume.0, qty)));
    if let Some(sums) = bar.trades {
        cells.push(Cell::Whole(i64::try_from(sums.count).unwrap_or(i64::MAX)));
        cells.push(decimal(sums.taker_buy.0, qty));
    }
    cells
}

fn cells(kind: Kind, row: &Row, of: Decimals) -> Vec<Cell> {
    let is_snapshot = kind == Kind::Depth && row[3] == SNAPSHOT;
    let cell = |(&value, &(name, role)): (&i64, &(&'static str, Role))| match (name, role) {
        // Only the row's own time is always told.
        (_, Role::Time) if value == 0 => Cell::Blank,
        (_, Role::Time) => Cell::Time(Nanos::from_micros(value)),
        ("is_buyer_maker", _) => Cell::Flag(value != 0),
        ("side", _) => Cell::Word(match value {
            SNAPSHOT => "snapshot",
            SELL => "sell",
            _ => "buy",
        }),
        (_, Role::Price | Role::Qty) if is_snapshot => Cell::Blank,
        // One form of the archive's files leaves it out, and no contract settles every 0 hours.
        ("funding_interval_hours", _) if value == 0 => Cell::Blank,
        (_, Role::Plain) => Cell::Whole(value),
        (_, Role::Price) => Cell::Decimal { units: value, decimals: of.price },
        (_, Role::Qty) => Cell::Decimal { units: value, decimals: of.qty },
        (_, Role::Share) if value == BLANK => Cell::Blank,
        (_, Role::Share) => Cell::Share { units: value, decimals: SHARE_DECIMALS },
    };
    row.iter().zip(columns(kind)).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::fixed;

    #[test]
    fn all_decimals_are_written() {
        for (units, decimals, text) in [
            (120, 2, "1.20"),
            (-5, 3, "-0.005"),
            (7, 0, "7"),
            (0, 1, "0.0"),
            (i64::MIN, 0, "-9223372036854775808"),
        ] {
            assert_eq!(fixed(units, decimals), text);
        }
    }
}
