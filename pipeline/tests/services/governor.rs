//! Governor P3.2 and its risk guard: EHR 3.18, 3.19, worked examples 37 to 47, as settled.

mod audits;
mod recovery;
mod spread;

use engine::{Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Symbol, SymbolIndex, Ttl};
use pipeline::records::{
    ApplyPlan, ApplyResult, BudgetViolation, Decision, Executor, GovernorBlock, GovernorEvent,
    GovernorPermit, OrderSide, PlanAction, PlanClass, ReduceOnly, RiskEvent,
};
use pipeline::{PipelineSettings, keys, streams};
use serde_json::Value;
use strategies::governor::GovernorMode;

use crate::bench::{Bench, START, instrument};
use crate::plans::{self, PLAN, decimal, flat_at};

const GOVERNOR: &str = "governor";
const BUY: OrderSide = OrderSide::Buy;
const SELL: OrderSide = OrderSide::Sell;
const NAMES: [&str; 6] = ["BTCUSDT", "AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT"];

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).expect("a symbol")
}

/// With six symbols, flat at 100 USDT, 10,000 USDT of equity and a policy that names all.
fn bench() -> Bench {
    bench_with(|_| {})
}

fn bench_with(change: impl Fn(&mut PipelineSettings)) -> Bench {
    let mut settings = PipelineSettings::default();
    change(&mut settings);
    bench_over(&settings, Vec::new())
}

fn bench_over(settings: &PipelineSettings, market: Vec<MarketEvent>) -> Bench {
    let instruments = NAMES.map(|name| engine::Instrument { symbol: symbol(name), ..instrument() });
    let mut bench = Bench::over(instruments.to_vec(), &[GOVERNOR], settings, market);
    bench.run_to_ms(1);
    world(&mut bench);
    bench
}

