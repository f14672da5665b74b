//! What the RL agent did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;
use crate::outcomes::planned;

/// I-15: it listened to plans, and what it called for each did nothing.
#[test]
fn plans_taught_nothing() {
    for (names, experiences) in [(&[][..], 1), (&["learns_from_plans"], 0)] {
        let mut bench = Bench::new(&[SHADOW], &audited(names), Vec::new());
        bench.run_to_ms(1);
        send(&mut bench, streams::AI_DECISION_MADE, decided(1, START));
        planned(&mut bench);
        close(&mut bench, 1, 10);
        assert_eq!(bench.counter(SHADOW, "experiences"), experiences);
    }
}
