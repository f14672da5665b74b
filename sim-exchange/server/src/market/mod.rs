//! The market as the venue's clients see it: trades, klines, books, marks, tickers, and the events of the
//! streams, folded from the events that the exchange observes.
//!
//! Invariant: no sockets and no clock. Events and times come in; what goes out goes to an [`Outlet`].
//! Invariant: histories are bounded, so that memory does not grow with the run.
//! Invariant: what nobody listens to is not serialised.
//! Invariant: a trade and a closed kline are told once, whatever the speed of the clock; what has a period
//! is told at most once a call of [`MarketView::tick`], as it is then.
//!
//! A stream that was just subscribed tells what there is at its next period, even if nothing has moved.
//! Binance waits for the next change, which in a market made of bars may be long.

mod assets;
mod book;
mod events;
mod grid;
mod interval;
mod klines;
mod outlet;
pub mod rest;
mod stream_name;
mod symbol;
mod trades;
mod wants;

use std::collections::BTreeMap;

use binance_wire::{ForceOrderRow, MarketStreamEvent, RateLimit};
use engine::{Instrument, MarketEvent, Nanos, Symbol, SymbolIndex};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;

pub use interval::Interval;
pub use outlet::{Nobody, Outlet};
pub use stream_name::{AllStream, Route, StreamName, SymbolStream};

use assets::Assets;
use symbol::SymbolView;
use wants::Periodic;

/// How much is kept, and what is stated where the market is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketSettings {
    /// Closed klines of each interval; 1,500 is the most that a request can ask for, and a day's ticker
    /// needs 1,440 minutes.
    pub klines_max: usize,
    /// Trades, and as many aggregates.
    pub trades_max: usize,
    /// Order ticks from the last price to the bid and ask that stand in for a book. It should be the
    /// `taker_spread_ticks` of the exchange's fills: what is quoted is then what a taker pays.
    pub quote_spread_ticks: u32,
    /// Their size in the quote asset, cut to whole steps.
    pub quoted_notional: Decimal,
    /// What exchangeInfo says of rate limits.
    pub rate_limits: Vec<RateLimit>,
}

impl Default for MarketSettings {
    fn default() -> MarketSettings {
        MarketSettings {
            klines_max: 1_500,
            trades_max: 10_000,
            quote_spread_ticks: 1,
            quoted_notional: Decimal::from(1_000_000),
            rate_limits: RateLimit::PRODUCTION.to_vec(),
        }
    }
}

/// Why there is no view of a market.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// The exchange does not have the symbol at its place.
    #[error(
        "{0} is no symbol of the exchange: give the instruments in the order of its configuration"
    )]
    UnknownSymbol(Symbol),
}

/// The market.
pub struct MarketView {
    symbols: Vec<SymbolView>,
    /// Places by name, as REST has it and as streams have it.
    places: BTreeMap<Box<str>, usize>,
    assets: Assets,
    all: AllWants,
    settings: MarketSettings,
    seen: Option<u64>,
    /// The last whole second that was sampled, in ms.
    second: i64,
}

/// Streams of all symbols with a listener.
#[derive(Default)]
struct AllWants {
    timed: Vec<TimedAll>,
    force_order: bool,
    contract_info: bool,
    assets: bool,
}

struct TimedAll {
    topic: Box<str>,
    what: AllStream,
    period_ms: i64,
    due: i64,
    /// By symbol: what was told last.
    sent: Vec<Option<u64>>,
    keep: bool,
}

/// Binance's period of forceOrder.
const FORCE_ORDER_MS: i64 = 1_000;

impl MarketView {
    /// An empty view of the exchange's symbols, which `instruments` lists in the order of its
    /// configuration.
    pub fn new(
        exchange: &SimExchange,
        instruments: &[Instrument],
        start: Nanos,
        settings: MarketSettings,
    ) -> Result<MarketView, MarketError> {
        let symbols = instruments.iter().enumerate().map(|(place, instrument)| {
            let index = SymbolIndex(place as u16);
            SymbolView::new(index, instrument, exchange, start, &settings)
        });
        let symbols = symbols.collect::<Result<Vec<SymbolView>, MarketError>>()?;
        let named = symbols.iter().enumerate();
        let places = named
            .flat_map(|(place, view)| {
                [(view.name.clone(), place), (view.name.to_ascii_lowercase().into(), place)]
            })
            .collect();
        let assets = Assets::new(&symbols, start);
        let second = start.millis().div_euclid(1_000) * 1_000;
        let all = AllWants::default();
        Ok(MarketView { symbols, places, assets, all, settings, seen: None, second })
    }

