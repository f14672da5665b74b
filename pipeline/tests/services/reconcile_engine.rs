//! Reconcile engine: EHR 3.21, MSE 14.6, as settled.

use engine::{Body, Envelope, EpochSeconds, Ttl};
use pipeline::records::{OrderSide, ReconcileClose, ReconcileEvent, ReconcileEventKind};
use pipeline::{PipelineSettings, Secret, chain, keys, streams};
use strategies::reconcile::{self as p34, CloseSecret, ReconcileContext, failed_guardrails};

use crate::bench::{Bench, audited, instrument};
use crate::plans::{self, decimal};

const ENGINE: &str = "reconcile_engine";
const BRAIN: &str = "position_state_brain";
const SECRET: &str = "example-shared-key";

/// The exchange holds so much, and the ledger says that, changed a minute ago.
fn bench(held: i64, ledger: Option<&str>, secret: Option<&str>) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.reconcile_engine.close_secret = secret.map(Secret::from);
    bench_of(&settings, held, ledger)
}

fn bench_of(settings: &PipelineSettings, held: i64, ledger: Option<&str>) -> Bench {
    let mut bench = Bench::new(&[BRAIN, ENGINE], settings, Vec::new());
    bench.kernel.exchange_mut().held[0] = held;
    if let Some(amount) = ledger {
        set_ledger(&mut bench, amount, -60);
    }
    bench
}

fn key(key: keys::Key) -> String {
    key.of(instrument().symbol)
}

fn set_ledger(bench: &mut Bench, amount: &str, changed_s: i64) {
    let changed = (bench.kernel.now().secs() + changed_s).to_string();
    let side = match amount.parse::<f64>().expect("a number") {
        a if a > 0.0 => "LONG",
        a if a < 0.0 => "SHORT",
        _ => "NONE",
    };
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", amount),
        ("last_known_amt", amount),
        ("side", side),
        ("avg_entry_price", "100"),
        ("version", "4"),
        ("source", "intent_executor"),
        ("updated_at", &changed),
    ];
    bench.hset(&key(keys::POSITION_LEDGER), &fields);
}

fn events(bench: &mut Bench) -> Vec<String> {
    let all = bench.records::<ReconcileEvent>(streams::RECONCILE_EVENTS);
    let text = |event: &ReconcileEvent| {
        format!("{} {}", event.event, event.details.as_deref().unwrap_or_default())
    };
    all.iter().map(text).collect()
}

fn closes(bench: &mut Bench) -> Vec<ReconcileClose> {
    bench.records(streams::RECONCILE_CLOSE)
}

fn executed(bench: &mut Bench, qty: &str) {
    let result = plans::executed(bench, 1, OrderSide::Buy, qty, "100", false);
    plans::tell_result(bench, &result);
}

#[test]
fn a_ledger_is_made_from_the_exchange_where_there_is_none() {
    let mut bench = bench(-1_500, None, None);
    bench.run_to_ms(1_100);
    let ledger = bench.hash(&key(keys::POSITION_LEDGER));
    assert_eq!((ledger["position_amt"].as_str(), ledger["side"].as_str()), ("-1.500", "SHORT"));
    assert_eq!((ledger["source"].as_str(), ledger["version"].as_str()), ("p34_init", "1"));
    assert_eq!(events(&mut bench), ["LEDGER_INIT p34_init"]);
    let state = bench.hash(&key(keys::RECONCILE_STATE));
    assert_eq!((state["status"].as_str(), state["reason"].as_str()), ("OK", "agree"));
    bench.run_to_ms(60_000);
    assert_eq!(events(&mut bench).len(), 1);
}

