//! Portfolio gate P2.6 (EHR 3.6 to 3.8; settled, "Heat"): one component that reads plans, looks at the book once, and
//! says what its heat makes of a harvest close, why, and how much of it is permitted.
//!
//! Invariants: by default a close only ever becomes smaller here; nothing but a close is permitted; the one writer of
//! `quantum:permit:p26:{plan_id}`. Heat that nobody can compute counts as cold, so that a full close is reduced.
//!
//! Words that are no closes, and closes of others than harvest and harvest brain need no permit of P2.6 and are left
//! alone: a rotation that became a quarter would never be over.

mod book;
mod old;
mod waiting;

use std::borrow::Cow;

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input, Reader, Service,
    SetOptions, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::apply::PlanClass as Needs;
use strategies::close_action::CloseAction;
use strategies::heat::{
    CalibrationMatrix, FailMode, HeatBucket, HeatBuckets, HeatSigma, InputFault, ModeratorRules,
    ModeratorSettings, calibrate, failed, heat_score, moderate,
};
use strategies::portfolio::{GateInput, GatePermit, GateRules, GateSigma, GateVerdict, gate};

use self::book::Book;
use self::old::Old;
use super::permits::needs;
use super::renewals::Renewals;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, HarvestCalibrated, HeatDecision, P26Permit, PlanAction, PortfolioGateEntry,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{
    APPLY_PLAN, APPLY_RESULT, HARVEST_CALIBRATED, HARVEST_HEAT_DECISION, PORTFOLIO_GATE,
};

settings! {
    /// Portfolio gate, P2.6.
    pub struct PortfolioGateSettings {
        /// Whether what was decided counts, or is only told.
        pub mode: GateMode = GateMode::Enforce,
        /// The shipped table of calibration, `calm-first` or `hot-hold`; `none` calibrates nothing.
        pub matrix: String = "calm-first".to_owned(),
        /// A table of one's own, in place of a shipped one.
        pub custom_matrix: Option<CalibrationMatrix> = None,
        /// The book is warm from this heat on.
        pub warm_from: f64 = 0.25 => 0.0..=100.0,
        /// And hot from this one on.
        pub hot_from: f64 = 0.65 => 0.0..=100.0,
        /// How far beyond a border the heat has to be before the bucket changes.
        pub hysteresis: f64 = 0.0 => SHARE,
        /// No full close while the stress of the book is low.
        pub stress_rule: bool = false,
        /// Larger partial closes while it is high: the one rule that closes more.
        pub promotion: bool = false,
        /// Heat decisions by the moderator's score instead of the heat.
        pub moderator: Moderator = Moderator::Off,
        /// What heat decisions say when the moderator's inputs are missing.
        pub moderator_fails: FailMode = FailMode::Closed,
    }
}

/// What a decision of the gate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateMode {
    /// It is told; the permit allows what the plan asks for.
    Shadow,
    /// It counts.
    Enforce,
}

/// Where heat decisions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moderator {
    /// From the heat, as the calibration does.
    Off,
    /// From the score of EHR 3.7, by the same table.
    Matrix,
}

impl GateMode {
    const fn as_str(self) -> &'static str {
        match self {
            GateMode::Shadow => "shadow",
            GateMode::Enforce => "enforce",
        }
    }
}

/// The service. Which bucket the book was in is memory only: without it there is no band.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortfolioGate {
    settings: PortfolioGateSettings,
    matrix: CalibrationMatrix,
    rules: GateRules,
    sigma: HeatSigma,
    gate_sigma: GateSigma,
    symbols: Vec<Symbol>,
    books: Vec<book::Keys>,
    cooldowns: Vec<String>,
    bucket: Option<HeatBucket>,
    closes: Renewals,
    /// The timer of the next look at what waits is set.
    looking: bool,
    old: Old,
}

impl PortfolioGate {
    fn plan(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        if self.old.reads_proposals {
            // They name no plan: acknowledged, skipped, and nobody counts it.
            return;
        }
        let Some(plan) = ctx.read::<ApplyPlan>(APPLY_PLAN.name, delivery) else { return };
        let known = plan.action.close().is_some() || self.rules.audited_permit_any_word;
        let judged = needs(&plan) == Needs::HarvestClose && known;
        if !judged || plan.decision != Decision::Execute {
            return;
        }
        ctx.count("p26_plans_seen_total", 1);
        self.judge(&plan, ctx);
        ctx.count("p26_proposals_processed_total", 1);
        let lag = ctx.now() - plan.timestamp.0;
        ctx.gauge("p26_stream_lag_ms", GaugeOf::All, lag.as_secs_f64() * 1e3);
    }

