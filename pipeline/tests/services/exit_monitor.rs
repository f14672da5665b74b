//! Exit monitor: EHR 3.25, worked examples 67 to 69, and settled. One close for each level and side, again after a
//! while, over when filled.

use engine::{CorrelationId, GaugeOf, Nanos};
use pipeline::records::{
    ExecutionResult, IntentAction, OrderSide, ReduceOnly, TradeIntent, contract_violations,
};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited, instrument};
use crate::plans::{self, decimal};

const LONG: OrderSide = OrderSide::Buy;
const SHORT: OrderSide = OrderSide::Sell;

fn stops_key() -> String {
    keys::STATE_STOPS.of(instrument().symbol)
}

fn bench() -> Bench {
    let mut bench = Bench::new(&["exit_monitor"], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn fill(bench: &mut Bench, side: OrderSide, qty: &str, reduce_only: bool, levels: [&str; 2]) {
    let level = |text: &str| (!text.is_empty()).then(|| decimal(text));
    let result = ExecutionResult {
        reduce_only: ReduceOnly(reduce_only),
        leverage: Some(10),
        confidence: Some(0.7),
        stop_loss: level(levels[0]),
        take_profit: level(levels[1]),
        ..plans::fill(bench, side, qty)
    };
    plans::tell(bench, &result);
}

/// The exchange's mark price, as P3.3 shows it; then one look of the monitor.
fn mark(bench: &mut Bench, price: &str) {
    let now = bench.kernel.now().secs().to_string();
    let key = keys::POSITION_SNAPSHOT.of(instrument().symbol);
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", "0.25"),
        ("side", "LONG"),
        ("entry_price", "100"),
        ("mark_price", price),
        ("unrealized_pnl", "0"),
        ("leverage", "10"),
        ("ts_epoch", &now),
        ("source", "p33_poll"),
    ];
    bench.hset(&key, &fields);
    bench.run_for_ms(5_000);
}

/// The exchange holds nothing, as P3.3 shows it; then one look of the monitor.
fn gone(bench: &mut Bench, price: &str) {
    let now = bench.kernel.now().secs().to_string();
    let key = keys::POSITION_SNAPSHOT.of(instrument().symbol);
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", "0"),
        ("side", "NONE"),
        ("entry_price", "0"),
        ("mark_price", price),
        ("unrealized_pnl", "0"),
        ("leverage", "10"),
        ("ts_epoch", &now),
        ("source", "p33_poll"),
    ];
    bench.hset(&key, &fields);
    bench.run_for_ms(5_000);
}

fn intents(bench: &mut Bench) -> Vec<TradeIntent> {
    bench.records(streams::TRADE_INTENT)
}

/// Opens at 100 and shows these prices; only the last one may lead to a close.
fn crosses(side: OrderSide, levels: [&str; 2], prices: &[&str], reason: &str) {
    let what = format!("{side} {reason} {prices:?}");
    let mut bench = bench();
    fill(&mut bench, side, "0.25", false, levels);
    let (last, before) = prices.split_last().expect("a price");
    for price in before {
        mark(&mut bench, price);
        assert_eq!(intents(&mut bench).len(), 0, "{what}: too early at {price}");
    }
    mark(&mut bench, last);
    let intents = intents(&mut bench);
    assert_eq!(intents.len(), 1, "{what}");
    let intent = &intents[0];
    assert_eq!(intent.reason.as_deref(), Some(reason), "{what}");
    assert_eq!(intent.action, Some(IntentAction::Close), "{what}");
    let closing = if side == LONG { OrderSide::Sell } else { OrderSide::Buy };
    assert_eq!(intent.side, Some(closing), "{what}");
    assert_eq!(intent.quantity, Some(decimal("0.25")), "{what}");
    assert_eq!(intent.reduce_only, Some(true), "{what}");
    let size = decimal("0.25") * decimal(last);
    assert_eq!(intent.position_size_usd, Some(size.normalize()), "{what}");
    assert_eq!(intent.confidence.to_bits(), 1.0f64.to_bits(), "{what}");
    assert_eq!(intent.model.as_deref(), Some("exit_monitor"), "{what}");
    assert_eq!(intent.source.as_deref(), Some("exit_monitor"), "{what}");
    assert_eq!(intent.meta_strategy.as_deref(), Some("EXIT"), "{what}");
    assert_eq!(intent.correlation_id, Some(CorrelationId::from_random(9)), "{what}");
    assert_eq!((intent.stop_loss, intent.take_profit), (None, None), "{what}");
    assert!(contract_violations(intent).is_empty(), "{what}");
}

