//! `trades`, `historicalTrades` and `aggTrades`.

use binance_wire::{AggTradeRow, TradeRow};
use sim_exchange::wire::VenueError;

use super::{Asked, reply, window};
use crate::http::{Failure, Reply};
use crate::market::symbol::SymbolView;
use crate::market::trades::Tick;

const HOUR_MS: i64 = 3_600_000;

fn row(view: &SymbolView, tick: &Tick) -> TradeRow {
    TradeRow {
        id: tick.id,
        price: view.grid.price(tick.price),
        qty: view.grid.qty(tick.qty),
        quote_qty: view.grid.quote(i128::from(tick.price) * i128::from(tick.qty)),
        time: tick.time,
        is_buyer_maker: tick.buyer_is_maker,
        is_rpi_trade: false,
    }
}

pub(super) fn trades(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    let limit = asked.params.limit(500, 1_000)?;
    let all = view.trades.trades();
    let rows = all.range(all.len().saturating_sub(limit)..).map(|tick| row(view, tick));
    reply(&rows.collect::<Vec<_>>())
}

pub(super) fn historical_trades(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    let limit = asked.params.limit(100, 500)?;
    let all = view.trades.trades();
    let first = match asked.params.int("fromId")? {
        Some(from) => all.partition_point(|tick| (tick.id as i64) < from),
        None => all.len().saturating_sub(limit),
    };
    let rows = all.range(first..).take(limit).map(|tick| row(view, tick));
    reply(&rows.collect::<Vec<_>>())
}

pub(super) fn agg_trades(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    let limit = asked.params.limit(500, 1_000)?;
    let (from, span) = (asked.params.int("fromId")?, asked.span()?);
    if from.is_some() && span != (None, None) {
        return Err(VenueError::BadCombination.into());
    }
    if let (Some(start), Some(end)) = span
        && end - start >= HOUR_MS
    {
        return Err(VenueError::MoreThanHours.naming(&[&1]).into());
    }
    let all = view.trades.aggregates();
    let first = from.map_or(0, |from| all.partition_point(|agg| (agg.id as i64) < from));
    let rows = all.range(first..);
    let rows: Vec<_> = match from {
        Some(_) => rows.take(limit).collect(),
        None => window(rows, |agg| agg.time, span, limit),
    };
    let rows = rows.into_iter().map(|agg| {
        let qty = view.grid.qty(agg.qty);
        AggTradeRow {
            id: agg.id,
            price: view.grid.price(agg.price),
            qty,
            normal_qty: Some(qty),
            first_id: agg.first_id,
            last_id: agg.last_id,
            time: agg.time,
            is_buyer_maker: agg.buyer_is_maker,
        }
    });
    reply(&rows.collect::<Vec<_>>())
}