    /// What the book makes of the plan, now.
    fn judge(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        let by_stress = self.settings.by_stress();
        let book = book::look(&self.books, self.sigma, self.gate_sigma, by_stress, ctx);
        let heat = book.heat.unwrap_or_else(|| {
            ctx.count("heat_missing", 1);
            0.0
        });
        let buckets = HeatBuckets {
            warm_from: self.settings.warm_from,
            hot_from: self.settings.hot_from,
            hysteresis: self.settings.hysteresis,
        };
        let bucket = match book.heat {
            Some(heat) => buckets.of(heat, self.bucket),
            None => HeatBucket::Cold,
        };
        self.bucket = Some(bucket);
        self.show(&book, heat, bucket, ctx);
        if let Some(made) = self.calibrated(plan, &book, bucket, ctx) {
            self.old.keep(plan.symbol, made);
        }
        self.heat_decision(plan, &book, heat, bucket, ctx);
        self.decide(plan, &book, bucket, ctx);
        self.permitted(plan, ctx);
    }

    fn show(&self, book: &Book, heat: f64, bucket: HeatBucket, ctx: &mut Context<'_>) {
        ctx.gauge("p26_heat_value", GaugeOf::All, heat);
        for of in HeatBucket::ALL {
            let here = if of == bucket { 1.0 } else { 0.0 };
            ctx.gauge("p26_bucket", GaugeOf::Word(of.as_str()), here);
        }
        let metrics = &book.metrics;
        ctx.gauge("p26_stress", GaugeOf::All, metrics.stress);
        ctx.gauge("p26_heat", GaugeOf::All, metrics.heat);
        ctx.gauge("p26_concentration", GaugeOf::All, metrics.concentration);
        ctx.gauge("p26_corr_proxy", GaugeOf::All, metrics.corr_proxy);
        ctx.gauge("p26_total_abs_notional", GaugeOf::All, metrics.total_notional_usd);
        let enforce = if self.settings.mode == GateMode::Enforce { 1.0 } else { 0.0 };
        ctx.gauge("p26_enforce_mode", GaugeOf::All, enforce);
    }

    fn rules(&self, book: &Book) -> &GateRules {
        self.old.without_heat.as_ref().filter(|_| book.heat.is_none()).unwrap_or(&self.rules)
    }

    /// Tells what calibration makes of the plan, where it makes something of it.
    fn calibrated(
        &self,
        plan: &ApplyPlan,
        book: &Book,
        bucket: HeatBucket,
        ctx: &mut Context<'_>,
    ) -> Option<PlanAction> {
        let rules = self.rules(book);
        let matrix = rules.calibration.as_ref().filter(|_| self.old.kept(plan.symbol).is_none())?;
        let out = calibrate(plan.action.as_str(), bucket, matrix, rules.audited_full_close_word);
        let action = action_of(&out.action, plan.action);
        if action != plan.action {
            ctx.count("p26_actions_downgraded_total", 1);
        }
        let entry = HarvestCalibrated {
            trace_id: plan.correlation_id,
            plan_id: plan.plan_id.clone(),
            symbol: plan.symbol,
            original_action: plan.action,
            calibrated_action: action,
            heat_value: book.heat.unwrap_or_default(),
            heat_bucket: bucket.as_str().into(),
            mode: self.settings.mode.as_str().into(),
            calibrated: true,
            reason: out.reason.into_owned().into(),
            kill_score: plan.kill_score,
            r_net: plan.r_net,
            timestamp: plan.timestamp,
            calibrated_at_epoch: EpochSeconds(ctx.now()),
        };
        crate::publish(ctx, HARVEST_CALIBRATED, Envelope::Flat, entry);
        Some(action)
    }

