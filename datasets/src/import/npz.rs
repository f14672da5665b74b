//! Event arrays of hftbacktest 2: rows of 64 bytes with flags, two times, price and quantity as floats.
//!
//! A row may stand twice, once in the exchange's order and once in the recorder's: the exchange's counts.
//! Its floats come from decimals, and the shortest decimal that gives the float is the one it came from.

use std::io::BufRead;

use engine::Symbol;

use super::book::Number;
use super::clocks::{LocalTimes, exchange_us};
use super::csv_rows::Stop;
use super::left_out::LeftOut;
use super::npy::Npy;
use super::tapes::{Draft, Tapes};
use crate::decimal::{self, pow10};
use crate::kind::Kind;
use crate::rows::{SELL, SNAPSHOT};

const IS_EXCHANGE: u64 = 1 << 31;
const IS_BUY: u64 = 1 << 29;
const IS_SELL: u64 = 1 << 28;
const DEPTH_EVENT: u64 = 1;
const TRADE_EVENT: u64 = 2;
const CLEAR_EVENT: u64 = 3;
const SNAPSHOT_EVENT: u64 = 4;
const BUY: i64 = 0;
/// Rows after which open files may have to be relieved.
const SPILL_ROWS: u64 = 1 << 16;

/// Reads all events of `input` into `tapes`, and answers with what is to be noted.
pub(super) fn read(
    mut input: &mut dyn BufRead,
    named: Option<Symbol>,
    tapes: &mut Tapes<'_>,
) -> Result<Vec<String>, Stop> {
    let Some(symbol) = named else {
        return Err(Stop::Refused(
            "the array tells no symbol, and the file's name begins with no symbol of a contract; name it after \
             its own, such as btcusdt_20240808.npz"
                .to_owned(),
        ));
    };
    let mut array = Npy::open(&mut input)?;
    let names =
        [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8")];
    let mut places = [0; 5];
    for (place, (name, form)) in places.iter_mut().zip(names) {
        *place = array.column(name, form)?;
    }
    let mut events = Events {
        symbol,
        tapes,
        row: 0,
        price_decimals: 0,
        qty_decimals: 0,
        trades: 0,
        message: None,
        block: None,
        clears: 0,
        copies: 0,
        noisy: 0,
        times: LocalTimes::default(),
        left_out: LeftOut::default(),
    };
    while let Some(row) = array.next()? {
        let word = |place: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&row[place..place + 8]);
            u64::from_le_bytes(bytes)
        };
        let [event, exchange, local, price, qty] = places.map(word);
        events.event(&Event {
            flags: event,
            exchange_ns: exchange.cast_signed(),
            local_ns: local.cast_signed(),
            price: f64::from_bits(price),
            qty: f64::from_bits(qty),
        })?;
        if events.row.is_multiple_of(SPILL_ROWS) {
            events.tapes.spill()?;
        }
    }
    events.finish()
}

/// One row.
struct Event {
    flags: u64,
    exchange_ns: i64,
    local_ns: i64,
    price: f64,
    qty: f64,
}

/// The message that the last change belongs to: changes of one instant, each of another level.
struct Changes {
    at_ns: i64,
    id: i64,
    previous: i64,
    last: (i64, Number),
}

/// A snapshot under way: all clears and levels of one instant that follow each other.
#[derive(Default)]
struct Block {
    at_ns: i64,
    id: i64,
    levels: u64,
    cleared: [bool; 2],
    bid: Option<f64>,
    ask: Option<f64>,
}

struct Events<'r, 't> {
    symbol: Symbol,
    tapes: &'r mut Tapes<'t>,
    row: u64,
    price_decimals: u32,
    qty_decimals: u32,
    trades: i64,
    message: Option<Changes>,
    block: Option<Block>,
    /// Snapshots that clear a part of the book.
    clears: u64,
    copies: u64,
    /// Floats beside the decimals that they stand for.
    noisy: u64,
    times: LocalTimes,
    left_out: LeftOut,
}

