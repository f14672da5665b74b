//! Who trades in a run: the pipeline, or one simple strategy in its place, for questions that do not need sixty services.

mod ema_cross;

use std::sync::Arc;

use engine::{Instrument, Member};
use pipeline::PipelineSettings;
use serde::{Deserialize, Serialize};
use strategies::Predictor;

use crate::Scenario;
pub use ema_cross::EmaCross;

/// A strategy that trades in place of the pipeline, as the service `strategy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategy {
    /// Follows the crossings of two exponential moving averages of one symbol's closes.
    EmaCross(EmaCross),
}

impl Strategy {
    /// What makes no sense in it, with the remedy.
    fn problem(&self) -> Option<String> {
        match self {
            Strategy::EmaCross(settings) => settings.problem(),
        }
    }

    fn member(&self, instruments: &[Instrument]) -> Result<Member, String> {
        match self {
            Strategy::EmaCross(settings) => {
                Ok(Member::new("strategy", Box::new(settings.service(instruments)?)))
            }
        }
    }
}

impl Scenario {
    /// What is wrong with who trades.
    pub(crate) fn strategy_problem(&self) -> Option<String> {
        let strategy = self.strategy.as_ref()?;
        if self.pipeline != PipelineSettings::default() {
            return Some(
                "[strategy] trades in place of the pipeline, and [pipeline] is set: remove one of them"
                    .to_owned(),
            );
        }
        strategy.problem()
    }

    /// Who trades, in the order of their turns.
    ///
    /// # Errors
    /// A setting that makes no sense, with the remedy.
    pub(crate) fn members(&self, instruments: &[Instrument]) -> Result<Vec<Member>, String> {
        self.members_with(instruments, &[])
    }

    /// The same with models that no file names.
    pub(crate) fn members_with(
        &self,
        instruments: &[Instrument],
        predictors: &[Arc<dyn Predictor>],
    ) -> Result<Vec<Member>, String> {
        match &self.strategy {
            Some(_) if !predictors.is_empty() => Err(
                "[strategy] trades in place of the pipeline, in which the given predictors would vote: remove one of them"
                    .to_owned(),
            ),
            Some(strategy) => Ok(vec![strategy.member(instruments)?]),
            None => pipeline::chain_with(&self.pipeline, instruments, predictors)
                .map_err(|error| error.to_string()),
        }
    }
}
