//! The test bench: a few services of the chain, a table for an exchange, a list for a feed.

use std::collections::{BTreeMap, VecDeque};

use engine::{
    AccountBalance, Action, Answer, Body, DigestOnly, Entry, EntryId, Exchange, ExchangeError,
    ExchangeEvent, ExpiryReason, Feed, FeedError, Instrument, Kernel, KernelConfig, Link,
    MarginType, MarketEvent, Member, MemoryBus, Nanos, NewOrder, OrderId, OrderRef, OrderState,
    OrderStatus, Outcome, PositionRisk, PositionSide, PriceMatch, PriceTicks, QtyLots, ReadFrom,
    Request, RequestId, SelfTradePrevention, Sender, ServiceId, SetOptions, Symbol, SymbolIndex,
    SymbolInfo, TimeInForce, Ttl, TypedRecord, WorkingType,
};
use pipeline::{PipelineSettings, chain};
use rust_decimal::Decimal;

/// When every bench starts.
pub const START: Nanos = Nanos::from_secs(1_770_000_000);
const ANSWERS_AFTER: Nanos = Nanos::from_millis(1);

/// An exchange that fills every order at the mark price, whatever the account holds.
pub struct Table {
    /// Signed lots held, by symbol.
    pub held: Vec<i64>,
    /// Mark prices.
    pub marks: Vec<i64>,
    /// Entry prices, in ticks: the mark price of the order that opened.
    pub entries: Vec<i64>,
    /// LOT_SIZE stepSize of all symbols.
    pub step: i64,
    /// MIN_NOTIONAL of all symbols.
    pub min_notional: i64,
    /// MARKET_LOT_SIZE maxQty of all symbols.
    pub max_qty: i64,
    /// exchangeInfo is refused so many more times.
    pub refuse_info: u32,
    /// The account's money; without it the account is not told.
    pub account: Option<AccountBalance>,
    /// What the next orders and changes of leverage are answered, in place of a good answer. An order whose
    /// outcome is unknown is filled all the same.
    pub instead: VecDeque<Outcome>,
    /// How long an order or a look for one takes.
    pub orders_take: Nanos,
    /// The orders that came.
    pub orders: Vec<NewOrder>,
    /// The leverages that were asked for.
    pub leverages: Vec<u32>,
    /// How often positionRisk was asked for.
    pub asked: u32,
    /// How often exchangeInfo was asked for.
    pub info_asked: u32,
    symbols: Vec<Symbol>,
    price_decimals: Vec<u32>,
    quote_decimals: Vec<u32>,
    answers: VecDeque<(Nanos, ExchangeEvent)>,
}

/// The defaults with these behaviours of the audits.
pub fn audited(names: &[&str]) -> PipelineSettings {
    serde_json::from_value(serde_json::json!({ "audited": names })).expect("audited names")
}

/// A refusal with this code.
pub fn refused(code: i32) -> Outcome {
    Outcome::Refused(ExchangeError { code, msg: "refused by the test".into() })
}

impl Table {
    fn new(instruments: &[Instrument]) -> Table {
        Table {
            held: vec![0; instruments.len()],
            marks: vec![10_000; instruments.len()],
            entries: vec![0; instruments.len()],
            step: 1,
            min_notional: 5,
            max_qty: 1_000_000,
            refuse_info: 0,
            account: None,
            instead: VecDeque::new(),
            orders_take: ANSWERS_AFTER,
            orders: Vec::new(),
            leverages: Vec::new(),
            asked: 0,
            info_asked: 0,
            symbols: instruments.iter().map(|i| i.symbol).collect(),
            price_decimals: instruments.iter().map(|i| i.price_decimals).collect(),
            quote_decimals: instruments.iter().map(|i| i.price_decimals + i.qty_decimals).collect(),
            answers: VecDeque::new(),
        }
    }

