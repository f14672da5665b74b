//! `compare`: sessions that are recorded in this process against a venue with known latency, fees, queues and funding,
//! and compared with a file that differs in exactly one of them: that cause carries the difference, to the last decimal.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use engine::*;
use rust_decimal::Decimal;
use scenarios::{
    Cause, Comparison, Earned, LatencyTable, PaperTerms, Scenario, SessionHeader, compare,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sim_exchange::depth::QueueKind;
use sim_exchange::{
    ExchangeConfig, FillModel, Funding, Latency, MarketDepth, Profile, SimExchange,
};

/// 2026-02-01T07:59:00Z: funding settles after a minute.
const START: Nanos = Nanos::from_secs(1_769_932_740);
const END: Nanos = Nanos::from_secs(1_769_932_740 + 180);

/// Sends requests at their times.
#[derive(Clone, Serialize, Deserialize)]
struct Script(Vec<(Nanos, Request)>);

impl Service for Script {
    fn wiring(&self) -> Wiring {
        Wiring { user_stream: true, exchange: true, ..Wiring::default() }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                for (place, (time, _)) in self.0.iter().enumerate() {
                    ctx.timer_after(*time - START, TimerKey(place as u32));
                }
            }
            Input::Timer(TimerKey(place)) => {
                ctx.submit(self.0[place as usize].1.clone());
            }
            _ => {}
        }
    }
}

struct ListFeed(Vec<MarketEvent>);

impl Feed for ListFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        batch.append(&mut self.0);
        Ok(())
    }
}

/// What can differ between the venue and the file.
#[derive(Clone, Debug)]
struct Terms {
    request_us: i64,
    response_us: i64,
    maker_fee: Decimal,
    taker_fee: Decimal,
    funding: Decimal,
    queue: QueueKind,
}

fn terms() -> Terms {
    Terms {
        request_us: 7_001,
        response_us: 4_000,
        maker_fee: Decimal::new(2, 4),
        taker_fee: Decimal::new(5, 4),
        funding: Decimal::new(1, 4),
        queue: QueueKind::Pessimistic,
    }
}

fn instruments() -> Vec<Instrument> {
    let of = |name: &str| Instrument {
        symbol: Symbol::new(name).unwrap(),
        price_decimals: 2,
        qty_decimals: 3,
    };
    vec![of("BTCUSDT"), of("ETHUSDT")]
}

/// The file that says these terms.
fn file(terms: &Terms) -> Scenario {
    let text = "name = \"compared\"\n[market.synthetic]\nminutes = 3\n[account]\nwallet = 100000\n";
    let mut scenario = Scenario::parse("compared.toml", text).unwrap();
    scenario.account.maker_fee = terms.maker_fee;
    scenario.account.taker_fee = terms.taker_fee;
    scenario.exchange.request_latency_us = terms.request_us;
    scenario.exchange.response_latency_us = terms.response_us;
    scenario.exchange.funding_rate = Some(terms.funding);
    scenario.exchange.queue = Some(terms.queue);
    scenario
}

/// The venue that has them.
fn venue(terms: &Terms, depth: MarketDepth) -> SimExchange {
    let latency = Latency::Constant {
        request: Nanos::from_micros(terms.request_us),
        response: Nanos::from_micros(terms.response_us),
    };
    let rates = instruments().iter().map(|i| (i.symbol, terms.funding)).collect();
    let mut config = ExchangeConfig::new(
        instruments(),
        START,
        Decimal::from(100_000),
        latency,
        Funding::Constant { rates },
    );
    config.maker_rate = terms.maker_fee;
    config.taker_rate = terms.taker_fee;
    config.fills = FillModel { queue: terms.queue, ..Profile::Fast.fills(depth) };
    config.seed = 1;
    SimExchange::new(config).unwrap()
}

type Live<X = SimExchange> = Kernel<X, ListFeed>;

/// A venue elsewhere: it sees its market when it happens, by a clock that is `ahead` of the session's.
struct Elsewhere {
    venue: SimExchange,
    market: VecDeque<MarketEvent>,
    ahead: Nanos,
    /// The order of this id is lost on its way, and nobody can say so.
    loses: &'static str,
    lost: VecDeque<(Nanos, ExchangeEvent)>,
}

