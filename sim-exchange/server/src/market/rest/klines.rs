//! The five kinds of klines.

use binance_wire::{KlineRow, Num};
use rust_decimal::Decimal;
use sim_exchange::wire::VenueError;

use super::{Asked, reply, window};
use crate::http::{Failure, Params, Reply};
use crate::market::interval::Interval;
use crate::market::klines::{Kline, Klines};
use crate::market::symbol::{PREMIUM_DECIMALS, SymbolView};

const LIMIT_MAX: usize = 1_500;

pub(super) fn weight(params: &Params<'_>) -> u32 {
    match params.int("limit").ok().flatten().unwrap_or(500) {
        ..100 => 1,
        100..500 => 2,
        500..=1_000 => 5,
        _ => 10,
    }
}

fn rows(
    asked: &Asked<'_>,
    klines: &Klines,
    row: impl Fn(Interval, &Kline) -> KlineRow,
) -> Result<Reply, Failure> {
    let interval = Interval::parse(asked.params.need("interval")?);
    let interval = interval.ok_or_else(|| Failure::of(VenueError::InvalidInterval))?;
    let (limit, span) = (asked.params.limit(500, LIMIT_MAX)?, asked.span()?);
    let found = window(klines.all(interval), |kline| kline.open_time, span, limit);
    reply(&found.iter().map(|kline| row(interval, kline)).collect::<Vec<_>>())
}

fn of_trades(asked: &Asked<'_>, view: &SymbolView) -> Result<Reply, Failure> {
    let grid = &view.grid;
    rows(asked, &view.klines, |interval, kline| {
        KlineRow(
            kline.open_time,
            grid.price(kline.open),
            grid.price(kline.high),
            grid.price(kline.low),
            grid.price(kline.close),
            grid.qty(kline.volume),
            interval.next_open(kline.open_time) - 1,
            grid.quote(kline.quote),
            kline.count,
            grid.qty(kline.taker_buy),
            grid.quote(kline.taker_buy_quote),
            Num::ZERO,
        )
    })
}

/// Samples of a price with eight decimals; `decimals` are those of its integers.
fn of_samples(asked: &Asked<'_>, klines: &Klines, decimals: u32) -> Result<Reply, Failure> {
    let price = |price: i64| Num::cut(Decimal::new(price, decimals), 8);
    rows(asked, klines, |interval, kline| {
        KlineRow(
            kline.open_time,
            price(kline.open),
            price(kline.high),
            price(kline.low),
            price(kline.close),
            Num::ZERO,
            interval.next_open(kline.open_time) - 1,
            Num::ZERO,
            kline.count,
            Num::ZERO,
            Num::ZERO,
            Num::ZERO,
        )
    })
}

pub(super) fn klines(asked: &Asked<'_>) -> Result<Reply, Failure> {
    of_trades(asked, asked.symbol()?)
}

pub(super) fn continuous(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.named("pair")?;
    match asked.params.need("contractType")? {
        "PERPETUAL" => of_trades(asked, view),
        // No dated contract is traded here, and no tradfi one.
        "CURRENT_QUARTER" | "NEXT_QUARTER" | "TRADIFI_PERPETUAL" => reply::<[KlineRow; 0]>(&[]),
        _ => Err(VenueError::InvalidParameter.naming(&[&"contractType"]).into()),
    }
}

pub(super) fn mark(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    of_samples(asked, &view.mark_klines, view.grid.price_decimals)
}

/// Where the market tells no index, the mark stands in for it, as everywhere.
pub(super) fn index(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.named("pair")?;
    let told = view.index_price.is_some();
    let klines = if told { &view.index_klines } else { &view.mark_klines };
    of_samples(asked, klines, view.grid.price_decimals)
}

pub(super) fn premium(asked: &Asked<'_>) -> Result<Reply, Failure> {
    of_samples(asked, &asked.symbol()?.premium_klines, PREMIUM_DECIMALS)
}
