//! Safety telemetry and heartbeats: MSE 16, 1.7, I-34; EHR 4.3, 4.4.

use engine::{GaugeOf, Nanos, SetOptions, Ttl};
use pipeline::records::{OrderSide, PlanAction, TelemetryAlarm};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited};
use crate::plans;

const TELEMETRY: &str = "safety_telemetry";
const BRAIN: &str = "position_state_brain";
const MONITOR: &str = "position_monitor";

fn bench(names: &[&str]) -> Bench {
    let mut all = names.to_vec();
    all.push(TELEMETRY);
    let mut bench = Bench::new(&all, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn alarms(bench: &mut Bench) -> Vec<String> {
    let alarms = bench.records::<TelemetryAlarm>(streams::TELEMETRY_ALARMS);
    alarms.iter().map(|a| format!("{} {} {}", a.alarm, a.subject, a.active)).collect()
}

fn figure(bench: &Bench, name: &str) -> Option<f64> {
    bench.gauge(TELEMETRY, name, GaugeOf::All)
}

#[test]
fn gauges_of_safe_mode_and_intents() {
    let mut bench = bench(&[]);
    bench.run_to_ms(60_500);
    assert_eq!(figure(&bench, "quantum_safety_safe_mode"), Some(0.0));
    assert_eq!(figure(&bench, "quantum_safety_redis_up"), Some(1.0));
    let now = bench.kernel.now();
    let life = SetOptions { expire: Some(Nanos::from_secs(900)), ..SetOptions::default() };
    bench.kernel.bus_mut().set(now, keys::SAFE_MODE.name, b"1", life).expect("a key");
    bench.run_to_ms(120_500);
    assert_eq!(figure(&bench, "quantum_safety_safe_mode"), Some(1.0));
    let ttl = figure(&bench, "quantum_safety_safe_mode_ttl_seconds").expect("a figure");
    assert!((840.0..900.0).contains(&ttl), "{ttl}");
    assert_eq!(figure(&bench, "quantum_safety_fault_stream_length"), Some(0.0));
    assert_eq!(figure(&bench, "quantum_trade_intent_rate_per_min"), Some(0.0));
}

/// 7,996 entries were pending and 1.5 million lost, and no figure told it.
#[test]
fn what_is_pending_and_what_is_lost_is_an_alarm() {
    let mut bench = bench(&[BRAIN]);
    let plan = plans::plan(&bench, PlanAction::Buy, OrderSide::Buy);
    // A group that has never read anything cannot tell what it lost.
    plans::send(&mut bench, &plan);
    bench.crash(BRAIN, 600_000);
    bench.run_for_ms(1);
    let now = bench.kernel.now();
    let stream = streams::APPLY_PLAN.name;
    for _ in 0..1_200 {
        let body = engine::Body::message(engine::Envelope::Flat, plan.clone());
        let bus = bench.kernel.bus_mut();
        bus.xadd(now, stream, body, engine::Trim::Exact(1_100)).expect("an id");
    }
    bench.run_to_ms(60_500);
    // All of them are unread, and a hundred are gone.
    assert_eq!(alarms(&mut bench), ["loss apply.plan/p33 true", "stale position_state_brain true"]);
    let lag = bench.hash(&keys::TELEMETRY_GROUP.of("apply.plan/p33"));
    assert_eq!((lag["lag"].as_str(), lag["backlog"].as_str()), ("1200", "1100"));
    assert_eq!((lag["loss"].as_str(), lag["pending"].as_str()), ("100", "0"));
    let mut read = Vec::new();
    let now = bench.kernel.now();
    let from = engine::ReadFrom::New;
    let bus = bench.kernel.bus_mut();
    bus.xreadgroup(now, stream, "p33", "orphan", from, 1_100, &mut read).expect("a group");
    bench.run_to_ms(120_500);
    assert!(alarms(&mut bench).contains(&"pending apply.plan/p33 true".to_owned()));
    assert_eq!(bench.counter(TELEMETRY, "pending_alarm"), 1);
    assert_eq!(bench.counter(TELEMETRY, "loss_alarm"), 1);
    // What was lost is lost, and no backlog: the alarm ends.
    assert!(alarms(&mut bench).contains(&"loss apply.plan/p33 false".to_owned()));
    let lag = bench.hash(&keys::TELEMETRY_GROUP.of("apply.plan/p33"));
    assert_eq!((lag["lag"].as_str(), lag["backlog"].as_str()), ("100", "0"));
    assert_eq!(lag["loss"], "0");
}

/// A lag of 1.5 million was history: the group had read all that there was.
#[test]
fn history_was_taken_for_a_backlog() {
    let told = |settings: &PipelineSettings| {
        let mut bench = Bench::new(&[BRAIN, TELEMETRY], settings, Vec::new());
        bench.run_to_ms(1);
        let plan = plans::plan(&bench, PlanAction::Buy, OrderSide::Buy);
        plans::send(&mut bench, &plan);
        bench.crash(BRAIN, 600_000);
        bench.run_for_ms(1);
        let (now, stream) = (bench.kernel.now(), streams::APPLY_PLAN.name);
        let bus = bench.kernel.bus_mut();
        for _ in 0..500 {
            let body = engine::Body::message(engine::Envelope::Flat, plan.clone());
            bus.xadd(now, stream, body, engine::Trim::Exact(100)).expect("an id");
        }
        let mut read = Vec::new();
        let from = engine::ReadFrom::New;
        bus.xreadgroup(now, stream, "p33", "other", from, 100, &mut read).expect("a group");
        bench.run_to_ms(60_500);
        let lag = bench.hash(&keys::TELEMETRY_GROUP.of("apply.plan/p33"));
        ["lag", "backlog", "loss"].map(|field| lag[field].clone())
    };
    assert_eq!(told(&PipelineSettings::default()), ["400", "0", "0"]);
    assert_eq!(told(&audited(&["lag_is_backlog"])), ["400", "100", "300"]);
}

#[test]
fn every_service_has_a_heartbeat_and_a_dead_one_is_an_alarm() {
    let mut bench = bench(&[BRAIN, MONITOR]);
    bench.run_to_ms(60_500);
    let beat = bench.hash(&keys::HEARTBEAT.of(BRAIN));
    assert_eq!((beat["alive"].as_str(), beat["stale"].as_str()), ("true", "false"));
    assert!(beat["outputs"].parse::<u64>().expect("a number") > 0);
    assert!(matches!(bench.ttl(&keys::HEARTBEAT.of(BRAIN)), Ttl::Left(_)));
    bench.crash(BRAIN, 100_000);
    bench.run_to_ms(120_500);
    assert_eq!(bench.hash(&keys::HEARTBEAT.of(BRAIN))["alive"], "false");
    assert_eq!(alarms(&mut bench), ["stale position_state_brain true"]);
    bench.run_to_ms(240_500);
    assert_eq!(alarms(&mut bench)[1..], ["stale position_state_brain false"]);
    assert_eq!(figure(&bench, "services_alive"), Some(2.0));
    assert_eq!(bench.counter(TELEMETRY, "staleness_alarm"), 1);
}

/// INC-2, INC-3: a service was up, its input grew, and it did nothing.
#[test]
fn inputs_without_an_output_for_five_minutes_are_an_alarm() {
    let mut bench = bench(&["trade_logger"]);
    let mut unknown = plans::round_trip(&bench, 1, "1", "0");
    unknown.symbol = engine::Symbol::new("XYZUSDT").expect("a symbol");
    for minute in 1..=8 {
        bench.run_to_ms(minute * 60_000 - 10_000);
        plans::tell_trade(&mut bench, &unknown);
    }
    bench.run_to_ms(480_500);
    assert_eq!(alarms(&mut bench), ["idle trade_logger true"]);
    let known = plans::round_trip(&bench, 2, "1", "0");
    plans::tell_trade(&mut bench, &known);
    bench.run_to_ms(540_500);
    assert_eq!(alarms(&mut bench)[1..], ["idle trade_logger false"]);
    // One that gets nothing is not idle.
    bench.run_to_ms(1_200_500);
    assert_eq!(alarms(&mut bench).len(), 2);
}