    fn heat_decision(
        &self,
        plan: &ApplyPlan,
        book: &Book,
        heat: f64,
        bucket: HeatBucket,
        ctx: &mut Context<'_>,
    ) {
        let action = plan.action.as_str();
        let of = |level, rules| moderate(action, level, plan.kill_score, rules, &self.matrix);
        let told = |level: HeatBucket, score| (level.level(), score);
        let ((level, score), decided) = match self.old.by_score(self.settings.moderator) {
            None if book.heat.is_none() && self.old.without_heat.is_some() => {
                ctx.count("p26_failopen_total", 1);
                (("unknown", 0.0), failed(action, &InputFault::MissingInputs, FailMode::Open))
            }
            None => {
                let mut decided = of(bucket, ModeratorRules::Matrix);
                if book.heat.is_none() {
                    decided.reason = "missing_inputs".into();
                }
                (told(bucket, heat), decided)
            }
            Some(rules) => {
                let state = self.old.state(book);
                match heat_score(&state, book.state_age_sec, &ModeratorSettings::default()) {
                    Ok(score) => (told(score.level, score.score), of(score.level, rules)),
                    Err(fault) => {
                        ctx.count("p26_failopen_total", 1);
                        let decided = failed(action, &fault, self.settings.moderator_fails);
                        (("unknown", 0.0), decided)
                    }
                }
            }
        };
        ctx.count("p26_out_messages_total", 1);
        ctx.gauge("p26_heat_score", GaugeOf::Symbol(plan.symbol), score);
        let debug = format!(
            "{{\"heat\":{heat},\"warm_from\":{},\"hot_from\":{},\"stress\":{}}}",
            self.settings.warm_from, self.settings.hot_from, book.metrics.stress
        );
        let entry = HeatDecision {
            ts_epoch: EpochSeconds(ctx.now()),
            symbol: plan.symbol,
            plan_id: plan.plan_id.clone(),
            in_action: action.into(),
            out_action: decided.out_action.clone().into(),
            action: decided.out_action.into(),
            heat_level: level.into(),
            heat_score: libm::rint(score * 1e4) / 1e4,
            heat_action: decided.heat_action.as_str().into(),
            recommended_partial: decided.recommended_partial,
            reason: decided.reason.into(),
            inputs_age_sec: book.state_age_sec,
            mode: self.settings.mode.as_str().into(),
            debug_json: debug.into(),
        };
        crate::publish(ctx, HARVEST_HEAT_DECISION, Envelope::Flat, entry);
    }

    fn decide(&self, plan: &ApplyPlan, book: &Book, bucket: HeatBucket, ctx: &mut Context<'_>) {
        let place = self.symbols.iter().position(|symbol| *symbol == plan.symbol);
        let input = GateInput {
            action: plan.action.as_str(),
            kill_score: plan.kill_score.unwrap_or(0.0),
            allowed: place.is_some(),
            snapshots_fresh: book.snapshots_fresh,
            cooldown_active: place.is_some_and(|place| ctx.exists(&self.cooldowns[place])),
            stress: book.metrics.stress,
            heat: bucket,
        };
        let verdict = match gate(&input, self.rules(book)) {
            Ok(verdict) => verdict,
            Err(_) => return ctx.count("evaluation_error", 1),
        };
        let counted = match &*verdict.gate_reason {
            "not_allowed" => Some("not_allowed"),
            "fail_closed_portfolio_state" => Some("fail_closed_portfolio_state"),
            _ => None,
        };
        if let Some(reason) = counted {
            ctx.count("p26_fail_closed_total", 1);
            ctx.count(reason, 1);
        }
        let final_action = action_of(&verdict.final_action, plan.action);
        let kept = self.old.kept(plan.symbol).filter(|_| final_action.close().is_some());
        let final_action = kept.unwrap_or(final_action);
        let entry = PortfolioGateEntry {
            plan_id: plan.plan_id.clone(),
            symbol: plan.symbol,
            action_proposed: plan.action,
            final_action,
            gate_reason: verdict.gate_reason.clone().into_owned().into(),
            stress: book.metrics.stress,
            heat: book.metrics.heat,
            concentration: book.metrics.concentration,
            corr_proxy: book.metrics.corr_proxy,
            kill_score: input.kill_score,
            ts_epoch: EpochSeconds(ctx.now()),
        };
        crate::publish(ctx, PORTFOLIO_GATE, Envelope::Flat, entry);
        ctx.count("p26_gate_writes_total", 1);
        // A shadow's word on heat and stress is only told; without a book it permits nothing either.
        let shadow = self.settings.mode == GateMode::Shadow && counted.is_none();
        let unnamed = self.old.permit_names_no_action && verdict.permit != GatePermit::None;
        let permitted = if shadow || unnamed { plan.action } else { final_action };
        self.permit(plan, permitted, &verdict, book, ctx);
    }

    fn permit(
        &self,
        plan: &ApplyPlan,
        action: PlanAction,
        verdict: &GateVerdict<'_>,
        book: &Book,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let close = action.close();
        let percent = close.map_or(0, CloseAction::percent);
        let permit = P26Permit {
            allow: close.is_some() || verdict.permit == GatePermit::AuditedAnyWord,
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            action: plan.action,
            final_action: action,
            max_fraction: Decimal::new(i64::from(percent), 2),
            reason: Cow::Owned(verdict.gate_reason.clone().into_owned()),
            stress: Some(book.metrics.stress),
            heat: book.heat,
            created_at: EpochSeconds(now),
        };
        let options = SetOptions { expire: keys::PERMIT_P26.life, ..SetOptions::default() };
        if ctx.set_json(&keys::PERMIT_P26.of(&plan.plan_id), &permit, options).is_err() {
            return ctx.count("permit_not_written", 1);
        }
        if permit.allow {
            ctx.count("p26_permit_issued_total", 1);
            let took = (now - plan.timestamp.0).as_secs_f64();
            ctx.gauge("p26_time_to_permit_seconds", GaugeOf::All, took);
            if self.old.permits_cool {
                self.cool(plan.symbol, now, ctx);
            }
        } else {
            ctx.count("p26_permit_denied_total", 1);
        }
    }
}