#[test]
fn an_execution_that_explains_the_difference_repairs_the_ledger() {
    let mut bench = bench(1_500, Some("1.4"), Some(SECRET));
    bench.run_to_ms(500);
    executed(&mut bench, "0.1");
    bench.run_to_ms(1_100);
    assert_eq!(events(&mut bench), ["HOLD_SET qty_mismatch_no_evidence"], "one snapshot");
    assert_eq!(bench.get(&key(keys::RECONCILE_HOLD)).as_deref(), Some("1"));
    bench.run_to_ms(6_100);
    let ledger = bench.hash(&key(keys::POSITION_LEDGER));
    assert_eq!((ledger["position_amt"].as_str(), ledger["version"].as_str()), ("1.500", "5"));
    assert_eq!(ledger["source"], "p34_auto");
    assert_eq!(events(&mut bench)[1..], ["AUTO_REPAIR p34_auto", "HOLD_CLEARED repaired"]);
    assert_eq!(bench.ttl(&key(keys::RECONCILE_HOLD)), Ttl::Absent);
    assert_eq!(bench.hash(&key(keys::RECONCILE_STATE))["status"], "REPAIRED");
    assert_eq!(bench.counter(ENGINE, "p34_reconcile_auto_repair_total"), 1);
    bench.run_to_ms(12_100);
    assert_eq!(bench.hash(&key(keys::RECONCILE_STATE))["status"], "OK");
    assert!(closes(&mut bench).is_empty());
}

/// There is no default secret: without one nothing is closed, and an operator is told, once.
#[test]
fn without_a_secret_the_symbol_is_held_and_an_operator_told() {
    let mut bench = bench(62, Some("0.002"), None);
    bench.run_to_ms(60_000);
    let expected = ["HOLD_SET qty_mismatch_no_evidence", "MANUAL_REQUIRED no_close_secret"];
    assert_eq!(events(&mut bench), expected);
    assert!(closes(&mut bench).is_empty());
    let state = bench.hash(&key(keys::RECONCILE_STATE));
    assert_eq!((state["status"].as_str(), state["diff_amt"].as_str()), ("HOLD", "0.060"));
    // The hold lives for as long as the drift does, and no longer.
    bench.run_to_ms(400_000);
    let reason = bench.get(&key(keys::RECONCILE_HOLD_REASON));
    assert_eq!(reason.as_deref(), Some("qty_mismatch_no_evidence"));
    set_ledger(&mut bench, "0.062", -60);
    bench.run_for_ms(1_100);
    assert_eq!(events(&mut bench)[2..], ["HOLD_CLEARED agree"]);
    assert_eq!(bench.ttl(&key(keys::RECONCILE_HOLD)), Ttl::Absent);
    assert_eq!(bench.ttl(&key(keys::RECONCILE_HOLD_REASON)), Ttl::Absent);
}

#[test]
fn a_close_is_sealed_and_the_apply_layers_guardrails_take_it() {
    let mut bench = bench(62, Some("0.002"), Some(SECRET));
    bench.run_to_ms(6_100);
    let closes = closes(&mut bench);
    assert_eq!(closes.len(), 1);
    let close = &closes[0];
    assert_eq!((close.qty.as_str(), close.side), ("0.06", OrderSide::Sell));
    assert_eq!(close.signature, "1ed31dce0b66", "worked example 55");
    let read = p34::ReconcileClose {
        plan_id: &close.plan_id,
        symbol: close.symbol.as_str(),
        decision: &close.decision,
        source: &close.source,
        order_type: &close.order_type,
        reduce_only: &close.reduce_only,
        qty: &close.qty,
        reason: &close.reason,
        signature: &close.signature,
        hmac: &close.hmac,
        ts: &close.ts,
    };
    let secret = CloseSecret::new(SECRET).expect("a secret");
    let hold_active = bench.get(&key(keys::RECONCILE_HOLD)).as_deref() == Some("1");
    let context =
        ReconcileContext { secret: &secret, hold_active, exchange_amt: close.exchange_amt };
    assert_eq!(failed_guardrails(&read, &context), Vec::<&str>::new());
    let signature = bench.get(&key(keys::RECONCILE_HOLD_SIG));
    assert_eq!(signature.as_deref(), Some("1ed31dce0b66"));
    assert!(!events(&mut bench).iter().any(|event| event.starts_with("MANUAL")));
}