    /// One event of the market. The same events in the same order as the exchange observes them.
    pub fn observe(&mut self, event: &MarketEvent, out: &impl Outlet) {
        self.listen(event.time.millis(), out);
        let ms = event.time.millis();
        // The bar that closes at a whole second still belongs to the time before it.
        if ms > self.second + 1_000 {
            self.seconds(ms - 1, out);
        }
        if let Some(view) = self.symbols.get_mut(usize::from(event.symbol.0)) {
            view.observe(ms, &event.data, out);
        }
    }

    /// What goes out by the clock at `now`, after all events up to then were observed. The exchange tells
    /// its marks, funding and rules.
    pub fn tick(&mut self, now: Nanos, exchange: &SimExchange, out: &impl Outlet) {
        let ms = now.millis();
        self.listen(ms, out);
        for place in 0..self.symbols.len() {
            let view = &mut self.symbols[place];
            let changed = view.ask_venue(exchange, now);
            if changed && self.all.contract_info {
                let event = events::contract_info(view, ms);
                out.publish("!contractInfo", events::json(&event));
            }
        }
        if ms >= self.second + 1_000 {
            self.seconds(ms, out);
        }
        for view in &mut self.symbols {
            view.tick(ms, out);
            let Some(row) = view.due_force_order(ms) else { continue };
            let event = events::force_order(row, ms);
            if let Some(topic) = &view.wants.force_order {
                out.publish(topic, events::json(&event));
            }
            if self.all.force_order {
                out.publish("!forceOrder@arr", events::json(&event));
            }
        }
        self.tick_all(ms, out);
    }

    /// A liquidation order of the venue in its final state: the largest of a symbol's second is told.
    pub fn force_order(&mut self, now: Nanos, symbol: SymbolIndex, order: ForceOrderRow) {
        if let Some(view) = self.symbols.get_mut(usize::from(symbol.0)) {
            view.force_order(now.millis(), order, FORCE_ORDER_MS);
        }
    }

    /// How its prices and quantities are printed, and how many of either make one: for whoever writes
    /// events about its orders.
    pub fn printed(&self, symbol: SymbolIndex) -> Option<(binance_wire::Precision, u32, u32)> {
        let grid = &self.symbols.get(usize::from(symbol.0))?.grid;
        Some((grid.precision, grid.price_decimals, grid.qty_decimals))
    }

    /// Best bid and ask of a symbol: price and quantity on its grid; none where a side is empty.
    pub fn best_quotes(&self, symbol: SymbolIndex) -> Option<[(i64, i64); 2]> {
        let book = &self.symbols.get(usize::from(symbol.0))?.book;
        Some([book.best(engine::Side::Buy)?, book.best(engine::Side::Sell)?])
    }

    fn seconds(&mut self, until: i64, out: &impl Outlet) {
        while self.second + 1_000 <= until {
            self.second += 1_000;
            for view in &mut self.symbols {
                view.second(self.second, out);
            }
        }
    }

    /// Reads the topics anew when they have changed.
    fn listen(&mut self, now: i64, out: &impl Outlet) {
        let version = out.version();
        if self.seen == Some(version) {
            return;
        }
        self.seen = Some(version);
        let old: Vec<_> = self.symbols.iter_mut().map(|view| view.wants.begin()).collect();
        self.all.timed.iter_mut().for_each(|timed| timed.keep = false);
        (self.all.force_order, self.all.contract_info) = (false, false);
        out.topics(&mut |topic| self.add_topic(topic, now));
        self.all.timed.retain(|timed| timed.keep);
        for (view, old) in self.symbols.iter_mut().zip(&old) {
            view.wants.end(old);
            let SymbolView { wants, book, .. } = view;
            book.collect_only(|stream| wants.collects(stream));
            for timed in &wants.timed {
                if let Periodic::Depth { stream } = timed.what {
                    book.collect(stream);
                }
            }
        }
    }