    fn answer(&mut self, now: Nanos, request: &Request) -> Outcome {
        let places = 0..self.symbols.len();
        match request {
            Request::PositionRisk => {
                self.asked += 1;
                let row = |place: usize| PositionRisk {
                    symbol: SymbolIndex(place as u16),
                    position_side: PositionSide::Both,
                    position_amt: QtyLots(self.held[place]),
                    entry_price: Decimal::new(self.entries[place], self.price_decimals[place]),
                    break_even_price: Decimal::ZERO,
                    mark_price: PriceTicks(self.marks[place]),
                    unrealized_profit: Decimal::new(
                        self.held[place] * (self.marks[place] - self.entries[place]),
                        self.quote_decimals[place],
                    ),
                    liquidation_price: Decimal::ZERO,
                    leverage: 10,
                    margin_type: MarginType::Crossed,
                    isolated_wallet: Decimal::ZERO,
                    // Of a leverage of ten.
                    initial_margin: Decimal::new(
                        self.held[place].abs() * self.marks[place],
                        self.quote_decimals[place] + 1,
                    ),
                    maint_margin: Decimal::ZERO,
                    update_time: now,
                };
                Outcome::Done(Answer::PositionRisk(places.map(row).collect()))
            }
            Request::ExchangeInfo => {
                self.info_asked += 1;
                if self.refuse_info > 0 {
                    self.refuse_info -= 1;
                    return refused(-1003);
                }
                let row = |place: usize| SymbolInfo {
                    name: self.symbols[place],
                    symbol: SymbolIndex(place as u16),
                    trading: true,
                    tick_size: 1,
                    step_size: self.step,
                    min_qty: QtyLots(self.step),
                    market_max_qty: QtyLots(self.max_qty),
                    min_notional: Decimal::from(self.min_notional),
                    max_leverage: 50,
                };
                Outcome::Done(Answer::ExchangeInfo(places.map(row).collect()))
            }
            Request::Account => match self.account {
                Some(account) => Outcome::Done(Answer::Account(Box::new(account))),
                None => refused(-1001),
            },
            Request::SetLeverage { symbol, leverage } => {
                self.leverages.push(*leverage);
                self.instead.pop_front().unwrap_or(Outcome::Done(Answer::Leverage {
                    symbol: *symbol,
                    leverage: *leverage,
                    max_notional: Decimal::from(1_000_000),
                }))
            }
            Request::NewOrder(order) => {
                self.orders.push(order.clone());
                if order.quantity.is_none() {
                    // Conditional orders have left this route.
                    return refused(-4120);
                }
                let outcome = self.instead.pop_front().unwrap_or_else(|| self.filled(now, order));
                if !matches!(outcome, Outcome::Refused(_)) {
                    let lots = order.quantity.map_or(0, |quantity| quantity.0);
                    let place = usize::from(order.symbol.0);
                    if self.held[place] == 0 {
                        self.entries[place] = self.marks[place];
                    }
                    self.held[place] += order.side.sign() * lots;
                }
                outcome
            }
            Request::QueryOrder { order: OrderRef::Client(id), .. } => {
                let order = self.orders.iter().find(|order| order.client_order_id == *id);
                let instead = self.instead.pop_front();
                instead.unwrap_or_else(|| order.map_or(refused(-2013), |o| self.filled(now, o)))
            }
            _ => refused(-1),
        }
    }

    fn filled(&self, now: Nanos, order: &NewOrder) -> Outcome {
        let qty = order.quantity.expect("a quantity");
        let place = usize::from(order.symbol.0);
        let state = OrderState {
            order_id: OrderId(self.orders.len() as u64),
            client_order_id: order.client_order_id.clone(),
            symbol: order.symbol,
            side: order.side,
            position_side: PositionSide::Both,
            order_type: order.order_type,
            orig_type: order.order_type,
            time_in_force: TimeInForce::Gtc,
            orig_qty: qty,
            executed_qty: qty,
            cum_quote: Decimal::new(self.marks[place] * qty.0, self.quote_decimals[place]),
            price: None,
            trigger_price: None,
            reduce_only: order.reduces(),
            close_position: false,
            working_type: WorkingType::ContractPrice,
            price_protect: false,
            price_match: PriceMatch::None,
            self_trade_prevention: SelfTradePrevention::ExpireMaker,
            good_till_date: None,
            status: OrderStatus::Filled,
            expiry_reason: ExpiryReason::None,
            time: now,
            update_time: now,
        };
        Outcome::Done(Answer::Order(Box::new(state)))
    }
}

