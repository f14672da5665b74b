//! The whole chain over a month of seven symbols, and market state on its own.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use scenarios::{NoProgress, RunOptions, Scenario};
use strategies::{MARKET_STATE_PRICES, MarketStateEvaluator, MarketStateScratch};

/// Archives of Binance's, beside the repository; without them the month is skipped.
const ARCHIVES: &str = "../shared/data/futures/um/monthly/klines";
const SYMBOLS: [&str; 7] =
    ["ALGOUSDT", "AVAXUSDT", "DOTUSDT", "FILUSDT", "LINKUSDT", "LTCUSDT", "NEARUSDT"];

/// February 2026, minute by minute, without market state.
fn month(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(ARCHIVES);
    let archive = |symbol| folder.join(format!("{symbol}/1m/{symbol}-1m-2026-02.zip"));
    let archives: Vec<PathBuf> = SYMBOLS.into_iter().map(archive).collect();
    if !archives.iter().all(|archive| archive.exists()) {
        println!("no archives in {ARCHIVES}: the month is skipped");
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    let report = datasets::import::import(&archives, data.path(), &|_| ()).expect("an import");
    assert_eq!(report.files, 7, "{:?}", report.refused);
    let text = format!(
        r#"
        seed = 2026
        [market.recorded]
        symbols = {SYMBOLS:?}
        bars = "1m"
        from = "2026-02-01T00:00:00Z"
        to = "2026-03-01T00:00:00Z"
        [exchange]
        funding_rate = "0.0001"
        [pipeline.market_state]
        enabled = false
        "#
    );
    let mut scenario = Scenario::parse("bench", &text).expect("a scenario");
    let options = RunOptions { data: Some(data.path().to_owned()), ..RunOptions::default() };
    let mut group = criterion.benchmark_group("chain");
    group.sample_size(10);
    for (name, enabled) in [("without", false), ("with", true)] {
        scenario.pipeline.market_state.enabled = enabled;
        let run = || scenarios::run(&scenario, &options, &NoProgress).expect("a run");
        println!("{name} market state: {} events", run().events);
        group.bench_function(format!("a month of 7 symbols, {name} market state"), |b| b.iter(run));
    }
    group.finish();
}

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

criterion_group!(benches, market_state, month);
criterion_main!(benches);
