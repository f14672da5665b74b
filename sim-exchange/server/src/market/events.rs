//! Events of the market streams, as `binance_wire` has them.

use binance_wire::{
    AggTradeEvent, BookTickerEvent, BracketEvent, ContinuousKlineEvent, ContractInfoEvent,
    ContractType, DepthEvent, Fixed, ForceOrderEvent, ForceOrderRow, JsonNumber, KlineBar,
    KlineEvent, LevelRow, MarkPriceEvent, MarketStreamEvent, MiniTickerEvent, Money, Num,
    OrderStatus, OrderType, SymbolStatus, TickerEvent, TimeInForce, TradeEvent,
};
use engine::{Fill, OrderState, Side};
use rust_decimal::Decimal;
use serde::Serialize;
use sim_exchange::SymbolTrading;

use super::book::Diff;
use super::grid::Grid;
use super::interval::Interval;
use super::klines::Kline;
use super::symbol::SymbolView;
use super::trades::{Aggregate, Tick};

/// When a perpetual contract is delivered: 2100-12-25T08:00:00Z.
pub(crate) const NEVER_DELIVERED: i64 = 4_133_404_800_000;
/// When the first contract of the venue was listed: 2019-09-08T17:55:00Z. The rules do not say when others were.
pub(crate) const ONBOARD_DATE: i64 = 1_567_965_300_000;

/// As it is sent. These shapes hold nothing that JSON can not.
pub(crate) fn json<T: Serialize>(event: &T) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

pub(crate) fn agg_trade(view: &SymbolView, agg: &Aggregate, now: i64) -> MarketStreamEvent {
    let qty = view.grid.qty(agg.qty);
    MarketStreamEvent::AggTrade(AggTradeEvent {
        event_time: now,
        symbol: view.name.clone(),
        id: agg.id,
        price: view.grid.price(agg.price),
        qty,
        normal_qty: Some(qty),
        first_id: agg.first_id,
        last_id: agg.last_id,
        time: agg.time,
        is_buyer_maker: agg.buyer_is_maker,
    })
}

pub(crate) fn trade(view: &SymbolView, tick: &Tick, now: i64) -> MarketStreamEvent {
    MarketStreamEvent::Trade(TradeEvent {
        event_time: now,
        symbol: view.name.clone(),
        id: tick.id,
        price: view.grid.price(tick.price),
        qty: view.grid.qty(tick.qty),
        time: tick.time,
        is_buyer_maker: tick.buyer_is_maker,
    })
}

/// None before the first price. A side without a level has quantity zero.
pub(crate) fn book_ticker(view: &SymbolView, now: i64) -> Option<MarketStreamEvent> {
    let (bid, ask) = (view.book.best(Side::Buy), view.book.best(Side::Sell));
    if bid.is_none() && ask.is_none() {
        return None;
    }
    let (bid, ask) = (bid.unwrap_or_default(), ask.unwrap_or_default());
    Some(MarketStreamEvent::BookTicker(BookTickerEvent {
        update_id: view.book.update_id(),
        event_time: now,
        transaction_time: view.book.changed_at(),
        symbol: view.name.clone(),
        bid_price: view.grid.price(bid.0),
        bid_qty: view.grid.qty(bid.1),
        ask_price: view.grid.price(ask.0),
        ask_qty: view.grid.qty(ask.1),
    }))
}

pub(crate) fn rows(grid: &Grid, levels: &[(i64, i64)]) -> Vec<LevelRow> {
    levels.iter().map(|(price, qty)| LevelRow(grid.price(*price), grid.qty(*qty))).collect()
}

pub(crate) fn depth(view: &SymbolView, diff: &Diff, now: i64) -> MarketStreamEvent {
    MarketStreamEvent::DepthUpdate(DepthEvent {
        event_time: now,
        transaction_time: view.book.changed_at(),
        symbol: view.name.clone(),
        first_update_id: diff.first,
        last_update_id: diff.last,
        previous_update_id: diff.previous,
        bids: rows(&view.grid, &diff.bids),
        asks: rows(&view.grid, &diff.asks),
    })
}

