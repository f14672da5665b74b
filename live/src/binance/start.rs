//! The beginning of a session: what the venue is asked before anything else, and the connections.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use binance_wire::{RateLimit, SymbolBrackets};
use engine::{AccountId, Answer, ExchangeEvent, Instrument, MarketWants, Nanos, Outcome, Symbol};
use mio::{Events, Poll};
use serde::de::DeserializeOwned;

use super::answers::Brackets;
use super::budget::Budget;
use super::calls::{Auth, Call};
use super::config::StreamPaths;
use super::grid::{Grid, on_grid};
use super::ledger::Ledger;
use super::market::Market;
use super::rest::{Rest, RestPool};
use super::secret::Keys;
use super::socket::{Slot, State};
use super::symbols::{Filters, LooseInfo, SymbolTerms};
use super::user::User;
use super::{
    BinanceConfig, BinanceLink, Helped, MARKET, SYNC_EVERY, ToldOff, USER, WAKER, WS_API, Waker,
    wall,
};
use crate::clock::LiveClock;
use crate::link::{Incoming, LinkError, Notice, VenueLink, Wake, Weight};

/// Streams of one connection: Binance allows 1,024, and an address has an end.
const STREAMS_MAX: usize = 100;
/// No symbol has more.
const DECIMALS_MAX: u32 = 16;
/// All connections are up after this, or the session does not begin.
const START_MAX: Duration = Duration::from_secs(30);

/// All that a link needs.
#[derive(Debug)]
pub struct Setup {
    /// Venue and limits.
    pub config: BinanceConfig,
    /// The account's key. Without one the link tells the market and asks for nothing that is not public.
    pub keys: Option<Arc<Keys>>,
    /// The session's clock. Its distance to the venue's is measured here and from then on.
    pub clock: Arc<LiveClock>,
    /// The session's symbols in their order, with the grid that the pipeline counts on. Each tick and step
    /// of the venue must be on it.
    pub instruments: Vec<Instrument>,
    /// Which market data somebody wants.
    pub wants: MarketWants,
    /// Whose key it is.
    pub account: AccountId,
    /// What an earlier life of this session has heard, from its journal, oldest first: what was missed since
    /// then is told. Without any the session begins with what it finds, and tells nothing of it.
    pub heard: Vec<ExchangeEvent>,
    /// For an exchange of our own that has not seen the market for a while: of each symbol the last funding that it knows,
    /// by the venue's clock. The rates of all later ones are told before anything else.
    pub funding_since: Option<Vec<Nanos>>,
}

/// What the venue says about the session's symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueFacts {
    /// In the order asked, on the venue's own precisions.
    pub instruments: Vec<Instrument>,
    /// Of each.
    pub filters: Vec<Filters>,
    /// All that exchangeInfo says of how each is traded.
    pub rules: Vec<SymbolTerms>,
}

struct Asked {
    facts: VenueFacts,
    brackets: Brackets,
    limits: Vec<RateLimit>,
}

pub(super) fn rest_of(
    config: &BinanceConfig,
    keys: Option<&Arc<Keys>>,
    clock: &Arc<LiveClock>,
) -> Rest {
    let timeout = Duration::from_millis(config.request_timeout_ms.into());
    let base = config.venue.addresses().rest;
    Rest::new(&base, keys.cloned(), clock.clone(), config.recv_window_ms, timeout)
}

fn refused(config: &BinanceConfig, problem: String) -> LinkError {
    LinkError::Refused { venue: config.venue.addresses().rest, problem }
}

/// Why a call that was needed has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer {
    pub problem: String,
    /// The venue takes nothing more: asking on makes it worse.
    pub told_off: Option<ToldOff>,
}

impl From<NoAnswer> for String {
    fn from(no: NoAnswer) -> String {
        match no.told_off {
            Some(told_off) => format!("{}; {told_off}", no.problem),
            None => no.problem,
        }
    }
}