/// What the other services have written just now.
fn world(bench: &mut Bench) {
    let until = (bench.kernel.now().secs() + 86_400).to_string();
    let policy = [
        ("universe_symbols", r#"["BTCUSDT","AUSDT","BUSDT","CUSDT","DUSDT","EUSDT"]"#),
        ("leverage_by_symbol", "{}"),
        ("harvest_params", "{}"),
        ("kill_params", "{}"),
        ("valid_until_epoch", until.as_str()),
        ("policy_version", "v1"),
    ];
    bench.hset(keys::POLICY_CURRENT.name, &policy);
    for name in NAMES {
        flat_at(bench, symbol(name), "100");
    }
    equity(bench, "10000", "10000");
}

fn equity(bench: &mut Bench, equity: &str, peak: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [("equity", equity), ("peak", peak), ("last_update_ts", now.as_str())];
    bench.hset(keys::EQUITY_CURRENT.name, &fields);
}

/// A position of one unit at 100 USDT.
fn hold(bench: &mut Bench, name: &str, amount: &str, pnl: &str) {
    let side = if amount.starts_with('-') { "SHORT" } else { "LONG" };
    let fields =
        [("position_amt", amount), ("side", side), ("entry_price", "100"), ("unrealized_pnl", pnl)];
    bench.hset(&keys::POSITION_SNAPSHOT.of(symbol(name)), &fields);
}

/// An open of 0.5 at 100 USDT in a calm market.
fn open(bench: &Bench) -> ApplyPlan {
    ApplyPlan {
        kill_score: Some(0.5),
        k_regime_flip: Some(0.0),
        confidence: Some(0.7),
        ..plans::plan(bench, PlanAction::Buy, BUY)
    }
}

fn close(bench: &Bench) -> ApplyPlan {
    plans::plan(bench, PlanAction::FullClose, SELL)
}

/// What the governor says to a plan: its limit, or the reason.
fn says(bench: &mut Bench, plan: &ApplyPlan) -> Result<Option<String>, String> {
    plans::send(bench, plan);
    permit(bench, &plan.plan_id).expect("a permit or a denial")
}

fn permit(bench: &mut Bench, plan_id: &str) -> Option<Result<Option<String>, String>> {
    let text = bench.get(&keys::PERMIT_GOVERNOR.of(plan_id))?;
    let permit: Value = serde_json::from_str(&text).expect("JSON");
    Some(match permit["granted"].as_bool().expect("granted") {
        true => Ok(permit["computed_qty"].as_str().map(str::to_owned)),
        false => Err(permit["reason"].as_str().expect("a reason").to_owned()),
    })
}

/// What it says to an open in this world.
fn in_world(change: impl Fn(&mut Bench)) -> Result<Option<String>, String> {
    let mut bench = bench();
    change(&mut bench);
    let plan = open(&bench);
    says(&mut bench, &plan)
}

fn denied(reason: &str) -> Result<Option<String>, String> {
    Err(reason.to_owned())
}

fn granted(qty: &str) -> Result<Option<String>, String> {
    Ok(Some(qty.to_owned()))
}

/// How a plan ended.
fn ended(bench: &mut Bench, plan: &ApplyPlan, executed: bool, qty: &str) {
    let now = bench.kernel.now();
    let result = ApplyResult {
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        decision: Decision::Execute,
        action: plan.action,
        executed,
        would_execute: true,
        reduce_only: plan.reduce_only,
        side: plan.side,
        requested_qty: Some(decimal(qty)),
        filled_qty: executed.then(|| decimal(qty)),
        avg_price: executed.then(|| decimal("100")),
        order_id: Some(1),
        status: "FILLED".into(),
        error: None,
        source: "test".into(),
        timestamp: engine::EpochSeconds(now),
        steps_results: "[]".into(),
    };
    let body = engine::Body::message(engine::Envelope::Flat, result);
    bench.publish(streams::APPLY_RESULT, body);
}

fn numbered(bench: &Bench, n: u32, name: &str) -> ApplyPlan {
    ApplyPlan { plan_id: format!("{n:016x}"), symbol: symbol(name), ..open(bench) }
}

#[test]
fn an_open_in_a_calm_world_has_a_permit_with_its_quantity() {
    let mut bench = bench();
    let plan = open(&bench);
    assert_eq!(says(&mut bench, &plan), granted("0.5"));
    let key = keys::PERMIT_GOVERNOR.of(PLAN);
    let text: Value = serde_json::from_str(&bench.get(&key).expect("a permit")).expect("JSON");
    for (field, value) in [
        ("symbol", "BTCUSDT"),
        ("action", "BUY"),
        ("decision", "EXECUTE"),
        ("computed_notional", "50.0"),
        ("eff_action", "NONE"),
        ("eff_reason", "missing_eff"),
        ("eff_stale", "1"),
        ("downsize_factor", "1.0000"),
        ("extra_cooldown_sec", "0"),
    ] {
        assert_eq!(text[field], value, "{field}: {text}");
    }
    assert_eq!(text["consumed"], false);
    let Ttl::Left(left) = bench.ttl(&key) else { panic!("no life") };
    assert!(left > Nanos::from_secs(59) && left <= Nanos::from_secs(60), "{left:?}");
    assert_eq!(bench.counter(GOVERNOR, "quantum_govern_allow_total"), 1);
    // An existing permit ends the evaluation.
    bench.set(keys::KILL_SWITCHES[0].name, "1");
    assert_eq!(says(&mut bench, &plan), granted("0.5"));
    assert_eq!(bench.counter(GOVERNOR, "permits_already_there"), 1);
}

/// DEFECT lines of EHR 3.18: `quantum:kill` in every mode; nothing else refuses a close.
#[test]
fn a_close_is_refused_by_the_operator_only() {
    let worst = |bench: &mut Bench| {
        for name in [keys::EQUITY_CURRENT.name, keys::POLICY_CURRENT.name] {
            let now = bench.kernel.now();
            bench.kernel.bus_mut().del(now, name);
        }
        for name in NAMES {
            let now = bench.kernel.now();
            bench.kernel.bus_mut().del(now, &keys::POSITION_SNAPSHOT.of(symbol(name)));
        }
        bench.set(&keys::RISK_GUARD_ACTIVE.of("DRAWDOWN"), "1");
        bench.set(keys::SAFE_MODE.name, "1");
        bench.set(&keys::RECONCILE_HOLD.of(instrument().symbol), "1");
    };
    for mode in [GovernorMode::Testnet, GovernorMode::Production, GovernorMode::DryRun] {
        let mut free = bench_with(|s| s.governor.mode = mode);
        worst(&mut free);
        let plan = ApplyPlan { kill_score: Some(0.99), ..close(&free) };
        assert_eq!(says(&mut free, &plan), Ok(None), "{mode:?}");
        for switch in keys::KILL_SWITCHES {
            let mut bench = bench_with(|s| s.governor.mode = mode);
            bench.set(switch.name, "1");
            let plan = close(&bench);
            assert_eq!(says(&mut bench, &plan), denied("kill_switch_active"), "{mode:?}");
            let plan = ApplyPlan { plan_id: "1".into(), ..open(&bench) };
            assert_eq!(says(&mut bench, &plan), denied("kill_switch_active"), "{mode:?}");
        }
    }
    let mut bench = bench();
    let reconcile = ApplyPlan { class: PlanClass::ReconcileClose, ..close(&bench) };
    plans::send(&mut bench, &reconcile);
    assert_eq!(permit(&mut bench, PLAN), None, "it needs none");
    let skipped = ApplyPlan { decision: Decision::Skip, ..close(&bench) };
    plans::send(&mut bench, &skipped);
    assert_eq!(permit(&mut bench, PLAN), None, "only EXECUTE is evaluated");
}

/// Settled, and examples 37 to 39: K blocks from 0.80 on and scales above its threshold, in every mode.
#[test]
fn the_kill_score_blocks_and_scales_opens_in_every_mode() {
    for mode in [GovernorMode::Testnet, GovernorMode::Production, GovernorMode::DryRun] {
        let judge = |score: Option<f64>, flip: f64, confidence: f64| {
            let mut bench = bench_with(|s| s.governor.mode = mode);
            let plan = ApplyPlan {
                kill_score: score,
                k_regime_flip: Some(flip),
                confidence: Some(confidence),
                ..open(&bench)
            };
            says(&mut bench, &plan)
        };
        assert_eq!(judge(None, 0.0, 0.9), denied("missing_marketstate"));
        assert_eq!(judge(Some(0.80), 0.0, 0.9), denied("kill_score_critical_open:0.800"));
        assert_eq!(judge(Some(0.79), 0.0, 0.5), granted("0.5"));
        // 0.5 · e^(-2 · (0.78 - 0.70))
        let scaled = judge(Some(0.78), 1.0, 0.5).expect("granted").expect("a limit");
        assert!((scaled.parse::<f64>().expect("a number") - 0.426_071_89).abs() < 1e-7, "{scaled}");
    }
}

/// EHR 3.18 gate 3, both sides; counted from apply.result, never from permits.
#[test]
fn limits_of_the_testnet_stop_opens() {
    let mut bench = bench_with(|s| {
        s.governor.max_positions = 2;
        s.governor.active_slots = false;
    });
    hold(&mut bench, "AUSDT", "-1", "0");
    let first = open(&bench);
    assert_eq!(says(&mut bench, &first), granted("0.5"));
    // The first one is on its way and takes the last place, also for a short.
    let second = ApplyPlan { action: PlanAction::Sell, side: SELL, ..numbered(&bench, 2, "BUSDT") };
    assert_eq!(says(&mut bench, &second), denied("max_positions_reached"));
    ended(&mut bench, &first, false, "0");
    let third = ApplyPlan { plan_id: "3".into(), ..second };
    assert_eq!(says(&mut bench, &third), granted("0.5"), "what was not executed is none");

    // 5 % of the equity is more than 200 USDT.
    let sized = |qty: &str| in_world_with(|_| {}, |plan| plan.qty = Some(decimal(qty)));
    assert_eq!(sized("5"), granted("5"));
    assert_eq!(sized("5.01"), denied("notional_per_trade_exceeded"));
    let absolute = |qty: &str| {
        in_world_with(
            |s| s.governor.max_notional_per_trade_pct = 0.0,
            |plan| plan.qty = Some(decimal(qty)),
        )
    };
    assert_eq!(absolute("2"), granted("2"));
    assert_eq!(absolute("2.01"), denied("notional_per_trade_exceeded"));
    let full = in_world(|bench| hold(bench, "AUSDT", "-25", "0"));
    assert_eq!(full, denied("total_notional_exceeded"));
    assert_eq!(in_world(|bench| hold(bench, "AUSDT", "24.9", "0")), granted("0.5"));
}

fn in_world_with(
    settings: impl Fn(&mut PipelineSettings),
    change: impl Fn(&mut ApplyPlan),
) -> Result<Option<String>, String> {
    let mut bench = bench_with(settings);
    let mut plan = open(&bench);
    change(&mut plan);
    says(&mut bench, &plan)
}

#[test]
fn a_symbol_cools_down_after_an_execution_and_not_after_a_permit() {
    let mut bench = bench();
    let first = open(&bench);
    assert_eq!(says(&mut bench, &first), granted("0.5"));
    bench.run_for_ms(1_000);
    let second = numbered(&bench, 2, "BTCUSDT");
    assert_eq!(says(&mut bench, &second), granted("0.5"), "a permit is no execution");
    ended(&mut bench, &first, true, "0.5");
    world(&mut bench);
    let third = numbered(&bench, 3, "BTCUSDT");
    assert_eq!(says(&mut bench, &third), denied("symbol_cooldown"));
    // The successor knows it from the bus.
    bench.crash(GOVERNOR, 10);
    bench.run_for_ms(50);
    let fourth = numbered(&bench, 4, "BTCUSDT");
    assert_eq!(says(&mut bench, &fourth), denied("symbol_cooldown"));
    bench.run_for_ms(60_000);
    world(&mut bench);
    let fifth = numbered(&bench, 5, "BTCUSDT");
    assert_eq!(says(&mut bench, &fifth), granted("0.5"));
}

/// EHR 3.18 gate 5: hourly, burst with disarm, and the notional of the day.
#[test]
fn rates_of_production_count_results_and_a_burst_disarms() {
    let production = |change: fn(&mut PipelineSettings)| {
        bench_with(move |s| {
            s.governor.mode = GovernorMode::Production;
            change(s);
        })
    };
    let executed = |bench: &mut Bench, times: u32, every_s: i64| {
        for n in 0..times {
            let plan = numbered(bench, 100 + n, "BTCUSDT");
            ended(bench, &plan, true, "1");
            // Delivered again: counted once.
            ended(bench, &plan, true, "1");
            bench.run_for_ms(every_s * 1_000);
        }
        world(bench);
    };
    let mut hourly = production(|_| {});
    executed(&mut hourly, 3, 600);
    let plan = open(&hourly);
    assert_eq!(says(&mut hourly, &plan), denied("hourly_limit_exceeded"));
    hourly.run_for_ms(1_900_000);
    world(&mut hourly);
    let plan = numbered(&hourly, 1, "BTCUSDT");
    assert_eq!(says(&mut hourly, &plan), granted("0.5"), "an hour after the first");

    // The kill score comes first: what it refuses is no burst, and disarms nothing.
    let mut critical = production(|_| {});
    executed(&mut critical, 2, 10);
    let plan = ApplyPlan { kill_score: Some(0.9), ..open(&critical) };
    assert_eq!(says(&mut critical, &plan), denied("kill_score_critical_open:0.900"));
    assert!(critical.entries(streams::GOVERNOR_EVENTS.name).is_empty());

    let mut burst = production(|_| {});
    executed(&mut burst, 2, 10);
    let plan = open(&burst);
    assert_eq!(says(&mut burst, &plan), denied("burst_limit_exceeded"));
    let events: Vec<GovernorEvent> = burst.records(streams::GOVERNOR_EVENTS);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].event.as_ref(), events[0].reason.as_ref()),
        ("AUTO_DISARM", "burst_limit_exceeded")
    );
    assert!(burst.get("quantum:governor:disarm:2026-02-02").is_some());
    burst.run_for_ms(600_000);
    world(&mut burst);
    let other = numbered(&burst, 1, "AUSDT");
    assert_eq!(says(&mut burst, &other), denied("disarmed"), "opens end for the day");
    let exit = ApplyPlan { plan_id: "2".into(), ..close(&burst) };
    assert_eq!(says(&mut burst, &exit), Ok(None), "closes do not");

    let mut daily = production(|s| {
        s.governor.max_daily_notional_usd = 140.0;
        s.governor.max_executions_5min = 100;
    });
    executed(&mut daily, 1, 1);
    let plan = open(&daily);
    assert_eq!(says(&mut daily, &plan), denied("daily_limit_exceeded"), "100 and 50");
    daily.crash(GOVERNOR, 10);
    daily.run_for_ms(50);
    let plan = numbered(&daily, 1, "BTCUSDT");
    assert_eq!(says(&mut daily, &plan), denied("daily_limit_exceeded"), "the successor knows");
}

