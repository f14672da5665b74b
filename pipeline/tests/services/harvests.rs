//! A position that the harvest side watches, with all who have a part in its harvest.

use engine::{Body, FieldValue, IsoTime};
use pipeline::{PipelineSettings, streams};

use crate::bench::Bench;
use crate::held;
use crate::plans::{decimal, fund_mode};

const SERVICES: [&str; 16] = [
    "policy_store",
    "portfolio_governance",
    "universe_service",
    "balance_tracker",
    "intent_bridge",
    "governor",
    "position_state_brain",
    "portfolio_gate",
    "heat_bridge",
    "apply_layer",
    "intent_executor",
    "portfolio_state_publisher",
    "position_monitor",
    "risk_proposal",
    "harvest_proposal",
    "exit_monitor",
];

/// A trend: the kill score is low.
pub const TREND: [&str; 5] = ["0.01", "0.5", "0.6", "0.2", "0.2"];

/// The regime has flipped: the kill score is 0.73 and more.
pub const FLIPPED: [&str; 5] = ["0.01", "0.3", "0.2", "0.2", "0.6"];

/// What the account holds from now on, in USDT.
pub fn account(bench: &mut Bench, wallet: &str) {
    bench.kernel.exchange_mut().account = Some(engine::AccountBalance {
        wallet_balance: decimal(wallet),
        margin_balance: decimal(wallet),
        available_balance: decimal(wallet),
        ..engine::AccountBalance::default()
    });
}

/// One unit long at 100, with stop and target far away.
pub fn opened(settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(&SERVICES, settings, Vec::new());
    account(&mut bench, "1000");
    bench.run_to_ms(7_001);
    held::market(&mut bench, TREND);
    fund_mode(&mut bench, "EXPANSION");
    let mut time = String::new();
    IsoTime(bench.kernel.now()).write_text(&mut time);
    let intent = [
        ("symbol", "BTCUSDT"),
        ("action", "BUY"),
        ("confidence", "0.7"),
        ("timestamp", time.as_str()),
        ("quantity", "1"),
        ("leverage", "10"),
        ("stop_loss", "80"),
        ("take_profit", "150"),
        ("source", "trading_bot"),
    ];
    bench.publish(streams::TRADE_INTENT, Body::fields(&intent));
    bench.run_to_ms(9_000);
    assert_eq!(bench.kernel.exchange().held, [1_000]);
    bench
}

/// Goes on for so many seconds with this market, which P0 would tell every minute.
pub fn goes_on(bench: &mut Bench, market: [&str; 5], secs: i64) {
    for _ in 0..secs / 10 {
        held::market(bench, market);
        bench.run_for_ms(10_000);
    }
}

/// Lots of the orders that closed.
pub fn closed(bench: &Bench) -> Vec<i64> {
    let orders = bench.kernel.exchange().orders.iter().filter(|order| order.reduces());
    orders.map(|order| order.quantity.expect("a quantity").0).collect()
}

/// The mark price from now on.
pub fn marks(bench: &mut Bench, ticks: i64) {
    bench.kernel.exchange_mut().marks[0] = ticks;
}
