//! Market streams: what is subscribed, and what of it is told. Gaps are found here and filled by queries.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use binance_wire as wire;
use engine::{
    Bar, BestQuotes, DepthRow, Instrument, MarketData, MarketWants, Nanos, SymbolIndex, Trade,
    TradeOrigin,
};

use super::calls::{Auth, Call};
use super::depth::{Stitched, Stitcher, rows};
use super::grid::{Grid, WireError, rate, time};
use super::sequence::{Gap, Sequence};
use super::user_events::event_name;
use crate::link::{Incoming, Notice, Weight};

/// A minute in milliseconds: the bars that are subscribed.
const BAR_MS: i64 = 60_000;
/// The most rows of one query.
const KLINES_MAX: i64 = 1_000;
const TRADES_MAX: i64 = 1_000;
const FUNDING_MAX: i64 = 1_000;
/// So long, by the wall, trades wait for what is missing before them, and bars.
const TRADES_WAIT: Duration = Duration::from_secs(5);
const BARS_WAIT: Duration = Duration::from_secs(30);
/// A settled rate is asked for this long after its time, and then so often until it is there.
const FUNDING_AFTER: Nanos = Nanos::from_secs(5);
const FUNDING_AGAIN: Nanos = Nanos::from_secs(15);

/// A query that fills a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetch {
    Klines(SymbolIndex, Gap),
    Trades(SymbolIndex, Gap),
    Snapshot(SymbolIndex),
    Funding(SymbolIndex, Nanos),
}

impl Fetch {
    /// Of which symbol.
    pub(super) fn symbol(self) -> SymbolIndex {
        match self {
            Fetch::Klines(symbol, _)
            | Fetch::Trades(symbol, _)
            | Fetch::Snapshot(symbol)
            | Fetch::Funding(symbol, _) => symbol,
        }
    }
}

/// Rates are settled at full hours.
const FUNDING_GRID: Nanos = Nanos::from_secs(3_600);
/// A rate that may have been settled before the session came is asked for as long after its time.
const FUNDING_DOUBT: Nanos = Nanos::from_secs(120);
/// Payments are told at their time, give or take this.
const FUNDING_JITTER: Nanos = Nanos::from_secs(1);

/// A payment that has passed and whose rate is not known yet.
#[derive(Clone, Copy, Debug)]
struct Payment {
    time: Nanos,
    /// When to ask.
    ask: Nanos,
    /// The stream has told of it; else nobody knows whether there was one.
    sure: bool,
}

#[derive(Clone, Debug)]
struct Funding {
    /// The next payment, as the stream tells it.
    next: Option<Nanos>,
    due: VecDeque<Payment>,
    told: Nanos,
}

/// The market data of a session.
#[derive(Clone, Debug)]
pub(super) struct Market {
    wants: MarketWants,
    bars: Vec<Sequence<Incoming>>,
    trades: Vec<Sequence<Incoming>>,
    /// When the newest trade that the stream has told was made.
    traded: Vec<Nanos>,
    books: Vec<Stitcher>,
    quotes: Vec<u64>,
    marks: Vec<Nanos>,
    funding: Vec<Funding>,
    fetches: Vec<Fetch>,
    told: Vec<Incoming>,
}