/// EHR 3.19, examples 44 to 47; equity is never made up.
#[test]
fn guards_stop_opens_and_stay_in_force() {
    let date = "2026-02-02";
    let daily = keys::RISK_DAILY_PNL.of(date);
    assert_eq!(in_world(|bench| bench.set(&daily, "-200")), granted("0.5"));
    let missing = in_world(|bench| {
        let now = bench.kernel.now();
        bench.kernel.bus_mut().del(now, keys::EQUITY_CURRENT.name);
    });
    assert_eq!(missing, denied("EQUITY_STALE:equity unknown"));
    let old = in_world(|bench| {
        bench.run_for_ms(301_000);
        for name in NAMES {
            flat_at(bench, symbol(name), "100");
        }
    });
    assert_eq!(old, denied("EQUITY_STALE:equity_age=301s > 300s"));
    let row = in_world(|bench| bench.set(keys::RISK_CONSECUTIVE_LOSSES.name, "3"));
    assert_eq!(row, denied("CONSEC_LOSS:consecutive_losses=3 >= 3"));
    for text in ["NaN", "many", "inf"] {
        let odd = in_world(|bench| bench.set(&daily, text));
        assert_eq!(odd, denied(&format!("evaluation_error:{daily}")), "{text}");
    }

    let mut bench = bench();
    bench.set(&daily, "-260");
    let plan = open(&bench);
    assert_eq!(says(&mut bench, &plan), denied("DAILY_LOSS:daily_loss=2.60% > 2.5%"));
    bench.set(&daily, "0");
    let second = numbered(&bench, 2, "AUSDT");
    assert_eq!(says(&mut bench, &second), denied("GUARD_ACTIVE:guard_active:DAILY_LOSS"));
    let Ttl::Left(left) = bench.ttl(&keys::RISK_GUARD_ACTIVE.of("DAILY_LOSS")) else {
        panic!("no life")
    };
    assert!(left > Nanos::from_secs(86_300), "{left:?}");
    let events: Vec<RiskEvent> = bench.records(streams::RISK_EVENTS);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].guard_type, "DAILY_LOSS");
    let exit = ApplyPlan { plan_id: "9".into(), ..close(&bench) };
    assert_eq!(says(&mut bench, &exit), Ok(None));

    let mut deep = crate::governor::bench();
    equity(&mut deep, "9000", "10100");
    let plan = open(&deep);
    let flatten = "EMERGENCY_FLATTEN:EMERGENCY_FLATTEN drawdown=10.9% > 10.0%";
    assert_eq!(says(&mut deep, &plan), denied(flatten));
    let events: Vec<RiskEvent> = deep.records(streams::RISK_EVENTS);
    let names: Vec<&str> = events.iter().map(|event| event.event.as_ref()).collect();
    assert_eq!(names, ["GUARD_STRUCK", "EMERGENCY_FLATTEN_REQUESTED"]);
}

