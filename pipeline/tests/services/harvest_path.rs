//! The whole way of a harvest: a position in profit, the kernel's proposal, its plan, three permits, the order, the
//! fill and the books. Heat of the book decides how much of a full close is left.

use engine::{Action, Body, FieldValue, IsoTime, Nanos};
use pipeline::records::{ApplyPlan, ApplyResult, Decision, Executor, TradeClosed};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, instrument};
use crate::held;
use crate::plans::decimal;

const SERVICES: [&str; 16] = [
    "policy_store",
    "portfolio_governance",
    "universe_service",
    "balance_tracker",
    "intent_bridge",
    "governor",
    "position_state_brain",
    "portfolio_gate",
    "heat_bridge",
    "apply_layer",
    "intent_executor",
    "portfolio_state_publisher",
    "position_monitor",
    "risk_proposal",
    "harvest_proposal",
    "exit_monitor",
];
/// A trend: the kill score is low.
const TREND: [&str; 5] = ["0.01", "0.5", "0.6", "0.2", "0.2"];
/// The regime has flipped: the kill score is 0.73 and more.
pub const FLIPPED: [&str; 5] = ["0.01", "0.3", "0.2", "0.2", "0.6"];

fn account(bench: &mut Bench, wallet: &str) {
    bench.kernel.exchange_mut().account = Some(engine::AccountBalance {
        wallet_balance: decimal(wallet),
        margin_balance: decimal(wallet),
        available_balance: decimal(wallet),
        ..engine::AccountBalance::default()
    });
}

/// One unit long at 100, with stop and target far away.
pub fn opened(settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(&SERVICES, settings, Vec::new());
    account(&mut bench, "1000");
    bench.run_to_ms(7_001);
    held::market(&mut bench, TREND);
    let mut time = String::new();
    IsoTime(bench.kernel.now()).write_text(&mut time);
    let intent = [
        ("symbol", "BTCUSDT"),
        ("action", "BUY"),
        ("confidence", "0.7"),
        ("timestamp", time.as_str()),
        ("quantity", "1"),
        ("leverage", "10"),
        ("stop_loss", "80"),
        ("take_profit", "150"),
        ("source", "trading_bot"),
    ];
    bench.publish(streams::TRADE_INTENT, Body::fields(&intent));
    bench.run_to_ms(9_000);
    assert_eq!(bench.kernel.exchange().held, [1_000]);
    bench
}

/// Goes on for so many seconds with this market, which P0 would tell every minute.
pub fn goes_on(bench: &mut Bench, market: [&str; 5], secs: i64) {
    for _ in 0..secs / 10 {
        held::market(bench, market);
        bench.run_for_ms(10_000);
    }
}

/// Lots of the orders that closed.
pub fn closed(bench: &Bench) -> Vec<i64> {
    let orders = bench.kernel.exchange().orders.iter().filter(|order| order.reduces());
    orders.map(|order| order.quantity.expect("a quantity").0).collect()
}

fn marks(bench: &mut Bench, ticks: i64) {
    bench.kernel.exchange_mut().marks[0] = ticks;
}

/// A rung fires once, however long the profit stays; the next one takes its share of what remains.
#[test]
fn a_position_in_profit_is_harvested_once_a_rung() {
    let mut bench = opened(&PipelineSettings::default());
    marks(&mut bench, 10_400);
    goes_on(&mut bench, TREND, 400);
    assert_eq!(closed(&bench), [250]);
    marks(&mut bench, 10_700);
    goes_on(&mut bench, TREND, 400);
    assert_eq!(closed(&bench), [250, 375], "half of 750");
    assert_eq!(bench.kernel.exchange().held, [375]);
    // The books follow: exit monitor, position monitor and ledger know what is left.
    let symbol = instrument().symbol;
    assert_eq!(decimal(&bench.hash(&keys::STATE_STOPS.of(symbol))["qty"]), decimal("0.375"));
    assert_eq!(bench.hash(&keys::POSITION_BOOK.of(symbol))["amount"], "375");
    let ledger = bench.hash(&keys::POSITION_LEDGER.of(symbol));
    assert_eq!(decimal(&ledger["position_amt"]), decimal("0.375"));
    // The profit was locked by the one writer of the stop.
    let stops = bench.hash(&keys::STATE_STOPS.of(symbol));
    assert!(decimal(&stops["stop_loss"]) > decimal("100"), "{}", stops["stop_loss"]);
    let results: Vec<ApplyResult> = bench.records(streams::APPLY_RESULT);
    let mut ids: Vec<&str> = results.iter().map(|result| result.plan_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), results.len(), "one result a plan");
    let plans: Vec<ApplyPlan> = bench.records(streams::APPLY_PLAN);
    let unsettled = plans.iter().filter(|plan| {
        plan.executor == Executor::ApplyLayer && !ids.contains(&plan.plan_id.as_str())
    });
    assert_eq!(unsettled.count(), 0, "each plan has its result");
}