/// Every look wrote the hold with 300 s and cut the lease of the close that was out.
#[test]
fn a_hold_is_never_shortened_and_a_case_is_closed_once_in_two_minutes() {
    let mut bench = bench(62, Some("0.002"), Some(SECRET));
    bench.run_to_ms(6_100);
    let left = |bench: &mut Bench| match bench.ttl(&key(keys::RECONCILE_HOLD)) {
        Ttl::Left(left) => left.millis(),
        other => panic!("{other:?}"),
    };
    let first = left(&mut bench);
    assert!(first > 899_000, "{first}");
    bench.run_to_ms(26_100);
    assert_eq!(left(&mut bench), first - 20_000);
    assert_eq!(closes(&mut bench).len(), 1);
    bench.run_to_ms(599_000);
    // Nobody executes them: each is out for its 120 s.
    assert_eq!(closes(&mut bench).len(), 5);
    assert_eq!(bench.counter(ENGINE, "p34_reconcile_close_published_total"), 5);
}

/// The Apply Layer was down for six minutes, and found three closes of one drift.
#[test]
fn no_close_leaves_while_one_is_out() {
    let published = |mut bench: Bench, ended: bool| {
        bench.run_to_ms(6_100);
        let mut result = plans::executed(&bench, 1, OrderSide::Sell, "0.06", "100", true);
        result.plan_id = closes(&mut bench)[0].plan_id.clone();
        result.executed = false;
        if ended {
            plans::tell_result(&mut bench, &result);
        }
        // A bucket of 120 s begins, and the first close is not yet as old as that.
        bench.run_to_ms(124_000);
        closes(&mut bench).len()
    };
    assert_eq!(published(bench(62, Some("0.002"), Some(SECRET)), false), 1);
    assert_eq!(published(bench(62, Some("0.002"), Some(SECRET)), true), 2, "it was refused");
    let piled = audited_bench("reconcile_closes_pile_up", 62, "0.002");
    assert_eq!(published(piled, false), 2);
}

/// A second after its own close the engine saw a snapshot from before it, and the ledger learned of what was just closed.
#[test]
fn an_own_close_is_no_evidence() {
    let closed = |mut bench: Bench| {
        bench.run_to_ms(6_100);
        let mut result = plans::executed(&bench, 1, OrderSide::Sell, "0.06", "100", true);
        result.plan_id = closes(&mut bench)[0].plan_id.clone();
        bench.kernel.exchange_mut().held[0] = 2;
        let traded = bench.kernel.now().millis().to_string();
        bench.set(&key(keys::COOLDOWN_LAST_EXEC), &traded);
        plans::tell_result(&mut bench, &result);
        bench.run_to_ms(9_000);
        let ledger = bench.hash(&key(keys::POSITION_LEDGER))["position_amt"].clone();
        bench.run_to_ms(30_000);
        (ledger, events(&mut bench))
    };
    let (ledger, told) = closed(bench(62, Some("0.002"), Some(SECRET)));
    assert_eq!(ledger, "0.002");
    assert_eq!(told, ["HOLD_SET qty_mismatch_no_evidence", "HOLD_CLEARED agree"]);
    let (ledger, told) = closed(audited_bench("own_close_is_evidence", 62, "0.002"));
    assert_eq!(ledger, "0.062");
    assert_eq!(told[1], "AUTO_REPAIR p34_auto");
}

/// What was executed after a snapshot is not in it, and explains nothing of what it shows.
#[test]
fn evidence_is_older_than_the_snapshot() {
    let mut bench = bench(1_500, Some("1.4"), None);
    bench.run_to_ms(5_500);
    executed(&mut bench, "0.1");
    bench.run_to_ms(9_900);
    assert_eq!(bench.counter(ENGINE, "p34_reconcile_auto_repair_total"), 0);
    bench.run_to_ms(11_100);
    assert_eq!(bench.counter(ENGINE, "p34_reconcile_auto_repair_total"), 1);
}

