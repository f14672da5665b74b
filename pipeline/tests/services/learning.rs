//! What is learned from closed trades: MSE 7, 15.6, and the incidents I-14, I-15, I-21 and I-26.

use engine::{Body, CorrelationId, Envelope, EpochSeconds, IsoTime, JsonText, Nanos, Symbol};
use pipeline::records::{
    DecisionMade, ExitBrainPnl, Experience, ModelWord, PositionSide, SignalAction, TradeClosed,
    TrainingCompleted, TrainingStarted,
};
use pipeline::{PipelineSettings, keys, streams};
use rust_decimal::Decimal;
use strategies::learning::{SizeState, SizeTable, SizeView};

use crate::bench::{Bench, START, audited};

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").expect("a symbol")
}

/// A trade that was closed `at`, with this result in percent.
fn closed(number: u128, percent: i64, at: Nanos) -> TradeClosed {
    let (long, price) = (PositionSide::Long, Decimal::from(100));
    TradeClosed {
        symbol: symbol(),
        side: long,
        entry_price: price,
        exit_price: price + Decimal::from(percent),
        quantity: Decimal::ONE,
        pnl_usd: Decimal::from(percent),
        pnl_percent: Decimal::from(percent),
        fees: Decimal::ZERO,
        confidence: Some(0.8),
        model: Some("ensemble".into()),
        leverage: Some(10),
        order_id: number as u64,
        reason: "TAKE_PROFIT".into(),
        plan_id: format!("plan{number}"),
        correlation_id: CorrelationId(number),
        opened_at: EpochSeconds(at - Nanos::from_secs(3_600)),
        closed_at: EpochSeconds(at),
    }
}

/// A decision of the engine.
fn decided(number: u128, at: Nanos) -> DecisionMade {
    let price = Decimal::from(100);
    DecisionMade {
        symbol: symbol(),
        side: SignalAction::Buy,
        confidence: 0.8,
        entry_price: price,
        quantity: price,
        leverage: 5,
        stop_loss: Decimal::from(98),
        take_profit: Decimal::from(103),
        trail_percent: None,
        model: "ensemble".into(),
        ensemble_confidence: 0.8,
        strategy: "default".into(),
        meta_strategy: "default".into(),
        regime: "unknown".into(),
        position_size_usd: price,
        correlation_id: CorrelationId(number),
        timestamp: IsoTime(at),
        consensus: Some("strong".into()),
        consensus_count: Some(3),
        total_models: Some(4),
        atr_value: Some(0.02),
        volatility_factor: Some(1.0),
        exchange_divergence: None,
        funding_rate: None,
        features: Some(JsonText([0.5; 18])),
        rl_influence_enabled: Some(false),
        rl_gate_pass: Some(false),
        rl_gate_reason: Some("rl_disabled".into()),
        rl_action: None,
        rl_confidence: None,
        rl_version: None,
        rl_policy_age_sec: None,
        rl_weight_effective: Some(0.0),
        rl_effect: Some("none".into()),
        ai_size_usd: None,
        ai_leverage: None,
        ai_harvest_policy: None,
        sizing_state: None,
        sizing_action: None,
    }
}

fn send<R: engine::Record>(bench: &mut Bench, stream: streams::Stream, record: R) {
    bench.publish(stream, Body::message(Envelope::Flat, record));
}

fn close(bench: &mut Bench, number: u128, percent: i64) {
    let now = bench.kernel.now();
    send(bench, streams::TRADE_CLOSED, closed(number, percent, now));
}

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

