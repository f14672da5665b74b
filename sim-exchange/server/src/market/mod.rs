//! The market as the venue's clients see it: trades, klines, books, marks, tickers, and the events of the
//! streams, folded from the events that the exchange observes.
//!
//! Invariant: no sockets and no clock. Events and times come in; what goes out goes to an [`Outlet`].
//! Invariant: histories are bounded, so that memory does not grow with the run.
//! Invariant: what nobody listens to is not serialised.
//! Invariant: a trade and a closed kline are told once, whatever the speed of the clock. Periods are of the
//! venue's time, so that what is told does not depend on the speed either.
//!
//! Whoever has just subscribed to a stream is told what there is at its next period, even if nothing has moved.
//! Binance waits for the next change, which in a market made of bars may be long. Changes of the book are told
//! where there are any, and trades when they happen.

mod assets;
mod book;
mod events;
mod grid;
pub(crate) mod interval;
pub(crate) mod klines;
mod outlet;
mod rest;
mod stream_name;
pub(crate) mod symbol;
mod trades;
mod wants;

use std::collections::BTreeMap;

use binance_wire::MarketStreamEvent;
use engine::{ExchangeEvent, MarketEvent, Nanos, SymbolIndex, UserEvent};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;

pub use interval::Interval;
pub use outlet::{Nobody, Outlet};
pub use rest::{answer, counts_as_funding, needs_key, weight};
pub use stream_name::{AllStream, Route, StreamName, SymbolStream};

use assets::Assets;
use symbol::SymbolView;
use wants::Periodic;

/// How much is kept, and what is stated where the market is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Default for MarketSettings {
    fn default() -> MarketSettings {
        MarketSettings {
            klines_max: 1_500,
            trades_max: 10_000,
            quote_spread_ticks: 1,
            quoted_notional: Decimal::from(1_000_000),
        }
    }
}

/// The market.
pub struct MarketView {
    symbols: Vec<SymbolView>,
    /// Places by name, as REST has it and as streams have it.
    places: BTreeMap<Box<str>, usize>,
    assets: Assets,
    all: AllWants,
    seen: Option<u64>,
    /// The last whole second that was sampled, in ms.
    second: i64,
    /// When something is to be told by the clock, in ms.
    due: i64,
}

impl std::fmt::Debug for MarketView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarketView").field("second", &self.second).finish_non_exhaustive()
    }
}

/// Streams of all symbols with a listener.
#[derive(Default)]
struct AllWants {
    timed: Vec<TimedAll>,
    force_order: bool,
    contract_info: bool,
}

struct TimedAll {
    topic: Box<str>,
    what: AllStream,
    period_ms: i64,
    due: i64,
    /// By symbol: what was told last.
    sent: Vec<Option<u64>>,
    /// Somebody has just come.
    welcomes: bool,
    keep: bool,
}

/// Binance's period of forceOrder.
const FORCE_ORDER_MS: i64 = 1_000;

impl MarketView {
    /// Of an exchange that has seen nothing yet, with quotes that are what its takers pay.
    pub fn new(exchange: &SimExchange) -> MarketView {
        let quote_spread_ticks = exchange.taker_spread_ticks();
        let settings = MarketSettings { quote_spread_ticks, ..MarketSettings::default() };
        MarketView::with_settings(exchange, settings)
    }

    /// The same with other bounds.
    pub fn with_settings(exchange: &SimExchange, settings: MarketSettings) -> MarketView {
        let now = exchange.now();
        let instruments = exchange.instruments().iter().enumerate();
        let symbols: Vec<SymbolView> = instruments
            .filter_map(|(place, instrument)| {
                SymbolView::new(SymbolIndex(place as u16), instrument, exchange, now, &settings)
            })
            .collect();
        assert_eq!(symbols.len(), exchange.instruments().len(), "an exchange knows its symbols");
        let named = symbols.iter().enumerate();
        let places = named
            .flat_map(|(place, view)| {
                [(view.name.clone(), place), (view.name.to_ascii_lowercase().into(), place)]
            })
            .collect();
        let assets = Assets::new(&symbols, now);
        let second = now.millis().div_euclid(1_000) * 1_000;
        let all = AllWants::default();
        MarketView { symbols, places, assets, all, seen: None, second, due: i64::MAX }
    }

