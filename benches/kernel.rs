//! The kernel alone: timer events of 20 services, and entries from XADD through group and handler to ack.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::*;
use serde::{Deserialize, Serialize};

const ENTRIES: &str = "quantum:stream:entries";

struct NoExchange;

impl Exchange for NoExchange {
    fn submit(&mut self, _: Nanos, _: Sender, _: RequestId, _: Request) {}
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        Nanos::NEVER
    }
    fn advance(&mut self, _: Nanos, _: &mut Vec<ExchangeEvent>) {}
}

struct NoFeed;

impl Feed for NoFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        Ok(())
    }
}

record! {
    /// What travels.
    pub struct Note {
        /// A number.
        pub value: u64 = "value",
        /// Another.
        pub price: f64 = "price",
    }
}

/// Sets its timer again, and again.
#[derive(Clone, Serialize, Deserialize)]
struct Ticker {
    every: Nanos,
    fired: u64,
}

impl Service for Ticker {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, _: Input<'_>, ctx: &mut Context<'_>) {
        self.fired += 1;
        ctx.timer_after(self.every, TimerKey(0));
    }
}

/// Publishes ten entries a millisecond.
#[derive(Clone, Serialize, Deserialize)]
struct Writer {
    next: u64,
}

impl Service for Writer {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, _: Input<'_>, ctx: &mut Context<'_>) {
        for _ in 0..10 {
            self.next += 1;
            let body = Body::message(Envelope::Flat, Note { value: self.next, price: 0.5 });
            // A refusal would show in the sum below.
            let _ = ctx.publish(ENTRIES, Trim::Approximate(10_000), body);
        }
        ctx.timer_after(Nanos::from_millis(1), TimerKey(0));
    }
}

/// Adds up what it reads.
#[derive(Clone, Serialize, Deserialize)]
struct Reading {
    sum: u64,
}

impl Service for Reading {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(ENTRIES, "readers", GroupStart::Beginning)],
            ..Wiring::default()
        }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Delivery(delivery) = input else { return };
        if let Some(note) = ctx.read::<Note>(ENTRIES, delivery) {
            self.sum += note.value;
        }
    }
}

fn kernel(members: Vec<Member>) -> Kernel<NoExchange, NoFeed> {
    let config = KernelConfig {
        seed: 1,
        start: Nanos::ZERO,
        instruments: Vec::new(),
        link: Link { latency: Nanos::from_micros(200), jitter: Nanos::ZERO },
        links: Default::default(),
        call_link: Link::INSTANT,
        feed_latency: engine::FeedLatency::NONE,
    };
    Kernel::new(
        config,
        Box::new(MemoryBus::new()),
        NoExchange,
        NoFeed,
        members,
        Box::new(DigestOnly),
    )
}

fn member<S: Service + 'static>(name: String, service: S) -> Member {
    Member::new(name, Box::new(service))
}

/// Two million timer events of 20 services with unlike periods, digest on.
fn timers() -> u64 {
    let members = (0..20i64)
        .map(|i| {
            member(
                format!("ticker {i}"),
                Ticker { every: Nanos::from_micros(900 + 10 * i), fired: 0 },
            )
        })
        .collect();
    let mut kernel = kernel(members);
    let ended = kernel.run_until(Nanos::from_secs(100)).and_then(|()| kernel.finish());
    assert!(ended.is_ok(), "the run ends");
    kernel.counts().handled
}

/// A million entries through XADD, group, handler and ack, digest on.
fn entries() -> u64 {
    let members = vec![
        member("writer".to_owned(), Writer { next: 0 }),
        member("reader".to_owned(), Reading { sum: 0 }),
    ];
    let mut kernel = kernel(members);
    let ended = kernel.run_until(Nanos::from_secs(100)).and_then(|()| kernel.finish());
    assert!(ended.is_ok(), "the run ends");
    kernel.counts().acknowledged
}

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel");
    group.sample_size(10);
    group.throughput(Throughput::Elements(timers()));
    group.bench_function("timer events, 20 services", |b| b.iter(timers));
    group.throughput(Throughput::Elements(entries()));
    group.bench_function("entries, XADD to ack", |b| b.iter(entries));
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
