//! From the age of a model to its candidate, through the continuous learning manager and the trainer: MSE 7.4, 15.6.

use engine::{CorrelationId, EpochSeconds};
use pipeline::records::{Experience, ModelWord, SignalAction, TrainingCompleted, TrainingStarted};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::Bench;
use crate::outcomes::{send, symbol};

/// MSE 7.4, 15.6: age, then a job; too few outcomes fail it, enough of them make a candidate.
#[test]
fn models_are_trained_again_and_judged() {
    let mut settings = PipelineSettings::default();
    settings.trainer.min_samples = 60;
    let mut bench = Bench::new(&["clm", "trainer"], &settings, Vec::new());
    bench.run_to_ms(25 * 3_600_000);
    let started: Vec<TrainingStarted> = bench.records(streams::MODEL_TRAINING_STARTED);
    let completed: Vec<TrainingCompleted> = bench.records(streams::MODEL_TRAINING_COMPLETED);
    assert_eq!((started.len(), completed.len()), (1, 1), "RL is trained every 24 h");
    assert_eq!((started[0].model, &*started[0].reason), (ModelWord::Rl, "age"));
    assert!(started[0].job.starts_with("train_rl_2026"), "{}", started[0].job);
    assert_eq!(
        (&*completed[0].status, completed[0].reason.as_deref()),
        ("failed", Some("too_few_samples"))
    );
    assert!(bench.hash(&keys::MODEL_REGISTRY.of("rl")).is_empty(), "the old model stays");

    for number in 0..80u128 {
        let now = bench.kernel.now();
        let experience = Experience {
            timestamp: EpochSeconds(now),
            symbol: symbol(),
            action: SignalAction::Buy,
            pnl: if number % 4 == 0 { -0.01 } else { 0.01 },
            confidence: 0.8,
            features: None,
            correlation_id: CorrelationId(number),
        };
        send(&mut bench, streams::RL_EXPERIENCE, experience.clone());
        // At-least-once: a second entry of one trade is no second outcome.
        send(&mut bench, streams::RL_EXPERIENCE, experience);
        bench.run_for_ms(60_000);
    }
    bench.run_for_ms(25 * 3_600_000);
    let completed: Vec<TrainingCompleted> = bench.records(streams::MODEL_TRAINING_COMPLETED);
    let last = completed.last().expect("a job");
    assert_eq!((&*last.status, last.samples, last.win_rate), ("success", 80, Some(0.75)));
    let candidate = bench.hash(&keys::MODEL_CANDIDATE.of("rl"));
    assert_eq!(candidate["state"], "CANDIDATE");
    assert_eq!(bench.counter("clm", "candidates"), 1);
}
