//! Continuous learning manager (MSE 15.6): when a model is trained again, and whether the new one may stand as a
//! candidate. Age, drift and results call for training; in the audited system only the clock did. Production is
//! an operator's decision.

use engine::{
    Body, Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input, Nanos, Reader,
    Reply, Service, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::learning::{
    ModelFacts, PromotionCriteria, RetrainReason, promotable, retrain_reason,
};
use strategies::signal::DriftSeverity;

use crate::audited::Audited;
use crate::keys;
use crate::records::{
    CandidateState, ModelCandidate, ModelWord, RegisteredModel, TrainReply, TrainRequest,
    TrainingCompleted,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::MODEL_TRAINING_COMPLETED;

settings! {
    /// Continuous learning.
    pub struct ClmSettings {
        /// Between two looks at the age of models, in s.
        pub retrain_interval_s: i64 = 1_800 => 1..,
        /// Between two looks at drift, in s.
        pub drift_interval_s: i64 = 900 => 1..,
        /// Between two looks at results, in s.
        pub performance_interval_s: i64 = 612 => 1..,
        /// A model that was trained rests so long, whatever calls for training, in s.
        pub min_interval_s: i64 = 86_400 => 1..,
        /// Least Sharpe ratio of a candidate.
        pub min_sharpe: f64 = 1.0 => 0.0..=100.0,
        /// Least share of wins of a candidate.
        pub min_win_rate: f64 = 0.52 => SHARE,
        /// Least profit factor of a candidate.
        pub min_profit_factor: f64 = 1.3 => 0.0..=100.0,
        /// Largest drawdown of a candidate.
        pub max_drawdown: f64 = 0.15 => SHARE,
        /// Least trades of a candidate.
        pub min_trades: u32 = 50 => 1..=1_000_000,
    }
}

const AGE: TimerKey = TimerKey(0);
const DRIFT: TimerKey = TimerKey(1);
const RESULTS: TimerKey = TimerKey(2);
const TIME_OUT: Nanos = Nanos::from_secs(5);
/// A job that has not ended by then is lost.
const JOB_MAX: Nanos = Nanos::from_secs(6 * 3_600);

/// What it knows of a kind of model.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Known {
    model: ModelWord,
    /// When it was trained last, or when this began to watch it.
    trained: Nanos,
    sharpe: Option<f64>,
    /// When a training was asked for that has not ended.
    asked: Option<Nanos>,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clm {
    settings: ClmSettings,
    drift_keys: Vec<String>,
    known: Vec<Known>,
    /// What calls for training: the looks that are made.
    looks: Vec<TimerKey>,
}

impl Clm {
    fn criteria(&self) -> PromotionCriteria {
        PromotionCriteria {
            sharpe_min: self.settings.min_sharpe,
            win_rate_min: self.settings.min_win_rate,
            profit_factor_min: self.settings.min_profit_factor,
            drawdown_max: self.settings.max_drawdown,
            trades_min: u64::from(self.settings.min_trades),
        }
    }

    /// After a start: what is registered. A model that nobody has trained is as old as this watch.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for known in &mut self.known {
            known.trained = now;
            match ctx.record::<RegisteredModel>(&keys::MODEL_REGISTRY.of(known.model)) {
                Ok(Some(model)) => {
                    known.trained = model.trained_at.0;
                    known.sharpe = Some(model.sharpe);
                }
                Ok(None) => {}
                Err(_) => ctx.count("registry_unreadable", 1),
            }
        }
    }

    fn look(&mut self, why: TimerKey, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let drift = if why == DRIFT { self.drift(ctx) } else { DriftSeverity::None };
        let rest = Nanos::from_secs(self.settings.min_interval_s);
        for place in 0..self.known.len() {
            let Known { model, trained, sharpe, asked } = self.known[place];
            if asked.is_some_and(|at| now - at < JOB_MAX) || now - trained < rest {
                continue;
            }
            let hours = if why == AGE { (now - trained).as_secs_f64() / 3_600.0 } else { 0.0 };
            let sharpe = if why == RESULTS { sharpe } else { None };
            let Some(reason) = retrain_reason(model.kind(), hours, sharpe, drift) else { continue };
            // Its trainer has died over it.
            ctx.count("trainings_lost", u64::from(asked.is_some()));
            self.train(place, reason, ctx);
        }
    }

    /// The worst drift that the engine reports of any symbol.
    fn drift(&self, ctx: &mut Context<'_>) -> DriftSeverity {
        let mut worst = DriftSeverity::None;
        for key in &self.drift_keys {
            let severity = match ctx.get(key).ok().flatten().as_deref() {
                Some("CRITICAL") => DriftSeverity::Critical,
                Some("SEVERE") => DriftSeverity::Severe,
                Some("MODERATE") => DriftSeverity::Moderate,
                Some("MINOR") => DriftSeverity::Minor,
                _ => DriftSeverity::None,
            };
            worst = worst.max(severity);
        }
        worst
    }

    fn train(&mut self, place: usize, reason: RetrainReason, ctx: &mut Context<'_>) {
        let Some(trainer) = ctx.service("trainer") else {
            return ctx.count("trainer_missing", 1);
        };
        let reason = match reason {
            RetrainReason::Age => "age",
            RetrainReason::Drift => "drift",
            RetrainReason::Performance => "performance",
        };
        let request = TrainRequest { model: self.known[place].model, reason: reason.into() };
        ctx.call(trainer, Body::message(Envelope::Flat, request), TIME_OUT);
        self.known[place].asked = Some(ctx.now());
        ctx.count("trainings_asked", 1);
    }

    fn replied(&mut self, reply: &Reply, ctx: &mut Context<'_>) {
        match reply.body.as_ref().map(Body::read::<TrainReply>) {
            Some(Ok(answer)) => ctx.count("trainings_refused", u64::from(!answer.accepted)),
            Some(Err(_)) | None => {
                // Nobody knows which: all may be asked for again at the next look.
                ctx.count("trainer_silent", 1);
                self.known.iter_mut().for_each(|known| known.asked = None);
            }
        }
    }

    /// A job has ended: criteria, and the candidate. A failed one leaves the old model.
    fn completed(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let stream = MODEL_TRAINING_COMPLETED.name;
        let Some(done) = ctx.read::<TrainingCompleted>(stream, delivery) else { return };
        let now = ctx.now();
        if let Some(known) = self.known.iter_mut().find(|known| known.model == done.model) {
            known.asked = None;
            known.trained = now;
            known.sharpe = done.sharpe.or(known.sharpe);
        }
        let facts = (done.sharpe, done.win_rate, done.profit_factor, done.max_drawdown);
        let (Some(sharpe), Some(win_rate), Some(profit_factor), Some(max_drawdown)) = facts else {
            return ctx.count("trainings_failed", 1);
        };
        let facts =
            ModelFacts { sharpe, win_rate, profit_factor, max_drawdown, trades: done.samples };
        let passed = promotable(&facts, &self.criteria());
        ctx.count(if passed { "candidates" } else { "candidates_rejected" }, 1);
        let candidate = ModelCandidate {
            job: done.job.clone(),
            model: done.model,
            state: if passed { CandidateState::Candidate } else { CandidateState::Rejected },
            score: done.score.unwrap_or(0.0),
            timestamp: EpochSeconds(now),
        };
        let key = keys::MODEL_CANDIDATE.of(done.model);
        if ctx.set_record(&key, &candidate, None).is_err() {
            ctx.count("candidate_not_saved", 1);
        }
        ctx.gauge("candidate_score", GaugeOf::Word(done.model.as_str()), candidate.score);
    }

    fn interval(&self, key: TimerKey) -> Nanos {
        Nanos::from_secs(match key {
            DRIFT => self.settings.drift_interval_s,
            RESULTS => self.settings.performance_interval_s,
            _ => self.settings.retrain_interval_s,
        })
    }
}

