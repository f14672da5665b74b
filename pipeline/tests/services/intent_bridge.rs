//! Intent bridge: MSE 9, worked examples 16 to 18 and 67, as settled.
//!
//! | example | here |
//! |---|---|
//! | MSE 16, 18 | as they are |
//! | MSE 17 | with its symbol in upper case: a lower-case one is no symbol, and a dead letter |
//! | MSE 67 | time and action are part of the type: the entry is a dead letter; digits in a name are allowed (I-24) |

mod audits;
mod governance;

use engine::{Body, CorrelationId, FieldValue, Instrument, IsoTime, Nanos, Symbol, Ttl};
use pipeline::records::{
    ApplyPlan, Decision, Executor, OrderSide, PlanAction, PlanClass, ReduceOnly, TradeIntent,
    contract_violations,
};
use pipeline::{PipelineSettings, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, instrument};
use crate::plans::{decimal, fund_mode};

const BRIDGE: &str = "intent_bridge";

fn comp() -> Instrument {
    let symbol = Symbol::new("COMPUSDT").expect("a symbol");
    Instrument { symbol, price_decimals: 2, qty_decimals: 3 }
}

/// All that lets a symbol be opened: policy, venue, and a portfolio of 10,000 USDT with 1,000 USDT at risk.
fn bench() -> Bench {
    let instruments = vec![instrument(), comp()];
    let settings = PipelineSettings::default();
    let mut bench = Bench::over(instruments, &[BRIDGE], &settings, Vec::new());
    bench.run_to_ms(1);
    world(&mut bench);
    bench
}

