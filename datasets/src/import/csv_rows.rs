//! From the bytes of one csv to checked rows. Every refusal names line and column.

use std::io::{BufRead, Read};

use csv::ByteRecord;

use crate::decimal;
use crate::kind::{Kind, SeriesId};
use crate::rows::{Decimals, Role, Row, WIDTH_MAX, columns};

/// Bytes without a line end after which the file is no csv of market data.
const LINE_BYTES_MAX: usize = 1 << 16;
/// Most fields of a line.
const FIELDS_MAX: usize = 32;

/// Why reading stopped before the end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The file is refused.
    Refused(String),
    /// A value has more decimals than the file was begun with: begin again with these.
    MoreDecimals(Decimals),
}

/// The names a column goes by.
fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "open_time" => &["open_time", "timestamp"],
        "open" => &["open"],
        "high" => &["high"],
        "low" => &["low"],
        "close" => &["close"],
        "volume" => &["volume"],
        "transact_time" => &["transact_time"],
        "agg_trade_id" => &["agg_trade_id"],
        "price" => &["price"],
        "quantity" => &["quantity"],
        "is_buyer_maker" => &["is_buyer_maker"],
        "calc_time" => &["calc_time", "timestamp"],
        "last_funding_rate" => &["last_funding_rate", "funding_rate"],
        "funding_interval_hours" => &["funding_interval_hours"],
        _ => &[],
    }
}

/// The columns of Binance's files without a header row.
fn standard(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Klines | Kind::MarkPriceKlines => &[
            "open_time",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "close_time",
            "quote_volume",
            "count",
            "taker_buy_volume",
            "taker_buy_quote_volume",
            "ignore",
        ],
        Kind::AggTrades => &[
            "agg_trade_id",
            "price",
            "quantity",
            "first_trade_id",
            "last_trade_id",
            "transact_time",
            "is_buyer_maker",
        ],
        Kind::FundingRate => &["calc_time", "funding_interval_hours", "last_funding_rate"],
    }
}

/// Which field of a line is which column.
struct Layout {
    width: usize,
    fields: [Option<usize>; WIDTH_MAX],
    close_time: Option<usize>,
    symbol: Option<usize>,
}

impl Layout {
    fn new(kind: Kind, names: &[&str]) -> Result<Layout, String> {
        let at = |wanted: &str| names.iter().position(|n| *n == wanted);
        let mut fields = [None; WIDTH_MAX];
        for (field, (name, _)) in fields.iter_mut().zip(columns(kind)) {
            *field = aliases(name).iter().find_map(|alias| at(alias));
            // Binance's second form of funding files does not tell the interval.
            if field.is_none() && *name != "funding_interval_hours" {
                return Err(format!(
                    "line 1: {kind} need a column '{name}', and the header has {}; \
                     check that the file lies in the folder of its kind",
                    names.join(", ")
                ));
            }
        }
        Ok(Layout {
            width: names.len(),
            fields,
            close_time: at("close_time").filter(|_| kind.has_interval()),
            symbol: at("symbol"),
        })
    }
}

/// What the reading found worth a note.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub rows: u64,
    pub last_line_unterminated: bool,
}

/// The input on its way to the csv reader: remembers how it ended, and stops where a line does not end.
struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// Bytes since the last line end.
    unended: usize,
}

impl Read for Lines<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(out)?;
        match out[..length].iter().rposition(|b| *b == b'\n') {
            Some(at) => self.unended = length - at - 1,
            None => self.unended += length,
        }
        if self.unended > LINE_BYTES_MAX {
            return Err(std::io::Error::other("a line without an end"));
        }
        Ok(length)
    }
}

/// Reads all rows of `input`, scaled to `decimals`, and hands each to `sink`.
pub(crate) fn read(
    input: &mut dyn BufRead,
    series: &SeriesId,
    decimals: Decimals,
    sink: &mut dyn FnMut(&Row) -> Result<(), String>,
) -> Result<Outcome, Stop> {
    let mut parser =
        Parser { series, decimals, needed: decimals, layout: None, previous: None, line: 0 };
    let mut outcome = Outcome::default();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(Lines { input, unended: 0 });
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => parser.line = record.position().map_or(0, csv::Position::line),
            Ok(false) => break,
            Err(error) => {
                let after = format!("after line {}: {error}", parser.line);
                return Err(Stop::Refused(format!(
                    "{after}; the file is damaged, download it again"
                )));
            }
        }
        if let Some(row) = parser.row(&record)? {
            sink(&row).map_err(Stop::Refused)?;
            outcome.rows += 1;
        }
    }
    if outcome.rows == 0 {
        return Err(Stop::Refused(
            "no rows: the csv is empty or holds a header only; download it again or remove it"
                .to_owned(),
        ));
    }
    // A close time at the end of the line is checked, so that a cut would have shown.
    outcome.last_line_unterminated = reader.get_ref().unended > 0 && !parser.ends_with_close_time();
    Ok(outcome)
}

