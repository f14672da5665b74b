//! P3.3: MSE 11, worked examples 63 to 66, EHR 3.20, worked examples 49 to 54, as settled: a close runs on what
//! the exchange holds, and a ledger that differs is a reconcile event. EHR 48 is audited behaviour.

mod audits;

use engine::{Nanos, Record, Ttl};
use pipeline::records::{
    ApplyPlan, Decision, OrderSide, PlanAction, PlanClass, ReconcileEvent, ReconcileEventKind,
    ReduceOnly,
};
use pipeline::{PipelineSettings, keys, streams};
use serde_json::{Value, json};

use crate::bench::{Bench, instrument};
use crate::plans::{self, PLAN, decimal};

const BRAIN: &str = "position_state_brain";

/// With this position (lots of 0.001) and this step on the exchange, just after the first poll.
fn bench(held: i64, step: i64) -> Bench {
    bench_with(held, step, &PipelineSettings::default())
}

fn bench_with(held: i64, step: i64, settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(&[BRAIN], settings, Vec::new());
    bench.kernel.exchange_mut().held[0] = held;
    bench.kernel.exchange_mut().step = step;
    bench.run_to_ms(100);
    bench
}

fn ledger(bench: &mut Bench, amount: &str) {
    let side = if amount.starts_with('-') { "SHORT" } else { "LONG" };
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", amount),
        ("last_known_amt", amount),
        ("side", side),
        ("avg_entry_price", "100"),
        ("version", "1"),
        ("source", "test"),
        ("updated_at", "1770000000"),
    ];
    bench.hset(&keys::POSITION_LEDGER.of(instrument().symbol), &fields);
}

fn plan(bench: &mut Bench, action: PlanAction, side: OrderSide) {
    let plan = plans::plan(bench, action, side);
    judged(bench, &plan);
}

fn judged(bench: &mut Bench, plan: &ApplyPlan) {
    plans::send(bench, plan);
    // An on-demand look takes the exchange a moment.
    bench.run_for_ms(3);
}

/// The permit as another service reads it: JSON text.
fn permit(bench: &mut Bench) -> Value {
    let text = bench.get(&keys::PERMIT_P33.of(PLAN)).expect("a permit");
    serde_json::from_str(&text).expect("JSON")
}

fn allowed(bench: &mut Bench, safe_qty: f64) {
    let permit = permit(bench);
    assert_eq!(permit["allow"], json!(true), "{permit}");
    assert_eq!(permit["reason"], json!("sanity_checks_passed"), "{permit}");
    assert_eq!(number(&permit["safe_qty"]).to_bits(), safe_qty.to_bits(), "{permit}");
}

fn denied(bench: &mut Bench, reason: &str) {
    let permit = permit(bench);
    assert_eq!(permit["allow"], json!(false), "{permit}");
    assert_eq!(permit["reason"], json!(reason), "{permit}");
    assert_eq!(number(&permit["safe_qty"]).to_bits(), 0.0f64.to_bits(), "{permit}");
    assert_eq!(bench.counter(BRAIN, reason), 1);
    assert_eq!(bench.counter(BRAIN, "p33_permit_deny_total"), 1);
}

fn number(value: &Value) -> f64 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().expect("a number")
}

fn mismatches(bench: &mut Bench) -> Vec<ReconcileEvent> {
    bench.records(streams::RECONCILE_EVENTS)
}

const BUY: OrderSide = OrderSide::Buy;
const SELL: OrderSide = OrderSide::Sell;

#[test]
fn example_63_three_quarters_of_a_short_within_the_tolerance() {
    let mut bench = bench(-2_500, 1);
    ledger(&mut bench, "-2.51");
    plan(&mut bench, PlanAction::Partial75, BUY);
    allowed(&mut bench, 1.875);
    let permit = permit(&mut bench);
    assert_eq!(permit["plan_id"], json!(PLAN));
    assert_eq!(permit["symbol"], json!("BTCUSDT"));
    assert_eq!(permit["action"], json!("PARTIAL_75"));
    assert_eq!(number(&permit["exchange_position_amt"]).to_bits(), (-2.5f64).to_bits());
    assert_eq!(number(&permit["ledger_amt"]).to_bits(), (-2.51f64).to_bits());
    assert!(mismatches(&mut bench).is_empty());
}

