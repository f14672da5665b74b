//! The port: requests in, events out, in order of time.
//!
//! Invariant: the exchange knows no bus, no file and no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::{
    AccountId, Exchange, ExchangeEvent, MarginType, MarketData, MarketEvent, Nanos, Outcome,
    Request, RequestId, Sender, ServiceId, Side, UserEvent,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account_tape::AccountTape;
use crate::accounts::{Account, Holding};
use crate::book::{Book, Multiples, Watch};
use crate::collateral_wallets::CollateralWallets;
use crate::conditional::Conditionals;
use crate::config::{AccountConfig, ConfigError, DEFAULT_LEVERAGE, ExchangeConfig, Funding};
use crate::depth::{DepthBook, DepthFill};
use crate::faults::Faults;
use crate::fills::MarketDepth;
use crate::funding::FundingClock;
use crate::index_market::IndexMarket;
use crate::latency::{DueQueue, Wires};
use crate::ledger::{IncomeType, Ledger, LedgerAccount};
use crate::limits::LimitUsage;
use crate::liquidity::Meter;
use crate::margin::Pool;
use crate::market_state::SettledFunding;
use crate::orders::Orders;
use crate::report::KeptRisks;
use crate::rule_changes::RulesFrom;
use crate::standstill::{Standstill, SymbolState};
use crate::symbol_rules::{GridRules, RuleBook};
use crate::venue_clock::Due;

/// Market prices beyond this many grid units are refused: their notionals would not be exact.
pub(crate) const PRICE_MAX: i64 = 1_000_000_000_000_000;

/// From here on conditional orders go through the algo service: 2025-12-09.
const ALGO_SERVICE_FROM: Nanos = Nanos::from_secs(1_765_238_400);

/// All that belongs to one symbol and to no account, apart from what each market event touches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Market {
    pub(crate) rules: GridRules,
    pub(crate) book: Book,
    /// The mark of the last `MarkPrice` event; none: the last price stands in for it.
    pub(crate) mark: Option<i64>,
    /// The data tell marks: none are made from the index.
    pub(crate) marks_told: bool,
    /// What is made from the index, once there is one.
    pub(crate) index: Option<Box<IndexMarket>>,
    /// A mark below this, or above the other, may liquidate somebody or bring a margin call.
    pub(crate) mark_low: i64,
    pub(crate) mark_high: i64,
    pub(crate) trades: u64,
    pub(crate) meter: Meter,
    /// A trade below the first or above the second concerns more than the market's book.
    pub(crate) band: (i64, i64),
    pub(crate) funding_rate: Option<Decimal>,
    /// What was settled last before the exchange began, as far as somebody says. Nothing is decided by it.
    #[serde(skip)]
    pub(crate) funding_before: Decimal,
    /// Rates of the data that were not used.
    pub(crate) funding_ignored: u64,
    pub(crate) state: SymbolState,
    /// For whoever asks; nothing is decided by it.
    #[serde(skip)]
    pub(crate) settled: VecDeque<SettledFunding>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Arrival {
    from: Sender,
    /// By the clock of the client.
    sent: Nanos,
    id: RequestId,
    request: Request,
}

/// The simulated exchange. Plain data: clone it to fork a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimExchange {
    pub(crate) watch: Vec<Watch>,
    /// A market event later than this has something to wait for.
    wake: Nanos,
    pub(crate) now: Nanos,
    pub(crate) markets: Vec<Market>,
    /// The market's books, where they are known; else empty.
    pub(crate) depths: Vec<DepthBook>,
    /// Empty between two events.
    #[serde(skip)]
    pub(crate) depth_fills: Vec<DepthFill>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) orders: Orders,
    pub(crate) ledger: Ledger,
    pub(crate) funding_clock: FundingClock,
    pub(crate) conditionals: Conditionals,
    /// Since the last request has come, a wallet or a position has changed.
    pub(crate) moved: bool,
    pub(crate) clock: DueQueue<Due>,
    /// How far the clocks of clients are ahead of the true one, where somebody has said so.
    clocks: BTreeMap<ServiceId, Nanos>,
    /// The countdowns that run, by account and symbol.
    pub(crate) countdowns: BTreeMap<(AccountId, usize), u64>,
    pub(crate) countdown_number: u64,
    wires: Wires,
    /// The pools that were called and have not been out of danger since.
    pub(crate) margin_calls: BTreeSet<(AccountId, Pool)>,
    pub(crate) standstill: Standstill,
    /// Rules that hold from a later date on.
    pub(crate) rules_ahead: Vec<RulesFrom>,
    /// Orders of before the last reset.
    pub(crate) orders_wiped: usize,
    /// None where the run has none.
    pub(crate) faults: Option<Box<Faults>>,
    /// Positions of an earlier time that wait for their symbol's first price.
    pub(crate) awaited: Vec<usize>,
    inbox: DueQueue<Arrival>,
    outbox: DueQueue<ExchangeEvent>,
    pub(crate) config: ExchangeConfig,
    pub(crate) warnings: Vec<String>,
    /// What was assumed about funding terms.
    pub(crate) funding_notes: Vec<String>,
    pub(crate) bad_prices: u64,
    /// Liquidations whose rest the market's other traders had to take.
    pub(crate) others_deleveraged: u64,
    /// Depth that came although the model of fills has no book.
    pub(crate) depth_ignored: u64,
    /// None where nobody wants it.
    pub(crate) tape: Option<Box<AccountTape>>,
}

