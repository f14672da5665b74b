//! Continuous learning manager: MSE 15.6. The whole way from age to candidate stands in `training_path.rs`.

mod audits;

use engine::IsoTime;
use pipeline::records::{ModelWord, TrainingCompleted};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START};
use crate::outcomes::{send, symbol};

const CLM: &str = "clm";
const HOUR_MS: i64 = 3_600_000;

/// Without a trainer each look that calls for training is counted.
fn bench() -> Bench {
    let mut bench = Bench::new(&[CLM], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// A job has ended with these facts: the Sharpe ratio, the share of wins, the profit factor and the drawdown.
fn completed(bench: &mut Bench, facts: Option<[f64; 4]>, samples: u64) {
    let of = |at: usize| facts.map(|facts| facts[at]);
    let done = TrainingCompleted {
        job: "train_rl_20260202T024000".into(),
        model: ModelWord::Rl,
        status: if facts.is_some() { "success" } else { "failed" }.into(),
        samples,
        sharpe: of(0),
        win_rate: of(1),
        profit_factor: of(2),
        max_drawdown: of(3),
        score: facts.map(|_| 70.0),
        reason: None,
        timestamp: IsoTime(bench.kernel.now()),
    };
    send(bench, streams::MODEL_TRAINING_COMPLETED, done);
}

/// The registry's newest evaluation of RL, trained so many hours before the start.
fn registered(bench: &mut Bench, hours: i64) {
    let trained_at = (START.secs() - 3_600 * hours).to_string();
    let fields = [
        ("job", "train_rl_20260201T000000"),
        ("model", "rl"),
        ("trained_at", trained_at.as_str()),
        ("samples", "80"),
        ("sharpe", "2"),
        ("win_rate", "0.6"),
        ("profit_factor", "1.5"),
        ("max_drawdown", "0.1"),
        ("score", "70"),
    ];
    bench.hset(&keys::MODEL_REGISTRY.of("rl"), &fields);
}

/// Sharpe 1.0, win rate 0.52, profit factor 1.3, drawdown 0.15 and 50 trades, each of them.
#[test]
fn a_model_that_meets_all_criteria_is_a_candidate() {
    let good = [1.0, 0.52, 1.3, 0.15];
    let with = |at: usize, value: f64| {
        let mut facts = good;
        facts[at] = value;
        facts
    };
    for (facts, samples, state) in [
        (good, 50, "CANDIDATE"),
        (good, 49, "REJECTED"),
        (with(0, 0.99), 50, "REJECTED"),
        (with(1, 0.51), 50, "REJECTED"),
        (with(2, 1.29), 50, "REJECTED"),
        (with(3, 0.16), 50, "REJECTED"),
    ] {
        let mut bench = bench();
        completed(&mut bench, Some(facts), samples);
        let candidate = bench.hash(&keys::MODEL_CANDIDATE.of("rl"));
        assert_eq!(candidate["state"], state, "{facts:?} of {samples}");
        let counter = if state == "CANDIDATE" { "candidates" } else { "candidates_rejected" };
        assert_eq!(bench.counter(CLM, counter), 1);
    }
}

#[test]
fn a_failed_job_leaves_the_candidate() {
    let mut bench = bench();
    completed(&mut bench, Some([2.0, 0.6, 1.5, 0.1]), 80);
    let before = bench.hash(&keys::MODEL_CANDIDATE.of("rl"));
    bench.run_for_ms(1_000);
    completed(&mut bench, None, 10);
    assert_eq!(bench.counter(CLM, "trainings_failed"), 1);
    assert_eq!(bench.hash(&keys::MODEL_CANDIDATE.of("rl")), before);
}

/// RL is trained every 24 h, by a clock that a restart does not set back: the registry has the time.
#[test]
fn the_age_of_a_model_outlives_a_restart() {
    let missing = |hours: Option<i64>| {
        let mut bench = bench();
        if let Some(hours) = hours {
            registered(&mut bench, hours);
        }
        bench.crash(CLM, 1_000);
        bench.run_to_ms(5 * HOUR_MS);
        bench.counter(CLM, "trainer_missing")
    };
    assert_eq!(missing(Some(10)), 0, "15 h old");
    assert!(missing(Some(20)) > 0, "25 h old");
    assert_eq!(missing(None), 0, "one that nobody has trained is as old as the watch");
}

#[test]
fn a_registry_that_cannot_be_read_is_counted() {
    let mut bench = bench();
    bench.set(&keys::MODEL_REGISTRY.of("rl"), "no hash");
    bench.crash(CLM, 1_000);
    bench.run_to_ms(2_000);
    assert_eq!(bench.counter(CLM, "registry_unreadable"), 1);
    // A drift that nobody knows is none.
    bench.set(&keys::AI_DRIFT.of(symbol()), "AWFUL");
    bench.run_to_ms(5 * HOUR_MS);
    assert_eq!(bench.counter(CLM, "trainer_missing"), 0);
}

/// A trainer that does not answer is asked again at the next look.
#[test]
fn a_silent_trainer_is_asked_again() {
    let mut bench = Bench::new(&[CLM, "trainer"], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    registered(&mut bench, 30);
    bench.crash(CLM, 1_000);
    bench.crash("trainer", HOUR_MS);
    bench.run_to_ms(HOUR_MS - 60_000);
    assert_eq!(bench.counter(CLM, "trainer_silent"), 1);
    bench.run_to_ms(2 * HOUR_MS);
    assert!(bench.counter(CLM, "trainings_asked") >= 2);
    assert_eq!(bench.counter("trainer", "jobs_started"), 1);
}

/// A trainer that dies over a job tells nobody: the job is lost after six hours, and asked for again.
#[test]
fn a_job_that_never_ends_is_asked_for_again() {
    let mut bench = Bench::new(&[CLM, "trainer"], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    registered(&mut bench, 30);
    bench.crash(CLM, 1_000);
    while bench.counter("trainer", "jobs_started") == 0 {
        bench.run_for_ms(1_000);
        assert!(bench.kernel.now() - START < engine::Nanos::from_secs(7_200), "no job began");
    }
    bench.crash("trainer", 120_000);
    bench.run_for_ms(5 * HOUR_MS);
    assert_eq!(bench.counter(CLM, "trainings_asked"), 1, "it may still be under way");
    bench.run_for_ms(2 * HOUR_MS);
    assert_eq!(bench.counter(CLM, "trainings_asked"), 2);
    assert_eq!(bench.counter(CLM, "trainings_lost"), 1);
    let ended: Vec<TrainingCompleted> = bench.records(streams::MODEL_TRAINING_COMPLETED);
    assert_eq!(ended.len(), 1);
}
