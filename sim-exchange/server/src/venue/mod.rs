//! The venue: the exchange, its market and its time, in one order.
//!
//! Invariant: nothing happens out of order of time: market events and the exchange's own business up to an
//! instant come before a request of that instant.

pub(crate) mod books;
pub(crate) mod gate;
mod listen_keys;
mod requests;

pub use requests::Asked;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use engine::{
    ClientOrderId, Exchange, ExchangeEvent, Feed, Instrument, MarketEvent, Nanos, Outcome,
    SymbolIndex,
};
use sim_exchange::{LedgerAccount, SimExchange};
use tokio::sync::oneshot;

use books::AccountBook;
use gate::Gate;

use crate::clock::VenueClock;
use crate::hub::Hub;
use crate::market::MarketView;
use crate::rest::downloads::Downloads;

/// Market events that the clock task shows before it lets others to the lock.
const SLICE: usize = 2_000;
/// The clock task looks again after so long, whatever is due.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// Everything that trades.
pub struct Venue {
    exchange: SimExchange,
    symbols: BTreeMap<Box<str>, SymbolIndex>,
    market: MarketView,
    feed: Box<dyn Feed + Send>,
    batch: Vec<MarketEvent>,
    cursor: usize,
    feed_ended: bool,
    /// Why the feed stopped before its end.
    feed_error: Option<String>,
    pub(crate) clock: VenueClock,
    /// Nothing of the market is shown and no time passes until `go`.
    pub(crate) held: bool,
    now: Nanos,
    hub: Hub,
    requests: u64,
    /// Requests whose answer has not come yet.
    waiting: BTreeMap<u64, oneshot::Sender<Outcome>>,
    /// The answer to the request that is being asked.
    answered: Option<Outcome>,
    events: Vec<ExchangeEvent>,
    /// When the clock task will look again.
    planned: Nanos,
    /// What is kept for each account.
    pub(crate) books: Vec<AccountBook>,
    pub(crate) gate: Gate,
    /// When the first listen key may expire.
    keys_due: Nanos,
    /// Records of the ledger that have been looked at.
    ledger_seen: u64,
    /// How far the venue's clock is wrong when it looks at timestamps, in ms; above zero it is ahead.
    pub(crate) skew_ms: i64,
    client_ids: u64,
    /// Histories that were asked for as files.
    pub(crate) downloads: Downloads,
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Venue {
    pub(crate) fn new(
        mut exchange: SimExchange,
        feed: Box<dyn Feed + Send>,
        clock: VenueClock,
        hub: Hub,
        archive_max: usize,
        address: SocketAddr,
    ) -> Venue {
        let (now, market) = (exchange.now(), MarketView::new(&exchange));
        let accounts = exchange.accounts_total();
        let named = (0u16..).zip(exchange.instruments());
        let symbols = named.map(|(n, own)| (own.symbol.as_str().into(), SymbolIndex(n))).collect();
        let gate = Gate::new(exchange.hand_over_limits(), accounts);
        let mut venue = Venue {
            exchange,
            symbols,
            market,
            feed,
            batch: Vec::new(),
            cursor: 0,
            feed_ended: false,
            feed_error: None,
            clock,
            held: true,
            now,
            hub,
            requests: 0,
            waiting: BTreeMap::new(),
            answered: None,
            events: Vec::new(),
            planned: Nanos::NEVER,
            books: vec![AccountBook::new(archive_max, now); accounts],
            gate,
            keys_due: Nanos::NEVER,
            ledger_seen: 0,
            skew_ms: 0,
            client_ids: 0,
            downloads: Downloads::at(address),
        };
        venue.book_income();
        venue
    }

    /// The exchange, to look at.
    pub fn exchange(&self) -> &SimExchange {
        &self.exchange
    }

    /// What the market's data show.
    pub fn market(&self) -> &MarketView {
        &self.market
    }

    /// The same, for those who keep something in it.
    pub fn market_mut(&mut self) -> &mut MarketView {
        &mut self.market
    }

    /// The venue's time: nothing later has happened.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// What the clock shows, whether or not the venue has got there.
    pub fn clock_now(&self) -> Nanos {
        self.clock.now().max(self.now)
    }

    /// What the venue says the time is, in milliseconds: wrong where a fault makes it so.
    pub fn shown_ms(&self) -> i64 {
        self.now.millis().saturating_add(self.skew_ms)
    }

    /// A symbol of the venue by its name.
    pub fn symbol(&self, name: &str) -> Option<SymbolIndex> {
        self.symbols.get(name).copied()
    }

    /// The grid of a symbol of the venue.
    pub fn instrument(&self, symbol: SymbolIndex) -> Option<&Instrument> {
        self.exchange.instruments().get(usize::from(symbol.0))
    }

    /// Why the market stopped before its end, if it did.
    pub fn feed_error(&self) -> Option<&str> {
        self.feed_error.as_deref()
    }

    /// The first market event that has not happened yet; `NEVER` at the end of the data.
    pub(crate) fn next_market(&mut self) -> Nanos {
        if self.cursor == self.batch.len() && !self.feed_ended {
            self.cursor = 0;
            if let Err(error) = self.feed.next_batch(&mut self.batch) {
                // The market stands still from here on; trading goes on at its last prices.
                tracing::error!(%error, "the market feed stopped");
                self.feed_error = Some(error.to_string());
                self.batch.clear();
            }
            self.feed_ended = self.batch.is_empty();
        }
        self.batch.get(self.cursor).map_or(Nanos::NEVER, |event| event.time)
    }

    /// Does all that is due by the clock.
    pub(crate) fn catch_up(&mut self) {
        while self.catch_up_some() {}
    }

    /// Does some of what is due by the clock; says whether there is more.
    pub(crate) fn catch_up_some(&mut self) -> bool {
        if self.held {
            return false;
        }
        let until = self.clock.now();
        let more = self.advance_some(until);
        if !more {
            self.now = self.now.max(until);
            self.expire_listen_keys();
        }
        more
    }

    /// Does what is due up to `until`, but not more than a slice of it; says whether there is more.
    fn advance_some(&mut self, until: Nanos) -> bool {
        for _ in 0..SLICE {
            let (market, own, view) =
                (self.next_market(), self.exchange.next_due(), self.market.next_due());
            let next = market.min(own).min(view);
            if next > until {
                self.advance_exchange(until);
                return false;
            }
            self.now = self.now.max(next);
            if market <= own && market <= view {
                let event = self.batch[self.cursor];
                self.cursor += 1;
                self.exchange.observe(&event);
                self.market.observe(&event, &self.exchange, &self.hub);
            } else if own <= view {
                self.advance_exchange(own);
            } else {
                self.market.advance(view, &self.exchange, &self.hub);
            }
        }
        true
    }

    fn advance_exchange(&mut self, until: Nanos) {
        let mut events = std::mem::take(&mut self.events);
        self.exchange.advance(until, &mut events);
        for event in events.drain(..) {
            self.tell(event);
        }
        self.events = events;
        self.book_income();
    }

    /// Takes the ledger's new records into the accounts' histories.
    fn book_income(&mut self) {
        let serial = self.exchange.ledger_serial();
        if serial == self.ledger_seen {
            return;
        }
        for (number, record) in self.exchange.ledger_since(self.ledger_seen) {
            for side in [record.from, record.to] {
                if let LedgerAccount::Wallet(account) = side
                    && let Some(book) = self.books.get_mut(usize::from(account.0))
                {
                    book.book(account, number, record);
                }
            }
        }
        self.ledger_seen = serial;
        self.books.iter_mut().for_each(AccountBook::forget_booked);
    }

    /// Sends JSON to the streams of a topic.
    pub(crate) fn publish(&self, topic: &str, text: &[u8]) {
        if let Ok(text) = std::str::from_utf8(text) {
            self.hub.publish(topic, text);
        }
    }

    /// An id for an order whose owner gave it none.
    pub(crate) fn fresh_client_id(&mut self) -> ClientOrderId {
        self.client_ids += 1;
        ClientOrderId(format!("srv{:019}", self.client_ids).into())
    }

    /// The market begins, and the clock with it.
    pub(crate) fn go(&mut self) {
        self.held = false;
        self.clock.go();
    }

    /// How long the clock task may sleep; none where nothing moves by itself.
    pub(crate) fn plan(&mut self) -> Option<std::time::Duration> {
        if self.held || !self.clock.goes() {
            self.planned = Nanos::NEVER;
            return None;
        }
        let due = self.next_due();
        self.planned = due;
        Some(self.clock.wait(due)?.min(LOOK_AGAIN))
    }

    /// Whether something is due before the clock task will look again.
    pub(crate) fn is_sooner(&self) -> bool {
        let own = self.exchange.next_due().min(self.market.next_due()).min(self.keys_due);
        own < self.planned
    }

    /// The next instant at which there is anything to do, streams that tell every second included.
    fn next_due(&mut self) -> Nanos {
        self.next_event().min(self.market.next_due())
    }

    /// The next instant at which something happens by itself, in the market or at the exchange.
    pub(crate) fn next_event(&mut self) -> Nanos {
        self.next_market().min(self.exchange.next_due()).min(self.keys_due)
    }
}