/// EHR 3.18, examples 40 to 43: efficiency makes opens smaller and never blocks them.
#[test]
fn efficiency_makes_opens_smaller() {
    let with = |score: &str, confidence: &str, age_s: i64| {
        let mut bench = bench();
        let ts = (bench.kernel.now().secs() - age_s).to_string();
        let fields = [("efficiency_score", score), ("confidence", confidence), ("ts", ts.as_str())];
        bench.hset(&keys::CAPITAL_EFFICIENCY.of(instrument().symbol), &fields);
        let plan = open(&bench);
        let said = says(&mut bench, &plan);
        let text = bench.get(&keys::PERMIT_GOVERNOR.of(PLAN)).expect("a permit");
        let permit: Value = serde_json::from_str(&text).expect("JSON");
        (said, permit["eff_reason"].clone(), permit["extra_cooldown_sec"].clone())
    };
    assert_eq!(with("0.3", "0.8", 0), (granted("0.333333335"), "ok".into(), "84".into()));
    assert_eq!(with("0.05", "0.9", 0), (granted("0.125"), "ok".into(), "114".into()));
    assert_eq!(with("0.3", "0.5", 0), (granted("0.5"), "low_conf".into(), "0".into()));
    assert_eq!(with("0.3", "0.8", 601), (granted("0.5"), "stale_eff".into(), "0".into()));
    let (said, reason, _) = with("much", "0.8", 0);
    assert_eq!((said, reason), (granted("0.5"), "missing_eff".into()));
}

