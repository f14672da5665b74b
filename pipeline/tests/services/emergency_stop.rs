//! Emergency stop: EHR 3.28, as required.

use engine::{GaugeOf, Ttl};
use pipeline::records::{ApplyPlan, EssEvent, OrderSide, PlanAction, PlanClass};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited};
use crate::plans;

const ESS: &str = "emergency_stop";
const BRAIN: &str = "position_state_brain";

fn bench() -> Bench {
    let mut bench = Bench::new(&[ESS, BRAIN], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    equity(&mut bench, "1000", "1000");
    plans::tell_tick(&mut bench, "100");
    bench
}

fn equity(bench: &mut Bench, equity: &str, peak: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [("equity", equity), ("peak", peak), ("last_update_ts", now.as_str())];
    bench.hset(keys::EQUITY_CURRENT.name, &fields);
}

fn events(bench: &mut Bench) -> Vec<String> {
    let events = bench.records::<EssEvent>(streams::EVENT_ESS);
    events.iter().map(|e| format!("{} {} {}", e.event, e.reason, e.mode)).collect()
}

fn closes(bench: &mut Bench) -> Vec<ApplyPlan> {
    bench.records(streams::APPLY_PLAN)
}

fn daily_pnl(bench: &mut Bench, usd: &str) {
    bench.set("quantum:risk:daily_pnl:2026-02-02", usd);
}

#[test]
fn what_strikes_stops_opens_and_closes_everything() {
    let mut bench = bench();
    bench.kernel.exchange_mut().held[0] = -2_000;
    bench.run_to_ms(6_000);
    assert!(events(&mut bench).is_empty() && closes(&mut bench).is_empty());
    daily_pnl(&mut bench, "-101");
    bench.run_to_ms(10_500);
    assert_eq!(events(&mut bench), ["ess_activated daily_loss EMERGENCY"]);
    assert_eq!(bench.get(keys::EMERGENCY_STOP.name).as_deref(), Some("1"));
    assert_eq!(bench.get(keys::ESS_ACTIVE.name).as_deref(), Some("1"));
    assert!(bench.get(keys::ESS_LATCH.name).expect("a latch").starts_with("2026-02-02T02:40:10"));
    let plans = closes(&mut bench);
    assert_eq!(plans.len(), 1);
    assert_eq!((plans[0].source.as_str(), plans[0].class), (ESS, PlanClass::Close));
    assert_eq!((plans[0].action, plans[0].side), (PlanAction::FullClose, OrderSide::Buy));
    assert!(plans[0].reduce_only.0);
    // P3.3 lets it through.
    let permit = bench.get(&keys::PERMIT_P33.of(&plans[0].plan_id)).expect("a permit");
    assert!(permit.contains("\"allow\":true"), "{permit}");
    // It goes on asking, under another id, until nothing is open.
    bench.run_to_ms(26_000);
    let plans = closes(&mut bench);
    assert_eq!(plans.len(), 2);
    assert_ne!(plans[0].plan_id, plans[1].plan_id);
    bench.kernel.exchange_mut().held[0] = 0;
    bench.run_to_ms(120_000);
    assert_eq!(closes(&mut bench).len(), 2);
    assert_eq!(events(&mut bench).len(), 1);
    assert_eq!(bench.gauge(ESS, "quantum_ess_active", GaugeOf::All), Some(1.0));
}

#[test]
fn each_evaluator_strikes() {
    let reason = |change: &dyn Fn(&mut Bench), ms: i64| {
        let mut bench = bench();
        change(&mut bench);
        bench.run_to_ms(ms);
        events(&mut bench).first().cloned()
    };
    let activated = |why: &str| Some(format!("ess_activated {why} EMERGENCY"));
    assert_eq!(reason(&|b| equity(b, "740", "1000"), 6_000), activated("drawdown"));
    assert_eq!(
        reason(&|b| equity(b, "800", "1000"), 6_000),
        Some("ess_mode_changed drawdown PROTECTIVE".into())
    );
    assert_eq!(reason(&|b| plans::tell_tick(b, "0"), 6_000), activated("feed_unusable"));
    assert_eq!(reason(&|b| b.set(keys::ESS_LATCH.name, "stop"), 6_000), activated("manual"));
    assert_eq!(reason(&|b| daily_pnl(b, "much"), 6_000), activated("health_critical"));
    assert_eq!(reason(&|b| equity(b, "0", "1000"), 6_000), activated("drawdown"));
    let stops = |count: u64, pnl: &'static str| {
        move |bench: &mut Bench| {
            for order in 0..count {
                let trade = plans::round_trip(bench, order, pnl, "0");
                plans::tell_trade(bench, &trade);
                plans::tell_trade(bench, &trade);
            }
        }
    };
    assert_eq!(
        reason(&stops(10, "-1"), 6_000),
        None,
        "ten are allowed, however often they are told"
    );
    assert_eq!(reason(&stops(11, "-1"), 6_000), activated("stop_loss_burst"));
    assert_eq!(reason(&stops(11, "1"), 6_000), None, "stops that kept a gain");
}

