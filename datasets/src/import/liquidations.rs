//! Lists of liquidation orders of all symbols, as recorders of the all-market stream write them: csv
//! without a header, and symbols without `USDT` at their end.

use std::collections::BTreeSet;
use std::io::BufRead;

use super::clocks::exchange_us;
use super::csv_rows::Stop;
use super::left_out::LeftOut;
use super::tapes::Tapes;
use super::text_lines::TextLines;
use crate::decimal;
use crate::kind::Kind;
use crate::rows::SELL;

/// The columns of a line.
const COLUMNS: [&str; 12] = [
    "symbol",
    "side",
    "order_type",
    "time_in_force",
    "original_quantity",
    "price",
    "average_price",
    "order_status",
    "last_filled_quantity",
    "accumulated_quantity",
    "trade_time",
    "usd_size",
];
/// Quote assets that such recorders leave in place.
const OTHER_QUOTES: [&str; 3] = ["USDT", "USDC", "BUSD"];

/// One line, by its columns.
struct Line<'a> {
    number: u64,
    fields: [&'a str; COLUMNS.len()],
}

impl Line<'_> {
    fn at(&self, column: usize, reason: impl std::fmt::Display) -> Stop {
        let (name, text) = (COLUMNS[column], self.fields[column]);
        Stop::Refused(format!("line {}: column '{name}': {text:?} {reason}", self.number))
    }

    fn decimal(&self, column: usize) -> Result<(i64, u32), Stop> {
        let number =
            decimal::parse(self.fields[column].as_bytes()).filter(|(value, _)| *value >= 0);
        number.ok_or_else(|| {
            self.at(column, "is not a plain decimal number from zero up; correct it")
        })
    }
}

/// Reads all lines of `input` into `tapes`, and answers with what is to be noted.
pub(super) fn read(input: &mut dyn BufRead, tapes: &mut Tapes<'_>) -> Result<Vec<String>, Stop> {
    let mut lines = TextLines::new(input);
    let mut completed = BTreeSet::new();
    let mut left_out = LeftOut::default();
    while let Some((number, text)) = lines.next()? {
        let mut fields = [""; COLUMNS.len()];
        let count = text.split(',').count();
        if count != fields.len() {
            return Err(Stop::Refused(format!(
                "line {number}: {count} columns, and lists of liquidations have {}: {}; the line is cut, \
                 or the file lies in the wrong folder",
                COLUMNS.len(),
                COLUMNS.join(", ")
            )));
        }
        fields.iter_mut().zip(text.split(',')).for_each(|(field, text)| *field = text.trim());
        if number == 1 && fields == COLUMNS {
            continue;
        }
        let line = Line { number, fields };
        let is_whole =
            OTHER_QUOTES.iter().any(|quote| fields[0].ends_with(quote)) || fields[0].contains('_');
        let suffix = if is_whole { "" } else { "USDT" };
        let symbol = left_out
            .symbol(&format!("{}{suffix}", fields[0]))
            .map_err(|error| line.at(0, format!("gives no symbol: {error}")))?;
        let Some(symbol) = symbol else { continue };
        if !is_whole {
            completed.insert(symbol);
        }
        let side = match fields[1] {
            "BUY" => 0,
            "SELL" => SELL,
            _ => return Err(line.at(1, "is neither BUY nor SELL; correct it")),
        };
        let time = fields[10]
            .parse()
            .map_err(|_| line.at(10, "is no time in milliseconds; correct it"))?;
        let time_us =
            exchange_us(time).map_err(|reason| line.at(10, format!("is wrong: {reason}")))?;
        let price = line.decimal(5)?;
        if price.0 == 0 {
            return Err(line.at(5, "is not above zero; correct it"));
        }
        let draft = [
            (time_us, 0),
            (side, 0),
            price,
            line.decimal(6)?,
            line.decimal(4)?,
            line.decimal(9)?,
            // When it was recorded, nobody wrote down.
            (0, 0),
            (0, 0),
        ];
        tapes.of(Kind::ForceOrder, symbol).push(&draft, number)?;
    }
    let mut notes: Vec<String> = lines.notes().chain(left_out.notes()).collect();
    if !completed.is_empty() {
        notes.push(format!(
            "{} symbols are written without the asset that they are paid in, which was added: USDT",
            completed.len()
        ));
    }
    Ok(notes)
}