impl Elsewhere {
    fn see(&mut self, until: Nanos) {
        while let Some(event) = self.market.pop_front_if(|event| event.time <= until) {
            self.venue.observe(&event);
        }
    }
}

impl Exchange for Elsewhere {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        self.see(now + self.ahead);
        if let Request::NewOrder(order) = &request
            && *order.client_order_id.0 == *self.loses
        {
            let (to, outcome) = (from.service, Outcome::Unknown);
            let event = ExchangeEvent::Response { to, request: id, outcome };
            self.lost.push_back((now + Nanos::from_secs(2), event));
            return;
        }
        self.venue.submit(now + self.ahead, from, id, request);
    }
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        let market = self.market.front().map_or(Nanos::NEVER, |event| event.time);
        let due = market.min(self.venue.next_due());
        let lost = self.lost.front().map_or(Nanos::NEVER, |(time, _)| *time);
        lost.min(if due == Nanos::NEVER { due } else { due - self.ahead })
    }
    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        self.see(now + self.ahead);
        self.venue.advance(now + self.ahead, out);
        while let Some((_, event)) = self.lost.pop_front_if(|(time, _)| *time <= now) {
            out.push(event);
        }
    }
}

/// Records a session of `script` at a venue with these terms, by a file that says others.
fn record<X: Exchange>(
    folder: &Path,
    venue: X,
    file: &Scenario,
    market: Vec<MarketEvent>,
    script: Vec<(Nanos, Request)>,
    meanwhile: impl FnOnce(&mut Live<X>),
) -> PathBuf {
    record_as(folder, &header(None), venue, file, market, script, meanwhile)
}

fn header(paper: Option<PaperTerms>) -> SessionHeader {
    SessionHeader {
        venue: if paper.is_some() { "paper" } else { "testnet" }.to_owned(),
        start: START,
        bus: "memory".to_owned(),
        instruments: instruments(),
        services: vec!["script".to_owned()],
        paper,
        before: None,
    }
}

fn record_as<X: Exchange>(
    folder: &Path,
    header: &SessionHeader,
    venue: X,
    file: &Scenario,
    market: Vec<MarketEvent>,
    script: Vec<(Nanos, Request)>,
    meanwhile: impl FnOnce(&mut Live<X>),
) -> PathBuf {
    let path = folder.join("live.journal");
    let services = &header.services;
    let header = json!({
        "scenario": file, "session": header, "services": services, "instruments": instruments(),
    });
    let sink = LiveSink::create(&path, &header).unwrap();
    let config = KernelConfig {
        seed: 1,
        start: START,
        instruments: instruments(),
        link: Link::default(),
        links: BTreeMap::new(),
        call_link: Link::default(),
        feed_latency: FeedLatency::NONE,
    };
    let members = vec![Member::new("script", Box::new(Script(script)))];
    let bus = Box::new(MemoryBus::new());
    let mut kernel = Kernel::new(config, bus, venue, ListFeed(market), members, Box::new(sink));
    kernel.keep_market();
    meanwhile(&mut kernel);
    kernel.run_until(END).unwrap();
    kernel.finish().unwrap();
    path
}

fn at(ms: i64) -> Nanos {
    START + Nanos::from_millis(ms)
}

fn trade(ms: i64, symbol: u16, price: i64, qty: i64, buyer_is_maker: bool) -> MarketEvent {
    let (price, qty) = (PriceTicks(price), QtyLots(qty));
    let data = MarketData::Trade(Trade { price, qty, buyer_is_maker, origin: TradeOrigin::Tape });
    MarketEvent::new(at(ms), SymbolIndex(symbol), data)
}

