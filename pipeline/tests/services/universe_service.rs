//! Universe service: MSE 8.3.

use engine::{Instrument, Symbol};
use pipeline::{PipelineSettings, keys};

use crate::bench::{Bench, START, instrument};

const UNIVERSE: &str = "universe_service";

/// Named in no order.
fn bench() -> Bench {
    let one = |name| Instrument { symbol: Symbol::new(name).expect("a symbol"), ..instrument() };
    let instruments = ["SOLUSDT", "BTCUSDT", "ETHUSDT"].map(one).to_vec();
    Bench::over(instruments, &[UNIVERSE], &PipelineSettings::default(), Vec::new())
}

fn list(bench: &mut Bench, key: &str) -> Option<serde_json::Value> {
    bench.get(key).map(|text| serde_json::from_str(&text).expect("JSON"))
}

fn meta(bench: &mut Bench) -> [String; 4] {
    let hash = bench.hash(keys::UNIVERSE_META.name);
    ["asof_epoch", "last_ok_epoch", "count", "stale"]
        .map(|field| hash.get(field).cloned().unwrap_or_default())
}

fn second(second: i64) -> String {
    (START.secs() + second).to_string()
}

/// The whole second of a time as it is written.
fn whole(time: &str) -> String {
    time.split('.').next().unwrap_or_default().to_owned()
}

#[test]
fn what_the_exchange_trades_is_listed_every_minute() {
    let mut bench = bench();
    bench.run_to_ms(1_000);
    let active = list(&mut bench, keys::UNIVERSE_ACTIVE.name).expect("a list");
    assert_eq!(active["symbols"], serde_json::json!(["BTCUSDT", "ETHUSDT", "SOLUSDT"]));
    assert_eq!(active["source"], "exchangeInfo");
    assert_eq!(list(&mut bench, keys::UNIVERSE_LAST_OK.name), Some(active));
    let [asof, last_ok, count, stale] = meta(&mut bench);
    assert_eq!([whole(&asof), whole(&last_ok)], [second(0), second(0)]);
    assert_eq!((count.as_str(), stale.as_str()), ("3", "0"));
    bench.run_to_ms(121_000);
    assert_eq!(bench.kernel.exchange().info_asked, 3);
    assert_eq!(whole(&meta(&mut bench)[0]), second(120));
}

/// A failure keeps the list and says that it is old, until the exchange answers again.
#[test]
fn a_list_that_could_not_be_renewed_is_stale() {
    let mut bench = bench();
    bench.run_to_ms(1_000);
    let before = list(&mut bench, keys::UNIVERSE_ACTIVE.name);
    bench.kernel.exchange_mut().refuse_info = 2;
    bench.run_to_ms(121_000);
    assert_eq!(list(&mut bench, keys::UNIVERSE_ACTIVE.name), before);
    let [asof, last_ok, count, stale] = meta(&mut bench);
    assert_eq!([whole(&asof), whole(&last_ok)], [second(120), second(0)]);
    assert_eq!((count.as_str(), stale.as_str()), ("3", "1"));
    let error = bench.hash(keys::UNIVERSE_META.name)["error"].clone();
    assert!(error.contains("-1003"), "{error}");
    bench.run_to_ms(181_000);
    assert_eq!(meta(&mut bench)[3], "0");
    assert_eq!(bench.hash(keys::UNIVERSE_META.name)["error"], "");
}

#[test]
fn without_an_answer_there_is_no_list() {
    let mut bench = bench();
    bench.kernel.exchange_mut().refuse_info = 10;
    bench.run_to_ms(61_000);
    assert_eq!(list(&mut bench, keys::UNIVERSE_ACTIVE.name), None);
    assert_eq!(list(&mut bench, keys::UNIVERSE_LAST_OK.name), None);
    let [_, last_ok, count, stale] = meta(&mut bench);
    assert_eq!((last_ok.as_str(), count.as_str(), stale.as_str()), ("", "0", "1"));
}

/// The lists outlive it; a successor asks at its start.
#[test]
fn a_successor_asks_at_once_and_finds_the_list() {
    let mut bench = bench();
    bench.run_to_ms(10_000);
    let before = list(&mut bench, keys::UNIVERSE_ACTIVE.name).expect("a list");
    bench.crash(UNIVERSE, 1_000);
    bench.run_to_ms(10_900);
    assert_eq!(list(&mut bench, keys::UNIVERSE_ACTIVE.name), Some(before.clone()));
    bench.run_to_ms(11_500);
    let after = list(&mut bench, keys::UNIVERSE_ACTIVE.name).expect("a list");
    assert_eq!(after["symbols"], before["symbols"]);
    assert_ne!(after["asof_epoch"], before["asof_epoch"]);
    // One that is refused at its start leaves the list of its predecessor, marked as old.
    bench.kernel.exchange_mut().refuse_info = 1;
    bench.crash(UNIVERSE, 1_000);
    bench.run_to_ms(13_000);
    assert_eq!(list(&mut bench, keys::UNIVERSE_ACTIVE.name), Some(after));
    assert_eq!(meta(&mut bench)[3], "1");
}

#[test]
fn what_cannot_be_written_is_counted() {
    let mut bench = bench();
    bench.set(keys::UNIVERSE_META.name, "no hash");
    bench.run_to_ms(1_000);
    assert_eq!(bench.counter(UNIVERSE, "universe_not_saved"), 1);
    assert!(list(&mut bench, keys::UNIVERSE_ACTIVE.name).is_some());
}

/// MSE 8.3: without an active list the last good one stands in for it, marked stale.
#[test]
fn a_start_without_a_list_begins_with_the_last_good_one() {
    let mut bench = Bench::new(&[UNIVERSE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    let good = bench.get(keys::UNIVERSE_LAST_OK.name).expect("a list");
    bench.forget(keys::UNIVERSE_ACTIVE.name);
    bench.kernel.exchange_mut().refuse_info = 1;
    bench.crash(UNIVERSE, 10_000);
    bench.run_for_ms(10_100);
    assert_eq!(bench.get(keys::UNIVERSE_ACTIVE.name), Some(good));
    assert_eq!(bench.counter(UNIVERSE, "bootstrapped_from_last_ok"), 1);
    let [_, last_ok, count, stale] = meta(&mut bench);
    assert_eq!([&count, &stale], ["1", "1"]);
    assert_eq!(whole(&last_ok), second(0), "when it was good");
}
