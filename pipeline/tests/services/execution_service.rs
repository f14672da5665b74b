//! The other wiring, from intents to orders: MSE 13, worked examples 19 to 21, incidents I-09, I-16, I-28, I-30, as
//! settled. Its quantities are the intent executor's.

mod audits;

use engine::{Body, FieldValue, IsoTime, Nanos, Outcome, Ttl};
use pipeline::records::{ApplyResult, Decision, ExecutionResult};
use pipeline::{ExecutionPath, PipelineSettings, chain, keys, streams};
use serde_json::{Value, json};

use crate::bench::{Bench, audited, instrument};
use crate::plans::flat_at;

const EXECUTION: &str = "execution_service";

fn settings() -> PipelineSettings {
    let mut settings = PipelineSettings {
        execution_path: ExecutionPath::ExecutionService,
        ..PipelineSettings::default()
    };
    settings.execution_service.open_cooldown_s = 0;
    settings
}

/// Flat at 100 USDT, with 1,000 USDT available.
fn bench() -> Bench {
    bench_with(&settings())
}

fn bench_with(settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(&[EXECUTION], settings, Vec::new());
    bench.run_to_ms(100);
    flat_at(&mut bench, instrument().symbol, "100");
    available(&mut bench, "1000");
    bench
}

fn available(bench: &mut Bench, usd: &str) {
    let fields = [
        ("balance", usd),
        ("available_balance", usd),
        ("margin_used", "0"),
        ("unrealized_pnl", "0"),
        ("timestamp", "1770000000"),
        ("last_updated", "2026-02-02T02:40:00"),
    ];
    bench.hset(keys::ACCOUNT_BALANCE.name, &fields);
}

fn holds(bench: &mut Bench, amount: &str, side: &str) {
    let fields = [("position_amt", amount), ("side", side), ("entry_price", "100")];
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &fields);
}

fn intend_at_age(bench: &mut Bench, fields: &[(&str, &str)], age_s: i64) {
    let mut time = String::new();
    IsoTime(bench.kernel.now() - Nanos::from_secs(age_s)).write_text(&mut time);
    let mut all = vec![("symbol", "BTCUSDT"), ("confidence", "0.7"), ("timestamp", time.as_str())];
    all.extend_from_slice(fields);
    bench.publish(streams::TRADE_INTENT, Body::fields(&all));
    bench.run_for_ms(10);
}

fn intend(bench: &mut Bench, fields: &[(&str, &str)]) {
    intend_at_age(bench, fields, 0);
}

const OPEN: [(&str, &str); 4] =
    [("action", "BUY"), ("position_size_usd", "200"), ("entry_price", "100"), ("leverage", "10")];
const CLOSE: [(&str, &str); 4] =
    [("action", "CLOSE"), ("side", "SELL"), ("reduce_only", "true"), ("source", "exit_monitor")];

/// Lots of the orders that came to the exchange.
fn sent(bench: &Bench) -> Vec<i64> {
    let orders = &bench.kernel.exchange().orders;
    orders.iter().map(|order| order.quantity.expect("a quantity").0).collect()
}

/// Results without an order, as decision and error.
fn refusals(bench: &mut Bench) -> Vec<(Decision, String)> {
    let results: Vec<ApplyResult> = bench.records(streams::APPLY_RESULT);
    let refused = results.into_iter().filter(|result| !result.executed);
    refused.map(|r| (r.decision, r.error.unwrap_or_default().into_owned())).collect()
}

/// Examples 19 to 21, I-16: what is checked is what is ordered.
#[test]
fn size_and_leverage_of_the_order_are_those_of_the_risk_governor() {
    let run = |size: Option<&str>, leverage: Option<&str>| {
        let mut bench = bench();
        let mut fields = vec![("action", "BUY"), ("entry_price", "100")];
        fields.extend(size.map(|size| ("position_size_usd", size)));
        fields.extend(leverage.map(|leverage| ("leverage", leverage)));
        intend(&mut bench, &fields);
        let refused = refusals(&mut bench).pop().map(|(_, error)| error);
        let leverages = bench.kernel.exchange().leverages.clone();
        (sent(&bench), leverages, refused)
    };
    let exceeded = Some("NOTIONAL_EXCEEDED".to_owned());
    assert_eq!(run(Some("200"), Some("10")), (vec![2_000], vec![10], None));
    assert_eq!(run(Some("20"), Some("1")), (vec![500], vec![5], None), "raised, as it was checked");
    assert_eq!(run(Some("1200"), Some("90")), (vec![12_000], vec![80], None), "example 19");
    assert_eq!(run(Some("2000"), Some("60")), (vec![], vec![], exceeded), "example 20");
    assert_eq!(run(None, None), (vec![10_000], vec![10], None), "example 21");
}