#[test]
fn examples_67_to_69_on_the_bus() {
    crosses(LONG, ["98.5", "102.5"], &["101.5", "100.9", "100", "99"], "TRAILING_STOP");
    crosses(SHORT, ["101.5", "97.5"], &["98.8", "99.9", "100.3"], "TRAILING_STOP");
    crosses(LONG, ["98.5", "102.5"], &["102.5"], "TAKE_PROFIT");
}

#[test]
fn every_level_closes_either_side_once() {
    let (long, short) = (["97", "104"], ["103", "96"]);
    crosses(LONG, long, &["103.99", "104"], "TAKE_PROFIT");
    crosses(LONG, long, &["97.01", "97"], "STOP_LOSS");
    // 101.5 · 0.985 = 99.9775
    crosses(LONG, long, &["101.5", "99.98", "99.97"], "TRAILING_STOP");
    crosses(SHORT, short, &["96.01", "96"], "TAKE_PROFIT");
    crosses(SHORT, short, &["102.99", "103"], "STOP_LOSS");
    // 98.8 · 1.015 = 100.282
    crosses(SHORT, short, &["98.8", "100.28", "100.29"], "TRAILING_STOP");
}

/// Up to 1 % in favour the trailing stop sleeps, however far the price comes back.
#[test]
fn the_trailing_stop_sleeps_until_one_percent_in_favour() {
    crosses(LONG, ["97", "104"], &["101", "97.01", "97"], "STOP_LOSS");
    crosses(SHORT, ["103", "96"], &["99", "102.99", "103"], "STOP_LOSS");
}

#[test]
fn a_plan_without_levels_has_the_fixed_ones() {
    crosses(LONG, ["", ""], &["102.49", "102.51"], "TAKE_PROFIT");
    crosses(LONG, ["", ""], &["98.51", "98.49"], "STOP_LOSS");
    crosses(SHORT, ["", ""], &["97.51", "97.49"], "TAKE_PROFIT");
    crosses(SHORT, ["", ""], &["101.49", "101.51"], "STOP_LOSS");
}

/// A stop above the entry of a long fired at the first look, and a target below it at the first loss: settled says that
/// such levels are the fixed ones.
#[test]
fn levels_on_the_wrong_side_are_the_fixed_ones() {
    for (side, levels, fixed) in [
        (LONG, ["100.5", "99.5"], ["98.5", "102.5"]),
        (LONG, ["100", "100"], ["98.5", "102.5"]),
        (LONG, ["0", "-3"], ["98.5", "102.5"]),
        (SHORT, ["99.5", "100.5"], ["101.5", "97.5"]),
        (SHORT, ["0", "0"], ["101.5", "97.5"]),
    ] {
        let mut bench = bench();
        fill(&mut bench, side, "0.25", false, levels);
        let stops = bench.hash(&stops_key());
        let watched = [&stops["stop_loss"], &stops["take_profit"]].map(|level| decimal(level));
        assert_eq!(watched, fixed.map(decimal), "{side} {levels:?}");
        assert_eq!(stops["source"], "fixed_levels");
        assert_eq!(bench.counter("exit_monitor", "levels_refused"), 2);
        mark(&mut bench, "100");
        assert_eq!(intents(&mut bench).len(), 0, "{side} {levels:?}");
    }
    // One of the two is sound.
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "99"]);
    let stops = bench.hash(&stops_key());
    assert_eq!(
        (decimal(&stops["stop_loss"]), decimal(&stops["take_profit"])),
        (decimal("97"), decimal("102.5"))
    );
    assert_eq!(stops["source"], "plan");
    assert_eq!(bench.counter("exit_monitor", "levels_refused"), 1);
}

