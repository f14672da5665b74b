//! What the feedback bridge did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;
use crate::outcomes::planned;

/// I-15: what it listened to carries no profit, so that every reward was zero.
#[test]
fn plans_taught_nothing() {
    for (names, told) in [(&[][..], "0.08"), (&["learns_from_plans"], "0.00")] {
        let mut bench = Bench::new(&[BRIDGE], &audited(names), Vec::new());
        bench.run_to_ms(1);
        planned(&mut bench);
        close(&mut bench, 1, 10);
        let adjustment = bench.hash(keys::AI_POLICY_ADJUSTMENT.name);
        let reward: f64 = adjustment["reward"].parse().expect("a number");
        assert_eq!(format!("{reward:.2}"), told);
        assert_eq!(state(&mut bench).1, "1");
    }
}
