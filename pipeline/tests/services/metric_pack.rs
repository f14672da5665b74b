//! MetricPack builder: EHR 3.30, as required.

use engine::GaugeOf;
use pipeline::records::OrderSide;
use pipeline::{PipelineSettings, keys};

use crate::bench::{Bench, audited};
use crate::plans;

const SERVICE: &str = "metric_pack";
const BUY: OrderSide = OrderSide::Buy;
const SELL: OrderSide = OrderSide::Sell;

fn order(bench: &mut Bench, id: u64, side: OrderSide, qty: &str, price: &str, closes: bool) {
    let result = plans::executed(bench, id, side, qty, price, closes);
    // What comes again is not taken again.
    plans::tell_result(bench, &result);
    plans::tell_result(bench, &result);
}

fn word(bench: &Bench, name: &str, word: &'static str) -> Option<f64> {
    bench.gauge(SERVICE, name, GaugeOf::Word(word))
}

#[test]
fn trades_are_rebuilt_from_results_also_after_a_crash() {
    let mut bench = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    // Worked example 81.
    order(&mut bench, 1, SELL, "2", "100", false);
    order(&mut bench, 2, BUY, "1", "95", true);
    assert_eq!(word(&bench, "quantum_exit_trades_total", "win"), None, "it is still open");
    bench.crash(SERVICE, 100);
    bench.run_for_ms(200);
    order(&mut bench, 3, BUY, "1", "97", true);
    assert_eq!(word(&bench, "quantum_exit_trades_total", "win"), Some(1.0));
    assert_eq!(word(&bench, "quantum_exit_realized_pnl_total", "profit"), Some(8.0));
    // A loss goes into a figure of its own.
    order(&mut bench, 4, BUY, "2", "100", false);
    order(&mut bench, 5, SELL, "2", "97", true);
    assert_eq!(word(&bench, "quantum_exit_realized_pnl_total", "profit"), Some(8.0));
    assert_eq!(word(&bench, "quantum_exit_realized_pnl_total", "loss"), Some(6.0));
    let factor = bench.gauge(SERVICE, "quantum_exit_profit_factor", GaugeOf::All);
    assert_eq!(factor, Some(8.0 / 6.0));
    let expectancy = word(&bench, "quantum_exit_expectancy", "metricpack_builder");
    assert_eq!(expectancy, Some(8.0 * 0.5 - 6.0 * 0.5), "its source stands with it");
    let last = bench.get(keys::METRICPACK_LAST_ID.name).expect("a checkpoint");
    let newest = bench.entries(pipeline::streams::APPLY_RESULT.name).pop().expect("an entry");
    assert_eq!(last, newest.id.to_string());
    assert_eq!(bench.counter(SERVICE, "quantum_exit_events_processed_total"), 10);
    assert_eq!(bench.counter(SERVICE, "results_not_taken"), 5);
}

#[test]
fn what_an_exit_does_not_find_in_the_oldest_trade_it_takes_from_the_next() {
    let mut bench = Bench::new(&[SERVICE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    order(&mut bench, 1, BUY, "1", "100", false);
    order(&mut bench, 2, BUY, "1", "110", false);
    order(&mut bench, 3, SELL, "2", "110", true);
    assert_eq!(word(&bench, "quantum_exit_trades_total", "win"), Some(1.0));
    assert_eq!(word(&bench, "quantum_exit_trades_total", "flat"), Some(1.0));
}

/// INC-7: it looked healthy, with nothing pending and nothing built.
#[test]
fn results_expected_as_data_build_nothing() {
    let mut bench = Bench::new(&[SERVICE], &audited(&["results_expected_as_data"]), Vec::new());
    bench.run_to_ms(1);
    order(&mut bench, 1, SELL, "2", "100", false);
    order(&mut bench, 2, BUY, "2", "95", true);
    assert_eq!(word(&bench, "quantum_exit_trades_total", "win"), None);
    assert_eq!(bench.counter(SERVICE, "quantum_exit_events_processed_total"), 4);
    let now = bench.kernel.now();
    let groups = bench.kernel.bus_mut().xinfo_groups(now, pipeline::streams::APPLY_RESULT.name);
    assert_eq!(groups.expect("groups")[0].pending, 0);
}

/// As the default counts them in `trades_are_rebuilt_from_results_also_after_a_crash`.
#[test]
fn losses_went_into_no_counter() {
    let mut bench = Bench::new(&[SERVICE], &audited(&["losses_not_counted"]), Vec::new());
    bench.run_to_ms(1);
    order(&mut bench, 4, BUY, "2", "100", false);
    order(&mut bench, 5, SELL, "2", "97", true);
    assert_eq!(word(&bench, "quantum_exit_trades_total", "loss"), Some(1.0));
    assert_eq!(word(&bench, "quantum_exit_realized_pnl_total", "loss"), Some(0.0));
}
