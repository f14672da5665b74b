//! What the pipeline lacks without each of its services: every one of the catalogue is taken out of a whole run, and
//! a stream, a key, a count or a gauge that the others left is gone, or a count tells that it is missed.
//!
//! Where a service only tells, what is gone is its own; otherwise the row names what others do no more.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use datasets::synthetic::{SyntheticConfig, SyntheticFeed};
use engine::{
    DigestOnly, FeedLatency, Kernel, KernelConfig, Link, MemoryBus, Nanos, ServiceId, Symbol,
};
use pipeline::keys::KEYS;
use pipeline::streams::STREAMS;
use pipeline::{PipelineSettings, SERVICES, chain};
use rayon::prelude::*;
use rust_decimal::Decimal;
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};

/// The settings of a run, as a scenario would give them.
const DEFAULTS: &str = "{}";
const ROUTER: &str = r#"{"intent_writer": "strategy_router"}"#;
const EXECUTION_SERVICE: &str = r#"{"execution_path": "execution_service"}"#;
const GENERATED_UNIVERSE: &str = r#"{"universe_generator": {"enabled": true}}"#;
/// A dollar below the peak is an emergency.
const EMERGENCY: &str = r#"{"emergency_stop": {"drawdown_max": 0.0001}}"#;
/// Models are trained every hour, of a few trades.
const LEARNING: &str = r#"{
    "clm": {"min_interval_s": 3600, "min_trades": 1},
    "trainer": {"min_samples": 1, "takes_s": 5}
}"#;
/// The fund expands whatever it has won.
const EXPANSION: &str = r#"{"orchestrator": {"expansion_win_rate": 0.0, "expansion_risk": 0.0}}"#;

/// What is gone without a service, and what appears in its place.
struct Removal {
    service: &'static str,
    settings: &'static str,
    gone: &'static [&'static str],
    appears: &'static [&'static str],
}

const fn without(service: &'static str, gone: &'static [&'static str]) -> Removal {
    Removal { service, settings: DEFAULTS, gone, appears: &[] }
}

impl Removal {
    const fn with(self, settings: &'static str) -> Removal {
        Removal { settings, ..self }
    }

    const fn appears(self, appears: &'static [&'static str]) -> Removal {
        Removal { appears, ..self }
    }
}