/// One call whose answer is needed to go on.
pub(super) fn needed<T: DeserializeOwned>(rest: &Rest, call: &Call) -> Result<T, NoAnswer> {
    let path = call.path;
    let reply = rest.call(call);
    let told_off = reply.told_off();
    let problem = match reply.result {
        Ok((200, body)) => match serde_json::from_slice(&body) {
            Ok(answer) => return Ok(answer),
            Err(error) => format!("{path}: {}", super::WireError::from(error)),
        },
        Ok((status, body)) => {
            let error: Option<binance_wire::ErrorBody> = serde_json::from_slice(&body).ok();
            let said = error.map_or(String::new(), |e| format!(": {} {}", e.code, e.msg));
            format!("{path}: HTTP {status}{said}")
        }
        Err(failure) => format!("{path}: {failure}"),
    };
    Err(NoAnswer { problem, told_off })
}

fn ask(rest: &Rest, clock: &LiveClock, symbols: &[Symbol], has_key: bool) -> Result<Asked, String> {
    let measured = rest.measure(5).map_err(|failure| format!("/fapi/v1/time: {failure}"))?;
    if measured.corrects(clock.venue_ahead()) {
        clock.set_venue_ahead(measured.ahead);
    }
    let call = Call::get("/fapi/v1/exchangeInfo", Auth::Nothing, 1);
    let info: LooseInfo = needed(rest, &call)?;
    // Without an account there are no brackets, and nobody who would need them.
    let rows: Option<Vec<SymbolBrackets>> = match has_key {
        true => Some(needed(rest, &Call::get("/fapi/v1/leverageBracket", Auth::Signature, 1))?),
        false => None,
    };
    let mut asked = Asked {
        facts: VenueFacts { instruments: Vec::new(), filters: Vec::new(), rules: Vec::new() },
        brackets: Brackets::default(),
        limits: info.rate_limits,
    };
    for symbol in symbols {
        let name = symbol.as_str();
        let row = info.symbols.iter().find(|row| &*row.symbol == name);
        let row = row.ok_or_else(|| format!("it does not list {symbol}"))?;
        if let Some(rows) = &rows {
            let brackets = rows.iter().find(|row| &*row.symbol == name);
            let brackets =
                brackets.ok_or_else(|| format!("it has no leverage brackets of {symbol}"))?;
            asked.brackets.0.push(brackets.brackets.clone());
        }
        // A decimal has room for 28.
        if row.price_precision.max(row.quantity_precision) > DECIMALS_MAX {
            return Err(format!("it gives {symbol} more than {DECIMALS_MAX} decimals"));
        }
        asked.facts.filters.push(row.filters());
        asked.facts.rules.push(row.terms());
        asked.facts.instruments.push(Instrument {
            symbol: *symbol,
            price_decimals: row.price_precision,
            qty_decimals: row.quantity_precision,
        });
    }
    Ok(asked)
}

/// Asks a venue for the grids and filters of symbols, and sets the clock. Blocks.
///
/// # Errors
/// The venue does not answer, refuses the key or does not know a symbol.
pub fn venue_facts(
    config: &BinanceConfig,
    keys: Option<&Arc<Keys>>,
    clock: &Arc<LiveClock>,
    symbols: &[Symbol],
) -> Result<VenueFacts, LinkError> {
    let rest = rest_of(config, keys, clock);
    let asked = ask(&rest, clock, symbols, keys.is_some());
    asked.map(|asked| asked.facts).map_err(|problem| refused(config, problem))
}

/// The first rule of the venue that a grid can't express.
fn off_grid(instruments: &[Instrument], filters: &[Filters]) -> Option<String> {
    for (instrument, filters) in instruments.iter().zip(filters) {
        for (what, value, decimals) in [
            ("tick", filters.tick_size, instrument.price_decimals),
            ("step", filters.step_size, instrument.qty_decimals),
        ] {
            if on_grid(value, decimals).is_none() {
                let symbol = instrument.symbol;
                return Some(format!(
                    "{symbol}: its {what} {value} is off the session's grid of {decimals} decimals"
                ));
            }
        }
    }
    None
}

