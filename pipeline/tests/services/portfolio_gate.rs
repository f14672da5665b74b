//! Portfolio gate P2.6: EHR 3.6 to 3.8 as settled, worked examples 15, 17 and 21 to 24, INC-3 and INC-5; and the heat
//! bridge P2.7 (EHR 3.9) behind it.

mod audits;

use engine::{Body, Envelope, Nanos, Ttl};
use pipeline::records::{
    ApplyPlan, ApplyResult, Decision, Executor, HarvestCalibrated, HeatDecision, OrderSide,
    P26Permit, PlanAction, PlanClass, PortfolioGateEntry, ReduceOnly,
};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, audited, instrument};
use crate::held::{self, Position};
use crate::plans;

const SERVICE: &str = "portfolio_gate";
/// Sigma of a minute for which 210 USDT have a heat of 0.5 over this equity: 210 · 0.01 · √1440 / 159.4.
const SIGMA: [&str; 5] = ["0.01", "0.4", "0.6", "0.2", "0.2"];

pub fn bench_with(settings: &PipelineSettings, equity: &str) -> Bench {
    let mut bench = Bench::new(&[SERVICE, "heat_bridge"], settings, Vec::new());
    held::hold(&mut bench, &Position::default());
    held::market(&mut bench, SIGMA);
    portfolio(&mut bench, equity, "false");
    bench.run_to_ms(1);
    bench
}

fn bench(equity: &str) -> Bench {
    bench_with(&PipelineSettings::default(), equity)
}

/// The portfolio state publisher's word, as of now.
pub fn portfolio(bench: &mut Bench, equity: &str, stale: &str) {
    let now = bench.kernel.now().secs().to_string();
    let iso = bench.kernel.now().to_string();
    let mut fields = vec![
        ("ts_utc", iso.as_str()),
        ("timestamp", &now),
        ("equity_usd", equity),
        ("stale", stale),
        ("source", "account"),
    ];
    let zero = [
        "unrealized_pnl_usd",
        "positions_count",
        "positions_notional_usd",
        "peak_equity_usd",
        "drawdown",
    ];
    fields.extend(zero.map(|name| (name, "0")));
    let moderator = [
        ("gross_exposure_usd", "9000"),
        ("dd_ewma_usd", "260"),
        ("lossburst_ewma_usd", "200"),
        ("fee_burden_ewma_usd", "40"),
        ("churn_ewma", "0.9"),
    ];
    fields.extend(moderator);
    bench.hset(keys::PORTFOLIO.name, &fields);
}

pub fn close(bench: &Bench, id: &str, action: PlanAction) -> ApplyPlan {
    ApplyPlan {
        plan_id: id.into(),
        source: "harvest_proposal".into(),
        executor: Executor::ApplyLayer,
        class: PlanClass::Close,
        reduce_only: ReduceOnly(true),
        qty: None,
        kill_score: Some(0.7),
        ..plans::plan(bench, action, OrderSide::Sell)
    }
}

pub fn permit(bench: &mut Bench, id: &str) -> Option<P26Permit> {
    use engine::TypedRecord as _;
    let text = bench.get(&keys::PERMIT_P26.of(id))?;
    Some(P26Permit::from_json(&serde_json::from_str(&text).expect("JSON")).expect("a permit"))
}

/// Sends the close and tells what the permit allows: the action, the share and the reason.
pub fn asked(bench: &mut Bench, id: &str, action: PlanAction) -> (PlanAction, String, String) {
    let plan = close(bench, id, action);
    plans::send(bench, &plan);
    bench.run_for_ms(5);
    let permit = permit(bench, id).expect("a permit");
    assert_eq!(permit.allow, permit.final_action != PlanAction::Hold);
    assert_eq!((&*permit.plan_id, permit.action), (id, action));
    (permit.final_action, permit.max_fraction.normalize().to_string(), permit.reason.into_owned())
}

pub fn is(got: (PlanAction, String, String), action: PlanAction, share: &str, reason: &str) {
    assert_eq!(got, (action, share.to_owned(), reason.to_owned()));
}

const FULL: PlanAction = PlanAction::FullClose;

