//! From an intent to its trade.closed, with each service on the way crashing at each moment of it.

use engine::{Action, Body, FieldValue, IsoTime, Nanos};
use pipeline::records::{ApplyResult, OrderSide, TradeClosed};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};
use crate::plans;

const SERVICES: [&str; 11] = [
    "policy_store",
    "portfolio_governance",
    "universe_service",
    "balance_tracker",
    "intent_bridge",
    "governor",
    "position_state_brain",
    "intent_executor",
    "portfolio_state_publisher",
    "position_monitor",
    "exit_monitor",
];
/// Those through whose hands an order goes.
const ON_THE_WAY: [&str; 6] = [
    "intent_bridge",
    "governor",
    "position_state_brain",
    "intent_executor",
    "position_monitor",
    "exit_monitor",
];
const OPENS_AT_MS: i64 = 7_001;
/// The first look of the exit monitor at a mark price below the stop.
const CLOSES_AT_MS: i64 = 15_000;

/// A crash of a service at this moment, for 40 ms.
fn run(crash: Option<(&str, Nanos)>) -> Bench {
    run_with(&PipelineSettings::default(), crash)
}

fn run_with(settings: &PipelineSettings, crash: Option<(&str, Nanos)>) -> Bench {
    run_of(&SERVICES, settings, crash)
}

fn run_of(services: &[&str], settings: &PipelineSettings, crash: Option<(&str, Nanos)>) -> Bench {
    let mut bench = Bench::new(services, settings, Vec::new());
    bench.kernel.exchange_mut().account = Some(engine::AccountBalance {
        wallet_balance: plans::decimal("1000"),
        available_balance: plans::decimal("1000"),
        margin_balance: plans::decimal("1000"),
        ..engine::AccountBalance::default()
    });
    if let Some((service, at)) = crash {
        let service = bench.service(service);
        bench.kernel.at(at, Action::Crash(service));
        bench.kernel.at(at + Nanos::from_millis(40), Action::Restart(service));
    }
    bench.run_to_ms(OPENS_AT_MS);
    plans::calm_market(&mut bench, instrument().symbol);
    plans::fund_mode(&mut bench, "EXPANSION");
    let mut time = String::new();
    IsoTime(bench.kernel.now()).write_text(&mut time);
    let intent = [
        ("symbol", "BTCUSDT"),
        ("action", "BUY"),
        ("confidence", "0.7"),
        ("timestamp", time.as_str()),
        ("quantity", "0.5"),
        ("leverage", "10"),
        ("stop_loss", "97"),
        ("source", "trading_bot"),
    ];
    bench.publish(streams::TRADE_INTENT, Body::fields(&intent));
    bench.run_to_ms(9_000);
    bench.kernel.exchange_mut().marks[0] = 9_600;
    bench.run_to_ms(200_000);
    bench
}

/// The executor had set the leverage, and its successor finds no order: the open is given up, not repeated.
fn never_opened(bench: &mut Bench) -> bool {
    let results: Vec<ApplyResult> = bench.records(streams::APPLY_RESULT);
    let [result] = results.as_slice() else { return false };
    assert_eq!(result.error.as_deref(), Some("not_placed"));
    assert!(bench.kernel.exchange().orders.is_empty());
    assert!(bench.hash(&keys::STATE_STOPS.of(instrument().symbol)).is_empty());
    true
}

fn opened_and_closed_once(mut bench: Bench, what: &str) {
    let orders: Vec<(OrderSide, bool, i64)> = bench
        .kernel
        .exchange()
        .orders
        .iter()
        .map(|o| (o.side.into(), o.reduces(), o.quantity.expect("a quantity").0))
        .collect();
    assert_eq!(orders, [(OrderSide::Buy, false, 500), (OrderSide::Sell, true, 500)], "{what}");
    assert_eq!(bench.kernel.exchange().held, [0], "{what}");
    let results: Vec<ApplyResult> = bench.records(streams::APPLY_RESULT);
    let ended: Vec<bool> = results.iter().map(|result| result.executed).collect();
    assert_eq!(ended, [true, true], "{what}: {results:?}");
    let closed: Vec<TradeClosed> = bench.records(streams::TRADE_CLOSED);
    assert_eq!(closed.len(), 1, "{what}");
    assert_eq!(closed[0].pnl_usd, plans::decimal("-2"), "{what}");
    assert_eq!(closed[0].reason, "STOP_LOSS", "{what}");
    assert!(bench.hash(&keys::STATE_STOPS.of(instrument().symbol)).is_empty(), "{what}");
    let ledger = bench.hash(&keys::POSITION_LEDGER.of(instrument().symbol));
    assert_eq!(ledger["side"], "NONE", "{what}");
    let now = bench.kernel.now();
    let waiting = bench.kernel.bus_mut().scan(now, &keys::EXECUTOR_WAITING.of("*"));
    assert!(waiting.is_empty(), "{what}: {waiting:?}");
}

#[test]
fn a_round_trip() {
    opened_and_closed_once(run(None), "no crash");
}

/// I-02: execution service and bridge both ran the intent, each under its own ids, gates and books.
#[test]
fn two_paths_ordered_one_intent_twice() {
    let services = [&SERVICES[..], &["execution_service"]].concat();
    let bench = run_of(&services, &audited(&["two_execution_paths"]), None);
    let orders = &bench.kernel.exchange().orders;
    let opened: Vec<(&str, i64)> = orders
        .iter()
        .filter(|order| !order.reduces())
        .map(|o| (o.client_order_id.0.as_ref(), o.quantity.expect("a quantity").0))
        .collect();
    assert_eq!(opened.len(), 2, "{opened:?}");
    assert_ne!(opened[0].0, opened[1].0);
    assert_eq!((opened[0].1, opened[1].1), (500, 500));
}

#[test]
fn a_crash_at_any_moment_doubles_and_loses_nothing() {
    let mut given_up = Vec::new();
    for service in ON_THE_WAY {
        for moment in [OPENS_AT_MS, CLOSES_AT_MS] {
            // The way from the intent to the result takes some 5 ms.
            for quarter_ms in 0..32 {
                let after = Nanos::from_micros(250 * quarter_ms);
                let at = START + Nanos::from_millis(moment) + after;
                let what = format!("{service} crashes {after:?} after {moment} ms");
                let mut bench = run(Some((service, at)));
                match never_opened(&mut bench) {
                    true => given_up.push((service, moment, 250 * quarter_ms)),
                    false => opened_and_closed_once(bench, &what),
                }
            }
        }
    }
    // From the request for the leverage to its answer, a millisecond later.
    let leverage = |micros| ("intent_executor", OPENS_AT_MS, micros);
    assert_eq!(given_up, [750, 1_000, 1_250, 1_500].map(leverage));
}

/// P3.3 looks at the exchange before each permit, so that the executor has to wait for it.
#[test]
fn a_crash_while_a_plan_waits_loses_nothing() {
    let mut settings = PipelineSettings::default();
    settings.position_state_brain.stale_ms = 0;
    opened_and_closed_once(run_with(&settings, None), "no crash");
    for service in ["intent_executor", "position_state_brain"] {
        for moment in [OPENS_AT_MS, CLOSES_AT_MS] {
            // The plan is there after 0.6 ms, its permit after 1.6 ms, and the executor looks again after 200.6.
            for half_ms in (0..16).chain(395..400) {
                let after = Nanos::from_micros(500 * half_ms);
                let at = START + Nanos::from_millis(moment) + after;
                let what = format!("{service} crashes {after:?} after {moment} ms");
                opened_and_closed_once(run_with(&settings, Some((service, at))), &what);
            }
        }
    }
}
