//! Trades as a table. CSV, Parquet and Python have the same columns, by the same names.

use std::fmt::{Display, Formatter};

use engine::Nanos;
use reports::metrics::to_f64;
use rust_decimal::Decimal;

use super::{ClosedTrade, OpenTrade, RunRecord};
use crate::columns::Cells;

/// What a column holds.
#[derive(Clone, Copy)]
enum Of {
    Count,
    Time,
    Number,
    Word,
    Flag,
}

/// Amounts are in USDT, prices in USDT a unit, the quantity in units of the base asset, excursions are shares of the
/// entry price.
const COLUMNS: [(&str, Of); 24] = [
    ("id", Of::Count),
    ("symbol", Of::Word),
    ("side", Of::Word),
    ("entry_time", Of::Time),
    ("exit_time", Of::Time),
    ("entry_price", Of::Number),
    ("exit_price", Of::Number),
    ("quantity", Of::Number),
    ("pnl", Of::Number),
    ("realized", Of::Number),
    ("fees", Of::Number),
    ("funding", Of::Number),
    ("slippage", Of::Number),
    ("mae", Of::Number),
    ("mfe", Of::Number),
    ("stop_loss", Of::Number),
    ("lowest_price", Of::Number),
    ("highest_price", Of::Number),
    ("leverage", Of::Number),
    ("exit_reason", Of::Word),
    ("source", Of::Word),
    ("liquidated", Of::Flag),
    ("entry_order", Of::Word),
    ("exit_order", Of::Word),
];

/// One value of a row. Its text has every digit, times are ISO-8601.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TradeValue<'r> {
    /// A whole number.
    Count(usize),
    /// By the exchange's clock.
    Time(Nanos),
    /// In USDT, or in units of the base asset.
    Amount(Decimal),
    /// A share of something.
    Share(f64),
    /// A name or a reason.
    Word(&'r str),
    /// Yes or no.
    Flag(bool),
    /// The trade does not have it, or not yet.
    Absent,
}

impl Display for TradeValue<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            TradeValue::Count(value) => value.fmt(to),
            TradeValue::Time(value) => value.fmt(to),
            TradeValue::Amount(value) => value.fmt(to),
            TradeValue::Share(value) => value.fmt(to),
            TradeValue::Word(value) => value.fmt(to),
            TradeValue::Flag(value) => value.fmt(to),
            TradeValue::Absent => Ok(()),
        }
    }
}

/// A row, a value for each of [`trade_columns`].
pub type TradeRow<'r> = [TradeValue<'r>; COLUMNS.len()];

/// Names of the columns, in their order.
pub fn trade_columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().map(|(name, _)| name)
}

/// Trades that ended, by their ends.
pub fn closed_trades<'r>(
    record: &'r RunRecord,
    symbols: &'r [String],
) -> impl Iterator<Item = TradeRow<'r>> {
    record.trades.iter().zip(1..).map(|(trade, id)| closed(id, symbols, trade))
}

/// Trades that are open at the end; their numbers go on from those that ended.
pub fn open_trades<'r>(
    record: &'r RunRecord,
    symbols: &'r [String],
) -> impl Iterator<Item = TradeRow<'r>> {
    record.open.iter().zip(record.trades.len() + 1..).map(|(trade, id)| open(id, symbols, trade))
}

/// What it brought, in USDT: realised profit less fees, and funding.
#[must_use]
pub fn net_of(trade: &ClosedTrade) -> Decimal {
    trade.realized - trade.fees + trade.funding
}

/// Most adverse and most favourable excursion, as shares of the entry price: MAE ≤ 0 ≤ MFE.
#[must_use]
pub fn excursions(trade: &ClosedTrade) -> (f64, f64) {
    let (entry, exit) = (to_f64(trade.entry_price), to_f64(trade.exit_price));
    // A reset takes a position away at no price.
    let exit = if exit > 0.0 { exit } else { entry };
    // Fills beyond the market's prices, as at a bankruptcy price, were seen by the trade alone.
    let highest = trade.highest.map_or(entry, to_f64).max(entry).max(exit);
    let lowest = trade.lowest.map_or(entry, to_f64).min(entry).min(exit);
    match trade.long {
        true => ((lowest - entry) / entry, (highest - entry) / entry),
        false => ((entry - highest) / entry, (entry - lowest) / entry),
    }
}