impl SimExchange {
    /// An exchange with the embedded rules.
    pub fn new(config: ExchangeConfig) -> Result<SimExchange, ConfigError> {
        SimExchange::with_rules(config, &RuleBook::embedded()?)
    }

    /// An exchange with rules of the caller's.
    pub fn with_rules(config: ExchangeConfig, book: &RuleBook) -> Result<SimExchange, ConfigError> {
        config.check()?;
        let mut warnings = Vec::new();
        let mut markets = Vec::with_capacity(config.instruments.len());
        let mut watch = Vec::with_capacity(config.instruments.len());
        for instrument in &config.instruments {
            let at = config.rules_at.unwrap_or(config.start);
            let rules = book.for_symbol(instrument.symbol, at)?;
            warnings.extend(rules.warnings.iter().cloned());
            let rules = GridRules::new(rules, instrument)?;
            watch.push(Watch {
                last: 0,
                low: 1,
                high: PRICE_MAX,
                off_tick: 0,
                volume: 0,
                tick: Multiples::of(rules.tick),
            });
            let funding_rate = match &config.funding {
                Funding::Constant { rates } => rates.get(&instrument.symbol).copied(),
                Funding::None | Funding::Data | Funding::Index => None,
            };
            markets.push(Market {
                rules,
                book: Book::default(),
                mark: None,
                marks_told: false,
                index: None,
                mark_low: 1,
                mark_high: PRICE_MAX,
                trades: 0,
                meter: Meter::default(),
                band: (1, PRICE_MAX),
                funding_rate,
                funding_before: Decimal::ZERO,
                funding_ignored: 0,
                state: SymbolState::default(),
                settled: VecDeque::new(),
            });
        }
        let stated: Vec<AccountConfig> = config.accounts().collect();
        let symbols: Vec<_> = config.instruments.iter().map(|i| i.symbol).collect();
        let at = config.rules_at.unwrap_or(config.start);
        let mut ledger = Ledger::new(stated.len(), config.ledger_records_max);
        let transfer = IncomeType::Transfer;
        let mut accounts = Vec::with_capacity(stated.len());
        for (number, stated) in stated.iter().enumerate() {
            let id = AccountId(number as u16);
            let collateral = CollateralWallets::new(stated, &symbols, at, &mut warnings)?;
            accounts.push(account(id, stated, &markets, collateral)?);
            let world = LedgerAccount::External;
            ledger.wallet(id, config.start, transfer, stated.wallet, None, world);
        }
        let (fund, world) = (LedgerAccount::InsuranceFund, LedgerAccount::External);
        ledger.post(config.start, transfer, config.insurance_fund, None, world, fund);
        let mut exchange = SimExchange {
            tape: None,
            depths: depths(&config, &markets),
            depth_fills: Vec::new(),
            watch,
            wake: Nanos::ZERO,
            now: config.start,
            faults: Faults::new(&config.faults, config.seed, accounts.len()),
            awaited: Vec::new(),
            orders: Orders::new(accounts.len(), markets.len(), config.orders_kept_max),
            markets,
            accounts,
            ledger,
            funding_clock: FundingClock::after(config.start),
            conditionals: Conditionals::new(config.instruments.len(), config.orders_kept_max),
            moved: false,
            clock: DueQueue::new(),
            clocks: BTreeMap::new(),
            countdowns: BTreeMap::new(),
            countdown_number: 0,
            wires: Wires::new(config.seed),
            margin_calls: BTreeSet::new(),
            standstill: Standstill::default(),
            rules_ahead: Vec::new(),
            orders_wiped: 0,
            inbox: DueQueue::new(),
            outbox: DueQueue::new(),
            config,
            warnings,
            funding_notes: Vec::new(),
            bad_prices: 0,
            others_deleveraged: 0,
            depth_ignored: 0,
        };
        exchange.schedule_rules(book)?;
        exchange.schedule_events()?;
        exchange.schedule_faults();
        exchange.open_positions()?;
        exchange.set_wake();
        Ok(exchange)
    }

