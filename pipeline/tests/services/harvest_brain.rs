//! Harvest brain: EHR 3.27 with what its DEFECT lines require, and INC-8.

use engine::Nanos;
use pipeline::records::{ApplyPlan, ApplyResult, Executor, HarvestSuggestion, PlanAction};
use pipeline::{PipelineSettings, keys, streams};
use strategies::apply::PermitKind;

use crate::bench::{Bench, START, audited, instrument};
use crate::held::{self, Position};

const SERVICE: &str = "harvest_brain";
const TREND: [&str; 5] = ["0.01", "0.5", "0.6", "0.2", "0.2"];
const FLIPPED: [&str; 5] = ["0.01", "0.3", "0.2", "0.2", "0.6"];
/// R is 2.45 by the stop at 98.
const PROFIT: Position<'_> = Position {
    amount: "2",
    entry: "100",
    mark: "105",
    pnl: "10",
    best: "105",
    stop: "98",
    plan: "opening",
};

fn settings(mode: &str) -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    settings.harvest_brain.mode = serde_json::from_value(mode.into()).expect("a mode");
    settings
}

fn bench(mode: &str, position: &Position<'_>, market: [&str; 5]) -> Bench {
    let mut bench = Bench::new(&[SERVICE], &settings(mode), Vec::new());
    held::hold(&mut bench, position);
    held::market(&mut bench, market);
    bench
}

/// Looks again and again, with P3.3 and P0 alive.
fn goes_on(bench: &mut Bench, position: &Position<'_>, market: [&str; 5], secs: i64) {
    for _ in 0..secs / 5 {
        held::look(bench, position);
        held::market(bench, market);
        bench.run_for_ms(5_000);
    }
}

fn plans(bench: &mut Bench) -> Vec<ApplyPlan> {
    bench.records(streams::APPLY_PLAN)
}

/// R and PnL were part of the mark, so that a quarter was closed every 5 s.
#[test]
fn a_rung_is_asked_for_once_a_position() {
    let mut bench = bench("live", &PROFIT, TREND);
    goes_on(&mut bench, &PROFIT, TREND, 60);
    let more = Position { mark: "105.5", pnl: "11", ..PROFIT };
    goes_on(&mut bench, &more, TREND, 60);
    let made = plans(&mut bench);
    assert_eq!(made.len(), 1);
    let plan = &made[0];
    assert_eq!((plan.action, plan.executor), (PlanAction::Partial25, Executor::ApplyLayer));
    assert_eq!((&*plan.source, plan.reduce_only.0), ("harvest_brain", true));
    assert!(plan.r_net.is_some_and(|r| (r - 2.45).abs() < 1e-9), "{:?}", plan.r_net);
    assert_eq!(plan.plan_id.len(), 16);
    // Nor does a successor ask again; another position begins anew.
    bench.crash(SERVICE, 100);
    goes_on(&mut bench, &PROFIT, TREND, 20);
    assert_eq!(plans(&mut bench).len(), 1);
    held::hold(&mut bench, &Position { plan: "another", ..PROFIT });
    goes_on(&mut bench, &PROFIT, TREND, 10);
    assert_eq!(plans(&mut bench).len(), 2);
}

#[test]
fn in_shadow_it_only_suggests() {
    let mut bench = bench("shadow", &PROFIT, TREND);
    goes_on(&mut bench, &PROFIT, TREND, 30);
    assert!(plans(&mut bench).is_empty());
    let told: Vec<HarvestSuggestion> = bench.records(streams::HARVEST_SUGGESTIONS);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].payload.0["action"], "PARTIAL_25");
}

