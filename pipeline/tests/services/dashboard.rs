//! The dashboard's read model: MSE 16.

use pipeline::{PipelineSettings, keys};
use serde_json::Value;

use crate::bench::Bench;
use crate::plans;

fn document(bench: &mut Bench) -> Value {
    let text = bench.get(keys::DASHBOARD.name).expect("a document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    document
}

#[test]
fn it_shows_what_is_on_the_bus_and_nothing_else() {
    let names = ["dashboard", "position_state_brain", "safety_telemetry"];
    let mut settings = PipelineSettings::default();
    settings.dashboard.interval_s = 30;
    let mut bench = Bench::new(&names, &settings, Vec::new());
    bench.run_to_ms(30_500);
    let empty = document(&mut bench);
    assert_eq!(empty["portfolio_status"], Value::Null, "no number is made up");
    assert_eq!(empty["portfolio_positions"], Value::Array(Vec::new()));
    assert_eq!(empty["trades"], Value::Array(Vec::new()));
    bench.kernel.exchange_mut().held[0] = -1_500;
    let trade = plans::round_trip(&bench, 7, "-3", "1");
    plans::tell_trade(&mut bench, &trade);
    bench.set(keys::EMERGENCY_STOP.name, "1");
    bench.set("quantum:risk:daily_pnl:2026-02-02", "-4");
    bench.run_to_ms(90_500);
    let full = document(&mut bench);
    assert_eq!(full["portfolio_positions"][0]["side"], "SHORT");
    assert_eq!(full["trades"][0]["order_id"], 7);
    assert_eq!(full["risk_metrics"]["emergency_stop"], true);
    assert_eq!(full["risk_metrics"]["daily_pnl"], "-4");
    assert_eq!(full["system_health"]["position_state_brain"]["alive"], true);
    assert_eq!(full["stream_health"]["trade.closed"]["length"], 1);
    bench.hset(keys::PORTFOLIO.name, &[("equity_usd", "what")]);
    bench.run_to_ms(120_500);
    assert_eq!(document(&mut bench)["portfolio_status"], Value::Null);
    assert!(bench.counter("dashboard", "keys_unreadable") > 0);
    bench.crash("dashboard", 600_000);
    bench.run_to_ms(310_000);
    assert_eq!(bench.get(keys::DASHBOARD.name), None, "an old document dies");
}
