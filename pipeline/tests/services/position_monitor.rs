//! Position monitor: MSE 14.1. Signed quantity, average entry, one `trade.closed` a round trip.

use pipeline::records::{ExecutionResult, OrderSide, PositionSide, ReduceOnly, TradeClosed};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, instrument};
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
