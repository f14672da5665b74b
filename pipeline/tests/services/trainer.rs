//! Trainer: MSE 7.4. The whole way from age to candidate stands in `training_path.rs`.

use engine::{Body, CorrelationId, EpochSeconds, Nanos};
use pipeline::records::{
    Experience, ModelWord, SignalAction, TrainReply, TrainRequest, TrainingCompleted,
    TrainingStarted,
};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::Bench;
use crate::outcomes::{send, symbol};
use crate::questions::{ask, ask_anything, asked};

const TRAINER: &str = "trainer";

/// Four outcomes are enough, and an hour ago is too long ago.
fn bench() -> Bench {
    let mut settings = PipelineSettings::default();
    settings.trainer.min_samples = 4;
    settings.trainer.lookback_h = 1;
    asked(TRAINER, &settings)
}

fn train(bench: &mut Bench, model: ModelWord) -> (String, bool) {
    let request = TrainRequest { model, reason: "age".into() };
    let reply: TrainReply = ask(bench, request).expect("a reply");
    (reply.job.into_owned(), reply.accepted)
}

/// So many trades, a second between two of them; every fourth lost.
fn traded(bench: &mut Bench, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let experience = Experience {
            timestamp: EpochSeconds(bench.kernel.now()),
            symbol: symbol(),
            action: SignalAction::Buy,
            pnl: if number % 4 == 0 { -0.01 } else { 0.01 },
            confidence: 0.8,
            features: None,
            correlation_id: CorrelationId(number.into()),
        };
        send(bench, streams::RL_EXPERIENCE, experience);
        bench.run_for_ms(999);
    }
}

fn completed(bench: &mut Bench) -> Vec<TrainingCompleted> {
    bench.records(streams::MODEL_TRAINING_COMPLETED)
}

#[test]
fn a_job_is_begun_told_and_ended_after_its_time() {
    let mut bench = bench();
    traded(&mut bench, 0..8);
    let (job, accepted) = train(&mut bench, ModelWord::Rl);
    assert!(accepted && job.starts_with("train_rl_20260202T0240"), "{job}");
    let started: Vec<TrainingStarted> = bench.records(streams::MODEL_TRAINING_STARTED);
    assert_eq!((started[0].job.as_ref(), started[0].reason.as_ref()), (job.as_str(), "age"));
    bench.run_for_ms(59_000);
    assert!(completed(&mut bench).is_empty());
    bench.run_for_ms(2_000);
    let done = completed(&mut bench);
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].job.as_ref(), done[0].status.as_ref()), (job.as_str(), "success"));
    assert_eq!((done[0].samples, done[0].win_rate), (8, Some(0.75)));
    let registered = bench.hash(&keys::MODEL_REGISTRY.of("rl"));
    assert_eq!((registered["job"].as_str(), &*registered["samples"]), (job.as_str(), "8"));
}

/// One job a kind of model; the one that runs is named to whoever asks.
#[test]
fn a_kind_of_model_is_trained_once_at_a_time() {
    let mut bench = bench();
    let (first, _) = train(&mut bench, ModelWord::Rl);
    assert_eq!(train(&mut bench, ModelWord::Rl), (first.clone(), false));
    assert!(train(&mut bench, ModelWord::Xgboost).1, "another kind waits for nobody");
    bench.run_for_ms(61_000);
    let (next, accepted) = train(&mut bench, ModelWord::Rl);
    assert!(accepted);
    assert_ne!(next, first);
    assert_eq!(bench.counter(TRAINER, "jobs_started"), 3);
}

/// Too few outcomes fail a job: those of before the lookback do not count, nor does one that was written twice.
#[test]
fn too_few_outcomes_leave_the_old_model() {
    let mut bench = bench();
    traded(&mut bench, 0..8);
    train(&mut bench, ModelWord::Rl);
    bench.run_for_ms(61_000);
    let before = bench.hash(&keys::MODEL_REGISTRY.of("rl"));
    bench.run_for_ms(3_600_000);
    traded(&mut bench, 20..23);
    traded(&mut bench, 22..23);
    train(&mut bench, ModelWord::Rl);
    bench.run_for_ms(61_000);
    let done = completed(&mut bench);
    let last = done.last().expect("a job");
    assert_eq!((done.len(), last.status.as_ref(), last.samples), (2, "failed", 3));
    assert_eq!((last.reason.as_deref(), last.score), (Some("too_few_samples"), None));
    assert_eq!(bench.hash(&keys::MODEL_REGISTRY.of("rl")), before);
}

#[test]
fn a_malformed_request_has_no_reply() {
    let mut bench = bench();
    let bad: [&[(&str, &str)]; 2] = [&[("model", "rl")], &[("model", "gpt"), ("reason", "age")]];
    for request in bad {
        assert!(ask_anything::<TrainReply>(&mut bench, Body::fields(request)).is_none());
    }
    assert_eq!(bench.counter(TRAINER, "requests_malformed"), 2);
    assert!(bench.entries(streams::MODEL_TRAINING_STARTED.name).is_empty());
}

/// An outcome that cannot be read is passed over, and the others still make a model.
#[test]
fn a_malformed_outcome_is_passed_over() {
    let mut bench = bench();
    traded(&mut bench, 0..2);
    bench.publish(streams::RL_EXPERIENCE, Body::fields(&[("pnl", "NaN")]));
    traded(&mut bench, 2..4);
    train(&mut bench, ModelWord::Rl);
    bench.run_for_ms(61_000);
    assert_eq!(completed(&mut bench)[0].samples, 4);
}

/// A job dies with it; the old model stays, and whoever asks gets a new job.
#[test]
fn a_successor_begins_anew() {
    let mut bench = bench();
    traded(&mut bench, 0..8);
    let (first, _) = train(&mut bench, ModelWord::Rl);
    bench.crash(TRAINER, 1_000);
    bench.run_for_ms(120_000);
    assert!(completed(&mut bench).is_empty());
    let (next, accepted) = train(&mut bench, ModelWord::Rl);
    assert!(accepted && next != first);
    let begun = bench.kernel.now();
    bench.run_for_ms(61_000);
    let done = completed(&mut bench);
    assert_eq!((done.len(), done[0].job.as_ref()), (1, next.as_str()));
    assert!(done[0].timestamp.0 > begun + Nanos::from_secs(59));
}
