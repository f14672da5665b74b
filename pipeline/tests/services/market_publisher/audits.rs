//! What the market publisher did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

/// I-17: a simulator wrote into the stream of the market.
#[test]
fn ticks_of_no_market_went_out_among_the_real_ones() {
    let ticks = |names: &[&str]| {
        let market = vec![trade(500, 0, 10_000, 10), trade(30_500, 0, 20_000, 10)];
        let mut bench = Bench::new(&[PUBLISHER], &audited(names), market);
        bench.run_to_ms(61_000);
        let ticks: Vec<Tick> = bench.records(streams::MARKET_TICK);
        let (real, made_up): (Vec<_>, Vec<_>) = ticks.into_iter().partition(|t| t.qty.is_some());
        assert_eq!(real.len(), 2);
        let near = |tick: &Tick| (tick.price - decimal("100")).abs() <= decimal("0.1");
        assert!(made_up.iter().all(near), "around the first price, wherever the market is");
        made_up.len()
    };
    assert_eq!(ticks(&[]), 0);
    assert_eq!(ticks(&["simulated_ticks"]), 12);
}
