//! All services over days of eight symbols that trade once a second: how much faster than real time on one core,
//! whether memory grows with the days, and where the time goes. How to run it: `benches/README.md`.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

#[path = "support/process.rs"]
mod process;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use engine::{
    Bar, Context, DigestOnly, Feed, FeedError, FeedLatency, Input, Instrument, Kernel,
    KernelConfig, Link, MarketData, MarketEvent, Member, MemoryBus, NamedRng, Nanos, PriceTicks,
    QtyLots, Service, ServiceId, ServiceState, StateError, SymbolIndex, Trade, TradeOrigin, Wiring,
};
use pipeline::keys::KEYS;
use pipeline::streams::STREAMS;
use pipeline::{CATALOGUE, PipelineSettings, chain};
use rust_decimal::Decimal;
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};

/// As the program has it.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SYMBOLS: [&str; 8] =
    ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT", "LINKUSDT"];
const DAY_S: i64 = 86_400;
const START: Nanos = Nanos::from_secs(1_770_000_000 - 1_770_000_000 % DAY_S);
const SEED: u64 = 2026;

/// A trade a second and a bar a minute of each symbol, from a seeded walk. It is made minute by minute, so
/// that its length costs no memory.
struct Seconds {
    rngs: Vec<NamedRng>,
    prices: Vec<f64>,
    minute: i64,
    minutes: i64,
}

impl Seconds {
    fn new(days: i64) -> Seconds {
        let rng = |symbol: &&str| NamedRng::new(SEED, symbol);
        Seconds {
            rngs: SYMBOLS.iter().map(rng).collect(),
            prices: vec![10_000_000.0; SYMBOLS.len()],
            minute: 0,
            minutes: days * DAY_S / 60,
        }
    }
}

impl Feed for Seconds {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if self.minute == self.minutes {
            return Ok(());
        }
        let opened = START + Nanos::from_secs(self.minute * 60);
        let mut bars = vec![[i64::MAX, i64::MIN, 0, 0]; SYMBOLS.len()];
        // Hours of drift either way: without a trend nobody trades.
        let drift = if self.minute / 180 % 2 == 0 { 4e-6 } else { -4e-6 };
        for second in 0..60 {
            for (place, rng) in self.rngs.iter_mut().enumerate() {
                let price = &mut self.prices[place];
                *price *= 1.0 + drift + 6e-5 * rng.normal();
                let ticks = *price as i64;
                let [low, high, first, last] = &mut bars[place];
                *low = ticks.min(*low);
                *high = ticks.max(*high);
                *first = if second == 0 { ticks } else { *first };
                *last = ticks;
                let trade = Trade {
                    price: PriceTicks(ticks),
                    qty: QtyLots(100 + rng.below(900) as i64),
                    buyer_is_maker: rng.below(2) == 0,
                    origin: TradeOrigin::Tape,
                };
                let time = opened + Nanos::from_secs(second) + Nanos::from_millis(1);
                let symbol = SymbolIndex(place as u16);
                batch.push(MarketEvent::new(time, symbol, MarketData::Trade(trade)));
            }
        }
        for (place, [low, high, first, last]) in bars.into_iter().enumerate() {
            let bar = Bar {
                open: PriceTicks(first),
                high: PriceTicks(high),
                low: PriceTicks(low),
                close: PriceTicks(last),
                volume: QtyLots(33_000),
                interval_ms: 60_000,
                path_passed: true,
            };
            let time = opened + Nanos::from_secs(60);
            let symbol = SymbolIndex(place as u16);
            batch.push(MarketEvent::new(time, symbol, MarketData::Bar(bar)));
        }
        self.minute += 1;
        Ok(())
    }
}

/// A service under a stop-watch.
struct Watched {
    service: Box<dyn Service>,
    spent: Arc<Spent>,
}

#[derive(Default)]
struct Spent {
    ns: AtomicU64,
    inputs: AtomicU64,
}

thread_local! {
    /// Nanoseconds of all services together.
    static ALL: Cell<u64> = const { Cell::new(0) };
}

impl Service for Watched {
    fn wiring(&self) -> Wiring {
        self.service.wiring()
    }
    #[allow(clippy::disallowed_methods)] // It measures, it does not simulate.
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let start = Instant::now();
        self.service.handle(input, ctx);
        let ns = start.elapsed().as_nanos() as u64;
        self.spent.ns.fetch_add(ns, Ordering::Relaxed);
        self.spent.inputs.fetch_add(1, Ordering::Relaxed);
        ALL.with(|all| all.set(all.get() + ns));
    }
}

impl ServiceState for Watched {
    fn clone_service(&self) -> Box<dyn Service> {
        let service = self.service.clone_service();
        Box::new(Watched { service, spent: Arc::clone(&self.spent) })
    }
    fn save(&self) -> Result<serde_json::Value, StateError> {
        self.service.save()
    }
    fn load(&mut self, state: serde_json::Value) -> Result<(), StateError> {
        self.service.load(state)
    }
}

type Run = Kernel<SimExchange, Seconds>;

/// Every service but those that exclude one another.
fn settings() -> PipelineSettings {
    PipelineSettings::default()
}

fn instruments() -> Vec<Instrument> {
    let symbol = |name: &&str| name.parse().expect("a symbol");
    let instrument = |name| Instrument { symbol: symbol(name), price_decimals: 5, qty_decimals: 3 };
    SYMBOLS.iter().map(instrument).collect()
}

