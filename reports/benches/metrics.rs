//! Metrics of a year of minutes with 100,000 trades.
#![allow(clippy::expect_used)] // A benchmark that cannot be set up has nothing to measure.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use reports::metrics::{
    Equity, Exposure, Fill, Liquidity, RunInput, SECOND_NS, Settings, Side, Trade, equity_metrics,
    run_metrics, trade_metrics,
};
use rust_decimal::Decimal;

const MINUTE_NS: i64 = 60 * SECOND_NS;
const MINUTES: usize = 525_600;
const TRADES: usize = 100_000;
const SYMBOLS: [&str; 7] =
    ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT"];
const REASONS: [&str; 4] = ["stop_loss", "take_profit", "trailing_stop", "time"];

/// Between -1 and 1.
fn draw(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0
}

fn trades(rng: &mut ChaCha8Rng) -> Vec<Trade<'static>> {
    let span_ns = MINUTES as i64 * MINUTE_NS / TRADES as i64;
    let trade = |at: usize| {
        let entry_time_ns = at as i64 * span_ns;
        let entry_price = 50_000.0 * (1.0 + 0.1 * draw(rng));
        let exit_price = entry_price * (1.0 + 0.01 * draw(rng));
        let pnl = Decimal::new(((exit_price - entry_price) * 1e6) as i64, 8);
        Trade {
            symbol: SYMBOLS[at % SYMBOLS.len()],
            side: Side::Long,
            qty: 0.01,
            entry_time_ns,
            entry_price,
            exit_time_ns: entry_time_ns + (rng.next_u32() as i64) * 1_000,
            exit_price,
            exit_reason: REASONS[rng.next_u32() as usize % REASONS.len()],
            realised_pnl_usdt: pnl,
            fees_usdt: Decimal::new(rng.next_u32().into(), 8),
            funding_usdt: Decimal::new(-i64::from(rng.next_u32() >> 4), 8),
            slippage_usdt: Decimal::new(i64::from(rng.next_u32() >> 4), 8),
            highest_price: entry_price.max(exit_price) * 1.001,
            lowest_price: entry_price.min(exit_price) * 0.999,
            initial_stop_price: Some(entry_price * 0.99),
            leverage: 5.0,
            liquidated: false,
        }
    };
    (0..TRADES).map(trade).collect()
}

fn metrics(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let time_ns: Vec<i64> = (0..MINUTES as i64).map(|at| at * MINUTE_NS).collect();
    let mut held = 10_000.0;
    let mut step = |_| {
        held *= 1.0 + 1e-4 * draw(&mut rng);
        held
    };
    let equity_usdt: Vec<f64> = (0..MINUTES).map(&mut step).collect();
    let net_usdt: Vec<f64> = (0..MINUTES).map(|_| 5_000.0 * draw(&mut rng)).collect();
    let gross_usdt: Vec<f64> = net_usdt.iter().map(|net| net.abs()).collect();
    let trades = trades(&mut rng);
    let fill = |trade: &Trade<'_>| Fill {
        notional_usdt: Decimal::new((trade.entry_price * 1e4) as i64, 6),
        fee_usdt: trade.fees_usdt,
        liquidity: Liquidity::Taker,
    };
    let fills: Vec<Fill> = trades.iter().chain(&trades).map(fill).collect();
    let equity = Equity { time_ns: &time_ns, equity_usdt: &equity_usdt };
    let input = RunInput {
        equity,
        exposure: Some(Exposure {
            time_ns: &time_ns,
            gross_usdt: &gross_usdt,
            net_usdt: &net_usdt,
        }),
        fills: Some(&fills),
        trades: &trades,
    };
    let settings = Settings { period_ns: MINUTE_NS, ..Settings::default() };

    let mut group = criterion.benchmark_group("metrics");
    group.bench_function("525,600 equity samples, by minute", |b| {
        b.iter(|| equity_metrics(black_box(&equity), &settings).expect("sound"));
    });
    group.bench_function("100,000 trades", |b| {
        b.iter(|| trade_metrics(black_box(&trades)).expect("sound"));
    });
    group.bench_function("a run: both, as many exposure samples, and 200,000 fills", |b| {
        b.iter(|| run_metrics(black_box(&input), &settings).expect("sound"));
    });
    group.finish();
}

criterion_group!(benches, metrics);
criterion_main!(benches);