impl Exchange for Table {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        let outcome = self.answer(now, &request);
        let trades = matches!(request, Request::NewOrder(_) | Request::QueryOrder { .. });
        let due = now + if trades { self.orders_take } else { ANSWERS_AFTER };
        let event = ExchangeEvent::Response { to: from.service, request: id, outcome };
        let place = self.answers.partition_point(|(other, _)| *other <= due);
        self.answers.insert(place, (due, event));
    }
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        self.answers.front().map_or(Nanos::NEVER, |(due, _)| *due)
    }
    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        while let Some((_, event)) = self.answers.pop_front_if(|(due, _)| *due <= now) {
            out.push(event);
        }
    }
}

/// A market of these events.
pub struct Market(pub Vec<MarketEvent>);

impl Feed for Market {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        batch.append(&mut self.0);
        Ok(())
    }
}

/// A run of a few services.
pub struct Bench {
    /// The kernel.
    pub kernel: Kernel<Table, Market>,
}

/// BTCUSDT with prices in cents and quantities in thousandths.
pub fn instrument() -> Instrument {
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    Instrument { symbol, price_decimals: 2, qty_decimals: 3 }
}

impl Bench {
    /// The services of these names out of the chain, with one symbol.
    pub fn new(names: &[&str], settings: &PipelineSettings, market: Vec<MarketEvent>) -> Bench {
        Bench::over(vec![instrument()], names, settings, market)
    }

    /// The same, with these symbols.
    pub fn over(
        instruments: Vec<Instrument>,
        names: &[&str],
        settings: &PipelineSettings,
        market: Vec<MarketEvent>,
    ) -> Bench {
        Bench::from(START, instruments, names, settings, market)
    }

    /// The same, from another moment on.
    pub fn from(
        start: Nanos,
        instruments: Vec<Instrument>,
        names: &[&str],
        settings: &PipelineSettings,
        market: Vec<MarketEvent>,
    ) -> Bench {
        let mut members = chain(settings, &instruments).expect("a chain");
        members.retain(|member| names.contains(&member.name.as_str()));
        assert_eq!(members.len(), names.len(), "an unknown service");
        Bench::of(start, instruments, members, market)
    }

    /// These services, whether the chain knows them or not.
    pub fn of(
        start: Nanos,
        instruments: Vec<Instrument>,
        members: Vec<Member>,
        market: Vec<MarketEvent>,
    ) -> Bench {
        let exchange = Table::new(&instruments);
        let quick = Link { latency: Nanos::from_micros(300), jitter: Nanos::ZERO };
        let config = KernelConfig {
            seed: 7,
            start,
            instruments,
            link: quick,
            links: BTreeMap::new(),
            call_link: quick,
            feed_latency: engine::FeedLatency::NONE,
        };
        let bus = Box::new(MemoryBus::new());
        let sink = Box::new(DigestOnly);
        Bench { kernel: Kernel::new(config, bus, exchange, Market(market), members, sink) }
    }

    /// Goes on until so many milliseconds after the start.
    pub fn run_to_ms(&mut self, ms: i64) {
        self.kernel.run_until(START + Nanos::from_millis(ms)).expect("a run");
    }