fn kernel(days: i64, members: Vec<Member>) -> Run {
    let latency =
        Latency::Constant { request: Nanos::from_millis(5), response: Nanos::from_millis(5) };
    let wallet = Decimal::from(100_000);
    let config = ExchangeConfig::new(instruments(), START, wallet, latency, Funding::None);
    let exchange = SimExchange::new(config).expect("an exchange");
    let link = Link { latency: Nanos::from_micros(300), jitter: Nanos::ZERO };
    let config = KernelConfig {
        seed: SEED,
        start: START,
        instruments: instruments(),
        link,
        links: BTreeMap::new(),
        call_link: link,
        feed_latency: FeedLatency::NONE,
    };
    let bus = Box::new(MemoryBus::new());
    Kernel::new(config, bus, exchange, Seconds::new(days), members, Box::new(DigestOnly))
}

fn run(kernel: &mut Run, days: i64) -> f64 {
    let spent = process::Spent::now();
    kernel.run_until(START + Nanos::from_secs(days * DAY_S)).expect("a run");
    spent.until_now().0
}

fn opened(kernel: &Run) -> u64 {
    let executor = kernel.services().iter().position(|name| name == "intent_executor");
    let counters = executor.and_then(|at| kernel.counters(ServiceId(at as u16)));
    counters.and_then(|all| all.get("orders_opened").copied()).unwrap_or_default()
}

/// So many days without the stop-watch.
fn whole(days: i64) {
    let members = chain(&settings(), &instruments()).expect("a chain");
    let services = members.len();
    let mut kernel = kernel(days, members);
    let wall_s = run(&mut kernel, days);
    let counts = kernel.counts();
    println!(
        "{days} days, {services} services: {wall_s:.2} s, {:.0} times real time; {} inputs, {} entries, \
         {} orders opened, {}",
        (days * DAY_S) as f64 / wall_s,
        counts.handled,
        counts.published,
        opened(&kernel),
        match process::peak_kb() {
            Some(kb) => format!("peak of memory {:.1} MB", kb as f64 * 1.024e-3),
            None => "peak of memory unknown".to_owned(),
        }
    );
}

/// What lies on the bus and in the services after so many days, largest first: where memory goes.
fn held(days: i64) {
    let members = chain(&settings(), &instruments()).expect("a chain");
    let mut kernel = kernel(days, members);
    run(&mut kernel, days);
    let now = kernel.now();
    let mut rows: Vec<(u64, String)> = Vec::new();
    for (place, name) in kernel.services().iter().enumerate() {
        let state = kernel.state(ServiceId(place as u16)).expect("a service").save();
        let bytes = state.map_or(0, |state| state.to_string().len() as u64);
        rows.push((bytes, format!("bytes of the state of {name}")));
    }
    let bus = kernel.bus_mut();
    for stream in STREAMS {
        let length = bus.xlen(now, stream.name).expect("a stream");
        rows.push((length, format!("entries of {} ({:?})", stream.event, stream.trim)));
    }
    let mut names = bus.scan(now, "*");
    names.sort();
    for key in KEYS {
        let of_it = |name: &String| {
            let rest = name.strip_prefix(key.name);
            rest.is_some_and(|rest| {
                rest.ends_with(key.after) && key.part.is_empty() == rest.is_empty()
            })
        };
        let count = names.iter().filter(|name| of_it(name)).count() as u64;
        rows.push((count, format!("keys {} (life {:?})", key.pattern(), key.life)));
    }
    rows.sort_by(|a, b| b.cmp(a));
    println!("\nafter {days} days");
    for (count, what) in rows.iter().take(40) {
        println!("{count:>9} {what}");
    }
}

/// One day, and what each service took of it. The stop-watch itself costs about 50 ns an input.
fn by_service() {
    let mut watches = Vec::new();
    let mut members = chain(&settings(), &instruments()).expect("a chain");
    for member in &mut members {
        let spent = Arc::new(Spent::default());
        watches.push((member.name.clone(), Arc::clone(&spent)));
        let service = std::mem::replace(&mut member.service, Box::new(Nobody));
        member.service = Box::new(Watched { service, spent });
    }
    let mut kernel = kernel(1, members);
    let wall_s = run(&mut kernel, 1);
    let all_ns = ALL.with(Cell::get) as f64;
    println!("\n| service | group | inputs | µs an input | ms a day | share |");
    println!("| --- | --- | --- | --- | --- | --- |");
    watches.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.ns.load(Ordering::Relaxed)));
    for (name, spent) in &watches {
        let (ns, inputs) =
            (spent.ns.load(Ordering::Relaxed) as f64, spent.inputs.load(Ordering::Relaxed));
        let group = CATALOGUE.iter().find(|known| known.name == name).map_or("", |k| k.group);
        println!(
            "| {name} | {group} | {inputs} | {:.2} | {:.0} | {:.1} % |",
            ns / 1e3 / inputs.max(1) as f64,
            ns / 1e6,
            ns / 1e7 / wall_s
        );
    }
    let rest = wall_s * 1e9 - all_ns;
    println!(
        "| kernel, bus, exchange, feed and the stop-watch | | | | {:.0} | {:.1} % |",
        rest / 1e6,
        rest / 1e7 / wall_s
    );
}

/// Holds the place of a service that is being wrapped.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Nobody;

impl Service for Nobody {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, _: Input<'_>, _: &mut Context<'_>) {}
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, days, ..] = &arguments[..]
        && word == "days"
    {
        whole(days.parse().expect("a number of days"));
        return ExitCode::SUCCESS;
    }
    if let [word, days, ..] = &arguments[..]
        && word == "held"
    {
        held(days.parse().expect("a number of days"));
        return ExitCode::SUCCESS;
    }
    // The peak of a process's memory never falls: each length is a process of its own.
    let program = std::env::current_exe().expect("a path of this program");
    for days in ["1", "1", "1", "4"] {
        let status = Command::new(&program).args(["days", days]).status().expect("a process");
        assert!(status.success(), "{days} days have failed");
    }
    by_service();
    ExitCode::SUCCESS
}