/// I-16: the clamped numbers were checked and logged, the plain ones ordered.
#[test]
fn clamps_of_the_risk_governor_were_discarded() {
    let run = |names: &[&str], size: &str, leverage: &str| {
        let settings = PipelineSettings { audited: audited(names).audited, ..settings() };
        let mut bench = bench_with(&settings);
        let fields = [
            ("action", "BUY"),
            ("entry_price", "100"),
            ("position_size_usd", size),
            ("leverage", leverage),
        ];
        intend(&mut bench, &fields);
        (sent(&bench), bench.kernel.exchange().leverages.clone())
    };
    assert_eq!(run(&[], "20", "1"), (vec![500], vec![5]));
    let named = ["clamps_discarded"];
    assert_eq!(run(&named, "20", "1"), (vec![200], vec![1]));
    assert_eq!(run(&named, "1200", "90"), (vec![12_000], vec![90]), "example 19");
    assert_eq!(run(&named, "2000", "60"), (vec![], vec![]), "example 20");
}

/// MSE 13.3: 1.25 times the margin; failures switch safe mode on, once (I-09).
#[test]
fn margin_failures_end_in_a_safe_mode_that_ends() {
    let mut bench = bench();
    available(&mut bench, "24.9");
    let short = (Decision::Blocked, "MARGIN_INSUFFICIENT:25.00 above 24.90".to_owned());
    for n in 1..=5 {
        assert_eq!(bench.get(keys::SAFE_MODE.name), None, "after {} failures", n - 1);
        intend(&mut bench, &OPEN);
        assert_eq!(refusals(&mut bench).pop(), Some(short.clone()), "{n}");
    }
    assert_eq!(bench.get(keys::SAFE_MODE.name).as_deref(), Some("1"));
    let Ttl::Left(left) = bench.ttl(keys::SAFE_MODE.name) else { panic!("no life") };
    assert!(left > Nanos::from_secs(899) && left <= Nanos::from_secs(900), "{left:?}");
    let text = bench.get(keys::SAFE_MODE_REASON.name).expect("a reason");
    let why: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&why["reason"], &why["setter"]), (&json!("MARGIN_FAILURES"), &json!(EXECUTION)));
    assert!(why["until"].as_f64() > why["since"].as_f64());

    available(&mut bench, "1000");
    bench.run_for_ms(5_000);
    intend(&mut bench, &OPEN);
    let blocked = (Decision::Blocked, "SAFE_MODE_ACTIVE".to_owned());
    assert_eq!(refusals(&mut bench).pop(), Some(blocked));
    let Ttl::Left(later) = bench.ttl(keys::SAFE_MODE.name) else { panic!("no life") };
    assert!(later < left - Nanos::from_secs(5), "what it holds back does not renew it");
    assert!(sent(&bench).is_empty());

    // An exit needs no margin and passes safe mode, reduce-only (I-28).
    holds(&mut bench, "0.5", "LONG");
    intend(&mut bench, &CLOSE);
    assert_eq!(sent(&bench), [500]);
    assert_eq!(bench.kernel.exchange().orders[0].reduce_only, Some(true));
}

#[test]
fn what_cannot_be_read_stops_opens_and_no_exits() {
    let unread: [fn(&mut Bench); 2] = [
        |bench| bench.set_bytes(keys::SAFE_MODE.name, &[0xff]),
        |bench| {
            let now = bench.kernel.now();
            bench.kernel.bus_mut().del(now, keys::ACCOUNT_BALANCE.name);
        },
    ];
    for world in unread {
        let mut bench = bench();
        world(&mut bench);
        intend(&mut bench, &OPEN);
        assert!(sent(&bench).is_empty());
        assert_eq!(refusals(&mut bench).len(), 1);
        holds(&mut bench, "0.5", "LONG");
        intend(&mut bench, &CLOSE);
        assert_eq!(sent(&bench), [500]);
    }
}

