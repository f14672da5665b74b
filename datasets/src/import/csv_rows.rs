//! From the bytes of one csv to checked rows. Every refusal names line and column.

use std::io::BufRead;

use csv::ByteRecord;
use engine::Symbol;

use super::csv_lines::{LINE_BYTES_MAX, Lines, line_of};
use super::layout::{Layout, standard};
use super::sorting::{self, Sorter};
use super::text_time;
use super::{guard, order};
use crate::decimal;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId};
use crate::rows::{BLANK, Decimals, Role, Row, SHARE_DECIMALS, WIDTH_MAX, columns};

/// The years 2009 to 2099: what lies outside is a time in another unit, or none.
pub(super) const MARKET_TIMES_US: std::ops::Range<i64> =
    1_230_768_000_000_000..4_102_444_800_000_000;
/// Most fields of a line.
const FIELDS_MAX: usize = 32;

/// What to do about a value that is none.
const REMEDY: &str = "download the file again, or correct the line";

/// Why reading stopped before the end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The file is refused.
    Refused(String),
    /// A value has more decimals than the file was begun with: begin again with these.
    MoreDecimals(Decimals),
    /// Snapshots tell no symbol, and all changes are of this one: begin again, knowing it.
    OnlySymbol(Symbol),
}

/// What the reading found worth a note.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub rows: u64,
    /// The line of the first row; zero if lines between the rows are empty.
    pub first_line: u64,
    /// The last line, if it has no line end and nothing else says that it is whole.
    pub maybe_cut_line: Option<u64>,
    /// What was read as something else than it is written.
    pub notes: Vec<String>,
}

/// Reads all rows of `input`, scaled to `decimals`, and hands each to `sink`.
pub(crate) fn read(
    input: &mut dyn BufRead,
    series: &SeriesId,
    decimals: Decimals,
    sink: &mut dyn FnMut(&Row) -> Result<(), String>,
) -> Result<Outcome, Stop> {
    let mut parser = Parser {
        series,
        decimals,
        needed: decimals,
        layout: None,
        previous: None,
        line: 0,
        unit: None,
        rounded: 0,
    };
    let mut outcome = Outcome::default();
    let mut sorter = Sorter::new(series.kind, sorting::OF_ARCHIVE);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Lines::new(input));
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => parser.line = line_of(&record, &reader),
            Ok(false) => break,
            Err(error) => {
                if let csv::ErrorKind::Io(e) = error.kind()
                    && let Some(bomb) = guard::told(e)
                {
                    return Err(Stop::Refused(bomb));
                }
                if reader.get_ref().endless {
                    return Err(Stop::Refused(format!(
                        "line {}: has no end after {LINE_BYTES_MAX} bytes; this is no csv of market data",
                        parser.line + 1
                    )));
                }
                let after = format!("after line {}: {error}", parser.line);
                return Err(Stop::Refused(format!(
                    "{after}; the file is damaged, download it again"
                )));
            }
        }
        if let Some(row) = parser.row(&record)? {
            if outcome.rows == 0 {
                outcome.first_line = parser.line;
            }
            outcome.rows += 1;
            match &mut sorter {
                None => parser.pass(&row, parser.line, sink)?,
                Some(sorter) => {
                    if let Some((row, line)) = sorter.push(row, parser.line) {
                        parser.pass(&row, line, sink)?;
                    }
                }
            }
        }
    }
    let last_line = parser.line;
    let moved = sorter.as_ref().map_or(0, |sorter| sorter.moved);
    for (row, line) in sorter.into_iter().flat_map(Sorter::rest) {
        parser.pass(&row, line, sink)?;
    }
    parser.line = last_line;
    let (expected, found) = (outcome.first_line + outcome.rows, last_line + 1);
    if found > expected {
        let empty = found - expected;
        let [lines, were] = if empty == 1 { ["line", "was"] } else { ["lines", "were"] };
        outcome.notes.push(format!("{empty} empty {lines} between its rows {were} passed over"));
    }
    if found != expected || moved > 0 {
        outcome.first_line = 0;
    }
    if moved > 0 {
        let were = if moved == 1 { "row was" } else { "rows were" };
        outcome.notes.push(format!("{moved} {were} out of order and sorted by time"));
    }
    if parser.rounded > 0 {
        outcome.notes.push(format!(
            "{} values had more than {SHARE_DECIMALS} decimals and were rounded half to even",
            parser.rounded
        ));
    }
    outcome.notes.extend(reader.get_ref().notes());
    if outcome.rows == 0 {
        return Err(Stop::Refused(
            "no rows: the csv is empty or holds a header only; download it again or remove it"
                .to_owned(),
        ));
    }
    let maybe_cut = reader.get_ref().unended > 0 && !parser.ends_with_a_check();
    outcome.maybe_cut_line = maybe_cut.then_some(parser.line);
    Ok(outcome)
}

/// How a time is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Millis,
    Micros,
    Text,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Millis => "milliseconds",
            Unit::Micros => "microseconds",
            Unit::Text => "words (2026-02-01 00:00:00)",
        }
    }
}