impl Events<'_, '_> {
    fn at(&self, reason: impl std::fmt::Display) -> Stop {
        Stop::Refused(format!("row {}: {reason}", self.row))
    }

    fn event(&mut self, event: &Event) -> Result<(), Stop> {
        self.row += 1;
        if event.flags & IS_EXCHANGE == 0 {
            self.copies += 1;
            return Ok(());
        }
        let kind = event.flags & 0xFF;
        if !matches!(kind, CLEAR_EVENT | SNAPSHOT_EVENT) {
            self.end_block()?;
        }
        match kind {
            DEPTH_EVENT => self.change(event),
            TRADE_EVENT => self.trade(event),
            CLEAR_EVENT | SNAPSHOT_EVENT => self.snapshot(event, kind == CLEAR_EVENT),
            other => {
                self.left_out.message(&format!("event {other}"));
                Ok(())
            }
        }
    }

    fn side(&self, event: &Event) -> Result<i64, Stop> {
        match (event.flags & IS_BUY != 0, event.flags & IS_SELL != 0) {
            (true, false) => Ok(BUY),
            (false, true) => Ok(SELL),
            _ => {
                Err(self.at("column 'ev': neither a buy nor a sell, or both; the array is damaged"))
            }
        }
    }

    /// Both times in microseconds.
    fn times(&mut self, event: &Event) -> Result<(i64, i64), Stop> {
        if event.exchange_ns == 0 {
            return Err(self.at(
                "column 'exch_ts': 0 is no time: a snapshot of hftbacktest's own making (of the end of a day) \
                 tells none; leave the file out, a recording's own snapshots say when they were",
            ));
        }
        let exchange_us = self.time("exch_ts", event.exchange_ns)?;
        // Zero where nobody recorded it.
        if event.local_ns == 0 {
            return Ok((exchange_us, 0));
        }
        let local_us = self.time("local_ts", event.local_ns)?;
        self.times.compare(exchange_us, local_us);
        Ok((exchange_us, local_us))
    }

    fn time(&mut self, name: &str, ns: i64) -> Result<i64, Stop> {
        let us = match ns {
            100_000_000_000_000_000.. => exchange_us(self.times.cut(ns)),
            _ => Err(format!("{ns} is no time in nanoseconds")),
        };
        us.map_err(|reason| self.at(format!("column '{name}': {reason}; the array is damaged")))
    }

    fn numbers(&mut self, event: &Event) -> Result<[Number; 2], Stop> {
        let wrong = |name: &str, value: f64, wanted: &str| {
            // A float may have three hundred digits before its point.
            let value = if value.abs() < 1e18 { value.to_string() } else { format!("{value:e}") };
            self.at(format!("column '{name}': {value} is not {wanted}; the array is damaged"))
        };
        let price = exact_price(event.price, self.price_decimals)
            .filter(|(value, _)| *value > 0)
            .ok_or_else(|| wrong("px", event.price, "a price above zero"))?;
        let qty = exact(event.qty, self.qty_decimals)
            .filter(|(value, _)| *value >= 0)
            .ok_or_else(|| wrong("qty", event.qty, "a quantity from zero up"))?;
        self.noisy += u64::from(is_noisy(event.price, price));
        self.price_decimals = self.price_decimals.max(price.1);
        self.qty_decimals = self.qty_decimals.max(qty.1);
        Ok([price, qty])
    }

    fn push(&mut self, kind: Kind, draft: Draft) -> Result<(), Stop> {
        let row = self.row;
        self.tapes.of(kind, self.symbol).push(&draft, row)
    }

