//! Replay and matching: trades to a maker that looks at each of them, and bars to a strategy that trades
//! at each crossing of two moving averages. The market is made and imported before anything is timed.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

#[path = "support/archive.rs"]
mod archive;

use std::fmt::Write as _;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use datasets::catalogue::Catalogue;
use datasets::replay::{Range, ReplayFeed, Request as SeriesRequest};
use datasets::synthetic::{SyntheticConfig, SyntheticFeed, SyntheticSymbol};
use datasets::{BarMode, Kind, MemoryFeed, SeriesId};
use engine::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sim_exchange::{ExchangeConfig, Funding, Latency, MarketDepth, Profile, SimExchange};

const TRADES: u64 = 5_000_000;
const MINUTES: u32 = 525_600;
/// 2026-01-01.
const START_MS: i64 = 1_767_225_600_000;
const SYMBOL: SymbolIndex = SymbolIndex(0);

fn order(number: u64, side: Side, quantity: QtyLots, price: Option<PriceTicks>) -> Request {
    let id = format!("bench-{number}");
    Request::NewOrder(match price {
        Some(price) => NewOrder::limit(SYMBOL, side, quantity, price, TimeInForce::Gtc, &id),
        None => NewOrder::market(SYMBOL, side, quantity, &id),
    })
}

/// Keeps one order on each side, and moves the pair when the price has left them behind.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Maker {
    seen: u64,
    low: i64,
    high: i64,
    quotes: u64,
}

impl Service for Maker {
    fn wiring(&self) -> Wiring {
        let market = MarketWants { trades: true, ..MarketWants::NONE };
        Wiring { market, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Market(event) = input else { return };
        let MarketData::Trade(trade) = &event.data else { return };
        self.seen += 1;
        let price = trade.price.0;
        if price > self.low && price < self.high {
            return;
        }
        // The order tick is 0.10.
        (self.low, self.high) = (price / 10 * 10 - 1_000, price / 10 * 10 + 1_000);
        for (side, at) in [(Side::Buy, self.low), (Side::Sell, self.high)] {
            self.quotes += 1;
            ctx.submit(order(self.quotes, side, QtyLots(10), Some(PriceTicks(at))));
        }
    }
}

/// Long while the fast average stands above the slow one, else short.
#[derive(Clone, Serialize, Deserialize)]
struct EmaCross {
    periods: (f64, f64),
    averages: Option<(f64, f64)>,
    long: Option<bool>,
    crosses: u64,
}

impl Service for EmaCross {
    fn wiring(&self) -> Wiring {
        let market = MarketWants { bars: true, ..MarketWants::NONE };
        Wiring { market, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Market(event) = input else { return };
        let MarketData::Bar(bar) = &event.data else { return };
        let close = bar.close.0 as f64;
        let (fast, slow) = self.averages.unwrap_or((close, close));
        let step = |average: f64, period: f64| average + 2.0 / (period + 1.0) * (close - average);
        let (fast, slow) = (step(fast, self.periods.0), step(slow, self.periods.1));
        self.averages = Some((fast, slow));
        let long = fast > slow;
        let quantity = match self.long {
            Some(before) if before == long => return,
            Some(_) => QtyLots(20),
            None => QtyLots(10),
        };
        self.long = Some(long);
        self.crosses += 1;
        let side = if long { Side::Buy } else { Side::Sell };
        ctx.submit(order(self.crosses, side, quantity, None));
    }
}

/// Looks on.
#[derive(Clone, Serialize, Deserialize)]
struct Nobody;

impl Service for Nobody {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, _: Input<'_>, _: &mut Context<'_>) {}
}

/// Answers the whole run: what it holds is freed after the clock has stopped.
fn run<F: Feed + Send>(
    instruments: &[Instrument],
    feed: F,
    service: Box<dyn Service>,
) -> Kernel<SimExchange, F> {
    run_from(Nanos::from_millis(START_MS), MarketDepth::Trades, instruments, feed, service)
}

fn run_from<F: Feed + Send>(
    start: Nanos,
    depth: MarketDepth,
    instruments: &[Instrument],
    feed: F,
    service: Box<dyn Service>,
) -> Kernel<SimExchange, F> {
    let latency =
        Latency::Constant { request: Nanos::from_millis(5), response: Nanos::from_millis(5) };
    let wallet = Decimal::from(10_000_000);
    let mut exchange =
        ExchangeConfig::new(instruments.to_vec(), start, wallet, latency, Funding::None);
    exchange.fills = Profile::Fast.fills(depth);
    let exchange = SimExchange::new(exchange).expect("an exchange");
    let config = KernelConfig {
        seed: 1,
        start,
        instruments: instruments.to_vec(),
        link: Link::INSTANT,
        links: Default::default(),
        call_link: Link::INSTANT,
        feed_latency: engine::FeedLatency::NONE,
    };
    let member = Member::new("strategy", service);
    let end = feed.ends_at().expect("an end");
    let bus = Box::new(MemoryBus::new());
    let mut kernel = Kernel::new(config, bus, exchange, feed, vec![member], Box::new(DigestOnly));
    kernel.run_until(end).expect("a run");
    kernel.finish().expect("an end");
    kernel
}

/// Market events, orders and fills.
fn totals<F: Feed + Send>(kernel: &Kernel<SimExchange, F>) -> (u64, u64, u64) {
    let symbols = kernel.exchange().report().symbols;
    let orders = symbols.iter().map(|(_, counts)| counts.orders).sum();
    let fills = symbols.iter().map(|(_, counts)| counts.fills).sum();
    (kernel.counts().market, orders, fills)
}

/// Two trades a second, as an archive of Binance's.
fn write_trades(path: &Path) {
    let mut rng = NamedRng::new(1, "trades");
    let mut text = String::from(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n",
    );
    let mut price = 900_000i64;
    for id in 1..=TRADES {
        price += (rng.normal() * 2.0) as i64;
        let (quantity, time) = (1 + id % 97, START_MS + id as i64 * 500);
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{id},{}.{},0.{quantity:03},{id},{id},{time},{}",
            price / 10,
            price % 10,
            id % 3 == 0
        );
    }
    std::fs::write(path, text).expect("a written file");
}