fn world(bench: &mut Bench) {
    let now = bench.kernel.now().secs();
    let until = (now + 86_400).to_string();
    let policy = [
        ("universe_symbols", r#"["BTCUSDT","COMPUSDT"]"#),
        ("leverage_by_symbol", "{}"),
        ("harvest_params", "{}"),
        ("kill_params", "{}"),
        ("valid_until_epoch", until.as_str()),
        ("policy_version", "v1"),
    ];
    bench.hset(keys::POLICY_CURRENT.name, &policy);
    universe(bench, r#"["BTCUSDT","COMPUSDT"]"#, "0");
    portfolio(bench, "10000", "1000", "false");
    bench.set(keys::GOVERNANCE_POLICY.name, "BALANCED");
    fund_mode(bench, "EXPANSION");
}

fn universe(bench: &mut Bench, symbols: &str, stale: &str) {
    let now = bench.kernel.now().secs().to_string();
    let active = format!(
        r#"{{"asof_epoch":{now},"source":"exchangeInfo","mode":"exchange","symbols":{symbols}}}"#
    );
    bench.set(keys::UNIVERSE_ACTIVE.name, &active);
    let meta = [("asof_epoch", now.as_str()), ("count", "2"), ("stale", stale), ("error", "")];
    bench.hset(keys::UNIVERSE_META.name, &meta);
}

fn portfolio(bench: &mut Bench, equity: &str, exposure: &str, stale: &str) {
    let fields = [
        ("ts_utc", "2026-02-02T02:40:00"),
        ("timestamp", "1770000000"),
        ("equity_usd", equity),
        ("balance_usd", equity),
        ("unrealized_pnl_usd", "0"),
        ("positions_count", "1"),
        ("positions_notional_usd", exposure),
        ("gross_exposure_usd", exposure),
        ("peak_equity_usd", equity),
        ("drawdown", "0"),
        ("dd_ewma_usd", "0"),
        ("lossburst_ewma_usd", "0"),
        ("fee_burden_ewma_usd", "0"),
        ("churn_ewma", "0"),
        ("stale", stale),
        ("source", "account"),
    ];
    bench.hset(keys::PORTFOLIO.name, &fields);
}

/// An intent as a foreign writer sends it: flat, all values text, so many seconds old.
fn intend_at_age(bench: &mut Bench, fields: &[(&str, &str)], age_s: i64) {
    let mut time = String::new();
    IsoTime(bench.kernel.now() - Nanos::from_secs(age_s)).write_text(&mut time);
    let mut all = vec![("confidence", "0.7"), ("timestamp", time.as_str())];
    all.extend_from_slice(fields);
    bench.publish(streams::TRADE_INTENT, Body::fields(&all));
}

fn intend(bench: &mut Bench, fields: &[(&str, &str)]) {
    intend_at_age(bench, fields, 0);
}

/// An open of which its writer is sure.
fn sure(bench: &mut Bench) {
    let mut time = String::new();
    IsoTime(bench.kernel.now()).write_text(&mut time);
    let fields = [OPEN.as_slice(), &[("confidence", "0.9"), ("timestamp", time.as_str())]].concat();
    bench.publish(streams::TRADE_INTENT, Body::fields(&fields));
}

const OPEN: [(&str, &str); 3] = [("symbol", "BTCUSDT"), ("action", "BUY"), ("quantity", "0.5")];
const CLOSE: [(&str, &str); 5] = [
    ("symbol", "BTCUSDT"),
    ("action", "CLOSE"),
    ("side", "SELL"),
    ("quantity", "0.5"),
    ("source", "exit_monitor"),
];

fn plans(bench: &mut Bench) -> Vec<ApplyPlan> {
    bench.records(streams::APPLY_PLAN)
}

fn the_plan(bench: &mut Bench) -> ApplyPlan {
    let mut plans = plans(bench);
    assert_eq!(plans.len(), 1, "{plans:?}");
    plans.remove(0)
}

/// In this world the open is dropped for this reason, and the close is not.
fn drops(reason: &str, world: impl Fn(&mut Bench)) {
    let mut bench = bench();
    world(&mut bench);
    intend(&mut bench, &OPEN);
    assert!(plans(&mut bench).is_empty(), "{reason}");
    assert_eq!(bench.counter(BRIDGE, reason), 1, "{reason}");
    intend(&mut bench, &CLOSE);
    assert_eq!(the_plan(&mut bench).class, PlanClass::Close, "{reason}");
}

/// The entry of example 16 with the intent of example 17: its quantity is a quotient, and the id is made of that.
#[test]
fn examples_16_and_17_from_the_intent_to_the_id() {
    let entry = Nanos::from_millis(1_769_718_915_183);
    let (settings, start) = (PipelineSettings::default(), entry - Nanos::from_secs(1));
    let mut bench = Bench::from(start, vec![comp()], &[BRIDGE], &settings, Vec::new());
    bench.run_for_ms(1_000);
    world(&mut bench);
    intend(
        &mut bench,
        &[
            ("symbol", "COMPUSDT"),
            ("side", "sell"),
            ("position_size_usd", "200.0"),
            ("entry_price", "22.56"),
            ("leverage", "10.0"),
            ("stop_loss", "23.01"),
            ("take_profit", "22.1"),
        ],
    );
    assert_eq!(bench.entries(streams::TRADE_INTENT.name)[0].id.to_string(), "1769718915183-0");
    let plan = the_plan(&mut bench);
    assert_eq!(plan.plan_id, "e132bc31226dd59a");
    assert_eq!(plan.symbol, comp().symbol);
    assert_eq!((plan.side, plan.action), (OrderSide::Sell, PlanAction::Sell));
    assert_eq!((plan.class, plan.reduce_only), (PlanClass::Open, ReduceOnly(false)));
    assert_eq!(plan.order_type, "MARKET");
    assert_eq!(plan.leverage, Some(10));
    assert_eq!((plan.stop_loss, plan.take_profit), (Some(decimal("23.01")), Some(decimal("22.1"))));
    near(plan.qty, 8.865248226950355);
}

fn near(qty: Option<Decimal>, expected: f64) {
    let qty: f64 = qty.expect("a quantity").to_string().parse().expect("a number");
    assert!((qty / expected - 1.0).abs() < 1e-12, "{qty}, not {expected}");
}

#[test]
fn example_18_leverage_is_one_where_none_is_named() {
    let mut bench = bench();
    intend(
        &mut bench,
        &[("symbol", "BTCUSDT"), ("action", "BUY"), ("size", "500"), ("price", "95000")],
    );
    let plan = the_plan(&mut bench);
    assert_eq!((plan.side, plan.action), (OrderSide::Buy, PlanAction::Buy));
    assert_eq!((plan.order_type.as_ref(), plan.reduce_only), ("MARKET", ReduceOnly(false)));
    assert_eq!((plan.leverage, plan.stop_loss, plan.take_profit), (Some(1), None, None));
    near(plan.qty, 0.005263157894736842);
}

#[test]
fn example_67_an_intent_that_breaks_the_contract() {
    let mut bench = bench();
    let broken = [("symbol", "1000SHIBUSDT"), ("action", "HOLD"), ("leverage", "200")];
    bench.publish(
        streams::TRADE_INTENT,
        Body::fields(&[&broken[..], &[("confidence", "1.2")]].concat()),
    );
    assert!(plans(&mut bench).is_empty());
    assert_eq!(bench.entries("quantum:dlq:trade.intent").len(), 1);
    // With a time, and without the action that there is not.
    intend(&mut bench, &[("symbol", "1000SHIBUSDT"), ("leverage", "200")]);
    let entry = bench.entries(streams::TRADE_INTENT.name).pop().expect("an entry");
    let intent = entry.body.expect("a body").read::<TradeIntent>().expect("a record").into_owned();
    let intent = TradeIntent { confidence: 1.2, ..intent };
    let violations = ["missing:action", "invalid:confidence", "invalid:leverage"];
    assert_eq!(contract_violations(&intent), violations);
}

#[test]
fn the_first_quantity_that_is_there_counts() {
    let all = [
        ("quantity", "1"),
        ("qty", "2"),
        ("size", "300"),
        ("price", "100"),
        ("position_size_usd", "400"),
        ("entry_price", "100"),
    ];
    for (from, qty) in [(0, "1"), (1, "2"), (2, "3"), (4, "4")] {
        let mut bench = bench();
        let fields = [&[("symbol", "BTCUSDT"), ("action", "BUY")], &all[from..]].concat();
        intend(&mut bench, &fields);
        assert_eq!(the_plan(&mut bench).qty, Some(decimal(qty)));
    }
    for none in [&[][..], &[("quantity", "0")], &[("qty", "-1")], &[("size", "5"), ("price", "0")]]
    {
        let mut bench = bench();
        intend(&mut bench, &[&[("symbol", "BTCUSDT"), ("action", "BUY")], none].concat());
        assert!(plans(&mut bench).is_empty(), "{none:?}");
        assert_eq!(bench.counter(BRIDGE, "dropped_without_quantity"), 1, "{none:?}");
    }
}

#[test]
fn a_plan_says_who_decided_what_and_until_when() {
    let id = CorrelationId::from_random(11).to_string();
    let mut bench = bench();
    let more = [
        ("correlation_id", id.as_str()),
        ("source", "trading_bot"),
        ("reason", "signal"),
        ("model", "ensemble"),
        ("leverage", "8.5"),
    ];
    intend(&mut bench, &[&OPEN[..], &more].concat());
    let plan = the_plan(&mut bench);
    assert_eq!(plan.correlation_id.to_string(), id);
    assert_eq!(plan.source, "trading_bot");
    assert_eq!(plan.executor, Executor::IntentExecutor);
    assert_eq!(plan.decision, Decision::Execute);
    assert_eq!((plan.reason_codes.as_ref(), plan.model.as_deref()), ("signal", Some("ensemble")));
    assert_eq!((plan.qty, plan.fraction), (Some(decimal("0.5")), None));
    assert_eq!(plan.leverage, Some(8), "rounded half to even");
    assert_eq!(plan.valid_until.0 - plan.timestamp.0, Nanos::from_secs(60));
    // What the bridge must never do (I-03).
    assert_eq!(bench.get(&keys::PERMIT_P33.of(&plan.plan_id)), None);
}

#[test]
fn a_close_is_of_what_it_asks_for_and_has_the_side_that_the_position_needs() {
    let key = keys::STATE_POSITIONS.of(instrument().symbol);
    let held = |bench: &mut Bench, side: &str| {
        let amount = if side == "SHORT" { "-1" } else { "1" };
        let fields = [
            ("symbol", "BTCUSDT"),
            ("position_amt", amount),
            ("side", side),
            ("entry_price", "100"),
            ("leverage", "10"),
            ("changed_at", "1770000000"),
            ("updated_at", "1770000000"),
        ];
        bench.hset(&key, &fields);
    };
    for (side, orders) in [("SHORT", OrderSide::Buy), ("LONG", OrderSide::Sell)] {
        let mut bench = bench();
        held(&mut bench, side);
        intend(&mut bench, &CLOSE);
        let plan = the_plan(&mut bench);
        assert_eq!(plan.side, orders, "{side}");
        assert_eq!(plan.action, PlanAction::FullClose);
        assert_eq!((plan.class, plan.reduce_only), (PlanClass::Close, ReduceOnly(true)));
        assert_eq!((plan.qty, plan.fraction), (Some(decimal("0.5")), None), "what it asks for");
        assert_eq!(plan.source, "exit_monitor");
    }
    // Without a quantity it is of all.
    let mut all = bench();
    intend(&mut all, &[("symbol", "BTCUSDT"), ("action", "CLOSE"), ("side", "SELL")]);
    let plan = the_plan(&mut all);
    assert_eq!((plan.qty, plan.fraction), (None, Some(decimal("1"))));
    // Without a position it is told, it says its side itself; an order that may only reduce is a close, too.
    let mut flat = bench();
    intend(&mut flat, &CLOSE);
    assert_eq!(the_plan(&mut flat).side, OrderSide::Sell);
    let mut reduces = bench();
    intend(&mut reduces, &[&OPEN[..], &[("reduce_only", "true")]].concat());
    let plan = the_plan(&mut reduces);
    assert_eq!((plan.class, plan.reduce_only), (PlanClass::Close, ReduceOnly(true)));
}

/// I-10: a SELL is an open unless it says otherwise.
#[test]
fn a_sell_opens_a_short() {
    let mut bench = bench();
    intend(&mut bench, &[("symbol", "BTCUSDT"), ("action", "SELL"), ("quantity", "0.5")]);
    let plan = the_plan(&mut bench);
    assert_eq!((plan.class, plan.action), (PlanClass::Open, PlanAction::Sell));
}

#[test]
fn an_entry_becomes_one_plan_and_each_entry_its_own() {
    let mut bench = bench();
    intend(&mut bench, &OPEN);
    intend(&mut bench, &OPEN);
    let ids: Vec<String> = plans(&mut bench).into_iter().map(|plan| plan.plan_id).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1], "the entry is in the id");
    let entry = bench.entries(streams::TRADE_INTENT.name)[0].id;
    let Ttl::Left(left) = bench.ttl(&keys::BRIDGE_SEEN.of(entry)) else { panic!("no mark") };
    assert!(left > Nanos::from_secs(86_399) && left <= Nanos::from_secs(86_400));

    // An entry that was handled before, in whatever life: it would be the first one of this millisecond.
    let next = format!("{}-0", bench.kernel.now().millis());
    bench.set(&keys::BRIDGE_SEEN.of(next), "1");
    intend(&mut bench, &OPEN);
    assert_eq!(plans(&mut bench).len(), 2);
    assert_eq!(bench.counter(BRIDGE, "already_seen"), 1);
}

