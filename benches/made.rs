//! How fast made markets make their events, model by model.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::Feed;

/// As the program has it.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BARS: &str = r#""minutes": 200000"#;
const FLOW: &str = r#""minutes": 1440"#;
const VOLATILITY: &str = r#", "volatility_per_minute": 0.0007"#;
const HAWKES: &str = r#", "order_flow": {
    "hawkes": {"branching": 0.6, "decay_per_second": 0.5, "cross_share": 0.2}}"#;

/// The name and the model; the market's keys, and those of its symbol that not all models have.
const MARKETS: [(&str, &str, &str, &str); 6] = [
    ("trends", "trends", BARS, VOLATILITY),
    ("jump_diffusion", "jump_diffusion", BARS, VOLATILITY),
    ("garch", "garch", BARS, VOLATILITY),
    ("regimes", "regimes", BARS, VOLATILITY),
    ("order_flow", "order_flow", FLOW, ""),
    ("order_flow with hawkes", "order_flow", FLOW, HAWKES),
];

fn events(market: &SyntheticMarket) -> u64 {
    let mut feed = SyntheticFeed::of(market, 1).expect("a market");
    let (mut batch, mut count) = (Vec::new(), 0);
    loop {
        feed.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            return count;
        }
        count += batch.len() as u64;
    }
}

fn made(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("made");
    group.sample_size(10);
    for (name, model, keys, of_symbol) in MARKETS {
        let text = format!(
            r#"{{"model": "{model}", {keys}, "funding": null, "symbols": [{{"symbol": "SOLUSDT", "start_price": 130.0,
                "price_decimals": 3, "tick_units": 10, "qty_decimals": 2, "volume_per_minute": 15000.0{of_symbol}}}]}}"#
        );
        let market: SyntheticMarket = serde_json::from_str(&text).expect("a market");
        group.throughput(Throughput::Elements(events(&market)));
        group.bench_function(name, |b| b.iter(|| events(&market)));
    }
    group.finish();
}

criterion_group!(benches, made);
criterion_main!(benches);
