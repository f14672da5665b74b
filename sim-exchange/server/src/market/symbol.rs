//! One symbol of the market as its clients see it.

use std::collections::VecDeque;

use binance_wire::{ForceOrderRow, Precision};
use engine::{
    Bar, Instrument, MarketData, Nanos, PriceTicks, Side, SymbolIndex, Trade, TradeOrigin,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sim_exchange::funding_rate::FundingTerms;
use sim_exchange::mark_price::FundingOutlook;
use sim_exchange::premium_index::premium_index;
use sim_exchange::{SimExchange, SymbolRules, SymbolTrading};

use super::MarketSettings;
use super::book::Book;
use super::events;
use super::grid::Grid;
use super::klines::{Fold, Kline, Klines};
use super::outlet::Outlet;
use super::trades::Trades;
use super::wants::{Periodic, Wants};

/// Marks that their moving average is taken over, one a second.
const AVERAGED: usize = 30;
/// Premiums are kept as integers of so many decimals.
pub(crate) const PREMIUM_DECIMALS: u32 = 8;

/// A liquidation that waits for the end of its second.
struct Waiting {
    until: i64,
    row: ForceOrderRow,
    worth: Decimal,
}

/// All that is kept of one symbol.
pub(crate) struct SymbolView {
    pub(crate) index: SymbolIndex,
    pub(crate) name: Box<str>,
    pub(crate) grid: Grid,
    pub(crate) rules: SymbolRules,
    pub(crate) trading: SymbolTrading,
    pub(crate) trades: Trades,
    pub(crate) klines: Klines,
    pub(crate) mark_klines: Klines,
    pub(crate) index_klines: Klines,
    pub(crate) premium_klines: Klines,
    pub(crate) book: Book,
    /// Last price, and when it was paid in ms.
    pub(crate) last: Option<(i64, i64)>,
    pub(crate) mark: Option<i64>,
    pub(crate) index_price: Option<i64>,
    pub(crate) outlook: FundingOutlook,
    pub(crate) terms: FundingTerms,
    pub(crate) wants: Wants,
    /// Counts trades and points, so that a stream knows whether it has told the newest.
    revision: u64,
    /// The book's revision that was told to those who hear of each change at once.
    told_at_once: u64,
    tick: i64,
    settings: MarketSettings,
    marks: VecDeque<i64>,
    waiting: Option<Waiting>,
}

impl SymbolView {
    pub(crate) fn new(
        index: SymbolIndex,
        instrument: &Instrument,
        exchange: &SimExchange,
        now: Nanos,
        settings: &MarketSettings,
    ) -> Option<SymbolView> {
        let rules = exchange.rules_of(index)?;
        let outlook = exchange.funding_outlook(index, now)?;
        let terms = exchange.funding_terms_of(index)?;
        let grid = grid_of(instrument, rules);
        let tick = grid.to_ticks(rules.tick_size).unwrap_or(1).max(1);
        let klines = || Klines::new(settings.klines_max);
        Some(SymbolView {
            index,
            name: instrument.symbol.as_str().into(),
            grid,
            rules: rules.clone(),
            trading: exchange.symbol_trading(index),
            trades: Trades::new(settings.trades_max),
            klines: klines(),
            mark_klines: klines(),
            index_klines: klines(),
            premium_klines: klines(),
            book: Book::new(tick),
            last: None,
            mark: None,
            index_price: None,
            outlook,
            terms,
            wants: Wants::default(),
            revision: 0,
            told_at_once: 0,
            tick,
            settings: *settings,
            marks: VecDeque::with_capacity(AVERAGED),
            waiting: None,
        })
    }

    /// One event of the market at `ms`.
    pub(crate) fn observe(&mut self, ms: i64, data: &MarketData, out: &impl Outlet) {
        match data {
            MarketData::Trade(trade) => self.trade(ms, trade, out),
            MarketData::Bar(bar) if !bar.path_passed => self.bar(ms, bar, out),
            // Its path was the trades. Settlements are told by the venue, which also knows its own.
            MarketData::Bar(_) | MarketData::FundingRate(_) => {}
            MarketData::MarkPrice(price) => {
                self.mark = Some(price.0);
                point(&mut self.mark_klines, ms, price.0);
            }
            MarketData::IndexPrice(price) => {
                self.index_price = Some(price.0);
                point(&mut self.index_klines, ms, price.0);
            }
            MarketData::Depth(row) => self.book.row(ms, row),
            MarketData::DepthClear => self.book.clear(ms),
            MarketData::BestQuotes(quotes) => self.book.quotes(ms, quotes),
        }
        self.tell_best(ms, out);
    }

    fn trade(&mut self, ms: i64, trade: &Trade, out: &impl Outlet) {
        let price = trade.price.0;
        if price <= 0 || trade.qty.0 < 0 {
            return; // The exchange counts it as a bad price.
        }
        self.roll(ms, ms, out);
        self.last = Some((price, ms));
        self.revision += 1;
        // A point of a bar without volume moves the price and is no trade.
        let is_trade = trade.qty.0 > 0 || trade.origin == TradeOrigin::Tape;
        let mut id = None;
        if is_trade {
            let (tick, closed) = self.trades.push(ms, price, trade.qty.0, trade.buyer_is_maker);
            id = Some(tick.id as i64);
            if let (Some(closed), Some(topic)) = (closed, &self.wants.agg_trade) {
                out.publish(topic, events::json(&events::agg_trade(self, &closed, ms)));
            }
            if let Some(topic) = &self.wants.trade {
                out.publish(topic, events::json(&events::trade(self, &tick, ms)));
            }
        }
        let taker_buys = !trade.buyer_is_maker;
        self.klines.fold(ms, Fold { price, qty: trade.qty.0, taker_buys, id });
        self.stand_in(ms);
    }

    /// A bar whose path nobody has told: its four points, at the times that paths have.
    fn bar(&mut self, ms: i64, bar: &Bar, out: &impl Outlet) {
        let (open, length) = (ms - i64::from(bar.interval_ms), i64::from(bar.interval_ms));
        let low_first = match (bar.open.0 - bar.low.0).cmp(&(bar.high.0 - bar.open.0)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => bar.close >= bar.open,
            std::cmp::Ordering::Greater => false,
        };
        let (first, second) = if low_first { (bar.low, bar.high) } else { (bar.high, bar.low) };
        let quarter = bar.volume.0 / 4;
        let times = [0, length / 3, 2 * (length / 3), length - 1];
        let prices = [bar.open, first, second, bar.close];
        for (i, (price, after)) in prices.into_iter().zip(times).enumerate() {
            let qty = if i == 3 { bar.volume.0 - 3 * quarter } else { quarter };
            let fell = i > 0 && price < prices[i - 1];
            let point = Trade {
                price,
                qty: engine::QtyLots(qty),
                buyer_is_maker: fell,
                origin: TradeOrigin::BarPath,
            };
            self.trade(open + after, &point, out);
        }
    }

    /// Where the market tells no book: a level each side of the last price.
    fn stand_in(&mut self, ms: i64) {
        let (Some((last, _)), false) = (self.last, self.book.is_told()) else { return };
        let by = self.tick.saturating_mul(i64::from(self.settings.quote_spread_ticks));
        let (below, above) = ((last - by).max(self.tick), last.saturating_add(by));
        let bid = (below - below % self.tick).max(self.tick);
        let ask = above.saturating_add((self.tick - above % self.tick) % self.tick);
        let qty = self.quoted_lots(last);
        self.book.stand_in(ms, (bid, qty), (ask, qty));
    }

    /// The stated size of the levels that stand in for a book, in lots.
    fn quoted_lots(&self, price: i64) -> i64 {
        let least = self.grid.to_lots(self.rules.min_qty).unwrap_or(1).max(1);
        let step = self.grid.to_lots(self.rules.step_size).unwrap_or(1).max(1);
        let value = self.grid.price_value(price);
        let lots = self.settings.quoted_notional.checked_div(value);
        let lots = lots.and_then(|qty| self.grid.to_lots(qty)).unwrap_or(least);
        (lots - lots % step).max(least)
    }

    fn tell_best(&mut self, ms: i64, out: &impl Outlet) {
        let (moved, welcomes) = (self.book.take_best_moved(), self.wants.book_ticker_welcomes);
        let (true, Some(topic)) = (moved || welcomes, &self.wants.book_ticker) else { return };
        if let Some(event) = events::book_ticker(self, ms) {
            let json = events::json(&event);
            if welcomes {
                let all = std::slice::from_ref(&json);
                out.welcome(topic, all, if moved { all } else { &[] });
                self.wants.book_ticker_welcomes = false;
            } else {
                out.publish(topic, json);
            }
        }
    }

    /// Closes the klines that are over at `ms`, and tells them.
    fn roll(&mut self, ms: i64, now: i64, out: &impl Outlet) {
        let (name, grid, wants) = (&self.name, &self.grid, &self.wants);
        self.klines.roll(ms, |interval, kline| {
            for timed in &wants.timed {
                let event = match timed.what {
                    Periodic::Kline(of) if of == interval => {
                        events::kline(name, grid, interval, kline, true, now)
                    }
                    Periodic::ContinuousKline(of) if of == interval => {
                        events::continuous_kline(name, grid, interval, kline, true, now)
                    }
                    _ => continue,
                };
                out.publish(&timed.topic, events::json(&event));
            }
        });
        for klines in [&mut self.mark_klines, &mut self.index_klines, &mut self.premium_klines] {
            klines.roll(ms, |_, _| ());
        }
    }

    /// A whole second has come: samples of what moves without trades.
    pub(crate) fn second(&mut self, ms: i64, out: &impl Outlet) {
        if let Some(closed) = self.trades.close_due(ms) {
            self.tell_aggregate(&closed, ms, out);
        }
        self.roll(ms, ms, out);
        if let Some(mark) = self.mark {
            self.mark_klines.count_sample(ms, mark);
            if self.marks.len() == AVERAGED {
                self.marks.pop_front();
            }
            self.marks.push_back(mark);
        }
        if let Some(index) = self.index_price {
            self.index_klines.count_sample(ms, index);
        }
        if ms.rem_euclid(5_000) == 0
            && let Some(premium) = self.premium()
        {
            self.premium_klines.count_sample(ms, premium);
        }
    }

    /// The premium of the best quotes over the index; the mark stands in for one that the market does not tell.
    fn premium(&self) -> Option<i64> {
        let best = |side| self.book.best(side).map(|(price, _)| self.grid.price_value(price));
        let index = self.grid.price_value(self.index_price.or(self.mark)?);
        let premium = premium_index(index, best(Side::Buy)?, best(Side::Sell)?)?;
        (premium * Decimal::from(10i64.pow(PREMIUM_DECIMALS))).to_i64()
    }

    fn tell_aggregate(&self, closed: &super::trades::Aggregate, ms: i64, out: &impl Outlet) {
        if let Some(topic) = &self.wants.agg_trade {
            out.publish(topic, events::json(&events::agg_trade(self, closed, ms)));
        }
    }

    /// Neither a price nor a level has been heard of.
    pub(crate) fn is_silent(&self) -> bool {
        let priced = self.last.is_some() || self.mark.is_some() || self.index_price.is_some();
        !priced && !self.book.is_told()
    }

    /// The venue's mark: each second, and as soon as there is one.
    pub(crate) fn ask_mark(&mut self, exchange: &SimExchange, ms: i64) {
        if let Some(PriceTicks(mark)) = exchange.mark_price(self.index)
            && self.mark != Some(mark)
        {
            self.mark = Some(mark);
            point(&mut self.mark_klines, ms, mark);
        }
    }

    /// What the venue itself knows. Answers whether the contract has changed.
    pub(crate) fn ask_venue(&mut self, exchange: &SimExchange, now: Nanos) -> bool {
        self.ask_mark(exchange, now.millis());
        if let Some(outlook) = exchange.funding_outlook(self.index, now) {
            self.outlook = outlook;
        }
        let trading = exchange.symbol_trading(self.index);
        let rules = exchange.rules_of(self.index).filter(|rules| **rules != self.rules);
        let changed = trading != self.trading || rules.is_some();
        self.trading = trading;
        if let Some(rules) = rules {
            self.grid.precision = precision_of(rules);
            self.rules = rules.clone();
        }
        if changed && let Some(terms) = exchange.funding_terms_of(self.index) {
            self.terms = terms;
        }
        changed
    }

    /// What goes out by the clock at `now`.
    pub(crate) fn tick(&mut self, now: i64, out: &impl Outlet) {
        if let Some(closed) = self.trades.close_due(now) {
            self.tell_aggregate(&closed, now, out);
        }
        self.roll(now, now, out);
        self.tell_best(now, out);
        let book_moved = self.told_at_once != self.book.revision();
        self.told_at_once = self.book.revision();
        if self.wants.timed.is_empty() {
            return;
        }
        let mut timed = std::mem::take(&mut self.wants.timed);
        for timed in &mut timed {
            if timed.is_due(now) || (book_moved && timed.tells_at_once()) {
                self.periodic(timed, now, out);
            }
        }
        self.wants.timed = timed;
    }

    fn periodic(&mut self, timed: &mut super::wants::Timed, now: i64, out: &impl Outlet) {
        let revision = match timed.what {
            Periodic::Depth { stream } => {
                if let Some(diff) = self.book.diff(stream) {
                    out.publish(&timed.topic, events::json(&events::depth(self, &diff, now)));
                }
                return;
            }
            Periodic::Levels(_) => self.book.revision(),
            Periodic::MarkPrice => {
                if let Some(event) = events::mark_price(self, now) {
                    out.publish(&timed.topic, events::json(&event));
                }
                return;
            }
            // The first event tells what there is; the next ones what is new.
            Periodic::Kline(_)
            | Periodic::ContinuousKline(_)
            | Periodic::MiniTicker
            | Periodic::Ticker => self.revision,
        };
        let is_news = timed.sent != Some(revision);
        if !is_news && !timed.welcomes {
            return;
        }
        let (name, grid) = (&self.name, &self.grid);
        let event = match timed.what {
            Periodic::Levels(levels) => Some(events::levels(self, levels, timed.told_update, now)),
            Periodic::Kline(interval) => {
                let kline = self.klines.present(interval);
                kline.map(|kline| events::kline(name, grid, interval, &kline, false, now))
            }
            Periodic::ContinuousKline(interval) => {
                let kline = self.klines.present(interval);
                kline
                    .map(|kline| events::continuous_kline(name, grid, interval, &kline, false, now))
            }
            Periodic::MiniTicker => events::mini_ticker(self, now),
            Periodic::Ticker => events::ticker(self, now),
            Periodic::Depth { .. } | Periodic::MarkPrice => None,
        };
        if let Some(event) = event {
            timed.sent = Some(revision);
            timed.told_update = Some(self.book.update_id());
            let json = events::json(&event);
            if std::mem::take(&mut timed.welcomes) {
                let all = std::slice::from_ref(&json);
                out.welcome(&timed.topic, all, if is_news { all } else { &[] });
            } else {
                out.publish(&timed.topic, json);
            }
        }
    }

    /// When it has something to tell, in ms.
    pub(crate) fn due(&self) -> i64 {
        let waiting = self.waiting.as_ref().map_or(i64::MAX, |waiting| waiting.until);
        self.wants.due().min(waiting).min(self.due_of_event())
    }

    /// When what the newest events of the market have left open is to be told: the aggregate of trades, and
    /// the book to those who hear of each change at once. The changes of one instant are one event.
    pub(crate) fn due_of_event(&self) -> i64 {
        let aggregate = match self.wants.agg_trade {
            Some(_) => self.trades.due(),
            None => i64::MAX,
        };
        let book_moved = self.told_at_once != self.book.revision();
        let book = match book_moved && self.wants.any_at_once() {
            true => self.book.changed_at(),
            false => i64::MAX,
        };
        aggregate.min(book)
    }

    /// A liquidation of the venue. Of one second only the largest is told, at its end.
    pub(crate) fn force_order(&mut self, now: i64, row: ForceOrderRow, period_ms: i64) {
        let worth = row.price.0 * row.orig_qty.0;
        match &mut self.waiting {
            Some(waiting) if waiting.worth >= worth => {}
            Some(waiting) => (waiting.row, waiting.worth) = (row, worth),
            None => self.waiting = Some(Waiting { until: now + period_ms, row, worth }),
        }
    }

    /// The liquidation to tell now, if one is due.
    pub(crate) fn due_force_order(&mut self, now: i64) -> Option<ForceOrderRow> {
        self.waiting.as_ref().filter(|waiting| waiting.until <= now)?;
        self.waiting.take().map(|waiting| waiting.row)
    }

    /// The average of the newest marks.
    pub(crate) fn average_mark(&self) -> Option<Decimal> {
        let sum: i128 = self.marks.iter().map(|mark| i128::from(*mark)).sum();
        let sum = super::grid::decimal(sum, self.grid.price_decimals);
        sum.checked_div(Decimal::from(self.marks.len()))
    }

    /// The index; where the market tells none the mark stands in for it.
    pub(crate) fn index_or_mark(&self) -> Option<i64> {
        self.index_price.or(self.mark)
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The kline of the last 24 hours, from whole minutes, and when it opened.
    pub(crate) fn day(&self, now: i64) -> Option<Kline> {
        const DAY_MS: i64 = 86_400_000;
        let from = now - DAY_MS;
        let minutes = self.klines.all(super::interval::Interval::MINUTE).rev();
        let mut day: Option<Kline> = None;
        for minute in minutes.take_while(|minute| minute.open_time > from) {
            day = Some(match day {
                None => minute,
                Some(later) => minute.followed_by(&later),
            });
        }
        day
    }
}

/// A price that moved, which is no sample yet.
fn point(klines: &mut Klines, ms: i64, price: i64) {
    klines.roll(ms, |_, _| ());
    klines.fold(ms, Fold { price, qty: 0, taker_buys: false, id: None });
}

fn precision_of(rules: &SymbolRules) -> Precision {
    Precision { price: rules.price_precision, quantity: rules.quantity_precision }
}

fn grid_of(instrument: &Instrument, rules: &SymbolRules) -> Grid {
    Grid::new(instrument, precision_of(rules))
}