struct Parser<'a> {
    series: &'a SeriesId,
    decimals: Decimals,
    needed: Decimals,
    layout: Option<Layout>,
    previous: Option<Row>,
    line: u64,
}

impl Parser<'_> {
    fn at(&self, reason: impl std::fmt::Display) -> Stop {
        Stop::Refused(format!("line {}: {reason}", self.line))
    }

    fn at_column(&self, column: &str, text: &[u8], reason: &str) -> Stop {
        let text = String::from_utf8_lossy(text);
        self.at(format!("column '{column}': {text:?} {reason}"))
    }

    fn ends_with_close_time(&self) -> bool {
        let layout = self.layout.as_ref();
        layout.is_some_and(|l| l.close_time.is_some_and(|at| at + 1 == l.width))
    }

    /// One line to one row; `None` for the header.
    fn row(&mut self, fields: &ByteRecord) -> Result<Option<Row>, Stop> {
        if fields.len() > FIELDS_MAX {
            return Err(self.at("more than 32 columns; this is no csv of market data"));
        }
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => {
                let (layout, is_header) = self.first_line(fields)?;
                if is_header {
                    self.layout = Some(layout);
                    return Ok(None);
                }
                layout
            }
        };
        let row = self.values(&layout, fields);
        self.layout = Some(layout);
        let row = row?;
        if self.needed != self.decimals {
            return Err(Stop::MoreDecimals(self.needed));
        }
        self.check(&row)?;
        self.previous = Some(row);
        Ok(Some(row))
    }

    fn first_line(&self, fields: &ByteRecord) -> Result<(Layout, bool), Stop> {
        let kind = self.series.kind;
        let is_header = fields[0].first().is_some_and(u8::is_ascii_alphabetic);
        if is_header {
            let names: Vec<String> =
                fields.iter().map(|f| String::from_utf8_lossy(f).trim().to_owned()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return Ok((Layout::new(kind, &names).map_err(Stop::Refused)?, true));
        }
        let names = standard(kind);
        // Klines without header come in full or cut after the volume (mark prices: after the close).
        let short = columns(kind).len();
        let fits = fields.len() == names.len() || (kind.has_interval() && fields.len() == short);
        if !fits {
            return Err(self.at(format!(
                "{} columns without a header row, and {kind} have {}; the line is cut, \
                 or the file lies in the folder of another kind",
                fields.len(),
                names.len()
            )));
        }
        let layout = Layout::new(kind, &names[..fields.len()]).map_err(Stop::Refused)?;
        Ok((layout, false))
    }

    fn values(&mut self, layout: &Layout, fields: &ByteRecord) -> Result<Row, Stop> {
        if fields.len() != layout.width {
            return Err(self.at(format!(
                "{} columns where the file began with {}; the file is cut or damaged here, \
                 download it again",
                fields.len(),
                layout.width
            )));
        }
        let mut row = [0; WIDTH_MAX];
        for (i, &(name, role)) in columns(self.series.kind).iter().enumerate() {
            let Some(text) = layout.fields[i].map(|f| &fields[f]) else {
                continue;
            };
            row[i] = match role {
                Role::Time => self.time(name, text)?,
                Role::Plain if name == "is_buyer_maker" => match text {
                    b"true" | b"True" | b"TRUE" => 1,
                    b"false" | b"False" | b"FALSE" => 0,
                    _ => return Err(self.at_column(name, text, "is neither true nor false")),
                },
                Role::Plain => match decimal::parse(text) {
                    Some((value, 0)) if value >= 0 => value,
                    _ => return Err(self.at_column(name, text, "is not a whole number")),
                },
                Role::Price | Role::Qty => self.decimal(name, role, text)?,
            };
        }
        if let (Some(at), Some(interval)) = (layout.close_time, self.series.interval) {
            self.check_close_time(&fields[at], row[0], i64::from(interval.ms()) * 1_000)?;
        }
        if let Some(at) = layout.symbol
            && &fields[at] != self.series.symbol.as_str().as_bytes()
        {
            let reason = format!("is not {}, the symbol of the file's name", self.series.symbol);
            return Err(self.at_column("symbol", &fields[at], &reason));
        }
        Ok(row)
    }

    /// Milliseconds or microseconds, told apart by their size: the ranges of the years 1973 to 2261.
    fn time(&self, name: &str, text: &[u8]) -> Result<i64, Stop> {
        match decimal::parse(text) {
            Some((ms, 0)) if (100_000_000_000..9_200_000_000_000).contains(&ms) => Ok(ms * 1_000),
            Some((us, 0)) if (100_000_000_000_000..9_200_000_000_000_000).contains(&us) => Ok(us),
            _ => Err(self.at_column(name, text, "is no time in milliseconds or microseconds")),
        }
    }

    fn decimal(&mut self, name: &str, role: Role, text: &[u8]) -> Result<i64, Stop> {
        let Some((mantissa, decimals)) = decimal::parse(text) else {
            return Err(self.at_column(
                name,
                text,
                "is not a plain decimal number of at most 18 digits",
            ));
        };
        let is_rate = self.series.kind == Kind::FundingRate;
        if is_rate && decimals > 8 {
            return Err(self.at_column(name, text, "has more than 8 decimals"));
        }
        let is_qty = role == Role::Qty;
        if (is_qty && mantissa < 0) || (!is_qty && !is_rate && mantissa <= 0) {
            let reason = if is_qty {
                "is below zero; the file is damaged, download it again"
            } else {
                "is not above zero; the file is damaged, download it again"
            };
            return Err(self.at_column(name, text, reason));
        }
        let (scale, needed) = match role {
            Role::Qty => (self.decimals.qty, &mut self.needed.qty),
            _ => (self.decimals.price, &mut self.needed.price),
        };
        if decimals > scale {
            *needed = (*needed).max(decimals);
            return Ok(mantissa);
        }
        let scaled = decimal::pow10(scale - decimals).and_then(|p| mantissa.checked_mul(p));
        scaled.ok_or_else(|| {
            let reason = format!("does not fit 64 bits with the file's {scale} decimals");
            self.at_column(name, text, &reason)
        })
    }

    fn check_close_time(&self, text: &[u8], open_us: i64, interval_us: i64) -> Result<(), Stop> {
        let close_us = self.time("close_time", text)?;
        // The last unit before the next bar: 999 ms or 999,999 us.
        let short_us = open_us + interval_us - close_us;
        if short_us == 1_000 || short_us == 1 {
            return Ok(());
        }
        let reason = format!(
            "is not the end of a bar of {} ms that opened at {}; the line is cut, or the interval \
             of the file's name is wrong",
            interval_us / 1_000,
            iso(open_us)
        );
        Err(self.at_column("close_time", text, &reason))
    }

    fn check(&self, row: &Row) -> Result<(), Stop> {
        if self.series.kind.has_interval() {
            let [_, open, high, low, close, _] = *row;
            if high < open.max(close) || low > open.min(close) || low > high {
                return Err(self.at(
                    "open, high, low and close contradict each other: the low must be lowest and \
                     the high highest; the file is damaged, download it again",
                ));
            }
        }
        if self.series.kind == Kind::AggTrades && row[3] == 0 {
            return Err(self.at("column 'quantity': a trade of nothing; the file is damaged"));
        }
        let Some(previous) = self.previous else {
            return Ok(());
        };
        let (before, now) = (previous[0], row[0]);
        if now < before {
            return Err(self.at(format!(
                "out of order: {} comes after {}; sort the rows by time",
                iso(now),
                iso(before)
            )));
        }
        if self.series.kind == Kind::AggTrades {
            if row[1] <= previous[1] {
                return Err(self.at(format!(
                    "duplicate or out of order: trade id {} comes after {}; remove the repeated row",
                    row[1], previous[1]
                )));
            }
        } else if now == before {
            return Err(
                self.at(format!("duplicate: a second row of {}; remove one of them", iso(now)))
            );
        }
        Ok(())
    }
}

/// Microseconds as ISO-8601.
pub(crate) fn iso(us: i64) -> engine::Nanos {
    engine::Nanos::from_micros(us)
}