/// The first levels as they are. `told` is the last update of the same stream's event before: an event begins
/// behind it, so that who has them all finds no hole between them.
pub(crate) fn levels(
    view: &SymbolView,
    most: usize,
    told: Option<u64>,
    now: i64,
) -> MarketStreamEvent {
    let last = view.book.update_id();
    let previous = told.unwrap_or_else(|| last.saturating_sub(1));
    MarketStreamEvent::DepthUpdate(DepthEvent {
        event_time: now,
        transaction_time: view.book.changed_at(),
        symbol: view.name.clone(),
        first_update_id: previous + 1,
        last_update_id: last,
        previous_update_id: previous,
        bids: rows(&view.grid, &view.book.levels(Side::Buy, most)),
        asks: rows(&view.grid, &view.book.levels(Side::Sell, most)),
    })
}

fn bar(
    grid: &Grid,
    symbol: Option<Box<str>>,
    interval: Interval,
    kline: &Kline,
    closed: bool,
) -> KlineBar {
    KlineBar {
        open_time: kline.open_time,
        close_time: interval.next_open(kline.open_time) - 1,
        symbol,
        interval: interval.name().into(),
        first_id: kline.first_id,
        last_id: kline.last_id,
        open: grid.price(kline.open),
        close: grid.price(kline.close),
        high: grid.price(kline.high),
        low: grid.price(kline.low),
        volume: grid.qty(kline.volume),
        count: kline.count,
        closed,
        quote_volume: grid.quote(kline.quote),
        taker_buy_volume: grid.qty(kline.taker_buy),
        taker_buy_quote_volume: grid.quote(kline.taker_buy_quote),
        ignored: Num::ZERO,
    }
}

pub(crate) fn kline(
    name: &str,
    grid: &Grid,
    interval: Interval,
    kline: &Kline,
    closed: bool,
    now: i64,
) -> MarketStreamEvent {
    let kline = bar(grid, Some(name.into()), interval, kline, closed);
    MarketStreamEvent::Kline(KlineEvent { event_time: now, symbol: name.into(), kline })
}

pub(crate) fn continuous_kline(
    pair: &str,
    grid: &Grid,
    interval: Interval,
    kline: &Kline,
    closed: bool,
    now: i64,
) -> MarketStreamEvent {
    MarketStreamEvent::ContinuousKline(ContinuousKlineEvent {
        event_time: now,
        pair: pair.into(),
        contract_type: ContractType::Perpetual,
        kline: bar(grid, None, interval, kline, closed),
    })
}

/// None before the first price.
pub(crate) fn mark_price(view: &SymbolView, now: i64) -> Option<MarketStreamEvent> {
    let mark = view.grid.price_value(view.mark?);
    let index = view.grid.price_value(view.index_or_mark()?);
    Some(MarketStreamEvent::MarkPriceUpdate(MarkPriceEvent {
        event_time: now,
        symbol: view.name.clone(),
        mark_price: Money::new(mark),
        mark_price_average: Some(Money::new(view.average_mark().unwrap_or(mark))),
        index_price: Money::new(index),
        estimated_settle_price: Money::new(index),
        funding_rate: Money::new(view.outlook.last_rate),
        next_funding_time: view.outlook.next_time.millis(),
    }))
}

/// The last 24 hours in numbers that both tickers and REST print.
pub(crate) struct Day {
    pub(crate) kline: Kline,
    pub(crate) last: i64,
    pub(crate) last_qty: i64,
    pub(crate) change: i64,
    pub(crate) change_percent: Fixed<3>,
    pub(crate) average: Decimal,
}

/// None before the first price.
pub(crate) fn day(view: &SymbolView, now: i64) -> Option<Day> {
    let (kline, (last, _)) = (view.day(now)?, view.last?);
    let change = last - kline.open;
    let percent = Decimal::from(change) * Decimal::ONE_HUNDRED;
    let quote =
        super::grid::decimal(kline.quote, view.grid.price_decimals + view.grid.qty_decimals);
    let volume = Decimal::new(kline.volume, view.grid.qty_decimals);
    Some(Day {
        last,
        last_qty: view.trades.last().map_or(0, |tick| tick.qty),
        change,
        change_percent: Fixed::new(percent.checked_div(kline.open.into()).unwrap_or_default()),
        average: quote.checked_div(volume).unwrap_or_else(|| view.grid.price_value(last)),
        kline,
    })
}