/// The daily sigma, and the three buckets: 210 USDT at 38 % of daily risk over 400, 160 and 100 USDT.
#[test]
fn cold_warm_and_hot() {
    let mut cold = bench("400");
    is(asked(&mut cold, "a", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");
    let mut warm = bench("160");
    is(asked(&mut warm, "a", FULL), PlanAction::Partial75, "0.75", "portfolio_heat_warm");
    let mut hot = bench("100");
    is(asked(&mut hot, "a", FULL), FULL, "1", "pass");
    is(asked(&mut hot, "b", PlanAction::Partial25), PlanAction::Partial25, "0.25", "pass");
    let calibrated: Vec<HarvestCalibrated> = warm.records(streams::HARVEST_CALIBRATED);
    let one = &calibrated[0];
    let actions = (one.original_action, one.calibrated_action);
    assert_eq!(actions, (FULL, PlanAction::Partial75));
    assert_eq!(
        (&*one.heat_bucket, &*one.reason, &*one.mode),
        ("WARM", "portfolio_heat_warm", "enforce")
    );
    assert!((one.heat_value - 210.0 * 0.01 * 1_440f64.sqrt() / 160.0).abs() < 1e-12);
    let Ttl::Left(left) = warm.ttl(&keys::PERMIT_P26.of("a")) else { panic!("a life") };
    assert!(left > Nanos::from_secs(59) && left <= Nanos::from_secs(60));
    let decided: Vec<HeatDecision> = warm.records(streams::HARVEST_HEAT_DECISION);
    let one = &decided[0];
    assert_eq!((&*one.heat_level, &*one.heat_action), ("warm", "DOWNGRADE_FULL_TO_PARTIAL"));
    assert_eq!((one.recommended_partial, &*one.reason), (Some(0.75), "ok"));
    let gated: Vec<PortfolioGateEntry> = warm.records(streams::PORTFOLIO_GATE);
    assert_eq!((gated[0].action_proposed, gated[0].final_action), (FULL, PlanAction::Partial75));
}

/// Fractions are of what the portfolio state says now; without its equity the heat is missing, counted, and cold.
#[test]
fn missing_heat_is_cold_and_counted() {
    let stale = |bench: &mut Bench| portfolio(bench, "100", "true");
    let nothing = |bench: &mut Bench| {
        bench.kernel.bus_mut().del(START, keys::PORTFOLIO.name);
    };
    let broken = |bench: &mut Bench| bench.hset(keys::PORTFOLIO.name, &[("equity_usd", "NaN")]);
    let old = |bench: &mut Bench| {
        let at = (START.secs() - 121).to_string();
        bench.hset(keys::PORTFOLIO.name, &[("timestamp", &at)]);
    };
    let negative = |bench: &mut Bench| portfolio(bench, "-100", "false");
    for spoil in [stale, nothing, broken, old, negative] {
        let mut bench = bench("100");
        spoil(&mut bench);
        is(asked(&mut bench, "a", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");
        assert_eq!(bench.counter(SERVICE, "heat_missing"), 1);
        let decided: Vec<HeatDecision> = bench.records(streams::HARVEST_HEAT_DECISION);
        assert_eq!((&*decided[0].reason, &*decided[0].heat_level), ("missing_inputs", "cold"));
    }
    // Without the sigma of any open position the book seemed to be of no risk at all, with the reason ok.
    let mut bench = bench("100");
    bench.kernel.bus_mut().del(START, &keys::MARKETSTATE.of(instrument().symbol));
    is(asked(&mut bench, "a", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");
    assert_eq!(bench.counter(SERVICE, "sigma_missing"), 1);
    assert_eq!(bench.counter(SERVICE, "heat_missing"), 1);
    let decided: Vec<HeatDecision> = bench.records(streams::HARVEST_HEAT_DECISION);
    assert_eq!((&*decided[0].reason, &*decided[0].heat_level), ("missing_inputs", "cold"));
    // A flat book has no risk, and needs no sigma for that.
    held::look(&mut bench, &Position { amount: "0", pnl: "0", ..Position::default() });
    asked(&mut bench, "b", FULL);
    assert_eq!(bench.counter(SERVICE, "heat_missing"), 1);
}

/// Snapshots are closed: without one that is fresh there is a denial, which tells why.
#[test]
fn without_a_fresh_snapshot_nothing_is_permitted() {
    let mut bench = bench("100");
    let at = (START.secs() - 301).to_string();
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &[("ts_epoch", &at)]);
    is(asked(&mut bench, "a", FULL), PlanAction::Hold, "0", "fail_closed_portfolio_state");
    assert_eq!(bench.counter(SERVICE, "fail_closed_portfolio_state"), 1);
    let mut shadow = PipelineSettings::default();
    shadow.portfolio_gate.mode = serde_json::from_str("\"shadow\"").expect("a mode");
    let mut bench = bench_with(&shadow, "100");
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &[("ts_epoch", &at)]);
    is(asked(&mut bench, "a", FULL), PlanAction::Hold, "0", "fail_closed_portfolio_state");
}

#[test]
fn a_shadow_tells_and_permits_what_is_asked() {
    let mut settings = PipelineSettings::default();
    settings.portfolio_gate.mode = serde_json::from_str("\"shadow\"").expect("a mode");
    let mut bench = bench_with(&settings, "400");
    is(asked(&mut bench, "a", FULL), FULL, "1", "portfolio_heat_cold");
    let gated: Vec<PortfolioGateEntry> = bench.records(streams::PORTFOLIO_GATE);
    assert_eq!(gated[0].final_action, PlanAction::Partial25);
}

/// Only closes of harvest and harvest brain: no other plan gets a permit, a decision or a count.
#[test]
fn other_plans_are_left_alone() {
    let mut bench = bench("100");
    let close = close(&bench, "a", FULL);
    let blocked = ApplyPlan { decision: Decision::Blocked, ..close.clone() };
    let rotation = ApplyPlan { source: "governor_rotation".into(), ..close.clone() };
    let exit = plans::plan(&bench, FULL, OrderSide::Sell);
    let open = plans::plan(&bench, PlanAction::Buy, OrderSide::Buy);
    for plan in [blocked, rotation, exit, open] {
        plans::send(&mut bench, &plan);
        assert_eq!(permit(&mut bench, &plan.plan_id), None);
    }
    // A stop that moves and a word to hold are no closes (a NOOP earned a permit once).
    for action in [PlanAction::UpdateSl, PlanAction::Hold] {
        let plan = self::close(&bench, "b", action);
        plans::send(&mut bench, &plan);
        assert_eq!(permit(&mut bench, "b"), None);
    }
    assert_eq!(bench.counter(SERVICE, "p26_plans_seen_total"), 0);
}

fn executed(bench: &mut Bench, source: &'static str, executed: bool) {
    let result = ApplyResult {
        plan_id: "done".into(),
        correlation_id: engine::CorrelationId::from_random(1),
        symbol: instrument().symbol,
        decision: Decision::Execute,
        action: PlanAction::Partial25,
        executed,
        would_execute: true,
        reduce_only: ReduceOnly(true),
        side: OrderSide::Sell,
        requested_qty: None,
        filled_qty: None,
        avg_price: None,
        order_id: None,
        status: "FILLED".into(),
        error: None,
        source: source.into(),
        timestamp: engine::EpochSeconds(bench.kernel.now()),
        steps_results: "[]".into(),
    };
    bench.publish(streams::APPLY_RESULT, Body::message(Envelope::Flat, result));
}

/// The cooldown follows executions, not permits: the second permit is as the first, and only an executed close steps
/// the next one down, for 60 s.
#[test]
fn the_cooldown_is_set_by_executions() {
    let mut bench = bench("100");
    is(asked(&mut bench, "a", FULL), FULL, "1", "pass");
    is(asked(&mut bench, "b", FULL), FULL, "1", "pass");
    executed(&mut bench, "apply_layer", false);
    executed(&mut bench, "intent_executor", true);
    is(asked(&mut bench, "c", FULL), FULL, "1", "pass");
    executed(&mut bench, "apply_layer", true);
    is(asked(&mut bench, "d", FULL), PlanAction::Partial75, "0.75", "cooldown_downgrade");
    is(asked(&mut bench, "e", PlanAction::Partial25), PlanAction::Hold, "0", "cooldown_downgrade");
    bench.run_for_ms(60_000);
    is(asked(&mut bench, "f", PlanAction::Partial25), PlanAction::Partial25, "0.25", "pass");
}

fn set(change: impl Fn(&mut serde_json::Value)) -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    let mut gate = serde_json::to_value(&settings.portfolio_gate).expect("JSON");
    change(&mut gate);
    settings.portfolio_gate = serde_json::from_value(gate).expect("settings");
    settings
}

#[test]
fn the_table_is_configuration() {
    let hold = set(|gate| gate["matrix"] = "hot-hold".into());
    let mut bench = bench_with(&hold, "100");
    is(
        asked(&mut bench, "a", PlanAction::Partial75),
        PlanAction::Hold,
        "0",
        "portfolio_heat_hot_hold",
    );
    assert_eq!(bench.counter(SERVICE, "p26_actions_downgraded_total"), 1);
    let unknown = set(|gate| gate["matrix"] = "warm".into());
    let problem = pipeline::chain(&unknown, &[]).map(drop).expect_err("refused").to_string();
    assert!(problem.contains("calm-first, hot-hold or none"), "{problem}");
}

/// EHR 3.8: the stress takes the clusters' own where it is fresh, and the book's leading side where it is not. One
/// long position: 0.6 · heat + 0.25 + 0.15 · clusters, with a heat of (0.01 · √1440 − 0.05) / 0.3 = 1.
#[test]
fn the_stress_rule_reads_the_stress_of_the_clusters() {
    let stress = |settings: &PipelineSettings, age_s: i64, told: &str| {
        let mut bench = bench_with(settings, "100");
        let at = (bench.kernel.now().secs() - age_s).to_string();
        let fields =
            [("updated_ts", at.as_str()), ("cluster_stress", told), ("clusters_count", "1")];
        bench.hset(keys::PORTFOLIO_CLUSTER_STATE.name, &fields);
        asked(&mut bench, "a", FULL);
        let told: Vec<PortfolioGateEntry> = bench.records(streams::PORTFOLIO_GATE);
        let used = bench.gauge(SERVICE, "p26_cluster_stress_used", engine::GaugeOf::All);
        let counted = ["p26_cluster_fallback_total", "clusters_unreadable"]
            .map(|name| bench.counter(SERVICE, name));
        ((told[0].stress * 1e6).round() / 1e6, used, counted)
    };
    let rule = set(|gate| gate["stress_rule"] = true.into());
    assert_eq!(stress(&rule, 119, "0.2"), (0.88, Some(1.0), [0, 0]));
    assert_eq!(stress(&rule, 121, "0.2"), (1.0, Some(0.0), [1, 0]), "too old");
    assert_eq!(stress(&rule, 0, "much"), (1.0, Some(0.0), [1, 1]));
    assert_eq!(stress(&PipelineSettings::default(), 0, "0.2"), (1.0, Some(0.0), [1, 0]));
}

/// The band of C4: 0.25 is reached by half a band only.
#[test]
fn hysteresis_keeps_the_bucket() {
    // 210 · 0.01 · √1440 / 310 = 0.257
    let band = set(|gate| gate["hysteresis"] = 0.02.into());
    let mut bench = bench_with(&band, "400");
    is(asked(&mut bench, "a", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");
    portfolio(&mut bench, "310", "false");
    is(asked(&mut bench, "b", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");
    let mut without = bench_with(&PipelineSettings::default(), "310");
    is(asked(&mut without, "b", FULL), PlanAction::Partial75, "0.75", "portfolio_heat_warm");
}

/// EHR 15 to 17 (heat of the minute's sigma) and 21 to 24 (stress of sigma 1) under their named settings.
#[test]
fn audited_settings_bring_the_audited_gate_back() {
    let minute = audited(&["sigma_per_minute"]);
    let mut bench = bench_with(&minute, "100");
    is(asked(&mut bench, "a", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");

    let mut february = set(|gate| {
        gate["matrix"] = "none".into();
        gate["stress_rule"] = true.into();
        gate["promotion"] = true.into();
    });
    february.audited = audited(&["unit_sigma"]).audited;
    // One position alone: heat, concentration and correlation are 1, and so is the stress (as EHR 22).
    let mut bench = bench_with(&february, "100");
    is(
        asked(&mut bench, "a", PlanAction::Partial50),
        PlanAction::Partial75,
        "0.75",
        "riskoff_accelerate",
    );
    let gated: Vec<PortfolioGateEntry> = bench.records(streams::PORTFOLIO_GATE);
    assert_eq!((gated[0].heat, gated[0].concentration, gated[0].stress), (1.0, 1.0, 1.0));
    // EHR 23: a flat book with a hard score, and with a lower one.
    let mut bench = bench_with(&february, "100");
    held::look(&mut bench, &Position { amount: "0", pnl: "0", ..Position::default() });
    is(
        asked(&mut bench, "a", FULL),
        PlanAction::Partial50,
        "0.5",
        "forbid_full_close_portfolio_cold",
    );
    let hard = ApplyPlan { kill_score: Some(0.86), ..close(&bench, "b", FULL) };
    plans::send(&mut bench, &hard);
    let permit = permit(&mut bench, "b").expect("a permit");
    assert_eq!(permit.final_action, PlanAction::Partial75);
    assert_eq!(permit.reason, "forbid_full_close_portfolio_cold_ks_hard");
}

/// The moderator's score is an option of the heat decision: EHR 20 in the one direction, and as audited.
#[test]
fn the_moderator_tells_by_its_score() {
    let matrix = set(|gate| gate["moderator"] = "matrix".into());
    let least = audited(&["hot_closes_least"]);
    for (settings, action) in [(matrix, "FULL_CLOSE_PROPOSED"), (least, "PARTIAL_25_PROPOSED")] {
        let mut bench = bench_with(&settings, "400");
        is(asked(&mut bench, "a", FULL), PlanAction::Partial25, "0.25", "portfolio_heat_cold");
        let decided: Vec<HeatDecision> = bench.records(streams::HARVEST_HEAT_DECISION);
        assert_eq!((decided[0].heat_score, &*decided[0].heat_level), (0.9125, "hot"));
        assert_eq!(decided[0].out_action, action);
        bench.kernel.bus_mut().del(START, keys::PORTFOLIO.name);
        asked(&mut bench, "b", FULL);
        let decided: Vec<HeatDecision> = bench.records(streams::HARVEST_HEAT_DECISION);
        assert_eq!(
            (&*decided[1].out_action, &*decided[1].reason),
            ("NOOP", "FAIL-CLOSED(missing_inputs)")
        );
    }
}

#[test]
fn a_plan_without_a_sound_score_is_dead_lettered() {
    let mut bench = bench("100");
    let plan = close(&bench, "a", FULL);
    let mut fields: Vec<(&str, String)> = Vec::new();
    engine::Record::for_each_field(&plan, &mut |name, text| fields.push((name, text.to_owned())));
    for (name, text) in &mut fields {
        if *name == "kill_score" {
            "NaN".clone_into(text);
        }
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, t)| (*n, t.as_str())).collect();
    bench.publish(streams::APPLY_PLAN, Body::fields(&fields));
    assert_eq!(permit(&mut bench, "a"), None);
    assert_eq!(bench.counter(SERVICE, "dead_letters"), 1);
    is(asked(&mut bench, "b", FULL), FULL, "1", "pass");
}

#[test]
fn a_successor_decides_what_its_predecessor_did_not() {
    let mut bench = bench("100");
    bench.crash(SERVICE, 50);
    bench.run_for_ms(1);
    let plan = close(&bench, "a", FULL);
    plans::send(&mut bench, &plan);
    assert_eq!(permit(&mut bench, "a"), None);
    bench.run_for_ms(100);
    assert!(permit(&mut bench, "a").expect("a permit").allow);
}

/// EHR 3.9: keys by plan and by symbol; once a plan.
#[test]
fn the_bridge_makes_keys_of_decisions() {
    let symbol = instrument().symbol;
    let mut bench = bench("160");
    asked(&mut bench, "a", FULL);
    let by_plan = bench.hash(&keys::HEAT_BY_PLAN.of("a"));
    assert_eq!((&*by_plan["heat_level"], &*by_plan["out_action"]), ("warm", "PARTIAL_75"));
    assert_eq!(bench.hash(&keys::HEAT_LATEST.of(symbol)), by_plan);
    assert_eq!(bench.get(&keys::HEAT_LATEST_PLAN.of(symbol)).as_deref(), Some("a"));
    let decision: HeatDecision = bench.records(streams::HARVEST_HEAT_DECISION).remove(0);
    bench.publish(streams::HARVEST_HEAT_DECISION, Body::message(Envelope::Flat, decision.clone()));
    assert_eq!(bench.counter("heat_bridge", "p27_dedupe_skips_total"), 1);

    let foreign = HeatDecision { symbol: engine::Symbol::new("XRPUSDT").expect("one"), ..decision };
    bench.publish(streams::HARVEST_HEAT_DECISION, Body::message(Envelope::Flat, foreign));
    assert_eq!(bench.counter("heat_bridge", "unknown_symbol"), 1);
}

/// Settled: an order in flight makes a close wait for its end, not fail.
#[test]
fn a_close_that_waits_keeps_the_permit_of_the_gate() {
    let mut bench = bench("1000");
    let plan = close(&bench, "waits", PlanAction::Partial50);
    bench.set(&keys::APPLY_WAITING.of("waits"), &engine::Record::to_json(&plan).to_string());
    plans::send(&mut bench, &plan);
    let goes_on = |bench: &mut Bench| {
        for _ in 0..30 {
            bench.run_for_ms(5_000);
            held::hold(bench, &Position::default());
            assert!(permit(bench, "waits").is_some_and(|permit| permit.allow));
        }
    };
    goes_on(&mut bench);
    // Whoever takes over renews it, too.
    bench.crash(SERVICE, 10);
    goes_on(&mut bench);
    bench.forget(&keys::APPLY_WAITING.of("waits"));
    bench.run_for_ms(120_000);
    assert!(permit(&mut bench, "waits").is_none(), "nobody waits for it");
}