    /// Takes an event that the exchange has just seen, too.
    pub fn observe(&mut self, event: &MarketEvent, exchange: &SimExchange, out: &impl Outlet) {
        let ms = event.time.millis();
        self.subscriptions(ms, out);
        let was_silent = self.is_silent();
        if was_silent {
            self.second = self.second.max((ms - 1).div_euclid(1_000) * 1_000);
        }
        // What closes at a whole second, as bars do, still belongs to the time before it.
        if ms > self.second + 1_000 {
            self.advance(Nanos::from_millis(ms - 1), exchange, out);
        }
        if let Some(view) = self.symbols.get_mut(usize::from(event.symbol.0)) {
            view.observe(ms, &event.data, out);
            if view.mark.is_none() {
                view.ask_mark(exchange, ms);
            }
            self.due = self.due.min(view.due_of_event());
        }
        if was_silent {
            self.due = self.earliest();
        }
    }

    /// Nothing has been heard of any symbol: there is nothing to sample, however long that lasts.
    fn is_silent(&self) -> bool {
        self.symbols.iter().all(SymbolView::is_silent)
    }

    /// Takes an event of the exchange: its liquidations are public.
    pub fn observe_exchange(&mut self, event: &ExchangeEvent, out: &impl Outlet) {
        let ExchangeEvent::User { time, event, .. } = event else { return };
        self.subscriptions(time.millis(), out);
        let UserEvent::OrderTradeUpdate { order, fill, liquidation: true, .. } = event else {
            return;
        };
        // Deleveraging closes somebody else's position, which is no liquidation.
        let is_adl = order.client_order_id.0.starts_with("adl_autoclose");
        if is_adl || !order.status.is_terminal() {
            return;
        }
        if let Some(view) = self.symbols.get_mut(usize::from(order.symbol.0)) {
            let row = events::liquidation(view, order, fill.as_ref());
            view.force_order(time.millis(), row, FORCE_ORDER_MS);
            self.due = self.due.min(view.due());
        }
    }

    /// When something is to be told, or sampled, that no event brings.
    pub fn next_due(&self) -> Nanos {
        // At the end of the range it saturates to `NEVER`.
        Nanos::from_millis(self.due)
    }

    /// Tells and samples what is due up to and including `now`. The exchange tells its marks, funding and
    /// rules.
    pub fn advance(&mut self, now: Nanos, exchange: &SimExchange, out: &impl Outlet) {
        let now = now.millis();
        self.subscriptions(now, out);
        while self.due <= now {
            let ms = self.due;
            if ms >= self.second + 1_000 && !self.is_silent() {
                self.second += 1_000;
                for view in &mut self.symbols {
                    let changed = view.ask_venue(exchange, Nanos::from_millis(ms));
                    if changed && self.all.contract_info {
                        let event = events::contract_info(view, ms);
                        out.publish("!contractInfo", events::json(&event));
                    }
                    view.second(ms, out);
                }
            }
            self.tell(ms, out);
            self.due = self.earliest();
        }
    }

    /// Somebody has subscribed or left: what is told from `now` on follows at once.
    pub fn subscriptions(&mut self, now: i64, out: &impl Outlet) {
        if self.seen != Some(out.version()) {
            self.listen(now, out);
            self.due = self.earliest();
        }
    }

    fn tell(&mut self, ms: i64, out: &impl Outlet) {
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

    fn earliest(&self) -> i64 {
        let timed = self.all.timed.iter().map(|timed| timed.due);
        let views = self.symbols.iter().map(SymbolView::due);
        let second = if self.is_silent() { i64::MAX } else { self.second + 1_000 };
        views.chain(timed).min().unwrap_or(i64::MAX).min(second)
    }

    /// A symbol by its name as REST has it, in capitals.
    pub(crate) fn of_name(&self, name: &str) -> Option<&SymbolView> {
        let place = *self.places.get(name)?;
        self.symbols.get(place).filter(|view| &*view.name == name)
    }

    /// All symbols in their order.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &SymbolView> {
        self.symbols.iter()
    }

    /// The assets that are margin and have a price.
    pub(crate) fn assets(&self) -> impl Iterator<Item = assets::AssetNow> {
        self.assets.now(&self.symbols)
    }