struct Parser<'a> {
    series: &'a SeriesId,
    decimals: Decimals,
    needed: Decimals,
    layout: Option<Layout>,
    previous: Option<Row>,
    line: u64,
    /// Of the times so far.
    unit: Option<Unit>,
    /// Values that were rounded.
    rounded: u64,
}

impl Parser<'_> {
    fn at(&self, reason: impl std::fmt::Display) -> Stop {
        Stop::Refused(format!("line {}: {reason}", self.line))
    }

    fn at_column(&self, column: &str, text: &[u8], reason: &str) -> Stop {
        let text = String::from_utf8_lossy(text);
        self.at(format!("column '{column}': {text:?} {reason}"))
    }

    fn ends_with_a_check(&self) -> bool {
        self.layout.as_ref().is_some_and(|layout| layout.ends_with_a_check)
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
        Ok(Some(row))
    }

    /// Hands a row on, if it may follow the one before.
    fn pass(
        &mut self,
        row: &Row,
        line: u64,
        sink: &mut dyn FnMut(&Row) -> Result<(), String>,
    ) -> Result<(), Stop> {
        self.line = line;
        order::check(self.series.kind, self.previous.as_ref(), row)
            .map_err(|reason| self.at(reason))?;
        self.previous = Some(*row);
        sink(row).map_err(Stop::Refused)
    }

    fn first_line(&self, fields: &ByteRecord) -> Result<(Layout, bool), Stop> {
        let kind = self.series.kind;
        if [&[0xFF, 0xFE][..], &[0xFE, 0xFF]].iter().any(|mark| fields[0].starts_with(mark)) {
            return Err(self.at("is UTF-16; write the file as UTF-8"));
        }
        if fields.len() == 1 && fields[0].contains(&b';') {
            return Err(self.at("has semicolons between its columns; write commas"));
        }
        let is_name = |field: &[u8]| field.first().is_some_and(u8::is_ascii_alphabetic);
        let is_header = is_name(&fields[0]);
        if fields[0].is_empty() && fields.get(1).is_some_and(is_name) {
            return Err(self.at(
                "the first column has no name: a table's index was written with it (pandas); write the file with index=False",
            ));
        }
        if is_header {
            let names: Vec<String> =
                fields.iter().map(|f| String::from_utf8_lossy(f).trim().to_owned()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return Ok((Layout::new(kind, &names).map_err(Stop::Refused)?, true));
        }
        let names = standard(kind);
        // Klines without header come in full or cut after the volume (mark prices: after the close).
        let short = columns(kind).len();
        let fits = fields.len() == names.len() || (kind.is_bars() && fields.len() == short);
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
                Role::Time if i == 0 => self.row_time(name, text)?,
                Role::Time => self.time(name, text)?.0,
                Role::Plain if name == "is_buyer_maker" => match text {
                    b"true" | b"True" | b"TRUE" => 1,
                    b"false" | b"False" | b"FALSE" => 0,
                    _ => {
                        let reason = format!("is neither true nor false; {REMEDY}");
                        return Err(self.at_column(name, text, &reason));
                    }
                },
                Role::Plain => match decimal::parse(text) {
                    Some((value, 0)) if value >= 0 => value,
                    _ => {
                        let reason = format!("is not a whole number; {REMEDY}");
                        return Err(self.at_column(name, text, &reason));
                    }
                },
                Role::Price | Role::Qty => self.decimal(name, role, text)?,
                Role::Share => self.share(name, text)?,
            };
        }
        if let (Some(at), Some(interval)) = (layout.close_time, self.series.interval) {
            self.check_close_time(&fields[at], row[0], interval)?;
        }
        if let (Some(at), Some(interval)) = (layout.fields[0], self.series.interval) {
            self.check_open_time(&fields[at], row[0], interval)?;
        }
        if let Some([first, last]) = layout.ids.map(|at| at.map(|at| &fields[at]))
            && (first.len(), first) > (last.len(), last)
        {
            let reason = format!(
                "is above 'last_trade_id', which is {}; the file is damaged, download it again",
                String::from_utf8_lossy(last)
            );
            return Err(self.at_column("first_trade_id", first, &reason));
        }
        // With more decimals to come the row is read again.
        let unread = if self.needed == self.decimals { &layout.unread[..] } else { &[] };
        for &(at, name, unread) in unread {
            if let Some(problem) = unread.problem(&fields[at], row[5], self.decimals) {
                return Err(self.at_column(name, &fields[at], problem));
            }
        }
        if let Some(at) = layout.symbol
            && &fields[at] != self.series.symbol.as_str().as_bytes()
        {
            let reason = format!(
                "is not {}, the symbol of the file's name; if the symbol was renamed here, split the \
                 file at this line and name each part after its own symbol",
                self.series.symbol
            );
            return Err(self.at_column("symbol", &fields[at], &reason));
        }
        Ok(row)
    }

    /// The time of a row. Its unit is that of the rows before: a change of it is a seam between two files.
    fn row_time(&mut self, name: &str, text: &[u8]) -> Result<i64, Stop> {
        let (us, unit) = self.time(name, text)?;
        let first = *self.unit.get_or_insert(unit);
        if first == unit {
            return Ok(us);
        }
        let reason = format!(
            "is in {}, and the rows before it are in {}; two files were joined here: write all times in one \
             unit, or import each part as a file of its own",
            unit.name(),
            first.name()
        );
        Err(self.at_column(name, text, &reason))
    }

    /// Milliseconds or microseconds, told apart by their size, or a text.
    fn time(&self, name: &str, text: &[u8]) -> Result<(i64, Unit), Stop> {
        const NONE: &str = "is no time in milliseconds or microseconds";
        let wrong = |reason: String| Err(self.at_column(name, text, &reason));
        let (us, unit) = match decimal::parse(text) {
            Some((ms, 0)) if (100_000_000_000..10_000_000_000_000).contains(&ms) => {
                (ms * 1_000, Unit::Millis)
            }
            Some((us, 0)) if (100_000_000_000_000..10_000_000_000_000_000).contains(&us) => {
                (us, Unit::Micros)
            }
            Some((s, 0)) if (1_000_000_000..10_000_000_000).contains(&s) => {
                return wrong(format!(
                    "{NONE}: it looks like seconds; multiply by 1000 in the whole file"
                ));
            }
            Some((ns, 0)) if ns >= 100_000_000_000_000_000 => {
                return wrong(format!(
                    "{NONE}: it looks like nanoseconds; divide by 1000 in the whole file"
                ));
            }
            _ if text == name.as_bytes() => {
                return Err(
                    self.at("the header row again; two files were joined here: take it out")
                );
            }
            _ => match text_time::parse(text) {
                Some(us) => (us, Unit::Text),
                None => return wrong(format!("{NONE}; {REMEDY}")),
            },
        };
        if MARKET_TIMES_US.contains(&us) {
            return Ok((us, unit));
        }
        let year = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default().format("%Y");
        let reason = format!(
            "is a time of the year {year}, in which there is no market; correct it, or its unit \
             (milliseconds or microseconds)"
        );
        Err(self.at_column(name, text, &reason))
    }

    /// Binance's bars open at whole multiples of their length; those of days and more at midnight, those of
    /// months on the first.
    fn check_open_time(&self, text: &[u8], open_us: i64, interval: Interval) -> Result<(), Stop> {
        if interval.may_open(open_us) {
            return Ok(());
        }
        let reason = format!(
            "is {}, at which no whole {interval} begins; the file is damaged, download it again",
            iso(open_us)
        );
        Err(self.at_column("open_time", text, &reason))
    }

    fn decimal(&mut self, name: &str, role: Role, text: &[u8]) -> Result<i64, Stop> {
        let Some((mantissa, decimals)) = decimal::parse(text) else {
            return Err(self.at_column(
                name,
                text,
                &format!("is not a plain decimal number of at most 18 digits; {REMEDY}"),
            ));
        };
        let is_rate = matches!(self.series.kind, Kind::FundingRate | Kind::PremiumIndexKlines);
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
            if decimals > decimal::PUBLISHED_MAX {
                return Err(self.at_column(name, text, decimal::TOO_FINE));
            }
            *needed = (*needed).max(decimals);
            return Ok(mantissa);
        }
        let scaled = decimal::pow10(scale - decimals).and_then(|p| mantissa.checked_mul(p));
        scaled.ok_or_else(|| {
            let reason = format!("does not fit 64 bits with the file's {scale} decimals");
            self.at_column(name, text, &reason)
        })
    }

    /// A figure on the fixed grid; only metrics leave fields empty.
    fn share(&mut self, name: &str, text: &[u8]) -> Result<i64, Stop> {
        if text.is_empty() && self.series.kind == Kind::Metrics {
            return Ok(BLANK);
        }
        let Some((value, is_rounded)) = decimal::rounded(text, SHARE_DECIMALS) else {
            let reason = format!("is not a plain decimal number; {REMEDY}");
            return Err(self.at_column(name, text, &reason));
        };
        // `bookDepth` tells the side by the sign of its percentage.
        if value < 0 && name != "percentage" {
            let reason = "is below zero; the file is damaged, download it again";
            return Err(self.at_column(name, text, reason));
        }
        self.rounded += u64::from(is_rounded);
        Ok(value)
    }

    fn check_close_time(&self, text: &[u8], open_us: i64, interval: Interval) -> Result<(), Stop> {
        let (close_us, _) = self.time("close_time", text)?;
        // The last unit before the next bar: 999 ms or 999,999 us.
        let short_us = interval.closes(open_us) - close_us;
        if short_us == 1_000 || short_us == 1 {
            return Ok(());
        }
        let reason = format!(
            "is not the end of a bar of {interval} that opened at {}; the line is cut, or the interval \
             of the file's name is wrong",
            iso(open_us)
        );
        Err(self.at_column("close_time", text, &reason))
    }
}

/// Microseconds as ISO-8601.
pub(crate) fn iso(us: i64) -> engine::Nanos {
    engine::Nanos::from_micros(us)
}