/// The action of a word that calibration or gate gave; `HOLD` for none.
fn action_of(word: &str, proposed: PlanAction) -> PlanAction {
    if word == proposed.as_str() {
        return proposed;
    }
    CloseAction::parse(word).map_or(PlanAction::Hold, PlanAction::from)
}

impl Configured for PortfolioGate {
    type Settings = PortfolioGateSettings;
    const COUNTERS: &'static [&'static str] = &[
        "clusters_unreadable",
        "cooldown_not_saved",
        "evaluation_error",
        "fail_closed_portfolio_state",
        "heat_missing",
        "metrics_refused",
        "not_allowed",
        "p26_actions_downgraded_total",
        "p26_cluster_fallback_total",
        "p26_fail_closed_total",
        "p26_failopen_total",
        "p26_gate_writes_total",
        "p26_out_messages_total",
        "p26_permit_denied_total",
        "p26_permit_issued_total",
        "p26_plans_seen_total",
        "p26_proposals_processed_total",
        "permit_not_written",
        "permits_renewed",
        "plans_unreadable",
        "portfolio_unreadable",
        "sigma_missing",
        "snapshot_stale",
        "snapshot_unreadable",
        "results_of_unknown_symbols",
    ];
    const GAUGES: &'static [&'static str] = &[
        "p26_bucket",
        "p26_cluster_stress_used",
        "p26_concentration",
        "p26_corr_proxy",
        "p26_enforce_mode",
        "p26_heat",
        "p26_heat_score",
        "p26_heat_value",
        "p26_snapshot_age_seconds",
        "p26_stream_lag_ms",
        "p26_stress",
        "p26_symbols_with_snapshot",
        "p26_time_to_permit_seconds",
        "p26_total_abs_notional",
    ];

    fn configured(
        settings: &PortfolioGateSettings,
        setup: Setup<'_>,
    ) -> Result<PortfolioGate, String> {
        if settings.warm_from > settings.hot_from {
            return Err(format!(
                "warm_from is {} and hot_from is {}: what is hot is warm first",
                settings.warm_from, settings.hot_from
            ));
        }
        let calibration = match &settings.custom_matrix {
            Some(matrix) => Some(matrix.clone()),
            None if settings.matrix == "none" => None,
            None => Some(CalibrationMatrix::named(&settings.matrix).ok_or_else(|| {
                format!(
                    "matrix is {:?}: give calm-first, hot-hold or none, or a custom_matrix",
                    settings.matrix
                )
            })?),
        };
        if let Some(matrix) = &calibration {
            matrix.checked().map_err(|problem| problem.to_string())?;
        }
        let audited = &setup.pipeline.audited;
        let rules = old::rules(calibration, settings, audited);
        let (sigma, gate_sigma) = old::sigmas(audited);
        Ok(PortfolioGate {
            matrix: rules.calibration.clone().unwrap_or_default(),
            old: Old::of(audited, &rules),
            rules,
            sigma,
            gate_sigma,
            symbols: setup.symbols.to_vec(),
            books: setup.symbols.iter().map(|symbol| book::Keys::of(*symbol)).collect(),
            cooldowns: keys::P26_COOLDOWN.of_each(setup.symbols),
            bucket: None,
            closes: Renewals::default(),
            looking: false,
            settings: settings.clone(),
        })
    }
}

impl Service for PortfolioGate {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![
                Reader::group(self.old.plans(), "p26_portfolio_gate", GroupStart::Beginning),
                Reader::group(APPLY_RESULT.name, "p26_portfolio_gate", GroupStart::End),
            ],
            writes: vec![HARVEST_CALIBRATED.name, HARVEST_HEAT_DECISION.name, PORTFOLIO_GATE.name],
            keys_read: book::keys_read(self.settings.by_stress()),
            keys_written: keys::patterns(&[keys::PERMIT_P26, keys::P26_COOLDOWN]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) if delivery.reader == 0 => self.plan(delivery, ctx),
            Input::Delivery(delivery) => self.result(delivery, ctx),
            Input::Start => self.recover(ctx),
            Input::Timer(_) => self.renew(ctx),
            _ => {}
        }
    }
}