#[test]
fn an_old_feed_and_an_old_account_strike() {
    let mut feed = bench();
    feed.run_to_ms(200_000);
    equity(&mut feed, "1000", "1000");
    feed.run_to_ms(299_000);
    assert!(events(&mut feed).is_empty());
    feed.run_to_ms(306_000);
    assert_eq!(events(&mut feed), ["ess_activated feed_unusable EMERGENCY"]);

    let mut account = bench();
    account.run_to_ms(200_000);
    plans::tell_tick(&mut account, "100");
    account.run_to_ms(306_000);
    assert_eq!(events(&mut account), ["ess_activated health_critical EMERGENCY"]);
}

/// A drawdown that was positive here and negative there let the recovery go back to normal at once.
#[test]
fn out_of_an_emergency_only_an_operator_leads() {
    let mut bench = bench();
    daily_pnl(&mut bench, "-101");
    bench.run_to_ms(6_000);
    daily_pnl(&mut bench, "0");
    bench.run_to_ms(60_000);
    assert_eq!(events(&mut bench).len(), 1, "what struck is gone, and the stop stays");
    equity(&mut bench, "950", "1000");
    bench.forget(keys::ESS_LATCH.name);
    bench.run_to_ms(71_000);
    let expected = ["ess_mode_changed drawdown PROTECTIVE", "ess_released daily_loss PROTECTIVE"];
    assert_eq!(events(&mut bench)[1..], expected);
    assert_eq!(bench.ttl(keys::EMERGENCY_STOP.name), Ttl::Absent);
    assert_eq!(bench.ttl(keys::ESS_ACTIVE.name), Ttl::Absent);
    let mode = bench.hash(keys::ESS_MODE.name);
    assert_eq!((mode["position_max_usd"].as_str(), mode["leverage_max"].as_str()), ("100", "5"));
}

#[test]
fn what_an_operator_released_strikes_anew_only_after_it_was_gone() {
    let mut bench = bench();
    daily_pnl(&mut bench, "-101");
    bench.run_to_ms(6_000);
    bench.forget(keys::ESS_LATCH.name);
    bench.run_to_ms(30_000);
    assert_eq!(bench.counter(ESS, "quantum_ess_activations_total"), 1);
    daily_pnl(&mut bench, "0");
    bench.run_to_ms(36_000);
    daily_pnl(&mut bench, "-101");
    bench.run_to_ms(42_000);
    assert_eq!(bench.counter(ESS, "quantum_ess_activations_total"), 2);
}

