//! The page of a run with 100,000 trades and a year of hours of equity, written to a file. The target is 2 s.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

use std::fs::File;
use std::io::BufWriter;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use reports::page::{
    Column, Equity, FORMAT, Lazy, Reason, ReasonKind, Report, Run, RunReport, Trades, write_html,
};

const TRADES: usize = 100_000;
const SAMPLES: usize = 8_760;

/// Between 0 and 1.
fn draw(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / f64::from(u32::MAX)
}

/// To eight decimals, as money has them.
fn money(value: f64) -> f64 {
    (value * 1e8).round() / 1e8
}

fn report() -> Report {
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let mut floats = |scale: f64| {
        Column::Floats((0..TRADES).map(|_| money((draw(rng) - 0.5) * scale)).collect())
    };
    let [entry_price, exit_price, qty, pnl] = [90_000.0, 90_000.0, 2.0, 100.0].map(&mut floats);
    let [fees, funding, slippage, ret] = [2.0, 0.5, 0.3, 0.1].map(&mut floats);
    let [mae, mfe, stop_price] = [0.01, 0.01, 90_000.0].map(&mut floats);
    let entry_ms: Vec<i64> = (0..TRADES).map(|_| i64::from(rng.next_u32())).collect();
    let exit_ms = entry_ms.iter().map(|at| Some(at + i64::from(rng.next_u32() >> 8)));
    let exit_ms = exit_ms.collect();
    let mut places = |below: u32| {
        Column::Whole((0..TRADES).map(|_| i64::from(rng.next_u32() % below)).collect())
    };
    let [symbol, side, reason] = [7, 2, 3].map(&mut places);
    let named = |name: &str, kind| Reason { name: name.to_owned(), kind: Some(kind) };
    let trades = Trades {
        reasons: vec![
            named("take_profit", ReasonKind::Target),
            named("stop_loss", ReasonKind::Stop),
            named("trailing_stop", ReasonKind::Trailing),
        ],
        id: Column::Even { start: 1, step: 1, count: TRADES },
        entry_ms: Column::times(&entry_ms),
        exit_ms: Column::Gaps(exit_ms),
        symbol,
        side,
        entry_price,
        exit_price,
        qty,
        pnl,
        fees,
        funding,
        slippage,
        ret,
        mae,
        mfe,
        stop_price,
        reason,
        chains: None,
    };
    let equity = Equity {
        time_ms: Column::Even { start: 0, step: 3_600_000, count: SAMPLES },
        equity: Column::Floats((0..SAMPLES).map(|_| money(draw(rng) * 10_000.0)).collect()),
        drawdown: None,
    };
    let run = Run {
        name: "made".to_owned(),
        symbols: (0..7).map(|symbol| format!("S{symbol}USDT")).collect(),
        equity: Some(Lazy::Here(equity)),
        trades: Some(Lazy::Here(trades)),
        ..Run::default()
    };
    Report::Run(Box::new(RunReport {
        format: FORMAT,
        title: None,
        runs: vec![run],
        comparison: None,
    }))
}

fn pages(criterion: &mut Criterion) {
    let report = report();
    let path = std::env::temp_dir().join(format!("qsim-page-{}.html", std::process::id()));
    let write = |report: Report| {
        let file = File::create(&path).expect("a file");
        write_html(BufWriter::new(file), report).expect("written");
    };
    let mut group = criterion.benchmark_group("page");
    group.sample_size(10);
    group.bench_function("100,000 trades", |b| {
        b.iter_batched(|| report.clone(), write, BatchSize::LargeInput);
    });
    group.finish();
    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    println!("{bytes} bytes");
    let _ = std::fs::remove_file(&path);
}

criterion_group!(benches, pages);
criterion_main!(benches);
