//! What the heat bridge did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

/// A write that fails comes again; marked first, it was taken for done.
#[test]
fn a_decision_is_marked_after_its_keys_and_was_before() {
    let of = |names: &[&str]| {
        let mut bench = Bench::new(&[BRIDGE], &audited(names), Vec::new());
        bench.run_to_ms(1);
        let key = keys::HEAT_BY_PLAN.of("a");
        bench.set(&key, "no hash");
        tell(&mut bench, decision("a"));
        assert_eq!(bench.counter(BRIDGE, "p27_errors_total"), 1);
        bench.forget(&key);
        bench.run_for_ms(120_000);
        (level(&mut bench, "a").is_none(), bench.counter(BRIDGE, "p27_dedupe_skips_total"))
    };
    assert_eq!(of(&[]), (false, 0));
    assert_eq!(of(&["heat_marked_before_write"]), (true, 1));
}