/// Settled: the age of a close refuses nothing.
#[test]
fn opens_older_than_ten_minutes_are_dropped_and_closes_are_not() {
    let mut bench = bench();
    intend_at_age(&mut bench, &OPEN, 599);
    assert_eq!(plans(&mut bench).len(), 1);
    intend_at_age(&mut bench, &OPEN, 601);
    assert_eq!(plans(&mut bench).len(), 1);
    assert_eq!(bench.counter(BRIDGE, "dropped_too_old"), 1);
    intend_at_age(&mut bench, &CLOSE, 3_600);
    assert_eq!(plans(&mut bench)[1].class, PlanClass::Close);
}

#[test]
fn opens_need_a_policy_that_holds_and_names_the_symbol() {
    let del = |bench: &mut Bench, key: &str| {
        let now = bench.kernel.now();
        assert!(bench.kernel.bus_mut().del(now, key));
    };
    drops("dropped_not_in_policy", |bench| del(bench, keys::POLICY_CURRENT.name));
    drops("dropped_not_in_policy", |bench| {
        bench.hset(keys::POLICY_CURRENT.name, &[("universe_symbols", r#"["COMPUSDT"]"#)]);
    });
    drops("dropped_not_in_policy", |bench| {
        let now = bench.kernel.now().secs().to_string();
        bench.hset(keys::POLICY_CURRENT.name, &[("valid_until_epoch", &now)]);
    });
    drops("dropped_not_in_policy", |bench| {
        bench.hset(keys::POLICY_CURRENT.name, &[("leverage_by_symbol", "not JSON")]);
    });
    drops("dropped_not_tradable", |bench| universe(bench, r#"["COMPUSDT"]"#, "0"));
    let mut bench = bench();
    intend(&mut bench, &[("symbol", "ETHUSDT"), ("action", "BUY"), ("quantity", "1")]);
    assert!(plans(&mut bench).is_empty());
    assert_eq!(bench.counter(BRIDGE, "dropped_unknown_symbol"), 1);
}

/// MSE 9 step 3 and 17: the policy decides alone, and that is counted.
#[test]
fn a_venue_list_that_is_absent_or_stale_stops_no_open() {
    let worlds: [fn(&mut Bench); 4] = [
        |bench| bench.forget(keys::UNIVERSE_ACTIVE.name),
        |bench| bench.forget(keys::UNIVERSE_META.name),
        |bench| universe(bench, r#"["COMPUSDT"]"#, "1"),
        |bench| bench.run_for_ms(301_000),
    ];
    for (place, world) in worlds.into_iter().enumerate() {
        let mut bench = bench();
        world(&mut bench);
        intend(&mut bench, &OPEN);
        assert_eq!(plans(&mut bench).len(), 1, "{place}");
        assert_eq!(bench.counter(BRIDGE, "venue_list_unknown"), 1, "{place}");
    }
}

#[test]
fn opens_need_an_exposure_that_is_known_and_below_80_percent() {
    drops("dropped_exposure_limit", |bench| portfolio(bench, "1000", "800", "false"));
    drops("dropped_exposure_unknown", |bench| portfolio(bench, "1000", "100", "true"));
    drops("dropped_exposure_unknown", |bench| portfolio(bench, "0", "0", "false"));
    drops("dropped_exposure_unknown", |bench| {
        let now = bench.kernel.now();
        assert!(bench.kernel.bus_mut().del(now, keys::PORTFOLIO.name));
    });
    let mut bench = bench();
    portfolio(&mut bench, "1000", "799", "false");
    intend(&mut bench, &OPEN);
    assert_eq!(plans(&mut bench).len(), 1);
}

#[test]
fn the_emergency_stop_drops_opens_also_when_it_cannot_be_read() {
    drops("dropped_emergency_stop", |bench| bench.set(keys::EMERGENCY_STOP.name, "1"));
    drops("dropped_emergency_stop", |bench| bench.set_bytes(keys::EMERGENCY_STOP.name, &[0xff]));
}

/// MSE 5.3: required of the bridge; an unknown mode opens nothing (MSE 17).
#[test]
fn opens_are_held_to_the_limits_of_the_mode() {
    drops("dropped_mode_opens_nothing", |bench| fund_mode(bench, "BLACK_SWAN"));
    drops("dropped_mode_confidence", |bench| fund_mode(bench, "CAPITAL_PRESERVATION"));
    drops("dropped_mode_unknown", |bench| fund_mode(bench, "EMERGENCY"));
    drops("dropped_mode_unknown", |bench| bench.forget(keys::FUND_MODE.name));
    let today = keys::RISK_DAILY_PNL.of("2026-02-02");
    drops("dropped_mode_daily_drawdown", |bench| bench.set(&today, "-300"));
    drops("dropped_mode_unknown", |bench| bench.set(&today, "a lot"));

    let leveraged = [OPEN.as_slice(), &[("leverage", "12")]].concat();
    for (mode, qty, leverage, held, scaled) in [
        ("GROWTH", "0.6", 12, 0, 1),
        ("EXPANSION", "0.5", 10, 1, 0),
        ("DEFENSIVE", "0.35", 5, 1, 1),
    ] {
        let mut bench = bench();
        fund_mode(&mut bench, mode);
        bench.set(&today, "-149");
        intend(&mut bench, &leveraged);
        let plan = the_plan(&mut bench);
        assert_eq!((plan.qty, plan.leverage), (Some(decimal(qty)), Some(leverage)), "{mode}");
        assert_eq!(bench.counter(BRIDGE, "leverage_held_to_the_mode"), held, "{mode}");
        assert_eq!(bench.counter(BRIDGE, "sizes_scaled_by_the_mode"), scaled, "{mode}");
    }
}

/// Two positions are all that capital preservation allows.
#[test]
fn a_mode_allows_so_many_positions() {
    for (held, passes) in [(1, true), (2, false)] {
        let mut bench = bench();
        fund_mode(&mut bench, "CAPITAL_PRESERVATION");
        for symbol in &["BTCUSDT", "COMPUSDT"][..held] {
            let fields = [
                ("symbol", *symbol),
                ("position_amt", "0.5"),
                ("side", "LONG"),
                ("entry_price", "100"),
                ("leverage", "2"),
                ("changed_at", "1770000000"),
                ("updated_at", "1770000000"),
            ];
            bench.hset(&keys::STATE_POSITIONS.of(*symbol), &fields);
        }
        sure(&mut bench);
        assert_eq!(plans(&mut bench).len(), usize::from(passes), "{held}");
        assert_eq!(bench.counter(BRIDGE, "dropped_mode_positions"), u64::from(!passes));
    }
}

/// Settled, "Opens and the kill score": of the symbol's market, with age 0 and no position; the governor denies
/// what has none.
#[test]
fn an_open_carries_the_kill_score_of_its_market() {
    let mut bare = bench();
    intend(&mut bare, &OPEN);
    assert_eq!(the_plan(&mut bare).kill_score, None, "no market state");

    let mut bench = bench();
    crate::plans::calm_market(&mut bench, instrument().symbol);
    // Half of the spike's cap, and no trend left.
    let flipped = [("sigma", "0.02"), ("ts", "0.1"), ("p_trend", "0.2"), ("p_chop", "0.6")];
    bench.hset(&keys::MARKETSTATE.of(instrument().symbol), &flipped);
    intend(&mut bench, &OPEN);
    let plan = the_plan(&mut bench);
    let components = [plan.k_regime_flip, plan.k_sigma_spike, plan.k_ts_drop, plan.k_age_penalty];
    let near =
        |value: Option<f64>, wanted: f64| value.is_some_and(|value| (value - wanted).abs() < 1e-12);
    for (component, wanted) in components.into_iter().zip([1.0, 1.0, 0.2, 0.0]) {
        assert!(near(component, wanted), "{components:?}");
    }
    let z = 1.0 + 0.5 + 0.1;
    assert!(near(plan.kill_score, 1.0 / (1.0 + libm::exp(-z))), "{:?}", plan.kill_score);

    // The policy's parameters count; those that it may not set do not.
    for (params, wanted) in [(r#"{"k_regime_flip":0}"#, 0.6), (r#"{"k_regime_flop":0}"#, 1.6)] {
        let mut bench = crate::intent_bridge::bench();
        bench.hset(keys::POLICY_CURRENT.name, &[("kill_params", params)]);
        crate::plans::calm_market(&mut bench, instrument().symbol);
        bench.hset(&keys::MARKETSTATE.of(instrument().symbol), &flipped);
        intend(&mut bench, &OPEN);
        let score = the_plan(&mut bench).kill_score;
        assert!(near(score, 1.0 / (1.0 + libm::exp(-wanted))), "{params}: {score:?}");
        let refused = u64::from(wanted > 1.0);
        assert_eq!(bench.counter(BRIDGE, "policy_params_refused"), refused, "{params}");
    }
    let mut close = crate::intent_bridge::bench();
    crate::plans::calm_market(&mut close, instrument().symbol);
    intend(&mut close, &CLOSE);
    assert_eq!(the_plan(&mut close).kill_score, None, "no score decides over a close");
}

/// MSE 9: a failed publish is neither marked nor acknowledged, and comes again.
#[test]
fn an_intent_whose_plan_was_not_published_is_not_lost() {
    let mut bench = bench();
    // XADD to something that is no stream is refused.
    bench.set(streams::APPLY_PLAN.name, "not a stream");
    intend(&mut bench, &OPEN);
    assert_eq!(bench.counter(BRIDGE, "publish_failed"), 1);
    let now = bench.kernel.now();
    bench.kernel.bus_mut().del(now, streams::APPLY_PLAN.name);
    bench.run_for_ms(130_000);
    let plan = the_plan(&mut bench);
    assert_eq!(plan.symbol, instrument().symbol);
    assert_eq!(bench.counter(BRIDGE, "plans"), 1);
    assert_eq!(bench.counter(BRIDGE, "already_seen"), 0);
}