/// EHR 3.18: budgets and allocations bind increases, fresh and in enforce mode, and are found (the original
/// compared bytes with text).
fn budget(bench: &mut Bench, mode: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields =
        [("symbol", "BTCUSDT"), ("budget_usd", "500"), ("mode", mode), ("timestamp", now.as_str())];
    bench.hset(&keys::PORTFOLIO_BUDGET.of(symbol("BTCUSDT")), &fields);
}

fn violation(bench: &mut Bench, name: &str) {
    let event = BudgetViolation {
        event_type: "budget.violation".into(),
        symbol: symbol(name),
        position_notional: decimal("600"),
        budget_usd: decimal("500"),
        over_budget: decimal("100"),
        mode: pipeline::records::BindingMode::Enforce,
        timestamp: engine::EpochSeconds(bench.kernel.now()),
    };
    let body = engine::Body::message(engine::Envelope::Flat, event);
    bench.publish(streams::BUDGET_VIOLATION, body);
}

fn target(bench: &mut Bench, mode: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [("target_usd", "90"), ("mode", mode), ("timestamp", now.as_str())];
    bench.hset(&keys::ALLOCATION_TARGET.of(symbol("BTCUSDT")), &fields);
    hold(bench, "BTCUSDT", "1", "0");
}

#[test]
fn caps_bind_opens_in_enforce_mode() {
    let production = |caps: fn(&mut Bench)| {
        let mut bench = bench_with(|s| s.governor.mode = GovernorMode::Production);
        caps(&mut bench);
        let plan = open(&bench);
        says(&mut bench, &plan)
    };
    assert_eq!(production(|bench| budget(bench, "enforce")), granted("0.5"));
    let both = |bench: &mut Bench| {
        budget(bench, "enforce");
        violation(bench, "BTCUSDT");
    };
    assert_eq!(production(both), denied("p28_budget_violation"));
    let shadow = |bench: &mut Bench| {
        budget(bench, "shadow");
        violation(bench, "BTCUSDT");
    };
    assert_eq!(production(shadow), granted("0.5"));
    let other = |bench: &mut Bench| {
        budget(bench, "enforce");
        violation(bench, "AUSDT");
    };
    assert_eq!(production(other), granted("0.5"));
    assert_eq!(production(|bench| target(bench, "enforce")), denied("p29_allocation_cap"));
    assert_eq!(production(|bench| target(bench, "shadow")), granted("0.5"));

    let mut testnet = bench();
    both(&mut testnet);
    let plan = open(&testnet);
    assert_eq!(says(&mut testnet, &plan), granted("0.5"), "watched");
    assert_eq!(testnet.counter(GOVERNOR, "p28_violations_seen"), 1);
}