    fn add_topic(&mut self, topic: &str, now: i64) {
        match StreamName::parse(topic) {
            // A listen key, or a name that nothing is sent under.
            None => {}
            Some(StreamName::Of(_, SymbolStream::AssetIndex)) => {
                self.add_all(topic, AllStream::AssetIndex, now);
            }
            Some(StreamName::Of(of, stream)) => {
                if let Some(view) = self.places.get(of).and_then(|p| self.symbols.get_mut(*p)) {
                    view.wants.add(topic, stream, now);
                }
            }
            Some(StreamName::All(AllStream::ForceOrder)) => self.all.force_order = true,
            Some(StreamName::All(AllStream::ContractInfo)) => self.all.contract_info = true,
            Some(StreamName::All(all)) => self.add_all(topic, all, now),
        }
    }

    fn add_all(&mut self, topic: &str, what: AllStream, now: i64) {
        let period_ms = match what {
            AllStream::MarkPrice { period_ms } => period_ms,
            AllStream::BookTicker => 5_000,
            _ => 1_000,
        };
        match self.all.timed.iter_mut().find(|timed| &*timed.topic == topic) {
            Some(timed) => timed.keep = true,
            None => self.all.timed.push(TimedAll {
                topic: topic.into(),
                what,
                period_ms,
                due: (now.div_euclid(period_ms) + 1) * period_ms,
                sent: vec![None; self.symbols.len()],
                keep: true,
            }),
        }
    }

    fn tick_all(&mut self, now: i64, out: &impl Outlet) {
        let MarketView { symbols, assets, all, .. } = self;
        for timed in all.timed.iter_mut().filter(|timed| timed.due <= now) {
            timed.due = (now.div_euclid(timed.period_ms) + 1) * timed.period_ms;
            if timed.what == AllStream::AssetIndex {
                tell_assets(&timed.topic, assets, symbols, now, out);
                continue;
            }
            let mut events: Vec<MarketStreamEvent> = Vec::new();
            for (view, sent) in symbols.iter().zip(&mut timed.sent) {
                let (revision, always) = match timed.what {
                    AllStream::MarkPrice { .. } => (0, true),
                    AllStream::BookTicker => (view.book.revision(), false),
                    _ => (view.revision(), false),
                };
                // Tickers tell what has changed only.
                if *sent == Some(revision) && !always {
                    continue;
                }
                let event = match timed.what {
                    AllStream::MarkPrice { .. } => events::mark_price(view, now),
                    AllStream::MiniTicker => events::mini_ticker(view, now),
                    AllStream::Ticker => events::ticker(view, now),
                    AllStream::BookTicker => events::book_ticker(view, now),
                    _ => None,
                };
                if let Some(event) = event {
                    *sent = Some(revision);
                    events.push(event);
                }
            }
            // Quotes of all symbols come one by one, all else as one list.
            if timed.what == AllStream::BookTicker {
                events.iter().for_each(|event| out.publish(&timed.topic, events::json(event)));
            } else if !events.is_empty() {
                out.publish(&timed.topic, events::json(&events));
            }
        }
    }
}

/// `!assetIndex@arr`, or one asset's.
fn tell_assets(topic: &str, assets: &Assets, symbols: &[SymbolView], now: i64, out: &impl Outlet) {
    let of = topic.strip_suffix("@assetIndex");
    let event =
        |asset: assets::AssetNow| MarketStreamEvent::AssetIndexUpdate(Box::new(asset.event(now)));
    match of {
        Some(of) => {
            let found = assets.now(symbols).find(|asset| asset.symbol.eq_ignore_ascii_case(of));
            if let Some(asset) = found {
                out.publish(topic, events::json(&event(asset)));
            }
        }
        None => {
            let all: Vec<_> = assets.now(symbols).map(event).collect();
            out.publish(topic, events::json(&all));
        }
    }
}