/// Prices that wander: a trade of each symbol every few milliseconds, and a mark every second.
fn wandering(seed: u64) -> Vec<MarketEvent> {
    let mut rng = NamedRng::new(seed, "market");
    let (mut prices, mut events) = ([10_000_000i64, 300_000], Vec::new());
    for step in 0..9_000i64 {
        for (symbol, price) in (0u16..).zip(&mut prices) {
            let wide = [200, 20][usize::from(symbol)];
            *price += 10 * (rng.below(2 * wide + 1) as i64 - wide as i64);
            let qty = 1 + rng.below(900) as i64;
            events.push(trade(step * 20 + 3, symbol, *price, qty, rng.below(2) == 0));
            if step % 50 == 0 {
                let mark = MarketData::MarkPrice(PriceTicks(*price + 7));
                events.push(MarketEvent::new(at(step * 20 + 3), SymbolIndex(symbol), mark));
            }
        }
    }
    events
}

fn market_order(ms: i64, symbol: u16, side: Side, qty: i64, id: &str) -> (Nanos, Request) {
    let order = NewOrder::market(SymbolIndex(symbol), side, QtyLots(qty), id);
    (at(ms), Request::NewOrder(order))
}

fn limit_order(
    ms: i64,
    symbol: u16,
    side: Side,
    qty: i64,
    price: i64,
    id: &str,
) -> (Nanos, Request) {
    let (symbol, price) = (SymbolIndex(symbol), PriceTicks(price));
    let order = NewOrder::limit(symbol, side, QtyLots(qty), price, TimeInForce::Gtc, id);
    (at(ms), Request::NewOrder(order))
}

fn cancel(ms: i64, symbol: u16, id: &str) -> (Nanos, Request) {
    let order = OrderRef::Client(ClientOrderId(id.into()));
    (at(ms), Request::CancelOrder { symbol: SymbolIndex(symbol), order })
}

/// Takes and rests in both symbols; something is held when funding settles, and something at the end.
fn usual_script() -> Vec<(Nanos, Request)> {
    let mut script = Vec::new();
    for round in 0..12i64 {
        let ms = 5_000 + round * 13_000;
        let side = if round % 3 == 2 { Side::Sell } else { Side::Buy };
        script.push(market_order(ms, 0, side, 10, &format!("btc-{round}")));
        script.push(market_order(ms + 1_710, 1, side.opposite(), 700, &format!("eth-{round}")));
        let away = if round % 2 == 0 { 9_990_000 } else { 9_970_000 };
        script.push(limit_order(ms + 2_311, 0, Side::Buy, 20, away, &format!("rest-{round}")));
        script.push(cancel(ms + 9_000, 0, &format!("rest-{round}")));
    }
    script
}

fn compared(terms: &Terms, says: &Terms) -> Comparison {
    let folder = tempfile::tempdir().unwrap();
    let venue = venue(terms, MarketDepth::Trades);
    let journal = record(folder.path(), venue, &file(says), wandering(5), usual_script(), |_| {});
    let comparison = compare(&journal, None).unwrap();
    assert!(comparison.live.fills > 24, "{comparison}");
    assert!(comparison.live.orders > 24, "some rest and fill: {comparison}");
    assert!(!comparison.live.funding.is_zero(), "{comparison}");
    comparison
}

/// The whole difference stands under `cause`.
fn only(comparison: &Comparison, cause: Cause) {
    let whole = comparison.difference;
    assert!(!whole.is_zero(), "nothing differs: {comparison}");
    for part in &comparison.parts {
        let expected = if part.cause == cause { whole } else { Decimal::ZERO };
        assert_eq!(part.amount, expected, "{:?} of {comparison}", part.cause);
    }
    assert_eq!(comparison.live.result - comparison.simulated.result, whole);
}

#[test]
fn the_same_terms_make_no_difference() {
    let comparison = compared(&terms(), &terms());
    assert_eq!(comparison.difference, Decimal::ZERO, "{comparison}");
    assert!(comparison.parts.iter().all(|part| part.amount.is_zero()), "{comparison}");
    assert!(comparison.orders.is_empty() && comparison.unattributed.is_empty());
    assert_eq!(comparison.live, comparison.simulated);
}

