use std::collections::BTreeMap;

use engine::{
    CorrelationId, DigestOnly, EpochSeconds, Exchange, ExchangeEvent, Feed, FeedError, FeedLatency,
    Input, Kernel, KernelConfig, Link, MarketEvent, Member, MemoryBus, Nanos, Record, Request,
    RequestId, Sender, Service, SetOptions, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::*;
use crate::records::{Decision, Executor, OrderSide, PlanAction, ReduceOnly};

const START: Nanos = Nanos::from_secs(1_770_000_000);
/// Between two looks.
const EVERY: Nanos = Nanos::from_millis(10);
const SAID: &str = "test:said";

/// A service that looks at the permits of its plan, uses them when they are there, and writes down what it
/// found.
#[derive(Clone, Serialize, Deserialize)]
struct Probe {
    plan: ApplyPlan,
    table: PermitTable,
}

impl Service for Probe {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, _: Input<'_>, ctx: &mut Context<'_>) {
        let found = look(&self.plan, &self.table, PermitReading::default(), ctx);
        let refusal = found.refusal();
        let said = match &found {
            Permits::Granted(grant) => {
                format!("{:?} used={}", grant.permitted, grant.consume(ctx))
            }
            Permits::Missing(missing) => {
                format!("{} {}", missing.reason, lives(&self.plan, &self.table, ctx))
            }
            _ => refusal.expect("a refusal has its text"),
        };
        ctx.set(SAID, &said, SetOptions::default()).expect("a key");
        ctx.timer_after(EVERY, TimerKey(0));
    }
}

struct Nothing;

impl Exchange for Nothing {
    fn submit(&mut self, _: Nanos, _: Sender, _: RequestId, _: Request) {}
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        Nanos::NEVER
    }
    fn advance(&mut self, _: Nanos, _: &mut Vec<ExchangeEvent>) {}
}

impl Feed for Nothing {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        Ok(())
    }
}

struct Bench {
    kernel: Kernel<Nothing, Nothing>,
    plan: ApplyPlan,
}

fn plan(class: PlanClass, source: &str, action: PlanAction) -> ApplyPlan {
    ApplyPlan {
        plan_id: "0123456789abcdef".into(),
        correlation_id: CorrelationId::from_random(9),
        source: source.into(),
        executor: Executor::ApplyLayer,
        class,
        symbol: Symbol::new("BTCUSDT").expect("a symbol"),
        action,
        side: OrderSide::Sell,
        order_type: "MARKET".into(),
        qty: None,
        fraction: None,
        reduce_only: ReduceOnly(class != PlanClass::Open),
        decision: Decision::Execute,
        reason_codes: "".into(),
        kill_score: None,
        k_regime_flip: None,
        k_sigma_spike: None,
        k_ts_drop: None,
        k_age_penalty: None,
        confidence: None,
        leverage: None,
        stop_loss: None,
        take_profit: None,
        new_sl_proposed: None,
        r_net: None,
        price: None,
        model: None,
        timestamp: EpochSeconds(START),
        valid_until: EpochSeconds(START),
    }
}

impl Bench {
    fn of(plan: ApplyPlan) -> Bench {
        let probe = Probe { plan: plan.clone(), table: PermitTable::default() };
        let config = KernelConfig {
            seed: 7,
            start: START,
            instruments: Vec::new(),
            link: Link { latency: Nanos::ZERO, jitter: Nanos::ZERO },
            links: BTreeMap::new(),
            call_link: Link { latency: Nanos::ZERO, jitter: Nanos::ZERO },
            feed_latency: FeedLatency::NONE,
        };
        let bus = Box::new(MemoryBus::new());
        let members = vec![Member::new("probe", Box::new(probe))];
        let kernel = Kernel::new(config, bus, Nothing, Nothing, members, Box::new(DigestOnly));
        Bench { kernel, plan }
    }

    fn harvest() -> Bench {
        Bench::of(plan(PlanClass::Close, "harvest_brain", PlanAction::FullClose))
    }

    /// A permit lies under its key, as its issuer leaves it.
    fn put(&mut self, kind: PermitKind, permit: &dyn Record) {
        self.put_text(kind, &permit.to_json().to_string());
    }

    fn put_text(&mut self, kind: PermitKind, text: &str) {
        let options = SetOptions { expire: key_of(kind).life, ..SetOptions::default() };
        let (now, key) = (self.kernel.now(), key_of(kind).of(&self.plan.plan_id));
        self.kernel.bus_mut().set(now, &key, text.as_bytes(), options).expect("a key");
    }