impl Configured for Clm {
    type Settings = ClmSettings;
    const COUNTERS: &'static [&'static str] = &[
        "candidate_not_saved",
        "candidates",
        "candidates_rejected",
        "registry_unreadable",
        "trainer_missing",
        "trainer_silent",
        "trainings_asked",
        "trainings_failed",
        "trainings_lost",
        "trainings_refused",
    ];
    const GAUGES: &'static [&'static str] = &["candidate_score"];

    fn configured(settings: &ClmSettings, setup: Setup<'_>) -> Result<Clm, String> {
        let symbols: &[Symbol] = setup.symbols;
        let known = |model: &ModelWord| Known {
            model: *model,
            trained: Nanos::ZERO,
            sharpe: None,
            asked: None,
        };
        Ok(Clm {
            settings: settings.clone(),
            drift_keys: keys::AI_DRIFT.of_each(symbols),
            known: ModelWord::ALL.iter().map(known).collect(),
            looks: match setup.pipeline.audited.has(Audited::RetrainsByClock) {
                true => vec![AGE],
                false => vec![AGE, DRIFT, RESULTS],
            },
        })
    }
}

impl Service for Clm {
    fn wiring(&self) -> Wiring {
        let name = MODEL_TRAINING_COMPLETED.name;
        Wiring {
            readers: vec![Reader::group(name, "clm", GroupStart::Beginning)],
            keys_read: keys::patterns(&[keys::MODEL_REGISTRY, keys::AI_DRIFT]),
            keys_written: keys::patterns(&[keys::MODEL_CANDIDATE]),
            calls: vec!["trainer"],
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.recover(ctx);
                for key in self.looks.clone() {
                    ctx.timer_after(self.interval(key), key);
                }
            }
            Input::Timer(key) => {
                self.look(key, ctx);
                ctx.timer_after(self.interval(key), key);
            }
            Input::Delivery(delivery) => self.completed(delivery, ctx),
            Input::Reply(reply) => self.replied(reply, ctx),
            _ => {}
        }
    }
}
