//! Trainer (MSE 7.4): jobs `train_{type}_{UTC stamp}`: fetch, train, evaluate, register. It fetches what trades
//! brought (`quantum:rl:experience`); with too little of it the job fails and the old model stays.
//!
//! What a job evaluates is how decisions fared over its lookback; new trees grow offline, from journals
//! (`qsim pipeline learn`), because a live process has better things to do.

use engine::{
    Body, Call, Context, Envelope, EpochSeconds, GaugeOf, Input, IsoTime, Nanos, Service, TimerKey,
    Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::learning::{ModelFacts, model_facts, model_score};

use crate::keys;
use crate::records::{
    Experience, ModelWord, RegisteredModel, TrainReply, TrainRequest, TrainingCompleted,
    TrainingStarted,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{MODEL_TRAINING_COMPLETED, MODEL_TRAINING_STARTED, RL_EXPERIENCE};

settings! {
    /// Trainer.
    pub struct TrainerSettings {
        /// How far back it fetches, in h.
        pub lookback_h: i64 = 2_160 => 1..,
        /// Fewer samples fail a job.
        pub min_samples: u32 = 50 => 1..=10_000,
        /// How long a job takes, in s.
        pub takes_s: i64 = 60 => 1..,
    }
}

const SOURCE: &str = "trainer";
const FETCHED_MAX: usize = 10_000;
/// Jobs at once, at most: one a kind of model.
const JOBS_MAX: usize = 5;

/// A running job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    id: String,
    model: ModelWord,
    started: Nanos,
    ends: Nanos,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trainer {
    settings: TrainerSettings,
    jobs: Vec<Job>,
}

impl Trainer {
    fn asked(&mut self, call: &Call, ctx: &mut Context<'_>) {
        let Ok(request) = call.body.read::<TrainRequest>() else {
            return ctx.count("requests_malformed", 1);
        };
        let model = request.model;
        let known = self.jobs.iter().find(|job| job.model == model).map(|job| job.id.clone());
        let (job, accepted) = match known {
            Some(running) => (running, false),
            None if self.jobs.len() == JOBS_MAX => (String::new(), false),
            None => (self.begin(model, request.reason.clone().into_owned(), ctx), true),
        };
        let reply = TrainReply { job: job.into(), accepted };
        ctx.reply(call.id, Body::message(Envelope::Flat, reply));
    }

    fn begin(&mut self, model: ModelWord, reason: String, ctx: &mut Context<'_>) -> String {
        let now = ctx.now();
        let id = format!("train_{model}_{}", stamp(now));
        let ends = now + Nanos::from_secs(self.settings.takes_s);
        let started = TrainingStarted {
            job: id.clone().into(),
            model,
            reason: reason.into(),
            timestamp: IsoTime(now),
        };
        let envelope = Envelope::Bus {
            event_type: MODEL_TRAINING_STARTED.event,
            source: SOURCE,
            correlation_id: ctx.correlation_id(),
            time: now,
        };
        crate::publish(ctx, MODEL_TRAINING_STARTED, envelope, started);
        ctx.count("jobs_started", 1);
        self.jobs.push(Job { id: id.clone(), model, started: now, ends });
        ctx.timer_at(ends, TimerKey(0));
        id
    }

    /// What trades brought within the lookback: time and PnL, oldest first, each trade once.
    fn samples(&self, now: Nanos, ctx: &mut Context<'_>) -> Vec<(f64, f64)> {
        let since = now - Nanos::from_secs(self.settings.lookback_h * 3_600);
        let entries = ctx.newest(RL_EXPERIENCE.name, FETCHED_MAX).unwrap_or_default();
        let mut seen = std::collections::BTreeSet::new();
        let mut samples = Vec::new();
        for entry in entries.iter().rev() {
            let read = entry.body.as_ref().and_then(|body| body.read::<Experience>().ok());
            let Some(experience) = read.filter(|e| e.timestamp.0 >= since) else { continue };
            // At-least-once: one outcome may have been written twice.
            if seen.insert(experience.correlation_id) {
                samples.push((experience.timestamp.0.as_secs_f64(), experience.pnl));
            }
        }
        samples
    }

    fn end(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let jobs = std::mem::take(&mut self.jobs);
        let (done, running): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| job.ends <= now);
        self.jobs = running;
        for job in done {
            self.finish(&job, now, ctx);
        }
    }

    fn finish(&self, job: &Job, now: Nanos, ctx: &mut Context<'_>) {
        let samples = self.samples(now, ctx);
        let enough = samples.len() >= self.settings.min_samples as usize;
        let facts: Option<ModelFacts> =
            if enough { model_facts(&samples).ok().flatten() } else { None };
        let score = facts.and_then(|facts| model_score(&facts).ok());
        let status = if facts.is_some() { "success" } else { "failed" };
        ctx.count(if facts.is_some() { "jobs_succeeded" } else { "jobs_failed" }, 1);
        let completed = TrainingCompleted {
            job: job.id.clone().into(),
            model: job.model,
            status: status.into(),
            samples: samples.len() as u64,
            sharpe: facts.map(|f| f.sharpe),
            win_rate: facts.map(|f| f.win_rate),
            profit_factor: facts.map(|f| f.profit_factor),
            max_drawdown: facts.map(|f| f.max_drawdown),
            score,
            reason: if enough { None } else { Some("too_few_samples".into()) },
            timestamp: IsoTime(now),
        };
        // The old model stays where the job fails.
        if let (Some(facts), Some(score)) = (facts, score) {
            let registered = RegisteredModel {
                job: job.id.clone().into(),
                model: job.model,
                trained_at: EpochSeconds(now),
                samples: facts.trades,
                sharpe: facts.sharpe,
                win_rate: facts.win_rate,
                profit_factor: facts.profit_factor,
                max_drawdown: facts.max_drawdown,
                score,
            };
            let key = keys::MODEL_REGISTRY.of(job.model);
            if ctx.set_record(&key, &registered, None).is_err() {
                ctx.count("model_not_registered", 1);
            }
            ctx.gauge("model_score", GaugeOf::Word(job.model.as_str()), score);
        }
        let envelope = Envelope::Bus {
            event_type: MODEL_TRAINING_COMPLETED.event,
            source: SOURCE,
            correlation_id: ctx.correlation_id(),
            time: now,
        };
        crate::publish(ctx, MODEL_TRAINING_COMPLETED, envelope, completed);
    }
}

/// `YYYYMMDDTHHMMSS` of a time.
fn stamp(now: Nanos) -> String {
    let text = now.to_string();
    text.get(..19).unwrap_or_default().replace(['-', ':'], "")
}

impl Configured for Trainer {
    type Settings = TrainerSettings;
    const COUNTERS: &'static [&'static str] = &[
        "jobs_failed",
        "jobs_started",
        "jobs_succeeded",
        "model_not_registered",
        "requests_malformed",
    ];
    const GAUGES: &'static [&'static str] = &["model_score"];

    fn configured(settings: &TrainerSettings, _: Setup<'_>) -> Result<Trainer, String> {
        Ok(Trainer { settings: settings.clone(), jobs: Vec::new() })
    }
}

impl Service for Trainer {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![MODEL_TRAINING_STARTED.name, MODEL_TRAINING_COMPLETED.name],
            looks: vec![RL_EXPERIENCE.name],
            keys_written: keys::patterns(&[keys::MODEL_REGISTRY]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Call(call) => self.asked(call, ctx),
            Input::Timer(_) => self.end(ctx),
            _ => {}
        }
    }
}
