//! AI engine and trading bot: MSE 4.3, 4.5, 4.6, 6, as settled: the engine decides, the bot alone intends, and no
//! signal is no trade.

use engine::{
    AccountBalance, Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex,
};
use pipeline::BotFallback;
use pipeline::records::{
    DecisionMade, IntentAction, OrderSide, SignalAction, SignalGenerated, SizingDecided,
    TradeIntent, contract_violations,
};
use pipeline::{PipelineSettings, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, START, audited};

const MINUTE_MS: i64 = 60_000;
const MINUTES: i64 = 80;
const ENGINE: &str = "ai_engine";
const BOT: &str = "trading_bot";
const ALL: [&str; 5] = ["market_publisher", "policy_store", "balance_tracker", ENGINE, BOT];

/// A closed bar a minute, half a second before the minute ends; each closes this much above the one before.
fn bars(step: f64, minutes: i64) -> Vec<MarketEvent> {
    let bar = |minute: i64| {
        let close = PriceTicks(libm::rint(1e6 * (1.0 + step * minute as f64)) as i64);
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

fn bench(services: &[&str], step: f64, settings: &PipelineSettings) -> Bench {
    let mut bench = Bench::new(services, settings, bars(step, MINUTES));
    bench.kernel.exchange_mut().account = Some(AccountBalance {
        wallet_balance: Decimal::from(5_000),
        margin_balance: Decimal::from(5_000),
        available_balance: Decimal::from(5_000),
        ..AccountBalance::default()
    });
    bench
}

/// The engine's governer agent rejects every trade of an account that nobody knows.
fn with_equity(mut bench: Bench) -> Bench {
    let equity = [("equity", "5000"), ("peak", "5000"), ("last_update_ts", "1770000000")];
    bench.hset(keys::EQUITY_CURRENT.name, &equity);
    bench
}

fn engine(step: f64, settings: &PipelineSettings) -> Bench {
    with_equity(bench(&["market_publisher", ENGINE], step, settings))
}

/// A symbol is decided on at every tick.
fn every_minute() -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    settings.ai_engine.symbol_cooldown_s = 0;
    settings
}

fn run(services: &[&str], step: f64) -> Bench {
    let mut bench = with_equity(bench(services, step, &every_minute()));
    bench.run_to_ms(MINUTES * MINUTE_MS + 100);
    bench
}

fn decisions(bench: &mut Bench) -> Vec<DecisionMade> {
    bench.records(streams::AI_DECISION_MADE)
}

fn intents(bench: &mut Bench) -> Vec<TradeIntent> {
    bench.records(streams::TRADE_INTENT)
}

/// MSE 4.6: a SELL has its stop above and its target below.
#[test]
fn a_decision_is_told_three_times_and_mirrored_by_side() {
    for (step, action, sign) in
        [(0.001, SignalAction::Buy, 1.0), (-0.001, SignalAction::Sell, -1.0)]
    {
        let mut bench = engine(step, &PipelineSettings::default());
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let signals: Vec<SignalGenerated> = bench.records(streams::AI_SIGNAL_GENERATED);
        let sizes: Vec<SizingDecided> = bench.records(streams::SIZING_DECIDED);
        let decisions = decisions(&mut bench);
        // Every tick is a signal; a symbol is decided on once in two minutes.
        assert!(signals.len() > 20 && sizes.len() == signals.len(), "{action}");
        assert!((10..=16).contains(&decisions.len()), "{action}: {}", decisions.len());
        for decision in &decisions {
            let at = signals.iter().position(|signal| signal.timestamp == decision.timestamp);
            let at = at.expect("the signal that it is of");
            let (signal, size) = (&signals[at], &sizes[at]);
            assert_eq!((signal.action, decision.side), (action, action));
            assert_eq!(signal.ensemble_confidence.to_bits(), decision.confidence.to_bits());
            assert!((0.75..=0.95).contains(&decision.confidence));
            assert_eq!(decision.quantity, decision.position_size_usd, "in USDT");
            assert_eq!(size.position_size_usd, decision.position_size_usd);
            assert_eq!(size.leverage, decision.leverage);
            let price: f64 = decision.entry_price.to_string().parse().expect("a number");
            let level =
                |share: f64| Decimal::try_from(price * (1.0 + sign * share)).expect("a level");
            assert_eq!(decision.stop_loss, level(-size.sl_percent).round_dp(8));
            assert_eq!(decision.take_profit, level(size.tp_percent).round_dp(8));
        }
        // I-02: the engine writes decisions, never intents.
        assert!(intents(&mut bench).is_empty());
    }
}

/// MSE 4.3: fewer than 50 prices are too few for a model to vote, and nobody's vote is HOLD.
#[test]
fn there_is_no_signal_from_a_short_history_or_a_quiet_market() {
    let mut short = engine(0.001, &PipelineSettings::default());
    short.run_to_ms(49 * MINUTE_MS + 100);
    assert!(decisions(&mut short).is_empty());
    short.run_to_ms(50 * MINUTE_MS + 100);
    assert_eq!(decisions(&mut short).len(), 1);
    let mut quiet = engine(0.0, &PipelineSettings::default());
    quiet.run_to_ms(MINUTES * MINUTE_MS);
    assert!(decisions(&mut quiet).is_empty());
}

/// MSE 4.5 steps 0 and 7.
#[test]
fn a_weak_or_a_stopped_signal_is_none() {
    let mut settings = PipelineSettings::default();
    settings.ai_engine.min_signal_confidence = 0.96;
    let mut weak = engine(0.001, &settings);
    weak.run_to_ms(MINUTES * MINUTE_MS);
    assert!(decisions(&mut weak).is_empty());
    assert!(weak.counter(ENGINE, "signals_below_min_confidence") > 20);

    for stop in [&b"1"[..], &[0xff]] {
        let mut stopped = engine(0.001, &PipelineSettings::default());
        stopped.run_to_ms(1);
        stopped.set_bytes(keys::EMERGENCY_STOP.name, stop);
        stopped.run_to_ms(MINUTES * MINUTE_MS);
        assert!(decisions(&mut stopped).is_empty());
        assert!(stopped.counter(ENGINE, "signals_stopped") > 20);
    }
}

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

/// A decision that is older than the setting is no answer, and is counted.
#[test]
fn a_decision_is_an_answer_for_two_minutes() {
    for (last_tick_min, too_old) in [(59, 0), (57, 1)] {
        let mut settings = every_minute();
        settings.trading_bot.check_interval_s = 600;
        let mut bench = bench(&ALL, 0.001, &settings);
        bench.run_to_ms(last_tick_min * MINUTE_MS + 1_000);
        bench.crash("market_publisher", 86_400_000);
        bench.run_to_ms(60 * MINUTE_MS + 1_000);
        assert_eq!(bench.counter(ENGINE, "decisions_too_old"), too_old, "{last_tick_min}");
        // The other is of the fiftieth minute, the first at which the models vote.
        assert_eq!(intents(&mut bench).len() as u64, 2 - too_old, "{last_tick_min}");
    }
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

/// These behaviours of the audits, in a pipeline that decides at every tick.
fn every_minute_with(names: &[&str]) -> PipelineSettings {
    PipelineSettings { audited: audited(names).audited, ..every_minute() }
}

/// I-01: a refusal was taken for an outage, and no stop was asked.
#[test]
fn momentum_was_traded_on_every_refusal() {
    let refused = |settings: &PipelineSettings, stops: bool| {
        let mut bench = bench(&ALL, 0.001, settings);
        bench.run_to_ms(1);
        if stops {
            bench.set(keys::EMERGENCY_STOP.name, "1");
        }
        bench.run_to_ms(40 * MINUTE_MS);
        assert!(bench.counter(BOT, "no_signal") > 20);
        intents(&mut bench)
    };
    assert!(refused(&every_minute(), false).is_empty());
    for stops in [false, true] {
        let made = refused(&every_minute_with(&["momentum_on_refusal"]), stops);
        assert!(made.len() > 20, "{stops}: {}", made.len());
        let momentum = |intent: &TradeIntent| {
            intent.model.as_deref() == Some("fallback-trend-following")
                && intent.action == Some(IntentAction::Buy)
        };
        assert!(made.iter().all(momentum), "{stops}");
    }
}

/// I-08: a sell had its stop in the profit.
#[test]
fn the_stop_of_a_sell_was_below_its_entry() {
    let stops = |settings: &PipelineSettings| {
        let mut bench = with_equity(bench(&ALL, -0.001, settings));
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let made = intents(&mut bench);
        assert!(made.len() > 20 && made.iter().all(|i| i.action == Some(IntentAction::Sell)));
        let below = |i: &TradeIntent| i.stop_loss < i.entry_price && i.entry_price < i.take_profit;
        made.iter().filter(|intent| below(intent)).count() * 100 / made.len()
    };
    assert_eq!(stops(&every_minute()), 0);
    assert_eq!(stops(&every_minute_with(&["sell_stop_not_mirrored"])), 100);
}

/// MSE 6, 17: an account that nobody sees had 10,000 USDT.
#[test]
fn an_unknown_balance_was_ten_thousand() {
    let sizes = |services: &[&str], settings: &PipelineSettings| {
        let mut bench = with_equity(bench(services, 0.001, settings));
        if let Some(account) = &mut bench.kernel.exchange_mut().account {
            account.wallet_balance = Decimal::from(10_000);
        }
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let made = intents(&mut bench);
        made.iter().map(|intent| intent.position_size_usd).collect::<Vec<_>>()
    };
    let unseen: Vec<&str> = ALL.into_iter().filter(|name| *name != "balance_tracker").collect();
    assert!(sizes(&unseen, &every_minute()).is_empty());
    let assumed = sizes(&unseen, &every_minute_with(&["assumed_balance"]));
    assert!(!assumed.is_empty());
    assert_eq!(assumed, sizes(&ALL, &every_minute()));
}

/// I-36: after six hours TRADING_SYMBOLS was forgotten.
#[test]
fn a_refresh_passed_over_the_settings() {
    let asked = |names: &[&str]| {
        let mut settings = every_minute_with(names);
        settings.trading_bot.symbols = vec![engine::Symbol::new("ETHUSDT").expect("a symbol")];
        let mut bench = bench(&["market_publisher", ENGINE, BOT], 0.001, &settings);
        bench.run_to_ms(6 * 60 * MINUTE_MS);
        let before = bench.counter(BOT, "no_signal");
        bench.run_for_ms(10 * MINUTE_MS);
        (before, bench.counter(BOT, "no_signal") > 5)
    };
    assert_eq!(asked(&[]), (0, false));
    assert_eq!(asked(&["trading_symbols_ignored"]), (0, true));
}

/// I-20: each question was one more tick, so that the history was of the questions as well.
#[test]
fn a_question_was_a_tick_with_the_volume_of_a_day() {
    let volume_against_its_mean = |settings: &PipelineSettings| {
        let mut bench = with_equity(bench(&ALL, 0.001, settings));
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let made = decisions(&mut bench);
        let of = |made: &DecisionMade| made.features.as_ref().map_or(0.0, |f| f.0[3]);
        made.iter().map(of).fold(1.0, f64::min)
    };
    // Every bar has the same volume.
    assert_eq!(volume_against_its_mean(&every_minute()).to_bits(), 1.0f64.to_bits());
    let mixed = volume_against_its_mean(&every_minute_with(&["day_volume_in_ticks"]));
    assert!(mixed < 0.1, "{mixed}");
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