#[test]
fn a_close_is_asked_for_again_after_retry_s_and_ends_with_its_fill() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "96.5");
    assert_eq!(intents(&mut bench).len(), 1);
    assert_eq!(bench.hash(&stops_key())["exit_attempts"], "1");
    // The price comes back; what was asked for stays asked for, and is asked for again at 15 s.
    mark(&mut bench, "99");
    mark(&mut bench, "99.5");
    assert_eq!(intents(&mut bench).len(), 1, "within 15 s");
    mark(&mut bench, "99.4");
    assert_eq!(intents(&mut bench).len(), 2, "after 15 s");
    assert_eq!(intents(&mut bench)[1].reason.as_deref(), Some("STOP_LOSS"));
    assert_eq!(bench.hash(&stops_key())["exit_attempts"], "2");

    fill(&mut bench, SHORT, "0.25", true, ["", ""]);
    assert!(bench.hash(&stops_key()).is_empty(), "the stops of a closed position");
    bench.run_for_ms(60_000);
    assert_eq!(intents(&mut bench).len(), 2, "nothing is left to close");
    assert_eq!(bench.counter("exit_monitor", "filled_stop_loss"), 1);
    assert_eq!(bench.counter("exit_monitor", "exits_filled"), 1);
}

#[test]
fn a_partial_close_leaves_the_rest_under_watch() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    fill(&mut bench, SHORT, "0.1", true, ["", ""]);
    assert_eq!(bench.hash(&stops_key())["qty"], "0.15");
    mark(&mut bench, "104");
    let intents = intents(&mut bench);
    assert_eq!(intents.len(), 1);
    assert_eq!(intents[0].quantity, Some(decimal("0.15")));
}

/// The tracking of its own close fills as new positions (EHR 3.25).
#[test]
fn a_reducing_fill_begins_no_watch() {
    let mut bench = bench();
    fill(&mut bench, SHORT, "0.25", true, ["97", "104"]);
    assert!(bench.hash(&stops_key()).is_empty());
    mark(&mut bench, "90");
    assert_eq!(intents(&mut bench).len(), 0);
    assert_eq!(bench.counter("exit_monitor", "reducing_fills_of_unwatched_positions"), 1);
}

/// P3.4 closes what the exchange holds beyond the ledger. Taken for the monitor's own exit, it made the watch
/// smaller than the position, and what was left lost its stop.
#[test]
fn a_reconcile_close_leaves_the_watch_as_it_is() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "96.5");
    assert_eq!(intents(&mut bench).len(), 1);
    let excess = ExecutionResult {
        plan_id: "reconclose:BTCUSDT:0011223344556677:1".into(),
        reduce_only: ReduceOnly(true),
        ..plans::fill(&bench, SHORT, "0.25")
    };
    plans::tell(&mut bench, &excess);
    assert_eq!(bench.hash(&stops_key())["qty"], "0.25");
    assert_eq!(bench.counter("exit_monitor", "exits_filled"), 0);
    assert_eq!(bench.counter("exit_monitor", "reconcile_closing_fills"), 1);
    // Nor does it hasten the next asking: its own close is still on its way.
    bench.run_for_ms(5_000);
    assert_eq!(intents(&mut bench).len(), 1);
    fill(&mut bench, SHORT, "0.25", true, ["", ""]);
    assert_eq!(bench.counter("exit_monitor", "exits_filled"), 1);
    assert!(bench.hash(&stops_key()).is_empty());
}

#[test]
fn a_successor_watches_what_is_on_the_bus() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "101.5");
    assert_eq!(bench.hash(&stops_key())["best_price"], "101.5");
    bench.crash("exit_monitor", 1_000);
    bench.run_for_ms(1_000);
    // Only one who knows the best price before the crash closes here.
    mark(&mut bench, "99.97");
    let reasons = |intents: Vec<TradeIntent>| -> Vec<String> {
        intents.into_iter().map(|i| i.reason.unwrap_or_default().into_owned()).collect()
    };
    assert_eq!(reasons(intents(&mut bench)), ["TRAILING_STOP"]);

    // And it does not ask again for what its predecessor has just asked for.
    bench.crash("exit_monitor", 1_000);
    bench.run_for_ms(1_000 + 10_000);
    assert_eq!(intents(&mut bench).len(), 1, "within 15 s");
    bench.run_for_ms(5_000);
    assert_eq!(reasons(intents(&mut bench)), ["TRAILING_STOP", "TRAILING_STOP"]);
    let asked: Vec<Nanos> = intents(&mut bench).iter().map(|intent| intent.timestamp.0).collect();
    assert!(asked[1] - asked[0] >= Nanos::from_secs(15));
}