    /// Sends what happened now to the clients.
    pub(crate) fn send(&mut self, event: ExchangeEvent) {
        let due = self.delivery();
        self.send_at(due, event);
    }

    /// When what happens now reaches the clients.
    pub(crate) fn delivery(&mut self) -> Nanos {
        self.wires.delivery(&self.config.latency, self.now)
    }

    pub(crate) fn send_at(&mut self, due: Nanos, event: ExchangeEvent) {
        self.outbox.push(due, event);
    }

    /// Sends an event of an account's user stream.
    pub(crate) fn send_user(&mut self, account: AccountId, event: UserEvent) {
        if self.faults.is_some() {
            return self.send_user_by_fate(account, event);
        }
        self.send(ExchangeEvent::User { account, time: self.now, event });
    }

    /// The mark price, or what stands in for it: the last price, and before the first trade what the book shows. None before
    /// the first market event.
    pub(crate) fn mark(&self, symbol: usize) -> Option<i64> {
        let last = self.watch[symbol].last;
        let known = self.markets[symbol].mark.or((last > 0).then_some(last));
        known.or_else(|| self.shown_by_the_book(symbol))
    }

    /// The middle of the best quotes, on the grid unit below; the only one, where one side is empty.
    #[cold]
    fn shown_by_the_book(&self, symbol: usize) -> Option<i64> {
        let shown = self.depths.get(symbol)?.ladder();
        match (shown.best(Side::Buy), shown.best(Side::Sell)) {
            (Some(bid), Some(ask)) => Some(bid.midpoint(ask)),
            (bid, ask) => bid.or(ask),
        }
    }

    /// The mark of a symbol in which something has been traded.
    pub(crate) fn mark_or_zero(&self, symbol: usize) -> i64 {
        self.mark(symbol).unwrap_or(0)
    }

    pub(crate) fn set_wake(&mut self) {
        let own = Nanos(self.funding_clock.due().0.min(self.clock.due().0) - 1);
        self.wake = self.inbox.due().min(own);
    }

    /// The instant whose dated rules hold: now, or the one that the run is set to.
    pub(crate) fn rules_time(&self) -> Nanos {
        self.config.rules_at.unwrap_or(self.now)
    }

    /// Whether conditional orders belong to the algo service.
    pub(crate) fn has_algo_service(&self) -> bool {
        self.rules_time() >= ALGO_SERVICE_FROM
    }

    /// Does what is due before a market event of `time`: funding and the exchange's own business of that
    /// instant come before it, requests of that instant after it.
    #[cold]
    #[inline(never)]
    fn catch_up(&mut self, time: Nanos) {
        self.process(time, Nanos(time.0 - 1));
    }

    fn process(&mut self, own_until: Nanos, requests_until: Nanos) {
        loop {
            let (funding, request) = (self.funding_clock.due(), self.inbox.due());
            let first = request.min(self.clock.due());
            // Events of the venue come before the funding of their instant.
            let event = self.clock.first().is_some_and(Due::is_of_venue);
            let is_next = funding <= first && !(event && self.clock.due() <= funding);
            if is_next && funding <= own_until {
                self.now = self.now.max(funding);
                self.funding_instant(funding);
            } else if let Some((due, own)) = self.clock.pop_due(own_until.min(request)) {
                self.now = self.now.max(due);
                self.ring(own);
            } else if let Some((due, arrival)) = self.inbox.pop_due(requests_until) {
                self.now = self.now.max(due);
                self.arrive(arrival);
            } else {
                break;
            }
        }
        self.set_wake();
    }

    fn arrive(&mut self, arrival: Arrival) {
        let reads = matches!(
            arrival.request,
            Request::PositionRisk
                | Request::Account
                | Request::ExchangeInfo
                | Request::QueryOrder { .. }
                | Request::OpenOrders { .. }
                | Request::QueryAlgoOrder { .. }
                | Request::OpenAlgoOrders { .. }
                | Request::AdlQuantile
        );
        // An order that trades nothing leaves wallets and positions as they are; what rests watches by itself.
        let orders = match &arrival.request {
            Request::NewOrder(order) => !order.order_type.is_conditional(),
            Request::CancelOrder { .. } | Request::ModifyOrder(_) => true,
            _ => false,
        };
        self.moved = false;
        let account = arrival.from.account;
        if self.faults.is_some() {
            let fate = self.fate_of(account, &arrival.request);
            self.answer_by_fate(arrival.from, arrival.sent, arrival.id, arrival.request, fate);
        } else {
            let admitted = self.admit(account, arrival.sent, &arrival.request);
            let outcome = match admitted.and_then(|()| self.serve(account, arrival.request)) {
                Ok(answer) => Outcome::Done(answer),
                Err(error) => Outcome::Refused(error),
            };
            let (to, request) = (arrival.from.service, arrival.id);
            self.send(ExchangeEvent::Response { to, request, outcome });
        }
        // What only reads leaves the bands as they are.
        if !reads && (self.moved || !orders) {
            self.settle();
        }
    }
}

