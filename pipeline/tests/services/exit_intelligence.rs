//! Exit intelligence: EHR 3.29, as required.

use engine::{Body, Envelope, Ttl};
use pipeline::records::{ExecutionResult, OrderSide};
use pipeline::{PipelineSettings, keys, streams};
use serde_json::Value;

use crate::bench::{Bench, audited, instrument};
use crate::plans::{self, decimal};

const SERVICE: &str = "exit_intelligence";
const BUY: OrderSide = OrderSide::Buy;
const SELL: OrderSide = OrderSide::Sell;

fn bench() -> Bench {
    let mut bench = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn order(bench: &mut Bench, id: u64, side: OrderSide, qty: &str, price: &str, closes: bool) {
    let result = plans::executed(bench, id, side, qty, price, closes);
    // What comes again is not taken again.
    plans::tell_result(bench, &result);
    plans::tell_result(bench, &result);
}

fn commission(bench: &mut Bench, plan: u64, usd: &str) {
    let fill = ExecutionResult {
        plan_id: format!("plan{plan}"),
        commission: Some(decimal(usd)),
        ..plans::fill(bench, BUY, "1")
    };
    plans::tell(bench, &fill);
}

fn trade(bench: &mut Bench, order: u64) -> Value {
    let id = strategies::performance::trade_id("BTCUSDT", &order.to_string());
    let text = bench.get(&keys::METRICS_EXIT.of(id)).expect("a trade");
    serde_json::from_str(&text).expect("JSON")
}

fn mark(bench: &mut Bench, amount: &str, price: &str) {
    let now = bench.kernel.now().secs().to_string();
    let side = if amount == "0" { "NONE" } else { "LONG" };
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", amount),
        ("side", side),
        ("entry_price", "100"),
        ("mark_price", price),
        ("unrealized_pnl", "0"),
        ("leverage", "10"),
        ("ts_epoch", &now),
        ("source", "p33_poll"),
    ];
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &fields);
}

