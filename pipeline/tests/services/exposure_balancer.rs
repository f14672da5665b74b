//! Exposure balancer: EHR 3.31, and the margins that the balance tracker tells it.

use engine::{AccountBalance, GaugeOf, Instrument, Symbol, Ttl};
use pipeline::records::{ExposureAlert, ExposureCommand};
use pipeline::{PipelineSettings, keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, audited, instrument};

const BALANCER: &str = "exposure_balancer";
const TRACKER: &str = "balance_tracker";

fn symbols(count: usize) -> Vec<Instrument> {
    let named = |i| Symbol::new(&format!("S{i}USDT")).expect("a symbol");
    (0..count).map(|i| Instrument { symbol: named(i), ..instrument() }).collect()
}

fn bench(count: usize) -> Bench {
    Bench::over(symbols(count), &[BALANCER], &PipelineSettings::default(), Vec::new())
}

fn book(bench: &mut Bench, total: &str, margins: &[&str]) {
    bench.set(keys::MARGIN_TOTAL.name, total);
    for (place, margin) in margins.iter().enumerate() {
        bench.hset(keys::POSITIONS_OPEN.name, &[(&format!("S{place}USDT"), margin)]);
    }
}

fn advice(bench: &mut Bench) -> Vec<String> {
    let commands = bench.records::<ExposureCommand>(streams::EXECUTOR_COMMANDS);
    let text = |c: &ExposureCommand| match (c.symbol, c.target_size) {
        (Some(symbol), Some(target)) => format!("{} {} {symbol} {target}", c.priority, c.action),
        _ => format!("{} {}", c.priority, c.action),
    };
    commands.iter().map(text).collect()
}

/// Of what is used, each of these would be too large.
#[test]
fn shares_are_of_all_margin() {
    let mut bench = bench(6);
    book(&mut bench, "1000", &["100"; 6]);
    bench.run_to_ms(10_100);
    assert!(advice(&mut bench).is_empty());
    assert_eq!(bench.gauge(BALANCER, "margin_utilization", GaugeOf::All), Some(0.6));
}

#[test]
fn advice_comes_by_urgency_and_pauses() {
    let mut bench = bench(3);
    book(&mut bench, "10000", &["4000", "3000", "2000"]);
    bench.set(keys::CROSS_DIVERGENCE.name, "0.035");
    bench.run_to_ms(10_100);
    // Worked example 74, against 0.15 of all margin.
    let expected = [
        "1 reduce_margin",
        "2 reduce S0USDT 1500",
        "2 reduce S1USDT 1500",
        "2 reduce S2USDT 1500",
        "2 expand",
        "2 hedge",
    ];
    assert_eq!(advice(&mut bench), expected);
    let alerts = bench.records::<ExposureAlert>(streams::EXPOSURE_ALERTS);
    let alerts: Vec<_> = alerts.iter().map(|a| (a.alert.to_string(), a.value)).collect();
    assert_eq!(alerts, [("margin_overload".into(), 0.9), ("high_divergence".into(), 0.035)]);
    bench.forget(keys::POSITIONS_OPEN.name);
    book(&mut bench, "10000", &["900", "100", "100"]);
    bench.set(keys::CROSS_DIVERGENCE.name, "0");
    for (ms, rebalances) in [(20_100, 1), (40_100, 1), (50_100, 2)] {
        bench.run_to_ms(ms);
        assert_eq!(bench.counter(BALANCER, "rebalance"), rebalances, "at {ms}");
    }
}

#[test]
fn without_its_inputs_it_says_nothing_and_that_is_counted() {
    let mut bench = bench(2);
    bench.run_to_ms(10_100);
    bench.set(keys::MARGIN_TOTAL.name, "a lot");
    bench.run_to_ms(20_100);
    bench.set(keys::MARGIN_TOTAL.name, "1000");
    bench.set(keys::POSITIONS_OPEN.name, "3");
    bench.run_to_ms(30_100);
    bench.forget(keys::POSITIONS_OPEN.name);
    book(&mut bench, "1000", &["990", "what"]);
    bench.run_to_ms(40_100);
    assert_eq!(bench.counter(BALANCER, "inputs_missing"), 4);
    assert!(advice(&mut bench).is_empty());
    bench.forget(keys::POSITIONS_OPEN.name);
    bench.run_to_ms(50_100);
    assert_eq!(bench.counter(BALANCER, "inputs_missing"), 4, "an empty book is no failure");
}

#[test]
fn the_tracker_tells_the_margin_of_each_open_position() {
    let mut bench = Bench::over(symbols(3), &[TRACKER], &PipelineSettings::default(), Vec::new());
    let table = bench.kernel.exchange_mut();
    table.account =
        Some(AccountBalance { margin_balance: Decimal::from(500), ..AccountBalance::default() });
    table.held = vec![1_000, 0, -2_000];
    bench.run_to_ms(100);
    let open = bench.hash(keys::POSITIONS_OPEN.name);
    let open: Vec<_> = open.iter().map(|(s, m)| (s.as_str(), m.as_str())).collect();
    // 1 and 2 at 100, of a leverage of ten.
    assert_eq!(open, [("S0USDT", "10.000000"), ("S2USDT", "20.000000")]);
    assert_eq!(bench.get(keys::MARGIN_TOTAL.name).as_deref(), Some("500"));
    bench.kernel.exchange_mut().held = vec![0, 0, -1_000];
    bench.crash(TRACKER, 100);
    bench.run_to_ms(30_500);
    let open = bench.hash(keys::POSITIONS_OPEN.name);
    assert_eq!(open.into_iter().collect::<Vec<_>>(), [("S2USDT".into(), "10.000000".into())]);
    bench.kernel.exchange_mut().held = vec![0, 0, 0];
    bench.run_to_ms(60_500);
    assert_eq!(bench.ttl(keys::POSITIONS_OPEN.name), Ttl::Absent);
}

#[test]
fn each_of_six_equal_positions_was_too_large() {
    let settings = audited(&["share_of_used_margin"]);
    let mut bench = Bench::over(symbols(6), &[BALANCER], &settings, Vec::new());
    book(&mut bench, "1000", &["100"; 6]);
    bench.run_to_ms(10_100);
    let advice = advice(&mut bench);
    assert_eq!(advice.iter().filter(|text| text.starts_with("2 reduce ")).count(), 6, "{advice:?}");
}