/// Below the least R no profit is taken; a kill signal closes a losing position all the same, and again after 300 s.
#[test]
fn a_full_close_is_exempt_from_the_least_r() {
    let losing = Position { mark: "99", pnl: "-2", best: "100", ..PROFIT };
    let mut calm = bench("live", &losing, TREND);
    goes_on(&mut calm, &losing, TREND, 20);
    assert!(plans(&mut calm).is_empty());
    let mut bench = bench("live", &losing, FLIPPED);
    goes_on(&mut bench, &losing, FLIPPED, 20);
    assert_eq!(plans(&mut bench)[0].action, PlanAction::FullClose);
    goes_on(&mut bench, &losing, FLIPPED, 270);
    assert_eq!(plans(&mut bench).len(), 1);
    goes_on(&mut bench, &losing, FLIPPED, 30);
    assert_eq!(plans(&mut bench).len(), 2);
}

/// INC-8: without risk fields nothing is judged; that is counted, and an alarm after five minutes.
#[test]
fn a_position_without_risk_is_left_alone_and_told() {
    let mut bench = bench("live", &PROFIT, TREND);
    let now = bench.kernel.now();
    bench.kernel.bus_mut().del(now, &keys::STATE_STOPS.of(instrument().symbol));
    goes_on(&mut bench, &PROFIT, TREND, 310);
    assert!(plans(&mut bench).is_empty());
    assert_eq!(bench.counter(SERVICE, "SKIP_RISK_MISSING"), 62);
    assert_eq!(bench.counter(SERVICE, "scanned_but_not_evaluated"), 1);
    assert_eq!(bench.counter(SERVICE, "evaluated"), 0);
}

#[test]
fn the_kill_switch_stops_it_and_old_inputs_are_none() {
    let mut killed = bench("live", &PROFIT, TREND);
    killed.set(keys::KILL.name, "1");
    goes_on(&mut killed, &PROFIT, TREND, 20);
    assert!(plans(&mut killed).is_empty());
    assert_eq!(killed.counter(SERVICE, "kill_switch_active"), 4);
    let mut stale = bench("live", &PROFIT, TREND);
    let old = (START.secs() - 40).to_string();
    stale.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &[("ts_epoch", &old)]);
    stale.run_to_ms(5_001);
    assert!(plans(&mut stale).is_empty());
    assert_eq!(stale.counter(SERVICE, "snapshot_stale"), 1);
}

/// Live it is an exit owner like the others: its plan needs the three permits, and its rung fires once for all.
#[test]
fn its_plans_run_through_the_apply_layer() {
    let services = ["portfolio_gate", "governor", "position_state_brain", "apply_layer", SERVICE];
    let mut bench = Bench::new(&services, &settings("live"), Vec::new());
    let exchange = bench.kernel.exchange_mut();
    (exchange.held[0], exchange.entries[0], exchange.marks[0]) = (2_000, 10_000, 10_500);
    held::hold(&mut bench, &PROFIT);
    for _ in 0..12 {
        held::market(&mut bench, TREND);
        bench.run_for_ms(5_000);
    }
    let results: Vec<ApplyResult> = bench.records(streams::APPLY_RESULT);
    assert_eq!(results.iter().filter(|result| result.executed).count(), 1, "{results:?}");
    assert_eq!(bench.kernel.exchange().held, [1_500]);
    let mark = format!("BTCUSDT:PARTIAL_25:{}", PROFIT.plan);
    let life = bench.ttl(&keys::HARVEST_BRAIN_ASKED.of(mark));
    let engine::Ttl::Left(left) = life else { panic!("{life:?}") };
    assert!(left > Nanos::from_secs(86_400), "it has fired");
}

fn live(name: &str) -> PipelineSettings {
    let mut settings = settings("live");
    if !name.is_empty() {
        settings.audited = audited(&[name]).audited;
    }
    settings
}

