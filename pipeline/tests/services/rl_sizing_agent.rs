//! RL sizing agent: MSE 7.1, and incident I-26.

use engine::JsonText;
use pipeline::records::DecisionMade;
use pipeline::{PipelineSettings, keys, streams};
use strategies::learning::{SizeState, SizeTable, SizeView};

use crate::bench::{Bench, START};
use crate::outcomes::{close, decided, send};

/// MSE 7.1: real outcomes replace the made-up ones, however few they are, and a restart forgets none.
#[test]
fn the_sizing_agent_knows_what_trades_brought() {
    let mut bench = Bench::new(&["rl_sizing_agent"], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    let key = keys::RL_SIZING_OUTCOMES.name;
    assert!(bench.hash(key).is_empty(), "nothing is made up");
    for (number, percent) in [(1, 3), (2, -2), (3, 3), (4, 3)] {
        close(&mut bench, number, percent);
    }
    let told = |bench: &mut Bench| {
        let hash = bench.hash(key);
        ["count", "win_rate"].map(|field| hash[field].clone())
    };
    assert_eq!(told(&mut bench), ["4", "0.75"]);
    bench.crash("rl_sizing_agent", 1_000);
    bench.run_for_ms(2_000);
    close(&mut bench, 5, 3);
    assert_eq!(told(&mut bench), ["5", "0.8"]);
}

/// I-26: what is learned is the action that was executed.
#[test]
fn the_table_learns_the_executed_action() {
    let mut settings = PipelineSettings::default();
    settings.ai_engine.sizing_mode = pipeline::SizingMode::Table;
    let mut bench = Bench::new(&["rl_sizing_agent"], &settings, Vec::new());
    bench.run_to_ms(1);
    let view = SizeView {
        atr_pct: 0.02,
        adx: 0.0,
        trend: 0.0,
        confidence: 0.8,
        exposure_pct: 0.0,
        win_rate: 0.5,
    };
    let state: SizeState = view.state().expect("a state");
    let decision = DecisionMade {
        sizing_state: Some(JsonText(state)),
        sizing_action: Some(40),
        ..decided(7, START)
    };
    send(&mut bench, streams::AI_DECISION_MADE, decision);
    close(&mut bench, 7, 3);
    let text = bench.get(keys::RL_SIZING_TABLE.name).expect("a table");
    let table: SizeTable = serde_json::from_str(&text).expect("a table");
    let (own, other) = (40.try_into().expect("one"), 41.try_into().expect("one"));
    let fresh = SizeTable::default();
    assert_ne!(table.value(state, own), fresh.value(state, own));
    assert_eq!(table.value(state, other), fresh.value(state, other));
    // A trade that nobody's table sized teaches it nothing.
    close(&mut bench, 8, 3);
    assert_eq!(bench.counter("rl_sizing_agent", "actions_learned"), 1);
    bench.set(keys::RL_SIZING_TABLE.name, "no table");
    bench.crash("rl_sizing_agent", 1);
    bench.run_for_ms(100);
    assert_eq!(bench.counter("rl_sizing_agent", "table_unreadable"), 1);
}
