//! A market in which the AI engine decides, what it decides there, and what the bot or the router make of it.

use engine::{
    AccountBalance, Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex,
};
use pipeline::records::{DecisionMade, TradeIntent};
use pipeline::{PipelineSettings, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, START, audited};
use crate::portfolios::portfolio;

pub const MINUTE_MS: i64 = 60_000;

/// How long that market lasts.
pub const MINUTES: i64 = 80;
const ENGINE: &str = "ai_engine";

/// All that an intent of the bot needs.
pub const ALL: [&str; 5] =
    ["market_publisher", "policy_store", "balance_tracker", ENGINE, "trading_bot"];

/// A closed bar a minute, half a second before the minute ends; each closes this much above the one before.
pub fn bars(step: f64, minutes: i64) -> Vec<MarketEvent> {
    let bar = |minute: i64| {
        let close = PriceTicks(libm::rint(1e6 * (1.0 + step * minute as f64)) as i64);
        let bar = Bar {
            open: close,
            high: close,
            low: close,
            close,
            volume: QtyLots(1_000),
            interval_ms: 60_000,
            path_passed: false,
        };
        let time = START + Nanos::from_millis(minute * MINUTE_MS - 500);
        MarketEvent::new(time, SymbolIndex(0), MarketData::Bar(bar))
    };
    (1..=minutes).map(bar).collect()
}

/// These services in a market that moves by this a minute, with 5,000 USDT.
pub fn bench(services: &[&str], step: f64, settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(services, settings, bars(step, MINUTES));
    bench.kernel.exchange_mut().account = Some(AccountBalance {
        wallet_balance: Decimal::from(5_000),
        margin_balance: Decimal::from(5_000),
        available_balance: Decimal::from(5_000),
        ..AccountBalance::default()
    });
    bench
}

/// The engine's governer agent rejects every trade of an account that nobody knows.
pub fn with_equity(mut bench: Bench) -> Bench {
    let equity = [("equity", "5000"), ("peak", "5000"), ("last_update_ts", "1770000000")];
    bench.hset(keys::EQUITY_CURRENT.name, &equity);
    bench
}

/// The engine alone, with its ticks.
pub fn engine(step: f64, settings: &PipelineSettings) -> Bench {
    with_equity(bench(&["market_publisher", ENGINE], step, settings))
}

/// A symbol is decided on at every tick.
pub fn every_minute() -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    settings.ai_engine.symbol_cooldown_s = 0;
    settings
}

/// These behaviours of the audits, in a pipeline that decides at every tick.
pub fn every_minute_with(names: &[&str]) -> PipelineSettings {
    PipelineSettings { audited: audited(names).audited, ..every_minute() }
}

/// That market to its end, decided on at every tick.
pub fn run(services: &[&str], step: f64) -> Bench {
    let mut bench = with_equity(bench(services, step, &every_minute()));
    bench.run_to_ms(MINUTES * MINUTE_MS + 100);
    bench
}

/// What the engine decided in 80 minutes of a climbing market, after this preparation, and the bench.
pub fn climbed(
    services: &[&str],
    settings: &PipelineSettings,
    prepare: impl Fn(&mut Bench),
) -> (usize, Bench) {
    let mut bench = Bench::new(services, settings, bars(0.001, MINUTES));
    bench.run_to_ms(1);
    let mut bench = with_equity(bench);
    portfolio(&mut bench, &[]);
    prepare(&mut bench);
    bench.run_to_ms(MINUTES * MINUTE_MS);
    let count = bench.entries(streams::AI_DECISION_MADE.name).len();
    (count, bench)
}

/// All decisions.
pub fn decisions(bench: &mut Bench) -> Vec<DecisionMade> {
    bench.records(streams::AI_DECISION_MADE)
}

/// All intents.
pub fn intents(bench: &mut Bench) -> Vec<TradeIntent> {
    bench.records(streams::TRADE_INTENT)
}
