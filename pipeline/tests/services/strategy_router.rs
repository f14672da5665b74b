//! Strategy router: MSE 5.1, and the incidents I-02, I-06, I-07 and I-25.

mod audits;

use engine::{Body, CorrelationId, Envelope, IsoTime, Nanos};
use pipeline::records::{DecisionMade, SignalAction};
use pipeline::{IntentWriter, PipelineSettings, chain, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, audited, instrument};
use crate::decisions::intents;
use crate::portfolios::{portfolio, positions};

const ROUTER: &str = "strategy_router";
const SERVICES: [&str; 3] = [ROUTER, "strategy_brain", "policy_store"];

fn decision(bench: &Bench, number: u128, side: SignalAction, confidence: f64) -> DecisionMade {
    let price = Decimal::from(100);
    // Most fields are told by the engine's own tests.
    let text = format!(
        r#"{{"symbol":"BTCUSDT","side":"{side}","confidence":{confidence},"entry_price":"100","quantity":"200",
        "leverage":5,"stop_loss":"98","take_profit":"103","model":"ensemble","ensemble_confidence":{confidence},
        "strategy":"default","meta_strategy":"default","regime":"unknown","position_size_usd":"200",
        "correlation_id":"{}","timestamp":"2026-02-02T02:40:00"}}"#,
        CorrelationId::from_random(number)
    );
    let json = serde_json::from_str(&text).expect("JSON");
    let made = <DecisionMade as engine::TypedRecord>::from_json(&json).expect("a decision");
    DecisionMade { entry_price: price, timestamp: IsoTime(bench.kernel.now()), ..made }
}

fn router_settings() -> PipelineSettings {
    PipelineSettings { intent_writer: IntentWriter::StrategyRouter, ..PipelineSettings::default() }
}

fn router(services: &[&str]) -> Bench {
    let mut bench = Bench::new(services, &router_settings(), Vec::new());
    bench.run_to_ms(1);
    positions(&mut bench, 0);
    bench
}

fn send(bench: &mut Bench, decision: DecisionMade) {
    bench.publish(streams::AI_DECISION_MADE, Body::message(Envelope::Flat, decision));
}

/// I-06, I-07: a decision is published once, in an envelope that every reader knows.
#[test]
fn the_router_publishes_a_decision_once() {
    let mut bench = router(&SERVICES);
    let first = decision(&bench, 1, SignalAction::Buy, 0.92);
    let (id, again) = (first.correlation_id, first.clone());
    send(&mut bench, first);
    send(&mut bench, again);
    bench.run_for_ms(4_000);
    let published = intents(&mut bench);
    assert_eq!(published.len(), 1, "one decision, one intent");
    let intent = &published[0];
    assert_eq!(intent.correlation_id, Some(id));
    // The first rank at 0.90 or more is worth 1.3 times its size.
    assert_eq!(intent.position_size_usd, Some(Decimal::from(260)));
    assert_eq!((intent.stop_loss, intent.take_profit), (Some(98.into()), Some(103.into())));
    assert!(
        bench.counter(ROUTER, "duplicates") + bench.counter(ROUTER, "decisions_not_picked") > 0
    );
    let ttl = bench.ttl(&keys::ROUTER_DEDUP.of("BTCUSDT:buy"));
    assert!(matches!(ttl, engine::Ttl::Left(left) if left > Nanos::from_secs(290)));
    // Another decision for the same symbol and side, within five minutes: the fingerprint holds it.
    let other = decision(&bench, 2, SignalAction::Buy, 0.92);
    send(&mut bench, other);
    bench.run_for_ms(4_000);
    assert_eq!(intents(&mut bench).len(), 1);
    bench.run_for_ms(300_000);
    positions(&mut bench, 0);
    let later = decision(&bench, 3, SignalAction::Buy, 0.92);
    send(&mut bench, later);
    bench.run_for_ms(4_000);
    assert_eq!(intents(&mut bench).len(), 2);
}

/// I-25: capacity is that of the open positions; nobody's knowledge of it publishes nothing.
#[test]
fn the_router_keeps_to_capacity() {
    let run = |count: Option<u32>, confidence: f64| {
        let mut bench = router(&SERVICES);
        match count {
            Some(count) => positions(&mut bench, count),
            None => portfolio(&mut bench, &[("stale", "true")]),
        }
        let made = decision(&bench, 1, SignalAction::Sell, confidence);
        send(&mut bench, made);
        bench.run_for_ms(5_000);
        intents(&mut bench).len()
    };
    assert_eq!(run(Some(2), 0.76), 1);
    assert_eq!(run(Some(2), 0.74), 0, "MIN_CONFIDENCE");
    assert_eq!(run(Some(3), 0.89), 0, "at the target only the surest open");
    assert_eq!(run(Some(3), 0.90), 1);
    assert_eq!(run(Some(10), 0.95), 0, "no slot is left");
    assert_eq!(run(None, 0.95), 0, "nobody knows");
}

/// MSE 5.2: without the brain's approval the router publishes nothing; it fails closed.
#[test]
fn the_router_asks_the_strategy_brain() {
    let mut alone = router(&[ROUTER, "policy_store"]);
    let made = decision(&alone, 1, SignalAction::Buy, 0.95);
    send(&mut alone, made);
    alone.run_for_ms(5_000);
    assert!(intents(&mut alone).is_empty());
    let mut silent = router(&SERVICES);
    silent.crash("strategy_brain", 60_000);
    let made = decision(&silent, 1, SignalAction::Buy, 0.95);
    send(&mut silent, made);
    silent.run_for_ms(5_000);
    assert!(intents(&mut silent).is_empty());
    assert_eq!(silent.counter(ROUTER, "strategy_brain_silent"), 1);
    let mut settings = router_settings();
    settings.strategy_brain.min_confidence = 0.96;
    let mut strict = Bench::new(&SERVICES, &settings, Vec::new());
    strict.run_to_ms(1);
    positions(&mut strict, 0);
    let made = decision(&strict, 1, SignalAction::Buy, 0.95);
    send(&mut strict, made);
    strict.run_for_ms(5_000);
    assert_eq!(strict.counter(ROUTER, "not_approved"), 1);
}

/// I-02: one writer of intents, by one setting.
#[test]
fn two_writers_of_intents_are_refused() {
    let names = |settings: &PipelineSettings| -> Vec<String> {
        let members = chain(settings, &[instrument()]).expect("a chain");
        members.into_iter().map(|member| member.name).collect()
    };
    let default = names(&PipelineSettings::default());
    assert!(default.iter().any(|name| name == "trading_bot"));
    assert!(!default.iter().any(|name| name == ROUTER));
    let routed = names(&router_settings());
    assert!(!routed.iter().any(|name| name == "trading_bot"));
    assert!(routed.iter().any(|name| name == ROUTER));
    let mut both = PipelineSettings::default();
    both.strategy_router.enabled = true;
    let problem = chain(&both, &[instrument()]).expect_err("refused").to_string();
    assert!(problem.contains("intent_writer = \"strategy_router\""), "{problem}");
    let named = names(&audited(&["two_writers_of_intents"]));
    assert!(["trading_bot", ROUTER].iter().all(|name| named.iter().any(|n| n == name)));
}