/// Its peak is a high-water mark, all is closed and opens are barred: a drawdown that struck stays, and the operator's
/// release was refused for ever.
#[test]
fn an_operator_releases_a_drawdown_too() {
    let mut bench = bench();
    equity(&mut bench, "740", "1000");
    bench.run_to_ms(6_000);
    assert_eq!(events(&mut bench), ["ess_activated drawdown EMERGENCY"]);
    bench.forget(keys::ESS_LATCH.name);
    bench.run_to_ms(60_000);
    let expected = ["ess_mode_changed drawdown PROTECTIVE", "ess_released drawdown PROTECTIVE"];
    assert_eq!(events(&mut bench)[1..], expected);
    assert_eq!(bench.ttl(keys::EMERGENCY_STOP.name), Ttl::Absent);
    // Not by another tenth of the peak yet.
    equity(&mut bench, "645", "1000");
    bench.run_to_ms(66_000);
    assert_eq!(bench.counter(ESS, "quantum_ess_activations_total"), 1);
    equity(&mut bench, "635", "1000");
    bench.run_to_ms(71_000);
    assert_eq!(bench.counter(ESS, "quantum_ess_activations_total"), 2);
    bench.forget(keys::ESS_LATCH.name);
    bench.run_to_ms(76_000);
    // It is gone, and strikes anew.
    equity(&mut bench, "900", "1000");
    bench.run_to_ms(81_000);
    equity(&mut bench, "740", "1000");
    bench.run_to_ms(86_000);
    assert_eq!(bench.counter(ESS, "quantum_ess_activations_total"), 3);
}

/// A released reason that went on hid every other one, even the operator's own stop; and of two that struck together the
/// second one struck at the release of the first.
#[test]
fn a_release_is_of_what_struck_and_hides_nothing_else() {
    let mut bench = bench();
    equity(&mut bench, "740", "1000");
    daily_pnl(&mut bench, "-101");
    bench.run_to_ms(6_000);
    bench.forget(keys::ESS_LATCH.name);
    bench.run_to_ms(60_000);
    assert_eq!(bench.counter(ESS, "quantum_ess_activations_total"), 1);
    assert_eq!(bench.counter(ESS, "quantum_ess_releases_total"), 1);
    bench.set(keys::ESS_LATCH.name, "stop");
    bench.run_to_ms(66_000);
    assert_eq!(bench.counter(ESS, "manual"), 1);
}

#[test]
fn an_emergency_outlives_its_service() {
    let mut bench = bench();
    bench.kernel.exchange_mut().held[0] = 1_000;
    daily_pnl(&mut bench, "-101");
    bench.run_to_ms(6_000);
    let asked = closes(&mut bench).len();
    bench.crash(ESS, 10_000);
    daily_pnl(&mut bench, "0");
    bench.run_to_ms(40_000);
    assert_eq!(bench.counter(ESS, "emergencies_resumed"), 1);
    assert_eq!(bench.get(keys::EMERGENCY_STOP.name).as_deref(), Some("1"));
    assert!(closes(&mut bench).len() > asked);
    let beat = bench.gauge(ESS, "quantum_ess_heartbeat", GaugeOf::All).expect("a heartbeat");
    assert!(beat >= 1_770_000_035.0);
}

/// The drawdown was positive in the trigger and negative in the recovery.
#[test]
fn an_emergency_ended_itself_at_the_next_look() {
    let of = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&[ESS, BRAIN], settings, Vec::new());
        bench.run_to_ms(1);
        plans::tell_tick(&mut bench, "100");
        equity(&mut bench, "700", "1000");
        bench.run_to_ms(11_000);
        let mode = bench.hash(keys::ESS_MODE.name)["mode"].clone();
        (mode, bench.get(keys::EMERGENCY_STOP.name).is_some())
    };
    assert_eq!(of(&PipelineSettings::default()), ("EMERGENCY".into(), true));
    assert_eq!(of(&audited(&["emergency_ends_itself"])), ("NORMAL".into(), false));
}

/// It stopped the Apply Layer, which was also the only closer.
#[test]
fn an_emergency_stopped_those_who_close() {
    let services = [ESS, BRAIN, "governor", "intent_executor"];
    let of = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&services, settings, Vec::new());
        bench.kernel.exchange_mut().held[0] = -2_000;
        bench.run_to_ms(1);
        equity(&mut bench, "1000", "1000");
        plans::tell_tick(&mut bench, "100");
        bench.run_to_ms(6_000);
        daily_pnl(&mut bench, "-101");
        bench.run_to_ms(60_000);
        bench.kernel.exchange().held[0]
    };
    assert_eq!(of(&PipelineSettings::default()), 0);
    assert_eq!(of(&audited(&["emergency_stops_closers"])), -2_000);
}