#[test]
fn another_fee_appears_under_fees() {
    let says = Terms { taker_fee: Decimal::new(4, 4), maker_fee: Decimal::new(1, 4), ..terms() };
    let comparison = compared(&terms(), &says);
    only(&comparison, Cause::Fees);
    let paid = comparison.commissions.iter().find(|one| !one.maker).unwrap();
    assert_eq!((paid.paid, paid.file), (Some(Decimal::new(5, 4)), Decimal::new(4, 4)));
    assert!(comparison.live.commission < Decimal::ZERO, "as the table has it");
    let Earned { gross, commission, funding, result, .. } = comparison.live;
    assert_eq!(gross + commission + funding, result);

    // What was found is written, with how sure it is.
    let folder = tempfile::tempdir().unwrap();
    let text = comparison.calibration();
    std::fs::write(folder.path().join("calibrated.toml"), &text).unwrap();
    let again = folder.path().join("again.toml");
    let market = "include = [\"calibrated.toml\"]\n[market.synthetic]\nminutes = 3\n";
    std::fs::write(&again, market).unwrap();
    let account = Scenario::read(&again).unwrap_or_else(|error| panic!("{error}\n{text}")).account;
    assert_eq!((account.taker_fee, account.maker_fee), (terms().taker_fee, terms().maker_fee));
    for comment in ["fills paid this", "with 90 % bounds", "# 7001 to 7001"] {
        assert!(text.contains(comment), "{comment} in {text}");
    }
}

#[test]
fn another_latency_appears_under_latency() {
    let live = Terms { request_us: 61_300, response_us: 90_000, ..terms() };
    let comparison = compared(&live, &terms());
    only(&comparison, Cause::Latency);
    let median = |leg: &scenarios::FittedLeg| {
        leg.quantiles.iter().find(|row| row.thousandths == 500).map(|row| row.us)
    };
    assert_eq!(median(&comparison.latency.request), Some(61_300));
    assert_eq!(median(&comparison.latency.response), Some(90_000));
}

#[test]
fn another_funding_rate_appears_under_funding() {
    let says = Terms { funding: Decimal::new(-3, 4), ..terms() };
    only(&compared(&terms(), &says), Cause::Funding);
}

#[test]
fn a_market_that_comes_late_is_seen_when_it_happened() {
    for ahead in [0, -2_000] {
        let ahead = Nanos::from_millis(ahead);
        // Where there and back take the same time, the clocks' difference can be told exactly.
        let terms = Terms { request_us: 30_001, response_us: 30_001, ..terms() };
        let mut market = wandering(8);
        market.iter_mut().for_each(|event| event.time += ahead);
        let venue = Elsewhere {
            venue: venue(&terms, MarketDepth::Trades),
            market: market.clone().into(),
            ahead,
            loses: "",
            lost: VecDeque::new(),
        };
        comes_late(&mut market, ahead);
        let folder = tempfile::tempdir().unwrap();
        let journal = record(folder.path(), venue, &file(&terms), market, usual_script(), |_| {});
        let comparison = compare(&journal, None).unwrap();
        assert_eq!(comparison.latency.venue_clock_ahead_us, ahead.0 / 1_000);
        assert!(comparison.live.fills > 24, "{comparison}");
        assert!(comparison.parts.iter().all(|part| part.amount.is_zero()), "{comparison}");
        assert_eq!(comparison.live, comparison.simulated);
    }
}

/// Each event is heard up to 150 ms after it happened, by a clock of which the venue's is `ahead`.
fn comes_late(market: &mut [MarketEvent], ahead: Nanos) {
    let mut rng = NamedRng::new(8, "delays");
    let mut last = Nanos::ZERO;
    for event in market {
        // A connection keeps its order.
        let heard = event.time - ahead + Nanos::from_millis(1 + rng.below(150) as i64);
        last = last.max(heard);
        event.delay = FeedDelay::new(last - event.time);
        event.time = last;
    }
}