/// Another service's tightening of the stop, as raw fields of a foreign writer, outlives a restart.
#[test]
fn a_successor_takes_over_foreign_fields() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    bench.hset(&stops_key(), &[("stop_loss", "99"), ("source", "risk_proposal")]);
    bench.crash("exit_monitor", 1_000);
    bench.run_for_ms(1_000);
    mark(&mut bench, "98.9");
    assert_eq!(intents(&mut bench).len(), 1);
    assert_eq!(intents(&mut bench)[0].reason.as_deref(), Some("STOP_LOSS"));
}

#[test]
fn without_a_price_it_waits_and_counts() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    bench.run_for_ms(10_000);
    assert_eq!(intents(&mut bench).len(), 0);
    assert_eq!(bench.counter("exit_monitor", "price_unknown"), 2);
}

/// The exchange's feed and the poll of positions are two: while the one is silent the other is still heard.
fn ticker(bench: &mut Bench, price: &str) {
    let now = (bench.kernel.now().0 / 1_000_000).to_string();
    let fields =
        [("symbol", "BTCUSDT"), ("price", price), ("markPrice", price), ("timestamp", &now)];
    bench.hset(&keys::TICKER.of(instrument().symbol), &fields);
}

/// INC-1: no word for hours. A look says that it lives, how old the price is, and since when nobody could judge.
#[test]
fn an_old_price_is_told_and_a_fresher_one_taken() {
    const NAME: &str = "exit_monitor";
    let of = GaugeOf::Symbol(instrument().symbol);
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "100");
    assert_eq!(bench.gauge(NAME, "last_check_age_sec", of), Some(0.0));
    assert!(bench.gauge(NAME, "price_age_sec", of).expect("an age") <= 5.0);
    bench.run_for_ms(30_000);
    assert_eq!(bench.counter(NAME, "price_stale"), 1, "older than 30 s");
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter(NAME, "price_stale"), 3);
    assert!(bench.gauge(NAME, "price_age_sec", of).expect("an age") > 40.0);
    assert!(bench.gauge(NAME, "last_check_age_sec", of).expect("an age") >= 15.0);
    let beat = bench.gauge(NAME, "exit_monitor_heartbeat", GaugeOf::All).expect("a heartbeat");
    assert!((bench.kernel.now().as_secs_f64() - beat).abs() < 5.0);
    assert_eq!(intents(&mut bench).len(), 0);
    // The ticker is fresher, and beyond the stop.
    ticker(&mut bench, "96.5");
    bench.run_for_ms(5_000);
    assert_eq!(intents(&mut bench).len(), 1);
    assert_eq!(bench.counter(NAME, "price_stale"), 3);
    assert_eq!(bench.gauge(NAME, "last_check_age_sec", of), Some(0.0));
}

/// A close is never blocked: where nobody knows better, the old price is judged, and an exit asked for again.
#[test]
fn an_old_price_still_closes() {
    let mut bench = bench();
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "98");
    bench.run_for_ms(60_000);
    // A tighter stop, which that price has reached, comes from a foreign writer.
    bench.hset(&stops_key(), &[("stop_loss", "98.5")]);
    bench.crash("exit_monitor", 100);
    bench.run_for_ms(30_000);
    assert!(intents(&mut bench).len() > 1, "asked for, and again");
    assert!(bench.counter("exit_monitor", "price_stale") > 6);
}

