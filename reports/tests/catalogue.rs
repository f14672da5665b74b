//! The catalogue says all that there is, and nothing else.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test uses a part of the shared support")]

mod support;

use std::collections::BTreeSet;

use reports::metrics::{
    DAY_NS, Equity, Exposure, PipelineInput, RunInput, RunMetrics, Settings, catalogue, metric,
    pipeline_metrics, run_metrics,
};
use serde_json::Value;
use support::trade;

fn run() -> RunMetrics {
    let input = RunInput {
        equity: Equity { time_ns: &[0, DAY_NS, 2 * DAY_NS], equity_usdt: &[100.0, 90.0, 95.0] },
        exposure: Some(Exposure::default()),
        fills: Some(&[]),
        trades: &[trade()],
    };
    run_metrics(&input, &Settings::default()).expect("sound")
}

/// The keys of an object, but for those of its groups.
fn keys(of: &Value) -> BTreeSet<String> {
    let fields = of.as_object().expect("an object").iter();
    fields.filter(|(_, value)| !value.is_object()).map(|(key, _)| key.clone()).collect()
}

fn first<'a>(of: &'a Value, group: &str) -> &'a Value {
    of[group].as_object().and_then(|groups| groups.values().next()).expect("a group")
}

#[test]
fn each_field_has_an_entry_and_each_entry_a_field() {
    let run = serde_json::to_value(run()).expect("JSON");
    let input = PipelineInput {
        refusals: &[("risk", 1)],
        lag_ns: &[("intents", &[1])],
        ..PipelineInput::default()
    };
    let pipeline = serde_json::to_value(pipeline_metrics(&input).expect("sound")).expect("JSON");
    let mut fields = keys(&run);
    for object in [&pipeline, first(&pipeline, "by_gate"), first(&pipeline, "by_stream")] {
        fields.extend(keys(object));
    }
    // Groups of trades have the metrics of trades.
    let of_trades = keys(first(&run, "by_symbol"));
    assert_eq!(of_trades, keys(first(&run, "by_exit_reason")));
    assert!(of_trades.is_subset(&fields) && of_trades.contains("hit_rate"));

    let names: Vec<&str> = catalogue().map(|metric| metric.name).collect();
    let unique: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names.len(), unique.len(), "a name stands twice");
    assert_eq!(fields, unique);
}

#[test]
fn each_entry_says_what_it_means() {
    for metric in catalogue() {
        let name = metric.name;
        let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(simple) && name.len() <= 32, "{name}");
        assert!(metric.summary.ends_with(['.', '%']), "{name}: {:?}", metric.summary);
        assert!(!metric.formula.is_empty() && !metric.source.is_empty(), "{name}");
        assert_eq!(metric.summary.trim(), metric.summary, "{name}");
    }
    let sharpe = serde_json::to_value(metric("sharpe")).expect("JSON");
    assert_eq!((&sharpe["unit"], &sharpe["better"]), (&"ratio".into(), &"higher".into()));
    assert_eq!(metric("sharp"), None);
}

#[test]
fn values_by_name_are_those_of_the_fields() {
    let of = run();
    assert_eq!(of.value("max_drawdown"), Some(of.equity.max_drawdown));
    assert_eq!(of.value("max_drawdown"), Some(Some(0.1)));
    assert_eq!((of.value("trades"), of.value("net_pnl")), (Some(Some(1.0)), Some(Some(0.0))));
    assert_eq!((of.value("payoff_ratio"), of.value("pay_off")), (Some(None), None));
    // Each of them, against the JSON.
    let json = serde_json::to_value(&of).expect("JSON");
    let number = |value: &Value| match value {
        Value::String(money) => money.parse().ok(),
        other => other.as_f64(),
    };
    let mut looked_at = 0;
    for (metric, value) in of.values() {
        assert_eq!(value, number(&json[metric.name]), "{}", metric.name);
        looked_at += 1;
    }
    assert_eq!(looked_at, keys(&json).len());
}

#[test]
fn what_was_not_recorded_has_no_value() {
    let run = run_metrics(&RunInput::default(), &Settings::default()).expect("sound");
    assert_eq!((run.value("volume"), run.value("exposure")), (Some(None), Some(None)));
    assert_eq!(run.values().count(), self::run().values().count());
}

#[test]
fn json_comes_back_as_it_went() {
    for of in [run(), run_metrics(&RunInput::default(), &Settings::default()).expect("sound")] {
        let text = serde_json::to_string(&of).expect("JSON");
        assert_eq!(serde_json::from_str::<RunMetrics>(&text).expect("JSON"), of);
    }
}