const REMOVALS: &[Removal] = &[
    // Market data: without bars and their state nothing is decided.
    without("market_publisher", &["stream market.klines", "stream ai.decision.made"]),
    without("market_state", &["stream marketstate", "stream execution.result"]),
    without("exchange_stream_bridge", &["stream exchange.raw", "stream exchange.normalized"]),
    without("cross_exchange_aggregator", &["stream exchange.normalized"]),
    without("price_feed", &["stream market_events", "key quantum:ticker:{S}"]),
    // Signals and learning.
    without("ai_engine", &["stream ai.decision.made", "stream trade.intent"]),
    without("strategy_router", &["stream trade.intent", "stream execution.result"]).with(ROUTER),
    without("orchestrator", &["key quantum:orchestrator:mode", "stream execution.result"])
        .appears(&["ai_engine orchestrator_missing", "intent_bridge dropped_mode_unknown"]),
    without("strategy_brain", &["strategy_brain approved"])
        .with(EXPANSION)
        .appears(&["orchestrator strategy_brain_missing"]),
    without("risk_brain", &[]).appears(&["orchestrator risk_brain_missing"]),
    without("rl_sizing_agent", &["key quantum:rl:sizing:outcomes"]),
    without("rl_shadow", &["key quantum:rl:policy:{S}"]),
    without("reward_publisher", &["key quantum:rl:reward:{S}", "rl_monitor rewards_noted"]),
    without("rl_monitor", &["key quantum:rl:history:{S}"]),
    without("feedback_bridge", &["key quantum:ai_state:{S}", "key quantum:ai_policy_adjustment"]),
    without("clm", &["stream model.training_started", "key quantum:clm:model:{model}"])
        .with(LEARNING),
    without("trainer", &["stream model.training_completed", "key quantum:clm:model:{model}"])
        .with(LEARNING)
        .appears(&["clm trainer_missing"]),
    without("trading_bot", &["stream trade.intent", "stream execution.result"]),
    // Policy, regime and capital.
    without("policy_store", &["stream policy.updated", "stream execution.result"]),
    without("universe_generator", &["key quantum:universe:bars:{S}:15m"]).with(GENERATED_UNIVERSE),
    without("universe_service", &["key quantum:cfg:universe:active"])
        .appears(&["intent_bridge venue_list_unknown"]),
    without("meta_regime", &["stream meta.regime", "stream governance.events"]),
    without(
        "portfolio_governance",
        &["key quantum:governance:policy", "stream portfolio.memory", "stream execution.result"],
    )
    .appears(&["intent_bridge dropped_governance_unknown"]),
    without("portfolio_clusters", &["key quantum:portfolio:cluster_state"]),
    without(
        "portfolio_risk_governor",
        &["key quantum:portfolio:budget:{S}", "stream allocation.decision"],
    ),
    without(
        "capital_allocation",
        &["stream allocation.decision", "stream allocation.target.proposed"],
    ),
    without("allocation_target", &["stream allocation.target.proposed"]),
    without("capital_efficiency", &["stream capital.efficiency.decision"]),
    without("performance_attribution", &["stream alpha.attribution"]),
    // Entry and execution: each permit is needed.
    without("intent_bridge", &["stream execution.result", "stream trade.closed"]),
    without("governor", &["stream execution.result"])
        .appears(&["intent_executor governor_permit_missing_or_denied"]),
    without("position_state_brain", &["stream position.snapshot", "stream execution.result"]),
    without("portfolio_gate", &["stream harvest.calibrated", "apply_layer orders_closed"])
        .appears(&["apply_layer plans_missing_p26"]),
    without("heat_bridge", &["apply_layer p28_late_found"])
        .appears(&["apply_layer p28_late_missing"]),
    without("apply_layer", &["stream apply.heat.observed", "stream portfolio.gate"]),
    without("intent_executor", &["stream execution.result", "stream trade.closed"]),
    without("execution_service", &["stream execution.result"]).with(EXECUTION_SERVICE),
    // Exits and harvest.
    without("risk_proposal", &["key quantum:risk:proposal:{S}", "exit_monitor stops_tightened"]),
    without("harvest_proposal", &["stream harvest.proposal", "apply_layer orders_closed"]),
    without("harvest_brain", &["stream harvest.suggestions"]),
    without("exit_brain", &["stream exitbrain.pnl", "stream adaptive_levels"]),
    without("exit_monitor", &["key quantum:state:stops:{S}", "intent_executor orders_closed"]),
    without("exposure_balancer", &["stream executor.commands"]),
    without("emergency_stop", &["stream event.ess", "key trading:emergency_stop"]).with(EMERGENCY),
    // State and books.
    without("balance_tracker", &["key quantum:equity:current", "stream execution.result"])
        .appears(&["emergency_stop health_critical", "key trading:emergency_stop"]),
    without(
        "portfolio_state_publisher",
        &["key quantum:state:portfolio", "stream execution.result"],
    ),
    without("reconcile_engine", &["stream reconcile.events"]),
    without("ledger_sync", &["key quantum:position:{S}"]),
    without("position_monitor", &["stream trade.closed", "trade_logger trades_logged"]),
    without("trade_logger", &["key quantum:symbol:performance:{S}", "stream risk.events"]),
    without("exit_intelligence", &["exit_intelligence quantum_exit_exits_total"]),
    without("metric_pack", &["metric_pack quantum_exit_events_processed_total"]),
    without("safety_telemetry", &["stream heartbeat", "stream telemetry.alarms"]),
    without("contract_check", &["key quantum:contract:last"]),
    without("dashboard", &["key quantum:dashboard"]),
];