    fn trade(&mut self, event: &Event) -> Result<(), Stop> {
        let (time_us, local_us) = self.times(event)?;
        let [price, qty] = self.numbers(event)?;
        // Who buys is the taker; the side of a trade is his.
        let buyer_is_maker = self.side(event)? == SELL;
        self.trades += 1;
        let [time, id, maker, local] =
            [time_us, self.trades, i64::from(buyer_is_maker), local_us].map(|value| (value, 0));
        self.push(Kind::Trades, [time, id, price, qty, maker, local, (0, 0), (0, 0)])
    }

    fn level(
        &mut self,
        [time_us, id, previous, side, local_us]: [i64; 5],
        [price, qty]: [Number; 2],
    ) -> Result<(), Stop> {
        let [time, id, previous, side, local] =
            [time_us, id, previous, side, local_us].map(|value| (value, 0));
        self.push(Kind::Depth, [time, id, previous, side, price, qty, local, (0, 0)])
    }

    fn change(&mut self, event: &Event) -> Result<(), Stop> {
        let (time_us, local_us) = self.times(event)?;
        let numbers = self.numbers(event)?;
        let last = (self.side(event)?, numbers[0]);
        let at_ns = event.exchange_ns;
        // The array has no ids: a message is named by its time, and follows the one before.
        let message = match &mut self.message {
            Some(message) if message.at_ns == at_ns && message.last != last => {
                message.last = last;
                message
            }
            other => {
                let previous = other.as_ref().map_or(at_ns - 1, |message| message.id);
                other.insert(Changes { at_ns, id: at_ns.max(previous + 1), previous, last })
            }
        };
        let row = [time_us, message.id, message.previous, last.0, local_us];
        self.level(row, numbers)
    }

    fn snapshot(&mut self, event: &Event, is_clear: bool) -> Result<(), Stop> {
        let (time_us, local_us) = self.times(event)?;
        let side = self.side(event)?;
        let at_ns = event.exchange_ns;
        if self.block.as_ref().is_none_or(|block| block.at_ns != at_ns) {
            self.end_block()?;
            let before = self.message.as_ref().map_or(0, |message| message.id);
            let id = at_ns.max(before + 1);
            self.message = Some(Changes { at_ns, id, previous: id - 1, last: (SNAPSHOT, (0, 0)) });
            self.block = Some(Block { at_ns, id, ..Block::default() });
            self.level([time_us, id, 0, SNAPSHOT, local_us], [(0, 0); 2])?;
        }
        let Some(block) = &mut self.block else {
            return Ok(());
        };
        if is_clear {
            block.cleared[usize::from(side == SELL)] = true;
            return Ok(());
        }
        block.levels += 1;
        if side == BUY {
            block.bid = Some(block.bid.map_or(event.price, |best| best.max(event.price)));
        } else {
            block.ask = Some(block.ask.map_or(event.price, |best| best.min(event.price)));
        }
        let id = block.id;
        let numbers = self.numbers(event)?;
        self.level([time_us, id, 0, side, local_us], numbers)
    }