    /// What the probe says after its next look.
    fn says(&mut self) -> String {
        let until = self.kernel.now() + EVERY;
        self.kernel.run_until(until).expect("a run");
        let said = self.kernel.bus_mut().get(until, SAID).expect("a string").expect("it looked");
        String::from_utf8(said).expect("text")
    }

    fn left(&mut self) -> usize {
        let now = self.kernel.now();
        let keys = PermitKind::ALL.map(|kind| key_of(kind).of(&self.plan.plan_id));
        keys.iter().filter(|key| self.kernel.bus_mut().exists(now, key)).count()
    }

    fn governor(&self) -> GovernorPermit {
        GovernorPermit {
            granted: true,
            plan_id: self.plan.plan_id.clone(),
            correlation_id: self.plan.correlation_id,
            symbol: self.plan.symbol,
            action: self.plan.action,
            decision: Decision::Execute,
            computed_qty: None,
            computed_notional: None,
            reason: "ok".into(),
            consumed: false,
            eff_score: None,
            eff_confidence: None,
            eff_stale: None,
            eff_factor: None,
            eff_action: None,
            eff_reason: None,
            downsize_factor: None,
            extra_cooldown_sec: None,
            created_at: EpochSeconds(self.kernel.now()),
        }
    }

    fn p33(&self, safe_qty: i64) -> P33Permit {
        P33Permit {
            allow: true,
            plan_id: self.plan.plan_id.clone(),
            correlation_id: self.plan.correlation_id,
            symbol: self.plan.symbol,
            action: self.plan.action,
            safe_qty: Decimal::from(safe_qty),
            exchange_position_amt: None,
            ledger_amt: None,
            reason: "sanity_checks_passed".into(),
            context: None,
            created_at: EpochSeconds(self.kernel.now()),
        }
    }

    fn p26(&self, action: PlanAction, percent: i64) -> P26Permit {
        P26Permit {
            allow: true,
            plan_id: self.plan.plan_id.clone(),
            correlation_id: self.plan.correlation_id,
            symbol: self.plan.symbol,
            action: self.plan.action,
            final_action: action,
            max_fraction: Decimal::new(percent, 2),
            reason: "pass".into(),
            stress: None,
            heat: None,
            created_at: EpochSeconds(self.kernel.now()),
        }
    }
}

/// Example of EHR 3.17: two of three permits change nothing; all three are used together, with the smallest
/// limits.
#[test]
fn permits_are_used_together_or_not_at_all() {
    let mut bench = Bench::harvest();
    assert_eq!(bench.says(), "missing_all gov_ttl=-2 p33_ttl=-2 p26_ttl=-2");
    let (governor, p33) = (bench.governor(), bench.p33(5));
    bench.put(PermitKind::Governor, &governor);
    assert_eq!(bench.says(), "missing_p33 gov_ttl=59 p33_ttl=-2 p26_ttl=-2");
    bench.put(PermitKind::P33, &p33);
    // Incident INC-3: missing_p26, gov_ttl 58, p33_ttl 59, p26_ttl -2.
    assert_eq!(bench.says(), "missing_p26 gov_ttl=59 p33_ttl=59 p26_ttl=-2");
    assert_eq!(bench.left(), 2);
    let p26 = bench.p26(PlanAction::Partial25, 25);
    bench.put(PermitKind::P26, &p26);
    assert_eq!(bench.says(), "Permitted { max_qty: Some(5), max_fraction: Some(0.25) } used=true");
    assert_eq!(bench.left(), 0);
    assert_eq!(bench.says(), "missing_all gov_ttl=-2 p33_ttl=-2 p26_ttl=-2", "used once");
}

#[test]
fn a_denial_is_told_at_once_and_uses_nothing() {
    let mut bench = Bench::harvest();
    let no =
        GovernorPermit { granted: false, reason: "kill_switch_active".into(), ..bench.governor() };
    bench.put(PermitKind::Governor, &no);
    assert_eq!(bench.says(), "governor_permit_denied:kill_switch_active", "without the others");
    let p33 = bench.p33(5);
    bench.put(PermitKind::P33, &p33);
    let held =
        P26Permit { allow: false, reason: "not_allowed".into(), ..bench.p26(PlanAction::Hold, 0) };
    bench.put(PermitKind::P26, &held);
    assert_eq!(bench.says(), "governor_permit_denied:kill_switch_active");
    let governor = bench.governor();
    bench.put(PermitKind::Governor, &governor);
    assert_eq!(bench.says(), "p26_permit_denied:not_allowed");
    assert_eq!(bench.left(), 3);
    // Incident I-05: a text that says no was true because it was a text.
    let mut spelled = bench.p33(5).to_json();
    spelled["allow"] = "false".into();
    bench.put_text(PermitKind::P33, &spelled.to_string());
    assert_eq!(bench.says(), "p33_permit_denied:sanity_checks_passed");
}