/// Fourteen hours of a made market that crashes after ten. What the run leaves behind: streams with entries, keys, and
/// what services count and gauge.
fn traces(settings: &str, removed: Option<&str>) -> BTreeSet<String> {
    let settings: PipelineSettings = serde_json::from_str(settings).expect("settings");
    let market = SyntheticConfig { minutes: 840, ..SyntheticConfig::default() };
    let instruments = market.instruments();
    let start = Nanos::from_millis(market.start_ms);
    let latency =
        Latency::Constant { request: Nanos::from_millis(5), response: Nanos::from_millis(5) };
    let wallet = Decimal::from(10_000);
    let config = ExchangeConfig::new(instruments.clone(), start, wallet, latency, Funding::Data);
    let exchange = SimExchange::new(config).expect("an exchange");
    let feed = SyntheticFeed::new(&market, 7).expect("a market");
    let mut members = chain(&settings, &instruments).expect("a chain");
    if let Some(removed) = removed {
        let before = members.len();
        members.retain(|member| member.name != removed);
        assert_eq!(members.len() + 1, before, "{removed} does not run");
    }
    let symbols: Vec<Symbol> = instruments.iter().map(|instrument| instrument.symbol).collect();
    let link = Link { latency: Nanos::from_micros(300), jitter: Nanos::ZERO };
    let config = KernelConfig {
        seed: 7,
        start,
        instruments,
        link,
        links: Default::default(),
        call_link: link,
        feed_latency: FeedLatency::NONE,
    };
    let bus = Box::new(MemoryBus::new());
    let mut kernel = Kernel::new(config, bus, exchange, feed, members, Box::new(DigestOnly));
    let mut left = BTreeSet::new();
    // Hour by hour, because keys go away again.
    for hour in 1..=14 {
        kernel.run_until(start + Nanos::from_secs(3_600 * hour)).expect("a run");
        let now = kernel.now();
        let bus = kernel.bus_mut();
        let mut any = |stream: &str| bus.xlen(now, stream).expect("a stream") > 0;
        left.extend(STREAMS.iter().filter(|s| any(s.name)).map(|s| format!("stream {}", s.event)));
        let bus = kernel.bus_mut();
        let mut any = |key: &pipeline::keys::Key| {
            match key.part {
                "" => bus.exists(now, key.name),
                // The name of one kind of key may begin as that of another.
                "S" => symbols.iter().any(|symbol| bus.exists(now, &key.of(symbol))),
                _ => !bus.scan(now, &format!("{}*{}", key.name, key.after)).is_empty(),
            }
        };
        left.extend(KEYS.iter().filter(|key| any(key)).map(|key| format!("key {}", key.pattern())));
    }
    for (place, name) in kernel.services().iter().enumerate() {
        let counters = kernel.counters(ServiceId(place as u16)).into_iter().flatten();
        let counted = counters.filter(|(_, count)| **count > 0);
        left.extend(counted.map(|(counter, _)| format!("{name} {counter}")));
    }
    left
}

#[test]
fn every_service_is_missed() {
    let removed: BTreeSet<&str> = REMOVALS.iter().map(|removal| removal.service).collect();
    assert_eq!(removed, SERVICES.iter().copied().collect(), "a row for every service");
    assert_eq!(removed.len(), REMOVALS.len(), "one row for each");

    let settings: BTreeSet<&str> = REMOVALS.iter().map(|removal| removal.settings).collect();
    let settings: Vec<&str> = settings.into_iter().collect();
    let whole: BTreeMap<&str, BTreeSet<String>> =
        settings.par_iter().map(|settings| (*settings, traces(settings, None))).collect();
    let wrong = REMOVALS.par_iter().flat_map_iter(|removal| {
        let (whole, without) =
            (&whole[removal.settings], traces(removal.settings, Some(removal.service)));
        assert!(
            !removal.gone.is_empty() || !removal.appears.is_empty(),
            "{}: what is missed?",
            removal.service
        );
        let says = |what: &str, text: &str| format!("{}: {text} {what}", removal.service);
        let mut wrong = Vec::new();
        for gone in removal.gone {
            if !whole.contains(*gone) {
                wrong.push(says("is not even there with it", gone));
            } else if without.contains(*gone) {
                wrong.push(says("is there without it", gone));
            }
        }
        for appears in removal.appears {
            if whole.contains(*appears) {
                wrong.push(says("is there with it", appears));
            } else if !without.contains(*appears) {
                wrong.push(says("does not appear without it", appears));
            }
        }
        wrong
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