impl BinanceLink {
    /// Connects to the venue. Blocks until the streams are up and what the account holds is known.
    ///
    /// # Errors
    /// The venue refuses the key or a symbol, or does not answer within half a minute.
    pub fn connect(setup: Setup) -> Result<BinanceLink, LinkError> {
        let mut link = BinanceLink::prepare(setup)?;
        let began = wall();
        let mut came: Vec<Incoming> = Vec::new();
        while !link.is_ready() {
            if began.elapsed() > START_MAX {
                let last = came.iter().rev().find_map(|incoming| match incoming {
                    Incoming::Notice(notice) => Some(format!("; last: {}", notice.text)),
                    Incoming::Market { .. } | Incoming::Exchange(_) => None,
                });
                let problem = format!(
                    "its streams did not come up in {} seconds{}",
                    START_MAX.as_secs(),
                    last.unwrap_or_default()
                );
                return Err(refused(&link.config, problem));
            }
            link.poll(Duration::from_millis(100), &mut came)?;
        }
        if link.keys.is_some() && !link.slots[WS_API].is_up() {
            let text = "orders go over REST until the WebSocket API is up".to_owned();
            link.notice(Weight::Warning, "ws_api_down", text);
        }
        // What came meanwhile is told by the first poll.
        came.append(&mut link.out);
        link.out = came;
        Ok(link)
    }

    /// Whether all streams are up and nothing that was missed is being asked for.
    pub fn is_ready(&self) -> bool {
        let market = self.slots.iter().skip(MARKET).all(Slot::is_up);
        if self.keys.is_none() {
            return market;
        }
        let (api, user) = (&self.slots[WS_API], &self.slots[USER]);
        self.user.ready
            && user.is_up()
            && market
            && (api.is_up() || api.failed > 2 || api.flaps > 2)
    }

    fn prepare(setup: Setup) -> Result<BinanceLink, LinkError> {
        let Setup { config, keys, clock, instruments, wants, account, heard, funding_since } =
            setup;
        if let Some(problem) = config.problem() {
            return Err(refused(&config, problem));
        }
        let symbols: Vec<Symbol> = instruments.iter().map(|i| i.symbol).collect();
        let rest = Arc::new(rest_of(&config, keys.as_ref(), &clock));
        let asked = ask(&rest, &clock, &symbols, keys.is_some())
            .map_err(|problem| refused(&config, problem))?;
        if let Some(problem) = off_grid(&instruments, &asked.facts.filters) {
            return Err(refused(&config, problem));
        }
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| LinkError::Io { what, source }
        };
        let poll = Poll::new().map_err(io("a poll"))?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(io("a waker"))?;
        let waker = Arc::new(Waker(waker));
        let (post, inbox) = channel();
        let done = {
            let (post, waker) = (post.clone(), waker.clone());
            move |number, done| {
                let _ = post.send(Helped::Rest(number, done));
                waker.wake();
            }
        };
        let pool = RestPool::start(&rest, config.rest_threads, done).map_err(io("threads"))?;
        let mut budget = Budget::default();
        budget.set_limits(&asked.limits);
        let grid = Grid::new(instruments);
        let mut ledger = Ledger::new(grid.clone());
        heard.iter().for_each(|event| ledger.remember(event));
        let mut market = Market::new(&grid, wants);
        let mut out = Vec::new();
        if let Some(since) = funding_since {
            out = missed_funding(&rest, &mut market, &grid, &since, clock.venue_now())
                .map_err(|problem| refused(&config, problem))?;
        }
        let (mut slots, carries_depth) = slots(&config, &market, &grid);
        if keys.is_none() {
            slots.iter_mut().take(MARKET).for_each(|slot| slot.state = State::Off);
        }
        let now = wall();
        let addresses = config.venue.addresses();
        ledger.begun |= !heard.is_empty();
        // Fills are looked for from the last thing that was heard.
        let last = heard.iter().filter_map(heard_at).max();
        let mut user = User::new(now, last.unwrap_or(clock.venue_now()));
        if keys.is_none() {
            user.make_key_at = None;
        }
        let sync_at = clock.now() + SYNC_EVERY;
        Ok(BinanceLink {
            addresses,
            account,
            keys,
            grid,
            brackets: asked.brackets,
            gate: rest.gate(),
            rest,
            pool,
            poll,
            events: Events::with_capacity(64),
            ready: Vec::new(),
            waker,
            post,
            inbox,
            was_up: vec![false; slots.len()],
            slots,
            carries_depth,
            out,
            budget,
            silenced: false,
            next_number: 0,
            pending: std::collections::BTreeMap::new(),
            purposes: std::collections::BTreeMap::new(),
            ledger,
            market,
            fetch_later: Vec::new(),
            failed_fetches: 0,
            user,
            sync_at,
            syncing: false,
            sync_failed: false,
            sync_again: false,
            fatal: None,
            woke: wall(),
            clock,
            config,
        })
    }
}

