//! RL shadow: the policy of MSE 7.2, the agent of MSE 7.3 whose multiplier nobody trades, and incident I-15.

mod audits;

use engine::GaugeOf;
use pipeline::records::DecisionMade;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START};
use crate::outcomes::{close, decided, send, symbol};

const SHADOW: &str = "rl_shadow";

fn bench() -> Bench {
    let mut bench = Bench::new(&[SHADOW], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// MSE 7.2: the policy is renewed every 30 s.
#[test]
fn the_policy_is_published() {
    let mut bench = bench();
    bench.run_to_ms(61_000);
    let policy = bench.get(&keys::RL_POLICY.of(symbol())).expect("a policy");
    assert!(policy.contains("hold") && policy.contains("1770000060"), "{policy}");
    // Nobody trades ETH here.
    assert_eq!(bench.get("quantum:rl:policy:ETHUSDT"), None);
}

/// I-15: it learns from closed trades of whose beginning it knows.
#[test]
fn the_agent_learns_from_closed_trades() {
    let mut bench = bench();
    send(&mut bench, streams::AI_DECISION_MADE, decided(1, START));
    close(&mut bench, 1, 10);
    assert_eq!(bench.counter(SHADOW, "experiences"), 1);
    // A trade without a decision that it has seen is no experience, and one that comes again is none twice.
    for number in [2, 1] {
        close(&mut bench, number, 10);
    }
    assert_eq!(bench.counter(SHADOW, "experiences"), 1);
    assert_eq!(bench.counter(SHADOW, "trades_without_state"), 2);
}

/// MSE 7.3 without a network: 0.5 + 0.5 · 0.8 - 0.15 · 1. MSE 7.2: how often the gate let the policy pass.
#[test]
fn decisions_are_analysed_and_not_changed() {
    let mut bench = bench();
    for (number, passes) in [(1, false), (2, true), (3, false), (4, false)] {
        let decision = DecisionMade { rl_gate_pass: Some(passes), ..decided(number, START) };
        send(&mut bench, streams::AI_DECISION_MADE, decision);
    }
    let multiplier = bench.gauge(SHADOW, "rl_size_multiplier", GaugeOf::Symbol(symbol()));
    assert!((multiplier.expect("a multiplier") - 0.75).abs() < 1e-12, "{multiplier:?}");
    assert_eq!(bench.gauge(SHADOW, "quantum_rl_gate_pass_rate", GaugeOf::All), Some(0.25));
    assert_eq!(bench.counter(SHADOW, "quantum_rl_intents_analyzed_total"), 4);
    assert_eq!(bench.counter(SHADOW, "quantum_rl_gate_passes_total"), 1);
    assert_eq!(bench.counter(SHADOW, "quantum_rl_gate_failures_total"), 3);
    assert_eq!(bench.entries(streams::AI_DECISION_MADE.name).len(), 4, "it decides nothing");
}

/// The policy has no life: its readers judge it by its time, which goes on with a successor.
#[test]
fn a_policy_grows_old_while_it_is_down() {
    let mut bench = bench();
    let made_at = |bench: &mut Bench| {
        let text = bench.get(&keys::RL_POLICY.of(symbol())).expect("a policy");
        let policy: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        policy["timestamp"].as_f64().expect("a time") as i64 - START.secs()
    };
    bench.run_to_ms(31_000);
    bench.crash(SHADOW, 600_000);
    bench.run_to_ms(630_000);
    assert_eq!(made_at(&mut bench), 30);
    bench.run_to_ms(632_000);
    assert_eq!(made_at(&mut bench), 631);
}