/// After a reset of the testnet the exchange held nothing, the ledger did, and the hold never ended.
#[test]
fn a_ledger_is_emptied_when_the_exchange_has_long_held_nothing() {
    for ledger in ["1", "-1"] {
        let mut bench = bench(0, Some(ledger), Some(SECRET));
        bench.run_to_ms(30_500);
        assert_eq!(events(&mut bench), ["HOLD_SET side_mismatch"]);
        bench.run_to_ms(40_000);
        let book = bench.hash(&key(keys::POSITION_LEDGER));
        assert_eq!((decimal(&book["position_amt"]), book["side"].as_str()), (decimal("0"), "NONE"));
        assert_eq!((book["source"].as_str(), book["version"].as_str()), ("p34_flat", "5"));
        assert_eq!(events(&mut bench)[1..], ["AUTO_REPAIR p34_flat", "HOLD_CLEARED repaired"]);
        assert_eq!(bench.ttl(&key(keys::RECONCILE_HOLD)), Ttl::Absent);
        assert_eq!(bench.hash(&key(keys::RECONCILE_STATE))["status"], "OK");
        assert!(closes(&mut bench).is_empty());
    }
    // The word of a moment: it is there again.
    let mut back = bench(0, Some("1"), Some(SECRET));
    back.run_to_ms(24_000);
    back.kernel.exchange_mut().held[0] = 1_000;
    back.run_to_ms(60_000);
    assert_eq!(events(&mut back), ["HOLD_SET side_mismatch", "HOLD_CLEARED agree"]);
    assert_eq!(back.hash(&key(keys::POSITION_LEDGER))["version"], "4");
}

#[test]
fn a_ledger_outlived_its_position() {
    let mut bench = audited_bench("records_outlive_positions", 0, "1");
    bench.run_to_ms(600_000);
    assert_eq!(events(&mut bench)[1..], ["MANUAL_REQUIRED nothing_to_close"]);
    assert_eq!(bench.get(&key(keys::RECONCILE_HOLD)).as_deref(), Some("1"));
    assert_eq!(bench.hash(&key(keys::POSITION_LEDGER))["position_amt"], "1");
}

/// A close takes from the exchange only: where the ledger holds more, it would make the difference larger.
#[test]
fn what_the_ledger_holds_beyond_the_exchange_is_an_operators() {
    for (held, ledger) in [(500, "1"), (-500, "-1")] {
        let mut bench = bench(held, Some(ledger), Some(SECRET));
        bench.run_to_ms(60_000);
        assert!(closes(&mut bench).is_empty(), "{held}");
        let told = events(&mut bench);
        assert_eq!(told[1..], ["MANUAL_REQUIRED nothing_to_close"], "{held}");
    }
}

#[test]
fn sides_that_differ_hold_whatever_was_executed() {
    let mut bench = bench(-500, Some("0.25"), Some(SECRET));
    executed(&mut bench, "0.75");
    bench.run_to_ms(6_100);
    assert_eq!(events(&mut bench), ["HOLD_SET side_mismatch"]);
    let closes = closes(&mut bench);
    assert_eq!((closes[0].qty.as_str(), closes[0].side), ("0.5", OrderSide::Buy));
    assert_eq!(closes[0].signature, "13860f9ede9c", "worked example 57");
    assert_eq!(bench.hash(&key(keys::POSITION_LEDGER))["source"], "intent_executor");
}