/// Which of the two is right decides what a close would close: neither runs, and P3.4 is told.
#[test]
fn example_64_a_ledger_of_the_other_side_stops_the_close() {
    let mut bench = bench(-2_500, 1);
    ledger(&mut bench, "2.5");
    plan(&mut bench, PlanAction::FullClose, BUY);
    denied(&mut bench, "reconcile_required_side_mismatch");
    let context = &permit(&mut bench)["context"];
    assert_eq!(*context, json!({ "exchange_side": "SHORT", "ledger_side": "LONG" }));
    let events = mismatches(&mut bench);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event, ReconcileEventKind::LedgerMismatch);
    assert_eq!(events[0].exchange_amt, Some(decimal("-2.500")));
    assert_eq!(events[0].ledger_amt, Some(decimal("2.5")));
    assert_eq!(events[0].plan_id, PLAN);
}

#[test]
fn example_65_an_open_of_a_flat_symbol_has_its_own_quantity() {
    let mut bench = bench(0, 1);
    plan(&mut bench, PlanAction::Buy, BUY);
    allowed(&mut bench, 0.0);
    assert_eq!(bench.counter(BRAIN, "p33_permit_allow_total"), 1);
}

/// Settled: as example 64.
#[test]
fn example_66_a_quantity_beyond_the_tolerance_is_told_and_half_is_closed() {
    let mut bench = bench(1_000, 1);
    ledger(&mut bench, "1.02");
    plan(&mut bench, PlanAction::Partial50, SELL);
    allowed(&mut bench, 0.5);
    assert_eq!(mismatches(&mut bench).len(), 1);
    assert_eq!(bench.counter(BRAIN, "ledger_mismatches"), 1);
}

/// Settled: the ledger of 49 and the hold of 54 stop no close; the ledger of 51 does. 53 is
/// `a_stale_snapshot_is_fetched_again_before_the_verdict`.
#[test]
fn exit_side_examples_49_to_54() {
    for (example, held, known, action, side, hold, safe, told) in [
        (49, -2_500, "-2.53", PlanAction::FullClose, BUY, false, 2.5, 1),
        (50, -2_500, "-2.52", PlanAction::Partial50, BUY, false, 1.25, 0),
        (52, 0, "", PlanAction::Buy, BUY, false, 0.0, 0),
        (54, 1_000, "1", PlanAction::Partial50, SELL, true, 0.5, 0),
    ] {
        let mut bench = bench(held, 1);
        if !known.is_empty() {
            ledger(&mut bench, known);
        }
        if hold {
            bench.set(&keys::RECONCILE_HOLD.of(instrument().symbol), "1");
        }
        plan(&mut bench, action, side);
        allowed(&mut bench, safe);
        assert_eq!(mismatches(&mut bench).len(), told, "example {example}");
    }
    let mut other_side = bench(1_000, 1);
    ledger(&mut other_side, "-1");
    plan(&mut other_side, PlanAction::Partial50, SELL);
    denied(&mut other_side, "reconcile_required_side_mismatch");
}

/// Settled: what closes is not refused for what the pipeline's own book looks like.
#[test]
fn a_ledger_that_cannot_be_read_stops_opens_and_no_closes() {
    let unreadable = |held| {
        let mut bench = bench(held, 1);
        bench.set(&keys::POSITION_LEDGER.of(instrument().symbol), "not a hash");
        bench
    };
    let mut close = unreadable(2_500);
    plan(&mut close, PlanAction::Partial50, SELL);
    allowed(&mut close, 1.25);
    assert_eq!(close.counter(BRAIN, "ledgers_unreadable"), 1);
    let mut open = unreadable(0);
    plan(&mut open, PlanAction::Buy, BUY);
    denied(&mut open, "ledger_unreadable");
}