impl Market {
    pub(super) fn new(grid: &Grid, wants: MarketWants) -> Market {
        let none = Nanos(i64::MIN);
        let funding = Funding { next: None, due: VecDeque::new(), told: none };
        Market {
            wants,
            bars: vec![Sequence::new(BAR_MS); grid.len()],
            trades: vec![Sequence::new(1); grid.len()],
            traded: vec![none; grid.len()],
            books: vec![Stitcher::default(); grid.len()],
            quotes: vec![0; grid.len()],
            marks: vec![none; grid.len()],
            funding: vec![funding; grid.len()],
            fetches: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Names of streams: those under `/public`, and those under `/market`.
    pub(super) fn streams(&self, grid: &Grid) -> [Vec<String>; 2] {
        let (mut public, mut market) = (Vec::new(), Vec::new());
        for (_, Instrument { symbol, .. }) in grid.all() {
            let name = symbol.as_str().to_ascii_lowercase();
            if self.wants.depth {
                public.push(format!("{name}@depth@100ms"));
                public.push(format!("{name}@bookTicker"));
            }
            if self.wants.trades {
                market.push(format!("{name}@aggTrade"));
            }
            if self.wants.bars {
                market.push(format!("{name}@kline_1m"));
            }
            if self.wants.marks {
                market.push(format!("{name}@markPrice@1s"));
            }
        }
        [public, market]
    }

    /// A connection that was up before is up again: books are asked for anew, and closed bars since the
    /// last one at once.
    pub(super) fn reconnected(&mut self, depth: bool, now: Nanos) {
        if depth {
            self.books.iter_mut().for_each(Stitcher::reset);
            // A venue that was set up anew counts its updates from the beginning.
            self.quotes.fill(0);
            return;
        }
        let newest = now.millis().div_euclid(BAR_MS) * BAR_MS - BAR_MS;
        for (n, bars) in self.bars.iter_mut().enumerate() {
            if let Some(gap) = bars.missed_until(newest) {
                self.fetches.push(Fetch::Klines(SymbolIndex(n as u16), gap));
            }
        }
    }

    /// What has waited for too long is told without what is missing before it, and that is told, too.
    pub(super) fn give_up(&mut self, now: Instant, grid: &Grid) {
        for (symbol, Instrument { symbol: name, .. }) in grid.all() {
            let place = usize::from(symbol.0);
            if let Some(gap) = self.trades[place].give_up(now, TRADES_WAIT, &mut self.told) {
                let count = gap.to.saturating_sub(gap.from).saturating_add(1);
                let text = format!(
                    "{name}: trades are missing: {count}, from id {} on; they could not be asked for in time",
                    gap.from
                );
                self.warn("trades_missing", text);
                let next = self.trades[place].gap().map(|gap| Fetch::Trades(symbol, gap));
                self.fetches.extend(next);
            }
            if let Some(gap) = self.bars[place].give_up(now, BARS_WAIT, &mut self.told) {
                let count = (gap.to.saturating_sub(gap.from) / BAR_MS).saturating_add(1);
                let text = format!(
                    "{name}: bars are missing: {count}, from that of {} on; they could not be asked for in time",
                    Nanos::from_millis(gap.from)
                );
                self.warn("bars_missing", text);
                let next = self.bars[place].gap().map(|gap| Fetch::Klines(symbol, gap));
                self.fetches.extend(next);
            }
        }
    }

    fn warn(&mut self, what: &'static str, text: String) {
        self.told.push(Incoming::Notice(Notice { weight: Weight::Warning, what, text }));
    }

    /// Whether somebody still waits for the answer to a query.
    pub(super) fn awaits(&self, fetch: Fetch) -> bool {
        let place = usize::from(fetch.symbol().0);
        match fetch {
            Fetch::Klines(_, gap) => self.bars[place].awaits(gap),
            Fetch::Trades(_, gap) => self.trades[place].awaits(gap),
            Fetch::Snapshot(_) | Fetch::Funding(..) => true,
        }
    }

    /// Takes a frame of a market stream, wrapped or not.
    pub(super) fn hear(&mut self, frame: &str, grid: &Grid) -> Result<(), WireError> {
        let frame = unwrapped(frame);
        match event_name(frame) {
            "aggTrade" => self.trade(&serde_json::from_str(frame)?, grid),
            "kline" => self.kline(&serde_json::from_str(frame)?, grid),
            "markPriceUpdate" => self.mark(&serde_json::from_str(frame)?, grid),
            "bookTicker" => self.quotes(&serde_json::from_str(frame)?, grid),
            "depthUpdate" => self.depth(serde_json::from_str(frame)?, grid),
            "" => readable(frame),
            _ => Ok(()),
        }
    }

    fn trade(&mut self, event: &wire::AggTradeEvent, grid: &Grid) -> Result<(), WireError> {
        let symbol = grid.symbol(&event.symbol)?;
        let told = trade(symbol, event.price, event.qty, event.time, event.is_buyer_maker, grid)?;
        let (id, made) = (trade_id(event.id)?, Nanos::from_millis(event.time));
        let place = usize::from(symbol.0);
        // A later trade with a number that was told: the venue counts from the beginning.
        if made > self.traded[place] && self.trades[place].is_past(id) {
            let text = format!(
                "{}: the ids of trades begin again, at {id}: the venue was set up anew",
                grid.of(symbol).symbol
            );
            self.warn("ids_begin_again", text);
            self.trades[place].begin_anew();
        }
        self.traded[place] = self.traded[place].max(made);
        self.trades[place].offer(id, told, &mut self.told);
        if let Some(gap) = self.trades[place].gap() {
            self.fetches.push(Fetch::Trades(symbol, gap));
        }
        Ok(())
    }

    fn kline(&mut self, event: &wire::KlineEvent, grid: &Grid) -> Result<(), WireError> {
        let bar = &event.kline;
        if !bar.closed || &*bar.interval != "1m" {
            return Ok(());
        }
        let symbol = grid.symbol(&event.symbol)?;
        let prices = [bar.open, bar.high, bar.low, bar.close];
        let told = closed_bar(symbol, bar.open_time, prices, bar.volume, grid)?;
        let place = usize::from(symbol.0);
        self.bars[place].offer(bar.open_time, told, &mut self.told);
        if let Some(gap) = self.bars[place].gap() {
            self.fetches.push(Fetch::Klines(symbol, gap));
        }
        Ok(())
    }

    fn mark(&mut self, event: &wire::MarkPriceEvent, grid: &Grid) -> Result<(), WireError> {
        let symbol = grid.symbol(&event.symbol)?;
        let place = usize::from(symbol.0);
        let venue_time = time("event time", event.event_time)?;
        if venue_time <= self.marks[place] {
            return Ok(());
        }
        self.marks[place] = venue_time;
        let mark = grid.nearest(symbol, "mark price", event.mark_price.value())?;
        let index = grid.nearest(symbol, "index price", event.index_price.value())?;
        for data in [MarketData::IndexPrice(index), MarketData::MarkPrice(mark)] {
            self.told.push(Incoming::Market { symbol, venue_time, data });
        }
        let funding = &mut self.funding[place];
        let next = time("next funding time", event.next_funding_time)?;
        // The stream goes on to the next payment as soon as one has passed.
        if let Some(passed) = funding.next.filter(|passed| *passed < next) {
            let ask = venue_time + FUNDING_AFTER;
            funding.due.push_back(Payment { time: passed, ask, sure: true });
        }
        if event.next_funding_time > 0 {
            funding.next = Some(next);
        }
        Ok(())
    }

    fn quotes(&mut self, event: &wire::BookTickerEvent, grid: &Grid) -> Result<(), WireError> {
        let symbol = grid.symbol(&event.symbol)?;
        let last = &mut self.quotes[usize::from(symbol.0)];
        if event.update_id < *last {
            return Ok(());
        }
        *last = event.update_id;
        let data = MarketData::BestQuotes(BestQuotes {
            bid: grid.price(symbol, "best bid", event.bid_price.0)?,
            bid_qty: grid.qty(symbol, "best bid's quantity", event.bid_qty.0)?,
            ask: grid.price(symbol, "best ask", event.ask_price.0)?,
            ask_qty: grid.qty(symbol, "best ask's quantity", event.ask_qty.0)?,
        });
        let venue_time = time("transaction time", event.transaction_time)?;
        self.told.push(Incoming::Market { symbol, venue_time, data });
        Ok(())
    }

    fn depth(&mut self, event: wire::DepthEvent, grid: &Grid) -> Result<(), WireError> {
        let symbol = grid.symbol(&event.symbol)?;
        let book = &mut self.books[usize::from(symbol.0)];
        let gaps = book.gaps;
        match book.change(event) {
            Stitched::Nothing => {}
            Stitched::Snapshot => {
                if book.gaps > gaps {
                    self.tell_gap(symbol, grid);
                }
                self.fetches.push(Fetch::Snapshot(symbol));
            }
            Stitched::Change(event) => self.change(symbol, &event, grid)?,
        }
        Ok(())
    }

    /// A row of a query that cannot be told: the others can.
    fn tell_off(&mut self, error: &WireError) {
        let (weight, text) = (Weight::Error, error.to_string());
        self.told.push(Incoming::Notice(Notice { weight, what: "off_grid", text }));
    }

    fn tell_gap(&mut self, symbol: SymbolIndex, grid: &Grid) {
        let text = format!(
            "{}: changes of the book are missing, a new one is asked for",
            grid.of(symbol).symbol
        );
        self.warn("depth_gap", text);
    }

    fn change(
        &mut self,
        symbol: SymbolIndex,
        event: &wire::DepthEvent,
        grid: &Grid,
    ) -> Result<(), WireError> {
        let venue_time = time("transaction time", event.transaction_time)?;
        self.levels(symbol, venue_time, &event.bids, &event.asks, grid)
    }

    fn levels(
        &mut self,
        symbol: SymbolIndex,
        venue_time: Nanos,
        bids: &[wire::LevelRow],
        asks: &[wire::LevelRow],
        grid: &Grid,
    ) -> Result<(), WireError> {
        for (side, wire::LevelRow(price, qty)) in rows(bids, asks) {
            let price = grid.price(symbol, "price of a level", price.0)?;
            let qty = grid.qty(symbol, "quantity of a level", qty.0)?;
            let data = MarketData::Depth(DepthRow { side, price, qty });
            self.told.push(Incoming::Market { symbol, venue_time, data });
        }
        Ok(())
    }

    /// Queries that are to be made now.
    pub(super) fn fetches(&mut self, now: Nanos) -> Vec<Fetch> {
        for (n, funding) in self.funding.iter_mut().enumerate() {
            funding.due.retain(|one| one.sure || now - one.time < FUNDING_DOUBT);
            if let Some(one) = funding.due.front_mut().filter(|one| one.ask <= now) {
                one.ask = now + FUNDING_AGAIN;
                self.fetches.push(Fetch::Funding(SymbolIndex(n as u16), one.time));
            }
        }
        std::mem::take(&mut self.fetches)
    }

    /// When the next query is due by itself.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.funding.iter().filter_map(|funding| funding.due.front().map(|one| one.ask)).min()
    }

    /// Takes what is to be told, oldest first.
    pub(super) fn take(&mut self, out: &mut Vec<Incoming>) {
        out.append(&mut self.told);
    }

    /// The call of a query.
    pub(super) fn call(fetch: Fetch, grid: &Grid) -> Call {
        let name = |symbol| grid.of(symbol).symbol;
        match fetch {
            Fetch::Klines(symbol, gap) => {
                let rows = (gap.to.saturating_sub(gap.from) / BAR_MS + 1).clamp(1, KLINES_MAX);
                let weight = if rows < 100 { 1 } else { 5 };
                Call::get("/fapi/v1/klines", Auth::Nothing, weight)
                    .text("symbol", name(symbol))
                    .text("interval", "1m")
                    .number("startTime", gap.from)
                    .number("endTime", gap.to.saturating_add(BAR_MS - 1))
                    .number("limit", rows)
            }
            Fetch::Trades(symbol, gap) => {
                let rows = gap.to.saturating_sub(gap.from).saturating_add(1).clamp(1, TRADES_MAX);
                Call::get("/fapi/v1/aggTrades", Auth::Nothing, 20)
                    .text("symbol", name(symbol))
                    .number("fromId", gap.from)
                    .number("limit", rows)
            }
            Fetch::Snapshot(symbol) => Call::get("/fapi/v1/depth", Auth::Nothing, 20)
                .text("symbol", name(symbol))
                .number("limit", 1_000),
            Fetch::Funding(symbol, payment) => Call::get("/fapi/v1/fundingRate", Auth::Nothing, 0)
                .text("symbol", name(symbol))
                .number("startTime", (payment - FUNDING_JITTER).millis())
                .number("limit", FUNDING_MAX),
        }
    }

    /// Takes the answer to a query.
    pub(super) fn fetched(
        &mut self,
        fetch: Fetch,
        body: &[u8],
        grid: &Grid,
    ) -> Result<(), WireError> {
        match fetch {
            Fetch::Klines(symbol, gap) => {
                let rows: Vec<wire::KlineRow> = serde_json::from_slice(body)?;
                let place = usize::from(symbol.0);
                let newest = rows.iter().map(|row| row.0).max();
                for row in rows.iter().filter(|row| row.0 <= gap.to) {
                    match closed_bar(symbol, row.0, [row.1, row.2, row.3, row.4], row.5, grid) {
                        Ok(told) => self.bars[place].offer(row.0, told, &mut self.told),
                        Err(error) => self.tell_off(&error),
                    }
                }
                // A full page is not the end.
                let complete =
                    newest.is_none_or(|n| n >= gap.to || (rows.len() as i64) < KLINES_MAX);
                self.bars[place].fetched(gap, complete, &mut self.told);
                if let Some(gap) = self.bars[place].gap() {
                    self.fetches.push(Fetch::Klines(symbol, gap));
                }
            }
            Fetch::Trades(symbol, gap) => {
                let rows: Vec<wire::AggTradeRow> = serde_json::from_slice(body)?;
                let place = usize::from(symbol.0);
                let newest = rows.iter().map(|row| i64::try_from(row.id).unwrap_or(i64::MAX)).max();
                for row in &rows {
                    let told =
                        trade(symbol, row.price, row.qty, row.time, row.is_buyer_maker, grid);
                    match told.and_then(|told| Ok((trade_id(row.id)?, told))) {
                        Ok((id, told)) => self.trades[place].offer(id, told, &mut self.told),
                        Err(error) => self.tell_off(&error),
                    }
                }
                let complete =
                    newest.is_none_or(|n| n >= gap.to || (rows.len() as i64) < TRADES_MAX);
                self.trades[place].fetched(gap, complete, &mut self.told);
                if let Some(gap) = self.trades[place].gap() {
                    self.fetches.push(Fetch::Trades(symbol, gap));
                }
            }
            Fetch::Snapshot(symbol) => self.snapshot(symbol, body, grid)?,
            Fetch::Funding(symbol, _) => {
                let rows: Vec<wire::FundingRateRow> = serde_json::from_slice(body)?;
                self.settled(symbol, &rows, grid)?;
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, symbol: SymbolIndex, body: &[u8], grid: &Grid) -> Result<(), WireError> {
        let book = &mut self.books[usize::from(symbol.0)];
        let snapshot: wire::Depth = serde_json::from_slice(body)?;
        if !book.awaits() {
            return Ok(());
        }
        let Ok(follow) = book.snapshot(&snapshot) else {
            self.fetches.push(Fetch::Snapshot(symbol));
            return Ok(());
        };
        let venue_time = time("transaction time", snapshot.transaction_time)?;
        self.told.push(Incoming::Market { symbol, venue_time, data: MarketData::DepthClear });
        self.levels(symbol, venue_time, &snapshot.bids, &snapshot.asks, grid)?;
        for event in follow {
            self.change(symbol, &event, grid)?;
        }
        Ok(())
    }

    /// The query for the rates that were settled after `since`, which nobody has told. The last one may not be known yet:
    /// it is asked for again by itself.
    pub(super) fn missed_funding(
        &mut self,
        symbol: SymbolIndex,
        since: Nanos,
        now: Nanos,
    ) -> Fetch {
        let funding = &mut self.funding[usize::from(symbol.0)];
        funding.told = since;
        let time = Nanos(now.0.div_euclid(FUNDING_GRID.0) * FUNDING_GRID.0);
        if time > since {
            funding.due.push_back(Payment { time, ask: now + FUNDING_AFTER, sure: false });
        }
        Fetch::Funding(symbol, since + FUNDING_JITTER)
    }

    /// Takes rates that were settled.
    pub(super) fn settled(
        &mut self,
        symbol: SymbolIndex,
        rows: &[wire::FundingRateRow],
        grid: &Grid,
    ) -> Result<(), WireError> {
        let funding = &mut self.funding[usize::from(symbol.0)];
        for row in rows {
            let time = time("funding time", row.funding_time)?;
            if time <= funding.told {
                continue;
            }
            let value = row.funding_rate.value();
            let off = WireError::OffGrid {
                symbol: grid.of(symbol).symbol,
                what: "funding rate",
                value,
                decimals: 8,
            };
            let data = MarketData::FundingRate(rate(value).ok_or(off)?);
            funding.told = time;
            self.told.push(Incoming::Market { symbol, venue_time: time, data });
        }
        let told = funding.told;
        funding.due.retain(|one| one.time - FUNDING_JITTER > told);
        Ok(())
    }
}

/// The event inside of `{"stream":"…","data":…}`; a frame without that around it is the event.
pub(super) fn unwrapped(frame: &str) -> &str {
    if !frame.starts_with("{\"stream\"") {
        return frame;
    }
    let event = frame.split_once("\"data\":").map(|(_, event)| event.trim_end());
    event.and_then(|event| event.strip_suffix('}')).unwrap_or(frame)
}

/// A frame without an event is nothing to tell, as long as it is one.
pub(super) fn readable(frame: &str) -> Result<(), WireError> {
    serde_json::from_str::<serde::de::IgnoredAny>(frame)?;
    Ok(())
}

fn trade_id(id: u64) -> Result<i64, WireError> {
    id.try_into().map_err(|_| WireError::Range { what: "id of a trade", value: id.into() })
}

fn trade(
    symbol: SymbolIndex,
    price: wire::Num,
    qty: wire::Num,
    made_ms: i64,
    buyer_is_maker: bool,
    grid: &Grid,
) -> Result<Incoming, WireError> {
    let data = MarketData::Trade(Trade {
        price: grid.price(symbol, "price of a trade", price.0)?,
        qty: grid.qty(symbol, "quantity of a trade", qty.0)?,
        buyer_is_maker,
        origin: TradeOrigin::Tape,
    });
    Ok(Incoming::Market { symbol, venue_time: time("time of a trade", made_ms)?, data })
}

/// A bar is an event of the instant at which it closes.
fn closed_bar(
    symbol: SymbolIndex,
    open_time: i64,
    [open, high, low, close]: [wire::Num; 4],
    volume: wire::Num,
    grid: &Grid,
) -> Result<Incoming, WireError> {
    let price = |what, value: wire::Num| grid.price(symbol, what, value.0);
    let data = MarketData::Bar(Bar {
        open: price("open", open)?,
        high: price("high", high)?,
        low: price("low", low)?,
        close: price("close", close)?,
        volume: grid.qty(symbol, "volume", volume.0)?,
        interval_ms: BAR_MS as u32,
        path_passed: true,
    });
    let venue_time = time("open time", open_time)? + Nanos::from_millis(BAR_MS);
    Ok(Incoming::Market { symbol, venue_time, data })
}

#[cfg(test)]
#[path = "market_tests.rs"]
mod tests;