fn bars(bench: &mut Bench, step: i64) {
    let now = bench.kernel.now();
    for i in 0..120i64 {
        let close = 10_000 + step * i;
        let text = format!("{{\"h\":{},\"l\":{},\"c\":{close}}}", close + 5, close - 5);
        let key = keys::CANDLES_1M.of(instrument().symbol);
        bench.kernel.bus_mut().lpush_keep(now, &key, text.as_bytes(), 300).expect("a list");
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn an_exit_is_measured_after_its_fees() {
    let mut bench = bench();
    bars(&mut bench, 40);
    commission(&mut bench, 1, "0.25");
    order(&mut bench, 1, BUY, "2", "100", false);
    mark(&mut bench, "2", "110");
    bench.run_for_ms(10_000);
    mark(&mut bench, "2", "95");
    bench.run_for_ms(10_000);
    order(&mut bench, 2, SELL, "1", "104", true);
    assert_eq!(trade(&mut bench, 1)["status"], "open");
    // It lies on the bus.
    bench.run_for_ms(30_000);
    bench.crash(SERVICE, 100);
    bench.run_for_ms(200);
    commission(&mut bench, 3, "0.25");
    order(&mut bench, 3, SELL, "1", "99", true);
    let trade = trade(&mut bench, 1);
    assert_eq!(trade["status"], "closed");
    assert_eq!(number(&trade["pnl_usdt"]), 4.0 - 1.0 - 0.5);
    assert_eq!((number(&trade["mfe_usdt"]), number(&trade["mae_usdt"])), (20.0, -10.0));
    // 99 of the best price, 110.
    assert_eq!(number(&trade["efficiency"]), 0.9);
    assert_eq!(trade["regime"], "trend");
    assert_eq!((trade["exits"].clone(), trade["exits_won"].clone()), (2.into(), 1.into()));
    assert_eq!(bench.counter(SERVICE, "quantum_exit_exits_total"), 2);
    assert_eq!(bench.counter(SERVICE, "quantum_exit_trades_closed_total"), 1);
    assert_eq!(bench.counter(SERVICE, "results_already_taken"), 3);
    let key = keys::METRICS_EXIT.of(strategies::performance::trade_id("BTCUSDT", "1"));
    assert!(matches!(bench.ttl(&key), Ttl::Left(left) if left.secs() > 2_591_000));
}

/// INC-7: every result, executed or not, became a trade without size or symbol, and its entry stayed pending.
#[test]
fn what_was_not_executed_is_no_trade() {
    let mut bench = bench();
    let refused = pipeline::records::ApplyResult {
        executed: false,
        filled_qty: None,
        avg_price: None,
        order_id: None,
        ..plans::executed(&bench, 1, BUY, "1", "100", false)
    };
    plans::tell_result(&mut bench, &refused);
    let odd = pipeline::records::ApplyResult { executed: true, ..refused };
    plans::tell_result(&mut bench, &odd);
    assert_eq!(bench.counter(SERVICE, "results_skipped"), 1);
    assert_eq!(bench.counter(SERVICE, "dead_letters"), 1, "executed, and nothing is told of it");
    let now = bench.kernel.now();
    let groups = bench.kernel.bus_mut().xinfo_groups(now, streams::APPLY_RESULT.name);
    let groups = groups.expect("groups");
    assert_eq!((groups[0].name.as_str(), groups[0].pending), (SERVICE, 0));
    let now = bench.kernel.now();
    assert!(bench.kernel.bus_mut().scan(now, "quantum:metrics:exit:*").is_empty());
}

#[test]
fn a_liquidation_is_an_exit_without_a_result() {
    let mut bench = bench();
    order(&mut bench, 1, BUY, "2", "100", false);
    let liquidation = ExecutionResult {
        plan_id: String::new(),
        avg_price: decimal("80"),
        reason: "liquidation".into(),
        ..plans::fill(&bench, SELL, "2")
    };
    plans::tell(&mut bench, &liquidation);
    assert_eq!(number(&trade(&mut bench, 1)["pnl_usdt"]), -40.0);
}

#[test]
fn what_the_exchange_does_not_hold_is_given_up() {
    let mut bench = bench();
    order(&mut bench, 1, BUY, "2", "100", false);
    bench.run_for_ms(70_000);
    mark(&mut bench, "0", "100");
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter(SERVICE, "trades_lost_track_of"), 1);
}

#[test]
fn too_many_pending_results_are_an_alarm() {
    let mut settings = PipelineSettings::default();
    settings.exit_intelligence.pending_alarm = 3;
    let mut bench = Bench::new(&[SERVICE], &settings, Vec::new());
    bench.run_to_ms(1);
    for id in 0..4 {
        let result = plans::executed(&bench, id, BUY, "1", "100", false);
        let body = Body::message(Envelope::Flat, result);
        let now = bench.kernel.now();
        let bus = bench.kernel.bus_mut();
        bus.xadd(now, streams::APPLY_RESULT.name, body, streams::APPLY_RESULT.trim).expect("an id");
        let mut read = Vec::new();
        let (stream, from) = (streams::APPLY_RESULT.name, engine::ReadFrom::New);
        bus.xreadgroup(now, stream, SERVICE, "orphan", from, 1, &mut read).expect("a group");
    }
    bench.run_to_ms(30_500);
    assert_eq!(bench.counter(SERVICE, "pending_alarm"), 1);
}

/// INC-7: 481 results were pending, for none has the JSON that was looked for.
#[test]
fn results_expected_as_data_stay_pending() {
    let of = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&[SERVICE], settings, Vec::new());
        bench.run_to_ms(1);
        for id in 1..=5 {
            let result = plans::executed(&bench, id, BUY, "1", "100", false);
            plans::tell_result(&mut bench, &result);
        }
        let now = bench.kernel.now();
        let groups = bench.kernel.bus_mut().xinfo_groups(now, streams::APPLY_RESULT.name);
        let trades = bench.kernel.bus_mut().scan(now, "quantum:metrics:exit:*").len();
        (groups.expect("groups")[0].pending, trades)
    };
    assert_eq!(of(&PipelineSettings::default()), (0, 5));
    assert_eq!(of(&audited(&["results_expected_as_data"])), (5, 0));
}
