//! Contract check: MSE 16, I-31.

use engine::Body;
use pipeline::records::{ContractFinding, FindingKind};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, instrument};
use crate::plans;

const CHECK: &str = "contract_check";

fn bench(names: &[&str]) -> Bench {
    let mut settings = PipelineSettings::default();
    settings.contract_check.first_s = 60;
    let mut all = names.to_vec();
    all.push(CHECK);
    let mut bench = Bench::new(&all, &settings, Vec::new());
    bench.run_to_ms(1);
    bench
}

fn findings(bench: &mut Bench) -> Vec<(FindingKind, String)> {
    let found = bench.records::<ContractFinding>(streams::CONTRACT_FINDINGS);
    found.into_iter().map(|finding| (finding.finding, finding.subject)).collect()
}

#[test]
fn what_the_services_write_keeps_its_contracts() {
    let names = ["position_state_brain", "position_monitor", "reconcile_engine", "trade_logger"];
    let mut bench = bench(&names);
    bench.kernel.exchange_mut().held[0] = 1_000;
    bench.run_to_ms(50_000);
    let trade = plans::round_trip(&bench, 1, "1", "0");
    plans::tell_trade(&mut bench, &trade);
    bench.run_to_ms(60_500);
    assert_eq!(findings(&mut bench), []);
    let last = bench.hash(keys::CONTRACT_LAST.name);
    assert_eq!(last["exit_code"], "0");
    assert!(last["keys"].parse::<u32>().expect("a number") > 8, "{last:?}");
    assert!(last["entries"].parse::<u32>().expect("a number") > 2, "{last:?}");
}

#[test]
fn what_does_not_keep_its_contract_is_found() {
    use FindingKind::{Age, Envelope, Fields, Length, Life, Type};
    let mut bench = bench(&[]);
    plans::tell_tick(&mut bench, "100");
    bench.publish(streams::MARKET_TICK, Body::fields(&[("symbol", "BTCUSDT"), ("price", "high")]));
    for _ in 0..1_200 {
        let now = bench.kernel.now();
        let body = Body::fields(&[("event_type", "alert"), ("payload", "{}")]);
        let name = streams::EXPOSURE_ALERTS.name;
        bench.kernel.bus_mut().xadd(now, name, body, engine::Trim::Keep).expect("an id");
    }
    // A flat entry whose own field has the name of an envelope's.
    let suggestion = Body::fields(&[("payload", "{}"), ("timestamp", "1770000000")]);
    bench.publish(streams::HARVEST_SUGGESTIONS, suggestion);
    let symbol = instrument().symbol;
    bench.set(&keys::POSITION_SNAPSHOT.of(symbol), "a string");
    bench.hset(&keys::POSITION_LEDGER.of(symbol), &[("position_amt", "much")]);
    bench.set(keys::MARGIN_TOTAL.name, "a lot");
    bench.set(&keys::PERMIT_P33.of("1"), "{");
    bench.run_to_ms(400_000);
    let found = findings(&mut bench);
    let has = |kind: FindingKind, subject: &str| found.contains(&(kind, subject.to_owned()));
    assert!(has(Envelope, streams::MARKET_TICK.name) && has(Fields, streams::MARKET_TICK.name));
    assert!(has(Envelope, streams::EXPOSURE_ALERTS.name));
    assert!(!has(Envelope, streams::HARVEST_SUGGESTIONS.name));
    assert!(has(Length, streams::EXPOSURE_ALERTS.name));
    assert!(has(Type, &keys::POSITION_SNAPSHOT.of(symbol)));
    assert!(has(Fields, &keys::POSITION_LEDGER.of(symbol)));
    assert!(has(Fields, keys::MARGIN_TOTAL.name) && has(Life, keys::MARGIN_TOTAL.name));
    assert!(has(Fields, &keys::PERMIT_P33.of("1")));
    assert!(!has(Age, streams::MARKET_TICK.name), "it was a minute old");
    assert_eq!(bench.hash(keys::CONTRACT_LAST.name)["exit_code"], "1");
    assert!(bench.counter(CHECK, "contract_findings_total") > 6);
}

#[test]
fn an_input_that_has_dried_up_is_found_and_an_empty_bus_is_told() {
    let mut old = bench(&[]);
    plans::tell_tick(&mut old, "100");
    old.run_to_ms(86_470_000);
    let expected = [(FindingKind::Age, streams::MARKET_TICK.name.to_owned())];
    assert_eq!(findings(&mut old), expected);
    let mut empty = bench(&[]);
    empty.run_to_ms(60_500);
    assert_eq!(empty.hash(keys::CONTRACT_LAST.name)["exit_code"], "2");
}
