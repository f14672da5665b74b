//! Level-2 replay with matching: the same data and the same work as `hft_rs_bench mm` of the shared
//! bench folder. 5 ms each way, a queue model, and a maker that every 100 ms cancels what rests and
//! quotes one bid and one ask two ticks back. How to compare the two: `benches/README.md`.
#![allow(clippy::expect_used, clippy::panic)] // A benchmark that cannot be set up measures nothing.

#[path = "support/kernel.rs"]
mod kernel;
#[path = "support/maker.rs"]
mod maker;
#[path = "support/npz.rs"]
mod npz;

use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::*;
use maker::{QUEUE, TICK, Totals, World};
use npz::{Npz, Tape};
use sim_exchange::depth::DepthBook;

/// As the program has it.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HOUR: i64 = 3_600_000_000_000;
/// Rows that are read at a time when the run is not held in memory.
const CHUNK: usize = 16_384;

/// A figure of this process from a file of `/proc/self`.
fn proc_figure(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line[name.len()..].split_whitespace().next()?.parse().ok()
}

/// Peak of resident memory.
fn peak_kb() -> u64 {
    proc_figure("status", "VmHWM:").unwrap_or(0)
}

/// Processor time: on a busy machine it says more than a clock on the wall.
fn cpu_s() -> f64 {
    proc_figure("schedstat", "").unwrap_or(0) as f64 * 1e-9
}

/// Runs `hours` from the file, over and over again where it is shorter: later times, and a snapshot at
/// each seam. Answers what happened and how many events there were.
fn streamed(file: &mut Npz, hours: i64) -> (Totals, usize) {
    let mut tape = Tape::default();
    file.rewind();
    file.read(CHUNK, 0, &mut tape);
    let start = tape.events.first().expect("an event").time.0;
    let (end, mut shift, mut count) = (start + hours * HOUR, 0, tape.events.len());
    let mut world = World::new(start);
    loop {
        // Of the last instant more may come, to the exchange or to the maker.
        let known = tape.events.last().expect("an event").time.0;
        world.run(&tape, known.min(end));
        if known >= end {
            return (world.totals(), count);
        }
        world.forget(&mut tape);
        let mut read = file.read(CHUNK, shift, &mut tape);
        if read == 0 {
            let arrival = *tape.arrivals.last().expect("an arrival");
            shift = arrival - start + 1;
            file.rewind();
            let time = Nanos(arrival + 1);
            let data = MarketData::DepthClear;
            tape.push(MarketEvent::new(time, SymbolIndex(0), data), arrival + 1);
            read = file.read(CHUNK, shift, &mut tape);
        }
        count += read;
    }
}

fn print(what: &str, events: usize, cpu: f64, totals: &Totals) {
    let Totals { steps, orders, cancels, seen, account, .. } = totals;
    println!(
        "{what}: events={events} cpu_s={cpu:.3} ev/cpu_s={:.0} steps={steps} orders={orders} \
         cancels={cancels} fills={} filled_orders={} position={:.3} balance={:.2} acc={seen} \
         rss_peak_kb={}",
        events as f64 / cpu,
        account.fills,
        account.filled,
        account.position as f64 / 1e3,
        account.cash as f64 / 1e5,
        peak_kb()
    );
}

fn depth(criterion: &mut Criterion) {
    #[allow(clippy::disallowed_methods)] // Where the data lies is no part of any run.
    let Some(folder) = std::env::var_os("BENCH_DATA").map(PathBuf::from) else {
        println!("skipped: BENCH_DATA does not name the folder that bench/gen_data.py filled");
        return;
    };
    let Some(mut file) = Npz::open(&folder.join("btcusdt.npz")) else {
        println!("skipped: {} holds no btcusdt.npz", folder.display());
        return;
    };
    // Before anything is held in memory: the peak never falls again.
    for hours in [1, 24] {
        let before = cpu_s();
        let (totals, events) = streamed(&mut file, hours);
        print(&format!("streamed, {hours} h"), events, cpu_s() - before, &totals);
    }
    let mut tape = Tape::default();
    file.rewind();
    file.read(file.rows(), 0, &mut tape);
    let before = cpu_s();
    let totals = World::replay(&tape);
    print("in memory", tape.events.len(), cpu_s() - before, &totals);

    let before = cpu_s();
    let (maker, fills) = kernel::run(&tape.events);
    let cpu = cpu_s() - before;
    println!(
        "kernel and whole exchange: events={} cpu_s={cpu:.3} ev/cpu_s={:.0} steps={} orders={} \
         cancels={} fills={fills} acc={} rss_peak_kb={}",
        tape.events.len(),
        tape.events.len() as f64 / cpu,
        maker.steps,
        maker.orders,
        maker.cancels,
        maker.seen,
        peak_kb()
    );

    let mut group = criterion.benchmark_group("depth");
    group.sample_size(10);
    group.throughput(Throughput::Elements(tape.events.len() as u64));
    group.bench_function("exchange, wires and maker", |b| b.iter(|| World::replay(&tape)));
    group.bench_function("kernel and whole exchange", |b| {
        b.iter(|| kernel::run(&tape.events).1);
    });
    group.bench_function("book, no orders", |b| {
        b.iter(|| {
            let mut book = DepthBook::new(TICK, QUEUE);
            let mut fills = Vec::new();
            tape.events.iter().for_each(|event| book.observe(&event.data, &mut fills));
            book.ladder().best(Side::Buy)
        });
    });
    group.finish();
}

criterion_group!(benches, depth);
criterion_main!(benches);
