//! Position monitor: MSE 14.1, 14.6. Signed quantity, average entry, one `trade.closed` a round trip; which
//! symbols are trusted, and how many positions are open.

use engine::{Body, Envelope, EpochSeconds, Ttl};
use pipeline::records::{
    Decision, ExecutionResult, OrderSide, PlanAction, PositionSide, ReconcileEvent,
    ReconcileEventKind, ReduceOnly, TradeClosed,
};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited, instrument};
use crate::plans::{self, decimal};

const BUY: OrderSide = OrderSide::Buy;
const SELL: OrderSide = OrderSide::Sell;

fn bench() -> Bench {
    let mut bench = Bench::new(&["position_monitor"], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn fill(bench: &mut Bench, side: OrderSide, qty: &str, price: &str, closes: bool) {
    let fill = ExecutionResult {
        avg_price: decimal(price),
        commission: Some(decimal("0.1")),
        reduce_only: ReduceOnly(closes),
        ..plans::fill(bench, side, qty)
    };
    // What comes again is not booked again.
    plans::tell(bench, &fill);
    plans::tell(bench, &fill);
}

fn closed(bench: &mut Bench) -> Vec<TradeClosed> {
    bench.records(streams::TRADE_CLOSED)
}

#[test]
fn a_round_trip_is_closed_once_whatever_comes_again() {
    let mut bench = bench();
    fill(&mut bench, BUY, "1", "100", false);
    fill(&mut bench, BUY, "3", "104", false);
    fill(&mut bench, SELL, "1", "105", true);
    assert!(closed(&mut bench).is_empty());
    // The book lies on the bus.
    bench.crash("position_monitor", 10);
    bench.run_for_ms(20);
    fill(&mut bench, SELL, "3", "101", true);
    let closed = closed(&mut bench);
    assert_eq!(closed.len(), 1);
    let trade = &closed[0];
    assert_eq!(trade.side, PositionSide::Long);
    assert_eq!(trade.entry_price, decimal("103"));
    assert_eq!(trade.exit_price, decimal("102"));
    assert_eq!(trade.quantity, decimal("4"));
    assert_eq!(trade.pnl_usd, decimal("-4"));
    assert_eq!(trade.fees, decimal("0.4"));
    assert_eq!(bench.counter("position_monitor", "fills_already_taken"), 4);
}

#[test]
fn a_fill_beyond_zero_closes_one_position_and_opens_the_other() {
    let mut bench = bench();
    fill(&mut bench, SELL, "2", "100", false);
    fill(&mut bench, BUY, "3", "90", false);
    let closed = closed(&mut bench);
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].side, closed[0].pnl_usd), (PositionSide::Short, decimal("20")));
    let book = bench.hash(&keys::POSITION_BOOK.of(instrument().symbol));
    assert_eq!((book["amount"].as_str(), book["avg_entry"].as_str()), ("1000", "90"));
}

/// Who dies after the entry went out and before the book was written tells the round trip once.
#[test]
fn a_round_trip_that_a_former_life_told_is_not_told_again() {
    let mut bench = bench();
    fill(&mut bench, BUY, "1", "100", false);
    let book = bench.hash(&keys::POSITION_BOOK.of(instrument().symbol));
    let close = ExecutionResult {
        avg_price: decimal("105"),
        reduce_only: ReduceOnly(true),
        ..plans::fill(&bench, SELL, "1")
    };
    plans::tell(&mut bench, &close);
    assert_eq!(closed(&mut bench).len(), 1);
    // As if the last life had died in between: the book of before, no mark, and the entry comes again.
    let fields: Vec<(&str, &str)> = book.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    bench.hset(&keys::POSITION_BOOK.of(instrument().symbol), &fields);
    bench.forget("quantum:fill:seen:*");
    let again = Body::message(Envelope::Flat, close);
    bench.die_over("position_monitor", streams::EXECUTION_RESULT, again);
    assert_eq!(closed(&mut bench).len(), 1);
    assert_eq!(bench.counter("position_monitor", "trades_told_before"), 1);
}

#[test]
fn what_only_reduces_opens_no_book() {
    let mut bench = bench();
    fill(&mut bench, SELL, "1", "100", true);
    assert!(bench.hash(&keys::POSITION_BOOK.of(instrument().symbol))["amount"] == "0");
    fill(&mut bench, BUY, "1", "100", false);
    let excess = ExecutionResult {
        plan_id: "reconclose:BTCUSDT:0123456789ab:1770000000000".into(),
        reduce_only: ReduceOnly(true),
        ..plans::fill(&bench, SELL, "1")
    };
    plans::tell(&mut bench, &excess);
    assert!(closed(&mut bench).is_empty(), "the book never held what P3.4 closes");
    assert_eq!(bench.counter("position_monitor", "reconcile_closing_fills"), 1);
}

fn event(bench: &mut Bench, event: ReconcileEventKind, exchange: &str) {
    let event = ReconcileEvent {
        event,
        symbol: instrument().symbol,
        exchange_amt: Some(decimal(exchange)),
        ledger_amt: None,
        plan_id: String::new(),
        details: None,
        ts: EpochSeconds(bench.kernel.now()),
    };
    bench.publish(streams::RECONCILE_EVENTS, Body::message(Envelope::Flat, event));
}