fn drain(mut feed: impl Feed) -> Vec<MarketEvent> {
    let (mut events, mut batch) = (Vec::new(), Vec::new());
    loop {
        feed.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            return events;
        }
        events.extend_from_slice(&batch);
    }
}

/// Reads to the end and answers how many events there were.
fn read(mut feed: impl Feed) -> u64 {
    let (mut batch, mut events) = (Vec::new(), 0);
    loop {
        feed.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            return events;
        }
        events += batch.len() as u64;
    }
}

fn trades(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("BTCUSDT-aggTrades-2026-01.csv");
    write_trades(&archive);
    let data = folder.path().join("data");
    let report = datasets::import::import(&[archive], &data, &|_| ()).expect("an import");
    assert_eq!(report.rows, TRADES, "{:?}", report.refused);
    let catalogue = Catalogue::open(&data).expect("a catalogue");
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    let instruments = [Instrument { symbol, price_decimals: 2, qty_decimals: 3 }];
    let series = SeriesId { kind: Kind::AggTrades, symbol, interval: None };
    let request = [SeriesRequest { series, bars: BarMode::Points }];
    let open = || ReplayFeed::open(&catalogue, &instruments, &request, Range::ALL).expect("a feed");
    let maker = || Box::new(Maker::default());
    let (events, orders, fills) = totals(&run(&instruments, open(), maker()));
    // Else the exchange would have had nothing to match.
    assert!(orders > 2 && fills > 0, "{orders} orders, {fills} fills");
    println!("trades: {events} market events, {orders} orders, {fills} fills");

    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Elements(TRADES));
    group.bench_function("trades from Parquet", |b| b.iter(|| read(open())));
    group.bench_function("trades from Parquet to a maker", |b| {
        // Opening is timed too: whatever is decoded there counts.
        b.iter_with_large_drop(|| run(&instruments, open(), maker()));
    });
    let feed = MemoryFeed::new(drain(open())).expect("a feed");
    group.bench_function("trades from memory to a maker", |b| {
        let copy = || feed.clone();
        b.iter_batched(copy, |feed| run(&instruments, feed, maker()), BatchSize::PerIteration);
    });
    group.finish();
}

