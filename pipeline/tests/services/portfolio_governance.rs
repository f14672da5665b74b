//! Portfolio governance: MSE 15.1, 15.2 with its REQUIRED one owner.

use engine::{Body, CorrelationId, Envelope, EpochSeconds};
use pipeline::records::{GovernanceEvent, MemoryEntry, MetaRegimeState, PositionSide, TradeClosed};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, audited, instrument};
use crate::plans::decimal;
use crate::venues::bar;

const GOVERNANCE: &str = "portfolio_governance";

fn bench() -> Bench {
    let mut bench = Bench::new(&[GOVERNANCE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn close(bench: &mut Bench, pnl_percent: &str) {
    let now = EpochSeconds(bench.kernel.now());
    let trade = TradeClosed {
        symbol: instrument().symbol,
        side: PositionSide::Long,
        entry_price: decimal("100"),
        exit_price: decimal("101"),
        quantity: decimal("2"),
        pnl_usd: decimal("2"),
        pnl_percent: decimal(pnl_percent),
        fees: decimal("0.1"),
        confidence: Some(0.8),
        model: None,
        leverage: Some(5),
        order_id: 1,
        reason: "TAKE_PROFIT".into(),
        plan_id: "p".into(),
        correlation_id: CorrelationId::from_random(1),
        opened_at: now,
        closed_at: now,
    };
    let envelope = Envelope::Bus {
        event_type: "trade.closed",
        source: "test",
        correlation_id: CorrelationId::from_random(1),
        time: bench.kernel.now(),
    };
    bench.publish(streams::TRADE_CLOSED, Body::message(envelope, trade));
}

fn regime(bench: &mut Bench, regime: &'static str, confidence: f64) {
    let state = MetaRegimeState {
        regime: regime.into(),
        volatility: 0.01,
        trend: 0.0,
        confidence,
        price: 100.0,
        samples: 60,
        pnl: None,
        iteration: 1,
        timestamp: EpochSeconds(bench.kernel.now()),
    };
    bench.publish(streams::META_REGIME, Body::message(Envelope::Flat, state));
}

fn policy(bench: &mut Bench) -> String {
    bench.get(keys::GOVERNANCE_POLICY.name).expect("a policy")
}

#[test]
fn it_begins_balanced_with_all_its_keys() {
    let mut bench = bench();
    assert_eq!(policy(&mut bench), "BALANCED");
    assert_eq!(bench.get("quantum:governance:param:max_leverage").as_deref(), Some("20"));
    assert_eq!(bench.get("quantum:governance:param:max_position_pct").as_deref(), Some("0.25"));
    let params = bench.get(keys::GOVERNANCE_PARAMS.name).expect("parameters");
    assert!(params.contains("\"min_confidence\":0.65"), "{params}");
    bench.run_for_ms(30_000);
    assert_eq!(bench.get(keys::GOVERNANCE_SCORE.name).as_deref(), Some("0"));
    let decision = bench.get(keys::GOVERNANCE_LAST_DECISION.name).expect("a decision");
    assert!(decision.contains("\"reason\":\"kept\""), "{decision}");
}

#[test]
fn a_sure_regime_sets_the_policy_and_an_unsure_or_old_one_does_not() {
    let mut bench = bench();
    regime(&mut bench, "BULL", 0.7);
    bench.run_for_ms(30_000);
    assert_eq!(policy(&mut bench), "BALANCED");
    regime(&mut bench, "BULL", 0.8);
    bench.run_for_ms(30_000);
    assert_eq!(policy(&mut bench), "AGGRESSIVE");
    assert_eq!(bench.get("quantum:governance:param:max_leverage").as_deref(), Some("30"));
    let events: Vec<GovernanceEvent> = bench.records(streams::GOVERNANCE_EVENTS);
    let event = &events[0];
    assert_eq!((event.old_policy.as_ref(), event.reason.as_ref()), ("BALANCED", "regime"));
    regime(&mut bench, "BEAR", 0.9);
    // Nobody decides until the regime is old.
    bench.crash(GOVERNANCE, 130_000);
    bench.run_for_ms(170_000);
    assert_eq!(policy(&mut bench), "AGGRESSIVE", "kept over the crash");
    assert!(bench.counter(GOVERNANCE, "regime_stale") > 0);
}

#[test]
fn how_sure_a_regime_has_to_be_is_a_setting() {
    let mut settings = PipelineSettings::default();
    settings.portfolio_governance.regime_confidence_min = 0.9;
    for (confidence, policy_then) in [(0.9, "BALANCED"), (0.91, "AGGRESSIVE")] {
        let mut bench = Bench::new(&[GOVERNANCE], &settings, Vec::new());
        bench.run_to_ms(1);
        regime(&mut bench, "BULL", confidence);
        bench.run_for_ms(30_000);
        assert_eq!(policy(&mut bench), policy_then, "{confidence}");
    }
}

/// Fifty trades that lost: the score is below 0.3, and a bull market does not outvote it.
#[test]
fn one_owner_takes_the_stricter_of_score_and_regime() {
    let mut bench = bench();
    for _ in 0..50 {
        close(&mut bench, "-1");
    }
    regime(&mut bench, "BULL", 0.9);
    bench.run_for_ms(30_000);
    assert_eq!(policy(&mut bench), "CONSERVATIVE");
    bench.run_for_ms(60_000);
    let events: Vec<GovernanceEvent> = bench.records(streams::GOVERNANCE_EVENTS);
    assert_eq!(events.len(), 1, "nobody writes over it");
    let memory: Vec<MemoryEntry> = bench.records(streams::PORTFOLIO_MEMORY);
    assert_eq!(memory.len(), 50);
    let first = &memory[0];
    assert_eq!((first.pnl, first.position_size, first.leverage), (-0.01, 200.0, 5.0));
    assert_eq!(first.exit_reason, "TAKE_PROFIT");
    let stats = bench.get(keys::GOVERNANCE_REGIME_STATS.name).expect("statistics");
    assert!(stats.contains("UNKNOWN"), "{stats}");
}

/// MSE 15.2: two writers, and the policy was that of the last one.
#[test]
fn regime_and_score_wrote_over_each_other() {
    let services = ["exchange_stream_bridge", "meta_regime", GOVERNANCE];
    let climb = |minute: i64| {
        let price = libm::rint(1e6 * libm::exp(0.002 * minute as f64)) as i64;
        bar(60_000 * minute, 0, price, 1)
    };
    for (names, policies) in [
        (&[][..], ["CONSERVATIVE", "CONSERVATIVE"]),
        (&["regime_overwrites_policy"], ["CONSERVATIVE", "AGGRESSIVE"]),
    ] {
        let mut settings = audited(names);
        settings.meta_regime.interval_s = 20;
        let mut bench = Bench::new(&services, &settings, (1..=90).map(climb).collect());
        bench.run_to_ms(61 * 60_000);
        for _ in 0..50 {
            close(&mut bench, "-1");
        }
        // It looks every 30 s, the regime every 20.
        bench.run_to_ms(62 * 60_000 + 35_000);
        let after_score = policy(&mut bench);
        bench.run_to_ms(62 * 60_000 + 45_000);
        assert_eq!([after_score, policy(&mut bench)], policies);
    }
}

#[test]
fn trades_teach_which_regime_is_best() {
    let mut bench = bench();
    regime(&mut bench, "RANGE", 0.6);
    for _ in 0..6 {
        close(&mut bench, "3");
    }
    regime(&mut bench, "BULL", 0.6);
    for _ in 0..6 {
        close(&mut bench, "1");
    }
    bench.run_for_ms(30_000);
    let best = bench.get(keys::GOVERNANCE_PREFERRED_REGIME.name);
    assert_eq!(best.as_deref(), Some("RANGE"));
}

#[test]
fn a_successor_remembers() {
    let mut bench = bench();
    for _ in 0..50 {
        close(&mut bench, "-1");
    }
    bench.run_for_ms(30_000);
    bench.crash(GOVERNANCE, 10);
    bench.run_for_ms(30_100);
    let decision = bench.get(keys::GOVERNANCE_LAST_DECISION.name).expect("a decision");
    assert!(decision.contains("\"samples\":50"), "{decision}");
    assert_eq!(bench.entries(streams::PORTFOLIO_MEMORY.name).len(), 50);
}

#[test]
fn a_policy_that_is_none_is_counted_and_replaced() {
    let mut bench = bench();
    bench.set(keys::GOVERNANCE_POLICY.name, "RECKLESS");
    bench.crash(GOVERNANCE, 10);
    bench.run_for_ms(100);
    assert_eq!(policy(&mut bench), "BALANCED");
    assert_eq!(bench.counter(GOVERNANCE, "policy_unreadable"), 1);
}