    /// Goes on for so many milliseconds.
    pub fn run_for_ms(&mut self, ms: i64) {
        let until = self.kernel.now() + Nanos::from_millis(ms);
        self.kernel.run_until(until).expect("a run");
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> ServiceId {
        let place = self.kernel.services().iter().position(|n| n == name).expect("it runs");
        ServiceId(place as u16)
    }

    /// Its counter.
    pub fn counter(&self, service: &str, name: &str) -> u64 {
        let counters = self.kernel.counters(self.service(service)).expect("counters");
        counters.get(name).copied().unwrap_or_default()
    }

    /// Its gauge.
    pub fn gauge(&self, service: &str, name: &str, of: engine::GaugeOf) -> Option<f64> {
        let gauges = self.kernel.gauges(self.service(service))?;
        gauges.iter().find(|((n, o), _)| *n == name && *o == of).map(|(_, value)| *value)
    }

    /// Crashes it now and starts it again so much later.
    pub fn crash(&mut self, service: &str, down_ms: i64) {
        let (now, service) = (self.kernel.now(), self.service(service));
        self.kernel.at(now, Action::Crash(service));
        self.kernel.at(now + Nanos::from_millis(down_ms), Action::Restart(service));
    }

    /// An entry appears on a stream now; it is handled before this returns.
    pub fn publish(&mut self, stream: pipeline::streams::Stream, body: Body) {
        let now = self.kernel.now();
        self.kernel.at(now, Action::Publish { stream: stream.name.to_owned(), body });
        self.run_for_ms(1);
    }

    /// Keys that match disappear.
    pub fn forget(&mut self, pattern: &str) {
        let now = self.kernel.now();
        for key in self.kernel.bus_mut().scan(now, pattern) {
            self.kernel.bus_mut().del(now, &key);
        }
    }

    /// The service dies with an entry in its hands, and gets it once more after its start.
    pub fn die_over(&mut self, service: &str, stream: pipeline::streams::Stream, body: Body) {
        self.crash(service, 5);
        self.run_for_ms(1);
        self.publish(stream, body);
        let now = self.kernel.now();
        let mut read = Vec::new();
        let bus = self.kernel.bus_mut();
        bus.xreadgroup(now, stream.name, service, service, ReadFrom::New, 10, &mut read)
            .expect("a group");
        assert_eq!(read.len(), 1);
        self.run_for_ms(10);
    }

    /// A hash as a foreign reader sees it.
    pub fn hash(&mut self, key: &str) -> BTreeMap<String, String> {
        let now = self.kernel.now();
        let fields = self.kernel.bus_mut().hgetall(now, key).expect("a hash");
        let text = |value| String::from_utf8(value).expect("text");
        fields.into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    /// Writes fields of a hash as a foreign writer does.
    pub fn hset(&mut self, key: &str, fields: &[(&str, &str)]) {
        let now = self.kernel.now();
        for (field, value) in fields {
            self.kernel.bus_mut().hset(now, key, field, value.as_bytes()).expect("a hash");
        }
    }

    /// Sets a string as a foreign writer does.
    pub fn set(&mut self, key: &str, value: &str) {
        self.set_bytes(key, value.as_bytes());
    }

    /// The same, with any bytes.
    pub fn set_bytes(&mut self, key: &str, value: &[u8]) {
        let now = self.kernel.now();
        let options = SetOptions::default();
        self.kernel.bus_mut().set(now, key, value, options).expect("a key");
    }

    /// A string.
    pub fn get(&mut self, key: &str) -> Option<String> {
        let now = self.kernel.now();
        let bytes = self.kernel.bus_mut().get(now, key).expect("a string")?;
        Some(String::from_utf8(bytes).expect("text"))
    }

    /// Life of a key.
    pub fn ttl(&mut self, key: &str) -> Ttl {
        let now = self.kernel.now();
        self.kernel.bus_mut().ttl(now, key)
    }

    /// All entries of a stream.
    pub fn entries(&mut self, stream: &str) -> Vec<Entry> {
        let now = self.kernel.now();
        let mut found = Vec::new();
        let bus = self.kernel.bus_mut();
        // A stream that nobody has written to or reads from is empty.
        let _ = bus.xrange(now, stream, EntryId::ZERO, EntryId::MAX, usize::MAX, &mut found);
        found
    }

    /// All records of a stream.
    pub fn records<R: TypedRecord>(&mut self, stream: pipeline::streams::Stream) -> Vec<R> {
        let read = |entry: &Entry| {
            entry.body.as_ref().expect("a body").read::<R>().expect("a record").into_owned()
        };
        self.entries(stream.name).iter().map(read).collect()
    }
}
