//! The vote and the layers above it (MSE 4.3, 4.4).

use engine::{Context, Nanos};
#[cfg(feature = "models")]
use strategies::signal::meta_inputs;
use strategies::signal::{
    GovernerAccount, GovernerRejection, MetaOutcome, effective_weights, meta_decision,
};
use strategies::{Action, PREDICTORS, Prediction, PredictorFault, Vote, Voting, vote};

use super::AiEngine;
use super::seats::SEATS_MAX;
use crate::records::{Equity, PortfolioState, SupervisorWeights};
use crate::{grid, keys};

/// A supervisor's weights are read again after so long.
const WEIGHTS_LIFE: Nanos = Nanos::from_secs(300);

const SILENT: Prediction =
    Prediction { action: Action::Hold, confidence: 0.0, voting: Voting::ShadowMode };

/// What the ensemble says before the layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ballot {
    pub(super) vote: Vote,
    /// Of the four built-in models, for the meta agent.
    pub(super) base: [Option<Prediction>; 4],
}

impl AiEngine {
    /// Counts the votes. A model that fails is left out.
    pub(super) fn ballot(&mut self, place: usize, ctx: &mut Context<'_>) -> Ballot {
        self.renew_weights(ctx);
        let market = &self.state.markets[place];
        let (features, prices) = (&market.features, market.history.len());
        let mut opinions = [(0.0, SILENT); SEATS_MAX];
        let mut base = [None; 4];
        let mut count = 0;
        for (seat, weight) in self.seats.iter().zip(&self.state.seat_weights) {
            match seat.predict(features, prices, ctx) {
                Ok(prediction) => {
                    opinions[count] = (*weight, prediction);
                    count += 1;
                    let name = seat.model().name();
                    if let Some(at) = PREDICTORS.iter().position(|built_in| *built_in == name) {
                        base[at] = Some(prediction);
                    }
                }
                Err(PredictorFault::NoProbability) => ctx.count("models_without_a_probability", 1),
                Err(PredictorFault::WrongShape) => ctx.count("models_of_wrong_shape", 1),
            }
        }
        Ballot { vote: vote(&opinions[..count], &self.state.weights), base }
    }

    fn renew_weights(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        if self.state.weights_read.is_some_and(|read| now - read < WEIGHTS_LIFE) {
            return;
        }
        self.state.weights_read = Some(now);
        let supervisor = match ctx.record::<SupervisorWeights>(keys::SUPERVISOR_WEIGHTS.name) {
            Ok(weights) => weights.map(|w| [w.xgb, w.lgbm, w.nhits, w.patchtst]),
            Err(_) => {
                ctx.count("supervisor_weights_unreadable", 1);
                None
            }
        };
        let configured =
            PREDICTORS.map(|name| strategies::predictor(name).map_or(0.0, |p| p.weight()));
        let four = effective_weights(configured, supervisor);
        for (seat, weight) in self.seats.iter().zip(&mut self.state.seat_weights) {
            let model = seat.model();
            let built_in = PREDICTORS.iter().position(|name| *name == model.name());
            *weight = built_in.map_or(model.weight(), |at| four[at]);
        }
    }

    /// What the layers make of the vote: its action and confidence, or those of the meta agent; HOLD where
    /// the governer agent rejects.
    pub(super) fn layers(
        &mut self,
        place: usize,
        ballot: &Ballot,
        ctx: &mut Context<'_>,
    ) -> (Action, f64) {
        let (mut action, mut confidence) = (ballot.vote.action, ballot.vote.confidence);
        if self.settings.meta_agent_enabled {
            let settings = self.settings.meta();
            let output = self.meta_output(&ballot.base, ctx);
            match meta_decision(&ballot.base, output, &settings) {
                MetaOutcome::VoteKept => {}
                MetaOutcome::Overridden { action: own, confidence: sure } => {
                    (action, confidence) = (own, sure);
                    ctx.count("meta_overrides", 1);
                }
                MetaOutcome::FailedClosed => {
                    self.state.markets[place].decision = None;
                    (action, confidence) = (Action::Hold, 0.0);
                    ctx.count("meta_failed_closed", 1);
                }
            }
        }
        if action == Action::Hold || !self.settings.governer_enabled {
            return (action, confidence);
        }
        let Some(account) = self.imagined_account().or_else(|| account(ctx)) else {
            ctx.count("governer_rejected_error", 1);
            self.state.markets[place].decision = None;
            return (Action::Hold, 0.0);
        };
        let symbol = self.state.markets[place].symbol;
        let limits = self.settings.governer_limits();
        match self.state.governer.judge(symbol, confidence, &account, &limits, ctx.now()) {
            Ok(_) => (action, confidence),
            Err(reason) => {
                ctx.count(rejection(reason), 1);
                // A vote that is less sure for a second takes no decision back; a refusal does.
                if reason != GovernerRejection::LowConfidence {
                    self.state.markets[place].decision = None;
                }
                (Action::Hold, 0.0)
            }
        }
    }

    #[cfg(feature = "models")]
    fn meta_output(
        &self,
        base: &[Option<Prediction>; 4],
        ctx: &mut Context<'_>,
    ) -> Option<(Action, f64)> {
        let outputs =
            self.meta.as_ref()?.run(&meta_inputs(*base), &mut super::seats::Recorder(ctx));
        let opinion = strategies::opinion_of(outputs.as_slice(), usize::MAX).ok()?;
        Some((opinion.action, opinion.confidence))
    }

    #[cfg(not(feature = "models"))]
    fn meta_output(&self, _: &[Option<Prediction>; 4], _: &Context<'_>) -> Option<(Action, f64)> {
        None
    }
}

/// The account as the governer agent sees it; without it every trade is rejected.
fn account(ctx: &mut Context<'_>) -> Option<GovernerAccount> {
    let equity = ctx.record::<Equity>(keys::EQUITY_CURRENT.name).ok()??;
    let (balance_usd, peak_usd) = (grid::float(equity.equity), grid::float(equity.peak));
    // Nothing is known of positions before the first state: there are none that the pipeline opened.
    let exposure_usd = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
        Ok(state) => state.map_or(0.0, |state| grid::float(state.gross_exposure_usd)),
        Err(_) => return None,
    };
    // The emergency stop has its own step, before the ensemble.
    Some(GovernerAccount { balance_usd, peak_usd, exposure_usd, emergency: false })
}

fn rejection(reason: GovernerRejection) -> &'static str {
    match reason {
        GovernerRejection::LowConfidence => "governer_rejected_low_confidence",
        GovernerRejection::EmergencyStop => "governer_rejected_emergency_stop",
        GovernerRejection::MaxDrawdown => "governer_rejected_max_drawdown",
        GovernerRejection::DailyLimit => "governer_rejected_daily_limit",
        GovernerRejection::MaxExposure => "governer_rejected_max_exposure",
        GovernerRejection::LossCooldown => "governer_rejected_loss_cooldown",
        GovernerRejection::Error => "governer_rejected_error",
    }
}