/// I-30: identity for a day, and a sliding window; no edge of a bucket lets a repeat through.
#[test]
fn a_decision_opens_once_and_one_like_it_waits_for_the_window() {
    let decision = "00000000-0000-4000-8000-0000000000aa";
    let mut bench = bench();
    let mut open = OPEN.to_vec();
    open.push(("correlation_id", decision));
    intend(&mut bench, &open);
    assert_eq!(sent(&bench), [2_000]);
    bench.run_for_ms(29_000);
    intend(&mut bench, &OPEN);
    assert_eq!(sent(&bench).len(), 1, "one like it within 30 s");
    bench.run_for_ms(1_000);
    intend(&mut bench, &OPEN);
    assert_eq!(sent(&bench).len(), 2, "after the window");
    bench.run_for_ms(86_000_000);
    flat_at(&mut bench, instrument().symbol, "100");
    intend(&mut bench, &open);
    assert_eq!(sent(&bench).len(), 2, "the same decision on the same day");
    assert_eq!(bench.counter(EXECUTION, "IDEMPOTENCY_SKIP"), 2);
    // A close may be asked for again, by the same decision.
    holds(&mut bench, "0.5", "LONG");
    let mut close = CLOSE.to_vec();
    close.push(("correlation_id", decision));
    intend(&mut bench, &close);
    intend(&mut bench, &close);
    assert_eq!(sent(&bench).len(), 4);
}

/// G2 with an owner: 120 s, released by its holder at the end; a close waits, an open does not.
#[test]
fn one_order_in_flight_and_a_close_waits_for_its_end() {
    let mut bench = bench();
    let lock = keys::EXEC_LOCK.of("BTCUSDT:SELL");
    holds(&mut bench, "0.5", "LONG");
    // Another holder: an exit of this side is on its way.
    let options = engine::SetOptions { expire: Some(Nanos::from_secs(120)), ..Default::default() };
    let now = bench.kernel.now();
    bench.kernel.bus_mut().set(now, &lock, b"another plan", options).expect("a key");
    intend(&mut bench, &CLOSE);
    let open = [("action", "SELL"), ("position_size_usd", "200"), ("entry_price", "100")];
    intend(&mut bench, &open);
    assert_eq!(refusals(&mut bench), [(Decision::Skip, "IN_FLIGHT".to_owned())]);
    bench.run_for_ms(119_000);
    assert!(sent(&bench).is_empty(), "it waits as long as it takes");
    flat_at(&mut bench, instrument().symbol, "100");
    holds(&mut bench, "0.5", "LONG");
    bench.run_for_ms(2_000);
    assert_eq!(sent(&bench), [500]);
    assert_eq!(bench.get(&lock), None, "released at the end");
    bench.run_for_ms(120_000);
    assert_eq!(sent(&bench), [500], "its entry was left pending, and is not executed again");
}

#[test]
fn an_unknown_outcome_keeps_the_lock_and_a_successor_finds_it_out() {
    let mut bench = bench();
    bench.kernel.exchange_mut().instead.extend(vec![Outcome::Unknown; 3]);
    // Of the current leverage: the first answer is the order's.
    intend(&mut bench, &[("action", "CLOSE"), ("side", "SELL"), ("reduce_only", "true")]);
    assert_eq!(refusals(&mut bench).len(), 1, "nobody's exit");
    holds(&mut bench, "0.5", "LONG");
    intend(&mut bench, &CLOSE);
    let lock = keys::EXEC_LOCK.of("BTCUSDT:SELL");
    assert_eq!(sent(&bench), [500]);
    assert!(bench.get(&lock).is_some(), "its outcome is unknown");
    bench.crash(EXECUTION, 100);
    bench.run_for_ms(30_000);
    assert_eq!(sent(&bench), [500], "asked for, not sent again");
    assert_eq!(bench.get(&lock), None);
    let fills: Vec<ExecutionResult> = bench.records(streams::EXECUTION_RESULT);
    assert_eq!(fills.len(), 1);
    assert_eq!(fills[0].source, EXECUTION);
    assert_eq!(bench.hash(&keys::POSITION_LEDGER.of(instrument().symbol))["source"], EXECUTION);
}