#[test]
fn a_permit_of_something_else_is_a_mismatch() {
    let mut bench = Bench::harvest();
    let (governor, p33) = (bench.governor(), bench.p33(5));
    bench.put(PermitKind::Governor, &governor);
    bench.put(PermitKind::P33, &p33);
    let more = PlanAction::Partial75;
    bench.plan.action = PlanAction::Partial25;
    let p26 = bench.p26(more, 75);
    for wrong in [
        P26Permit { symbol: Symbol::new("ETHUSDT").expect("a symbol"), ..p26.clone() },
        P26Permit { plan_id: "fedcba9876543210".into(), ..p26.clone() },
        P26Permit { final_action: PlanAction::Buy, ..p26 },
    ] {
        bench.put(PermitKind::P26, &wrong);
        assert_eq!(bench.says(), "p26_permit_mismatch");
    }
    assert_eq!(bench.left(), 3);
}

#[test]
fn a_permit_is_void_a_minute_after_it_was_made() {
    let mut bench = Bench::of(plan(PlanClass::Close, "exit_monitor", PlanAction::FullClose));
    let (governor, p33) = (bench.governor(), bench.p33(5));
    let old = P33Permit { created_at: EpochSeconds(START - Nanos::from_secs(60)), ..p33 };
    bench.put(PermitKind::Governor, &governor);
    bench.put(PermitKind::P33, &old);
    assert_eq!(
        bench.says(),
        "missing_p33 gov_ttl=59 p33_ttl=59 p26_ttl=-2",
        "whatever its key says"
    );
    let fresh = bench.p33(5);
    bench.put(PermitKind::P33, &fresh);
    let key = key_of(PermitKind::Governor).of(&bench.plan.plan_id);
    let now = bench.kernel.now();
    bench.kernel.bus_mut().del(now, &key);
    assert_eq!(bench.says(), "missing_governor gov_ttl=-2 p33_ttl=59 p26_ttl=-2");
    assert_eq!(bench.left(), 1);
}

/// Incident I-04: a permit was written as a hash by one service and read as text by another.
#[test]
fn another_type_under_the_key_fails_loudly() {
    let mut bench = Bench::harvest();
    let (now, key) = (bench.kernel.now(), key_of(PermitKind::P33).of(&bench.plan.plan_id));
    bench.kernel.bus_mut().hset(now, &key, "allow", b"true").expect("a hash");
    let said = bench.says();
    assert!(said.starts_with("p33_permit_unreadable:WRONGTYPE"), "{said}");
    bench.kernel.bus_mut().del(now, &key);
    bench.put_text(PermitKind::P33, "1");
    let said = bench.says();
    assert!(said.starts_with("p33_permit_unreadable:"), "{said}");
}

#[test]
fn each_class_needs_its_permits() {
    let table = PermitTable::default();
    let of = |class, source| {
        let plan = plan(class, source, PlanAction::FullClose);
        table.required(needs(&plan)).to_vec()
    };
    let two = vec![PermitKind::Governor, PermitKind::P33];
    assert_eq!(of(PlanClass::Open, "trading_bot"), two);
    assert_eq!(of(PlanClass::Close, "exit_monitor"), two);
    assert_eq!(of(PlanClass::Close, "governor_rotation"), two);
    assert_eq!(of(PlanClass::Close, "harvest_proposal"), PermitKind::ALL);
    assert_eq!(of(PlanClass::Close, "harvest_brain"), PermitKind::ALL);
    assert_eq!(of(PlanClass::ReconcileClose, "reconcile_engine"), []);
    let intent = ApplyPlan {
        executor: Executor::IntentExecutor,
        ..plan(PlanClass::Close, "harvest_brain", PlanAction::FullClose)
    };
    assert_eq!(needs(&intent), Needs::IntentClose);
    let keys = key_patterns(&table, &[Needs::Open, Needs::IntentClose]);
    assert_eq!(keys, ["quantum:permit:{plan_id}", "quantum:permit:p33:{plan_id}"]);
    let twice = PermitTable { open: vec![PermitKind::P33; 2], ..table };
    assert_eq!(
        Component::problem(&twice).expect("a problem"),
        "open names P33 twice: a permit is needed or it is not"
    );
}