/// The exchange of a paper session sees the market when it comes in, and its own latency is all that there is.
#[test]
fn a_paper_session_is_its_own_simulation() {
    let mut says = file(&terms());
    says.exchange.latency = Some(LatencyTable {
        request: Some(Quantiles(vec![(0, 2_000), (500, 30_000), (1_000, 900_000)])),
        response: Some(Quantiles(vec![(0, 1_000), (1_000, 400_000)])),
        ..LatencyTable::default()
    });
    let header = header(Some(PaperTerms::default()));
    let venue = says.paper_exchange(&header).unwrap();
    let mut market = wandering(9);
    comes_late(&mut market, Nanos::ZERO);
    // Questions draw their ways, too, and no answer says when they arrived.
    let asks = (0..20).map(|n| (at(3_000 + n * 7_777), Request::OpenOrders { symbol: None }));
    let script = usual_script().into_iter().chain(asks).collect();
    let folder = tempfile::tempdir().unwrap();
    let journal = record_as(folder.path(), &header, venue, &says, market, script, |_| {});

    let comparison = compare(&journal, None).unwrap();
    assert!(comparison.live.fills > 24 && !comparison.live.funding.is_zero(), "{comparison}");
    assert!(comparison.parts.iter().all(|part| part.amount.is_zero()), "{comparison}");
    assert_eq!(comparison.live, comparison.simulated);
    assert_eq!(comparison.latency.venue_clock_ahead_us, 0);
    assert!(comparison.queue.lacks.as_ref().unwrap().contains("paper exchange"), "{comparison}");

    // Another file's latency is the only thing that differs.
    let other = compare(&journal, Some(&file(&terms()))).unwrap();
    only(&other, Cause::Latency);
    let dear = Terms { taker_fee: Decimal::new(9, 4), ..terms() };
    let mut dear = file(&dear);
    dear.exchange.latency = says.exchange.latency;
    only(&compare(&journal, Some(&dear)).unwrap(), Cause::Fees);
}

#[test]
fn a_journal_that_cannot_be_compared_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.journal");
    let header = json!({ "scenario": file(&terms()), "session": header(None) });
    // Left as a process leaves it that is killed before anything comes in.
    drop(LiveSink::create(&path, &header).unwrap());
    let told = |path: &Path| compare(path, None).unwrap_err().to_string();
    let missing = told(&path);
    assert!(missing.contains("live.journal.partial") && missing.contains("give that"), "{missing}");
    let empty = told(&folder.path().join("live.journal.partial"));
    assert!(empty.contains("nothing is in it"), "{empty}");
}

/// A book of two symbols whose best bid is as long as `LEVEL`, then is cancelled and traded away, round by round.
fn queues(rounds: i64) -> (Vec<MarketEvent>, Vec<(Nanos, Request)>) {
    const LEVEL: i64 = 200;
    let (mut events, mut script) = (Vec::new(), Vec::new());
    let mut rng = NamedRng::new(4, "queues");
    for round in 0..rounds {
        let ms = 2_000 + round * 7_000;
        for symbol in 0..2u16 {
            let base = [10_000_000, 300_000][usize::from(symbol)];
            let best = base + 10 * (rng.below(41) as i64 - 20);
            let mut row = |ms: i64, side, price: i64, qty: i64| {
                let row = DepthRow { side, price: PriceTicks(price), qty: QtyLots(qty) };
                events.push(MarketEvent::new(at(ms), SymbolIndex(symbol), MarketData::Depth(row)));
            };
            // A new book.
            row(ms, Side::Buy, best, LEVEL);
            row(ms, Side::Buy, best - 10, 5_000);
            row(ms, Side::Sell, best + 10, 5_000);
            let id = format!("{symbol}-{round}");
            script.push(limit_order(ms + 500, symbol, Side::Buy, 50, best, &id));
            // As many come behind us as stand before us, then that many leave.
            row(ms + 1_000, Side::Buy, best, 2 * LEVEL);
            row(ms + 1_500, Side::Buy, best, LEVEL);
            let (trades, mut level) = (1 + rng.below(6) as i64, LEVEL);
            for n in 0..trades.min(4) {
                events.push(trade(ms + 2_000 + 100 * n, symbol, best, 50, true));
                level -= 50;
                let row =
                    DepthRow { side: Side::Buy, price: PriceTicks(best), qty: QtyLots(level) };
                let data = MarketData::Depth(row);
                events.push(MarketEvent::new(at(ms + 2_000 + 100 * n), SymbolIndex(symbol), data));
            }
            script.push(cancel(ms + 3_000, symbol, &id));
            let clear =
                MarketEvent::new(at(ms + 6_000), SymbolIndex(symbol), MarketData::DepthClear);
            events.push(clear);
        }
    }
    events.sort_by_key(|event| event.time);
    (events, script)
}

