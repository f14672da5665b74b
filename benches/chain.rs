//! Market state on its own.

use criterion::{Criterion, criterion_group, criterion_main};
use strategies::{MARKET_STATE_PRICES, MarketStateEvaluator, MarketStateScratch};

/// A random walk of closes in ticks of a cent.
fn closes(count: usize) -> Vec<f64> {
    let mut rng = engine::NamedRng::new(1, "closes");
    let mut price: f64 = 60_000.0;
    let mut walk = Vec::with_capacity(count);
    for _ in 0..count {
        price *= 1.0 + 0.0007 * rng.normal();
        walk.push((price * 100.0).round() / 100.0);
    }
    walk
}

/// Minute after minute of one symbol.
fn market_state(criterion: &mut Criterion) {
    let closes = closes(20_000);
    let mut evaluator = MarketStateEvaluator::default();
    let mut scratch = MarketStateScratch::default();
    let mut at = MARKET_STATE_PRICES;
    criterion.bench_function("market state, one evaluation", |b| {
        b.iter(|| {
            at = if at == closes.len() { MARKET_STATE_PRICES } else { at + 1 };
            evaluator.evaluate(&closes[at - MARKET_STATE_PRICES..at], &mut scratch)
        });
    });
    criterion.bench_function("market state, without a memory", |b| {
        b.iter(|| {
            MarketStateEvaluator::default().evaluate(&closes[..MARKET_STATE_PRICES], &mut scratch)
        });
    });
}

criterion_group!(benches, market_state);
criterion_main!(benches);
