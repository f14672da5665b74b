//! Import: csv of Binance's archive, recorded messages, event arrays. A file is read by one core; of several
//! files, each core has one.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

#[path = "support/archive.rs"]
mod archive;
#[path = "support/recordings.rs"]
mod recordings;

use std::path::PathBuf;

use archive::AggTrades;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use datasets::import::ImportReport;

/// As the program has it.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trades of each of the csv files.
const TRADES: u64 = 1_000_000;
/// Levels of the messages, and events of the array.
const ROWS: u64 = 1_000_000;

fn import(criterion: &mut Criterion) {
    let folder = archive::folder();
    let csv = ["BTCUSDT", "ETHUSDT"].map(|symbol| {
        let path = folder.path().join(format!("{symbol}-aggTrades-2026-01.csv"));
        AggTrades::new(symbol).write(&path, TRADES).expect("a written file");
        path
    });
    let [lines, array] = ["btcusdt.jsonl", "btcusdt.npz"].map(|name| folder.path().join(name));
    recordings::write_json_lines(&lines, ROWS).expect("a written file");
    recordings::write_array(&array, ROWS).expect("a written file");

    let mut group = criterion.benchmark_group("import");
    group.sample_size(10);
    for (name, paths, rows) in [
        ("aggTrades of two csv files", &csv[..], 2 * TRADES),
        ("aggTrades of one csv file", &csv[..1], TRADES),
        ("depth of JSON lines", &[lines][..], ROWS),
        ("depth and trades of an event array", &[array][..], ROWS),
    ] {
        let into = || tempfile::tempdir_in(&folder).expect("a folder");
        // What was imported is removed after the clock has stopped.
        let import = |into: tempfile::TempDir| -> (tempfile::TempDir, ImportReport) {
            let paths: &[PathBuf] = paths;
            let report = datasets::import::import(paths, into.path(), &|_| ()).expect("an import");
            (into, report)
        };
        let (_, report) = import(into());
        assert_eq!(report.rows, rows, "{:?}", report.refused);
        group.throughput(Throughput::Elements(rows));
        group.bench_function(name, |b| b.iter_batched(into, import, BatchSize::PerIteration));
    }
    group.finish();
}

criterion_group!(benches, import);
criterion_main!(benches);
