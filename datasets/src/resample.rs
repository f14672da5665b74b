//! Bars of any length, made of the trades or of the shorter bars of a series.
//!
//! Bars open at whole multiples of their length since 1970, whole weeks at midnight of Monday, as
//! Binance's do, months on the first. A bar that the range cuts, an end of what is recorded or a hole in it, is left out, because
//! it would pass for a whole one, and so is one that nobody recorded; [`LeftOut`] tells of them. Whether
//! trades are missing, their ids say: an interval in which nobody traded is a flat bar at the last close
//! without volume, as on Binance.

mod left_out;

pub use left_out::LeftOut;

use std::fmt;
use std::str::FromStr;

use engine::{Nanos, PriceTicks, QtyLots};

use crate::DataError;
use crate::catalogue::{Catalogue, GridDecimals};
use crate::interval::{Interval, month_of, month_opens};
use crate::kind::{Kind, SeriesId, Shape};
use crate::replay::Range;
use crate::rows::{Row, SELL};
use crate::series_rows::SeriesRows;
use left_out::{Hole, Holes};

const UNITS: [(&str, i64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const WEEK_US: i64 = 604_800_000_000;
/// 1970-01-01 was a Thursday.
const FIRST_MONDAY_US: i64 = 4 * 86_400_000_000;
/// Longer bars are a slip of the keyboard.
const LENGTH_MS_MAX: i64 = 366 * 86_400_000;

/// The length of a bar: whole milliseconds, or a month of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BarLength {
    /// Of a month those of the longest one.
    ms: i64,
    is_month: bool,
}

impl BarLength {
    /// Its milliseconds; of a month those of the longest one.
    pub fn ms(self) -> i64 {
        self.ms
    }

    fn us(self) -> i64 {
        self.ms * 1_000
    }

    /// When the bar opens that holds `us`.
    fn opens(self, us: i64) -> i64 {
        if self.is_month {
            return month_opens(month_of(us));
        }
        let shift = if self.us() % WEEK_US == 0 { FIRST_MONDAY_US } else { 0 };
        (us - shift).div_euclid(self.us()) * self.us() + shift
    }

    /// When the bar closes that opens at `open_us`.
    fn closes(self, open_us: i64) -> i64 {
        match self.is_month {
            true => month_opens(month_of(open_us) + 1),
            false => open_us.saturating_add(self.us()),
        }
    }

    /// The bars between two openings.
    fn count(self, (from_us, until_us): (i64, i64)) -> i64 {
        match self.is_month {
            true => month_of(until_us) - month_of(from_us),
            false => (until_us - from_us) / self.us(),
        }
    }

    /// When the first bar opens that begins at `us` or later.
    fn opens_from(self, us: i64) -> i64 {
        let opens = self.opens(us);
        if opens == us { opens } else { self.closes(opens) }
    }

    /// Whether bars of `own` fill one of it.
    fn is_made_of(self, own: Interval) -> bool {
        match (self.is_month, own.is_month()) {
            (true, _) => Interval::named("1mo").is_some_and(|month| own.divides(month)),
            (false, true) => false,
            (false, false) => self.ms % i64::from(own.ms()) == 0,
        }
    }

    /// When the first bar opens that `range` does not cut, and the range's end, both in µs.
    fn whole(self, range: Range) -> Result<(i64, i64), DataError> {
        let us = |time: Nanos| time.0.div_euclid(1_000);
        let from_us = self.opens_from(us(range.from));
        let to_us = us(range.to);
        let end_us = self.closes(from_us);
        if end_us <= to_us {
            return Ok((from_us, to_us));
        }
        Err(DataError::Misuse(format!(
            "no whole bar of {self} lies between {} and {}; the next one after the beginning is from {} to {}, the one before it begins at {}",
            range.from,
            range.to,
            Nanos::from_micros(from_us),
            Nanos::from_micros(end_us),
            Nanos::from_micros(self.opens(us(range.from))),
        )))
    }
}

impl From<Interval> for BarLength {
    fn from(interval: Interval) -> BarLength {
        BarLength { ms: i64::from(interval.ms()), is_month: interval.is_month() }
    }
}

impl FromStr for BarLength {
    type Err = String;

    /// Reads a count and a unit, such as `90s`, `1m`, `4h` or `1w`, or `1mo`.
    fn from_str(text: &str) -> Result<BarLength, String> {
        if let Some(month) = Interval::named(text).filter(|interval| interval.is_month()) {
            return Ok(BarLength::from(month));
        }
        let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(at);
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let ms = unit.zip(count.parse::<i64>().ok()).and_then(|((_, ms), n)| n.checked_mul(*ms));
        match ms {
            Some(ms @ 1..=LENGTH_MS_MAX) => Ok(BarLength { ms, is_month: false }),
            _ => Err(
                "give a length such as 1s, 90s, 5m, 1h, 1d or 1w, up to 366d, or 1mo for months"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for BarLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_month {
            return f.write_str("1mo");
        }
        let fits = |(_, ms): &&(&str, i64)| self.ms % ms == 0;
        let (name, ms) = UNITS.iter().find(fits).copied().unwrap_or(("ms", 1));
        write!(f, "{}{name}", self.ms / ms)
    }
}

/// What only trades tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeSums {
    /// Rows: of `aggTrades` one is what one order took at one price, of several trades perhaps.
    pub count: u64,
    /// Quantity in which the buyer was the taker.
    pub taker_buy: QtyLots,
}

/// One bar, with the decimals of [`Resampled::decimals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResampledBar {
    /// When it opens.
    pub open_time: Nanos,
    /// First price.
    pub open: PriceTicks,
    /// Highest price.
    pub high: PriceTicks,
    /// Lowest price.
    pub low: PriceTicks,
    /// Last price.
    pub close: PriceTicks,
    /// Quantity traded; bars of mark, index and premium index have none.
    pub volume: Option<QtyLots>,
    /// Of bars made of trades.
    pub trades: Option<TradeSums>,
}

/// What a row brings to a bar: no price is above the high or below the low.
struct Piece {
    prices: [i64; 4],
    volume: Option<i64>,
    taker_buy: Option<i64>,
}

impl Piece {
    /// Nothing if the prices of the row contradict each other.
    fn of(kind: Kind, row: &Row) -> Option<Piece> {
        if kind.shape() == Shape::Trades {
            let [_, _, price, qty, maker, ..] = *row;
            // The archive's is_buyer_maker: a maker that bought is a taker that sold.
            let bought = if maker == SELL { 0 } else { qty };
            return Some(Piece { prices: [price; 4], volume: Some(qty), taker_buy: Some(bought) });
        }
        let [_, open, high, low, close, volume, ..] = *row;
        let volume = (kind == Kind::Klines).then_some(volume);
        let holds = |price| low <= price && price <= high;
        (holds(open) && holds(close)).then_some(Piece {
            prices: [open, high, low, close],
            volume,
            taker_buy: None,
        })
    }
}

/// A bar under way. Without a row it is flat at the close before it.
#[derive(Clone, Copy)]
struct Growing {
    open_us: i64,
    rows: u64,
    prices: [i64; 4],
    volume: i64,
    taker_buy: i64,
}

impl Growing {
    fn flat(open_us: i64, price: i64) -> Growing {
        Growing { open_us, rows: 0, prices: [price; 4], volume: 0, taker_buy: 0 }
    }

    /// Adds a row; `None` if a sum leaves 64 bits.
    fn add(&mut self, piece: &Piece) -> Option<()> {
        let [_, high, low, close] = piece.prices;
        self.prices = match (self.rows, self.prices) {
            (0, _) => piece.prices,
            (_, [first, top, bottom, _]) => [first, top.max(high), bottom.min(low), close],
        };
        self.rows += 1;
        self.volume = self.volume.checked_add(piece.volume.unwrap_or(0))?;
        self.taker_buy = self.taker_buy.checked_add(piece.taker_buy.unwrap_or(0))?;
        Some(())
    }

    fn bar(&self, kind: Kind) -> ResampledBar {
        let [open, high, low, close] = self.prices.map(PriceTicks);
        let of_trades = kind.shape() == Shape::Trades;
        let sums = TradeSums { count: self.rows, taker_buy: QtyLots(self.taker_buy) };
        ResampledBar {
            open_time: Nanos::from_micros(self.open_us),
            open,
            high,
            low,
            close,
            volume: (of_trades || kind == Kind::Klines).then_some(QtyLots(self.volume)),
            trades: of_trades.then_some(sums),
        }
    }
}

/// Bars in order of time. In memory are one batch of rows and one bar, however long the range is.
pub struct Resampled {
    rows: SeriesRows,
    kind: Kind,
    length: BarLength,
    from_us: i64,
    to_us: i64,
    /// In order.
    holes: Box<[Hole]>,
    growing: Option<Growing>,
    /// A row of a bar after the one that grows.
    waiting: Option<Row>,
}

impl Resampled {
    /// Bars of `length` that lie in `range`, of a series of trades or of bars of which `length` is a
    /// multiple.
    pub fn open(
        catalogue: &Catalogue,
        id: &SeriesId,
        range: Range,
        length: BarLength,
    ) -> Result<Resampled, DataError> {
        check_source(id, length)?;
        let (from_us, to_us) = length.whole(range)?;
        let rows = SeriesRows::open(catalogue, id, range)?;
        let holes = Holes::find(catalogue, id, (from_us, to_us), length)?;
        Ok(Resampled {
            rows,
            kind: id.kind,
            length,
            from_us,
            to_us,
            holes: holes.all.into(),
            growing: None,
            waiting: None,
        })
    }

    /// The decimals of the prices and quantities of all bars.
    pub fn decimals(&self) -> GridDecimals {
        let decimals = self.rows.decimals();
        GridDecimals { price: decimals.price, qty: decimals.qty }
    }

    /// The last instant of which it has a row, by what the files say of themselves.
    pub(crate) fn last_us(&self) -> i64 {
        self.rows.last_us()
    }

    /// The next bar.
    pub fn next_bar(&mut self) -> Result<Option<ResampledBar>, DataError> {
        while let Some(grown) = self.next_grown()? {
            let opens = grown.open_us;
            let next = self.holes.partition_point(|hole| hole.bars.1 <= opens);
            if self.holes.get(next).is_none_or(|hole| opens < hole.bars.0) {
                return Ok(Some(grown.bar(self.kind)));
            }
        }
        Ok(None)
    }

    /// The next bar, be it one of a hole.
    fn next_grown(&mut self) -> Result<Option<Growing>, DataError> {
        while let Some(row) = self.next_row()? {
            let opens = self.length.opens(row[0]);
            match &mut self.growing {
                Some(bar) if bar.open_us < opens => {
                    let done = *bar;
                    self.waiting = Some(row);
                    let next_us = self.length.closes(done.open_us);
                    self.growing = Some(Growing::flat(next_us, done.prices[3]));
                    return Ok(Some(done));
                }
                bar => {
                    let bar = bar.get_or_insert_with(|| Growing::flat(opens, 0));
                    let piece = Piece::of(self.kind, &row);
                    let piece = piece.ok_or_else(|| self.rows.contradicts_itself(row[0]))?;
                    bar.add(&piece).ok_or_else(|| self.too_much(opens))?;
                }
            }
        }
        Ok(self.growing.take())
    }

    /// The next row of a bar that the range does not cut.
    fn next_row(&mut self) -> Result<Option<Row>, DataError> {
        if let Some(row) = self.waiting.take() {
            return Ok(Some(row));
        }
        while let Some(row) = self.rows.next()? {
            if row[0] >= self.from_us {
                let end = self.length.closes(self.length.opens(row[0]));
                return Ok((end <= self.to_us).then_some(row));
            }
        }
        Ok(None)
    }

    fn too_much(&self, open_us: i64) -> DataError {
        DataError::Misuse(format!(
            "the volume of the bar of {} from {} on does not fit 64 bits; ask for shorter bars",
            self.length,
            Nanos::from_micros(open_us)
        ))
    }
}

fn check_source(id: &SeriesId, length: BarLength) -> Result<(), DataError> {
    match (id.kind.shape(), id.interval) {
        (Shape::Trades, _) => Ok(()),
        (Shape::Bars, Some(own)) if length.is_made_of(own) => Ok(()),
        (Shape::Bars, _) => Err(DataError::Misuse(format!(
            "{id} cannot become bars of {length}, which is no multiple of its own length; take a multiple, or make them of trades"
        ))),
        _ => Err(DataError::Misuse(format!(
            "{id} cannot become bars: only trades, aggTrades and shorter bars can"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written() {
        for (text, ms, written) in [
            ("1s", 1_000, "1s"),
            ("90s", 90_000, "90s"),
            ("60m", 3_600_000, "1h"),
            ("7d", 604_800_000, "1w"),
            ("250ms", 250, "250ms"),
            ("1mo", 2_678_400_000, "1mo"),
            ("1M", 2_678_400_000, "1mo"),
        ] {
            let length: BarLength = text.parse().expect("a length");
            assert_eq!((length.ms(), length.to_string().as_str()), (ms, written));
        }
        for text in ["", "5", "m", "0s", "-1m", "1.5m", "2mo", "367d", "99999999999999999999s"] {
            assert!(text.parse::<BarLength>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bar_that_contradicts_itself_is_no_piece() {
        let of = |prices: [i64; 4]| {
            let [open, high, low, close] = prices;
            let piece = Piece::of(Kind::Klines, &[0, open, high, low, close, 5, 0, 0]);
            piece.map(|piece| piece.prices)
        };
        assert_eq!(of([2, 4, 1, 3]), Some([2, 4, 1, 3]));
        assert_eq!(of([2, 2, 2, 2]), Some([2; 4]));
        for wrong in [[5, 4, 1, 3], [0, 4, 1, 3], [2, 4, 1, 5], [2, 4, 1, 0], [2, 1, 4, 3]] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let week: BarLength = "1w".parse().expect("a length");
        // 2026-02-02 is a Monday.
        let monday = 1_769_990_400_000_000;
        assert_eq!(week.opens(monday), monday);
        assert_eq!(week.opens(monday - 1), monday - WEEK_US);
        assert_eq!(week.opens_from(monday - 1), monday);
        let odd: BarLength = "90s".parse().expect("a length");
        assert_eq!([odd.opens(-1), odd.opens(89_999_999)], [-90_000_000, 0]);
    }
}
