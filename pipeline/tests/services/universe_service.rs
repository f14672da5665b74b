//! Universe service: MSE 8.3, over outages and restarts.

use pipeline::{PipelineSettings, keys};

use crate::bench::Bench;

const SERVICE: &str = "universe_service";

fn meta(bench: &mut Bench, field: &str) -> String {
    bench.hash(keys::UNIVERSE_META.name)[field].clone()
}

#[test]
fn a_refused_answer_keeps_the_list_and_marks_it_stale() {
    let mut bench = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    let active = bench.get(keys::UNIVERSE_ACTIVE.name).expect("a list");
    bench.kernel.exchange_mut().refuse_info = 1;
    bench.run_to_ms(60_100);
    assert_eq!(bench.get(keys::UNIVERSE_ACTIVE.name), Some(active));
    assert_eq!((meta(&mut bench, "stale"), meta(&mut bench, "count")), ("1".into(), "1".into()));
    bench.run_to_ms(120_100);
    assert_eq!(meta(&mut bench, "stale"), "0");
}

/// MSE 8.3: without an active list the last good one stands in for it, marked stale.
#[test]
fn a_start_without_a_list_begins_with_the_last_good_one() {
    let mut bench = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    let last_ok = bench.get(keys::UNIVERSE_LAST_OK.name).expect("a list");
    bench.forget(keys::UNIVERSE_ACTIVE.name);
    bench.kernel.exchange_mut().refuse_info = 1;
    bench.crash(SERVICE, 10_000);
    bench.run_for_ms(10_100);
    assert_eq!(bench.get(keys::UNIVERSE_ACTIVE.name), Some(last_ok));
    assert_eq!(bench.counter(SERVICE, "bootstrapped_from_last_ok"), 1);
    assert_eq!((meta(&mut bench, "stale"), meta(&mut bench, "count")), ("1".into(), "1".into()));
    assert!(meta(&mut bench, "last_ok_epoch").starts_with("1770000000"), "when it was good");
}