#[test]
fn shares_are_rounded_down_to_the_exchanges_step() {
    for (held, step, action, side, safe) in [
        (-2_500, 100, PlanAction::Partial75, BUY, 1.8),
        (2_500, 1, PlanAction::Partial25, SELL, 0.625),
        (2_500, 10, PlanAction::Partial25, SELL, 0.62),
        (999, 1, PlanAction::Partial50, SELL, 0.499),
        (3_000, 1_000, PlanAction::Partial50, SELL, 1.0),
        // Less than one step would be left to close: all of it.
        (3_000, 1_000, PlanAction::Partial25, SELL, 3.0),
        (-1, 1, PlanAction::Partial75, BUY, 0.001),
        (2_345, 1, PlanAction::FullClose, SELL, 2.345),
    ] {
        let mut bench = bench(held, step);
        plan(&mut bench, action, side);
        allowed(&mut bench, safe);
    }
}

#[test]
fn denials() {
    let mut open = bench(1, 1);
    plan(&mut open, PlanAction::Buy, BUY);
    denied(&mut open, "position_exists");

    let mut flat = bench(0, 1);
    ledger(&mut flat, "0.5");
    plan(&mut flat, PlanAction::FullClose, SELL);
    denied(&mut flat, "no_position");
    assert_eq!(mismatches(&mut flat).len(), 1, "the ledger holds what the exchange does not");

    let mut wrong = bench(2_500, 1);
    plan(&mut wrong, PlanAction::FullClose, BUY);
    denied(&mut wrong, "wrong_side");

    let mut unknown = bench(2_500, 1);
    let odd = ApplyPlan {
        class: PlanClass::Close,
        reduce_only: ReduceOnly(true),
        ..plans::plan(&unknown, PlanAction::Sell, SELL)
    };
    judged(&mut unknown, &odd);
    denied(&mut unknown, "unknown_action");
}

/// UPDATE_SL is the stops key's business, and HOLD nobody's: denials of them were noise.
#[test]
fn what_moves_no_quantity_needs_no_permit() {
    let mut bench = bench(2_500, 1);
    let asked = bench.kernel.exchange().asked;
    for (id, action) in [("a", PlanAction::UpdateSl), ("b", PlanAction::Hold)] {
        let close = plans::plan(&bench, PlanAction::FullClose, SELL);
        let of = ApplyPlan { plan_id: id.into(), action, ..close };
        judged(&mut bench, &of);
        assert_eq!(bench.get(&keys::PERMIT_P33.of(id)), None, "{action}");
    }
    assert_eq!(bench.counter(BRAIN, "plans_without_quantity"), 2);
    assert_eq!(bench.counter(BRAIN, "p33_permit_deny_total"), 0);
    assert_eq!(bench.kernel.exchange().asked, asked, "nothing is looked up for them");
}

#[test]
fn cooldown_and_hold_stop_opens_only() {
    let last_exec = keys::COOLDOWN_LAST_EXEC.of(instrument().symbol);
    let hold = keys::RECONCILE_HOLD.of(instrument().symbol);
    for (age_ms, stops) in [(14_900, true), (15_100, false)] {
        let mut open = bench(0, 1);
        let at = open.kernel.now().millis() - age_ms;
        open.set(&last_exec, &at.to_string());
        plan(&mut open, PlanAction::Sell, SELL);
        match stops {
            true => denied(&mut open, "cooldown_in_flight"),
            false => allowed(&mut open, 0.0),
        }
    }
    let mut open = bench(0, 1);
    open.set(&hold, "1");
    plan(&mut open, PlanAction::Buy, BUY);
    denied(&mut open, "reconcile_hold_active");

    let mut close = bench(2_500, 1);
    let now = close.kernel.now().millis();
    close.set(&last_exec, &now.to_string());
    close.set(&hold, "1");
    plan(&mut close, PlanAction::FullClose, SELL);
    allowed(&mut close, 2.5);
}

#[test]
fn a_reconcile_close_is_granted_for_all_that_is_held() {
    let mut bench = bench(-2_500, 1);
    ledger(&mut bench, "1");
    let half = plans::plan(&bench, PlanAction::Partial50, BUY);
    judged(&mut bench, &ApplyPlan { class: PlanClass::ReconcileClose, ..half });
    let permit = permit(&mut bench);
    assert_eq!(
        (&permit["allow"], &permit["reason"]),
        (&json!(true), &json!("reconcile_close_bypass"))
    );
    assert_eq!(number(&permit["safe_qty"]).to_bits(), 2.5f64.to_bits());
}