/// DEFECT of EHR 3.18: what cannot be looked up stops opens and lets closes pass.
#[test]
fn what_is_not_known_stops_opens() {
    let unknown = in_world(|bench| {
        let now = bench.kernel.now();
        bench.kernel.bus_mut().del(now, &keys::POSITION_SNAPSHOT.of(symbol("EUSDT")));
    });
    assert_eq!(unknown, denied("position_fetch_failed"));
    let old = in_world(|bench| {
        bench.run_for_ms(61_000);
        equity(bench, "10000", "10000");
    });
    assert_eq!(old, denied("position_fetch_failed"));
    let no_policy = in_world(|bench| {
        let now = bench.kernel.now();
        bench.kernel.bus_mut().del(now, keys::POLICY_CURRENT.name);
    });
    assert_eq!(no_policy, denied("active_slots_no_policy"));
    let not_named = in_world(|bench| {
        bench.hset(keys::POLICY_CURRENT.name, &[("universe_symbols", r#"["AUSDT"]"#)]);
    });
    assert_eq!(not_named, denied("active_slots_not_in_universe"));
    let alien = in_world_with(|_| {}, |plan| plan.symbol = symbol("XUSDT"));
    assert_eq!(alien, denied("active_slots_not_in_universe"));

    // Five errors of its own end the opens of the day.
    let mut bench = bench();
    bench.set(keys::RISK_CONSECUTIVE_LOSSES.name, "many");
    for n in 0..5 {
        let plan = numbered(&bench, n, "AUSDT");
        assert!(says(&mut bench, &plan).is_err_and(|why| why.starts_with("evaluation_error")));
    }
    bench.run_for_ms(61_000);
    bench.set(keys::RISK_CONSECUTIVE_LOSSES.name, "0");
    world(&mut bench);
    let plan = numbered(&bench, 9, "AUSDT");
    assert_eq!(says(&mut bench, &plan), denied("disarmed"));
    let block = bench.get(&keys::GOVERNOR_BLOCK.of(&plan.plan_id)).expect("for operators");
    let json: Value = serde_json::from_str(&block).expect("JSON");
    let block = <GovernorBlock as engine::TypedRecord>::from_json(&json).expect("a block");
    assert_eq!(block.reason, "disarmed");
}

/// Hourly closes without a trend: a market for three positions.
fn flat_hours() -> Vec<MarketEvent> {
    let hour = |n: i64| {
        let price = PriceTicks(10_000);
        let bar = Bar {
            open: price,
            high: PriceTicks(10_050),
            low: price,
            close: price,
            volume: QtyLots(1),
            interval_ms: 3_600_000,
            path_passed: false,
        };
        let time = START + Nanos::from_secs(3_600 * n);
        MarketEvent::new(time, SymbolIndex(0), MarketData::Bar(bar))
    };
    (1..=60).map(hour).collect()
}

/// EHR 3.18 gate 2: the weakest position makes room, and the open waits for that.
fn rotating() -> (Bench, ApplyPlan) {
    rotating_with(&PipelineSettings::default())
}

fn rotating_with(settings: &PipelineSettings) -> (Bench, ApplyPlan) {
    let mut bench = bench_over(settings, flat_hours());
    bench.run_to_ms(60 * 3_600_000 + 100);
    world(&mut bench);
    hold(&mut bench, "AUSDT", "1", "1");
    hold(&mut bench, "BUSDT", "-1", "-3");
    hold(&mut bench, "CUSDT", "1", "-2");
    let plan = open(&bench);
    plans::send(&mut bench, &plan);
    (bench, plan)
}

fn rotation_close(bench: &mut Bench) -> ApplyPlan {
    let mut plans: Vec<ApplyPlan> = bench.records(streams::APPLY_PLAN);
    plans.retain(|plan| plan.source == "governor_rotation");
    assert_eq!(plans.len(), 1, "{plans:?}");
    plans.remove(0)
}

fn events(bench: &mut Bench) -> Vec<String> {
    let events: Vec<GovernorEvent> = bench.records(streams::GOVERNOR_EVENTS);
    events.iter().map(|event| event.event.to_string()).collect()
}

#[test]
fn the_weakest_position_makes_room_for_an_open() {
    let (mut bench, plan) = rotating();
    bench.run_for_ms(5);
    assert_eq!(permit(&mut bench, PLAN), None, "neither granted nor denied");
    let close = rotation_close(&mut bench);
    assert_eq!(close.plan_id, "rot_01234567_BUSDT");
    assert_eq!((close.symbol, close.side), (symbol("BUSDT"), BUY), "of a short");
    assert_eq!((close.action, close.reduce_only), (PlanAction::FullClose, ReduceOnly(true)));
    assert_eq!((close.executor, close.class), (Executor::ApplyLayer, PlanClass::Close));
    let granted_at_once = permit(&mut bench, &close.plan_id);
    assert_eq!(granted_at_once, Some(Ok(None)), "its own close needs a permit, too");
    let Ttl::Left(left) = bench.ttl(&keys::ROTATION_LOCK.of(PLAN)) else { panic!("no lock") };
    assert!(left > Nanos::from_secs(119), "{left:?}");
    // Another open has to wait for the first one, and starts no rotation of its own.
    let other = numbered(&bench, 2, "BTCUSDT");
    assert_eq!(says(&mut bench, &other), denied("active_slots_waiting_rotation_close"));
    // Confirmed only by a reduce-only execution of that very plan.
    ended(
        &mut bench,
        &ApplyPlan { plan_id: "rot_01234567_AUSDT".into(), ..close.clone() },
        true,
        "1",
    );
    assert_eq!(permit(&mut bench, PLAN), None);
    ended(&mut bench, &close, true, "1");
    assert_eq!(permit(&mut bench, PLAN), Some(granted("0.5")));
    assert_eq!(events(&mut bench), ["ROTATION_LOCK_CREATED", "ROTATION_COMPLETE"]);
    assert_eq!(bench.ttl(&keys::ROTATION_LOCK.of(PLAN)), Ttl::Absent);
    let _ = plan;
}

#[test]
fn a_rotation_that_is_not_confirmed_ends() {
    let (mut bench, _) = rotating();
    bench.run_for_ms(119_000);
    assert_eq!(permit(&mut bench, PLAN), None);
    bench.run_for_ms(6_500);
    assert_eq!(
        permit(&mut bench, PLAN),
        Some(denied("active_slots_rotation_timeout:not confirmed in time"))
    );
    assert_eq!(events(&mut bench), ["ROTATION_LOCK_CREATED", "ROTATION_TIMEOUT"]);

    let (mut failed, _) = rotating();
    failed.run_for_ms(5);
    let close = rotation_close(&mut failed);
    ended(&mut failed, &close, false, "0");
    assert_eq!(permit(&mut failed, PLAN), Some(denied("active_slots_rotation_timeout")));
}

/// The close is executed while the governor is away; its successor grants the open.
#[test]
fn a_rotation_survives_a_crash() {
    let (mut bench, plan) = rotating();
    bench.run_for_ms(5);
    let close = rotation_close(&mut bench);
    let waiting = serde_json::to_string(&engine::Record::to_json(&plan)).expect("JSON");
    bench.set(&keys::EXECUTOR_WAITING.of(PLAN), &waiting);
    bench.crash(GOVERNOR, 500);
    ended(&mut bench, &close, true, "1");
    bench.run_for_ms(1_000);
    world(&mut bench);
    assert_eq!(permit(&mut bench, PLAN), Some(granted("0.5")));
    assert_eq!(events(&mut bench), ["ROTATION_LOCK_CREATED", "ROTATION_COMPLETE"]);
}

#[test]
fn the_market_says_how_many_positions_it_is_good_for() {
    let mut settings = PipelineSettings::default();
    settings.governor.active_slots = false;
    let mut bench = bench_over(&settings, flat_hours());
    bench.run_to_ms(60 * 3_600_000 + 100);
    world(&mut bench);
    for name in ["AUSDT", "BUSDT", "CUSDT"] {
        hold(&mut bench, name, "1", "0");
    }
    let plan = open(&bench);
    assert_eq!(says(&mut bench, &plan), granted("0.5"), "the gate is off");
    // Without fifty hours there are four.
    let base = in_world(|bench| {
        for name in ["AUSDT", "BUSDT", "CUSDT"] {
            hold(bench, name, "1", "0");
        }
    });
    assert_eq!(base, granted("0.5"));
}

#[test]
fn a_close_that_waits_in_either_executor_keeps_a_permit() {
    for waiting in [keys::EXECUTOR_WAITING, keys::APPLY_WAITING] {
        keeps_a_permit(waiting);
    }
}

fn keeps_a_permit(waits_in: keys::Key) {
    let mut bench = bench();
    let plan = close(&bench);
    let waiting = serde_json::to_string(&engine::Record::to_json(&plan)).expect("JSON");
    bench.set(&waits_in.of(PLAN), &waiting);
    assert_eq!(says(&mut bench, &plan), Ok(None));
    for _ in 0..40 {
        bench.run_for_ms(5_000);
        assert!(permit(&mut bench, PLAN).is_some(), "{:?}", bench.kernel.now());
    }
    let text = bench.get(&keys::PERMIT_GOVERNOR.of(PLAN)).expect("a permit");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let permit = <GovernorPermit as engine::TypedRecord>::from_json(&json).expect("a permit");
    assert!(bench.kernel.now() - permit.created_at.0 < Nanos::from_secs(60));
    // A successor that finds no permit judges what waits.
    let now = bench.kernel.now();
    bench.kernel.bus_mut().del(now, &keys::PERMIT_GOVERNOR.of(PLAN));
    bench.crash(GOVERNOR, 10);
    bench.run_for_ms(50);
    assert_eq!(crate::governor::permit(&mut bench, PLAN), Some(Ok(None)));
    // And renews it from then on, also where it finds one.
    bench.crash(GOVERNOR, 10);
    bench.run_for_ms(100_000);
    assert_eq!(crate::governor::permit(&mut bench, PLAN), Some(Ok(None)));
}
