//! Gigabytes of trades in constant memory: `BENCH_GB` gigabytes of csv (1 unless told) are made, imported
//! and replayed, and so is one gigabyte before them. Each phase is a process of its own, because the peak of
//! a process's memory never falls again. How to run it: `benches/README.md`.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

#[path = "support/archive.rs"]
mod archive;
#[path = "support/process.rs"]
mod process;

use std::path::Path;
use std::process::{Command, ExitCode};

use archive::{AggTrades, PRICE_DECIMALS, QTY_DECIMALS};
use datasets::catalogue::Catalogue;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::{BarMode, Kind, SeriesId};
use engine::{Feed, Instrument, Nanos};

/// As the program has it.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SYMBOLS: [&str; 4] = ["BNBUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT"];
/// Trades of a symbol's file: with all symbols, they are a gigabyte.
const FILE_ROWS: u64 = 3_750_000;
const GB: f64 = 1e9;

/// Imports a gigabyte at a time, because all of the csv would need as much room on the disk: one process,
/// so that whatever an import kept would add up.
fn import(folder: &Path, gigabytes: u64) {
    let mut symbols = SYMBOLS.map(AggTrades::new);
    let (mut rows, mut bytes, mut wall_s, mut cpu_s) = (0, 0, 0.0, 0.0);
    for part in 1..=gigabytes {
        let raw = folder.join("raw");
        for (trades, symbol) in symbols.iter_mut().zip(SYMBOLS) {
            let path = format!("aggTrades/{symbol}/{symbol}-aggTrades-part{part:02}.csv");
            bytes += trades.write(&raw.join(path), FILE_ROWS).expect("a written file");
        }
        let start = process::Spent::now();
        let report =
            datasets::import::import(std::slice::from_ref(&raw), &folder.join("set"), &|_| ());
        let (wall, cpu) = start.until_now();
        let report = report.expect("an import");
        assert_eq!(report.rows, SYMBOLS.len() as u64 * FILE_ROWS, "{:?}", report.refused);
        (rows, wall_s, cpu_s) = (rows + report.rows, wall_s + wall, cpu_s + cpu);
        std::fs::remove_dir_all(&raw).expect("a folder that goes");
    }
    print("import", rows, bytes as f64, (wall_s, cpu_s));
}

/// Merges all series of the folder into one order of events, and looks at each.
fn replay(folder: &Path) {
    let set = folder.join("set");
    let series = SYMBOLS.map(|symbol| SeriesId {
        kind: Kind::AggTrades,
        symbol: symbol.parse().expect("a symbol"),
        interval: None,
    });
    let start = process::Spent::now();
    let catalogue = Catalogue::open(&set).expect("a data set");
    let instruments = series.map(|series| Instrument {
        symbol: series.symbol,
        price_decimals: PRICE_DECIMALS,
        qty_decimals: QTY_DECIMALS,
    });
    let requests = series.map(|series| Request { series, bars: BarMode::Points });
    let mut feed =
        ReplayFeed::open(&catalogue, &instruments, &requests, Range::ALL).expect("a feed");
    let (mut batch, mut rows, mut last) = (Vec::new(), 0, Nanos(i64::MIN));
    loop {
        feed.next_batch(&mut batch).expect("a batch");
        let Some(end) = batch.last() else { break };
        assert!(last <= end.time, "in order of time");
        last = end.time;
        rows += batch.len() as u64;
    }
    let spent = start.until_now();
    print("replay", rows, bytes_below(&set) as f64, spent);
}

fn bytes_below(folder: &Path) -> u64 {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let size = |entry: std::fs::DirEntry| match entry.metadata().expect("its size") {
        folder if folder.is_dir() => bytes_below(&entry.path()),
        file => file.len(),
    };
    entries.map(size).sum()
}

fn print(phase: &str, rows: u64, bytes: f64, (wall_s, cpu_s): (f64, f64)) {
    let peak = match process::peak_kb() {
        Some(kb) => format!("peak of memory {:.1} MB", kb as f64 * 1.024e-3),
        None => "peak of memory unknown: only Linux tells it".to_owned(),
    };
    println!(
        "{phase}: {rows} rows, {:.2} GB, {wall_s:.1} s, {cpu_s:.1} s of processor, {:.1} M rows/s, {:.1} M \
         rows a second of processor, {peak}",
        bytes / GB,
        rows as f64 / wall_s * 1e-6,
        rows as f64 / cpu_s * 1e-6,
    );
}

/// This program once more, to do one phase.
fn phase(name: &str, folder: &Path, gigabytes: u64) {
    let program = std::env::current_exe().expect("a path of this program");
    let mut command = Command::new(program);
    command.arg(name).arg(folder).arg(gigabytes.to_string());
    assert!(command.status().expect("a process").success(), "{name} has failed");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, folder, gigabytes] = &arguments[..] {
        let folder = Path::new(folder);
        match name.as_str() {
            "import" => import(folder, gigabytes.parse().expect("a number")),
            _ => replay(folder),
        }
        return ExitCode::SUCCESS;
    }
    #[allow(clippy::disallowed_methods)] // How much is made is no part of any run.
    let wanted = std::env::var("BENCH_GB").unwrap_or_else(|_| "1".to_owned());
    let Some(most) = wanted.parse().ok().filter(|gigabytes| *gigabytes > 0) else {
        eprintln!(
            "BENCH_GB={wanted} is no whole number above zero; say how many gigabytes of csv to make"
        );
        return ExitCode::from(2);
    };
    let sizes = if most > 1 { vec![1, most] } else { vec![1] };
    for gigabytes in sizes {
        println!("{gigabytes} GB of aggTrades of {} symbols", SYMBOLS.len());
        let folder = archive::folder();
        phase("import", folder.path(), gigabytes);
        phase("replay", folder.path(), gigabytes);
    }
    ExitCode::SUCCESS
}
