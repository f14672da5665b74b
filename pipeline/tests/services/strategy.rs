//! Router, brains and orchestrator: MSE 5, and the incidents I-02, I-06, I-07, I-25 and I-29.

use engine::{Body, CorrelationId, Envelope, IsoTime, Nanos};
use pipeline::records::{DecisionMade, SignalAction, TradeIntent};
use pipeline::{IntentWriter, PipelineSettings, chain, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, START, audited, instrument};

const ROUTER: &str = "strategy_router";

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

/// The portfolio as its publisher writes it, with so many open positions.
fn positions(bench: &mut Bench, count: u32) {
    portfolio(bench, &[("positions_count", &count.to_string())]);
}

fn portfolio(bench: &mut Bench, changes: &[(&str, &str)]) {
    let zero = [
        "unrealized_pnl_usd",
        "positions_count",
        "positions_notional_usd",
        "gross_exposure_usd",
        "drawdown",
        "dd_ewma_usd",
        "lossburst_ewma_usd",
        "fee_burden_ewma_usd",
        "churn_ewma",
    ];
    let key = keys::PORTFOLIO.name;
    bench.hset(key, &zero.map(|field| (field, "0")));
    bench.hset(
        key,
        &[
            ("ts_utc", "2026-02-02T02:40:00"),
            ("timestamp", "1770000000"),
            ("equity_usd", "1000"),
            ("balance_usd", "1000"),
            ("peak_equity_usd", "1000"),
            ("stale", "false"),
            ("source", "account"),
        ],
    );
    bench.hset(key, changes);
}

fn send(bench: &mut Bench, decision: DecisionMade) {
    bench.publish(streams::AI_DECISION_MADE, Body::message(Envelope::Flat, decision));
}

fn intents(bench: &mut Bench) -> Vec<TradeIntent> {
    bench.records(streams::TRADE_INTENT)
}

const SERVICES: [&str; 3] = [ROUTER, "strategy_brain", "policy_store"];

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

/// I-06: the second question always found what the first had written.
#[test]
fn the_router_asked_twice_and_published_nothing() {
    let settings =
        |names: &[&str]| PipelineSettings { audited: audited(names).audited, ..router_settings() };
    for (names, published) in [(&[][..], 1), (&["router_dedups_twice"], 0)] {
        let mut bench = Bench::new(&SERVICES, &settings(names), Vec::new());
        bench.run_to_ms(1);
        positions(&mut bench, 0);
        let made = decision(&bench, 1, SignalAction::Buy, 0.92);
        send(&mut bench, made);
        bench.run_for_ms(4_000);
        assert_eq!(intents(&mut bench).len(), published);
        assert_eq!(bench.counter(ROUTER, "duplicates"), 1 - published as u64);
    }
}

/// I-25: the number of open orders was that of the deployment.
#[test]
fn the_routers_capacity_was_kept_by_hand() {
    for (names, published, told) in [(&[][..], 0, "1"), (&["capacity_by_hand"], 1, "0")] {
        let settings = PipelineSettings { audited: audited(names).audited, ..router_settings() };
        let services = [&SERVICES[..], &["position_monitor"]].concat();
        let mut bench = Bench::new(&services, &settings, Vec::new());
        bench.run_to_ms(1);
        positions(&mut bench, 10);
        let held = [
            ("symbol", "BTCUSDT"),
            ("position_amt", "2"),
            ("side", "LONG"),
            ("entry_price", "100"),
            ("mark_price", "100"),
            ("unrealized_pnl", "0"),
            ("leverage", "10"),
            ("ts_epoch", "1770000000"),
            ("source", "p33_poll"),
        ];
        bench.hset(&keys::POSITION_SNAPSHOT.of("BTCUSDT"), &held);
        bench.run_for_ms(31_000);
        let made = decision(&bench, 1, SignalAction::Buy, 0.95);
        send(&mut bench, made);
        bench.run_for_ms(4_000);
        assert_eq!(intents(&mut bench).len(), published);
        assert_eq!(bench.get(keys::OPEN_ORDERS.name).as_deref(), Some(told));
    }
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
    let problem = chain(&both, &[instrument()]).err().expect("refused").to_string();
    assert!(problem.contains("intent_writer = \"strategy_router\""), "{problem}");
    let named = names(&audited(&["two_writers_of_intents"]));
    assert!(["trading_bot", ROUTER].iter().all(|name| named.iter().any(|n| n == name)));
}

/// What the orchestrator says to the engine, seen by what the engine decides.
mod veto {
    use super::{Bench, PipelineSettings, START, audited, intents, portfolio};
    use engine::{
        AccountBalance, Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex,
    };
    use pipeline::{keys, streams};

    const ALL: [&str; 5] =
        ["market_publisher", "ai_engine", "orchestrator", "strategy_brain", "risk_brain"];
    const MINUTE_MS: i64 = 60_000;