    /// The assets that are margin.
    pub(crate) fn asset_names(&self) -> impl Iterator<Item = &str> {
        self.assets.names()
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

    /// Reads the topics anew when they have changed.
    fn listen(&mut self, now: i64, out: &impl Outlet) {
        self.seen = Some(out.version());
        self.symbols.iter_mut().for_each(|view| view.wants.begin());
        self.all.timed.iter_mut().for_each(|timed| timed.keep = false);
        (self.all.force_order, self.all.contract_info) = (false, false);
        out.topics(&mut |topic, welcomes| self.add_topic(topic, now, welcomes));
        self.all.timed.retain(|timed| timed.keep);
        for view in &mut self.symbols {
            view.wants.end();
            let SymbolView { wants, book, .. } = view;
            book.collect_only(|stream| wants.collects(stream));
            for timed in &wants.timed {
                if let Periodic::Depth { stream } = timed.what {
                    book.collect(stream);
                }
            }
        }
    }

    fn add_topic(&mut self, topic: &str, now: i64, welcomes: bool) {
        match StreamName::parse(topic) {
            // A listen key, or a name that nothing is sent under.
            None => {}
            Some(StreamName::Of(_, SymbolStream::AssetIndex)) => {
                self.add_all(topic, AllStream::AssetIndex, now, welcomes);
            }
            Some(StreamName::Of(of, stream)) => {
                if let Some(view) = self.places.get(of).and_then(|p| self.symbols.get_mut(*p)) {
                    view.wants.add(topic, stream, now, welcomes);
                }
            }
            Some(StreamName::All(AllStream::ForceOrder)) => self.all.force_order = true,
            Some(StreamName::All(AllStream::ContractInfo)) => self.all.contract_info = true,
            Some(StreamName::All(all)) => self.add_all(topic, all, now, welcomes),
        }
    }

    fn add_all(&mut self, topic: &str, what: AllStream, now: i64, welcomes: bool) {
        let period_ms = match what {
            AllStream::MarkPrice { period_ms } => period_ms,
            AllStream::BookTicker => 5_000,
            _ => 1_000,
        };
        match self.all.timed.iter_mut().find(|timed| &*timed.topic == topic) {
            Some(timed) => (timed.keep, timed.welcomes) = (true, welcomes),
            None => self.all.timed.push(TimedAll {
                topic: topic.into(),
                what,
                period_ms,
                due: (now.div_euclid(period_ms) + 1) * period_ms,
                sent: vec![None; self.symbols.len()],
                welcomes,
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
            // Tickers tell what has changed only, but all of it to who has just come.
            let welcomes = timed.welcomes;
            let (mut all, mut news) = (Vec::new(), Vec::new());
            for (view, sent) in symbols.iter().zip(&mut timed.sent) {
                let (revision, always) = match timed.what {
                    AllStream::MarkPrice { .. } => (0, true),
                    AllStream::BookTicker => (view.book.revision(), false),
                    _ => (view.revision(), false),
                };
                let is_news = always || *sent != Some(revision);
                if !is_news && !welcomes {
                    continue;
                }
                let event = match timed.what {
                    AllStream::MarkPrice { .. } => events::mark_price(view, now),
                    AllStream::MiniTicker => events::mini_ticker(view, now),
                    AllStream::Ticker => events::ticker(view, now),
                    AllStream::BookTicker => events::book_ticker(view, now),
                    _ => None,
                };
                let Some(event) = event else { continue };
                *sent = Some(revision);
                if is_news {
                    news.push(event.clone());
                }
                if welcomes {
                    all.push(event);
                }
            }
            timed.welcomes = welcomes && all.is_empty();
            tell_all(timed, &all, &news, out);
        }
    }
}

/// Quotes of all symbols come one by one, all else as one list. `all` is empty where nobody has just come.
fn tell_all(
    timed: &TimedAll,
    all: &[MarketStreamEvent],
    news: &[MarketStreamEvent],
    out: &impl Outlet,
) {
    let texts = |events: &[MarketStreamEvent]| -> Vec<String> {
        match timed.what {
            AllStream::BookTicker => events.iter().map(events::json).collect(),
            _ if events.is_empty() => Vec::new(),
            _ => vec![events::json(&events)],
        }
    };
    if all.is_empty() {
        texts(news).into_iter().for_each(|news| out.publish(&timed.topic, news));
    } else {
        out.welcome(&timed.topic, &texts(all), &texts(news));
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