fn name(symbols: &[String], place: usize) -> TradeValue<'_> {
    symbols.get(place).map_or(TradeValue::Absent, |symbol| TradeValue::Word(symbol))
}

fn side(long: bool) -> TradeValue<'static> {
    TradeValue::Word(if long { "LONG" } else { "SHORT" })
}

fn some(price: Option<Decimal>) -> TradeValue<'static> {
    price.map_or(TradeValue::Absent, TradeValue::Amount)
}

fn closed<'r>(id: usize, symbols: &'r [String], trade: &'r ClosedTrade) -> TradeRow<'r> {
    use TradeValue::{Amount, Count, Flag, Share, Time, Word};
    let (mae, mfe) = excursions(trade);
    [
        Count(id),
        name(symbols, trade.symbol),
        side(trade.long),
        Time(trade.entry_time),
        Time(trade.exit_time),
        Amount(trade.entry_price),
        Amount(trade.exit_price),
        Amount(trade.qty),
        Amount(net_of(trade)),
        Amount(trade.realized),
        Amount(trade.fees),
        Amount(trade.funding),
        Amount(trade.slippage),
        Share(mae),
        Share(mfe),
        some(trade.stop_loss),
        some(trade.lowest),
        some(trade.highest),
        Amount(trade.leverage.into()),
        Word(&trade.exit_reason),
        Word(&trade.source),
        Flag(trade.liquidated),
        Word(&trade.entry_order),
        Word(&trade.exit_order),
    ]
}

fn open<'r>(id: usize, symbols: &'r [String], trade: &'r OpenTrade) -> TradeRow<'r> {
    use TradeValue::{Absent, Amount, Count, Flag, Time};
    [
        Count(id),
        name(symbols, trade.symbol),
        side(trade.long),
        Time(trade.entry_time),
        Absent,
        Amount(trade.entry_price),
        Absent,
        Amount(trade.qty),
        Absent,
        Amount(trade.realized),
        Amount(trade.fees),
        Amount(trade.funding),
        Absent,
        Absent,
        Absent,
        Absent,
        Absent,
        Absent,
        Absent,
        Absent,
        Absent,
        Flag(false),
        Absent,
        Absent,
    ]
}

/// Rows as columns, with their names; amounts become doubles, what is absent or an empty word is null.
pub fn trade_cells<'r>(rows: impl Iterator<Item = TradeRow<'r>>) -> Vec<(String, Cells)> {
    let mut columns = COLUMNS.map(|(_, of)| match of {
        Of::Count => Cells::Ints(Vec::new()),
        Of::Time => Cells::Times(Vec::new()),
        Of::Number => Cells::Floats(Vec::new()),
        Of::Word => Cells::Texts(Vec::new()),
        Of::Flag => Cells::Bools(Vec::new()),
    });
    for row in rows {
        for (cells, value) in columns.iter_mut().zip(row) {
            put(cells, value);
        }
    }
    trade_columns().map(str::to_owned).zip(columns).collect()
}

fn put(cells: &mut Cells, value: TradeValue<'_>) {
    match cells {
        Cells::Ints(all) => {
            all.push(if let TradeValue::Count(count) = value { count as i64 } else { 0 });
        }
        Cells::Bools(all) => all.push(value == TradeValue::Flag(true)),
        Cells::Times(all) => {
            all.push(if let TradeValue::Time(time) = value { Some(time.0) } else { None });
        }
        Cells::Floats(all) => all.push(match value {
            TradeValue::Amount(amount) => Some(to_f64(amount)),
            TradeValue::Share(share) => Some(share),
            _ => None,
        }),
        Cells::Texts(all) => all.push(match value {
            TradeValue::Word(word) if !word.is_empty() => Some(word.to_owned()),
            _ => None,
        }),
        Cells::Lists(_) => {}
    }
}