    fn climb(minutes: i64) -> Vec<MarketEvent> {
        let bar = |minute: i64| {
            let close = PriceTicks(1_000_000 + 1_000 * minute);
            let bar = Bar {
                open: close,
                high: close,
                low: close,
                close,
                volume: QtyLots(1_000),
                interval_ms: 60_000,
                path_passed: false,
            };
            let time = START + Nanos::from_millis(minute * MINUTE_MS - 500);
            MarketEvent::new(time, SymbolIndex(0), MarketData::Bar(bar))
        };
        (1..=minutes).map(bar).collect()
    }

    /// Decisions of 80 minutes of a climbing market, after this preparation.
    fn decisions(
        services: &[&str],
        settings: &PipelineSettings,
        prepare: impl Fn(&mut Bench),
    ) -> (usize, Bench) {
        let mut bench = Bench::new(services, settings, climb(80));
        bench.run_to_ms(1);
        let equity = [("equity", "5000"), ("peak", "5000"), ("last_update_ts", "1770000000")];
        bench.hset(keys::EQUITY_CURRENT.name, &equity);
        portfolio(&mut bench, &[]);
        prepare(&mut bench);
        bench.run_to_ms(80 * MINUTE_MS);
        let count = bench.entries(streams::AI_DECISION_MADE.name).len();
        (count, bench)
    }

    /// I-29: a black swan stops every signal; once the mode that did was called by another name.
    #[test]
    fn a_black_swan_stops_the_engine() {
        let settings = PipelineSettings::default();
        let swan = |bench: &mut Bench| portfolio(bench, &[("drawdown", "0.09")]);
        let (calm, bench) = decisions(&ALL, &settings, |_| {});
        assert!(calm > 8, "{calm}");
        assert!(bench.counter("orchestrator", "executed") as usize >= calm);
        let (none, mut bench) = decisions(&ALL, &settings, swan);
        assert_eq!(none, 0);
        assert!(bench.counter("ai_engine", "orchestrator_skips") > 8);
        assert_eq!(bench.hash(keys::FUND_MODE.name)["mode"], "BLACK_SWAN");
        // The risk score of that fund is 89.4, which is just not above 90.
        let (some, _) = decisions(&ALL, &audited(&["black_swan_skips_nothing"]), swan);
        assert!(some > 8, "{some}");
    }

    /// I-02: the bot asked for the decision that the router had read.
    #[test]
    fn bot_and_router_both_wrote_an_intent_of_one_decision() {
        let services = [
            "market_publisher",
            "policy_store",
            "balance_tracker",
            "ai_engine",
            "trading_bot",
            "strategy_router",
            "strategy_brain",
        ];
        let (_, mut bench) = decisions(&services, &audited(&["two_writers_of_intents"]), |bench| {
            bench.kernel.exchange_mut().account = Some(AccountBalance {
                wallet_balance: 5_000.into(),
                margin_balance: 5_000.into(),
                available_balance: 5_000.into(),
                ..AccountBalance::default()
            });
        });
        let made = intents(&mut bench);
        let twice = made.iter().filter(|intent| {
            let of = |other: &&pipeline::records::TradeIntent| {
                other.correlation_id == intent.correlation_id
            };
            made.iter().filter(of).count() == 2
        });
        assert!(twice.count() > 8);
    }

    /// MSE 4.5 step 13, 5.3: whoever is silent, the engine goes on.
    #[test]
    fn silence_is_no_veto() {
        let settings = PipelineSettings::default();
        for without in ["orchestrator", "strategy_brain", "risk_brain"] {
            let services: Vec<&str> = ALL.into_iter().filter(|name| *name != without).collect();
            let (count, _) = decisions(&services, &settings, |_| {});
            assert!(count > 8, "without {without}: {count}");
        }
        let dead = |bench: &mut Bench| bench.crash("orchestrator", 86_400_000);
        let (count, bench) = decisions(&ALL, &settings, dead);
        assert!(count > 8, "{count}");
        assert!(bench.counter("ai_engine", "orchestrator_time_outs") > 8);
    }

    /// The mode survives a restart, and a strategy brain that refuses is heard in expansion.
    #[test]
    fn the_mode_is_on_the_bus() {
        let mut settings = PipelineSettings::default();
        settings.strategy_brain.min_confidence = 1.0;
        let (none, _) = decisions(&ALL, &settings, |_| {});
        assert_eq!(none, 0, "in expansion the strategy brain is asked");
        let defend = |bench: &mut Bench| portfolio(bench, &[("drawdown", "0.04")]);
        let (some, mut bench) = decisions(&ALL, &settings, defend);
        assert!(some > 6, "in defence it is not: {some}");
        bench.crash("orchestrator", 1_000);
        bench.run_for_ms(2_000);
        assert_eq!(bench.hash(keys::FUND_MODE.name)["mode"], "DEFENSIVE");
    }
}