#[test]
fn a_plan_that_is_not_to_run_has_no_permit() {
    let mut bench = bench(2_500, 1);
    let close = plans::plan(&bench, PlanAction::FullClose, SELL);
    judged(&mut bench, &ApplyPlan { decision: Decision::Skip, ..close });
    assert_eq!(bench.get(&keys::PERMIT_P33.of(PLAN)), None);
}

/// EHR 3.20: the universe in force, else the last good one, else the list of the settings; no list refuses a
/// close.
#[test]
fn an_open_has_to_stand_in_the_first_list_that_is_fresh() {
    let universe = |bench: &mut Bench, key: &str, age_s: i64, symbol: &str| {
        let asof = bench.kernel.now().secs() - age_s;
        let text =
            json!({ "asof_epoch": asof, "source": "test", "mode": "testnet", "symbols": [symbol] });
        bench.set(key, &text.to_string());
        asof.to_string()
    };
    let meta = |bench: &mut Bench, asof: &str, stale: &str| {
        let fields = [("asof_epoch", asof), ("count", "1"), ("stale", stale), ("error", "")];
        bench.hset(keys::UNIVERSE_META.name, &fields);
    };
    let (active, last_ok) = (keys::UNIVERSE_ACTIVE.name, keys::UNIVERSE_LAST_OK.name);
    // Age and staleness of the active universe and its symbol, the same of the last good one, the verdict.
    for (age_s, stale, named, last_age_s, last_named, allows) in [
        (10, "0", "BTCUSDT", 10, "ETHUSDT", true),
        (10, "0", "ETHUSDT", 10, "BTCUSDT", false),
        (10, "1", "ETHUSDT", 10, "BTCUSDT", true),
        (301, "0", "BTCUSDT", 10, "ETHUSDT", false),
        (301, "0", "ETHUSDT", 301, "ETHUSDT", true),
    ] {
        let mut bench = bench(0, 1);
        let asof = universe(&mut bench, active, age_s, named);
        meta(&mut bench, &asof, stale);
        universe(&mut bench, last_ok, last_age_s, last_named);
        plan(&mut bench, PlanAction::Buy, BUY);
        match allows {
            true => allowed(&mut bench, 0.0),
            false => denied(&mut bench, "not_in_allowlist"),
        }
    }
    let mut settings = PipelineSettings::default();
    settings.position_state_brain.allowlist = Some(Vec::new());
    let mut none = bench_with(0, 1, &settings);
    plan(&mut none, PlanAction::Buy, BUY);
    denied(&mut none, "not_in_allowlist");
    assert_eq!(none.counter(BRAIN, "allowlist_of_settings_used"), 1);
    let mut close = bench_with(2_500, 1, &settings);
    plan(&mut close, PlanAction::FullClose, SELL);
    allowed(&mut close, 2.5);
}

#[test]
fn a_permit_lives_sixty_seconds() {
    let mut bench = bench(0, 1);
    plan(&mut bench, PlanAction::Buy, BUY);
    let Ttl::Left(left) = bench.ttl(&keys::PERMIT_P33.of(PLAN)) else { panic!("no life") };
    assert!(left > Nanos::from_millis(59_900) && left <= Nanos::from_secs(60), "{left:?}");
    bench.run_for_ms(60_000);
    assert_eq!(bench.get(&keys::PERMIT_P33.of(PLAN)), None);
}

/// Polls are an hour apart: what the exchange held at the start says nothing 11 s later.
#[test]
fn a_stale_snapshot_is_fetched_again_before_the_verdict() {
    let mut settings = PipelineSettings::default();
    settings.position_state_brain.poll_ms = 3_600_000;
    let mut bench = bench_with(0, 1, &settings);
    assert_eq!(bench.kernel.exchange().asked, 1);
    bench.kernel.exchange_mut().held[0] = 2_500;
    // Within 10 s the old look holds.
    bench.run_to_ms(9_900);
    plan(&mut bench, PlanAction::Buy, BUY);
    allowed(&mut bench, 0.0);
    assert_eq!(bench.kernel.exchange().asked, 1);

    bench.run_to_ms(10_200);
    plan(&mut bench, PlanAction::FullClose, SELL);
    assert_eq!(bench.kernel.exchange().asked, 2);
    allowed(&mut bench, 2.5);
    let snapshot = bench.hash(&keys::POSITION_SNAPSHOT.of(instrument().symbol));
    assert_eq!(snapshot["source"], "p33_ondemand");
    assert_eq!(snapshot["position_amt"], "2.500");
}