/// COLD turns a full close into a quarter, WARM into three quarters, HOT lets it pass.
#[test]
fn heat_decides_how_much_of_a_full_close_is_left() {
    // 100 USDT at a daily risk of 38 %: 0.095, 0.47 and 0.95 of the equity.
    for (wallet, lots) in [("400", 250), ("80", 750), ("40", 1_000)] {
        let mut bench = opened(&PipelineSettings::default());
        account(&mut bench, wallet);
        goes_on(&mut bench, TREND, 60);
        goes_on(&mut bench, FLIPPED, 60);
        assert_eq!(closed(&bench), [lots], "equity {wallet}");
    }
}

/// The cause lasts: a reduced full close comes again after five minutes, of what remains, until all is gone.
#[test]
fn a_reduced_close_comes_again_of_what_remains() {
    let mut bench = opened(&PipelineSettings::default());
    goes_on(&mut bench, FLIPPED, 290);
    assert_eq!(closed(&bench), [250]);
    goes_on(&mut bench, FLIPPED, 120);
    assert_eq!(closed(&bench), [250, 187], "a quarter of 750, rounded down");
    goes_on(&mut bench, FLIPPED, 360 * 12);
    assert_eq!(bench.kernel.exchange().held, [0], "{:?}", closed(&bench));
    let trades: Vec<TradeClosed> = bench.records(streams::TRADE_CLOSED);
    assert_eq!(trades.len(), 1);
    assert!(bench.hash(&keys::HARVEST_PROPOSAL.of(instrument().symbol)).is_empty());
}

/// Without its gate no harvest runs, and nothing else is held up.
#[test]
fn without_the_gate_nothing_is_harvested() {
    let mut settings = PipelineSettings::default();
    settings.permits.harvest_close = vec![
        strategies::apply::PermitKind::Governor,
        strategies::apply::PermitKind::P33,
        strategies::apply::PermitKind::P26,
    ];
    let mut bench = opened(&settings);
    let gate = bench.service("portfolio_gate");
    let now = bench.kernel.now();
    bench.kernel.at(now, Action::Crash(gate));
    goes_on(&mut bench, FLIPPED, 60);
    assert!(closed(&bench).is_empty());
    let results: Vec<ApplyResult> = bench.records(streams::APPLY_RESULT);
    let last = results.last().expect("a result");
    assert_eq!(last.decision, Decision::Blocked);
    assert_eq!(last.error.as_deref(), Some("permit_timeout_or_missing:missing_p26"));
}

/// Any service on the way may crash at any moment: no rung fires twice, and the harvest comes in the end.
#[test]
fn a_crash_on_the_way_doubles_nothing() {
    let on_the_way = ["apply_layer", "portfolio_gate", "governor", "position_state_brain"];
    for service in on_the_way {
        for step in 0..40 {
            let mut bench = opened(&PipelineSettings::default());
            marks(&mut bench, 10_400);
            let id = bench.service(service);
            // The proposal is there at 20 s, its plan at 20 s or 25 s, and the order some 100 ms later.
            let at = crate::bench::START
                + Nanos::from_secs(20)
                + Nanos::from_micros(i64::from(step % 2) * 5_000_000 + i64::from(step / 2) * 5_500);
            bench.kernel.at(at, Action::Crash(id));
            bench.kernel.at(at + Nanos::from_millis(40), Action::Restart(id));
            goes_on(&mut bench, TREND, 300);
            assert_eq!(closed(&bench), [250], "{service} crashes at {at}");
        }
    }
}
