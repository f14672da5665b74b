//! What governance and contract hold opens to: MSE 15.2, 17 and 1.3.

use engine::{FieldValue as _, IsoTime, Nanos};
use pipeline::records::PlanClass;
use pipeline::{keys, streams};

use super::{BRIDGE, CLOSE, bench, drops, intend, near, plans, portfolio, the_plan};
use crate::bench::{Bench, instrument};

/// An open of 0.5 at this price with this confidence and leverage, under this policy.
fn under(policy: &str, confidence: &str, leverage: &str, price: &str) -> Bench {
    let mut bench = bench();
    bench.set(keys::GOVERNANCE_POLICY.name, policy);
    send(&mut bench, &[("confidence", confidence), ("leverage", leverage), ("entry_price", price)]);
    bench
}

/// An open of now with these fields in place of the usual ones.
fn send(bench: &mut Bench, fields: &[(&str, &str)]) {
    let mut time = String::new();
    IsoTime(bench.kernel.now()).write_text(&mut time);
    let usual = [
        ("symbol", "BTCUSDT"),
        ("action", "BUY"),
        ("quantity", "0.5"),
        ("confidence", "0.8"),
        ("timestamp", time.as_str()),
    ];
    let named = |name: &str| fields.iter().any(|(other, _)| *other == name);
    let mut all: Vec<_> = usual.into_iter().filter(|(name, _)| !named(name)).collect();
    all.extend_from_slice(fields);
    bench.publish(streams::TRADE_INTENT, engine::Body::fields(&all));
}

#[test]
fn the_policy_bounds_leverage_and_confidence() {
    let cases = [
        ("BALANCED", "0.65", "20", None),
        ("BALANCED", "0.65", "21", Some("dropped_governance_leverage")),
        ("BALANCED", "0.64", "20", Some("dropped_governance_confidence")),
        ("CONSERVATIVE", "0.75", "10", None),
        ("CONSERVATIVE", "0.75", "11", Some("dropped_governance_leverage")),
        ("CONSERVATIVE", "0.74", "10", Some("dropped_governance_confidence")),
        // The mode asks for more than the policy.
        ("AGGRESSIVE", "0.64", "30", None),
    ];
    for (policy, confidence, leverage, dropped) in cases {
        let mut bench = under(policy, confidence, leverage, "100");
        assert_eq!(plans(&mut bench).len(), usize::from(dropped.is_none()), "{policy}");
        if let Some(dropped) = dropped {
            assert_eq!(bench.counter(BRIDGE, dropped), 1, "{policy}");
        }
    }
}

/// A quarter of 10,000 USDT, or less of what nobody is sure of.
#[test]
fn the_policy_bounds_the_size() {
    for (policy, price, qty, down) in [
        ("BALANCED", "5000", 0.5, 0),
        ("BALANCED", "10000", 0.25, 1),
        ("CONSERVATIVE", "10000", 0.15, 1),
        ("AGGRESSIVE", "10000", 0.35, 1),
    ] {
        let mut bench = under(policy, "0.8", "5", price);
        near(the_plan(&mut bench).qty, qty);
        assert_eq!(bench.counter(BRIDGE, "governance_sized_down"), down, "{policy}");
    }
    let mut bench = bench();
    send(&mut bench, &[]);
    near(the_plan(&mut bench).qty, 0.5);
    assert_eq!(bench.counter(BRIDGE, "governance_size_unknown"), 1, "without a price");
}

/// An intent that comes again leads to the same plan, whatever the equity is by then: another id were another order.
#[test]
fn the_id_of_a_plan_does_not_hang_on_the_equity() {
    let [rich, poor] = ["10000", "8000"].map(|equity| {
        let mut bench = bench();
        portfolio(&mut bench, equity, "1000", "false");
        send(&mut bench, &[("entry_price", "10000")]);
        the_plan(&mut bench)
    });
    near(rich.qty, 0.25);
    near(poor.qty, 0.2);
    assert_eq!(rich.plan_id, poor.plan_id);
}

#[test]
fn a_symbol_that_loses_is_not_opened() {
    let performance = |bench: &mut Bench, trades: &str| {
        let now = bench.kernel.now().secs().to_string();
        let fields = [
            ("win_rate", "0.29"),
            ("avg_pnl_pct", "-1"),
            ("total_trades", trades),
            ("sharpe_ratio", "-1"),
            ("updated_at", now.as_str()),
        ];
        bench.hset(&keys::SYMBOL_PERFORMANCE.of(instrument().symbol), &fields);
    };
    drops("dropped_governance_symbol", |bench| performance(bench, "11"));
    let mut few = bench();
    performance(&mut few, "10");
    send(&mut few, &[]);
    assert_eq!(plans(&mut few).len(), 1);
}

/// MSE 17, in the direction of the policy store: closed for opens.
#[test]
fn without_a_policy_nothing_is_opened() {
    drops("dropped_governance_unknown", |bench| bench.forget(keys::GOVERNANCE_POLICY.name));
    drops("dropped_governance_unknown", |bench| bench.set(keys::GOVERNANCE_POLICY.name, "BOLD"));
    let decided = |bench: &mut Bench, age_s: i64| {
        let at = bench.kernel.now().secs() - age_s;
        let decision = format!(
            r#"{{"policy":"BALANCED","reason":"kept","score":0,"samples":0,"win_rate":0,"regime":"RANGE","regime_confidence":0,"timestamp":{at}}}"#
        );
        bench.set(keys::GOVERNANCE_LAST_DECISION.name, &decision);
    };
    drops("dropped_governance_unknown", |bench| decided(bench, 301));
    let mut fresh = bench();
    decided(&mut fresh, 299);
    send(&mut fresh, &[]);
    assert_eq!(plans(&mut fresh).len(), 1);
}

/// MSE 1.3: told on reading; an open whose numbers cannot be meant is refused with its reason, a close is not.
#[test]
fn numbers_out_of_range_are_counted_and_refuse_opens() {
    let mut tomorrow = String::new();
    IsoTime(bench().kernel.now() + Nanos::from_secs(86_400)).write_text(&mut tomorrow);
    for (field, value, reason, breaks) in [
        ("confidence", "37", "dropped_confidence_out_of_range", 1),
        ("confidence", "-0.1", "dropped_confidence_out_of_range", 1),
        ("leverage", "4000", "dropped_leverage_out_of_range", 1),
        ("leverage", "0.5", "dropped_leverage_out_of_range", 1),
        ("position_size_usd", "-5", "dropped_size_out_of_range", 1),
        ("timestamp", &tomorrow, "dropped_from_the_future", 0),
    ] {
        let mut bench = bench();
        send(&mut bench, &[(field, value)]);
        assert!(plans(&mut bench).is_empty(), "{field} {value}");
        assert_eq!(bench.counter(BRIDGE, reason), 1, "{field} {value}");
        assert_eq!(bench.counter(BRIDGE, "intents_out_of_contract"), breaks, "{field} {value}");
        send(&mut bench, &[("action", "CLOSE"), ("side", "SELL"), (field, value)]);
        assert_eq!(the_plan(&mut bench).class, PlanClass::Close, "{field} {value}");
    }
    let mut bench = bench();
    intend(&mut bench, &CLOSE);
    assert_eq!(bench.counter(BRIDGE, "intents_out_of_contract"), 0);
}
