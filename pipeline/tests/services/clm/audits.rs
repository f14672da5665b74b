//! What continuous learning did before it was mended, under the names of `audited.rs`.

use pipeline::records::TrainingStarted;

use super::*;
use crate::bench::audited;

/// Drift that the engine reports calls for training, where the audited system knew only the clock.
#[test]
fn drift_calls_for_training() {
    for (names, hears) in [(&[][..], true), (&["retrains_by_clock"], false)] {
        let mut bench = Bench::new(&[CLM, "trainer"], &audited(names), Vec::new());
        bench.run_to_ms(1);
        bench.set(&keys::AI_DRIFT.of(symbol()), "SEVERE");
        bench.run_to_ms(24 * 3_600_000 + 1_000_000);
        let started: Vec<TrainingStarted> = bench.records(streams::MODEL_TRAINING_STARTED);
        let drifted = started.iter().filter(|job| job.reason == "drift").count();
        assert_eq!(drifted >= 4, hears, "{started:?}");
    }
}