/// Of an open in two fills the last price was the entry of the whole, so that its fixed stop lay elsewhere; and what had
/// been tightened was forgotten.
#[test]
fn an_open_in_several_fills_has_their_average_entry() {
    let filled = |bench: &mut Bench, qty: &str, price: &str, levels: [&str; 2]| {
        let level = |text: &str| (!text.is_empty()).then(|| decimal(text));
        let avg_price = decimal(price);
        let (stop_loss, take_profit) = (level(levels[0]), level(levels[1]));
        let fill = plans::fill(bench, LONG, qty);
        plans::tell(bench, &ExecutionResult { avg_price, stop_loss, take_profit, ..fill });
        bench.run_for_ms(1);
    };
    let number = |bench: &mut Bench, field: &str| decimal(&bench.hash(&stops_key())[field]);
    for levels in [["97", "106"], ["", ""]] {
        let mut bench = bench();
        filled(&mut bench, "1", "100", levels);
        filled(&mut bench, "3", "102", levels);
        assert_eq!(number(&mut bench, "entry_price"), decimal("101.5"));
        assert_eq!(number(&mut bench, "qty"), decimal("4"));
        let fixed = [decimal("101.5") * decimal("0.985"), decimal("101.5") * decimal("1.025")];
        let plan = levels.map(|text| text.parse().unwrap_or_default());
        let expected = if levels[0].is_empty() { fixed } else { plan };
        let got = ["stop_loss", "take_profit"].map(|field| number(&mut bench, field).round_dp(6));
        assert_eq!(got, expected, "{levels:?}");
        assert_eq!(bench.counter("exit_monitor", "positions_tracked"), 1, "one position");
        let opened = bench.hash(&stops_key())["opened_at"].clone();
        // What was tightened in between stays, and so do the best price and the moment.
        mark(&mut bench, "103");
        let closer = ("stop_loss", "102.5");
        bench.hset(&stops_key(), &[closer, ("source", "harvest_proposal")]);
        bench.crash("exit_monitor", 10);
        bench.run_for_ms(20);
        filled(&mut bench, "4", "103.5", levels);
        assert_eq!(number(&mut bench, "entry_price"), decimal("102.5"));
        assert_eq!(number(&mut bench, "stop_loss"), decimal("102.5"), "a stop never goes back");
        let stops = bench.hash(&stops_key());
        assert_eq!((&*stops["source"], &*stops["best_price"]), ("harvest_proposal", "103"));
        assert_eq!(stops["opened_at"], opened);
    }
}

/// A fill that came again was added again: the monitor asked for the close of more than there was, and went on
/// asking when it was closed.
#[test]
fn a_fill_that_comes_again_is_not_added_again() {
    for trade_id in [Some(7), None] {
        let mut bench = bench();
        let opened = ExecutionResult { trade_id, ..plans::fill(&bench, LONG, "0.25") };
        plans::tell(&mut bench, &opened);
        plans::tell(&mut bench, &opened);
        assert_eq!(bench.hash(&stops_key())["qty"], "0.25", "{trade_id:?}");
        // A successor knows of it, too.
        bench.crash("exit_monitor", 10);
        bench.run_for_ms(20);
        plans::tell(&mut bench, &opened);
        assert_eq!(bench.hash(&stops_key())["qty"], "0.25", "{trade_id:?}");
        assert_eq!(bench.counter("exit_monitor", "fills_already_taken"), 2);

        // Nor is the sum of an order whose fills were told, by an executor that had forgotten them.
        plans::tell(&mut bench, &ExecutionResult { trade_id: None, ..opened.clone() });
        assert_eq!(bench.hash(&stops_key())["qty"], "0.25", "{trade_id:?}");

        // A second fill of the same order is another one; so is the same number on another order, or
        // of another plan, after the venue began its ids anew.
        let second = ExecutionResult { trade_id: Some(8), ..opened.clone() };
        let other = ExecutionResult { order_id: 99, ..opened.clone() };
        let reset = ExecutionResult { plan_id: "fedcba9876543210".into(), ..opened.clone() };
        plans::tell(&mut bench, &second);
        plans::tell(&mut bench, &other);
        plans::tell(&mut bench, &reset);
        assert_eq!(bench.hash(&stops_key())["qty"], "1.00", "{trade_id:?}");

        // Nor does it begin a watch when the position is gone.
        fill(&mut bench, SHORT, "1", true, ["", ""]);
        plans::tell(&mut bench, &opened);
        assert!(bench.hash(&stops_key()).is_empty(), "{trade_id:?}");
    }
}