/// A refused exchangeInfo at the start left the step at one unit of the grid for good, and denied the plans
/// that waited for a look at the positions.
/// Settled: min(asked, |exchange|), and P3.4 is told where more is asked for than there is.
#[test]
fn a_close_that_names_its_quantity_is_permitted_that_or_all_that_there_is() {
    for (asked, safe, told) in [("0.3", 0.3, 0), ("2.5", 2.5, 0), ("4", 2.5, 1)] {
        let mut bench = bench(2_500, 1);
        ledger(&mut bench, "2.5");
        let close = plans::plan(&bench, PlanAction::FullClose, SELL);
        let close = ApplyPlan { qty: Some(decimal(asked)), ..close };
        judged(&mut bench, &close);
        allowed(&mut bench, safe);
        assert_eq!(mismatches(&mut bench).len(), told, "{asked}");
    }
}

#[test]
fn a_refused_exchange_info_is_asked_for_again_and_denies_nothing() {
    let mut bench = Bench::new(&[BRAIN], &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().held[0] = 2_500;
    bench.kernel.exchange_mut().step = 100;
    bench.kernel.exchange_mut().refuse_info = 1;
    // Before the first answers are there.
    bench.run_to_ms(0);
    plan(&mut bench, PlanAction::FullClose, SELL);
    allowed(&mut bench, 2.5);
    assert_eq!(bench.counter(BRAIN, "exchange_info_not_fetched"), 1);

    bench.run_to_ms(5_100);
    plan(&mut bench, PlanAction::Partial75, SELL);
    allowed(&mut bench, 1.8);
}

/// The executor's mark of a plan that still waits for the order in flight.
fn waits(bench: &mut Bench, plan: &ApplyPlan) {
    bench.set(&keys::EXECUTOR_WAITING.of(PLAN), &plan.to_json().to_string());
}

#[test]
fn the_permit_of_a_close_that_waits_is_judged_anew_before_it_ends() {
    let mut bench = bench(2_500, 1);
    let close = plans::plan(&bench, PlanAction::FullClose, SELL);
    waits(&mut bench, &close);
    judged(&mut bench, &close);
    bench.kernel.exchange_mut().held[0] = 1_000;
    for _ in 0..30 {
        bench.run_for_ms(10_000);
        assert!(bench.get(&keys::PERMIT_P33.of(PLAN)).is_some());
    }
    allowed(&mut bench, 1.0);
    // The same of one that waits in the Apply Layer.
    let now = bench.kernel.now();
    assert!(bench.kernel.bus_mut().del(now, &keys::EXECUTOR_WAITING.of(PLAN)));
    bench.set(&keys::APPLY_WAITING.of(PLAN), &close.to_json().to_string());
    bench.run_for_ms(300_000);
    allowed(&mut bench, 1.0);
    let now = bench.kernel.now();
    assert!(bench.kernel.bus_mut().del(now, &keys::APPLY_WAITING.of(PLAN)));
    bench.run_for_ms(121_000);
    assert_eq!(bench.get(&keys::PERMIT_P33.of(PLAN)), None, "nobody waits for it");
}

#[test]
fn a_plan_that_waited_for_a_look_when_p33_crashed_is_judged_by_its_successor() {
    let mut settings = PipelineSettings::default();
    settings.position_state_brain.stale_ms = 0;
    for (action, side, held, safe) in
        [(PlanAction::FullClose, SELL, 2_500, 2.5), (PlanAction::Buy, BUY, 0, 0.0)]
    {
        let mut bench = bench_with(held, 1, &settings);
        let plan = plans::plan(&bench, action, side);
        waits(&mut bench, &plan);
        plans::send(&mut bench, &plan);
        assert_eq!(bench.get(&keys::PERMIT_P33.of(PLAN)), None, "the look takes a moment");
        bench.crash(BRAIN, 1_000);
        bench.run_for_ms(1_010);
        allowed(&mut bench, safe);
    }
}