fn bars(criterion: &mut Criterion) {
    let config = SyntheticConfig {
        symbols: vec![SyntheticSymbol {
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            start_price: 90_000.0,
            price_decimals: 2,
            tick_units: 10,
            qty_decimals: 3,
            volume_per_minute: 90.0,
            volatility_per_minute: 0.0003,
        }],
        start_ms: START_MS,
        minutes: MINUTES,
        crash: None,
        funding: None,
        bars: BarMode::Whole,
        ..SyntheticConfig::default()
    };
    let instruments = config.instruments();
    let events = drain(SyntheticFeed::new(&config, 1).expect("a market"));
    let bars = events.len() as u64;
    let feed = MemoryFeed::new(events).expect("a feed");
    let mut group = criterion.benchmark_group("bars");
    group.sample_size(10);
    group.throughput(Throughput::Elements(bars));
    for (name, periods) in [
        ("slow averages", (240.0, 520.0)),
        ("medium averages", (30.0, 120.0)),
        ("fast averages", (12.0, 48.0)),
        ("fastest averages", (4.0, 16.0)),
    ] {
        let cross = || Box::new(EmaCross { periods, averages: None, long: None, crosses: 0 });
        let (events, orders, fills) = totals(&run(&instruments, feed.clone(), cross()));
        println!("bars, {name}: {events} market events, {orders} orders, {fills} fills");
        group.bench_function(format!("EMA cross, {name}"), |b| {
            let copy = || feed.clone();
            b.iter_batched(copy, |feed| run(&instruments, feed, cross()), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Seven symbols at once: each bar becomes four trades and the closed bar.
fn merged_bars(criterion: &mut Criterion) {
    const SYMBOLS: [&str; 7] =
        ["ALGOUSDT", "AVAXUSDT", "DOTUSDT", "FILUSDT", "LINKUSDT", "LTCUSDT", "NEARUSDT"];
    let folder = archive::folder();
    let archives = SYMBOLS.map(|symbol| {
        let path = folder.path().join(format!("klines/{symbol}/1m/{symbol}-1m-2026.csv"));
        archive::write_klines(&path, symbol, 100_000).expect("a written file");
        path
    });
    let data = folder.path().join("data");
    let report = datasets::import::import(&archives, &data, &|_| ()).expect("an import");
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let catalogue = Catalogue::open(&data).expect("a catalogue");
    let instruments = SYMBOLS.map(|symbol| Instrument {
        symbol: Symbol::new(symbol).expect("a symbol"),
        price_decimals: archive::PRICE_DECIMALS,
        qty_decimals: archive::QTY_DECIMALS,
    });
    let bars = BarMode::Points;
    let requests: Vec<SeriesRequest> =
        catalogue.ids().map(|series| SeriesRequest { series, bars }).collect();
    let open =
        || ReplayFeed::open(&catalogue, &instruments, &requests, Range::ALL).expect("a feed");
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Elements(read(open())));
    group.bench_function("bars of 7 symbols from Parquet", |b| b.iter(|| read(open())));
    group.finish();
}

/// A recorded book: `btcusdt.npz` of the folder `BENCH_DATA`, which `bench/gen_data.py` fills.
fn depth(criterion: &mut Criterion) {
    #[allow(clippy::disallowed_methods)] // Where the data lies is no part of any run.
    let Some(npz) = std::env::var_os("BENCH_DATA").map(|f| Path::new(&f).join("btcusdt.npz"))
    else {
        println!("skipped: BENCH_DATA does not name the folder that bench/gen_data.py filled");
        return;
    };
    let data = tempfile::tempdir().expect("a folder");
    let report = datasets::import::import(&[npz], data.path(), &|_| ()).expect("an import");
    assert!(report.refused.is_empty() && report.rows > 0, "{:?}", report.refused);
    let catalogue = Catalogue::open(data.path()).expect("a catalogue");
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    let instruments = [Instrument { symbol, price_decimals: 2, qty_decimals: 3 }];
    let of = |kind| {
        let series = SeriesId { kind, symbol, interval: None };
        SeriesRequest { series, bars: BarMode::Points }
    };
    // Before all of its events.
    let start = Nanos::from_secs(1_500_000_000);
    let mut group = criterion.benchmark_group("depth");
    group.sample_size(10);
    for (name, kinds) in
        [("book", &[Kind::Depth][..]), ("book and trades", &[Kind::Depth, Kind::Trades])]
    {
        let requests: Vec<SeriesRequest> = kinds.iter().copied().map(of).collect();
        let open =
            || ReplayFeed::open(&catalogue, &instruments, &requests, Range::ALL).expect("a feed");
        group.throughput(Throughput::Elements(read(open())));
        group.bench_function(format!("{name} from Parquet"), |b| b.iter(|| read(open())));
        group.bench_function(format!("{name} from Parquet to the exchange"), |b| {
            b.iter_with_large_drop(|| {
                run_from(start, MarketDepth::Levels, &instruments, open(), Box::new(Nobody))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, trades, merged_bars, depth, bars);
criterion_main!(benches);