#[test]
fn another_queue_appears_under_queue() {
    let folder = tempfile::tempdir().unwrap();
    let live = Terms { queue: QueueKind::Optimistic, ..terms() };
    let (market, script) = queues(20);
    let venue = venue(&live, MarketDepth::Levels);
    let journal = record(folder.path(), venue, &file(&terms()), market, script, |_| {});
    let comparison = compare(&journal, None).unwrap();
    only(&comparison, Cause::Queue);
    assert_eq!(comparison.queue.model, Some(QueueKind::Optimistic), "{comparison}");
    let best = comparison.queue.tried.iter().find(|one| one.model == QueueKind::Optimistic);
    assert_eq!(best.map(|one| one.misfit_us), Some(0));
    assert!(best.unwrap().best_in_thousand > 990);

    // A file with what was fitted simulates the session.
    let piece = folder.path().join("calibrated.toml");
    std::fs::write(&piece, comparison.calibration()).unwrap();
    let text = "include = [\"calibrated.toml\"]\n[market.synthetic]\nmodel = \"order_flow\"\nminutes = 3\n";
    let again = folder.path().join("again.toml");
    std::fs::write(&again, text).unwrap();
    let calibrated = Scenario::read(&again)
        .unwrap_or_else(|error| panic!("{error}\n{}", comparison.calibration()));
    assert_eq!(calibrated.exchange.queue, Some(QueueKind::Optimistic));
    let mut both = file(&terms());
    both.exchange.queue = calibrated.exchange.queue;
    both.exchange.latency = calibrated.exchange.latency;
    assert!(both.exchange.latency.is_some());
    let comparison = compare(&journal, Some(&both)).unwrap();
    assert_eq!(comparison.part(Cause::Queue), Decimal::ZERO, "{comparison}");
}

#[test]
fn too_few_resting_orders_are_said_to_be_too_few() {
    let folder = tempfile::tempdir().unwrap();
    let (market, script) = queues(1);
    let venue = venue(&terms(), MarketDepth::Levels);
    let journal = record(folder.path(), venue, &file(&terms()), market, script, |_| {});
    let comparison = compare(&journal, None).unwrap();
    assert_eq!(comparison.queue.model, None);
    assert!(comparison.to_string().contains("too few resting orders"), "{comparison}");
    assert!(comparison.to_string().contains("too few: "), "{comparison}");
    assert!(comparison.calibration().contains("# No latency"), "{}", comparison.calibration());
}

#[test]
fn an_order_made_by_hand_is_named_and_valued() {
    let folder = tempfile::tempdir().unwrap();
    let by_hand = |kernel: &mut Live| {
        kernel.run_until(at(100_000)).unwrap();
        let (_, request) = market_order(0, 0, Side::Buy, 30, "web_1");
        let from = Sender { service: ServiceId::NOBODY, account: AccountId::default() };
        kernel.exchange_mut().submit(at(100_000), from, RequestId(1 << 40), request);
    };
    let venue = venue(&terms(), MarketDepth::Trades);
    let journal =
        record(folder.path(), venue, &file(&terms()), wandering(6), usual_script(), by_hand);
    let comparison = compare(&journal, None).unwrap();
    only(&comparison, Cause::Unattributed);
    assert_eq!(comparison.unattributed.len(), 1);
    assert!(comparison.unattributed[0].what.contains("web_1"), "{comparison}");
    assert_eq!(comparison.unattributed[0].amount, comparison.difference);
}

