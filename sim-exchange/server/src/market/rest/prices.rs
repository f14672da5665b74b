//! Marks, funding and tickers.

use binance_wire::{DayTicker, FundingInfoRow, FundingRateRow, Money, PremiumIndex, PriceTicker};

use super::{Asked, reply, window};
use crate::http::{Failure, Reply};
use crate::market::events;
use crate::market::symbol::SymbolView;

/// Before the first price the mark is zero: there is no row in a list.
pub(super) fn premium_index(asked: &Asked<'_>) -> Result<Reply, Failure> {
    asked.one_or_all(|view| {
        let mark = view.grid.price_value(view.mark?);
        let index = Money::new(view.grid.price_value(view.index_or_mark()?));
        Some(PremiumIndex {
            symbol: view.name.clone(),
            mark_price: Money::new(mark),
            index_price: index,
            estimated_settle_price: index,
            last_funding_rate: Money::new(view.outlook.last_rate),
            interest_rate: Money::new(view.terms.interest_8h),
            next_funding_time: view.outlook.next_time.millis(),
            time: asked.now,
        })
    })
}

pub(super) fn funding_rate(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let span = asked.span()?;
    // Without times and a limit Binance answers 200, and not the 100 of its page.
    let default = if span == (None, None) { 200 } else { 100 };
    let limit = asked.params.limit(default, 1_000)?;
    let of = |view: &SymbolView| -> Vec<FundingRateRow> {
        let settled = asked.exchange.settled_funding(view.index);
        settled
            .map(|settled| FundingRateRow {
                symbol: view.name.clone(),
                funding_rate: Money::new(settled.rate),
                funding_time: settled.time.millis(),
                mark_price: Money::new(view.grid.price_value(settled.mark.0)),
                rate_type: Some("Regular".into()),
            })
            .collect()
    };
    let mut rows = match asked.params.get("symbol") {
        Some(_) => of(asked.symbol()?),
        None => asked.view.symbols().flat_map(of).collect(),
    };
    rows.sort_by_key(|row| row.funding_time);
    reply(&window(rows.into_iter(), |row| row.funding_time, span, limit))
}

/// A row for each symbol, all of them with their defaults.
pub(super) fn funding_info(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let rows = asked.view.symbols().map(|view| FundingInfoRow {
        symbol: view.name.clone(),
        adjusted_funding_rate_cap: Money::new(view.terms.cap),
        adjusted_funding_rate_floor: Money::new(view.terms.floor),
        funding_interval_hours: view.terms.interval.hours(),
        disclaimer: true,
        update_time: None,
    });
    reply(&rows.collect::<Vec<_>>())
}

pub(super) fn day_ticker(asked: &Asked<'_>) -> Result<Reply, Failure> {
    asked.one_or_all(|view| {
        let day = events::day(view, asked.now)?;
        let grid = &view.grid;
        Some(DayTicker {
            symbol: view.name.clone(),
            price_change: grid.price(day.change),
            price_change_percent: day.change_percent,
            weighted_avg_price: grid.precision.price(day.average),
            last_price: grid.price(day.last),
            last_qty: grid.qty(day.last_qty),
            open_price: grid.price(day.kline.open),
            high_price: grid.price(day.kline.high),
            low_price: grid.price(day.kline.low),
            volume: grid.qty(day.kline.volume),
            quote_volume: grid.quote(day.kline.quote),
            open_time: day.kline.open_time,
            close_time: asked.now,
            first_id: events::id(day.kline.first_id),
            last_id: events::id(day.kline.last_id),
            count: day.kline.count,
        })
    })
}

pub(super) fn price(asked: &Asked<'_>) -> Result<Reply, Failure> {
    asked.one_or_all(|view| {
        let (price, time) = view.last?;
        Some(PriceTicker { symbol: view.name.clone(), price: view.grid.price(price), time })
    })
}