/// Asks for the funding rates of each symbol that were settled after its `since`; `market` tells them first. Gives what an
/// operator should know of them.
fn missed_funding(
    rest: &Rest,
    market: &mut Market,
    grid: &Grid,
    since: &[Nanos],
    now: Nanos,
) -> Result<Vec<Incoming>, String> {
    let mut notices = Vec::new();
    for ((symbol, instrument), since) in grid.all().zip(since) {
        let fetch = market.missed_funding(symbol, *since, now);
        let call = Market::call(fetch, grid);
        let rows: Vec<binance_wire::FundingRateRow> = needed(rest, &call)?;
        market.settled(symbol, &rows, grid).map_err(|error| format!("{}: {error}", call.path))?;
        for row in rows.iter().filter(|row| Nanos::from_millis(row.funding_time) > *since) {
            let text = format!(
                "{}: the rate {} of {} is told late",
                instrument.symbol,
                row.funding_rate.value().normalize(),
                Nanos::from_millis(row.funding_time)
            );
            let (weight, what) = (Weight::Warning, "missed_funding");
            notices.push(Incoming::Notice(Notice { weight, what, text }));
        }
    }
    Ok(notices)
}

/// The venue's time of something that was heard, if it tells.
fn heard_at(event: &ExchangeEvent) -> Option<Nanos> {
    match event {
        ExchangeEvent::User { time, .. } => Some(*time),
        ExchangeEvent::Response { outcome: Outcome::Done(Answer::Order(order)), .. } => {
            Some(order.update_time)
        }
        ExchangeEvent::Response { .. } => None,
    }
}

/// The connections, and which of those for market data carry books.
fn slots(config: &BinanceConfig, market: &Market, grid: &Grid) -> (Vec<Slot>, Vec<bool>) {
    let now = wall();
    let addresses = config.venue.addresses();
    let mut slots = vec![
        Slot::new("the WebSocket API", addresses.ws_api.clone(), now),
        Slot::new("the user stream", String::new(), now),
    ];
    let mut carries_depth = Vec::new();
    let [public, rest] = market.streams(grid);
    for (streams, path, depth) in [(public, "/public", true), (rest, "/market", false)] {
        let path = match config.stream_paths {
            StreamPaths::Routed => path,
            StreamPaths::Legacy => "",
        };
        for part in streams.chunks(STREAMS_MAX) {
            let address = format!("{}{path}/ws/{}", addresses.streams, part.join("/"));
            slots.push(Slot::new("a market stream", address, now));
            carries_depth.push(depth);
        }
    }
    (slots, carries_depth)
}