/// I-14: rewards are outcomes of trades; what nobody traded for is refused, and a value is parsed, not run.
#[test]
fn rewards_are_real_or_refused() {
    let services = ["reward_publisher", "rl_monitor"];
    let mut bench = Bench::new(&services, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    close(&mut bench, 1, 12);
    let key = keys::RL_REWARD.of(symbol());
    let reward = bench.get(&key).expect("a reward");
    assert!(reward.contains("trade_closed") && reward.contains("0.12"), "{reward}");
    assert!(matches!(bench.ttl(&key), engine::Ttl::Left(left) if left > Nanos::from_secs(599)));
    bench.run_for_ms(30_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_noted"), 1, "once an outcome");
    // A change of no more than 0.1 is no entry of the history.
    close(&mut bench, 2, 10);
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_unchanged"), 1);
    let synthetic =
        reward.replace("trade_closed", "live_synth").replace("1770000000", "1770000099");
    bench.set(&key, &synthetic);
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_refused_synthetic"), 1);
    bench.set(&key, "__import__('os').system('true')");
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_unreadable"), 1);
    let now = bench.kernel.now();
    let history = bench.kernel.bus_mut().lrange(now, &keys::RL_HISTORY.of(symbol()), 10);
    assert_eq!(history.expect("a list").len(), 1);
}

/// I-15: the bridges and the shadow agent learn from closed trades; a repeated one teaches nothing twice.
#[test]
fn feedback_comes_from_closed_trades() {
    let services = ["feedback_bridge", "rl_shadow"];
    let mut bench = Bench::new(&services, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    send(&mut bench, streams::AI_DECISION_MADE, decided(1, START));
    close(&mut bench, 1, 10);
    let state = bench.hash(&keys::AI_STATE.of(symbol()));
    // 0.15 of the reward, which is 10 % times the confidence.
    assert_eq!(state["value"], (0.15f64 * (0.1 * 0.8)).to_string());
    assert_eq!(state["updates"], "1");
    assert_eq!(bench.hash(keys::AI_POLICY_ADJUSTMENT.name)["symbol"], "BTCUSDT");
    assert_eq!(bench.counter("rl_shadow", "experiences"), 1);
    // A trade without a decision that it has seen is no experience.
    close(&mut bench, 2, 10);
    assert_eq!(bench.counter("rl_shadow", "trades_without_state"), 1);
}

/// I-14: random numbers were published as rewards, and the monitor reported learning.
#[test]
fn rewards_were_random_numbers() {
    let services = ["reward_publisher", "rl_monitor"];
    for (names, rewards, noted) in [(&[][..], 0, false), (&["random_rewards"], 41, true)] {
        let mut bench = Bench::new(&services, &audited(names), Vec::new());
        bench.run_to_ms(600_100);
        assert_eq!(bench.counter("reward_publisher", "rewards"), rewards);
        assert_eq!(bench.counter("rl_monitor", "rewards_noted") > 10, noted);
        assert_eq!(bench.counter("rl_monitor", "rewards_refused_synthetic"), 0);
        let told = bench.get(&keys::RL_REWARD.of(symbol()));
        assert_eq!(told.is_some_and(|told| told.contains("live_synth")), noted);
        close(&mut bench, 1, 12);
        let told = bench.get(&keys::RL_REWARD.of(symbol())).expect("a reward");
        assert_eq!(told.contains("trade_closed"), !noted, "no trade is asked");
    }
}

/// I-15: what they listened to carries no profit, and what the agent called did nothing.
#[test]
fn plans_taught_nothing() {
    let services = ["feedback_bridge", "rl_shadow"];
    for (names, experiences, told) in [(&[][..], 1, "0.08"), (&["learns_from_plans"], 0, "0")] {
        let mut bench = Bench::new(&services, &audited(names), Vec::new());
        bench.run_to_ms(1);
        send(&mut bench, streams::AI_DECISION_MADE, decided(1, START));
        let plan = ExitBrainPnl {
            timestamp: EpochSeconds(START),
            symbol: symbol(),
            side: PositionSide::Long,
            confidence: 0.8,
            dynamic_leverage: 10.0,
            take_profit_pct: 0.02,
            stop_loss_pct: 0.01,
            volatility: 1.0,
            exch_divergence: 0.0,
            funding_rate: 0.0,
            pnl_trend: 0.0,
            margin_util: 0.0,
        };
        send(&mut bench, streams::EXITBRAIN_PNL, plan);
        close(&mut bench, 1, 10);
        assert_eq!(bench.counter("rl_shadow", "experiences"), experiences);
        let adjustment = bench.hash(keys::AI_POLICY_ADJUSTMENT.name);
        let reward: f64 = adjustment["reward"].parse().expect("a number");
        assert_eq!(format!("{reward:.2}"), format!("{:.2}", told.parse::<f64>().expect("one")));
        assert_eq!(bench.hash(&keys::AI_STATE.of(symbol()))["updates"], "1");
    }
}

/// MSE 7.2: the policy is renewed every 30 s.
#[test]
fn the_policy_is_published() {
    let mut bench = Bench::new(&["rl_shadow"], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(61_000);
    let policy = bench.get(&keys::RL_POLICY.of(symbol())).expect("a policy");
    assert!(policy.contains("hold") && policy.contains("1770000060"), "{policy}");
    // Nobody trades ETH here.
    assert_eq!(bench.get("quantum:rl:policy:ETHUSDT"), None);
}

/// MSE 7.4, 15.6: age, then a job; too few outcomes fail it, enough of them make a candidate.
#[test]
fn models_are_trained_again_and_judged() {
    let mut settings = PipelineSettings::default();
    settings.trainer.min_samples = 60;
    let mut bench = Bench::new(&["clm", "trainer"], &settings, Vec::new());
    bench.run_to_ms(25 * 3_600_000);
    let started: Vec<TrainingStarted> = bench.records(streams::MODEL_TRAINING_STARTED);
    let completed: Vec<TrainingCompleted> = bench.records(streams::MODEL_TRAINING_COMPLETED);
    assert_eq!((started.len(), completed.len()), (1, 1), "RL is trained every 24 h");
    assert_eq!((started[0].model, &*started[0].reason), (ModelWord::Rl, "age"));
    assert!(started[0].job.starts_with("train_rl_2026"), "{}", started[0].job);
    assert_eq!(
        (&*completed[0].status, completed[0].reason.as_deref()),
        ("failed", Some("too_few_samples"))
    );
    assert!(bench.hash(&keys::MODEL_REGISTRY.of("rl")).is_empty(), "the old model stays");

    for number in 0..80u128 {
        let now = bench.kernel.now();
        let experience = Experience {
            timestamp: EpochSeconds(now),
            symbol: symbol(),
            action: SignalAction::Buy,
            pnl: if number % 4 == 0 { -0.01 } else { 0.01 },
            confidence: 0.8,
            features: None,
            correlation_id: CorrelationId(number),
        };
        send(&mut bench, streams::RL_EXPERIENCE, experience.clone());
        // At-least-once: a second entry of one trade is no second outcome.
        send(&mut bench, streams::RL_EXPERIENCE, experience);
        bench.run_for_ms(60_000);
    }
    bench.run_for_ms(25 * 3_600_000);
    let completed: Vec<TrainingCompleted> = bench.records(streams::MODEL_TRAINING_COMPLETED);
    let last = completed.last().expect("a job");
    assert_eq!((&*last.status, last.samples, last.win_rate), ("success", 80, Some(0.75)));
    let candidate = bench.hash(&keys::MODEL_CANDIDATE.of("rl"));
    assert_eq!(candidate["state"], "CANDIDATE");
    assert_eq!(bench.counter("clm", "candidates"), 1);
}

/// Drift that the engine reports calls for training, where the audited system knew only the clock.
#[test]
fn drift_calls_for_training() {
    for (names, hears) in [(&[][..], true), (&["retrains_by_clock"], false)] {
        let mut bench = Bench::new(&["clm", "trainer"], &audited(names), Vec::new());
        bench.run_to_ms(1);
        bench.set(&keys::AI_DRIFT.of(symbol()), "SEVERE");
        bench.run_to_ms(24 * 3_600_000 + 1_000_000);
        let started: Vec<TrainingStarted> = bench.records(streams::MODEL_TRAINING_STARTED);
        let drifted = started.iter().filter(|job| job.reason == "drift").count();
        assert_eq!(drifted >= 4, hears, "{started:?}");
    }
}