/// A quarter of what was left was closed every 5 s while R stayed at 2 and more.
#[test]
fn a_mark_of_r_and_profit_never_matches_twice() {
    let services = ["governor", "position_state_brain", "apply_layer", SERVICE];
    let [now, then] = ["", "harvest_marked_by_profit"].map(|name| {
        let mut settings = live(name);
        // The gate would step a quarter down to nothing for a minute after each.
        settings.permits.harvest_close.retain(|kind| *kind != PermitKind::P26);
        let mut bench = Bench::new(&services, &settings, Vec::new());
        let exchange = bench.kernel.exchange_mut();
        (exchange.held[0], exchange.entries[0]) = (2_000, 10_000);
        held::hold(&mut bench, &PROFIT);
        let ledger = [
            ("symbol", "BTCUSDT"),
            ("position_amt", "2"),
            ("last_known_amt", "2"),
            ("side", "LONG"),
            ("avg_entry_price", "100"),
            ("version", "1"),
            ("source", "intent_executor"),
            ("updated_at", "1769990000"),
        ];
        bench.hset(&keys::POSITION_LEDGER.of(instrument().symbol), &ledger);
        for tick in 0..6 {
            bench.kernel.exchange_mut().marks[0] = 10_500 + tick;
            held::market(&mut bench, TREND);
            bench.run_for_ms(10_000);
        }
        let lots = |order: &engine::NewOrder| order.quantity.map_or(0, |quantity| quantity.0);
        bench.kernel.exchange().orders.iter().map(lots).collect::<Vec<_>>()
    });
    assert_eq!(now, [500]);
    assert_eq!(then[..4], [500, 375, 281, 211], "{then:?}");
}

#[test]
fn the_least_r_came_before_the_kill_signal() {
    let losing = Position { mark: "99", pnl: "-2", best: "100", ..PROFIT };
    let [now, then] = ["", "least_r_before_kill"].map(|name| {
        let mut bench = Bench::new(&[SERVICE], &live(name), Vec::new());
        held::hold(&mut bench, &losing);
        goes_on(&mut bench, &losing, FLIPPED, 20);
        plans(&mut bench).len()
    });
    assert_eq!((now, then), (1, 0));
}

/// Nobody of P3.3 is there, and its permit is.
#[test]
fn it_wrote_the_permit_of_p33() {
    let services = ["portfolio_gate", "governor", "apply_layer", SERVICE];
    let [now, then] = ["", "harvest_brain_permits_itself"].map(|name| {
        let mut bench = Bench::new(&services, &live(name), Vec::new());
        let exchange = bench.kernel.exchange_mut();
        (exchange.held[0], exchange.entries[0], exchange.marks[0]) = (2_000, 10_000, 10_500);
        held::hold(&mut bench, &PROFIT);
        goes_on(&mut bench, &PROFIT, TREND, 20);
        bench.kernel.exchange().held[0]
    });
    assert_eq!((now, then), (2_000, 1_500));
}

/// What is no position of the exchange was deleted at the start: ledgers, snapshots and books match the prefix, too.
#[test]
fn its_clean_up_took_ledgers() {
    let symbol = instrument().symbol;
    let kept = |name: &str| {
        let mut bench = Bench::new(&[SERVICE], &live(name), Vec::new());
        held::hold(&mut bench, &PROFIT);
        bench.set(&keys::POSITION_LEDGER.of(symbol), "the executors' book");
        bench.set(&keys::POSITION.of(symbol), "the position itself");
        bench.set(&keys::POSITION.of("XRPUSDT"), "a ghost");
        bench.run_to_ms(100);
        bench.kernel.bus_mut().scan(START, "quantum:position:*").len()
    };
    assert_eq!(kept(""), 5);
    assert_eq!(kept("ghosts_take_ledgers"), 1);
}

#[test]
fn its_r_was_that_of_the_whole_position() {
    let [now, then] = ["", "r_of_whole_position"].map(|name| {
        let mut bench = Bench::new(&[SERVICE], &live(name), Vec::new());
        held::hold(&mut bench, &PROFIT);
        goes_on(&mut bench, &PROFIT, TREND, 10);
        plans(&mut bench)[0].action
    });
    assert_eq!((now, then), (PlanAction::Partial25, PlanAction::Partial50));
}