/// A book for each market, where the data tell books.
fn depths(config: &ExchangeConfig, markets: &[Market]) -> Vec<DepthBook> {
    if config.fills.depth == MarketDepth::Trades {
        return Vec::new();
    }
    markets.iter().map(|m| DepthBook::new(m.rules.tick, config.fills.queue)).collect()
}

/// An account as it is stated, checked against the rules of the run's symbols.
fn account(
    id: AccountId,
    stated: &AccountConfig,
    markets: &[Market],
    collateral: CollateralWallets,
) -> Result<Account, ConfigError> {
    let holding = |market: &Market| {
        let (symbol, most) = (market.rules.rules.symbol, market.rules.max_leverage());
        let leverage = stated.leverage.get(&symbol).copied().unwrap_or(DEFAULT_LEVERAGE.min(most));
        if leverage == 0 || leverage > most {
            return Err(ConfigError::Invalid(format!(
                "leverage: {leverage} of {symbol} must be 1 to {most}"
            )));
        }
        let margin_type = stated.margin_type.get(&symbol).copied();
        Ok(Holding::new(leverage, margin_type.unwrap_or(MarginType::Crossed)))
    };
    Ok(Account {
        id,
        dual: stated.hedge_mode,
        multi_assets: stated.multi_assets,
        collateral,
        liquidating: false,
        maker_rate: stated.maker_rate,
        taker_rate: stated.taker_rate,
        holdings: markets.iter().map(holding).collect::<Result<_, _>>()?,
        usage: LimitUsage::default(),
        risks: KeptRisks::default(),
    })
}

impl Exchange for SimExchange {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        let due = self.wires.arrival(&self.config.latency, now);
        let ahead = self.clocks.get(&from.service).copied().unwrap_or_default();
        self.inbox.push(due, Arrival { from, sent: now + ahead, id, request });
        self.set_wake();
    }

    fn set_clock(&mut self, client: ServiceId, ahead: Nanos) {
        self.clocks.insert(client, ahead);
    }

    #[inline]
    fn observe(&mut self, event: &MarketEvent) {
        if event.time > self.wake {
            self.catch_up(event.time);
        }
        let symbol = usize::from(event.symbol.0);
        match event.data {
            MarketData::Trade(trade) => {
                // Nothing else happens in the common case: see `Watch`.
                let price = trade.price.0;
                if let Some(tape) = &mut self.tape {
                    tape.traded(symbol, price);
                }
                let watch = &mut self.watch[symbol];
                if price < watch.low || price > watch.high {
                    return self.watched_trade(event, symbol, &trade);
                }
                watch.trade(price, trade.qty.0);
            }
            MarketData::Bar(bar) => {
                if !bar.path_passed {
                    self.bar(event.time, symbol, &bar);
                }
            }
            MarketData::MarkPrice(price) => {
                self.markets[symbol].marks_told = true;
                self.marked(event.time, symbol, price.0);
            }
            MarketData::IndexPrice(price) => self.index_event(event.time, symbol, price),
            MarketData::FundingRate(rate) => self.funding_event(event.time, symbol, rate),
            MarketData::Depth(_) | MarketData::DepthClear | MarketData::BestQuotes(_) => {
                self.depth_event(event, symbol);
            }
        }
    }

    #[inline]
    fn next_due(&self) -> Nanos {
        let waiting = self.inbox.due().0.min(self.outbox.due().0).min(self.clock.due().0);
        // A flat account's funding has no effect: it need not wake anybody.
        let pays = matches!(self.config.funding, Funding::Constant { .. })
            && self.accounts.iter().any(Account::has_positions);
        if pays { Nanos(waiting.min(self.funding_clock.due().0)) } else { Nanos(waiting) }
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        let due = self.inbox.due().min(self.funding_clock.due()).min(self.clock.due());
        if due <= now {
            self.process(now, now);
        }
        while let Some((_, event)) = self.outbox.pop_due(now) {
            out.push(event);
        }
    }
}
