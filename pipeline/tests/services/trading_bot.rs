//! Trading bot: MSE 6 with the safety kernel of MSE 5.4, as settled: the bot alone intends, and no signal is no trade.

mod audits;

use engine::Nanos;
use pipeline::records::{IntentAction, OrderSide, TradeIntent, contract_violations};
use pipeline::{BotFallback, PipelineSettings, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, START};
use crate::decisions::{
    ALL, MINUTE_MS, MINUTES, bench, decisions, every_minute, intents, run, with_equity,
};

const ENGINE: &str = "ai_engine";
const BOT: &str = "trading_bot";

/// I-08: stop and target were the same for both sides.
#[test]
fn the_bot_intends_what_the_engine_decided_mirrored_by_side() {
    for (step, action, side, sign) in [
        (0.001, IntentAction::Buy, OrderSide::Buy, 1.0),
        (-0.001, IntentAction::Sell, OrderSide::Sell, -1.0),
    ] {
        let mut bench = run(&ALL, step);
        let decisions = decisions(&mut bench);
        let intents = intents(&mut bench);
        // I-02: one decision, one intent.
        assert!((21..=decisions.len()).contains(&intents.len()), "{action}: {}", intents.len());
        let mut ids: Vec<_> = intents.iter().map(|intent| intent.correlation_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), intents.len(), "{action}");
        for intent in &intents {
            assert!(contract_violations(intent).is_empty());
            assert_eq!((intent.action, intent.side), (Some(action), Some(side)));
            assert_eq!(intent.reduce_only, Some(false));
            let of = decisions.iter().find(|d| Some(d.correlation_id) == intent.correlation_id);
            let decision = of.expect("the decision that it is of");
            assert_eq!(intent.confidence.to_bits(), decision.confidence.to_bits());
            let price = intent.entry_price.expect("a price");
            let share = |level: Option<Decimal>| {
                let ratio = level.expect("a level").checked_div(price).expect("a ratio");
                sign * (f64::try_from(ratio).expect("a number") - 1.0)
            };
            assert!((share(intent.stop_loss) + 0.02).abs() < 1e-9);
            assert!((share(intent.take_profit) - 0.02).abs() < 1e-9);
            // MSE 2 rule 4: what is traded is the notional, and the margin is told beside it.
            assert_eq!(intent.position_size_usd, intent.notional_usd);
            let leverage = Decimal::try_from(intent.leverage.expect("a leverage")).expect("one");
            let margin = intent.margin_usd.expect("a margin") * leverage;
            assert!((margin - intent.notional_usd.expect("one")).abs() < Decimal::new(1, 6));
        }
    }
}

/// I-01: each of these became a momentum trade, or one on a made-up balance.
#[test]
fn no_signal_no_engine_no_policy_or_no_balance_is_no_trade() {
    let without = |missing: &str, counter: &str| {
        let services: Vec<&str> = ALL.into_iter().filter(|name| *name != missing).collect();
        let mut bench = run(&services, 0.001);
        assert!(intents(&mut bench).is_empty(), "without {missing}");
        assert!(bench.counter(BOT, counter) > 20, "without {missing}");
    };
    without(ENGINE, "engine_missing");
    without("policy_store", "not_in_policy");
    without("balance_tracker", "balance_unknown");
    let mut quiet = run(&ALL, 0.0);
    assert!(intents(&mut quiet).is_empty());
    assert!(quiet.counter(BOT, "no_signal") > 20);

    // The stop comes between the decision and the question for it.
    let mut stopped = bench(&ALL, 0.001, &every_minute());
    stopped.run_to_ms(60 * MINUTE_MS - 200);
    let before = intents(&mut stopped).len();
    stopped.set(keys::EMERGENCY_STOP.name, "1");
    stopped.run_to_ms(61 * MINUTE_MS - 600);
    assert_eq!(intents(&mut stopped).len(), before);
    assert_eq!(stopped.counter(BOT, "intents_stopped"), 1);

    // The engine answers no more: that is no signal either.
    let mut dead = bench(&ALL, 0.001, &every_minute());
    dead.run_to_ms(60 * MINUTE_MS - 1_000);
    let before = intents(&mut dead).len();
    assert!(before > 0);
    dead.crash(ENGINE, 3_600_000);
    dead.run_to_ms(70 * MINUTE_MS);
    assert_eq!(intents(&mut dead).len(), before);
    assert!(dead.counter(BOT, "signal_time_outs") > 5);
}

/// MSE 6, required: momentum only where it is asked for, after cycles without any answer, marked in the model, and
/// never while trading is stopped. A refusal is an answer.
#[test]
fn momentum_is_traded_after_silence_alone() {
    let mut settings = every_minute();
    settings.trading_bot.fallback = BotFallback::AfterUnreachable { cycles: 3 };
    let silent = |prepare: &dyn Fn(&mut Bench)| {
        // 0.1 % a minute: after ten minutes the day's change is beyond 1 %.
        let mut bench = bench(&ALL, 0.001, &settings);
        bench.run_to_ms(15 * MINUTE_MS + 1_000);
        bench.crash(ENGINE, 86_400_000);
        prepare(&mut bench);
        bench.run_for_ms(2 * MINUTE_MS + 6_000);
        let early = intents(&mut bench).len();
        bench.run_for_ms(5 * MINUTE_MS);
        (early, intents(&mut bench))
    };
    let (early, made) = silent(&|_| {});
    assert_eq!(early, 0, "two cycles are too few");
    assert!((4..=6).contains(&made.len()), "{}", made.len());
    for intent in &made {
        assert_eq!(intent.model.as_deref(), Some("fallback-trend-following"));
        assert_eq!(intent.action, Some(IntentAction::Buy));
    }
    let stopped = |bench: &mut Bench| bench.set(keys::EMERGENCY_STOP.name, "1");
    assert!(silent(&stopped).1.is_empty());
    let safe = |bench: &mut Bench| bench.set(keys::SAFE_MODE.name, "1");
    assert!(silent(&safe).1.is_empty());
    // I-01: an engine that answers "no signal" is no silence.
    let mut refusing = bench(&ALL, 0.001, &settings);
    refusing.run_to_ms(40 * MINUTE_MS);
    assert!(intents(&mut refusing).is_empty());
    assert!(refusing.counter(BOT, "no_signal") > 20);
}