#[test]
fn an_order_of_which_nobody_knows_is_named_and_valued() {
    let folder = tempfile::tempdir().unwrap();
    let market = wandering(6);
    let venue = Elsewhere {
        venue: venue(&terms(), MarketDepth::Trades),
        market: market.clone().into(),
        ahead: Nanos::ZERO,
        // Behind the funding, which would be another position's.
        loses: "btc-7",
        lost: VecDeque::new(),
    };
    let journal = record(folder.path(), venue, &file(&terms()), market, usual_script(), |_| {});
    let comparison = compare(&journal, None).unwrap();
    only(&comparison, Cause::Unattributed);
    assert_eq!(comparison.unattributed.len(), 1);
    assert!(comparison.unattributed[0].what.contains("btc-7"), "{comparison}");
    assert!(comparison.notes.iter().any(|note| note.contains("nobody knowing")), "{comparison}");
}

#[test]
fn fills_that_the_file_cannot_explain_stand_under_their_orders() {
    let folder = tempfile::tempdir().unwrap();
    // The venue's takers pay three ticks more than the file says.
    let mut config_terms = file(&terms());
    config_terms.exchange.taker_spread_ticks = Some(4);
    let venue = venue(&terms(), MarketDepth::Trades);
    let journal = record(folder.path(), venue, &config_terms, wandering(7), usual_script(), |_| {});
    let comparison = compare(&journal, None).unwrap();
    // Commission follows the price, so it moves with it: all of it is slippage.
    let slippage = comparison.part(Cause::Slippage);
    assert!(slippage > Decimal::ZERO, "{comparison}");
    assert_eq!(comparison.part(Cause::Fills), Decimal::ZERO, "{comparison}");
    assert_eq!(comparison.part(Cause::Latency), Decimal::ZERO);
    let orders: Decimal = comparison.orders.iter().map(|one| one.slippage).sum();
    assert_eq!(orders, slippage);
}

/// A script of anything.
fn random_script(rng: &mut NamedRng) -> Vec<(Nanos, Request)> {
    let mut script = Vec::new();
    for n in 0..60 {
        let ms = 1_000 + rng.below(170_000) as i64;
        let symbol = rng.below(2) as u16;
        let side = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let qty = [5 + rng.below(40) as i64, 100 + rng.below(2_000) as i64][usize::from(symbol)];
        let id = format!("r{n}");
        let base = [10_000_000, 300_000][usize::from(symbol)];
        let price =
            base + 10 * (rng.below(6_000) as i64 - 3_000) * [10, 1][usize::from(symbol)] / 10;
        match rng.below(3) {
            0 => script.push(market_order(ms, symbol, side, qty, &id)),
            _ => {
                script.push(limit_order(ms, symbol, side, qty, price, &id));
                if rng.below(2) == 0 {
                    script.push(cancel(ms + rng.below(20_000) as i64, symbol, &id));
                }
            }
        }
    }
    script
}

#[test]
fn the_parts_of_any_session_sum_to_the_difference() {
    let mut rng = NamedRng::new(11, "sessions");
    let mut left = 0;
    for seed in 0..12 {
        let mut draw = || Terms {
            request_us: 1 + rng.below(300_000) as i64,
            response_us: 1 + rng.below(300_000) as i64,
            maker_fee: Decimal::new(rng.below(400) as i64, 6),
            taker_fee: Decimal::new(rng.below(900) as i64, 6),
            funding: Decimal::new(rng.below(2_000) as i64 - 1_000, 6),
            queue: QueueKind::Proportional,
        };
        let (live, says) = (draw(), draw());
        let script = random_script(&mut rng);
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&says);
        if seed % 2 == 0 {
            file.exchange.profile = Profile::Standard;
        }
        let venue = venue(&live, MarketDepth::Trades);
        let journal = record(folder.path(), venue, &file, wandering(seed), script, |_| {});
        // A comparison whose parts do not sum is an error.
        let comparison = compare(&journal, None).unwrap();
        let sum: Decimal = comparison.parts.iter().map(|part| part.amount).sum();
        assert_eq!(sum, comparison.difference);
        assert_eq!(comparison.difference, comparison.live.result - comparison.simulated.result);
        left += comparison.orders.len();
        // The same journal gives the same answer.
        assert_eq!(compare(&journal, None).unwrap(), comparison);
    }
    assert!(left > 0, "volume limits leave something on orders");
}