pub(crate) fn mini_ticker(view: &SymbolView, now: i64) -> Option<MarketStreamEvent> {
    let day = day(view, now)?;
    Some(MarketStreamEvent::MiniTicker(MiniTickerEvent {
        event_time: now,
        symbol: view.name.clone(),
        close: view.grid.price(day.last),
        open: view.grid.price(day.kline.open),
        high: view.grid.price(day.kline.high),
        low: view.grid.price(day.kline.low),
        volume: view.grid.qty(day.kline.volume),
        quote_volume: view.grid.quote(day.kline.quote),
    }))
}

pub(crate) fn ticker(view: &SymbolView, now: i64) -> Option<MarketStreamEvent> {
    let day = day(view, now)?;
    let grid = &view.grid;
    Some(MarketStreamEvent::Ticker(Box::new(TickerEvent {
        event_time: now,
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
        close_time: now,
        first_id: id(day.kline.first_id),
        last_id: id(day.kline.last_id),
        count: day.kline.count,
    })))
}

/// A day without trades has no ids: zero stands for none.
pub(crate) fn id(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

pub(crate) fn force_order(row: ForceOrderRow, now: i64) -> MarketStreamEvent {
    MarketStreamEvent::ForceOrder(ForceOrderEvent { event_time: now, order: row })
}

/// A liquidation order in its final state.
pub(crate) fn liquidation(
    view: &SymbolView,
    order: &OrderState,
    fill: Option<&Fill>,
) -> ForceOrderRow {
    let grid = &view.grid;
    let executed = Decimal::new(order.executed_qty.0, grid.qty_decimals);
    let price = order.price.map_or(0, |price| price.0);
    let average = order.cum_quote.checked_div(executed).unwrap_or_default();
    ForceOrderRow {
        symbol: view.name.clone(),
        side: match order.side {
            Side::Buy => binance_wire::Side::Buy,
            Side::Sell => binance_wire::Side::Sell,
        },
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Ioc,
        orig_qty: grid.qty(order.orig_qty.0),
        price: grid.price(price),
        avg_price: grid.precision.price(average),
        status: match order.status {
            engine::OrderStatus::Filled => OrderStatus::Filled,
            _ => OrderStatus::Expired,
        },
        last_qty: grid.qty(fill.map_or(0, |fill| fill.qty.0)),
        filled_qty: grid.qty(order.executed_qty.0),
        time: order.update_time.millis(),
    }
}

pub(crate) fn status(trading: SymbolTrading) -> SymbolStatus {
    match trading {
        SymbolTrading::Open => SymbolStatus::Trading,
        SymbolTrading::Halted => SymbolStatus::PendingTrading,
        SymbolTrading::Delisted => SymbolStatus::Close,
    }
}

pub(crate) fn contract_info(view: &SymbolView, now: i64) -> MarketStreamEvent {
    let tiers = &view.rules.brackets;
    let brackets = tiers.iter().enumerate().map(|(i, tier)| BracketEvent {
        bracket: i as u32 + 1,
        notional_floor: JsonNumber(tier.floor),
        notional_cap: JsonNumber(tier.cap),
        maint_margin_ratio: JsonNumber(tier.mmr),
        cum: JsonNumber(tier.cum),
        min_leverage: tiers.get(i + 1).map_or(1, |next| next.leverage + 1),
        max_leverage: tier.leverage,
    });
    MarketStreamEvent::ContractInfo(ContractInfoEvent {
        event_time: now,
        symbol: view.name.clone(),
        pair: view.name.clone(),
        contract_type: ContractType::Perpetual,
        delivery_date: NEVER_DELIVERED,
        onboard_date: ONBOARD_DATE,
        status: status(view.trading),
        brackets: Some(brackets.collect()),
    })
}