#[test]
fn a_look_that_is_missing_or_old_holds_until_there_is_one() {
    let mut alone = Bench::new(&[ENGINE], &PipelineSettings::default(), Vec::new());
    alone.run_to_ms(3_100);
    assert_eq!(events(&mut alone), ["HOLD_SET missing_exchange"]);
    alone.set(&key(keys::POSITION_SNAPSHOT), "what is this");
    alone.run_to_ms(4_100);
    assert_eq!(alone.counter(ENGINE, "snapshot_unreadable"), 1);
    assert_eq!(events(&mut alone).len(), 1);

    let mut bench = bench(1_000, Some("1"), None);
    bench.run_to_ms(6_100);
    bench.crash(BRAIN, 20_000);
    bench.run_to_ms(25_000);
    assert_eq!(events(&mut bench), ["HOLD_SET stale_exchange"]);
    bench.run_to_ms(28_000);
    assert_eq!(events(&mut bench)[1..], ["HOLD_CLEARED agree"]);
}

/// A fill is in the ledger before the next snapshot shows it: comparing the two would close what was just
/// opened.
#[test]
fn a_snapshot_that_may_be_older_than_the_ledger_is_compared_with_nothing() {
    let mut young = bench(1_000, Some("1"), Some(SECRET));
    young.run_to_ms(5_500);
    young.kernel.exchange_mut().held[0] = 500;
    set_ledger(&mut young, "0.5", 0);
    young.run_to_ms(60_000);
    assert!(events(&mut young).is_empty());

    let mut flying = bench(1_000, Some("0"), Some(SECRET));
    flying.set(&key(keys::INFLIGHT), "1");
    flying.run_to_ms(60_000);
    assert!(events(&mut flying).is_empty() && closes(&mut flying).is_empty());
}

#[test]
fn a_hold_that_goes_on_over_a_restart_is_not_told_again() {
    let mut bench = bench(62, Some("0.002"), Some(SECRET));
    bench.run_to_ms(6_500);
    bench.crash(ENGINE, 5_000);
    bench.run_to_ms(60_000);
    assert_eq!(events(&mut bench), ["HOLD_SET qty_mismatch_no_evidence"]);
    assert_eq!(closes(&mut bench).len(), 1, "the cooldown lies on the bus");
}

#[test]
fn a_ledger_that_cannot_be_read_is_kept_and_holds() {
    let mut bench = bench(62, None, Some(SECRET));
    bench.set(&key(keys::POSITION_LEDGER), "what is this");
    bench.run_to_ms(30_000);
    let expected = ["HOLD_SET ledger_unreadable", "MANUAL_REQUIRED ledger_unreadable"];
    assert_eq!(events(&mut bench), expected);
    assert_eq!(bench.get(&key(keys::POSITION_LEDGER)).as_deref(), Some("what is this"));
}

#[test]
fn a_mismatch_that_another_service_met_holds_until_both_agree() {
    let mut bench = bench(1_000, Some("1"), None);
    bench.run_to_ms(6_500);
    let event = ReconcileEvent {
        event: ReconcileEventKind::LedgerMismatch,
        symbol: instrument().symbol,
        exchange_amt: Some(decimal("1")),
        ledger_amt: Some(decimal("0.5")),
        plan_id: plans::PLAN.into(),
        details: None,
        ts: EpochSeconds(bench.kernel.now()),
    };
    bench.publish(streams::RECONCILE_EVENTS, Body::message(Envelope::Flat, event));
    bench.run_for_ms(10);
    assert_eq!(bench.get(&key(keys::RECONCILE_HOLD)).as_deref(), Some("1"));
    bench.run_to_ms(8_000);
    let expected = ["LEDGER_MISMATCH ", "HOLD_SET ledger_mismatch", "HOLD_CLEARED agree"];
    assert_eq!(events(&mut bench), expected);
}

