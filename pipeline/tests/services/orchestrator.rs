//! AI orchestrator with the CEO brain: MSE 5.3, and incident I-29. What it says to the engine is seen by what the engine
//! decides.

use pipeline::{PipelineSettings, keys};

use crate::bench::{Bench, audited};
use crate::decisions::climbed;
use crate::portfolios::portfolio;

const ORCHESTRATOR: &str = "orchestrator";
const ALL: [&str; 5] =
    ["market_publisher", "ai_engine", ORCHESTRATOR, "strategy_brain", "risk_brain"];

/// I-29: a black swan stops every signal; once the mode that did was called by another name.
#[test]
fn a_black_swan_stops_the_engine() {
    let settings = PipelineSettings::default();
    let swan = |bench: &mut Bench| portfolio(bench, &[("drawdown", "0.09")]);
    let (calm, bench) = climbed(&ALL, &settings, |_| {});
    assert!(calm > 8, "{calm}");
    assert!(bench.counter(ORCHESTRATOR, "executed") as usize >= calm);
    let (none, mut bench) = climbed(&ALL, &settings, swan);
    assert_eq!(none, 0);
    assert!(bench.counter("ai_engine", "orchestrator_skips") > 8);
    assert_eq!(bench.hash(keys::FUND_MODE.name)["mode"], "BLACK_SWAN");
    // The risk score of that fund is 89.4, which is just not above 90.
    let (some, _) = climbed(&ALL, &audited(&["black_swan_skips_nothing"]), swan);
    assert!(some > 8, "{some}");
}

/// MSE 4.5 step 13, 5.3: whoever is silent, the engine goes on.
#[test]
fn silence_is_no_veto() {
    let settings = PipelineSettings::default();
    for without in [ORCHESTRATOR, "strategy_brain", "risk_brain"] {
        let services: Vec<&str> = ALL.into_iter().filter(|name| *name != without).collect();
        let (count, _) = climbed(&services, &settings, |_| {});
        assert!(count > 8, "without {without}: {count}");
    }
    let dead = |bench: &mut Bench| bench.crash(ORCHESTRATOR, 86_400_000);
    let (count, bench) = climbed(&ALL, &settings, dead);
    assert!(count > 8, "{count}");
    assert!(bench.counter("ai_engine", "orchestrator_time_outs") > 8);
}

/// The mode survives a restart, and a strategy brain that refuses is heard in expansion.
#[test]
fn the_mode_is_on_the_bus() {
    let mut settings = PipelineSettings::default();
    settings.strategy_brain.min_confidence = 1.0;
    let (none, _) = climbed(&ALL, &settings, |_| {});
    assert_eq!(none, 0, "in expansion the strategy brain is asked");
    let defend = |bench: &mut Bench| portfolio(bench, &[("drawdown", "0.04")]);
    let (some, mut bench) = climbed(&ALL, &settings, defend);
    assert!(some > 6, "in defence it is not: {some}");
    bench.crash(ORCHESTRATOR, 1_000);
    bench.run_for_ms(2_000);
    assert_eq!(bench.hash(keys::FUND_MODE.name)["mode"], "DEFENSIVE");
}