/// A bus that comes back empty has no stops; who watches writes them again, so that a start after it knows them.
#[test]
fn stops_that_are_gone_from_the_bus_are_written_again() {
    let mut bench = bench();
    bench.run_to_ms(1);
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    let before = bench.hash(&stops_key());
    assert!(!before.is_empty());
    bench.forget(&stops_key());
    mark(&mut bench, "100");
    assert_eq!(bench.hash(&stops_key()), before);
}

/// It forgot the position before the fill: what was not filled was never asked for again.
#[test]
fn a_position_was_forgotten_before_its_fill() {
    let mut bench =
        Bench::new(&["exit_monitor"], &audited(&["exit_forgotten_before_fill"]), Vec::new());
    bench.run_to_ms(1);
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "96.5");
    let asked = intents(&mut bench);
    assert_eq!((asked.len(), asked[0].reduce_only), (1, Some(true)));
    assert!(bench.hash(&stops_key()).is_empty());
    bench.run_for_ms(60_000);
    assert_eq!(intents(&mut bench).len(), 1, "nobody asks again, filled or not");
}

/// Its close could open, and its own fill was watched as a new position.
#[test]
fn a_close_could_open() {
    let names = ["exit_forgotten_before_fill", "exit_could_open"];
    let mut bench = Bench::new(&["exit_monitor"], &audited(&names), Vec::new());
    bench.run_to_ms(1);
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    mark(&mut bench, "96.5");
    let asked = intents(&mut bench);
    assert_eq!((asked.len(), asked[0].reduce_only), (1, None));
    assert_eq!((asked[0].action, asked[0].side), (Some(IntentAction::Sell), Some(SHORT)));
    assert!(bench.hash(&stops_key()).is_empty());
    bench.run_for_ms(60_000);
    assert_eq!(intents(&mut bench).len(), 1, "nobody asks again, filled or not");
    fill(&mut bench, SHORT, "0.25", false, ["", ""]);
    assert_eq!(bench.hash(&stops_key())["side"], "SHORT");
}

/// Numbers that no exchange has, but a stream may: they are watched as far as they go, and the service goes on.
#[test]
fn absurd_fills_of_one_position_are_survived() {
    let mut bench = bench();
    for _ in 0..2 {
        let fill = plans::fill(&bench, LONG, "70000000000000000000000000000");
        plans::tell(&mut bench, &fill);
        bench.run_for_ms(1);
    }
    bench.run_for_ms(10_000);
    assert_eq!(bench.hash(&stops_key())["side"], "LONG");
}

/// After a reset of the testnet the close of a position that was gone was asked for every 15 s, for ever.
#[test]
fn a_position_that_is_gone_from_the_exchange_is_watched_no_longer() {
    let watched = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&["exit_monitor"], settings, Vec::new());
        bench.run_to_ms(1);
        fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
        mark(&mut bench, "100");
        gone(&mut bench, "100");
        for _ in 0..5 {
            gone(&mut bench, "96");
        }
        let half = (intents(&mut bench).len(), bench.hash(&stops_key()).is_empty());
        for _ in 0..6 {
            gone(&mut bench, "96");
        }
        (half, intents(&mut bench).len(), bench.hash(&stops_key()).is_empty())
    };
    assert_eq!(watched(&PipelineSettings::default()), ((0, false), 0, true));
    let (half, asked, forgotten) = watched(&audited(&["records_outlive_positions"]));
    assert_eq!((half.1, forgotten), (false, false));
    assert!(half.0 > 0 && asked > half.0, "{asked}");
}

/// One look may be wrong, or from before the fill.
#[test]
fn a_position_is_not_gone_by_one_look() {
    let mut bench = bench();
    gone(&mut bench, "100");
    fill(&mut bench, LONG, "0.25", false, ["97", "104"]);
    // The look of before the fill lies there still.
    bench.run_for_ms(20_000);
    assert!(!bench.hash(&stops_key()).is_empty());
    for _ in 0..4 {
        gone(&mut bench, "100");
        gone(&mut bench, "100");
        mark(&mut bench, "100");
    }
    assert!(!bench.hash(&stops_key()).is_empty());
    gone(&mut bench, "96");
    assert_eq!(intents(&mut bench).len(), 1, "a stop does not wait for the second look");
}