    fn end_block(&mut self) -> Result<(), Stop> {
        let Some(block) = self.block.take() else {
            return Ok(());
        };
        let ends = "the snapshot that ends before this row";
        if block.bid.zip(block.ask).is_some_and(|(bid, ask)| bid >= ask) {
            return Err(self.at(format!("{ends} is crossed ('px'); take it out of the array")));
        }
        if block.levels == 0 && block.cleared != [true; 2] {
            return Err(self.at(format!(
                "{ends} clears one side ('ev') and brings no levels, which no series here can tell; \
                 take it out of the array, or clear both sides"
            )));
        }
        self.clears += u64::from(block.levels > 0 && block.cleared != [false; 2]);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<String>, Stop> {
        self.row += 1;
        self.end_block()?;
        let said = |count: u64, text: &str| (count > 0).then(|| format!("{count} {text}"));
        let trades = self.trades.unsigned_abs();
        let notes = [
            said(
                self.noisy,
                "prices were products of floats, a last bit beside a decimal (99.80000000000001), and count as that decimal",
            ),
            said(trades, "trades have no ids in such an array: they were numbered from 1"),
            said(
                self.copies,
                "rows are but copies in the order of their arrival (not flagged as the exchange's), and \
                 were passed over",
            ),
            said(
                self.clears,
                "snapshots clear the book as far as they reach; here a snapshot is the whole book, and \
                 levels beyond it are forgotten",
            ),
        ];
        let mut notes: Vec<String> = notes.into_iter().flatten().collect();
        notes.extend(self.left_out.notes());
        notes.extend(self.times.notes());
        Ok(notes)
    }
}

/// The shortest decimal that gives `value`, as mantissa and decimals. `hint` are decimals that values
/// nearby need.
fn exact(value: f64, hint: u32) -> Option<Number> {
    // A decimal of at most 15 digits gives a float that no other such decimal gives. The cast cuts, and
    // what it makes of no number or of one below zero does not give the float again.
    const DIGITS_15: i64 = 1_000_000_000_000_000;
    let unit = pow10(hint.min(15))? as f64;
    let wide = (value * unit + 0.5) as i64;
    if wide < DIGITS_15 && wide as f64 / unit == value {
        let (mut mantissa, mut decimals) = (wide, hint.min(15));
        while decimals > 0 && mantissa % 10 == 0 {
            (mantissa, decimals) = (mantissa / 10, decimals - 1);
        }
        return Some((mantissa, decimals));
    }
    decimal::parse(value.to_string().as_bytes())
}

/// A price, which may be the product of ticks and their size as floats: hftbacktest makes its snapshots so.
fn exact_price(value: f64, hint: u32) -> Option<Number> {
    let (mantissa, decimals) = exact(value, hint)?;
    if decimals <= decimal::PUBLISHED_MAX {
        return Some((mantissa, decimals));
    }
    // Such a product misses its decimal by a last bit or two.
    let nearest = (0..=decimal::PUBLISHED_MAX).find_map(|decimals| {
        let unit = pow10(decimals)? as f64;
        let wide = (value * unit).round();
        let beside = (wide / unit - value).abs() <= FLOAT_BITS * f64::EPSILON * value.abs();
        (beside && wide < 1e15).then_some((wide as i64, decimals))
    });
    Some(nearest.unwrap_or((mantissa, decimals)))
}

/// So many last bits of a float a product may be wrong by.
const FLOAT_BITS: f64 = 2.0;

/// Whether a float is not the decimal that it was read as.
fn is_noisy(value: f64, (mantissa, decimals): Number) -> bool {
    pow10(decimals).is_some_and(|unit| mantissa as f64 / unit as f64 != value)
}

#[cfg(test)]
mod tests {
    use super::{exact, exact_price};

    #[test]
    fn a_price_may_be_a_product_of_floats() {
        assert_eq!(exact_price(998.0 * 0.1, 1), Some((998, 1)));
        assert_eq!(exact_price(0.1 + 0.2, 8), Some((3, 1)));
        assert_eq!(exact_price(0.300_000_001, 2), Some((300_000_001, 9)));
        assert_eq!(exact_price(f64::NAN, 2), None);
    }

    #[test]
    fn floats_are_the_decimals_they_came_from() {
        for hint in [0, 1, 3, 8, 18] {
            for (value, expected) in [
                (60_000.1, (600_001, 1)),
                (0.1 + 0.2, (30_000_000_000_000_004, 17)),
                (0.001, (1, 3)),
                (0.0, (0, 0)),
                (12_345_678.912, (12_345_678_912, 3)),
                (1e-7, (1, 7)),
                (0.00012, (12, 5)),
                (1e15, (1_000_000_000_000_000, 0)),
            ] {
                assert_eq!(exact(value, hint), Some(expected), "{value} with {hint}");
            }
        }
        for wrong in [f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert_eq!(exact(wrong, 2), None);
        }
    }
}