#[test]
fn a_close_takes_no_more_than_there_is_and_old_opens_are_dropped() {
    let close = |amount: &str, side: &str, fields: &[(&str, &str)]| {
        let mut bench = bench();
        holds(&mut bench, amount, side);
        let mut all = CLOSE.to_vec();
        all.extend_from_slice(fields);
        intend_at_age(&mut bench, &all, 10_000);
        (sent(&bench), refusals(&mut bench).pop().map(|(_, error)| error))
    };
    assert_eq!(close("0.5", "LONG", &[("quantity", "0.7")]), (vec![500], None));
    assert_eq!(close("0.5", "LONG", &[("quantity", "0.2")]), (vec![200], None));
    assert_eq!(close("-0.5", "SHORT", &[]), (vec![500], None), "by the side that it needs");
    let flat = close("0", "NONE", &[]);
    assert_eq!(flat, (vec![], Some("no_position".to_owned())));

    let mut old = bench();
    intend_at_age(&mut old, &OPEN, 601);
    assert!(sent(&old).is_empty());
    assert_eq!(old.counter(EXECUTION, "dropped_too_old"), 1);
    let mut time = String::new();
    IsoTime(old.kernel.now()).write_text(&mut time);
    let alien =
        [("symbol", "ETHUSDT"), ("action", "BUY"), ("confidence", "1"), ("timestamp", &time)];
    old.publish(streams::TRADE_INTENT, Body::fields(&alien));
    assert_eq!(old.counter(EXECUTION, "dropped_unknown_symbol"), 1);
    let malformed = [("symbol", "BTCUSDT"), ("action", "BUY"), ("confidence", "high")];
    old.publish(streams::TRADE_INTENT, Body::fields(&malformed));
    assert_eq!(old.counter(EXECUTION, "dead_letters"), 1);
}

/// I-02: exactly one of the two paths; the other's services do not run.
#[test]
fn one_path_runs() {
    let names = |settings: &PipelineSettings| {
        let members = chain(settings, &[instrument()]).map_err(|problem| problem.to_string())?;
        Ok::<_, String>(members.into_iter().map(|member| member.name).collect::<Vec<_>>())
    };
    let bridge = names(&PipelineSettings::default()).expect("a chain");
    let other = names(&settings()).expect("a chain");
    for (name, by_bridge) in
        [("intent_bridge", true), ("intent_executor", true), (EXECUTION, false)]
    {
        assert_eq!(bridge.iter().any(|n| n == name), by_bridge, "{name}");
        assert_eq!(other.iter().any(|n| n == name), !by_bridge, "{name}");
    }
    let mut both = PipelineSettings::default();
    both.execution_service.enabled = true;
    let problem = names(&both).expect_err("refused");
    assert!(problem.contains("intent_bridge") && problem.contains(EXECUTION), "{problem}");

    let refused = |change: fn(&mut PipelineSettings)| {
        let mut settings = settings();
        change(&mut settings);
        names(&settings).expect_err("refused")
    };
    let windows = refused(|s| s.execution_service.inflight_ttl_s = 59);
    assert!(windows.contains("at least twice the window"), "{windows}");
    let shield = refused(|s| s.execution_service.tpsl_shield = true);
    assert!(shield.contains("market orders"), "{shield}");
}

/// MSE 1.3: as in the bridge.
#[test]
fn numbers_out_of_range_refuse_opens() {
    for (confidence, leverage, age_s, reason) in [
        ("37", "10", 0, "dropped_confidence_out_of_range"),
        ("0.7", "4000", 0, "dropped_leverage_out_of_range"),
        ("0.7", "10", -86_400, "dropped_from_the_future"),
    ] {
        let mut bench = bench();
        let mut time = String::new();
        IsoTime(bench.kernel.now() - Nanos::from_secs(age_s)).write_text(&mut time);
        let fields = [
            ("symbol", "BTCUSDT"),
            ("confidence", confidence),
            ("timestamp", time.as_str()),
            ("action", "BUY"),
            ("position_size_usd", "200"),
            ("entry_price", "100"),
            ("leverage", leverage),
        ];
        bench.publish(streams::TRADE_INTENT, Body::fields(&fields));
        bench.run_for_ms(10);
        assert!(sent(&bench).is_empty(), "{reason}");
        assert_eq!(bench.counter(EXECUTION, reason), 1);
        let broken = u64::from(age_s == 0);
        assert_eq!(bench.counter(EXECUTION, "intents_out_of_contract"), broken, "{reason}");
    }
}