#[test]
fn a_symbol_is_untrusted_until_its_event_and_not_opened() {
    use ReconcileEventKind::{HoldCleared, HoldSet, LedgerMismatch};
    let names = ["position_monitor", "position_state_brain"];
    let mut bench = Bench::new(&names, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    let key = keys::POSITION_UNTRUSTED.of(instrument().symbol);
    let permit = |bench: &mut Bench, id: &str| {
        let mut plan = plans::plan(bench, PlanAction::Buy, BUY);
        plan.plan_id = id.to_owned();
        assert_eq!(plan.decision, Decision::Execute);
        plans::send(bench, &plan);
        bench.get(&keys::PERMIT_P33.of(id)).expect("a permit")
    };
    for (place, told) in [HoldSet, LedgerMismatch].into_iter().enumerate() {
        event(&mut bench, told, "0");
        assert_eq!(bench.get(&key).as_deref(), Some(told.as_str()));
        assert!(permit(&mut bench, &format!("denied{place}")).contains("symbol_untrusted"));
        // It lies on the bus.
        bench.crash("position_monitor", 10);
        bench.run_for_ms(20);
        assert_eq!(bench.ttl(&key), Ttl::Persistent);
        event(&mut bench, HoldCleared, "0");
        assert_eq!(bench.get(&key), None);
        assert!(permit(&mut bench, &format!("granted{place}")).contains("\"allow\":true"));
    }
}

#[test]
fn the_capacity_is_what_is_open_and_dies_where_nobody_sees_it() {
    let names = ["position_monitor", "position_state_brain"];
    let mut bench = Bench::new(&names, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(10_100);
    assert_eq!(bench.get(keys::OPEN_ORDERS.name).as_deref(), Some("0"));
    // A fill counts before the exchange is seen again.
    fill(&mut bench, BUY, "1", "100", false);
    assert_eq!(bench.get(keys::OPEN_ORDERS.name).as_deref(), Some("1"));
    fill(&mut bench, SELL, "1", "100", true);
    assert_eq!(bench.get(keys::OPEN_ORDERS.name).as_deref(), Some("0"));
    // A position that no fill told of.
    bench.kernel.exchange_mut().held[0] = 7;
    bench.run_to_ms(20_100);
    assert_eq!(bench.get(keys::OPEN_ORDERS.name).as_deref(), Some("1"));
    let snapshot = keys::POSITION_SNAPSHOT.of(instrument().symbol);
    bench.crash("position_state_brain", 600_000);
    bench.forget(&snapshot);
    bench.run_to_ms(60_100);
    assert_eq!(bench.ttl(keys::OPEN_ORDERS.name), Ttl::Absent);
    assert_eq!(bench.counter("position_monitor", "capacity_unknown"), 4);
}

#[test]
fn a_position_that_was_there_before_enters_an_empty_book() {
    let names = ["position_monitor", "position_state_brain", "reconcile_engine"];
    let mut bench = Bench::new(&names, &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().held[0] = -2_000;
    bench.run_to_ms(1_500);
    let book = bench.hash(&keys::POSITION_BOOK.of(instrument().symbol));
    assert_eq!(book["amount"], "-2000");
    let close = ExecutionResult {
        reduce_only: ReduceOnly(true),
        realized_pnl: Some(decimal("3")),
        ..plans::fill(&bench, BUY, "2")
    };
    plans::tell(&mut bench, &close);
    let closed = closed(&mut bench);
    assert_eq!((closed.len(), closed[0].pnl_usd), (1, decimal("3")));
}

/// Somebody closed half of it, then all of it, at the venue itself; P3.4 made the ledger anew both times.
#[test]
fn what_ended_without_a_fill_ends_in_the_book_too() {
    use ReconcileEventKind::{AutoRepair, LedgerInit};
    let names = ["position_monitor", "position_state_brain"];
    let mut bench = Bench::new(&names, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    fill(&mut bench, BUY, "2", "90", false);
    event(&mut bench, AutoRepair, "2");
    assert_eq!(bench.counter("position_monitor", "positions_adopted"), 0, "it knew");
    event(&mut bench, AutoRepair, "1");
    assert!(closed(&mut bench).is_empty());
    event(&mut bench, LedgerInit, "0");
    let closed = closed(&mut bench);
    assert_eq!((closed.len(), closed[0].pnl_usd), (1, decimal("20")), "at the mark price, 100");
    assert_eq!(closed[0].reason, "reconciled");
    assert_eq!(bench.hash(&keys::POSITION_BOOK.of(instrument().symbol))["amount"], "0");
}

/// I-07b: it saw no fill at all.
#[test]
fn a_blind_monitor_books_nothing() {
    let mut bench =
        Bench::new(&["position_monitor"], &audited(&["position_monitor_blind"]), Vec::new());
    bench.run_to_ms(1);
    fill(&mut bench, BUY, "1", "100", false);
    fill(&mut bench, SELL, "1", "105", true);
    assert!(closed(&mut bench).is_empty());
    assert!(bench.hash(&keys::POSITION_BOOK.of(instrument().symbol)).is_empty());
    assert_eq!(bench.counter("position_monitor", "fills_without_data"), 4);
}
