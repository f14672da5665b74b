//! Trade history logger and performance tracker: MSE 14.5, as settled.

use engine::Ttl;
use pipeline::{PipelineSettings, keys};

use crate::bench::{Bench, instrument};
use crate::plans::{round_trip, tell_trade};

const LOGGER: &str = "trade_logger";
/// Of the bench's start.
const TODAY: &str = "quantum:risk:daily_pnl:2026-02-02";
const LOSSES: &str = "quantum:risk:consecutive_losses";

fn bench() -> Bench {
    let mut bench = Bench::new(&[LOGGER], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn trade(bench: &mut Bench, order: u64, pnl: &str) {
    let trade = round_trip(bench, order, pnl, "0.5");
    // What comes again is not counted again.
    tell_trade(bench, &trade);
    tell_trade(bench, &trade);
}

#[test]
fn totals_history_and_record_of_a_symbol() {
    let mut bench = bench();
    trade(&mut bench, 1, "4");
    bench.crash(LOGGER, 10);
    bench.run_for_ms(20);
    trade(&mut bench, 2, "-2");
    let ledger = bench.hash(&keys::TRADE_LEDGER.of(instrument().symbol));
    let field = |name: &str| ledger[name].clone();
    assert_eq!(
        ["2", "1", "1"],
        [field("total_trades"), field("total_wins"), field("total_losses")]
    );
    assert_eq!((field("total_pnl_usd"), field("total_fees_usd")), ("2".into(), "1.0".into()));
    // 2 · (100 + 102) + 2 · (100 + 99).
    assert_eq!(field("total_volume_usd"), "802");
    assert!(field("trade_history").contains("STOP_LOSS"));
    let record = bench.hash(&keys::SYMBOL_PERFORMANCE.of(instrument().symbol));
    assert_eq!((record["win_rate"].as_str(), record["avg_pnl_pct"].as_str()), ("0.5", "0.5"));
    assert_eq!(record["total_trades"], "2");
    assert_eq!(bench.counter(LOGGER, "trades_already_logged"), 2);
}

#[test]
fn the_days_profit_is_after_fees_and_dies_after_two_days() {
    let mut bench = bench();
    trade(&mut bench, 1, "4");
    trade(&mut bench, 2, "-7");
    assert_eq!(bench.get(TODAY).as_deref(), Some("-4.0"));
    assert!(matches!(bench.ttl(TODAY), Ttl::Left(left) if left.secs() == 172_799));
    bench.run_for_ms(86_400_000);
    trade(&mut bench, 3, "1");
    assert_eq!(bench.get("quantum:risk:daily_pnl:2026-02-03").as_deref(), Some("0.5"));
    bench.run_for_ms(86_400_000);
    assert_eq!(bench.get(TODAY), None);
}

#[test]
fn losses_in_a_row_end_with_a_gain() {
    let mut bench = bench();
    for (order, (pnl, expected)) in
        [("-1", "1"), ("0.4", "2"), ("0.5", "2"), ("-3", "3"), ("9", "0"), ("-1", "1")]
            .into_iter()
            .enumerate()
    {
        trade(&mut bench, order as u64, pnl);
        assert_eq!(bench.get(LOSSES).as_deref(), Some(expected), "{order}: {pnl} less 0.5 of fees");
    }
}

/// A guard that pauses opens after three losses would never let anybody win again, if the streak did not end.
#[test]
fn a_streak_of_losses_ends_an_hour_after_the_last() {
    let mut bench = bench();
    trade(&mut bench, 1, "-1");
    trade(&mut bench, 2, "-1");
    assert_eq!(bench.get(LOSSES).as_deref(), Some("2"));
    bench.run_for_ms(3_600_000);
    assert_eq!(bench.get(LOSSES), None);
    trade(&mut bench, 3, "-1");
    assert_eq!(bench.get(LOSSES).as_deref(), Some("1"));
}

#[test]
fn what_cannot_be_read_is_counted_and_not_written_over() {
    let mut bench = bench();
    bench.set(LOSSES, "many");
    bench.hset(TODAY, &[("what", "is this")]);
    bench.set(&keys::TRADE_LEDGER.of(instrument().symbol), "{}");
    trade(&mut bench, 1, "-1");
    assert_eq!(bench.get(LOSSES).as_deref(), Some("many"));
    assert_eq!(bench.hash(TODAY)["what"], "is this");
    assert_eq!(bench.counter(LOGGER, "risk_unreadable"), 4);
    assert_eq!(bench.counter(LOGGER, "ledger_unreadable"), 2);
    let mut other = round_trip(&bench, 2, "1", "0");
    other.symbol = engine::Symbol::new("XYZUSDT").expect("a symbol");
    tell_trade(&mut bench, &other);
    assert_eq!(bench.counter(LOGGER, "trades_of_unknown_symbols"), 1);
}
