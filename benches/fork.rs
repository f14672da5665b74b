//! A fork at 80 % of a run against the whole run: the entry and exit chain over a month of seven symbols, minute by minute,
//! recorded and made.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use engine::Nanos;
use scenarios::{NoProgress, RunOptions, Scenario, Trunk};

/// Archives of Binance's, beside the repository; without them only a made market is forked.
const ARCHIVES: &str = "../shared/data/futures/um/monthly/klines";
const SYMBOLS: [&str; 7] =
    ["ALGOUSDT", "AVAXUSDT", "DOTUSDT", "FILUSDT", "LINKUSDT", "LTCUSDT", "NEARUSDT"];

fn compare(criterion: &mut Criterion, name: &str, scenario: &Scenario, options: &RunOptions) {
    let (from, to) = scenario.range().expect("a range");
    let at = Nanos(from.0 + (to.0 - from.0) / 5 * 4);
    let trunk = Trunk::grow(scenario, options, at, &NoProgress).expect("it grows");
    let branch = || {
        let branch = trunk.branch(scenario).expect("a look").expect("a fork");
        branch.end(&NoProgress).expect("an end")
    };
    let whole = || scenarios::run(scenario, options, &NoProgress).expect("a run");
    assert_eq!(branch().digest, whole().digest, "{name}");
    let mut group = criterion.benchmark_group(format!("fork, {name}"));
    group.sample_size(10);
    group.bench_function("whole", |b| b.iter(whole));
    group.bench_function("from 80 %", |b| b.iter(branch));
    group.finish();
}

fn forks(criterion: &mut Criterion) {
    let text = "seed = 5\n[market.synthetic]\nminutes = 40320\n";
    let made = Scenario::parse("made", text).expect("a scenario");
    compare(criterion, "a made month", &made, &RunOptions::default());

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(ARCHIVES);
    let archive = |symbol| folder.join(format!("{symbol}/1m/{symbol}-1m-2026-02.zip"));
    let archives: Vec<PathBuf> = SYMBOLS.into_iter().map(archive).collect();
    if !archives.iter().all(|archive| archive.exists()) {
        println!("no archives in {ARCHIVES}: the recorded month is skipped");
        return;
    }
    let data = tempfile::tempdir().expect("a folder");
    datasets::import::import(&archives, data.path(), &|_| ()).expect("an import");
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
        "#
    );
    let recorded = Scenario::parse("recorded", &text).expect("a scenario");
    let options = RunOptions { data: Some(data.path().to_owned()), ..RunOptions::default() };
    compare(criterion, "a recorded month of 7 symbols", &recorded, &options);
}

criterion_group!(benches, forks);
criterion_main!(benches);