/// MSE 14.6: untrusted until a matching event. The engine sent it only with a hold to take away, and the hold's key may have
/// expired while it was down, or been deleted by hand: the symbol was barred for ever.
#[test]
fn a_symbol_is_trusted_again_whatever_became_of_the_hold() {
    let untrusted = key(keys::POSITION_UNTRUSTED);
    let services = [BRAIN, ENGINE, "position_monitor"];
    let mut bench = Bench::new(&services, &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().held[0] = 1_000;
    set_ledger(&mut bench, "0.9", -60);
    bench.run_to_ms(3_000);
    assert_eq!(bench.get(&untrusted).as_deref(), Some("HOLD_SET"));
    // By hand, and while the engine is down.
    bench.crash(ENGINE, 2_000);
    bench.forget(&key(keys::RECONCILE_HOLD));
    set_ledger(&mut bench, "1", -60);
    bench.run_to_ms(12_000);
    assert_eq!(bench.get(&untrusted), None);
    assert_eq!(events(&mut bench).last().map(String::as_str), Some("HOLD_CLEARED agree"));
    let told = events(&mut bench).len();
    bench.run_to_ms(90_000);
    assert_eq!(events(&mut bench).len(), told, "once");
    // Nobody listens: it is told again after a while, not with every snapshot.
    bench.crash("position_monitor", 1_000_000);
    bench.set(&untrusted, "HOLD_SET");
    bench.run_to_ms(150_000);
    assert_eq!(events(&mut bench).len() - told, 2);
}

#[test]
fn an_empty_secret_is_refused() {
    let mut settings = PipelineSettings::default();
    settings.reconcile_engine.close_secret = Some(Secret::from(" "));
    let problem = chain(&settings, &[instrument()]).expect_err("refused").to_string();
    assert!(problem.contains("[pipeline.reconcile_engine] close_secret is empty"), "{problem}");
    assert_eq!(format!("{:?}", settings.reconcile_engine.close_secret), "Some(Secret(..))");
}

fn audited_bench(name: &str, held: i64, ledger: &str) -> Bench {
    let mut settings = audited(&[name]);
    settings.reconcile_engine.close_secret = Some(Secret::from(SECRET));
    bench_of(&settings, held, Some(ledger))
}

/// The seal raised after cooldown and lease were set.
#[test]
fn a_hold_came_without_its_close() {
    let mut bench = audited_bench("hold_without_close", 62, "0.002");
    bench.run_to_ms(100_000);
    assert!(closes(&mut bench).is_empty());
    assert_eq!(bench.counter(ENGINE, "close_not_published"), 1, "the cooldown is set");
    assert!(matches!(bench.ttl(&key(keys::RECONCILE_HOLD)), Ttl::Left(left) if left.secs() > 790));
}

/// As the default keeps a lease in `a_hold_is_never_shortened_and_a_case_is_closed_once_in_two_minutes`.
#[test]
fn each_look_cut_the_lease() {
    let mut bench = audited_bench("hold_cut_each_look", 62, "0.002");
    bench.run_to_ms(26_100);
    assert_eq!(closes(&mut bench).len(), 1);
    assert!(matches!(bench.ttl(&key(keys::RECONCILE_HOLD)), Ttl::Left(left) if left.secs() <= 300));
}

/// The deadlock of the holds: an executor's ledger agrees with the exchange, and is read as zero.
#[test]
fn an_executors_ledger_read_as_zero_and_held_for_good() {
    let reason = |mut bench: Bench| {
        bench.run_to_ms(600_000);
        (bench.get(&key(keys::RECONCILE_HOLD_REASON)), events(&mut bench).len())
    };
    assert_eq!(reason(bench(1_000, Some("1"), None)), (None, 0));
    let (held, told) = reason(bench_of(&audited(&["ledger_by_other_names"]), 1_000, Some("1")));
    assert_eq!((held.as_deref(), told), (Some("side_mismatch"), 2), "held, and an operator told");
}

/// As `an_execution_that_explains_the_difference_repairs_the_ledger`, whose evidence it does not find.
#[test]
fn evidence_was_looked_for_by_other_names() {
    let mut bench = audited_bench("evidence_by_other_names", 1_500, "1.4");
    bench.run_to_ms(500);
    executed(&mut bench, "0.1");
    bench.run_to_ms(12_100);
    assert_eq!(events(&mut bench), ["HOLD_SET qty_mismatch_no_evidence"]);
    assert_eq!(bench.counter(ENGINE, "p34_reconcile_auto_repair_total"), 0);
}