/// I-36: one order of sources at the start and at every refresh. The policy wins over the settings.
#[test]
fn symbols_come_from_one_resolver() {
    let mut settings = every_minute();
    settings.trading_bot.symbols = vec![engine::Symbol::new("ETHUSDT").expect("a symbol")];
    let asked = |services: &[&str]| {
        let mut bench = with_equity(bench(services, 0.001, &settings));
        bench.run_to_ms(10 * MINUTE_MS);
        bench.counter(BOT, "no_signal")
    };
    assert!(asked(&ALL) > 5, "the policy names BTCUSDT");
    let without: Vec<&str> = ALL.into_iter().filter(|name| *name != "policy_store").collect();
    assert_eq!(asked(&without), 0, "the settings name another symbol");
}

/// MSE 6: the regime is the newest of the whole market; the engine's size is traded where that is asked for.
#[test]
fn regime_and_size_come_from_where_the_settings_say() {
    let mut settings = every_minute();
    settings.trading_bot.sizing = pipeline::BotSizing::Engine;
    let mut bench = with_equity(bench(&ALL, 0.001, &settings));
    bench.run_to_ms(MINUTE_MS);
    let fields = [
        ("regime", "BULL"),
        ("volatility", "0.001"),
        ("trend", "0.001"),
        ("confidence", "0.8"),
        ("price", "100"),
        ("samples", "50"),
        ("iteration", "1"),
        ("timestamp", "1770000000"),
    ];
    bench.publish(streams::META_REGIME, engine::Body::fields(&fields));
    bench.run_to_ms(MINUTES * MINUTE_MS + 100);
    let (decisions, intents) = (decisions(&mut bench), intents(&mut bench));
    assert!(!intents.is_empty());
    for intent in intents {
        assert_eq!(intent.regime.as_deref(), Some("BULL"));
        let of = decisions.iter().find(|d| Some(d.correlation_id) == intent.correlation_id);
        assert_eq!(intent.position_size_usd, of.map(|decision| decision.position_size_usd));
    }
}

/// MSE 5.4: one intent too many in a window switches safe mode on, with its reason; what that holds back is not
/// counted and does not renew it.
#[test]
fn too_many_intents_trip_the_safety_kernel() {
    let mut settings = every_minute();
    settings.safety_kernel.window_s = 86_400;
    settings.safety_kernel.max_intents_symbol = 5;
    settings.safety_kernel.fault_cooldown_s = 600;
    let mut bench = with_equity(bench(&ALL, 0.001, &settings));
    let mut minute = 0;
    while bench.get(keys::SAFE_MODE.name).is_none() {
        minute += 1;
        bench.run_to_ms(minute * MINUTE_MS + 100);
        assert!(minute < MINUTES, "nothing tripped");
    }
    assert_eq!(intents(&mut bench).len(), 5);
    assert_eq!(bench.counter(BOT, "safety_symbol_rate_exceeded"), 1);
    let faults: Vec<pipeline::records::SafetyFault> = bench.records(streams::SAFETY_FAULT);
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].reason.as_ref(), faults[0].symbol_count), ("SYMBOL_RATE_EXCEEDED", 6));
    assert_eq!((faults[0].router_pid.as_ref(), faults[0].symbol_max), (BOT, 5));
    let why = bench.get(keys::SAFE_MODE_REASON.name).expect("a reason");
    let why: serde_json::Value = serde_json::from_str(&why).expect("JSON");
    assert_eq!((&why["reason"], &why["setter"]), (&"SYMBOL_RATE_EXCEEDED".into(), &BOT.into()));
    bench.run_for_ms(9 * MINUTE_MS);
    assert_eq!(intents(&mut bench).len(), 5);
    assert!(bench.counter(BOT, "safety_safe_mode_enabled") >= 5);
    let engine::Ttl::Left(left) = bench.ttl(keys::SAFE_MODE.name) else { panic!("no life") };
    assert!(left <= Nanos::from_secs(60), "what it holds back renewed it: {left:?}");
    assert_eq!((faults[0].window_sec, faults[0].cooldown_sec), (86_400, 600));
}

/// MSE 17: closed for opens where the state of safe mode or the counts cannot be read.
#[test]
fn the_safety_kernel_opens_nothing_that_it_cannot_judge() {
    for broken in [keys::SAFE_MODE.name.to_owned(), keys::SAFETY_RATE_GLOBAL.of(0)] {
        let mut settings = every_minute();
        // One window for all times, so that its key is known.
        settings.safety_kernel.window_s = 31_000_000;
        let bucket = START.secs() / 31_000_000;
        let mut bench = with_equity(bench(&ALL, 0.001, &settings));
        bench.run_to_ms(1);
        let key = match broken.ends_with(":0") {
            true => keys::SAFETY_RATE_GLOBAL.of(bucket),
            false => broken,
        };
        bench.set_bytes(&key, &[0xff]);
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        assert!(intents(&mut bench).is_empty(), "{key}");
        assert!(bench.counter(BOT, "safety_state_unknown") > 20, "{key}");
    }
}
